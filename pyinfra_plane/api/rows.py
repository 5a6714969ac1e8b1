"""The kinds of things that Plane lists: a dataclass for each, whose fields say all there is to know of a value.

A field is one line: its name here, its key in requests and answers, how it is read, and what a plan says if it differs.
An answer of another shape is refused as :class:`PlaneBadAnswer`, which names the kind and the key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from typing import Any, ClassVar, TypeVar

from pyinfra_plane.api.errors import PlaneBadAnswer
from pyinfra_plane.api.paths import Path

T = TypeVar("T")
R = TypeVar("R", bound="Row")

Read = Callable[[Mapping[str, Any], str, str], Any]
"""Takes a row, a key, and what the row is, for the message."""

Says = Callable[[Any, Any], str]
"""Takes the value that Plane has (``None`` for a thing to create) and the wanted one; gives a plan's words for it."""


def as_dict(answer: Any, what: str) -> dict[str, Any]:
    """An answer that is an object."""
    if not isinstance(answer, dict):
        raise PlaneBadAnswer(f"{what}: Plane answered {type(answer).__name__} instead of an object")
    return answer


def text(row: Mapping[str, Any], key: str, what: str) -> str:
    """A text that must be there."""
    value = row.get(key)
    if not isinstance(value, str):
        raise PlaneBadAnswer(f"{what}: no {key} in Plane's answer")
    return value


def number(row: Mapping[str, Any], key: str, what: str) -> int:
    """A whole number that must be there."""
    value = row.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise PlaneBadAnswer(f"{what}: no {key} in Plane's answer")
    return value


def maybe(kind: type[T], default: Any = None) -> Read:
    """What may be missing or null, and is of one kind if it is there."""

    def read(row: Mapping[str, Any], key: str, what: str) -> Any:
        value = row.get(key)
        if value is None:
            return default
        if isinstance(value, kind) and not isinstance(value, bool):
            return value
        raise PlaneBadAnswer(f"{what}: {key} is not a {kind.__name__} in Plane's answer")

    return read


def switch(default: bool | None) -> Read:
    """Whether something is on; `default` if it is missing or null."""
    return lambda row, key, what: default if row.get(key) is None else bool(row[key])


def as_text(value: Any, what: str) -> str:
    """A text, a number or a switch, as text."""
    if isinstance(value, (str, int, float)):
        return str(value)
    raise PlaneBadAnswer(f"{what}: a value in Plane's answer is {type(value).__name__}")


def texts(row: Mapping[str, Any], key: str, what: str) -> tuple[str, ...]:
    """A list of texts; none if it is missing or null."""
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
    """A field of a row.

    Args:
        key: in Plane's requests and answers, if it is not the field's name.
        default: if it is missing or null there; without one, a text or number must be there.
        read: how it is read, if not by the field's type.
        says: what a plan says of a value that differs; :func:`arrow` with the field's name if not given.
        sent: gives what Plane is sent for a wanted value, if that is another one.
        by_session: whether a key cannot write it.
    """
    further = {} if default is MISSING else {"default": default}
    return field(metadata={"key": key, "read": read, "says": says, "sent": sent, "by_session": by_session}, **further)


def arrow(label: str) -> Says:
    """The label with both values, or with the wanted one for a thing to create."""
    return lambda has, wants: f"{label} {wants}" if has is None else f"{label} {has or 'none'} → {wants}"


def only(label: str) -> Says:
    """The label alone, for values that are long."""
    return lambda has, wants: label


def either(on: str, off: str) -> Says:
    """One text for true, another for false."""
    return lambda has, wants: on if wants else off


def switched(label: str) -> Says:
    """The label with ``on`` or ``off``."""
    return either(f"{label} on", f"{label} off")


@dataclass(frozen=True)
class Difference:
    """One field that is not as wanted.

    Args:
        key: Plane's name of the field.
        value: gives the value that Plane is sent. Called when it is sent, because it may be an id that an earlier
            change makes.
        words: for the plan.
        by_session: whether a key cannot write it.
    """

    key: str
    value: Callable[[], Any]
    words: str
    by_session: bool = False


@dataclass(frozen=True)
class Row:
    """One thing that Plane lists."""

    WHAT: ClassVar[str]
    """The kind in the plural, as messages name it."""
    PATH: ClassVar[Path | None] = None
    """Where an API key lists it."""
    SESSION_PATH: ClassVar[Path | None] = None
    """Where a session lists it."""
    IDENTITY: ClassVar[str] = "name"
    """The field that tells one from another."""
    IS_INDEPENDENT: ClassVar[bool] = True
    """Whether creating one leaves the others as they are."""

    @classmethod
    def of(cls: type[R], item: dict[str, Any]) -> R:
        """From JSON."""
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
        """What Plane is sent for a value of a field."""
        sent = cls.__dataclass_fields__[name].metadata.get("sent")
        return value if sent is None else sent(value)

    @classmethod
    def is_by_session(cls, name: str) -> bool:
        """Whether a key cannot write a field."""
        return bool(cls.__dataclass_fields__[name].metadata.get("by_session"))

    @classmethod
    def says(cls, name: str, wants: Any, has: Any = None) -> str:
        """What a plan says of a field that is to have this value."""
        says = cls.__dataclass_fields__[name].metadata.get("says") or arrow(name)
        return str(says(has, wants))

    def difference(self, name: str, wants: Any) -> Difference | None:
        """How a field differs from a wanted value; ``None`` if it does not. Colours differ in more than capitals."""
        has, value = getattr(self, name), self.sent(name, wants)
        if has in (wants, value) or (name == "color" and has.lower() == value.lower()):
            return None
        return Difference(self.key_of(name), lambda: value, self.says(name, wants, has), self.is_by_session(name))


@cache
def _plan(kind: Any) -> list[tuple[str, str, Read]]:
    """By field of a row: its name here, its key in the answer, and how it is read."""
    plan = []
    for one in fields(kind):
        default = None if one.default_factory is not MISSING else one.default
        read = one.metadata.get("read") or _BY_TYPE[str(one.type)](default)
        plan.append((one.name, one.metadata.get("key") or one.name, read))
    return plan


def listed(answer: Any, of: Callable[[dict[str, Any]], T], what: str) -> list[T]:
    """Each item of a JSON list, made by `of`."""
    if not isinstance(answer, list):
        raise PlaneBadAnswer(f"{what}: Plane answered {type(answer).__name__} instead of a list")
    return [of(as_dict(item, what)) for item in answer]


def listed_ids(answer: Any, what: str) -> frozenset[str]:
    """The ids of a JSON list."""
    if not isinstance(answer, list):
        raise PlaneBadAnswer(f"{what}: Plane answered {type(answer).__name__} instead of a list")
    return frozenset(as_text(one, what) for one in answer)
