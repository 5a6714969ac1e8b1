"""The Redis that many services share: a check that the databases given to Plane hold only Plane's keys."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import SplitResult, unquote, urlsplit

from pyinfra.api import HiddenValue

from pyinfra_plane.engine.converge import Note, Plan, Unchanged, converging_with, current_host
from pyinfra_plane.engine.readings import Reading, fact_reading, read_fact
from pyinfra_plane.facts.redis import RedisNeighbours, SharedRedis, scan

SHOWN = 5


def _scans(urls: Sequence[HiddenValue]) -> list[tuple[list[int], str]]:
    """The Redis databases in the addresses, grouped by user and password, each group with the commands of its scan."""
    parts = [part for url in urls if (part := urlsplit(str(url.unmask()))).scheme in ("redis", "rediss")]
    databases: dict[tuple[str | None, str | None], set[int]] = {}
    for part in parts:
        # The container runs the server of the first address; a scan through it cannot reach another server.
        if _server(part) == _server(parts[0]):
            login = unquote(part.username or "") or None, unquote(part.password) if part.password else None
            databases.setdefault(login, set()).add(_database(part.path))
    return [(sorted(numbers), scan(sorted(numbers), *login)) for login, numbers in databases.items()]


def _reads(container: str, urls: Sequence[HiddenValue]) -> list[Reading]:
    return [fact_reading(RedisNeighbours, stdin, container=container) for _, stdin in _scans(urls)]


@converging_with(_reads)
def own_databases(container: str, urls: Sequence[HiddenValue]) -> Plan:
    """
    Warn if a Redis database in the addresses given to Plane holds keys of other services: Plane has no key prefix.

    + container: name of the Redis container
    + urls: the addresses given to Plane; only ``redis://`` addresses on the first one's server are checked

    Also warns if Redis refuses the user and password of an address. Changes nothing. Uses SCAN on a limited part of
    each database.
    """
    host = current_host()
    scans = _scans(urls)
    if not scans:
        yield Unchanged("no Redis database is given to Plane")
    for databases, stdin in scans:
        yield from _reported(container, databases, read_fact(host, RedisNeighbours, stdin=stdin, container=container))


def _reported(container: str, databases: list[int], found: SharedRedis) -> Plan:
    numbers = ", ".join(map(str, databases))
    if found.refused is not None:
        yield Note(
            f"! Redis in {container} refuses the address given to Plane for database {numbers}: {found.refused}, so "
            "Plane cannot sign in either; set user and password in plane_redis_url and plane_amqp_url"
        )
        return
    if found.unavailable is not None or not found.others.keys() >= set(databases):
        reason = found.unavailable or "redis-cli printed an incomplete answer"
        yield Unchanged(f"cannot check Redis in {container} for keys of other applications: {reason}")
        return
    foreign_keys = {number: keys for number, keys in found.others.items() if keys}
    for number, keys in foreign_keys.items():
        more = f" and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""
        yield Note(
            f"! Redis database {number} of {container} contains keys that are not Plane's "
            f"({', '.join(keys[:SHOWN])}{more}); give Plane a separate database in plane_redis_url and plane_amqp_url"
        )
    if not foreign_keys:
        yield Unchanged(f"Redis databases {numbers} of {container} are Plane's own")


def _server(part: SplitResult) -> str:
    return part.netloc.rpartition("@")[2].lower().removesuffix(":6379")


def _database(path: str) -> int:
    number = path.strip("/")
    return int(number) if number.isdecimal() else 0
