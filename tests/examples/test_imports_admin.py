"""Airports can be looked at in the admin, and no more."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from examples.imports.models import Airport

# Static files are collected when the image is built.
pytestmark = pytest.mark.filterwarnings("ignore:No directory at:UserWarning")

LIST = "admin:examples_airport_changelist"


@pytest.fixture
def staff(db: None, client: Client) -> Client:
    client.force_login(User.objects.create_superuser("staff"))
    return client


@pytest.fixture
def lax(db: None) -> Airport:
    return Airport.objects.create(
        iata="LAX", name="Los Angeles International", city="Los Angeles", state="CA", country="USA", latitude=33.94,
        longitude=-118.41,
    )  # fmt: skip


def test_airports_are_listed_and_found(staff: Client, lax: Airport) -> None:
    assert b"Los Angeles International" in staff.get(reverse(LIST), {"q": "LAX"}).content
    assert b"Los Angeles International" not in staff.get(reverse(LIST), {"q": "JFK"}).content


def test_airports_cannot_be_added_changed_or_deleted(staff: Client, lax: Airport) -> None:
    change = reverse("admin:examples_airport_change", args=[lax.id])
    assert staff.get(change).status_code == 200
    assert staff.post(change, {"name": "Other"}).status_code == 403
    assert staff.get(reverse("admin:examples_airport_add")).status_code == 403
    assert staff.post(reverse("admin:examples_airport_delete", args=[lax.id]), {"post": "yes"}).status_code == 403
    lax.refresh_from_db()
    assert lax.name == "Los Angeles International"
