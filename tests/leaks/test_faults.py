"""Given a fault at a request, when the deploy fails and says all that it can, then no secret is in it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from urllib.parse import quote, unquote_plus

import pytest
from aiohttp import web

from sandbox.plane.faults import Action
from sandbox.plane.http import Handler
from tests.deploy.target import TOKEN_FILE, Run
from tests.faults.cuts import deploy_all
from tests.faults.test_faults import FAULTS, FORMS, REQUESTS, WITHOUT_A_SAVED_TOKEN, at_an_address
from tests.leaks.conftest import NewTarget
from tests.leaks.given import given, secrets_of
from tests.leaks.search import Leak, Search
from tests.sampled import chosen

ALL_REQUESTS = {
    **REQUESTS,
    "instance admin's sign-in": ("POST", "/api/instances/admins/sign-in/"),
    "instance settings": ("GET", "/api/instances/configurations/"),
    "changed instance settings": ("PATCH", "/api/instances/configurations/"),
}
BUT_THE_PROBE = [kind for kind in ALL_REQUESTS if kind != "probe"]
ALL_FORMS = (*FORMS, "instance admin's sign-in")
ON_A_FINISHED_TARGET = {*WITHOUT_A_SAVED_TOKEN, "instance admin's sign-in"}


async def _told(request: web.Request) -> str:
    """All that came with a request, as it came and decoded."""
    body = await request.text()
    cookies = " ".join(request.cookies.values())
    decoded = "" if request.content_type == "application/json" else unquote_plus(body)
    return f"{request.headers.get('X-API-Key', '')} {cookies} {body} {decoded}"


async def _refused(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A refusal that repeats what was sent."""
    told = await _told(request)
    return web.json_response({"detail": f"you sent {told}"}, status=400)


async def _redirected(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A form's refusal that repeats what was sent."""
    told = quote(f"you sent {await _told(request)}")
    return web.Response(status=302, headers={"Location": f"/?error_code=5000&error_message={told}"})


async def _failed(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What a server that is being debugged answers."""
    return web.Response(status=500, text=json.dumps({"error": await _told(request)}))


async def _sent_elsewhere(request: web.Request, handler: Handler) -> web.StreamResponse:
    told = quote(await _told(request))
    return web.Response(status=301, headers={"Location": f"https://other.example.org/?next={told}"})


async def _misread(request: web.Request, handler: Handler) -> web.StreamResponse:
    """No answer of Plane's, which repeats what was sent."""
    return web.Response(text=await _told(request))


def finds(faults: Mapping[str, Action], new_target: NewTarget) -> tuple[Run, list[Leak]]:
    """One run that meets each request's fault on a host of its own, and the secrets of any host in what it says."""
    # One command has one environment, so what is given is the same for all.
    known = given()
    targets = {kind: new_target(known) for kind in faults}
    if "probe" in targets:
        at_an_address(targets["probe"])
    for kind in faults.keys() & ON_A_FINISHED_TARGET:
        assert targets[kind].deploy(operation="deploy.provisioning").code == 0
        (targets[kind].host.root / TOKEN_FILE).unlink()
    for kind, action in faults.items():
        method, route = ALL_REQUESTS[kind]
        targets[kind].host.plane.faults.add(action, method=method, route=route)
    run = deploy_all(list(targets.values()), "-vvv", "--debug")
    assert run.code != 0
    secrets: dict[str, str] = {}
    for kind, target in targets.items():
        asked = {(entry.method, entry.route) for entry in target.host.plane.requests}
        assert ALL_REQUESTS[kind] in asked, f"{kind}: the request was not made"
        of_host = secrets_of(target, known).items()
        secrets |= {name if name in known.secrets else f"{name} ({kind})": secret for name, secret in of_host}
    return run, Search(secrets).leaks("the output", run.output)


def test_no_fault_brings_a_secret_out(new_target: NewTarget) -> None:
    # Every request and every fault once; which fault a request meets matters to tests/faults alone.
    faults = dict(zip(ALL_REQUESTS, itertools.cycle(FAULTS.values()), strict=False))
    assert len(faults) >= len(FAULTS)
    run, leaks = finds(faults, new_target)
    assert leaks == [] and len(run.output) > 10_000


@pytest.mark.sampled
def test_a_refusal_that_repeats_what_was_sent_is_shown_without_it(new_target: NewTarget) -> None:
    everywhere = [(kind, _redirected if kind in ALL_FORMS else _refused) for kind in BUT_THE_PROBE]
    faults = dict(chosen("leaks: refusals", everywhere, 8, lambda case: [case[1]]))
    run, leaks = finds(faults, new_target)
    assert leaks == []
    assert run.output.count("you sent") >= len(faults) - 2, "what Plane says was not shown at all"


@pytest.mark.sampled
def test_an_answer_that_is_none_of_planes_and_repeats_what_was_sent_is_not_shown(new_target: NewTarget) -> None:
    everywhere = list(zip(BUT_THE_PROBE, itertools.cycle((_failed, _sent_elsewhere, _misread)), strict=False))
    _, leaks = finds(dict(chosen("leaks: no answers of Plane", everywhere, 8, lambda case: [case[1]])), new_target)
    assert leaks == []
