"""The HTTP API."""

from config.queues import Queue

from .env import env

# A JSON body. What is larger is uploaded as a file and named by its id.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000
# A file of the largest size with the form around it. Kept in memory, for a pod has no disk that could be written.
FILE_UPLOAD_MAX_MEMORY_SIZE = env.file_max_bytes + 100_000
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]

# A stream of events holds a thread: seconds that it may last (less than gunicorn's graceful_timeout), and how many may
# be open in one process.
STREAM_SECONDS = 20.0
STREAMS_MAX = env.web_threads // 2

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.authentication.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.permissions.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["config.bodies.StrictJSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "config.bodies.OneRepresentation",
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_VERSIONING_CLASS": None,
    "EXCEPTION_HANDLER": "config.problems.exception_handler",
    "UNAUTHENTICATED_USER": None,
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Background work",
    "DESCRIPTION": "Jobs, their types, events and files; queues; schedules.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_SUFFIX": "",
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {"QueueName": [(queue.value, queue.value) for queue in Queue]},
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "jobs.api.schema.add_job_types",
        "jobs.api.schema.complete_operations",
    ],
}
