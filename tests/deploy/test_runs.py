"""Given a host, when the deploy runs: the first time, again, as a preview, part by part."""

from __future__ import annotations

import json
import re
import stat
from typing import Any

import requests

from pyinfra_plane.engine.lock import NAME as LOCK_NOTE
from pyinfra_plane.engine.scram import matches
from tests.deploy.conftest import NewTarget
from tests.deploy.target import AGENTS, ENV_FILE, TOKEN_FILE, Target

EVERYTHING = [
    "+ role plane",
    "+ database plane_production, owner plane",
    "+ privileges on schema public of plane_production for plane",
    f"+ {ENV_FILE}: SECRET_KEY, DATABASE_URL, REDIS_URL, AMQP_URL, WEB_URL, CORS_ALLOWED_ORIGINS, GUNICORN_WORKERS",
    "~ run migrator",
    *(
        f"~ recreate {service}: runs without SECRET_KEY, DATABASE_URL, REDIS_URL and 4 more"
        for service in ("api", "beat-worker", "worker")
    ),
    "+ instance admin admin@javisi.local",
    "+ workspace javisi (Javisi)",
    *(f"+ account {name}@javisi.local ({'admin' if name == 'concierge' else 'member'})" for name in AGENTS),
    *(f"+ token agent-{name}" for name in AGENTS),
    "+ project ONBOARD (Onboarding)",
    f"+ members of ONBOARD: {', '.join(AGENTS)}",
]


def test_a_preview_of_an_empty_host_names_everything_and_changes_nothing(target: Target) -> None:
    before = target.snapshot()
    run = target.deploy("--dry")
    assert run.code == 0, run.output
    assert run.plan == EVERYTHING
    assert run.writes == []
    assert target.snapshot() == before


def test_the_first_run_makes_everything_with_few_requests(target: Target) -> None:
    run = target.deploy()
    assert run.code == 0, run.output
    assert run.plan == EVERYTHING
    [note] = [note for note in run.notes if note.startswith("! custom fields of ONBOARD")]
    assert note.endswith('; set plane_custom_fields_unsupported = "labels" to use labels for agent_id instead')
    assert len(run.requests) <= 14 + 5 * len(AGENTS), run.requests

    assert target.workspace().name == "Javisi"
    assert {name: target.membership(name).role for name in AGENTS} == {
        name: 20 if name == "concierge" else 15 for name in AGENTS
    }
    assert {name: target.project_membership(name).role for name in AGENTS} == {
        name: 20 if name == "concierge" else 15 for name in AGENTS
    }
    assert [target.user(name).display_name for name in AGENTS] == list(AGENTS)
    assert target.user("concierge").is_onboarded
    assert target.project().description == "Where every agent reports to first."
    labels = [token.label for token in target.plane.api_tokens.values()]
    assert sorted(labels) == sorted(f"agent-{name}" for name in AGENTS)


def test_every_saved_token_can_work_in_the_project(finished: Target) -> None:
    assert list(finished.tokens) == list(AGENTS)
    url = f"http://127.0.0.1:{finished.host.plane_port}/api/v1/workspaces/javisi/projects/{finished.project().id}"
    for name, token in finished.tokens.items():
        answer = requests.post(f"{url}/work-items/", json={"name": f"from {name}"}, headers={"X-API-Key": token})
        assert answer.status_code == 201, (name, answer.text)


def test_files_with_secrets_are_their_owners_alone(finished: Target) -> None:
    for path in (ENV_FILE, TOKEN_FILE):
        assert stat.S_IMODE((finished.host.root / path).stat().st_mode) == 0o600
    folder = (finished.host.root / ENV_FILE).parent
    # The lock's note may be there for a moment more.
    assert {path.name for path in folder.iterdir()} - {LOCK_NOTE} == {"agent-tokens.env", "plane.env"}


def test_the_second_run_changes_nothing_with_few_requests_and_signs_nobody_in(finished: Target) -> None:
    before = finished.snapshot()
    run = finished.deploy()
    assert run.code == 0, run.output
    assert run.changed == [] and len(run.results) == 15, run.output
    assert run.plan == []
    assert len(run.requests) <= 5 + len(AGENTS), run.requests
    assert run.writes == []
    assert finished.snapshot() == before


def test_a_preview_of_a_finished_host_names_nothing(finished: Target) -> None:
    before = finished.snapshot()
    run = finished.deploy("--dry")
    assert run.code == 0, run.output
    assert run.plan == []
    # The run that created the project named the custom fields that Community does not have.
    assert run.notes == []
    assert "custom fields of ONBOARD" in finished.deploy("--dry", "-v").output
    assert run.writes == []
    assert finished.snapshot() == before


