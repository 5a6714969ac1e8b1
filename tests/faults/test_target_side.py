"""Given a target that cannot take a file, or that goes away: one line, no token lost, and a rerun goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import asyncssh
import pytest

from sandbox import ssh
from sandbox.plane import faults
from tests.deploy.settled import Settled
from tests.deploy.target import ENV_FILE, TOKEN_FILE, Run, Target
from tests.faults.conftest import TWO_AGENTS, NewTargets
from tests.faults.cuts import deploy_all
from tests.faults.reasons import reasons
from tests.faults.shims import FULL, fill_disk, mend
from tests.sampled import chosen

PROVISIONING = "deploy.provisioning"
NEW_TOKEN = ("POST", "/api/users/api-tokens/")

ELSEWHERE = "srv/tokens/agents.env"
"""Where the tokens are to be saved, so that it is only they that cannot be."""


@pytest.fixture
def small(new_targets: NewTargets) -> Callable[[int], list[Target]]:
    """Makes targets for two agents, for one command."""
    return lambda count: new_targets(count, plane_agents=TWO_AGENTS)


def the_one_line(run: Run, target: Target) -> str:
    """Why the run failed there, checked to be one line."""
    assert run.code != 0, run.output
    assert "Traceback" not in run.output and "exception occurred" not in run.output, run.output
    lines = reasons(run, target)
    assert len(lines) == 1, run.output
    return lines[0]


def are_right_after_a_rerun(targets: Sequence[Target], operation: str = PROVISIONING) -> None:
    """Run again, now that it is mended: one token for each agent, saved and answering, and nothing left to do."""
    run = deploy_all(targets, operation=operation)
    assert run.code == 0, run.output
    for target in targets:
        path = target.host.root / str(target.data.get("plane_tokens_path", TOKEN_FILE))
        saved = dict(line.split("=", 1) for line in path.read_text().splitlines() if line and not line.startswith("#"))
        made = {row.label: row.token for row in target.plane.api_tokens.values()}
        assert len(target.plane.api_tokens) == 2
        assert saved == {"PLANE_TOKEN_CONCIERGE": made["agent-concierge"], "PLANE_TOKEN_THOT": made["agent-thot"]}
        assert not list(target.host.root.rglob(".*.new*"))
    assert deploy_all(targets, operation=operation).plan == []


def asked_for_a_token(target: Target) -> bool:
    """Whether Plane was asked for one."""
    return NEW_TOKEN in [(entry.method, entry.path) for entry in target.host.plane.requests]


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


def test_tokens_that_cannot_be_saved_are_not_made(small: Callable[[int], list[Target]]) -> None:
    targets = small(len(BLOCKS))
    for target in targets:
        target.data["plane_tokens_path"] = ELSEWHERE
    unblock = [block(target.host.root) for block, target in zip(BLOCKS, targets, strict=True)]
    run = deploy_all(targets)
    for target in targets:
        assert "srv/tokens" in the_one_line(run, target)
        assert not asked_for_a_token(target) and not target.plane.api_tokens
    for each in unblock:
        each()
    are_right_after_a_rerun(targets)


def test_a_full_disk_is_noticed_before_a_token_is_made(small: Callable[[int], list[Target]]) -> None:
    [target] = small(1)
    fill_disk(target.host, TOKEN_FILE)
    line = the_one_line(deploy_all([target]), target)
    assert f"cannot write {TOKEN_FILE}" in line and FULL in line
    assert not asked_for_a_token(target) and not target.plane.api_tokens
    assert not (target.host.root / TOKEN_FILE).exists()
    mend(target.host)
    are_right_after_a_rerun([target])


def test_a_disk_that_fills_up_on_the_way_costs_no_token(small: Callable[[int], list[Target]]) -> None:
    saves = (2, 3)
    targets = small(len(saves))
    for save, target in zip(saves, targets, strict=True):
        fill_disk(target.host, TOKEN_FILE, first=save)
    run = deploy_all(targets)
    for save, target in zip(saves, targets, strict=True):
        assert FULL in the_one_line(run, target)
        # The one whose saving failed; it is revoked and made again.
        assert len(target.plane.api_tokens) == save - 1
        mend(target.host)
    are_right_after_a_rerun(targets)


def test_a_full_disk_leaves_a_rotation_with_a_token_that_is_saved(settled: Settled) -> None:
    saves = (1, 2, 3)
    targets = [settled(operation=PROVISIONING, plane_agents=TWO_AGENTS) for _ in saves]
    for save, target in zip(saves, targets, strict=True):
        fill_disk(target.host, TOKEN_FILE, first=save)
    run = deploy_all(targets, "--data", "rotate_tokens=thot")
    for save, target in zip(saves, targets, strict=True):
        assert FULL in the_one_line(run, target)
        assert asked_for_a_token(target) == (save > 1)
        # Whatever happened, the agent can work on.
        assert {row.token for row in target.plane.api_tokens.values()} >= set(target.tokens.values())
        mend(target.host)
    are_right_after_a_rerun(targets)


# Where the environment is to be saved


def test_an_environment_file_that_cannot_be_written_is_one_line(small: Callable[[int], list[Target]]) -> None:
    folder, full = targets = small(2)
    paths = [target.host.root / ENV_FILE for target in targets]
    paths[0].mkdir(parents=True)
    fill_disk(full.host, ENV_FILE)
    run = deploy_all(targets, operation="deploy.py")
    for target in targets:
        assert ENV_FILE in the_one_line(run, target)
        assert list(target.host.plane.requests) == []
    assert "~ recreate api" not in run.plan
    assert FULL in the_one_line(run, full) and FULL not in the_one_line(run, folder)
    paths[0].rmdir()
    assert not paths[1].exists()
    mend(full.host)
    are_right_after_a_rerun(targets, operation="deploy.py")


def test_a_full_disk_leaves_the_environment_file_as_it_was(settled: Settled) -> None:
    target = settled()
    before = target.snapshot()["files"][ENV_FILE]
    fill_disk(target.host, ENV_FILE)
    run = target.deploy(operation="deploy.environment", data={"plane_web_url": "https://other.example.org"})
    assert "the file was not changed" in the_one_line(run, target)
    assert target.snapshot()["files"][ENV_FILE] == before
    mend(target.host)


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


def test_a_connection_that_drops_during_a_request_is_one_line(
    small: Callable[[int], list[Target]], connections: dict[int, asyncssh.SSHServerConnection]
) -> None:
    targets = small(len(REQUESTS))
    rules = []
    for (method, route), target in zip(REQUESTS, targets, strict=True):
        dropping = faults.called(partial(_drop, connections, target.host.port), handled=True)
        rules.append(target.host.plane.faults.add(dropping, method=method, route=route, nth=1))
    run = deploy_all(targets)
    for rule, target in zip(rules, targets, strict=True):
        assert rule.happened.is_set()
        the_one_line(run, target)
        target.host.plane.faults.clear()
    are_right_after_a_rerun(targets)


def _drop(connections: dict[int, asyncssh.SSHServerConnection], port: int, *_: object) -> None:
    connections[port].abort()


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


@pytest.mark.sampled
def test_a_connection_that_drops_during_a_command_is_one_line(
    small: Callable[[int], list[Target]], connections: dict[int, asyncssh.SSHServerConnection]
) -> None:
    taken = chosen("faults: dropped during commands", list(COMMANDS.values()), 3)
    targets = small(len(taken))
    for words, target in zip(taken, targets, strict=True):
        target.host.commands = Dropping(words, partial(_drop, connections, target.host.port))
    run = deploy_all(targets, operation="deploy.py")
    for target in targets:
        target.host.commands = []
        assert "the connection to the host broke" in the_one_line(run, target)
    are_right_after_a_rerun(targets, operation="deploy.py")
