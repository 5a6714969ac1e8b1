"""PostgreSQL itself: roles, databases and passwords of any kind, read back and signed in with."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from pyinfra.api import HiddenValue

from operations import environment, postgres
from operations.postgres import init_script, service_database
from pyinfra_plane.engine.converge import Unchanged
from pyinfra_plane.host.plane_env import parse as parse_env
from pyinfra_plane.settings import Settings, SettingsError
from sandbox.host import Host
from sandbox.postgres import programs
from tests.unit.given import Shell
from tests.unit.test_environment import apply, plan
from tests.values.hostile import CANARY, HOSTILE, TALLY, mild, some, times
from tests.values.test_settings import read

pytestmark = pytest.mark.sampled

RESERVED = ("public", "none", "pg_monitor", "postgres")


def literal(text: str) -> str:
    """As SQL, written here once more so that the product's own quoting is not what checks it."""
    return "U&'" + "".join(f"\\+{ord(char):06x}" for char in text) + "'"


@dataclass
class Server:
    """The sandbox's PostgreSQL, and a host whose `docker` leads to it."""

    sandboxed: Host
    shell: Shell

    def names(self) -> tuple[list[str], list[str]]:
        """All roles and databases but those that were there at first."""
        sql = """SELECT json_build_array(
            (SELECT coalesce(json_agg(rolname), '[]') FROM pg_roles WHERE rolname !~ '^(pg_|postgres$)'),
            (SELECT coalesce(json_agg(datname), '[]') FROM pg_database WHERE datname !~ '^(postgres|template[01])$'))"""
        roles, databases = json.loads(self.sandboxed.psql(sql))
        return roles, databases

    def owner(self, database: str) -> str:
        """Who a database belongs to."""
        found = self.sandboxed.psql(
            f"SELECT to_json(pg_get_userbyid(datdba)) FROM pg_database WHERE datname = {literal(database)}"
        )
        return str(json.loads(found))

    def forget(self) -> None:
        """Drop what was made."""
        roles, databases = self.names()
        for kind, names in (("DATABASE", databases), ("ROLE", roles)):
            for name in names:
                self.sandboxed.psql(f"SELECT format('DROP {kind} %I', {literal(name)}) \\gexec")

    def who(self, url: str) -> list[str]:
        """Whom and where libpq takes one to be who comes with this address, with the password in it."""
        done = subprocess.run(
            [str(programs() / "psql"), "-XAtq", url.replace("@javisi_postgresql:5432/", "@/")],
            input="SELECT json_build_array(current_user, current_database())",
            env={"PGHOST": str(self.sandboxed.cluster.sockets), "PGCLIENTENCODING": "UTF8"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        found: list[str] = json.loads(done.stdout)
        return found


@pytest.fixture(scope="session")
def server(sandboxed: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    shell = Shell(tmp_path_factory.mktemp("shell"))
    shell.replace("docker", f'exec "{sandboxed.commands_path / "docker"}" "$@"')
    yield Server(sandboxed, shell)


def check_carried(server: Server, database: str, role: str, password: str) -> None:
    """All that is asked for is there by these names and no other, and signing in as Plane does works."""
    settings = read({"plane_db_name": database, "plane_db_user": role, "postgresql_password": password})
    if not isinstance(settings, Settings):
        return
    try:
        url = parse_env(environment.render(settings).unmask())["DATABASE_URL"]
    except SettingsError:
        return
    TALLY.add(2)  # three values in all
    wanted: dict[str, Any] = {
        "database": settings.plane_db_name,
        "role": settings.plane_db_user,
        "password": settings.secret("postgresql_password"),
        "container": settings.postgres_container,
        "wait": 0,
    }
    try:
        apply(plan(service_database, server.shell, **wanted))
        assert server.names() == ([role], [database])
        assert server.owner(database) == role
        assert server.who(url) == [role, database]
        [kept] = plan(service_database, server.shell, **wanted)
        assert isinstance(kept, Unchanged)
        assert sorted(path.name for path in server.shell.folder.iterdir()) == [".programs"]
        assert not (server.sandboxed.cluster.directory / CANARY).exists()
    finally:
        server.forget()


@pytest.mark.parametrize("name", some("names in a database", 20))
def test_names_and_a_password_of_the_table_are_carried(server: Server, name: str) -> None:
    value = HOSTILE[name]
    if isinstance(read({"plane_db_name": value, "plane_db_user": value}), Settings):
        check_carried(server, value, value, value)
    else:
        # Long ones and those that are no names are passwords still, or are refused as well.
        check_carried(server, "plane_production", "plane", value)


@times(12, 250)
@given(database=mild, role=mild, password=mild)
def test_any_names_and_password_are_carried(server: Server, database: str, role: str, password: str) -> None:
    check_carried(server, database[:15], role[:15], password)


@times(4, 60)
@given(database=mild, role=mild)
def test_a_database_of_somebody_else_is_given_to_the_role(server: Server, database: str, role: str) -> None:
    settings = read({"plane_db_name": database[:15], "plane_db_user": role[:15]})
    if not isinstance(settings, Settings):
        return
    database, role = settings.plane_db_name, settings.plane_db_user
    wanted: dict[str, Any] = {
        "database": database,
        "role": role,
        "password": "x",
        "container": settings.postgres_container,
        "wait": 0,
    }
    try:
        server.sandboxed.psql(f"SELECT format('CREATE DATABASE %I', {literal(database)}) \\gexec")
        server.sandboxed.psql(f"SELECT format('CREATE ROLE %I NOLOGIN', {literal(role)}) \\gexec")
        apply(plan(service_database, server.shell, **wanted))
        assert server.owner(database) == role
        [kept] = plan(service_database, server.shell, **wanted)
        assert isinstance(kept, Unchanged)
    finally:
        server.forget()


@times(4, 60)
@given(name=mild, password=mild)
def test_a_superuser_of_any_name_and_password_is_carried(server: Server, name: str, password: str) -> None:
    name, password = name[:15], f"{password}-secret"
    settings = read({"postgres_superuser": name, "plane_db_user": "plane", "postgres_superuser_password": password})
    if not isinstance(settings, Settings) or name == "plane" or name in RESERVED:
        return
    TALLY.add()
    create = "CREATE ROLE %I SUPERUSER LOGIN PASSWORD %L"
    made = f"SELECT format('{create}', {literal(name)}, {literal(password)}) \\gexec"
    try:
        server.sandboxed.psql(made)
        [change] = plan(
            service_database,
            server.shell,
            database="plane_production",
            role="plane",
            password=HiddenValue("x"),
            container=settings.postgres_container,
            superuser=settings.postgres_superuser,
            superuser_password=settings.postgres_superuser_password,
            wait=0,
        )
        apply([change])
        assert server.owner("plane_production") == "plane"
        assert not any(password in command for command in server.shell.commands[-2:])
    finally:
        server.forget()


@times(6, 80)
@given(database=mild, role=mild, password=mild)
def test_the_init_script_makes_the_same(
    server: Server, database: str, role: str, password: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    settings = read({"plane_db_name": database[:15], "plane_db_user": role[:15], "postgresql_password": password})
    if not isinstance(settings, Settings):
        return
    TALLY.add(2)
    database, role = settings.plane_db_name, settings.plane_db_user
    folder = tmp_path_factory.mktemp("initdb.d")
    wanted: dict[str, Any] = {"directory": str(folder), "database": database, "role": role, "password": password}
    try:
        apply(plan(init_script, server.shell, **wanted))
        [script] = folder.iterdir()
        server.sandboxed.psql(Path(script).read_text(encoding="utf-8"))
        assert server.names() == ([role], [database])
        assert server.who(parse_env(environment.render(settings).unmask())["DATABASE_URL"]) == [role, database]
        [kept] = plan(init_script, server.shell, **wanted)
        assert isinstance(kept, Unchanged)
        [kept] = plan(
            service_database,
            server.shell,
            database=database,
            role=role,
            password=password,
            container=settings.postgres_container,
            wait=0,
        )
        assert isinstance(kept, Unchanged)
    finally:
        server.forget()


def test_names_that_postgresql_keeps_for_itself_are_refused_beforehand(server: Server) -> None:
    """What the settings refuse, PostgreSQL does too; with the other names of the table it was tried above."""
    for role in ("public", "none", "pg_monitor2"):
        TALLY.add()
        assert not isinstance(read({"plane_db_user": role}), Settings)
        with pytest.raises(RuntimeError, match="reserved"):
            server.sandboxed.psql(f"CREATE ROLE {postgres._identifier(role)}")
