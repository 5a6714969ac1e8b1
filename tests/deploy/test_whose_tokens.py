"""A saved token is the agent's own: what follows when an agent's address, or the workspace, is another one."""

from __future__ import annotations

import re
from typing import Any

from tests.deploy.settled import Settled
from tests.deploy.target import TOKEN_FILE, Target
from tests.deploy.test_tokens import MARK, add_token, answers, labelled

NEW = "thot@elsewhere.example"


def agents(**thot: Any) -> dict[str, Any]:
    """The settings of a concierge and of a thot who has, or is, something else."""
    return {"plane_agents": [{"name": "concierge", "role": "admin"}, {"name": "thot", "role": "member", **thot}]}


def owner(target: Target, name: str) -> str:
    """The address of the account that an agent's saved token belongs to."""
    [row] = [row for row in target.plane.api_tokens.values() if row.token == target.tokens[name]]
    return target.plane.users[row.user].email


def forget_owners(target: Target) -> None:
    """The token file as it is when somebody else wrote it."""
    path = target.host.root / TOKEN_FILE
    path.write_text(re.sub(r"^# agent \S+: of \S+\n", "", path.read_text(), flags=re.M))


def test_the_file_says_whose_each_token_is(target: Target) -> None:
    run = target.deploy(data=agents())
    assert run.code == 0, run.output
    assert "# agent thot: of thot@javisi.local" in target.file(TOKEN_FILE).splitlines()


def test_an_agent_with_another_address_gets_a_token_of_its_new_account_and_the_old_one_is_revoked(
    target: Target, settled: Settled
) -> None:
    settled.settle(target, data=agents())
    before = target.tokens
    data = agents(email=NEW)
    expected = [
        f"+ account {NEW} (member)",
        "~ token agent-thot: belongs to thot@javisi.local",
        "+ members of ONBOARD: thot",
    ]
    preview = target.deploy("--dry", data=data)
    assert preview.plan == expected and preview.writes == [], preview.output
    run = target.deploy(data=data)
    assert run.code == 0 and run.plan == expected, run.output
    assert owner(target, "thot") == NEW and target.tokens["concierge"] == before["concierge"]
    assert labelled(target, "thot") == [target.tokens["thot"]]
    assert not answers(target, before["thot"]) and answers(target, target.tokens["thot"])
    again = target.deploy(data=data)
    assert again.changed == [] and again.writes == [], again.output


def test_a_token_that_a_person_made_of_the_old_account_stays_and_is_named(target: Target, settled: Settled) -> None:
    settled.settle(target, data=agents())
    old, by_hand = target.tokens["thot"], add_token(target, "thot")
    run = target.deploy(data=agents(email=NEW))
    assert run.code == 0, run.output
    assert (
        "! thot@javisi.local has tokens with the label agent-thot that this deploy did not create: 1; they stay valid "
        "until you revoke them in Plane as that account"
    ) in run.notes
    assert answers(target, by_hand) and not answers(target, old)


def test_the_sole_admin_may_have_another_address(target: Target, settled: Settled) -> None:
    settled.settle(target, data=agents())
    data = {"plane_agents": [{"name": "concierge", "role": "admin", "email": "desk@elsewhere.example"}]}
    preview = target.deploy("--dry", data=data)
    assert preview.plan == [
        "+ account desk@elsewhere.example (admin)",
        "~ token agent-concierge: belongs to concierge@javisi.local",
        "+ members of ONBOARD: concierge",
    ], preview.output
    run = target.deploy(data=data)
    assert run.code == 0, run.output
    assert owner(target, "concierge") == "desk@elsewhere.example"
    assert labelled(target, "concierge") == [target.tokens["concierge"]]
    assert target.deploy(data=data).changed == []


def test_an_old_account_whose_password_is_not_known_is_told_of(target: Target, settled: Settled) -> None:
    settled.settle(target, data=agents(email="thot@before.example"))
    old = target.tokens["thot"]
    run = target.deploy(data=agents(email=NEW))
    assert run.code == 0, run.output
    note = (
        "! the deploy does not know the password of thot@before.example: its token agent-thot still answers; revoke it "
        "in "
        "Plane as that account"
    )
    assert [line for line in run.notes if "thot" in line] == [note]
    assert owner(target, "thot") == NEW and answers(target, old)
    again = target.deploy(data=agents(email=NEW))
    assert again.changed == [] and note not in again.notes, again.output


ADOPTED = "~ token agent-{0}: adopted; {1} will record {0}@javisi.local as its owner"


def adopted(*names: str) -> list[str]:
    """What is said of the tokens of these agents, which somebody else wrote into the file."""
    return [ADOPTED.format(name, TOKEN_FILE) for name in names]


