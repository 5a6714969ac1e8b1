"""Tokens over their life: rotated, renewed before their end, revoked with the agent who goes."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import date, datetime, timedelta, timezone

import pytest
import requests
from aiohttp import web

from pyinfra_plane.engine.lock import NAME as LOCK_NOTE
from sandbox.plane.http import Handler
from sandbox.plane.models import ApiToken
from tests.deploy.conftest import NewTarget
from tests.deploy.settled import Settled
from tests.deploy.target import AGENTS, CHECKOUT, TOKEN_FILE, Target

WITHOUT_THOT = [
    {"name": name, "role": "admin" if name == "concierge" else "member"} for name in AGENTS if name != "thot"
]
THOT_ABSENT = [*WITHOUT_THOT, {"name": "thot", "role": "member", "present": False}]


MARK = f"Made by the deploy, which keeps it in {TOKEN_FILE}"
"""The description of a token that the deploy made; that of earlier versions named the workspace."""

OTHERS = (
    "! thot@javisi.local has tokens with the label agent-thot that this deploy did not create: {}; they stay valid; "
)
MAYBE = (
    "! there may be tokens with these labels that this deploy did not create; a preview cannot list them, and the run "
)
MAYBE += "leaves them valid: "
OTHERS += "to end them, run with --data rotate_tokens=thot"


def today() -> date:
    return datetime.now(timezone.utc).date()


def labelled(target: Target, name: str) -> list[str]:
    """The values of an agent's tokens in Plane that carry our label."""
    return [row.token for row in target.plane.api_tokens.values() if row.label == f"agent-{name}"]


def add_token(target: Target, name: str, description: str = "", token: str | None = None) -> str:
    """Give an agent's account one more token with our label; its value."""
    row = ApiToken(user=target.user(name).id, label=f"agent-{name}", description=description)
    row.token = token or row.token
    target.plane.api_tokens[row.id] = row
    return row.token


def lose_line(target: Target, name: str) -> None:
    """Take an agent's token out of the file."""
    path = target.host.root / TOKEN_FILE
    path.write_text("".join(line for line in path.read_text().splitlines(True) if f"_{name.upper()}=" not in line))


def answers(target: Target, token: str) -> bool:
    url = f"http://127.0.0.1:{target.host.plane_port}/api/v1/workspaces/javisi/projects/"
    return requests.get(url, headers={"X-API-Key": token}).status_code == 200


def test_rotation_replaces_just_the_named_tokens(finished: Target) -> None:
    before = finished.tokens
    preview = finished.deploy("--dry", "--data", "rotate_tokens=concierge,thot")
    assert preview.plan == [
        f"~ token agent-{name}: rotated, as asked; every other token with this label is revoked"
        for name in ("concierge", "thot")
    ]
    run = finished.deploy("--data", "rotate_tokens=concierge,thot")
    assert run.code == 0, run.output
    after = finished.tokens
    assert {name for name in AGENTS if before[name] != after[name]} == {"concierge", "thot"}
    for name in ("concierge", "thot"):
        assert labelled(finished, name) == [after[name]]
        assert answers(finished, after[name]) and not answers(finished, before[name])
    assert finished.deploy().changed == []


def test_a_new_token_that_does_not_answer_is_revoked_and_the_old_one_stays(finished: Target) -> None:
    before = finished.tokens

    async def refuse_new_keys(request: web.Request, handler: Handler) -> web.StreamResponse:
        key = request.headers.get("X-Api-Key")
        refused = web.json_response({"detail": "Given API token is not valid"}, status=403)
        return await handler(request) if key is None or key in before.values() else refused

    finished.host.plane.faults.add(refuse_new_keys, route="/api/v1/workspaces/{slug}/projects/")
    run = finished.deploy("--data", "rotate_tokens=thot")
    finished.host.plane.faults.clear()
    assert run.code == 1 and "the new token of thot does not work in javisi" in run.output, run.output
    assert finished.tokens == before and labelled(finished, "thot") == [before["thot"]]
    assert answers(finished, before["thot"])
    # The file notes the rotation, so the next run repeats it.
    assert finished.deploy().code == 0
    assert finished.tokens["thot"] != before["thot"] and finished.deploy().changed == []


def test_a_rotation_that_was_cut_off_is_done_again(finished: Target) -> None:
    path = finished.host.root / TOKEN_FILE
    # As it is after the new token was made, before it was saved.
    path.write_text(path.read_text() + "# agent cfo: rotating\n")
    add_token(finished, "cfo", MARK)
    assert finished.deploy("--dry").plan == ["~ token agent-cfo: its rotation was interrupted; it will be repeated"]
    assert finished.deploy().code == 0
    assert labelled(finished, "cfo") == [finished.tokens["cfo"]]
    assert finished.deploy().changed == []


