"""A new endpoint is pinged, whoever saves it, when and if its transaction commits."""

from __future__ import annotations

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from accounts.models import User
from config.queues import Queue
from examples.notifications.models import Endpoint, new_secret
from jobs.models import Job
from tests.integration.conftest import Stack

URL = "https://hooks.example.com/a"


@pytest.fixture
def bob(transactional_db: None) -> User:
    return User.objects.create_user("bob")


@pytest.mark.covers(41, 42)
def test_an_endpoint_whose_saving_is_rolled_back_starts_no_job(stack: Stack, bob: User) -> None:
    with transaction.atomic():
        Endpoint.objects.create(owner=bob, url=URL)
        assert Job.objects.count() == 1
        transaction.set_rollback(True)
    assert (Job.objects.count(), stack.messages(Queue.IO)) == (0, 0)


@pytest.mark.covers(41, 42)
def test_an_endpoint_that_is_saved_starts_one_job_on_commit(stack: Stack, bob: User) -> None:
    with transaction.atomic():
        endpoint = Endpoint.objects.create(owner=bob, url=URL)
        assert stack.messages(Queue.IO) == 0
    job = Job.objects.get()
    assert (job.type, job.owner, job.payload["endpoint"]) == ("notifications.send_webhook", bob, str(endpoint.id))
    assert stack.messages(Queue.IO) == 1
    endpoint.save()
    assert Job.objects.count() == 1


@pytest.mark.covers(41)
def test_an_endpoint_that_staff_enter_is_pinged_too(db: None, admin_client: Client) -> None:
    owner = User.objects.create_user("carol")
    form = {"owner": owner.pk, "url": URL, "secret": new_secret()}
    assert admin_client.post(reverse("admin:examples_endpoint_add"), form).status_code == 302
    assert Job.objects.get().owner == owner


@pytest.mark.parametrize("secret", ["whsec_c2VjcmV0", "whsec_not base64 at all, but long", "c2VjcmV0c2VjcmV0c2VjcmV0"])
def test_a_secret_that_cannot_sign_is_refused(db: None, admin_client: Client, secret: str) -> None:
    form = {"owner": User.objects.create_user("carol").pk, "url": URL, "secret": secret}
    answer = admin_client.post(reverse("admin:examples_endpoint_add"), form)
    assert "must be whsec_ and at least 16 bytes" in answer.content.decode()
    assert not Endpoint.objects.exists()


@pytest.mark.covers(41)
def test_what_is_written_in_bulk_sends_no_signal(db: None) -> None:
    owner = User.objects.create_user("carol")
    [endpoint] = Endpoint.objects.bulk_create([Endpoint(owner=owner, url=URL)])
    Endpoint.objects.bulk_update([endpoint], ["url"])
    Endpoint.objects.update(url=f"{URL}/b")
    assert not Job.objects.exists()
