"""How every operation here is built: a function that reads and compares, and gives the changes that are needed.

pyinfra runs an operation's generator up to its first command to see whether it would change anything, and again to do
it. ``converging`` turns a function that yields :class:`Change` into such an operation: the whole plan is made before
the first command, printed in words when previewing, and carried out one change after the other. What a person can
cause ends in one line and fails that host alone.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial, wraps
from inspect import Signature, signature
from typing import Any, ParamSpec, cast

from pyinfra import logger
from pyinfra.api import FunctionCommand, operation
from pyinfra.api.command import PyinfraCommand
from pyinfra.api.operation import OperationMeta, PyinfraOperation
from pyinfra.context import ctx_host

from pyinfra_plane.engine import commands, interrupt, lock, readings
from pyinfra_plane.engine.arguments import checked
from pyinfra_plane.engine.host_run import run_of
from pyinfra_plane.engine.interrupt import Interrupted
from pyinfra_plane.engine.readings import Reading
from pyinfra_plane.engine.report import is_executing, record, report_of, say, say_once, stop_planning
from pyinfra_plane.errors import ExpectedError
from pyinfra_plane.text import printable

P = ParamSpec("P")


@dataclass(frozen=True)
class Change:
    """Something that differs, and what brings it in line.

    Args:
        lines: what will be said of it, each beginning with a sign: ``+`` made, ``~`` changed, ``-`` removed, ``?``
            cannot be told before the run.
        apply: does it; raises one of :class:`ExpectedError` when it cannot.
        done: what is said once it is done, where that is not the same.
    """

    lines: tuple[str, ...]
    apply: Callable[[], object]
    done: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Kept:
    """Something that is as it should be; shown with ``-v``, or always where it is worth a line."""

    what: str
    shown_in_preview: bool = False
    shown_in_run: bool = False


@dataclass(frozen=True)
class Note:
    """Something that a person should know, and that is no change; `is_unavailable` where Plane has no such thing."""

    line: str
    is_unavailable: bool = False


Plan = Iterator[Change | Kept | Note]


class InPlace(Exception):
    """A change was not made, and that is no failure: Plane has no such thing. `plan` is what is done in its place."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan


def converging(function: Callable[P, Plan]) -> PyinfraOperation[P]:
    """Make an operation of a function that yields what differs (:class:`Change`) and what does not (:class:`Kept`)."""
    return _converging(function, None)


def converging_with(
    reads: Callable[..., Iterable[Reading]],
) -> Callable[[Callable[P, Plan]], PyinfraOperation[P]]:
    """As :func:`converging`, for an operation that can tell what it will read.

    While a run looks at one operation, the commands of those that follow are under way.

    Args:
        reads: takes the operation's arguments, by name.
    """
    return partial(_converging, reads=reads)


def _converging(function: Callable[P, Plan], reads: Callable[..., Iterable[Reading]] | None) -> PyinfraOperation[P]:
    @wraps(function)
    def generator(*args: P.args, **kwargs: P.kwargs) -> Generator[PyinfraCommand, None, None]:
        host = current_host()
        if is_executing():
            _enter_streak(host)
        elif report_of(host).would_fail is not None:
            say_once(host, "! what follows is not planned: the run would end here")
            return
        try:
            interrupt.check()
            plan = list(function(*args, **kwargs))
            if is_executing() and any(isinstance(item, Change) for item in plan) and _take_lock(host):
                # Another run may have been at work until now.
                plan = list(function(*args, **kwargs))
        except ExpectedError as error:
            yield from _cannot_plan(host, error)
            return
        if is_executing():
            if any(isinstance(item, Change) for item in plan):
                readings.forget_readings(host)
            else:
                _read_ahead(host)
        report = report_of(host)
        for item in plan:
            if isinstance(item, Note):
                _note(host, item)
            elif isinstance(item, Kept):
                report.kept += is_executing()
                if item.shown_in_run if is_executing() else item.shown_in_preview:
                    say(host, f"= {item.what}")
                else:
                    record(host, f"= {item.what}")
                    host.noop(printable(f"= {item.what}"))
            elif not is_executing():
                for line in item.lines:
                    say(host, line)
        for item in plan:
            if isinstance(item, Change):
                yield FunctionCommand(_carry_out, (item,), {})

    return _noting(operation()(generator), signature(function), reads)


class _Streak(dict[str, Callable[[], Iterable[Reading]]]):
    """Operations of ours that follow on one another, by pyinfra's hash, each with what it reads.

    Args:
        is_begun: whether that is being read already, while pyinfra goes through the deploy.
    """

    def __init__(self, is_begun: bool = False) -> None:
        super().__init__()
        self.is_begun = is_begun


@dataclass
class _Streaks:
    """Each operation's streak, by pyinfra's hash, and the one that the host is in.

    An operation of another kind ends it, since what that one changes is not known here.
    """

    of: dict[str, _Streak] = field(default_factory=dict)
    current: _Streak | None = None


