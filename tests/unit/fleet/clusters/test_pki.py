import base64
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from fleet.clusters import pki
from fleet.clusters.kubeconfig import write_kubeconfig
from fleet.clusters.pki import Identity, KeyPair, ensure_authority, ensure_certificate, ensure_signing_key

SERVER = Identity("kube-apiserver", hosts=("localhost", "127.0.0.1", "10.96.0.1"))
ADMIN = Identity("admin", ("system:masters",))


def certificate(pair: KeyPair) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pair.certificate.read_bytes())


def handshake(server: KeyPair, client: KeyPair, authority: KeyPair, host: str) -> None:
    """A mutual TLS handshake in memory; raises if either side refuses the other."""
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority.certificate)
    serving.load_cert_chain(server.certificate, server.key)
    serving.verify_mode = ssl.CERT_REQUIRED
    asking = ssl.create_default_context(cafile=authority.certificate)
    asking.load_cert_chain(client.certificate, client.key)
    # What Python 3.13 and later demand of a chain.
    asking.verify_flags |= ssl.VERIFY_X509_STRICT
    serving.verify_flags |= ssl.VERIFY_X509_STRICT
    one, other = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [serving.wrap_bio(one, other, server_side=True), asking.wrap_bio(other, one, server_hostname=host)]
    for _ in range(4):
        for side in sides:
            step(side.do_handshake)
    for side in sides:
        side.do_handshake()


def step(action: Callable[[], None]) -> None:
    try:
        action()
    except ssl.SSLWantReadError:
        return


def test_server_and_client_of_one_authority_accept_each_other(tmp_path: Path) -> None:
    authority = ensure_authority(tmp_path, "ca", "member1-ca")
    server = ensure_certificate(authority, tmp_path, "apiserver", SERVER)
    client = ensure_certificate(authority, tmp_path, "admin", ADMIN)

    for host in SERVER.hosts:
        handshake(server, client, authority, host)


def test_a_client_of_another_cluster_s_authority_is_refused(tmp_path: Path) -> None:
    authority = ensure_authority(tmp_path / "member1", "ca", "member1-ca")
    stranger = ensure_authority(tmp_path / "member2", "ca", "member2-ca")
    server = ensure_certificate(authority, tmp_path / "member1", "apiserver", SERVER)
    client = ensure_certificate(stranger, tmp_path / "member2", "admin", ADMIN)

    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(server, client, authority, "127.0.0.1")


def test_a_client_certificate_carries_user_and_groups_and_is_on_p256(tmp_path: Path) -> None:
    admin = certificate(ensure_certificate(ensure_authority(tmp_path, "ca", "ca"), tmp_path, "admin", ADMIN))

    subject = {attribute.oid: attribute.value for attribute in admin.subject}
    assert subject == {NameOID.COMMON_NAME: "admin", NameOID.ORGANIZATION_NAME: "system:masters"}
    usage = admin.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    key = admin.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == "secp256r1"


def test_every_file_is_for_its_owner_only(tmp_path: Path) -> None:
    authority = ensure_authority(tmp_path, "ca", "ca")
    ensure_certificate(authority, tmp_path, "admin", ADMIN)
    ensure_signing_key(tmp_path)

    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    assert len(list(tmp_path.iterdir())) == 6


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    def make() -> dict[str, bytes]:
        authority = ensure_authority(tmp_path, "ca", "ca")
        ensure_certificate(authority, tmp_path, "apiserver", SERVER)
        ensure_certificate(authority, tmp_path, "admin", ADMIN)
        ensure_signing_key(tmp_path)
        return {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    assert make() == make()


def test_a_certificate_near_its_end_is_renewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = ensure_authority(tmp_path, "ca", "ca")
    with monkeypatch.context() as patch:
        patch.setattr(pki, "CERTIFICATE_LIFETIME", timedelta(days=20))
        old = certificate(ensure_certificate(authority, tmp_path, "admin", ADMIN))

    new = certificate(ensure_certificate(authority, tmp_path, "admin", ADMIN))

    assert new.serial_number != old.serial_number
    assert new.not_valid_after_utc > datetime.now(UTC) + timedelta(days=300)


@pytest.mark.parametrize("change", ["authority", "hosts", "key"])
def test_a_certificate_that_does_not_fit_any_more_is_replaced(tmp_path: Path, change: str) -> None:
    authority = ensure_authority(tmp_path, "ca", "ca")
    old = certificate(ensure_certificate(authority, tmp_path, "apiserver", SERVER))
    identity = SERVER
    if change == "authority":
        authority.certificate.unlink()
        authority = ensure_authority(tmp_path, "ca", "ca")
    elif change == "hosts":
        identity = Identity("kube-apiserver", hosts=("localhost",))
    else:
        (tmp_path / "apiserver.key").unlink()

    new = certificate(ensure_certificate(authority, tmp_path, "apiserver", identity))

    assert new.serial_number != old.serial_number
    new.verify_directly_issued_by(certificate(authority))


def test_a_kubeconfig_embeds_the_credentials_and_is_rewritten_only_when_they_change(tmp_path: Path) -> None:
    authority = ensure_authority(tmp_path, "ca", "ca")
    client = ensure_certificate(authority, tmp_path, "admin", ADMIN)
    path = tmp_path / "kubeconfigs" / "member1.yaml"

    write_kubeconfig(path, "member1", "https://127.0.0.1:20001", authority, "member1-admin", client)
    written = path.stat().st_mtime_ns
    write_kubeconfig(path, "member1", "https://127.0.0.1:20001", authority, "member1-admin", client)

    document = yaml.safe_load(path.read_text())
    assert document["current-context"] == "member1"
    assert document["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:20001"
    embedded = base64.b64decode(document["users"][0]["user"]["client-certificate-data"])
    assert embedded == client.certificate.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_mtime_ns == written
