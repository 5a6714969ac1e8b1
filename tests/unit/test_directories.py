"""Where the tests keep their sandboxes."""

from __future__ import annotations

import os
import subprocess
import sys
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


def test_what_tests_write_is_in_memory_and_goes_with_them(tmp_path: Path) -> None:
    # Any folder can stand for the memory, which not every machine has enough of.
    memory, shown = tmp_path / "memory", tmp_path / "shown"
    memory.mkdir()
    (tmp_path / "small.py").write_text(
        f"import pathlib\nfrom tests import directories\n"
        f"directories.MEMORY, directories.ROOM = pathlib.Path({str(memory)!r}), 1\n"
    )
    (tmp_path / "test_one.py").write_text(
        f"def test_one(tmp_path):\n    open({str(shown)!r}, 'w').write(str(tmp_path))\n"
    )
    others = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    environment = {**others, "PYTHONPATH": str(tmp_path)}
    words = ["-p", "small", "-p", "tests.conftest", "-p", "no:cacheprovider", str(tmp_path / "test_one.py")]
    subprocess.run([sys.executable, "-m", "pytest", *words], env=environment, check=True, stdout=subprocess.DEVNULL)
    assert Path(shown.read_text()).is_relative_to(memory) and PREFIX in shown.read_text()
    assert list(memory.iterdir()) == []
