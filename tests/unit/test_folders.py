"""A folder of files on the host: read in one command, made with its mode, and only what can be a name of ours seen."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from pyinfra_plane.engine.commands import TargetError
from pyinfra_plane.engine.files import make_folder, read_folder, remove_file
from tests.unit.given import Shell


@pytest.fixture
def host(tmp_path: Path) -> Shell:
    (tmp_path / "run").mkdir()
    return Shell(tmp_path / "run")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "it's a folder"


def test_a_folder_that_is_not_there_is_none_and_is_made_with_its_mode(host: Shell, folder: Path) -> None:
    assert read_folder(host, str(folder), ".env") is None
    make_folder(host, str(folder / "below"), "711")
    assert stat.S_IMODE((folder / "below").stat().st_mode) == 0o711
    found = read_folder(host, str(folder / "below"), ".env")
    assert found is not None and (found.mode, found.files) == ("711", {})


def test_files_are_read_whole_by_their_ending(host: Shell, folder: Path) -> None:
    folder.mkdir(mode=0o755)
    texts = {"thot.env": "A=ä\n\nB=2\n", "empty.env": "", "r-2.json": "{}", "long.env": "x" * 5000}
    for name, text in {**texts, "notes.txt": "no", "bad name.env": "no", "new\nline.env": "no"}.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)
    (folder / "folder.env").mkdir()
    (folder / "nowhere.env").symlink_to("there-is-no-such-file")
    found = read_folder(host, str(folder), ".env", ".json")
    assert found is not None
    assert {name: file.text for name, file in found.files.items()} == texts
    assert {file.mode for file in found.files.values()} == {"600"}


def test_what_is_no_folder_or_no_text_is_one_line(host: Shell, folder: Path) -> None:
    folder.write_text("")
    with pytest.raises(TargetError, match="it is not a folder; move it away"):
        read_folder(host, str(folder), ".env")
    folder.unlink()
    folder.mkdir()
    (folder / "thot.env").write_bytes(b"\xff")
    with pytest.raises(TargetError, match=r"thot\.env is not UTF-8 text"):
        read_folder(host, str(folder), ".env")


def test_a_file_is_removed_and_one_that_is_gone_is_no_error(host: Shell, folder: Path) -> None:
    folder.mkdir()
    file = folder / "thot.env"
    file.write_text("")
    remove_file(host, str(file))
    remove_file(host, str(file))
    assert not file.exists()
    with pytest.raises(TargetError, match=r"cannot remove .*: "):
        remove_file(host, str(folder))
