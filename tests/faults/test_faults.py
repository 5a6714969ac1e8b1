"""The fault table: every way an answer can fail to come, at every kind of request.

Given a fault, when the deploy runs, then it succeeds or says in one line why not; and when it runs again without the
fault, then all is as after an undisturbed run.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest

from sandbox.plane import faults
from sandbox.plane.faults import Action
from sandbox.plane.requestlog import LoggedRequest
from tests.deploy.conftest import NewTarget
from tests.deploy.settled import Settled
from tests.deploy.target import READS, TOKEN_FILE, Run, Target
from tests.deploy.test_secrets import found
from tests.faults.conftest import TWO_AGENTS, NewTargets, Say
from tests.faults.cuts import deploy_all
from tests.faults.outcome import differences, outcome
from tests.faults.reasons import reasons
from tests.sampled import chosen, dealt, shares

ELSEWHERE = "https://login.example.org/"

REQUESTS = {
    "probe": ("GET", "/"),
    "instance": ("GET", "/api/instances/"),
    "CSRF pair": ("GET", "/auth/get-csrf-token/"),
    "set-up form": ("POST", "/api/instances/admins/sign-up/"),
    "admin's account": ("GET", "/api/users/me/"),
    "sign-in form": ("POST", "/auth/sign-in/"),
    "new workspace": ("POST", "/api/workspaces/"),
    "new invitations": ("POST", "/api/workspaces/{slug}/invitations/"),
    "invitations": ("GET", "/api/workspaces/{slug}/invitations/"),
    "sign-up form": ("POST", "/auth/sign-up/"),
    "join": ("POST", "/api/users/me/workspaces/invitations/"),
    "new token": ("POST", "/api/users/api-tokens/"),
    "tokens": ("GET", "/api/users/api-tokens/"),
    "projects": ("GET", "/api/v1/workspaces/{slug}/projects/"),
    "new project": ("POST", "/api/v1/workspaces/{slug}/projects/"),
    "new project members": ("POST", "/api/workspaces/{slug}/projects/{project}/members/"),
    "members": ("GET", "/api/v1/workspaces/{slug}/members/"),
}

FORMS = ("set-up form", "sign-in form", "sign-up form")

WITHOUT_A_SAVED_TOKEN = ("sign-in form", "tokens")
"""Sent only where an account is there and its token is not saved."""

NO_ANSWER: dict[str, Action] = {
    "closed": faults.closed,
    "answer lost": faults.lost,
    "half an answer": faults.half,
}
FAILURES: dict[str, Action] = {
    "500": faults.answered(500, '{"error": "Something went wrong please try again later"}'),
    "502 page": faults.proxy_page(502),
    "503 page": faults.proxy_page(503),
}
NO_ANSWERS_OF_PLANE: dict[str, Action] = {
    "redirect": faults.redirected(ELSEWHERE),
    "login page": faults.login_page(),
    "not JSON": faults.answered(200, "It works!", "text/plain"),
    "truncated JSON": faults.truncated,
    "an object": faults.answered(200, '{"message": "hello"}'),
    "a list": faults.answered(200, "[1, null]"),
    "a word": faults.answered(200, '"hello"'),
    "null": faults.answered(200, "null"),
}
THROTTLED: dict[str, Action] = {"429": faults.throttled(0)}

FAULTS = {**NO_ANSWER, **FAILURES, **NO_ANSWERS_OF_PLANE, **THROTTLED}


@dataclass
class Undisturbed:
    """A first run with two agents that nothing happened to: what came of it, and how often it wrote what."""

    outcome: dict[str, Any]
    writes: Counter[tuple[str, str]]


@pytest.fixture(scope="module")
def undisturbed(new_target: NewTarget) -> Undisturbed:
    target = new_target(plane_agents=TWO_AGENTS)
    run = target.deploy(operation="deploy.provisioning")
    assert run.code == 0, run.output
    return Undisturbed(outcome(target), writes(list(target.host.plane.requests)))


def writes(requests: list[LoggedRequest]) -> Counter[tuple[str, str]]:
    return Counter((entry.method, entry.route) for entry in requests if entry.method not in READS)


def ready_for(request: str, new_target: NewTarget, settled: Settled) -> Target:
    """A target whose next run makes the request."""
    if request in WITHOUT_A_SAVED_TOKEN:
        target = settled(operation="deploy.provisioning", plane_agents=TWO_AGENTS)
        (target.host.root / TOKEN_FILE).unlink()
        return target
    target = new_target(plane_agents=TWO_AGENTS)
    if request == "probe":
        at_an_address(target)
    return target


def at_an_address(target: Target) -> None:
    """Give the target the setting with which Plane is asked at ``/``, although it answers otherwise too."""
    target.data["plane_api_url"] = f"http://127.0.0.1:{target.host.plane_port}"


def problems(request: str, fault: str, undisturbed: Undisturbed, target: Target, run: Run, before: int) -> list[str]:
    """What is not as it should be after a run with the fault."""
    method, route = REQUESTS[request]
    requests = list(target.host.plane.requests)[before:]
    wrong = []
    if not any((entry.method, entry.route) == (method, route) for entry in requests):
        wrong.append("the request was not made")
    said = reasons(run, target)
    left = differences(target, undisturbed.outcome)
    if len(said) > 1 or (left and not said):
        wrong.append(f"it said {said} and left {left}")
    if any(len(line) > 500 for line in said):
        wrong.append(f"too long: {said}")
    for wrote, count in writes(requests).items():
        allowed = undisturbed.writes[wrote]
        if wrote == (method, route):
            allowed = 6 if fault in THROTTLED else allowed if fault in NO_ANSWERS_OF_PLANE else 1
            if request in FORMS and fault == "login page":
                allowed = 2  # as Plane says that it refused the form's token
            if request == "sign-up form" and (fault == "login page" or fault not in NO_ANSWERS_OF_PLANE):
                allowed *= len(TWO_AGENTS)  # which are under way at the same time, each with its own
        if request not in WITHOUT_A_SAVED_TOKEN and count > allowed:
            wrong.append(f"{' '.join(wrote)} was sent {count} times")
    return wrong


def check(cases: list[tuple[str, str]], undisturbed: Undisturbed, targets: list[Target]) -> None:
    """Run with each case's fault on a target of its own, then run again without."""
    before = [len(target.host.plane.requests) for target in targets]
    for (request, fault), target in zip(cases, targets, strict=True):
        method, route = REQUESTS[request]
        target.host.plane.faults.add(FAULTS[fault], method=method, route=route)
    run = deploy_all(targets)
    for target in targets:
        target.host.plane.faults.clear()
        target.host.plane.forget_throttles()
    assert "Traceback" not in run.output and "exception occurred" not in run.output, run.output
    assert [name for target in targets for name in found(target, run.output)] == []
    wrong = {
        case: problems(*case, undisturbed, target, run, count)
        for case, target, count in zip(cases, targets, before, strict=True)
    }
    assert {case: found for case, found in wrong.items() if found} == {}, run.output
    failed = [target for target in targets if reasons(run, target)]
    assert (run.code != 0) == bool(failed), run.output

    again = deploy_all(targets)
    left = {case: differences(target, undisturbed.outcome) for case, target in zip(cases, targets, strict=True)}
    assert {case: found for case, found in left.items() if found} == {}, run.output + again.output
    assert again.code == 0, again.output


