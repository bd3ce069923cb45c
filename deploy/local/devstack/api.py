"""The application's HTTP API, as far as the local stack uses it. A client of ours, not a library for others."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from devstack.errors import StackError

BASE = "/api/v1"
ENDED = ("succeeded", "dead", "cancelled")
# Seconds between two looks at a job.
POLL = 0.15


class Api:
    """The API for one token. Raises StackError with the API's own words when it refuses, or when it does not answer."""

    def __init__(self, url: str, token: str) -> None:
        self._client = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=30, trust_env=False
        )

    def close(self) -> None:
        self._client.close()

    def knows_token(self) -> bool:
        """Whether the token is (still) one of this database."""
        answer = self._send("GET", f"{BASE}/jobs")
        if answer.status_code in (401, 403):
            return False
        _accept(answer)
        return True

    def upload(self, file: Path) -> dict[str, Any]:
        """Upload a file; what the API says about it."""
        with file.open("rb") as content:
            answer = self._send("POST", f"{BASE}/files", files={"file": (file.name, content, "text/csv")})
        return _accept(answer)

    def submit(self, job_type: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Create a job; its first representation."""
        return _accept(self._send("POST", f"{BASE}/jobs", json={"type": job_type, "payload": payload}))

    def queue(self, name: str) -> dict[str, Any]:
        """What a queue holds at this moment."""
        return _accept(self._send("GET", f"{BASE}/queues/{name}"))

    def follow(self, job: dict[str, Any], seconds: float) -> Iterator[dict[str, Any] | None]:
        """The job each time it changed, until it ended; None where it did not change.

        Asks with the last ETag, so that nothing is sent where nothing changed. StackError after so many seconds.
        """
        deadline = time.monotonic() + seconds
        etag = ""
        while job["state"] not in ENDED:
            if time.monotonic() > deadline:
                raise StackError(f"{job['type']} was {job['state']} after {seconds:.0f} s; it must have ended by then")
            time.sleep(POLL)
            answer = self._send("GET", job["links"]["self"], headers={"If-None-Match": etag} if etag else {})
            if answer.status_code == httpx.codes.NOT_MODIFIED:
                yield None
                continue
            job, etag = _accept(answer), answer.headers.get("ETag", "")
            yield job

    def download(self, file_id: str) -> str:
        """The text of a file."""
        answer = self._send("GET", f"{BASE}/files/{file_id}/content")
        if not answer.is_success:
            _accept(answer)
        return answer.text

    def _send(self, method: str, url: str, **content: Any) -> httpx.Response:
        try:
            return self._client.request(method, url, **content)
        except httpx.TransportError as error:
            raise StackError(f"{method} {url} got no answer: {error or type(error).__name__}") from None


def _accept(answer: httpx.Response) -> dict[str, Any]:
    """What the API answered; StackError when it refused."""
    if answer.is_success:
        return dict(answer.json())
    request = f"{answer.request.method} {answer.request.url.path}"
    raise StackError(f"{request} was answered {answer.status_code}: {answer.text[:1000]}")
