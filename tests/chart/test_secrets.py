"""Passwords and certificates: who gets which, and how."""

from __future__ import annotations

import base64
import re
import ssl
import tempfile
from pathlib import Path

import pytest

from tests.chart.charts import FULL, Chart, Object

ROLES = {"web": "web", "worker": "worker", "beat": "beat", "relay": "relay", "smoke-test": "web", "flower": "flower"}


def plain(secret: Object, key: str) -> bytes:
    return base64.b64decode(secret["data"][key])


@pytest.mark.covers(81)
def test_each_pod_sees_the_passwords_of_its_own_role_alone(chart: Chart) -> None:
    for pod in chart.render("everything").application_pods():
        role = ROLES.get(pod.component)
        shown = {key for key in pod.items("passwords") if key.startswith("redis-")}
        assert shown == ({f"redis-{role}"} if role else set()), pod.name
        if role:
            assert pod.env["REDIS_USERNAME"] == role


@pytest.mark.covers(82)
def test_no_password_is_a_variable(chart: Chart) -> None:
    for scenario in ("default", "everything", "external", "foreign"):
        for pod in chart.render(scenario).pods():
            for container in pod.containers:
                for variable in container.get("env", []):
                    assert "secretKeyRef" not in variable.get("valueFrom", {}), f"{pod.name}: {variable['name']}"
                    if re.search("PASSWORD|SECRET_KEY", variable["name"]) and variable["name"] != "SECRET_KEY":
                        assert variable["name"].endswith("_FILE"), f"{pod.name}: {variable['name']}"


def test_passwords_can_be_read_by_the_pods_group_and_nobody_else(chart: Chart) -> None:
    for pod in chart.render("everything").pods():
        for volume in pod.spec["volumes"]:
            if "secret" in volume:
                assert volume["secret"]["defaultMode"] == 0o440, f"{pod.name}: {volume['name']}"


def test_generated_passwords_are_long_and_differ(chart: Chart) -> None:
    secret = chart.render().one("Secret", "secrets")
    values = [plain(secret, key) for key in secret["data"]]
    assert min(map(len, values)) >= 32
    assert len(set(values)) == len(values)


def test_the_generated_secret_has_every_key_that_is_mounted(chart: Chart) -> None:
    objects = chart.render("everything")
    there = objects.one("Secret", "secrets")["data"].keys()
    for pod in objects.pods():
        for volume in pod.spec["volumes"]:
            if volume.get("secret", {}).get("secretName") == f"{FULL}-secrets":
                assert {item["key"] for item in volume["secret"]["items"]} <= there, pod.name


def test_generated_passwords_outlive_the_release_as_the_data_do(chart: Chart) -> None:
    annotations = chart.render().one("Secret", "secrets")["metadata"]["annotations"]
    assert annotations == {"helm.sh/resource-policy": "keep"}


def test_with_existing_secrets_nothing_is_random(chart: Chart) -> None:
    assert chart.render("existing-secrets").all("Secret") == []
    again = Chart(chart.folder).render("existing-secrets", values={"nameOverride": ""})
    assert again == chart.render("existing-secrets")


@pytest.mark.covers(77)
def test_a_strict_client_accepts_the_generated_certificates(chart: Chart) -> None:
    secret = chart.render().one("Secret", "tls")
    for server in ("redis", "postgresql"):
        shake_hands(secret, f"{FULL}-{server}.jobs.svc")
    with pytest.raises(ssl.SSLCertVerificationError, match="not valid for"):
        shake_hands(secret, "redis.example.com")


def shake_hands(secret: Object, host: str) -> None:
    """As Python 3.13 verifies. Both ends are in memory."""
    with tempfile.TemporaryDirectory() as folder:
        for key in secret["data"]:
            Path(folder, key).write_bytes(plain(secret, key))
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(Path(folder, "tls.crt"), Path(folder, "tls.key"))
        client = ssl.create_default_context(cafile=str(Path(folder, "ca.crt")))
    client.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [client.wrap_bio(down, up, server_hostname=host), server.wrap_bio(up, down, server_side=True)]
    for _ in range(10):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    assert ends[0].version()


