"""The state of an instance's database: whether it is migrated and registered, from Plane's own tables."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

_SQL = """
SELECT to_regclass('public.django_migrations') IS NOT NULL AS there \\gset
\\if :there
SELECT 'migrated', (SELECT count(*) FROM instances), (SELECT count(*) FROM sandbox_cache),
  (SELECT max(current_version) FROM instances);
\\endif
"""


@dataclass(frozen=True)
class Progress:
    """The state of a database.

    Args:
        cleared: how often the cache was cleared.
        version: the version that the instance was registered with last.
    """

    is_migrated: bool = False
    is_registered: bool = False
    cleared: int = 0
    version: str | None = None


ReadProgress = Callable[[], Awaitable[Progress]]


async def read_progress(psql: str, address: str, server: str | None = None) -> Progress:
    """Read the state from PostgreSQL.

    Args:
        psql: the program.
        address: the value of ``DATABASE_URL``.
        server: the actual server, regardless of the address: a folder with its socket.
    """
    url = urlsplit(address)
    if not url.path[1:]:
        return Progress()
    where = ["-h", server] if server else ["-h", url.hostname or "", "-p", str(url.port or 5432)]
    process = await asyncio.create_subprocess_exec(
        *(psql, "-XAtq", *where, "-U", unquote(url.username or ""), "-d", unquote(url.path[1:])),
        env={"PATH": os.environ.get("PATH", os.defpath), "PGPASSWORD": unquote(url.password or "")},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    said, _ = await process.communicate(_SQL.encode())
    cells = said.decode().strip().split("|")
    if process.returncode or cells[0] != "migrated":
        return Progress()
    return Progress(True, int(cells[1]) > 0, int(cells[2]), cells[3] or None)
