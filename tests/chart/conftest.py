"""The chart under test. A test that takes nothing but it can also be run on a damaged copy, see test_mutations.py."""

from __future__ import annotations

import pytest

from tests.chart.charts import Chart


@pytest.fixture(scope="session")
def chart() -> Chart:
    return Chart()
