"""How a plan is shown and carried out, as far as pyinfra itself is not needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api import FunctionCommand

from pyinfra_plane.api.errors import PlaneError, PlaneSettings
from pyinfra_plane.engine.commands import TargetError
from pyinfra_plane.engine.converge import Change, Note, Plan, Unchanged, converging
from pyinfra_plane.settings.table import DEFAULTS
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
        yield Unchanged("three")

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


def test_what_is_said_of_a_change_once_it_is_made_can_be_something_else(host: Shell) -> None:
    def plan() -> Plan:
        yield Change(("? one, or two",), lambda: None, done=("+ one",))
        yield Change(("~ three",), lambda: None, done=())

    commands(plan, host, executing=False)
    assert host.said == ["? one, or two", "~ three"]
    host.said.clear()
    assert [carry_out(command, host) for command in commands(plan, host, executing=True)] == [True, True]
    assert host.said == ["+ one"]


# The lock


@dataclass
class Locks:
    """Who asked for which lock; those of `taken` are somebody else's."""

    asked: list[tuple[Any, str]] = field(default_factory=list)
    taken: bool = False

    def is_held(self, host: Any) -> bool:
        return not self.taken and any(holder is host for holder, _ in self.asked)

    def hold(self, host: Any, directory: str) -> None:
        self.asked.append((host, directory))
        if self.taken:
            raise TargetError("another run is working")


@pytest.fixture
def locks(monkeypatch: pytest.MonkeyPatch) -> Locks:
    locks = Locks()
    monkeypatch.setattr("pyinfra_plane.engine.lock.is_held", locks.is_held)
    monkeypatch.setattr("pyinfra_plane.engine.lock.hold", locks.hold)
    return locks


def test_before_the_first_change_of_a_run_the_lock_is_taken_and_the_host_looked_at_again(
    host: Shell, locks: Locks
) -> None:
    host.data["plane_config_dir"] = "/srv/my plane"
    seen: list[int] = []

    def plan() -> Plan:
        seen.append(len(locks.asked))
        yield Change((f"+ {len(locks.asked)}",), lambda: None)

    [command] = commands(plan, host, executing=True)
    assert locks.asked == [(host, "/srv/my plane")]
    assert seen == [0, 1]
    assert carry_out(command, host)
    assert host.said == ["+ 1"]
    commands(plan, host, executing=True)
    assert locks.asked == [(host, "/srv/my plane")]
    assert seen == [0, 1, 1]


def test_a_host_of_plane_without_a_folder_of_its_own_has_the_default_ones_lock(host: Shell, locks: Locks) -> None:
    host.data["plane_web_url"] = "https://work.javisi.test"
    commands(lambda: iter([Change(("+ one",), lambda: None)]), host, executing=True)
    assert locks.asked == [(host, DEFAULTS["plane_config_dir"])]


def test_what_another_run_has_done_meanwhile_is_not_done_again(host: Shell, locks: Locks) -> None:
    host.data["plane_config_dir"] = "/srv/plane"

    def plan() -> Plan:
        yield Unchanged("one") if locks.asked else Change(("+ one",), lambda: None)

    assert commands(plan, host, executing=True) == []
    assert host.said == ["= one"]


@pytest.mark.parametrize("executing", [False, True])
def test_without_a_change_the_lock_is_left_alone(host: Shell, locks: Locks, executing: bool) -> None:
    host.data["plane_config_dir"] = "/srv/plane"

    def plan() -> Plan:
        yield Note("! a note")
        yield Unchanged("one")

    commands(plan, host, executing=executing)
    assert locks.asked == []


def test_a_preview_takes_no_lock(host: Shell, locks: Locks) -> None:
    host.data["plane_config_dir"] = "/srv/plane"
    commands(one_change, host, executing=False)
    assert locks.asked == []


def test_a_host_without_plane_takes_no_lock(host: Shell, locks: Locks) -> None:
    [command] = commands(one_change, host, executing=True)
    assert carry_out(command, host)
    assert locks.asked == []


def test_while_another_run_is_at_work_nothing_is_changed_and_that_is_one_line(host: Shell, locks: Locks) -> None:
    host.data["plane_config_dir"] = "/srv/plane"
    locks.taken = True
    applied: list[str] = []

    def plan() -> Plan:
        yield Change(("+ one",), lambda: applied.append("one"))

    [command] = commands(plan, host, executing=True)
    assert not carry_out(command, host)
    assert host.said == ["another run is working"]
    assert applied == []


def one_change() -> Plan:
    yield Change(("+ one",), lambda: None)


# What fails


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
        (PlaneError("no answer"), "? cannot check yet: no answer"),
        (TargetError("no answer"), "? cannot check yet: no answer"),
    ],
)
def test_a_preview_that_cannot_tell_goes_on_and_says_so_once(host: Shell, error: Exception, line: str) -> None:
    def plan() -> Plan:
        raise error
        yield

    for _ in range(2):
        assert len(commands(plan, host, executing=False)) == 1
    assert host.said == [line]


def test_a_preview_plans_nothing_after_what_would_fail(host: Shell) -> None:
    def fails() -> Plan:
        raise PlaneSettings("set it")
        yield

    def follows() -> Plan:
        yield Change(("+ one",), lambda: None)

    assert len(commands(fails, host, executing=False)) == 1
    for _ in range(2):
        assert commands(follows, host, executing=False) == []
    assert host.said == ["! would fail: set it", "! the run would stop here, so the preview ends here"]
    # A run goes by what it finds itself.
    assert len(commands(follows, host, executing=True)) == 1


def test_a_run_that_cannot_plan_fails(host: Shell) -> None:
    def plan() -> Plan:
        yield Unchanged("not told")
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
