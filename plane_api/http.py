"""One request to Plane and what came of it: retries, throttling, timeouts, and answers that are no answer."""

from __future__ import annotations

import json as jsonlib
import re
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from requests.adapters import HTTPAdapter

from plane_api.errors import (
    PlaneBadAnswer,
    PlaneForbidden,
    PlaneKeyInvalid,
    PlaneRefused,
    PlaneSettings,
    PlaneUnreachable,
)
from plane_api.transport import CONNECT_TIMEOUT, READ_TIMEOUT

SAFE_METHODS = frozenset({"GET", "HEAD"})
"""Sent again after a connection error. Others are not: they may have been carried out."""

ATTEMPTS = 3
THROTTLE_WAITS = 5
LONGEST_THROTTLE_WAIT = 120
"""Seconds. Plane 1.2.2 counts by the minute; an answer that asks for more is not believed."""

IDLE_LIMIT = 1.5
"""Seconds after which a kept connection is not used again: Plane's server closes it after 2.0 (1.2.2 and 1.3.1), and a
write that meets the close could not be told from one that was carried out."""

_ADVICE = "; run again, and look at the log of Plane's api if it stays so"

_KEY_INVALID = "Given API token is not valid"  # Plane 1.2.2 and 1.3.1


@dataclass(frozen=True)
class Reply:
    """An answer: status, body, the cookies it sets, and the form error that a redirect carries."""

    asked: str
    status: int
    content_type: str
    body: bytes
    cookies: Mapping[str, str]
    location: str

    def json(self) -> Any:
        """The JSON in the body.

        Raises:
            PlaneBadAnswer: there is none.
        """
        try:
            return jsonlib.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise PlaneBadAnswer(
                f"{self.asked}: the answer ({self.status}, {self.content_type or 'no type'}) is not JSON; "
                "is plane_api_url the address of Plane's API?"
            ) from error

    @property
    def form_error(self) -> str | None:
        """Plane's name for why a form was refused, ``None`` when it was taken.

        A form is answered by a redirect, good or bad; a bad one carries ``error_message`` (Plane 1.2.2 and 1.3.1). A
        refused CSRF token is answered 200 with a page of HTML.
        """
        if self.status == 302:
            errors = parse_qs(urlsplit(self.location).query).get("error_message")
            return _one_line(errors[0]) if errors else None
        if self.status == 200 and self.content_type.startswith("text/html"):
            return "CSRF_REFUSED"
        return f"HTTP {self.status}"


