"""Files on the target: whatever they are called and hold, they are there exactly, and nothing else is."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations import environment
from pyinfra_plane.engine.commands import TargetError
from pyinfra_plane.engine.converge import Unchanged
from pyinfra_plane.engine.env_file import split, updated
from pyinfra_plane.engine.files import change_access, read_file, write_file
from pyinfra_plane.host.token_file import TokenFile
from pyinfra_plane.settings import Settings, SettingsError
from sandbox import env_file
from tests.unit.given import Shell
from tests.unit.test_environment import apply, plan
from tests.values.hostile import HOSTILE, TALLY, mild, times
from tests.values.test_settings import read

pytestmark = pytest.mark.sampled


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    yield Shell(tmp_path_factory.mktemp("host"))


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file() or path.is_symlink()}


def allowed(name: str) -> str | None:
    """The path that the settings make of it, where they take it."""
    settings = read({"plane_config_dir": name})
    return settings.plane_env_path if isinstance(settings, Settings) else None


def check_exactly(host: Shell, name: str, text: str) -> None:
    """Written, read and closed at `name`, which is below the folder where commands run."""
    # A level below it for each that a value may climb.
    inside = host.folder / "1" / "2" / "3" / "4" / "5"
    path = allowed(f"{inside}/{name}")
    if path is None:
        return
    inside.mkdir(parents=True)
    try:
        write_file(host, path, text)
        file = read_file(host, path)
        assert file is not None
        assert (file.text, file.mode) == (text, "600")
        change_access(host, path, "640")
        assert Path(path).stat().st_mode & 0o777 == 0o640
        assert {one.resolve() for one in files(host.folder)} == {Path(path).resolve()}
    except TargetError as error:
        # It leads to what is a folder by its nature.
        assert str(error).startswith("cannot ")
        assert not files(host.folder)
    finally:
        for left in host.folder.iterdir():
            if left != host.programs:
                shutil.rmtree(left) if left.is_dir() else left.unlink()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_path_and_a_text_of_the_table_are_exact(host: Shell, name: str) -> None:
    TALLY.add()
    value = HOSTILE[name]
    text = value.encode(errors="replace").decode() + "\n"
    check_exactly(host, value, text)


@times(15, 250)
@given(name=mild, text=mild)
def test_any_path_and_text_are_exact(host: Shell, name: str, text: str) -> None:
    TALLY.add(2)
    check_exactly(host, name, text + "\n")


@pytest.mark.parametrize("value", [HOSTILE["option"], HOSTILE["command"], HOSTILE["up"], HOSTILE["jinja"]])
def test_a_relative_path_stands_in_the_folder_of_the_user(host: Shell, value: str, tmp_path: Path) -> None:
    TALLY.add()
    (tmp_path / "home").mkdir()
    home = Shell(tmp_path / "home")
    path = allowed(value)
    if path is not None and not path.startswith(".."):
        write_file(home, path, "x\n")
        assert {one.resolve() for one in files(tmp_path)} == {(tmp_path / "home" / path).resolve()}


@times(15, 250)
@given(secret=mild, extra=mild)
def test_an_environment_file_is_read_back_as_it_was_rendered(host: Shell, secret: str, extra: str) -> None:
    path = str(host.folder / "plane.env")
    settings = read({"postgresql_password": secret, "plane_secret_key": "k", "plane_env_extra": {"EMAIL_FROM": extra}})
    if not isinstance(settings, Settings):
        return
    try:
        text = environment.render(settings)
    except SettingsError:
        return
    apply(plan(environment.env_file, host, path=path, text=text))
    assert Path(path).read_bytes().decode() == text.unmask()
    [kept] = plan(environment.env_file, host, path=path, text=text)
    assert isinstance(kept, Unchanged)
    Path(path).unlink()


# What stands in quotes ends with its line: what follows them there is kept or lost with the variable.
WORDS = (
    "A", "WEB_URL", "=", ":", "'a # b'\n", "'two\nWEB_URL=lines'\n", '"a \\" b"\n', '"\nWEB_URL=x\n"\n', "#", " ", "\n",
    "\r", "\t", "\\", "export ", "x", "\ufeff", "ü",
)  # fmt: skip


@times(300, 4000)
@given(words=st.lists(st.sampled_from(WORDS), max_size=40))
def test_a_variable_is_changed_in_any_file_and_nothing_else_is(words: list[str]) -> None:
    TALLY.add()
    text = "".join(words)
    ended = text if text.endswith("\n") or not text else f"{text}\n"
    assert updated(split(text), {}) == ended
    found = updated(split(text), {"WEB_URL": "WEB_URL=new"})
    assert updated(split(found), {"WEB_URL": "WEB_URL=new"}) == found
    try:
        before = env_file.parse(text, {})
    except env_file.EnvFileError:
        return  # Compose refuses the file, with what is wrong in it
    assert env_file.parse(found, {}) == {**before, "WEB_URL": "new"}


@times(10, 150)
@given(line=mild)
def test_other_lines_of_the_token_file_stay_as_they_are(host: Shell, line: str) -> None:
    TALLY.add()
    path = host.folder / "agent-tokens.env"
    # The marks of another system's file, a byte order mark and CRLF, are not kept.
    text = line.replace("\r", "").replace("\ufeff", "")
    lines = [one for one in text.split("\n") if one and "=" not in one and not one.startswith("#")]
    path.write_text("\n".join([*lines, "PLANE_TOKEN_THOT=plane_api_x"]) + "\n", encoding="utf-8", newline="")
    file = TokenFile(host, str(path))
    file.save()
    again = TokenFile(host, str(path))
    assert again.tokens == {"PLANE_TOKEN_THOT": "plane_api_x"}
    assert again._others == lines
    path.unlink()
