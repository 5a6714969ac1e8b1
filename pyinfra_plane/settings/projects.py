"""``plane_projects``."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pyinfra_plane.settings.agents import EMAIL
from pyinfra_plane.settings.models import (
    FIELD_TYPES,
    NETWORKS,
    STATE_GROUPS,
    SWITCHES,
    CustomField,
    Label,
    Project,
    State,
)
from pyinfra_plane.settings.values import CHARACTER, COLOR, NAME, NAME_WANTED, Values

KEYS = (
    "name",
    "identifier",
    "description",
    "network",
    "timezone",
    "lead",
    "default_assignee",
    *SWITCHES,
    "estimates",
    "states",
    "labels",
    "work_item_type",
    "custom_fields",
    "prune",
)
FIELD_KEYS = ("name", "type", "description", "required", "multiple", "options", "default")
STATE_KEYS = ("name", "group", "color", "description", "default")
LABEL_KEYS = ("name", "color", "description", "parent")

NAME_ON_ONE_LINE = "at most 255 characters without blanks at the ends, on one line"

HIDDEN_STATE = "Triage"
"""Each project has a state of this name that no list shows, so Plane answers 500 to another (every tried release)."""

LONGEST_SLUG = 100
"""Of a state. Plane makes it of the name without a look at its length, and answers 500 (every tried release)."""

SEVERAL = ("option", "member")
"""The types of which a field can hold more than one."""


def plane_projects(values: Values, name: str) -> tuple[Project, ...]:
    """Every project; it may name an agent as lead, default assignee or default of a field."""
    addresses = {agent.name: agent.email for agent in values.agents if agent.present}
    projects = [
        _Reader(values, path, entry, addresses).project() for path, entry in values.items(name, values.data.get(name))
    ]
    values.unique(name, "identifier", [project.identifier for project in projects])
    values.unique(name, "name", [project.name for project in projects])
    return tuple(projects)


class _Reader:
    """One entry of the list."""

    def __init__(self, values: Values, path: str, entry: Mapping[str, Any], addresses: Mapping[str, str]) -> None:
        self.values = values
        self.path = path
        self.entry = entry
        self.addresses = addresses

    def project(self) -> Project:
        self.values.known_keys(self.path, self.entry, KEYS)
        return Project(
            name=self._text(self.entry, self.path, "name", NAME, NAME_WANTED),
            identifier=self._text(
                self.entry,
                self.path,
                "identifier",
                r"[A-Za-z0-9]{1,12}",
                "letters and digits, at most 12 (Plane makes them upper case)",
            ).upper(),
            description=self._any_text(self.entry, self.path, "description"),
            work_item_type=self._optional(self.entry, self.path, "work_item_type", NAME, NAME_ON_ONE_LINE),
            custom_fields=self._custom_fields(),
            network=self._choice(self.entry, self.path, "network", NETWORKS),
            timezone=self._timezone(),
            lead=self._person(self.entry, self.path, "lead"),
            default_assignee=self._person(self.entry, self.path, "default_assignee"),
            switches={name: on for name in SWITCHES if (on := self._flag(self.entry, self.path, name)) is not None},
            estimates=self._flag(self.entry, self.path, "estimates"),
            states=self._states(),
            labels=self._labels(),
            prune=bool(self._flag(self.entry, self.path, "prune")),
        )

    def _timezone(self) -> str | None:
        pattern = r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*"
        name = self._optional(self.entry, self.path, "timezone", pattern, "a name such as Europe/Berlin")
        if name and not _is_timezone(name):
            near = difflib.get_close_matches(name, available_timezones(), n=1)
            hint = f"did you mean {near[0]}?" if near else "wanted: a name such as Europe/Berlin"
            self.values.refuse(f"{self.path}.timezone", name, hint)
        return name

    def _states(self) -> tuple[State, ...]:
        states = []
        for path, item in self._items("states"):
            self.values.known_keys(path, item, STATE_KEYS)
            states.append(
                State(
                    name=self._state_name(item, path),
                    group=self._choice(item, path, "group", STATE_GROUPS, needed=True) or STATE_GROUPS[0],
                    color=self._optional(item, path, "color", COLOR, "a colour such as #3f76ff"),
                    description=self._any_text(item, path, "description"),
                    default=bool(self._flag(item, path, "default")),
                )
            )
        self.values.unique(f"{self.path}.states", "name", [state.name for state in states])
        if sum(state.default for state in states) > 1:
            self.values.problems.append(f"{self.path}.states: more than one is the default; wanted: at most one")
        return tuple(states)

    def _state_name(self, item: Mapping[str, Any], path: str) -> str:
        name = self._text(item, path, "name", NAME, NAME_WANTED)
        if name == HIDDEN_STATE:
            self.values.refuse(f"{path}.name", name, "Plane keeps this name for a state that it hides")
        elif _slug_length(name) > LONGEST_SLUG:
            self.values.refuse(
                f"{path}.name", name, f"wanted: at most {LONGEST_SLUG} characters in the slug that Plane makes of it"
            )
        return name

    def _labels(self) -> tuple[Label, ...]:
        labels = []
        for path, item in self._items("labels"):
            self.values.known_keys(path, item, LABEL_KEYS)
            labels.append(
                Label(
                    name=self._text(item, path, "name", NAME, NAME_WANTED),
                    color=self._optional(item, path, "color", COLOR, "a colour such as #3f76ff"),
                    description=self._any_text(item, path, "description"),
                    parent=self._optional(item, path, "parent", NAME, NAME_WANTED),
                )
            )
        names = [label.name for label in labels]
        self.values.unique(f"{self.path}.labels", "name", names)
        for index, label in enumerate(labels):
            if label.parent is not None and label.parent not in names[:index]:
                self.values.refuse(
                    f"{self.path}.labels[{index}].parent", label.parent, "wanted: a label that stands before it"
                )
        return tuple(labels)

    def _custom_fields(self) -> tuple[CustomField, ...]:
        fields = [self._custom_field(path, item) for path, item in self._items("custom_fields")]
        self.values.unique(f"{self.path}.custom_fields", "name", [field.name for field in fields])
        return tuple(fields)

    def _custom_field(self, path: str, item: Mapping[str, Any]) -> CustomField:
        self.values.known_keys(path, item, FIELD_KEYS)
        kind = item.get("type")
        name = self._text(item, path, "name", NAME, NAME_WANTED)
        if not isinstance(kind, str) or kind not in FIELD_TYPES:
            self.values.refuse(f"{path}.type", kind, f"wanted: {', '.join(FIELD_TYPES)}")
            return CustomField(name, "text")
        multiple = self._flag(item, path, "multiple")
        if multiple and kind not in SEVERAL:
            self.values.refuse(f"{path}.multiple", multiple, f"wanted: only with type {' or '.join(SEVERAL)}")
        options = self._options(path, item, kind)
        required = self._flag(item, path, "required")
        if required and item.get("default") is not None:
            # Plane drops the default of a required property (public API reference).
            self.values.refuse(f"{path}.default", item["default"], "wanted: None, since the field is required")
            return CustomField(name, kind)
        return CustomField(
            name=name,
            type=kind,
            required=required,
            multiple=multiple,
            options=options,
            description=self._any_text(item, path, "description"),
            default=self._default(path, item, kind, options, bool(multiple)),
        )

    def _options(self, path: str, item: Mapping[str, Any], kind: str) -> tuple[str, ...]:
        value = item.get("options")
        wanted = "wanted: a list of texts, and only with type option"
        if kind != "option":
            if value is not None:
                self.values.refuse(f"{path}.options", value, wanted)
            return ()
        if not isinstance(value, (list, tuple)) or not value:
            self.values.refuse(f"{path}.options", value, "wanted: a list of at least one text")
            return ()
        options = [
            self.values.text_of(f"{path}.options[{index}]", one, NAME, NAME_WANTED) for index, one in enumerate(value)
        ]
        self.values.unique(f"{path}.options", "name", options)
        return tuple(options)

    def _default(
        self, path: str, item: Mapping[str, Any], kind: str, options: tuple[str, ...], multiple: bool
    ) -> tuple[str, ...] | None:
        value = item.get("default")
        if value is None:
            return None
        if multiple and isinstance(value, (list, tuple)):
            found = [self._one_default(f"{path}.default[{i}]", one, kind, options) for i, one in enumerate(value)]
        else:
            found = [self._one_default(f"{path}.default", value, kind, options)]
        return tuple(one for one in found if one is not None)

    def _one_default(self, path: str, value: object, kind: str, options: tuple[str, ...]) -> str | None:
        text = value if isinstance(value, str) else ""
        # Compared, not converted: a whole number can be too large for that.
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e100
        good, wanted = {
            "text": (bool(text) and text == text.strip() and _is_text(text), "text without blanks at its ends"),
            "url": (
                bool(re.fullmatch(rf"https?://(?:(?!\s){CHARACTER})+", text)),
                "an address that starts with http:// or https://",
            ),
            "email": (bool(re.fullmatch(EMAIL, text)), "an address such as thot@javisi.local"),
            "number": (number, "a number"),
            "boolean": (isinstance(value, bool), "True or False"),
            "date": (_is_date(text), "a day such as 2026-12-31"),
            "option": (text in options, f"one of the options: {', '.join(options)}"),
            "member": (text in self.addresses or bool(re.fullmatch(EMAIL, text)), "an agent's name, or an address"),
        }[kind]
        if not good:
            self.values.refuse(path, value, f"wanted: {wanted}")
            return None
        if kind == "boolean":
            return "true" if value else "false"
        return self.addresses.get(text, text.lower()) if kind == "member" else str(value)

    # Values of a dict

    def _items(self, key: str) -> list[tuple[str, Mapping[str, Any]]]:
        value = self.entry.get(key)
        return self.values.items(f"{self.path}.{key}", [] if value is None else value)

    def _text(self, item: Mapping[str, Any], path: str, key: str, pattern: str, wanted: str) -> str:
        return self.values.text_of(f"{path}.{key}", item.get(key), pattern, wanted)

    def _optional(self, item: Mapping[str, Any], path: str, key: str, pattern: str, wanted: str) -> str | None:
        return None if item.get(key) is None else self._text(item, path, key, pattern, f"{wanted}, or None")

    def _any_text(self, item: Mapping[str, Any], path: str, key: str) -> str | None:
        value = item.get(key)
        if value is None:
            return None
        if not isinstance(value, str) or not _is_text(value):
            self.values.refuse(f"{path}.{key}", value, "wanted: text, or None")
            return None
        # Plane keeps it so (every tried release): the line break at the end of a long text would differ on every run.
        return value.strip()

    def _flag(self, item: Mapping[str, Any], path: str, key: str) -> bool | None:
        value = item.get(key)
        if value is not None and not isinstance(value, bool):
            self.values.refuse(f"{path}.{key}", value, "wanted: True, False, or None to leave it alone")
            return None
        return value

    def _choice(
        self, item: Mapping[str, Any], path: str, key: str, allowed: Sequence[str], needed: bool = False
    ) -> str | None:
        value = item.get(key)
        if value is None and not needed:
            return None
        if not isinstance(value, str) or value not in allowed:
            self.values.refuse(f"{path}.{key}", value, f"wanted: {', '.join(allowed)}")
            return None
        return value

    def _person(self, item: Mapping[str, Any], path: str, key: str) -> str | None:
        value = item.get(key)
        if value is None:
            return None
        if isinstance(value, str) and value in self.addresses:
            return self.addresses[value]
        return self.values.text_of(f"{path}.{key}", value, EMAIL, "an agent's name, an address, or None").lower()


def _is_timezone(name: str) -> bool:
    """Whether there is such a time zone; on a machine without a database of them, any may be one."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return not available_timezones()
    return True


def _is_text(text: str) -> bool:
    """Whether Plane can keep it: its database takes no NUL, and half of a pair of surrogates is no text."""
    return not re.search(r"[\x00\ud800-\udfff]", text)


def _slug_length(name: str) -> int:
    """How long Plane's slug of a name is: in ASCII where a character has such a form, and blanks as one dash."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return len(re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain)).strip("-_"))


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return len(text) == 10
