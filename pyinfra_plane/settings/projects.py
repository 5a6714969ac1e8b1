"""``plane_projects``: the settings of a project, and of each resource in it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import date
from typing import Any

from pyinfra_plane.dataclass import dataclass
from pyinfra_plane.settings import checks
from pyinfra_plane.settings.addresses import EMAIL
from pyinfra_plane.settings.agents import Agent
from pyinfra_plane.settings.checks import also, being, optional, then
from pyinfra_plane.settings.values import Check, Given, entries, entry, refuse_shared

FIELD_TYPES = ("text", "number", "boolean", "date", "option", "url", "email", "member")
"""Custom field types in settings; ``pyinfra_plane.api.properties`` has Plane's names for them."""

SEVERAL = ("option", "member")
"""The types that allow several values."""

STATE_GROUPS = ("backlog", "unstarted", "started", "completed", "cancelled")
"""The groups of states; a board sorts its columns by them."""

NETWORKS = ("secret", "public")
"""A project's visibility: its members only, or everybody in the workspace."""

HIDDEN_STATE = "Triage"
"""A state of each project that no list shows, so Plane answers 500 to another of this name (every tried release)."""

LONGEST_SLUG = 100
"""Maximum length of a state's slug. Plane builds it from the name without a check, and answers 500 (every tried
release)."""


def _has_short_slug(name: str) -> bool:
    # In ASCII if a character has such a form, and blanks as one dash.
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    slug = re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain)).strip("-_")
    return len(slug) <= LONGEST_SLUG


_state_name = also(
    also(checks.name, "not be a name that Plane reserves for a hidden state", lambda name: name != HIDDEN_STATE),
    f"have at most {LONGEST_SLUG} characters in the slug that Plane derives from it",
    _has_short_slug,
)


@dataclass(frozen=True)
class State:
    """A state of a project, identified by its name."""

    name: str = entry(_state_name)
    group: str = entry(checks.choice(*STATE_GROUPS))
    color: str | None = entry(optional(checks.color), None)
    description: str | None = entry(optional(checks.words), None)
    default: bool = entry(optional(checks.flag, False), False)


_states = also(
    entries(State),
    "have at most one state that is the default",
    lambda states: sum(bool(state.default) for state in states) <= 1,
)


@dataclass(frozen=True)
class Label:
    """A label of a project, identified by its name; `parent` is the label that groups it."""

    name: str = entry(checks.name)
    color: str | None = entry(optional(checks.color), None)
    description: str | None = entry(optional(checks.words), None)
    parent: str | None = entry(optional(checks.name), None)


def _labels(given: Given) -> tuple[Label, ...]:
    labels = entries(Label)(given)
    names = [label.name for label in labels]
    for index, label in enumerate(labels):
        if label.parent is not None and label.parent not in names[:index]:
            before = being("a label listed before it", names[:index].__contains__)
            given.at(f"[{index}].parent", label.parent).checked(before)
    return labels


def _person(given: Given) -> str:
    """Accept a member's address, or an agent's name instead."""
    known = {agent.name: agent.email for agent in given.values.checked["plane_agents"] or ()}
    if isinstance(given.value, str) and given.value in known:
        return str(known[given.value])
    return checks.text(EMAIL, "an agent's name, or an address such as thot@javisi.local")(given).lower()


def _multiple(given: Given) -> bool:
    if checks.flag(given) and given.siblings["type"] not in (None, *SEVERAL):
        given.must(f"only be True with type {' or '.join(SEVERAL)}")
    return bool(given.value)


def _options(given: Given) -> tuple[str, ...]:
    kind = given.siblings["type"]
    if kind != "option":
        if given.value is not None and kind:
            given.must_be("a list of texts, and only with type option")
        return ()
    options = checks.list_of(checks.name, "a list of at least one text")(given)
    refuse_shared(given.values, "name", {f"{given.path}[{index}]": one for index, one in enumerate(options)})
    return options


def _default(given: Given) -> tuple[str, ...] | None:
    kind = given.siblings["type"]
    if kind is None:
        return None  # this field was refused, so its default cannot be checked
    if given.siblings["required"]:
        # Plane drops the default of a required property (public API reference).
        given.must("be None, since the field is required")
    several = given.siblings["multiple"] and isinstance(given.value, (list, tuple))
    found = [one.checked(_one_default[kind]) for one in (given.elements() if several else [given.at("", given.value)])]
    return tuple(one for one in found if one is not None)


def _is_number(value: object) -> bool:
    # Compared, not converted: a whole number can be too large for a conversion.
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e100


def _is_date(value: object) -> bool:
    try:
        return isinstance(value, str) and len(value) == 10 and bool(date.fromisoformat(value))
    except ValueError:
        return False