def _noting(
    noted: PyinfraOperation[P], takes: Signature, reads: Callable[..., Iterable[Reading]] | None
) -> PyinfraOperation[P]:
    @wraps(noted)
    def note(*args: P.args, **kwargs: P.kwargs) -> OperationMeta:
        own = {name: value for name, value in kwargs.items() if name != "name" and not name.startswith("_")}
        given, own = checked(cast(Any, noted).__name__, takes, args, own)
        host = current_host()
        operations, streaks = host.state.ops[host], run_of(host).part(_Streaks)
        streak = streaks.of.get(next(reversed(operations), ""))
        if streak is None:
            streak = _Streak(is_begun=not operations and _is_sure_to_run(host))
            if streak.is_begun:
                streaks.current = streak
        meta: OperationMeta = cast(Any, noted)(*given, **{**kwargs, **own})
        this = next(reversed(operations), "")
        streaks.of[this] = streak
        streak[this] = partial(reads, **takes.bind(*given, **own).arguments) if reads is not None else tuple
        if streak.is_begun:
            readings.begin_readings(host, streak[this]())
            commands.take_turns(host)
        return meta

    return cast(PyinfraOperation[P], note)


MOST_HOSTS_AHEAD = 150
"""With more of them, pyinfra goes through the deploy for so long that what is read meanwhile gets old."""


def _is_sure_to_run(host: Any) -> bool:
    """Whether what pyinfra goes through now it does next: soon, without looking first (``-y``), and as who it is."""
    state = host.state
    return (
        not is_executing()
        and not state.should_check_for_changes()
        and len(state.activated_hosts) <= MOST_HOSTS_AHEAD
        and commands.is_ssh_user(host)
    )


def _read_ahead(host: Any) -> None:
    """Begin what the operations that follow on this one read."""
    streak = run_of(host).part(_Streaks).current or _Streak()
    if host.current_op_hash in streak and not streak.is_begun:
        following = list(streak.values())[list(streak).index(host.current_op_hash) + 1 :]
        streak.clear()
        readings.begin_readings(host, [reading for reads in following for reading in reads()])


def _enter_streak(host: Any) -> None:
    streaks = run_of(host).part(_Streaks)
    streak = streaks.of.get(host.current_op_hash)
    if streak is None or streak is not streaks.current:
        readings.forget_readings(host)
        streaks.current = _Streak() if streak is None else streak


def current_host() -> Any:
    """The host that the operation runs for: itself, not pyinfra's proxy, so that things can be kept by host."""
    return ctx_host.get()


def expect_changes(host: Any) -> None:
    """Take the host's lock before reading, where changes are sure to come: what is read then need not be read again."""
    if is_executing():
        _take_lock(host)


def _take_lock(host: Any) -> bool:
    """Take the host's lock; whether this run did not have it before."""
    directory = lock.folder_of(host)
    if directory is None or lock.is_held(host):
        return False
    commands.wait_for_others(host)
    lock.hold(host, directory)
    readings.forget_readings(host)
    return True


def _cannot_plan(host: Any, error: ExpectedError) -> Generator[PyinfraCommand, None, None]:
    if is_executing():
        yield FunctionCommand(_fail, (error,), {})
        return
    # An earlier step may bring what is missing, so a preview goes on. The same reason is said once.
    line = f"! would fail: {error}" if error.is_certain else f"? cannot tell before the run: {error}"
    say_once(host, line, error.cause)
    if error.is_certain:
        stop_planning(host, str(error))
    yield FunctionCommand(_fail, (error,), {})


def _fail(state: Any, host: Any, error: ExpectedError) -> bool:
    report, reason = report_of(host), printable(str(error))
    if isinstance(error, Interrupted):
        report.is_interrupted = True
    else:
        report.reason = reason
    record(host, f"! {reason}")
    host.log_styled(reason, fg="red", log_func=logger.error)
    return False


def _carry_out(state: Any, host: Any, change: Change) -> bool:
    try:
        interrupt.check()
        change.apply()
    except InPlace as other:
        return _carry_out_in_place(state, host, other.plan)
    except ExpectedError as error:
        return _fail(state, host, error)
    for line in change.lines if change.done is None else change.done:
        report_of(host).done[line[0]] += 1
        say(host, line)
    return True


def _carry_out_in_place(state: Any, host: Any, plan: Plan) -> bool:
    try:
        items = list(plan)
    except ExpectedError as error:
        return _fail(state, host, error)
    for item in items:
        if isinstance(item, Note):
            _note(host, item)
        elif isinstance(item, Change) and not _carry_out(state, host, item):
            return False
    return True


def _note(host: Any, note: Note) -> None:
    if note.is_unavailable and is_executing():
        report_of(host).unavailable += 1
    say(host, note.line)
