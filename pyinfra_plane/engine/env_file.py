"""The text of an env file as Docker Compose reads it: variables are changed in place, other bytes are kept."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

from pyinfra_plane.dataclass import dataclass
from pyinfra_plane.engine.host_run import run_of

_KEY = re.compile(r"\ufeff?[ \t\r]*(?:export[ \t]+)?([\w.\-\[\]]+)[ \t\r]*([=:]|$)", re.M)
_QUOTED = re.compile(r"""[ \t]*(?:'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")""", re.DOTALL)


@dataclass(frozen=True)
class Entry:
    """A variable, a comment, or any other line. A quoted value may contain line breaks.

    Args:
        text: the text in the file, without the final line break.
        name: the variable's name; ``None`` for a line that is no variable.
        value: the text of the value, with quotes; ``None`` for a bare name, which passes a variable on.
        is_plain: whether the line has the form ``NAME=value``.
    """

    text: str
    name: str | None = None
    value: str | None = None
    is_plain: bool = False

    @property
    def is_blank(self) -> bool:
        """Whether the line has no content: a comment, or an empty line."""
        return not self.text.strip() or self.text.lstrip("\ufeff \t\r").startswith("#")


def split(text: str) -> list[Entry]:
    """Parse the entries of an env file, in order."""
    entries = []
    position = 0
    while position < len(text):
        key = _KEY.match(text, position)
        if key is None or key[2] == "":
            end = _line_end(text, position)
            entries.append(Entry(text[position:end], key[1] if key else None))
        else:
            # Compose refuses a file with an unclosed quote; other readers take such a line literally.
            quoted = _QUOTED.match(text, key.end())
            end = _line_end(text, quoted.end() if quoted else key.end())
            value = text[key.end() : end].strip(" \t\r")
            entries.append(Entry(text[position:end], key[1], value, key[2] == "="))
        position = end + 1
    return entries


def _line_end(text: str, position: int) -> int:
    end = text.find("\n", position)
    return len(text) if end < 0 else end


def variables(text: str) -> dict[str, str]:
    """The variables of an env file as written, with quotes; if a name occurs twice, the last one."""
    return {entry.name: entry.value for entry in split(text) if entry.name is not None and entry.value is not None}


def updated(entries: Sequence[Entry], wanted: Mapping[str, str]) -> str:
    """Return the text of an env file with each desired variable in it once.

    Args:
        entries: the current entries of the file.
        wanted: the whole line of each variable, by its name. It replaces the last line of that name, which is the one
            that counts; a new one is added at the end.
    """
    last = {entry.name: number for number, entry in enumerate(entries)}
    lines = []
    for number, entry in enumerate(entries):
        if entry.name is None or entry.name not in wanted:
            lines.append(entry.text)
        elif last[entry.name] == number:
            lines.append(wanted[entry.name])
    lines += [line for name, line in wanted.items() if name not in last]
    return "\n".join([*lines, ""])


@dataclass
class EnvChanges:
    """The changes of this run to one env file. In a preview, they stand for the new file, which does not exist.

    Args:
        pending: the variables of the file afterwards; ``None`` if it does not change.
        removed: the variables that are removed from it; containers that have them keep them.
    """

    pending: dict[str, str] | None = None
    removed: frozenset[str] = frozenset()


@dataclass
class _EnvFiles:
    by_path: dict[str, EnvChanges] = field(default_factory=dict)


def env_changes(host: Any, path: str) -> EnvChanges:
    """This run's changes to the env file at a path of a host."""
    return run_of(host).part(_EnvFiles).by_path.setdefault(path, EnvChanges())
