"""The settings of the suite: the test settings and an app with job types of its own."""

from config.settings.test import *  # noqa: F403
from config.settings.test import DATABASES, INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.testapp"]
# The same database for the suite and for the worker processes that it starts.
DATABASES["default"]["TEST"] = {"NAME": DATABASES["default"]["NAME"]}
# A stream's end can be waited for.
STREAM_SECONDS = 4.0
