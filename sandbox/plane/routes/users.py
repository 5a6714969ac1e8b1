"""`/api/users/`: the caller's own account, invitations, workspaces and API tokens."""

from __future__ import annotations

import re
import uuid
from typing import Any

from aiohttp import web

from .. import rules
from .. import shapes_accounts as shapes
from ..access import moment, session_user, session_workspace
from ..context import state_of
from ..fields import checked, flag
from ..http import (
    ApiError,
    Routes,
    invalid_detail,
    invalid_payload,
    json_body,
    no_content,
    object_not_found,
    something_went_wrong,
    too_long,
)
from ..models import MEMBER, ApiToken
from ..session import sign_out

routes = Routes()
PROFILE_FIELDS = ("first_name", "last_name", "display_name", "user_timezone", "avatar")
LONGEST_TEXT = 255


@routes.get("/api/users/me/")
async def read_me(request: web.Request) -> web.Response:
    return web.json_response(shapes.own_user(session_user(request)))


@routes.patch("/api/users/me/")
async def change_me(request: web.Request) -> web.Response:
    user = session_user(request)
    body = await json_body(request)
    fields = {name: str(body[name]) for name in PROFILE_FIELDS if name in body}
    _refuse_bad_names(fields)
    for name, value in fields.items():
        setattr(user, name, value)
    user.touch(user.id)
    return web.json_response(shapes.changed_user(user))


@routes.get("/api/users/me/notification-preferences/")
async def read_notifications(request: web.Request) -> web.Response:
    """From Plane's source; not recorded."""
    return web.json_response(session_user(request).notifications)


@routes.patch("/api/users/me/notification-preferences/")
async def change_notifications(request: web.Request) -> web.Response:
    """From Plane's source; not recorded."""
    user = session_user(request)
    user.notifications |= checked(await json_body(request), dict.fromkeys(user.notifications, flag))
    return web.json_response(user.notifications)


@routes.delete("/api/users/me/")
async def deactivate_me(request: web.Request) -> web.Response:
    user = session_user(request)
    state = state_of(request)
    if user.id in state.instance_admins:
        reason = "You cannot deactivate your account since you are an instance admin"
        raise ApiError(400, {"error": reason})
    response = no_content()
    sign_out(request, response)
    rules.deactivate(state, user)
    return response


@routes.get("/api/users/me/profile/")
async def read_profile(request: web.Request) -> web.Response:
    user = session_user(request)
    return web.json_response(shapes.profile(user))


@routes.patch("/api/users/me/onboard/")
async def onboard_me(request: web.Request) -> web.Response:
    user = session_user(request)
    user.is_onboarded = bool((await json_body(request)).get("is_onboarded", False))
    return web.json_response({"message": "Updated successfully"})


@routes.get("/api/users/me/workspaces/")
async def list_my_workspaces(request: web.Request) -> web.Response:
    user = session_user(request)
    state = state_of(request)
    listed = []
    for workspace in reversed(state.workspaces.values()):
        role = state.workspace_role(workspace.id, user.id)
        if role is not None:
            listed.append(shapes.workspace(state, workspace) | {"role": role})
    return web.json_response(listed)


@routes.get("/api/users/me/workspaces/invitations/")
async def list_my_invitations(request: web.Request) -> web.Response:
    user = session_user(request)
    state = state_of(request)
    rows = state.invitations.newest_where(email=user.email)
    return web.json_response([shapes.invitation(state, row) for row in rows])


@routes.post("/api/users/me/workspaces/invitations/")
async def accept_invitations(request: web.Request) -> web.Response:
    """Join by invitation; ids of other people's invitations are ignored."""
    user = session_user(request)
    state = state_of(request)
    wanted = (await json_body(request)).get("invitations", [])
    if not isinstance(wanted, list):
        raise ApiError(400, {"invitations": [f'Expected a list of items but got type "{type(wanted).__name__}".']})
    if not all(_is_id(one) for one in wanted):
        raise invalid_detail()
    for row in state.invitations.where(email=user.email):
        if row.id in wanted:
            rules.accept(state, row, user)
    return no_content()


