"""`python -m pyinfra_plane.drift` says by its exit code whether a run would change something; never 0 if unknown."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from pyinfra_plane import drift
from tests.deploy.conftest import NewTarget
from tests.deploy.settled import Settled
from tests.deploy.target import TOKEN_FILE, Target, environment_with, run_command


def look(
    target: Target, *arguments: str, others: tuple[Target, ...] = (), in_process: bool = True
) -> tuple[int, list[str], str]:
    """The exit code, the lines that were printed, and what went to standard error."""
    words = [str(target.write_inventory(others=others)), *arguments]
    environment = {**environment_with(target.secrets), "PYINFRA_YES": "1"}
    done = run_command("pyinfra_plane.drift", words, environment, in_process=in_process)
    return done.returncode, done.stdout.splitlines(), done.stderr


def test_everything_is_missing_on_a_new_host_and_nothing_is_made(target: Target) -> None:
    before = target.snapshot()
    code, lines, errors = look(target, in_process=False)
    assert (code, errors) == (2, "")
    assert f"[{target.host.name}] + account thot@javisi.local (member)" in lines
    assert target.snapshot() == before


def test_a_finished_host_is_the_same_until_something_differs(new_target: NewTarget, settled: Settled) -> None:
    target = new_target()
    settled.settle(target)
    code, lines, errors = look(target)
    assert (code, errors, lines.pop()) == (0, "", "nothing to change")
    assert lines and all(line.startswith((f"[{target.host.name}] = ", f"[{target.host.name}] ! ")) for line in lines)

    target.workspace().name = "Other"
    code, lines, _ = look(target)
    assert code == 2
    assert f"[{target.host.name}] ~ workspace javisi: name Other → Javisi" in lines
    assert look(target, "deploy.environment")[:2] == (0, ["nothing to change"])


def test_what_cannot_be_told_is_not_taken_for_the_same(new_target: NewTarget, settled: Settled) -> None:
    target = new_target()
    settled.settle(target)
    (target.host.root / TOKEN_FILE).unlink()
    own = target.directory / "own.py"
    words = "name='Workspace', slug='javisi', workspace_name='Javisi'"
    own.write_text(f"from operations import plane\n\nplane.workspace({words})\n")
    code, [line], _ = look(target, str(own))
    assert code == 1
    assert line.startswith(f"[{target.host.name}] ? workspace javisi: ")
    # The whole deploy would make the tokens as well, which is certain.
    assert look(target)[0] == 2


def test_a_host_that_cannot_be_reached_is_not_taken_for_the_same(finished: Target, new_target: NewTarget) -> None:
    gone = new_target(ssh_port=1)
    code, lines, errors = look(gone)
    assert (code, lines) == (1, [])
    nowhere = "no SSH server accepts connections at 127.0.0.1:1 "
    assert errors.startswith(f"[{gone.host.name}] {nowhere}")
    code, lines, errors = look(finished, others=(gone,))
    assert code == 1
    assert errors.startswith(f"[{gone.host.name}] {nowhere}") and errors.count("\n") == 1
    assert f"[{finished.host.name}] = 10 tokens answer" in lines
    assert "tokens answer" not in errors
    assert look(finished, "--limit", finished.host.name, others=(gone,))[0] == 0


def test_json_has_the_code_and_each_host_with_its_lines(finished: Target, new_target: NewTarget) -> None:
    gone = new_target(ssh_port=1)
    code, lines, errors = look(finished, "--json", others=(gone,))
    told = json.loads("\n".join(lines))
    assert (code, errors) == (1, "")
    assert (told["code"], told["meaning"]) == (1, "unknown")
    by_name = {host["host"]: host for host in told["hosts"]}
    assert by_name[gone.host.name]["outcome"] == "not reached"
    assert by_name[gone.host.name]["why"].startswith("no SSH server accepts connections")
    assert by_name[finished.host.name]["outcome"] == "previewed"
    said = by_name[finished.host.name]["lines"]
    assert {"operation": "Provisioning | API tokens", "sign": "=", "line": "= 10 tokens answer"} in said
    code, lines, _ = look(finished, "--json")
    assert (code, json.loads("\n".join(lines))["meaning"]) == (0, "same")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--limit", "nobody"], "no host is left after --limit nobody"),
        (["--data", "plane_web_url=x"], "plane_web_url"),
        (["--no-such-option"], "no-such-option"),
        (["no_such_deploy.py"], "no_such_deploy.py"),
        (["-y"], "usage: python -m pyinfra_plane.drift"),
    ],
)
def test_a_command_that_cannot_be_run_is_not_taken_for_the_same(finished: Target, words: list[str], said: str) -> None:
    code, _, errors = look(finished, *words)
    assert code == 1
    assert said in errors


@pytest.mark.parametrize(
    ("words", "handed_on"),
    [
        ([], ["deploy.py"]),
        (["--sudo"], ["deploy.py", "--sudo"]),
        (["--limit", "sese"], ["deploy.py", "--limit", "sese"]),
        (["--limit", "sese", "deploy.database"], ["--limit", "sese", "deploy.database"]),
        (["--limit=sese", "deploy.py"], ["--limit=sese", "deploy.py"]),
        (["-v", "--data", "a=b", "deploy.py", "--sudo"], ["-v", "--data", "a=b", "deploy.py", "--sudo"]),
    ],
)
def test_the_whole_deploy_is_looked_at_where_none_is_named(
    words: list[str], handed_on: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        seen[:] = command
        return subprocess.CompletedProcess(command, 0, '{"plan": []}', "")

    monkeypatch.setattr(subprocess, "run", run)
    assert drift.main(["inventory.py", *words]) == drift.UNKNOWN
    assert seen[3:-2] == ["inventory.py", *handed_on]


def test_the_options_with_a_value_are_those_of_pyinfra() -> None:
    # In a process of its own, since pyinfra's command line patches the standard library.
    program = """from click import Option; from pyinfra_cli.cli import cli