_one_default: Mapping[str, Check[str]] = {
    "text": being(
        "text without leading or trailing blanks", lambda value: checks.is_text(value) and value == value.strip() != ""
    ),
    "url": checks.page_url,
    "email": checks.text(EMAIL, "an address such as thot@javisi.local"),
    "number": then(being("a number", _is_number), str),
    "boolean": then(checks.flag, lambda value: str(value).lower()),
    "date": being("a day such as 2026-12-31", _is_date),
    "option": lambda given: checks.choice(*given.siblings["options"] or ())(given),
    "member": _person,
}
"""By a field's type, the check of its default, which is converted to text."""


@dataclass(frozen=True)
class CustomField:
    """A custom field ("work item property") of a project. ``None`` leaves a property unchanged."""

    name: str = entry(checks.name)
    type: str = entry(checks.choice(*FIELD_TYPES))
    required: bool | None = entry(optional(checks.flag), None)
    multiple: bool | None = entry(optional(_multiple), None)
    options: tuple[str, ...] = entry(_options, ())
    description: str | None = entry(optional(checks.words), None)
    default: tuple[str, ...] | None = entry(optional(_default), None)


AGENT_FIELD = "agent_id"
"""The text field that a group of labels can replace, because its values are known: the agents' names."""


def labels_for(fields: Sequence[CustomField], agents: Sequence[Agent]) -> list[Label]:
    """Labels that replace custom fields: a group for each field whose values are known, with a label for each value."""
    labels = []
    for one in fields:
        values: Sequence[str] = one.options
        if one.name == AGENT_FIELD and one.type == "text":
            values = [agent.name for agent in agents]
        if values:
            labels.append(Label(one.name))
            labels += [Label(value, parent=one.name) for value in values]
    return labels


MOST_MONTHS = 12
"""Maximum months until Plane archives or closes work items (every tried release)."""

LONGEST_EMOJI = 10
"""Maximum characters of one emoji: a family of four with skin tones."""

_months = checks.number(0, MOST_MONTHS)
_emoji = being(
    "one emoji",
    lambda value: isinstance(value, str) and 0 < len(value) <= LONGEST_EMOJI and not value.isascii(),
)


@dataclass(frozen=True, kw_only=True)
class ProjectSettings:
    """The settings of a project, each an argument of the operation ``plane.project``. ``None`` leaves one unchanged.

    `lead` and `default_assignee` are addresses.
    """

    description: str | None = entry(optional(checks.words), None)
    network: str | None = entry(optional(checks.choice(*NETWORKS)), None)
    timezone: str | None = entry(optional(checks.timezone), None)
    lead: str | None = entry(optional(_person), None)
    default_assignee: str | None = entry(optional(_person), None)
    cycles: bool | None = entry(optional(checks.flag), None)
    modules: bool | None = entry(optional(checks.flag), None)
    views: bool | None = entry(optional(checks.flag), None)
    pages: bool | None = entry(optional(checks.flag), None)
    intake: bool | None = entry(optional(checks.flag), None)
    guest_view_all_features: bool | None = entry(optional(checks.flag), None)
    archive_in: int | None = entry(optional(_months), None)
    close_in: int | None = entry(optional(_months), None)
    emoji: str | None = entry(optional(_emoji), None)
    cover: str | None = entry(optional(checks.page_url), None)


def _names(switch: str) -> Check[tuple[str, ...]]:
    """Accept a list of names; `switch` is the key that must be on for them."""

    def check(given: Given) -> tuple[str, ...]:
        found = tuple(one.checked(checks.name) for one in given.elements())
        if found and given.siblings[switch] is False:
            given.must(f"be empty, or {switch} True")
        refuse_shared(given.values, "name", {f"{given.path}[{index}]": one for index, one in enumerate(found)})
        return found

    return check


@dataclass(frozen=True)
class Project(ProjectSettings):
    """A project. Every agent in ``plane_agents`` is a member of it."""

    name: str = entry(checks.name)
    identifier: str = entry(
        then(
            checks.text(r"[A-Za-z0-9]{1,12}", "letters and digits, at most 12 (Plane converts them to upper case)"),
            str.upper,
        )
    )
    estimates: bool | None = entry(optional(checks.flag), None)
    states: tuple[State, ...] = entry(optional(_states, ()), ())
    labels: tuple[Label, ...] = entry(optional(_labels, ()), ())
    module_names: tuple[str, ...] = entry(optional(_names("modules"), ()), ())
    cycle_names: tuple[str, ...] = entry(optional(_names("cycles"), ()), ())
    work_item_type: str | None = entry(optional(checks.name), None)
    custom_fields: tuple[CustomField, ...] = entry(optional(entries(CustomField), ()), ())
    prune: bool = entry(optional(checks.flag, False), False)

    @property
    def settings(self) -> dict[str, Any]:
        """The values of :class:`ProjectSettings`, by name. Named modules and cycles turn both on."""
        given = {one.name: getattr(self, one.name) for one in fields(ProjectSettings)}
        return given | ({"modules": True} if self.module_names else {}) | ({"cycles": True} if self.cycle_names else {})


plane_projects = entries(Project, "identifier", "name")
"""Every project; it may name an agent as lead, default assignee or default of a field."""
