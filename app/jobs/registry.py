"""Job types: what `@job` declares and everything else looks up by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from django.core.exceptions import ImproperlyConfigured
from pydantic import BaseModel

from config.queues import Queue

from .limits import RateLimit
from .policies import Keep, Retry

if TYPE_CHECKING:
    from accounts.models import User

    from .models import Job
    from .orders import Order
    from .running import RunningJob


class NoPayload(BaseModel, extra="forbid"):
    """The schema of a job type that needs no input."""


P = TypeVar("P", bound=BaseModel)


@dataclass(frozen=True)
class JobType(Generic[P]):
    """A declared function. `enqueue` asks for a run of it; the engine calls `service` in a worker."""

    name: str
    queue: Queue
    payload: type[P]
    retry: Retry
    exposed: bool
    limit: RateLimit | None
    quota: int | None
    keep: Keep
    service: Callable[[RunningJob, P], Any]
    description: str

    def enqueue(
        self,
        payload: P,
        *,
        owner: User | None = None,
        label: str = "",
        unique: str | None = None,
        run_at: datetime | None = None,
        expires_at: datetime | None = None,
    ) -> Job:
        """Ask for a run. It is dispatched when the surrounding transaction commits, and never if it does not.

        Raises JobAlreadyActive when another active job has the same `unique` key.
        """
        from .orders import Order, enqueue

        return enqueue(
            Order(
                type=self.name,
                payload=payload,
                owner=owner,
                label=label,
                unique=unique,
                run_at=run_at,
                expires_at=expires_at,
            )
        )

    def order(self, payload: P, *, label: str = "") -> Order:
        """A job to be asked for by `workflows.gather` or `orders.enqueue_many`."""
        from .orders import Order

        return Order(type=self.name, payload=payload, label=label)

    def schema(self) -> dict[str, Any]:
        """The JSON schema of the payload."""
        return self.payload.model_json_schema()


_types: dict[str, JobType[Any]] = {}


def job(
    *,
    queue: Queue,
    payload: type[P] = NoPayload,  # type: ignore[assignment]  # mypy has no default for a type variable
    retry: Retry = Retry(),  # noqa: B008  # a frozen value
    name: str = "",
    aliases: tuple[str, ...] = (),
    exposed: bool = True,
    limit: RateLimit | None = None,
    quota: int | None = None,
    keep: Keep = Keep(),  # noqa: B008
) -> Callable[[Callable[[RunningJob, P], Any]], JobType[P]]:
    """Declare a job type.

    Its name is `<app>.<function>` and is stored in rows: give a renamed function its old names as `aliases`.
    `exposed` says whether the API may create it; `limit` how fast its jobs may start, over all workers; `quota` how
    many active ones an owner may have; `keep` how long its ended jobs are kept.
    """

    def declare(function: Callable[[RunningJob, P], Any]) -> JobType[P]:
        own_name = name or f"{_domain_of(function)}.{function.__name__}"
        description = (function.__doc__ or "").strip()
        declared = JobType(own_name, queue, payload, retry, exposed, limit, quota, keep, function, description)
        for known_as in (own_name, *aliases):
            if known_as in _types:
                raise ImproperlyConfigured(f"two job types are called {known_as!r}; give one of them another name")
            _types[known_as] = declared
        return declared

    return declare


def _domain_of(function: Callable[..., Any]) -> str:
    """`reports` for a function of `examples.reports.tasks`, and of `reports.tasks.monthly` where that is a package."""
    before, _, _ = function.__module__.partition(".tasks")
    return before.rpartition(".")[2]


def find(name: str) -> JobType[Any] | None:
    """The job type with this name or alias."""
    return _types.get(name)


def job_types() -> list[JobType[Any]]:
    """Every job type once, by name."""
    return sorted({declared.name: declared for declared in _types.values()}.values(), key=lambda one: one.name)
