"""A server that means harm: what it costs is bounded, what it says cannot harm, and nothing goes where it points to."""

from __future__ import annotations

import functools
import gzip
import itertools
import json
import re
import socket
import threading
import time
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from pyinfra_plane.api import models, rows
from pyinfra_plane.api.auth import ApiKey, Forms
from pyinfra_plane.api.errors import PlaneBadAnswer, PlaneError, PlaneFormRefused, PlaneRefused, PlaneUnreachable
from pyinfra_plane.api.http import LONGEST_COOKIE, LONGEST_THROTTLE_WAIT, MOST_COOKIES
from pyinfra_plane.api.pace import Pace
from pyinfra_plane.api.plane import Plane
from pyinfra_plane.api.reply import MOST_VALUES, Reply
from pyinfra_plane.text import LONGEST, LONGEST_QUOTE, printable, quote
from tests.unit.given import PROPERTY
from tests.unit.web import Answer, Client, Site, as_json, client_of, page, redirect, serving

KEY = ApiKey("plane_api_secret")

MEMORY = 48 * 2**20
"""Bytes that a test's answers may cost at their height: some multiple of what was set as the largest answer."""

Writer = Callable[[socket.socket], None]


@dataclass
class Raw:
    """A server that writes bytes as a test tells it to, once it has read a request's head."""

    listener: socket.socket
    write: Writer
    sent: int = 0
    heads: list[bytes] = field(default_factory=list)
    reads_first: bool = True
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def send(self, connection: socket.socket, data: bytes) -> None:
        connection.sendall(data)
        self.sent += len(data)

    def forever(self, connection: socket.socket, data: bytes, pause: float = 0) -> None:
        while not self.over.wait(pause) if pause else not self.over.is_set():
            self.send(connection, data)

    def serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            head = b""
            while self.reads_first and b"\r\n\r\n" not in head:
                data = connection.recv(65536)
                if not data:
                    return
                head += data
            self.heads.append(head)
            self.write(connection)


@contextmanager
def raw(write: Callable[[Raw, socket.socket], None], reads_first: bool = True) -> Iterator[Raw]:
    server = Raw(socket.create_server(("127.0.0.1", 0)), lambda connection: None, reads_first=reads_first)
    server.write = lambda connection: write(server, connection)
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.listener.shutdown(socket.SHUT_RDWR)
        server.listener.close()
        thread.join()


def one_line(error: BaseException) -> str:
    text = str(error)
    assert text.isprintable()
    assert 0 < len(text) <= LONGEST
    return text


def failure(client: Client, method: str = "GET", path: str = "/api/x/") -> PlaneError:
    """What a call ends in, which must be one printable line, soon, and without much memory."""
    tracemalloc.start()
    began = time.monotonic()
    try:
        with pytest.raises(PlaneError) as caught:
            client.http.call(method, path, headers=KEY.headers())
        assert time.monotonic() - began < 10
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()
    assert "secret" not in one_line(caught.value)
    return caught.value


@pytest.fixture(autouse=True)
def small_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyinfra_plane.api.transport.LARGEST_ANSWER", 2**20)
    monkeypatch.setattr("pyinfra_plane.api.transport.LONGEST_ANSWER", 1.0)


# How much


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def endless_body(server: Raw, connection: socket.socket) -> None:
    server.send(connection, HEAD + b"Content-Length: 1000000000000\r\n\r\n[")
    server.forever(connection, b'"x",' * 16384)


def endless_body_until_close(server: Raw, connection: socket.socket) -> None:
    server.send(connection, HEAD + b"\r\n[")
    server.forever(connection, b'"x",' * 16384)


