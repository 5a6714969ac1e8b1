"""Independent requests and commands go out together; what is said of them is in the order that it always has."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from aiohttp import web

from pyinfra_plane.engine.lock import NAME as LOCK_NOTE
from sandbox.plane.faults import answered
from sandbox.plane.http import Handler
from tests.deploy.settled import Settled
from tests.deploy.target import AGENTS, ENV_FILE, TOKEN_FILE, Target

ROUTE = "/api/v1/workspaces/{slug}/projects/"
SIGN_UP = "/auth/sign-up/"
SIGN_IN = "/auth/sign-in/"

PATIENCE = 2.0
"""Seconds that a request or command waits for another to come."""

GRACE = 0.3
"""Seconds for one to come that should not."""


class Crowd:
    """Holds each request until `wanted` of them are there, or none has come for a while; and counts."""

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self.there = self.most = 0
        self._enough = asyncio.Event()

    async def __call__(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.there += 1
        self.most = max(self.most, self.there)
        if self.there >= self.wanted:
            self._enough.set()
        with suppress(TimeoutError, asyncio.TimeoutError):
            await asyncio.wait_for(self._enough.wait(), PATIENCE)
        response = await handler(request)
        self.there -= 1
        return response


@pytest.mark.parametrize("together", [1, 2, 5])
def test_as_many_requests_are_under_way_as_the_setting_says(target: Target, together: int, settled: Settled) -> None:
    settled.settle(target)
    crowd = Crowd(together + 1)  # which never come, so the most that do are seen
    # The first is the admin's, by itself: it tells whether there is a workspace.
    for nth in range(2, 2 + 2 * together):
        target.host.plane.faults.add(crowd, route=ROUTE, nth=nth)
    run = target.deploy(data={"plane_requests_together": together})
    assert run.code == 0 and run.changed == [], run.output
    assert crowd.most == together
    assert len(run.requests) == 12


def test_a_token_that_does_not_answer_is_named_in_its_place(target: Target, settled: Settled) -> None:
    settled.settle(target)
    refused = answered(403, '{"detail": "Given API token is not valid"}', "application/json")
    by_token = {token: name for name, token in target.tokens.items()}

    async def refuse_some(request: web.Request, handler: Handler) -> web.StreamResponse:
        name = by_token.get(request.headers.get("X-API-Key", ""), "")
        return await (refused(request, handler) if name in ("shuri", "cfo", "thot") else handler(request))

    target.host.plane.faults.add(refuse_some, route=ROUTE)
    lines = [line for line in target.deploy("--dry").plan if "token" in line]
    assert lines == [f"~ token agent-{name}: the saved one does not answer" for name in ("thot", "shuri", "cfo")]


def test_a_server_that_fails_is_told_once_and_not_asked_again_for_it(target: Target, settled: Settled) -> None:
    settled.settle(target)
    target.host.plane.faults.add(answered(500, "{}"), route=ROUTE, nth=4)
    run = target.deploy()
    assert run.code == 1
    told = run.output.partition("--> Summary:")[0]
    assert told.count("the server failed (500)") == 1


@pytest.mark.parametrize("together", [1, 2, 5])
def test_accounts_are_made_as_many_at_a_time_as_the_setting_says(target: Target, together: int) -> None:
    crowd = Crowd(together + 1)
    for nth in range(1, 1 + 2 * together):
        target.host.plane.faults.add(crowd, route=SIGN_UP, nth=nth)
    run = target.deploy(data={"plane_requests_together": together})
    assert run.code == 0, run.output
    assert crowd.most == together
    assert [line.split()[2] for line in run.plan if line.startswith("+ account")] == [
        f"{name}@javisi.local" for name in AGENTS
    ]
    assert len(run.requests) <= 14 + 5 * len(AGENTS)


def test_lost_tokens_are_made_anew_with_two_sign_ins_at_a_time(target: Target, settled: Settled) -> None:
    settled.settle(target)
    (target.host.root / TOKEN_FILE).unlink()
    crowd = Crowd(3)
    # The first is the admin's, who looks whether there is a workspace.
    for nth in range(2, 6):
        target.host.plane.faults.add(crowd, route=SIGN_IN, nth=nth)
    run = target.deploy()
    assert run.code == 0, run.output
    assert crowd.most == 2
    assert run.plan == [f"+ token agent-{name}" for name in AGENTS]


def test_sign_ins_at_the_same_time_share_what_a_form_needs(target: Target, settled: Settled) -> None:
    settled.settle(target)
    run = target.deploy(data={"rotate_tokens": "thot,shuri,cfo,hermes"})
    assert run.code == 0, run.output
    assert len(run.plan) == 4
    assert run.requests.count(("GET", "/auth/get-csrf-token/")) == 1
    assert run.requests.count(("POST", SIGN_IN)) == 4


def test_an_account_that_cannot_be_made_ends_the_run_in_its_turn(target: Target) -> None:
    """The one beside it may be made already, as after any run that was cut off: the next one goes on from there."""
    failing = answered(500, "{}")

    async def refuse_one(request: web.Request, handler: Handler) -> web.StreamResponse:
        email = (await request.post())["email"]
        return await (failing(request, handler) if email == f"{AGENTS[4]}@javisi.local" else handler(request))

    target.host.plane.faults.add(refuse_one, route=SIGN_UP)
    run = target.deploy()
    assert run.code == 1
    assert run.output.partition("--> Summary:")[0].count("the server failed (500)") == 1, run.output
    made = [line.split()[2].partition("@")[0] for line in run.plan if line.startswith("+ account")]
    assert made == list(AGENTS[:4])
    target.host.plane.faults.clear()
    again = target.deploy()
    assert again.code == 0, again.output
    assert list(target.tokens) == list(AGENTS)


@pytest.mark.parametrize("is_asked", [False, True], ids=["-y", "asked"])
def test_what_the_next_operations_read_is_read_at_the_same_time(
    target: Target, is_asked: bool, settled: Settled
) -> None:
    """With -y from the beginning on; a run that asks a person first looks at what there is once they have answered."""
    settled.settle(target)
    there: list[str] = []
    most = 0
    three = asyncio.Event()
    # A look, from which a person is asked, reads one after the other. It reads the environment file for itself, and for
    # the containers that run with it.
    look = 8 if is_asked else 0

    async def hold(command: str) -> None:
        nonlocal most
        if len(target.host.commands) - before <= look:
            return
        there.append(command)
        most = max(most, len(there))
        if len(there) == 3:
            three.set()
        with suppress(TimeoutError, asyncio.TimeoutError):
            await asyncio.wait_for(three.wait(), PATIENCE)
        await asyncio.sleep(GRACE)
        there.remove(command)

    before = len(target.host.commands)
    target.host.before_command = hold
    run = target.deploy(stdin="\n" if is_asked else None)
    target.host.before_command = None
    assert run.code == 0 and run.changed == [], run.output
    assert most >= 3
    commands = target.host.commands[before:]
    assert len(commands) == look + 7, commands
    assert len(set(commands)) == 7


def test_reading_begins_while_pyinfra_still_goes_through_the_deploy(target: Target) -> None:
    target.directory.mkdir(exist_ok=True)
    begun, gone_through = target.directory / "begun", target.directory / "gone-through"
    deploy = target.directory / "own.py"
    deploy.write_text(
        f"""
