"""One request to Plane and its answer: retries, throttling, timeouts, and answers that cannot be used.

The server is not trusted: the cost of an answer is limited (in :mod:`pyinfra_plane.api.reply` in values, in
:mod:`pyinfra_plane.api.transport` in bytes and seconds), and no redirect is followed.
"""

from __future__ import annotations

import json as jsonlib
import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Any, NoReturn
from urllib.parse import quote as percent
from urllib.parse import quote_plus, urlencode, urlsplit

import requests
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, Timeout
from urllib3.exceptions import HTTPError, ReadTimeoutError, SSLError

from pyinfra_plane.api import transport
from pyinfra_plane.api.advice import Advice
from pyinfra_plane.api.errors import PlaneBadAnswer, PlaneSettings, PlaneUnreachable
from pyinfra_plane.api.reply import Reply, refuse_bad
from pyinfra_plane.api.transport import (
    CONNECT_TIMEOUT,
    READ_TIMEOUT,
    AnswerTooLarge,
    AnswerTooSlow,
    DialAdapter,
    NoWay,
)
from pyinfra_plane.text import quote

SAFE_METHODS = frozenset({"GET", "HEAD"})
"""Methods that are sent again after a connection error. Others are not: Plane may have executed them."""

ATTEMPTS = 3
THROTTLE_WAITS = 5
LONGEST_THROTTLE_WAIT = 120
"""Maximum seconds. Plane 1.2.2 counts by the minute; a longer request to wait is ignored."""

MOST_COOKIES = 20
LONGEST_COOKIE = 4096
"""Maximum number of cookies in an answer, and their length. Plane sets two (every tried release); browsers keep
4,096."""

_ADVICE = "; run again; if that repeats, check the log of Plane's api"

_SECRET_FIELD = re.compile("pass|secret|token|key", re.I)


# A compressed answer can be a thousand times as large as the bytes that were counted in transit.
_HEADERS = {**requests.utils.default_headers(), "Accept-Encoding": "identity"}


