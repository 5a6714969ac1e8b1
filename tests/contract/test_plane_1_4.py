"""The stand-in as Plane 1.4, from the facts: the short lists, the limit of forms, and who may answer an invitation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.plane import PlaneServer
from sandbox.plane.models import MEMBER
from tests.contract.browser import Browser, v1
from tests.contract.running import running

THOT, OTHER = "thot@javisi.local", "other@javisi.local"


@pytest.fixture
def server() -> PlaneServer:
    environment = {"AUTHENTICATION_RATE_LIMIT": "5/hour"}
    return PlaneServer(version="1.4.2", environment=environment, hash_iterations=1, demo_project_delay=3600.0)


@pytest.fixture
def owner(server: PlaneServer) -> Iterator[Browser]:
    with running(server) as url, Browser(url) as browser:
        browser.set_up()
        browser.make_workspace()
        yield browser


def test_one_form_too_many_is_refused_by_a_redirect_and_does_not_count(owner: Browser, server: PlaneServer) -> None:
    with Browser(owner.url) as person:
        # The fifth is taken, for the admin's sign-in was the first.
        assert [person.sign_in(THOT, "wrong") for _ in range(4)] == ["USER_DOES_NOT_EXIST"] * 4
        assert [person.sign_up(THOT), person.sign_in(THOT)] == ["RATE_LIMIT_EXCEEDED"] * 2
        server.forget_throttles()
        assert person.sign_up(THOT) == ""


def test_older_releases_limit_no_form() -> None:
    server = PlaneServer(hash_iterations=1, environment={"AUTHENTICATION_RATE_LIMIT": "1/hour"})
    with running(server) as url, Browser(url) as person:
        person.set_up()
        assert {person.sign_in(THOT, "wrong") for _ in range(5)} == {"USER_DOES_NOT_EXIST"}


def test_a_key_is_told_who_was_removed(owner: Browser, server: PlaneServer) -> None:
    key = owner.make_key()
    with Browser(owner.url) as thot:
        assert thot.sign_up(THOT) == ""
        thot.join(owner, THOT, MEMBER)
    listed = v1(owner.url, key, "GET", "/workspaces/javisi/members-lite/").json()["results"]
    marks = {row["email"]: (row["is_active"], row["role"], row["role_slug"]) for row in listed}
    assert marks[THOT] == (True, MEMBER, "member")
    [row] = [row for row in server.state.workspace_members.values() if row.role == MEMBER]
    row.is_active = False
    listed = v1(owner.url, key, "GET", "/workspaces/javisi/members-lite/").json()["results"]
    assert {row["email"]: row["is_active"] for row in listed}[THOT] is False
    assert v1(owner.url, key, "GET", "/workspaces/javisi/projects-lite/").json()["results"] == []


def test_only_the_invited_account_answers_an_invitation_signed_in(owner: Browser, server: PlaneServer) -> None:
    invited = {"emails": [{"email": THOT, "role": MEMBER}]}
    assert owner.ask("POST", "/api/workspaces/javisi/invitations/", json=invited).status_code == 200
    [invitation] = server.state.invitations.values()
    invitation.email = THOT.upper()
    path, body = (
        f"/api/workspaces/javisi/invitations/{invitation.id}/join/",
        {"token": invitation.token, "accepted": True},
    )
    with Browser(owner.url) as person, Browser(owner.url) as other:
        assert person.ask("POST", path, json=body).status_code == 401
        assert other.sign_up(OTHER) == person.sign_up(THOT) == ""
        assert other.ask("POST", path, json=body).status_code == 403
        assert person.ask("POST", path, json={**body, "token": "another"}).status_code == 403
        assert person.ask("POST", path, json=body).json() == {"message": "Workspace Invitation Accepted"}
    assert list(server.state.invitations.values()) == []


def test_a_lead_who_is_no_member_is_refused_and_no_half_project_is_left(owner: Browser, server: PlaneServer) -> None:
    key = owner.make_key()
    body = {"name": "Led", "identifier": "LED", "project_lead": "00000000-0000-4000-8000-000000000000"}
    assert v1(owner.url, key, "POST", "/workspaces/javisi/projects/", json=body).status_code == 400
    assert server.state.projects == {}
    me = server.state.user_by_email("admin@javisi.local")
    assert me is not None
    made = v1(owner.url, key, "POST", "/workspaces/javisi/projects/", json={**body, "project_lead": me.id})
    assert (made.status_code, made.json()["project_lead"]) == (201, me.id)
