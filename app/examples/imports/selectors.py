"""What an import reads."""

from __future__ import annotations

from uuid import UUID

from jobs.models import File
from jobs.policies import Gone, Permanent


def uploaded(file_id: UUID, *, owner_id: int | None) -> File:
    """The file, if it is the owner's.

    Raises Gone when it was deleted, Permanent when it is somebody else's.
    """
    file = File.objects.filter(id=file_id).first()
    if file is None:
        raise Gone(f"the file {file_id} no longer exists")
    if file.owner_id != owner_id:
        raise Permanent(f"the file {file_id} is not the job owner's; it must be one that the owner uploaded")
    return file
