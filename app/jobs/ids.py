"""Identifiers that sort by time of creation."""

from __future__ import annotations

import os
import time
from uuid import UUID


def uuid7() -> UUID:
    """A version 7 UUID: 48 bits of milliseconds, 74 random bits (RFC 9562, section 5.7).

    New rows land at the end of the index, and a page of jobs ordered by id is ordered by time.
    """
    value = time.time_ns() // 1_000_000 << 80 | int.from_bytes(os.urandom(10))
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)
