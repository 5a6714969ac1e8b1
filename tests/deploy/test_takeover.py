"""Given an instance that a person set up, or that a run left half done: the deploy takes it from there."""

from __future__ import annotations

import asyncio
import re
import subprocess
from typing import Any

import pytest
import requests
from pyinfra.api import HiddenValue

from pyinfra_plane.settings import derive_password
from sandbox.plane.models import PUBLIC
from sandbox.plane.passwords import hash_password, matches
from tests.contract.browser import PASSWORD, Browser
from tests.deploy.conftest import NewTarget
from tests.deploy.settled import Settled
from tests.deploy.target import AGENTS, CHECKOUT, TOKEN_FILE, Target
from tests.deploy.test_tokens import answers
from tests.deploy.test_whose_tokens import adopted

ADMIN = {"plane_admin_email": "person@example.org"}


def url(target: Target) -> str:
    return f"http://127.0.0.1:{target.host.plane_port}"


def set_up(target: Target, workspace: str | None = "javisi") -> Browser:
    """A person sets the instance up in their browser, and makes a workspace."""
    person = Browser(url(target))
    person.set_up(ADMIN["plane_admin_email"])
    if workspace:
        person.make_workspace_with_demo(workspace)
    return person


def test_an_instance_that_a_person_set_up_with_the_admin_password(target: Target) -> None:
    set_up(target)
    run = target.deploy(data=ADMIN, secrets={"PLANE_ADMIN_PASSWORD": PASSWORD})
    assert run.code == 0, run.output
    assert "+ workspace javisi (Javisi)" not in run.plan
    assert set(target.tokens) == set(AGENTS)
    again = target.deploy(data=ADMIN, secrets={"PLANE_ADMIN_PASSWORD": PASSWORD})
    assert again.changed == [], again.output


def test_a_workspace_that_a_person_made_since_somebody_looked_at_the_instance(target: Target) -> None:
    person = set_up(target, workspace=None)
    # Plane's own pages ask for this too, and it goes on giving the same answer.
    assert person.ask("GET", "/api/instances/").json()["instance"]["workspaces_exist"] is False
    person.make_workspace_with_demo("javisi")
    assert person.ask("GET", "/api/instances/").json()["instance"]["workspaces_exist"] is False
    run = target.deploy(data=ADMIN, secrets={"PLANE_ADMIN_PASSWORD": PASSWORD})
    assert run.code == 0, run.output
    assert "+ workspace javisi (Javisi)" not in run.plan


def test_an_instance_that_a_person_set_up_with_an_api_token_alone(target: Target) -> None:
    person = set_up(target)
    token = person.make_key()
    secrets = {"PLANE_ADMIN_PASSWORD": None, "PLANE_ADMIN_API_TOKEN": token}
    preview = target.deploy("--dry", secrets=secrets)
    assert "+ account thot@javisi.local (member)" in preview.plan, preview.output
    assert "+ project ONBOARD (Onboarding)" in preview.plan
    run = target.deploy(secrets=secrets)
    assert run.code == 0, run.output
    assert ("POST", "/api/workspaces/javisi/invitations/") not in run.requests
    assert set(target.tokens) == set(AGENTS)
    again = target.deploy(secrets=secrets)
    assert again.changed == [] and again.writes == [], again.output


def leave(target: Target, address: str) -> None:
    """Somebody is in the workspace no more."""
    user = target.plane.user_by_email(address)
    assert user is not None
    row = target.plane.workspace_member(target.workspace().id, user.id)
    assert row is not None
    row.is_active = False


def alone(token: str) -> dict[str, str | None]:
    """The secrets of somebody who has an API token and no password."""
    return {"PLANE_ADMIN_PASSWORD": None, "PLANE_ADMIN_API_TOKEN": token}


