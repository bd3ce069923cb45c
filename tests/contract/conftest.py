"""The cast of the contract tests: Alice, Bob, and their programs."""

from __future__ import annotations

import pytest

from accounts.models import User
from tests.contract.client import Program


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice")


@pytest.fixture
def bob(db: None) -> User:
    return User.objects.create_user("bob")


@pytest.fixture
def api(alice: User) -> Program:
    """Alice's program."""
    return Program(alice)


@pytest.fixture
def bobs_api(bob: User) -> Program:
    return Program(bob)
