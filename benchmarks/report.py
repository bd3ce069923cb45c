"""Figures as tables and a chart: medians with their spread, and ratios within a round."""

from __future__ import annotations

import re
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import enqueue, footprint
from benchmarks.contenders import (
    CELERY,
    OURS,
    OURS_EVENTS,
    OURS_METRICS,
    OURS_PLAIN,
    OURS_PLAIN_EVENTS,
    OURS_PLAIN_METRICS,
    PROCRASTINATE,
)

ROOT = Path(__file__).resolve().parents[1]
FIGURES = Path(__file__).with_name("figures.json")
PAGE = ROOT / "docs" / "performance.md"
CHART = ROOT / "docs" / "images" / "performance.svg"

Series = dict[str, list[float]]


def spread(values: list[float], digits: int = 0) -> str:
    """`512 [480 to 530]`."""
    low, middle, high = (f"{one:,.{digits}f}" for one in (min(values), median(values), max(values)))
    return f"{middle} [{low} to {high}]"


def ratios(series: Series, name: str, base: str) -> list[float]:
    """Round by round, so that what slows the machine down for a minute cancels out."""
    return [one / other for one, other in zip(series[name], series[base], strict=True)]


def rows(head: list[str], lines: list[list[str]]) -> str:
    """A table in Markdown."""
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, ["---"] * len(head), *lines])


def rates(series: Series, bases: dict[str, str]) -> str:
    """Rates of all, and each one's ratio to the bases, given with the heads of their columns."""
    head = ["", "per second", *bases]
    return rows(
        head,
        [
            [name, spread(values), *(spread(ratios(series, name, base), 2) for base in bases.values())]
            for name, values in series.items()
        ],
    )


def noop(series: Series) -> str:
    return rates(series, {"against procrastinate": PROCRASTINATE.name, "against Celery's defaults": CELERY.name})


def events(found: dict[str, Series]) -> str:
    """With Celery's events against without, round by round."""
    return extra(found, "with events", {OURS.name: OURS_EVENTS.name, OURS_PLAIN.name: OURS_PLAIN_EVENTS.name})


def metrics(found: dict[str, Series]) -> str:
    """Counting for Prometheus against not counting, round by round."""
    return extra(found, "with metrics", {OURS.name: OURS_METRICS.name, OURS_PLAIN.name: OURS_PLAIN_METRICS.name})


def extra(found: dict[str, Series], head: str, pairs: dict[str, str]) -> str:
    """What something that is added costs: each way of ours without and with it, in jobs per second and in CPU."""
    units = {"per second": 0, "CPU ms": 2}
    return rows(
        ["", *(column for unit in units for column in (unit, head, "ratio"))],
        [
            [base, *(cell for unit in units for cell in compared(found[unit], base, more, units[unit]))]
            for base, more in pairs.items()
        ],
    )


def compared(series: Series, base: str, more: str, digits: int) -> list[str]:
    return [spread(series[base], digits), spread(series[more], digits), spread(ratios(series, more, base), 2)]


def many(series: Series) -> str:
    return rates(series, {"against procrastinate": enqueue.PROCRASTINATE.name})


def single(values: list[float]) -> str:
    return rows(["", "ms"], [["one `enqueue`, median", spread(values, 2)]])


def outage(series: Series) -> str:
    return rows(["Redis", "s"], [[name, spread(values, 2)] for name, values in series.items()])


def latency(series: Series) -> str:
    lines = []
    for name, values in series.items():
        ordered = sorted(values)
        lines.append([name, *(f"{ordered[int(len(ordered) * share)]:.1f}" for share in (0.5, 0.9, 0.99))])
    return rows(["ms", "p50", "p90", "p99"], lines)


def footprints(found: dict[str, Series]) -> str:
    stock = footprint.STOCK.name
    return rows(
        ["", "s until ready", "ratio", "MiB with 8 children", "ratio"],
        [
            [
                name,
                spread(found["seconds"][name], 2),
                spread(ratios(found["seconds"], name, stock), 2),
                spread(found["MiB"][name]),
                spread(ratios(found["MiB"], name, stock), 2),
            ]
            for name in found["seconds"]
        ],
    )


def table(series: Series) -> str:
    return rows(
        ["", "ms at 10,000 rows", "ms at 1,000,000", "ratio"],
        [[name, f"{few:.2f}", f"{lots:.2f}", f"{lots / few:.2f}"] for name, (few, lots) in series.items()],
    )


TABLES: dict[str, Callable[[Any], str]] = {
    "noop": noop,
    "short": noop,
    "events": events,
    "metrics": metrics,
    "many": many,
    "single": single,
    "outage": outage,
    "latency": latency,
    "footprint": footprints,
    "table": table,
}


def write(figures: dict[str, Any]) -> None:
    """Put the tables between their marks in the page, and draw the chart."""
    text = PAGE.read_text()
    for name, value in figures.items():
        marks = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        text, found = marks.subn(
            lambda match, value=value, name=name: f"{match[1]}{TABLES[name](value)}\n{match[2]}", text
        )
        if not found:
            raise ValueError(f"{PAGE} has no marks for {name!r}: a line <!-- {name} --> and a line <!-- end -->")
    PAGE.write_text(text)
    if {"noop", "short"} <= figures.keys():
        draw(figures)


def draw(figures: dict[str, Any]) -> None:
    """Both rates of every contender, as bars with their spread."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    for axes, (part, title) in zip(
        figure.subplots(1, 2), (("noop", "no-op jobs per second"), ("short", "10 ms jobs per second")), strict=True
    ):
        series: Series = figures[part]
        names = list(series)[::-1]
        middles = [median(series[name]) for name in names]
        errors = [
            [middle - min(series[name]) for middle, name in zip(middles, names, strict=True)],
            [max(series[name]) - middle for middle, name in zip(middles, names, strict=True)],
        ]
        own = {OURS.name, OURS_PLAIN.name}
        colours = ["#2a6f97" if name in own or name.startswith("ours") else "#b0b7bf" for name in names]
        axes.barh(names, middles, xerr=errors, color=colours, ecolor="#444444", capsize=2)
        axes.set_title(title, loc="left", fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
    drawn = StringIO()
    figure.savefig(drawn, format="svg")
    CHART.parent.mkdir(parents=True, exist_ok=True)
    # It is committed, and what is committed has no blanks at the ends of its lines.
    CHART.write_text("".join(f"{line.rstrip()}\n" for line in drawn.getvalue().splitlines()))
