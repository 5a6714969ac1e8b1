"""`python -m pyinfra_plane.adopt` prints a workspace that people made as settings that change nothing in it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from sandbox.plane import models
from tests.contract.browser import Browser, v1
from tests.deploy.conftest import NewTarget
from tests.deploy.settled import Settled
from tests.deploy.target import TOKEN_FILE, Target, environment_with, run_command
from tests.deploy.test_takeover import alone, set_up, url


def adopt(target: Target, *arguments: str, **given: Any) -> tuple[int, str, str]:
    """The exit code, what was printed, and what went to standard error."""
    inventory = target.write_inventory(others=given.get("others", ()))
    environment = environment_with({**target.secrets, **given.get("secrets", {})})
    words = [str(inventory), *arguments]
    done = run_command("pyinfra_plane.adopt", words, environment, in_process=given.get("in_process", True))
    return done.returncode, done.stdout, done.stderr


def settings(printed: str) -> dict[str, Any]:
    """The printed settings, as pyinfra reads group data."""
    found: dict[str, Any] = {}
    exec(compile(printed, "printed", "exec"), found)
    del found["__builtins__"]
    return found


def commented(printed: str, name: str) -> Any:
    """A setting that is printed as a comment."""
    text = re.sub(r"(?m)^# ?", "", printed[printed.index(f"# {name} = [") :].partition("\n\n")[0])
    return settings(text)[name]


def changes_nothing(target: Target, printed: str, part: str = "deploy.provisioning", **given: Any) -> None:
    """Neither a preview nor a run with the printed settings changes anything."""
    data = settings(printed)
    target.host.plane.forget_throttles()
    preview = target.deploy("--dry", operation=part, data=data, **given)
    assert (preview.code, preview.plan) == (0, []), preview.output
    before = target.snapshot()
    target.host.plane.forget_throttles()
    run = target.deploy(operation=part, data=data, **given)
    assert (run.code, run.changed, run.writes) == (0, [], []), run.output
    assert target.snapshot() == before


class Workspace:
    """A workspace that people made at Plane's pages, with two projects."""

    def __init__(self, target: Target) -> None:
        self.target, self.owner = target, set_up(target, workspace=None)
        self.owner.make_workspace_with_demo("acme")
        self.key = self.owner.make_key()
        self.secrets = alone(self.key)
        target.data["plane_workspace_slug"] = "acme"
        self.design = self.make("Design", "DES", description="What it looks like.", cycle_view=True)
        self.ask("PATCH", self.design, timezone="Europe/Berlin", project_lead=self.id_of("person@example.org"))
        self.ask("POST", f"{self.design}states/", name="Review", group="started", color="#3F76FF", description="Seen")
        area = self.ask("POST", f"{self.design}labels/", name="area", color="#112233")["id"]
        self.ask("POST", f"{self.design}labels/", name="Docs", parent=area)
        self.ask("POST", f"{self.design}labels/", name="zebra")
        self.make("Plain", "PLA")

    def make(self, name: str, identifier: str, **fields: Any) -> str:
        body = {"name": name, "identifier": identifier, **fields}
        return f"/workspaces/acme/projects/{self.ask('POST', '/workspaces/acme/projects/', **body)['id']}/"

    def ask(self, method: str, path: str, **body: Any) -> Any:
        self.target.host.plane.forget_throttles()
        answer = v1(url(self.target), self.key, method, path, json=body)
        assert answer.ok, answer.text
        return answer.json()

    def id_of(self, address: str) -> str:
        user = self.target.plane.user_by_email(address)
        assert user is not None
        return user.id

    def joins(self, address: str, role: int) -> Browser:
        """Somebody makes an account and joins."""
        person = Browser(url(self.target))
        assert person.sign_up(address) == ""
        person.join(self.owner, address, role, slug="acme")
        return person

    def agent(self, name: str, address: str, role: int, *projects: str) -> None:
        """An agent that people made, with its token in the token file."""
        key = self.joins(address, role).make_key(f"agent-{name}")
        for project in projects:
            self.ask("POST", f"{project}members/", member=self.id_of(address), role=role)
        file = self.target.host.root / TOKEN_FILE
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a") as lines:
            lines.write(f"PLANE_TOKEN_{name.upper()}={key}\n")
        file.chmod(0o600)