def endless_chunks(server: Raw, connection: socket.socket) -> None:
    server.send(connection, HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    server.forever(connection, b"4000\r\n" + b"x" * 0x4000 + b"\r\n")


def endless_tiny_chunks(server: Raw, connection: socket.socket) -> None:
    server.send(connection, HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    server.forever(connection, b"1\r\n[\r\n" * 8192)


def endless_chunk_size(server: Raw, connection: socket.socket) -> None:
    server.send(connection, HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    server.forever(connection, b"0" * 65536)


def huge_chunk(server: Raw, connection: socket.socket) -> None:
    server.send(connection, HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffff\r\n")
    server.forever(connection, b"[" * 65536)


def endless_trailers(server: Raw, connection: socket.socket) -> None:
    server.send(connection, HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n")
    server.forever(connection, b"X-Y: z\r\n" * 8192)


def endless_continue(server: Raw, connection: socket.socket) -> None:
    server.forever(connection, b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n" * 2048)


@pytest.mark.parametrize(
    "write",
    [
        endless_body, endless_body_until_close, endless_chunks, endless_tiny_chunks, huge_chunk, endless_trailers,
        endless_continue,
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_answer_without_end_is_read_up_to_a_bound_and_asked_for_once(
    monkeypatch: pytest.MonkeyPatch, write: Callable[[Raw, socket.socket], None], method: str
) -> None:
    monkeypatch.setattr("pyinfra_plane.api.transport.LARGEST_ANSWER", 2**18)
    monkeypatch.setattr("pyinfra_plane.api.transport.LONGEST_ANSWER", 30.0)
    with raw(write) as server, client_of(server.url) as client:
        error = failure(client, method)
        assert isinstance(error, PlaneBadAnswer)
        # Python 3.14 counts interim answers itself.
        assert re.search(r"larger than 0.25 MiB|more than 100 interim responses", str(error))
        assert "; plane_api_url must be the address of Plane's API" in str(error)
        assert client.http.requests_sent == 1
        # What the kernel buffers between the two is sent, and not read.
        assert server.sent < 32 * 2**20


def endless_head(server: Raw, connection: socket.socket) -> None:
    server.send(connection, HEAD)
    server.forever(connection, b"X-Y: z\r\n" * 1024)


def endless_header(server: Raw, connection: socket.socket) -> None:
    server.send(connection, HEAD + b"X-Y: ")
    server.forever(connection, b"z" * 65536)


def endless_status(server: Raw, connection: socket.socket) -> None:
    server.send(connection, b"HTTP/1.1 200 ")
    server.forever(connection, b"z" * 65536)


def endless_nothing(server: Raw, connection: socket.socket) -> None:
    server.forever(connection, b"\r\n" * 1024)


@pytest.mark.parametrize("write", [endless_head, endless_header, endless_status, endless_nothing, endless_chunk_size])
def test_a_head_without_end_is_one_line(write: Callable[[Raw, socket.socket], None]) -> None:
    with raw(write) as server, client_of(server.url) as client:
        assert isinstance(failure(client), PlaneUnreachable | PlaneBadAnswer)


def test_headers_without_end_are_not_asked_for_again() -> None:
    with raw(endless_head) as server, client_of(server.url) as client:
        error = failure(client)
        assert isinstance(error, PlaneBadAnswer)
        assert "got more than 100 headers; plane_api_url must be the address of Plane's API" in str(error)
        assert client.http.requests_sent == 1


@functools.cache
def bomb() -> bytes:
    return gzip.compress(b"[" + b" " * 100_000_000 + b"]", 9)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, gzip", "GZIP", "x-unknown"])
@pytest.mark.parametrize("status", [200, 302, 404])
def test_a_packed_answer_is_not_unpacked(site: Site, client: Client, encoding: str, status: int) -> None:
    site.says(Answer(status, bomb(), (("Content-Encoding", encoding), ("Location", "/x/"))))
    error = failure(client)
    assert "the answer is compressed, although the request did not allow it" in str(error)
    assert site.asked[0].headers["Accept-Encoding"] == "identity"
    site.says(as_json([]))
    assert client.http.call("GET", "/api/x/") == []


def test_an_answer_that_says_that_it_is_not_packed_is_read(site: Site, client: Client) -> None:
    site.says(as_json([1], Content_Encoding="identity"))
    assert client.http.call("GET", "/api/x/") == [1]


@pytest.mark.parametrize(
    "body",
    [
        b"[" + b"{}," * 300_000 + b"{}]",
        b"[" + b"[]," * 300_000 + b"[]]",
        b"{" + b",".join(b'"%d":0' % number for number in range(100_000)) + b"}",
    ],
    ids=["objects", "lists", "keys"],
)
def test_an_answer_of_a_great_many_values_is_refused_before_it_is_taken_apart(
    site: Site, client: Client, monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    monkeypatch.setattr("pyinfra_plane.api.reply.MOST_VALUES", 50_000)
    site.says(Answer(200, body))
    assert "is not JSON" in str(failure(client))


def test_the_largest_answer_that_is_taken_apart_fits_into_memory() -> None:
    tracemalloc.start()
    value = Reply("GET x", 200, "", b"[" + b"{}," * MOST_VALUES + b"{}]", {}, "").json()
    assert tracemalloc.get_traced_memory()[1] < 64 * 2**20
    tracemalloc.stop()
    assert len(value) == MOST_VALUES + 1


# How long


def dripped(data: bytes, first: bytes = b"") -> Callable[[Raw, socket.socket], None]:
    def write(server: Raw, connection: socket.socket) -> None:
        server.send(connection, first)
        for byte in itertools.cycle(data):
            if server.over.wait(0.02):
                return
            server.send(connection, bytes([byte]))

    return write


@pytest.mark.parametrize(
    "write",
    [
        dripped(b"x", b"HTTP/1.1 200 "),
        dripped(b"X: y\r\n", HEAD),
        dripped(b"[", HEAD + b"Content-Length: 1000000\r\n\r\n"),
        dripped(b"1\r\n[\r\n", HEAD + b"Transfer-Encoding: chunked\r\n\r\n"),
        dripped(b"0", HEAD + b"Transfer-Encoding: chunked\r\n\r\n"),
        dripped(b"HTTP/1.1 100 Continue\r\n\r\n"),
        dripped(b"x", b"HTTP/1.1 429 No\r\nContent-Length: 1000000\r\n\r\n"),
        dripped(b"x", b"HTTP/1.1 503 No\r\nContent-Length: 1000000\r\n\r\n"),
        dripped(b"x", b"HTTP/1.1 302 No\r\nLocation: /\r\nContent-Length: 1000000\r\n\r\n"),
    ],
    ids=["status", "head", "body", "chunks", "chunk size", "continue", "limit", "failure", "redirect"],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_answer_that_drips_is_given_up_as_a_whole(write: Callable[[Raw, socket.socket], None], method: str) -> None:
    with raw(write) as server, client_of(server.url) as client:
        error = failure(client, method)
        assert isinstance(error, PlaneUnreachable)
        assert "the answer was not complete within 1 s; run again" in str(error)
        assert client.http.requests_sent == 1


def test_a_body_that_stalls_is_not_waited_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyinfra_plane.api.http.READ_TIMEOUT", 0.2)

    def write(server: Raw, connection: socket.socket) -> None:
        server.send(connection, HEAD + b"Content-Length: 9\r\n\r\n[")
        server.over.wait(10)

    with raw(write) as server, client_of(server.url) as client:
        assert "no answer within 0 s" in str(failure(client))
        assert client.http.requests_sent == 1


def test_a_kept_connection_has_its_whole_patience_again(site: Site, client: Client) -> None:
    site.says(as_json([]))
    for _ in range(5):
        assert client.http.call("GET", "/") == []
        time.sleep(0.3)
    assert site.connections == 1


@pytest.mark.parametrize(
    "value",
    ["31536000", "9" * 5000, "-5", "1e9", "NaN", "\xb2", "soon\x1b[31m", "0x10", "Fri, 31 Dec 9999 23:59:59 GMT", ""],
)
def test_the_wait_that_a_server_asks_for_is_bounded(site: Site, client: Client, value: str) -> None:
    site.says(as_json({}, 429, Retry_After=value))
    error = failure(client, "POST")
    assert str(error).endswith("Plane still limits requests; run again in a minute")
    assert all(0 < seconds <= LONGEST_THROTTLE_WAIT + 1 for seconds in client.waited)
    assert all(line.isprintable() for line in client.said)


# Lists


def endless_pages(site: Site, per_page: int, filler: int = 0) -> None:
    item = {
        "id": "p", "name": "x" * filler, "identifier": "P", "is_member": True, "member_role": 20, "archived_at": None
    }  # fmt: skip
    cursors = itertools.count()

    def answer(asked: Any) -> Answer:
        site.asked.append(asked)
        results = [item] * per_page
        return as_json({"results": results, "next_cursor": f"c{next(cursors)}", "next_page_results": True})

    site.next = answer  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("bound", "value", "said"),
    [
        ("LONGEST_LIST", 20, "a list of more than 20 pages"),
        ("MOST_ITEMS", 500, "a list of more than 500 items"),
        ("LARGEST_LIST", 100_000, "a list of more than 100000 bytes"),
        ("LONGEST_READING", 0.05, "a list of more than 0 seconds"),
    ],
)
def test_pages_without_end_are_bounded(
    site: Site, client: Client, monkeypatch: pytest.MonkeyPatch, bound: str, value: float, said: str
) -> None:
    monkeypatch.setattr(f"pyinfra_plane.api.base.{bound}", value)
    endless_pages(site, 20, 100)
    with pytest.raises(PlaneBadAnswer) as caught:
        Plane(client.http).visible_projects("javisi", KEY)
    assert f"{said}; plane_api_url must be the address of Plane's API" in one_line(caught.value)
    # How many pages fit into a time is the machine's affair.
    assert bound == "LONGEST_READING" or len(site.asked) < 500


# What is no answer


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 500_000,
        b'{"a":' * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b"[NaN]",
        b"[Infinity]",
        b"[-Infinity]",
        b"[" + b"9" * 100_000 + b"]",
        b'["\xff\xfe"]',
        b'["\xed\xa0\x80"]',
        rb'["\ud800"]',
        rb'{"\uDfff": 1}',
        '["x"]'.encode("utf-16"),
        '["x"]'.encode("utf-32"),
        b"\xef\xbb\xbf[]",
        b"\0",
        b"<!doctype html><title>Plane</title>",
    ],
    ids=range(16),
)
@pytest.mark.parametrize("status", [200, 400])
def test_json_that_is_none_is_one_line(site: Site, client: Client, body: bytes, status: int) -> None:
    site.says(Answer(status, body, (("Content-Type", "application/json"),)))
    error = failure(client)
    assert "is not JSON" in str(error)
    assert isinstance(error, PlaneBadAnswer if status == 200 else PlaneRefused)


def test_characters_in_two_halves_are_json(site: Site, client: Client) -> None:
    site.says(Answer(200, rb'["\ud83d\ude00", "\\ud800"]'))
    assert client.http.call("GET", "/") == ["\U0001f600", "\\ud800"]


def test_a_page_for_people_is_one_line(site: Site, client: Client) -> None:
    site.says(page("<!doctype html>\x1b[2J" + "<p>\n" * 100_000))
    assert "the answer (200, text/html; charset=utf-8) is not JSON" in str(failure(client))


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\0" * 1000,
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 99999 OK\r\n\r\n",
        b"HTTP/1.1 200 \x1b[31mOK\r\nContent-Length: 5\r\n\r\n\x1b[31m",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\n: no name\r\nno colon\r\n folded\r\n\r\n<",
        b"HTTP/1.1 302 Found\r\nLocation: \xff\xfe\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://[broken\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://" + b"x" * 60_000 + b"\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://\x1b]0;title\x07evil/\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: evil\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
        b"HTTP/1.1 204 No\r\nContent-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm=x, nonce=y\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n",
    ],
    ids=range(26),
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_is_no_http_or_no_answer_is_one_line(answer: bytes, method: str) -> None:
    with raw(lambda server, connection: server.send(connection, answer)) as server, client_of(server.url) as client:
        failure(client, method)
        assert server.heads


@pytest.mark.parametrize("status", [101, 103])
def test_what_comes_after_an_answer_that_is_none_is_not_taken_for_the_next(status: int) -> None:
    def write(server: Raw, connection: socket.socket) -> None:
        first = len(server.heads) == 1
        server.send(connection, b"HTTP/1.1 %d X\r\n\r\n" % status if first else b"")
        server.send(connection, HEAD + b"Content-Length: 3\r\n\r\n[%d]" % len(server.heads))
        server.over.wait(5)

    with raw(write) as server, client_of(server.url) as client:
        assert f"{status} is not an answer to a request" in str(failure(client))
        assert client.http.call("GET", "/") == [2]


@examples(PROPERTY)
@given(answer=st.binary(max_size=300))
def test_any_bytes_are_an_answer_or_one_line(answer: bytes) -> None:
    def dial(host: str, port: int) -> socket.socket:
        near, far = socket.socketpair()
        far.sendall(answer)
        far.shutdown(socket.SHUT_WR)
        return near

    for prefix in (b"", HEAD, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"HTTP/1.1 "):
        answer = prefix + answer
        with client_of("http://plane:8000", dial) as client:
            try:
                client.http.call("POST", "/api/x/", headers=KEY.headers())
            except PlaneError as error:
                assert "secret" not in one_line(error)


def test_an_answer_before_the_request_was_read_is_one_line_or_an_answer() -> None:
    def write(server: Raw, connection: socket.socket) -> None:
        server.send(connection, b"HTTP/1.1 413 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")

    with raw(write, reads_first=False) as server, client_of(server.url) as client:
        with pytest.raises(PlaneError) as caught:
            client.http.call("POST", "/api/x/", json={"x": "y" * 20_000_000})
        one_line(caught.value)


# What it says


ESCAPES = "\x1b[2J\x1b]0;title\x07\x9b31m\r\n\x08\x7f\u202e\u2028\u200b\ud800\x00!"


@pytest.mark.parametrize("status", [400, 403, 404])
def test_what_a_refusal_says_cannot_steer_a_terminal(site: Site, client: Client, status: int) -> None:
    site.says(as_json({"detail": ESCAPES.replace("\ud800", "") + "x" * 100_000}, status))
    error = failure(client)
    assert isinstance(error, PlaneRefused)
    assert error.detail.startswith("! x") or error.detail.startswith("!x")
    assert len(error.detail) <= LONGEST_QUOTE


def test_what_a_form_or_a_type_says_cannot_steer_a_terminal(site: Site, client: Client) -> None:
    site.route("GET /auth/get-csrf-token/", as_json({"csrf_token": "t"}, Set_Cookie="csrftoken=c"))
    site.says(redirect("/?error_message=%1b%5B2J%0A" + "A" * 9000))
    with pytest.raises(PlaneFormRefused) as caught:
        Forms(client.http, Pace()).submit("/auth/sign-in/", {}, "sign in")
    assert len(one_line(caught.value)) < 300
    site.says(Answer(200, b"x", (("Content-Type", "a\x1b[2Jb" + "c" * 9000),)))
    assert "(200, abccc" in str(failure(client))


@given(text=st.text(max_size=400))
def test_whatever_is_said_becomes_one_printable_line(text: str) -> None:
    for shown in (printable(text), quote(text), str(PlaneError(text))):
        assert shown.isprintable()
        assert "\x1b" not in shown


@pytest.mark.parametrize("text", ["ü ☃ → … \U0001f600", "two  blanks", "~ plane.env: A, B"])
def test_what_is_plain_stays_as_it_is(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize("text", ["\x1b]" * 500_000, "\x1b[" + "0;" * 500_000, "\x1b" * 1_000_000, "\n" * 1_000_000])
def test_making_plain_takes_no_time(text: str) -> None:
    began = time.thread_time()  # of this thread's own, however busy the machine is
    assert len(printable(text)) <= LONGEST
    assert len(quote(text)) <= LONGEST_QUOTE
    assert time.thread_time() - began < 0.5


# Where it points to


@pytest.fixture
def elsewhere() -> Iterator[Site]:
    with serving() as running:
        running.says(as_json({"status": "OK"}))
        yield running


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_secret_follows_a_redirect(site: Site, client: Client, elsewhere: Site, status: int) -> None:
    site.says(redirect(f"{elsewhere.url}/", "session-id=x", status=status))
    assert f"redirected to {elsewhere.url}" in str(failure(client))
    client.http.send("POST", "/auth/sign-in/", form={"password": "secret"})
    assert elsewhere.asked == []


@pytest.mark.parametrize("header", ["Refresh", "Link", "Content-Location", "Alt-Svc", "Location"])
def test_no_other_header_leads_elsewhere(site: Site, client: Client, elsewhere: Site, header: str) -> None:
    site.says(Answer(200, b"[]", ((header, f"0; url={elsewhere.url}/"),)))
    for _ in range(2):
        client.http.call("GET", "/", headers=KEY.headers())
    assert elsewhere.asked == []


@pytest.mark.parametrize("name", ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"])
@pytest.mark.parametrize("lower", [True, False])
def test_no_proxy_of_this_machine_is_told_anything(
    site: Site, client: Client, elsewhere: Site, monkeypatch: pytest.MonkeyPatch, name: str, lower: bool
) -> None:
    for variable in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv(name.lower() if lower else name, elsewhere.url)
    site.says(as_json([]))
    assert client.http.call("GET", "/", headers=KEY.headers()) == []
    assert elsewhere.connections == 0


def test_no_password_of_netrc_is_sent(
    site: Site, client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password netrc-secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    site.says(as_json({}, 401, WWW_Authenticate="Basic realm=x"))
    failure(client)
    assert "Authorization" not in site.asked[0].headers


# Cookies


def set_cookies(site: Site, *cookies: str) -> None:
    site.says(Answer(200, b"[]", tuple(("Set-Cookie", cookie) for cookie in cookies)))


def test_thousands_of_cookies_are_bounded(site: Site, client: Client) -> None:
    set_cookies(site, *(f"c{number}={'x' * 1000}" for number in range(80)))
    cookies = client.http.send("GET", "/").cookies
    assert len(cookies) == MOST_COOKIES
    set_cookies(site, *(f"c{number}=x" for number in range(5000)))
    failure(client)


def test_a_cookie_of_any_size_and_kind_takes_no_time(
    site: Site, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The time is this thread's own; a machine that is busy may take long to send it all.
    monkeypatch.setattr("pyinfra_plane.api.transport.LONGEST_ANSWER", 30.0)
    nasty = ['a="' + "\\" * 60_000 + '"', "a=" + ";" * 60_000, "a=b; expires=" + "1 " * 30_000, "," * 60_000]
    for cookie in nasty:
        set_cookies(site, *[cookie] * 4)
        began = time.thread_time()
        cookies = client.http.send("GET", "/").cookies
        assert time.thread_time() - began < 2
        assert sum(map(len, cookies.values())) <= LONGEST_COOKIE


@pytest.mark.parametrize(
    ("cookie", "kept"),
    [
        ("session-id=abc; Path=/; HttpOnly", {"session-id": "abc"}),
        ("session-id=abc=def==", {"session-id": "abc=def=="}),
        ('session-id="abc"', {"session-id": "abc"}),
        ('session-id=""; Max-Age=0', {"session-id": ""}),
        ("session-id", {}),
        ("=abc", {}),
        ("a b=c", {}),
        ("a=b c", {}),
        ("a=b,c", {}),
        ("a=\x1b[31m", {}),
        ("a=\xff", {}),
        ("a\xff=b", {}),
        ("a=" + "x" * LONGEST_COOKIE, {}),
        ("a:b=c", {}),
        ("", {}),
    ],
)
def test_a_cookie_that_a_header_cannot_carry_is_none(
    site: Site, client: Client, cookie: str, kept: dict[str, str]
) -> None:
    set_cookies(site, cookie)
    assert client.http.send("GET", "/").cookies == kept


def test_cookies_for_other_hosts_go_nowhere(site: Site, client: Client, elsewhere: Site) -> None:
    port = elsewhere.url.rpartition(":")[2]
    set_cookies(site, "a=1; Domain=127.0.0.1", "b=2; Domain=.example.com", f"c=3; Domain=127.0.0.1; Port={port}")
    client.http.send("GET", "/")
    client.http.send("GET", "/", headers=KEY.headers())
    assert all("Cookie" not in asked.headers for asked in site.asked)
    with client_of(elsewhere.url) as other:
        other.http.send("GET", "/")
    assert "Cookie" not in elsewhere.asked[0].headers


# Any JSON in any place

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)

NAMES = {
    "instance": models.Instance.of,
    "configuration": models.Configuration.of,
    "workspace": models.Workspace.of,
    "v1 member": models.WorkspaceMember.of_v1,
    "member": models.WorkspaceMember.of_session,
    "invitation": models.Invitation.of,
    "token": models.Token.of,
    "project": models.Project.of,
    "state": models.State.of,
    "label": models.Label.of,
    "estimate": models.Estimate.of,
    "type": models.WorkItemType.of,
    "option": models.PropertyOption.of,
    "property": models.WorkItemProperty.of,
}

GOOD: dict[str, Any] = {
    "id": "1", "name": "n", "slug": "s", "email": "a@b.c", "display_name": "d", "role": 15, "label": "l", "key": "K",
    "value": "v", "identifier": "I", "group": "g", "edition": "e", "current_version": "1", "is_setup_done": True,
}  # fmt: skip

FIELDS = [
    *GOOD, "instance", "config", "member", "workspace", "member_role", "network", "timezone", "project_lead",
    "default_assignee", "estimate", "description", "color", "parent", "archived_at", "default", "is_default",
    "default_value", "property_type", "relation_type", "is_active", "is_encrypted", "workspaces_exist", "last_used",
]  # fmt: skip


def is_as_declared(found: Any) -> bool:
    """Whether each field of a dataclass holds what it is declared to."""
    kinds = {"str": str, "bool": bool, "int": int, "str | None": str | None, "int | None": int | None}
    declared = {name: kinds.get(entry.type) for name, entry in found.__dataclass_fields__.items()}
    declared["is_active"] = bool | None if hasattr(found, "is_active") else None
    return all(isinstance(getattr(found, name), kind) for name, kind in declared.items() if kind is not None)


@pytest.mark.parametrize("name", NAMES)
@examples(PROPERTY)
@given(changes=st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=6), whole=JSON)
def test_any_json_becomes_what_is_declared_or_a_bad_answer(name: str, changes: dict[str, Any], whole: Any) -> None:
    of: Callable[[Any], Any] = NAMES[name]
    good = {**GOOD, "instance": GOOD, "member": GOOD}
    for item in ({**good, **changes}, {**good, "instance": {**GOOD, **changes}, "member": {**GOOD, **changes}}):
        try:
            assert is_as_declared(of(item))
        except PlaneBadAnswer as error:
            one_line(error)
    for answer in (whole, [whole], [changes]):
        try:
            rows.listed(answer, of, "things")
        except PlaneBadAnswer as error:
            one_line(error)


@examples(PROPERTY)
@given(answer=JSON)
def test_any_json_to_any_question_is_an_answer_or_one_line(answer: Any) -> None:
    body = json.dumps(answer).encode()

    def dial(host: str, port: int) -> socket.socket:
        near, far = socket.socketpair()
        far.sendall(HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        return near

    project = models.Project("1", "n", "I", is_member=True, member_role=20)
    asks: list[Callable[[Plane], object]] = [
        Plane.health, Plane.instance,
        lambda plane: plane.visible_projects("s", KEY),
        lambda plane: plane.owner(KEY),
        lambda plane: plane.members("s", KEY),
        lambda plane: plane.collection(models.State, KEY, slug="s", project="1").rows(),
        lambda plane: plane.collection(models.Label, KEY, slug="s", project="1").rows(),
        lambda plane: plane.project_members("s", KEY, project),
        lambda plane: plane.work_item_types("s", KEY, project).rows(),
        lambda plane: plane.sign_in("a@b.c", "secret"),
    ]  # fmt: skip
    for ask in asks:
        with client_of("http://plane:8000", dial) as client:
            try:
                ask(Plane(client.http))
            except PlaneError as error:
                assert "secret" not in one_line(error)


def test_nothing_is_warned_of(site: Site, client: Client) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        set_cookies(site, "a=b; expires=" + "x" * 5000, "c=d; Max-Age=99999999999999999999999")
        client.http.call("GET", "/")
