"""Looks for secrets in whatever a run leaves or shows, as they are and in every encoding that they could be in."""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import quote, quote_plus

SHORTEST = 8
"""Fewer characters in a row could stand somewhere by chance."""

_LINE_BREAK = re.compile(rb"[ \t\r]*\n(?:[ \t]*\[[^\]\n]{1,60}\][ \t]?)?[ \t]*")
"""With the host's name that pyinfra puts in front of a line."""


class Leak(NamedTuple):
    """A find. It never holds the secret itself, so that a failing test does not show it."""

    where: str
    name: str
    how: str


class Search:
    """Looks for these secrets, by name.

    First for the longest part of each that no encoding but base64 and hex changes, so that an encoding that nobody
    thought of is found as well; what is found is then given the name of its encoding.
    """

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._forms = {name: forms(secret) for name, secret in secrets.items()}
        self._signs = {name: _signs(name, secret) for name, secret in secrets.items()}

    def leaks(self, where: str, text: str | bytes) -> list[Leak]:
        """Where each secret stands in a text, and how."""
        data = text.encode(errors="surrogateescape") if isinstance(text, str) else text
        found = self._leaks(where, data)
        # Base64 may have been broken into lines; a database's files are no text.
        return found if found or b"\0\0" in data else self._leaks(where, _LINE_BREAK.sub(b"", data))

    def _leaks(self, where: str, data: bytes) -> list[Leak]:
        found = []
        for name, signs in self._signs.items():
            if any(sign in data for sign in signs):
                hows = [how for how, encoded in self._forms[name].items() if any(form in data for form in encoded)]
                found += [Leak(where, name, how) for how in hows or ["in part, or in another encoding"]]
        return found

    def all_leaks(self, texts: Iterable[tuple[str, str | bytes]]) -> list[Leak]:
        """The finds in all of these, each of them once; what is there more than once is looked at once."""
        unlike: dict[bytes, str] = {}
        for where, text in texts:
            data = text.encode(errors="surrogateescape") if isinstance(text, str) else text
            unlike.setdefault(data.strip(b"\0"), where)
        return sorted({leak for data, where in unlike.items() for leak in self.leaks(where, data)})


def forms(secret: str) -> dict[str, list[bytes]]:
    """A secret in each encoding, by the encoding's name; what an encoding leaves as it is, is not repeated."""
    every: dict[str, list[str]] = {
        "as it is": [secret],
        "percent-encoded": [quote(secret, safe=""), quote(secret)],
        "percent-encoded form": [quote_plus(secret)],
        "base64": [_aligned(secret.encode(), skipped) for skipped in range(3)],
        "base64 for addresses": [_aligned(secret.encode(), skipped, b"-_") for skipped in range(3)],
        "hex": [secret.encode().hex()],
        # Go, which Docker is written in, escapes what HTML does.
        "JSON": [
            json.dumps(secret)[1:-1],
            re.sub("[&<>]", lambda it: f"\\u{ord(it[0]):04x}", json.dumps(secret)[1:-1]),
        ],
        "shell": [shlex.quote(secret)[1:-1], secret.replace("'", r"'\''"), re.sub(r"(\W)", r"\\\1", secret)],
        "SQL": [secret.replace("'", "''"), secret.replace("\\", r"\\").replace("'", "''")],
        "repr": [repr(secret)[1:-1], "'" + secret.replace("\\", r"\\").replace("'", r"\'")],
    }
    taken: set[str] = set()
    found = {}
    for how, encoded in every.items():
        fresh = [form for form in encoded if form not in taken and (how == "as it is" or secret not in form)]
        taken.update(fresh)
        if fresh:
            found[how] = [form.encode() for form in fresh]
    return found


def _signs(name: str, secret: str) -> list[bytes]:
    core = max(re.findall(r"[A-Za-z0-9_-]+", secret), key=len, default="")
    if len(core) < SHORTEST:
        raise ValueError(f"{name} has no {SHORTEST} letters and digits in a row to look for")
    plain = core.encode()
    # Letters, digits, - and _ give no character in which the two kinds of base64 differ.
    return [plain, *(_aligned(plain, skipped).encode() for skipped in range(3)), plain.hex().encode()]


def _aligned(data: bytes, skipped: int, last_two: bytes = b"+/") -> str:
    """What base64 makes of data that other data stands before, `skipped` bytes over a multiple of three."""
    encoded = base64.b64encode(bytes(skipped) + data, last_two).decode()
    return encoded[(0, 2, 3)[skipped] : (skipped + len(data)) * 8 // 6]
