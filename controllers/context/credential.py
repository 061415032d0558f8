"""The credential for the control plane, as it is delivered to a member: in a Secret, renewed every now and then."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from kube.errors import ConfigurationError
from kube.kinds import Object, ObjectKey
from kube.kubeconfig import compose


@dataclass(frozen=True)
class DeliveredCredential:
    """Where the control plane is, and the token with which this member authenticates."""

    server: str
    """URL."""
    authority: str
    """PEM, as base64."""
    token: str

    @classmethod
    def of(cls, secret: Object) -> Self:
        """The credential in a Secret.

        Raises:
            ConfigurationError: the Secret lacks a key; the message names it.
        """
        data: Mapping[str, str] = secret.get("data") or {}
        missing = [key for key in ("server", "ca.crt", "token") if not data.get(key)]
        if missing:
            raise ConfigurationError(f"Secret {ObjectKey.of(secret)} lacks {', '.join(missing)}")
        try:
            return cls(_text(data["server"]), data["ca.crt"], _text(data["token"]))
        except ValueError as error:
            raise ConfigurationError(f"Secret {ObjectKey.of(secret)}: not base64 of UTF-8 text") from error

    def kubeconfig(self) -> dict[str, Any]:
        """As contents of a kubeconfig."""
        cluster = {"server": self.server, "certificate-authority-data": self.authority}
        return compose("control-plane", cluster, "member", {"token": self.token})


def _text(encoded: str) -> str:
    return base64.b64decode(encoded, validate=True).decode().strip()
