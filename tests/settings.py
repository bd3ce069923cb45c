"""The settings of the suite: the test settings and an app with job types of its own."""

import os

from config.settings.test import *  # noqa: F403
from config.settings.test import DATABASES, INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.testapp"]
# The same database for the suite and for the worker processes that it starts.
DATABASES["default"]["TEST"] = {"NAME": DATABASES["default"]["NAME"]}
# A stream ends with what the test waits for; where its own end is that, the test sets a short one.
STREAM_SECONDS = float(os.environ.get("TEST_STREAM_SECONDS", "120"))