@pytest.fixture
def acme(new_target: NewTarget) -> Workspace:
    return Workspace(new_target())


PRINTED = {
    "plane_workspace_slug": "acme",
    "plane_workspace_name": "Acme",
    "plane_agents": [],
    "plane_projects": [
        # Plane's demo project, of which the owner of the token is a member.
        {"name": "Acme", "identifier": "ACME", "description": "A demo that is made by itself.", "cycles": True,
         "modules": True, "views": True},
        {
            "name": "Design",
            "identifier": "DES",
            "lead": "person@example.org",
            "description": "What it looks like.",
            "timezone": "Europe/Berlin",
            "cycles": True,
            "states": [
                {"name": "Backlog", "group": "backlog", "color": "#60646C", "default": True},
                {"name": "Todo", "group": "unstarted", "color": "#60646C"},
                {"name": "In Progress", "group": "started", "color": "#F59E0B"},
                {"name": "Done", "group": "completed", "color": "#46A758"},
                {"name": "Cancelled", "group": "cancelled", "color": "#9AA4BC"},
                {"name": "Review", "group": "started", "color": "#3F76FF", "description": "Seen"},
            ],
            "labels": [
                {"name": "area", "color": "#112233"},
                {"name": "Docs", "parent": "area"},
                {"name": "zebra"},
            ],
        },
        {"name": "Plain", "identifier": "PLA"},
    ],
}  # fmt: skip
"""What is printed of it."""


def test_a_workspace_of_people_is_printed_and_deploying_it_changes_nothing(acme: Workspace) -> None:
    acme.joins("ann@example.org", 15)
    before = acme.target.snapshot()
    code, printed, errors = adopt(acme.target, secrets=acme.secrets, in_process=False)
    assert (code, errors) == (0, "")
    assert acme.target.snapshot() == before
    people = [
        {"email": "ann@example.org", "role": "member", "projects": []},
        {"email": "person@example.org", "role": "admin", "projects": []},
    ]
    assert settings(printed) == {**PRINTED, "plane_people": people}
    assert "needs PLANE_ADMIN_API_TOKEN" in printed
    changes_nothing(acme.target, printed, secrets=acme.secrets)


def test_agents_are_the_accounts_whose_tokens_are_saved(acme: Workspace) -> None:
    acme.agent("thot", "thot@acme.local", 15, acme.design)
    acme.agent("ops_bot", "ops.bot@example.org", 15, acme.design)
    code, printed, _ = adopt(acme.target, secrets=acme.secrets)
    found = settings(printed)
    assert code == 0
    assert found["plane_agents"] == [
        {"name": "ops.bot", "role": "member", "email": "ops.bot@example.org"},
        {"name": "thot", "role": "member"},
    ]
    assert [one["email"] for one in settings(printed)["plane_people"]] == ["person@example.org"]
    # A deploy would put both into these.
    assert [one["identifier"] for one in found["plane_projects"]] == ["DES"]
    assert [one["identifier"] for one in commented(printed, "plane_projects")] == ["ACME", "PLA"]
    # What the token file lacks is whose the tokens are; from then on nothing is left to do.
    [told] = re.findall(r"the first deploy adds that: (.*)\.\n", printed)
    assert told == "ops.bot, thot"
    run = acme.target.deploy(operation="deploy.provisioning", data=found, secrets=acme.secrets)
    assert run.code == 0, run.output
    assert [line.partition(";")[0] for line in run.plan] == [
        "~ token agent-ops.bot: adopted",
        "~ token agent-thot: adopted",
    ]
    acme.target.host.plane.forget_throttles()
    _, printed, _ = adopt(acme.target, secrets=acme.secrets)
    assert "notes it there" not in printed
    changes_nothing(acme.target, printed, secrets=acme.secrets)


