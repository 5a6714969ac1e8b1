"""Agents that are to be gone: just they, wholly, and as often as it takes."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.plane.models import Invitation
from tests.deploy.settled import Settled
from tests.deploy.target import Target
from tests.deploy.test_drift import _revoke
from tests.deploy.test_tokens import answers, labelled
from tests.deploy.test_whose_tokens import NEW, adopted, agents, forget_owners, owner

ALONE: dict[str, Any] = {"plane_agents": [{"name": "concierge", "role": "admin"}]}
PRUNED: dict[str, Any] = {**ALONE, "plane_prune": True}


@pytest.mark.parametrize("is_told", [True, False], ids=["as the file says", "as Plane says"])
def test_an_agent_with_another_name_and_the_same_address_is_not_pruned(
    target: Target, is_told: bool, settled: Settled
) -> None:
    settled.settle(target, data=agents())
    old = target.tokens["thot"]
    if not is_told:
        forget_owners(target)
    data = {**agents(name="toth", email="thot@javisi.local"), "plane_prune": True}
    run = target.deploy(data=data)
    assert run.code == 0, run.output
    assert "- every token agent-thot: thot@javisi.local stays under another name" in run.plan
    assert not [line for line in run.plan if line.startswith("- member")]
    assert target.membership("thot").is_active and owner(target, "toth") == "thot@javisi.local"
    assert set(target.tokens) == {"concierge", "toth"}
    assert labelled(target, "thot") == [] and not answers(target, old)
    again = target.deploy(data=data)
    assert again.changed == [] and again.writes == [], again.output


def test_no_password_is_derived_for_whatever_address_is_answered(target: Target, settled: Settled) -> None:
    settled.settle(target, data=agents(email=NEW))
    for forget in (False, True):
        if forget:
            assert target.deploy(data=agents(email=NEW)).code == 0
            forget_owners(target)
        run = target.deploy(data=PRUNED)
        assert run.code == 0, run.output
        # Its password is the seed's, and whoever answers in Plane's place could name any address.
        told = f"! the deploy does not know the password of {NEW}: its tokens stay valid, but give no access to javisi"
        assert told in run.notes, run.output
        assert "thot" not in target.tokens


def test_a_line_of_nobody_who_is_named_is_told_of_on_every_run_and_is_no_change(
    target: Target, settled: Settled
) -> None:
    settled.settle(target, data=agents())
    told = '! thot is not in plane_agents but still has access; set "present": False or plane_prune = True to remove it'
    for arguments in (["--dry"], []):
        run = target.deploy(*arguments, data=ALONE)
        assert run.code == 0 and run.plan == [] and run.changed == [], run.output
        assert run.notes.count(told) == 1, run.output
    assert told not in target.deploy(data=agents()).notes


def invite(target: Target, email: str) -> None:
    """A person invites an address."""
    row = Invitation(workspace=target.workspace().id, email=email, role=15, token="x")
    target.plane.invitations[row.id] = row


def test_an_agent_that_a_person_took_back_as_admin_is_removed_again(target: Target, settled: Settled) -> None:
    settled.settle(target, data=agents())
    gone = agents(present=False)
    assert target.deploy(data=gone).code == 0
    membership = target.membership("thot")
    membership.role, membership.is_active = 20, True
    assert target.deploy("--dry", data=gone).plan == ["- member thot@javisi.local, every token agent-thot"]
    run = target.deploy(data=gone)
    assert run.code == 0 and not membership.is_active, run.output
    again = target.deploy(data=gone)
    assert again.changed == [] and again.writes == [], again.output


def test_an_agent_that_a_person_took_back_as_it_was_is_seen_by_a_run_that_signs_in(
    target: Target, settled: Settled
) -> None:
    settled.settle(target, data=agents())
    gone = agents(present=False)
    assert target.deploy(data=gone).code == 0
    target.membership("thot").is_active = True
    gone["plane_agents"].append({"name": "cfo", "role": "member"})
    run = target.deploy(data=gone)
    assert run.code == 0, run.output
    assert "- member thot@javisi.local, every token agent-thot" in run.plan
    assert not target.membership("thot").is_active


@pytest.mark.parametrize("is_told", [True, False], ids=["as the file says", "by its address"])
def test_the_member_goes_whose_token_answers_no_more(target: Target, is_told: bool, settled: Settled) -> None:
    settled.settle(target, data=agents())
    _revoke(target, "thot")
    if not is_told:
        forget_owners(target)
    run = target.deploy(data=PRUNED)
    told = [] if is_told else adopted("concierge")
    assert run.code == 0 and run.plan == ["- member thot@javisi.local, every token agent-thot", *told], run.output
    assert not target.membership("thot").is_active and set(target.tokens) == {"concierge"}
    assert target.deploy(data=PRUNED).changed == []


def test_the_line_of_another_workspaces_agent_is_not_pruned(target: Target, settled: Settled) -> None:
    settled.settle(target, data=agents())
    token = target.tokens["thot"]
    lab = {
        "plane_agents": [{"name": "desk", "role": "admin"}],
        "plane_workspace_slug": "lab",
        "plane_workspace_name": "Lab",
        "plane_prune": True,
    }
    for _ in range(2):
        run = target.deploy(data=lab)
        assert run.code == 0 and not [line for line in run.plan if line.startswith("-")], run.output
    assert target.tokens["thot"] == token and answers(target, token)


def test_an_open_invitation_of_an_agent_that_is_to_be_gone_is_deleted(target: Target, settled: Settled) -> None:
    settled.settle(target, data=agents())
    gone = agents(present=False)
    gone["plane_agents"].append({"name": "never", "present": False})
    assert target.deploy(data=gone).code == 0
    for email in ("thot@javisi.local", "never@javisi.local", "person@example.org"):
        invite(target, email)
    expected = ["- invitation of thot@javisi.local", "- invitation of never@javisi.local"]
    preview = target.deploy("--dry", data=gone)
    assert preview.plan == expected and preview.writes == [], preview.output
    run = target.deploy(data=gone)
    assert run.code == 0 and run.plan == expected, run.output
    assert [row.email for row in target.plane.invitations.values()] == ["person@example.org"]
    again = target.deploy(data=gone)
    assert again.changed == [] and again.writes == [] and len(again.requests) <= 5 + 1, again.output


def test_the_preview_of_taking_an_agent_back_shows_all_that_the_run_does(target: Target, settled: Settled) -> None:
    settled.settle(target, data=agents())
    assert target.deploy(data=agents(present=False)).code == 0
    expected = [
        "+ member again: thot@javisi.local (member)",
        "+ token agent-thot",
        "+ members of ONBOARD: thot",
    ]
    preview = target.deploy("--dry", data=agents())
    assert preview.plan == expected and preview.writes == [], preview.output
    run = target.deploy(data=agents())
    assert run.code == 0 and run.plan == expected, run.output
    assert target.membership("thot").is_active
    assert target.deploy(data=agents()).changed == []


@pytest.mark.parametrize("gone", [[{"name": "concierge", "role": "admin", "present": False}], []])
def test_the_last_admin_is_not_removed(target: Target, gone: list[dict[str, Any]], settled: Settled) -> None:
    settled.settle(target, data=ALONE)
    before = target.snapshot()
    run = target.deploy(data={"plane_agents": gone})
    assert run.code != 0
    assert "plane_agents must have at least one agent with the role admin" in run.output
    assert target.snapshot() == before
