"""The chart spells out what the application derives from its list of queues. Here the two are held equal."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import yaml

from config import acl, environment
from config.queues import Lane, Queue
from tests.chart.charts import FOLDER, FULL, Chart, Pod

MEND = "change deploy/helm/django-celery/values.yaml, or app/config/queues.py: the chart and the code must say the same"
# What brings those who do not have a user always.
EVERY_ROLE = {"flower": {"enabled": True}, "exporter": {"enabled": True}}
ROLES = {"web": "web", "worker": "worker", "beat": "beat", "relay": "relay"}


@pytest.fixture(scope="module")
def chart() -> Chart:
    return Chart()


def worker(chart: Chart, queue: Queue) -> Pod:
    return chart.render().pod("worker", queue.value)


def test_the_chart_has_the_queues_of_the_code(chart: Chart) -> None:
    values = yaml.safe_load((FOLDER / "values.yaml").read_text())
    assert set(values["workers"]) == {queue.value for queue in Queue}, MEND


@pytest.mark.parametrize("queue", list(Queue))
def test_pool_concurrency_and_time_limit_are_the_codes(chart: Chart, queue: Queue) -> None:
    values = yaml.safe_load((FOLDER / "values.yaml").read_text())
    said = values["celery"] | values["workers"][queue.value]
    lane = queue.lane
    assert (said["pool"], said["concurrency"], said["timeLimit"]) == (lane.pool, lane.concurrency, lane.time_limit), (
        MEND
    )


@pytest.mark.covers(55, 76)
@pytest.mark.parametrize("queue", list(Queue))
def test_the_grace_period_is_the_codes(chart: Chart, queue: Queue) -> None:
    assert worker(chart, queue).spec["terminationGracePeriodSeconds"] == queue.lane.grace_period, MEND


@pytest.mark.covers(100)
@pytest.mark.parametrize(("limit", "grace"), [(1, None), (30, None), (300, 60), (1800, None), (86_400, 7_200)])
def test_hard_limit_and_redelivery_follow_as_in_the_code(chart: Chart, limit: int, grace: int | None) -> None:
    values = {"workers": {"slow": {"timeLimit": limit, "gracePeriod": grace}}}
    env = chart.render("foreign", values=values).pod("worker", "slow").env
    lane = Lane(purpose="", never="", pool="prefork", concurrency=1, time_limit=limit, grace=grace)
    assert int(env["WORKER_HARD_LIMIT"]) == lane.hard_limit, MEND
    assert int(env["WORKER_GRACE_PERIOD"]) == lane.grace_period, MEND
    assert int(env["WORKER_VISIBILITY_TIMEOUT"]) == lane.visibility_timeout, MEND


@pytest.mark.covers(81)
def test_what_each_role_may_do_in_redis_is_what_the_code_says(chart: Chart) -> None:
    lines = chart.render(values=EVERY_ROLE).one("ConfigMap", "redis")["data"]["roles"].splitlines()
    said = {role: set(rules.split()) for role, rules in (line.split(" ", 1) for line in lines)}
    mend = "change deploy/helm/django-celery/files/redis/roles, or app/config/acl.py: the two must say the same"
    assert said == {role: set(rules) for role, rules in acl.ROLES.items()}, mend


@pytest.mark.covers(81)
def test_redis_starts_with_the_user_file_that_the_code_would_write(chart: Chart, tmp_path: Path) -> None:
    """The chart's own script, run here in a folder that stands for the container's root."""
    data = chart.render(values=EVERY_ROLE).one("ConfigMap", "redis")["data"]
    passwords = {role: f"a {role}'s $(password) \\n" for role in acl.ROLES}
    for folder in ("etc/redis", "run/redis", "run/passwords"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "etc/redis/roles").write_text(data["roles"])
    for role, password in passwords.items():
        # With the line break that editors leave: the application reads it without.
        (tmp_path / f"run/passwords/redis-{role}").write_text(f"{password}\n")
    script = data["users.sh"].replace("/etc/redis", f"{tmp_path}/etc/redis").replace("/run/", f"{tmp_path}/run/")
    subprocess.run(["sh"], input=script, text=True, check=True)

    def users(text: str) -> dict[str, set[str]]:
        return {line.split()[1]: set(line.split()) for line in text.splitlines()}

    written = tmp_path / "run/redis/users.acl"
    assert users(written.read_text()) == users(acl.users_file(passwords))
    assert written.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("component", [*ROLES, "migrate", "smoke-test", "flower"])
@pytest.mark.parametrize("scenario", ["everything", "external", "external-one-user"])
def test_the_application_starts_with_what_the_chart_gives_it(
    chart: Chart, component: str, scenario: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its environment is read by the application itself, with the files where the volumes put them."""
    objects = chart.render(scenario, values={"flower": {"enabled": True}})
    pod = objects.pod(component, "io" if component == "worker" else None)
    lay_files(pod, tmp_path)
    for name in list(os.environ):
        if name.removesuffix("_FILE").lower() in environment.Environment.model_fields:
            monkeypatch.delenv(name)
    for name, value in pod.env.items():
        monkeypatch.setenv(name, value.replace("/run/", f"{tmp_path}/run/"))

    env = environment.load()

    assert env.redis_url.get_secret_value().startswith("rediss://")
    assert (env.worker_queue is not None) == (component == "worker")
    if component in ROLES:
        assert env.redis_password is not None
        assert env.database_password is not None
        assert env.redis_username in (component, "jobs")


def lay_files(pod: Pod, root: Path) -> None:
    """Put a file where each mounted Secret puts one."""
    sources = {one["name"]: one for one in pod.spec["volumes"]}
    for mount in pod.main["volumeMounts"]:
        folder = root / mount["mountPath"].removeprefix("/")
        folder.mkdir(parents=True, exist_ok=True)
        for item in sources[mount["name"]].get("secret", {}).get("items", []):
            (folder / item["path"]).write_text(f"{item['key']} of 32 characters or more, as asked for\n")


def test_every_variable_that_the_chart_sets_is_one_that_the_application_reads(chart: Chart) -> None:
    others = {"DJANGO_SETTINGS_MODULE", "HOME"}
    for scenario in ("default", "existing-secrets", "external", "kind"):
        for pod in chart.render(scenario, values={"exporter": {"enabled": True}}).application_pods():
            names = {name.removesuffix("_FILE").lower() for name in pod.env.keys() - others}
            assert names <= environment.Environment.model_fields.keys(), pod.name


def test_workers_find_the_keys_that_keda_counts(chart: Chart) -> None:
    for queue in Queue:
        triggers = chart.render().one("ScaledObject", f"worker-{queue.value}")["spec"]["triggers"]
        # As app/config/settings/celery.py names them.
        assert {one["metadata"]["listName"] for one in triggers} == {queue.value, f"unacked:{queue.value}"}, FULL