class Http:
    """Requests to one Plane, over connections that are kept alive.

    Args:
        base_url: without a trailing slash.
        adapter: opens the connections; see :mod:`pyinfra_plane.api.transport`.
        verify: a file of CA certificates, or ``True`` for those that `requests` ships; ``False`` accepts any
            certificate.
        say: called with a line when a request must wait.
        trace: called with a line for each request: method, path, status and time. The line contains no secret.
        sleep: waits the given number of seconds.
        advice: the advice in messages.
    """

    def __init__(
        self,
        base_url: str,
        adapter: DialAdapter,
        verify: str | bool = True,
        say: Callable[[str], None] = lambda line: None,
        sleep: Callable[[float], None] = time.sleep,
        trace: Callable[[str], None] = lambda line: None,
        advice: Advice = Advice(),  # noqa: B008 - it cannot change
    ) -> None:
        self.base_url = base_url
        self.advice = advice
        self.requests_sent = 0
        self.bytes_received = 0
        self.now: datetime | None = None
        """The server's clock, from the last answer with a Date."""
        self._say = say
        self._sleep = sleep
        self._trace = trace
        self._adapter = adapter
        self._verify = verify
        self._root = urlsplit(base_url).path
        self._pool: HTTPConnectionPool | None = None

    def close(self) -> None:
        """Close the connections."""
        if self._pool is not None:
            self._pool.close()

    def send(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        json: Any = None,
        attempts: int | None = None,
    ) -> Reply:
        """Send a request and return the answer of any status below 500 other than 429.

        Args:
            path: with its query.
            headers: the credential's ``headers()``.
            form: fields of an HTML form, instead of `json`.
            attempts: how many times a safe method is sent if there is no answer, or only a proxy's (502 to 504);
                :data:`ATTEMPTS` if it is ``None``.

        Raises:
            PlaneUnreachable: no answer came.
            PlaneBadAnswer: the server failed (5xx), or the answer cannot be read.
        """
        sent = waits = 0
        while True:
            sent += 1
            may_repeat = method in SAFE_METHODS and sent < (attempts or ATTEMPTS)
            found = self._once(method, path, headers, form, json, may_repeat)
            if found is None:
                self._sleep(0.25 * sent)
                continue
            reply, throttled_for = found
            if reply.status != 429:
                return reply
            if waits == THROTTLE_WAITS:
                raise PlaneUnreachable(f"{reply.asked}: Plane still limits requests; run again in a minute")
            waits += 1
            sent -= 1  # it was answered, so it does not count as a failed attempt
            self._say(f"Plane limits requests; continuing in {throttled_for} s")
            self._sleep(throttled_for)

    def _once(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None,
        form: Mapping[str, str] | None,
        json: Any,
        may_repeat: bool,
    ) -> tuple[Reply, int] | None:
        """Send a request once. Returns its answer and the seconds of a 429, or ``None`` if it must be sent again."""
        asked = f"{method} {self.base_url}{path.partition('?')[0]}"
        begun = time.monotonic()
        try:
            response, body = self._ask(method, path, dict(headers or {}), form, json)
        except (requests.RequestException, HTTPError, ValueError) as error:
            # Both libraries let some of their own and of Python's errors through if the answer is not HTTP.
            self._trace(f"{method} {path.partition('?')[0]}: no answer, {_since(begun)}")
            if may_repeat and not _is_final(error):
                return None
            # The caller repeats a probe itself; any other request ends the run.
            _give_up(asked, error, "" if path == "/" else _ADVICE, self.advice)
        self.bytes_received += len(body)
        self.now = _date(response.headers.get("Date", "")) or self.now
        status = response.status
        self._trace(f"{method} {path.partition('?')[0]}: {status}, {_since(begun)}")
        if status in (502, 503, 504) and may_repeat:
            return None
        if status >= 500:
            raise PlaneBadAnswer(f"{asked}: the server failed ({status}); see the log of Plane's api")
        if status != 429 and _is_packed(response):
            raise PlaneBadAnswer(
                f"{asked}: the answer is compressed, although the request did not allow it; {self.advice.address}"
            )
        if status < 200:
            raise PlaneBadAnswer(f"{asked}: {status} is not an answer to a request; {self.advice.address}")
        content_type, location = (response.headers.get(name, "") for name in ("Content-Type", "Location"))
        hidden = _hidden(headers, form, json)
        reply = Reply(asked, status, content_type, body, _cookies(response), location, hidden, self.advice)
        return reply, _throttled_for(response)

    def _ask(
        self, method: str, path: str, headers: dict[str, str], form: Mapping[str, str] | None, json: Any
    ) -> tuple[BaseHTTPResponse, bytes]:
        """Send a request once, and return the answer, and its body if it can be read."""
        self.requests_sent += 1
        if form is not None:
            body, headers["Content-Type"] = urlencode(form), "application/x-www-form-urlencoded"
        elif json is not None:
            body, headers["Content-Type"] = jsonlib.dumps(json, allow_nan=False), "application/json"
        else:
            body = None
        if self._pool is None:
            self._pool = self._adapter.pool(self.base_url, self._verify)
        # Not by `requests`: it would apply this machine's proxies and .netrc, unpack bodies to find redirects, and keep
        # cookies that two accounts would share. It also takes two fifths of a request's CPU.
        response = self._pool.urlopen(
            method,
            self._root + path,
            body,
            {**_HEADERS, **headers},
            retries=False,
            redirect=False,
            timeout=Timeout(connect=CONNECT_TIMEOUT, read=READ_TIMEOUT),
            preload_content=False,
            decode_content=False,
        )
        if _is_packed(response) or response.status < 200:
            response.close()  # with its connection: its other bytes would be read as the next answer
            return response, b""
        return response, b"".join(response.stream())

    def call(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        attempts: int | None = None,
    ) -> Any:
        """Send a request and return the JSON of its successful answer, ``None`` if the answer is empty.

        Raises:
            PlaneKeyInvalid, PlaneForbidden, PlaneRefused: Plane refused.
            PlaneBadAnswer: the answer is not one of Plane's API.
            PlaneUnreachable: no answer came.
        """
        reply = self.send(method, path, headers=headers, json=json, attempts=attempts)
        refuse_bad(reply, path)
        return reply.json() if reply.body else None


def _is_packed(response: BaseHTTPResponse) -> bool:
    return response.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity")


def _date(text: str) -> datetime | None:
    """Parse a Date header; ``None`` if it is not a date."""
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=timezone.utc)


def _since(begun: float) -> str:
    return f"{(time.monotonic() - begun) * 1000:.0f} ms"


def _hidden(headers: Mapping[str, str] | None, form: Mapping[str, str] | None, json: Any) -> tuple[str, ...]:
    """The secrets of a request, in each form in which an answer could repeat them, the longest first."""
    values = [cookie.partition("=")[2] for cookie in (headers or {}).get("Cookie", "").split("; ")]
    values.append((headers or {}).get("X-API-Key", ""))
    fields = {**(form or {}), **(json if isinstance(json, Mapping) else {})}
    values += [str(value) for name, value in fields.items() if _SECRET_FIELD.search(name)]
    ways = (str, quote_plus, lambda value: percent(value, safe=""), lambda value: jsonlib.dumps(value)[1:-1])
    # Shorter values, such as a switch's 0 or 1, are no secrets and occur in many words.
    found = {way(value) for value in values if len(value) > 4 for way in ways}
    return tuple(sorted(found, key=len, reverse=True))


