"""Reading a feed page by page.

Each page is one transaction: its rows and the cursor of the next page commit together. So no page is fetched again once
it is stored, whatever ends the attempt, and a page that is fetched twice changes nothing the second time.
"""

from __future__ import annotations

from collections.abc import Sequence

import httpx
from django.db import transaction
from pydantic import ValidationError

from jobs.policies import Transient
from jobs.running import RunningJob

from .. import outside
from . import selectors
from .models import Feed, Runway
from .schemas import Page, Position, RunwayItem, SyncRequest

# The largest page, in bytes.
PAGE_MAX = 5_000_000


def sync_runways(request: SyncRequest, job: RunningJob) -> Position:
    """Add and change the runways that the feed names.

    What the feed no longer names stays. Raises Transient and Permanent as the feed answers, Gone without such a feed.
    """
    feed = selectors.feed(request.feed)
    position = Position.model_validate(job.checkpoint or {})
    while not position.done:
        if job.remaining < outside.TIMEOUT:
            # Longer than the queue's time limit: another attempt goes on here.
            raise Transient(f"{position.pages} pages are done and time is up", retry_after=0)
        page = _fetch(feed, position.cursor, job.remaining)
        with transaction.atomic():
            _store(feed, page.items)
            position = Position(
                cursor=page.next,
                pages=position.pages + 1,
                runways=position.runways + len(page.items),
                done=page.next is None,
            )
            job.save_checkpoint(position.model_dump(mode="json"))
        job.progress(position.runways, unit="runways")
    return position


def _fetch(feed: Feed, cursor: str | None, seconds: float) -> Page:
    """A page of the feed. An answer that is none is a bad day too: Transient."""
    asked = httpx.URL(feed.url).copy_merge_params({"cursor": cursor} if cursor else {})
    headers = {"Authorization": f"Bearer {feed.token}"} if feed.token else {}
    content = outside.call(httpx.Request("GET", asked, headers=headers), seconds=seconds, most=PAGE_MAX)
    try:
        page = Page.model_validate_json(content)
    except ValidationError as error:
        raise Transient(
            f"the feed {feed.name} answered with no page of runways ({error.error_count()} faults)"
        ) from None
    if page.next is not None and page.next == cursor:
        raise Transient(f"the feed {feed.name} leads from a page to the same page")
    return page


def _store(feed: Feed, items: Sequence[RunwayItem]) -> None:
    """One statement. In order of the key, so that two syncs do not deadlock; of two of one id the later counts."""
    newest = {item.id: item for item in items}
    Runway.objects.bulk_create(
        [
            Runway(feed=feed, source_id=item.id, airport=item.airport, name=item.name, length=item.length)
            for _, item in sorted(newest.items())
        ],
        update_conflicts=True,
        unique_fields=["feed", "source_id"],
        update_fields=["airport", "name", "length"],
    )
