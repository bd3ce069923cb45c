"""What the engine tells those who listen. Receivers stand in an app's `signals.py` and are connected in its `ready`."""

from __future__ import annotations

from django.dispatch import Signal

#: Sent before a batch of old jobs is deleted, in the same transaction; `jobs` are their rows, whole. To archive them,
#: write them elsewhere: a receiver that raises keeps the batch, which is tried again. What a receiver writes outside of
#: this database may be written again after a crash: let it know repeats by the jobs' ids.
deleting_jobs = Signal()
