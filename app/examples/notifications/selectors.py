"""What a notification reads."""

from __future__ import annotations

from uuid import UUID

from jobs.policies import Gone, Permanent

from .models import Endpoint


def endpoint(endpoint_id: UUID, *, owner_id: int | None) -> Endpoint:
    """The endpoint, if it is the owner's.

    Raises Gone when it was deleted, Permanent when it is somebody else's.
    """
    found = Endpoint.objects.filter(id=endpoint_id).first()
    if found is None:
        raise Gone(f"the endpoint {endpoint_id} no longer exists")
    if found.owner_id != owner_id:
        raise Permanent(f"the endpoint {endpoint_id} is not the job owner's")
    return found
