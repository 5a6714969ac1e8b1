"""Settings of the instance, which Plane keeps in its database once it was started."""

from __future__ import annotations

from typing import Any

import pytest

from tests.deploy.target import Target

SECRET = "smtp-Sekret-99"
MAIL = {"EMAIL_HOST": "smtp.example.com", "EMAIL_HOST_PASSWORD": None, "EMAIL_PORT": 2525}


def value(target: Target, name: str) -> str | None:
    return target.plane.configurations[name].value


def config(**values: Any) -> dict[str, Any]:
    return {"plane_instance_config": values}


@pytest.fixture
def closed(target: Target) -> Target:
    target.data.update(config(ENABLE_SIGNUP="0"))
    run = target.deploy()
    assert run.code == 0, run.output
    return target


def test_sign_up_is_closed_and_the_agents_are_in(closed: Target) -> None:
    assert value(closed, "ENABLE_SIGNUP") == "0"
    assert len(closed.tokens) == 10


def test_what_everybody_is_shown_is_compared_without_signing_in(closed: Target) -> None:
    again = closed.deploy()
    assert again.changed == [] and again.writes == [], again.output
    assert len(again.requests) == 12


def test_an_agent_is_added_where_sign_up_is_closed(closed: Target) -> None:
    agents = [{"name": "concierge", "role": "admin"}, {"name": "ptah"}]
    run = closed.deploy(data={"plane_agents": agents})
    assert run.code == 0, run.output
    assert "PLANE_TOKEN_PTAH" in closed.file("opt/javisi/configs/plane/agent-tokens.env")


def test_a_difference_is_named_and_brought_in_line(closed: Target) -> None:
    closed.plane.configurations["ENABLE_SIGNUP"].value = "1"
    assert closed.deploy("--dry").plan == ["~ instance setting ENABLE_SIGNUP: 1 → 0"]
    run = closed.deploy()
    assert run.changed == ["Provisioning | Instance settings"]
    assert value(closed, "ENABLE_SIGNUP") == "0"


def test_a_secret_is_compared_and_never_shown(target: Target) -> None:
    secrets = {"EMAIL_HOST_PASSWORD": SECRET}
    run = target.deploy("-vvv", data=config(**MAIL), secrets=secrets)
    assert run.code == 0, run.output
    assert (value(target, "EMAIL_HOST_PASSWORD"), value(target, "EMAIL_PORT")) == (SECRET, "2525")
    assert "~ instance setting EMAIL_HOST_PASSWORD" in run.plan
    again = target.deploy("-vvv", data=config(**MAIL), secrets=secrets)
    assert again.changed == [], again.output
    assert "PATCH" not in [method for method, _ in again.requests]
    target.plane.configurations["EMAIL_HOST_PASSWORD"].value = "of-another-time-8"
    preview = target.deploy("--dry", "-vvv", data=config(**MAIL), secrets=secrets)
    assert preview.plan == ["~ instance setting EMAIL_HOST_PASSWORD"]
    for one in (run, again, preview):
        assert SECRET not in one.output and "of-another-time-8" not in one.output


def test_a_setting_that_this_plane_does_not_know_is_refused_by_name(target: Target) -> None:
    run = target.deploy(data=config(ENABLE_SIGN_UP="0"))
    assert run.code == 1
    assert "has no setting ENABLE_SIGN_UP; did you mean ENABLE_SIGNUP?" in run.output
    assert value(target, "ENABLE_SIGNUP") == "1"


def test_a_preview_of_a_fresh_instance_says_that_it_cannot_tell(target: Target) -> None:
    before = target.snapshot()
    run = target.deploy("--dry", data=config(EMAIL_HOST="smtp.example.com"))
    assert run.code == 0, run.output
    assert "? instance settings: EMAIL_HOST" in run.plan
    assert target.snapshot() == before


def test_the_workspace_is_made_where_that_is_closed_to_everybody(target: Target) -> None:
    data = config(DISABLE_WORKSPACE_CREATION="1")
    run = target.deploy(data=data)
    assert run.code == 0, run.output
    assert value(target, "DISABLE_WORKSPACE_CREATION") == "1"
    assert len(target.tokens) == 10
    assert target.deploy(data=data).changed == []


def test_sign_in_with_a_password_is_closed_last(target: Target) -> None:
    data = config(ENABLE_EMAIL_PASSWORD="0")
    run = target.deploy(data=data)
    assert run.code == 0, run.output
    assert value(target, "ENABLE_EMAIL_PASSWORD") == "0"
    assert target.deploy(data=data).changed == []
    more = target.deploy(data={**data, "plane_agents": [{"name": "concierge", "role": "admin"}, {"name": "ptah"}]})
    assert more.code == 1
    assert "ENABLE_EMAIL_PASSWORD (plane_instance_config) must be 1" in more.output


def test_without_the_instance_admins_password_it_says_what_is_needed(closed: Target) -> None:
    closed.plane.configurations["ENABLE_SIGNUP"].value = "1"
    run = closed.deploy(secrets={"PLANE_ADMIN_PASSWORD": None})
    assert run.code == 1
    assert "plane_instance_config needs plane_admin_email and plane_admin_password of an instance admin" in run.output
    wrong = closed.deploy(secrets={"PLANE_ADMIN_PASSWORD": "wrong-Password-11"})
    assert wrong.code == 1
    assert "ADMIN_AUTHENTICATION_FAILED; plane_instance_config needs" in wrong.output
