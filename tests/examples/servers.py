"""Other systems, on this machine: a web server that answers as it is told, and a mail server."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from devstack.ports import free_port


@dataclass
class Answer:
    """What a request gets. `waits` is an event for which the server waits before it says anything."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    waits: threading.Event | None = None


@dataclass
class Asked:
    """What a request was."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class OtherSystem(ThreadingHTTPServer):
    """Gives the answers in `answers` first, then what `usual` says to a path."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: deque[Answer] = deque()
        self.asked: list[Asked] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def usual(self, path: str) -> Answer:
        return Answer()

    def then(self, *answers: Answer) -> None:
        self.answers.extend(answers)


class _Handler(BaseHTTPRequestHandler):
    server: OtherSystem

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append(Asked(self.command, self.path, dict(self.headers), body))
        answer = self.server.answers.popleft() if self.server.answers else self.server.usual(self.path)
        if answer.waits:
            answer.waits.wait(30)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    do_GET = do_POST = _answer  # noqa: N815  # http.server looks for these names

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:
            # Who asked has hung up, as a test with a timeout does.
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


@contextmanager
def running(system: OtherSystem) -> Iterator[OtherSystem]:
    thread = threading.Thread(target=system.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield system
    system.shutdown()
    system.server_close()
    thread.join()


class MailServer:
    """Keeps the mails that it accepts. `refuses` are the replies to the next ones; each is a line of SMTP."""

    def __init__(self) -> None:
        self.mails: list[Message] = []
        self.refuses: deque[str] = deque()
        self.controller = Controller(self, hostname="127.0.0.1", port=free_port())

    @property
    def port(self) -> int:
        return int(self.controller.port)

    async def handle_RCPT(  # noqa: N802  # aiosmtpd looks for this name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self.refuses:
            return self.refuses.popleft()
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        self.mails.append(BytesParser().parsebytes(envelope.content))
        return "250 taken"
