"""The files in HEALTH_DIR by which a process tells the probes how it is.

A probe is `find` on a file's age: it imports nothing and asks the broker nothing. Without HEALTH_DIR there are none.
"""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

# Touched once, when a worker takes messages.
READY = "ready"
# Touched every few seconds by a process that is well.
WORKER = "worker"
RELAY = "relay"
# Why a process is not well.
FAULT = "fault"


def begin() -> None:
    """Forget what a process before this one said: the folder outlives a container.

    Raises ImproperlyConfigured where no file can be written.
    """
    if settings.HEALTH_DIR is None:
        return
    try:
        for name in (READY, WORKER, RELAY, FAULT):
            Path(settings.HEALTH_DIR, name).unlink(missing_ok=True)
        show(FAULT)
        Path(settings.HEALTH_DIR, FAULT).unlink()
    except OSError as error:
        raise ImproperlyConfigured(
            f"HEALTH_DIR was {str(settings.HEALTH_DIR)!r}, where no file can be written ({error.strerror}); it must "
            "be a writable folder"
        ) from None


def show(name: str) -> None:
    """This is so at this moment."""
    if settings.HEALTH_DIR:
        Path(settings.HEALTH_DIR, name).touch()


def withdraw(name: str, fault: str) -> None:
    """This is so no more, and why; the next probe fails with that sentence."""
    if settings.HEALTH_DIR:
        Path(settings.HEALTH_DIR, FAULT).write_text(f"{fault}\n")
        Path(settings.HEALTH_DIR, name).unlink(missing_ok=True)
