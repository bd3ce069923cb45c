"""Schedules: those that code declares, to look at, and the caller's own, to change."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Scope
from accounts.views import ScopedView
from config.problems import Code, Problem, pointer
from jobs.api.describe import header, problems
from jobs.api.requests import NoQuery, read_query
from schedules import selectors, services
from schedules.definitions import Faulty, define
from schedules.models import Schedule

from .requests import ScheduleChange, ScheduleRequest, read_body
from .serializers import ScheduleListSerializer, ScheduleSerializer


class SchedulesView(ScopedView):
    """A view of this app: what it refuses is shown as a problem."""

    def handle_exception(self, exc: Exception) -> Response:
        return super().handle_exception(_translated(exc))

    def shown(self, found: Any, *, many: bool = False) -> Any:
        return ScheduleSerializer(found, many=many, context={"request": self.request}).data


class ScheduleListView(SchedulesView):
    scopes = {"GET": Scope.SCHEDULES_READ, "POST": Scope.SCHEDULES_WRITE}

    @extend_schema(operation_id="list_schedules", tags=["schedules"], responses={200: ScheduleListSerializer})
    def get(self, request: Request) -> Response:
        """The schedules that code declares, and your own."""
        read_query(NoQuery, request)
        return Response({"items": self.shown(selectors.visible(self.caller), many=True)})

    @extend_schema(
        operation_id="create_schedule",
        tags=["schedules"],
        request=ScheduleRequest,
        parameters=[header("Location", "the schedule", 201)],
        responses={201: ScheduleSerializer, **problems(Code.SCHEDULE_EXISTS, Code.TOO_MANY_SCHEDULES)},
    )
    def post(self, request: Request) -> Response:
        """Have a job made for you whenever a turn is due. The first turn is the first that is due from now on."""
        body = read_body(ScheduleRequest, request)
        schedule = services.create(define(body.draft()), self.caller, enabled=body.enabled)
        shown = self.shown(schedule)
        return Response(shown, status=201, headers={"Location": shown["links"]["self"]})


class ScheduleView(SchedulesView):
    scopes = {"GET": Scope.SCHEDULES_READ, "PATCH": Scope.SCHEDULES_WRITE, "DELETE": Scope.SCHEDULES_WRITE}

    @extend_schema(operation_id="get_schedule", tags=["schedules"], responses={200: ScheduleSerializer})
    def get(self, request: Request, schedule_id: int) -> Response:
        """A schedule."""
        return Response(self.shown(self.schedule(schedule_id)))

    @extend_schema(
        operation_id="change_schedule",
        tags=["schedules"],
        request=ScheduleChange,
        responses={200: ScheduleSerializer, **problems(Code.FORBIDDEN)},
    )
    def patch(self, request: Request, schedule_id: int) -> Response:
        """Change a schedule of yours. A new rule, and one that is enabled again, counts from now."""
        schedule = self.own(schedule_id)
        body = read_body(ScheduleChange, request)
        given = body.model_fields_set
        # What no longer fits its job type can still be switched off.
        definition = define(body.draft(schedule)) if given - {"enabled"} else None
        services.change(schedule, definition, enabled=body.enabled if "enabled" in given else None)
        return Response(self.shown(schedule))

    @extend_schema(
        operation_id="delete_schedule",
        tags=["schedules"],
        responses={204: None, **problems(Code.FORBIDDEN)},
    )
    def delete(self, request: Request, schedule_id: int) -> Response:
        """Delete a schedule of yours. The jobs that it made stay."""
        services.remove(self.own(schedule_id))
        return Response(status=204)

    def schedule(self, schedule_id: int) -> Schedule:
        """Raises Schedule.DoesNotExist, also for another user's."""
        return selectors.visible(self.caller).get(pk=schedule_id)

    def own(self, schedule_id: int) -> Schedule:
        schedule = self.schedule(schedule_id)
        if schedule.is_declared:
            raise Problem(Code.FORBIDDEN, "The schedule is declared in code and is changed there.")
        return schedule


def _translated(error: Exception) -> Exception:
    """The problem that an exception of this app is; any other exception as it is."""
    match error:
        case Faulty():
            faults = [{"pointer": pointer(*path), "detail": sentence} for path, sentence in error.faults.items()]
            return Problem(Code.INVALID_BODY, errors=faults)
        case services.NameTaken():
            return Problem(Code.SCHEDULE_EXISTS, "Change that one, or give this one another name.")
        case services.TooMany():
            return Problem(Code.TOO_MANY_SCHEDULES, f"There may be {services.MOST_PER_USER}; delete one first.")
        case Schedule.DoesNotExist():
            return Problem(Code.NOT_FOUND, "There is no such schedule, or it is somebody else's.")
    return error
