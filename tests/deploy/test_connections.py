"""Given hosts that cannot be connected to: each is one line with what to do, at the end too, and the others go on."""

from __future__ import annotations

import json
import os
import re
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from tests.deploy.conftest import NewTarget
from tests.deploy.target import Run, Target


def summary(run: Run) -> list[str]:
    """The lines of the summary, without their indentation."""
    return [" ".join(line.split()) for line in run.output.partition("--> Summary:")[2].splitlines()]


def key(folder: Path, password: str | None = None) -> str:
    path = folder / "id"
    path.write_bytes(
        asyncssh.generate_private_key("ssh-ed25519").export_private_key(
            passphrase=password, rounds=1, ignore_few_rounds=True
        )
    )
    path.chmod(0o600)
    return str(path)


def text(folder: Path) -> str:
    (folder / "text").write_text("no key\n")
    return str(folder / "text")


def known(folder: Path, target: Target, other: bool) -> str:
    """A file of known hosts with another key for the host, or without one."""
    public = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
    entry = f"[127.0.0.1]:{target.host.port} {public}\n" if other else ""
    (folder / "known").write_text(entry)
    return str(folder / "known")


Case = tuple[Callable[[Path, Target], dict[str, object]], str]

CASES: dict[str, Case] = {
    "wrong port": (
        lambda folder, target: {"ssh_port": 1},
        "no SSH server accepts connections at 127.0.0.1:1 (Unable to connect to port 1 on 127.0.0.1); check "
        "ssh_hostname "
        "and ssh_port, and sshd",
    ),
    "unknown name": (
        lambda folder, target: {"ssh_hostname": "nowhere.invalid", "plane_web_url": "https://work.javisi.test"},
        "the name nowhere.invalid cannot be resolved (",
    ),
    "unknown host key": (
        lambda folder, target: {"ssh_known_hosts_file": known(folder, target, False)},
        "the SSH host key of 127.0.0.1:{port} is not in {folder}/known; compare the key with the server's own, then "
        "run: ssh-keyscan -p {port} 127.0.0.1 >> {folder}/known",
    ),
    "another host key": (
        lambda folder, target: {"ssh_known_hosts_file": known(folder, target, True)},
        "the SSH host key of 127.0.0.1:{port} has changed; if the server was reinstalled, run: "
        "ssh-keygen -f {folder}/known -R '[127.0.0.1]:{port}'; otherwise, somebody may be intercepting the connection",
    ),
    "another key": (
        lambda folder, target: {"ssh_key": key(folder)},
        "the SSH server at 127.0.0.1:{port} refused sandbox with the key {folder}/id; check ssh_user and ssh_key",
    ),
    "no key file": (
        lambda folder, target: {"ssh_key": str(folder / "absent")},
        "the file {folder}/absent (ssh_key) does not exist on this machine; correct ssh_key, or remove it to use "
        "ssh-agent",
    ),
    "no key in the file": (
        lambda folder, target: {"ssh_key": text(folder)},
        "{folder}/text (ssh_key) is not a readable private key; check the file and ssh_key_password",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_why_is_one_line_with_what_to_do(target: Target, tmp_path: Path, case: str) -> None:
    given, said = CASES[case]
    run = target.deploy(data={**given(tmp_path, target), "ssh_strict_host_key_checking": "yes"})
    assert run.code == 1
    expected = said.format(port=target.host.port, folder=tmp_path)
    assert f"[{target.host.name}] {expected}" in run.output, run.output
    assert "Traceback" not in run.output and run.output.count(expected) == 1


def test_a_port_that_does_not_speak_ssh_is_said(target: Target) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        port = server.getsockname()[1]

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 200)

        thread = threading.Thread(target=answer)
        thread.start()
        run = target.deploy(data={"ssh_port": port})
        thread.join()
    assert f"the server at 127.0.0.1:{port} does not speak SSH (" in run.output, run.output


@pytest.mark.parametrize("mode", [(), ("--dry",)])
def test_a_host_that_was_not_reached_is_in_the_summary_with_the_command(
    new_target: NewTarget, mode: tuple[str, ...]
) -> None:
    target, gone = new_target(), new_target(ssh_port=1)
    run = target.deploy(*mode, others=(gone,))
    assert run.code == (1 if not mode else run.code)
    lines = summary(run)
    name, arguments = gone.host.name, "-y" if not mode else "--dry"
    at = lines.index(f"[{name}] not reached")
    assert lines[at + 1].startswith(f"[{name}] why: no SSH server accepts connections at 127.0.0.1:1 ")
    assert lines[at + 2].startswith(f"[{name}] after fixing it, run: pyinfra ")
    assert lines[at + 2].endswith(f"deploy.py {arguments} --limit {name}")
    assert bool(target.plane.api_tokens) is not bool(mode)


def hosts_of(run: Run) -> list[dict[str, Any]]:
    """The hosts in the JSON that stands among what was printed."""
    start = re.search(r"^\{", run.output, re.M)
    assert start is not None, run.output
    value: list[dict[str, Any]] = json.JSONDecoder().raw_decode(run.output[start.start() :])[0]["hosts"]
    return value


def test_json_of_a_run_tells_what_was_done_failed_and_not_reached(new_target: NewTarget) -> None:
    target, stopped, gone = new_target(), new_target(), new_target(ssh_port=1)
    stopped.host.containers["javisi_postgresql"].stop()
    run = target.deploy("--json", others=(stopped, gone))
    hosts = {host["host"]: host for host in hosts_of(run)}
    done, failed, missing = (hosts[one.host.name] for one in (target, stopped, gone))
    assert (done["outcome"], failed["outcome"], missing["outcome"]) == ("done", "failed", "not reached")
    assert {"operation": "Provisioning | API tokens", "sign": "+", "line": "+ token agent-thot"} in done["lines"]
    assert done["counts"]["created"] == sum(line["sign"] == "+" for line in done["lines"])
    assert any(line["sign"] == "!" and "custom fields" in line["line"] for line in done["lines"])
    assert failed["failed_at"].startswith("Database | ") and "docker start javisi_postgresql" in failed["why"]
    assert all(password not in run.output for password in target.secrets.values())
    again = target.deploy("--json")
    [host] = hosts_of(again)
    assert host["counts"] == {"created": 0, "changed": 0, "removed": 0, "kept": host["counts"]["kept"]}
    assert {line["sign"] for line in host["lines"]} == {"=", "!"}


def test_json_of_a_run_without_a_host_left_is_json_too(new_target: NewTarget) -> None:
    target = new_target()
    target.host.containers["javisi_postgresql"].stop()
    run = target.deploy("--json")
    [host] = hosts_of(run)
    assert (run.code, host["outcome"]) == (1, "failed")
    assert '"name": "Database | Role plane and database plane_production"' in run.output
    for mode in ((), ("--dry",)):
        gone = new_target(ssh_port=1).deploy("--json", *mode)
        [host] = hosts_of(gone)
        assert (gone.code, host["outcome"]) == (1, "not reached")


def test_a_host_with_neither_forwarding_nor_bash_is_told_at_once(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in map(Path, os.environ["PATH"].split(":")):
        for program in folder.iterdir() if folder.is_dir() else ():
            link = tmp_path / program.name
            if program.name not in ("bash", "rbash") and not link.is_symlink():
                link.symlink_to(program)
    for part in ("deploy.database", "deploy.environment"):
        assert target.deploy(operation=part).code == 0
    monkeypatch.setenv("PATH", str(tmp_path))
    target.host.allow_tcp_forwarding = False
    run = target.deploy(operation="deploy.provisioning", data={"plane_health_retries": 12, "plane_health_delay": 10})
    said = "PermitOpen any for this user in its sshd_config, or install bash"
    assert run.code == 1 and said in run.output and "12 tries" not in run.output, run.output
