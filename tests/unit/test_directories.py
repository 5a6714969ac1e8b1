"""Where the tests keep their sandboxes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.directories import MEMORY, PREFIX, ROOM, has_room, remove_leftovers


def test_only_directories_of_processes_that_are_gone_are_removed(tmp_path: Path) -> None:
    # Linux gives no process a number above 2**22.
    for name in (f"{PREFIX}{os.getpid()}-a", f"{PREFIX}99999999-b", "other"):
        (tmp_path / name / "inside").mkdir(parents=True)
    remove_leftovers(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {f"{PREFIX}{os.getpid()}-a", "other"}


def test_a_folder_that_is_too_small_or_absent_is_not_used(tmp_path: Path) -> None:
    assert has_room(tmp_path, 1)
    assert not has_room(tmp_path, 2**60)
    assert not has_room(tmp_path / "absent", 1)


@pytest.mark.skipif(not has_room(MEMORY, ROOM), reason=f"{MEMORY} is too small")
def test_what_tests_write_is_in_memory_and_goes_with_them(tmp_path: Path) -> None:
    assert tmp_path.is_relative_to(os.environ["PYTEST_DEBUG_TEMPROOT"])
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    shown = tmp_path / "shown"
    (tmp_path / "test_one.py").write_text(
        f"def test_one(tmp_path):\n    open({str(shown)!r}, 'w').write(str(tmp_path))\n"
    )
    words = ["-p", "tests.conftest", "-p", "no:cacheprovider", str(tmp_path / "test_one.py")]
    command = [sys.executable, "-m", "pytest", *words]
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    path = Path(shown.read_text())
    assert path.is_relative_to(MEMORY) and PREFIX in str(path)
    assert not any(part.exists() for part in path.parents if part.name.startswith(PREFIX))
