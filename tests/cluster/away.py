"""A second release, which loses its Redis for ten minutes while the other tests have their own."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from deploy.kind.names import CHART, VALUES
from deploy.kind.programs import helm
from tests.cluster.kube import Kube
from tests.cluster.polling import wait_for
from tests.cluster.stack import Stack, new_batch

RELEASE = "away"
# Seconds without Redis.
ABSENCE = 600
ENQUEUE = (
    "from probe.tasks import Work, work_on\n"
    "for queue in ('default', 'io'): work_on[queue].enqueue(Work(batch='{batch}'))"
)


class Away:
    """Installed and cut off by a thread, so that nobody waits for it."""

    NAMESPACE = "redis-away"

    def __init__(self, image: str) -> None:
        self.image = image
        self.stack = Stack(Kube(self.NAMESPACE, f"{RELEASE}-django-celery"))
        self.before: dict[str, int] = {}
        self.gone_at: float | None = None
        self._thread = threading.Thread(target=self._prepare)

    def begin(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._thread.join()

    def _prepare(self) -> None:
        repository, _, tag = self.image.rpartition(":")
        values = [word for path in (VALUES, Path(__file__).parent / "away.yaml") for word in ("--values", str(path))]
        image = ["--set", f"image.repository={repository}", "--set-string", f"image.tag={tag}"]
        helm("upgrade", "--install", RELEASE, str(CHART), "--namespace", self.NAMESPACE, *values, *image,
             "--wait", "--timeout", "10m")  # fmt: skip
        self.stack.wait_ended(self.enqueue(), 2, within=60)
        self.before = self.stack.kube.restarts()
        self.stack.kube.scale("redis", 0, kind="statefulset")
        wait_for(lambda: not self.stack.kube.pods("redis"), 90, what="Redis is gone")
        self.gone_at = time.monotonic()

    def enqueue(self) -> str:
        """A job on each queue; their batch. Redis is not needed for that."""
        batch = new_batch("away")
        command = ["python", "-m", "config", "manage", "shell", "--command", ENQUEUE.format(batch=batch)]
        self.stack.kube.exec(f"deployment/{self.stack.kube.full}-web", *command, container="web")
        return batch

    def wait_out(self) -> None:
        """Until Redis has been away for as long as it shall be."""
        self._thread.join()
        assert self.gone_at is not None, "the second release was not prepared"
        time.sleep(max(0.0, self.gone_at + ABSENCE - time.monotonic()))

    def bring_back(self) -> float:
        """Start Redis again; the time at which it was ready."""
        self.stack.kube.scale("redis", 1, kind="statefulset")
        wait_for(lambda: self.stack.kube.ready("redis"), 120, what="Redis is back")
        return time.time()
