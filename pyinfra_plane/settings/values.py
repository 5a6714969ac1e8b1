"""One value at a time out of a host's data: each is checked, and every problem is kept for one report."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from pyinfra.api.hiddenvalue import HiddenValue

from pyinfra_plane.settings.addresses import NoOrigin, is_encoded, origin
from pyinfra_plane.settings.models import Agent
from pyinfra_plane.settings.passwords import is_weak
from pyinfra_plane.settings.secrets import Wrapped, read_secret_files
from pyinfra_plane.text import LARGE, as_text, may_hold_password

CHARACTER = r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]"
"""No control character, and no half of a pair (which is no text: UTF-8 has none)."""

LINE = rf"{CHARACTER}+"


def name_of(longest: int) -> str:
    """A name. Plane drops blanks at its ends (every tried release), so they would differ on every run."""
    return rf"(?!\s){CHARACTER}{{1,{longest}}}(?<!\s)"


NAME = name_of(255)
"""What Plane takes as a name."""

NAME_WANTED = "one line, at most 255 characters, without blanks at its ends"

LONGEST_PATH = 4000
LONGEST_PART = 240
"""Bytes of a path, and of a name in it: Linux takes 4,095 and 255, and a file that is written has a longer name."""

LONGEST_SHOWN = 300
"""Characters of a value that is not allowed."""

MISSING = object()
"""What stands for a value that is looked for elsewhere, and is nowhere."""

ORIGINS = "plane_env_extra, as CORS_ALLOWED_ORIGINS"


def is_like_a_name(key: object) -> bool:
    """Whether a key can be shown: what is no name of anything may be a password that got there."""
    return isinstance(key, str) and re.fullmatch(r"[\w-]{1,64}", key) is not None


class Values:
    """Collects every problem before it gives up, so that a person mends all of them in one go."""

    def __init__(self, data: Mapping[str, Any], host_name: str, hidden: Iterable[str] = ()) -> None:
        self.data = data
        self.checked: dict[str, Any] = {}
        """By name, the settings that were checked before, which another one may build on."""
        self.agents: tuple[Agent, ...] = ()
        """Every agent, those to be removed as well, once they are read."""
        self._hidden = frozenset(hidden)
        self.problems: list[str] = []
        self.secrets_dir = self.path("plane_secrets_dir")
        self.secret_files, unreadable = read_secret_files(self.secrets_dir, host_name)
        self.problems += unreadable

    def refuse(self, name: str, value: object, wanted: str, is_key: bool = False) -> None:
        """Keep a problem. Of what may hold a secret, such as a list or a dict, only the kind is shown.

        Args:
            name: of the setting.
            value: what is not allowed.
            wanted: what is.
            is_key: whether the value is a key of the setting; one that looks like a name is shown.
        """
        shown = repr(value) if is_key and is_like_a_name(value) else self._shown(name, value)
        self.problems.append(f"{name}: {shown} is not allowed; {wanted}")

    def _shown(self, name: str, value: object) -> str:
        if isinstance(value, int) and abs(value) >= LARGE:
            return "so large a number"
        # The setting, or an entry of it, is not of the kind that could be looked into.
        is_secret = name.partition("[")[0] in self._hidden and not name.rpartition("]")[2].startswith(".")
        hides = is_secret or (isinstance(value, str) and may_hold_password(value))
        if value is not None and (hides or not isinstance(value, (str, int, float))):
            kind = type(value).__name__
            return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
        text = repr(value)
        return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"

    # Settings by name

    def text(self, name: str, pattern: str = LINE, wanted: str = "one line of text") -> str:
        """The text of a setting, which must match `pattern` as a whole."""
        return self.text_of(name, self.data.get(name), pattern, wanted)

    def optional(self, name: str, pattern: str = LINE, wanted: str = "one line of text") -> str | None:
        """As :meth:`text`, or ``None``."""
        return None if self.data.get(name) is None else self.text(name, pattern, f"{wanted}, or None")

    def number(self, name: str, low: int, high: int) -> int:
        """A whole number from `low` to `high`."""
        value = self.data.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            self.refuse(name, value, f"wanted: a whole number from {low} to {high}")
            return low
        return value

    def flag(self, name: str) -> bool:
        """``True`` or ``False``."""
        value = self.data.get(name)
        if not isinstance(value, bool):
            self.refuse(name, value, "wanted: True or False")
        return bool(value)

    def choice(self, name: str, *allowed: str) -> str:
        """One of `allowed`."""
        value = self.data.get(name)
        if not isinstance(value, str) or value not in allowed:
            self.refuse(name, value, f"wanted: {', '.join(allowed)}")
            return allowed[0]
        return value

    def url(self, name: str, *schemes: str) -> str:
        """An address. It may hold a password, so it is never shown."""
        return self._url(name, self.data.get(name), *schemes)

    def secret_url(self, name: str, default: str, *schemes: str) -> HiddenValue:
        """As :meth:`url`, from wherever it is given first."""
        value = self._given(name)
        return HiddenValue(self._url(name, default if value is None else value, *schemes))

    def origin(self, name: str) -> str:
        """An address of a web server, as a browser sends it in its header Origin."""
        url = self.url(name, "https", "http")
        if "," in url:
            self.problems.append(f"{name}: must be a single address; other origins go into {ORIGINS}")
            return ""
        try:
            return origin(urlsplit(url)) if url else ""
        except NoOrigin as error:
            self.problems.append(f"{name}: {error}")
            return ""

    def _url(self, name: str, value: object, *schemes: str) -> str:
        wanted = f"wanted: an address that starts with {' or '.join(s + '://' for s in schemes)} and names a host"
        value = self.found(name, value)
        if value is MISSING:
            return ""
        if not isinstance(value, str) or re.search(r"[\s\x00-\x1f\x7f-\x9f\ud800-\udfff]", value):
            self.refuse(name, value if not isinstance(value, str) else "…", wanted)
            return ""
        if not is_encoded(value):
            self.problems.append(
                f"{name}: the address is not allowed; in its user and password, write %23 for #, %2F for /, %3F for ?, "
                "%40 for @, %3A for : and %25 for %"
            )
            return ""
        try:
            parts = urlsplit(value)
            good = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
        except ValueError:
            good = False
        if not good:
            self.problems.append(f"{name}: the address is not allowed; {wanted}")
            return ""
        return value

    def path(self, name: str, **known: str) -> str:
        """A path, with each ``{setting}`` of `known` in it replaced."""
        value = self.text(name, rf"{CHARACTER}*(?!/){CHARACTER}", "a path that does not end in /")
        for key, text in known.items():
            value = value.replace("{" + key + "}", text)
        if value.startswith("-"):
            self.refuse(name, value, "wanted: a path that does not start with a dash")
            return ""  # what is put together with it is not told as another problem
        if len(value.encode()) > LONGEST_PATH or any(len(part.encode()) > LONGEST_PART for part in value.split("/")):
            self.refuse(name, value, f"wanted: at most {LONGEST_PATH} bytes, and {LONGEST_PART} from one / to the next")
            return ""
        return value

    def secret(self, name: str) -> HiddenValue | None:
        """A secret, from wherever it is given first."""
        return self.secret_of(name, self._given(name))

    def _given(self, name: str) -> object:
        """A setting's value in the data, else its variable if the environment or a secrets file has one."""
        value = self.data.get(name)
        return Wrapped(name.upper()) if value is None and self.variable(name.upper()) is not None else value

    def variable(self, name: str) -> str | None:
        """A variable of the environment or the secrets files."""
        return os.environ.get(name) or self.secret_files.get(name)

    def found(self, name: str, value: object, variable: str | None = None) -> object:
        """What a value stands for: it may be wrapped, or be in the environment or a secrets file.

        Args:
            name: of the setting.
            value: as it is given.
            variable: where a value is that is ``None``; without it, ``None`` is a value.

        Returns:
            :data:`MISSING`, once that is among the problems, when the variable is nowhere.
        """
        if isinstance(value, Wrapped):
            variable, value = value.variable, value.unmask() or None
        if value is None and variable is not None:
            value = self.variable(variable)
            if not value:
                where = f"in the environment or in {self.secrets_dir}/all.env"
                self.problems.append(
                    f"{name}: missing; set {variable} {where}"
                    if value is None
                    else f"{name}: {variable} is empty; give it a value {where}, or take it out"
                )
                return MISSING
        return value.unmask() if isinstance(value, HiddenValue) else value

    def secret_of(self, name: str, value: object) -> HiddenValue | None:
        """A secret's value, checked and wrapped; never shown."""
        value = self.found(name, value)
        if value is None or value is MISSING:
            return None
        # parse_cli_arg turns --data x=123 into a number.
        text = as_text(value)
        if not text or re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", text):
            self.problems.append(f"{name}: the value (not shown) is not allowed; wanted: one line of text, not empty")
            return None
        return HiddenValue(text)

    def password_of(self, name: str, value: HiddenValue | None) -> HiddenValue | None:
        """A password of an account in Plane, strong enough for Plane."""
        if value is not None and is_weak(value.unmask()):
            self.problems.append(
                f"{name}: the value (not shown) is too weak for Plane; wanted: score 3 of 4 by zxcvbn (make secrets "
                "makes strong ones)"
            )
        return value

    # Values that have been found already

    def text_of(self, name: str, value: object, pattern: str = LINE, wanted: str = "one line of text") -> str:
        """As :meth:`text`, of a value."""
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            self.refuse(name, value, f"wanted: {wanted}")
            return ""
        return value

    def items(self, name: str, value: object) -> list[tuple[str, Mapping[str, Any]]]:
        """The dicts of a list, each with its place, such as ``plane_agents[3]``."""
        if not isinstance(value, (list, tuple)):
            self.refuse(name, value, "wanted: a list")
            return []
        found = []
        for index, item in enumerate(value):
            if isinstance(item, Mapping):
                found.append((f"{name}[{index}]", item))
            else:
                self.refuse(f"{name}[{index}]", item, "wanted: a dict")
        return found

    def known_keys(self, path: str, entry: Mapping[str, Any], allowed: Iterable[str]) -> None:
        """Refuse what is not in `allowed`."""
        allowed = tuple(allowed)
        for key in entry:
            if key not in allowed:
                key = key if is_like_a_name(key) else "…"
                self.problems.append(f"{path}.{key}: unknown; wanted: {', '.join(allowed)}")

    def unique(self, name: str, what: str, values: Iterable[str]) -> None:
        """Refuse what is there more than once."""
        values = list(values)
        for value in sorted({value for value in values if value and values.count(value) > 1}):
            self.problems.append(f"{name}: {value} is the {what} of more than one entry; wanted: one each")
