"""Calling other systems, so that their bad days stay theirs.

Whatever goes wrong becomes one of the engine's two kinds of failure: `Transient` for what a later attempt may not meet
(no answer, 408, 429, 5xx), `Permanent` for what it will (any other refusal, and redirects, which nobody follows).

Each system has a circuit breaker: after FAILURES in a row nothing is sent to it for PAUSE seconds, then what comes next
tries it. So a system that is down is not called by every waiting job, and does not hold the queue's threads. Each
worker process has breakers of its own: ten workers send ten times as many tries, which are still few. They count
without a lock: of two failures at the same instant one may not count. (pybreaker holds a lock during the whole call;
the threads of a worker would call one after another.)

Addresses inside the cluster and the company are not refused here, where a name could still resolve to one between the
check and the call: the chart's network policy of the queue `io` does that (`workers.io.pod.egress`).
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from functools import lru_cache

import httpx
from circuitbreaker import CircuitBreaker
from django.utils import timezone

from jobs.policies import Permanent, Retry, Transient

# Failures in a row that open a circuit, and seconds that it then stays open.
FAILURES = 5
PAUSE = 30
# Systems whose breakers are remembered.
SYSTEMS = 1_000
# Seconds for each of connecting, sending and a part of the answer; httpx has no limit for all of them together.
TIMEOUT = 10.0
# Seconds that a system can make us wait by its Retry-After.
LONGEST_WAIT = 3_600.0
BUSY = {httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_MANY_REQUESTS}

# An open circuit costs a job an attempt, so there are enough of them for a bad day: six hours.
PATIENT = Retry(attempts=14, first=10, longest=LONGEST_WAIT)


@contextmanager
def circuit(system: str) -> Iterator[None]:
    """Around a call of the system, which says by Transient that the system failed.

    Raises Transient instead of calling while the circuit is open.
    """
    breaker = breaker_of(system)
    if breaker.opened:
        raise Transient(
            f"{system} failed {breaker.failure_count} times in a row and is left alone for {breaker.open_remaining} s"
        )
    with breaker:
        yield


@lru_cache(maxsize=SYSTEMS)
def breaker_of(system: str) -> CircuitBreaker:
    """The breaker of the system in this process."""
    return CircuitBreaker(FAILURES, PAUSE, expected_exception=Transient, name=system)


def call(request: httpx.Request, *, seconds: float, most: int = 0) -> bytes:
    """Send the request and return what it was answered with; nothing is read of an answer when `most` is 0.

    `seconds` are what is left to the job; each part of the call has them or TIMEOUT, whichever is less. Raises
    Transient and Permanent, the latter for an answer of more than `most` bytes too.
    """
    host = request.url.netloc.decode()
    with circuit(host):
        try:
            with (
                httpx.Client(timeout=max(min(seconds, TIMEOUT), 0.1), verify=_trusted()) as client,
                _answer(client, request) as response,
            ):
                _judge(response, host)
                return _read(response, host, most) if most else b""
        except httpx.RequestError as error:
            raise Transient(f"{host} gave no answer: {type(error).__name__}") from error


@contextmanager
def _answer(client: httpx.Client, request: httpx.Request) -> Iterator[httpx.Response]:
    response = client.send(request, stream=True)
    try:
        yield response
    finally:
        response.close()


def _judge(response: httpx.Response, host: str) -> None:
    if response.is_success:
        return
    said = f"{host} answered {response.status_code}"
    if response.status_code in BUSY or response.is_server_error:
        raise Transient(said, retry_after=retry_after(response.headers.get("Retry-After")))
    raise Permanent(said)


def _read(response: httpx.Response, host: str, most: int) -> bytes:
    content = bytearray()
    for part in response.iter_bytes():
        content += part
        if len(content) > most:
            raise Permanent(f"{host} answered with more than {most} bytes")
    return bytes(content)


def retry_after(value: str | None) -> float | None:
    """The seconds that a header asks for, as a number or a date (RFC 9110, 10.2.3); None where it says nothing."""
    if not value:
        return None
    try:
        seconds = float(value) if value.isdigit() else (parsedate_to_datetime(value) - timezone.now()).total_seconds()
    except (ValueError, TypeError):
        return None
    return min(max(seconds, 0.0), LONGEST_WAIT)


@lru_cache(maxsize=1)
def _trusted() -> ssl.SSLContext:
    """Reading the authorities' certificates takes longer than a call."""
    return httpx.create_ssl_context()
