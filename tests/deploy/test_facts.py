"""Facts of Plane: `pyinfra inventory.py fact pyinfra_plane.facts.plane.PlaneMembers`, and in a deploy of one's own."""

from __future__ import annotations

import json
from typing import Any

from tests.deploy.conftest import NewTarget
from tests.deploy.settled import Settled
from tests.deploy.target import AGENTS, TOKEN_FILE, Target, environment_with, run_pyinfra
from tests.deploy.test_takeover import leave

MODULE = "pyinfra_plane.facts.plane"


def ask(target: Target, *words: str) -> tuple[int, str, str]:
    """The exit code of `pyinfra … fact …`, what it printed, and what went to standard error."""
    target.host.plane.forget_throttles()
    words = (str(target.write_inventory()), "fact", *words)
    done = run_pyinfra(words, environment_with(target.secrets), separate=True)
    return done.returncode, done.stdout, done.stderr


def fact(target: Target, name: str, *words: str) -> Any:
    code, printed, errors = ask(target, f"{MODULE}.{name}", *words, "--json")
    assert code == 0, errors
    [found] = json.loads(printed).values()
    return found[target.host.name]


def test_the_members_of_a_workspace(finished: Target) -> None:
    before = finished.snapshot()
    found = fact(finished, "PlaneMembers")
    assert {one["agent"] for one in found.values()} == {*AGENTS, None}
    assert found["concierge@javisi.local"] == {
        "role": "admin",
        "display_name": "concierge",
        "avatar": "",
        "is_active": True,
        "agent": "concierge",
        "token_saved": True,
        "is_plane_admin": False,
    }
    # Whether a person is still there, Plane does not tell a token before 1.4.
    assert (found["admin@javisi.local"]["agent"], found["admin@javisi.local"]["is_active"]) == (None, None)
    assert finished.snapshot() == before


def test_a_removed_member_is_not_there_from_plane_1_4_on(new_target: NewTarget, settled: Settled) -> None:
    # As few as Plane's form limit takes without a wait.
    agents = [{"name": name, "role": "member"} for name in ("thot", "cfo")]
    target = new_target(version="1.4.2", plane_agents=[{"name": "concierge", "role": "admin"}, *agents])
    settled.settle(target)
    leave(target, "thot@javisi.local")
    found = fact(target, "PlaneMembers")
    assert "thot@javisi.local" not in found and found["cfo@javisi.local"]["is_active"] is True
    tokens = fact(target, "PlaneTokens")
    assert (tokens["thot"]["answers"], tokens["thot"]["in_workspace"]) == (True, False)


def test_the_projects_with_what_is_in_them(finished: Target) -> None:
    found = fact(finished, "PlaneProjects")
    assert set(found) == {"ONBOARD", "JAVIS"}
    onboard = found["ONBOARD"]
    assert (onboard["name"], onboard["network"], onboard["pages"]) == ("Onboarding", "public", True)
    assert onboard["agents"]["concierge"] == "admin" and onboard["agents"]["thot"] == "member"
    assert [one["name"] for one in onboard["states"]] == ["Backlog", "Todo", "In Progress", "Done", "Cancelled"]
    # Nobody whose token is known is in Plane's demo project.
    assert found["JAVIS"]["states"] is None and set(found["JAVIS"]["agents"].values()) == {None}


