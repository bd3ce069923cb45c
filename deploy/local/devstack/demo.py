"""`demo`: the whole stack, a real file imported by a worker, the report that comes of it, and a clean stop."""

from __future__ import annotations

import csv
import importlib.util
import io
import time
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from devstack.api import Api
from devstack.application import Role
from devstack.console import console, say, step
from devstack.errors import StackError
from devstack.stack import Stack, running_stack
from devstack.state import FOLDER
from devstack.up import current_token

# Seconds that one job of the demo may take, on a slow machine and from a cold start.
PATIENCE = 120.0
ROWS = 10
COLUMNS = 3


def demo() -> int:
    """Run the demo. StackError names what failed; 0 when all went well."""
    started = time.monotonic()
    say(f"logs in {FOLDER / 'logs'}")
    with running_stack() as stack:
        api = Api(stack.application.url, current_token(stack))
        try:
            _import_and_report(stack, api)
        finally:
            api.close()
    say(f"all in {time.monotonic() - started:.1f} s; `make up` starts the same stack and keeps it running")
    return 0


def _import_and_report(stack: Stack, api: Api) -> None:
    source = airports_csv()
    with step(f"POST /api/v1/files: {source.name}, {source.stat().st_size:,} bytes"):
        file = api.upload(source)
    imported = _run(stack, api, "imports.import_airports", {"file": file["id"]})
    say(f"  {imported['imported']:,} rows imported, {imported['rejected']:,} rejected")
    report = _run(stack, api, "reports.airports_per_state", {})
    rows = list(csv.DictReader(io.StringIO(api.download(report["file"]))))
    console.print(_table(rows, report))


def _run(stack: Stack, api: Api, job_type: str, payload: dict[str, Any]) -> dict[str, Any]:
    """Submit a job, show its progress and return its result. StackError when it does not succeed."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    job = api.submit(job_type, payload)
    with Progress(*columns, TextColumn("[dim]{task.fields[state]}"), console=console) as bar:
        task = bar.add_task(f"  {job_type}", total=None, state=job["state"])
        for seen in api.follow(job, PATIENCE):
            stack.check()
            if seen:
                job = seen
                progress = job["progress"] or {}
                bar.update(task, completed=progress.get("current", 0), total=progress.get("total"), state=job["state"])
    if job["state"] != "succeeded":
        log = stack.log_end(f"{Role.WORKER}-{job['queue']}")
        raise StackError(f"the job {job['id']} ({job_type}) ended {job['state']}: {job['reason']}; {log}")
    return dict(job["result"])


def airports_csv() -> Path:
    """The airports of the United States as the package vega_datasets ships them: 3,376 rows.

    Found without importing it: its Python side wants pandas, which is not installed.
    """
    package = importlib.util.find_spec("vega_datasets")
    if package is None or not package.submodule_search_locations:
        raise StackError("vega_datasets is not installed; it must be, for its airports.csv: run `make demo`")
    return Path(package.submodule_search_locations[0]) / "_data" / "airports.csv"


def _table(rows: list[dict[str, str]], report: dict[str, Any]) -> Table:
    """The report's largest states, in COLUMNS blocks of ROWS so that it fits a screen."""
    shown = rows[: ROWS * COLUMNS]
    title = f"{report['airports']:,} airports in {report['states']} states"
    table = Table(
        title=title,
        title_justify="left",
        caption_justify="left",
        caption=f"the {len(shown)} largest; the whole file is {report['file']}",
    )
    for _ in range(COLUMNS):
        table.add_column("state")
        table.add_column("airports", justify="right")
    for line in range(min(ROWS, len(shown))):
        blocks = shown[line::ROWS]
        table.add_row(*(cell for row in blocks for cell in (row["state"], row["airports"])))
    return table
