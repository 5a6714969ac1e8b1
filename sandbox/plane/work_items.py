"""Rules about a work item: its number, its fields and their checks, its history, and its deletion."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import Any

from .fields import Check, checked, day, id_in, ids_in, nullable, one_of, text
from .http import ApiError
from .models import MEMBER, Activity, Project, Row, WorkItem, timestamp
from .state import PlaneState

PRIORITIES = ("urgent", "high", "medium", "low", "none")
#: The distance between the last work item of a state and a new one (seen on Plane 1.3.1).
SORT_STEP = 10000.0
#: The history's words for a changed field; their ends are Plane's (seen on Plane 1.3.1).
CHANGES = {
    "name": ("name", "updated the name to"),
    "priority": ("priority", "updated the priority to"),
    "description_html": ("description", "updated the description to"),
    "start_date": ("start_date", "updated the start date to "),
    "target_date": ("target_date", "updated the target date to"),
}


def checked_fields(
    state: PlaneState, project: Project, body: Mapping[str, Any], required: Collection[str] = ()
) -> dict[str, Any]:
    """The fields of a body as they are stored, without assignees and labels that the project does not have."""
    checks: dict[str, Check] = {
        "name": text(),
        "description_html": text(None, blank=True),
        "priority": one_of(PRIORITIES),
        "start_date": nullable(day),
        "target_date": nullable(day),
        "parent": id_in(state.work_items),
        "state": id_in(state.states),
        "type_id": id_in(state.work_item_types),
        "assignees": ids_in(state.users),
        "labels": ids_in(state.labels),
        "external_source": nullable(text(blank=True)),
        "external_id": nullable(text(blank=True)),
    }
    fields = checked(body, checks, required)
    _refuse_misfits(state, project, fields)
    if "assignees" in fields:
        fields["assignees"] = [one for one in fields["assignees"] if can_be_assigned(state, project, one)]
    if "labels" in fields:
        fields["labels"] = [one for one in fields["labels"] if state.labels[one].project == project.id]
    return fields


def can_be_assigned(state: PlaneState, project: Project, user: str) -> bool:
    """Whether an account is more than a guest in the project."""
    return (state.project_role(project.id, user) or 0) >= MEMBER


def next_number(state: PlaneState, project: Project) -> int:
    """The highest number so far plus one, including deleted work items."""
    numbers = (row.sequence_id for row in state.work_items.where(project=project.id))
    return max([project.last_number, *numbers]) + 1


def add_work_item(
    state: PlaneState, project: Project, fields: Mapping[str, Any], by: str, *, triage: str = ""
) -> WorkItem:
    """Add a work item in the project's first state, or in its intake if `triage` is the id of that state."""
    values = dict(fields)
    kind = values.pop("type_id", None)
    default = next((row.id for row in state.states_in(project.id) if row.default), "")
    chosen = triage or values.pop("state", None) or default
    if not values.get("assignees") and can_be_assigned(state, project, project.default_assignee or ""):
        values["assignees"] = [project.default_assignee]
    types = (row.id for row in state.work_item_types_in(project.id) if row.is_default)
    column = [row.sort_order for row in state.work_items.where(project=project.id) if row.state == chosen]
    row = WorkItem(
        project=project.id,
        state=chosen,
        sequence_id=next_number(state, project),
        type=kind or next(types, None),
        sort_order=max(column) + SORT_STEP if column else WorkItem.sort_order,
        in_triage=bool(triage),
        created_by=by,
        **values,
    )
    project.last_number = row.sequence_id
    state.work_items[row.id] = row
    _complete(state, row)
    record(state, row, by, "created", "created the issue")
    return row


def change_work_item(
    state: PlaneState, row: WorkItem, body: Mapping[str, Any], fields: Mapping[str, Any], by: str
) -> None:
    """Set the fields, and write changed values into the history, in the order of the body."""
    for name in body:
        if name in fields:
            _record_change(state, row, name, fields[name], by)
    for name, value in fields.items():
        if name == "type_id":
            row.type = value
        elif name != "state" or value:
            setattr(row, name, value)
    _complete(state, row)
    row.touch(by)


def delete_work_item(state: PlaneState, row: WorkItem) -> None:
    """Delete a work item with everything that belongs to it; its number is not given again."""
    for table in (
        state.property_values,
        state.comments,
        state.links,
        state.activities,
        state.attachments,
        state.intake_items,
    ):
        for part in table.where(work_item=row.id):
            del table[part.id]
    for child in state.work_items.where(project=row.project):
        if child.parent == row.id:
            child.parent = None
    del state.work_items[row.id]


