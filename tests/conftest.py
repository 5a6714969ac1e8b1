"""What a test run says at its end: which parts were skipped, and why; that some must not be; and what was sampled."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from tests import sampled
from tests.directories import keep_empty_data, new_directory, use_memory

__all__ = ["new_directory"]

_skipped: dict[str, str] = {}

# What the tests were started with is passed on to what they start: in the background, or by nohup, these are ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# Each of the hundreds of runs would compile this project anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--required",
        default="",
        metavar="PARTS",
        help="parts, separated by commas, whose tests must not be skipped; `all` for every one",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    use_memory(config)
    keep_empty_data(config)
    config.addinivalue_line("markers", "sampled: of a table that `make test` samples and `make test-deep` runs whole")
    try:
        part, seed = sampled.part(), sampled.seed()
    except ValueError as error:
        raise pytest.UsageError(str(error)) from error
    # Set once, so that all workers draw the same sample.
    os.environ["SEED"] = str(seed)
    # Hypothesis draws its values by it, too, and other ones for each part.
    config.option.hypothesis_seed = str(seed + (part.number if part else 0))


def pytest_xdist_auto_num_workers() -> int:
    """More than there are cores, because a test waits half of its time for other processes."""
    return max(3, round(2.5 * (os.cpu_count() or 1)))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        # A part is a folder of tests, such as `docker`.
        part = report.nodeid.split("/")[1] if report.nodeid.count("/") > 1 else report.nodeid
        _skipped.setdefault(part, reason.removeprefix("Skipped: "))


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.skipped and isinstance(report.longrepr, tuple):
        part = report.nodeid.split("/")[1] if report.nodeid.count("/") > 1 else report.nodeid
        _skipped.setdefault(part, report.longrepr[2].removeprefix("Skipped: "))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["tried"] = sampled.TRIED
    required = set(filter(None, session.config.getoption("--required").split(",")))
    if _skipped.keys() & required or ("all" in required and _skipped):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_unconfigure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        return
    parts = "; ".join(f"{part} ({reason})" for part, reason in sorted(_skipped.items()))
    print(f"skipped: {parts or 'nothing'}")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    sampled.TRIED.update(getattr(node, "workeroutput", {}).get("tried", {}))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for line in sampled.summary(sampled.TRIED):
        terminalreporter.write_line(line)
