"""Whatever is printed or left behind, no secret is in it."""

from __future__ import annotations

import asyncio
import base64
import json
import shlex
from urllib.parse import quote

import pytest
from pyinfra.api.hiddenvalue import HiddenValue

from pyinfra_plane.settings import derive_password
from sandbox.plane import passwords
from tests.deploy.target import ENV_FILE, TOKEN_FILE, Target, environment_with, run_pyinfra


def forms(secret: str) -> set[str]:
    """A secret as it could stand in an output: as it is, percent-encoded, base64, JSON- and shell-escaped."""
    plain = secret.encode()
    return {
        secret,
        quote(secret, safe=""),
        base64.b64encode(plain).decode().rstrip("="),
        json.dumps(secret)[1:-1],
        shlex.quote(secret).strip("'"),
    }


def secrets_of(target: Target) -> dict[str, str]:
    known = dict(target.secrets)
    seed = HiddenValue(known["PLANE_AGENT_PASSWORD_SEED"])
    known["password of thot"] = derive_password(seed, "thot@javisi.local", "work.example.com").unmask()
    if (target.host.root / ENV_FILE).exists():
        known["SECRET_KEY"] = target.variables(ENV_FILE)["SECRET_KEY"]
    if (target.host.root / TOKEN_FILE).exists():
        known.update({f"token of {name}": value for name, value in target.tokens.items()})
    known.update({f"session {number}": key for number, key in enumerate(target.plane.sessions)})
    return known


def found(target: Target, text: str) -> list[str]:
    return [name for name, secret in secrets_of(target).items() if any(form in text for form in forms(secret))]


VERBOSE: list[list[str]] = [
    ["-vvv"],
    ["-vvv", "--debug-all"],
    ["--dry", "-vvv", "--diff"],
    ["--json"],
    ["--dry", "--json"],
    ["--dry", "--debug-operations"],
    ["--dry", "--debug-facts"],
]


@pytest.mark.parametrize("arguments", VERBOSE, ids=" ".join)
def test_no_output_shows_a_secret(target: Target, arguments: list[str]) -> None:
    first = target.deploy(*arguments)
    assert first.code == 0, first.output[-3000:]
    assert target.deploy().code == 0
    again = target.deploy(*arguments)
    for run in (first, again):
        assert len(run.output) > 500
        assert found(target, run.output) == []


def test_the_search_finds_a_secret_that_is_there(target: Target) -> None:
    assert found(target, f"x {quote(target.secrets['POSTGRESQL_PASSWORD'], safe='')} y") == ["POSTGRESQL_PASSWORD"]


def test_debug_inventory_shows_no_secret(target: Target) -> None:
    run = target.deploy(operation="debug-inventory")
    assert "plane_workspace_slug" in run.output
    assert found(target, run.output) == []


def change_password(target: Target) -> None:
    """Another password of the database: what is searched for from now on, too."""
    target.secrets["POSTGRESQL_PASSWORD"] = "other/pg@word"


def test_no_command_line_on_the_target_holds_a_secret(target: Target) -> None:
    for prepare in (lambda target: None, change_password):
        prepare(target)
        before = len(target.host.commands)
        assert target.deploy().changed != []
        assert len(target.host.commands) > before + 10
        assert found(target, "\n".join(target.host.commands)) == []


def test_postgresqls_log_holds_neither_password_nor_verifier(target: Target) -> None:
    target.host.psql("ALTER SYSTEM SET log_statement = 'all'")
    target.host.psql("SELECT pg_reload_conf()")
    for prepare in (lambda target: None, change_password):
        prepare(target)
        assert "Database | Role plane and database plane_production" in target.deploy().changed
        log = target.host.postgres_log.read_text()
        assert "SELECT json_build_object" in log, "the log was to hold the statements"
        assert found(target, log) == [] and "SCRAM-SHA-256$4096" not in log


def test_nothing_is_left_in_temporary_directories(target: Target) -> None:
    assert target.deploy().code == 0
    assert list((target.host.root / "tmp").iterdir()) == []


def test_a_failed_run_shows_no_secret(target: Target) -> None:
    run = target.deploy("-vvv", secrets={"PLANE_ADMIN_PASSWORD": "password1"})
    assert run.code != 0
    assert "password1" not in run.output and found(target, run.output) == []


def test_a_password_of_an_agent_that_is_wrapped_as_the_docs_say_is_not_shown(target: Target) -> None:
    inventory = target.write_inventory()
    agents = '[{"name": "thot", "role": "admin", "password": secret_variable("THOT_PASSWORD")}]'
    folder = inventory.parent / "group_data"
    folder.mkdir()
    (folder / "sandbox.py").write_text(f"from pyinfra_plane.settings import secret_variable\nplane_agents = {agents}\n")
    password = "th0t-Correct-Horse-9"
    for words in (["debug-inventory"], ["debug-inventory", "--json"], ["deploy.py", "--debug-all", "-y", "-vvv"]):
        environment = environment_with({**target.secrets, "THOT_PASSWORD": password})
        done = run_pyinfra([str(inventory), *words], environment, separate=True)
        assert done.returncode == 0, done.stderr
        assert password not in done.stdout + done.stderr
        assert "*MASKED*" in done.stdout + done.stderr or words[0] != "debug-inventory"
    assert asyncio.run(passwords.matches(password, target.user("thot").password_hash))