def test_with_an_api_token_alone_the_workspace_is_renamed_once_somebody_can_sign_in(target: Target) -> None:
    secrets = alone(set_up(target).make_key())
    target.workspace().name = "Acme"
    renamed = "~ workspace javisi: name Acme → Javisi"
    assert target.deploy("--dry", secrets=secrets).plan.count(renamed) == 1
    run = target.deploy(secrets=secrets)
    assert run.code == 0, run.output
    assert run.plan.count(renamed) == 1 and target.workspace().name == "Javisi"
    target.workspace().name = "Acme"
    later = target.deploy(secrets=secrets)
    assert later.changed == ["Provisioning | Workspace javisi"], later.output
    assert "is renamed after" not in later.output and target.workspace().name == "Javisi"


def test_with_an_api_token_alone_an_agent_may_be_a_member_already_or_have_been(target: Target) -> None:
    owner = set_up(target)
    agents = [{"name": "concierge", "role": "admin"}]
    for name in ("bob", "eve"):
        person = Browser(url(target))
        assert person.sign_up(f"{name}@example.org") == ""
        person.join(owner, f"{name}@example.org", 15)
        agents.append({"name": name, "email": f"{name}@example.org", "password": PASSWORD})
    leave(target, "eve@example.org")
    run = target.deploy(data={"plane_agents": agents}, secrets=alone(owner.make_key()))
    assert run.code == 0, run.output
    assert "+ member again: eve@example.org (member)" in run.plan
    assert not [line for line in run.plan if "bob@" in line and not line.startswith("~ display name")]
    assert set(target.tokens) == {"concierge", "bob", "eve"}


def test_an_api_token_of_somebody_in_another_workspace_is_named(target: Target) -> None:
    set_up(target)
    with Browser(url(target)) as stranger:
        assert stranger.sign_up("carol@example.org") == ""
        stranger.make_workspace_with_demo("other")
        run = target.deploy(secrets=alone(stranger.make_key()))
    assert run.code != 0
    assert "plane_admin_api_token is not in the workspace javisi" in run.output
    assert "concierge@" not in run.output.partition("--> Starting")[2]


def test_with_an_api_token_alone_a_project_that_its_owner_is_not_in(target: Target) -> None:
    owner = set_up(target)
    with Browser(url(target)) as other:
        assert other.sign_up("bob@example.org") == ""
        other.join(owner, "bob@example.org", 20)
        project = {"name": "Onboarding", "identifier": "ONBOARD", "network": PUBLIC}
        assert other.ask("POST", "/api/workspaces/javisi/projects/", json=project).status_code == 201
    secrets = alone(owner.make_key())
    target.deploy_as_previewed(operation="deploy.provisioning", secrets=secrets)
    assert target.deploy(operation="deploy.provisioning", secrets=secrets).changed == []
    assert target.project_membership("thot").role == 15


def test_with_an_api_token_alone_roles_in_a_project_are_mended_and_who_was_taken_out_comes_back(
    target: Target,
) -> None:
    secrets = alone(set_up(target).make_key())
    assert target.deploy(operation="deploy.provisioning", secrets=secrets).code == 0
    target.project_membership("thot").is_active = False
    target.project_membership("cfo").role = 5
    run = target.deploy(operation="deploy.provisioning", secrets=secrets)
    assert run.code == 0, run.output
    assert run.plan == ["+ members of ONBOARD: thot", "~ role of cfo in ONBOARD: guest → member"]
    assert target.project_membership("thot").is_active
    assert target.project_membership("cfo").role == 15


def test_an_open_invitation_with_capitals_fits_nobody_and_stands_in_nobodys_way(target: Target) -> None:
    owner = set_up(target)
    invited = requests.post(
        f"{url(target)}/api/v1/workspaces/javisi/invitations/",
        json={"email": "Hermes@Javisi.local", "role": 15},
        headers={"X-API-Key": owner.make_key()},
    )
    assert invited.status_code == 201
    secrets = {"PLANE_ADMIN_PASSWORD": PASSWORD}
    run = target.deploy(operation="deploy.provisioning", data=ADMIN, secrets=secrets)
    assert run.code == 0, run.output
    assert target.membership("hermes").is_active


