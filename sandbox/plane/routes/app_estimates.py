"""`/api/workspaces/{slug}/projects/{project}/estimates/` with a session; v1 has no such path in Community."""

from __future__ import annotations

import secrets
import string
from typing import Any

from aiohttp import web

from .. import rules
from .. import shapes_projects as shapes
from ..access import session_entity, session_project
from ..context import state_of
from ..fields import Check, checked, text, whole
from ..http import ApiError, Routes, invalid_payload, json_body, no_content, object_not_found, something_went_wrong
from ..models import MEMBER, Estimate, EstimatePoint, Project

routes = Routes()
LONGEST_VALUE = 20
LARGEST_KEY = 2**31 - 1
POINT_CHECKS: dict[str, Check] = {
    "key": whole(0, LARGEST_KEY),
    "description": text(None, blank=True),
    "value": text(),
}


@routes.get("/api/workspaces/{slug}/projects/{project}/project-estimates/")
async def list_points_of_project(request: web.Request) -> web.Response:
    """List the points of the active estimate."""
    _, _, project = session_project(request, MEMBER)
    state = state_of(request)
    rows = state.points_of(project.extra["estimate"]) if project.extra["estimate"] else []
    return web.json_response([shapes.estimate_point(state, row) for row in rows])


@routes.get("/api/workspaces/{slug}/projects/{project}/estimates/")
async def list_estimates(request: web.Request) -> web.Response:
    _, project = session_entity(request)
    state = state_of(request)
    return web.json_response([shapes.estimate(state, row) for row in state.estimates_in(project.id)])


@routes.post("/api/workspaces/{slug}/projects/{project}/estimates/")
async def make_estimate(request: web.Request) -> web.Response:
    """Answers 200. Bad points are refused after the estimate is created (seen on every tried release)."""
    user, project = session_entity(request, MEMBER)
    state = state_of(request)
    body = await json_body(request)
    wanted = body.get("estimate")
    if not isinstance(wanted, dict):
        raise something_went_wrong()
    row = Estimate(
        project=project.id,
        name=str(wanted.get("name", "".join(secrets.choice(string.ascii_lowercase) for _ in range(10)))),
        type=str(wanted.get("type", "categories")),
        last_used=bool(wanted.get("last_used", False)),
        created_by=user.id,
    )
    if any(other.name == row.name for other in state.estimates_in(project.id)):
        raise invalid_payload()
    state.estimates[row.id] = row
    for fields in checked_points(body.get("estimate_points")):
        point = EstimatePoint(
            project=project.id, estimate=row.id, created_by=user.id, updated_by=user.id, **{"key": 0, **fields}
        )
        state.estimate_points[point.id] = point
    return web.json_response(shapes.estimate(state, row))


@routes.get("/api/workspaces/{slug}/projects/{project}/estimates/{id}/")
async def read_estimate(request: web.Request) -> web.Response:
    _, project = session_entity(request)
    return web.json_response(shapes.estimate(state_of(request), _estimate(request, project)))


@routes.patch("/api/workspaces/{slug}/projects/{project}/estimates/{id}/")
async def change_estimate(request: web.Request) -> web.Response:
    """Change existing points; it adds and removes none."""
    user, project = session_entity(request, MEMBER)
    state = state_of(request)
    body = await json_body(request)
    wanted = body.get("estimate_points")
    if not wanted:
        raise ApiError(400, {"error": "Estimate points are required"})
    row = _estimate(request, project)
    if changes := body.get("estimate"):
        row.name = str(changes.get("name", row.name))
        row.type = str(changes.get("type", row.type))
        row.touch(user.id)
    by_id = {point.id: point for point in state.points_of(row.id)}
    for entry in wanted:
        if point := by_id.get(entry.get("id")):
            point.key, point.value = entry.get("key", point.key), str(entry.get("value", point.value))
    return web.json_response(shapes.estimate(state, row))


@routes.delete("/api/workspaces/{slug}/projects/{project}/estimates/{id}/")
async def delete_estimate(request: web.Request) -> web.Response:
    _, project = session_entity(request, MEMBER)
    rules.delete_estimate(state_of(request), _estimate(request, project))
    return no_content()


@routes.post("/api/workspaces/{slug}/projects/{project}/estimates/{id}/estimate-points/")
async def add_point(request: web.Request) -> web.Response:
    user, _, project = session_project(request, MEMBER)
    state = state_of(request)
    body = await json_body(request)
    if not body.get("key") or not body.get("value"):
        raise ApiError(400, {"error": "Key and value are required"})
    row = _estimate(request, project)
    point = EstimatePoint(
        project=project.id, estimate=row.id, key=body["key"], value=str(body["value"]), created_by=user.id
    )
    state.estimate_points[point.id] = point
    return web.json_response(shapes.estimate_point(state, point))


@routes.patch("/api/workspaces/{slug}/projects/{project}/estimates/{id}/estimate-points/{point}/")
async def change_point(request: web.Request) -> web.Response:
    user, _, project = session_project(request, MEMBER)
    point = _point(request, project)
    for name, value in _checked_point(await json_body(request)).items():
        setattr(point, name, value)
    point.touch(user.id)
    return web.json_response(shapes.estimate_point(state_of(request), point))


@routes.delete("/api/workspaces/{slug}/projects/{project}/estimates/{id}/estimate-points/{point}/")
async def delete_point(request: web.Request) -> web.Response:
    """Delete a point. The later points move up, and are the answer."""
    _, _, project = session_project(request, MEMBER)
    state = state_of(request)
    gone = _point(request, project)
    del state.estimate_points[gone.id]
    moved = [point for point in state.points_of(gone.estimate) if point.key > gone.key]
    for point in moved:
        point.key -= 1
    return web.json_response([shapes.estimate_point(state, point) for point in moved])


def checked_points(wanted: Any) -> list[dict[str, Any]]:
    if wanted is None:
        raise ApiError(400, {"non_field_errors": ["No data provided"]})
    reasons: list[object] = []
    points = []
    for entry in wanted:
        try:
            points.append(_checked_point(entry, required=("value",)))
            reasons.append({})
        except ApiError as refusal:
            reasons.append(refusal.payload)
    if any(reasons):
        raise ApiError(400, reasons)
    return points


def _checked_point(entry: dict[str, Any], required: tuple[str, ...] = ()) -> dict[str, Any]:
    fields = checked(entry, POINT_CHECKS, required)
    if len(fields.get("value", "")) > LONGEST_VALUE:
        raise ApiError(400, {"non_field_errors": [f"Value can't be more than {LONGEST_VALUE} characters"]})
    return fields


def _estimate(request: web.Request, project: Project) -> Estimate:
    row = state_of(request).estimates.get(request.match_info["id"])
    if row is None or row.project != project.id:
        raise object_not_found()
    return row


def _point(request: web.Request, project: Project) -> EstimatePoint:
    row = state_of(request).estimate_points.get(request.match_info["point"])
    if row is None or row.estimate != _estimate(request, project).id:
        raise object_not_found()
    return row
