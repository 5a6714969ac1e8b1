"""A fact about the owners of keys in the databases of a Redis container that many services share."""

from __future__ import annotations

import re
from dataclasses import field

from pyinfra.api import QuoteString, StringCommand
from typing_extensions import override

from pyinfra_plane.dataclass import dataclass
from pyinfra_plane.facts.docker import FAILED, AnswerFact
from pyinfra_plane.text import printable, quote

_MARK = "##DATABASE##"

KEYS_SCANNED = 2000
"""Number of keys that one SCAN reads: enough to find a neighbour's, and no burden to a busy server."""

PLANES_KEY = re.compile(
    # Seen on every tried release: Django's cache, sign-in codes, recently changed work items, Celery.
    r":1:.*|magic_.*|[0-9a-f-]{36}(\..*)?|celery.*|_kombu\..*|unacked.*|hocuspocus.*",
    re.S,
)


@dataclass(frozen=True)
class SharedRedis:
    """By number of each database that was read, the beginnings of keys that are not Plane's.

    `unavailable` says why none could be read, `refused` why Redis refused the given user and password, or a connection
    without them.
    """

    others: dict[int, list[str]] = field(default_factory=dict)
    unavailable: str | None = None
    refused: str | None = None


_REFUSED = {
    "NOAUTH": "it requires a password, and none is set",
    "WRONGPASS": "it does not accept this user with this password",
    "ERR": "it does not accept this user or password, or requires none",
}
"""By the first word of Redis' answer to AUTH, or to a command without it; Redis 5 has only the last.

Never in Redis' own words: a server that names AUTH differently repeats the password in them.
"""


def scan(databases: list[int], username: str | None = None, password: str | None = None) -> str:
    """Return the commands for `redis-cli` that read the databases: SCAN, never KEYS."""
    lines = []
    if password is not None:
        lines.append(f"AUTH {_quoted(username)} {_quoted(password)}" if username else f"AUTH {_quoted(password)}")
    for number in databases:
        lines += [f"ECHO {_MARK}{number}", f"SELECT {number}", f"SCAN 0 COUNT {KEYS_SCANNED}"]
    return "\n".join([*lines, "QUIT", ""])


def _quoted(value: str | None) -> str:
    return '"' + (value or "").replace("\\", "\\\\").replace('"', '\\"') + '"'


class RedisNeighbours(AnswerFact[SharedRedis]):
    """
    Returns the keys in a Redis container's databases that are not Plane's, as a ``SharedRedis``.

    + container: name of the container

    The commands are sent on standard input; see ``scan``.
    """

    kind = SharedRedis

    @override
    def command(self, container: str) -> StringCommand:
        return self.answering("docker exec -i", QuoteString(container), "redis-cli;")

    @override
    def process(self, output: list[str]) -> SharedRedis:
        before, *parts = "\n".join(output).split(_MARK)
        # redis-cli exits with 0 after an error too.
        refused = [_REFUSED[word] for line in before.split("\n") if (word := line.partition(" ")[0]) in _REFUSED]
        if refused:
            return SharedRedis(refused=refused[0])
        if output[-1:] == [FAILED]:
            return SharedRedis(unavailable=quote(output[-2]) if len(output) > 1 else "docker printed nothing")
        found: dict[int, list[str]] = {}
        for part in parts:
            number, answer, *rest = [*part.split("\n"), ""]
            if answer != "OK":
                return SharedRedis(unavailable=quote(answer) or "redis-cli printed an incomplete answer")
            if not re.fullmatch(r"[0-9]{1,9}", number):  # a key that looks like this deploy's own mark
                continue
            # The first line is the cursor.
            keys = [key for key in rest[1:] if key and key != "OK" and not PLANES_KEY.fullmatch(key)]
            found[int(number)] = sorted({_beginning(key) for key in keys})
        return SharedRedis(found)


def _beginning(key: str) -> str:
    """The beginning of a key: enough to recognise its owner. The other characters may be an address or a session."""
    head, separator, _ = key.partition(":")
    return f"{printable(head[:24])}{separator}…"
