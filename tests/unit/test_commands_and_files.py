"""Commands and files on the target, run in a real shell."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import gevent
import gevent.event
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from paramiko import Channel, ChannelException, SSHException, Transport
from paramiko.common import MSG_CHANNEL_DATA
from pyinfra.api import FactBase, QuoteString, StringCommand
from typing_extensions import override

from pyinfra_plane.engine import commands, files, patches, readings
from pyinfra_plane.engine.commands import LONGEST_COMMAND, Output, TargetError, run
from pyinfra_plane.engine.files import RemoteFile, change_access, differing_access, read_file, write_file
from pyinfra_plane.engine.readings import forget_readings, read_fact, start_readings
from tests.unit.given import PROPERTY, Lines, Shell

TEXTS = [
    "A=1\n",
    "\n",
    "ü ☃ \U0001f600\n",
    "'single' \"double\" `back` $(dollar) $HOME ${x} \\ \\n %s %% !\n",
    "  leading\n\ttab and trailing  \n\n\n",
    "carriage\r\nreturn\r\n",
    "EOF\nSQL\n-n\n-e\n",
    "x" * 200_000 + "\n",
]
NAMES = [
    "plain", "two words", "it's", 'say "hi"', "$(touch made)", "`touch made`", "$HOME", "a;b&c|d", "*?[x]", "~", "#x",
    "ü☃", "back\\slash", "!", "=", "-e", "--help", "..x", ".hidden", "%s",
]  # fmt: skip


@pytest.fixture
def host(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def left_over(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*.new*"))


def one_line(error: pytest.ExceptionInfo[TargetError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


# Commands


def test_a_command_gives_its_output_and_whether_it_worked(host: Shell) -> None:
    assert run(host, "echo one; echo two; echo three >&2") == Output(True, ["one", "two"], ["three"])
    assert not run(host, "false").ok


def test_standard_input_arrives_and_is_not_in_the_command(host: Shell) -> None:
    assert run(host, "cat", stdin="hidden\n").stdout == ["hidden"]
    assert "hidden" not in host.commands[0]


def test_a_command_runs_with_the_rights_of_the_operation_and_nothing_else_of_it(host: Shell) -> None:
    host.current_op_global_arguments = {"_sudo": True, "_sudo_user": "plane", "name": "x", "_ignore_errors": True}
    run(host, "true", stdin="x")
    passed = {key: value for key, value in host.arguments[0].items() if key.startswith("_") or key == "name"}
    assert passed == {"_sudo": True, "_sudo_user": "plane", "_stdin": "x", "_timeout": LONGEST_COMMAND}


class FewSessions(Shell):
    """A host whose SSH server runs some commands at the same time and refuses one more, as ``MaxSessions`` says."""

    def __init__(self, folder: Path, sessions: int) -> None:
        super().__init__(folder)
        self.sessions = sessions
        self.under_way = 0
        self.refused = 0
        self.release = gevent.event.Event()

    def run_shell_command(self, command: StringCommand, **arguments: Any) -> tuple[bool, Lines]:
        if self.under_way == self.sessions:
            self.refused += 1
            raise ChannelException(2, "Connect failed")
        self.under_way += 1
        try:
            if "slow" in command.get_raw_value():
                self.release.wait()
            return super().run_shell_command(command, **arguments)
        finally:
            self.under_way -= 1


def test_a_command_that_the_ssh_server_has_no_room_for_is_run_once_it_has(tmp_path: Path) -> None:
    host = FewSessions(tmp_path, sessions=1)
    host.under_way = 1
    gevent.spawn_later(0.05, setattr, host, "under_way", 0)
    assert run(host, "echo done").stdout == ["done"]
    assert host.refused


def test_where_an_ssh_server_never_has_room_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "WHEN_REFUSED", (0.0, 0.0))
    with pytest.raises(TargetError) as failure:
        run(FewSessions(tmp_path, sessions=0), "true")
    assert one_line(failure) == (
        "the SSH server refused to run a command (Connect failed); see MaxSessions in its sshd_config"
    )


def test_a_reading_that_is_forgotten_has_its_place_until_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "WHEN_REFUSED", (0.0,))
    monkeypatch.setattr(readings, "is_module_patched", lambda module: True)
    host = FewSessions(tmp_path, sessions=readings.AT_ONCE)
    start_readings(host, [readings.Reading(f"echo slow {number}") for number in range(readings.AT_ONCE + 2)])
    gevent.idle()
    assert host.under_way == readings.AT_ONCE
    forget_readings(host)
    gevent.spawn_later(0.05, host.release.set)
    assert run(host, "echo done").stdout == ["done"]
    assert host.refused == 1 and host.under_way == 0


def test_what_was_read_ahead_is_read_again_once_it_is_old(host: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readings, "is_module_patched", lambda module: True)
    file = host.folder / "file"
    for longest, found in ((readings.LONGEST_AHEAD, "before\n"), (-1.0, "after\n")):
        monkeypatch.setattr(readings, "LONGEST_AHEAD", longest)
        file.write_text("before\n")
        start_readings(host, [files.file_reading(str(file))])
        commands.wait_for_others(host)
        file.write_text("after\n")
        read = read_file(host, str(file))
        assert read is not None and read.text == found


def test_outside_an_operation_the_rights_are_those_of_the_host(host: Shell) -> None:
    host.current_op_global_arguments = None
    host.state.config.SUDO = True
    run(host, "true")
    assert host.arguments[0]["_sudo"] is True
    assert "name" not in host.arguments[0]


@pytest.mark.parametrize(
    ("allowed", "wanted", "shown"), [(True, False, False), (True, True, True), (False, True, False)]
)
def test_output_is_shown_only_where_the_caller_and_the_person_want_it(
    host: Shell, allowed: bool, wanted: bool, shown: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    monkeypatch.setattr(commands, "echo", lambda line, err: lines.append(line))
    host.state.print_output = host.state.print_input = allowed
    run(host, r"printf 'one \033[2Jline\n'; echo another >&2", show_output=wanted)
    assert (host.arguments[0]["print_output"], host.arguments[0]["print_input"]) == (False, allowed)
    # pyinfra would print it as it is; a terminal is not to be steered from there.
    assert lines == (["[host] one line", "[host] another"] if shown else [])


def test_no_terminal_repeats_what_a_command_is_given(host: Shell) -> None:
    host.current_op_global_arguments = {"_get_pty": True}
    run(host, "cat", stdin="secret\n")
    run(host, "true")
    assert ["_get_pty" in given for given in host.arguments] == [False, True]


@pytest.mark.parametrize(
    ("stdout", "stderr", "reason"),
    [
        ([], [], "it printed nothing"),
        (["out"], [], "out"),
        (["out"], ["first", "last ", " "], "last"),
        ([], ["x" * 400], "x" * 300),
        ([], ["mv: cannot do it", "Try 'mv --help' for more information."], "mv: cannot do it"),
        ([], ["Run 'docker --help' for more information"], "Run 'docker --help' for more information"),
        ([], ["Usage: flock [options]", "flock: bad number"], "flock: bad number"),
        (
            [],
            ["mv: unrecognized option: T", "BusyBox v1.35.0 (Debian 1:1.35.0-4) multi-call binary.", "", "Usage: mv"],
            "mv: unrecognized option: T",
        ),
    ],
)
def test_the_reason_is_the_last_complaint(stdout: list[str], stderr: list[str], reason: str) -> None:
    assert Output(False, stdout, stderr).reason == reason


# The first two as seen with 28.2.2, the others after the source of 20.10, whose help is as long.
HELP = ["", "Usage:  docker [OPTIONS] COMMAND", "", "A self-sufficient runtime for containers", "", "Options:"]
HELP += [f"      --option{number} string   What it is for" for number in range(60)]
HELP += ["", "To get more help with docker, check out our guides at https://docs.docker.com/go/guides/"]
NO_PLUGIN = [
    ["unknown flag: --project-directory", "", "Usage:  docker [OPTIONS] COMMAND [ARG...]", "",
     "Run 'docker --help' for more information"],
    ["docker: unknown command: docker compose", "", "Run 'docker --help' for more information"],
    ["unknown flag: --project-directory", "See 'docker --help'.", *HELP],
    ["docker: 'compose' is not a docker command.", "See 'docker --help'"],
]  # fmt: skip


@pytest.mark.parametrize("said", NO_PLUGIN)
def test_where_docker_has_no_compose_that_is_the_reason(said: list[str]) -> None:
    assert Output(False, [], said).reason == (
        f"docker has no compose plugin on this host ({said[0]}); install docker-compose-plugin"
    )


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError("Socket is closed"), "Socket is closed"),
        (SSHException("gone"), "gone"),
        (SSHException(), "SSHException"),
    ],
)
def test_a_connection_that_breaks_is_an_error_of_one_line(
    host: Shell, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    def breaks(command: object, **arguments: object) -> None:
        raise error

    monkeypatch.setattr(host, "run_shell_command", breaks)
    with pytest.raises(TargetError) as caught:
        write_file(host, "file", "secret\n")
    assert one_line(caught) == f"the connection to the host broke ({said}); run again"


def test_a_password_that_nobody_gives_to_sudo_is_an_error_of_one_line(
    host: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(command: object, **arguments: object) -> None:
        raise EOFError

    monkeypatch.setattr(host, "run_shell_command", breaks)
    with pytest.raises(TargetError) as caught:
        run(host, "true")
    assert one_line(caught) == (
        "the connection to the host broke, or sudo requires a password; run again, with "
        "_sudo_password in host data or --same-sudo-password"
    )


# Facts


class Reading(FactBase[list[str]]):
    """What a command printed."""

    @override
    def command(self, script: str) -> StringCommand:
        return StringCommand("sh -c", QuoteString(script))

    @staticmethod
    @override
    def default() -> list[str]:
        return ["nothing"]

    @override
    def process(self, output: list[str]) -> list[str]:
        return [line.upper() for line in output]


def test_a_fact_is_what_its_command_printed(host: Shell) -> None:
    assert read_fact(host, Reading, script="echo one; echo two") == ["ONE", "TWO"]


def test_a_fact_whose_command_prints_nothing_is_its_default(host: Shell) -> None:
    assert read_fact(host, Reading, script="true") == ["nothing"]


def test_what_a_fact_reads_is_not_in_its_command(host: Shell) -> None:
    assert read_fact(host, Reading, stdin="hidden\n", script="cat") == ["HIDDEN"]
    assert "hidden" not in host.commands[0]


def test_a_fact_is_read_with_the_rights_of_the_operation(host: Shell) -> None:
    host.current_op_global_arguments = {"_sudo": True, "_sudo_user": "plane"}
    read_fact(host, Reading, script="true")
    assert (host.arguments[0]["_sudo"], host.arguments[0]["_sudo_user"]) == (True, "plane")


def test_a_fact_whose_command_fails_is_an_error_of_one_line(host: Shell) -> None:
    with pytest.raises(TargetError) as caught:
        read_fact(host, Reading, script="echo half of it; echo first >&2; echo sudo: 3 incorrect attempts >&2; exit 1")
    assert one_line(caught) == (
        "the host did not run a command: sudo: 3 incorrect attempts; check the SSH user's rights, --sudo and its "
        "password"
    )


def test_a_fact_of_a_host_that_went_away_is_an_error_of_one_line(host: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(command: object, **arguments: object) -> None:
        raise OSError("Socket is closed")

    monkeypatch.setattr(host, "run_shell_command", breaks)
    with pytest.raises(TargetError) as caught:
        read_fact(host, Reading, script="true")
    assert one_line(caught) == "the connection to the host broke (Socket is closed); run again"


# Writing and reading


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_written_is_what_is_there_and_what_is_read(host: Shell, tmp_path: Path, text: str) -> None:
    path = tmp_path / "file"
    write_file(host, str(path), text)
    assert path.read_bytes() == text.encode()
    found = read_file(host, str(path))
    assert found is not None
    assert (found.text, found.mode) == (text, "600")
    assert left_over(tmp_path) == []


@examples(PROPERTY, max_examples=25)
@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_any_text_arrives_exactly(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    host = Shell(tmp_path_factory.mktemp("any"))
    write_file(host, "file", text + "\n")
    assert (host.folder / "file").read_bytes() == f"{text}\n".encode()
    found = read_file(host, "file")
    assert found is not None
    assert found.text == text + "\n"


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_any_name_in_a_folder_of_any_name_is_written_and_read(host: Shell, tmp_path: Path, name: str) -> None:
    path = tmp_path / f"in {name}" / name
    write_file(host, str(path), "text\n", "640")
    assert path.read_text() == "text\n"
    found = read_file(host, str(path))
    assert found is not None
    assert (found.text, found.mode) == ("text\n", "640")
    change_access(host, str(path), "400")
    assert path.stat().st_mode & 0o777 == 0o400
    assert not list(tmp_path.rglob("made"))
    assert left_over(tmp_path) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_path_without_a_folder_works_too(host: Shell, name: str) -> None:
    write_file(host, name, "text\n")
    assert (host.folder / name).read_text() == "text\n"
    assert read_file(host, name) is not None
    change_access(host, name, "400")
    assert not (host.folder / "made").exists()


def test_a_folder_may_begin_with_a_dash(host: Shell) -> None:
    write_file(host, "-folder/file", "text\n")
    assert (host.folder / "-folder" / "file").read_text() == "text\n"


@pytest.mark.parametrize(("mode", "bits"), [("600", 0o600), ("644", 0o644)])
def test_the_mode_is_as_asked_and_folders_are_made_for_all_to_pass(
    host: Shell, tmp_path: Path, mode: str, bits: int
) -> None:
    path = tmp_path / "a" / "b" / "file"
    write_file(host, str(path), "text\n", mode)
    assert path.stat().st_mode & 0o777 == bits
    assert [folder.stat().st_mode & 0o777 for folder in (path.parent, path.parent.parent)] == [0o755, 0o755]


@pytest.mark.parametrize("program", ["cat", "wc", "sync", "mv"])
def test_nobody_else_can_read_the_new_file_at_any_time(host: Shell, tmp_path: Path, program: str) -> None:
    # The shell begins with umask 0.
    path = tmp_path / "file"
    path.write_text("old\n")
    path.chmod(0o666)
    look = f'stat -c %a "{tmp_path}/.file.new."* >> "{tmp_path}/modes"'
    host.replace(program, f'PATH=${{PATH#*:}}; {look}; exec {program} "$@"')
    write_file(host, str(path), "new\n")
    assert (tmp_path / "modes").read_text() == "600\n"
    assert path.read_text() == "new\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_old_file_is_read_until_the_new_one_is_whole(host: Shell, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old\n")
    host.replace("sync", f'cp "{path}" "{tmp_path}/seen"; cp "{tmp_path}/.file.new."* "{tmp_path}/coming"')
    write_file(host, str(path), "new\n")
    assert ((tmp_path / "seen").read_text(), (tmp_path / "coming").read_text()) == ("old\n", "new\n")


def test_a_system_whose_sync_takes_no_file_still_writes(host: Shell, tmp_path: Path) -> None:
    host.replace("sync", f'echo "$#" >> "{tmp_path}/asked"; [ $# -eq 0 ]')
    write_file(host, str(tmp_path / "file"), "new\n")
    assert (tmp_path / "file").read_text() == "new\n"
    assert (tmp_path / "asked").read_text() == "2\n0\n"


def test_a_link_at_the_temporary_name_is_not_followed(host: Shell, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("untouched\n")
    (tmp_path / ".file.new").symlink_to(victim)
    write_file(host, str(tmp_path / "file"), "secret\n")
    assert victim.read_text() == "untouched\n"
    assert not (tmp_path / "file").is_symlink()
    assert (tmp_path / "file").read_text() == "secret\n"


@pytest.mark.parametrize("leads_to", ["elsewhere/real", "../{0}/elsewhere/real", "{1}/elsewhere/real", "another"])
@pytest.mark.parametrize("name", ["file", "it's $HOME", "two\nlines\n", "-e"])
def test_a_link_stays_and_the_file_that_it_leads_to_is_written(
    host: Shell, tmp_path: Path, leads_to: str, name: str
) -> None:
    (tmp_path / "elsewhere").mkdir()
    real, link = tmp_path / "elsewhere" / "real", tmp_path / name
    real.write_text("old secret\n")
    (tmp_path / "another").symlink_to("elsewhere/real")
    link.symlink_to(leads_to.format(tmp_path.name, tmp_path))
    for path in (str(link), name):
        write_file(host, path, f"new of {path}\n", "640")
        assert link.is_symlink()
        assert not real.is_symlink()
        assert (real.read_text(), real.stat().st_mode & 0o777) == (f"new of {path}\n", 0o640)
        found = read_file(host, path)
        assert found is not None and found.text == f"new of {path}\n"
    assert sorted(entry.name for entry in tmp_path.rglob("*") if ".programs" not in entry.name) == sorted(
        ["another", "elsewhere", name, "real"]
    )


def test_a_link_to_a_name_that_ends_in_a_line_break_leads_there(host: Shell, tmp_path: Path) -> None:
    (tmp_path / "real\n").write_text("old\n")
    (tmp_path / "real").write_text("untouched\n")
    (tmp_path / "file").symlink_to("real\n")
    write_file(host, "file", "new\n")
    assert ((tmp_path / "real\n").read_text(), (tmp_path / "real").read_text()) == ("new\n", "untouched\n")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file to another user")
@pytest.mark.parametrize("whose", ["link", "folder", "folder of the file"])
def test_a_link_that_another_user_put_there_is_not_followed(host: Shell, tmp_path: Path, whose: str) -> None:
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    theirs.mkdir()
    ours.mkdir()
    real, link = ours / "shadow", theirs / "file"
    real.write_text("root's own\n")
    real.chmod(0o640)
    link.symlink_to(real)
    os.chown({"link": link, "folder": theirs, "folder of the file": ours}[whose], 54321, 54321, follow_symlinks=False)
    with pytest.raises(TargetError, match=r"it is a link, and another user owns .*; set the path of the file that it"):
        write_file(host, str(link), "secret\n", user="54321")
    with pytest.raises(TargetError, match=r"it is a link, and another user owns .*; set the path of the file that it"):
        change_access(host, str(link), "600", user="54321")
    info = real.stat()
    assert (real.read_text(), info.st_mode & 0o777, info.st_uid) == ("root's own\n", 0o640, 0)
    assert left_over(tmp_path) == []


def test_what_a_killed_run_left_is_taken_from_it(host: Shell, tmp_path: Path) -> None:
    (tmp_path / ".file.new.123").write_text("of a command that lives on\n")
    write_file(host, str(tmp_path / "file"), "ours\n")
    assert left_over(tmp_path) == []
    assert (tmp_path / "file").read_text() == "ours\n"


def test_what_a_command_sends_is_bounded_on_this_side(monkeypatch: pytest.MonkeyPatch) -> None:
    patches.received_output()
    receive = Transport._channel_handler_table[MSG_CHANNEL_DATA]  # type: ignore[attr-defined]
    transport = SimpleTransport()
    for sent, room, most in ((b"x" * 1000, (20_000, 10), 20_000), (b"\n" * 1000, (10**9, 10_000), 10_000)):
        channel, closed = Channel(1), threading.Event()
        channel.transport = transport  # type: ignore[assignment]
        monkeypatch.setattr(channel, "close", closed.set)
        patches._room[channel] = room
        for _ in range(100):
            receive(channel, sent)
        assert closed.wait(10)
        assert len(channel.in_buffer) <= most
        patches._overflown.clear()


class SimpleTransport:
    """As much of a transport as a channel that is only fed needs."""


def test_a_loop_of_links_is_an_error_of_one_line(host: Shell, tmp_path: Path) -> None:
    (tmp_path / "file").symlink_to("other")
    (tmp_path / "other").symlink_to("file")
    with pytest.raises(TargetError) as caught:
        write_file(host, "file", "secret\n")
    assert one_line(caught) == "cannot write file: it is a link that leads nowhere; the file was not changed"


def test_a_link_that_leads_nowhere_is_removed_with_what_an_earlier_run_left(host: Shell, tmp_path: Path) -> None:
    (tmp_path / ".file.new.1").symlink_to(tmp_path / "nowhere")
    write_file(host, str(tmp_path / "file"), "text\n")
    assert left_over(tmp_path) == [] and not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("existing", [True, False])
def test_a_link_that_appears_at_the_temporary_name_is_not_followed_either(
    host: Shell, tmp_path: Path, existing: bool
) -> None:
    victim = tmp_path / "victim"
    if existing:
        victim.write_text("untouched\n")
    # Once what an earlier run left was removed.
    (tmp_path / ".file.new.1").touch()
    link = f'[ -e "{tmp_path}/once" ] || ln -s "{victim}" "{tmp_path}/.file.new.$PPID"; : > "{tmp_path}/once"'
    host.replace("rm", f'PATH=${{PATH#*:}}; rm "$@"; {link}')
    with pytest.raises(TargetError) as caught:
        write_file(host, str(tmp_path / "file"), "secret\n")
    assert "cannot write" in one_line(caught)
    assert victim.exists() == existing
    assert not existing or victim.read_text() == "untouched\n"
    assert not (tmp_path / "file").exists()


@pytest.mark.parametrize("arrives", [0, 1, 7])
def test_half_a_file_replaces_nothing(tmp_path: Path, arrives: int) -> None:
    host = Shell(tmp_path, arrives)
    (tmp_path / "file").write_text("old\n")
    with pytest.raises(TargetError) as caught:
        write_file(host, str(tmp_path / "file"), "new text\n")
    assert one_line(caught) == f"cannot write {tmp_path}/file: it did not arrive whole; the file was not changed"
    assert (tmp_path / "file").read_text() == "old\n"
    assert left_over(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_an_error(host: Shell, tmp_path: Path) -> None:
    host.replace("mkdir", "echo some noise >&2; echo No space left on device >&2; exit 1")
    with pytest.raises(TargetError) as caught:
        write_file(host, str(tmp_path / "new" / "file"), "secret\n")
    assert one_line(caught).endswith("No space left on device; the file was not changed")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("program", ["chmod", "mv", "cat"])
def test_a_step_that_fails_leaves_what_was_there(host: Shell, tmp_path: Path, program: str) -> None:
    (tmp_path / "file").write_text("old\n")
    host.replace(program, "echo some noise >&2; echo No space left on device >&2; exit 1")
    with pytest.raises(TargetError) as caught:
        write_file(host, str(tmp_path / "file"), "secret\n")
    assert one_line(caught).endswith("No space left on device; the file was not changed")
    assert "secret" not in str(caught.value)
    assert (tmp_path / "file").read_text() == "old\n"
    assert left_over(tmp_path) == []


ADVICE = "give the SSH user that right, or use --sudo"


@pytest.mark.parametrize("program", ["mkdir", "mv"])
def test_a_right_that_is_missing_for_writing_comes_with_advice(host: Shell, tmp_path: Path, program: str) -> None:
    host.replace(program, f"echo {program}: cannot do it: Permission denied >&2; exit 1")
    path = tmp_path / "new" / "file"
    with pytest.raises(TargetError) as caught:
        write_file(host, str(path), "secret\n")
    assert one_line(caught) == (
        f"cannot write {path}: {program}: cannot do it: Permission denied; the file was not changed; " + ADVICE
    )


def test_another_failure_of_writing_comes_without_advice_on_rights(host: Shell, tmp_path: Path) -> None:
    host.replace("mv", "echo No space left on device >&2; exit 1")
    with pytest.raises(TargetError) as caught:
        write_file(host, str(tmp_path / "file"), "secret\n")
    assert ADVICE not in one_line(caught)


def test_a_right_that_is_missing_for_reading_comes_with_advice(host: Shell, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text\n")
    host.replace("base64", 'echo "base64: file: Permission denied" >&2; exit 1')
    with pytest.raises(TargetError) as caught:
        read_file(host, str(tmp_path / "file"))
    assert one_line(caught) == f"cannot read {tmp_path}/file: base64: file: Permission denied; {ADVICE}"


def test_a_file_where_a_folder_should_be_is_an_error_of_one_line(host: Shell, tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("a file\n")
    with pytest.raises(TargetError) as caught:
        write_file(host, str(tmp_path / "folder" / "file"), "text\n")
    assert f"cannot write {tmp_path}/folder/file: " in one_line(caught)
    assert (tmp_path / "folder").read_text() == "a file\n"


def test_a_folder_where_a_file_should_be_is_an_error_of_one_line(host: Shell, tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(TargetError) as caught:
        write_file(host, str(tmp_path / "file"), "secret\n")
    assert "cannot write" in one_line(caught)
    assert list((tmp_path / "file").iterdir()) == []
    assert left_over(tmp_path) == []


def test_the_text_is_not_in_the_command(host: Shell) -> None:
    write_file(host, "file", "secret\n")
    assert "secret" not in host.commands[0]


def test_a_file_that_is_not_there_is_none(host: Shell, tmp_path: Path) -> None:
    assert read_file(host, str(tmp_path / "nothing" / "here")) is None


def test_an_empty_file_is_empty(host: Shell, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = read_file(host, str(tmp_path / "file"))
    assert found is not None
    assert found.text == ""


def test_a_file_tells_its_owner_and_group(host: Shell, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("text\n")
    path.chmod(0o640)
    uid, gid = str(path.stat().st_uid), str(path.stat().st_gid)
    assert read_file(host, str(path)) == RemoteFile("text\n", "640", path.owner(), path.group(), uid, gid)


def test_an_owner_that_is_given_as_a_number_converges(host: Shell, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch(mode=0o600)
    uid, gid = path.stat().st_uid, path.stat().st_gid
    file = read_file(host, str(path))
    assert file is not None
    assert differing_access(file, "600", str(uid), str(gid)) is None
    assert differing_access(file, "600", path.owner(), path.group()) is None
    assert differing_access(file, "600", str(uid), str(gid + 1)) == f"group {gid} → {gid + 1}"
    assert differing_access(file, "600", "nobody-here") == f"user {path.owner()} → nobody-here"


def test_an_owner_whose_name_has_a_blank_is_read(host: Shell, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text\n")
    host.replace("stat", "echo '600 47001 47002 EXAMPLE+ada lovelace/domain users'")
    file = read_file(host, str(tmp_path / "file"))
    assert file is not None
    assert (file.text, file.user, file.group) == ("text\n", "EXAMPLE+ada lovelace", "domain users")
    assert differing_access(file, "600", "47001", "domain users") is None


def test_what_is_read_is_never_shown(host: Shell, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("secret\n")
    host.state.print_output = True
    read_file(host, str(tmp_path / "file"))
    assert host.arguments[0]["print_output"] is False


def test_a_folder_cannot_be_read(host: Shell, tmp_path: Path) -> None:
    with pytest.raises(TargetError) as caught:
        read_file(host, str(tmp_path))
    assert one_line(caught) == f"cannot read {tmp_path}: it is a directory, not a file; move it away"


def test_the_mode_of_what_is_not_there_cannot_be_set(host: Shell, tmp_path: Path) -> None:
    with pytest.raises(TargetError) as caught:
        change_access(host, str(tmp_path / "nothing"), "600")
    assert one_line(caught).startswith(f"cannot set mode and owner of {tmp_path}/nothing: ")
