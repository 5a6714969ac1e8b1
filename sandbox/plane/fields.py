"""Check the fields of a body like Plane: all of them, and a refusal that names all reasons at once."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Mapping
from datetime import date
from typing import Any

from .http import ApiError

#: Returns the value as it is stored, or raises `Refused`.
Check = Callable[[Any], Any]
LONGEST_TEXT = 255
TRUE = frozenset(("true", "t", "yes", "y", "on", "1"))
FALSE = frozenset(("false", "f", "no", "n", "off", "0"))


class Refused(Exception):
    """The reason why a value is refused: a text, or reasons by the index in a list."""

    @property
    def reason(self) -> object:
        """The reason in the form of the answer."""
        return self.args[0] if isinstance(self.args[0], dict) else [str(self)]


def checked(body: Mapping[str, Any], checks: Mapping[str, Check], required: Collection[str] = ()) -> dict[str, Any]:
    """The known fields, as they are stored; others are ignored (seen on every tried release)."""
    fields: dict[str, Any] = {}
    reasons: dict[str, object] = {}
    for name, check in checks.items():
        if name not in body:
            if name in required:
                reasons[name] = ["This field is required."]
            continue
        try:
            fields[name] = check(body[name])
        except Refused as refusal:
            reasons[name] = refusal.reason
    if reasons:
        raise ApiError(400, reasons)
    return fields


def anything(value: Any) -> Any:
    return value


def nullable(check: Check) -> Check:
    return lambda value: None if value is None else check(value)


def text(limit: int | None = LONGEST_TEXT, *, blank: bool = False) -> Check:
    """Accept a text, without the blanks around it."""

    def check(value: Any) -> str:
        if isinstance(present(value), bool) or not isinstance(value, str | int | float):
            raise Refused("Not a valid string.")
        stripped = str(value).strip()
        if not stripped and not blank:
            raise Refused("This field may not be blank.")
        if limit is not None and len(stripped) > limit:
            raise Refused(f"Ensure this field has no more than {limit} characters.")
        return stripped

    return check


def flag(value: Any) -> bool:
    """Accept a boolean, in any word that Plane accepts."""
    word = str(present(value)).lower()
    if word not in TRUE | FALSE:
        raise Refused("Must be a valid boolean.")
    return word in TRUE


def whole(low: int, high: int) -> Check:
    def check(value: Any) -> int:
        try:
            number = int(str(present(value)))
        except ValueError:
            raise Refused("A valid integer is required.") from None
        if number > high:
            raise Refused(f"Ensure this value is less than or equal to {high}.")
        if number < low:
            raise Refused(f"Ensure this value is greater than or equal to {low}.")
        return number

    return check


def decimal(value: Any) -> float:
    try:
        return float(present(value))
    except (TypeError, ValueError):
        raise Refused("A valid number is required.") from None


def one_of(choices: Collection[Any]) -> Check:
    def check(value: Any) -> Any:
        if present(value) not in choices:
            raise Refused(f'"{value}" is not a valid choice.')
        return value

    return check


def id_in(table: Collection[str]) -> Check:
    """Accept the id of a row, or nothing."""

    def check(value: Any) -> str | None:
        if value is None or value == "":
            return None
        try:
            wanted = str(uuid.UUID(str(value)))
        except ValueError:
            raise Refused(
                f"\N{LEFT DOUBLE QUOTATION MARK}{value}\N{RIGHT DOUBLE QUOTATION MARK} is not a valid UUID."
            ) from None
        if wanted not in table:
            raise Refused(f'Invalid pk "{value}" - object does not exist.')
        return wanted

    return check


def ids_in(table: Collection[str]) -> Check:
    """Accept a list of ids of rows."""
    one = id_in(table)

    def check(value: Any) -> list[str]:
        if not isinstance(present(value), list):
            raise Refused(f'Expected a list of items but got type "{type(value).__name__}".')
        reasons: dict[str, object] = {}
        found = []
        for place, item in enumerate(value):
            try:
                found.append(one(present(item)))
            except Refused as refusal:
                reasons[str(place)] = refusal.reason
        if reasons:
            raise Refused(reasons)
        return found

    return check


def day(value: Any) -> str:
    try:
        return date.fromisoformat(str(present(value))).isoformat()
    except ValueError:
        raise Refused("Date has wrong format. Use one of these formats instead: YYYY-MM-DD.") from None


def present(value: Any) -> Any:
    """Accept anything but null."""
    if value is None:
        raise Refused("This field may not be null.")
    return value
