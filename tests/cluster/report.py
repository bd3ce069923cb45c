"""What a failure prints: pods, events, and the last lines of their logs."""

from __future__ import annotations

from deploy.kind.names import NAMESPACE
from deploy.kind.programs import kubectl
from devstack.errors import StackError

EVENTS = 30
LINES = 12


def situation() -> str:
    """The release at this moment."""
    parts = [
        told("get", "pods,scaledobjects,hpa", "--output", "wide"),
        told("get", "events", "--sort-by=.lastTimestamp", last=EVENTS),
    ]
    for pod in told("get", "pods", "--output", "name").split():
        parts.append(f"{pod}\n{told('logs', pod, '--all-containers', f'--tail={LINES}')}")
    return "\n\n".join(parts)


def told(*arguments: str, last: int = 200) -> str:
    """The end of what kubectl says, also where it refuses."""
    try:
        lines = kubectl("--namespace", NAMESPACE, *arguments, seconds=60).splitlines()
    except StackError as error:
        return str(error)
    return "\n".join(lines[-last:])
