"""Plays a recorded scenario against an address, step by step, and tells where its answers differ."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any

import requests

from .matching import NOTHING, mismatches, shown

RECORDINGS = Path(__file__).parent
RECORDED_WEB_URL = "https://work.javisi.local"
#: Answers repeat it (`last_login_uagent`), so it must be the recorder's whatever `requests` is installed.
USER_AGENT = "python-requests/2.34.2"
#: Headers that are part of the contract, by being there as well as by not being there.
HEADERS = ("X-RateLimit-Remaining", "X-RateLimit-Reset", "Retry-After")
#: A new workspace's bot and demo project come from a worker, and so does a work item's history; these lists show them.
FILLED_BY_WORKER = re.compile(r"/api/(v1/)?workspaces/[^/]+/(members|projects|projects/.+/activities)/(\?.*)?")
#: Where the recordings disagree for one and the same request, so a real Plane may do either.
#: The mail that a worker sends for an invitation fills in the one and loses the other.
WAVERING = frozenset((step, key) for step in ("thot-invitations", "reinvitations") for key in ("message", "created_by"))
TIMEOUT = 30.0


@dataclass(frozen=True)
class Difference:
    """One point in which an answer was not as recorded."""

    step: str
    where: str
    expected: object
    got: object

    def __str__(self) -> str:
        return f"{self.step}: {self.where}: expected {shown(self.expected)}, got {shown(self.got)}"


@dataclass
class Caller:
    """Cookies and CSRF token of one caller. A jar would keep `Secure` cookies back from a plain http address."""

    cookies: dict[str, str] = field(default_factory=dict)
    csrf_token: str = ""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: requests.structures.CaseInsensitiveDict[str]
    cookies: dict[str, list[str]]
    text: str

    @property
    def json(self) -> Any:
        try:
            return json.loads(self.text)
        except ValueError:
            return NOTHING


def load(name: str) -> dict[str, Any]:
    """A recording by its name, such as 1.2.2."""
    recording: dict[str, Any] = json.loads((RECORDINGS / f"{name}.json").read_text())
    return recording


def play(
    base_url: str,
    recording: dict[str, Any],
    *,
    web_url: str | None = None,
    patience: float = 20.0,
    tolerate: Collection[tuple[str, str]] = (),
) -> list[Difference]:
    """Play every step in order against an instance that was never set up.

    + base_url: where Plane's API listens
    + web_url: the instance's WEB_URL; learned from its first redirect when not given
    + patience: how many seconds to wait, in all, for what a worker adds
    + tolerate: pairs of a step and a key whose differences are not reported
    """
    with talking_to(base_url) as conversation:
        player = _Player(conversation, web_url, patience)
        found = [difference for step in recording["steps"] for difference in player.play(step)]
    return [one for one in found if (one.step, one.where.rpartition("/")[2]) not in tolerate]


@contextlib.contextmanager
def talking_to(base_url: str) -> Iterator[Conversation]:
    with requests.Session() as http:
        http.trust_env = False
        http.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        yield Conversation(http, base_url.rstrip("/"))


class Conversation:
    """Sends the requests of a scenario, and keeps what later ones need: cookies, CSRF tokens, captured values."""

    def __init__(self, http: requests.Session, base_url: str) -> None:
        self._http = http
        self._base_url = base_url
        self._callers: dict[str, Caller] = {}
        self._captured: dict[str, str] = {}

    def send(self, request: dict[str, Any]) -> Answer:
        answer = self._send_once(request)
        for _ in range(request.get("repeat", 1) - 1):
            answer = self._send_once(request)
        return answer

    def capture(self, request: dict[str, Any], answer: Answer) -> list[tuple[str, str]]:
        """Keep the values that a step asks to capture; give back those that are not there."""
        lost = []
        for name, path in request.get("capture", {}).items():
            try:
                self._captured[name] = str(picked(answer.json, path))
            except (LookupError, TypeError):
                lost.append((name, path))
        return lost

    def missing(self, request: dict[str, Any]) -> list[str]:
        """What the request needs of earlier answers and does not have."""
        sent = [request["path"], request.get("x_api_key", ""), json.dumps(request.get("json"))]
        return sorted(set(re.findall(r"\{(\w+)\}", " ".join(sent))) - self._captured.keys())

    def _filled(self, value: Any) -> Any:
        """A value of a request, with what was captured before in place of `{name}`."""
        if isinstance(value, str):
            return re.sub(r"\{(\w+)\}", lambda match: self._captured[match[1]], value)
        if isinstance(value, list):
            return [self._filled(item) for item in value]
        if isinstance(value, dict):
            return {key: self._filled(item) for key, item in value.items()}
        return value

    def _send_once(self, request: dict[str, Any]) -> Answer:
        caller = self._callers.setdefault(request["as"], Caller())
        headers = {"User-Agent": USER_AGENT}
        if caller.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in caller.cookies.items())
        if "x_api_key" in request:
            headers["X-API-Key"] = self._filled(request["x_api_key"])
        if "host" in request:
            headers["Host"] = request["host"]
        form = dict(request["form"]) if "form" in request else None
        if form is not None and request.get("csrf") != "none":
            form["csrfmiddlewaretoken"] = caller.csrf_token
        response = self._http.request(
            request["method"],
            self._base_url + self._filled(request["path"]),
            headers=headers,
            data=form,
            json=self._filled(request.get("json")),
            allow_redirects=False,
            timeout=TIMEOUT,
        )
        answer = Answer(response.status_code, response.headers, _take_cookies(response, caller), response.text)
        if isinstance(answer.json, dict) and "csrf_token" in answer.json:
            caller.csrf_token = answer.json["csrf_token"]
        return answer


class _Player:
    def __init__(self, conversation: Conversation, web_url: str | None, patience: float) -> None:
        self._conversation = conversation
        self._web_url = web_url
        self._patience = patience

    def play(self, step: dict[str, Any]) -> Iterator[Difference]:
        missing = self._conversation.missing(step["request"])
        if missing:
            yield Difference(step["id"], "request", f"{{{missing[0]}}} from an earlier answer", NOTHING)
            return
        answer = self._conversation.send(step["request"])
        found = list(self._compare(step, answer))
        pause = 0.2
        while found and self._may_come_later(step, answer) and pause <= self._patience:
            self._patience -= pause
            time.sleep(pause)
            pause *= 2
            answer = self._conversation.send(step["request"])
            found = list(self._compare(step, answer))
        yield from found
        for name, path in self._conversation.capture(step["request"], answer):
            yield Difference(step["id"], f"capture {name}", path, NOTHING)

    def _compare(self, step: dict[str, Any], answer: Answer) -> Iterator[Difference]:
        recorded = step["response"]
        pairs: list[tuple[str, Any, Any]] = [
            ("status", recorded["status"], answer.status),
            ("set_cookie", recorded.get("set_cookie", {}), answer.cookies),
            ("location", self._here(recorded.get("location"), answer), answer.headers.get("Location")),
        ]
        for name in HEADERS:
            expected = recorded.get("headers", {}).get(name, NOTHING)
            pairs.append((f"headers/{name}", expected, answer.headers.get(name, NOTHING)))
        if "content_type" in recorded:
            pairs.append(("content_type", recorded["content_type"], answer.headers.get("Content-Type", NOTHING)))
        if "json" in recorded:
            pairs.append(("json", recorded["json"], answer.json if answer.json is not NOTHING else answer.text))
        any_order = step["request"]["path"].partition("?")[0].endswith("/members/")
        for where, expected, got in pairs:
            for mismatch in mismatches(expected, got, where, any_order=any_order):
                yield Difference(step["id"], *mismatch)
        if recorded.get("text_contains", "") not in answer.text:
            yield Difference(step["id"], "text", recorded["text_contains"], answer.text)

    def _here(self, location: str | None, answer: Answer) -> str | None:
        """A recorded Location as this instance would write it."""
        if location is None or not location.startswith(RECORDED_WEB_URL):
            return location
        rest = location[len(RECORDED_WEB_URL) :]
        if self._web_url is None:
            got = answer.headers.get("Location", "")
            self._web_url = got[: len(got) - len(rest)] if rest and got.endswith(rest) else RECORDED_WEB_URL
        return self._web_url.rstrip("/") + rest

    def _may_come_later(self, step: dict[str, Any], answer: Answer) -> bool:
        request = step["request"]
        filled_later = FILLED_BY_WORKER.fullmatch(request["path"]) and request["method"] == "GET"
        return bool(filled_later) and answer.status == step["response"]["status"] == 200


def picked(answer: Any, path: str) -> Any:
    """Where a capture points: `0/id`, or `member.email=thot@javisi.local/member.id`."""
    for part in path.split("/"):
        if isinstance(answer, list) and part.isdigit():
            answer = answer[int(part)]
        elif isinstance(answer, list):
            key, _, wanted = part.partition("=")
            answer = next((item for item in answer if _dotted(item, key) == wanted), None)
        else:
            answer = _dotted(answer, part)
    return answer


def _dotted(value: Any, keys: str) -> Any:
    for key in keys.split("."):
        value = value[key]
    return value


def _take_cookies(response: requests.Response, caller: Caller) -> dict[str, list[str]]:
    """Keep the cookies for the caller's next request; give back the flags of each, sorted."""
    flags: dict[str, list[str]] = {}
    for header in response.raw.headers.getlist("Set-Cookie"):
        pair, *attributes = header.split(";")
        name, _, value = pair.partition("=")
        flags[name.strip()] = sorted(attribute.strip().partition("=")[0] for attribute in attributes)
        if value.strip('"'):
            caller.cookies[name.strip()] = value
        else:
            caller.cookies.pop(name.strip(), None)
    return flags