def test_no_pod_sees_the_authoritys_key(chart: Chart) -> None:
    objects = chart.render()
    assert objects.has("Secret", "ca")
    for pod in objects.pods():
        names = {one.get("secret", {}).get("secretName") for one in pod.spec["volumes"]}
        assert f"{FULL}-ca" not in names, pod.name


def test_the_generated_certificate_is_renewed_when_a_third_of_its_life_is_left(chart: Chart) -> None:
    def renewal(days: int) -> int:
        one = chart.render(values={"tls": {"generated": {"days": days}}}).one("Secret", "tls")
        return int(one["metadata"]["annotations"]["django-celery/renew-at"])

    difference = renewal(365) - renewal(200)
    assert abs(difference - 165 * 86400 * 2 / 3) < 120


def test_clients_see_the_authority_and_no_key(chart: Chart) -> None:
    for pod in chart.render().application_pods():
        assert pod.items("tls") == {"ca.crt": "ca.crt"}, pod.name


def test_clients_show_a_certificate_where_tls_is_mutual(chart: Chart) -> None:
    for pod in chart.render("everything").application_pods():
        if ROLES.get(pod.component):
            assert pod.items("tls").keys() == {"ca.crt", "tls.crt", "tls.key"}, pod.name
            assert pod.env["REDIS_CERT_PATH"] == "/run/tls/tls.crt"
            assert pod.env["REDIS_KEY_PATH"] == "/run/tls/tls.key"


@pytest.mark.covers(77)
def test_every_client_verifies_redis(chart: Chart) -> None:
    for scenario in ("default", "external", "foreign", "cert-manager"):
        for pod in chart.render(scenario).application_pods():
            assert pod.env["REDIS_URL"].startswith("rediss://"), pod.name
            assert "?" not in pod.env["REDIS_URL"]
            assert pod.env["REDIS_CA_PATH"] == "/run/tls/ca.crt"


@pytest.mark.covers(77)
def test_the_database_is_verified(chart: Chart) -> None:
    for pod in chart.render().application_pods():
        assert pod.env["DATABASE_URL"].endswith("?sslmode=verify-full&sslrootcert=/run/tls/ca.crt"), pod.name


def test_cert_manager_makes_an_authority_and_a_certificate(chart: Chart) -> None:
    objects = chart.render("cert-manager")
    authority, certificate = objects.one("Certificate", "ca")["spec"], objects.one("Certificate", "tls")["spec"]
    assert authority["isCA"] is True
    assert objects.one("Issuer", "ca")["spec"] == {"ca": {"secretName": authority["secretName"]}}
    assert authority["issuerRef"] == {"name": f"{FULL}-self-signed", "kind": "Issuer"}
    assert certificate["issuerRef"] == {"name": f"{FULL}-ca", "kind": "Issuer"}
    assert certificate["secretName"] == f"{FULL}-tls"
    assert {f"{FULL}-redis.jobs.svc", f"{FULL}-postgresql.jobs.svc"} <= set(certificate["dnsNames"])
    assert set(certificate["usages"]) == {"digital signature", "server auth", "client auth"}
    assert objects.all("Secret") == [objects.one("Secret", "secrets")]


def test_cert_manager_renews_long_before_the_end(chart: Chart) -> None:
    spec = chart.render("cert-manager").one("Certificate", "tls")["spec"]
    assert (spec["duration"], spec["renewBefore"]) == ("2160h", "720h")
    assert spec["privateKey"]["rotationPolicy"] == "Always"


def test_cert_manager_can_use_the_companys_issuer(chart: Chart) -> None:
    objects = chart.render("cert-manager-issuer")
    (certificate,) = objects.all("Certificate")
    assert certificate["spec"]["issuerRef"] == {"name": "company", "kind": "ClusterIssuer", "group": "cert-manager.io"}
    assert objects.all("Issuer") == []


def test_everybody_uses_the_given_certificates(chart: Chart) -> None:
    for pod in chart.render("existing-secrets").pods():
        (tls,) = [one for one in pod.spec["volumes"] if one["name"] == "tls"]
        assert tls["secret"]["secretName"] == "certificates", pod.name
