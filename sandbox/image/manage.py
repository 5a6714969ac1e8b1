"""A stand-in for `manage.py` of Plane's image. It creates only the tables that show the state of an instance.

It needs `psql` and the server of DATABASE_URL. SANDBOX_PGHOST overrides the server's address.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import psycopg  # type: ignore[import-not-found]

HERE = Path(__file__).resolve().parent

# Names and columns as on every tried release, limited to those that are read.
_TABLES = """
CREATE TABLE IF NOT EXISTS django_migrations (id serial, app text, name text, UNIQUE (app, name));
CREATE TABLE IF NOT EXISTS instances (id serial, current_version text, created_at timestamptz DEFAULT now());
CREATE TABLE IF NOT EXISTS instance_configurations (key text PRIMARY KEY, value text);
CREATE TABLE IF NOT EXISTS sandbox_cache (cleared int);
"""


def psql(sql: str) -> str:
    """Run SQL as Plane's role, and return its output."""
    try:
        return str(psycopg.psql(os.environ["DATABASE_URL"], sql))
    except psycopg.OperationalError as error:
        raise SystemExit(f"django.db.utils.OperationalError: {error}") from error


def migrations() -> list[tuple[str, str]]:
    """The migrations of the image, each with its app."""
    folders = {app: HERE / "plane" / app / "migrations" for app in ("db", "license")}
    return [(app, file.stem) for app, folder in folders.items() for file in sorted(folder.glob("0*.py"))]


def migrate() -> None:
    """Create the tables, and record every migration of the image."""
    rows = ", ".join(f"('{app}', '{name}')" for app, name in migrations())
    psql(f"{_TABLES} INSERT INTO django_migrations (app, name) VALUES {rows} ON CONFLICT DO NOTHING;")
    print("  Applying migrations... OK")


def wait_for_migrations() -> None:
    """Wait until the database has every migration of the image."""
    wanted = {f"{app} {name}" for app, name in migrations()}
    while True:
        try:
            made = psql("SELECT app || ' ' || name FROM django_migrations").splitlines()
        except SystemExit:
            made = []
        if wanted <= set(made):
            return
        time.sleep(0.2)


def register_instance(signature: str) -> None:
    """Register the instance, or update its version."""
    assert signature
    version = os.environ.get("APP_VERSION") or json.loads((HERE / "package.json").read_text())["version"]
    psql(
        f"UPDATE instances SET current_version = '{version}';"
        f"INSERT INTO instances (current_version) SELECT '{version}' WHERE NOT EXISTS (SELECT FROM instances);"
    )
    print("Instance registered")


def configure_instance() -> None:
    """Create the instance's settings."""
    if not os.environ.get("SECRET_KEY"):
        raise SystemExit("CommandError: SECRET_KEY env variable is required.")
    psql("INSERT INTO instance_configurations VALUES ('ENABLE_SIGNUP', '1') ON CONFLICT DO NOTHING")
    print("ENABLE_SIGNUP loaded with value from environment variable.")


def clear_cache(option: str = "", key: str = "") -> None:
    """Clear the server's cache."""
    # As on every tried release, on which a call without a key empties a whole Redis database.
    assert (option, key) in (("", ""), ("--key", "/api/instances/"))
    psql("INSERT INTO sandbox_cache VALUES (1)")
    print("Cache Cleared")


COMMANDS = {
    "wait_for_migrations": wait_for_migrations,
    "migrate": migrate,
    "register_instance": register_instance,
    "configure_instance": configure_instance,
    "clear_cache": clear_cache,
}

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        raise SystemExit(f"Unknown command: {' '.join(sys.argv[1:])!r}")
    COMMANDS[sys.argv[1]](*sys.argv[2:])  # type: ignore[operator]
