"""What a person sees: the plan before the table, the summary after it, and the same for programs."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

import sandbox
from sandbox.plane.faults import answered, proxy_page
from tests.deploy.conftest import NewTarget
from tests.deploy.target import AGENTS, CHECKOUT, Run, Target, environment_with, run_pyinfra


def summary(run: Run) -> list[str]:
    return run.output.partition("--> Summary:")[2].strip().splitlines()


def test_the_plan_stands_before_the_table_host_by_host_in_the_inventorys_order(new_target: NewTarget) -> None:
    hosts = [new_target() for _ in range(3)]
    outputs = []
    for _ in range(2):
        run = hosts[0].deploy("--dry", others=tuple(hosts[1:]))
        assert run.code == 0, run.output
        plan, _, _ = run.output.partition("--> Detected changes:")
        # pyinfra pads shorter names.
        planned = re.findall(r"^ +\[([^]]+)\] +([+~!] .*)$", plan, re.M)
        owners = [owner for owner, _ in planned]
        assert list(dict.fromkeys(owners)) == [host.host.name for host in hosts]
        assert owners == sorted(owners, key=[host.host.name for host in hosts].index)
        outputs.append(planned)
    assert outputs[0] == outputs[1]


def test_a_finished_host_says_that_its_tokens_answer(finished: Target) -> None:
    run = finished.deploy("--dry")
    assert "= 10 tokens answer" in run.lines


def test_the_end_of_a_run_says_what_was_done_where_the_tokens_are_and_how_long_it_took(target: Target) -> None:
    run = target.deploy()
    [line] = summary(run)
    assert line.strip().startswith(f"[{target.host.name}] 28 created, 4 changed, 4 kept, 1 not available; ")
    assert f"{len(run.requests)} requests to Plane; tokens in opt/javisi/configs/plane/agent-tokens.env; " in line
    assert line.endswith(" s")
    [again] = summary(target.deploy())
    assert "] 22 kept, 1 not available; 12 requests to Plane; " in again
    assert "Summary" not in target.deploy("--dry").output


def test_a_failed_run_ends_with_what_failed_why_and_how_to_go_on(new_target: NewTarget) -> None:
    good, bad = new_target(), new_target()
    assert bad.deploy().code == 0
    bad.host.plane.faults.add(answered(500, "{}"), route="/api/v1/workspaces/{slug}/projects/")
    run = good.deploy(others=(bad,))
    assert run.code == 1
    first, *last = summary(run)
    assert re.search(rf"\[{good.host.name}\] +28 created", first)
    name = f"[{bad.host.name}]"
    assert last[0].strip() == f"{name} failed at Provisioning | Workspace javisi"
    assert "why: " in last[1] and "the server failed (500)" in last[1]
    assert "before that: " in last[2]
    assert "after fixing it, run: pyinfra " in last[3] and last[3].endswith(f"--limit {bad.host.name}")


def test_the_command_to_go_on_with_is_told_without_the_secrets_that_were_in_it(target: Target) -> None:
    given = (
        "--ssh-password",
        "hidden-1",
        "--data",
        "plane_secret_key=hidden-2",
        "--data=plane_minio_secret_key=hidden-3",
    )
    run = target.deploy(*given, "--data", "postgres_superuser=nobody")
    assert run.code == 1
    assert "hidden" not in run.output
    told = run.output.partition("after fixing it, run: ")[2].splitlines()[0]
    assert told.endswith(
        "deploy.py -y --ssh-password … --data plane_secret_key=… --data=plane_minio_secret_key=… "
        "--data postgres_superuser=nobody"
    )


def command(target: Target, *arguments: str) -> tuple[list[str], dict[str, str]]:
    """The command line and the environment of a run whose streams are looked at apart."""
    words = [str(target.write_inventory()), "deploy.py", *arguments]
    return words, environment_with(target.secrets)


@pytest.mark.parametrize("mode", [["--dry"], ["-y"]])
def test_with_json_the_plan_is_in_it_and_nothing_else_is_on_standard_output(target: Target, mode: list[str]) -> None:
    words, environment = command(target, "--json", *mode)
    done = run_pyinfra(words, environment, separate=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    lines = [line for operation in found["plan"] for line in operation["args"]]
    if mode == ["--dry"]:
        assert {"host": target.host.name, "sign": "+", "line": "+ account thot@javisi.local (member)"} in lines
        assert [line["line"] for line in lines if line["sign"] == "+" and "token" in line["line"]] == [
            f"+ token agent-{name}" for name in AGENTS
        ]
        assert target.plane.workspaces == {}
    else:
        assert found["results"]["totals"]["error"] == 0
        assert len(target.tokens) == 10


@pytest.mark.parametrize("no_color", ["", "1"])
def test_colours_are_for_a_terminal_that_wants_them(target: Target, no_color: str) -> None:
    words, environment = command(target, "--dry")
    terminal, end = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "pyinfra", *words],
        cwd=CHECKOUT,
        env={**environment, "NO_COLOR": no_color, "PYINFRA_PROGRESS": "off", "TERM": "xterm"},
        stdin=subprocess.DEVNULL,
        stdout=end,
        stderr=end,
    ) as process:
        os.close(end)
        shown = b""
        while True:
            try:
                part = os.read(terminal, 65536)
            except OSError:  # how a terminal ends on Linux
                break
            shown += part
            if not part:
                break
    os.close(terminal)
    assert process.returncode == 0, shown.decode()
    assert b"+ account thot@javisi.local (member)" in shown
    assert (b"\x1b[" in shown) is (no_color == "")


def test_without_a_terminal_there_are_no_colours(target: Target) -> None:
    assert "\x1b" not in target.deploy("--dry").output


def test_waiting_is_one_line_in_a_log(target: Target) -> None:
    for nth in range(1, 6):
        target.host.plane.faults.add(proxy_page(503), path="^/", nth=nth)
    run = target.deploy(data={"plane_health_retries": 9})
    assert run.code == 0, run.output
    [line] = [line for line in run.lines if line.startswith("waiting for ")]
    assert line.startswith("waiting for Plane (9 tries, 0 s apart; now: ")


def test_plans_that_are_the_same_on_many_hosts_are_shown_once(tmp_path: Path) -> None:
    with sandbox.running(tmp_path / "sandbox", hosts=5, port=0, hash_iterations=1) as running:
        targets = [Target(running, host, tmp_path / "inventory") for host in running.hosts]
        targets[4].data["plane_workspace_name"] = "Lab"
        run = targets[0].deploy("--dry", others=tuple(targets[1:]))
        with_y = targets[0].deploy(others=tuple(targets[1:]), operation="deploy.database")
    assert run.code == 0, run.output
    # Without a preview there is no plan.
    assert with_y.code == 0 and "the same on" not in with_y.output
    shown = run.output.partition("--> Summary:")[0]
    assert "[sandbox-1] the same on 3 other hosts: sandbox-2, sandbox-3, sandbox-4" in shown
    assert "[sandbox-1] + workspace javisi (Javisi)" in shown and "[sandbox-5] + workspace javisi (Lab)" in shown
    assert "[sandbox-2] + " not in shown
