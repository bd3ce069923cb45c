"""What a process answers when Prometheus asks it."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator

from prometheus_client.parser import text_string_to_metric_families

from devstack.ports import free_port
from tests.polling import wait_for


class Scrape:
    """One answer. Samples are asked for by their whole name, and labels that they must have."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.samples = [one for family in text_string_to_metric_families(text) for one in family.samples]

    def values(self, name: str, **labels: str) -> list[float]:
        return [one.value for one in self.samples if one.name == name and labels.items() <= one.labels.items()]

    def total(self, name: str, **labels: str) -> float:
        """The sum of the series that have these labels; 0 where there is none."""
        return sum(self.values(name, **labels))

    def named(self) -> set[str]:
        """Every metric that is there, with or without a series."""
        return {line.split()[2] for line in self.text.splitlines() if line.startswith("# HELP")}

    def series(self) -> Iterator[str]:
        """Each series, as it is written."""
        return (line.rpartition(" ")[0] for line in self.text.splitlines() if not line.startswith("#"))


class Port:
    """A METRICS_PORT for one process."""

    def __init__(self) -> None:
        self.number = free_port()
        self.variables = {"METRICS_PORT": str(self.number)}

    def scrape(self) -> Scrape:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.number}/metrics", timeout=30) as answer:
            return Scrape(answer.read().decode())

    def up(self, within: float = 30) -> Scrape:
        """The first answer."""

        def answer() -> Scrape | None:
            try:
                return self.scrape()
            except OSError:
                return None

        found = wait_for(answer, within, what=f"an answer on port {self.number}")
        assert found
        return found

    def until(self, value: float, name: str, *, within: float = 20, **labels: str) -> Scrape:
        """The first answer in which the sum of these series is the value."""
        last = self.up()

        def reached() -> bool:
            nonlocal last
            last = self.up()
            return last.total(name, **labels) == value

        try:
            wait_for(reached, within, what=f"{name}{labels} is {value}")
        except AssertionError as error:
            shown = [line for line in last.text.splitlines() if line.startswith("jobs_")]
            raise AssertionError("\n".join([str(error), *shown])) from None
        return last