def test_without_y_the_changes_are_shown_and_made_after_a_person_agrees(target: Target) -> None:
    run = target.deploy(stdin="\n")
    assert run.code == 0, run.output
    shown, _, made = run.output.partition("Press enter to execute")
    assert "+ workspace javisi (Javisi)" in shown and "+ workspace javisi (Javisi)" in made
    assert target.workspace()
    assert target.deploy().changed == []


def test_the_role_can_log_in_with_the_password_and_owns_its_database(finished: Target) -> None:
    who = "SELECT datname FROM pg_database WHERE pg_get_userbyid(datdba) = 'plane'"
    assert finished.host.psql(who).split() == ["plane_production"]
    verifier = finished.host.psql("SELECT rolpassword FROM pg_authid WHERE rolname = 'plane'")
    assert matches(finished.secrets["POSTGRESQL_PASSWORD"], verifier.strip())
    may = "SELECT has_schema_privilege('plane', 'public', 'CREATE')"
    assert finished.host.psql(may, "plane_production").strip() == "t"


def test_each_part_runs_alone(target: Target) -> None:
    parts = {
        "deploy.database": ["Database | Role plane and database plane_production"],
        "deploy.environment": ["Environment | Environment file", "Environment | Plane's containers"],
    }
    for part, operations in parts.items():
        run = target.deploy(operation=part)
        assert run.code == 0, run.output
        assert run.changed == operations
    run = target.deploy(operation="deploy.provisioning")
    assert run.code == 0, run.output
    assert "Provisioning | Project ONBOARD" in run.changed
    assert target.deploy().changed == []


def test_an_operation_runs_alone_from_the_command_line(finished: Target) -> None:
    run = finished.deploy(operation=["operations.plane.workspace", "slug=javisi", "workspace_name=Lab"])
    assert run.code == 0, run.output
    assert run.plan == ["~ workspace javisi: name Javisi → Lab"]
    assert finished.workspace().name == "Lab"
    run = finished.deploy()
    assert run.plan == ["~ workspace javisi: name Lab → Javisi"]


LAB: dict[str, Any] = {
    "plane_workspace_slug": "lab",
    "plane_workspace_name": "Lab",
    "plane_agents": [
        {"name": "curie", "role": "admin"},
        {"name": "bohr", "role": "guest", "email": "niels@lab.local"},
    ],
    "plane_projects": [{"name": "Physics", "identifier": "PHYS"}, {"name": "Chemistry", "identifier": "CHEM"}],
}


def test_two_hosts_each_get_their_own(new_target: NewTarget) -> None:
    one = new_target()
    two = new_target(**LAB)
    run = one.deploy(others=(two,))
    assert run.code == 0, run.output
    assert {row.slug for row in one.plane.workspaces.values()} == {"javisi"}
    assert {row.slug for row in two.plane.workspaces.values()} == {"lab"}
    assert list(two.tokens) == ["curie", "bohr"]
    identifiers = {row.identifier for row in two.plane.projects.values()}
    assert {"PHYS", "CHEM"} <= identifiers and "ONBOARD" not in identifiers
    bohr = two.plane.user_by_email("niels@lab.local")
    assert bohr is not None and bohr.display_name == "bohr"
    assert two.plane.project_role(two.project("CHEM").id, bohr.id) == 5
    again = one.deploy(others=(two,))
    assert again.code == 0 and again.changed == [], again.output


def test_group_data_reaches_the_hosts_of_the_group(new_target: NewTarget) -> None:
    target = new_target()
    target.directory.joinpath("group_data").mkdir(parents=True)
    target.directory.joinpath("group_data", "sandbox.py").write_text(
        'ssh_user = "sandbox"\nssh_hostname = "127.0.0.1"\nplane_config_dir = "srv/plane"\n'
        'plane_workspace_slug = "bygroup"\nplane_compose_dir = None\n'
    )
    run = target.deploy("--group-data", str(target.directory / "group_data"))
    assert run.code == 0, run.output
    assert {row.slug for row in target.plane.workspaces.values()} == {"bygroup"}
    assert (target.host.root / "srv/plane/plane.env").is_file()
    assert any(note.startswith("! containers that read srv/plane/plane.env still run with") for note in run.notes)


def test_the_json_answer_is_json_and_says_what_changed(finished: Target) -> None:
    finished.membership("cfo").role = 5
    run = finished.deploy("--json")
    assert run.code == 0, run.output
    start = re.search(r"^\{", run.output, re.M)
    assert start is not None
    answer = json.loads(run.output[start.start() :].partition("\n-->")[0])
    assert "Provisioning | Workspace members" in json.dumps(answer)
    assert finished.membership("cfo").role == 15
