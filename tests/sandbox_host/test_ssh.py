"""Commands, files and connections through a host's SSH server."""

from __future__ import annotations

import http.client
import json
import os
import stat
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import paramiko
import pytest

import sandbox
from tests.sandbox_host.client import Client
from tests.sandbox_host.processes import processes_in


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "not within ten seconds"
        time.sleep(0.01)


def get(channel: paramiko.Channel, path: str) -> Any:
    connection = http.client.HTTPConnection("plane")
    connection.sock = channel
    connection.request("GET", path)
    return json.load(connection.getresponse())


def test_a_command_starts_in_the_hosts_directory_and_returns_all_three_results(
    client: Client, host: sandbox.Host
) -> None:
    result = client.run("pwd; echo two >&2; exit 7")
    assert (result.stdout, result.stderr, result.code) == (f"{host.root}\n", "two\n", 7)


def test_a_command_has_only_the_environment_of_a_host(
    client: Client, host: sandbox.Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANE_ADMIN_PASSWORD", "secret")
    names = {line.partition("=")[0] for line in client.run("env").stdout.splitlines()}
    allowed = {"PATH", "HOME", "TMPDIR", "LANG", "USER", "LOGNAME", "SHELL"}
    assert allowed <= names <= allowed | {"PWD", "_", "SHLVL", "OLDPWD"}
    assert client.run("echo $USER $HOME $TMPDIR").stdout == f"someone {host.root} {host.root}/tmp\n"


def test_a_command_that_a_signal_ended_has_no_exit_status(client: Client) -> None:
    assert client.run("kill -TERM $$").code == -1


def test_standard_input_arrives_whole_and_ends(client: Client) -> None:
    assert client.run("cat; echo end", stdin="x" * 3_000_000).stdout == "x" * 3_000_000 + "end\n"


def test_input_that_is_not_read_does_not_hold_the_command_up(client: Client) -> None:
    channel = client.ssh.exec_command("exit 3")[1].channel
    assert channel.recv_exit_status() == 3


def test_large_output_arrives_whole(client: Client) -> None:
    result = client.run("head -c 5000000 /dev/zero | tr '\\0' a; head -c 1000000 /dev/zero | tr '\\0' b >&2")
    assert result.stdout == "a" * 5_000_000
    assert result.stderr == "b" * 1_000_000


def test_many_commands_run_at_once_on_one_connection(client: Client) -> None:
    def run(number: int) -> int:
        return client.run(f"cat; exit {number}", stdin="x").code

    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(run, range(20))) == list(range(20))


def test_commands_are_recorded_in_order(client: Client, host: sandbox.Host) -> None:
    before = len(host.commands)
    client.run("echo one")
    client.run("sh -c 'echo two'")
    assert host.commands[before:] == ["echo one", "sh -c 'echo two'"]


def test_connections_are_counted_once_they_have_logged_in(running: sandbox.Sandbox, host: sandbox.Host) -> None:
    before = host.connections
    with Client(running, host):
        pass
    # The client knows that it is in a moment before the server has counted it.
    until(lambda: host.connections > before)
    assert host.connections == before + 1


def test_a_command_outlives_its_client_without_input_or_anybody_to_read_its_output(
    running: sandbox.Sandbox, host: sandbox.Host
) -> None:
    note = host.root / "note"
    note.touch()
    with Client(running, host) as client:
        client.ssh.exec_command(
            "echo begun > note; cat; trap '' PIPE; while echo lost; do sleep 0.01; done; echo ended > note"
        )
        until(lambda: note.read_text() == "begun\n")
    until(lambda: note.read_text() == "ended\n")


def test_what_a_command_left_in_the_background_goes_on(client: Client, host: sandbox.Host) -> None:
    client.run("mkdir -p back; cd back; sleep 600 >/dev/null 2>&1 &")
    assert processes_in(host.root / "back")


def test_another_key_is_refused(host: sandbox.Host) -> None:
    with paramiko.SSHClient() as stranger:
        stranger.set_missing_host_key_policy(paramiko.AutoAddPolicy())
        with pytest.raises(paramiko.AuthenticationException):
            stranger.connect(
                "127.0.0.1",
                host.port,
                username="someone",
                pkey=paramiko.ECDSAKey.generate(),
                allow_agent=False,
                look_for_keys=False,
            )


def test_a_shell_without_a_command_reads_its_commands(client: Client) -> None:
    transport = client.ssh.get_transport()
    assert transport is not None
    channel = transport.open_session()
    channel.invoke_shell()
    channel.sendall(b"echo hello\n")
    channel.shutdown_write()
    assert channel.makefile("rb").read() == b"hello\n"


