"""How the API reads bodies and writes answers: bounded, strict JSON in UTF-8, whatever a request's headers wish."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import JSONParser, MultiPartParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from .problems import Code, Problem
from .storable import unstorable


class StrictJSONParser(JSONParser):
    """JSON that can be stored. Django bounds its length (DATA_UPLOAD_MAX_MEMORY_SIZE) before it comes here."""

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """The value. Raises Problem: 400 for what is not JSON, NUL, NaN, half surrogate pairs and deep nesting."""
        try:
            value = json.loads(stream.read().decode("utf-8"))
        except UnicodeDecodeError as error:
            raise Problem(Code.MALFORMED_BODY, f"The body is not UTF-8 (byte {error.start}).") from None
        except json.JSONDecodeError as error:
            detail = f"The body is not JSON: {error.msg} (line {error.lineno}, column {error.colno})."
            raise Problem(Code.MALFORMED_BODY, detail) from None
        except ValueError:
            raise Problem(Code.MALFORMED_BODY, "The body contains a number with too many digits.") from None
        except RecursionError:
            raise Problem(Code.MALFORMED_BODY, "The body is nested too deep.") from None
        if fault := unstorable(value):
            raise Problem(Code.MALFORMED_BODY, f"The body {fault}.")
        return value


class BoundedMultiPartParser(MultiPartParser):
    """A form with files, of which Django bounds neither the number of bytes nor those it writes to disk."""

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """The form. Raises Problem (413), before a byte is read, for one that is too large."""
        limit = settings.FILE_UPLOAD_MAX_MEMORY_SIZE
        length = int((parser_context or {})["request"].META["CONTENT_LENGTH"])
        if length > limit:
            raise Problem(Code.BODY_TOO_LARGE, f"The body has {length} bytes; it must have at most {limit}.")
        return super().parse(stream, media_type, parser_context)


class OneRepresentation(DefaultContentNegotiation):
    """A resource has one representation, which is sent whatever `Accept` says (RFC 9110, section 12.4.1)."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        [renderer] = renderers
        return renderer, str(renderer.media_type)
