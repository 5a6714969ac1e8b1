"""The Redis that many services share: whether the databases given to Plane are its own."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import unquote, urlsplit

from facts.redis import RedisNeighbours, scan
from operations.converge import Kept, Note, Plan, converging_with, current_host
from target import Reading, fact_reading, read_fact

SHOWN = 5


def _scan(urls: Sequence[str]) -> tuple[list[int], str]:
    """The Redis databases that the addresses name, and what their scan is asked with."""
    parts = [urlsplit(url) for url in urls]
    parts = [part for part in parts if part.scheme in ("redis", "rediss")]
    databases = sorted({_database(part.path) for part in parts})
    if not databases:
        return [], ""
    username, password = parts[0].username, parts[0].password
    return databases, scan(databases, unquote(username or "") or None, unquote(password) if password else None)


def _reads(container: str, urls: Sequence[str]) -> list[Reading]:
    databases, stdin = _scan(urls)
    return [fact_reading(RedisNeighbours, stdin, container=container)] if databases else []


@converging_with(_reads)
def own_databases(container: str, urls: Sequence[str]) -> Plan:
    """
    Warn when keys of other services live in a Redis database that is given to Plane, which has no key prefix.

    + container: name of the Redis container
    + urls: the addresses given to Plane; only ``redis://`` ones are looked at

    Changes nothing. Looks with SCAN at a bounded part of each database.
    """
    host = current_host()
    databases, stdin = _scan(urls)
    if not databases:
        yield Kept("no Redis database is given to Plane")
        return
    found = read_fact(host, RedisNeighbours, stdin=stdin, container=container)
    if found.unavailable is not None:
        yield Kept(f"Redis in {container} could not be asked whose keys it holds: {found.unavailable}")
        return
    strangers = {number: keys for number, keys in found.others.items() if keys}
    for number, keys in strangers.items():
        more = f" and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""
        yield Note(
            f"! Redis database {number} of {container} holds keys that are not Plane's "
            f"({', '.join(keys[:SHOWN])}{more}); give Plane one of its own in plane_redis_url and plane_amqp_url"
        )
    if not strangers:
        yield Kept(f"Redis databases {', '.join(map(str, databases))} of {container} are Plane's own")


def _database(path: str) -> int:
    number = path.strip("/")
    return int(number) if number.isdecimal() else 0
