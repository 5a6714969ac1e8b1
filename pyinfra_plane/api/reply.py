"""An answer of Plane's: its JSON, the error of a form, and the reason of a refusal.

The server is not trusted: the JSON may have only so many values, and words that are quoted are made printable.
"""

from __future__ import annotations

import json as jsonlib
import re
from collections.abc import Mapping
from dataclasses import field
from typing import Any, NoReturn
from urllib.parse import parse_qs, urlsplit

from pyinfra_plane.api import paths
from pyinfra_plane.api.advice import Advice
from pyinfra_plane.api.errors import (
    PlaneBadAnswer,
    PlaneElsewhere,
    PlaneForbidden,
    PlaneKeyInvalid,
    PlaneRefused,
)
from pyinfra_plane.dataclass import dataclass
from pyinfra_plane.text import quote

MOST_VALUES = 500_000
"""Maximum number of values in the JSON of an answer, because small ones take 25 times the memory of their text.

A page of a thousand projects, each with its workspace, has about 40,000 values.
"""

_KEY_INVALID = "Given API token is not valid"  # every tried release


@dataclass(frozen=True)
class Reply:
    """An answer: status, body, the cookies it sets, and the form error that a redirect carries."""

    asked: str
    status: int
    content_type: str
    body: bytes
    cookies: Mapping[str, str]
    location: str
    hidden: tuple[str, ...] = field(default=(), repr=False)
    advice: Advice = field(default=Advice(), repr=False)

    def quoted(self, text: str) -> str:
        """Quote words of the answer, without secrets of the request, which the server may repeat."""
        for secret in self.hidden:
            text = text.replace(secret, "…")
        return quote(text)

    def json(self) -> Any:
        """The JSON in the body.

        Raises:
            PlaneBadAnswer: the body is not JSON.
        """
        try:
            return _parsed(self.body)
        except (ValueError, RecursionError) as error:
            kind = PlaneElsewhere if self.content_type.startswith("text/html") else PlaneBadAnswer
            raise kind(
                f"{self.asked}: the answer ({self.status}, {self.quoted(self.content_type) or 'no type'}) is not JSON; "
                f"{self.advice.address}"
            ) from error

    @property
    def form_error(self) -> str | None:
        """Plane's error code for a refused form; ``None`` if the form was accepted.

        Plane answers every form with a redirect; after an error, the redirect carries ``error_message`` (every tried
        release). A refused CSRF token is answered 200 with a page of HTML.
        """
        if self.status == 302:
            try:
                errors = parse_qs(urlsplit(self.location).query).get("error_message")
            except ValueError:
                return "HTTP 302 to nowhere"
            return self.quoted(errors[0]) if errors else None
        if self.status == 200 and self.content_type.startswith("text/html"):
            return "CSRF_REFUSED"
        return f"HTTP {self.status}"


def refuse_bad(reply: Reply, path: str) -> None:
    """Raise the error of an answer other than 2xx.

    Raises:
        PlaneKeyInvalid, PlaneForbidden, PlaneRefused: Plane refused.
        PlaneElsewhere: the answer is a redirect.
    """
    if 200 <= reply.status < 300:
        return
    if 300 <= reply.status < 400:
        raise PlaneElsewhere(f"{reply.asked}: redirected to {_origin(reply.location)}; {reply.advice.address}")
    detail = explain(reply)
    message = f"{reply.asked}: {reply.status} {detail}"
    if reply.status == 403 and detail == _KEY_INVALID:
        raise PlaneKeyInvalid(message, reply.status, detail)
    if reply.status == 403:
        raise PlaneForbidden(f"{message}; {_who_may(path, reply.advice)}", reply.status, detail)
    raise PlaneRefused(message, reply.status, detail, refusal_code(reply))


def _parsed(body: bytes) -> Any:
    """The JSON in `body`.

    Stricter than Python, which also accepts UTF-16, NaN, and lone surrogates, which no request or terminal accepts.

    Raises:
        ValueError, RecursionError: it is not JSON, or its nesting is deep on purpose.
    """
    text = body.decode()
    if text.count(",") > MOST_VALUES:
        raise ValueError("too many values")
    value = jsonlib.loads(text, parse_constant=_no_number)
    if re.search(r"\\u[dD][89a-fA-F]", text):
        jsonlib.dumps(value, ensure_ascii=False).encode()
    return value


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def explain(reply: Reply) -> str:
    """Plane's words in a refusal, on one line of at most 200 characters."""
    try:
        answer = _parsed(reply.body)
        if isinstance(answer, dict):
            answer = answer.get("detail") or answer.get("error") or answer.get("error_message") or answer
        text = answer if isinstance(answer, str) else jsonlib.dumps(answer)
    except (ValueError, RecursionError):
        return "(the answer is not JSON)"
    return reply.quoted(text)


def refusal_code(reply: Reply) -> str:
    """Plane's error code in a refusal, such as ``workspace_managed``; empty if it has none."""
    try:
        answer = _parsed(reply.body)
    except (ValueError, RecursionError):
        return ""
    code = (answer.get("code") or answer.get("error_code")) if isinstance(answer, dict) else None
    return code if isinstance(code, str) and re.fullmatch(r"\w{1,80}", code, re.A) else ""


def _who_may(path: str, advice: Advice) -> str:
    """The role that a request needs after Plane refused it with 403, and the advice."""
    seen = re.match(r"/api/(?:v1/|users/me/)?workspaces/([^/?]+)/(projects/(?!invitations/)[^/?]+/)?", path)
    if seen is not None and seen[0] != paths.MY_INVITATIONS():
        there = "a member of the project and an admin of the workspace" if seen[2] else "an admin of the workspace"
        return f"the account of this request must be {there} {seen[1]}: {advice.workspace_admin}"
    if path.startswith((paths.INSTANCE(), paths.WORKSPACES())):
        return f"only an instance admin may do this; {advice.instance_admin}"
    return "check in Plane whether the account of this request is suspended"


def _origin(location: str) -> str:
    try:
        parts = urlsplit(location)
    except ValueError:
        return "nowhere"
    return quote(f"{parts.scheme}://{parts.netloc}") if parts.netloc else "another page"
