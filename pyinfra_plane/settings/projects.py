"""``plane_projects``: what a project, and each thing in it, may be."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

from pyinfra_plane.settings import entries
from pyinfra_plane.settings.entries import EMAIL, Check, Item, entry
from pyinfra_plane.settings.models import Agent
from pyinfra_plane.settings.values import NAME, NAME_WANTED, Values

FIELD_TYPES = ("text", "number", "boolean", "date", "option", "url", "email", "member")
"""Custom field types that can be asked for; ``pyinfra_plane.api.properties`` says what Plane calls them."""

SEVERAL = ("option", "member")
"""The types of which a field can hold more than one."""

STATE_GROUPS = ("backlog", "unstarted", "started", "completed", "cancelled")
"""What a state can belong to; the columns of a board are sorted by it."""

NETWORKS = ("secret", "public")
"""Who sees a project: its members alone, or everybody in the workspace."""

HIDDEN_STATE = "Triage"
"""Each project has a state of this name that no list shows, so Plane answers 500 to another (every tried release)."""

LONGEST_SLUG = 100
"""Of a state. Plane makes it of the name without a look at its length, and answers 500 (every tried release)."""


def plane_projects(values: Values, name: str) -> tuple[Project, ...]:
    """Every project; it may name an agent as lead, default assignee or default of a field."""
    projects = [
        entries.read_entry(Project, values, path, data) for path, data in values.items(name, values.data.get(name))
    ]
    values.unique(name, "identifier", [project.identifier for project in projects])
    values.unique(name, "name", [project.name for project in projects])
    return tuple(projects)


# States


def _state_name(item: Item, key: str) -> str:
    name = entries.name(item, key)
    if name == HIDDEN_STATE:
        item.refuse(key, name, "Plane keeps this name for a state that it hides")
    elif _slug_length(name) > LONGEST_SLUG:
        item.refuse(key, name, f"wanted: at most {LONGEST_SLUG} characters in the slug that Plane makes of it")
    return name


def _slug_length(name: str) -> int:
    """How long Plane's slug of a name is: in ASCII where a character has such a form, and blanks as one dash."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return len(re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain)).strip("-_"))


@dataclass(frozen=True)
class State:
    """One state of a project, known by its name."""

    name: str = entry(_state_name)
    group: str = entry(entries.choice(*STATE_GROUPS, default=STATE_GROUPS[0]))
    color: str | None = entry(entries.color, None)
    description: str | None = entry(entries.words, None)
    default: bool = entry(entries.is_set, False)


def _states(item: Item, key: str) -> tuple[State, ...]:
    states = entries.entries(State)(item, key)
    if sum(state.default for state in states) > 1:
        item.values.problems.append(f"{item.path}.{key}: more than one is the default; wanted: at most one")
    return states


# Labels


@dataclass(frozen=True)
class Label:
    """One label of a project, known by its name; `parent` is the label that groups it."""

    name: str = entry(entries.name)
    color: str | None = entry(entries.color, None)
    description: str | None = entry(entries.words, None)
    parent: str | None = entry(entries.optional_name, None)


def _labels(item: Item, key: str) -> tuple[Label, ...]:
    labels = entries.entries(Label)(item, key)
    names = [label.name for label in labels]
    for index, label in enumerate(labels):
        if label.parent is not None and label.parent not in names[:index]:
            item.refuse(f"{key}[{index}].parent", label.parent, "wanted: a label that stands before it")
    return labels


# Custom fields


def _type(item: Item, key: str) -> str:
    kind = item.get(key)
    if isinstance(kind, str) and kind in FIELD_TYPES:
        return kind
    item.refuse(key, kind, f"wanted: {', '.join(FIELD_TYPES)}")
    return ""  # of which nothing else is checked