def test_the_state_of_each_token(new_target: NewTarget, settled: Settled) -> None:
    target = new_target(plane_token_lifetime_days=90)
    settled.settle(target)
    lines = target.file(TOKEN_FILE).replace(f"PLANE_TOKEN_CFO={target.tokens['cfo']}\n", "")
    (target.host.root / TOKEN_FILE).write_text(lines + "PLANE_TOKEN_OLD_ONE=plane_api_" + "0" * 32 + "\n")
    [token] = [row for row in target.plane.api_tokens.values() if row.label == "agent-thot"]
    token.is_active = False
    found = fact(target, "PlaneTokens")
    assert set(found) == {*AGENTS, "old_one"}
    shuri = found["shuri"]
    ends = shuri.pop("ends")
    assert f"# agent shuri: ends {ends} " in lines
    assert shuri == {
        "label": "agent-shuri",
        "variable": "PLANE_TOKEN_SHURI",
        "account": "shuri@javisi.local",
        "saved": True,
        "answers": True,
        "owner": "shuri@javisi.local",
        "in_workspace": True,
    }
    assert (found["cfo"]["saved"], found["cfo"]["answers"], found["cfo"]["ends"]) == (False, None, None)
    assert (found["thot"]["saved"], found["thot"]["answers"], found["thot"]["owner"]) == (True, False, None)
    assert (found["old_one"]["label"], found["old_one"]["answers"]) == (None, False)


def test_no_secret_is_in_any_output(finished: Target) -> None:
    names = ("PlaneMembers", "PlaneProjects", "PlaneTokens", "PlaneWorkspace")
    secrets = [*finished.tokens.values(), *finished.secrets.values()]
    for words in (["-vvv"], ["-vvv", "--json"], ["--debug-facts", "--debug"]):
        code, printed, errors = ask(finished, *(f"{MODULE}.{name}" for name in names), *words)
        assert code == 0, errors
        assert "thot@javisi.local" in printed + errors
        assert [secret for secret in secrets if secret in printed + errors] == []


def test_another_workspace_is_asked_for_by_its_slug_and_a_failure_is_told(finished: Target) -> None:
    assert fact(finished, "PlaneTokens", "slug=other")["thot"]["in_workspace"] is False
    code, printed, errors = ask(finished, f"{MODULE}.PlaneMembers", "slug=other", "--json")
    assert code == 1
    assert json.loads(printed)[f"{MODULE}.PlaneMembers (slug=other)"] == {finished.host.name: None}
    assert f"[{finished.host.name}] PlaneNotRead: no known token can read the workspace other; set " in errors
    assert "Traceback" not in errors


def test_settings_that_are_wrong_are_told(finished: Target) -> None:
    code, _, errors = ask(finished, f"{MODULE}.PlaneMembers", "--data", "plane_web_url=x")
    assert code == 1
    assert "PlaneNotRead: setting plane_web_url must " in errors


def test_the_rights_that_are_asked_for_count(new_target: NewTarget, settled: Settled) -> None:
    target = new_target()
    settled.settle(target)
    sudo = target.host.commands_path / "sudo"
    sudo.write_text('#!/bin/sh\nwhile [ "${1#-}" != "$1" ]; do shift; done\nexec "$@"\n')
    sudo.chmod(0o755)
    before = len(target.host.commands)
    code, _, errors = ask(target, f"{MODULE}.PlaneTokens", "--sudo")
    assert code == 0, errors
    commands = list(target.host.commands)[before:]
    assert any("agent-tokens.env" in line for line in commands)
    assert [line for line in commands if "sudo" not in line] == []


def test_a_deploy_of_ones_own_asks_for_a_fact(finished: Target) -> None:
    own = finished.directory / "own.py"
    own.write_text(
        "from pyinfra import host, logger\n"
        f"from {MODULE} import PlaneTokens\n\n"
        "late = [name for name, one in host.get_fact(PlaneTokens).items() if not one['answers']]\n"
        'logger.info(f"without a token that answers: {late}")\n'
    )
    run = finished.deploy("--dry", operation=str(own))
    assert (run.code, "without a token that answers: []" in run.output) == (0, True), run.output


def test_a_fact_that_fails_ends_the_run_on_its_host(finished: Target) -> None:
    own = finished.directory / "own.py"
    own.write_text(
        f"from pyinfra import host\nfrom {MODULE} import PlaneMembers\n\nhost.get_fact(PlaneMembers, slug='other')\n"
    )
    run = finished.deploy(operation=str(own))
    assert run.code == 1
    assert "no known token can read the workspace other" in run.output and "Traceback" not in run.output