def test_an_agents_address_without_a_saved_token_is_a_comment(acme: Workspace) -> None:
    acme.joins("thot@acme.local", 15)
    _, printed, _ = adopt(acme.target, secrets=acme.secrets)
    assert settings(printed)["plane_agents"] == []
    assert commented(printed, "plane_agents") == [{"name": "thot", "role": "member"}]


def test_a_project_that_is_archived_is_a_comment(acme: Workspace) -> None:
    acme.ask("PATCH", acme.design, description="Old.")
    acme.target.project("DES").archived_at = models.timestamp()
    _, printed, _ = adopt(acme.target, secrets=acme.secrets)
    assert [one["identifier"] for one in commented(printed, "plane_projects")] == ["DES"]
    assert "Archived: DES." in printed
    changes_nothing(acme.target, printed, secrets=acme.secrets)


def test_a_project_with_settings_of_its_own(acme: Workspace) -> None:
    acme.ask("PATCH", acme.design, page_view=False, intake_view=True, module_view=True)
    [project] = [row for row in acme.target.plane.projects.values() if row.identifier == "PLA"]
    project.network = models.SECRET
    project.default_assignee = acme.id_of("person@example.org")
    _, printed, _ = adopt(acme.target, secrets=acme.secrets)
    _, design, plain = settings(printed)["plane_projects"]
    assert (design["pages"], design["intake"], design["modules"]) == (False, True, True)
    assert plain == {
        "name": "Plain",
        "identifier": "PLA",
        "network": "secret",
        "default_assignee": "person@example.org",
    }
    changes_nothing(acme.target, printed, secrets=acme.secrets)


def test_a_person_who_was_removed_is_not_printed_from_plane_1_4_on(new_target: NewTarget) -> None:
    acme = Workspace(new_target(version="1.4.2"))
    for name in ("ann", "bob"):
        acme.joins(f"{name}@example.org", 15)
    row = acme.target.plane.workspace_member(acme.target.workspace("acme").id, acme.id_of("bob@example.org"))
    assert row is not None
    row.is_active = False
    _, printed, _ = adopt(acme.target, secrets=acme.secrets)
    assert [one["email"] for one in settings(printed)["plane_people"]] == ["ann@example.org", "person@example.org"]
    assert "Before Plane 1.4" not in printed
    changes_nothing(acme.target, printed, secrets=acme.secrets)


def test_what_the_settings_refuse_is_left_out_and_told(acme: Workspace) -> None:
    rows = acme.target.plane
    acme.target.project("DES").description = " Blanks at its ends. "
    [review] = [row for row in rows.states.values() if row.name == "Review"]
    review.color = "red"
    [zebra] = [row for row in rows.labels.values() if row.name == "zebra"]
    zebra.name = 'a"\n__import__("os").abort()\n#'
    _, printed, _ = adopt(acme.target, secrets=acme.secrets)
    [design] = [one for one in settings(printed)["plane_projects"] if one["identifier"] == "DES"]
    assert "description" not in design
    assert [one["name"] for one in design["labels"]] == ["area", "Docs"]
    assert {"name": "Review", "group": "started", "description": "Seen"} in design["states"]
    flat = re.sub(r"\n# ", " ", printed)
    assert (
        "Left out, because a setting cannot have it: plane_projects states color of DES, Review: must be a colour"
        in flat
    )
    assert "plane_projects labels name of DES" in flat
    changes_nothing(acme.target, printed, secrets=acme.secrets)


def test_a_name_that_is_python_stays_text(acme: Workspace) -> None:
    acme.target.workspace("acme").name = 'x"; raise SystemExit #'
    code, printed, _ = adopt(acme.target, secrets=acme.secrets)
    assert code == 0
    assert settings(printed)["plane_workspace_name"] == 'x"; raise SystemExit #'


