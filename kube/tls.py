"""TLS of a client, from PEM in memory."""

from __future__ import annotations

import ssl
import tempfile
from pathlib import Path

from kube.errors import ConfigurationError


def client_context(
    authority: bytes | None, certificate: bytes | None, key: bytes | None, verify: bool
) -> ssl.SSLContext:
    """How a client checks an API server and shows who it is.

    Args:
        authority: PEM of the certificates that sign the server's; None means those that the machine trusts.
        certificate: the client's, PEM, with its `key`; None if it has none.
        key: PEM.
        verify: whether the server's certificate is checked at all.

    Raises:
        ConfigurationError: not PEM, or the key does not fit.
    """
    try:
        context = ssl.create_default_context(cadata=authority.decode() if authority else None)
        # As every Kubernetes client does: authorities made by common tools lack what RFC 5280 asks for.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if not verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if certificate and key:
            # The ssl module takes a client's key only from a file: it exists, private, for this moment.
            with tempfile.TemporaryDirectory() as directory:
                chain = Path(directory, "client.pem")
                chain.write_bytes(certificate + b"\n" + key)
                context.load_cert_chain(chain)
    except (ssl.SSLError, ValueError) as error:
        raise ConfigurationError(f"a certificate or key cannot be read as PEM: {error}") from error
    return context
