"""What is read from a host: how output is understood, and that every name arrives as it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api import StringCommand

from pyinfra_plane.engine.commands import run
from pyinfra_plane.facts.compose import ComposeServices
from pyinfra_plane.facts.docker import FAILED, Container, DockerContainer
from pyinfra_plane.facts.postgres import (
    Listening,
    PostgresPorts,
    PostgresService,
    Scram,
    Server,
    Service,
)
from tests.unit.given import Shell

HOSTILE = [
    "it's", 'say "hi"', "two words", "$(touch made)", "`touch made`", "$HOME", "a;touch made", "back\\slash", "*", "~",
    "#x", "ü☃", "a=b", "%s", "!x", "-it", "SQL", "a|b>c<d&", "{{.Name}}",
]  # fmt: skip


@pytest.fixture
def host(tmp_path: Path) -> Shell:
    """A host whose docker keeps what it was called with, and answers with the file ``answer`` beside it.

    It also keeps what it read, and the password that was in its environment.
    """
    host = Shell(tmp_path)
    host.replace(
        "docker",
        f'cd {tmp_path}; n=$(ls -d call.* 2>/dev/null | wc -l); printf "%s\\0" "$@" > call.$n; '
        '[ -z "${PGPASSWORD+x}" ] || printf "%s" "$PGPASSWORD" > password.$n; '
        "[ -t 0 ] || cat > stdin.$n; cat answer 2>/dev/null; exit $(cat status 2>/dev/null || echo 0)",
    )
    return host


def calls(host: Shell) -> list[list[str]]:
    paths = sorted(host.folder.glob("call.*"), key=lambda path: int(path.suffix[1:]))
    return [path.read_text().split("\0")[:-1] for path in paths]


def output_of(host: Shell, command: StringCommand) -> list[str]:
    ok, output = host.run_shell_command(command)
    assert ok
    assert output.stderr_lines == []
    assert not (host.folder / "made").exists()
    return output.stdout_lines


# PostgreSQL

ROLE = {
    "role_exists": True,
    "role_can_log_in": True,
    "role_scram": {"iterations": 4096, "salt": "c2FsdA==", "digest": "ab12"},
    "database_owner": "plane",
    "database_privileges": ["CREATE", "CONNECT", "TEMPORARY"],
}
SCHEMA = {"schema_privileges": ["CREATE", "USAGE"]}


@pytest.mark.parametrize("name", HOSTILE)
def test_every_name_reaches_psql_as_it_is(host: Shell, name: str) -> None:
    server = Server(name, f"{name} su")
    command = PostgresService().command(server, database=f"{name} db", role=f"{name} role")
    assert output_of(host, command) == []
    assert calls(host) == [
        ["exec", "-i", name, "psql", "-X", "-q", "-w", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=terse",
         "-v", f"database={name} db", "-v", f"role={name} role", "-U", f"{name} su", "-d", "postgres"],
    ]  # fmt: skip
    assert (host.folder / "stdin.0").read_text() == f"\\echo {{}}\n{PostgresService.sql}"
    assert not (host.folder / "password.0").exists()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_server_is_reached_as_it_is_asked_for(host: Shell, name: str) -> None:
    server = Server("db", password="x", container_user=name, port=5433, maintenance_db=name)
    ok, _ = host.run_shell_command(PostgresService().command(server, database="d", role="r"), _stdin="x\n")
    [asked] = calls(host)
    assert ok
    assert asked[:7] == ["exec", "-i", "-e", "PGPASSWORD", "-u", name, "db"]
    assert asked[-6:] == ["-p", "5433", "-U", "postgres", "-d", name]


@pytest.mark.parametrize("name", HOSTILE)
def test_sockets_are_looked_for_in_their_folder(host: Shell, name: str) -> None:
    (host.folder / "answer").write_text("postgres\n.s.PGSQL.5433\n.s.PGSQL.5433.lock\nother\n.s.PGSQL.640\n")
    fact = PostgresPorts()
    found = fact.process(output_of(host, fact.command(Server(name, container_user=name), name)))
    assert found == Listening((640, 5433), is_settled=True)
    [asked] = calls(host)
    assert [*asked[:5], asked[-1]] == ["exec", "-i", "-u", name, name, name]


@pytest.mark.parametrize("output", [[], ["docker-entrypoi"], [".s.PGSQL.1.lock", ".s.PGSQL."]])
def test_where_no_socket_is_seen_none_listens(output: list[str]) -> None:
    assert PostgresPorts().process(output) == Listening()


PASSWORDS = [
    "hunter2",
    " ends ",
    "it's",
    'say "hi"',
    "$(touch made)",
    "`touch made`",
    "$HOME",
    "back\\slash\\",
    "ü☃",
    "-n",
]


@pytest.mark.parametrize("password", PASSWORDS)
def test_a_password_on_standard_input_is_in_dockers_environment_and_in_no_command(host: Shell, password: str) -> None:
    server = Server("db", password=password)
    command = PostgresService().command(server, database="plane", role="plane")
    assert password not in repr(server)
    ok, output = host.run_shell_command(command, _stdin=server.stdin())
    assert (ok, output.stdout_lines, output.stderr_lines) == (True, [], [])
    [asked] = calls(host)
    assert asked[:8] == ["exec", "-i", "-e", "PGPASSWORD", "db", "psql", "-X", "-q"]
    assert password not in " ".join(asked)
    assert password not in host.commands[0]
    assert (host.folder / "password.0").read_text() == password
    assert (host.folder / "stdin.0").read_text() == f"\\echo {{}}\n{PostgresService.sql}"
    assert not (host.folder / "made").exists()


@pytest.mark.parametrize("password", PASSWORDS)
def test_the_sql_of_a_change_comes_after_the_password(host: Shell, password: str) -> None:
    sql = "\\set verifier 'a\\b'\n  SELECT 1;\n"
    server = Server("db", password=password)
    output = run(host, server.psql(role="plane"), stdin=server.stdin(sql))
    assert (output.ok, output.stderr) == (True, [])
    [asked] = calls(host)
    assert asked[:5] == ["exec", "-i", "-e", "PGPASSWORD", "db"]
    assert password not in " ".join(asked)
    assert password not in host.commands[0]
    assert (host.folder / "password.0").read_text() == password
    assert (host.folder / "stdin.0").read_text() == sql


def test_the_sql_of_a_change_goes_in_on_standard_input(host: Shell) -> None:
    ok, _ = host.run_shell_command(Server("db").psql(role="it's"), _stdin="SELECT 1;\n")
    assert ok
    assert "role=it's" in calls(host)[0]
    assert (host.folder / "stdin.0").read_text() == "SELECT 1;\n"


def test_a_docker_that_fails_is_an_answer(host: Shell) -> None:
    host.replace("docker", "echo 'Error response from daemon: No such container: db' >&2; exit 1")
    fact = PostgresService()
    found = fact.process(output_of(host, fact.command(Server("db"), database="plane", role="plane")))
    assert found == Service(unavailable="Error response from daemon: No such container: db")


def test_a_host_without_docker_is_an_answer(host: Shell) -> None:
    host.replace("docker", "exec no-such-program-anywhere")
    fact = PostgresService()
    found = fact.process(output_of(host, fact.command(Server("db"), database="plane", role="plane")))
    assert found.unavailable is not None
    assert "not found" in found.unavailable


@pytest.mark.parametrize(
    ("output", "found"),
    [
        (
            [json.dumps(ROLE), json.dumps(SCHEMA)],
            Service(
                None, True, True, Scram(4096, "c2FsdA==", "ab12"), "plane",
                frozenset({"CREATE", "CONNECT", "TEMPORARY"}), frozenset({"CREATE", "USAGE"}),
            ),
        ),
        (
            ["WARNING:  database has a collation version mismatch", "DETAIL:  x", json.dumps(ROLE), "HINT: {",
             json.dumps({"schema_privileges": []})],
            Service(
                None, True, True, Scram(4096, "c2FsdA==", "ab12"), "plane",
                frozenset({"CREATE", "CONNECT", "TEMPORARY"}), frozenset(),
            ),
        ),
        (["{}"], Service()),
        (['{"role_exists": true, "role_can_log_in": false, "role_scram": null}'], Service(None, True, False)),
        (
            ['{"database_owner": "other", "database_privileges": []}', '{"schema_privileges": []}'],
            Service(database_owner="other"),
        ),
        (
            ['{"database_owner": "other", "database_encoding": "LATIN1"}', '{"database_collation_is_outdated": true}'],
            Service(database_owner="other", database_encoding="LATIN1", database_collation_is_outdated=True),
        ),
        ([], Service()),
        (["psql: error: connection to server failed", "", FAILED],
         Service(unavailable="psql: error: connection to server failed")),
        (['{}', 'FATAL:  database "plane" does not exist', FAILED],
         Service(unavailable='FATAL:  database "plane" does not exist')),
        ([FAILED], Service(unavailable="docker printed nothing")),
    ],
    ids=["all", "notices in between", "nothing there", "role without login or password", "another's database",
         "another encoding and collation", "no output", "psql failed", "failed half way", "failed in silence"],
)  # fmt: skip
def test_what_psql_printed_is_understood(output: list[str], found: Service) -> None:
    assert PostgresService().process(output) == found


def test_a_host_that_does_not_answer_is_no_empty_server() -> None:
    assert PostgresService.default().unavailable == "the host did not answer"
    assert ComposeServices.default().unavailable == "the host did not answer"
    assert DockerContainer.default() is None


# Docker


def inspected(**changes: Any) -> str:
    seen = {
        "status": "running",
        "networks": {"javisi": {"IPAddress": "172.18.0.5"}},
        "host": "javisi",
        **changes,
    }
    return json.dumps(seen)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_container_is_asked_for_by_its_name_as_it_is(host: Shell, name: str) -> None:
    (host.folder / "answer").write_text(inspected() + "\n")
    fact = DockerContainer()
    assert fact.process(output_of(host, fact.command(name))) is not None
    [call] = calls(host)
    assert (call[:2], call[-1]) == (["inspect", "-f"], name)


def test_a_container_that_is_not_there_is_none(host: Shell) -> None:
    host.replace("docker", "echo; echo No such object >&2; exit 1")
    fact = DockerContainer()
    assert fact.process(output_of(host, fact.command("gone"))) is None


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, {"addresses": {"javisi": "172.18.0.5"}, "status": "running", "uses_host_network": False}),
        ({"status": "exited", "networks": {"javisi": {"IPAddress": ""}}}, {"addresses": {}}),
        ({"networks": {"b": {"IPAddress": "10.0.0.2"}, "a": {"IPAddress": "10.0.1.2"}}},
         {"addresses": {"a": "10.0.1.2", "b": "10.0.0.2"}}),
        ({"networks": None}, {"addresses": {}}),
        ({"networks": {"a": {}}}, {"addresses": {}}),
        ({"networks": {"host": {"IPAddress": ""}}, "host": "host"}, {"addresses": {}, "uses_host_network": True}),
    ],
)  # fmt: skip
def test_what_docker_says_of_a_container_is_understood(changes: dict[str, Any], wanted: dict[str, Any]) -> None:
    found = DockerContainer().process(["WARNING: something", "", inspected(**changes)])
    assert isinstance(found, Container)
    assert {key: getattr(found, key) for key in wanted} == wanted
