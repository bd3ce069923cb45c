"""The words in which views describe themselves for the OpenAPI file."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from pydantic import BaseModel

from config.problems import MEDIA_TYPE, Code

from .serializers import ProblemSerializer

Responses = dict[int | tuple[int, str], Any]

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "pattern": "^[!-~]{1,200}$"},
    OpenApiParameter.HEADER,
    description="makes repeats of this request find the job that the first one made",
)
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match", str, OpenApiParameter.HEADER, description="an ETag that you have: 304 while it is the same"
)


def header(name: str, description: str, *statuses: int, required: bool = True) -> OpenApiParameter:
    """A header of the answers with these statuses."""
    return OpenApiParameter(
        name, str, OpenApiParameter.HEADER, required=required, description=description, response=list(statuses)
    )


def problems(*codes: Code) -> Responses:
    """The answers by which these problems are shown."""
    by_status: dict[int, list[Code]] = defaultdict(list)
    for code in codes:
        by_status[code.status].append(code)
    return {
        (status, MEDIA_TYPE): OpenApiResponse(ProblemSerializer, description=words(same))
        for status, same in by_status.items()
    }


def words(codes: list[Code]) -> str:
    """What an answer with one of these codes means."""
    return "; ".join(f"`{code.value}`: {code.heading[0].lower()}{code.heading[1:]}" for code in codes)


def query(model: type[BaseModel]) -> list[OpenApiParameter]:
    """The parameters that `read_query` reads with this model."""
    schema = model.model_json_schema()
    return [
        OpenApiParameter(
            name,
            _plain(described, schema.get("$defs", {})),
            OpenApiParameter.QUERY,
            description=described["description"],
        )
        for name, described in schema["properties"].items()
    ]


def _plain(described: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """The schema of one parameter, which is either given or left out: never null."""
    choices = [one for one in described.get("anyOf", [described]) if one.get("type") != "null"]
    found = {**described, **choices[0]}
    if reference := found.pop("$ref", None):
        found |= definitions[reference.rsplit("/", 1)[1]]
    return {name: value for name, value in found.items() if name not in ("anyOf", "title", "description", "default")}
