"""The output of a run for people: the plan of each host, the changes, and the result.

Lines go to standard error like pyinfra's own, with the host in front. With ``--json`` the lines of a plan are in
pyinfra's JSON as well: as the ``args`` of their operation.
"""

from __future__ import annotations

import re
import shlex
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field
from importlib import import_module
from itertools import pairwise
from typing import Any

import click
from pyinfra import logger
from pyinfra.api.state import BaseStateCallback
from pyinfra.context import ctx_host
from pyinfra.context import state as context_state

from pyinfra_plane.dataclass import dataclass
from pyinfra_plane.engine import interrupt, patches
from pyinfra_plane.engine.host_run import run_of
from pyinfra_plane.text import may_hold_password, printable

_COLOURS = {"+": "green", "~": "yellow", "-": "red", "!": "yellow", "?": "cyan"}

_CHANGE_SIGNS = ("+", "~", "-", "?")
"""Signs of lines that contradict "nothing to change"; a line about a failure does so too."""

LEAST_ALIKE = 4
"""Minimum number of hosts with the same plan for which it is shown once."""

MOST_NAMES = 8
"""Maximum number of hosts that a line names."""

_WORDS = {"+": "created", "~": "changed", "-": "removed"}


class Line(dict[str, str]):
    """A line of a plan, in its form in pyinfra's JSON."""

    def __str__(self) -> str:
        return f"{self['host']}: {self['line']}"


@dataclass
class Report:
    """The events on one host."""

    begun: float = field(default_factory=time.monotonic)
    done: Counter[str] = field(default_factory=Counter)
    kept: int = 0
    unavailable: int = 0
    failed_at: str | None = None
    reason: str = ""
    is_interrupted: bool = False
    would_fail: str | None = None
    """The reason why the run would end on this host at this point of the preview; nothing further is planned."""
    not_reached: str | None = None
    """The reason why the connection to the host failed."""
    facts: list[Callable[[], str | None]] = field(default_factory=list)
    """Functions that return further text for the summary; each is called at the end."""
    is_collecting: bool = False
    is_planned: bool = False
    is_broken: bool = False
    """Whether an error ends the run during planning; that error is reported at the end."""
    planned: list[str] = field(default_factory=list)
    lines: list[dict[str, str]] = field(default_factory=list)
    """The lines for JSON: of a plan or of a run, since a run with JSON has ``-y``."""
    said: set[str] = field(default_factory=set)


_SECRET_OPTIONS = ("--ssh-password", "--password", "--ssh-key-password", "--key-password")
"""Options of pyinfra 3.10 with a secret, besides every other password that it asks for."""

_SECRET_NAME = re.compile("passw|secret|token|seed|_key$|^values$|^text$", re.I)
"""Names of custom data and of operations' arguments with a secret; ``--data ssh_key=…`` is a path, and is hidden
too."""

_known_names: dict[str, bool] = {}
"""By name, whether a setting may hold a secret; for any other name, the name decides."""

_json = False
_is_preview_only = False
"""Whether the command ends after the preview."""


def report_of(host: Any) -> Report:
    """Return the report of a host, created on first use."""
    return run_of(host).part(Report)


def is_executing() -> bool:
    """Whether changes are being made, not planned."""
    return bool(context_state.is_executing)


# Lines


def say(host: Any, line: str) -> None:
    """Show a line of the plan, or of a change: its first character is the sign.

    While a plan is collected, the line is shown with the others of its host, when all hosts are done.
    """
    report, line = report_of(host), printable(line)
    record(host, line, is_shown=True)
    if report.is_collecting and not is_executing():
        report.planned.append(line)
    else:
        _show(host, line)


def record(host: Any, line: str, is_shown: bool = False) -> None:
    """Store a line for JSON, without showing it. A line of a plan with `is_said` is also in pyinfra's part of it."""
    if not _json:
        return
    operation = getattr(host, "current_op_hash", None)
    name = _name(context_state, operation) if operation is not None else ""
    report_of(host).lines.append({"operation": name, "sign": line[0], "line": printable(line)})
    if is_shown and operation is not None and not is_executing():
        # pyinfra joins them to text, or writes them as JSON.
        lines: list[Any] = context_state.get_op_meta(operation).args
        lines.append(Line(host=host.name, sign=line[0], line=line))
        # If an operation has no name, its lines also hold its arguments, which stay in front.
        lines.sort(key=lambda one: one["host"] if isinstance(one, Line) else "")


def _name(state: Any, operation: str) -> str:
    return str(min(state.get_op_meta(operation).names))