def _multiple(item: Item, key: str) -> bool | None:
    multiple = entries.flag(item, key)
    if multiple and item.checked["type"] not in ("", *SEVERAL):
        item.refuse(key, multiple, f"wanted: only with type {' or '.join(SEVERAL)}")
    return multiple


def _options(item: Item, key: str) -> tuple[str, ...]:
    value, kind = item.get(key), item.checked["type"]
    if kind != "option":
        if value is not None and kind:
            item.refuse(key, value, "wanted: a list of texts, and only with type option")
        return ()
    if not isinstance(value, (list, tuple)) or not value:
        item.refuse(key, value, "wanted: a list of at least one text")
        return ()
    path = f"{item.path}.{key}"
    options = [item.values.text_of(f"{path}[{index}]", one, NAME, NAME_WANTED) for index, one in enumerate(value)]
    item.values.unique(path, "name", options)
    return tuple(options)


def _default(item: Item, key: str) -> tuple[str, ...] | None:
    value = item.get(key)
    if value is None or not item.checked["type"]:
        return None
    if item.checked["required"]:
        # Plane drops the default of a required property (public API reference).
        item.refuse(key, value, "wanted: None, since the field is required")
        return None
    if item.checked["multiple"] and isinstance(value, (list, tuple)):
        found = [_one_default(item, f"{key}[{index}]", one) for index, one in enumerate(value)]
    else:
        found = [_one_default(item, key, value)]
    return tuple(one for one in found if one is not None)


def _one_default(item: Item, key: str, value: object) -> str | None:
    kind, options, known = item.checked["type"], item.checked["options"], entries.addresses(item.values)
    text = value if isinstance(value, str) else ""
    # Compared, not converted: a whole number can be too large for that.
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e100
    good, wanted = {
        "text": (bool(text) and text == text.strip() and entries.is_text(text), "text without blanks at its ends"),
        "url": (entries.is_url(text), "an address that starts with http:// or https://"),
        "email": (bool(re.fullmatch(EMAIL, text)), "an address such as thot@javisi.local"),
        "number": (number, "a number"),
        "boolean": (isinstance(value, bool), "True or False"),
        "date": (_is_date(text), "a day such as 2026-12-31"),
        "option": (text in options, f"one of the options: {', '.join(options)}"),
        "member": (text in known or bool(re.fullmatch(EMAIL, text)), "an agent's name, or an address"),
    }[kind]
    if not good:
        item.refuse(key, value, f"wanted: {wanted}")
        return None
    if kind == "boolean":
        return "true" if value else "false"
    return known.get(text, text.lower()) if kind == "member" else str(value)


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return len(text) == 10


@dataclass(frozen=True)
class CustomField:
    """One custom field ("work item property") of a project. What is ``None`` is left as it is."""

    name: str = entry(entries.name)
    type: str = entry(_type)
    required: bool | None = entry(entries.flag, None)
    multiple: bool | None = entry(_multiple, None)
    options: tuple[str, ...] = entry(_options, ())
    description: str | None = entry(entries.words, None)
    default: tuple[str, ...] | None = entry(_default, None)


AGENT_FIELD = "agent_id"
"""The text field that a group of labels can stand in for, since its values are known: the agents' names."""


def labels_for(fields: Sequence[CustomField], agents: Sequence[Agent]) -> list[Label]:
    """Labels in place of custom fields: for each field whose values are known beforehand a group, and them in it."""
    labels = []
    for one in fields:
        values: Sequence[str] = one.options
        if one.name == AGENT_FIELD and one.type == "text":
            values = [agent.name for agent in agents]
        if values:
            labels.append(Label(one.name))
            labels += [Label(value, parent=one.name) for value in values]
    return labels


# Projects

_IDENTIFIER = entries.text(r"[A-Za-z0-9]{1,12}", "letters and digits, at most 12 (Plane makes them upper case)")


MOST_MONTHS = 12
"""After which Plane archives or closes work items at the latest (every tried release)."""


