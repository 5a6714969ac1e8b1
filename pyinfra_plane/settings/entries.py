"""The dicts in a setting that is a list: each key declared once, as a field of the dataclass that the dict becomes.

A field says with :func:`entry` how its value is checked. Reading a dict refuses keys that are no fields, checks each
value, and keeps every problem for one report.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pyinfra_plane.settings.values import CHARACTER, NAME, NAME_WANTED, Values

T = TypeVar("T")

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[^\W_](?:(?:[^\W_]|-)*[^\W_])?"

EMAIL = rf"(?=.{{1,254}}\Z){_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})+"
"""What Plane takes as an address: Django's rule, without quoted names and bare numbers of hosts."""

ACCOUNT = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
"""The name or number of a user or a group of a host."""


@dataclass
class Item:
    """One dict of a list.

    Args:
        values: of the host.
        path: where the dict is, for example ``plane_projects[0].states[1]``.
        data: the dict.
        checked: the values that were checked before, by key.
    """

    values: Values
    path: str
    data: Mapping[str, Any]
    checked: dict[str, Any]

    def get(self, key: str) -> Any:
        """The value as it is given; ``None`` if it is not."""
        return self.data.get(key)

    def refuse(self, key: str, value: object, wanted: str) -> None:
        """Keep a problem of one value."""
        self.values.refuse(f"{self.path}.{key}", value, wanted)


Check = Callable[[Item, str], Any]


def entry(check: Check, default: Any = MISSING, **further: Any) -> Any:
    """A field of a dataclass that a dict becomes.

    Args:
        check: gives the checked value of a key.
        default: of the field, when the dataclass is made in Python; what a dict lacks, `check` decides.
        further: for ``dataclasses.field``.
    """
    further = further if default is MISSING else {"default": default, **further}
    return field(metadata={"check": check}, **further)


def read_entry(kind: type[T], values: Values, path: str, data: Mapping[str, Any]) -> T:
    """The dataclass that a dict becomes."""
    item = Item(values, path, data, {})
    declared = {one.name: one.metadata["check"] for one in fields(kind) if "check" in one.metadata}  # type: ignore[arg-type]
    values.known_keys(path, data, declared)
    for key, check in declared.items():
        item.checked[key] = check(item, key)
    return kind(**item.checked)


def entries(kind: type[T], unique: str = "name") -> Callable[[Item, str], tuple[T, ...]]:
    """A list of dicts in a dict; no two have the same `unique`."""

    def checked(item: Item, key: str) -> tuple[T, ...]:
        path, value = f"{item.path}.{key}", item.get(key)
        found = [
            read_entry(kind, item.values, at, data)
            for at, data in item.values.items(path, value if value is not None else [])
        ]
        item.values.unique(path, unique, [getattr(one, unique) for one in found])
        return tuple(found)

    return checked


# Checks


def text(pattern: str, wanted: str) -> Callable[[Item, str], str]:
    """One line of text that matches `pattern` as a whole."""
    return lambda item, key: item.values.text_of(f"{item.path}.{key}", item.get(key), pattern, wanted)


def optional_text(pattern: str, wanted: str) -> Callable[[Item, str], str | None]:
    """As :func:`text`, or ``None``."""
    needed = text(pattern, f"{wanted}, or None")
    return lambda item, key: None if item.get(key) is None else needed(item, key)


name = text(NAME, NAME_WANTED)
optional_name = optional_text(NAME, NAME_WANTED)
color = optional_text(r"#[0-9A-Fa-f]{6}", "a colour such as #3f76ff")


def words(item: Item, key: str) -> str | None:
    """Text of any length, or ``None``."""
    value = item.get(key)
    if value is None:
        return None
    if not isinstance(value, str) or not is_text(value):
        item.refuse(key, value, "wanted: text, or None")
        return None
    # Plane keeps it so (every tried release): the line break at the end of a long text would differ on every run.
    return value.strip()


def flag(item: Item, key: str) -> bool | None:
    """``True``, ``False`` or ``None``."""
    value = item.get(key)
    if value is not None and not isinstance(value, bool):
        item.refuse(key, value, "wanted: True, False, or None to leave it alone")
        return None
    return value


def is_set(item: Item, key: str) -> bool:
    """As :func:`flag`; ``None`` is ``False``."""
    return bool(flag(item, key))


def choice(*allowed: str, default: str | None = None) -> Callable[[Item, str], Any]:
    """One of `allowed`; ``None`` only if there is no default, which stands for a value that is refused."""

    def checked(item: Item, key: str) -> str | None:
        value = item.get(key)
        if value is None and default is None:
            return None
        if not isinstance(value, str) or value not in allowed:
            item.refuse(key, value, f"wanted: {', '.join(allowed)}")
            return default
        return value

    return checked


def addresses(values: Values) -> dict[str, str]:
    """The addresses of the agents that are to be there, by name."""
    return {agent.name: agent.email for agent in values.agents if agent.present}


def person(item: Item, key: str) -> str | None:
    """The address of a member, who may be named as an agent; or ``None``."""
    value = item.get(key)
    known = addresses(item.values)
    if value is None:
        return None
    if isinstance(value, str) and value in known:
        return known[value]
    return item.values.text_of(f"{item.path}.{key}", value, EMAIL, "an agent's name, an address, or None").lower()


_timezone = optional_text(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*", "a name such as Europe/Berlin")


def timezone(item: Item, key: str) -> str | None:
    """The name of a time zone that exists, or ``None``."""
    value = _timezone(item, key)
    if value and not _is_timezone(value):
        near = difflib.get_close_matches(value, available_timezones(), n=1)
        item.refuse(key, value, f"did you mean {near[0]}?" if near else "wanted: a name such as Europe/Berlin")
    return value


def _is_timezone(value: str) -> bool:
    """Whether there is such a time zone; on a machine without a database of them, any may be one."""
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return not available_timezones()
    return True


def is_text(value: str) -> bool:
    """Whether Plane can keep it: its database takes no NUL, and half of a pair of surrogates is no text."""
    return not re.search(r"[\x00\ud800-\udfff]", value)


def is_url(value: str) -> bool:
    """Whether it is an address of a page, as Plane takes one in a field."""
    return re.fullmatch(rf"https?://(?:(?!\s){CHARACTER})+", value) is not None