def test_whose_the_tokens_of_an_earlier_version_are_is_asked_once(target: Target, settled: Settled) -> None:
    settled.settle(target, data=agents())
    before = target.file(TOKEN_FILE)
    forget_owners(target)
    assert target.deploy("--dry", data=agents()).plan == adopted("concierge", "thot")
    run = target.deploy(data=agents())
    assert run.code == 0 and run.plan == adopted("concierge", "thot") and run.writes == [], run.output
    assert target.file(TOKEN_FILE) == before
    again = target.deploy(data=agents())
    assert again.changed == [] and ("GET", "/api/v1/users/me/") not in again.requests


def test_a_token_of_the_former_address_in_a_file_of_an_earlier_version_is_replaced(
    target: Target, settled: Settled
) -> None:
    settled.settle(target, data=agents())
    old = target.tokens["thot"]
    forget_owners(target)
    assert "~ token agent-thot: belongs to thot@javisi.local" in target.deploy("--dry", data=agents(email=NEW)).plan
    run = target.deploy(data=agents(email=NEW))
    assert run.code == 0, run.output
    assert owner(target, "thot") == NEW and not answers(target, old)
    assert "# agent concierge: of concierge@javisi.local" in target.file(TOKEN_FILE)
    again = target.deploy(data=agents(email=NEW))
    assert again.changed == [] and ("GET", "/api/v1/users/me/") not in again.requests


def test_a_replacement_that_was_cut_off_before_the_old_token_was_revoked_is_finished(
    target: Target, settled: Settled
) -> None:
    settled.settle(target, data=agents())
    old, before = target.tokens["thot"], target.file(TOKEN_FILE)
    assert target.deploy(data=agents(email=NEW)).code == 0
    # As it is once the new token is saved: the old account still has the old one.
    add_token(target, "thot", MARK, old)
    path = target.host.root / TOKEN_FILE
    noted = f"# agent thot: rotating of {NEW} former thot@javisi.local"
    path.write_text(target.file(TOKEN_FILE).replace(f"# agent thot: of {NEW}", noted))
    assert noted not in before and noted in target.file(TOKEN_FILE) and answers(target, old)
    run = target.deploy(data=agents(email=NEW))
    assert run.code == 0, run.output
    assert not answers(target, old) and labelled(target, "thot") == [target.tokens["thot"]]
    assert "former" not in target.file(TOKEN_FILE)


def test_an_agent_that_goes_with_its_address_changed_leaves_no_token_behind(target: Target, settled: Settled) -> None:
    settled.settle(target, data=agents())
    old = target.tokens["thot"]
    run = target.deploy(data=agents(email=NEW, present=False))
    assert run.code == 0, run.output
    assert labelled(target, "thot") == [] and not answers(target, old)
    assert "thot" not in target.tokens


def test_the_token_file_of_another_workspace_is_refused_before_anything_is_made(
    target: Target, settled: Settled
) -> None:
    settled.settle(target, data=agents())
    tokens = target.tokens
    for forget in (False, True):
        if forget:
            forget_owners(target)
        before = target.file(TOKEN_FILE)
        data = {**agents(), "plane_workspace_slug": "lab", "plane_workspace_name": "Lab"}
        run = target.deploy(data=data)
        assert run.code != 0
        assert (
            f"{TOKEN_FILE} is the token of concierge@javisi.local, an account that is not in lab; set "
            "plane_tokens_path to a separate file for each workspace, or remove that line"
        ) in run.output
        assert [row.slug for row in target.plane.workspaces.values()] == ["javisi"]
        assert target.tokens == tokens and target.file(TOKEN_FILE) == before
    own = {**data, "plane_tokens_path": TOKEN_FILE + ".lab"}
    run = target.deploy(data=own)
    assert run.code == 0, run.output
    assert target.deploy(data=agents()).plan == adopted("concierge", "thot")


def test_two_workspaces_with_the_same_accounts_and_a_file_each_leave_each_other_their_tokens(
    target: Target, settled: Settled
) -> None:
    own = agents(email=NEW)
    own["plane_agents"][0]["email"] = "desk@elsewhere.example"
    settled.settle(target, data=own)
    tokens, file = target.tokens, target.file(TOKEN_FILE)
    lab = {**own, "plane_workspace_slug": "lab", "plane_tokens_path": TOKEN_FILE + ".lab"}
    run = target.deploy(data=lab)
    assert run.code == 0, run.output
    assert answers(target, tokens["thot"]) and target.file(TOKEN_FILE) == file
    assert len(labelled(target, "thot")) == 2
    assert target.deploy(data=own).changed == [] and target.deploy(data=lab).changed == []


def test_one_file_may_serve_two_workspaces_with_the_same_accounts(target: Target, settled: Settled) -> None:
    own = agents(email=NEW)
    own["plane_agents"][0]["email"] = "desk@elsewhere.example"
    settled.settle(target, data=own)
    tokens = target.tokens
    lab = {**own, "plane_workspace_slug": "lab", "plane_workspace_name": "Lab"}
    run = target.deploy(data=lab)
    assert run.code == 0, run.output
    assert target.tokens == tokens
    assert target.deploy(data=lab).changed == []
    assert target.deploy(data=own).changed == []
