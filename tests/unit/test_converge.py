"""How a plan is shown and carried out, as far as pyinfra itself is not needed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api import FunctionCommand

from operations.converge import Change, Kept, Note, Plan, converging
from plane_api.errors import PlaneError, PlaneSettings
from target import TargetError
from tests.unit.given import Shell
from tests.unit.test_environment import running_for


@pytest.fixture
def host(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def commands(function: Callable[[], Plan], host: Shell, *, executing: bool) -> list[Any]:
    operation: Any = converging(function)
    with running_for(host, executing):
        return list(operation._inner())


def carry_out(command: FunctionCommand, host: Shell) -> bool:
    return bool(command.function(None, host, *command.args))


def test_a_preview_tells_the_whole_plan_and_applies_nothing(host: Shell) -> None:
    applied: list[str] = []

    def plan() -> Plan:
        yield Note("! a note")
        yield Change(("+ one", "~ two"), lambda: applied.append("change"))
        yield Kept("three")

    found = commands(plan, host, executing=False)
    assert len(found) == 1
    assert host.said == ["! a note", "+ one", "~ two", "= three"]
    assert applied == []


def test_changes_are_told_once_they_are_made(host: Shell) -> None:
    applied: list[str] = []

    def plan() -> Plan:
        yield Change(("+ one",), lambda: applied.append("one"))
        yield Change(("- two",), lambda: applied.append("two"))

    found = commands(plan, host, executing=True)
    assert (host.said, applied) == ([], [])
    assert [carry_out(command, host) for command in found] == [True, True]
    assert (host.said, applied) == (["+ one", "- two"], ["one", "two"])


@pytest.mark.parametrize("error", [PlaneError("no answer"), TargetError("no answer"), PlaneSettings("no answer")])
def test_a_change_that_fails_is_told_in_one_line_and_nothing_else(host: Shell, error: Exception) -> None:
    def fail() -> None:
        raise error

    def plan() -> Plan:
        yield Change(("+ one",), fail)

    [command] = commands(plan, host, executing=True)
    assert not carry_out(command, host)
    assert host.said == ["no answer"]


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (PlaneError("no answer"), "? cannot tell before the run: no answer"),
        (TargetError("no answer"), "? cannot tell before the run: no answer"),
        (PlaneSettings("set it"), "! would fail: set it"),
    ],
)
def test_a_preview_that_cannot_tell_goes_on_and_says_so_once(host: Shell, error: Exception, line: str) -> None:
    def plan() -> Plan:
        raise error
        yield

    for _ in range(2):
        assert len(commands(plan, host, executing=False)) == 1
    assert host.said == [line]


def test_a_run_that_cannot_plan_fails(host: Shell) -> None:
    def plan() -> Plan:
        yield Kept("not told")
        raise PlaneError("no answer")

    [command] = commands(plan, host, executing=True)
    assert host.said == []
    assert not carry_out(command, host)
    assert host.said == ["no answer"]


def test_a_mistake_of_the_programmer_is_not_hidden(host: Shell) -> None:
    def plan() -> Plan:
        raise KeyError("x")
        yield

    with pytest.raises(KeyError):
        commands(plan, host, executing=True)
