from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from kube.client import Api
from kube.credentials import Credentials, from_kubeconfig, from_service_account
from kube.errors import ConfigurationError, Unauthorized
from kube.kinds import CONFIG_MAP
from tests.support.pki import Authority
from tests.support.stub_server import StubServer, fails, obj, sends, serving

SERVER = "https://127.0.0.1:6443/"


def kubeconfig(server: str = SERVER, cluster: dict[str, Any] | None = None, **user: Any) -> dict[str, Any]:
    return {
        "current-context": "one",
        "contexts": [
            {"name": "one", "context": {"cluster": "c", "user": "u"}},
            {"name": "anonymous", "context": {"cluster": "c"}},
            {"name": "broken", "context": {"cluster": "absent"}},
        ],
        "clusters": [{"name": "c", "cluster": {"server": server, **(cluster or {})}}],
        "users": [{"name": "u", "user": user}],
    }


def written(directory: Path, config: dict[str, Any]) -> Path:
    path = directory / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return path


def plugin(**status: Any) -> dict[str, Any]:
    """A credential plugin that prints this status and counts its calls."""
    answer = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
    code = f"print({json.dumps(json.dumps(answer))})"
    return {"apiVersion": answer["apiVersion"], "command": sys.executable, "args": ["-c", code]}


async def test_a_token_is_sent_as_bearer() -> None:
    access = await from_kubeconfig(kubeconfig(token="t")).current()
    assert (access.server, access.authorization) == ("https://127.0.0.1:6443", "Bearer t")


async def test_a_user_without_credentials_is_anonymous() -> None:
    assert (await from_kubeconfig(kubeconfig(token="t"), "anonymous").current()).authorization is None


async def test_name_and_password_are_sent_as_basic() -> None:
    access = await from_kubeconfig(kubeconfig(username="u", password="p")).current()
    assert access.authorization == "Basic dTpw"