class Http:
    """Requests to one Plane, over one kept-alive connection.

    Args:
        base_url: without a slash at its end.
        adapter: carries the requests; see :mod:`plane_api.transport`.
        verify: a file of CA certificates, or ``True`` for the ones that `requests` ships.
        say: told, in a line, when a request has to wait.
        sleep: waits that many seconds.
    """

    def __init__(
        self,
        base_url: str,
        adapter: HTTPAdapter,
        verify: str | bool = True,
        say: Callable[[str], None] = lambda line: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.base_url = base_url
        self.requests_sent = 0
        self._last_answer = 0.0
        self._say = say
        self._sleep = sleep
        self._session = requests.Session()
        # Proxies and .netrc of this machine mean nothing on the target.
        self._session.trust_env = False
        self._session.verify = verify
        # Plane's cookies are Secure even where the address on the target is plain http, so each login keeps its own.
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def send(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        json: Any = None,
        attempts: int = ATTEMPTS,
    ) -> Reply:
        """Send a request and give the answer, whatever its status below 500, once it is not a 429.

        Args:
            path: with its query.
            headers: who is asking, as a credential's ``headers()`` gives it.
            form: fields of an HTML form, instead of `json`.
            attempts: how often a safe method is sent while there is no answer, or only a proxy's (502 to 504).

        Raises:
            PlaneUnreachable: no answer came.
            PlaneBadAnswer: the server failed (5xx).
        """
        asked = f"{method} {self.base_url}{path.partition('?')[0]}"
        sent = waits = 0
        while True:
            sent += 1
            if time.monotonic() - self._last_answer > IDLE_LIMIT:
                self._session.close()  # only its connections; they are opened again
            try:
                self.requests_sent += 1
                response = self._session.request(
                    method,
                    self.base_url + path,
                    headers=dict(headers or {}),
                    data=form,
                    json=json,
                    allow_redirects=False,
                    timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
                )
            except requests.exceptions.SSLError as error:
                raise PlaneSettings(f"{asked}: {_explain_tls(error)}") from None
            except requests.exceptions.ReadTimeout:
                raise PlaneUnreachable(f"{asked}: no answer within {READ_TIMEOUT:.0f} s{_ADVICE}") from None
            except requests.exceptions.RequestException as error:
                if method in SAFE_METHODS and sent < attempts:
                    self._sleep(0.25 * sent)
                    continue
                # The probe is asked again by whoever waits; everything else ends the run.
                advice = "" if path == "/" else _ADVICE
                raise PlaneUnreachable(f"{asked}: {_reason(error)}{advice}") from None
            self._last_answer = time.monotonic()
            if response.status_code == 429 and waits == THROTTLE_WAITS:
                raise PlaneUnreachable(f"{asked}: Plane still limits requests; run again in a minute")
            if response.status_code == 429:
                waits += 1
                sent -= 1  # it was answered, so it is not a try that failed
                seconds = _throttled_for(response)
                self._say(f"Plane limits how many requests it takes; going on in {seconds} s")
                self._sleep(seconds)
                continue
            if response.status_code >= 500:
                if method in SAFE_METHODS and sent < attempts and response.status_code in (502, 503, 504):
                    self._sleep(0.25 * sent)
                    continue
                raise PlaneBadAnswer(f"{asked}: the server failed ({response.status_code}); see the log of Plane's api")
            return Reply(
                asked,
                response.status_code,
                response.headers.get("Content-Type", ""),
                response.content,
                _cookies(response),
                response.headers.get("Location", ""),
            )

    def call(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        attempts: int = ATTEMPTS,
    ) -> Any:
        """Send a request and give the JSON of its good answer, ``None`` for an empty one.

        Raises:
            PlaneKeyInvalid, PlaneForbidden, PlaneRefused: Plane said no.
            PlaneBadAnswer: the answer is not one of Plane's API.
            PlaneUnreachable: no answer came.
        """
        reply = self.send(method, path, headers=headers, json=json, attempts=attempts)
        if 200 <= reply.status < 300:
            return reply.json() if reply.body else None
        if 300 <= reply.status < 400:
            raise PlaneBadAnswer(
                f"{reply.asked}: redirected to {_origin(reply.location)}; is plane_api_url the address of Plane's API?"
            )
        detail = explain(reply)
        message = f"{reply.asked}: {reply.status} {detail}"
        if reply.status == 403 and detail == _KEY_INVALID:
            raise PlaneKeyInvalid(message, reply.status, detail)
        if reply.status == 403:
            raise PlaneForbidden(message, reply.status, detail)
        raise PlaneRefused(message, reply.status, detail)


def explain(reply: Reply) -> str:
    """Plane's own words in a refusal, on one line of at most 200 characters."""
    try:
        answer = jsonlib.loads(reply.body)
    except (ValueError, RecursionError):
        return "(the answer is not JSON)"
    if isinstance(answer, dict):
        answer = answer.get("detail") or answer.get("error") or answer.get("error_message") or answer
    text = answer if isinstance(answer, str) else jsonlib.dumps(answer)
    return _one_line(text)


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]


def _cookies(response: requests.Response) -> dict[str, str]:
    # By hand: `requests` drops a cookie whose Domain (Plane's COOKIE_DOMAIN) is not the address on the target.
    jar: SimpleCookie = SimpleCookie()
    for header in response.raw.headers.getlist("Set-Cookie"):
        jar.load(header)
    return {name: morsel.value for name, morsel in jar.items()}


def _throttled_for(response: requests.Response) -> int:
    value = response.headers.get("Retry-After", "")
    if not (value.isascii() and value.isdecimal()):
        return 60
    return min(int(value[:9]), LONGEST_THROTTLE_WAIT) + 1


def _origin(location: str) -> str:
    parts = urlsplit(location)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else "another page"


def _reason(error: BaseException) -> str:
    """The innermost reason of a `requests` error: the outer ones repeat the address and print objects."""
    reason: Any = error
    while True:
        inner = getattr(reason, "reason", None) or (reason.args[0] if reason.args else None)
        if not isinstance(inner, BaseException):
            break
        reason = inner
    text = _one_line(str(inner or reason))
    # urllib3 puts the connection object in front.
    return re.sub(r"^<?[\w.]*(Connection|Pool)\w*[ (].*?[)>]: ", "", text)


def _explain_tls(error: BaseException) -> str:
    reason: Any = error
    while not isinstance(reason, ssl.SSLError):
        inner = getattr(reason, "reason", None) or (reason.args[0] if reason.args else None)
        if not isinstance(inner, BaseException):
            return f"TLS failed ({_one_line(str(reason))})"
        reason = inner
    if isinstance(reason, ssl.SSLCertVerificationError):
        return (
            f"the certificate is not trusted ({_one_line(reason.verify_message)}); set plane_api_ca to the CA's file, "
            "or plane_api_url to the name that the certificate is for"
        )
    return f"TLS failed ({reason.reason or _one_line(str(reason))}); is it http rather than https in plane_api_url?"
