"""Whose keys live in the databases of a Redis container that many services share."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from pyinfra.api import QuoteString, StringCommand
from typing_extensions import override

from pyinfra_plane.facts.docker import FAILED, AnswerFact
from pyinfra_plane.text import printable, quote

_MARK = "##DATABASE##"

LOOKED_AT = 2000
"""How much of a database one SCAN looks at: enough to meet a neighbour, and no burden to a busy server."""

PLANES_KEY = re.compile(
    # Seen on every tried release: Django's cache, codes for signing in, work items that were just changed, Celery.
    r":1:.*|magic_.*|[0-9a-f-]{36}(\..*)?|celery.*|_kombu\..*|unacked.*|hocuspocus.*",
    re.S,
)


@dataclass(frozen=True)
class SharedRedis:
    """By number of the databases that were seen, the beginnings of keys that are not Plane's.

    `unavailable` says why none could be read, `refused` why Redis let nobody in with the user and password that it was
    given, or with none.
    """

    others: dict[int, list[str]] = field(default_factory=dict)
    unavailable: str | None = None
    refused: str | None = None


_REFUSED = {
    "NOAUTH": "it requires a password, and none is set",
    "WRONGPASS": "it does not accept this user with this password",
    "ERR": "it does not accept this user or password, or requires none",
}
"""By the word that Redis begins its answer to AUTH with, or to a command without it; 5 has none but the last. Never in
Redis' own words: of a server whose AUTH has another name, they repeat the password."""


def scan(databases: list[int], username: str | None = None, password: str | None = None) -> str:
    """What `redis-cli` reads from its standard input to look at the databases: SCAN, never KEYS."""
    lines = []
    if password is not None:
        lines.append(f"AUTH {_quoted(username)} {_quoted(password)}" if username else f"AUTH {_quoted(password)}")
    for number in databases:
        lines += [f"ECHO {_MARK}{number}", f"SELECT {number}", f"SCAN 0 COUNT {LOOKED_AT}"]
    return "\n".join([*lines, "QUIT", ""])


def _quoted(value: str | None) -> str:
    return '"' + (value or "").replace("\\", "\\\\").replace('"', '\\"') + '"'


class RedisNeighbours(AnswerFact[SharedRedis]):
    """
    Returns which keys in a Redis container's databases are not Plane's, as a ``SharedRedis``.

    + container: name of the container

    What to look at goes in on standard input; see ``scan``.
    """

    kind = SharedRedis

    @override
    def command(self, container: str) -> StringCommand:
        return self.answering("docker exec -i", QuoteString(container), "redis-cli;")

    @override
    def process(self, output: list[str]) -> SharedRedis:
        before, *parts = "\n".join(output).split(_MARK)
        # redis-cli ends well all the same.
        refused = [_REFUSED[word] for line in before.split("\n") if (word := line.partition(" ")[0]) in _REFUSED]
        if refused:
            return SharedRedis(refused=refused[0])
        if output[-1:] == [FAILED]:
            return SharedRedis(unavailable=quote(output[-2]) if len(output) > 1 else "docker printed nothing")
        found: dict[int, list[str]] = {}
        for part in parts:
            number, answer, *rest = [*part.split("\n"), ""]
            if answer != "OK":
                return SharedRedis(unavailable=quote(answer) or "the answer is not complete")
            if not re.fullmatch(r"[0-9]{1,9}", number):  # a key that looks like this deploy's own mark
                continue
            # The first line is the cursor.
            keys = [key for key in rest[1:] if key and key != "OK" and not PLANES_KEY.fullmatch(key)]
            found[int(number)] = sorted({_beginning(key) for key in keys})
        return SharedRedis(found)


def _beginning(key: str) -> str:
    """What a key begins with: enough to tell whose it is. The rest may be an address or a session."""
    head, separator, _ = key.partition(":")
    return f"{printable(head[:24])}{separator}…"