def say_once(host: Any, line: str, reason: str = "") -> None:
    """As :func:`say`, but once per stage of the run.

    A line with the same `reason` as an earlier one is not shown either.
    """
    stage = f"{is_executing()} {reason or line}"
    if stage not in report_of(host).said:
        report_of(host).said.add(stage)
        say(host, line)


def _show(host: Any, line: str) -> None:
    host.log_styled(line, fg=_COLOURS.get(line[0], "white"), log_func=logger.info)


def stop_planning(host: Any, reason: str) -> None:
    """Plan nothing further for a host, because the run would fail there; a preview then exits with 1."""
    report_of(host).would_fail = printable(reason)
    if _is_preview_only:
        context_state.failed_hosts.add(host)


# The plan


@contextmanager
def plan() -> Iterator[None]:
    """Collect the plan of the current host; show all hosts' plans in the inventory's order at the end.

    Within another plan, or while changes are being made, this has no effect.
    """
    report = report_of(ctx_host.get())
    if report.is_collecting:
        yield
        return
    note_ends(context_state)
    report.is_collecting = True
    try:
        yield
    except BaseException:
        report.is_broken = True
        raise
    finally:
        report.is_collecting = False
        report.is_planned = True
        # Each host calls this, and the last one shows them.
        if all(report_of(host).is_planned for host in context_state.inventory.get_active_hosts()):
            _show_plans()


def _show_plans() -> None:
    active = set(context_state.inventory.get_active_hosts())
    alike: dict[tuple[str, ...], list[Any]] = {}
    for host in (host for host in context_state.inventory if host in active):
        alike.setdefault(tuple(report_of(host).planned), []).append(host)
    for hosts in alike.values():
        # With -y there is no plan, so nothing is the same.
        is_grouped = len(hosts) >= LEAST_ALIKE and context_state.should_check_for_changes()
        apart = hosts[:1] if is_grouped else hosts
        for host in apart:
            _show_plan(host)
        if others := [host.name for host in hosts[len(apart) :]]:
            more = f" and {len(others) - MOST_NAMES} more" if len(others) > MOST_NAMES else ""
            apart[0].log(f"the same on {len(others)} other hosts: {', '.join(others[:MOST_NAMES])}{more}")
        for host in hosts:
            report_of(host).planned.clear()
            report_of(host).is_planned = False


def _show_plan(host: Any) -> None:
    report = report_of(host)
    for line in report.planned:
        _show(host, line)
    # With -y nothing was compared yet, so there is nothing to show.
    is_shown = report.is_broken or any(
        line.startswith(_CHANGE_SIGNS) or line[2:].startswith("would fail: ") for line in report.planned
    )
    if context_state.should_check_for_changes() and not is_shown:
        host.log("nothing to change")


# Waiting


@contextmanager
def waiting(host: Any, what: str) -> Iterator[Callable[[str], None]]:
    """Report a wait, and its remaining time.

    Yields a function that takes the current status: a terminal rewrites the line, a log only gets the first one.
    """
    rewrites = sys.stderr.isatty() and len(list(context_state.inventory.get_active_hosts())) == 1
    begun = time.monotonic()
    host.log(f"waiting for {what}")

    def tell(how: str) -> None:
        if rewrites:
            seconds = time.monotonic() - begun
            # pyinfra's spinner has the last line of the terminal; ours is the one above it.
            sys.stderr.write(f"\r\033[1A\033[K{host.print_prefix}waiting for {what}: {how}, {seconds:.0f} s so far\n")
            sys.stderr.flush()

    yield tell


# The end


def note_ends(state: Any) -> None:
    """Report each host's result at the end, including hosts that were not reached; called by ``config.py``."""
    if not any(isinstance(handler, _Ending) for handler in state.callback_handlers):
        state.add_callback_handler(_Ending())


class _Ending(BaseStateCallback):
    """Shows each host's result, after pyinfra's own table."""

    shown = False

    def host_connect_error(self, state: Any, host: Any, error: Any) -> None:  # type: ignore[override]
        report_of(host).not_reached = printable(str(error))

    # pyinfra calls these with the state first, and on the instance.
    def operation_host_error(  # type: ignore[override]
        self, state: Any, host: Any, op_hash: str, retry_count: int = 0, max_retries: int = 0
    ) -> None:
        report = report_of(host)
        if not report.is_interrupted:
            report.failed_at = report.failed_at or _name(state, op_hash)

    def host_disconnect(self, state: Any, host: Any) -> None:  # type: ignore[override]
        unreached = [one for one in state.inventory if report_of(one).not_reached is not None]
        if self.shown or not (is_executing() or unreached):
            return
        self.shown = True
        logger.info("--> Summary:")
        for one in state.inventory:
            if one in unreached or (one in state.activated_hosts and is_executing()):
                _show_end(one)
        if interrupt.is_requested():
            logger.info(f"    to continue, run: {_command()}")


