"""Plane's environment file, and the containers that read it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Generator, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from pyinfra.api import HiddenValue

from pyinfra_plane.engine.converge import Change, Kept, Note, Plan, converging, converging_with, current_host
from pyinfra_plane.engine.env_file import Entry, env_changes, split, updated, variables
from pyinfra_plane.engine.files import change_access, differing_access, file_reading, read_file, write_file
from pyinfra_plane.host.plane_env import advice, render

__all__ = ["advice", "env_file", "recreate_reminder", "render"]

MODE = "600"

SHOWN = re.compile("[A-Z_][A-Z0-9_]*|[a-z_][a-z0-9_]*")
"""Names of others' variables that are shown. Any other may be a part of a value, such as a key of several lines."""


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
    Keep the variables of a text in an env file, readable by its owner alone.

    + path: where the file is
    + text: the whole file, for example what ``render`` gives
    + made_when_empty: variables that are empty in the text keep the value that they have in the file; without one, a
      new random value is made
    + user: who the file belongs to; whoever writes it when not given
    + group: its group
    + prune: write the file with the variables of the text only; by default, other variables, comments and their order
      stay
    + advice: lines to show with it, for example what ``environment.advice`` gives

    A variable that differs is replaced in its place, a new one is added at the end. A variable that is in the file
    more than once is left in it once. Comments do not count: the file is written when a variable differs. Values are
    never shown.

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
        yield Kept(path)


def _others(host: Any, path: str, others: Sequence[Entry], prune: bool) -> Generator[Kept, None, list[str]]:
    """What the plan says of the lines that are not asked for, if they go; otherwise they are only named."""
    changes = env_changes(host, path)
    changes.pending = None
    changes.removed = frozenset(entry.name for entry in others if entry.name) if prune else frozenset()
    shown = [entry.name for entry in others if entry.is_plain and entry.name and SHOWN.fullmatch(entry.name)]
    names, odd = ", ".join(dict.fromkeys(shown)), len(others) - len(shown)
    if prune:
        gone = [f"- {path}: {names}"] if names else []
        return gone + ([f"- {path}: lines that are not NAME=value: {odd}"] if odd else [])
    if names:
        yield Kept(f"{path}: not managed and not changed: {names}")
    return []


def _differing(path: str, wanted: Mapping[str, str], present: Sequence[Entry]) -> list[str]:
    """What the plan says of the variables that are asked for, by the lines that the file has."""
    there = {name: [entry.text for entry in present if entry.name == name] for name in wanted}
    differing = [name for name, line in wanted.items() if there[name][-1:] != [line]]
    repeated = [name for name, found in there.items() if len(found) > 1]
    lines = [f"~ {path}: {', '.join(differing)}"] if differing else []
    return lines + ([f"~ {path}: {', '.join(repeated)}: duplicate lines removed"] if repeated else [])


def _lines(asked: Sequence[Entry], present: Sequence[Entry], made_when_empty: Iterable[str]) -> dict[str, str]:
    """The line of each variable that is asked for, by its name."""
    lines = {entry.name: entry.text for entry in asked if entry.name}
    empty = {entry.name for entry in asked if entry.name and entry.value == ""}
    for name in empty.intersection(made_when_empty):
        # The whole line, in whichever form and quotes: another form could be another key to whoever reads it.
        kept = [
            one.text.removeprefix("\ufeff") for one in present if one.name == name and (one.value or "").strip("\"'")
        ]
        lines[name] = kept[-1] if kept else f"{name}={secrets.token_urlsafe(50)}"
    return lines


@converging
def recreate_reminder(env_path: str) -> Plan:
    """
    Say that the containers that read an env file must be recreated, where this deploy is not told how to.

    + env_path: the env file
    """
    host = current_host()
    if env_changes(host, env_path).pending is not None:
        yield Note(f"! recreate the containers that read {env_path}: they still run with their former environment")
    else:
        yield Kept("no container has to be recreated")
