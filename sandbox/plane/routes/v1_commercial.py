"""v1 of the commercial editions: a project's estimates, and the removal of a member.

From plane-sdk 0.3 and the facts on commercial editions, not recorded: the words of a refusal are not Plane's. The
sources do not say which estimates v1 shows of a project without active ones; here, those that were used last.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from .. import rules
from .. import shapes_projects as shapes
from ..access import ProjectCaller, v1_project, v1_workspace
from ..context import state_of
from ..http import Routes, invalid_payload, json_body, json_value, no_content, object_not_found, required_field
from ..models import ADMIN, Estimate, EstimatePoint
from .app_estimates import checked_points

routes = Routes()
WORKSPACE = "/api/v1/workspaces/{slug}/"
ESTIMATES = WORKSPACE + "projects/{project}/estimates/"
POINTS = ESTIMATES + "{id}/estimate-points/"


@routes.post(WORKSPACE + "members/remove/")
async def remove_member(request: web.Request) -> web.Response:
    caller, state = v1_workspace(request, ADMIN), state_of(request)
    email = (await json_body(request)).get("email")
    if not email:
        raise required_field("email")
    user = state.user_by_email(str(email))
    row = state.workspace_member(caller.workspace.id, user.id) if user else None
    if row is None or not row.is_active:
        raise object_not_found()
    if row.member == caller.user.id:
        raise invalid_payload()
    rules.remove_from_workspace(state, row, caller.user.id)
    return no_content()


@routes.get(ESTIMATES)
async def read_estimate(request: web.Request) -> web.Response:
    caller, state = v1_project(request), state_of(request)
    rows = sorted(state.estimates_in(caller.project.id), key=lambda row: not row.last_used)
    if not rows:
        raise object_not_found()
    return web.json_response(_shape(state, rows[0]))


@routes.post(ESTIMATES)
async def make_estimate(request: web.Request) -> web.Response:
    caller, state = v1_project(request, ADMIN), state_of(request)
    body = await json_body(request)
    if not body.get("name"):
        raise required_field("name")
    if state.estimates_in(caller.project.id):
        raise invalid_payload()
    fields = {name: body[name] for name in ("type", "last_used") if name in body}
    row = Estimate(project=caller.project.id, name=body["name"], created_by=caller.user.id, **fields)
    state.estimates[row.id] = row
    return web.json_response(_shape(state, row), status=201)


@routes.get(POINTS)
async def list_points(request: web.Request) -> web.Response:
    row, state = _estimate(request, v1_project(request)), state_of(request)
    return web.json_response([shapes.estimate_point(state, point) for point in state.points_of(row.id)])


@routes.post(POINTS)
async def make_points(request: web.Request) -> web.Response:
    caller, state = v1_project(request, ADMIN), state_of(request)
    row = _estimate(request, caller)
    made = [
        EstimatePoint(project=row.project, estimate=row.id, created_by=caller.user.id, **{"key": 0, **fields})
        for fields in checked_points(await json_value(request))
    ]
    for point in made:
        state.estimate_points[point.id] = point
    return web.json_response([shapes.estimate_point(state, point) for point in made], status=201)


def _shape(state: Any, row: Estimate) -> dict[str, Any]:
    return {name: value for name, value in shapes.estimate(state, row).items() if name != "points"}


def _estimate(request: web.Request, caller: ProjectCaller) -> Estimate:
    row = state_of(request).estimates.get(request.match_info["id"])
    if row is None or row.project != caller.project.id:
        raise object_not_found()
    return row
