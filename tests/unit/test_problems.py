"""The list of problems, and what becomes of exceptions."""

from __future__ import annotations

import re

import pytest
from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig, TooManyFieldsSent
from django.db import DataError, InterfaceError, OperationalError
from django.http import Http404
from rest_framework import exceptions, serializers

from config.problems import Code, Problem, pointer, translated


@pytest.mark.covers(109)
def test_every_code_has_a_form_a_status_and_a_title() -> None:
    assert len(Code) >= 20
    for code in Code:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", code.value)
        assert 400 <= code.status < 600
        assert code.heading[0].isupper()
        assert not code.heading.endswith(".")
    assert len({code.heading for code in Code}) == len(Code)


@pytest.mark.covers(109)
@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Problem(Code.WRONG_STATE), Code.WRONG_STATE),
        (OperationalError("server closed the connection"), Code.UNAVAILABLE),
        (InterfaceError("the connection is closed"), Code.UNAVAILABLE),
        (DataError("our mistake"), Code.INTERNAL_ERROR),
        (Http404(), Code.NOT_FOUND),
        (PermissionDenied(), Code.FORBIDDEN),
        (BadRequest(), Code.BAD_REQUEST),
        (TooManyFieldsSent(), Code.BAD_REQUEST),
        (RequestDataTooBig(), Code.BODY_TOO_LARGE),
        (exceptions.ParseError(), Code.MALFORMED_BODY),
        (exceptions.NotAuthenticated(), Code.NOT_AUTHENTICATED),
        (exceptions.AuthenticationFailed(), Code.INVALID_TOKEN),
        (exceptions.NotAcceptable(), Code.BAD_REQUEST),
        (exceptions.APIException(), Code.INTERNAL_ERROR),
        (ZeroDivisionError("secret"), Code.INTERNAL_ERROR),
        (None, Code.INTERNAL_ERROR),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_exception_becomes_the_problem_that_it_is(error: Exception | None, code: Code) -> None:
    assert translated(error).code is code


def test_the_database_being_away_says_when_to_ask_again_and_nothing_of_the_database() -> None:
    problem = translated(OperationalError("connection to server at 10.0.0.7 failed"))
    assert problem.headers == {"Retry-After": "5"}
    assert "10.0.0.7" not in str(problem.body("/"))


def test_faults_of_a_serializer_are_flat_and_point_into_the_body() -> None:
    class Inner(serializers.Serializer[None]):
        size = serializers.IntegerField()

    class Outer(serializers.Serializer[None]):
        name = serializers.CharField()
        items = Inner(many=True)

    outer = Outer(data={"items": [{"size": 1}, {"size": "x"}]})
    with pytest.raises(exceptions.ValidationError) as caught:
        outer.is_valid(raise_exception=True)
    problem = translated(caught.value)
    assert problem.code is Code.INVALID_BODY
    assert {fault["pointer"] for fault in problem.errors} == {"#/name", "#/items/1/size"}


def test_a_pointer_escapes_what_a_pointer_and_a_uri_must_escape() -> None:
    assert pointer() == "#"
    assert pointer("a/b", "c~d", 0, "ü %") == "#/a~1b/c~0d/0/%C3%BC%20%25"


def test_members_without_a_value_are_left_out() -> None:
    assert Problem(Code.NOT_FOUND).body("/a b") == {
        "type": "/problems/not-found",
        "title": "There is nothing here",
        "status": 404,
        "instance": "/a%20b",
        "code": "not_found",
    }
