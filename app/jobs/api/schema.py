"""What the OpenAPI file says beyond the views' own words: each job type's payload, and what all operations share.

Both functions are drf-spectacular's post-processing hooks, named in the settings.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from config.problems import MEDIA_TYPE, Code
from jobs import selectors
from jobs.registry import JobType

from .describe import words
from .requests import NewJob

# The name that drf-spectacular gives to the schema of `NewJob`.
GENERAL = f"{NewJob.__name__}Request"
SCHEMAS = "#/components/schemas/"
METHODS = ("get", "post", "put", "patch", "delete")

# Said of every operation, beside what its view says.
ALWAYS = (Code.BAD_REQUEST, Code.INTERNAL_ERROR, Code.UNAVAILABLE)
WITH_TOKEN = (Code.NOT_AUTHENTICATED, Code.INVALID_TOKEN, Code.MISSING_SCOPE)
WITH_QUERY = (Code.INVALID_PARAMETER,)
WITH_PATH = (Code.NOT_FOUND,)
WITH_BODY = (
    Code.MALFORMED_BODY,
    Code.LENGTH_REQUIRED,
    Code.BODY_TOO_LARGE,
    Code.UNSUPPORTED_MEDIA_TYPE,
    Code.INVALID_BODY,
)


def add_job_types(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """One schema per job type, told apart by `type`. Without job types the general schema stays."""
    schemas = result["components"]["schemas"]
    requests = {declared.name: _add_request(schemas, declared) for declared in selectors.exposed_types()}
    if requests:
        schemas[GENERAL] = {
            "oneOf": [{"$ref": reference} for reference in requests.values()],
            "discriminator": {"propertyName": "type", "mapping": requests},
        }
    return result


def _add_request(schemas: dict[str, Any], declared: JobType[Any]) -> str:
    """Describe a request for a job of this type. Returns the reference to it."""
    prefix = "".join(word.title() for word in declared.name.replace(".", "_").split("_"))
    payload = declared.payload.model_json_schema(ref_template=f"{SCHEMAS}{prefix}{{model}}")
    for name, definition in payload.pop("$defs", {}).items():
        schemas[f"{prefix}{name}"] = definition
    schemas[f"{prefix}Payload"] = payload
    request = NewJob.model_json_schema()
    request["title"] = f"{prefix}JobRequest"
    request["description"] = declared.description
    request["properties"] |= {
        "type": {"type": "string", "const": declared.name},
        "payload": {"$ref": f"{SCHEMAS}{prefix}Payload"},
    }
    if payload.get("required"):
        request["required"] = [*request["required"], "payload"]
    schemas[request["title"]] = request
    return f"{SCHEMAS}{request['title']}"


def complete_operations(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A body is never optional; and the problems that come from what an operation has: a token, a body, parameters."""
    for operation in _operations(result):
        if "requestBody" in operation:
            operation["requestBody"]["required"] = True
        by_status: dict[int, list[Code]] = {}
        for code in _codes(operation):
            by_status.setdefault(code.status, []).append(code)
        for status, codes in by_status.items():
            said = operation["responses"].setdefault(str(status), {"content": _content(), "description": ""})
            said["description"] = "; ".join(filter(None, [said["description"], words(codes)]))
        operation["responses"] = dict(sorted(operation["responses"].items()))
    return result


def _operations(result: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in result["paths"].values():
        yield from (path[method] for method in METHODS if method in path)


def _codes(operation: dict[str, Any]) -> Iterator[Code]:
    places = {parameter["in"] for parameter in operation.get("parameters", ())}
    yield from ALWAYS
    yield from WITH_TOKEN if any(operation.get("security", ())) else ()
    yield from WITH_QUERY if "query" in places else ()
    yield from WITH_PATH if "path" in places else ()
    yield from WITH_BODY if "requestBody" in operation else ()


def _content() -> dict[str, Any]:
    return {MEDIA_TYPE: {"schema": {"$ref": f"{SCHEMAS}Problem"}}}
