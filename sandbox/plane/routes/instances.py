"""`/` and `/api/instances/`: the probe, the first run, and the instance's settings."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from .. import passwords, rules
from .. import shapes_accounts as shapes
from ..access import instance_admin, spend_anonymous
from ..context import Context, context_of, state_of
from ..http import Routes, form_body, json_body
from ..models import Configuration, User, timestamp
from ..session import ADMIN_COOKIE, csrf_refusal, sign_in, sign_out, signed_in

routes = Routes()

INSTANCE, CONFIGURATIONS = "/api/instances/", "/api/instances/configurations/"


@routes.get("/")
async def probe(request: web.Request) -> web.Response:
    return web.json_response({"status": "OK"})


@routes.get("/api/instances/")
async def read_instance(request: web.Request) -> web.Response:
    spend_anonymous(request, signed_in(request) or signed_in(request, ADMIN_COOKIE))
    context = context_of(request)

    def shape() -> Any:
        if not context.state.registered:
            return {"is_activated": False, "is_setup_done": False}
        return {"config": _config(context), "instance": _instance(context)}

    return web.json_response(context.cached(request.path_qs, shape))


@routes.patch("/api/instances/")
async def change_instance(request: web.Request) -> web.Response:
    instance_admin(request)
    instance = state_of(request).instance
    context_of(request).drop_cached(INSTANCE)
    body = await json_body(request)
    instance.instance_name = str(body.get("instance_name", instance.instance_name))
    instance.is_telemetry_enabled = bool(body.get("is_telemetry_enabled", instance.is_telemetry_enabled))
    instance.touch(None)
    return web.json_response(_instance(context_of(request)))


@routes.post("/api/instances/admins/sign-up/")
async def sign_up_admin(request: web.Request) -> web.Response:
    if refusal := await csrf_refusal(request):
        return refusal
    context = context_of(request)
    state = context.state
    form = await form_body(request)
    email = form.get("email", "").strip().lower()
    entered = {
        "email": email,
        "first_name": form.get("first_name") or "False",
        "last_name": form.get("last_name", ""),
        "company_name": form.get("company_name", ""),
        "is_telemetry_enabled": str(_telemetry(form)),
    }
    if not state.registered:
        return _refused(request, 5000, "INSTANCE_NOT_CONFIGURED")
    if state.instance_admins:
        return _refused(request, 5150, "ADMIN_ALREADY_EXIST")
    if not email or not form.get("password") or not form.get("first_name"):
        return _refused(request, 5155, "REQUIRED_ADMIN_EMAIL_PASSWORD_FIRST_NAME", entered)
    if not rules.is_email(email):
        return _refused(request, 5160, "INVALID_ADMIN_EMAIL", entered)
    if state.user_by_email(email):
        return _refused(request, 5180, "ADMIN_USER_ALREADY_EXIST", entered)
    if await passwords.is_too_weak(form["password"]):
        return _refused(request, 5021, "PASSWORD_TOO_WEAK", entered)
    hashed = await passwords.hash_password(form["password"], context.hash_iterations)
    if state.instance_admins or state.user_by_email(email):
        return _refused(request, 5150, "ADMIN_ALREADY_EXIST")
    user = rules.add_user(
        state,
        email,
        hashed,
        first_name=form["first_name"],
        last_name=form.get("last_name", ""),
        company_name=form.get("company_name", ""),
    )
    state.instance_admins.append(user.id)
    state.instance.instance_name = form.get("company_name") or state.instance.instance_name
    state.instance.is_telemetry_enabled = _telemetry(form)
    state.instance.is_setup_done = True
    context.drop_cached(INSTANCE)
    return _welcome(request, user)


@routes.post("/api/instances/admins/sign-in/")
async def sign_in_admin(request: web.Request) -> web.Response:
    if refusal := await csrf_refusal(request):
        return refusal
    state = state_of(request)
    form = await form_body(request)
    entered = {"email": form.get("email", "").strip().lower()}
    if not state.registered:
        return _refused(request, 5000, "INSTANCE_NOT_CONFIGURED")
    if not entered["email"] or not form.get("password"):
        return _refused(request, 5170, "REQUIRED_ADMIN_EMAIL_PASSWORD", entered)
    if not rules.is_email(entered["email"]):
        return _refused(request, 5160, "INVALID_ADMIN_EMAIL", entered)
    user = state.user_by_email(entered["email"])
    if user is None:
        return _refused(request, 5185, "ADMIN_USER_DOES_NOT_EXIST", entered)
    if not user.is_active:
        return _refused(request, 5190, "ADMIN_USER_DEACTIVATED")
    good = await passwords.matches(form["password"], user.password_hash)
    if not good or user.id not in state.instance_admins:
        return _refused(request, 5175, "ADMIN_AUTHENTICATION_FAILED", entered)
    return _welcome(request, user)


@routes.post("/api/instances/admins/sign-out/")
async def sign_out_admin(request: web.Request) -> web.Response:
    if refusal := await csrf_refusal(request):
        return refusal
    response = _redirect(request)
    sign_out(request, response, ADMIN_COOKIE)
    return response


@routes.get("/api/instances/admins/me/")
async def read_own_admin(request: web.Request) -> web.Response:
    return web.json_response(shapes.own_user(instance_admin(request)))


@routes.get("/api/instances/configurations/")
async def list_configurations(request: web.Request) -> web.Response:
    instance_admin(request)
    context = context_of(request)
    rows = context.state.configurations.values()
    listed = context.cached(request.path_qs, lambda: [shapes.configuration(row) for row in rows])
    return web.json_response(listed)


@routes.patch("/api/instances/configurations/")
async def change_configurations(request: web.Request) -> web.Response:
    """Set known settings and ignore unknown ones; the answer lists those that were set."""
    instance_admin(request)
    context_of(request).drop_cached(INSTANCE, CONFIGURATIONS)
    stored = _stored_before_1_3 if context_of(request).older_than_1_3 else _stored
    body = await json_body(request)
    changed = [row for key, row in state_of(request).configurations.items() if key in body]
    for row in changed:
        row.value = stored(row, body[row.key])
        row.touch(None)
    return web.json_response([shapes.configuration(row) for row in changed])


def _stored(row: Configuration, value: Any) -> str | None:
    """Return a value as text; true becomes a word that is not "on" (seen on Plane 1.3.1)."""
    return "" if value is None else str(value).strip()


def _stored_before_1_3(row: Configuration, value: Any) -> str | None:
    """Return a value as it was sent; an encrypted setting is lost unless it is a text (seen on Plane 1.2.2)."""
    if row.is_encrypted:
        return value if isinstance(value, str) else ""
    return None if value is None else str(value)


def _telemetry(form: dict[str, str]) -> bool:
    return form.get("is_telemetry_enabled", "True") in ("True", "true", "on", "1")


def _redirect(request: web.Request, rest: str = "") -> web.Response:
    web_url = context_of(request).environment.web_url
    return web.Response(status=302, headers={"Location": f"{web_url}/god-mode{rest}"})


def _refused(request: web.Request, code: int, message: str, entered: dict[str, str] | None = None) -> web.Response:
    query = {"error_code": str(code), "error_message": message} | (entered or {})
    return _redirect(request, f"/?{urlencode(query)}")


def _welcome(request: web.Request, user: User) -> web.Response:
    user.last_login_time = timestamp()
    response = _redirect(request, "/general/")
    sign_in(request, response, user, ADMIN_COOKIE)
    return response


def _config(context: Context) -> dict[str, Any]:
    state = context.state
    intercom: dict[str, Any] = {}
    if context.older_than_1_3:
        intercom["is_intercom_enabled"] = state.is_on("IS_INTERCOM_ENABLED")
        intercom["intercom_app_id"] = state.configured("INTERCOM_APP_ID")
    return {
        "enable_signup": state.is_on("ENABLE_SIGNUP"),
        "is_workspace_creation_disabled": state.is_on("DISABLE_WORKSPACE_CREATION"),
        # These three have no setting in the database that turns them on.
        "is_google_enabled": False,
        "is_github_enabled": False,
        "is_gitlab_enabled": False,
        "is_gitea_enabled": state.is_on("IS_GITEA_ENABLED"),
        "is_magic_login_enabled": state.is_on("ENABLE_MAGIC_LINK_LOGIN"),
        "is_email_password_enabled": state.is_on("ENABLE_EMAIL_PASSWORD"),
        "github_app_name": "",
        "slack_client_id": None,
        "posthog_api_key": None,
        "posthog_host": None,
        "has_unsplash_configured": bool(state.configured("UNSPLASH_ACCESS_KEY")),
        "has_llm_configured": bool(state.configured("LLM_API_KEY")),
        "file_size_limit": 5242880.0,
        "is_smtp_configured": bool(state.configured("EMAIL_HOST")),
        "admin_base_url": None,
        "space_base_url": None,
        "app_base_url": None,
        "instance_changelog_url": "",
        "is_self_managed": True,
    } | intercom


def _instance(context: Context) -> dict[str, Any]:
    row = context.state.instance
    # 1.2.2 reports itself as 1.2.0 (seen on Plane 1.2.2).
    version = context.registered_version or ("1.2.0" if context.version == "1.2.2" else context.version)
    return shapes.stamps(row) | {
        "instance_name": row.instance_name,
        "whitelist_emails": None,
        "instance_id": row.instance_id,
        "current_version": version,
        "latest_version": version,
        "edition": "PLANE_COMMERCIAL" if context.commercial else "PLANE_COMMUNITY",
        "domain": "",
        "last_checked_at": row.last_checked_at,
        "namespace": None,
        "is_telemetry_enabled": row.is_telemetry_enabled,
        "is_support_required": True,
        "is_setup_done": row.is_setup_done,
        "is_signup_screen_visited": False,
        "is_verified": False,
        "is_test": False,
        "is_current_version_deprecated": False,
        "workspaces_exist": bool(context.state.workspaces),
    }
