"""A given value: its path, its meaning, and its problems.

A check takes a :class:`Given` and returns the checked value, or refuses it. The same checks serve a setting, a key of a
dict and an element of a list. All refusals are collected into one report.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, field, fields, replace
from typing import Any, NoReturn, TypeVar

from pyinfra.api.exceptions import DeployError
from pyinfra.api.hiddenvalue import HiddenValue

from pyinfra_plane.dataclass import dataclass
from pyinfra_plane.settings.secrets import Wrapped
from pyinfra_plane.text import LARGE, may_hold_password, printable

T = TypeVar("T")

LONGEST_SHOWN = 300
"""Maximum characters of a refused value."""


class SettingsError(DeployError):
    """The settings of a host cannot be used; each problem names the setting, what is wrong and what to do."""

    def __init__(self, problems: str | Sequence[str]) -> None:
        # A refused value may hold anything, and so may a name.
        self.problems = tuple(printable(one) for one in ([problems] if isinstance(problems, str) else problems))
        if len(self.problems) > 1:
            super().__init__("settings:" + "".join(f"\n    {problem}" for problem in self.problems))
        else:
            super().__init__(self.problems[0] if isinstance(problems, str) else f"setting {self.problems[0]}")


class Refused(Exception):
    """A value cannot be used; the message is a line of the report."""


@dataclass
class Values:
    """The values given for one host, with the variables of its secrets files, and the settings checked so far.

    `checked` has the settings that were checked before, ``None`` for a refused one; `problems` is the report.
    """

    data: Mapping[str, Any]
    secrets_dir: str = ""
    secret_files: Mapping[str, str] = field(default_factory=dict)
    checked: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def variable(self, name: str) -> str | None:
        """Return a variable of the environment or the secrets files."""
        return os.environ.get(name) or self.secret_files.get(name)


@dataclass(frozen=True)
class Given:
    """One value as the settings have it.

    Args:
        values: the host's values.
        path: the value's path, for example ``plane_projects[0].states[1].name``.
        value: not yet checked; ``None`` if it is missing.
        siblings: values checked before in the same dict, or the settings; ``None`` for a refused one.
        holds_secrets: whether a message must not show the value.
        may_be_none: whether ``None`` would be accepted.
    """

    values: Values
    path: str
    value: Any
    siblings: Mapping[str, Any] = field(default_factory=dict)
    holds_secrets: bool = False
    may_be_none: bool = False

    def key(self, name: str, siblings: Mapping[str, Any], holds_secrets: bool = False) -> Given:
        """The value of a key in this dict."""
        path = f"{self.path}.{name}" if self.path else name
        return Given(self.values, path, self.value.get(name), siblings, holds_secrets)

    def elements(self) -> list[Given]:
        """The elements of this list."""
        if not isinstance(self.value, (list, tuple)):
            self.must_be("a list")
        return [self.at(f"[{index}]", one) for index, one in enumerate(self.value)]

    def at(self, place: str, value: object) -> Given:
        """Return a part of this value, or a value that replaces it, to be checked like it."""
        return replace(self, path=f"{self.path}{place}", value=value, may_be_none=False)

    def checked(self, check: Check[T]) -> Any:
        """Return the result of `check`; ``None`` if it refuses the value, which is then in the report."""
        try:
            return check(self)
        except Refused as refused:
            self.values.problems.append(str(refused))
            return None

    def must_be(self, wanted: str, shown: bool = True) -> NoReturn:
        """Refuse the value as in :meth:`must`: it must be `wanted`."""
        self.must(f"be {wanted}{', or None' if self.may_be_none else ''}", shown)

    def must(self, what: str, shown: bool = True) -> NoReturn:
        """Refuse the value: it must do `what`. Of a value that may hold a secret, only its type is shown."""
        raise Refused(f"{self.path} must {what}" + (f" (got {self._shown()})" if shown else ""))

    def refuse(self, problem: str) -> NoReturn:
        """Refuse the value, without showing it."""
        raise Refused(f"{self.path}: {problem}")

    def _shown(self) -> str:
        value = self.value
        if isinstance(value, int) and abs(value) >= LARGE:
            return "too large a number"
        hides = self.holds_secrets or (isinstance(value, str) and may_hold_password(value))
        if value is not None and (hides or not isinstance(value, (str, int, float))):
            kind = type(value).__name__
            return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
        return printable(repr(value), LONGEST_SHOWN)

    @property
    def name(self) -> str:
        """The last name of the path."""
        return self.path.rpartition(".")[2]

    def own_variable(self) -> str | None:
        """The variable of a secret setting, if the environment or a secrets file has it."""
        name = self.name.upper()
        return name if self.values.variable(name) is not None else None

    def found(self, variable: str | None = None) -> Any:
        """Return the actual value: unwrapped, and for ``None`` the value of `variable`, if it exists."""
        value = self.value
        if isinstance(value, Wrapped):
            variable, value = value.variable, value.unmask() or None
        elif isinstance(value, HiddenValue):
            value = value.unmask()
        if value is not None or variable is None:
            return value
        value = self.values.variable(variable)
        where = f"in the environment or in {self.values.secrets_dir}/all.env"
        if value is None:
            self.refuse(f"missing; set {variable} {where}")
        return value or self.refuse(f"{variable} is empty; set it {where}, or remove it")


Check = Callable[[Given], T]


def entry(check: Check[Any], default: Any = MISSING, **further: Any) -> Any:
    """Declare a field of a dataclass that is read from a dict. `default` is for Python code; `check` gives a dict's."""
    return field(metadata={"check": check}, default=default, **further)


