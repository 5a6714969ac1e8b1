"""Plane's environment file, and the containers that read it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Generator, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from pyinfra.api import HiddenValue

from pyinfra_plane.engine.converge import Change, Note, Plan, Unchanged, converging, converging_with, current_host
from pyinfra_plane.engine.env_file import Entry, env_changes, split, updated, variables
from pyinfra_plane.engine.files import change_access, differing_access, file_reading, read_file, write_file
from pyinfra_plane.host.plane_env import advice, render

__all__ = ["advice", "env_file", "recreate_reminder", "render"]

MODE = "600"

SHOWN = re.compile("[A-Z_][A-Z0-9_]*|[a-z_][a-z0-9_]*")
"""Variables that the deploy did not write and whose names a plan shows.

Any other name may be part of a value, such as a line of a multi-line key.
"""


@converging_with(lambda path, **_: [file_reading(path)])
def env_file(
    path: str,
    text: HiddenValue,
    made_when_empty: Iterable[str] = ("SECRET_KEY",),
    user: str | None = None,
    group: str | None = None,
    prune: bool = False,
    advice: Iterable[str] = (),
) -> Plan:
    """
    Keep the variables of a text in an env file that only its owner can read.

    + path: path of the file
    + text: the whole file, for example the result of ``render``
    + made_when_empty: variables that are empty in the text keep the value that they have in the file; if the file has
      none, a new random value is generated
    + user: owner of the file; the user that writes it by default
    + group: group of the file
    + prune: write the file with only the variables of the text; by default, other variables, comments and their order
      stay
    + advice: lines to show with it, for example the result of ``environment.advice``

    A variable that differs is replaced in its place; a new one is added at the end. If the file has a variable more
    than once, one line of it stays. A difference only in comments does not cause a write. Values are never shown.

    **Example:**

    .. code:: python

        environment.env_file(path="/opt/plane/plane.env", text=environment.render(settings_of(host)))
    """
    return chain(map(Note, advice), _env_file(path, split(text.unmask()), made_when_empty, (user, group), prune))


def _env_file(
    path: str,
    asked: Sequence[Entry],
    made_when_empty: Iterable[str],
    access: tuple[str | None, str | None],
    prune: bool,
) -> Plan:
    host = current_host()
    file = read_file(host, path)
    present = split(file.text) if file else []
    wanted = _lines(asked, present, made_when_empty)
    lines = _differing(path, wanted, present) if file else [f"+ {path}: {', '.join(wanted)}"]
    others = [entry for entry in present if entry.name not in wanted and not entry.is_blank]
    lines += yield from _others(host, path, others, prune)
    if lines:
        content = updated(asked if prune or not file else present, wanted)
        env_changes(host, path).pending = variables(content)
        yield Change(tuple(lines), lambda: write_file(host, path, content, MODE, *access))
    elif file and (differing := differing_access(file, MODE, *access)) is not None:
        yield Change((f"~ {path}: {differing}",), lambda: change_access(host, path, MODE, *access))
    else:
        yield Unchanged(path)


def _others(host: Any, path: str, others: Sequence[Entry], prune: bool) -> Generator[Unchanged, None, list[str]]:
    """Name the other lines of the file; if they are pruned, return their lines of the plan instead."""
    changes = env_changes(host, path)
    changes.pending = None
    changes.removed = frozenset(entry.name for entry in others if entry.name) if prune else frozenset()
    shown = [entry.name for entry in others if entry.is_plain and entry.name and SHOWN.fullmatch(entry.name)]
    names, odd = ", ".join(dict.fromkeys(shown)), len(others) - len(shown)
    if prune:
        gone = [f"- {path}: {names}"] if names else []
        return gone + ([f"- {path}: lines that are not NAME=value: {odd}"] if odd else [])
    if names:
        yield Unchanged(f"{path}: not managed and not changed: {names}")
    return []


def _differing(path: str, wanted: Mapping[str, str], present: Sequence[Entry]) -> list[str]:
    """The plan's lines for the requested variables that differ from the file's."""
    there = {name: [entry.text for entry in present if entry.name == name] for name in wanted}
    differing = [name for name, line in wanted.items() if there[name][-1:] != [line]]
    repeated = [name for name, found in there.items() if len(found) > 1]
    lines = [f"~ {path}: {', '.join(differing)}"] if differing else []
    return lines + ([f"~ {path}: {', '.join(repeated)}: duplicate lines removed"] if repeated else [])


def _lines(asked: Sequence[Entry], present: Sequence[Entry], made_when_empty: Iterable[str]) -> dict[str, str]:
    """The line to write for each requested variable, by its name."""
    lines = {entry.name: entry.text for entry in asked if entry.name}
    empty = {entry.name for entry in asked if entry.name and entry.value == ""}
    for name in empty.intersection(made_when_empty):
        # Keep the whole line with its form and quotes: another form could be another key to a program that reads it.
        kept = [
            one.text.removeprefix("\ufeff") for one in present if one.name == name and (one.value or "").strip("\"'")
        ]
        lines[name] = kept[-1] if kept else f"{name}={secrets.token_urlsafe(50)}"
    return lines


@converging
def recreate_reminder(env_path: str) -> Plan:
    """
    Remind people to recreate the containers that read an env file, if this deploy cannot do so itself.

    + env_path: the env file
    """
    host = current_host()
    if env_changes(host, env_path).pending is not None:
        yield Note(f"! containers that read {env_path} still run with their former environment; recreate them")
    else:
        yield Unchanged("no container has to be recreated")
