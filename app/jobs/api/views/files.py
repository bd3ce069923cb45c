"""Files: what jobs read and what they make."""

from __future__ import annotations

from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse
from django.utils.http import content_disposition_header
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Scope
from config.bodies import BoundedMultiPartParser
from config.problems import Code, Problem
from jobs import files, selectors
from jobs.api.describe import header
from jobs.api.serializers import FileSerializer

from .base import JobsView


def uploaded_file(request: Request) -> UploadedFile:
    """The one file of the form. Raises Problem (422) for any other form."""
    parts: list[UploadedFile] = request.FILES.getlist("file")
    if len(parts) != 1 or set(request.data) != {"file"}:
        fault = {"pointer": "#/file", "detail": "must be one file, and the only field of the form"}
        raise Problem(Code.INVALID_BODY, errors=[fault])
    return parts[0]


class FileListView(JobsView):
    scopes = {"POST": Scope.JOBS_WRITE}
    parser_classes = [BoundedMultiPartParser]

    @extend_schema(
        operation_id="upload_file",
        tags=["files"],
        parameters=[header("Location", "the file", 201)],
        request={
            "multipart/form-data": {
                "type": "object",
                "properties": {"file": {"type": "string", "format": "binary"}},
                "required": ["file"],
                "additionalProperties": False,
            }
        },
        responses={201: FileSerializer},
    )
    def post(self, request: Request) -> Response:
        """Upload a file that jobs can read: a form with the field `file`."""
        part = uploaded_file(request)
        file = files.store(self.caller, part.name or "", part.content_type or "", part.read())
        shown = self.shown(FileSerializer, file)
        return Response(shown, 201, headers={"Location": shown["links"]["self"]})


class FileView(JobsView):
    scopes = {"GET": Scope.JOBS_READ}

    @extend_schema(operation_id="get_file", tags=["files"], responses={200: FileSerializer})
    def get(self, request: Request, file_id: UUID) -> Response:
        """A file without its content."""
        return Response(self.shown(FileSerializer, selectors.file_of(self.caller, file_id)))


class FileContentView(JobsView):
    scopes = {"GET": Scope.JOBS_READ}

    @extend_schema(
        operation_id="get_file_content",
        tags=["files"],
        responses={(200, "*/*"): OpenApiTypes.BINARY},
        description="A file's content, to be saved and not shown: `Content-Type` is what its maker said it is.",
    )
    def get(self, request: Request, file_id: UUID) -> HttpResponse:
        """A file's content, to be saved and not shown."""
        file = selectors.file_of(self.caller, file_id)
        name = "".join(character for character in file.name if character.isprintable())
        headers = {
            "Content-Disposition": content_disposition_header(True, name) or "attachment",
            "X-Content-Type-Options": "nosniff",
        }
        return HttpResponse(bytes(file.content), content_type=file.content_type, headers=headers)
