"""Given what a run could easily tell wrongly: a preview names what the run does, and what was done is looked at."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest
from aiohttp import web

from sandbox.plane import rules
from sandbox.plane.faults import Action
from sandbox.plane.http import Handler
from sandbox.plane.models import MEMBER
from tests.deploy.conftest import NewTarget
from tests.deploy.settled import Settled
from tests.deploy.target import TOKEN_FILE, Target

TWO: list[dict[str, Any]] = [{"name": "concierge", "role": "admin"}, {"name": "thot", "role": "member"}]

STATES = [{"name": "Todo", "group": "unstarted", "default": True}, {"name": "Checked", "group": "completed"}]
LABELS = [{"name": "source"}, {"name": "mail", "parent": "source"}]
PROJECT: dict[str, Any] = {"name": "Onboarding", "identifier": "ONBOARD"}


def test_a_role_that_falls_with_the_one_in_the_workspace_is_named_once(new_target: NewTarget, settled: Settled) -> None:
    target = new_target(plane_agents=TWO)
    settled.settle(target)
    guest = {"plane_agents": [TWO[0], {"name": "thot", "role": "guest"}]}
    preview, run = target.deploy("--dry", data=guest), target.deploy(data=guest)
    assert preview.plan == run.plan == ["~ role of thot@javisi.local: member → guest"], run.output
    assert target.deploy(data=guest).changed == []


def test_an_agent_that_was_removed_is_not_reported_for_ever_once_the_token_file_is_lost(
    new_target: NewTarget, settled: Settled
) -> None:
    gone = {"plane_agents": [TWO[0], {**TWO[1], "present": False}]}
    target = new_target(plane_agents=TWO)
    settled.settle(target)
    assert target.deploy(data=gone).code == 0
    path = target.host.root / TOKEN_FILE
    path.write_text("".join(line for line in path.read_text().splitlines(True) if "thot" not in line.lower()))
    assert target.deploy(data=gone).code == 0
    assert target.deploy("--dry", data=gone).plan == []
    assert target.deploy(data=gone).changed == []


def test_what_only_a_session_knows_of_a_removal_goes_into_the_token_file(
    new_target: NewTarget, settled: Settled
) -> None:
    gone = [TWO[0], {**TWO[1], "present": False}]
    target = new_target(plane_agents=TWO)
    settled.settle(target)
    assert target.deploy(data={"plane_agents": gone}).code == 0
    path = target.host.root / TOKEN_FILE
    path.write_text("".join(line for line in path.read_text().splitlines(True) if "thot" not in line.lower()))
    # Somebody new has the admin signed in, who is shown that the other was removed.
    more = {"plane_agents": [*gone, {"name": "cfo", "role": "member"}]}
    run = target.deploy(data=more)
    assert f"~ {TOKEN_FILE}: notes that thot@javisi.local was removed" in run.plan, run.output
    assert not [line for line in run.plan if line.startswith("- member")]
    assert target.deploy("--dry", data=more).plan == []


def test_a_removal_is_by_an_admin_of_the_workspace_that_it_is_in(new_target: NewTarget, settled: Settled) -> None:
    target = new_target(plane_agents=TWO)
    settled.settle(target)
    state, thot = target.plane, target.user("thot")
    # The admin of javisi is no member of the other workspace; the concierge is its admin.
    other = rules.add_workspace(state, target.user("concierge"), "Other", "other", None)
    rules.join_workspace(state, other.id, thot, MEMBER)
    gone = {"plane_agents": [TWO[0], {**TWO[1], "present": False}]}
    run = target.deploy("slug=other", operation="operations.plane.absent_members", data=gone)
    assert run.code == 0, run.output
    row = state.workspace_member(other.id, thot.id)
    assert row is not None and not row.is_active and target.membership("thot").is_active


def test_an_agent_that_was_only_deleted_from_the_list_is_told_of_without_its_token(
    new_target: NewTarget, settled: Settled
) -> None:
    target = new_target(plane_agents=TWO)
    settled.settle(target)
    path = target.host.root / TOKEN_FILE
    path.write_text("".join(line for line in path.read_text().splitlines(True) if "THOT" not in line))
    for arguments in (("--dry",), ()):
        run = target.deploy(*arguments, data={"plane_agents": TWO[:1]})
        assert any(line.startswith("! thot@javisi.local is not in plane_agents but still ") for line in run.notes), (
            run.output
        )


def taken_and_not_done() -> Action:
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        return web.Response(status=204)

    return answer


@dataclass(frozen=True)
class Removal:
    """What a run removes on a target where it is there, and the request that asks Plane for it."""

    what: str
    path: str
    after: dict[str, Any]
    before: dict[str, Any] = field(default_factory=dict)
    edition: str = "community"
    by_hand: Callable[[Target], object] = lambda target: None
    method: str = "DELETE"


def in_project(**settings: Any) -> dict[str, Any]:
    return {"plane_projects": [{**PROJECT, **settings}]}


def archive(target: Target) -> None:
    target.project().archived_at = "2026-01-01"


def invite_thot(target: Target) -> None:
    rules.invite(target.plane, target.workspace(), "thot@javisi.local", MEMBER, None, None)


SIZE = {"name": "size", "type": "option", "options": ["S", "M"]}
WITHOUT_THOT = {"plane_agents": [TWO[0], {**TWO[1], "present": False}]}

REMOVALS = {
    "states": Removal(
        "the state Backlog of ONBOARD",
        r"/states/",
        in_project(states=STATES, prune=True),
        in_project(states=STATES),
    ),
    "labels": Removal(
        "the label mail of ONBOARD",
        r"/labels/",
        in_project(labels=LABELS[:1], prune=True),
        in_project(labels=LABELS),
    ),
    "custom fields": Removal(
        "the custom field note of ONBOARD",
        r"/work-item-properties/",
        in_project(custom_fields=[SIZE], prune=True),
        in_project(custom_fields=[SIZE, {"name": "note", "type": "text"}]),
        "commercial",
    ),
    "options": Removal(
        "the option M of custom field size of ONBOARD",
        r"/options/",
        in_project(custom_fields=[{**SIZE, "options": ["S"]}], prune=True),
        in_project(custom_fields=[SIZE]),
        "commercial",
    ),
    "estimates": Removal(
        "the estimates of ONBOARD",
        r"/projects/[^/]+/$",
        in_project(estimates=False),
        in_project(estimates=True),
        method="PATCH",
    ),
    "archive": Removal("ONBOARD from the archive", r"/archive/", {}, by_hand=archive),
    "members": Removal("the member thot@javisi.local of javisi", r"/workspaces/javisi/members/", WITHOUT_THOT),
    "tokens": Removal("the token agent-thot of thot@javisi.local", r"/api-tokens/", WITHOUT_THOT),
    "rotated tokens": Removal(
        "the token agent-thot of thot@javisi.local", r"/api-tokens/", {"rotate_tokens": ["thot"]}
    ),
    "invitations": Removal(
        "the invitation of thot@javisi.local",
        r"/invitations/",
        WITHOUT_THOT,
        {"plane_agents": TWO[:1]},
        by_hand=invite_thot,
    ),
}


@pytest.mark.parametrize("kind", REMOVALS)
def test_what_plane_does_not_remove_is_not_called_removed(new_target: NewTarget, kind: str, settled: Settled) -> None:
    case = REMOVALS[kind]
    target = new_target(case.edition, **{"plane_agents": TWO, **case.before})
    settled.settle(target)
    case.by_hand(target)
    target.host.plane.faults.add(taken_and_not_done(), method=case.method, path=case.path)
    run = target.deploy(data=case.after)
    target.host.plane.faults.clear()
    assert run.code == 1
    assert f"Plane accepted the removal of {case.what} but still lists it; check the log" in run.output, run.output
    assert not [line for line in run.plan if line.startswith("- ")]
    assert target.deploy(data=case.after).code == 0
    assert target.deploy(data={**case.after, "rotate_tokens": []}).changed == []


def test_requests_are_shown_at_vv_without_a_secret(target: Target) -> None:
    run = target.deploy("-vv")
    shown = re.findall(r"^ *\[sandbox-\d+\] >>> (GET|POST|PATCH) (/\S*): (\d{3}), \d+ ms$", run.output, re.M)
    # Accounts are created two at a time, so the order of answers is not that of requests.
    assert sorted((method, path) for method, path, _ in shown) == sorted(run.requests)
    assert ("POST", "/auth/sign-up/", "302") in shown
    for secret in (*target.secrets.values(), *target.tokens.values()):
        assert secret not in run.output
    assert ">>> GET" not in target.deploy("-v").output


def ahead(days: int) -> Callable[[], Action]:
    """Answers that carry the date of another day."""

    def make() -> Action:
        async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
            response = await handler(request)
            response.headers["Date"] = format_datetime(datetime.now(timezone.utc) + timedelta(days=days), usegmt=True)
            return response

        return answer

    return make


def test_a_tokens_end_is_counted_by_planes_clock(new_target: NewTarget) -> None:
    target = new_target(plane_agents=TWO[:1], plane_token_lifetime_days=30, plane_token_renew_days=5)
    target.host.plane.faults.add(ahead(100)())
    assert target.deploy().code == 0
    [token] = [row for row in target.plane.api_tokens.values() if row.label == "agent-concierge"]
    assert token.expired_at is not None
    left = datetime.fromisoformat(token.expired_at.replace("Z", "+00:00")) - datetime.now(timezone.utc)
    assert 125 < left.days < 131
    assert target.deploy().changed == []
