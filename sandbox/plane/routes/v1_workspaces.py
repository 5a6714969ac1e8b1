"""v1, with a key: the key's owner, and a workspace's members and invitations."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from .. import rules
from .. import shapes_accounts as shapes
from ..access import Caller, v1_user, v1_workspace
from ..context import state_of
from ..http import (
    ApiError,
    Routes,
    invalid_choice,
    json_body,
    no_content,
    object_not_found,
    required_field,
)
from ..models import ADMIN, GUEST, MEMBER, ROLES, Invitation
from ..state import PlaneState

routes = Routes()


@routes.get("/api/v1/users/me/")
async def read_me(request: web.Request) -> web.Response:
    return web.json_response(shapes.v1_user(v1_user(request)))


@routes.get("/api/v1/workspaces/{slug}/members/")
async def list_members(request: web.Request) -> web.Response:
    """List members, newest first, including removed ones without a mark (seen on Plane 1.2.2); a guest is refused."""
    caller = v1_workspace(request, MEMBER)
    state = state_of(request)
    rows = reversed(state.members_of_workspace(caller.workspace.id))
    return web.json_response([shapes.v1_workspace_member(state, row) for row in rows])


@routes.get("/api/v1/workspaces/{slug}/invitations/")
async def list_invitations(request: web.Request) -> web.Response:
    caller = _inviter(request)
    rows = state_of(request).invitations_to(caller.workspace.id)
    return web.json_response([shapes.v1_invitation(row) for row in rows])


@routes.post("/api/v1/workspaces/{slug}/invitations/")
async def invite(request: web.Request) -> web.Response:
    caller = _inviter(request)
    state = state_of(request)
    body = await json_body(request)
    email = _checked_email(body.get("email"))
    role = body.get("role", GUEST)
    if role not in ROLES:
        raise invalid_choice("role", role)
    _refuse_invited(state, caller, email)
    row = rules.invite(state, caller.workspace, email, role, caller.user.id, None)
    return web.json_response(shapes.v1_invitation(row), status=201)


@routes.get("/api/v1/workspaces/{slug}/invitations/{id}/")
async def read_invitation(request: web.Request) -> web.Response:
    _, row = _invitation(request)
    return web.json_response(shapes.v1_invitation(row))


@routes.patch("/api/v1/workspaces/{slug}/invitations/{id}/")
async def change_invitation(request: web.Request) -> web.Response:
    caller, row = _invitation(request)
    role = (await json_body(request)).get("role", row.role)
    if role not in ROLES:
        raise invalid_choice("role", role)
    row.role = role
    row.touch(caller.user.id)
    return web.json_response(shapes.v1_invitation(row))


@routes.delete("/api/v1/workspaces/{slug}/invitations/{id}/")
async def withdraw_invitation(request: web.Request) -> web.Response:
    _, row = _invitation(request)
    del state_of(request).invitations[row.id]
    return no_content()


def _inviter(request: web.Request) -> Caller:
    # These answers have no X-RateLimit headers (seen on Plane 1.2.2); whether they count was not seen.
    return v1_workspace(request, ADMIN, rate_headers=False)


def _checked_email(email: Any) -> str:
    if not email:
        raise required_field("email")
    if not rules.is_email(email):
        raise ApiError(400, {"email": ["Enter a valid email address."]})
    # Stored as typed, so with a capital it matches no account (seen on every tried release).
    return str(email)


def _refuse_invited(state: PlaneState, caller: Caller, email: str) -> None:
    """Refuse an address with an open invitation; a member may be invited again."""
    if any(row.email == email for row in state.invitations_to(caller.workspace.id)):
        raise ApiError(400, {"non_field_errors": ["Email already invited"]})


def _invitation(request: web.Request) -> tuple[Caller, Invitation]:
    caller = _inviter(request)
    row = state_of(request).invitations.get(request.match_info["id"])
    if row is None or row.workspace != caller.workspace.id:
        raise object_not_found()
    return caller, row