import time
from pathlib import Path
import gevent
from pyinfra.api import HiddenValue
from operations import environment

environment.env_file(name="One", path="one.env", text=HiddenValue("WEB_URL=https://a.example\\n"))
end = time.monotonic() + {PATIENCE}
while not Path({str(begun)!r}).exists() and time.monotonic() < end:
    gevent.sleep(0.01)
Path({str(gone_through)!r}).touch()
"""
    )
    target.host.root.joinpath("one.env").write_text("WEB_URL=https://a.example\n")

    async def note(command: str) -> None:
        if "one.env" in command and not gone_through.exists():
            begun.touch()

    target.host.before_command = note
    run = target.deploy(operation=str(deploy))
    target.host.before_command = None
    assert run.code == 0 and gone_through.exists(), run.output
    assert begun.exists()


def test_with_sudo_the_first_command_is_alone(target: Target) -> None:
    """It may have to ask a person for a password, once."""
    sudo = target.host.commands_path / "sudo"
    sudo.write_text('#!/bin/sh\nwhile [ "${1#-}" != "$1" ]; do shift; done\nexec "$@"\n')
    sudo.chmod(0o755)
    assert target.deploy().code == 0
    there: list[str] = []
    beside: list[int] = []
    two = asyncio.Event()

    async def hold(command: str) -> None:
        there.append(command)
        if len(there) == 2:
            two.set()
        if beside:
            with suppress(TimeoutError, asyncio.TimeoutError):
                await asyncio.wait_for(two.wait(), PATIENCE)
        else:
            await asyncio.sleep(GRACE)
        beside.append(len(there))
        there.remove(command)

    target.host.before_command = hold
    run = target.deploy(data={"_sudo": True})
    target.host.before_command = None
    assert run.code == 0, run.output
    assert beside[0] == 1 and max(beside) > 1


SPOILING = """
from pyinfra.api import HiddenValue
from pyinfra.operations import server
from operations import environment

