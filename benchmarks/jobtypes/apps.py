"""The Django app whose job types the benchmarks run."""

from django.apps import AppConfig


class JobTypesConfig(AppConfig):
    name = "benchmarks.jobtypes"
