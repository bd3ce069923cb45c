"""What every contender's job does: the same few lines, whichever library calls them."""

from __future__ import annotations

import os
import time
from enum import StrEnum

# A file to which each job adds a byte (`noop`, `short`) or the time at which it began (`stamp`).
TRACE = "BENCH_TRACE"


class Kind(StrEnum):
    """What a job does besides leaving its trace."""

    NOOP = "noop"
    SHORT = "short"
    STAMP = "stamp"


SECONDS = {Kind.NOOP: 0.0, Kind.SHORT: 0.01, Kind.STAMP: 0.0}


def work(kind: str) -> None:
    """Do the work and leave a trace of it."""
    trace = f"{time.time():.6f}\n".encode() if kind == Kind.STAMP else b"."
    if seconds := SECONDS[Kind(kind)]:
        time.sleep(seconds)
    descriptor = os.open(os.environ[TRACE], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, trace)
    os.close(descriptor)