STAYING = [(request, fault) for request in REQUESTS for fault in FAULTS]
SHARES = shares(16, of_sample=2)


def kinds(case: tuple[str, str]) -> list[object]:
    """What is to be in every sample: each request, and each fault of a form and of another request."""
    request, fault = case
    return [request, (fault, request in FORMS)]


@pytest.mark.sampled
@pytest.mark.parametrize("share", SHARES)
def test_a_fault_that_stays(
    share: int, undisturbed: Undisturbed, new_target: NewTarget, settled: Settled, say: Say
) -> None:
    begun_at = time.monotonic()
    cases = dealt(chosen("faults: that stay", STAYING, kinds=kinds), share, SHARES)
    check(cases, undisturbed, [ready_for(request, new_target, settled) for request, _ in cases])
    say(f"{len(cases)} of {len(STAYING)} faults that stay, {time.monotonic() - begun_at:.0f} s")


PASSING = [
    (request, fault)
    for fault in (*NO_ANSWER, "502 page", "503 page", *THROTTLED)
    for request, (method, _) in REQUESTS.items()
    if request not in WITHOUT_A_SAVED_TOKEN and (method in READS or fault in THROTTLED)
]


@pytest.mark.sampled
@pytest.mark.parametrize("share", shares(4))
def test_a_fault_that_passes_is_not_noticed_where_repeating_does_no_harm(
    share: int, undisturbed: Undisturbed, new_targets: NewTargets, say: Say
) -> None:
    cases = dealt(chosen("faults: that pass", PASSING, kinds=lambda case: case), share, shares(4))
    targets = new_targets(len(cases), plane_agents=TWO_AGENTS)
    for (request, fault), target in zip(cases, targets, strict=True):
        method, route = REQUESTS[request]
        if request == "probe":
            at_an_address(target)
        target.host.plane.faults.add(FAULTS[fault], method=method, route=route, nth=1)
    run = deploy_all(targets)
    left = {case: differences(target, undisturbed.outcome) for case, target in zip(cases, targets, strict=True)}
    assert run.code == 0 and {case: found for case, found in left.items() if found} == {}, run.output
    say(f"{len(cases)} of {len(PASSING)} faults that pass")


