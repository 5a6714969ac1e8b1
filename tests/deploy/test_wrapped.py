"""Given passwords of SSH and sudo that are wrapped, when the deploy runs, then they are used and never shown."""

from __future__ import annotations

import asyncssh
import pytest

from tests.deploy.target import Run, Target

PASSWORD = "sud0-Correct'Horse\"8"

SUDO = """#!/bin/sh
[ "$("$SUDO_ASKPASS")" = "$(cat "$0.password")" ] || { echo "sudo: 1 incorrect" >&2; exit 1; }
while [ "${1#-}" != "$1" ]; do shift; done
exec "$@"
"""


class Variable:
    """Stands in an inventory for a wrapped variable of the environment."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return f"__import__('pyinfra_plane.settings.secrets').settings.secrets.secret_variable({self._name!r})"


@pytest.fixture
def wrapping(target: Target) -> Target:
    """A target whose sudo wants a password and whose key has one, both of them wrapped."""
    for program, text in (("sudo", SUDO), ("sudo.password", PASSWORD)):
        path = target.host.commands_path / program
        path.write_text(text)
        path.chmod(0o755)
    key = target.directory / "encrypted"
    target.directory.mkdir(exist_ok=True)
    own = asyncssh.read_private_key(target.sandbox.key_path)
    # Each usual round takes everybody who opens it a hundredth of a second.
    key.write_bytes(own.export_private_key(passphrase=PASSWORD, rounds=1, ignore_few_rounds=True))
    key.chmod(0o600)
    names = ("_sudo_password", "ssh_password", "ssh_key_password")
    target.data |= {"_sudo": True, "ssh_key": str(key), **{name: Variable("HOST_PASSWORD") for name in names}}
    target.secrets["HOST_PASSWORD"] = PASSWORD
    return target


def shows(run: Run) -> bool:
    return PASSWORD.partition("'")[0] in run.output


def test_they_are_used_and_not_shown(wrapping: Target) -> None:
    run = wrapping.deploy("-vvv", operation="deploy.database")
    assert run.code == 0 and any(" sudo " in line for line in wrapping.host.commands), run.output
    assert not shows(run)


@pytest.mark.parametrize("json", [(), ("--json",)], ids=["text", "json"])
@pytest.mark.parametrize("what", ["debug-inventory", "--debug-operations", "--debug-facts"])
def test_looking_shows_none(wrapping: Target, what: str, json: tuple[str, ...]) -> None:
    named = what.startswith("--")
    run = wrapping.deploy(*([what, "--dry"] if named else []), *json, operation="deploy.database" if named else what)
    assert run.code == 0, run.output
    assert not shows(run)


def test_one_that_is_missing_or_inside_of_something_is_a_line_before_connecting(wrapping: Target) -> None:
    del wrapping.secrets["HOST_PASSWORD"]
    wrapping.data |= {"_env": {"TOKEN": Variable("HOST_PASSWORD")}}
    run = wrapping.deploy(operation="deploy.database")
    assert run.code == 1 and "Traceback" not in run.output and "Connected" not in run.output, run.output
    directory = wrapping.data.get("plane_secrets_dir", wrapping.directory / "secrets")
    for name in ("_sudo_password", "ssh_password", "ssh_key_password"):
        assert f"{name}: missing; set HOST_PASSWORD in the environment or in {directory}/all.env" in run.output
    assert "_env must not contain secret_variable(…)" in run.output
