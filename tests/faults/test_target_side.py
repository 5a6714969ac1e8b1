"""Given a target that cannot take a file, or that goes away: one line, no token lost, and a rerun goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import asyncssh
import pytest

from sandbox import ssh
from sandbox.plane import faults
from tests.deploy.conftest import NewTarget
from tests.deploy.target import ENV_FILE, TOKEN_FILE, Run, Target
from tests.faults.conftest import TWO_AGENTS
from tests.faults.reasons import reasons
from tests.faults.shims import FULL, fill_disk, mend

PROVISIONING = "deploy.provisioning"
NEW_TOKEN = ("POST", "/api/users/api-tokens/")

ELSEWHERE = "srv/tokens/agents.env"
"""Where the tokens are to be saved, so that it is only they that cannot be."""


@pytest.fixture
def small(new_target: NewTarget) -> Target:
    """A target for two agents that nothing was ever deployed to."""
    return new_target(plane_agents=TWO_AGENTS)


def the_one_line(run: Run, target: Target) -> str:
    """Why the run failed, checked to be one line."""
    assert run.code != 0, run.output
    assert "Traceback" not in run.output and "exception occurred" not in run.output, run.output
    lines = reasons(run, target)
    assert len(lines) == 1, run.output
    return lines[0]


def is_right_after_a_rerun(target: Target, operation: str = PROVISIONING) -> None:
    """Run again, now that it is mended: one token for each agent, saved and answering, and nothing left to do."""
    run = target.deploy(operation=operation)
    assert run.code == 0, run.output
    path = target.host.root / str(target.data.get("plane_tokens_path", TOKEN_FILE))
    saved = dict(line.split("=", 1) for line in path.read_text().splitlines() if line and not line.startswith("#"))
    made = {row.label: row.token for row in target.plane.api_tokens.values()}
    assert len(target.plane.api_tokens) == 2
    assert saved == {"PLANE_TOKEN_CONCIERGE": made["agent-concierge"], "PLANE_TOKEN_THOT": made["agent-thot"]}
    assert not list(target.host.root.rglob(".*.new*"))
    assert target.deploy(operation=operation).plan == []


# Where the tokens are to be saved


def a_file_for_a_folder(root: Path) -> Callable[[], None]:
    folder = (root / ELSEWHERE).parent
    folder.parent.mkdir(parents=True)
    folder.write_text("not a folder\n")
    return folder.unlink


def a_folder_for_the_file(root: Path) -> Callable[[], None]:
    path = root / ELSEWHERE
    path.mkdir(parents=True)
    return path.rmdir


def a_link_to_nowhere_for_a_folder(root: Path) -> Callable[[], None]:
    folder = (root / ELSEWHERE).parent
    folder.parent.mkdir(parents=True)
    folder.symlink_to(root / "gone/away")
    return folder.unlink


BLOCKS = [a_file_for_a_folder, a_folder_for_the_file, a_link_to_nowhere_for_a_folder]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.__name__.replace("_", " "))
def test_tokens_that_cannot_be_saved_are_not_made(small: Target, block: Callable[[Path], Callable[[], None]]) -> None:
    small.data["plane_tokens_path"] = ELSEWHERE
    unblock = block(small.host.root)
    run = small.deploy(operation=PROVISIONING)
    assert "srv/tokens" in the_one_line(run, small)
    assert NEW_TOKEN not in run.requests and not small.plane.api_tokens
    unblock()
    is_right_after_a_rerun(small)


def test_a_full_disk_is_noticed_before_a_token_is_made(small: Target) -> None:
    fill_disk(small.host, TOKEN_FILE)
    run = small.deploy(operation=PROVISIONING)
    line = the_one_line(run, small)
    assert f"cannot write {TOKEN_FILE}" in line and FULL in line
    assert NEW_TOKEN not in run.requests and not small.plane.api_tokens
    assert not (small.host.root / TOKEN_FILE).exists()
    mend(small.host)
    is_right_after_a_rerun(small)


@pytest.mark.parametrize("save", [2, 3])
def test_a_disk_that_fills_up_on_the_way_costs_no_token(small: Target, save: int) -> None:
    fill_disk(small.host, TOKEN_FILE, first=save)
    run = small.deploy(operation=PROVISIONING)
    assert FULL in the_one_line(run, small)
    # The one whose saving failed; it is revoked and made again.
    assert len(small.plane.api_tokens) == save - 1
    mend(small.host)
    is_right_after_a_rerun(small)


def test_a_full_disk_leaves_a_rotation_with_a_token_that_is_saved(small: Target) -> None:
    assert small.deploy(operation=PROVISIONING).code == 0
    for save in (1, 2, 3):
        fill_disk(small.host, TOKEN_FILE, first=save)
        run = small.deploy("--data", "rotate_tokens=thot", operation=PROVISIONING)
        assert FULL in the_one_line(run, small)
        assert (NEW_TOKEN in run.requests) == (save > 1)
        # Whatever happened, the agent can work on.
        assert {row.token for row in small.plane.api_tokens.values()} >= set(small.tokens.values())
        mend(small.host)
        is_right_after_a_rerun(small)


# Where the environment is to be saved


@pytest.mark.parametrize("kind", ["folder", "full disk"])
def test_an_environment_file_that_cannot_be_written_is_one_line(small: Target, kind: str) -> None:
    path = small.host.root / ENV_FILE
    if kind == "folder":
        path.mkdir(parents=True)
    else:
        fill_disk(small.host, ENV_FILE)
    run = small.deploy()
    line = the_one_line(run, small)
    assert ENV_FILE in line
    assert run.requests == [] and "~ recreate api" not in run.plan
    if kind == "folder":
        path.rmdir()
    else:
        assert FULL in line and not path.exists()
        mend(small.host)
    is_right_after_a_rerun(small, operation="deploy.py")


def test_a_full_disk_leaves_the_environment_file_as_it_was(small: Target) -> None:
    for part in ("deploy.database", "deploy.environment"):
        assert small.deploy(operation=part).code == 0
    before = small.snapshot()["files"][ENV_FILE]
    fill_disk(small.host, ENV_FILE)
    run = small.deploy(operation="deploy.environment", data={"plane_web_url": "https://other.example.org"})
    assert "the file was not changed" in the_one_line(run, small)
    assert small.snapshot()["files"][ENV_FILE] == before
    mend(small.host)


# The connection


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[int, asyncssh.SSHServerConnection]]:
    """The newest SSH connection to each host, by its port."""
    newest: dict[int, asyncssh.SSHServerConnection] = {}
    connection_made = ssh.Login.connection_made

    def remember(login: ssh.Login, conn: asyncssh.SSHServerConnection) -> None:
        connection_made(login, conn)
        newest[login._host.port] = conn

    monkeypatch.setattr(ssh.Login, "connection_made", remember)
    yield newest


REQUESTS = [
    ("GET", "/api/instances/"),
    ("POST", "/api/workspaces/"),
    ("GET", "/api/workspaces/{slug}/invitations/"),
    ("POST", "/api/users/me/workspaces/invitations/"),
    NEW_TOKEN,
    ("POST", "/api/v1/workspaces/{slug}/projects/"),
]


@pytest.mark.parametrize("request_line", REQUESTS, ids=" ".join)
def test_a_connection_that_drops_during_a_request_is_one_line(
    small: Target,
    connections: dict[int, asyncssh.SSHServerConnection],
    request_line: tuple[str, str],
) -> None:
    method, route = request_line
    dropping = faults.called(lambda _: connections[small.host.port].abort(), handled=True)
    rule = small.host.plane.faults.add(dropping, method=method, route=route, nth=1)
    run = small.deploy(operation=PROVISIONING)
    assert rule.happened.is_set()
    the_one_line(run, small)
    small.host.plane.faults.clear()
    is_right_after_a_rerun(small)


class Dropping(list[str]):
    """A host's command lines; the connection drops as one that holds some words begins."""

    def __init__(self, words: str, drop: Callable[[], None]) -> None:
        super().__init__()
        self._words = words
        self._drop = drop

    def append(self, line: str) -> None:
        super().append(line)
        if self._words in line:
            self._drop()