@routes.post("/api/users/me/workspaces/{slug}/projects/invitations/")
async def join_projects(request: web.Request) -> web.Response:
    """Join projects on one's own, including secret ones, with one's role in the workspace."""
    user, workspace = session_workspace(request, MEMBER)
    state = state_of(request)
    role = state.workspace_role(workspace.id, user.id) or MEMBER
    projects = [state.projects.get(str(one)) for one in (await json_body(request)).get("project_ids") or []]
    for project in projects:
        if project is None or project.workspace != workspace.id:
            raise invalid_payload()
        if state.project_role(project.id, user.id) is None:
            rules.join_project(state, project, user.id, role, user.id)
    return web.json_response({"message": "Projects joined successfully"}, status=201)


@routes.get("/api/users/api-tokens/")
async def list_tokens(request: web.Request) -> web.Response:
    user = session_user(request)
    rows = state_of(request).api_tokens.newest_where(user=user.id)
    return web.json_response([shapes.listed_token(row) for row in rows])


@routes.post("/api/users/api-tokens/")
async def make_token(request: web.Request) -> web.Response:
    user = session_user(request)
    body = await json_body(request)
    label, description = body.get("label", uuid.uuid4().hex), body.get("description", "")
    if label is None or description is None:
        raise invalid_payload()
    # Nothing checks the length here, so the database refuses it.
    if len(str(label)) > LONGEST_TEXT:
        raise something_went_wrong()
    expired_at = body.get("expired_at")
    token = ApiToken(
        user=user.id,
        label=str(label),
        description=str(description),
        expired_at=_checked_moment(expired_at),
        created_by=user.id,
    )
    state_of(request).api_tokens[token.id] = token
    # The answer repeats the moment as it was sent; later answers have its full form.
    return web.json_response(shapes.written_token(token) | {"expired_at": expired_at}, status=201)


@routes.get("/api/users/api-tokens/{id}/")
async def read_token(request: web.Request) -> web.Response:
    return web.json_response(shapes.listed_token(_own_token(request)))


@routes.patch("/api/users/api-tokens/{id}/")
async def change_token(request: web.Request) -> web.Response:
    """Change only the label and the description, and return the value again."""
    token = _own_token(request)
    body = await json_body(request)
    label = str(body.get("label", token.label))
    if len(label) > LONGEST_TEXT:
        raise too_long("label", LONGEST_TEXT)
    token.label = label
    token.description = str(body.get("description", token.description))
    token.touch(token.user)
    return web.json_response(shapes.written_token(token))


@routes.delete("/api/users/api-tokens/{id}/")
async def revoke_token(request: web.Request) -> web.Response:
    del state_of(request).api_tokens[_own_token(request).id]
    return no_content()


def _own_token(request: web.Request) -> ApiToken:
    user = session_user(request)
    token = state_of(request).api_tokens.get(request.match_info["id"])
    if token is None or token.user != user.id:
        raise object_not_found()
    return token


def _refuse_bad_names(fields: dict[str, str]) -> None:
    if fields.get("display_name") == "":
        raise ApiError(400, {"display_name": ["This field may not be blank."]})
    for name, value in fields.items():
        if len(value) > LONGEST_TEXT:
            raise too_long(name, LONGEST_TEXT)
    # Plane accepts any text in the form of a host name as a URL.
    if re.search(r"https?://|www\.|\w\.\w+\.\w", fields.get("first_name", "")):
        raise ApiError(400, {"first_name": ["First name cannot contain a URL."]})


def _is_id(value: Any) -> bool:
    try:
        uuid.UUID(str(value))
    except ValueError:
        return False
    return True


def _checked_moment(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise something_went_wrong()
    try:
        return moment(value).strftime("%Y-%m-%dT%H:%M:%SZ")
    except ValueError as error:
        raise invalid_detail() from error
