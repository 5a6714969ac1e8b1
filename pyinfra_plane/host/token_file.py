"""The file on the host that holds the agents' tokens."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Any

from pyinfra_plane.dataclass import dataclass
from pyinfra_plane.engine.files import RemoteFile, read_file, write_file
from pyinfra_plane.settings import token_variable

TOKEN_FILE_MODE = "600"  # noqa: S105 - a mode

HEAD = "# API tokens of Plane's agents. Written by the deploy, which reads them back, with these comments."

_PREFIX = token_variable("")

_NOTE = (
    r": (?:ends{0}(\d{{4}}-\d\d-\d\d) ?)?(rotating)? ?(?:keeps{0}([0-9A-Za-z-]+) ?)?(only)? ?(untold)? ?(removed)? ?"
    r"(?:role{0}(\d+) ?)?(?:of{0}(\S+))? ?(?:former{0}(\S+))?"
)

NOTED = re.compile("# agent ([a-z0-9_]+)" + _NOTE.format(" "))
"""A line with a note about a token.

It has neither the variable's name nor a ``=``, so a program that searches the file for either finds only the token.
"""

OLD_NOTED = re.compile("# ([A-Z0-9_]+)" + _NOTE.format("="))
"""The note in the form of earlier versions."""


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None  # somebody wrote a day that does not exist; the token is rotated if it must expire


@dataclass
class TokenNote:
    """Facts about a token besides its value, because Plane does not show them to a client that only has the key.

    `owner` is the address of its account, unknown in a file of an earlier version. `former` is the account of the token
    that was in its place, until that one is revoked. `role` is the number that a removed agent had. `keeps` is the id
    of the saved token in Plane, until those that it replaces are revoked; `only` says that tokens that somebody else
    created must be revoked with them. `untold` says that the agent's token or file changed and a command in
    ``plane_token_consumers`` is still to be run: a command's effect cannot be read, so the next run has only this note.
    """

    ends: date | None = None
    rotating: bool = False
    removed: bool = False
    owner: str | None = None
    former: str | None = None
    role: int | None = None
    keeps: str | None = None
    only: bool = False
    untold: bool = False

    def __str__(self) -> str:
        ends = [f"ends {self.ends.isoformat()}"] if self.ends else []
        words = ["rotating"] if self.rotating else []
        words += [] if self.keeps is None else [f"keeps {self.keeps}"]
        words += [name for name in ("only", "untold", "removed") if getattr(self, name)]
        words += [] if self.role is None else [f"role {self.role}"]
        accounts = [f"{name} {_written(one)}" for name, one in (("of", self.owner), ("former", self.former)) if one]
        return " ".join([*ends, *words, *accounts])


def _written(address: str) -> str:
    """An address without a ``=``, which it may contain."""
    return address.replace("%", "%25").replace("=", "%3D")


def _read(address: str | None) -> str | None:
    return None if address is None else address.replace("%3D", "=").replace("%25", "%")


def _note(words: Sequence[str | None]) -> TokenNote:
    ends, rotating, keeps, only, untold, removed, role, owner, former = words
    number = int(role) if role else None
    return TokenNote(_day(ends), bool(rotating), bool(removed), owner, former, number, keeps, bool(only), bool(untold))


_TOKEN = re.compile(
    rf"\s*(?:export\s+)?({_PREFIX}\w+)\s*=\s*(?:'([^']*)'|\"([^\"]*)\"|([^\s'\"#]*))\s*(?:\s#.*)?", re.ASCII
)
"""A token's line, as Docker Compose reads it: with `export`, quotes, blanks or a comment after it."""


def _lines(text: str) -> list[str]:
    """The lines of an env file that may come from another system: with a byte order mark, with CRLF."""
    return [line.removesuffix("\r") for line in text.removeprefix("\ufeff").split("\n")]


class TokenFile:
    """The env file that holds the agents' tokens. Lines of other names stay unchanged.

    `has_old_notes` says that the comments are of an earlier version; the next :meth:`save` rewrites them.
    """

    def __init__(self, host: Any, path: str, user: str | None = None, group: str | None = None) -> None:
        self._host = host
        self.path = path
        self._owner = (user, group)
        self.file: RemoteFile | None = read_file(host, path)
        self.tokens: dict[str, str] = {}
        self._notes: dict[str, TokenNote] = {}
        self._others: list[str] = []
        self.has_old_notes = False
        for line in _lines(self.file.text) if self.file else ():
            noted, old = NOTED.fullmatch(line), OLD_NOTED.fullmatch(line)
            variable, equals, value = line.partition("=")
            if noted:
                name, *words, owner, former = noted.groups()
                self._notes[f"{_PREFIX}{name.upper()}"] = _note([*words, _read(owner), _read(former)])
            elif old and old[1].startswith(_PREFIX):
                self.has_old_notes = True
                self._notes[old[1]] = _note(old.groups()[1:])
            elif (token := _TOKEN.fullmatch(line)) is not None:
                self.tokens[token[1]] = token[2] or token[3] or token[4]
            elif equals and not line.startswith("#"):
                self.tokens[variable] = value
            elif line and line != HEAD:
                self._others.append(line)

    def set_note(self, variable: str, note: TokenNote) -> None:
        """Change the note about the token in this line."""
        self._notes[variable] = note

    def note(self, variable: str) -> TokenNote:
        """The note about the token in this line."""
        return self._notes.setdefault(variable, TokenNote())

    def save(self) -> None:
        """Write the whole file and rename it into place."""
        lines = [HEAD, *self._others]
        for name, note in self._notes.items():
            if str(note):
                lines.append(f"# agent {name.removeprefix(_PREFIX).lower()}: {note}")
        lines += [f"{name}={value}" for name, value in self.tokens.items()]
        text = "\n".join(lines) + "\n"
        write_file(self._host, self.path, text, TOKEN_FILE_MODE, *self._owner)
        self.file = RemoteFile(text, TOKEN_FILE_MODE, "", "")
        self.has_old_notes = False