COMMANDS = {
    "looking at the database": "docker exec -i javisi_postgresql",
    "recreating the containers": "docker compose",
    "looking for the container": "docker inspect",
    "taking the lock": "flock -n",
    "reading the tokens": "base64 --",
    "saving the tokens": "mv -fT",
}


@pytest.fixture
def drop_at(small: Target, connections: dict[int, asyncssh.SSHServerConnection]) -> Callable[[str], Run]:
    """Runs the whole deploy; the connection drops as the first command that holds some words begins."""

    def deploy(words: str) -> Run:
        small.host.commands = Dropping(words, lambda: connections[small.host.port].abort())
        run = small.deploy()
        small.host.commands = []
        return run

    return deploy


@pytest.mark.parametrize("words", COMMANDS.values(), ids=list(COMMANDS))
def test_a_connection_that_drops_during_a_command_is_one_line(
    small: Target, drop_at: Callable[[str], Run], words: str
) -> None:
    the_one_line(drop_at(words), small)
    is_right_after_a_rerun(small, operation="deploy.py")


@pytest.mark.parametrize("words", COMMANDS.values(), ids=list(COMMANDS))
def test_a_connection_that_drops_during_a_command_is_named(
    small: Target, drop_at: Callable[[str], Run], words: str
) -> None:
    assert "the connection to the host broke" in the_one_line(drop_at(words), small)