def test_the_key_is_its_owners_alone(running: sandbox.Sandbox) -> None:
    assert stat.S_IMODE(running.key_path.stat().st_mode) == 0o600
    assert stat.S_IMODE(running.directory.stat().st_mode) == 0o700


def test_a_transferred_file_is_where_commands_see_it(client: Client, host: sandbox.Host) -> None:
    content = os.urandom(300_000)
    with client.ssh.open_sftp() as sftp:
        sftp.mkdir("opt/files")
        with sftp.open("opt/files/data", "wb") as file:
            file.write(content)
        sftp.chmod("opt/files/data", 0o600)
        assert sftp.open("opt/files/data", "rb").read() == content
        assert sftp.listdir("opt/files") == ["data"]
    assert (host.root / "opt/files/data").read_bytes() == content
    assert client.run("cd opt/files; stat -c %a data; cmp data data").stdout == "600\n"


def test_an_absolute_path_of_the_host_is_the_same_for_files_and_commands(client: Client, host: sandbox.Host) -> None:
    temporary = client.run("echo $TMPDIR").stdout.strip()
    with client.ssh.open_sftp() as sftp, sftp.open(f"{temporary}/note", "w") as file:
        file.write("here")
    assert client.run(f"cat {temporary}/note").stdout == "here"


def test_file_transfer_does_not_leave_the_hosts_directory(client: Client, host: sandbox.Host) -> None:
    (host.root.parent / "outside").write_text("outside")
    with client.ssh.open_sftp() as sftp:
        for path in ("../outside", f"{host.root}/../outside", str(host.root.parent / "outside")):
            with pytest.raises(FileNotFoundError):
                sftp.stat(path)
        with sftp.open("/absolute", "w") as file:
            file.write("inside")
    assert (host.root / "absolute").read_text() == "inside"


@pytest.mark.parametrize("address", ["172.20.1.3", "javisi_plane_api"])
def test_a_connection_reaches_the_container_by_address_and_by_name(client: Client, address: str) -> None:
    assert get(client.forward(address, 8000), "/api/instances/")["instance"]


def test_a_connection_reaches_the_port_that_a_container_publishes(client: Client, host: sandbox.Host) -> None:
    assert get(client.forward("127.0.0.1", host.plane_port), "/api/instances/")["instance"]


@pytest.mark.parametrize(
    ("address", "port", "said"),
    [
        ("javisi_redis", 6379, "refused"),
        ("javisi_plane_api", 8001, "refused"),
        ("127.0.0.1", 22, "refused"),
        ("example.com", 443, "no such host"),
        ("172.20.2.3", 8000, "no such host"),
    ],
)
def test_a_connection_elsewhere_fails(
    client: Client, caplog: pytest.LogCaptureFixture, address: str, port: int, said: str
) -> None:
    with caplog.at_level("DEBUG", "paramiko"), pytest.raises(paramiko.ChannelException) as failure:
        client.forward(address, port)
    assert failure.value.code == 2
    assert said in caplog.text


@pytest.mark.parametrize("state", ["stopped", "starting"])
def test_a_container_that_does_not_listen_refuses(client: Client, host: sandbox.Host, state: str) -> None:
    container = host.containers["javisi_plane_api"]
    if state == "stopped":
        container.stop()
    else:
        container.start(health="starting")
    with pytest.raises(paramiko.ChannelException) as failure:
        client.forward("javisi_plane_api", 8000)
    assert failure.value.code == 2
    container.start()
    client.forward("javisi_plane_api", 8000)


def test_a_host_that_forbids_forwarding_says_so(client: Client, host: sandbox.Host) -> None:
    host.allow_tcp_forwarding = False
    with pytest.raises(paramiko.ChannelException) as failure:
        client.forward("javisi_plane_api", 8000)
    assert failure.value.code == 1


def test_hosts_are_separate(running: sandbox.Sandbox) -> None:
    first, second = running.hosts
    with Client(running, first) as one, Client(running, second) as two:
        one.run("echo first > mine")
        assert two.run("cat mine").code == 1
        assert not Path(second.root / "mine").exists()
        first.containers["javisi_plane_api"].stop()
        assert two.docker("inspect", "-f", "{{.State.Running}}", "javisi_plane_api").stdout == "true\n"
        first.containers["javisi_plane_api"].start()
        one.docker("exec", "-i", "javisi_postgresql", "psql", "-U", "postgres", stdin="create role only_first")
    role = "select count(*) from pg_roles where rolname = 'only_first'"
    assert (first.psql(role), second.psql(role)) == ("1", "0")