def _outcome(report: Report) -> tuple[str, str]:
    """A host's result, in the words of JSON, and its reason."""
    if report.not_reached is not None:
        return "not reached", report.not_reached
    if report.failed_at is not None:
        return "failed", report.reason
    if is_executing():
        return ("interrupted" if interrupt.is_requested() else "done"), ""
    return ("previewed", "") if report.would_fail is None else ("would fail", report.would_fail)


def _show_end(host: Any) -> None:
    report = report_of(host)
    outcome, why = _outcome(report)
    facts = "; ".join(_facts(report))
    if outcome in ("done", "interrupted"):
        host.log(facts if outcome == "done" else f"interrupted; {facts}")
        return
    at = f" at {report.failed_at}" if outcome == "failed" else ""
    host.log_styled(f"{outcome}{at}", fg="red", log_func=logger.error)
    if why:
        host.log(f"    why: {why}")
    if outcome == "failed":
        host.log(f"    before that: {facts}")
    host.log(f"    after fixing it, run: {_command(host)}")


def _facts(report: Report) -> Iterator[str]:
    """Yield the changes on a host, and the duration."""
    counts = [f"{report.done[sign]} {word}" for sign, word in _WORDS.items() if report.done[sign]]
    counts.append(f"{report.kept} kept")
    if report.unavailable:
        counts.append(f"{report.unavailable} not available")
    yield ", ".join(counts)
    yield from (fact_line for fact in report.facts if (fact_line := fact()))
    yield f"{time.monotonic() - report.begun:.1f} s"


def _command(host: Any = None) -> str:
    """The command of this run, limited to `host` unless that is ``None``, without the values of secrets.

    Secrets should not be on a command line in the first place.
    """
    given, words = sys.argv[1:], ["pyinfra"]
    for before, word in pairwise(["", *given]):
        if host is None or ("--limit" not in (before, word) and not word.startswith("--limit=")):
            words.append("…" if before in _SECRET_OPTIONS else _without_secret(word))
    if host is not None and (len(context_state.inventory) > 1 or len(words) <= len(given)):
        words += ["--limit", host.name]
    return " ".join(word if "…" in word else shlex.quote(word) for word in words)


def _without_secret(word: str) -> str:
    if word.startswith(("[", "{")):
        return "…"  # the arguments of an operation, as JSON
    name, equals, value = word.removeprefix("--data=").partition("=")
    if not equals or not (name in _SECRET_OPTIONS or _is_secret(name) or may_hold_password(value)):
        return word
    return f"{word.removesuffix(value)}…"


def _is_secret(name: str) -> bool:
    return _known_names[name] if name in _known_names else bool(_SECRET_NAME.search(name))


def prepare_output(settings: Mapping[str, bool]) -> None:
    """Read the options of pyinfra's command line about output. With ``--json``, plans go into pyinfra's JSON.

    Args:
        settings: by name, whether a setting may hold a secret; the shown command hides those.
    """
    global _json, _is_preview_only
    _known_names.update(settings)
    # The command line is known here, but not in the greenlets that work on hosts.
    context = click.get_current_context(silent=True)
    if context is None:
        return
    _json = bool(context.params.get("json_output"))
    _is_preview_only = bool(context.params.get("dry")) or (_json and not context.params.get("yes"))
    if _json:
        patches.json_output(
            lambda: [_host_as_json(host) for host in context_state.inventory if context_state.is_host_in_limit(host)]
        )


def print_json_without_hosts() -> None:
    """Print JSON of a run without remaining hosts; pyinfra 3.10 prints none."""
    if _json:
        import_module("pyinfra_cli.prints").print_run_json(context_state, dry=not is_executing())


def _host_as_json(host: Any) -> dict[str, Any]:
    """One host's results; the names are stable."""
    report = report_of(host)
    outcome, why = _outcome(report)
    return {
        "host": host.name,
        "outcome": outcome,
        "failed_at": report.failed_at,
        "why": why or None,
        "counts": {word: report.done[sign] for sign, word in _WORDS.items()} | {"kept": report.kept},
        "lines": report.lines,
    }
