"""Credentials for Plane: an API key, or the session from a sign-in or sign-up form.

Seen on every tried release: forms require ``csrfmiddlewaretoken`` and the cookie ``csrftoken``; one such pair serves
any number of new sessions; JSON paths under ``/api/`` require only the session's cookie.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pyinfra_plane.api import paths
from pyinfra_plane.api.errors import PlaneBadAnswer, PlaneFormRefused, PlaneUnreachable
from pyinfra_plane.api.pace import Pace
from pyinfra_plane.api.reply import Reply, refuse_bad
from pyinfra_plane.dataclass import dataclass

if TYPE_CHECKING:
    from pyinfra_plane.api.http import Http

APP_COOKIE, INSTANCE_COOKIE = "session-id", "admin-session-id"
"""The cookies with a session's key: the second for ``/api/instances/``, the first for all other paths."""

RATE_LIMIT_EXCEEDED = "RATE_LIMIT_EXCEEDED"
"""Plane's error code for a form above the limit."""


@dataclass(frozen=True)
class ApiKey:
    """An API token, valid for ``/api/v1/``."""

    value: str

    @property
    def is_well_formed(self) -> bool:
        """Whether a header can contain the key.

        For other keys, Python's HTTP client would raise an error that shows the value.
        """
        return bool(self.value) and self.value.isascii() and self.value.isprintable() and " " not in self.value

    def headers(self) -> dict[str, str]:
        """The header with the key."""
        return {"X-API-Key": self.value}

    def __repr__(self) -> str:
        return "ApiKey(*MASKED*)"


@dataclass(frozen=True)
class Session:
    """A signed-in account, valid for ``/api/`` without ``v1``."""

    email: str
    cookies: Mapping[str, str]

    def headers(self) -> dict[str, str]:
        """The header with the session's cookies.

        Built here, because the cookie is Secure and the address may be plain http.
        """
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}

    def __repr__(self) -> str:
        return f"Session({self.email!r})"


class Forms:
    """Plane's HTML forms, all sent with one CSRF pair.

    Args:
        http: sends the requests.
        pace: decides when the next form may be sent.
    """

    def __init__(self, http: Http, pace: Pace) -> None:
        self._http = http
        self.pace = pace
        self._pair: tuple[str, str] | None = None

    def prepare(self) -> None:
        """Fetch the pair once, before forms that are sent at the same time would each fetch one."""
        self._csrf()

    def _csrf(self) -> tuple[str, str]:
        if self._pair is None:
            reply = self._http.send("GET", paths.CSRF())
            answer = reply.json() if reply.status == 200 else None
            token = answer.get("csrf_token") if isinstance(answer, dict) else None
            cookie = reply.cookies.get("csrftoken")
            if not isinstance(token, str) or not cookie:
                raise PlaneBadAnswer(f"{reply.asked}: no CSRF token ({reply.status}); {reply.advice.address}")
            self._pair = (token, cookie)
        return self._pair

    def submit(self, path: str, fields: Mapping[str, str], what: str) -> Reply:
        """Send a form without a session, and return its successful answer.

        Args:
            path: from :mod:`pyinfra_plane.api.paths`.
            fields: without the CSRF token.
            what: the purpose of the form, for the message if it is refused.

        Raises:
            PlaneFormRefused: with Plane's error code.
            PlaneBadAnswer: the answer is not one of Plane's.
            PlaneUnreachable: Plane limits forms, and accepted none for minutes.
        """
        reply = self._send_in_turn(path, fields, what)
        if reply.form_error == "CSRF_REFUSED":
            self._pair = None  # the pair is bound to the server's secret key, which may have changed
            reply = self._send_in_turn(path, fields, what)
        if reply.form_error == "CSRF_REFUSED" or (reply.form_error or "").startswith("HTTP "):
            raise PlaneBadAnswer(
                f"{what}: the answer ({reply.form_error}) is not Plane's answer to a form; {reply.advice.address}"
            )
        if reply.form_error is not None:
            raise PlaneFormRefused(f"{what}: Plane answered {reply.form_error}", reply.form_error)
        return reply

    def _send_in_turn(self, path: str, fields: Mapping[str, str], what: str) -> Reply:
        """Send a form until Plane's limit does not refuse it. Plane checks the limit before the form itself."""
        while True:
            self.pace.wait()
            reply = self._send(path, fields)
            if reply.form_error != RATE_LIMIT_EXCEEDED:
                self.pace.taken()
                return reply
            if self.pace.refused() is None:
                raise PlaneUnreachable(
                    f"{what}: Plane limits sign-ins and sign-ups ({RATE_LIMIT_EXCEEDED}), and accepts none for now; "
                    f"run again in a few minutes, or {reply.advice.form_limit}"
                )

    def _send(self, path: str, fields: Mapping[str, str]) -> Reply:
        token, cookie = self._csrf()
        return self._http.send(
            "POST",
            path,
            headers={"Cookie": f"csrftoken={cookie}", "Referer": self._http.base_url + "/"},
            form={**fields, "csrfmiddlewaretoken": token},
        )

    def session(self, path: str, email: str, password: str, what: str, cookie: str = APP_COOKIE) -> Session:
        """Sign in (:data:`paths.SIGN_IN`) or sign up (:data:`paths.SIGN_UP`), and return the session.

        Args:
            cookie: the name of the cookie that a successful answer sets.

        Raises:
            PlaneFormRefused: ``AUTHENTICATION_FAILED_SIGN_IN``, ``USER_ALREADY_EXIST``, ``SIGNUP_DISABLED``, ….
        """
        reply = self.submit(path, {"email": email, "password": password}, what)
        return session_in(reply, email, cookie)

    def change_password(self, session: Session, old: str, new: str) -> Session:
        """Change the password of the session's account. Plane ends all its sessions and returns a new one.

        Unlike other JSON paths, this one requires the CSRF pair (every tried release, from Plane's source).

        Raises:
            PlaneRefused: ``INCORRECT_OLD_PASSWORD``, ``PASSWORD_TOO_WEAK``, or the path does not exist.
        """
        token, cookie = self._csrf()
        paired = Session(session.email, {**session.cookies, "csrftoken": cookie})
        path = paths.CHANGE_PASSWORD()
        headers = {**paired.headers(), "X-CSRFToken": token, "Referer": self._http.base_url + "/"}
        reply = self._http.send("POST", path, headers=headers, json={"old_password": old, "new_password": new})
        refuse_bad(reply, path)
        return session_in(reply, session.email)


def session_in(reply: Reply, email: str, cookie: str = APP_COOKIE) -> Session:
    """The session that a form's answer opens.

    Raises:
        PlaneBadAnswer: it has none.
    """
    if not reply.cookies.get(cookie):
        raise PlaneBadAnswer(f"{reply.asked}: Plane accepted the form but set no session cookie")
    return Session(email, dict(reply.cookies))
