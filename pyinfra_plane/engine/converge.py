"""The base of every operation: a function that reads and compares, and yields the necessary changes.

pyinfra runs an operation's generator up to its first command to see whether it would change anything, and again to
execute it. ``converging`` turns a function that yields :class:`Change` into such an operation: the whole plan is built
before the first command, printed in words in a preview, and executed one change after the other. An error that a person
can cause ends in one line and fails only that host.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from functools import partial, wraps
from inspect import signature
from typing import Any, ParamSpec, cast

from pyinfra import logger
from pyinfra.api import FunctionCommand, operation
from pyinfra.api.command import PyinfraCommand
from pyinfra.api.operation import OperationMeta, PyinfraOperation
from pyinfra.context import ctx_host

from pyinfra_plane.dataclass import dataclass
from pyinfra_plane.engine import commands, interrupt, lock, readings
from pyinfra_plane.engine.arguments import checked
from pyinfra_plane.engine.interrupt import Interrupted
from pyinfra_plane.engine.readings import Reading
from pyinfra_plane.engine.report import is_executing, record, report_of, say, say_once, stop_planning
from pyinfra_plane.errors import ExpectedError
from pyinfra_plane.text import printable

P = ParamSpec("P")


@dataclass(frozen=True)
class Change:
    """A difference, and the function that corrects it.

    Args:
        lines: text of the change, each line beginning with a sign: ``+`` created, ``~`` changed, ``-`` removed, ``?``
            cannot be checked before the run.
        apply: makes the change; raises an :class:`ExpectedError` if it cannot.
        done: text after the change, if it differs.
    """

    lines: tuple[str, ...]
    apply: Callable[[], object]
    done: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Unchanged:
    """Something that is as it should be; shown with ``-v``, or always if it deserves a line."""

    what: str
    shown_in_preview: bool = False
    shown_in_run: bool = False


@dataclass(frozen=True)
class Note:
    """Information for a person that is no change.

    Args:
        is_unavailable: whether Plane lacks the feature.
        is_quiet: whether the line is shown only with ``-v``.
    """

    line: str
    is_unavailable: bool = False
    is_quiet: bool = False


Plan = Iterator[Change | Unchanged | Note]


class Unsupported(Exception):
    """A change was not made because Plane does not support it, which is no failure. `plan` replaces the change."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan


def converging(function: Callable[P, Plan]) -> PyinfraOperation[P]:
    """Create an operation from a function that yields differences and unchanged resources."""
    return _operation(function, None)


def converging_with(
    reads: Callable[..., Iterable[Reading]],
) -> Callable[[Callable[P, Plan]], PyinfraOperation[P]]:
    """As :func:`converging`, for an operation that can name its readings in advance, so that they can start early.

    Args:
        reads: takes the operation's arguments, by name, and returns the readings.
    """
    return partial(_operation, reads=reads)


def _operation(function: Callable[P, Plan], reads: Callable[..., Iterable[Reading]] | None) -> PyinfraOperation[P]:
    takes = signature(function)

    @wraps(function)
    def generator(*args: P.args, **kwargs: P.kwargs) -> Generator[PyinfraCommand, None, None]:
        converge = _run if is_executing() else _preview
        yield from converge(current_host(), partial(function, *args, **kwargs))

    made: Any = operation()(generator)

    @wraps(made)
    def call(*args: P.args, **kwargs: P.kwargs) -> OperationMeta:
        own = {name: value for name, value in kwargs.items() if name != "name" and not name.startswith("_")}
        given, own = checked(made.__name__, takes, args, own)
        meta: OperationMeta = made(*given, **{**kwargs, **own})
        readings.name_next(current_host(), reads(**takes.bind(*given, **own).arguments) if reads is not None else ())
        return meta

    return cast(PyinfraOperation[P], call)


def current_host() -> Any:
    """The current host itself, not pyinfra's proxy, so that values can be stored by host."""
    return ctx_host.get()


def _preview(host: Any, plan: Callable[[], Plan]) -> Generator[PyinfraCommand, None, None]:
    """Show the plan. Yield a command to pyinfra as the sign of a change; pyinfra does not run it."""
    if report_of(host).would_fail is not None:
        say_once(host, "! the run would stop here, so the preview ends here")
        return
    try:
        interrupt.check()
        items = list(plan())
    except ExpectedError as error:
        # An earlier step may create what is missing, so a preview continues. The same reason is shown once.
        line = f"! would fail: {error}" if error.is_certain else f"? cannot check yet: {error}"
        say_once(host, line, error.cause)
        if error.is_certain:
            stop_planning(host, str(error))
        yield FunctionCommand(_fail, (error,), {})
        return
    for item in items:
        if isinstance(item, Change):
            for line in item.lines:
                say(host, line)
        else:
            _report_item(host, item)
    yield from _changes(items)


def _run(host: Any, plan: Callable[[], Plan]) -> Generator[PyinfraCommand, None, None]:
    """Plan, take the host's lock if there are changes, and make them one after the other."""
    readings.enter_operation(host)
    try:
        interrupt.check()
        items = list(plan())
        if _changes(items) and _take_lock(host):
            # Another run may have changed things until now.
            items = list(plan())
    except ExpectedError as error:
        yield FunctionCommand(_fail, (error,), {})
        return
    if _changes(items):
        readings.forget_readings(host)
    else:
        readings.start_named(host)
    for item in items:
        if not isinstance(item, Change):
            _report_item(host, item)
    yield from _changes(items)


def _changes(items: Iterable[Change | Unchanged | Note]) -> list[PyinfraCommand]:
    return [FunctionCommand(_carry_out, (item,), {}) for item in items if isinstance(item, Change)]


def _report_item(host: Any, item: Unchanged | Note) -> None:
    if isinstance(item, Note):
        report_of(host).unavailable += item.is_unavailable and is_executing()
        line, is_shown = item.line, not item.is_quiet
    else:
        report_of(host).kept += is_executing()
        line, is_shown = f"= {item.what}", item.shown_in_run if is_executing() else item.shown_in_preview
    if is_shown:
        say(host, line)
    else:
        record(host, line)
        host.noop(printable(line))


def _carry_out(state: Any, host: Any, change: Change) -> bool:
    try:
        _apply(host, change)
    except ExpectedError as error:
        return _fail(state, host, error)
    return True


def _apply(host: Any, change: Change) -> None:
    interrupt.check()
    try:
        change.apply()
    except Unsupported as other:
        for item in list(other.plan):
            if isinstance(item, Change):
                _apply(host, item)
            elif isinstance(item, Note):
                _report_item(host, item)
        return
    for line in change.lines if change.done is None else change.done:
        report_of(host).done[line[0]] += 1
        say(host, line)


def _fail(state: Any, host: Any, error: ExpectedError) -> bool:
    report, reason = report_of(host), printable(str(error))
    if isinstance(error, Interrupted):
        report.is_interrupted = True
    else:
        report.reason = reason
    record(host, f"! {reason}")
    host.log_styled(reason, fg="red", log_func=logger.error)
    return False


# The lock


def expect_changes(host: Any) -> None:
    """Take the host's lock before reading, if changes are certain: then nothing needs to be read again."""
    if is_executing():
        _take_lock(host)


def _take_lock(host: Any) -> bool:
    """Take the host's lock; returns whether this run did not have it before."""
    directory = lock.folder_of(host)
    if directory is None or lock.is_held(host):
        return False
    commands.wait_for_others(host)
    lock.hold(host, directory)
    readings.forget_readings(host)
    return True
