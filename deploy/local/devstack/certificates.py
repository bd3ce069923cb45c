"""A development authority and one certificate it signed, for Redis and for clients that show one.

The names of the files are those of the chart's Secret: `ca.crt`, `tls.crt`, `tls.key`. Every extension that Python
3.13's strict verification asks for is there (ssl.VERIFY_X509_STRICT, RFC 5280). The authority's key is never written:
nothing else can be signed with it, and renewal makes a new authority too.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

HOSTS = ("localhost", "127.0.0.1", "::1")
LIFETIME = timedelta(days=90)
RENEWAL = timedelta(days=7)


@dataclass(frozen=True)
class Certificates:
    """Where the three files are."""

    ca: Path
    certificate: Path
    key: Path

    @classmethod
    def within(cls, folder: Path) -> Certificates:
        """The files of a folder, whether they exist or not."""
        return cls(folder / "ca.crt", folder / "tls.crt", folder / "tls.key")


def ensure(folder: Path, *, hosts: Sequence[str] = HOSTS, lifetime: timedelta = LIFETIME) -> Certificates:
    """The certificates of a folder, made anew when one is missing, unreadable or within RENEWAL of its end."""
    files = Certificates.within(folder)
    if expiry(files) < datetime.now(UTC) + RENEWAL:
        make(folder, hosts=hosts, lifetime=lifetime)
    return files


def make(folder: Path, *, hosts: Sequence[str] = HOSTS, lifetime: timedelta = LIFETIME) -> Certificates:
    """A new authority and a new certificate for `hosts` (names or addresses), valid for `lifetime` from now.

    They are valid from a day before that; a negative lifetime of less than a day gives expired ones, for tests.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = Certificates.within(folder)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = _authority(ca_key, lifetime)
    certificate = _certificate(key, hosts, ca, ca_key, lifetime)
    files.key.unlink(missing_ok=True)
    files.key.touch(mode=0o600)
    files.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    files.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files.ca.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    return files


def expiry(files: Certificates) -> datetime:
    """When the first of them ends; the beginning of time when they are not a set that can be used."""
    try:
        ends = [
            x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
            for path in (files.ca, files.certificate)
        ]
        serialization.load_pem_private_key(files.key.read_bytes(), password=None)
    except (OSError, ValueError):
        return datetime.min.replace(tzinfo=UTC)
    return min(ends)


def _authority(key: ec.EllipticCurvePrivateKey, lifetime: timedelta) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "local development authority")])
    return (
        _builder(name, name, key.public_key(), lifetime)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .sign(key, hashes.SHA256())
    )


def _certificate(
    key: ec.EllipticCurvePrivateKey,
    hosts: Sequence[str],
    ca: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
    lifetime: timedelta,
) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])])
    purposes = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    return (
        _builder(name, ca.subject, key.public_key(), lifetime)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(x509.SubjectAlternativeName([_host(host) for host in hosts]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, lifetime: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
