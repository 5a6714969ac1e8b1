"""A project as an entry of ``plane_projects``: its differences from a project that Plane has just created."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pyinfra_plane.api.models import FIRST_STATES

NEW: Mapping[str, Any] = {
    "description": "",
    "network": "public",
    "timezone": "UTC",
    "lead": None,
    "default_assignee": None,
    "cycles": False,
    "modules": False,
    "views": False,
    "pages": True,
    "intake": False,
    "estimates": False,
}
"""A new project's values (every tried release); the others are empty, or off."""

NO_SETTING = ("name", "is_archived", "agents", "states", "labels", "custom_fields", "custom_fields_refused")
"""Data of a project that is not a setting with that value."""


def entry(identifier: str, seen: Mapping[str, Any], agents: Mapping[str, str]) -> dict[str, Any]:
    """Return a project's entry.

    Args:
        identifier: of the project.
        seen: the project, from ``PlaneWorkspace``.
        agents: by address, the agents' names.
    """
    found: dict[str, Any] = {"name": seen["name"], "identifier": identifier}
    for name, value in seen.items():
        if name in NO_SETTING or value is None or (value == NEW[name] if name in NEW else not value):
            continue
        if name in ("lead", "default_assignee"):
            value = agents.get(value, value)
        if is_kept(value):
            found[name] = value
    if states := _states(seen["states"] or ()):
        found["states"] = states
    if labels := _labels(seen["labels"] or ()):
        found["labels"] = labels
    if kinds := seen["custom_fields"]:
        kind = chosen(kinds)
        if not kind["is_default"]:
            found["work_item_type"] = kind["type"]
        found["custom_fields"] = [_field(one, agents) for one in kind["fields"]]
    return found


def is_kept(value: object) -> bool:
    """Whether the settings keep the value unchanged: they strip the blanks at the ends of a text."""
    return not isinstance(value, str) or (value != "" and value == value.strip())


def _given(**values: Any) -> dict[str, Any]:
    """The given values that the settings keep unchanged."""
    return {name: value for name, value in values.items() if value not in (None, "", False, []) and is_kept(value)}


def _states(states: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The states in Plane's order; none if they are those that Plane creates with a project."""
    first = {(one.name, one.group, one.color.lower(), one.description, one.default) for one in FIRST_STATES.values()}
    seen = {(one["name"], one["group"], one["color"].lower(), one["description"], one["default"]) for one in states}
    if seen == first:
        return []
    # Plane may have several default states; the settings name one.
    is_one = sum(one["default"] for one in states) == 1
    return [
        {"name": one["name"], "group": one["group"]}
        | _given(color=one["color"], description=one["description"], default=is_one and one["default"])
        for one in states
    ]


def _labels(labels: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The labels by name, each group before its labels.

    Of groups that are in one another, one is listed without a group.
    """
    within: dict[str | None, list[Mapping[str, Any]]] = {}
    for label in sorted(labels, key=lambda one: str(one["name"])):
        within.setdefault(label["parent"] or None, []).append(label)
    found: dict[str, dict[str, Any]] = {}

    def add(label: Mapping[str, Any], parent: str | None) -> None:
        if label["name"] in found:
            return
        further = _given(color=label["color"], description=label["description"], parent=parent)
        found[label["name"]] = {"name": label["name"], **further}
        for one in within.get(label["name"], ()):
            add(one, label["name"])

    for label in within.get(None, ()):
        add(label, None)
    for ring in list(within.values()):
        for label in ring:
            add(label, None)
    return list(found.values())


# Custom fields


def chosen(kinds: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The work item type whose fields are managed: the default one, otherwise the first."""
    return next((kind for kind in kinds if kind["is_default"]), kinds[0])


def _field(seen: Mapping[str, Any], agents: Mapping[str, str]) -> dict[str, Any]:
    found = {"name": seen["name"], "type": seen["type"]} | _given(
        description=seen["description"],
        required=seen["required"],
        multiple=seen["multiple"],
        options=seen["options"],
    )
    values = [_value(one, seen["type"], agents) for one in seen["default"]]
    # Plane stores no default of a required field (public API reference).
    if values and None not in values and not seen["required"] and (seen["multiple"] or len(values) == 1):
        found["default"] = values if seen["multiple"] else values[0]
    return found


def _value(text: str, kind: str, agents: Mapping[str, str]) -> Any:
    """A default in the settings' form; ``None`` if the settings would write it differently."""
    if kind == "boolean":
        return {"true": True, "false": False}.get(text)
    if kind == "member":
        return agents.get(text, text)
    if kind != "number":
        return text
    try:
        value: int | float = int(text) if text.lstrip("-").isdecimal() else float(text)
    except ValueError:
        return None
    return value if str(value) == text and math.isfinite(value) else None