def refuse_taken(error: str, rows: Collection[Any], body: Mapping[str, Any], but: Row | None = None) -> None:
    """Refuse another program's id that a row has already; a change is answered with the row itself (seen on 1.3.1)."""
    name, source = body.get("external_id"), body.get("external_source", getattr(but, "external_source", None))
    if not name or not source:
        return
    for row in rows:
        if row is not but and (row.external_source, row.external_id) == (source, str(name)):
            raise ApiError(409, {"error": error, "id": (but or row).id})


def record(
    state: PlaneState,
    row: WorkItem,
    by: str,
    verb: str,
    comment: str,
    field: str | None = None,
    **values: str | None,
) -> None:
    """Write a line of the work item's history, as Plane's worker does a moment later."""
    line = Activity(
        project=row.project,
        work_item=row.id,
        actor=by,
        verb=verb,
        comment=comment,
        field=field,
        epoch=float(int(time.time())),
        **values,  # type: ignore[arg-type]
    )
    state.activities[line.id] = line


def _refuse_misfits(state: PlaneState, project: Project, fields: Mapping[str, Any]) -> None:
    """Refuse combinations of fields that do not fit; of several, Plane names the first."""
    start, target = fields.get("start_date"), fields.get("target_date")
    if start and target and start > target:
        raise _misfit("Start date cannot exceed target date")
    if fields.get("state") and state.states[fields["state"]].project != project.id:
        raise _misfit("State is not valid please pass a valid state_id")
    if fields.get("parent") and state.work_items[fields["parent"]].project != project.id:
        raise _misfit("Parent is not valid issue_id please pass a valid issue_id")


def _misfit(reason: str) -> ApiError:
    return ApiError(400, {"non_field_errors": [reason]})


def _complete(state: PlaneState, row: WorkItem) -> None:
    """Note when a work item entered a completing state, or left it."""
    current = state.states.get(row.state)
    if current is None or current.group != "completed":
        row.completed_at = None
    elif row.completed_at is None:
        row.completed_at = timestamp()


def _record_change(state: PlaneState, row: WorkItem, name: str, value: Any, by: str) -> None:
    if name in CHANGES:
        field, comment = CHANGES[name]
        old = getattr(row, name)
        if old != value:
            blank = "" if name.endswith("_date") else None
            record(state, row, by, "updated", comment, field, old_value=old or blank, new_value=value or blank)
    elif name == "state" and value and value != row.state:
        old_state, new_state = state.states.get(row.state), state.states[value]
        names = {"old_value": old_state.name if old_state else None, "new_value": new_state.name}
        ids = {"old_identifier": old_state.id if old_state else None, "new_identifier": value}
        record(state, row, by, "updated", "updated the state to", "state", **names, **ids)
    elif name == "parent" and value != row.parent:
        keys = {"old_value": _key(state, row.parent), "new_value": _key(state, value)}
        ids = {"old_identifier": row.parent, "new_identifier": value}
        record(state, row, by, "updated", "updated the parent issue to", "parent", **keys, **ids)
    elif name == "assignees":
        names_by_id = {one: state.users[one].display_name for one in {*row.assignees, *value}}
        _record_list(state, row, by, ("assignees", "assignee"), value, names_by_id)
    elif name == "labels":
        names_by_id = {one: state.labels[one].name for one in {*row.labels, *value}}
        _record_list(state, row, by, ("labels", "label"), value, names_by_id)


def _record_list(
    state: PlaneState, row: WorkItem, by: str, words: tuple[str, str], value: list[str], names: Mapping[str, str]
) -> None:
    field, word = words
    before: list[str] = getattr(row, field)
    for one in [one for one in value if one not in before]:
        values = {"old_value": "", "new_value": names[one], "new_identifier": one}
        record(state, row, by, "updated", f"added {word} ", field, **values)
    for one in [one for one in before if one not in value]:
        values = {"old_value": names[one], "new_value": "", "old_identifier": one}
        record(state, row, by, "updated", f"removed {word} ", field, **values)


def _key(state: PlaneState, work_item: str | None) -> str:
    """A key such as ONBOARD-1."""
    row = state.work_items.get(work_item or "")
    return f"{state.projects[row.project].identifier}-{row.sequence_id}" if row else ""
