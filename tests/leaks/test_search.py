"""The search finds what it is to find: each encoding, in each kind of place."""

from __future__ import annotations

import base64
import os
import subprocess
import tempfile
import textwrap
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.deploy.target import Target
from tests.leaks import watch
from tests.leaks.given import Given, marker
from tests.leaks.places import File, Sighted, changed_files, left_on_this_machine, now, watched
from tests.leaks.search import Search, forms

PLANTED = marker()

FORMS = [form.decode() for encoded in forms(PLANTED).values() for form in encoded]

HOWS = set(forms(PLANTED))

SEARCH = Search({"planted": PLANTED, "another": marker()})


def hows(texts: list[tuple[str, bytes]]) -> set[str]:
    """How the planted secret was found; nothing else may be."""
    found = SEARCH.all_leaks(texts)
    assert {leak.name for leak in found} == {"planted"}
    assert not any(PLANTED in field for leak in found for field in leak)
    return {leak.how for leak in found}


@contextmanager
def process(*words: str, **environment: str) -> Iterator[None]:
    """A process with these words in its command line, and this environment."""
    command = ["sh", "-c", "echo ready; read line", *words]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env={**os.environ, **environment}, stdin=pipe, stdout=pipe) as running:
        assert running.stdout is not None and running.stdout.readline() == b"ready\n"
        yield


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Sighted, Path]:
    """What is seen when every form stands in a command line, an environment, a file that stays and one that goes."""
    directory = tmp_path_factory.mktemp("watched")
    every = {f"FORM_{n}": form for n, form in enumerate(FORMS)}
    with watched(directory) as sighted:
        with process(*every.values()), process(**every):
            sighted.look()
        (directory / "stays").write_text("\n".join(FORMS))
        (directory / "folder").mkdir()
        sighted.look()
        with tempfile.NamedTemporaryFile("w", dir=directory / "folder") as gone:
            gone.write("\n".join(FORMS))
            gone.flush()
            sighted.look()
    return sighted, directory


def test_every_encoding_differs() -> None:
    assert set(forms(PLANTED)) == {
        *("as it is", "percent-encoded", "percent-encoded form", "base64", "base64 for addresses"),
        *("hex", "JSON", "shell", "SQL", "repr"),
    }


@pytest.mark.parametrize("form", FORMS, ids=range(len(FORMS)))
def test_each_form_is_found_in_an_output(form: str) -> None:
    assert hows([("stdout", f"    [host] password={form}, and more\n".encode())]) <= HOWS


def test_base64_is_found_wherever_it_begins_and_however_it_is_broken_into_lines() -> None:
    for before in range(6):
        encoded = base64.b64encode(bytes(before) + PLANTED.encode() + bytes(before)).decode()
        for width in range(5, 30):
            broken = textwrap.wrap(encoded, width)
            assert hows([("plain", "\n".join(broken).encode())]) == {"base64"}
            assert hows([("by pyinfra", "".join(f"    [host-1] {line}\n" for line in broken).encode())]) == {"base64"}


def test_an_encoding_that_nobody_thought_of_is_found() -> None:
    written = "".join(character if character.isalnum() else f"<{ord(character)}>" for character in PLANTED)
    assert hows([("stdout", written.encode())]) == {"in part, or in another encoding"}


def test_a_secret_without_anything_to_look_for_is_refused() -> None:
    with pytest.raises(ValueError, match="short has no"):
        Search({"short": "a!b@c#d$e"})


def test_each_encoding_is_found_in_a_command_line(planted: tuple[Sighted, Path]) -> None:
    assert hows(list(planted[0].command_lines())) == HOWS


def test_each_encoding_is_found_in_an_environment(planted: tuple[Sighted, Path]) -> None:
    assert hows(list(planted[0].environments(lambda _: False))) == HOWS
    assert not SEARCH.all_leaks(planted[0].environments(lambda each: b"FORM_" in each.environment))


def test_a_process_that_is_being_started_is_looked_at_once_its_command_line_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parent = os.getppid()
    command_lines = [b"", b"pyinfra"]

    def read(path: str) -> bytes:
        if path == f"/proc/{parent}/cmdline":
            return command_lines.pop(0) if len(command_lines) > 1 else command_lines[0]
        return b"FORM=1" if path == f"/proc/{parent}/environ" else b""

    monkeypatch.setattr(watch, "_read", read)
    looks: list[watch.Seen] = [[], [], []]
    known: dict[str, bytes] = {}
    for seen in looks:
        watch._look_at_processes(seen, known)
    environments = [
        [(command, seen) for kind, process, _, command, seen in look if (kind, process) == ("environment", parent)]
        for look in looks
    ]
    assert environments == [[], [(b"pyinfra", b"FORM=1")], []]


def test_each_encoding_is_found_in_a_file_that_is_gone(planted: tuple[Sighted, Path]) -> None:
    sighted, directory = planted
    assert not list((directory / "folder").iterdir())
    assert hows([(file.path, file.data) for file in sighted.files if "folder" in file.path]) == HOWS


def test_each_encoding_is_found_in_a_file_that_stays(planted: tuple[Sighted, Path]) -> None:
    assert hows([(file.path, file.data) for file in planted[0].files if "stays" in file.path]) == HOWS
    assert hows(list(changed_files(0, planted[1]))) == HOWS


def test_who_can_read_a_file_is_seen(planted: tuple[Sighted, Path]) -> None:
    [stays, *_] = [file for file in planted[0].files if "stays" in file.path]
    [gone, *_] = [file for file in planted[0].files if "folder" in file.path]
    assert (stays.mode & 0o044, gone.mode) == (Path(stays.path).stat().st_mode & 0o044, 0o600)
    assert File("", 0o600, 0, b"").is_roots_alone
    assert not File("", 0o640, 0, b"").is_roots_alone and not File("", 0o600, 1000, b"").is_roots_alone


def test_what_a_git_object_holds_is_found(tmp_path: Path) -> None:
    folder = tmp_path / ".git/objects/12"
    folder.mkdir(parents=True)
    (folder / "34").write_bytes(zlib.compress(f"blob 99\0{PLANTED}".encode()))
    assert hows(list(changed_files(0, tmp_path))) == {"as it is"}


def test_a_file_that_was_there_before_is_not_looked_at(tmp_path: Path) -> None:
    (tmp_path / "old").write_text(PLANTED)
    since = (tmp_path / "old").stat().st_ctime + 0.001
    assert list(changed_files(since, tmp_path)) == []


def test_a_new_file_in_each_place_of_this_machine_is_found(tmp_path: Path) -> None:
    since = now()
    (tmp_path / "own").write_text(PLANTED)
    with (
        tempfile.NamedTemporaryFile("w", dir="/tmp") as first,
        tempfile.NamedTemporaryFile("w", dir="/var/tmp") as last,
    ):
        for each in (first, last):
            # What is the same twice is looked at once.
            each.write(each.name + PLANTED)
            each.flush()
        found = SEARCH.all_leaks(left_on_this_machine(since, tmp_path))
        assert {leak.where for leak in found} == {str(tmp_path / "own"), first.name, last.name}


def test_each_encoding_is_found_in_postgresqls_log(target: Target) -> None:
    for form in FORMS:
        target.host.psql(f"SELECT $leak${form}$leak$")
    assert hows([("log", target.host.postgres_log.read_bytes())]) == HOWS


def test_the_secrets_are_in_no_inventory(target: Target, known: Given) -> None:
    target.deploy("--dry", operation="deploy.environment")
    text = (target.directory / "inventory.py").read_text()
    assert "LEAK_REDIS_URL" in text
    assert Search(known.secrets).leaks("inventory", text) == []
