"""Where the tests keep their sandboxes."""

from __future__ import annotations

import os
from pathlib import Path

from tests.directories import PREFIX, has_room, remove_leftovers


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
