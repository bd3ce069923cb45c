"""Redis and PostgreSQL: those that come with the chart, and those of somebody else."""

from __future__ import annotations

import pytest

from config.acl import NOBODY
from tests.chart.charts import FULL, Chart


def settings(text: str) -> dict[str, str]:
    """redis.conf as a mapping."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return dict(line.split(" ", 1) for line in lines)


@pytest.mark.covers(77)
def test_redis_listens_with_tls_alone(chart: Chart) -> None:
    objects = chart.render()
    config = settings(objects.one("ConfigMap", "redis")["data"]["redis.conf"])
    assert (config["port"], config["tls-port"]) == ("0", "6379")
    assert config["tls-cert-file"] == "/run/tls/tls.crt"
    assert objects.pod("redis").main["ports"] == [{"name": "redis", "containerPort": 6379}]


def test_redis_never_evicts_and_appends_to_disk(chart: Chart) -> None:
    config = settings(chart.render().one("ConfigMap", "redis")["data"]["redis.conf"])
    assert config["maxmemory-policy"] == "noeviction"
    assert config["appendonly"] == "yes"
    assert config["appendfsync"] == "everysec"
    assert config["maxmemory"] == "256mb"


def test_redis_asks_for_certificates_where_tls_is_mutual(chart: Chart) -> None:
    asked = [
        settings(chart.render(scenario).one("ConfigMap", "redis")["data"]["redis.conf"])["tls-auth-clients"]
        for scenario in ("default", "everything")
    ]
    assert asked == ["optional", "yes"]


@pytest.mark.covers(81)
def test_only_roles_have_a_user_in_redis(chart: Chart) -> None:
    data = chart.render().one("ConfigMap", "redis")["data"]
    roles = [line.split(" ", 1)[0] for line in data["roles"].splitlines()]
    assert sorted(roles) == ["admin", "beat", "keda", "relay", "web", "worker"]
    assert f'echo "user default {NOBODY}"' in data["users.sh"]


def test_flower_has_a_user_where_it_runs(chart: Chart) -> None:
    roles = chart.render("everything").one("ConfigMap", "redis")["data"]["roles"]
    assert any(line.startswith("flower ") for line in roles.splitlines())


def test_rules_can_be_added_to_a_role(chart: Chart) -> None:
    roles = chart.render("everything").one("ConfigMap", "redis")["data"]["roles"]
    assert [line.split()[0] for line in roles.splitlines() if line.endswith(" ~extra*")] == ["worker"]


def test_redis_gets_every_roles_password_as_a_file(chart: Chart) -> None:
    objects = chart.render("everything")
    roles = [line.split(" ", 1)[0] for line in objects.one("ConfigMap", "redis")["data"]["roles"].splitlines()]
    expected = {f"redis-{role}": f"redis-{role}" for role in roles}
    assert objects.pod("redis").items("passwords") == expected


def test_a_changed_configuration_starts_the_server_anew(chart: Chart) -> None:
    def checksum(component: str, **values: object) -> str:
        return str(chart.render(values=values).pod(component).metadata["annotations"]["checksum/config"])

    assert checksum("redis") != checksum("redis", redis={"maxMemory": "1gb"})
    assert checksum("redis") == checksum("redis", web={"threads": 4})
    assert len(checksum("postgresql")) == 64


def test_the_servers_keep_their_data_on_volumes(chart: Chart) -> None:
    objects = chart.render("everything")
    for server, path, size in [("redis", "/data", "1Gi"), ("postgresql", "/var/lib/postgresql/data", "10Gi")]:
        (claim,) = objects.one("StatefulSet", server)["spec"]["volumeClaimTemplates"]
        assert claim["spec"]["resources"]["requests"]["storage"] == size
        assert claim["spec"]["storageClassName"] == "fast"
        mounts = {one["name"]: one["mountPath"] for one in objects.pod(server).main["volumeMounts"]}
        assert mounts[claim["metadata"]["name"]] == path


def test_servers_for_a_try_need_no_volume(chart: Chart) -> None:
    objects = chart.render("small")
    for server in ("redis", "postgresql"):
        assert "volumeClaimTemplates" not in objects.one("StatefulSet", server)["spec"]
        assert {"name": "data", "emptyDir": {}} in objects.pod(server).spec["volumes"]


def test_the_servers_addresses_outlive_their_pods(chart: Chart) -> None:
    objects = chart.render()
    for server, port in [("redis", 6379), ("postgresql", 5432)]:
        service = objects.one("Service", server)["spec"]
        assert service.get("clusterIP") != "None"
        assert service["ports"] == [{"name": server, "port": port, "targetPort": server}]
        assert service["selector"].items() <= objects.pod(server).metadata["labels"].items()


def test_each_server_has_somebody_who_tells_it_of_renewed_certificates(chart: Chart) -> None:
    objects = chart.render()
    for server in ("redis", "postgresql"):
        pod = objects.pod(server)
        reload = pod.spec["containers"][1]
        assert reload["name"] == "reload"
        assert reload["image"] == pod.main["image"]
        mounts = {one["name"] for one in reload["volumeMounts"]}
        assert {"config", "tls", "run"} <= mounts


def test_postgresql_takes_network_connections_with_tls_alone(chart: Chart) -> None:
    objects = chart.render()
    args = objects.pod("postgresql").main["args"]
    for setting in ("ssl=on", "ssl_key_file=/run/tls/tls.key", "hba_file=/etc/postgresql/pg_hba.conf"):
        assert setting in args
    access = objects.one("ConfigMap", "postgresql")["data"]["pg_hba.conf"].splitlines()
    kinds = {line.split()[0] for line in access if line and not line.startswith("#")}
    assert kinds == {"local", "hostssl"}


def test_postgresql_allows_the_connections_that_the_chart_counts_with(chart: Chart) -> None:
    assert "max_connections=500" in chart.render().pod("postgresql").main["args"]


def test_the_application_is_not_the_databases_superuser(chart: Chart) -> None:
    objects = chart.render()
    script = objects.one("ConfigMap", "postgresql")["data"]["application.sh"]
    assert "CREATE ROLE app LOGIN PASSWORD :'password';" in script
    assert objects.pod("web").env["DATABASE_URL"].startswith("postgresql://app@")


@pytest.mark.covers(12)
def test_with_servers_of_somebody_else_none_are_made(chart: Chart) -> None:
    objects = chart.render("external")
    assert objects.all("StatefulSet") == []
    assert objects.all("Secret") == []
    assert not [
        one
        for one in objects
        if one["metadata"]["name"] in (f"{FULL}-redis", f"{FULL}-postgresql") and one["kind"] != "TriggerAuthentication"
    ]


@pytest.mark.covers(12)
def test_pods_reach_the_external_servers_with_the_given_secret(chart: Chart) -> None:
    objects = chart.render("external")
    for pod in objects.application_pods():
        assert pod.env["REDIS_URL"] == "rediss://redis.example.com:6380/3"
        assert pod.env["DATABASE_URL"] == (
            "postgresql://jobs@db.example.com:6432/jobs?sslmode=verify-full&sslrootcert=/run/database-tls/ca.crt"
        )
        secrets = {one["name"]: one["secret"]["secretName"] for one in pod.spec["volumes"] if "secret" in one}
        assert secrets == {"tls": "redis-authority", "passwords": "passwords", "database-tls": "db-authority"}


def test_a_managed_redis_may_have_one_user_for_all(chart: Chart) -> None:
    objects = chart.render("external-one-user")
    for component, worker_set in [("web", None), ("worker", "io"), ("relay", None)]:
        pod = objects.pod(component, worker_set)
        assert pod.env["REDIS_USERNAME"] == "jobs"
        assert pod.items("passwords")["redis-password"] == "redis"


def test_a_database_of_a_public_authority_is_verified_by_the_images_own(chart: Chart) -> None:
    url = chart.render("external-one-user").pod("web").env["DATABASE_URL"]
    assert url.endswith("?sslmode=verify-ca&sslrootcert=/etc/ssl/certs/ca-certificates.crt")


@pytest.mark.covers(77)
def test_verification_of_the_database_cannot_be_switched_off(chart: Chart) -> None:
    for mode in ("disable", "prefer", "require"):
        values = {"postgresql": {"external": {"sslMode": mode}}}
        assert "sslMode" in chart.refusal("external", values=values)
