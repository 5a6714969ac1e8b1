"""Cookies: the two kinds of session, and Plane's CSRF pair of a cookie and a form field."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from email.utils import formatdate

from aiohttp import web

from .context import context_of, state_of
from .http import ApiError, form_body
from .models import Session, User

APP_COOKIE, ADMIN_COOKIE, CSRF_COOKIE = "session-id", "admin-session-id", "csrftoken"
LIFETIMES = {APP_COOKIE: 604_800, ADMIN_COOKIE: 3_600, CSRF_COOKIE: 31_449_600}
CSRF_REFUSED = (
    "<!doctype html><html><head><title>CSRF Verification Failed</title></head>"
    "<body><h1>CSRF Verification Failed</h1><p>Your request could not be verified.</p></body></html>"
)


def signed_in(request: web.Request, cookie: str = APP_COOKIE) -> User | None:
    """The account of the session in this cookie, if any."""
    state = state_of(request)
    session = state.sessions.get(request.cookies.get(cookie, ""))
    user = state.users.get(session.user) if session else None
    return user if user and user.is_active else None


def sign_in(request: web.Request, response: web.Response, user: User, cookie: str = APP_COOKIE) -> None:
    """Begin a session. The CSRF pair changes with it, so a token fetched before is refused (facts)."""
    session = Session(key=secrets.token_hex(64), user=user.id)
    state_of(request).sessions[session.key] = session
    _set_cookie(request, response, cookie, session.key)
    _set_cookie(request, response, CSRF_COOKIE, _new_secret())


def sign_out(request: web.Request, response: web.Response, cookie: str = APP_COOKIE) -> None:
    if state_of(request).sessions.pop(request.cookies.get(cookie, ""), None) is not None:
        gone = "Thu, 01 Jan 1970 00:00:00 GMT"
        response.set_cookie(cookie, "", max_age=0, expires=gone, path="/", samesite="Lax")


def hand_out_csrf(request: web.Request) -> web.Response:
    secret = request.cookies.get(CSRF_COOKIE, "")
    if not re.fullmatch(r"[0-9a-f]{32}", secret):
        secret = _new_secret()
    salt = secrets.token_hex(16)
    response = web.json_response({"csrf_token": salt + _seal(salt, secret)})
    _set_cookie(request, response, CSRF_COOKIE, secret)
    return response


async def csrf_refusal(request: web.Request) -> web.Response | None:
    """Return the page for a form whose token does not match its cookie: HTML with status 200 (facts)."""
    if _is_paired(request, (await form_body(request)).get("csrfmiddlewaretoken", "")):
        return None
    return web.Response(text=CSRF_REFUSED, content_type="text/html", charset="utf-8")


def refuse_without_csrf(request: web.Request) -> None:
    """Refuse JSON whose header X-CSRFToken does not match its cookie, as Django REST framework does."""
    if not _is_paired(request, request.headers.get("X-CSRFToken", "")):
        raise ApiError(403, {"detail": "CSRF Failed: CSRF token missing."})


def _is_paired(request: web.Request, token: str) -> bool:
    secret = request.cookies.get(CSRF_COOKIE, "")
    return bool(secret) and hmac.compare_digest(_seal(token[:32], secret).encode(), token[32:].encode())


def _new_secret() -> str:
    return secrets.token_hex(16)


def _seal(salt: str, secret: str) -> str:
    return hashlib.sha256(f"{salt}{secret}".encode()).hexdigest()[:32]


def _set_cookie(request: web.Request, response: web.Response, name: str, value: str) -> None:
    response.set_cookie(
        name,
        value,
        max_age=LIFETIMES[name],
        expires=formatdate(time.time() + LIFETIMES[name], usegmt=True),
        path="/",
        secure=context_of(request).environment.secure_cookies,
        httponly=True,
        samesite="Lax",
    )