async def test_files_are_found_relative_to_the_kubeconfig_and_read_again_when_they_change(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("first\n")
    credentials = from_kubeconfig(written(tmp_path, kubeconfig(tokenFile="token")))
    assert (await credentials.current()).authorization == "Bearer first"
    assert await credentials.current() is await credentials.current()
    (tmp_path / "token.new").write_text("second\n")
    (tmp_path / "token.new").rename(tmp_path / "token")
    assert (await credentials.current()).authorization == "Bearer second"


async def test_a_changed_kubeconfig_is_read_again(tmp_path: Path) -> None:
    credentials = from_kubeconfig(written(tmp_path, kubeconfig(token="first")))
    assert (await credentials.current()).authorization == "Bearer first"
    written(tmp_path, kubeconfig(token="second, longer"))
    assert (await credentials.current()).authorization == "Bearer second, longer"


async def test_while_files_are_unreadable_the_earlier_credentials_stay_in_use(tmp_path: Path) -> None:
    path = written(tmp_path, kubeconfig(token="first"))
    credentials = from_kubeconfig(path)
    await credentials.current()
    path.unlink()
    assert (await credentials.current()).authorization == "Bearer first"


async def test_a_client_certificate_leaves_no_key_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    authority = Authority()
    pair = authority.issue("someone")
    (tmp_path / "client.crt").write_bytes(pair.certificate)
    (tmp_path / "client.key").write_bytes(pair.key)
    (tmp_path / "ca.crt").write_bytes(authority.certificate)
    user = {"client-certificate": "client.crt", "client-key": "client.key"}
    config = kubeconfig(cluster={"certificate-authority": "ca.crt"}, **user)
    await from_kubeconfig(written(tmp_path, config)).current()
    temporary.rmdir()  # Fails unless empty.


async def test_a_plugin_gives_a_token() -> None:
    access = await from_kubeconfig(kubeconfig(exec=plugin(token="from-plugin"))).current()
    assert access.authorization == "Bearer from-plugin"


async def test_an_expired_token_is_asked_for_again() -> None:
    issued = plugin(token="t", expirationTimestamp="2020-01-01T00:00:00Z")
    credentials = from_kubeconfig(kubeconfig(exec=issued))
    assert await credentials.current() is not await credentials.current()


async def test_a_plugin_that_fails_is_reported() -> None:
    failing = {"apiVersion": "client.authentication.k8s.io/v1", "command": sys.executable, "args": ["-c", "exit(3)"]}
    with pytest.raises(ConfigurationError, match="credential plugin: exec: process returned 3"):
        await from_kubeconfig(kubeconfig(exec=failing)).current()


@pytest.mark.parametrize(
    ("config", "context", "problem"),
    [
        (kubeconfig(), "absent", "no context 'absent'; it has: one, anonymous, broken"),
        (kubeconfig(), "broken", "no cluster 'absent'; it has: c"),
        (kubeconfig(server=""), None, "the cluster has no server"),
        (kubeconfig(cluster={"certificate-authority-data": "%%%"}), None, "certificate-authority-data is not base64"),
        (kubeconfig(cluster={"certificate-authority-data": "aGVsbG8="}), None, "cannot be read as PEM"),
        (kubeconfig(tokenFile="/absent/token"), None, "/absent/token: No such file"),
    ],
)
async def test_what_is_wrong_with_a_kubeconfig_is_reported(
    config: dict[str, Any], context: str | None, problem: str
) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        await from_kubeconfig(config, context).current()


async def test_a_missing_or_malformed_file_is_named_and_not_quoted(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=f"{tmp_path / 'absent'}: No such file"):
        await Api.from_kubeconfig(tmp_path / "absent")
    path = tmp_path / "kubeconfig"
    path.write_text("token: {a secret")
    with pytest.raises(ConfigurationError, match=f"kubeconfig {path}: not valid YAML$"):
        await Api.from_kubeconfig(path)
    path.write_text("just text")
    with pytest.raises(ConfigurationError, match="not a kubeconfig"):
        await Api.from_kubeconfig(path)


async def test_a_pod_uses_its_service_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    (tmp_path / "token").write_text("t")
    (tmp_path / "ca.crt").write_bytes(Authority().certificate)
    access = await from_service_account(tmp_path).current()
    assert (access.server, access.authorization) == ("https://[::1]:443", "Bearer t")


def test_outside_a_pod_the_error_names_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(ConfigurationError, match=r"not in a cluster: .* give a kubeconfig"):
        Api.in_cluster()


async def test_a_token_that_the_server_refuses_is_read_again_and_the_request_repeated_once(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("old")

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.headers["Authorization"] == "Bearer new":
            return await sends(obj("a", 3))(request)
        # Rotated in place, between our look at the file and the server's answer, with nothing that shows it.
        before = token.stat()
        token.write_text("new")
        os.utime(token, ns=(before.st_atime_ns, before.st_mtime_ns))
        return await fails(401, "Unauthorized")(request)

    async with (
        serving(StubServer(answer)) as stub,
        await Api.from_kubeconfig(written(tmp_path, kubeconfig(stub.url, tokenFile="token"))) as api,
    ):
        assert await api.get(CONFIG_MAP, "n", "a") == obj("a", 3)
        assert len(stub.requests) == 2


async def test_credentials_that_stay_refused_are_an_error_after_one_repetition() -> None:
    async with (
        serving(StubServer(fails(401, "Unauthorized"))) as stub,
        await Api.from_kubeconfig(kubeconfig(stub.url, token="t")) as api,
    ):
        with pytest.raises(Unauthorized):
            await api.get(CONFIG_MAP, "n", "a")
        assert len(stub.requests) == 2


async def test_requests_that_are_refused_at_once_load_new_credentials_once() -> None:
    loads: list[object] = []
    inner = from_kubeconfig(kubeconfig(token="t"))

    async def load() -> Any:
        loads.append(None)
        return await inner.renew(None if len(loads) == 1 else first)

    credentials = Credentials(load)
    first = await credentials.current()
    assert await credentials.renew(first) is await credentials.renew(first)
    assert len(loads) == 2