def test_a_token_that_a_person_made_stays_and_is_named_until_a_rotation_ends_it(finished: Target) -> None:
    by_hand, expired = add_token(finished, "thot", "for n8n"), add_token(finished, "thot")
    next(row for row in finished.plane.api_tokens.values() if row.token == expired).expired_at = "2020-01-01T00:00:00Z"
    lose_line(finished, "thot")
    preview = finished.deploy("--dry")
    assert preview.plan == ["+ token agent-thot"] and preview.writes == []
    assert MAYBE + "agent-thot" in preview.notes, preview.output
    run = finished.deploy()
    assert run.code == 0 and OTHERS.format(1) in run.notes and "a preview" not in run.output, run.output
    # The one that was made by a run and is in the file no more is gone; the person's is not.
    assert sorted(labelled(finished, "thot")) == sorted([by_hand, expired, finished.tokens["thot"]])
    assert answers(finished, by_hand)
    assert finished.deploy().changed == []
    rotated = "~ token agent-thot: rotated, as asked; every other token with this label is revoked"
    assert finished.deploy("--dry", "--data", "rotate_tokens=thot").plan == [rotated]
    run = finished.deploy("--data", "rotate_tokens=thot")
    assert run.code == 0 and run.plan == [rotated] and OTHERS.format(1) not in run.notes, run.output
    assert labelled(finished, "thot") == [finished.tokens["thot"]] and not answers(finished, by_hand)


def test_a_rotation_of_an_agent_without_a_saved_token_ends_those_that_others_made(finished: Target) -> None:
    by_hand = add_token(finished, "thot")
    lose_line(finished, "thot")
    made = "+ token agent-thot; every other token with this label is revoked"
    preview = finished.deploy("--dry", "--data", "rotate_tokens=thot")
    assert preview.plan == [made] and not [note for note in preview.notes if "stay valid" in note]
    run = finished.deploy("--data", "rotate_tokens=thot")
    assert run.code == 0 and run.plan == [made], run.output
    assert labelled(finished, "thot") == [finished.tokens["thot"]] and not answers(finished, by_hand)
    assert finished.deploy().changed == []


@pytest.mark.parametrize("description", [MARK, "Workspace javisi"], ids=["this version", "an earlier version"])
def test_a_token_that_a_run_made_and_did_not_save_is_revoked(finished: Target, description: str) -> None:
    lost = add_token(finished, "thot", description)
    lose_line(finished, "thot")
    run = finished.deploy()
    assert run.code == 0 and not [note for note in run.notes if "did not make" in note], run.output
    assert labelled(finished, "thot") == [finished.tokens["thot"]] and not answers(finished, lost)


def test_a_token_that_expires_is_replaced_and_others_stay(finished: Target) -> None:
    by_hand, before = add_token(finished, "thot"), finished.tokens["thot"]
    path = finished.host.root / TOKEN_FILE
    path.write_text(path.read_text().replace("# agent thot: ", f"# agent thot: ends {today().isoformat()} "))
    assert MAYBE + "agent-thot" in finished.deploy("--dry").notes
    run = finished.deploy()
    assert run.code == 0 and OTHERS.format(1) in run.notes, run.output
    assert answers(finished, by_hand) and not answers(finished, before)
    assert finished.deploy("--data", "rotate_tokens=thot").code == 0
    assert not answers(finished, by_hand)


def test_each_variable_is_in_one_line_and_no_comment_has_an_equals_sign(finished: Target) -> None:
    lines = finished.file(TOKEN_FILE).splitlines()
    for name in AGENTS:
        found = [line for line in lines if f"PLANE_TOKEN_{name.upper()}" in line]
        assert found == [f"PLANE_TOKEN_{name.upper()}={finished.tokens[name]}"]
    assert len([line for line in lines if "=" in line]) == len(AGENTS)
    assert "# agent thot: of thot@javisi.local" in lines


def test_the_comments_of_an_earlier_version_are_written_anew(finished: Target) -> None:
    now, path = finished.file(TOKEN_FILE), finished.host.root / TOKEN_FILE
    path.write_text(re.sub(r"^# agent (\w+): of ", lambda m: f"# PLANE_TOKEN_{m[1].upper()}: of=", now, flags=re.M))
    before = finished.file(TOKEN_FILE)
    assert "# PLANE_TOKEN_THOT: of=thot@javisi.local" in before
    path.chmod(0o640)
    expected = [f"~ {TOKEN_FILE}: its comments no longer name variables", f"~ {TOKEN_FILE}: mode 640 → 600"]
    preview = finished.deploy("--dry")
    assert preview.plan == expected and finished.file(TOKEN_FILE) == before, preview.output
    run = finished.deploy()
    assert run.code == 0 and run.plan == expected and run.writes == [], run.output
    assert finished.file(TOKEN_FILE) == now and path.stat().st_mode & 0o777 == 0o600
    assert finished.deploy().changed == []


def test_an_unknown_name_in_a_rotation_is_refused(finished: Target) -> None:
    run = finished.deploy("--data", "rotate_tokens=nobody")
    assert run.code != 0 and "rotate_tokens must be all, or names of agents" in run.output


