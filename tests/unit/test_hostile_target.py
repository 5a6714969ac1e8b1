"""A target that means harm, or is broken: what it costs is bounded, what it says cannot harm, what it is asked ends."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from pyinfra.api import StringCommand

from pyinfra_plane.engine import lock
from pyinfra_plane.engine.commands import LONGEST_READING, Output, TargetError, run
from pyinfra_plane.engine.files import read_file, write_file
from pyinfra_plane.engine.readings import LARGEST_OUTPUT, read_fact
from pyinfra_plane.engine.scram import MOST_ITERATIONS
from pyinfra_plane.facts.compose import ComposeConfig, ComposeServices
from pyinfra_plane.facts.docker import FAILED, DockerContainer
from pyinfra_plane.facts.plane_schema import PlaneSchema
from pyinfra_plane.facts.postgres import PostgresService, Scram, Server, Service
from pyinfra_plane.facts.redis import RedisNeighbours, SharedRedis
from pyinfra_plane.host.token_file import TokenFile
from pyinfra_plane.text import LONGEST
from tests.unit.given import PROPERTY, Lines, Shell
from tests.unit.ssh import FakeTransport, connected

ESCAPES = "\x1b[2J\x1b]0;title\x07\x9b31m\x08\u202e\u2028"


@pytest.fixture
def host(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def one_line(error: BaseException) -> str:
    text = str(error)
    assert text.isprintable()
    assert 0 < len(text) <= LONGEST
    return text


def refused(host: Shell, path: object) -> str:
    """Why a file cannot be read: one line, and soon."""
    began = time.monotonic()
    with pytest.raises(TargetError) as caught:
        read_file(host, str(path))
    assert time.monotonic() - began < 10
    return one_line(caught.value)


# Files


def test_a_pipe_is_not_waited_for(host: Shell, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "file")
    assert refused(host, tmp_path / "file") == f"cannot read {tmp_path}/file: it is a fifo, not a file; move it away"


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/urandom", "/dev/null", "/dev/tty"])
def test_a_device_is_not_read(host: Shell, tmp_path: Path, device: str) -> None:
    (tmp_path / "file").symlink_to(device)
    for path in (device, tmp_path / "file"):
        assert "not a file; move it away" in refused(host, path)


def test_a_loop_or_end_of_links_is_one_line(host: Shell, tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    (tmp_path / "c").symlink_to("nowhere")
    for name in "abc":
        said = refused(host, tmp_path / name)
        assert said == f"cannot read {tmp_path}/{name}: it is a link that leads nowhere, not a file; move it away"


def test_a_link_to_a_file_is_read_with_the_files_own_mode(host: Shell, tmp_path: Path) -> None:
    (tmp_path / "real").write_text("text\n")
    (tmp_path / "real").chmod(0o600)
    (tmp_path / "file").symlink_to("real")
    found = read_file(host, str(tmp_path / "file"))
    assert found is not None
    assert (found.text, found.mode) == ("text\n", "600")


@pytest.mark.parametrize("size", [LARGEST_OUTPUT, 2 * LARGEST_OUTPUT, 100 * 2**20])
def test_a_file_without_end_is_not_read_whole(host: Shell, tmp_path: Path, size: int) -> None:
    with (tmp_path / "file").open("wb") as file:
        file.truncate(size)
    said = refused(host, tmp_path / "file")
    assert said == (
        f"cannot read {tmp_path}/file: the host sent more than 2 MiB instead of a few KB; fix it or move it away"
    )


def test_a_large_file_within_the_bound_is_read_whole(host: Shell, tmp_path: Path) -> None:
    text = "x" * (LARGEST_OUTPUT * 2 // 3)
    (tmp_path / "file").write_text(text)
    found = read_file(host, str(tmp_path / "file"))
    assert found is not None
    assert found.text == text


@pytest.mark.parametrize("name", ["two\nlines", "tab\there", "\x1b[31mred", "cr\r", "nbsp\xa0"])
def test_a_name_that_is_no_line_is_a_name_and_is_shown_as_a_line(host: Shell, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    write_file(host, str(path), "text\n")
    found = read_file(host, str(path))
    assert found is not None and found.text == "text\n"
    path.unlink()
    path.mkdir()
    refused(host, path)
    with pytest.raises(TargetError) as caught:
        write_file(host, str(path), "text\n")
    one_line(caught.value)


@pytest.mark.parametrize("data", [b"\xff\xfe\n", b"A=\xed\xa0\x80\n", bytes(range(256))])
def test_a_file_that_is_no_text_is_one_line(host: Shell, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "file").write_bytes(data)
    assert "is not UTF-8 text; fix it or move it away" in refused(host, tmp_path / "file")


@pytest.mark.parametrize(
    "noise",
    ["Welcome!", "600 root", "\x1b[2J", "99 root root", "absent?", "600  root", "-rw root root", "x" * 5000],
)
def test_a_shell_that_prints_something_itself_is_told_of(host: Shell, tmp_path: Path, noise: str) -> None:
    (tmp_path / "file").write_text("text\n")
    (tmp_path / "noise").write_text(noise + "\n")
    host.replace("stat", f'cat "{tmp_path}/noise"')
    assert "the SSH user's shell must print only a command's output" in refused(host, tmp_path / "file")


@pytest.mark.parametrize("noise", ["Welcome!", "", "plane-reading?", "\x1b[2J", "x" * 5000])
def test_a_shell_that_prints_something_before_a_command_is_told_of(host: Shell, noise: str) -> None:
    command_runs = host.run_shell_command

    def greeted(command: StringCommand, **arguments: Any) -> tuple[bool, Lines]:
        return command_runs(StringCommand(f"printf '%s\\n' {_quoted(noise)};", command), **arguments)

    host.run_shell_command = greeted  # type: ignore[method-assign]
    with pytest.raises(TargetError) as caught:
        read_fact(host, ComposeServices, directory="/")
    for said in (one_line(caught.value), refused(host, "file")):
        assert said.startswith("the host printed '")
        assert said.endswith("' before its answer; the SSH user's shell must print only a command's output")


def test_a_shell_that_runs_no_command_is_told_of(host: Shell) -> None:
    # As the command that authorized_keys may name instead.
    host.run_shell_command = lambda command, **arguments: (True, Lines([], []))  # type: ignore[method-assign]
    with pytest.raises(TargetError, match=r"^the host did not run a command: it printed nothing; check the SSH user's"):
        read_fact(host, ComposeServices, directory="/")
    assert refused(host, "file").startswith("cannot read file: it printed nothing; ")


@pytest.mark.parametrize("garbled", ["!!!!", "QQ", "QUJD\n*", "é", "QUJ\x00D"])
def test_what_is_no_base64_is_one_line(host: Shell, tmp_path: Path, garbled: str) -> None:
    (tmp_path / "file").write_text("text\n")
    (tmp_path / "garbled").write_text(garbled + "\n")
    host.replace("base64", f'cat "{tmp_path}/garbled"')
    assert "is not UTF-8 text" in refused(host, tmp_path / "file")


def test_lines_of_a_terminal_are_lines(host: Shell, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text\n")
    host.replace("base64", 'PATH=${PATH#*:}; base64 "$@" | sed "s/$/\\r/"')
    host.replace("stat", 'PATH=${PATH#*:}; stat "$@" | sed "s/$/\\r/"')
    found = read_file(host, str(tmp_path / "file"))
    assert found is not None and found.text == "text\n"
    assert run(host, "printf 'a\\r\\nb\\r\\n'").stdout == ["a", "b"]


def test_a_command_that_half_fails_is_no_half_file(host: Shell, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text\n")
    host.replace("base64", "echo QUJD; echo broken disk >&2; exit 1")
    assert "broken disk" in refused(host, tmp_path / "file")


# Commands


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_reason_is_plain_and_short(stream: str) -> None:
    lines = ["first", ESCAPES + "broken\t" + "x" * 10_000, ESCAPES]
    output = Output(False, lines if stream == "stdout" else [], lines if stream == "stderr" else [])
    assert output.reason.startswith("broken xxx")
    assert output.reason.isprintable()
    assert len(output.reason) == 300


@given(lines=st.lists(st.text()))
def test_any_reason_is_one_line(lines: list[str]) -> None:
    assert one_line(TargetError(Output(False, [], lines).reason))


def test_a_command_that_never_ends_is_given_up(host: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def stalls(command: object, **arguments: Any) -> tuple[bool, Lines]:
        host.arguments.append(arguments)
        raise TimeoutError

    monkeypatch.setattr(host, "run_shell_command", stalls)
    assert refused(host, "file") == (
        f"a command on the host did not end within {LONGEST_READING} s; run with -vv to see it, and check what it "
        "waits for"
    )
    host.current_op_global_arguments = {"_timeout": 5}
    assert "did not end within 5 s" in refused(host, "file")
    assert [given["_timeout"] for given in host.arguments] == [LONGEST_READING, 5]


# The lock


@pytest.fixture(params=["local", "SSH"])
def locking(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    """A host whose programs are also those of the command that holds the lock."""
    (tmp_path / "host").mkdir()
    host = Shell(tmp_path / "host")
    monkeypatch.setattr(lock, "WAIT", 0)
    monkeypatch.setenv("PATH", f"{host.programs}:{os.environ['PATH']}")
    if request.param == "SSH":
        host.connector = connected(FakeTransport())
    yield host
    assert not lock.is_held(host)


def not_locked(host: Shell, folder: Path) -> str:
    """Why the lock is not given: one line, and soon."""
    began = time.monotonic()
    with pytest.raises(TargetError) as caught:
        lock.hold(host, str(folder))
    assert time.monotonic() - began < 10
    return one_line(caught.value)


def test_a_lock_is_not_waited_for_without_end(locking: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "LONGEST_READING", 1)
    # As one on a network folder that does not answer, but that it can be ended.
    locking.replace("mkdir", "exec cat >/dev/null")
    assert not_locked(locking, tmp_path / "folder") == (
        f"cannot lock {tmp_path}/folder: the host did not answer within 1 s; check that the disk or network folder "
        "under it responds"
    )


def test_a_host_that_says_a_little_now_and_then_is_not_listened_to_without_end(
    locking: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "LONGEST_READING", 1)
    locking.replace("mkdir", "while sleep 0.1; do echo wait || exit; done")
    assert "did not answer within 1 s" in not_locked(locking, tmp_path / "folder")


@pytest.mark.parametrize("script", ["yes", "cat /dev/zero", "yes | tr -d '\\n'", "yes >&2", "cat /dev/urandom"])
def test_what_is_said_of_a_lock_without_end_ends(locking: Shell, tmp_path: Path, script: str) -> None:
    locking.replace("mkdir", script)
    assert not_locked(locking, tmp_path / "folder").startswith(f"cannot lock {tmp_path}/folder: ")


NOTES = {
    "escapes": (ESCAPES + "\n" + ESCAPES).encode(),
    "binary": bytes(range(256)) * 100,
    "large": b"x" * 10**6,
    "lines": b"x\n" * 10**6,
    "no process": b"ada\n1; rm -rf /\n",
    "nothing": b"",
    "held": b"held\nheld\n",
}


@pytest.mark.parametrize("note", NOTES.values(), ids=NOTES)
def test_any_note_of_who_has_the_lock_is_one_line(locking: Shell, tmp_path: Path, note: bytes) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / lock.NAME).write_bytes(note)
    locking.replace("flock", "exit 1")
    said = not_locked(locking, tmp_path / "folder")
    assert said.startswith("another run is working on this host: ")
    assert said.endswith(f"run on the host: kill the process that {tmp_path}/folder/{lock.NAME} names")


# Facts

FACTS: dict[str, tuple[Any, dict[str, Any]]] = {
    "containers": (DockerContainer, {"container": "api"}),
    "services": (ComposeServices, {"directory": "/"}),
    "config": (ComposeConfig, {"command_words": StringCommand("docker compose")}),
    "schema": (PlaneSchema, {"server": Server("db"), "database": "plane"}),
    "service": (PostgresService, {"server": Server("db"), "database": "plane", "role": "plane"}),
    "neighbours": (RedisNeighbours, {"container": "redis"}),
}

# A container of a project in /, so that it is looked at.
LISTED = """[ "$1" = ps ] && { printf '1a\\trunning\\t/\\t"gunicorn"\\n'; exit; }; """

ENDLESS = {
    "zeros": "cat /dev/zero",
    "lines": "yes '{\"service\": 1}'",
    "one line": "yes | tr -d '\\n'",
    "on stderr": "yes >&2",
}


@pytest.mark.parametrize(
    ("name", "script"),
    # What docker says of containers on standard error goes to /dev/null on the target.
    [(name, script) for name in FACTS for script in ENDLESS.values() if (name, script) != ("containers", "yes >&2")],
)
def test_output_without_end_ends(host: Shell, name: str, script: str) -> None:
    fact, arguments = FACTS[name]
    host.replace("docker", f"{LISTED}exec sh -c {_quoted(script)}")
    began = time.monotonic()
    with pytest.raises(TargetError, match="the host sent more than 2 MiB") as caught:
        read_fact(host, fact, **arguments)
    one_line(caught.value)
    assert time.monotonic() - began < 10


def _quoted(script: str) -> str:
    return "'" + script.replace("'", "'\\''") + "'"


GARBLED = {
    "binary": "head -c 3000 /dev/urandom",
    "no UTF-8": "printf '\\377\\376{\\355\\240\\200\\n'",
    "escapes": "printf '\\033[2J\\033]0;x\\007\\n{\\033\\n'",
    "half a line": 'printf \'{"status": "runn\'',
    "CRLF": "printf '{}\\r\\n{}\\r\\n'",
    "another shape": 'echo \'{"status": {}, "created": [], "networks": 5, "role": [1], "service": null}\'',
    "NULs": "head -c 1000 /dev/zero",
    "nothing": "true",
    "an error": "printf 'no\\033[31m such\\n' >&2; exit 1",
}


@pytest.mark.parametrize("script", GARBLED.values(), ids=GARBLED)
@pytest.mark.parametrize("name", FACTS)
def test_garbled_output_is_an_answer_or_one_line(host: Shell, name: str, script: str) -> None:
    fact, arguments = FACTS[name]
    host.replace("docker", f"{LISTED}{script}")
    try:
        found = read_fact(host, fact, **arguments)
    except TargetError as error:
        one_line(error)
    else:
        unavailable = getattr(found, "unavailable", None)
        assert unavailable is None or unavailable.isprintable()


def test_output_that_is_text_comes_through_as_it_is(host: Shell) -> None:
    owner = "plän ☃ \U0001f600  two"
    line = json.dumps({"database_owner": owner, "database_privileges": []}, ensure_ascii=False)
    (host.folder / "line").write_text(line)
    host.replace("docker", f"cat '{host.folder}/line'")
    assert read_fact(host, PostgresService, server=Server("db"), database="d", role="r").database_owner == owner


def test_a_host_with_few_programs_is_read_too(host: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    programs = tmp_path / "few"
    programs.mkdir()
    for name in ("sh", "cat", "head", "stat", "base64"):
        (programs / name).symlink_to(next(path for path in (f"/usr/bin/{name}", f"/bin/{name}") if Path(path).exists()))
    monkeypatch.setenv("PATH", str(programs))
    (tmp_path / "file").write_text("text\n")
    found = read_file(host, str(tmp_path / "file"))
    assert found is not None and found.text == "text\n"


# What the facts make of anything

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def objects(*names: str) -> st.SearchStrategy[str]:
    """Lines of JSON that have some of these names."""
    return st.dictionaries(st.sampled_from(names), JSON, max_size=len(names)).map(json.dumps)


DOCKER = objects("status", "networks", "host", "service", "services", "migrations", "instances")
LABELS = ("service", "status", "oneoff", "project", "folder", "files", "env_files", "exit_code", "name", "image",
          "image_id", "environment", "networks", "host")  # fmt: skip
SERVICE = st.fixed_dictionaries(dict.fromkeys(LABELS, JSON | st.text(max_size=5) | st.integers())).map(json.dumps)
KEYS = ("image", "command", "entrypoint", "env_file", "environment", "depends_on", "profiles")
PROJECT = st.fixed_dictionaries(
    {"services": st.dictionaries(st.sampled_from(["api", "web"]), st.dictionaries(st.sampled_from(KEYS), JSON) | JSON)}
).map(json.dumps)
CONTAINER = st.fixed_dictionaries(
    {"status": st.text(), "networks": st.dictionaries(st.text(max_size=5), JSON, max_size=2)}
).map(json.dumps)
ODD = st.text() | st.sampled_from(
    ["{", "{}", "[]", "", "in", "in /", "in /\x1b", "dotenv", "image", "image a b", "migration db 0001_x.py",
     '"version": "1"', "##RESOLVED##", "##FAILED##", "{" * 9000,
     FAILED, "##DATABASE##4", "##DATABASE##x", "OK", "0", "a##DATABASE##", '{"a":' * 3000,
     "##DATABASE##" + "9" * 5000, '{"created": ' + "9" * 5000 + "}"]
)  # fmt: skip


@examples(PROPERTY)
@given(lines=st.lists(ODD | DOCKER | CONTAINER, max_size=5))
def test_any_container_is_an_answer_or_one_line(lines: list[str]) -> None:
    try:
        container = DockerContainer().process(lines)
    except TargetError as error:
        one_line(error)
        return
    if container is not None:
        assert container.status.isprintable()
        assert all(isinstance(address, str) and address.isprintable() for address in container.addresses.values())


@examples(PROPERTY)
@given(lines=st.lists(ODD | DOCKER | SERVICE, max_size=5))
def test_any_services_are_an_answer(lines: list[str]) -> None:
    found = ComposeServices().process(lines)
    assert found.unavailable is None or found.unavailable.isprintable()
    for container in found.containers:
        assert f"{container.service}{container.name}{container.status}{container.image}".isprintable()
        assert StringCommand(*container.project.options).get_raw_value().isprintable()


@examples(PROPERTY)
@given(lines=st.lists(ODD | DOCKER | PROJECT, max_size=5))
def test_any_project_is_an_answer(lines: list[str]) -> None:
    found = ComposeConfig().process(lines)
    for said in (found.unavailable, found.unresolved):
        assert said is None or said.isprintable()
    for name, service in found.services.items():
        assert f"{name}{service.image}{''.join(service.env_files)}".isprintable()


@examples(PROPERTY)
@given(lines=st.lists(ODD | DOCKER, max_size=5))
def test_any_tables_are_an_answer(lines: list[str]) -> None:
    found = PlaneSchema().process(lines)
    assert found.unavailable is None or found.unavailable.isprintable()


SCRAM = st.dictionaries(st.sampled_from(["iterations", "salt", "digest"]), JSON)
OTHERS = st.lists(st.fixed_dictionaries({"name": st.text() | JSON, "relations": JSON}), max_size=2)
FIELDS = sorted({field.name for field in fields(Service)} - {"unavailable", "role_scram", "others"})
POSTGRES = (
    st.fixed_dictionaries({}, optional={"role_scram": SCRAM | JSON, "others": OTHERS | JSON}).map(json.dumps)
    | objects(*FIELDS)
    | st.integers().map('{{"role_scram": {{"iterations": {}, "salt": "c2FsdA==", "digest": "x"}}}}'.format)
)


@examples(PROPERTY)
@given(lines=st.lists(ODD | POSTGRES, max_size=5))
def test_any_answer_of_psql_is_an_answer(lines: list[str]) -> None:
    found = PostgresService().process(lines)
    assert found.unavailable is None or found.unavailable.isprintable()
    assert found.database_owner is None or isinstance(found.database_owner, str)
    assert found.role_expired is None or isinstance(found.role_expired, str)
    assert isinstance(found.role_connections, int) and isinstance(found.database_connections, int)
    assert all(isinstance(owner.name, str) and isinstance(owner.relations, int) for owner in found.others)
    assert found.role_scram is None or not found.role_scram.is_of("password")


@pytest.mark.parametrize(
    "scram",
    [
        {"iterations": MOST_ITERATIONS + 1, "salt": "c2FsdA==", "digest": "x"},
        {"iterations": 2**31 - 1, "salt": "c2FsdA==", "digest": "x"},
        {"iterations": 0, "salt": "c2FsdA==", "digest": "x"},
        {"iterations": -1, "salt": "c2FsdA==", "digest": "x"},
        {"iterations": None, "salt": "c2FsdA==", "digest": "x"},
        {"iterations": 4096, "salt": "no base64", "digest": "x"},
        {"iterations": 4096, "salt": "é", "digest": "x"},
    ],
)
def test_a_verifier_that_is_none_is_no_work(scram: dict[str, Any]) -> None:
    found = PostgresService().process([json.dumps({"role_exists": True, "role_scram": scram})])
    assert found.role_scram == Scram(**scram)
    assert not found.role_scram.is_of("password")


@pytest.mark.parametrize(
    "answer",
    [
        {"role_scram": {"iterations": True, "salt": "c2FsdA==", "digest": "x"}},
        {"role_scram": {"iterations": 1, "salt": "c2FsdA=="}},
        {"role_connections": "1"},
        {"database_owner": 1},
        {"database_privileges": {"CREATE": 1}},
        {"schema_privileges": [1]},
        {"others": [{"name": "x"}]},
    ],
)
def test_an_answer_of_another_shape_is_not_taken_for_one(answer: dict[str, Any]) -> None:
    found = PostgresService().process([json.dumps(answer)])
    assert (found.unavailable or "").startswith("docker on this host printed an unexpected answer: {")


@examples(PROPERTY)
@given(lines=st.lists(ODD, max_size=8))
def test_any_keys_are_an_answer(lines: list[str]) -> None:
    found = RedisNeighbours().process(lines)
    assert found.unavailable is None or found.unavailable.isprintable()
    assert all(key.isprintable() for keys in found.others.values() for key in keys)


def test_a_key_that_looks_like_a_mark_hides_no_other() -> None:
    lines = ["##DATABASE##4", "OK", "0", "x##DATABASE##evil", "OK", "0", "session:\x1b[2J"]
    assert RedisNeighbours().process(lines) == SharedRedis({4: ["x…"]})


# The token file and the environment file


@examples(PROPERTY, max_examples=50)
@given(
    text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
    | st.lists(
        st.sampled_from(
            ["# PLANE_TOKEN_A: ends=2024-13-45", "# agent a: ends 2024-13-45 of a%3D@b.c",
             "# A: ends=\uff12\uff10\uff12\uff14-01-01 rotating",
             "# A: rotating removed", "A=", "=x", "A=b=c", "PLANE_TOKEN_A=x\r", "# API", "\x1b[2J",
             "A" * 9000 + "=1", "\ufeffA=1"]
        )
    ).map("\n".join)
)  # fmt: skip
def test_any_text_is_a_token_file_and_an_env_file(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    host = Shell(tmp_path_factory.mktemp("any"))
    (host.folder / "file").write_bytes(text.encode())
    tokens = TokenFile(host, "file")
    assert all("\n" not in value for value in tokens.tokens.values())
    tokens.save()
    again = TokenFile(host, "file")
    assert again.tokens == tokens.tokens


@pytest.mark.parametrize("data", [b"\xff\n", b"PLANE_TOKEN_A=\xc3\n"])
def test_a_token_file_that_is_no_text_is_one_line_and_stays(host: Shell, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(TargetError) as caught:
        TokenFile(host, str(tmp_path / "file"))
    one_line(caught.value)
    assert (tmp_path / "file").read_bytes() == data