def test_no_answer_in_time_is_one_line(undisturbed: Undisturbed, new_targets: NewTargets, say: Say) -> None:
    # All in one operation, so that they wait at the same time.
    kinds = ["new invitations", "invitations", "sign-up form", "join"]
    targets = new_targets(len(kinds), plane_agents=TWO_AGENTS)
    for kind, target in zip(kinds, targets, strict=True):
        method, route = REQUESTS[kind]
        stalling = target.host.plane.faults
        stalling.add(stalling.stalled(handled=True), method=method, route=route)
    run = deploy_all(targets)
    assert run.code != 0 and "Traceback" not in run.output
    for kind, target in zip(kinds, targets, strict=True):
        [line] = reasons(run, target)
        assert REQUESTS[kind][0] in line and "no answer within 30 s" in line
        target.host.plane.faults.clear()
    again = deploy_all(targets)
    assert again.code == 0, again.output
    assert [differences(target, undisturbed.outcome) for target in targets] == [{}] * len(targets)
    say(f"no answer within 30 s: {len(kinds)} requests")


BEFORE_JOINING = {
    "sign-up form": ("POST", "/auth/sign-up/"),
    "no mail": ("PATCH", "/api/users/me/notification-preferences/"),
    "time zone": ("PATCH", "/api/users/me/"),
    "join": ("POST", "/api/users/me/workspaces/invitations/"),
}
"""Requests around what an account gets before it joins."""


@pytest.mark.parametrize("fault", ["500", "answer lost"])
def test_no_mail_and_the_time_zone_are_set_by_the_run_after_one_that_ended_in_between(
    fault: str, new_targets: NewTargets
) -> None:
    agents = [{**agent, "timezone": "Africa/Cairo"} for agent in TWO_AGENTS]
    targets = new_targets(len(BEFORE_JOINING) + 1, plane_agents=agents)
    undisturbed = targets.pop()
    for (method, route), target in zip(BEFORE_JOINING.values(), targets, strict=True):
        target.host.plane.faults.add(FAULTS[fault], method=method, route=route, nth=1)
    run = deploy_all([*targets, undisturbed])
    assert all(reasons(run, target) for target in targets) and not reasons(run, undisturbed), run.output
    again = deploy_all(targets)
    assert again.code == 0, again.output
    for target in (undisturbed, *targets):
        for user in (target.user("concierge"), target.user("thot")):
            assert user.user_timezone == "Africa/Cairo" and not any(user.notifications.values())
    left = [differences(target, outcome(undisturbed)) for target in targets]
    assert left == [{}] * len(targets), again.output
    assert deploy_all(targets).plan == []


def test_a_throttled_form_is_not_blamed_on_a_setting(new_target: NewTarget, settled: Settled) -> None:
    kinds = ["CSRF pair", "sign-in form", "sign-up form"]
    targets = [ready_for(kind, new_target, settled) for kind in kinds]
    for kind, target in zip(kinds, targets, strict=True):
        method, route = REQUESTS[kind]
        target.host.plane.faults.add(faults.throttled(0), method=method, route=route)
    run = deploy_all(targets)
    lines = [line for target in targets for line in reasons(run, target)]
    assert len(lines) == len(kinds) and not any("plane_" in line for line in lines), lines


def test_a_connection_that_was_closed_says_what_to_do(new_target: NewTarget) -> None:
    target = new_target(plane_agents=TWO_AGENTS)
    target.host.plane.faults.add(faults.closed, method="POST", route="/auth/sign-up/")
    [line] = reasons(target.deploy(operation="deploy.provisioning"), target)
    assert "run again" in line or "docker logs" in line, line


@pytest.mark.xfail(strict=True, reason="pyinfra 3.10 with --no-wait: a traceback, and exit code 0")
def test_a_failure_is_a_failure_without_waiting_for_other_hosts_too(new_target: NewTarget) -> None:
    target = new_target(plane_agents=TWO_AGENTS)
    target.host.plane.faults.add(faults.closed, method="POST", route="/auth/sign-up/")
    run = target.deploy("--no-wait", operation="deploy.provisioning")
    assert run.code != 0 and "Traceback" not in run.output
