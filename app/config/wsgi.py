"""The entry point of gunicorn."""

import django
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest


class Utf8Request(WSGIRequest):
    """Reads UTF-8, whatever charset its Content-Type names.

    Django takes any codec that Python knows, and fails outside of every error handler for one like `hex`.
    """

    @property
    def encoding(self) -> None:
        """Django's word for its default, UTF-8."""
        return None

    @encoding.setter
    def encoding(self, charset: str) -> None: ...


class Handler(WSGIHandler):
    request_class = Utf8Request


django.setup(set_prefix=False)
application = Handler()
