"""The plan of a preview, and the command to go on with: it can be given as it is, and holds no secret."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from pyinfra.context import ctx_host, ctx_state

from pyinfra_plane.engine.report import _command, plan, prepare_output, report_of
from pyinfra_plane.settings.table import MAY_HOLD_SECRETS, Settings
from tests.unit.given import ROOT

HIDDEN = "hunter2"


@pytest.fixture(autouse=True)
def named_settings() -> None:
    """The settings' names are known, as after ``config.py``."""
    prepare_output({name: name in MAY_HOLD_SECRETS for name in Settings.__dataclass_fields__})


def told(monkeypatch: pytest.MonkeyPatch, *given: str, hosts: int = 1) -> str:
    """What is told of ``pyinfra inventory.py deploy.py`` with these further words, for the first host."""
    monkeypatch.setattr(sys, "argv", ["pyinfra", "inventory.py", "deploy.py", *given])
    inventory: list[Any] = [SimpleNamespace(name=f"host-{number}") for number in range(1, hosts + 1)]
    with ctx_state.use(SimpleNamespace(inventory=inventory)):
        return _command(inventory[0]).removeprefix("pyinfra inventory.py deploy.py").strip()


@pytest.mark.parametrize("option", ["--ssh-password", "--password", "--ssh-key-password", "--key-password"])
def test_the_value_of_an_option_for_a_password_is_left_out(monkeypatch: pytest.MonkeyPatch, option: str) -> None:
    assert told(monkeypatch, option, HIDDEN, "-y") == f"{option} … -y"
    assert told(monkeypatch, f"{option}={HIDDEN}", "-y") == f"{option}=… -y"


@pytest.mark.parametrize(
    "data",
    [
        "plane_admin_password={}",
        "plane_minio_access_key={}",
        'plane_env_extra={{"EMAIL_HOST_PASSWORD": "{}"}}',
        "plane_instance_config={}",
        'plane_agents=[{{"name": "thot", "password": "{}"}}]',
        "plane_redis_url=redis://:{}@redis:6379/4",
        "plane_amqp_url=redis://redis:6379/4?password={}",
        "ssh_password={}",
        "_sudo_password={}",
        "my_own_token={}",
    ],
)
def test_data_that_may_hold_a_secret_is_left_out(monkeypatch: pytest.MonkeyPatch, data: str) -> None:
    name, word = data.partition("=")[0], data.format(HIDDEN)
    assert told(monkeypatch, "--data", word, f"--data={word}") == f"--data {name}=… --data={name}=…"


@pytest.mark.parametrize(
    "data",
    [
        "rotate_tokens=thot,cfo",
        "plane_tokens_path=/srv/tokens.env",
        "plane_token_renew_days=7",
        "plane_secrets_dir=secrets",
        "plane_api_url=http://172.18.0.5:8000",
        "plane_minio_endpoint=http://minio:9000",
        "plane_admin_email=anna@example.com",
    ],
)
def test_other_data_is_told(monkeypatch: pytest.MonkeyPatch, data: str) -> None:
    assert told(monkeypatch, "--data", data) == f"--data {data}"


def test_the_arguments_of_an_operation_are_left_out_where_they_may_hold_a_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert told(monkeypatch, f'values={{"EMAIL_HOST_PASSWORD": "{HIDDEN}"}}', "slug=javisi") == "values=… slug=javisi"
    assert told(monkeypatch, f'[[], {{"password": "{HIDDEN}"}}]') == "…"


def test_the_command_is_for_the_host_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(monkeypatch, "-y") == "-y"
    assert told(monkeypatch, "-y", hosts=2) == "-y --limit host-1"
    given = ("--limit", "host-1", "-y", "--limit=host-2", "--limit", "web")
    assert told(monkeypatch, *given, hosts=3) == "-y --limit host-1"


# The plan


class Host:
    """As much of a pyinfra host as a plan asks for."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def log(self, line: str) -> None:
        self.said.append(line)

    def log_styled(self, line: str, **style: object) -> None:
        self.said.append(line)


class Inventory(list[Host]):
    """As much of an inventory as a plan asks for."""

    def get_active_hosts(self) -> list[Host]:
        return self


def shown(host: Host, *lines: str, error: Exception | None = None) -> list[str]:
    """What a host's plan of these lines comes to, with an error after them."""
    state = SimpleNamespace(
        inventory=Inventory([host]),
        callback_handlers=[],
        add_callback_handler=lambda handler: None,
        should_check_for_changes=lambda: True,
        is_executing=False,
    )
    with ctx_state.use(state), ctx_host.use(host), plan():
        report_of(host).planned += lines
        if error is not None:
            raise error
    return host.said


@pytest.mark.parametrize("lines", [(), ("! a note",), ("= kept",)])
def test_without_a_difference_there_is_nothing_to_change(lines: tuple[str, ...]) -> None:
    assert shown(Host(), *lines) == [*lines, "nothing to change"]


@pytest.mark.parametrize("line", ["+ one", "~ one", "- one", "? one", "! would fail: set it"])
def test_nothing_to_change_does_not_stand_beside_what_says_otherwise(line: str) -> None:
    assert shown(Host(), line) == [line]


def test_before_an_error_there_is_what_was_seen_and_not_that_nothing_is_to_change() -> None:
    host = Host()
    with pytest.raises(ValueError, match="late"):
        shown(host, "= kept", error=ValueError("too late"))
    assert host.said == ["= kept"]


def test_what_paramiko_leaves_of_a_broken_connection_is_not_told() -> None:
    program = """
import subprocess
import sys
from pyinfra_plane.engine import patches
from paramiko.file import BufferedFile
patches.hide_deletion_errors()
class Broken(BufferedFile):
    def close(self):
        raise {}
class Own:
    def __del__(self):
        raise EOFError("of its own")
Broken()
Own()
"""
    for error, told in [("EOFError", False), ("ConnectionResetError", False), ("AssertionError('shown')", True)]:
        done = subprocess.run(
            [sys.executable, "-c", program.format(error)], cwd=ROOT, capture_output=True, text=True, timeout=60
        )
        assert ("BufferedFile.__del__" in done.stderr) == told, done.stderr
        assert "EOFError: of its own" in done.stderr
