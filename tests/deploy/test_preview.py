"""A preview names what the run does, line for line, with all settings that the tests deploy with."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.clients.test_sdk import RICH, ROLES
from tests.deploy.conftest import NewTarget
from tests.deploy.target import TOKEN_FILE, Target
from tests.deploy.test_commercial_modes import SHARED
from tests.deploy.test_features import DATA as FEATURES
from tests.deploy.test_plane_1_4 import DATA as LIMITED
from tests.deploy.test_project_settings import with_project
from tests.deploy.test_requests import THREE
from tests.deploy.test_runs import LAB
from tests.deploy.test_truth import LABELS, STATES, TWO, in_project
from tests.faults.test_crash_settings import DATA as CRASHED
from tests.sampled import chosen

AGENTS = {"plane_agents": TWO}

SETTINGS: dict[str, dict[str, Any]] = {
    "default": {},
    "states, labels and prune": {**AGENTS, **in_project(states=STATES, labels=LABELS, prune=True)},
    "states without prune": {**AGENTS, **in_project(states=STATES)},
    "estimates": {**AGENTS, **in_project(estimates=True)},
    "no estimates": {**AGENTS, **in_project(estimates=False)},
    "project settings": with_project(),
    "features": FEATURES,
    "crash": CRASHED,
    "three projects": {"plane_projects": THREE},
    "another workspace": LAB,
    "every kind of field": {**AGENTS, "plane_projects": [RICH]},
    "labels in place of fields": {**AGENTS, "plane_projects": [RICH], "plane_custom_fields_unsupported": "labels"},
    "roles and a type": ROLES,
    "shared fields": SHARED,
}

OF_COMMERCIAL = ("default", "features", "crash", "every kind of field", "roles and a type", "shared fields")

Case = tuple[str, str, str]
"""Edition, settings, and what was deployed before."""

CASES: list[Case] = [
    (edition, name, time)
    for edition, names in (("community", SETTINGS), ("commercial", OF_COMMERCIAL), ("governed", OF_COMMERCIAL))
    for name in names
    for time in ("nothing", "the default settings")
]


@pytest.fixture(scope="module")
def put_back(new_target: NewTarget) -> Callable[[str, str], Target]:
    """Gives the target of an edition, with its Plane and its tokens as they were at a time."""
    saved: dict[tuple[str, str], tuple[dict[str, Any], str]] = {}
    targets: dict[str, Target] = {}

    def save(edition: str, time: str) -> None:
        path = targets[edition].host.root / TOKEN_FILE
        saved[edition, time] = copy.deepcopy(vars(targets[edition].plane)), path.read_text() if path.exists() else ""

    def give(edition: str, time: str) -> Target:
        if edition not in targets:
            targets[edition] = target = new_target(edition)
            save(edition, "nothing")
            assert target.deploy(operation="deploy.provisioning").code == 0
            save(edition, "the default settings")
        target, (state, tokens) = targets[edition], saved[edition, time]
        vars(target.plane).update(copy.deepcopy(state))
        path = target.host.root / TOKEN_FILE
        path.unlink(missing_ok=True)
        if tokens:
            path.write_text(tokens)
            path.chmod(0o600)
        return target

    return give


def settles(target: Target, **given: Any) -> None:
    target.deploy_as_previewed(**given)
    again = target.deploy(**given)
    assert (again.changed, again.plan) == ([], []), again.output


def kinds(case: Case) -> list[str | tuple[str, str]]:
    """What a case is an example of."""
    edition, name, time = case
    return [name, (edition, time)]


TRIED: list[Case] = chosen("deploy: previews", CASES, kinds=kinds)


@pytest.mark.sampled
@pytest.mark.parametrize(("edition", "name", "time"), TRIED)
def test_of_a_host_with(put_back: Callable[[str, str], Target], edition: str, name: str, time: str) -> None:
    settles(put_back(edition, time), operation="deploy.provisioning", data=SETTINGS[name])


@pytest.mark.parametrize(("version", "name"), [("1.2.2", "default"), ("1.4.2", "project settings")])
def test_of_all_parts(new_target: NewTarget, version: str, name: str) -> None:
    settles(new_target(version=version, **LIMITED), data=SETTINGS[name])