for one in cli.params:
    if isinstance(one, Option) and not one.is_flag and not one.count: print(*one.opts)"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert {*done.stdout.split()} == drift.WITH_VALUE


def test_an_inventory_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert drift.main(["nosuch.py"]) == drift.UNKNOWN
    assert capsys.readouterr().err == "the inventory does not exist: nosuch.py\n"


def test_an_interrupted_look_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess, "run", run)
    assert drift.main(["inventory.py"]) == drift.UNKNOWN
    assert capsys.readouterr().err == "interrupted before the preview finished\n"


def operation(*lines: Any, change: tuple[str, ...] = ("a",), conditional: tuple[str, ...] = ()) -> dict[str, Any]:
    """An operation as it stands in pyinfra's JSON."""
    said = [{"host": "a", "sign": line[0], "line": line} if isinstance(line, str) else line for line in lines]
    names = ["Files | Put"]
    return {"names": names, "args": said, "hosts_with_change": change, "hosts_with_conditional_change": conditional}


@pytest.mark.parametrize(
    ("plan", "code", "lines"),
    [
        ([operation("= 1 token answers", change=())], drift.SAME, ["= 1 token answers"]),
        ([operation("? workspace")], drift.UNKNOWN, ["? workspace"]),
        ([operation("! would fail: x")], drift.UNKNOWN, ["! would fail: x"]),
        ([operation("? workspace"), operation("+ token")], drift.DIFFERENT, ["? workspace", "+ token"]),
        # pyinfra's own operations say nothing of themselves.
        ([operation(["src=a"])], drift.DIFFERENT, ["~ Files | Put"]),
        ([operation(change=(), conditional=("a",))], drift.UNKNOWN, ["? Files | Put"]),
    ],
)
def test_each_kind_of_line_counts(plan: list[dict[str, Any]], code: int, lines: list[str]) -> None:
    assert drift._code(plan) == code
    assert list(drift._lines(plan)) == [("a", line) for line in lines]


def test_a_host_on_which_the_run_would_fail_is_told_with_the_reason_alone(finished: Target) -> None:
    name = finished.host.name
    taken = {"plane_projects": [{"name": "Onboarding", "identifier": "OTHER"}]}
    given = dict(finished.data)
    finished.data.update(taken)
    try:
        code, lines, errors = look(finished)
        told = json.loads("\n".join(look(finished, "--json")[1]))
    finally:
        finished.data.clear()
        finished.data.update(given)
    assert code == 1
    assert (
        errors.startswith(f"[{name}] the project Onboarding exists with the identifier ONBOARD")
        and errors.count("\n") == 1
    )
    assert any("! would fail: the project Onboarding exists" in line for line in lines)
    [host] = told["hosts"]
    assert (told["code"], host["outcome"], host["why"] in errors) == (1, "would fail", True)