def _months(item: Item, key: str) -> int | None:
    months = item.get(key)
    if months is None or (isinstance(months, int) and not isinstance(months, bool) and 0 <= months <= MOST_MONTHS):
        return months
    item.refuse(key, months, f"wanted: a number of months from 0 (never) to {MOST_MONTHS}, or None")
    return None


def _emoji(item: Item, key: str) -> str | None:
    emoji = item.get(key)
    if emoji is None or (isinstance(emoji, str) and 0 < len(emoji) <= LONGEST_EMOJI and not emoji.isascii()):
        return emoji
    item.refuse(key, emoji, "wanted: one emoji, or None")
    return None


LONGEST_EMOJI = 10
"""Characters that make one: a family of four with skin tones."""


def _cover(item: Item, key: str) -> str | None:
    address = item.get(key)
    if address is None or (isinstance(address, str) and entries.is_url(address)):
        return address
    item.refuse(key, address, "wanted: an address that starts with http:// or https://, or None")
    return None


@dataclass(frozen=True, kw_only=True)
class ProjectSettings:
    """What a project is like, each an argument of the operation ``plane.project``. What is ``None`` is left as it is.

    `lead` and `default_assignee` are addresses.
    """

    description: str | None = entry(entries.words, None)
    network: str | None = entry(entries.choice(*NETWORKS), None)
    timezone: str | None = entry(entries.timezone, None)
    lead: str | None = entry(entries.person, None)
    default_assignee: str | None = entry(entries.person, None)
    cycles: bool | None = entry(entries.flag, None)
    modules: bool | None = entry(entries.flag, None)
    views: bool | None = entry(entries.flag, None)
    pages: bool | None = entry(entries.flag, None)
    intake: bool | None = entry(entries.flag, None)
    guest_view_all_features: bool | None = entry(entries.flag, None)
    archive_in: int | None = entry(_months, None)
    close_in: int | None = entry(_months, None)
    emoji: str | None = entry(_emoji, None)
    cover: str | None = entry(_cover, None)


def _names(switch: str) -> Check:
    """A list of names; `switch` is the key that has to be on for them."""

    def checked(item: Item, key: str) -> tuple[str, ...]:
        given = item.get(key)
        if given is None:
            return ()
        if not isinstance(given, (list, tuple)):
            item.refuse(key, given, "wanted: a list of names")
            return ()
        if given and item.checked[switch] is False:
            item.refuse(switch, False, f"wanted: True, or no {key}")
        path = f"{item.path}.{key}"
        names = [item.values.text_of(f"{path}[{index}]", one, NAME, NAME_WANTED) for index, one in enumerate(given)]
        item.values.unique(path, "name", names)
        return tuple(names)

    return checked


@dataclass(frozen=True)
class Project(ProjectSettings):
    """One project: everyone in ``plane_agents`` is a member of it."""

    name: str = entry(entries.name)
    identifier: str = entry(lambda item, key: _IDENTIFIER(item, key).upper())
    estimates: bool | None = entry(entries.flag, None)
    states: tuple[State, ...] = entry(_states, ())
    labels: tuple[Label, ...] = entry(_labels, ())
    module_names: tuple[str, ...] = entry(_names("modules"), ())
    cycle_names: tuple[str, ...] = entry(_names("cycles"), ())
    work_item_type: str | None = entry(
        entries.optional_text(NAME, "at most 255 characters without blanks at the ends, on one line"), None
    )
    custom_fields: tuple[CustomField, ...] = entry(entries.entries(CustomField), ())
    prune: bool = entry(entries.is_set, False)

    @property
    def settings(self) -> dict[str, Any]:
        """What :class:`ProjectSettings` has, by name. Named modules and cycles switch both on."""
        given = {one.name: getattr(self, one.name) for one in fields(ProjectSettings)}
        return given | ({"modules": True} if self.module_names else {}) | ({"cycles": True} if self.cycle_names else {})
