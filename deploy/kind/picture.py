"""The picture of a run: what waits above, what serves it below, over the same seconds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

if TYPE_CHECKING:
    from deploy.kind.load import Look

WAITING, RUNNING, WANTED, READY = "#9aa5b1", "#2f6fab", "#d9822b", "#a9d3b8"


def draw(looks: Sequence[Look], title: str, path: Path) -> None:
    """Write the picture as a PNG."""
    seconds = [one.at for one in looks]
    with mpl.rc_context({"axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.alpha": 0.25}):
        figure = Figure(figsize=(8.4, 5), layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True)
        figure.suptitle(title, x=0.01, horizontalalignment="left", fontweight="bold")
        above.fill_between(seconds, [one.waiting for one in looks], color=WAITING, linewidth=0, label="jobs waiting")
        ready = [one.ready for one in looks]
        below.fill_between(seconds, ready, step="post", color=READY, linewidth=0, label="replicas ready")
        below.step(seconds, [one.wanted for one in looks], where="post", color=WANTED, label="replicas wanted")
        below.step(seconds, [one.running for one in looks], where="post", color=RUNNING, label="jobs running")
        below.set_xlabel("seconds since the first job")
        below.set_xlim(0, max(seconds) * 1.04)
        for axes in (above, below):
            axes.set_ylim(bottom=0)
            axes.yaxis.set_major_locator(MaxNLocator(integer=True))
            axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, frameon=False, borderpad=0)
        figure.savefig(path, dpi=120)