def read(kind: type[T], given: Given, checked: dict[str, Any]) -> T:
    """Read a dict into a dataclass. `checked` gets each value as soon as it is checked."""
    for one in fields(kind):  # type: ignore[arg-type]
        if "check" in one.metadata:
            key = given.key(one.name, checked, one.metadata.get("holds_secrets", False))
            checked[one.name] = key.checked(one.metadata["check"])
    return kind(**checked)


def entries(kind: type[T], *unique: str) -> Check[tuple[T, ...]]:
    """Accept a list of dicts, no two of which share the attributes `unique`, by default their name."""
    allowed = [one.name for one in fields(kind) if "check" in one.metadata]  # type: ignore[arg-type]

    def one_entry(given: Given) -> T:
        if not isinstance(given.value, Mapping):
            given.must_be("a dict")
        for key in given.value:
            if key not in allowed:
                shown = key if is_like_a_name(key) else "…"
                given.values.problems.append(f"{given.path}.{shown}: unknown key; must be one of {', '.join(allowed)}")
        return read(kind, given, {})

    def check(given: Given) -> tuple[T, ...]:
        checked = {one.path: one.checked(one_entry) for one in given.elements()}
        found = {path: one for path, one in checked.items() if one is not None}
        for key in unique or ("name",):
            # A refused name is not compared.
            named = {path: one for path, one in found.items() if getattr(one, "name", "") is not None}
            refuse_shared(given.values, key, {path: getattr(one, key) for path, one in named.items()})
        return tuple(found.values())

    return check


def refuse_shared(values: Values, what: str, found: Mapping[str, str | None]) -> None:
    """Refuse two places of `found` with the same value, unless it is ``None``, because it was refused."""
    places: dict[str, list[str]] = {}
    for path, value in found.items():
        if value:
            places.setdefault(value, []).append(path)
    for value, paths in places.items():
        if len(paths) > 1:
            values.problems.append(f"{' and '.join(paths)} share the {what.replace('_', ' ')} {value}")


def is_like_a_name(key: object) -> bool:
    """Whether a key can be shown: a key that does not look like a name may be a misplaced password."""
    return isinstance(key, str) and re.fullmatch(r"[\w-]{1,64}", key) is not None
