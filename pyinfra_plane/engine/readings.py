"""Readings on the host: facts and files, some of which are started ahead of time."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import field
from functools import partial
from typing import Any, TypeVar

import gevent
from gevent.lock import BoundedSemaphore
from gevent.monkey import is_module_patched
from pyinfra.api import FactBase, StringCommand

from pyinfra_plane.dataclass import dataclass
from pyinfra_plane.engine.commands import (
    LONGEST_READING,
    Output,
    TargetError,
    TargetTooMuch,
    is_ssh_user,
    rights,
    run,
    run_in_parallel,
    run_with,
    show,
)
from pyinfra_plane.engine.host_run import run_of
from pyinfra_plane.text import quote

T = TypeVar("T")

LARGEST_OUTPUT = 2 * 2**20
"""Maximum characters of a file (in base64) or of a fact's output. The readings here have a few KB."""

MARK = "plane-reading"
"""The first line of each reading's output. Anything before it is from the user's shell."""


@dataclass(frozen=True)
class Reading:
    """A command that reads something.

    Args:
        command: the shell command, as it is run.
        stdin: its standard input; never shown.
    """

    command: str
    stdin: str | None = None


AT_ONCE = 7
"""Maximum number of commands that run ahead of time. OpenSSH allows ten in a connection (``MaxSessions``)."""

LONGEST_AHEAD = 300.0
"""Maximum age in seconds of a reading ahead of time: the other hosts may have taken long.

An operation that would change something reads again once it has the lock. With a thousand hosts, runs take minutes, and
a limit of 30 seconds made them read most things twice.
"""

MOST_HOSTS_AHEAD = 150
"""With more hosts, nothing is read while pyinfra goes through the deploy.

With 300, it took half as much memory again, and as much CPU.
"""


@dataclass
class _Ahead:
    """The readings of the operations to come on one host.

    Args:
        operations: the first operations of the host that name their readings, by pyinfra's hash. An operation of
            another kind ends them: its changes are not known.
        named: their readings that are not started yet.
        begun: by reading and rights, the time of the start, and the running reading.
    """

    operations: set[str] = field(default_factory=set)
    named: list[Reading] = field(default_factory=list)
    begun: dict[tuple[Reading, str], tuple[float, gevent.Greenlet]] = field(default_factory=dict)
    turns: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(AT_ONCE))


def name_next(host: Any, readings: Iterable[Reading]) -> None:
    """Name the readings of the operation that was just added. Start them now if the operation is sure to run soon.

    It is sure with ``-y``, because pyinfra does not preview first. With sudo, nothing is started before one command ran
    with it: sudo may have to ask a person for a password, once.
    """
    state, ahead = host.state, run_of(host).part(_Ahead)
    if state.is_executing or len(state.ops[host]) != len(ahead.operations) + 1:
        return
    ahead.operations.add(next(reversed(state.ops[host])))
    ahead.named += readings
    if not state.should_check_for_changes() and len(state.activated_hosts) <= MOST_HOSTS_AHEAD and is_ssh_user(host):
        start_named(host)
    if ahead.begun:
        gevent.idle()  # lets them continue, while pyinfra goes through the deploy


def start_named(host: Any) -> None:
    """Start the readings of the operations to come, after a plan without changes."""
    ahead = run_of(host).part(_Ahead)
    named, ahead.named = ahead.named, []
    start_readings(host, named)


def start_readings(host: Any, readings: Iterable[Reading]) -> None:
    """Start the next readings, some at the same time; :func:`read` waits for them."""
    if not is_module_patched("socket"):
        return  # without greenlets, nothing would run in parallel
    own, ahead = rights(host), run_of(host).part(_Ahead)

    def begin(reading: Reading) -> Output | None:
        with ahead.turns:
            # A failed reading is repeated and reported when it is needed.
            try:
                output = _finished(run_with(host, _marked(reading), own, reading.stdin, LONGEST_READING))
            except TargetError:
                return None
            return output if output.ok else None

    for reading in readings:
        if (reading, repr(own)) not in ahead.begun:
            ahead.begun[reading, repr(own)] = time.monotonic(), run_in_parallel(host, partial(begin, reading))


def enter_operation(host: Any) -> None:
    """Drop all readings if an operation of another kind may have run."""
    if host.current_op_hash not in run_of(host).part(_Ahead).operations:
        forget_readings(host)


def forget_readings(host: Any) -> None:
    """Drop all readings, so that they are repeated. Running ones end by themselves."""
    ahead = run_of(host).part(_Ahead)
    ahead.named.clear()
    ahead.begun.clear()


def read(host: Any, reading: Reading) -> Output:
    """Return a command's output from a reading that was started ahead, otherwise from a new one.

    A reading ahead serves every operation until the first change.

    Raises:
        TargetError: as :func:`run`, or the host printed something before the output.
        TargetTooMuch: it printed :data:`LARGEST_OUTPUT` or more.
    """
    ahead = run_of(host).part(_Ahead)
    begun, greenlet = ahead.begun.get((reading, repr(rights(host))), (0.0, None))
    output: Output | None = None
    if greenlet is not None and time.monotonic() - begun < LONGEST_AHEAD:
        output = greenlet.get()
    if output is None:
        ahead.named = [named for named in ahead.named if named != reading]
        output = _finished(run(host, _marked(reading), stdin=reading.stdin, longest=LONGEST_READING))
    return output


def _marked(reading: Reading) -> StringCommand:
    return StringCommand(f"echo {MARK}; {reading.command}")


def _finished(output: Output) -> Output:
    """Return the command's own output from what :func:`_marked` sent.

    Raises:
        TargetError: the host printed something else first.
        TargetTooMuch: the output is larger than :data:`LARGEST_OUTPUT`.
    """
    # Line breaks are not counted.
    if sum(map(len, output.stdout)) >= LARGEST_OUTPUT:
        raise TargetTooMuch(f"the host sent more than {LARGEST_OUTPUT / 2**20:.3g} MiB instead of a few KB")
    if output.stdout[:1] == [MARK]:
        return Output(output.ok, output.stdout[1:], output.stderr)
    if output.ok and any(output.stdout):
        raise TargetError(
            f"the host printed '{quote(output.stdout[0], 80)}' before its answer; the SSH user's shell must print only "
            "a command's output"
        )
    return Output(False, output.stdout, output.stderr)


def fact_reading(fact: type[FactBase[Any]], stdin: str | None = None, **arguments: Any) -> Reading:
    """The command that :func:`read_fact` runs."""
    # FactBase leaves command to its subclasses, each with arguments of its own.
    command: Any = fact().command
    return Reading(StringCommand(command(**arguments)).get_raw_value(), stdin)


def read_fact(host: Any, fact: type[FactBase[T]], stdin: str | None = None, **arguments: Any) -> T:
    """Read a fact from the host.

    Not with ``host.get_fact``: if a command cannot be run at all (a wrong sudo password, for example), that ends the
    whole run with a traceback if the host is the last one.

    Args:
        stdin: standard input of the fact's command; never shown, nor is its output then, which may repeat it.
        arguments: the fact's own.

    Raises:
        TargetError: the host did not run the command, or the fact does not understand the answer.
    """
    output = read(host, fact_reading(fact, stdin, **arguments))
    lines = output.stdout
    if stdin is None:
        show(host, lines)
    if not output.ok:
        raise TargetError(
            f"the host did not run a command: {output.reason}; check the SSH user's rights, --sudo and its password"
        )
    return fact().process(lines) if lines else fact.default()
