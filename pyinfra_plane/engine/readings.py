"""What commands read on the host: facts and files, some begun ahead of their time."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import gevent
from gevent.lock import BoundedSemaphore
from gevent.monkey import is_module_patched
from pyinfra.api import FactBase, StringCommand

from pyinfra_plane.engine.commands import (
    LONGEST_READING,
    Output,
    TargetError,
    TargetTooMuch,
    is_ssh_user,
    rights,
    run,
    run_beside,
    run_with,
    show,
)
from pyinfra_plane.engine.host_run import run_of
from pyinfra_plane.text import quote

T = TypeVar("T")

LARGEST_OUTPUT = 4 * 2**20
"""Bytes that a file or a fact's command may come to; a file in base64. What is read here are a few KB."""


@dataclass(frozen=True)
class Reading:
    """A command that reads something.

    Args:
        command: the shell command, as it is run.
        through: what its output goes through on its way.
        stdin: what it reads; never shown.
    """

    command: str
    through: str = "cat"
    stdin: str | None = None


AT_ONCE = 3
"""Commands that are under way ahead of their time. OpenSSH allows ten in a connection (``MaxSessions``)."""

LONGEST_AHEAD = 30.0
"""Seconds after which what was read ahead of its time is read again: the other hosts may have taken long."""

MOST_HOSTS_AHEAD = 150
"""With more of them, pyinfra goes through the deploy for so long that what is read meanwhile gets old."""


@dataclass
class _Ahead:
    """What the operations to come read on one host.

    Args:
        operations: those that the host begins with and that name what they read, by pyinfra's hash. An operation of
            another kind ends them: nobody knows what it changes.
        named: what they read, and is not begun yet.
        begun: by reading and rights, when it was begun, and what gives its output.
    """

    operations: set[str] = field(default_factory=set)
    named: list[Reading] = field(default_factory=list)
    begun: dict[tuple[Reading, str], tuple[float, gevent.Greenlet]] = field(default_factory=dict)
    turns: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(AT_ONCE))


def name_next(host: Any, readings: Iterable[Reading]) -> None:
    """Name what the operation reads that was just added, so that it can be begun early: now, if it is sure to run soon.

    It is with ``-y``, since pyinfra does not look first. Where sudo is used, nothing is begun before a command was run
    with it: it may have to ask a person for a password, once.
    """
    state, ahead = host.state, run_of(host).part(_Ahead)
    if state.is_executing or len(state.ops[host]) != len(ahead.operations) + 1:
        return
    ahead.operations.add(next(reversed(state.ops[host])))
    ahead.named += readings
    if not state.should_check_for_changes() and len(state.activated_hosts) <= MOST_HOSTS_AHEAD and is_ssh_user(host):
        begin_named(host)
    if ahead.begun:
        gevent.idle()  # lets them go on, while pyinfra goes through the deploy


def begin_named(host: Any) -> None:
    """Begin what the operations to come read; for when a look has found nothing to change."""
    ahead = run_of(host).part(_Ahead)
    named, ahead.named = ahead.named, []
    begin_readings(host, named)


def begin_readings(host: Any, readings: Iterable[Reading]) -> None:
    """Start what will be read next, some at the same time; it is waited for when it is asked for."""
    if not is_module_patched("socket"):
        return  # nothing would take turns
    own, ahead = rights(host), run_of(host).part(_Ahead)

    def begin(reading: Reading) -> Output | None:
        with ahead.turns:
            # What fails is tried again when it is asked for, and then told.
            try:
                output = run_with(host, _bounded(reading), own, reading.stdin, LONGEST_READING)
            except TargetError:
                return None
            return output if output.ok else None

    for reading in readings:
        if (reading, repr(own)) not in ahead.begun:
            ahead.begun[reading, repr(own)] = time.monotonic(), run_beside(host, partial(begin, reading))


def enter_operation(host: Any) -> None:
    """Have everything read anew once an operation of another kind may have run."""
    if host.current_op_hash not in run_of(host).part(_Ahead).operations:
        forget_readings(host)


def forget_readings(host: Any) -> None:
    """Have everything read anew that is asked for from now on. What is under way ends by itself."""
    ahead = run_of(host).part(_Ahead)
    ahead.named.clear()
    ahead.begun.clear()


def read(host: Any, reading: Reading) -> Output:
    """What a command prints, as begun before or else as it is now.

    Raises:
        TargetError: as :func:`run`.
        TargetTooMuch: it printed half of :data:`LARGEST_OUTPUT` or more.
    """
    ahead = run_of(host).part(_Ahead)
    begun, greenlet = ahead.begun.pop((reading, repr(rights(host))), (0.0, None))
    output: Output | None = None
    if greenlet is not None and time.monotonic() - begun < LONGEST_AHEAD:
        output = greenlet.get()
    if output is None:
        ahead.named = [named for named in ahead.named if named != reading]
        output = run(host, _bounded(reading), stdin=reading.stdin, longest=LONGEST_READING)
    # Line breaks are not counted, and what had been printed when the rest was cut off may count as a good end.
    if sum(map(len, output.stdout)) >= LARGEST_OUTPUT // 2:
        raise TargetTooMuch(f"more than {LARGEST_OUTPUT / 2**21:.3g} MiB came from the host instead of a few KB")
    return output


def _bounded(reading: Reading) -> StringCommand:
    # POSIX sh keeps the status of a pipe's last command alone, so the first one's goes around it, on 3.
    return StringCommand(
        f"exec 4>&1; {{ {{ (\n{reading.command}\n); echo $? >&3; }} | head -c {LARGEST_OUTPUT} | "
        f'{reading.through} >&4; }} 3>&1 | {{ read -r status; exit "${{status:-1}}"; }}'
    )


def fact_reading(fact: type[FactBase[Any]], stdin: str | None = None, **arguments: Any) -> Reading:
    """What :func:`read_fact` runs."""
    # FactBase leaves command to its subclasses, each with arguments of its own.
    command: Any = fact().command
    # In base64, because a byte that is no UTF-8 would end the reading, with a traceback of pyinfra's.
    return Reading(StringCommand(command(**arguments)).get_raw_value(), "base64", stdin)


def read_fact(host: Any, fact: type[FactBase[T]], stdin: str | None = None, **arguments: Any) -> T:
    """What a fact reads from the host.

    Not ``host.get_fact``: where a command cannot be run at all (a wrong sudo password, say), that ends the whole run
    with a traceback when the host is the last one.

    Args:
        stdin: what the fact's command reads; never shown, nor is what it prints then, which may repeat it.
        arguments: the fact's own.

    Raises:
        TargetError: the host did not run the command, or answered what the fact does not understand.
    """
    output = read(host, fact_reading(fact, stdin, **arguments))
    try:
        text = base64.b64decode("".join(output.stdout), validate=True).decode(errors="replace")
    except ValueError as error:
        said = quote(output.stdout[0], 80)
        raise TargetError(f"the host printed '{said}' unasked; its shell must not print anything by itself") from error
    lines = text.replace("\r\n", "\n").removesuffix("\n").split("\n") if text else []
    if stdin is None:
        show(host, lines)
    if not output.ok:
        reason = Output(False, lines, output.stderr).reason
        raise TargetError(
            f"the host did not run a command: {reason}; check the SSH user's rights, --sudo and its password"
        )
    return fact().process(lines) if lines else fact.default()