def test_labels_in_one_another_are_printed_once(acme: Workspace) -> None:
    rows = {row.name: row for row in acme.target.plane.labels.values()}
    rows["area"].parent = rows["Docs"].id
    _, printed, _ = adopt(acme.target, secrets=acme.secrets)
    [design] = [one for one in settings(printed)["plane_projects"] if one["identifier"] == "DES"]
    assert sorted(one["name"] for one in design["labels"]) == ["Docs", "area", "zebra"]
    changes_nothing(acme.target, printed, secrets=acme.secrets)


@pytest.mark.parametrize("edition", ["community", "commercial", "governed"])
def test_what_a_deploy_made_is_printed_without_what_is_a_default(
    new_target: NewTarget, edition: str, settled: Settled
) -> None:
    target = new_target(edition)
    settled.settle(target)
    target.host.plane.forget_throttles()
    code, printed, errors = adopt(target)
    assert (code, errors) == (0, "")
    onboarding = {"name": "Onboarding", "identifier": "ONBOARD", "description": "Where every agent reports to first."}
    assert settings(printed) == ({"plane_projects": [onboarding]} if edition == "community" else {})
    assert not any(token in printed for token in target.tokens.values())
    changes_nothing(target, printed, "deploy.py")


def test_custom_fields_come_back_as_they_were_asked_for(new_target: NewTarget) -> None:
    fields: list[dict[str, Any]] = [
        {"name": "seen", "type": "boolean", "default": True},
        {"name": "due", "type": "date", "required": True},
        {"name": "cost", "type": "number", "default": 1.5, "description": "In euros."},
        {"name": "risk", "type": "option", "options": ["low", "high"], "default": "low"},
        {"name": "kinds", "type": "option", "options": ["a", "b", "c"], "multiple": True, "default": ["a", "b"]},
        {"name": "who", "type": "member", "default": "thot"},
        {"name": "page", "type": "url"},
    ]
    project = {"name": "Lab", "identifier": "LAB", "work_item_type": "Report", "custom_fields": fields}
    agents = [{"name": "concierge", "role": "admin"}, {"name": "thot", "role": "member", "display_name": "Thot"}]
    target = new_target("commercial", plane_projects=[project], plane_agents=agents)
    run = target.deploy()
    assert run.code == 0, run.output
    target.host.plane.forget_throttles()
    _, printed, _ = adopt(target)
    found = settings(printed)
    assert found["plane_agents"] == agents
    [entry] = found["plane_projects"]
    by_name = {one["name"]: one for one in entry.pop("custom_fields")}
    assert by_name == {one["name"]: one for one in fields}
    assert entry == {"name": "Lab", "identifier": "LAB", "work_item_type": "Report"}
    target.data.clear()
    changes_nothing(target, printed, "deploy.py")


# What it says when it cannot read


def test_without_a_token_it_says_in_one_line_what_is_missing(new_target: NewTarget) -> None:
    target = new_target()
    set_up(target)
    code, printed, errors = adopt(target)
    assert (code, printed) == (1, "")
    assert errors.startswith("no known token can read the workspace javisi; set PLANE_ADMIN_API_TOKEN ")
    assert errors.count("\n") == 1


def test_a_token_that_does_not_answer_is_told_and_not_shown(new_target: NewTarget) -> None:
    target, wrong = new_target(), "plane_api_" + "0" * 32
    set_up(target)
    code, printed, errors = adopt(target, "-vvv", secrets=alone(wrong))
    assert (code, printed) == (1, "")
    assert "does not accept the API token in plane_admin_api_token" in errors and errors.count("\n") == 1
    assert wrong not in errors


def test_the_token_of_somebody_elsewhere_is_told(acme: Workspace) -> None:
    stranger = Browser(url(acme.target))
    assert stranger.sign_up("eve@example.org") == ""
    code, _, errors = adopt(acme.target, secrets=alone(stranger.make_key()))
    assert code == 1
    assert errors.startswith("the owner of the API token in plane_admin_api_token is not in the workspace acme")


