"""What the person at the terminal sees: steps with their times, and the lines of processes."""

from __future__ import annotations

import os
import signal
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

console = Console(highlight=False, soft_wrap=True)
errors = Console(highlight=False, soft_wrap=True, stderr=True)
COLOURS = ("cyan", "green", "yellow", "magenta", "blue", "bright_cyan", "bright_green", "bright_magenta")
NAME_WIDTH = 15


@contextmanager
def step(what: str) -> Iterator[None]:
    """Say what is being done; when it is done say how long it took, and when it failed say that."""
    started = time.monotonic()
    try:
        with console.status(what):
            yield
    except BaseException:
        console.print(Text.assemble(("✗ ", "red"), what))
        raise
    console.print(Text.assemble(("✓ ", "green"), what, (f"  {time.monotonic() - started:.1f} s", "dim")))


def say(line: str) -> None:
    """A line of the stack's own."""
    console.print(Text(line))


def complain(error: Exception) -> None:
    """What went wrong, in full."""
    errors.print(Text(str(error), style="red"))


def echo(name: str, line: str) -> None:
    """A line that a process printed, with its name before it. When nobody reads any more, the stack is told to stop."""
    colour = COLOURS[zlib.crc32(name.encode()) % len(COLOURS)]
    try:
        console.print(Text.assemble((f"{name:{NAME_WIDTH}} │ ", colour), Text.from_ansi(line)))
    except (BrokenPipeError, SystemExit):
        # rich turns the one into the other, which would end this thread and no more.
        os.kill(os.getpid(), signal.SIGHUP)
