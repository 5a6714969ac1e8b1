"""States and labels of a project."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pyinfra_plane.api.auth import ApiKey
from pyinfra_plane.api.errors import PlaneRefused, PlaneSettings
from pyinfra_plane.api.models import FIRST_STATES
from pyinfra_plane.api.models import Label as SeenLabel
from pyinfra_plane.api.models import Project as SeenProject
from pyinfra_plane.api.models import State as SeenState
from pyinfra_plane.engine.converge import Change, Kept, Plan, converging
from pyinfra_plane.host.access import Access
from pyinfra_plane.host.host_plane import current_workspace
from pyinfra_plane.host.planning import needs_project, once_made, project_to_read, typed
from pyinfra_plane.settings import Label, State

GROUP_COLORS = {
    "backlog": "#60646c",
    "unstarted": "#60646c",
    "started": "#f59e0b",
    "completed": "#46a758",
    "cancelled": "#9aa4bc",
}
"""Of a new state that names no colour: what Plane gives its own first states (every tried release)."""


@converging
def project_states(slug: str, identifier: str, states: Sequence[State], prune: bool = False) -> Plan:
    """
    Have these states in a project, each known by its name.

    + slug: the workspace
    + identifier: the project's identifier
    + states: name, group and where wanted colour, description and which is the default one
    + prune: delete states that are not named. Plane refuses it for one with work items in it, and deletes with it the
      drafts in it, which are shown to nobody but those who write them

    **Example:**

    .. code:: python

        from pyinfra_plane.settings import State

        plane.project_states(
            name="States",
            slug="javisi",
            identifier="ONBOARD",
            states=[State("Waiting", "unstarted", default=True), State("Checked", "completed", color="#46a758")],
        )
    """
    at, states = current_workspace(slug), typed(State, states)
    identifier = identifier.upper()
    found = project_to_read(at, identifier)
    if found is None:
        names = ", ".join(state.name for state in states)
        if names:
            yield Change((f"? states of {identifier}: {names}",), lambda: needs_project(slug, identifier))
        return
    seen, key = found
    present = FIRST_STATES if key is None else at.plane.states(slug, key, seen)
    plan = _states_plan(at, seen, states, present, prune)
    yield from once_made(slug, identifier, plan) if key is None else _of_project(slug, "states", plan)


def _states_plan(
    at: Access,
    seen: SeenProject,
    states: Sequence[State],
    present: Mapping[str, SeenState],
    prune: bool,
) -> Plan:
    """What is to be done about the states that are present."""
    default = next((state.name for state in states if state.default), None)
    for state in states:
        has = present.get(state.name)
        if has is None:
            yield _make_state(at, seen, state)
            continue
        fields, words = _state_differences(has, state)
        if fields:
            yield _change_state(at, seen, has, fields, words)
        else:
            yield Kept(f"state {state.name} of {seen.identifier}")
    for name, has in present.items():
        # Making another state the default one by a change leaves the old one marked; making a new one the default does
        # not (every tried release).
        if default in present and has.is_default and name != default:
            yield _change_state(at, seen, has, {"default": False}, ["no longer the default"])
    named = {state.name for state in states}
    if prune and states:
        yield from (_delete_state(at, seen, has) for name, has in present.items() if name not in named)


def _of_project(slug: str, setting: str, plan: Plan) -> Plan:
    """Changes in a project, told what to do if the workspace owns what they change (commercial editions)."""

    def told(change: Change) -> None:
        try:
            change.apply()
        except PlaneRefused as error:
            if error.is_migrating:
                raise PlaneSettings(
                    f"{error}; Plane is migrating the workspace {slug}: run again once that is done"
                ) from error
            if error.is_managed_elsewhere:
                raise PlaneSettings(
                    f"{error}; the workspace {slug} manages these for its projects: change them in Plane (Workspace "
                    f"settings), and take {setting} out of plane_projects"
                ) from error
            raise

    def tells(change: Change) -> Change:
        return replace(change, apply=lambda: told(change))

    for item in plan:
        yield tells(item) if isinstance(item, Change) else item


def _state_differences(has: SeenState, state: State) -> tuple[dict[str, Any], list[str]]:
    fields: dict[str, Any] = {}
    words = []
    if has.group != state.group:
        fields["group"] = state.group
        words.append(f"group {has.group} → {state.group}")
    if state.color is not None and has.color.lower() != state.color.lower():
        fields["color"] = state.color
        words.append(f"colour {has.color} → {state.color}")
    if state.description is not None and has.description != state.description:
        fields["description"] = state.description
        words.append("description")
    if state.default and not has.is_default:
        fields["default"] = True
        words.append("the default")
    return fields, words


def _make_state(at: Access, seen: SeenProject, state: State) -> Change:
    fields = {"name": state.name, "group": state.group, "color": state.color or GROUP_COLORS[state.group]}
    fields |= {"description": state.description} if state.description else {}
    # Made as the default one, it takes the mark from the other by itself.
    marked: dict[str, Any] = {"default": True} if state.default else {}
    line = f"+ state {state.name} ({state.group}) of {seen.identifier}" + (", the default" if state.default else "")
    return Change(
        (line,),
        lambda: at.plane.create_state(at.slug, at.key_inside(seen), seen, **fields, **marked),
    )


def _change_state(at: Access, seen: SeenProject, has: SeenState, fields: dict[str, Any], words: list[str]) -> Change:
    return Change(
        (f"~ state {has.name} of {seen.identifier}: {', '.join(words)}",),
        lambda: at.plane.change_state(at.slug, at.key_inside(seen), seen, has, **fields),
    )


def _delete_state(at: Access, seen: SeenProject, has: SeenState) -> Change:
    def delete() -> None:
        try:
            at.plane.delete_state(at.slug, at.key_inside(seen), seen, has)
        except PlaneRefused as error:
            if error.status != 400 or error.is_managed_elsewhere or error.is_migrating:
                raise
            raise PlaneSettings(
                f"{error}; move its work items to another state, or make another the default, then run again; or name "
                f"{has.name} in the states of {seen.identifier}"
            ) from error

    # Plane refuses for work items alone, and shows nobody the drafts of others (every tried release).
    return Change((f"- state {has.name} of {seen.identifier}, with any drafts in it",), delete)


@converging
def project_labels(
    slug: str, identifier: str, labels: Sequence[Label], prune: bool = False, keep: Sequence[str] = ()
) -> Plan:
    """
    Have these labels in a project, each known by its name.

    + slug: the workspace
    + identifier: the project's identifier
    + labels: name and where wanted colour, description and the label that groups it, which stands before it
    + prune: delete labels that are not named; one that stays is taken out of a group that is deleted
    + keep: labels that are not pruned, nor is what is in them

    **Example:**

    .. code:: python

        from pyinfra_plane.settings import Label

        plane.project_labels(
            name="Labels",
            slug="javisi",
            identifier="ONBOARD",
            labels=[Label("source"), Label("mail", parent="source")],
        )
    """
    at, labels = current_workspace(slug), typed(Label, labels)
    identifier = identifier.upper()
    found = project_to_read(at, identifier)
    if found is None:
        names = ", ".join(label.name for label in labels)
        if names:
            yield Change((f"? labels of {identifier}: {names}",), lambda: needs_project(slug, identifier))
        return
    seen, key = found
    yield from _of_project(slug, "labels", labels_plan(at, seen, key, labels))
    if prune and labels and key is not None:
        yield from _of_project(slug, "labels", _prune_labels(at, seen, key, labels, keep))


def _prune_labels(at: Access, seen: SeenProject, key: ApiKey, labels: Sequence[Label], keep: Sequence[str]) -> Plan:
    present = at.plane.labels(at.slug, key, seen)
    kept = {present[name].id for name in keep if name in present}
    grouped = {label.name for label in labels if label.parent}
    named = {name for label in labels for name in (label.name, label.parent) if name} | set(keep)
    doomed = {label.id: label for label in present.values() if label.name not in named and label.parent not in kept}
    for label in present.values():
        # Plane deletes what is in a group along with it, and takes it off the work items (every tried release). A label
        # whose group is named is in that one by now.
        if label.id not in doomed and label.parent in doomed and label.name not in grouped:
            yield _ungroup_label(at, seen, label, doomed[label.parent])
    while doomed:
        groups = {label.parent for label in doomed.values() if label.parent != label.id}
        # Labels that are in one another, which Plane lets be made, go in any order.
        for label in [one for one in doomed.values() if one.id not in groups] or list(doomed.values()):
            del doomed[label.id]
            yield _delete_label(at, seen, label)


def labels_plan(at: Access, seen: SeenProject, key: ApiKey | None, labels: Sequence[Label]) -> Plan:
    """What is to be done so that the labels are there; the one that groups another stands before it.

    Without a key, the project is still to be made, and has none.
    """
    if key is None:
        yield from once_made(at.slug, seen.identifier, _labels_plan(at, seen, {}, labels))
    else:
        yield from _labels_plan(at, seen, at.plane.labels(at.slug, key, seen), labels)


def _labels_plan(at: Access, seen: SeenProject, present: Mapping[str, SeenLabel], labels: Sequence[Label]) -> Plan:
    for label in labels:
        has = present.get(label.name)
        called = f"label {label.name} of {seen.identifier}" + (f" (in {label.parent})" if label.parent else "")
        if has is None:
            yield _put_label(at, seen, label, f"+ {called}")
            continue
        parent = present.get(label.parent) if label.parent else None
        words = []
        if label.color is not None and has.color.lower() != label.color.lower():
            words.append(f"colour {has.color or 'none'} → {label.color}")
        if label.description is not None and has.description != label.description:
            words.append("description")
        if label.parent is not None and (parent is None or has.parent != parent.id):
            words.append(f"into {label.parent}")
        if words:
            yield _put_label(at, seen, label, f"~ label {label.name} of {seen.identifier}: {', '.join(words)}")
        else:
            yield Kept(called)


def _put_label(at: Access, seen: SeenProject, label: Label, line: str) -> Change:
    def put() -> None:
        plane, key = at.plane, at.key_inside(seen)
        present = plane.labels(at.slug, key, seen)
        fields: dict[str, Any] = {}
        if label.color is not None:
            fields["color"] = label.color
        if label.description is not None:
            fields["description"] = label.description
        if label.parent is not None:
            fields["parent"] = present[label.parent].id
        has = present.get(label.name)
        if has is None:
            plane.create_label(at.slug, key, seen, name=label.name, **fields)
        else:
            plane.change_label(at.slug, key, seen, has, **fields)

    return Change((line,), put)


def _ungroup_label(at: Access, seen: SeenProject, label: SeenLabel, group: SeenLabel) -> Change:
    return Change(
        (f"~ label {label.name} of {seen.identifier}: out of {group.name}",),
        lambda: at.plane.change_label(at.slug, at.key_inside(seen), seen, label, parent=None),
    )


def _delete_label(at: Access, seen: SeenProject, label: SeenLabel) -> Change:
    return Change(
        (f"- label {label.name} of {seen.identifier}",),
        lambda: at.plane.delete_label(at.slug, at.key_inside(seen), seen, label),
    )