def test_an_admin_agent_whom_a_person_made_a_guest_is_admin_again(target: Target, settled: Settled) -> None:
    settled.settle(target, operation="deploy.provisioning")
    target.membership("concierge").role = 5
    mended = "~ role of concierge@javisi.local: guest → admin"
    preview = target.deploy("--dry", operation="deploy.provisioning")
    assert mended in preview.plan and not [line for line in preview.plan if line[:2] == "? "], preview.output
    run = target.deploy(operation="deploy.provisioning")
    assert run.code == 0 and mended in run.plan, run.output
    assert target.membership("concierge").role == 20


def test_where_only_guests_tokens_are_left_somebody_signs_in_to_see_the_members(
    target: Target, settled: Settled
) -> None:
    agents = [{"name": "concierge", "role": "admin"}, {"name": "thot", "role": "guest"}]
    target.data["plane_agents"] = agents
    settled.settle(target, operation="deploy.provisioning")
    target.plane.api_tokens.one(user=target.user("concierge").id).is_active = False  # type: ignore[union-attr]
    run = target.deploy(operation="deploy.provisioning")
    assert run.code == 0, run.output
    assert run.plan == ["~ token agent-concierge: the saved one does not answer"]


def test_an_admin_who_left_the_workspace_is_stood_in_for_by_an_agent_who_is_admin(
    target: Target, settled: Settled
) -> None:
    agents = [{"name": "concierge", "role": "admin"}, {"name": "thot"}]
    settled.settle(target, operation="deploy.provisioning", data={"plane_agents": agents})
    leave(target, "admin@javisi.local")
    agents = [*agents[:1], {"name": "thot", "role": "guest"}, {"name": "ptah"}]
    run = target.deploy(operation="deploy.provisioning", data={"plane_agents": agents})
    assert run.code == 0, run.output
    assert (target.membership("thot").role, target.membership("ptah").role) == (5, 15)
    # Nobody else is there to change the concierge's own role.
    target.membership("concierge").role = 15
    run = target.deploy(operation="deploy.provisioning", data={"plane_agents": agents})
    assert run.code != 0
    assert "admin@javisi.local is not an admin of javisi" in run.output


def test_a_plain_members_api_token_does_for_what_it_may_and_the_password_for_the_rest(target: Target) -> None:
    owner = set_up(target)
    with Browser(url(target)) as person:
        assert person.sign_up("bob@example.org") == ""
        person.join(owner, "bob@example.org", 15)
        token = person.make_key()
    refused = target.deploy(operation="deploy.provisioning", data=ADMIN, secrets=alone(token))
    assert refused.code != 0
    assert "plane_admin_api_token is not an admin of javisi" in refused.output
    secrets = {"PLANE_ADMIN_PASSWORD": PASSWORD, "PLANE_ADMIN_API_TOKEN": token}
    run = target.deploy(operation="deploy.provisioning", data=ADMIN, secrets=secrets)
    assert run.code == 0, run.output
    assert set(target.tokens) == set(AGENTS)


def test_an_api_token_that_does_not_answer_is_named(target: Target) -> None:
    set_up(target)
    run = target.deploy(secrets={"PLANE_ADMIN_PASSWORD": None, "PLANE_ADMIN_API_TOKEN": "plane_api_nonsense"})
    assert run.code != 0 and "plane_admin_api_token" in run.output
    assert "plane_api_nonsense" not in run.output


def test_sign_up_may_be_closed(target: Target) -> None:
    set_up(target, workspace=None)
    target.plane.configurations["ENABLE_SIGNUP"].value = "0"
    run = target.deploy(data=ADMIN, secrets={"PLANE_ADMIN_PASSWORD": PASSWORD})
    assert run.code == 0, run.output
    assert set(target.tokens) == set(AGENTS)


def test_a_project_that_a_person_made_before(target: Target) -> None:
    person = set_up(target)
    token = person.make_key()
    made = requests.post(
        f"{url(target)}/api/v1/workspaces/javisi/projects/",
        json={"name": "Onboarding", "identifier": "ONBOARD", "description": "Old", "network": PUBLIC},
        headers={"X-API-Key": token},
    )
    assert made.status_code == 201
    run = target.deploy(data=ADMIN, secrets={"PLANE_ADMIN_PASSWORD": PASSWORD})
    assert run.code == 0, run.output
    assert "~ project ONBOARD: description" in run.plan
    assert {name: target.project_membership(name).role for name in AGENTS}["thot"] == 15
    assert [row.identifier for row in target.plane.projects.values()].count("ONBOARD") == 1