def test_tokens_end_and_are_renewed_before(target: Target, settled: Settled) -> None:
    target.data.update(plane_token_lifetime_days=90, plane_token_renew_days=14)
    settled.settle(target)
    ends = {row.expired_at[:10] for row in target.plane.api_tokens.values() if row.expired_at}
    assert ends == {(today() + timedelta(days=90)).isoformat()}
    assert target.deploy().changed == []
    soon = (today() + timedelta(days=13)).isoformat()
    path = target.host.root / TOKEN_FILE
    path.write_text(path.read_text().replace(f"# agent cfo: ends {ends.pop()}", f"# agent cfo: ends {soon}"))
    assert target.deploy("--dry").plan == [f"~ token agent-cfo: ends {soon}; will be rotated"]
    assert target.deploy().code == 0
    assert labelled(target, "cfo") == [target.tokens["cfo"]]
    assert target.deploy().changed == []


def test_tokens_without_an_end_get_one(finished: Target) -> None:
    data = {"plane_token_lifetime_days": 30}
    assert (
        "~ token agent-cfo: never expires; will be replaced by a 30-day token"
        in finished.deploy("--dry", data=data).plan
    )
    assert finished.deploy(data=data).code == 0
    assert finished.deploy(data=data).changed == []
    # Without the setting, an end that is far enough away is no reason to rotate.
    assert finished.deploy().changed == []


def test_an_agent_that_is_to_be_gone_is_removed_and_stays_so(target: Target, settled: Settled) -> None:
    settled.settle(target)
    token, by_hand = target.tokens["thot"], add_token(target, "thot")
    data = {"plane_agents": THOT_ABSENT}
    assert target.deploy("--dry", data=data).plan == ["- member thot@javisi.local, every token agent-thot"]
    run = target.deploy(data=data)
    assert run.code == 0, run.output
    assert labelled(target, "thot") == [] and not answers(target, token) and not answers(target, by_hand)
    assert not target.membership("thot").is_active
    assert "thot" not in target.tokens
    again = target.deploy(data=data)
    assert again.changed == [] and again.writes == [], again.output
    # And back.
    back = target.deploy()
    assert back.code == 0, back.output
    assert target.membership("thot").is_active and answers(target, target.tokens["thot"])
    assert target.deploy().changed == []


def test_an_agent_that_is_no_longer_named_is_left_alone_or_pruned(target: Target, settled: Settled) -> None:
    settled.settle(target)
    quiet = target.deploy("-v", data={"plane_agents": WITHOUT_THOT})
    assert quiet.changed == [], quiet.output
    assert "not managed: member thot@javisi.local (member)" in quiet.output
    assert "not managed: PLANE_TOKEN_THOT" in quiet.output
    data = {"plane_agents": WITHOUT_THOT, "plane_prune": True}
    assert target.deploy("--dry", data=data).plan == ["- member thot@javisi.local, every token agent-thot"]
    assert target.deploy(data=data).code == 0
    assert not target.membership("thot").is_active and labelled(target, "thot") == []
    assert target.deploy(data=data).changed == []


def test_a_second_run_at_the_same_time_says_who_is_at_work(new_target: NewTarget) -> None:
    target = new_target()
    folder = target.host.root / "opt/javisi/configs/plane"
    folder.mkdir(parents=True)
    # Somebody's run, as far as the lock goes.
    (folder / LOCK_NOTE).write_text("ada@laptop since 2026-01-02 03:04 (process 5)\n")
    holding = "import fcntl,os,sys; f=os.open(sys.argv[1],0); fcntl.flock(f,2); print(1,flush=True); input()"
    holder = subprocess.Popen(
        [sys.executable, "-c", holding, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=CHECKOUT,
    )
    try:
        assert holder.stdout is not None and holder.stdout.readline()
        before = target.snapshot()
        run = target.deploy()
        assert run.code != 0
        assert "another run is working on this host: ada@laptop since 2026-01-02 03:04 (process 5)" in run.output
        assert "Traceback" not in run.output
        assert target.snapshot() == before
    finally:
        holder.kill()
        holder.wait()
    # The one that died left its note, and no lock.
    assert target.deploy().code == 0
    target.wait_until_unlocked()
    assert not (folder / LOCK_NOTE).exists()


def test_keys_of_others_in_planes_redis_databases_are_warned_of(finished: Target) -> None:
    finished.host.redis_keys = {4: [":1:/api/instances/", "n8n:session:1234"], 5: ["_kombu.binding.celery"]}
    try:
        run = finished.deploy()
        assert run.changed == []
        [warning] = [note for note in run.notes if "Redis" in note]
        assert "Redis database 4 of javisi_redis contains keys that are not Plane's (n8n:…)" in warning
        assert "1234" not in run.output
    finally:
        finished.host.redis_keys = {}
