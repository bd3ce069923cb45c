"""The folder in which web's processes count together. Imports nothing of prometheus_client, which looks for it."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

# Read by prometheus_client when it is first imported: each process then counts in files of that folder.
FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def make(port: int) -> Path:
    """Make it, empty: nobody but the process that had this port before can have left something there."""
    folder = Path(tempfile.gettempdir(), f"jobs-metrics-{port}")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    os.environ[FOLDER_VARIABLE] = str(folder)
    return folder


def remove() -> None:
    """At the end of the process that made it."""
    if folder := os.environ.get(FOLDER_VARIABLE):
        shutil.rmtree(folder, ignore_errors=True)
