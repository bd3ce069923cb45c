"""What probes and monitoring ask. No token is needed, and nothing secret is said."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from config.problems import Code, Problem, answer
from config.queues import Queue
from jobs.selectors import queue_states

from . import readiness
from .queues import STALLED_AFTER, Backlog, backlog


@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """The process answers. Nothing else is looked at: a restart would mend nothing else."""
    return JsonResponse({"status": "ok"})


@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """Requests can be sent here: the database is reachable and has this version's schema."""
    if sentence := readiness.missing():
        return answer(Problem(Code.UNAVAILABLE, sentence), request)
    return JsonResponse({"status": "ok"})


@require_safe
def queues(request: HttpRequest) -> HttpResponse:
    """503 when work has waited for more than STALLED_AFTER seconds in a queue from which nobody takes."""
    found = [backlog(state) for state in queue_states(list(Queue))]
    shown = [_shown(one) for one in found]
    if stalled := [str(one) for one in found if one.is_stalled]:
        sentence = f"Nobody takes from {', '.join(stalled)}; are there workers, and can they reach the broker?"
        return answer(Problem(Code.UNAVAILABLE, sentence, queues=shown), request)
    return JsonResponse({"status": "ok", "stalled_after": STALLED_AFTER, "queues": shown})


def _shown(one: Backlog) -> dict[str, Any]:
    """Numbers of the broker are null while it cannot be reached."""
    broker = one.state.broker
    return {
        "name": one.state.queue.value,
        "waiting": one.state.waiting,
        "running": one.state.running,
        "ready": broker.ready if broker else None,
        "in_flight": broker.in_flight if broker else None,
        "oldest_age": round(one.age, 3),
        "stalled": one.is_stalled,
    }
