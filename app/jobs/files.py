"""Keeping what a user uploads."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from django.conf import settings

from .models import File

if TYPE_CHECKING:
    from accounts.models import User

NAME_MAX = 200
ANY_TYPE = "application/octet-stream"
MEDIA_TYPE = re.compile(r"[\w.+-]{1,49}/[\w.+-]{1,49}", re.ASCII)


class FileRefused(Exception):
    """The file cannot be kept as it is; the message says why."""


class FileTooLarge(FileRefused):
    """The file has more than FILE_MAX_BYTES bytes."""


def store(owner: User, name: str, content_type: str, content: bytes) -> File:
    """Keep a file for its owner's jobs to read. Raises FileRefused."""
    if len(content) > settings.FILE_MAX_BYTES:
        raise FileTooLarge(f"the file has {len(content)} bytes; it must have at most {settings.FILE_MAX_BYTES}")
    if not 0 < len(name) <= NAME_MAX:
        raise FileRefused(f"the file's name has {len(name)} characters; it must have 1 to {NAME_MAX}")
    return File.objects.create(
        owner=owner,
        name=name,
        content_type=content_type if MEDIA_TYPE.fullmatch(content_type) else ANY_TYPE,
        size=len(content),
        content=content,
    )
