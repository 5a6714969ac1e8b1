"""v1, with a key: requests to a project, and the decisions about them."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from .. import shapes_work_items as shapes
from .. import work_items
from ..access import ProjectCaller, v1_project
from ..context import state_of
from ..fields import Check, anything, checked, id_in, nullable, one_of, text
from ..http import (
    ApiError,
    Routes,
    chosen_fields,
    json_body,
    no_content,
    object_not_found_v1,
    something_went_wrong,
)
from ..models import ADMIN, GUEST, IntakeItem
from ..paging import paged
from ..state import PlaneState
from .v1_work_items import refuse_non_members

routes = Routes()
INTAKE = "/api/v1/workspaces/{slug}/projects/{project}/intake-issues/"
ACCEPTED = 1
STATUSES = {-2: "Pending", -1: "Rejected", 0: "Snoozed", ACCEPTED: "Accepted", 2: "Duplicate"}
PENDING = -2


@routes.get(INTAKE)
async def list_asked(request: web.Request) -> web.Response:
    """List requests, newest first; none while the project has intake turned off."""
    caller = v1_project(request)
    state = state_of(request)
    rows = _visible(state, caller)[::-1]
    return paged(request, rows, lambda row: shapes.intake_item(state, row))


@routes.post(INTAKE)
async def ask(request: web.Request) -> web.Response:
    """Add a request; every member of the project may, including guests."""
    caller = v1_project(request)
    state, project = state_of(request), caller.project
    wanted = (await json_body(request)).get("issue", {})
    if not isinstance(wanted, dict):
        raise something_went_wrong()
    if not wanted.get("name"):
        raise ApiError(400, {"error": "Name is required"})
    _refuse_without_intake(state, caller)
    if wanted.get("priority", "none") not in work_items.PRIORITIES:
        raise ApiError(400, {"error": "Invalid priority"})
    intake = state.intake_of(project.id)
    if intake is None:
        # The project was created with intake on, which creates no intake row: Plane fails then.
        raise something_went_wrong()
    fields = {name: wanted[name] for name in ("name", "description_html", "priority") if name in wanted}
    item = work_items.add_work_item(state, project, fields, caller.user.id, triage=intake.triage)
    row = IntakeItem(project=project.id, intake=intake.id, work_item=item.id, status=PENDING, created_by=caller.user.id)
    state.intake_items[row.id] = row
    return web.json_response(shapes.intake_item(state, row), status=201)


@routes.get(INTAKE + "{item}/")
async def read_asked(request: web.Request) -> web.Response:
    """Read a request by the id of its work item."""
    caller = v1_project(request)
    state = state_of(request)
    for row in _visible(state, caller):
        if row.work_item == request.match_info["item"]:
            return web.json_response(chosen_fields(request, shapes.intake_item(state, row)))
    raise object_not_found_v1()


@routes.patch(INTAKE + "{item}/")
async def change_asked(request: web.Request) -> web.Response:
    """Change a request.

    Admins of the project decide; members change the work item, guests their own (seen on Plane 1.3.1).
    """
    caller = v1_project(request)
    state = state_of(request)
    _refuse_without_intake(state, caller)
    row = _asked(request, caller)
    role, me = state.project_role(caller.project.id, caller.user.id) or 0, caller.user.id
    if role <= GUEST and row.created_by != me:
        raise ApiError(400, {"error": "You cannot edit intake work items"})
    body = await json_body(request)
    item, wanted = state.work_items[row.work_item], body.pop("issue", None) or {}
    names = ("name", "description_html") if role <= GUEST else ("name", "description_html", "priority")
    wanted = {name: wanted[name] for name in names if name in wanted}
    fields = work_items.checked_fields(state, caller.project, wanted)
    decided = checked(body, _checks(state)) if role >= ADMIN else {}
    if wanted:
        work_items.change_work_item(state, item, wanted, fields, me)
    if role >= ADMIN:
        _decide(state, row, decided, me)
    return web.json_response(shapes.intake_item(state, row))


@routes.delete(INTAKE + "{item}/")
async def delete_asked(request: web.Request) -> web.Response:
    """Delete a request with its work item, unless that was accepted."""
    caller = v1_project(request)
    state = state_of(request)
    _refuse_without_intake(state, caller)
    row = _asked(request, caller)
    if row.status != ACCEPTED:
        item = state.work_items[row.work_item]
        refuse_non_members(state, caller, item)
        work_items.delete_work_item(state, item)
    else:
        del state.intake_items[row.id]
    return no_content()


def _checks(state: PlaneState) -> dict[str, Check]:
    return {
        "status": one_of(tuple(STATUSES)),
        "snoozed_till": anything,
        "duplicate_to": id_in(state.work_items),
        "source": nullable(text(blank=True)),
        "source_email": nullable(text(None, blank=True)),
    }


def _decide(state: PlaneState, row: IntakeItem, decided: dict[str, Any], by: str) -> None:
    """Decide on a request. Accepting it turns it into a work item in the project's first state."""
    item = state.work_items[row.work_item]
    if "status" in decided:
        names = {"old_value": STATUSES[row.status], "new_value": STATUSES[decided["status"]]}
        work_items.record(state, item, by, str(decided["status"]), "updated the intake status", "intake", **names)
    for name, value in decided.items():
        setattr(row, name, value)
    row.touch(by)
    if decided.get("status") == ACCEPTED and item.in_triage:
        item.state = next(one.id for one in state.states_in(row.project) if one.default)
        item.in_triage = False
        item.touch(by)


def _visible(state: PlaneState, caller: ProjectCaller) -> list[IntakeItem]:
    intake = state.intake_of(caller.project.id)
    is_on = intake is not None and caller.project.extra["intake_view"]
    return state.intake_items.where(project=caller.project.id) if is_on else []


def _refuse_without_intake(state: PlaneState, caller: ProjectCaller) -> None:
    """Refuse a project that never had intake; one with intake turned off again still accepts requests."""
    if state.intake_of(caller.project.id) is None and not caller.project.extra["intake_view"]:
        said = "Intake is not enabled for this project enable it through the project's api"
        raise ApiError(400, {"error": said})


def _asked(request: web.Request, caller: ProjectCaller) -> IntakeItem:
    row = state_of(request).intake_items.one(project=caller.project.id, work_item=request.match_info["item"])
    if row is None:
        raise object_not_found_v1()
    return row
