"""`/auth/`: the CSRF pair, and the forms that create, open and close an account's session."""

from __future__ import annotations

from urllib.parse import urlencode

from aiohttp import web

from .. import passwords, rules
from ..access import session_user, spend_anonymous
from ..context import context_of, state_of
from ..http import ApiError, Routes, form_body, json_body
from ..models import User, timestamp
from ..session import csrf_refusal, hand_out_csrf, refuse_without_csrf, sign_in, sign_out, signed_in
from ..state import PlaneState
from ..throttle import RATE_LIMIT_EXCEEDED

routes = Routes()


@routes.get("/auth/get-csrf-token/")
async def read_csrf_token(request: web.Request) -> web.Response:
    spend_anonymous(request, signed_in(request))
    return hand_out_csrf(request)


@routes.post("/auth/sign-in/")
async def sign_in_with_password(request: web.Request) -> web.Response:
    if refusal := await csrf_refusal(request) or _too_many(request):
        return refusal
    state = state_of(request)
    form = await form_body(request)
    email = form.get("email", "").strip().lower()
    if not state.registered or not state.instance.is_setup_done:
        return _refused(request, 5000, "INSTANCE_NOT_CONFIGURED")
    if not email or not form.get("password"):
        return _refused(request, 5070, "REQUIRED_EMAIL_PASSWORD_SIGN_IN", email)
    if not rules.is_email(email):
        return _refused(request, 5075, "INVALID_EMAIL_SIGN_IN", email)
    user = state.user_by_email(email)
    if user is None:
        return _refused(request, 5060, "USER_DOES_NOT_EXIST", email)
    if not state.is_on("ENABLE_EMAIL_PASSWORD"):
        return _passwords_off(request)
    # A deactivated account has no password, so its owner gets this error.
    if not await passwords.matches(form["password"], user.password_hash) or not user.is_active:
        return _refused(request, 5065, "AUTHENTICATION_FAILED_SIGN_IN", email)
    return _welcome(request, user)


@routes.post("/auth/sign-up/")
async def sign_up(request: web.Request) -> web.Response:
    if refusal := await csrf_refusal(request) or _too_many(request):
        return refusal
    context = context_of(request)
    state = context.state
    form = await form_body(request)
    email = form.get("email", "").strip().lower()
    if not state.registered or not state.instance.is_setup_done:
        return _refused(request, 5000, "INSTANCE_NOT_CONFIGURED")
    if not email or not form.get("password"):
        return _refused(request, 5040, "REQUIRED_EMAIL_PASSWORD_SIGN_UP", email)
    if not rules.is_email(email):
        return _refused(request, 5045, "INVALID_EMAIL_SIGN_UP", email)
    if taken := state.user_by_email(email):
        return _taken(request, taken)
    if not state.is_on("ENABLE_EMAIL_PASSWORD"):
        return _passwords_off(request)
    if not _may_sign_up(state, email):
        return _refused(request, 5015, "SIGNUP_DISABLED", email)
    if await passwords.is_too_weak(form["password"]):
        return _refused(request, 5021, "PASSWORD_TOO_WEAK", email)
    hashed = await passwords.hash_password(form["password"], context.hash_iterations)
    # Another request may have created the same account while this one was hashing.
    if taken := state.user_by_email(email):
        return _taken(request, taken)
    return _welcome(request, rules.add_user(state, email, hashed))


@routes.post("/auth/change-password/")
async def change_password(request: web.Request) -> web.Response:
    """End every session of the account and begin another (from Plane's source, 1.2.2 and 1.3.1)."""
    user = session_user(request)
    refuse_without_csrf(request)
    body = await json_body(request)
    old, new = str(body.get("old_password") or ""), str(body.get("new_password") or "")
    if not old:
        raise _password_error(5138, "MISSING_PASSWORD", "Old password is missing")
    if not new:
        raise _password_error(5138, "MISSING_PASSWORD", "Old or new password is missing")
    if not await passwords.matches(old, user.password_hash):
        raise _password_error(5135, "INCORRECT_OLD_PASSWORD", "Old password is not correct")
    if await passwords.is_too_weak(new):
        raise _password_error(5021, "PASSWORD_TOO_WEAK")
    context = context_of(request)
    user.password_hash = await passwords.hash_password(new, context.hash_iterations)
    for key in [key for key, session in context.state.sessions.items() if session.user == user.id]:
        del context.state.sessions[key]
    response = web.json_response({"message": "Password updated successfully"})
    sign_in(request, response, user)
    return response


def _password_error(code: int, message: str, error: str | None = None) -> ApiError:
    payload = {} if error is None else {"error": error}
    return ApiError(400, {"error_code": code, "error_message": message, **payload})


@routes.post("/auth/sign-out/")
async def sign_out_of_app(request: web.Request) -> web.Response:
    if refusal := await csrf_refusal(request):
        return refusal
    response = _redirect(request)
    sign_out(request, response)
    return response


def _too_many(request: web.Request) -> web.Response | None:
    """Limit forms by address from 1.4 on, in the same way for valid and invalid ones (from the facts)."""
    context = context_of(request)
    if not context.since_1_4:
        return None
    try:
        context.forms.spend(request.headers.get("X-Forwarded-For") or request.remote or "")
    except ApiError:
        code = RATE_LIMIT_EXCEEDED
        return _refused(request, int(code["error_code"]), str(code["error_message"]))
    return None


def _may_sign_up(state: PlaneState, email: str) -> bool:
    """Whether an address may sign up: with sign-up closed, an open invitation still allows it (seen on Plane 1.2.2)."""
    return state.is_on("ENABLE_SIGNUP") or state.invitations.one(email=email) is not None


def _redirect(request: web.Request, rest: str = "") -> web.Response:
    return web.Response(status=302, headers={"Location": context_of(request).environment.web_url + rest})


def _refused(request: web.Request, code: int, message: str, email: str = "") -> web.Response:
    query = {"error_code": str(code), "error_message": message}
    if email:
        query["email"] = email
    return _redirect(request, f"/?{urlencode(query)}")


def _passwords_off(request: web.Request) -> web.Response:
    """Refuse a password. Instance admins can still sign in to their own pages then (seen on every tried release)."""
    return _refused(request, 5056, "EMAIL_PASSWORD_AUTHENTICATION_DISABLED")


def _taken(request: web.Request, user: User) -> web.Response:
    return _refused(request, 5030, "USER_ALREADY_EXIST", user.email)


def _welcome(request: web.Request, user: User) -> web.Response:
    user.last_login_time = timestamp()
    user.last_login_ip = request.remote or ""
    user.last_login_uagent = request.headers.get("User-Agent", "")
    response = _redirect(request)
    sign_in(request, response, user)
    return response