def _cookies(response: BaseHTTPResponse) -> dict[str, str]:
    # Parsed here: a cookie jar drops a cookie whose Domain (Plane's COOKIE_DOMAIN) is not the address on the target.
    # Python's SimpleCookie takes quadratic time for some (CVE-2024-7592). A cookie that no header can contain is
    # dropped.
    found: dict[str, str] = {}
    for header in response.headers.getlist("Set-Cookie"):
        name, equals, value = header[: LONGEST_COOKIE + 1].partition(";")[0].partition("=")
        name, value = name.strip(), value.strip().strip('"')
        good = re.fullmatch(r"[\w!#$%&'*+.^`|~-]+", name, re.A) and re.fullmatch(r"[!#-+\x2d-:<-\[\]-~]*", value)
        if equals and good and len(name) + len(value) < LONGEST_COOKIE and (name in found or len(found) < MOST_COOKIES):
            found[name] = value
    return found


def _throttled_for(response: BaseHTTPResponse) -> int:
    value = response.headers.get("Retry-After", "")
    if not (value.isascii() and value.isdecimal()):
        return 60
    return min(int(value[:9]), LONGEST_THROTTLE_WAIT) + 1


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and its causes, wherever each library stores them."""
    seen: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        inner = waiting.pop(0)
        if isinstance(inner, BaseException) and inner not in seen:
            seen.append(inner)
            yield inner
            waiting += [*inner.args, getattr(inner, "reason", None), inner.__cause__, inner.__context__]


_FINAL = (ReadTimeoutError, AnswerTooSlow, AnswerTooLarge, NoWay)


def _is_final(error: Exception) -> bool:
    """Whether the same request would fail the same way, or take as long again."""
    return isinstance(error, SSLError) or any(isinstance(one, _FINAL) or _is_excess(one) for one in _causes(error))


def _is_excess(error: BaseException) -> bool:
    """Whether Python's HTTP client stopped counting: headers, and from 3.14 on answers such as 100 Continue."""
    return type(error) is HTTPException and str(error).startswith("got more than ")


def _give_up(asked: str, error: Exception, further: str, advice: Advice) -> NoReturn:
    """Raise one line that says why there was no answer."""
    causes = list(_causes(error))

    def is_of(kind: type[BaseException]) -> bool:
        return any(isinstance(one, kind) for one in causes)

    if is_of(AnswerTooLarge):
        size = f"{transport.LARGEST_ANSWER / 2**20:.3g} MiB"
        raise PlaneBadAnswer(f"{asked}: the answer is larger than {size}; {advice.address}") from None
    if excess := next(filter(_is_excess, causes), None):
        raise PlaneBadAnswer(f"{asked}: {excess}; {advice.address}") from None
    if is_of(AnswerTooSlow):
        seconds = f"{transport.LONGEST_ANSWER:.0f} s"
        raise PlaneUnreachable(f"{asked}: the answer was not complete within {seconds}{_ADVICE}") from None
    if is_of(ReadTimeoutError):
        raise PlaneUnreachable(f"{asked}: no answer within {READ_TIMEOUT:.0f} s{_ADVICE}") from None
    if no_way := next((one for one in causes if isinstance(one, NoWay)), None):
        raise PlaneSettings(f"{asked}: {no_way}") from None
    if isinstance(error, SSLError):
        raise PlaneSettings(f"{asked}: {_explain_tls(error, advice)}") from None
    raise PlaneUnreachable(f"{asked}: {_reason(error)}{further}") from None


def _reason(error: BaseException) -> str:
    """The innermost reason of an HTTP error: the outer ones repeat the address and print objects."""
    reason: Any = error
    while True:
        inner = getattr(reason, "reason", None) or (reason.args[0] if reason.args else None)
        if not isinstance(inner, BaseException):
            break
        reason = inner
    text = quote(str(inner or reason))
    # urllib3 prepends the connection object.
    return re.sub(r"^<?[\w.]*(Connection|Pool)\w*[ (].*?[)>]: ", "", text)


def _explain_tls(error: BaseException, advice: Advice) -> str:
    reason: Any = error
    while not isinstance(reason, ssl.SSLError):
        inner = getattr(reason, "reason", None) or (reason.args[0] if reason.args else None)
        if not isinstance(inner, BaseException):
            return f"TLS failed ({quote(str(reason))})"
        reason = inner
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"the certificate is not trusted ({quote(reason.verify_message)}); {advice.certificate}"
    return f"TLS failed ({reason.reason or quote(str(reason))}); {advice.scheme}"