def test_several_hosts_are_refused_with_their_names(finished: Target, new_target: NewTarget) -> None:
    other = new_target()
    code, printed, errors = adopt(finished, others=(other,))
    assert (code, printed) == (1, "")
    assert "choose one with --limit: " in errors and other.host.name in errors and errors.count("\n") == 1
    assert adopt(finished, "--limit", finished.host.name, others=(other,))[0] == 0
    # Neither is one of them printed because the others cannot be reached.
    code, printed, errors = adopt(finished, others=(new_target(ssh_port=1),))
    assert (code, printed) == (1, "")
    assert "no SSH server accepts connections at 127.0.0.1:1" in errors and errors.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--limit", "nobody"], "no host is left after --limit nobody"),
        (["--ssh-port", "1"], "no SSH server accepts connections at 127.0.0.1:1"),
        (["--data", "plane_web_url=x"], "setting plane_web_url must "),
        (["--no-such-option"], "no-such-option"),
        (["deploy.py"], "usage: python -m pyinfra_plane.adopt "),
    ],
)
def test_a_command_that_cannot_be_run_is_one_line(finished: Target, words: list[str], said: str) -> None:
    code, printed, errors = adopt(finished, *words)
    assert (code, printed) == (1, "")
    assert said in errors and errors.count("\n") == 1


def test_a_missing_inventory_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    from pyinfra_plane.adopt.__main__ import main

    assert main(["nosuch.py"]) == 1
    assert capsys.readouterr().err == "the inventory does not exist: nosuch.py\n"
    assert main(["--help"]) == 0
    assert "PLANE_ADMIN_API_TOKEN" in capsys.readouterr().out


def test_webhooks_are_printed_only_if_they_are_asked_for(target: Target, settled: Settled) -> None:
    url = "https://n8n.example.com/webhook/secret-part"
    hook: dict[str, Any] = {"name": "N8N_example-com", "url": url, "events": ["issue"], "active": False}
    settled.settle(target, data={"plane_webhooks": [hook]})
    _, printed, _ = adopt(target)
    assert "secret-part" not in printed and "# Webhooks were not read; --webhooks prints them too.\n" in printed
    [row] = target.plane.webhooks.values()
    others = [hook | {"url": f"https://n8n.example.com/{n}", "name": f"n8n-example-com-{n}"} for n in (2, 3)]
    for other in others:
        further = models.Webhook(workspace=row.workspace, url=other["url"], is_active=False, issue=True)
        target.plane.webhooks[further.id] = further
    target.host.plane.forget_throttles()
    code, printed, errors = adopt(target, "--webhooks")
    assert (code, errors) == (0, "") and "not read" not in printed
    # The name is that of the saved secret, so that a deploy finds it.
    assert settings(printed)["plane_webhooks"] == [*others, hook | {"name": "n8n_example_com"}]
    assert not [row.secret_key for row in target.plane.webhooks.values() if row.secret_key in printed]
    target.host.plane.forget_throttles()
    preview = target.deploy("--dry", data=settings(printed))
    assert preview.plan == [] and [note for note in preview.notes if "webhook n8n_example_com of" in note] == []


def test_a_webhook_of_a_file_without_notes_has_its_name_in_the_settings(target: Target, settled: Settled) -> None:
    hook = {"name": "Any-1", "url": "https://n8n.example.com/webhook", "events": ["issue"]}
    target.data["plane_webhooks"] = [hook]
    settled.settle(target)
    file = target.host.root / "opt/javisi/configs/plane/webhook-secrets.env"
    file.write_text("".join(line for line in file.read_text().splitlines(True) if not line.startswith("#")))
    assert settings(adopt(target, "--webhooks")[1])["plane_webhooks"] == [hook]


def test_the_avatar_of_an_agent_is_printed(target: Target, settled: Settled) -> None:
    agents = [
        {"name": "concierge", "role": "admin"},
        {"name": "thot", "role": "member", "avatar": "https://images.example.com/thot.png"},
    ]
    settled.settle(target, data={"plane_agents": agents})
    _, printed, _ = adopt(target)
    assert settings(printed)["plane_agents"] == agents
    target.data.clear()
    changes_nothing(target, printed, "deploy.py")
