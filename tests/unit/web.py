"""A small web server that answers what a test tells it to, and keeps what it was asked."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pyinfra_plane.api.http import Http
from pyinfra_plane.api.transport import Dial, DialAdapter, dial_directly
from pyinfra_plane.host.connection import ADVICE


@dataclass(frozen=True)
class Answer:
    """What comes back. ``announced`` is a length other than the true one; ``None`` as status closes the connection."""

    status: int | None = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    announced: int | None = None
    wait: threading.Event | threading.Barrier | None = None


@dataclass(frozen=True)
class Asked:
    """A request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body) if self.body else None


def as_json(value: Any, status: int = 200, **headers: str) -> Answer:
    named = tuple((name.replace("_", "-"), text) for name, text in headers.items())
    return Answer(status, json.dumps(value).encode(), (("Content-Type", "application/json"), *named))


def page(html: str = "<!doctype html><title>Plane</title>", status: int = 200) -> Answer:
    return Answer(status, html.encode(), (("Content-Type", "text/html; charset=utf-8"),))


def redirect(location: str, *cookies: str, status: int = 302) -> Answer:
    return Answer(status, b"", (("Location", location), *(("Set-Cookie", cookie) for cookie in cookies)))


DROP = Answer(None)


@dataclass
class Site:
    """A running server. Answers come in order, the last one again and again; ``route`` answers a path of its own."""

    server: ThreadingHTTPServer
    answers: list[Answer] = field(default_factory=list)
    routes: dict[str, list[Answer]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def paths(self) -> list[str]:
        return [f"{asked.method} {asked.path}" for asked in self.asked]

    def says(self, *answers: Answer) -> None:
        self.answers[:] = answers

    def route(self, path: str, *answers: Answer) -> None:
        self.routes[path] = list(answers)

    def next(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        answers = self.routes.get(f"{asked.method} {asked.path.partition('?')[0]}", self.answers)
        if not answers:
            return as_json({"detail": "no answer was told"}, 404)
        return answers.pop(0) if len(answers) > 1 else answers[0]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    site: Site

    def setup(self) -> None:
        super().setup()
        self.site.connections += 1

    def handle(self) -> None:
        with suppress(OSError):
            super().handle()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is printed."""

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = self.site.next(Asked(self.command, self.path, dict(self.headers), body))
        if answer.wait is not None:
            answer.wait.wait(10)
        if answer.status is None:
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body) if answer.announced is None else answer.announced))
        self.end_headers()
        self.wfile.write(answer.body)
        if answer.announced is not None:
            self.close_connection = True

    do_GET = do_POST = do_PATCH = do_DELETE = answer


class Quiet(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is part of many tests."""


@contextmanager
def serving(context: ssl.SSLContext | None = None) -> Iterator[Site]:
    """A site on a free port of this machine."""
    server = Quiet(("127.0.0.1", 0), Handler)
    site = Site(server)
    server.RequestHandlerClass = type("Handler", (Handler,), {"site": site})
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Client:
    """A way to a site that never really waits."""

    http: Http
    waited: list[float]
    said: list[str]


@contextmanager
def client_of(
    base_url: str,
    dial: Dial = dial_directly,
    verify: str | bool = True,
) -> Iterator[Client]:
    waited: list[float] = []
    said: list[str] = []
    http = Http(base_url, DialAdapter(dial), verify, said.append, waited.append, advice=ADVICE)
    try:
        yield Client(http, waited, said)
    finally:
        http.close()


_closed: list[socket.socket] = []


def closed_port() -> int:
    """A port that nothing listens on; it stays taken, or another test's server could be given it."""
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    _closed.append(taken)
    return int(taken.getsockname()[1])
