"""A stand-in for the PostgreSQL client in Plane's image, which uses `psql`."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit


class OperationalError(Exception):
    """An error with the name of the real one."""


class _Connection:
    def close(self) -> None:
        """Do nothing: no connection is open."""


def connect(address: str, connect_timeout: int = 0) -> _Connection:
    psql(address, "SELECT 1", os.environ)
    return _Connection()


def psql(address: str, sql: str, environment: Mapping[str, str]) -> str:
    """Run SQL as the role of a `DATABASE_URL`, and return its output. SANDBOX_PGHOST overrides the server's address."""
    url = urlsplit(address)
    host = environment.get("SANDBOX_PGHOST") or url.hostname or ""
    port = [] if "SANDBOX_PGHOST" in environment else ["-p", str(url.port or 5432)]
    command = ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", host, *port]
    command += ["-U", unquote(url.username or ""), "-d", unquote(url.path[1:])]
    own = {"PGPASSWORD": unquote(url.password or ""), "PGOPTIONS": "-c client_min_messages=error"}
    done = subprocess.run(command, input=sql, env={**environment, **own}, capture_output=True, text=True)
    if done.returncode:
        raise OperationalError(done.stderr.strip())
    return done.stdout.strip()
