"""People: invited, put into projects when they have joined, never given a password or a token."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.plane import rules
from tests.deploy.conftest import NewTarget
from tests.deploy.settled import Settled
from tests.deploy.target import TOKEN_FILE, Target

ADA = "ada@example.com"
PEOPLE: dict[str, Any] = {
    "plane_agents": [{"name": "concierge", "role": "admin"}, {"name": "thot"}],
    "plane_people": [{"email": "Ada@example.com", "role": "admin"}],
}


def joins(target: Target) -> None:
    """What Ada does with her invitation."""
    [invitation] = [row for row in target.plane.invitations.values() if row.email == ADA]
    user = rules.add_user(target.plane, ADA, "")
    rules.accept(target.plane, invitation, user)


def members(target: Target, identifier: str = "ONBOARD") -> dict[str, int]:
    rows = target.plane.project_members.where(project=target.project(identifier).id)
    return {target.plane.users[row.member].email: row.role for row in rows}


@pytest.fixture
def invited(settled: Settled) -> Target:
    return settled(**PEOPLE)


def test_a_person_is_invited_once(invited: Target) -> None:
    assert [(row.email, row.role) for row in invited.plane.invitations.values()] == [(ADA, 20)]
    assert invited.deploy("--dry").plan == []
    again = invited.deploy()
    assert again.changed == [] and again.writes == [], again.output


def test_a_preview_of_a_fresh_instance_names_the_invitation(target: Target) -> None:
    target.data.update(PEOPLE)
    assert f"+ invitation of {ADA} (admin)" in target.deploy("--dry").plan


def test_a_person_who_joined_is_put_into_the_projects(invited: Target) -> None:
    joins(invited)
    line = f"+ members of ONBOARD: {ADA}"
    assert invited.deploy("--dry").plan == [line]
    run = invited.deploy()
    assert line in run.plan and members(invited)[ADA] == 20
    assert invited.deploy("--dry").plan == []
    assert ADA not in invited.file("opt/javisi/configs/plane/agent-tokens.env")


def test_only_the_projects_that_are_named_are_theirs(invited: Target) -> None:
    joins(invited)
    projects = [{"name": "Onboarding", "identifier": "ONBOARD"}, {"name": "Research", "identifier": "RES"}]
    person = {"email": ADA, "role": "admin", "projects": ["res"]}
    run = invited.deploy(data={"plane_projects": projects, "plane_people": [person]})
    assert run.code == 0, run.output
    assert ADA in members(invited, "RES") and ADA not in members(invited)


def test_another_role_is_given(invited: Target) -> None:
    joins(invited)
    invited.deploy()
    invited.data.update({"plane_people": [{"email": ADA}]})
    line = f"~ role of {ADA}: admin → member"
    assert invited.deploy("--dry").plan == [line]
    assert invited.deploy().code == 0
    assert invited.deploy("--dry").plan == []


def test_a_session_gives_an_open_invitation_another_role_if_no_token_is_saved(invited: Target) -> None:
    (invited.host.root / TOKEN_FILE).unlink()
    people = f'people=[{{"email": "{ADA}", "role": "guest"}}]'
    run = invited.deploy(operation=["operations.plane.people", "slug=javisi", people])
    assert run.code == 0 and f"~ invitation of {ADA}: admin → guest" in run.plan, run.output
    assert [(row.email, row.role) for row in invited.plane.invitations.values()] == [(ADA, 5)]


def test_another_role_reaches_an_open_invitation(invited: Target) -> None:
    invited.data.update({"plane_people": [{"email": ADA}]})
    line = f"~ invitation of {ADA}: admin → member"
    assert invited.deploy_as_previewed().plan == [line]
    assert [(row.email, row.role) for row in invited.plane.invitations.values()] == [(ADA, 15)]
    assert invited.deploy("--dry").plan == []
    joins(invited)
    assert f"+ members of ONBOARD: {ADA}" in invited.deploy().plan and members(invited)[ADA] == 15


@pytest.mark.parametrize("version", ["1.2.2", "1.4.0"])
def test_a_person_who_was_removed_in_plane_is_invited_again_from_1_4_on(
    version: str, new_target: NewTarget, settled: Settled
) -> None:
    target = settled.settle(new_target(version=version, **PEOPLE))
    joins(target)
    assert target.deploy().code == 0
    user = target.plane.user_by_email(ADA)
    assert user is not None
    membership = target.plane.workspace_member(target.workspace().id, user.id)
    assert membership is not None
    membership.is_active = False
    plan = target.deploy("--dry").plan
    assert plan == ([f"+ invitation of {ADA} (admin)"] if version == "1.4.0" else [])


def test_the_address_of_an_agent_and_an_unknown_project_are_refused(target: Target) -> None:
    people = [{"email": "thot@javisi.local"}, {"email": ADA, "projects": ["NONE"]}]
    run = target.deploy(data={"plane_people": people})
    assert run.code == 1
    assert "plane_people[0].email must not be the address of an agent" in run.output
    assert "plane_people[1].projects must be a list of identifiers" in run.output


@pytest.mark.parametrize("wanted", [False, True])
def test_agents_get_no_mail_unless_it_is_asked_for(target: Target, wanted: bool, settled: Settled) -> None:
    settled.settle(target, data={"plane_agent_emails": wanted})
    assert set(target.user("thot").notifications.values()) == {wanted}


def test_an_agent_has_an_avatar_and_a_time_zone(target: Target, settled: Settled) -> None:
    thot = {"name": "thot", "avatar": "https://images.example.com/thot.png", "timezone": "Africa/Cairo"}
    target.data["plane_agents"] = [{"name": "concierge", "role": "admin"}, thot]
    settled.settle(target)
    assert (target.user("thot").avatar, target.user("thot").user_timezone) == (thot["avatar"], "Africa/Cairo")
    assert target.deploy("--dry").plan == []
    target.user("thot").avatar = ""
    assert target.deploy("--dry").plan == ["~ avatar of thot@javisi.local"]
    assert target.deploy().code == 0
    assert target.user("thot").avatar == thot["avatar"] and target.deploy().changed == []
