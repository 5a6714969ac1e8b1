"""Given a host where new files are open to all, when the deploy writes secrets, then nobody else can ever read them."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.target import ENV_FILE, TOKEN_FILE, Target
from tests.faults.cuts import killed_when_all_are_held
from tests.faults.shims import hold_program
from tests.leaks.conftest import NewTarget
from tests.leaks.given import Given, search_for
from tests.leaks.places import watched
from tests.leaks.recorder import record_programs, written

PROGRAMS = ("cat", "chmod", "sync", "mv")
"""Around each of these a file with secrets can be left by a run that is killed."""


@pytest.fixture(autouse=True)
def open_to_all() -> Iterator[None]:
    """What is made without a mode is open to everybody, on both sides."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where programs on this side keep what is temporary."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def holding_secrets(target: Target, known: Given) -> dict[str, int]:
    """The files on the host that hold a secret, each with its mode."""
    search = search_for(target, known)
    files = [path for path in target.host.root.rglob("*") if path.is_file()]
    return {
        str(path.relative_to(target.host.root)): stat.S_IMODE(path.stat().st_mode)
        for path in files
        if search.leaks(str(path), path.read_bytes())
    }


def test_a_file_is_its_owners_alone_before_anything_stands_in_it(target: Target, known: Given) -> None:
    record_programs(target.host)
    assert target.deploy().code == 0
    assert target.deploy("--data", "rotate_tokens=all").code == 0
    notes = written(target.host)
    for name in ("plane.env", "agent-tokens.env"):
        of_file = [note for note in notes if re.sub(r"\d+$", "", note[3]) == f".{name}.new."]
        assert [note for note in of_file if note[0] == "cat"], f"nobody saw {name} being written"
        assert {mode for _, mode, _, _ in of_file} == {"600"}
        # It is empty still when the program that is to fill it is started.
        assert {size for program, _, size, _ in of_file if program == "cat"} == {0}
        assert {program for program, *_ in of_file} >= {"cat", "chmod", "sync", "mv"}
    assert holding_secrets(target, known) == {ENV_FILE: 0o600, TOKEN_FILE: 0o600}


@pytest.mark.parametrize(
    ("path", "operation", "nth"),
    # The token file is written once before there is a token, to see whether that can be done.
    [(ENV_FILE, "deploy.environment", 1), (TOKEN_FILE, "deploy.provisioning", 2)],
)
def test_a_run_that_is_killed_leaves_nothing_that_others_can_read(
    path: str, operation: str, nth: int, new_target: NewTarget, known: Given, temporary: Path
) -> None:
    targets = [new_target(known) for _ in PROGRAMS]
    held = [hold_program(target.host, program, path, nth) for target, program in zip(targets, PROGRAMS, strict=True)]
    with watched(temporary) as sighted:
        killed_when_all_are_held(targets, held, operation=operation)
    left = [holding_secrets(target, known) for target in targets]
    assert any(left), "nothing was left, so nothing was looked at"
    new = str(Path(path).with_name(f".{Path(path).name}.new."))
    for found in left:
        assert {re.sub(r"\.\d+$", ".", file) for file in found} <= {ENV_FILE, TOKEN_FILE, new} and set(
            found.values()
        ) <= {0o600}, left
    # Nothing is written on this side, not even for a moment.
    assert sighted.files == [] and list(temporary.iterdir()) == []
