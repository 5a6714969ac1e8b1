"""What a test run says at its end: which parts were skipped, and why; and that some must not be."""

from __future__ import annotations

import os
import signal

import pytest

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
    required = set(filter(None, session.config.getoption("--required").split(",")))
    if _skipped.keys() & required or ("all" in required and _skipped):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_unconfigure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        return
    parts = "; ".join(f"{part} ({reason})" for part, reason in sorted(_skipped.items()))
    print(f"skipped: {parts or 'nothing'}")
