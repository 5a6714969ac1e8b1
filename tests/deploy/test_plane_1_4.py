"""Given Plane 1.4, which limits forms and tells a key who was removed: what the deploy does otherwise than before.

The stand-in plays 1.4 from the facts; nothing here was recorded.
"""

from __future__ import annotations

import pytest

from pyinfra_plane.api.versions import TRIED
from tests.deploy.conftest import NewTarget
from tests.deploy.target import AGENTS, TOKEN_FILE, Run, Target
from tests.deploy.test_interrupt import Running

FORMS = ("/auth/sign-in/", "/auth/sign-up/")
DATA = {"plane_env_extra": {"AUTHENTICATION_RATE_LIMIT": "4/second"}}
UNTRIED = (
    f"! Plane 1.4.2 is newer than the releases that this deploy was tested with ({', '.join(TRIED)}); read the preview "
    "with care"
)


def forms(run: Run) -> list[str]:
    """The forms that were sent, taken or not."""
    return [path for method, path in run.requests if method == "POST" and path in FORMS]


@pytest.fixture(scope="module")
def first(new_target: NewTarget) -> tuple[Target, Run]:
    """A target that was deployed to, and the run that did it."""
    target = new_target(version="1.4.2", **DATA)
    return target, target.deploy()


@pytest.fixture
def finished(first: tuple[Target, Run]) -> Target:
    return first[0]


def test_more_accounts_than_plane_takes_at_once_are_made_in_one_run(first: tuple[Target, Run]) -> None:
    target, run = first
    assert run.code == 0, run.output
    assert set(target.tokens) == set(AGENTS)
    # The agents', and those that were refused and sent again.
    assert len(forms(run)) > len(AGENTS)
    addresses = [user.email for user in target.plane.users.values() if not user.is_bot]
    assert sorted(addresses) == sorted([f"{name}@javisi.local" for name in (*AGENTS, "admin")])
    assert "password" not in run.output.lower().replace("agents' passwords", "")


def test_as_many_accounts_as_plane_takes_in_a_minute_are_made_without_a_wait(new_target: NewTarget) -> None:
    target = new_target(version="1.4.2", plane_env_extra={"AUTHENTICATION_RATE_LIMIT": f"{len(AGENTS)}/minute"})
    run = target.deploy()
    assert (run.code, list(target.tokens)) == (0, list(AGENTS)), run.output
    assert forms(run) == ["/auth/sign-up/"] * len(AGENTS)
    assert "continuing in" not in run.output


def test_a_second_run_signs_nobody_in_and_names_the_untried_release_once(finished: Target) -> None:
    run = finished.deploy()
    assert (run.code, run.changed, forms(run)) == (0, [], []), run.output
    assert run.output.count(UNTRIED) == 1


def test_a_limit_that_does_not_end_is_no_advice_about_a_password(new_target: NewTarget) -> None:
    target = new_target(version="1.4.2", plane_env_extra={"AUTHENTICATION_RATE_LIMIT": "4/hour"})
    run = target.deploy()
    assert run.code == 1
    [why] = [line for line in run.output.splitlines() if "    why: " in line]
    assert "Plane limits sign-ins and sign-ups (RATE_LIMIT_EXCEEDED), and accepts none for now; run again in" in why
    assert "password" not in why
    # Those who came through are not lost: once the limit is raised, the same command goes on.
    run = target.deploy(data=DATA)
    assert (run.code, list(target.tokens)) == (0, list(AGENTS)), run.output


def test_a_member_whom_a_person_removed_is_seen_without_a_sign_in(finished: Target) -> None:
    line = next(line for line in finished.file(TOKEN_FILE).splitlines() if line.startswith("PLANE_TOKEN_THOT="))
    finished.membership("thot").is_active = False
    path = finished.host.root / TOKEN_FILE
    text = path.read_text()
    path.write_text(text.replace(line + "\n", ""))
    preview = finished.deploy("--dry")
    assert "+ member again: thot@javisi.local (member)" in preview.plan, preview.output
    assert forms(preview) == []
    run = finished.deploy()
    assert run.code == 0, run.output
    assert "+ member again: thot@javisi.local (member)" in run.plan
    assert finished.deploy().changed == []


def test_a_project_is_made_with_its_lead_in_one_request(finished: Target) -> None:
    project = {"name": "Led", "identifier": "LED", "lead": "thot@javisi.local", "custom_fields": []}
    onboarding = {"name": "Onboarding", "identifier": "ONBOARD"}
    data = {**DATA, "plane_projects": [onboarding, project]}
    run = finished.deploy(data=data)
    assert run.code == 0, run.output
    assert finished.project("LED").project_lead == finished.user("thot").id
    assert ("PATCH", f"/api/v1/workspaces/javisi/projects/{finished.project('LED').id}/") not in run.requests
    assert finished.deploy(data=data).changed == []


def test_accounts_that_a_killed_run_made_need_one_form_each(new_target: NewTarget) -> None:
    target = new_target(version="1.4.2", plane_env_extra={"AUTHENTICATION_RATE_LIMIT": "9/minute"})
    killed = Running(target, "-y")
    killed.wait_until("continuing in")
    killed.process.kill()
    killed.process.wait(60)
    made = [user.email for user in target.plane.users.values() if not user.is_bot]
    assert len(made) > 8
    run = target.deploy(data={"plane_env_extra": {"AUTHENTICATION_RATE_LIMIT": "1000/hour"}})
    assert (run.code, list(target.tokens)) == (0, list(AGENTS)), run.output
    # One each for the admin and the agents, and one more, two at a time, where accounts that are there begin and end.
    assert len(forms(run)) <= len(AGENTS) + 1 + 2 * 2
