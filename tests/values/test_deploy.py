"""A whole deploy with a hostile value in every setting that takes one, and a second one that changes nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pyinfra_plane.settings import Settings, read_settings
from tests.deploy.conftest import NewTarget
from tests.unit.given import data
from tests.values.hostile import HOSTILE, TALLY

NAME = 'o\'brien "$(touch canary)" `id` {{ x }} %s \\ -- ; שלום e\u0301 \U0001f469\u200d\U0001f4bb'
PROJECT = 'a "quoted` {{name\\ ~ שלום e\u0301 \U0001f600'.replace("{", "[")
TEXT = "one\r\ntwo\n'; DROP TABLE x; -- <b>$(id)</b> \u202eabc\u202c \u2028 {{ 7 * 7 }}"
PASSWORD = f"Tr0ub4dor-{NAME}"
FOLDER = "/opt/it's $(touch canary) `x` {{ y }} -rf ü"

SECRETS = {
    "POSTGRESQL_PASSWORD": PASSWORD + "@:/?#[]%41",
    "PLANE_ADMIN_PASSWORD": PASSWORD + "1",
    "PLANE_CONCIERGE_PASSWORD": PASSWORD + "&=+2",
    "PLANE_AGENT_PASSWORD_SEED": PASSWORD + "3",
    "PLANE_SECRET_KEY": "x; {{ key }} %s (touch canary) & | <ü> \U0001f600",
    "PLANE_MINIO_ACCESS_KEY": "-rf / ; {{ x }}",
    "PLANE_MINIO_SECRET_KEY": "=a=b & | %(x)s",
}

CHANGES: dict[str, Any] = {
    "plane_db_name": 'select "x"\'; --\\ $(id) שלום',
    "plane_db_user": '-user; "y"\'`id` \U0001f600 {{z}}\u202ea\u202c',
    "plane_minio_endpoint": "http://me:p%24@minio:9000/;x?{{y}}",
    "plane_redis_url": "redis://:p;a&b|{{c}}@redis:6379/4",
    "plane_web_url": "https://Bücher.EXAMPLE.com:443/",
    "plane_env_extra": {"EMAIL_FROM": "a; b & c | d < e > (f) {{ g }} %h -- שלום"},
    "plane_admin_email": "o+admin!#$%&'*/=?^_`{|}~-@javisi.local",
    "plane_admin_first_name": NAME,
    "plane_admin_last_name": NAME,
    "plane_company_name": NAME,
    "plane_instance_config": {"EMAIL_FROM": NAME, "EMAIL_HOST_PASSWORD": PASSWORD},
    "plane_workspace_slug": "-SELECT-_--",
    "plane_workspace_name": NAME[:70].strip(),
    "plane_agents": [
        {"name": "concierge", "role": "admin", "email": "concierge@javisi.local", "display_name": NAME},
        {"name": "t.h-o_t", "email": "o't`h$(o)t".replace("(", "{").replace(")", "}") + "@javisi.local"},
        {"name": "null", "role": "guest", "email": "null@javisi.local", "password": PASSWORD + "4"},
    ],
    "plane_projects": [
        {
            "name": PROJECT,
            "identifier": "SELECT",
            "description": f"\n{TEXT}\n",
            "network": "secret",
            "lead": "concierge",
            "states": [
                {"name": NAME, "group": "started", "description": TEXT, "default": True},
                {"name": "--", "group": "started"},
                {"name": "../x", "group": "completed"},
            ],
            "labels": [{"name": NAME, "description": TEXT}, {"name": "' OR 1=1 --", "parent": NAME}],
            "work_item_type": NAME,
            "custom_fields": [
                {"name": NAME, "type": "text", "description": TEXT, "default": NAME},
                {"name": "null", "type": "option", "options": [NAME, "--", "%s"], "default": NAME},
                {"name": "{{ x }}", "type": "url", "default": "https://x/$(id)?a=`b`&c='\"\\"},
            ],
        },
    ],
    # Its containers read a file of another path.
    "plane_compose_dir": None,
    "plane_config_dir": FOLDER,
    "plane_env_path": '{plane_config_dir}/-plane; "x".env',
    "plane_tokens_path": "{plane_config_dir}/--tokens `y`.env",
    "postgres_init_dir": f"{FOLDER}/init $HOME",
}


def test_a_deploy_with_hostile_values_everywhere_carries_them_all_and_settles(new_target: NewTarget) -> None:
    target = new_target("commercial", **CHANGES)
    root = target.host.root
    inside = {
        name: str(root) + path
        for name, path in (("plane_config_dir", FOLDER), ("postgres_init_dir", f"{FOLDER}/init $HOME"))
    }
    target.data.update(inside)
    target.secrets = dict(SECRETS)
    before = {path for path in root.rglob("*") if path.is_file()}

    run = target.deploy()
    assert run.code == 0, run.output
    TALLY.add(40)
    snapshot = target.snapshot()
    again = target.deploy()
    assert again.code == 0, again.output
    assert (again.plan, again.changed) == ([], []), again.output
    # To compare instance settings that Plane does not show to everybody.
    assert again.writes == [("POST", "/api/instances/admins/sign-in/")]
    after = target.snapshot()
    for one in (snapshot, after):
        one["plane"].pop("sessions", None)
        one["plane"].pop("users")  # who signed in when; what else there is, is looked at below
    assert {k for k in after["plane"] if after["plane"][k] != snapshot["plane"][k]} == set()
    assert after == snapshot

    s = read_settings(data(**{**CHANGES, **inside, **{name.lower(): value for name, value in SECRETS.items()}}))
    assert isinstance(s, Settings)

    # Files: those and no others, with what was asked for.
    made = {path for path in root.rglob("*") if path.is_file()} - before
    [script] = [path for path in made if path.suffix == ".sql"]
    assert {str(path) for path in made if "tmp" not in path.parts[-2]} == {
        s.plane_env_path,
        s.plane_tokens_path,
        str(script),
    }
    variables = target.variables(s.plane_env_path)
    assert variables["SECRET_KEY"] == SECRETS["PLANE_SECRET_KEY"]
    assert variables["AWS_SECRET_ACCESS_KEY"] == SECRETS["PLANE_MINIO_SECRET_KEY"]
    assert variables["EMAIL_FROM"] == CHANGES["plane_env_extra"]["EMAIL_FROM"]
    assert variables["REDIS_URL"] == CHANGES["plane_redis_url"]
    assert variables["WEB_URL"] == "https://xn--bcher-kva.example.com"

    # The database
    owned = json.loads(
        target.host.psql(
            "SELECT json_agg(json_build_array(datname, pg_get_userbyid(datdba))) FROM pg_database "
            "WHERE datname !~ '^(postgres|template[01])$'"
        )
    )
    assert owned == [[s.plane_db_name, s.plane_db_user]]

    # Plane
    plane = target.plane
    admin = plane.user_by_email(s.plane_admin_email)
    assert admin is not None
    assert (admin.first_name, admin.last_name, plane.instance.instance_name) == (NAME, NAME, NAME)
    assert plane.configurations["EMAIL_FROM"].value == NAME
    assert target.workspace(s.plane_workspace_slug).name == s.plane_workspace_name
    for agent in s.plane_agents:
        user = plane.user_by_email(agent.email)
        assert user is not None
        assert user.display_name == agent.display_name
    project = target.project("SELECT")
    wanted = s.plane_projects[0]
    assert (project.name, project.description) == (PROJECT, TEXT)
    states = {row.name: row.description for row in plane.states_in(project.id)}
    assert {state.name for state in wanted.states} <= states.keys()
    assert states[NAME] == TEXT
    assert {row.name for row in plane.labels_in(project.id)} == {label.name for label in wanted.labels}
    fields = {row.display_name: row for row in plane.work_item_properties.values()}
    assert fields.keys() == {field.name for field in wanted.custom_fields}
    assert [option.name for option in fields["null"].options] == [NAME, "--", "%s"]
    assert fields[NAME].default_value == [NAME]

    # What the deploy itself says stays in its line; the names of operations are printed by pyinfra.
    assert all(line.isprintable() for one in (run, again) for line in one.lines)
    assert not any(secret in run.output + again.output for secret in SECRETS.values())


@pytest.mark.parametrize("value", ["escape", "half of a pair", "blanks around"])
def test_what_cannot_be_carried_is_refused_before_the_first_connection(new_target: NewTarget, value: str) -> None:
    TALLY.add()
    target = new_target("commercial", plane_workspace_name=HOSTILE[value])
    before = target.host.connections
    run = target.deploy()
    assert run.code != 0
    assert "setting plane_workspace_name must be one line, at most 80 characters" in run.output
    assert "Traceback" not in run.output
    assert "\x1b[2J" not in run.output
    assert target.host.connections == before
