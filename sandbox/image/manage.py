"""A stand-in for `manage.py` of Plane's image. It creates only the tables that show the state of an instance.

It needs `psql` and the server of DATABASE_URL. SANDBOX_PGHOST overrides the server's address. The sandbox does the same
with :class:`Commands`, without a process: Python takes longer to start than all of it.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

# Names and columns as on every tried release, limited to those that are read.
_TABLES = """
CREATE TABLE IF NOT EXISTS django_migrations (id serial, app text, name text, UNIQUE (app, name));
CREATE TABLE IF NOT EXISTS instances (id serial, current_version text, created_at timestamptz DEFAULT now());
CREATE TABLE IF NOT EXISTS instance_configurations (key text PRIMARY KEY, value text);
CREATE TABLE IF NOT EXISTS sandbox_cache (cleared int);
"""


class Commands:
    """The management commands of an image.

    Args:
        folder: the working directory of the image.
        environment: the container's.
        psql: runs SQL at an address, with this environment, and returns the output.
        refused: what `psql` raises if the server refuses.
    """

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        psql: Callable[[str, str, Mapping[str, str]], str],
        refused: type[Exception],
    ) -> None:
        self._folder = folder
        self._environment = environment
        self._run_sql = psql
        self._refused = refused

    def run(self, words: Sequence[str]) -> str:
        """Run a command and return its output.

        Raises:
            SystemExit: it failed; the message says why.
        """
        name, *arguments = words or [""]
        commands: dict[str, Callable[..., str]] = {
            "wait_for_migrations": self._wait_for_migrations,
            "migrate": self._migrate,
            "register_instance": self._register_instance,
            "configure_instance": self._configure_instance,
            "clear_cache": self._clear_cache,
        }
        if name not in commands:
            raise SystemExit(f"Unknown command: {' '.join(words)!r}")
        return commands[name](*arguments)

    def _psql(self, sql: str) -> str:
        """Run SQL as Plane's role, and return its output."""
        if "DATABASE_URL" not in self._environment:
            raise SystemExit("DATABASE_URL is not set.")
        try:
            return self._run_sql(self._environment["DATABASE_URL"], sql, self._environment)
        except self._refused as error:
            raise SystemExit(f"django.db.utils.OperationalError: {error}") from error

    def _migrations(self) -> list[tuple[str, str]]:
        """The migrations of the image, each with its app."""
        folders = {app: self._folder / "plane" / app / "migrations" for app in ("db", "license")}
        return [(app, file.stem) for app, folder in folders.items() for file in sorted(folder.glob("0*.py"))]

    def _migrate(self) -> str:
        """Create the tables, and record every migration of the image."""
        rows = ", ".join(f"('{app}', '{name}')" for app, name in self._migrations())
        self._psql(f"{_TABLES} INSERT INTO django_migrations (app, name) VALUES {rows} ON CONFLICT DO NOTHING;")
        return "  Applying migrations... OK"

    def _wait_for_migrations(self) -> str:
        """Wait until the database has every migration of the image."""
        wanted = {f"{app} {name}" for app, name in self._migrations()}
        while True:
            try:
                made = self._psql("SELECT app || ' ' || name FROM django_migrations").splitlines()
            except SystemExit:
                made = []
            if wanted <= set(made):
                return ""
            time.sleep(0.2)

    def _register_instance(self, signature: str) -> str:
        """Register the instance, or update its version."""
        assert signature
        package = json.loads((self._folder / "package.json").read_text())
        version = self._environment.get("APP_VERSION") or package["version"]
        self._psql(
            f"UPDATE instances SET current_version = '{version}';"
            f"INSERT INTO instances (current_version) SELECT '{version}' WHERE NOT EXISTS (SELECT FROM instances);"
        )
        return "Instance registered"

    def _configure_instance(self) -> str:
        """Create the instance's settings."""
        if not self._environment.get("SECRET_KEY"):
            raise SystemExit("CommandError: SECRET_KEY env variable is required.")
        self._psql("INSERT INTO instance_configurations VALUES ('ENABLE_SIGNUP', '1') ON CONFLICT DO NOTHING")
        return "ENABLE_SIGNUP loaded with value from environment variable."

    def _clear_cache(self, option: str = "", key: str = "") -> str:
        """Clear the server's cache."""
        # As on every tried release, on which a call without a key empties a whole Redis database.
        assert (option, key) in (("", ""), ("--key", "/api/instances/"))
        self._psql("INSERT INTO sandbox_cache VALUES (1)")
        return "Cache Cleared"


if __name__ == "__main__":
    import psycopg  # type: ignore[import-not-found]

    here = Path(__file__).resolve().parent
    print(Commands(here, os.environ, psycopg.psql, psycopg.OperationalError).run(sys.argv[1:]))