def people(target: Target, owner: Browser, *names: str) -> dict[str, str]:
    """People make accounts for agents by hand, each with a token that has our label; the tokens by name."""
    tokens = {}
    for name in names:
        with Browser(url(target)) as person:
            assert person.sign_up(f"{name}@javisi.local") == ""
            person.join(owner, f"{name}@javisi.local", 15)
            tokens[name] = person.make_key(f"agent-{name}")
    return tokens


def save(target: Target, tokens: dict[str, str]) -> None:
    """Write tokens to the file."""
    path = target.host.root / TOKEN_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"PLANE_TOKEN_{name.upper()}={value}\n" for name, value in tokens.items()))
    path.chmod(0o600)


def save_by(page: str, target: Target, tokens: dict[str, str]) -> None:
    """Write tokens to the file by the command on a page, with other names of its host and of the vault's file."""
    text = (CHECKOUT / "docs" / page).read_text()
    command = next(block for block in re.findall(r"```text\n(.*?)```", text, re.S) if "cat > " in block)
    command = command.replace("/opt/", f"{target.host.root}/opt/").replace("ssh root@sese.example.com", "sh -c")
    if "ansible-vault" in command:
        vault = ["plane_secret_key: plane_api_0", "vault_plane_token: x"]
        quotes = ['"', "'", ""]
        for (name, value), quote in zip(tokens.items(), quotes, strict=False):
            vault.append(f"vault_plane_token_{name}: {quote}{value}{quote}")
        command, pasted = command.replace("ansible-vault view secrets.yml", "cat"), "\n".join(vault)
    else:
        # Its last lines are an example of what is pasted.
        command = "".join(line for line in command.splitlines(True) if not line.startswith("PLANE_"))
        pasted = "".join(f"PLANE_TOKEN_{name.upper()}={value}\n" for name, value in tokens.items())
    done = subprocess.run(["bash", "-c", command], input=pasted, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("page", ["from-ansible.md", "taking-over.md"])
def test_tokens_that_were_written_to_the_file_are_adopted(target: Target, page: str) -> None:
    by_hand = people(target, set_up(target), "thot", "cfo")
    save_by(page, target, by_hand)
    assert target.tokens == by_hand and (target.host.root / TOKEN_FILE).stat().st_mode & 0o777 == 0o600
    # Nobody has to sign in as thot or cfo, whose passwords are others than the seed's.
    secrets = {"PLANE_ADMIN_PASSWORD": PASSWORD}
    preview = target.deploy("--dry", operation="deploy.provisioning", data=ADMIN, secrets=secrets)
    assert "+ token agent-hermes" in preview.plan
    run = target.deploy(operation="deploy.provisioning", data=ADMIN, secrets=secrets)
    assert run.code == 0, run.output
    for told in (preview, run):
        lines = [line for line in told.lines if "agent-thot" in line or "agent-cfo" in line]
        assert lines == adopted("thot", "cfo"), told.output
    assert {name: target.tokens[name] for name in by_hand} == by_hand
    assert set(target.tokens) == set(AGENTS)
    again = target.deploy(operation="deploy.provisioning", data=ADMIN, secrets=secrets)
    assert again.changed == [] and not [line for line in again.lines if "adopted" in line], again.output


def test_tokens_in_the_file_of_a_plane_that_is_still_to_be_started_are_replaced(new_target: NewTarget) -> None:
    target = new_target(stack="role")
    save(target, {"thot": f"plane_api_{0:032}"})
    preview = target.deploy("--dry")
    assert preview.code == 0 and "~ token agent-thot: the saved one does not answer" in preview.plan, preview.output
    assert "plane.invalid" not in preview.output
    run = target.deploy()
    assert run.code == 0 and set(target.tokens) == set(AGENTS), run.output
    assert "~ token agent-thot: the saved one does not answer" in run.plan


def test_tokens_that_people_made_with_our_labels_go_on_answering(target: Target) -> None:
    by_hand = people(target, set_up(target), "thot", "cfo")
    own = {"thot": {"password": PASSWORD}, "cfo": {"password": PASSWORD}}
    agents = [{"name": "concierge", "role": "admin"}, *({"name": name, **more} for name, more in own.items())]
    secrets = {"PLANE_ADMIN_PASSWORD": PASSWORD}
    data = {**ADMIN, "plane_agents": agents}
    run = target.deploy(operation="deploy.provisioning", data=data, secrets=secrets)
    assert run.code == 0, run.output
    for name, value in by_hand.items():
        assert answers(target, value) and answers(target, target.tokens[name]) and value != target.tokens[name]
        told = [note for note in run.notes if f"label agent-{name} " in note]
        assert len(told) == 1 and told[0].endswith(f"to end them, run with --data rotate_tokens={name}"), run.output
    assert target.deploy(operation="deploy.provisioning", data=data, secrets=secrets).changed == []
    rotate = ("--data", "rotate_tokens=thot,cfo")
    run = target.deploy(*rotate, operation="deploy.provisioning", data=data, secrets=secrets)
    assert run.code == 0 and not any(answers(target, value) for value in by_hand.values()), run.output


def test_all_wrong_passwords_are_named_at_once_before_anything_is_changed(target: Target) -> None:
    by_hand = people(target, set_up(target), "imhotep", "thot", "cfo", "shuri")
    save(target, {"shuri": by_hand["shuri"]})
    secrets = {"PLANE_ADMIN_PASSWORD": PASSWORD}
    agents: list[dict[str, Any]] = [{"name": name} for name in ("concierge", *by_hand, "hermes")]
    agents[0]["role"] = "admin"
    agents[1]["password"] = PASSWORD
    agents.append({"name": "old", "present": False})
    data = {**ADMIN, "plane_agents": agents}
    before = target.snapshot()
    run = target.deploy(operation="deploy.provisioning", data=data, secrets=secrets)
    assert run.code != 0
    seed = "check plane_agent_password_seed, plane_seed_host or the password of {} in plane_agents"
    told = f"cannot sign in as thot@javisi.local ({seed.format('thot')}), cfo@javisi.local ({seed.format('cfo')})"
    assert [line for line in run.lines if "cannot sign in" in line] == [told], run.output
    # The admin and imhotep once, thot and cfo by both derivations; shuri's token answers, and hermes has no account.
    assert run.writes == [("POST", "/auth/sign-in/")] * 6, run.requests
    after = target.snapshot()
    assert (after["files"], after["database"]) == (before["files"], before["database"])
    assert target.plane.user_by_email("hermes@javisi.local") is None and not target.plane.invitations
    assert all(answers(target, value) for value in by_hand.values())
    for entry in agents:
        if entry["name"] in ("thot", "cfo"):
            entry["password"] = PASSWORD
    run = target.deploy(operation="deploy.provisioning", data=data, secrets=secrets)
    assert run.code == 0, run.output
    assert run.requests.count(("POST", "/auth/sign-in/")) == 4
    assert all(answers(target, value) for value in by_hand.values())


def test_wrong_passwords_of_accounts_outside_the_workspace_are_named_at_once_when_they_join(target: Target) -> None:
    owner = set_up(target)
    for name in ("thot", "cfo"):
        with Browser(url(target)) as person:
            assert person.sign_up(f"{name}@javisi.local") == ""
    agents = [{"name": "concierge", "role": "admin"}, {"name": "thot"}, {"name": "cfo"}]
    data, secrets = {**ADMIN, "plane_agents": agents}, alone(owner.make_key())
    run = target.deploy(operation="deploy.provisioning", data=data, secrets=secrets)
    assert run.code != 0
    [told] = [line for line in run.lines if "cannot sign in" in line]
    assert "thot@javisi.local (" in told and "cfo@javisi.local (" in told
    assert run.requests.count(("POST", "/auth/sign-in/")) == 2 * 2  # by both derivations
    users = [target.plane.users[row.member] for row in target.plane.workspace_members.values()]
    assert [user.email for user in users if not user.is_bot] == [ADMIN["plane_admin_email"]]


def test_accounts_that_are_there_and_in_no_workspace(target: Target) -> None:
    run = target.deploy(
        operation="deploy.provisioning", data={"plane_workspace_slug": "first", "plane_agents": _at("javisi")}
    )
    assert run.code == 0, run.output
    (target.host.root / TOKEN_FILE).unlink()
    second = target.deploy(operation="deploy.provisioning", data={"plane_agents": _at("javisi")})
    assert second.code == 0, second.output
    assert len([user for user in target.plane.users.values() if user.email == "thot@javisi.local"]) == 1
    labels = [row.label for row in target.plane.api_tokens.values()]
    assert sorted(labels) == sorted(f"agent-{name}" for name in AGENTS)


def _at(domain: str) -> list[dict[str, str]]:
    role = {"concierge": "admin"}
    return [{"name": name, "role": role.get(name, "member"), "email": f"{name}@{domain}.local"} for name in AGENTS]


def test_a_run_that_ended_after_some_accounts_goes_on(target: Target, settled: Settled) -> None:
    some = [{"name": "concierge", "role": "admin"}, {"name": "thot", "role": "member"}]
    settled.settle(target, operation="deploy.provisioning", data={"plane_agents": some, "plane_projects": []})
    # As if the run had ended before the second token was saved.
    path = target.host.root / TOKEN_FILE
    path.write_text("".join(line for line in path.read_text().splitlines(True) if "THOT" not in line))
    preview = target.deploy("--dry", operation="deploy.provisioning")
    assert "+ account thot@javisi.local (member)" not in preview.plan
    assert "+ account cfo@javisi.local (member)" in preview.plan and "+ token agent-thot" in preview.plan
    run = target.deploy(operation="deploy.provisioning")
    assert run.code == 0, run.output
    assert [row.label for row in target.plane.api_tokens.values()].count("agent-thot") == 1
    assert target.deploy(operation="deploy.provisioning").changed == []


def test_a_changed_database_password_reaches_role_environment_and_containers(target: Target, settled: Settled) -> None:
    settled.settle(target)
    run = target.deploy(secrets={"POSTGRESQL_PASSWORD": "an/other@password"})
    assert run.code == 0, run.output
    assert run.plan[0] == "~ role plane: password"
    assert run.plan[1].endswith("plane.env: DATABASE_URL")
    services = ("api", "beat-worker", "worker")
    assert run.plan[2:] == [
        "~ run migrator",
        *(f"~ recreate {one}: runs with another DATABASE_URL" for one in services),
    ]
    assert target.host.containers["javisi_plane_worker"].environment["DATABASE_URL"] == (
        "postgresql://plane:an%2Fother%40password@javisi_postgresql:5432/plane_production"
    )


def test_forwarding_may_be_forbidden(target: Target) -> None:
    target.host.allow_tcp_forwarding = False
    # A real bash on this machine dials, so it needs the address that is real here.
    run = target.deploy("-v", data={"plane_api_url": url(target)})
    assert run.code == 0, run.output
    assert run.output.count("the SSH server forbids forwarding") == 1
    assert set(target.tokens) == set(AGENTS)


def test_an_account_from_before_the_host_was_mixed_into_passwords_gets_this_planes_own(finished: Target) -> None:
    seed = HiddenValue(finished.secrets["PLANE_AGENT_PASSWORD_SEED"])
    for name in ("thot", "cfo"):
        former = derive_password(seed, f"{name}@javisi.local").unmask()
        finished.user(name).password_hash = asyncio.run(hash_password(former, 1000))
    (finished.host.root / TOKEN_FILE).unlink()
    run = finished.deploy()
    assert run.code == 0, run.output
    assert len(finished.tokens) == len(AGENTS)
    assert run.requests.count(("POST", "/auth/change-password/")) == 2
    # From now on only the password of this Plane opens them.
    for name in ("thot", "cfo"):
        new, former = (
            derive_password(seed, f"{name}@javisi.local", *at).unmask() for at in (("work.example.com",), ())
        )
        assert asyncio.run(matches(new, finished.user(name).password_hash))
        assert not asyncio.run(matches(former, finished.user(name).password_hash))