kept = dict(text=HiddenValue("WEB_URL=https://a.example\\n"))
spoil = "echo WEB_URL=spoilt > {0}.env; chmod 600 {0}.env"
server.shell(name="Somebody", commands=[spoil.format("one")])
environment.env_file(name="One", path="one.env", **kept)
environment.env_file(name="Two", path="two.env", **kept)
"""

ONCE_MORE = """
server.shell(name="Somebody else", commands=[spoil.format("three")])
environment.env_file(name="Three", path="three.env", **kept)
environment.env_file(name="Four", path="four.env", **kept)
"""


# Its first operation names a file that it never reads.
SKIPPED = SPOILING.replace(
    "server.shell", 'environment.env_file(name="Not now", path="one.env", _if=no, **kept)\nserver.shell'
)
SKIPPED = SKIPPED.replace("spoil =", "no = lambda: False\nspoil =")


@pytest.mark.parametrize("is_asked", [False, True], ids=["-y", "asked"])
@pytest.mark.parametrize(
    ("text", "changed"),
    [
        (SPOILING, ["Somebody", "One"]),
        (SPOILING + ONCE_MORE, ["Somebody", "One", "Somebody else", "Three"]),
        (SKIPPED, ["Somebody", "One"]),
    ],
    ids=["before", "between", "after one that was skipped"],
)
def test_what_another_operation_may_have_changed_is_not_read_before_it(
    target: Target, text: str, changed: list[str], is_asked: bool
) -> None:
    deploy = target.directory / "own.py"
    target.directory.mkdir(exist_ok=True)
    deploy.write_text(text)
    for _ in range(2):
        run = target.deploy(operation=str(deploy), stdin="\n" if is_asked else None)
        assert run.code == 0, run.output
        for name in ("one", "two", "three", "four")[: len(changed)]:
            assert target.file(f"{name}.env") == "WEB_URL=https://a.example\n"
    assert run.changed == changed


def test_what_changed_until_the_lock_was_taken_is_read_again(target: Target, settled: Settled) -> None:
    settled.settle(target)
    path = target.host.root / ENV_FILE
    whole = path.read_text()
    path.write_text(whole.replace("WEB_URL=", "WEB_URL=https://former.example.com # "))

    async def correct(command: str) -> None:
        # As another run does that had the lock until now.
        if LOCK_NOTE in command:
            path.write_text(whole)

    target.host.before_command = correct
    run = target.deploy()
    target.host.before_command = None
    assert (run.code, run.changed) == (0, []) and path.read_text() == whole, run.output
