"""Certificates of the local fleet: one authority per cluster, so that no credential of one is valid in another.

Everything is EC P-256. Files have mode 0600, are kept while they are valid, and are replaced when they near their end.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from files import durable

AUTHORITY_LIFETIME = timedelta(days=3650)
CERTIFICATE_LIFETIME = timedelta(days=365)
RENEWAL_MARGIN = timedelta(days=30)
"""A certificate with less than this left is replaced on the next start of the fleet."""


@dataclass(frozen=True)
class KeyPair:
    """A certificate file and its key file."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class Identity:
    """Whom a certificate names."""

    common_name: str
    organizations: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    """DNS names and IP addresses. With any it is a server's certificate, without a client's."""


def ensure_authority(directory: Path, name: str, common_name: str) -> KeyPair:
    """A certificate authority `<name>.crt` and `<name>.key` in `directory`."""
    pair = KeyPair(directory / f"{name}.crt", directory / f"{name}.key")
    if _remaining(pair) < RENEWAL_MARGIN:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        builder = _builder(subject, subject, key, AUTHORITY_LIFETIME)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        builder = builder.add_extension(_key_usage(authority=True), critical=True)
        _write(pair, key, builder.sign(key, hashes.SHA256()))
    return pair


def ensure_certificate(authority: KeyPair, directory: Path, name: str, identity: Identity) -> KeyPair:
    """A certificate `<name>.crt` and `<name>.key` in `directory` for `identity`, signed by `authority`."""
    pair = KeyPair(directory / f"{name}.crt", directory / f"{name}.key")
    issuer = _load(authority.certificate)
    if _remaining(pair) < RENEWAL_MARGIN or not _issued_for(_load(pair.certificate), issuer, identity):
        issuer_key = serialization.load_pem_private_key(authority.key.read_bytes(), None)
        assert isinstance(issuer_key, ec.EllipticCurvePrivateKey)
        key = ec.generate_private_key(ec.SECP256R1())
        _write(pair, key, _request(issuer, identity, key).sign(issuer_key, hashes.SHA256()))
    return pair


def ensure_signing_key(directory: Path) -> KeyPair:
    """The key pair `sa.pub` and `sa.key` with which a cluster signs its ServiceAccounts' tokens."""
    pair = KeyPair(directory / "sa.pub", directory / "sa.key")
    if not (pair.certificate.exists() and pair.key.exists()):
        key = ec.generate_private_key(ec.SECP256R1())
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        durable.write(pair.key, _pem(key), mode=0o600)
        durable.write(pair.certificate, public, mode=0o600)
    return pair


def _request(issuer: x509.Certificate, identity: Identity, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    usage = ExtendedKeyUsageOID.SERVER_AUTH if identity.hosts else ExtendedKeyUsageOID.CLIENT_AUTH
    builder = _builder(_subject(identity), issuer.subject, key, CERTIFICATE_LIFETIME)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_key_usage(authority=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    # OpenSSL's strict verification, Python's default since 3.13, demands that the chain is linked by key identifiers.
    authority_identifier = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
        issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    )
    builder = builder.add_extension(authority_identifier, critical=False)
    if identity.hosts:
        builder = builder.add_extension(_alternative_names(identity.hosts), critical=False)
    return builder


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, lifetime: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _subject(identity: Identity) -> x509.Name:
    organizations = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, name) for name in identity.organizations]
    return x509.Name([*organizations, x509.NameAttribute(NameOID.COMMON_NAME, identity.common_name)])


def _alternative_names(hosts: Sequence[str]) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([_general_name(host) for host in hosts])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _remaining(pair: KeyPair) -> timedelta:
    """How long a pair is still good; nothing at all if a file is missing."""
    if not (pair.certificate.exists() and pair.key.exists()):
        return timedelta(0)
    return _load(pair.certificate).not_valid_after_utc - datetime.now(UTC)


def _issued_for(certificate: x509.Certificate, issuer: x509.Certificate, identity: Identity) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        found = None
    except (InvalidSignature, ValueError, TypeError):
        return False
    wanted = _alternative_names(identity.hosts) if identity.hosts else None
    return found == wanted and certificate.subject == _subject(identity)


def _load(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def _write(pair: KeyPair, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
    # The key first: a certificate without its key is not taken for a pair and is made again.
    durable.write(pair.key, _pem(key), mode=0o600)
    durable.write(pair.certificate, certificate.public_bytes(serialization.Encoding.PEM), mode=0o600)
