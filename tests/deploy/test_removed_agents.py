"""Agents that are to be gone: just they, wholly, and as often as it takes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.deploy.target import Target
from tests.deploy.test_tokens import answers, labelled
from tests.deploy.test_whose_tokens import NEW, agents, forget_owners, owner

ALONE: dict[str, Any] = {"plane_agents": [{"name": "concierge", "role": "admin"}]}
PRUNED: dict[str, Any] = {**ALONE, "plane_prune": True}


@pytest.mark.parametrize("is_told", [True, False], ids=["as the file says", "as Plane says"])
def test_an_agent_with_another_name_and_the_same_address_is_not_pruned(target: Target, is_told: bool) -> None:
    assert target.deploy(data=agents()).code == 0
    old = target.tokens["thot"]
    if not is_told:
        forget_owners(target)
    data = {**agents(name="toth", email="thot@javisi.local"), "plane_prune": True}
    run = target.deploy(data=data)
    assert run.code == 0, run.output
    assert "- token agent-thot: thot@javisi.local stays, under another name" in run.plan
    assert not [line for line in run.plan if line.startswith("- member")]
    assert target.membership("thot").is_active and owner(target, "toth") == "thot@javisi.local"
    assert set(target.tokens) == {"concierge", "toth"}
    assert labelled(target, "thot") == [] and not answers(target, old)
    again = target.deploy(data=data)
    assert again.changed == [] and again.writes == [], again.output


def test_no_password_is_derived_for_whatever_address_is_answered(target: Target) -> None:
    assert target.deploy(data=agents(email=NEW)).code == 0
    for forget in (False, True):
        if forget:
            assert target.deploy(data=agents(email=NEW)).code == 0
            forget_owners(target)
        run = target.deploy(data=PRUNED)
        assert run.code == 0, run.output
        # Its password is the seed's, and whoever answers in Plane's place could name any address.
        told = f"! the password of {NEW} is not known here: its tokens stay, and open nothing in javisi"
        assert told in run.notes, run.output
        assert "thot" not in target.tokens


def test_a_line_of_nobody_who_is_named_is_told_of_on_every_run_and_is_no_change(target: Target) -> None:
    assert target.deploy(data=agents()).code == 0
    told = "! not in plane_agents, and left alone without plane_prune: PLANE_TOKEN_THOT"
    for arguments in (["--dry"], []):
        run = target.deploy(*arguments, data=ALONE)
        assert run.code == 0 and run.plan == [] and run.changed == [], run.output
        assert run.notes.count(told) == 1, run.output
    assert told not in target.deploy(data=agents()).notes
