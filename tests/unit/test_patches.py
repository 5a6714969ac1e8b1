"""The cheaper ways of pyinfra's own work give what pyinfra's ways give."""

from __future__ import annotations

import socket
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import paramiko.file
import pyinfra
import pytest
from paramiko import Transport
from paramiko.file import BufferedFile
from pyinfra.api import Config, Inventory, State, arguments, util
from pyinfra.api.arguments import pop_global_arguments
from pyinfra.api.host import Host
from pyinfra.connectors import util as connectors_util

import pyinfra_plane.engine.commands
from pyinfra_plane.engine import patches

# pyinfra.api has functions of the same names.
ROOT = Path(__file__).parent.parent.parent

operation_module: Any = import_module("pyinfra.api.operation")
deploy_module: Any = import_module("pyinfra.api.deploy")


@pytest.fixture
def patched(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the patches replace is put back after the test."""
    monkeypatch.setattr(operation_module, "get_operation_order_from_stack", util.get_operation_order_from_stack)
    monkeypatch.setattr(arguments, "all_global_arguments", arguments.all_global_arguments)
    for module in (operation_module, deploy_module, pyinfra_plane.engine.commands):
        monkeypatch.setattr(module, "pop_global_arguments", pop_global_arguments)
    monkeypatch.setattr(pyinfra, "is_cli", True)
    patches.cheap_operations()


def state_of(**data: Any) -> tuple[State, Host]:
    inventory = Inventory((["one"], {}), ones=([("one", data)], {"_sudo": True, "other": [1]}))
    state = State(inventory, Config())
    host = inventory.get_host("one")
    host.init(state)
    return state, host


@pytest.mark.parametrize("deploy", [__file__, "another.py", None])
@pytest.mark.usefixtures("patched")
def test_an_operation_has_the_place_that_pyinfra_gives_it(deploy: str | None) -> None:
    state, _ = state_of()
    state.current_deploy_filename = deploy
    state.current_op_file_number = 3
    both: list[Any] = [util.get_operation_order_from_stack, operation_module.get_operation_order_from_stack]

    def place(order: Any) -> list[int]:
        found: list[int] = order(state)
        return found

    theirs, ours = [place(order) for order in both]
    assert ours == theirs
    assert ours[0] == 3
    assert (len(ours) > 1) == (deploy != "another.py")


@pytest.mark.usefixtures("patched")
def test_lines_of_pyinfra_itself_are_no_part_of_the_place(monkeypatch: pytest.MonkeyPatch) -> None:
    state, _ = state_of()
    state.current_op_file_number = 3
    order = operation_module.get_operation_order_from_stack
    outside = order(state)
    monkeypatch.setattr(util, "PYINFRA_INSTALL_DIR", __file__)
    assert 0 < len(order(state)) < len(outside)


@pytest.mark.usefixtures("patched")
def test_an_operation_gets_the_arguments_that_pyinfra_gives_it() -> None:
    state, host = state_of(_env={"A": "1"}, _timeout=7)
    host.data._su_user = "plane"
    host.current_deploy_kwargs = {"_chdir": "/tmp"}  # type: ignore[assignment]
    ours, theirs = {"_retries": 2, "own": 1}, {"_retries": 2, "own": 1}
    found = operation_module.pop_global_arguments(state, host, ours)
    assert found == pop_global_arguments(state, host, theirs)
    assert ours == theirs == {"own": 1}
    given = found[0]
    assert (given["_sudo"], given["_timeout"], given["_su_user"], given["_chdir"]) == (True, 7, "plane", "/tmp")
    assert found[1] == ["_retries"]


def test_a_connection_sends_at_once_from_its_handshake_on(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = []
    monkeypatch.setattr(
        Transport, "start_client", lambda self, event=None, timeout=None: begun.append((event, timeout))
    )
    patches.immediate_packets()
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as given:
        transport = Transport(given)
        transport.start_client(None, timeout=3)
        assert given.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        # A proxy command's has no such option.
        transport.sock = SimpleNamespace(close=lambda: None)  # type: ignore[assignment]
        transport.start_client(None, timeout=4)
    assert begun == [(None, 3), (None, 4)]


def test_a_connection_is_left_alone_while_nothing_arrives() -> None:
    state, host = state_of()
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as given:
        transport = SimpleNamespace(sock=given)
        client = SimpleNamespace(get_transport=lambda: transport)
        host.connector = SimpleNamespace(client=client)  # type: ignore[assignment]
        patches._Connected.host_connect(state, host)
        assert given.gettimeout() == patches.IDLE
        # A proxy command's has no such option.
        transport.sock = object()
        patches._Connected.host_connect(state, host)


class Sent(BufferedFile):  # type: ignore[type-arg]
    """What a command sent over SSH."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        cast(Any, self)._set_mode("r")
        self._data = data

    def _read(self, size: int) -> bytes:
        data, self._data = self._data, b""
        return data


def test_a_byte_that_is_no_text_is_a_replacement_character(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paramiko.file, "u", getattr(paramiko.file, "u"))  # noqa: B009 - mypy does not know it
    monkeypatch.setattr(connectors_util, "read_buffer", connectors_util.read_buffer)
    patches.any_bytes()
    assert list(Sent(b"a\xffb\n\xe2\x98\x83\r\nend")) == ["a\ufffdb\n", "☃\r\n", "end"]
    code, output = connectors_util.run_local_process("printf 'a\\377b\\n'; printf '\\355\\240\\200' >&2")
    assert (code, output.stdout_lines, output.stderr_lines) == (0, ["a\ufffdb"], ["\ufffd" * 3])


# In a process of its own, because pyinfra's command line patches the one that imports it.
GROUP_DATA = """
import pathlib, sys
from pyinfra.api import State
from pyinfra.context import ctx_state
from pyinfra_cli import inventory
from pyinfra_plane.engine import patches

ctx_state.set(State())
theirs = inventory._get_group_data(sys.argv[1])
patches.group_data_parsed_once()
assert inventory._get_group_data(sys.argv[1]) == theirs == {"all": {"first": pathlib.Path("/"), "second": "/"}}
assert inventory._get_imported_names.cache_info().misses == 1
"""


def test_group_data_is_what_pyinfra_reads(tmp_path: Path) -> None:
    (tmp_path / "all.py").write_text("import os\nfrom pathlib import Path as P\nfirst = P('/')\nsecond = os.sep\n")
    subprocess.run([sys.executable, "-c", GROUP_DATA, str(tmp_path)], check=True, cwd=ROOT, timeout=60)


CONNECTORS = """
from pyinfra.api import connectors, inventory
from pyinfra.api.host import get_execution_connector
from pyinfra_plane.engine import patches

theirs, ssh = connectors.get_all_connectors(), get_execution_connector("ssh")
patches.connectors_found_once()
patches.connectors_found_once()
assert connectors.get_all_connectors() == inventory.get_all_connectors() == theirs and "docker" in theirs
assert get_execution_connector("ssh") is ssh
assert connectors.get_all_connectors.cache_info().misses == 1
"""


def test_connectors_are_those_that_pyinfra_finds() -> None:
    subprocess.run([sys.executable, "-c", CONNECTORS], check=True, cwd=ROOT, timeout=60)
