"""Given something that a person or the network can cause: one clear line, and a rerun goes on once it is mended."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.plane.faults import Action, closed, proxy_page
from tests.deploy.conftest import NewTarget
from tests.deploy.settled import Settled
from tests.deploy.target import AGENTS, CHECKOUT, ENV_FILE, TOKEN_FILE, Run, Target, environment_with, run_pyinfra


def explained(run: Run, *words: str) -> str:
    """The one line that explains a failed run, checked to be one and to hold the words."""
    assert run.code != 0, run.output
    assert "Traceback" not in run.output and "exception occurred" not in run.output, run.output
    # The summary at the end says it again.
    told = run.output.partition("--> Summary:")[0]
    assert "interrupt.py" not in run.output, run.output  # which has a hand in how pyinfra ends
    lines = [line for line in told.splitlines() if all(word in line for word in words)]
    assert len(lines) == 1, run.output
    return lines[0]


@pytest.mark.parametrize(
    ("way", "said"),
    [
        ("import sys; sys.modules['requests'] = None", "this pyinfra's Python has no requests; "),
        ("from pyinfra.api import config; config.__version__ = '3.9'", "version requirement not met (requires >=3.10"),
    ],
)
def test_what_is_not_installed_is_named_before_anything_else(
    target: Target, monkeypatch: pytest.MonkeyPatch, way: str, said: str
) -> None:
    target.directory.mkdir(exist_ok=True)
    (target.directory / "sitecustomize.py").write_text(f"{way}\n")
    monkeypatch.setenv("PYTHONPATH", str(target.directory))
    run = target.deploy("--dry")
    explained(run, said)
    assert "Connecting" not in run.output


def test_a_wrong_admin_password_is_named_and_earlier_work_is_kept(target: Target, settled: Settled) -> None:
    settled.settle(target, operation="deploy.provisioning")
    # A new agent needs the admin, who has to sign in for it.
    agents = [{"name": "concierge", "role": "admin"}, {"name": "newcomer", "role": "member"}]
    wrong = target.deploy(data={"plane_agents": agents}, secrets={"PLANE_ADMIN_PASSWORD": "not-the-Passw0rd-at-all"})
    explained(wrong, "sign in as admin@javisi.local", "AUTHENTICATION_FAILED_SIGN_IN", "plane_admin_password")
    assert "Database | Role plane and database plane_production" in wrong.output
    assert target.host.psql("SELECT 1 FROM pg_roles WHERE rolname = 'plane'").strip() == "1"
    right = target.deploy(data={"plane_agents": agents})
    assert right.code == 0, right.output
    assert right.plan == [
        "+ account newcomer@javisi.local (member)",
        "+ token agent-newcomer",
        "+ members of ONBOARD: newcomer",
    ]


def test_a_weak_admin_password_is_refused_before_the_first_connection(target: Target) -> None:
    run = target.deploy(operation="deploy.provisioning", secrets={"PLANE_ADMIN_PASSWORD": "password1"})
    explained(run, "plane_admin_password", "since Plane refuses weak passwords")
    assert "Connected" not in run.output


def test_an_unknown_setting_type_stops_before_anything_is_written(target: Target) -> None:
    before = target.snapshot()
    run = target.deploy(data={"plane_health_retries": "often", "plane_agents": [{"name": "x", "role": "boss"}]})
    explained(run, "plane_health_retries", "'often'", "a whole number from 1 to 1000")
    explained(run, "plane_agents[0].role", "'boss'", "admin, member, guest")
    assert target.snapshot() == before and run.requests == []
    assert "Connected" not in run.output


def test_an_invalid_identifier_stops_before_anything_is_written(target: Target) -> None:
    before = target.snapshot()
    run = target.deploy(data={"plane_projects": [{"name": "Onboarding", "identifier": "ON-BOARD!"}]})
    explained(run, "plane_projects[0].identifier", "ON-BOARD!", "letters and digits")
    assert target.snapshot() == before


def test_a_misspelt_setting_is_pointed_out(target: Target) -> None:
    explained(
        target.deploy("--data", "plane_workspace_slgu=lab"), "plane_workspace_slgu", "did you mean plane_workspace_slug"
    )


def test_missing_secrets_are_all_named_at_once(target: Target) -> None:
    run = target.deploy(
        operation="deploy.provisioning",
        secrets={"PLANE_CONCIERGE_PASSWORD": None, "PLANE_AGENT_PASSWORD_SEED": None},
    )
    explained(run, "missing: plane_concierge_password, plane_agent_password_seed", "PLANE_AGENT_PASSWORD_SEED")
    assert "Connected" not in run.output


@pytest.mark.parametrize("mode", [("-y",), ("--dry",)])
@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("--limit", "nosuch", "--limit", "sandbx-*"), "--limit nosuch --limit sandbx-*"),
        (("--exclude", "*"), "--exclude *"),
    ],
)
def test_a_run_for_nobody_is_an_error(target: Target, mode: tuple[str, ...], given: tuple[str, ...], told: str) -> None:
    run = target.deploy(*mode, *given)
    assert f"no host is left after {told}; the inventory has {target.host.name}" in run.output
    assert run.code == 1


def test_without_anybody_to_answer_nothing_is_changed_and_that_is_one_line(target: Target) -> None:
    before = target.snapshot()
    run = target.deploy(stdin="")
    assert run.code == 1
    assert "no terminal to confirm on; use -y to apply the changes, or --dry to preview them" in run.output
    assert "Traceback" not in run.output and "exception" not in run.output
    assert target.snapshot() == before


def test_nothing_is_asked_of_the_settings_by_what_is_no_deploy(target: Target) -> None:
    run = target.deploy(operation=["exec", "--", "true"], data={"plane_prune": "maybe"}, secrets={"PLANE_": None})
    assert run.code == 0, run.output


def test_a_value_that_an_env_file_cannot_carry_is_refused_by_name(target: Target) -> None:
    before = target.snapshot()
    run = target.deploy(data={"plane_env_extra": {"LLM_API_KEY": "sk-$ecret#1"}})
    assert "sk-$ecret" not in explained(run, "LLM_API_KEY", "cannot carry")
    assert "Connected" not in run.output
    assert target.snapshot() == before


def command(target: Target, inventory: str, *words: str, folder: Path = CHECKOUT) -> str:
    """What a command says that ends before it did anything."""
    path = target.directory / "bad.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text(inventory)
    done = subprocess.run(
        [sys.executable, "-m", "pyinfra", str(path), *words],
        cwd=folder,
        env=environment_with(target.secrets),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stdout and "exception" not in done.stdout, done.stdout
    return done.stdout


def test_a_host_with_two_values_of_a_setting_is_refused_before_a_connection(target: Target) -> None:
    name, data = target.inventory()
    own, other = {**data, "plane_db_name": "theirs"}, {**data, "plane_db_name": "ours"}
    inventory = f"prod = [({name!r}, {own!r})]\nlab = [({name!r}, {other!r})]\n"
    before = target.host.connections
    said = command(target, inventory, "deploy.py", "--dry", "--limit", "prod")
    assert (
        f"pyinfra error: {name} is in the inventory more than once (prod, lab, bad), with different plane_db_name;"
        in said
    )
    assert "theirs" not in said and target.host.connections == before


@pytest.mark.parametrize(
    ("inventory", "said"),
    [
        ("sandbox = [\n", "bad.py, line 1: '[' was never closed"),
        ("sandbox = []\nx = nothing\n", "bad.py, line 2: NameError: name 'nothing' is not defined"),
    ],
)
def test_a_mistake_in_an_inventory_is_named_with_its_line(target: Target, inventory: str, said: str) -> None:
    assert said in command(target, inventory, "deploy.py", "--dry")


def test_a_command_in_another_folder_is_one_line(target: Target, tmp_path: Path) -> None:
    name, data = target.inventory()
    data |= {"ssh_hostname": "127.0.0.1", "ssh_user": "sandbox"}
    said = command(target, f"hosts = [({name!r}, {data!r})]\n", str(CHECKOUT / "deploy.py"), "--dry", folder=tmp_path)
    assert f"pyinfra must be started in the folder of deploy.py; run: cd {CHECKOUT}, then the same command" in said


def test_a_host_whose_key_is_not_known_is_sent_nothing(target: Target) -> None:
    known = target.directory / "known_hosts"
    known.write_text("")
    name, data = target.inventory()
    data |= {"ssh_hostname": "127.0.0.1", "ssh_user": "sandbox", "ssh_known_hosts_file": str(known)}
    # Of a group without data of its own.
    inventory = target.directory / "others.py"
    inventory.write_text(f"others = [({name!r}, {data!r})]\n")
    before = target.host.connections
    words = [str(inventory), "deploy.py", "--dry"]
    done = run_pyinfra(words, environment_with(target.secrets), separate=True)
    assert done.returncode == 1
    assert f"the SSH host key of 127.0.0.1:{target.host.port} is not in {known}; compare the key" in done.stderr
    assert "Traceback" not in done.stderr
    assert (target.host.connections, known.read_text()) == (before, "")


@pytest.mark.parametrize("how", ["stopped", "absent"])
def test_a_database_container_that_does_not_run(target: Target, how: str) -> None:
    container = target.host.containers["javisi_postgresql"]
    if how == "stopped":
        target.sandbox.call(container.stop)
    else:
        del target.host.containers["javisi_postgresql"]
    run = target.deploy()
    expected = "is not running" if how == "stopped" else "the container javisi_postgresql does not exist"
    explained(run, expected, "docker start javisi_postgresql" if how == "stopped" else "postgres_container")
    assert run.requests == []
    target.host.containers["javisi_postgresql"] = container
    target.sandbox.call(container.start)
    assert target.deploy().code == 0


def test_a_database_container_that_starts_meanwhile_is_waited_for(target: Target, settled: Settled) -> None:
    settled.settle(target)
    container = target.host.containers["javisi_postgresql"]
    target.sandbox.call(container.stop)
    asked = 0

    async def start(command: str) -> None:
        nonlocal asked
        asked += "psql" in command and "rolcanlogin" in command
        if asked == 2:
            container.start()

    target.host.before_command = start
    run = target.deploy(data={"postgres_wait_seconds": 60})
    target.host.before_command = None
    assert run.code == 0 and run.changed == [], run.output


def test_an_api_that_does_not_answer(target: Target) -> None:
    container = target.host.containers["javisi_plane_api"]
    target.sandbox.call(container.start, "starting")
    # Not recreated, or the sandbox would start it.
    run = target.deploy(data={"plane_compose_dir": None})
    explained(run, "Plane did not answer in 2 tries", "docker logs javisi_plane_api")
    # What came before is there.
    assert target.host.psql("SELECT 1 FROM pg_database WHERE datname = 'plane_production'").strip() == "1"
    assert target.variables(ENV_FILE)["WEB_URL"] == "https://work.example.com"
    target.sandbox.call(container.start)
    again = target.deploy(data={"plane_compose_dir": None})
    assert again.code == 0, again.output
    assert not [name for name in again.changed if not name.startswith("Provisioning | ")]


@pytest.mark.parametrize("fault", [proxy_page(503), closed], ids=["503", "closed"])
def test_what_failed_before_a_person_answered_is_asked_again(
    new_target: NewTarget, fault: Action, settled: Settled
) -> None:
    target = new_target()
    settled.settle(target)
    target.host.plane.faults.add(fault, route="/api/v1/workspaces/{slug}/projects/")
    command = [sys.executable, "-m", "pyinfra", str(target.write_inventory()), "deploy.py"]
    with subprocess.Popen(
        command,
        cwd=CHECKOUT,
        env={**environment_with(target.secrets), "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        shown = ""
        for line in process.stdout:
            shown += line
            if "skip this step with -y" in line:
                target.host.plane.faults.clear()
                process.stdin.write("\n")
                process.stdin.flush()
    assert "? cannot check yet" in shown
    assert process.returncode == 0, shown


def test_each_check_that_plane_answers_asks_plane_again(target: Target, tmp_path: Path) -> None:
    deploy = tmp_path / "twice.py"
    deploy.write_text("from operations import plane\nplane.ready(name='first')\nplane.ready(name='later')\n")
    once = target.deploy("--dry", operation=str(deploy))
    assert once.code == 0, once.output
    assert once.requests == [("GET", "/api/instances/")] * 2


def test_an_api_container_that_is_stopped_is_named(target: Target) -> None:
    target.sandbox.call(target.host.containers["javisi_plane_api"].stop)
    run = target.deploy(operation="deploy.provisioning")
    explained(run, "Plane did not answer", "the container javisi_plane_api is exited")


def test_an_address_where_something_else_answers(target: Target) -> None:
    run = target.deploy(operation="deploy.provisioning", data={"plane_api_url": "http://172.20.9.9:1"})
    explained(run, "Plane did not answer", "172.20.9.9")


def test_an_agent_that_exists_with_another_password(target: Target, settled: Settled) -> None:
    settled.settle(target, operation="deploy.provisioning")
    path = target.host.root / TOKEN_FILE
    path.write_text("".join(line for line in path.read_text().splitlines(True) if "THOT" not in line))
    run = target.deploy(secrets={"PLANE_AGENT_PASSWORD_SEED": "another-seed-than-before"})
    explained(run, "sign in as thot@javisi.local", "plane_agent_password_seed", "thot")


def test_a_project_that_holds_the_name_under_another_identifier(target: Target) -> None:
    first = target.deploy(data={"plane_projects": [{"name": "Onboarding", "identifier": "OLD"}]})
    assert first.code == 0, first.output
    preview = target.deploy("--dry")
    assert any(note.startswith("! would fail: the project Onboarding exists") for note in preview.notes)
    explained(target.deploy(), "the project Onboarding exists with the identifier OLD", "plane_projects")
    assert not [row for row in target.plane.projects.values() if row.identifier == "ONBOARD"]


def test_a_workspace_that_somebody_else_owns(new_target: NewTarget, settled: Settled) -> None:
    target = new_target()
    settled.settle(target, operation="deploy.provisioning")
    (target.host.root / TOKEN_FILE).unlink()
    admins = [target.user("admin").id, target.user("concierge").id]
    for row in target.plane.workspace_members.values():
        if row.member in admins:
            row.is_active = False
    run = target.deploy()
    explained(run, "the workspace javisi exists, but admin@javisi.local is not in it")


def test_custom_fields_can_be_made_a_failure(target: Target) -> None:
    run = target.deploy(data={"plane_custom_fields_unsupported": "fail"})
    explained(run, "Plane Community Edition", "has no custom fields (ONBOARD)", "plane_custom_fields_unsupported")


def test_one_host_that_fails_does_not_stop_the_other(new_target: NewTarget) -> None:
    good, bad = new_target(), new_target()
    bad.sandbox.call(bad.host.containers["javisi_postgresql"].stop)
    run = good.deploy(others=(bad,))
    explained(run, f"[{bad.host.name}]", "is not running")
    assert set(good.tokens) == set(AGENTS)
    assert bad.plane.workspaces == {}


@pytest.mark.parametrize("mode", ["-y", "--dry"])
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["operations.plane.workspace", "slug=javisi", "title=Lab"],
            "workspace: unknown argument title; the arguments are: slug, workspace_name, size",
        ),
        (
            ["operations.plane.workspace", "slug=javisi", "name=Lab"],
            "workspace: missing argument workspace_name; the arguments are: slug, workspace_name, size",
        ),
        (
            ["operations.plane.instance_config", "values=ENABLE_SIGNUP"],
            "instance_config.values must be a dict (on a command line as JSON)",
        ),
    ],
)
def test_an_operation_that_is_called_wrongly_is_one_line(
    finished: Target, words: list[str], told: str, mode: str
) -> None:
    run = finished.deploy(mode, operation=words)
    assert run.code == 1
    assert f"--> pyinfra error: {told}\n" in run.output
    assert "Traceback" not in run.output and "exception" not in run.output


def test_an_operation_takes_its_secrets_from_the_command_line_and_does_not_show_them(finished: Target) -> None:
    words = ["operations.plane.instance_config", 'values={"EMAIL_HOST": "hunter-9", "EMAIL_HOST_PASSWORD": "hunter-8"}']
    looked = finished.deploy("--dry", "-v", operation=words)
    assert "~ instance setting EMAIL_HOST" in looked.plan, looked.output
    assert looked.code == 0
    run = finished.deploy("-v", operation=words)
    assert run.code == 0, run.output
    assert "hunter" not in looked.output + run.output
    assert finished.deploy("--dry", operation=words).plan == []
