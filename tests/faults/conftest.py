"""The stack of the integration tests, and what faults are tried on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from devstack.redis import Redis
from tests.faults.proxy import Proxy
from tests.integration.conftest import pytest_runtest_makereport, stack

__all__ = ["pytest_runtest_makereport", "redis_proxy", "stack"]


@pytest.fixture
def redis_proxy(redis_server: Redis) -> Iterator[Proxy]:
    """Before Redis, for processes that are told its port. Asked for before `stack`, it ends after them."""
    with Proxy(redis_server.port) as proxy:
        yield proxy
