"""The resources that Plane lists: a dataclass for each kind, whose fields describe everything about a value.

A field is one line: its name here, its key in requests and answers, how it is read, and its text in a plan if it
differs. An answer of another shape is refused as :class:`PlaneBadAnswer`, which names the kind and the key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, field, fields
from functools import cache
from typing import Any, ClassVar, TypeVar

from pyinfra_plane.api.errors import PlaneBadAnswer
from pyinfra_plane.api.paths import Path
from pyinfra_plane.dataclass import dataclass

T = TypeVar("T")
R = TypeVar("R", bound="Row")

Read = Callable[[Mapping[str, Any], str, str], Any]
"""Takes a row, a key, and the kind of row for the message."""

Says = Callable[[Any, Any], str]
"""Takes Plane's value (``None`` for a resource to create) and the desired value; returns the plan's text."""


def as_dict(answer: Any, what: str) -> dict[str, Any]:
    """Require an object."""
    if not isinstance(answer, dict):
        raise PlaneBadAnswer(f"{what}: Plane answered {type(answer).__name__} instead of an object")
    return answer


def text(row: Mapping[str, Any], key: str, what: str) -> str:
    """Read a required text."""
    value = row.get(key)
    if not isinstance(value, str):
        raise PlaneBadAnswer(f"{what}: no {key} in Plane's answer")
    return value


def number(row: Mapping[str, Any], key: str, what: str) -> int:
    """Read a required whole number."""
    value = row.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise PlaneBadAnswer(f"{what}: no {key} in Plane's answer")
    return value


def maybe(kind: type[T], default: Any = None) -> Read:
    """Read an optional value of one kind, which may be missing or null."""

    def read(row: Mapping[str, Any], key: str, what: str) -> Any:
        value = row.get(key)
        if value is None:
            return default
        if isinstance(value, kind) and not isinstance(value, bool):
            return value
        raise PlaneBadAnswer(f"{what}: {key} is not a {kind.__name__} in Plane's answer")

    return read


def switch(default: bool | None) -> Read:
    """Read a switch; `default` if it is missing or null."""
    return lambda row, key, what: default if row.get(key) is None else bool(row[key])


def as_text(value: Any, what: str) -> str:
    """Convert a text, a number or a switch to text."""
    if isinstance(value, (str, int, float)):
        return str(value)
    raise PlaneBadAnswer(f"{what}: a value in Plane's answer is {type(value).__name__}")


def texts(row: Mapping[str, Any], key: str, what: str) -> tuple[str, ...]:
    """Read a list of texts; empty if it is missing or null."""
    values = row.get(key)
    return tuple(as_text(one, what) for one in values) if isinstance(values, list) else ()


_BY_TYPE: Mapping[str, Callable[[Any], Read]] = {
    "str": lambda default: text if default is MISSING else maybe(str, default),
    "str | None": lambda default: maybe(str),
    "int": lambda default: number,
    "int | None": lambda default: maybe(int),
    "bool": lambda default: switch(default is True),
    "bool | None": lambda default: switch(None),
    "tuple[str, ...]": lambda default: texts,
}


def answered(
    key: str = "",
    default: Any = MISSING,
    read: Read | None = None,
    says: Says | None = None,
    sent: Callable[[Any], Any] | None = None,
    by_session: bool = False,
) -> Any:
    """Declare a field of a row.

    Args:
        key: its key in Plane's requests and answers, if it is not the field's name.
        default: its value if it is missing or null; without a default, a text or number is required.
        read: how it is read, if not by the field's type.
        says: the plan's text for a value that differs; :func:`arrow` with the field's name by default.
        sent: converts a desired value to the value that Plane is sent.
        by_session: whether a key cannot write it.
    """
    further = {} if default is MISSING else {"default": default}
    return field(metadata={"key": key, "read": read, "says": says, "sent": sent, "by_session": by_session}, **further)


def arrow(label: str) -> Says:
    """The label with both values, or with the desired one for a resource to create."""
    return lambda has, wants: f"{label} {wants}" if has is None else f"{label} {has or 'none'} → {wants}"


def only(label: str) -> Says:
    """The label without values, for values that are long."""
    return lambda has, wants: label


def either(on: str, off: str) -> Says:
    """One text for true, another for false."""
    return lambda has, wants: on if wants else off


def switched(label: str) -> Says:
    """The label with ``on`` or ``off``."""
    return either(f"{label} on", f"{label} off")


@dataclass(frozen=True)
class Difference:
    """One field that differs from the desired value.

    Args:
        key: Plane's name of the field.
        value: returns the value to send to Plane. Called when it is sent, because it may be an id that an earlier
            change creates.
        words: text for the plan.
        by_session: whether a key cannot write it.
    """

    key: str
    value: Callable[[], Any]
    words: str
    by_session: bool = False


@dataclass(frozen=True)
class Row:
    """One resource that Plane lists."""

    WHAT: ClassVar[str]
    """The kind in the plural, for messages."""
    PATH: ClassVar[Path | None] = None
    """The path where an API key lists it."""
    SESSION_PATH: ClassVar[Path | None] = None
    """The path where a session lists it."""
    IDENTITY: ClassVar[str] = "name"
    """The field that identifies it."""
    IS_INDEPENDENT: ClassVar[bool] = True
    """Whether creating one leaves the others unchanged."""

    @classmethod
    def of(cls: type[R], item: dict[str, Any]) -> R:
        """Parse JSON."""
        return cls(**{name: read(item, key, cls.WHAT) for name, key, read in _plan(cls)})  # type: ignore[arg-type]

    @classmethod
    def key_of(cls, name: str) -> str:
        """Plane's key of a field."""
        return str(cls.__dataclass_fields__[name].metadata.get("key") or name)

    @classmethod
    def all_keys(cls) -> list[str]:
        """The keys of all fields."""
        return [cls.key_of(one.name) for one in fields(cls)]

    @classmethod
    def sent(cls, name: str, value: Any) -> Any:
        """The value that Plane is sent for a field's value."""
        sent = cls.__dataclass_fields__[name].metadata.get("sent")
        return value if sent is None else sent(value)

    @classmethod
    def is_by_session(cls, name: str) -> bool:
        """Whether a key cannot write a field."""
        return bool(cls.__dataclass_fields__[name].metadata.get("by_session"))

    @classmethod
    def says(cls, name: str, wants: Any, has: Any = None) -> str:
        """The plan's text for a field that gets this value."""
        says = cls.__dataclass_fields__[name].metadata.get("says") or arrow(name)
        return str(says(has, wants))

    def difference(self, name: str, wants: Any) -> Difference | None:
        """The difference between a field and a desired value.

        ``None`` if there is none. Colours are compared without case.
        """
        has, value = getattr(self, name), self.sent(name, wants)
        if has in (wants, value) or (name == "color" and has.lower() == value.lower()):
            return None
        return Difference(self.key_of(name), lambda: value, self.says(name, wants, has), self.is_by_session(name))


@cache
def _plan(kind: Any) -> list[tuple[str, str, Read]]:
    """For each field of a row: its name here, its key in the answer, and its reader."""
    plan = []
    for one in fields(kind):
        default = None if one.default_factory is not MISSING else one.default
        read = one.metadata.get("read") or _BY_TYPE[str(one.type)](default)
        plan.append((one.name, one.metadata.get("key") or one.name, read))
    return plan


def listed(answer: Any, of: Callable[[dict[str, Any]], T], what: str) -> list[T]:
    """Parse each item of a JSON list with `of`."""
    if not isinstance(answer, list):
        raise PlaneBadAnswer(f"{what}: Plane answered {type(answer).__name__} instead of a list")
    return [of(as_dict(item, what)) for item in answer]


def listed_ids(answer: Any, what: str) -> frozenset[str]:
    """The ids of a JSON list."""
    if not isinstance(answer, list):
        raise PlaneBadAnswer(f"{what}: Plane answered {type(answer).__name__} instead of a list")
    return frozenset(as_text(one, what) for one in answer)
