"""What the doctor says of each fault. Servers, certificates, passwords and rights are real."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection
from django_celery_beat.models import PeriodicTask
from pytest_django import Settings

from config.acl import ROLES
from config.queues import Queue
from devstack import certificates
from devstack.ports import free_port, is_free
from devstack.postgres import Postgres
from devstack.redis import Redis
from jobs import broker
from jobs.models import Job
from ops.doctor import PROCESS_ROLES
from ops.doctor import redis as redis_doctor
from schedules import services
from schedules.models import Schedule
from tests.integration.conftest import Stack
from tests.integration.doctor import Doctor, only_fault
from tests.polling import wait_for

SECRET = "correct horse battery staple"


@pytest.fixture
def doctor(stack: Stack, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Doctor]:
    call_command("sync_schedules", verbosity=0)
    monkeypatch.setenv("REDIS_USERNAME", "web")
    monkeypatch.setenv("REDIS_PASSWORD", stack.redis.password("web"))
    yield Doctor(stack, settings, monkeypatch)
    # It was made as the user that the test named.
    broker.client.cache_clear()


@pytest.mark.covers(118)
def test_a_sound_stack_has_no_fault(doctor: Doctor) -> None:
    code, lines = doctor.anew()
    assert code == 0, lines
    assert set(lines) == {
        "redis name", "redis port", "redis tls", "redis login", "redis version", "redis rights", "redis memory",
        "postgresql name", "postgresql port", "postgresql tls", "postgresql login", "postgresql version",
        "postgresql migrations", "postgresql clock", "settings", "queue critical", "queue default", "queue io",
        "queue heavy", "schedules",
    }  # fmt: skip
    assert "certificate valid until 20" in lines["redis tls"]
    assert lines["redis rights"].startswith("ok 'web' may do what web needs")
    assert lines["redis memory"].startswith("note the user 'web' may not ask")


@pytest.mark.covers(81, 118)
@pytest.mark.parametrize("role", PROCESS_ROLES)
def test_every_role_has_the_rights_that_it_needs(doctor: Doctor, role: str) -> None:
    as_role = {"REDIS_USERNAME": role, "REDIS_PASSWORD": doctor.stack.redis.password(role)}
    if role == "worker":
        as_role["WORKER_QUEUE"] = "io"
    code, lines = doctor(**as_role)
    assert code == 0, lines
    assert lines["redis rights"].startswith(f"ok '{role}' may do what {role} needs")


def test_every_command_of_every_role_is_tried_or_needs_no_key() -> None:
    """A new command in the list of rights must be given arguments here."""
    needless = {"multi", "exec", "discard", "watch", "unwatch", "script|load", "script|exists"}
    needless |= {"subscribe", "unsubscribe", "psubscribe", "punsubscribe"}
    commands = {right[1:] for role in PROCESS_ROLES for right in ROLES[role] if right[0] == "+"}
    assert {one for one in commands if not one.startswith("@")} - needless <= set(redis_doctor.TRIALS)


@pytest.mark.covers(81, 118)
def test_rights_that_are_missing_are_named(doctor: Doctor) -> None:
    subject, line = doctor.fault("--role=worker")
    assert subject == "redis rights"
    assert "the user 'web' may not do what worker needs: brpop critical, brpop default" in line
    assert "lpush" not in line


def test_a_user_who_may_not_even_begin_a_transaction_is_not_tried_further(doctor: Doctor) -> None:
    """Outside a transaction, the examples would be done."""
    with doctor.stack.redis.client() as client:
        client.execute_command("ACL", "SETUSER", "web", "-multi")
        try:
            subject, line = doctor.fault()
        finally:
            client.execute_command("ACL", "SETUSER", "web", "+multi")
        assert client.keys("*") == []
    assert (subject, "may not do what web needs: multi;" in line) == ("redis rights", True)


def test_an_admin_is_told_of_a_redis_that_evicts(doctor: Doctor) -> None:
    with doctor.stack.redis.client() as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        as_admin = {"REDIS_USERNAME": "admin", "REDIS_PASSWORD": doctor.stack.redis.password("admin")}
        subject, line = doctor.fault(**as_admin)
    finally:
        with doctor.stack.redis.client() as client:
            client.config_set("maxmemory-policy", "noeviction")
    assert subject == "redis memory"
    assert "maxmemory-policy is allkeys-lru" in line


@pytest.mark.covers(118)
def test_a_name_that_does_not_resolve(doctor: Doctor) -> None:
    subject, line = doctor.fault(REDIS_URL="rediss://redis.invalid:6379/0")
    assert (subject, "'redis.invalid' cannot be resolved" in line) == ("redis name", True)
    subject, line = doctor.fault(DATABASE_URL="postgresql://app@db.invalid/app")
    assert (subject, "'db.invalid' cannot be resolved" in line) == ("postgresql name", True)


@pytest.mark.covers(118)
def test_a_port_on_which_nobody_listens(doctor: Doctor) -> None:
    subject, line = doctor.fault(REDIS_URL=f"rediss://127.0.0.1:{free_port()}/0")
    assert (subject, "cannot be reached (Connection refused)" in line) == ("redis port", True)
    subject, line = doctor.fault(DATABASE_URL=f"postgresql://app@127.0.0.1:{free_port()}/app")
    assert (subject, "cannot be reached (Connection refused)" in line) == ("postgresql port", True)


@pytest.mark.covers(118)
def test_a_certificate_of_an_unknown_authority(doctor: Doctor, tmp_path: Path) -> None:
    other = certificates.make(tmp_path)
    subject, line = doctor.fault(REDIS_CA_PATH=str(other.ca))
    assert (subject, "its authority is not trusted here" in line) == ("redis tls", True)


@pytest.mark.covers(118)
@pytest.mark.parametrize(
    ("hosts", "days", "reason"),
    [(["redis.example"], 90, "it is for another"), (["127.0.0.1"], -0.5, "it has expired")],
)
def test_a_certificate_for_another_name_or_another_time(
    doctor: Doctor, tmp_path: Path, hosts: list[str], days: float, reason: str
) -> None:
    made = certificates.make(tmp_path, hosts=hosts, lifetime=timedelta(days=days))
    # Not by its `start`, which waits until it is trusted.
    server = Redis(tmp_path / "redis", free_port(), {"web": "web-password"}, made)
    process = server.prepare()
    process.start()
    try:
        wait_for(lambda: not is_free(server.port), 30, what="Redis listening")
        subject, line = doctor.fault(REDIS_URL=server.url, REDIS_CA_PATH=str(made.ca))
    finally:
        process.stop()
    assert (subject, reason in line) == ("redis tls", True), line


@pytest.mark.covers(118)
def test_a_port_that_speaks_no_tls(doctor: Doctor) -> None:
    subject, line = doctor.fault(REDIS_URL=f"rediss://127.0.0.1:{doctor.stack.postgres.port}/0")
    assert (subject, "speaks no TLS with us" in line) == ("redis tls", True)
    url = doctor.stack.postgres.url
    subject, line = doctor.fault(
        DATABASE_URL=f"{url}?sslmode=verify-full&sslrootcert={doctor.stack.redis.certificates.ca}"
    )
    assert (subject, "does not offer TLS" in line) == ("postgresql tls", True)


@pytest.mark.covers(82, 118)
def test_a_wrong_password_and_an_unknown_user(doctor: Doctor) -> None:
    for variables in ({"REDIS_PASSWORD": SECRET}, {"REDIS_USERNAME": "nobody"}):
        subject, line = doctor.fault(**variables)
        assert subject == "redis login"
        assert "compare REDIS_USERNAME and REDIS_PASSWORD" in line
        assert SECRET not in line
    subject, line = only_fault(*doctor.anew(DATABASE_PASSWORD=SECRET))
    assert (subject, "password authentication failed" in line) == ("postgresql login", True)
    assert SECRET not in line
    elsewhere = doctor.stack.postgres.url.rpartition("/")[0] + "/nothing"
    subject, line = only_fault(*doctor.anew(DATABASE_URL=elsewhere))
    assert (subject, 'database "nothing" does not exist' in line) == ("postgresql login", True)


@pytest.mark.covers(118)
def test_a_migration_that_is_not_applied(doctor: Doctor) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'schedules'")
        try:
            subject, line = doctor.fault()
        finally:
            cursor.execute(
                "INSERT INTO django_migrations (app, name, applied) VALUES ('schedules', '0001_initial', now())"
            )
    assert (subject, "1 migrations are not applied: schedules.0001_initial" in line) == ("postgresql migrations", True)


@pytest.mark.covers(118, 116)
def test_a_queue_from_which_nobody_takes(doctor: Doctor) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO jobs_job (id, type, queue, run_at)"
            " VALUES (gen_random_uuid(), 'testapp.nap_io', 'io', now() - interval '3 minutes')"
        )
    subject, line = doctor.fault()
    assert subject == "queue io"
    assert "nobody takes from io (1 waiting, the oldest for " in line


@pytest.mark.covers(118)
def test_schedules_that_are_not_as_they_were_declared(doctor: Doctor) -> None:
    housekeeping = Schedule.objects.get(name="ops.housekeeping")
    services.change(housekeeping, enabled=False)
    assert doctor()[0] == 0
    assert doctor()[1]["schedule ops.housekeeping"] == "note disabled by an admin"
    services.change(housekeeping, enabled=True)

    Schedule.objects.filter(pk=housekeeping.pk).update(expires=timedelta(minutes=1))
    assert "stored with another expires than declared" in doctor.fault()[1]
    services.remove(housekeeping)
    assert "declared, and not stored" in doctor.fault()[1]
    call_command("sync_schedules", verbosity=0)
    extra = PeriodicTask.objects.get(name="ops.housekeeping")
    extra.pk, extra.name = None, "ops.former"
    extra.save()
    Schedule.objects.create(entry=extra, name="ops.former", job_type="ops.housekeeping", expires=timedelta(hours=1))
    assert doctor.fault()[0] == "schedule ops.former"


@pytest.mark.covers(118)
@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"JOB_LEASE": "30", "JOB_LEASE_RENEWAL": "11"}, "JOB_LEASE_RENEWAL is 11 s and JOB_LEASE 30 s"),
        ({"RELAY_INTERVAL": "60"}, "RELAY_INTERVAL is 60 s"),
        ({"DISPATCH_OVERDUE": "0.1"}, "DISPATCH_OVERDUE is 0.1 s"),
        ({"HEALTH_DIR": "/proc"}, "HEALTH_DIR is '/proc'"),
    ],
)
def test_settings_that_contradict_each_other(doctor: Doctor, variables: dict[str, str], sentence: str) -> None:
    subject, line = doctor.fault(**variables)
    assert (subject, sentence in line) == ("settings", True)


@pytest.mark.covers(118)
def test_two_faults_are_two_lines(doctor: Doctor) -> None:
    code, lines = doctor.anew(REDIS_PASSWORD="wrong", DATABASE_PASSWORD="wrong")
    assert code == 1
    assert {subject for subject, line in lines.items() if line.startswith("FAULT")} == {
        "redis login",
        "postgresql login",
    }
    assert lines["queues, schedules"].startswith("note not looked at")


def test_nothing_of_this_left_a_job_or_a_message(doctor: Doctor) -> None:
    doctor("--role=worker")
    assert Job.objects.count() == 0
    assert [doctor.stack.messages(queue) for queue in Queue] == [0, 0, 0, 0]
    with doctor.stack.redis.client() as client:
        assert client.keys("*") == []


def test_a_postgres_that_is_verified_is_sound(doctor: Doctor, tmp_path: Path) -> None:
    """Over TLS, with a certificate for its address."""
    made = certificates.make(tmp_path)
    with verified_postgres(doctor.stack.postgres, made):
        code, lines = doctor.anew(DATABASE_URL=f"{doctor.stack.postgres.url}?sslmode=verify-full&sslrootcert={made.ca}")
        other = certificates.make(tmp_path / "other")
        fault = doctor.fault(DATABASE_URL=f"{doctor.stack.postgres.url}?sslmode=verify-full&sslrootcert={other.ca}")
    assert code == 0, lines
    assert "certificate valid until 20" in lines["postgresql tls"]
    assert fault[0] == "postgresql tls"
    assert "its authority is not trusted here" in fault[1]


def offers_tls(server: Postgres) -> bool:
    """As a new connection sees it."""
    with psycopg.connect(server.admin_url) as admin:
        return admin.execute("SHOW ssl").fetchone() == ("on",)


@contextmanager
def verified_postgres(server: Postgres, made: certificates.Certificates) -> Iterator[None]:
    """Give the suite's PostgreSQL a certificate for the time of the block."""
    data = (server.folder / "data").resolve()
    for source, name in ((made.certificate, "server.crt"), (made.key, "server.key")):
        shutil.copy(source, data / name)
        os.chown(data / name, data.stat().st_uid, data.stat().st_gid)
        (data / name).chmod(0o600)
    with psycopg.connect(server.admin_url, autocommit=True) as admin:
        admin.execute("ALTER SYSTEM SET ssl = on")
        admin.execute("SELECT pg_reload_conf()")
    wait_for(lambda: offers_tls(server), 30, what="PostgreSQL offers TLS")
    try:
        yield
    finally:
        with psycopg.connect(server.admin_url, autocommit=True) as admin:
            admin.execute("ALTER SYSTEM RESET ssl")
            admin.execute("SELECT pg_reload_conf()")
