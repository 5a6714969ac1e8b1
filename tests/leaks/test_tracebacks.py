"""Given an error that nobody expected, when Python prints where it came from, then no secret is in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.deploy.target import TOKEN_FILE, Target
from tests.leaks.given import Given, away, search_for
from tests.sampled import chosen

_DEPLOY = """
import os, resource
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump holds all that the process knew
{patch}
import deploy
deploy.database()
deploy.environment()
deploy.provisioning()
"""

_RAISE = """
def fail(*arguments, **named):
    raise RuntimeError("forced")
"""

_ABORT = """
def fail(*arguments, **named):
    os.abort()
"""

CASES = {
    "as a file is written": _RAISE + "import operations.environment as place\nplace.write_file = fail",
    "as a file is read": _RAISE + "import operations.environment as place\nplace.read_file = fail",
    "as a token is made": _RAISE + "from pyinfra_plane.api.plane import Plane\nPlane.create_token = fail",
    "as a token is saved": _RAISE
    + "from pyinfra_plane.host.token_file import TokenFile\n"
    + "kept = TokenFile.save\n"
    + "TokenFile.save = lambda file: fail() if file.tokens else kept(file)",
    "as a form is sent": _RAISE + "from pyinfra_plane.api.auth import Forms\nForms._send = fail",
    "as settings are changed": _RAISE + "from pyinfra_plane.api.plane import Plane\nPlane.change_configurations = fail",
    "in the library that sends": _RAISE + "import urllib3.connection as place\nplace.HTTPConnection.putheader = fail",
    "aborted as a token is made": _ABORT + "from pyinfra_plane.api.plane import Plane\nPlane.create_token = fail",
    "aborted as a file is written": _ABORT + "import operations.environment as place\nplace.write_file = fail",
}

WHILE_LOOKING = ("as a file is read", "in the library that sends")
"""Before the first change; pyinfra ends at once then, and writes the traceback into a file."""


def kinds(case: str) -> list[tuple[bool, bool]]:
    """What a traceback is an example of: how the process ends, and when."""
    return [("abort" in case, case in WHILE_LOOKING)]


TRIED = chosen("leaks: tracebacks", list(CASES), 4, kinds)


@pytest.mark.sampled
@pytest.mark.parametrize("case", TRIED)
def test_a_traceback_shows_no_secret(
    case: str, target: Target, known: Given, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONFAULTHANDLER", "1")
    deploy = tmp_path / "forced.py"
    deploy.write_text(_DEPLOY.format(patch=CASES[case]))
    run = target.deploy("-vvv", "--debug-all", *away(tmp_path), operation=str(deploy))
    assert run.code != 0
    assert ("Fatal Python error: Aborted" if "abort" in case else "RuntimeError: forced") in run.output, run.output
    written = [(path.name, path.read_bytes()) for path in tmp_path.iterdir()]
    assert ("pyinfra-debug.log" in run.output) == ("pyinfra-debug.log" in dict(written)) == (case in WHILE_LOOKING)
    assert search_for(target, known).all_leaks([("the output", run.output), *written]) == []
    if "token" in case:
        assert target.plane.users and not (target.host.root / TOKEN_FILE).read_text().count("PLANE_TOKEN_")
