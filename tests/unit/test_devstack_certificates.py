"""The development certificates, as a strictly verifying client sees them (no network: both ends are in memory)."""

from __future__ import annotations

import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from devstack import certificates
from devstack.certificates import Certificates


def server(files: Certificates) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    return context


def client(files: Certificates) -> ssl.SSLContext:
    """As Python 3.13 makes it by default."""
    context = ssl.create_default_context(cafile=str(files.ca))
    context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def shake_hands(serving: ssl.SSLContext, calling: ssl.SSLContext, host: str) -> None:
    """Carry both ends' bytes to each other until both have verified. ssl.SSLError when one refuses."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    waiting = [
        calling.wrap_bio(down, up, server_hostname=host),
        serving.wrap_bio(up, down, server_side=True),
    ]
    for _ in range(10):
        for end in list(waiting):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            waiting.remove(end)
        if not waiting:
            return
    pytest.fail("the handshake did not end in ten rounds")


@pytest.mark.parametrize("host", certificates.HOSTS)
def test_a_strict_client_accepts_every_name_of_this_machine(tmp_path: Path, host: str) -> None:
    files = certificates.make(tmp_path)

    shake_hands(server(files), client(files), host)


def test_the_same_certificate_serves_a_client(tmp_path: Path) -> None:
    files = certificates.make(tmp_path)
    serving, calling = server(files), client(files)
    serving.load_verify_locations(files.ca)
    serving.verify_mode = ssl.CERT_REQUIRED
    serving.verify_flags |= ssl.VERIFY_X509_STRICT
    calling.load_cert_chain(files.certificate, files.key)

    shake_hands(serving, calling, "localhost")


def test_another_name_is_refused(tmp_path: Path) -> None:
    files = certificates.make(tmp_path, hosts=["redis.example"])

    with pytest.raises(ssl.SSLCertVerificationError, match="not valid for 'localhost'"):
        shake_hands(server(files), client(files), "localhost")


def test_another_authority_is_refused(tmp_path: Path) -> None:
    files, others = certificates.make(tmp_path / "ours"), certificates.make(tmp_path / "others")

    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(server(files), client(others), "localhost")


def test_an_expired_certificate_is_refused(tmp_path: Path) -> None:
    files = certificates.make(tmp_path, lifetime=timedelta(minutes=-1))

    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        shake_hands(server(files), client(files), "localhost")


def test_only_the_owner_can_read_the_key(tmp_path: Path) -> None:
    assert stat.S_IMODE(certificates.make(tmp_path).key.stat().st_mode) == 0o600


def test_certificates_are_kept_while_they_last(tmp_path: Path) -> None:
    before = certificates.ensure(tmp_path).certificate.read_bytes()

    assert certificates.ensure(tmp_path).certificate.read_bytes() == before


def test_certificates_are_renewed_a_week_before_their_end(tmp_path: Path) -> None:
    certificates.make(tmp_path, lifetime=timedelta(days=6, hours=23))

    assert certificates.expiry(certificates.ensure(tmp_path)) > datetime.now(UTC) + timedelta(days=80)


@pytest.mark.parametrize("name", ["ca.crt", "tls.crt", "tls.key"])
def test_a_broken_file_is_replaced(tmp_path: Path, name: str) -> None:
    files = certificates.make(tmp_path)
    (tmp_path / name).write_text("broken")

    certificates.ensure(tmp_path)

    shake_hands(server(files), client(files), "localhost")
