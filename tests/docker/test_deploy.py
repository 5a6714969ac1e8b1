"""Given a real target, when the deploy runs, then PostgreSQL, Docker, sshd and TLS are as they should be."""

from __future__ import annotations

import json
import re
import socket
import stat
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

import pytest
from pyinfra.api.hiddenvalue import HiddenValue

from pyinfra_plane.settings import derive_password
from tests.contract.browser import Browser, v1
from tests.deploy.target import Run
from tests.docker.engine import IMAGES
from tests.docker.lab import SECRETS, SERVICES, TLS_NAME, WRONG_NAME, Lab
from tests.docker.target import SUDO_PASSWORD, USERS

AGENTS = ("concierge", "imhotep", "thot", "basquiat", "r2d2", "shuri", "piccolo", "cfo", "maintainer", "hermes")

# For tests of what is said when nothing answers: asking again would only be slower.
IMPATIENT = {"postgres_wait_seconds": 0, "plane_health_retries": 2, "plane_health_delay": 0}

SERVICE = """\
plane|t|f|f|f|-1|t
plane_production|plane|- CONNECT, - TEMPORARY, plane CONNECT, plane CREATE, plane TEMPORARY
public|pg_database_owner|-|USAGE
public|pg_database_owner|pg_database_owner|CREATE
public|pg_database_owner|pg_database_owner|USAGE
public|pg_database_owner|plane|CREATE
public|pg_database_owner|plane|USAGE
"""

Done = subprocess.CompletedProcess[str]


def succeeded(done: Done) -> Done:
    assert done.returncode == 0, done.stdout
    return done


def plan(done: Done) -> list[str]:
    """What is made, changed, removed or cannot be told."""
    lines = re.findall(r"^ +\[target\] ([+~?-] .*)$", done.stdout, re.M)
    # Printed if Plane had to be waited for, which depends on how fast it starts.
    return [line for line in lines if line != "~ Plane answers"]


def changed_nothing(done: Done) -> bool:
    """Whether no operation changed anything, by pyinfra's own count; a wait for Plane is not counted."""
    results = Run(succeeded(done).returncode, done.stdout).results
    assert results, done.stdout
    return not any(
        changed or failed for name, (changed, failed, _) in results.items() if not name.endswith("Plane answers")
    )


def complaint(done: Done) -> str:
    """The one line that says why the run failed."""
    assert done.returncode != 0, done.stdout
    assert "Traceback" not in done.stdout, done.stdout
    executed = done.stdout.partition("--> Beginning operation run...")[2]
    told = re.split("--> (?:Results|Summary):", executed)[0]
    lines = re.findall(r"^ +\[target\] (.*)$", told, re.M)
    noise = ("Error: executed", "Success", "No changes", "waiting for Plane", "running the service")
    said = [line for line in lines if not line.startswith((*noise, "+ ", "~ ", "! ", "= "))]
    assert len(said) == 1, done.stdout
    return str(said[0])


# The database, the environment, and what is in Plane


def test_the_first_run_makes_everything(deployed: Lab) -> None:
    assert deployed.service() == SERVICE
    assert set(deployed.container_ids()) == set(SERVICES)
    plane = deployed.plane()
    workspace = plane.workspace_by_slug("javisi")
    assert workspace is not None
    # The other one is the demo project that Plane gives every workspace.
    [project] = [project for project in plane.projects_in(workspace.id) if project.identifier == "ONBOARD"]
    values = {token.token: token.user for token in plane.api_tokens.values()}
    assert len(values) == len(AGENTS)
    for name in AGENTS:
        user = plane.user_by_email(f"{name}@javisi.local")
        assert user is not None
        role = 20 if name == "concierge" else 15
        assert plane.workspace_role(workspace.id, user.id) == plane.project_role(project.id, user.id) == role
        assert values[deployed.tokens()[f"PLANE_TOKEN_{name.upper()}"]] == user.id


def test_the_role_logs_in_with_its_password_alone(deployed: Lab) -> None:
    assert deployed.can_log_in("plane", SECRETS["POSTGRESQL_PASSWORD"], "plane_production")
    assert not deployed.can_log_in("plane", "another", "plane_production")


def test_plane_s_containers_can_use_the_address_that_they_are_given(deployed: Lab) -> None:
    for container in (deployed.api, f"{deployed.name}_plane_worker", f"{deployed.name}_plane_beat-worker"):
        variables = json.loads(deployed.docker("inspect", "-f", "{{json .Config.Env}}", container))
        [address] = [value[13:] for value in variables if value.startswith("DATABASE_URL=")]
        made = "CREATE TABLE seen (); DROP TABLE seen; SELECT current_user, current_database()"
        psql = ("psql", "-X", "-q", "-A", "-t", "-w", "-c", made, address)
        assert deployed.docker("exec", deployed.postgres, *psql) == "plane|plane_production\n"


def test_the_second_run_changes_nothing(deployed: Lab) -> None:
    before = deployed.snapshot()
    assert changed_nothing(deployed.deploy())
    assert deployed.snapshot() == before


def test_a_preview_changes_nothing(lab: Lab) -> None:
    others, files = lab.dump_others(), sorted((lab.directory / "target").rglob("*"))
    assert "+ role plane" in plan(succeeded(lab.deploy("--dry")))
    assert lab.container_ids() == {}
    assert lab.psql("SELECT FROM pg_roles WHERE rolname = 'plane'") == ""
    assert lab.dump_others() == others
    assert sorted((lab.directory / "target").rglob("*")) == files


def test_other_services_databases_are_the_same_before_and_after(lab: Lab) -> None:
    before = lab.dump_others()
    assert "workflow 200" in before and "model-6" in before and "n8n" in before
    succeeded(lab.deploy())
    assert lab.dump_others() == before


def test_a_database_and_a_role_that_were_made_by_hand_are_brought_in_line(lab: Lab) -> None:
    lab.psql("CREATE ROLE plane NOLOGIN PASSWORD 'old'; CREATE DATABASE plane_production;")
    lab.psql("CREATE TABLE kept AS SELECT 1 AS one; REVOKE ALL ON SCHEMA public FROM PUBLIC;", "plane_production")
    succeeded(lab.deploy(operation=("deploy.database",)))
    assert lab.can_log_in("plane", SECRETS["POSTGRESQL_PASSWORD"], "plane_production")
    owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'plane_production'"
    assert lab.psql(owner) == "plane\n"
    assert lab.psql("SELECT one FROM kept", "plane_production") == "1\n"
    assert changed_nothing(lab.deploy(operation=("deploy.database",)))


def test_another_password_is_set_and_the_old_one_is_refused(deployed: Lab) -> None:
    other = "an-Other/Passw0rd%41"
    done = succeeded(deployed.deploy(env={"POSTGRESQL_PASSWORD": other}))
    assert "~ role plane: password" in plan(done)
    assert deployed.can_log_in("plane", other, "plane_production")
    assert not deployed.can_log_in("plane", SECRETS["POSTGRESQL_PASSWORD"], "plane_production")
    assert changed_nothing(deployed.deploy(env={"POSTGRESQL_PASSWORD": other}))


# Files and containers


@pytest.mark.parametrize("file", ["env_path", "tokens_path"])
def test_files_with_secrets_are_their_owner_s_alone(deployed: Lab, file: str) -> None:
    path: Path = getattr(deployed, file)
    seen = path.stat()
    assert (stat.S_IMODE(seen.st_mode), seen.st_uid) == (0o600, 0)
    path.chmod(0o644)
    before = deployed.container_ids()
    succeeded(deployed.deploy())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert deployed.container_ids() == before


def test_containers_are_recreated_exactly_when_their_environment_changed(deployed: Lab) -> None:
    first = deployed.container_ids()
    succeeded(deployed.deploy())
    assert deployed.container_ids() == first
    more = {"plane_gunicorn_workers": 3}
    succeeded(deployed.deploy(data=more))
    second = deployed.container_ids()
    assert all(first[name] != second[name] for name in SERVICES)
    assert "GUNICORN_WORKERS=3" in deployed.docker("inspect", "-f", "{{.Config.Env}}", deployed.api)
    assert changed_nothing(deployed.deploy(data=more))
    assert deployed.container_ids() == second


def test_a_container_that_somebody_started_with_other_values_is_recreated(deployed: Lab) -> None:
    first = deployed.container_ids()
    text = deployed.env_path.read_text()
    deployed.env_path.write_text(text.replace("GUNICORN_WORKERS=2", "GUNICORN_WORKERS=9"))
    where = ("--project-directory", str(deployed.compose_dir))
    deployed.docker("compose", *where, "up", "-d", "--force-recreate", "--no-deps", "worker")
    deployed.env_path.write_text(text)
    lines = ["~ run migrator", "~ recreate worker: runs with another GUNICORN_WORKERS"]
    assert plan(deployed.deploy("--dry", operation=("deploy.environment",))) == lines
    assert plan(succeeded(deployed.deploy(operation=("deploy.environment",)))) == lines
    second = deployed.container_ids()
    assert {name for name in SERVICES if first[name] != second[name]} == {"migrator", "worker"}
    deployed.docker("rm", "-f", f"{deployed.name}_plane_worker")
    done = succeeded(deployed.deploy(operation=("deploy.environment",)))
    assert plan(done) == ["~ run migrator", "+ start worker"]
    assert {name for name, new in deployed.container_ids().items() if new != second[name]} == {"migrator", "worker"}


def test_a_migration_that_fails_is_reported_and_done_again_by_the_next_run(deployed: Lab) -> None:
    more = {"plane_gunicorn_workers": 5}
    with deployed.compose_changed(
        "migrator", command=["./bin/docker-entrypoint-migrator.sh; exit 3"], entrypoint=["sh", "-c"]
    ):
        before = deployed.container_ids()
        said = complaint(deployed.deploy(operation=("deploy.environment",), data=more))
        assert (
            f"the service migrator in {deployed.compose_dir}, which migrates the database, ended with exit code 3"
            in said
        )
        assert {name for name, new in deployed.container_ids().items() if new != before[name]} == {"migrator"}
    done = succeeded(deployed.deploy(operation=("deploy.environment",), data=more))
    assert plan(done) == [
        "~ run migrator",
        *(f"~ recreate {name}: runs with another GUNICORN_WORKERS" for name in ("api", "beat-worker", "worker")),
    ]
    assert changed_nothing(deployed.deploy(data=more))
    succeeded(deployed.deploy())


def test_a_project_with_a_name_and_files_of_its_own_stays_that_project(deployed: Lab) -> None:
    """Its containers are recreated with the override that they were started with, and no second project is begun."""
    file = deployed.compose_dir / "docker-compose.yml"
    override, moved = deployed.compose_dir / "prod.yml", deployed.compose_dir / "plane.yml"
    project = json.loads(file.read_text())
    ours = f"{deployed.name}-ours"
    try:
        deployed.docker("rm", "-f", *(f"{deployed.name}_plane_{name}" for name in SERVICES))
        file.rename(moved)
        override.write_text(json.dumps({"services": {"api": {"environment": {"FROM_OVERRIDE": "yes"}}}}))
        (deployed.compose_dir / "vars.env").write_text("X=1\n")
        text = deployed.env_path.read_text()
        deployed.env_path.write_text(text.replace("GUNICORN_WORKERS=2", "GUNICORN_WORKERS=9"))
        started = (
            "-p",
            ours,
            "-f",
            str(moved),
            "-f",
            str(override),
            "--env-file",
            str(deployed.compose_dir / "vars.env"),
        )
        deployed.docker("compose", "--project-directory", str(deployed.compose_dir), *started, "up", "-d")
        deployed.env_path.write_text(text)
        done = succeeded(deployed.deploy(operation=("deploy.environment",)))
        assert plan(done)[:2] == ["~ run migrator", "~ recreate api: runs with another GUNICORN_WORKERS"]
        form = '{{index .Config.Labels "com.docker.compose.project"}} {{.Config.Env}}'
        inspected = deployed.docker("inspect", "-f", form, deployed.api)
        assert inspected.startswith(f"{ours} ") and "FROM_OVERRIDE=yes" in inspected
        assert changed_nothing(deployed.deploy(operation=("deploy.environment",)))
    finally:
        deployed.docker("rm", "-f", *(f"{deployed.name}_plane_{name}" for name in SERVICES))
        moved.replace(file)
        override.unlink(missing_ok=True)
        assert json.loads(file.read_text()) == project


def test_what_compose_run_left_is_no_service(deployed: Lab) -> None:
    where = ("--project-directory", str(deployed.compose_dir))
    one_off = deployed.docker("compose", *where, "run", "-d", "-T", "--no-deps", "worker", "true").strip()
    try:
        assert changed_nothing(deployed.deploy(operation=("deploy.environment",)))
    finally:
        deployed.docker("rm", "-f", one_off)


# Tokens and passwords


def browser(lab: Lab, name: str) -> Browser:
    """A person at Plane's pages, signed in as an agent."""
    email = f"{name}@javisi.local"
    person = Browser(f"http://{lab.address(lab.api)}:8000")
    seed = HiddenValue(SECRETS["PLANE_AGENT_PASSWORD_SEED"])
    password = derive_password(seed, email, "work.example.com").unmask()
    assert person.sign_in(email, password) == ""
    return person


def answers(lab: Lab, token: str) -> bool:
    """Whether a token opens the workspace."""
    url = f"http://{lab.address(lab.api)}:8000"
    return v1(url, token, "GET", "/workspaces/javisi/projects/").status_code == 200


def without(lab: Lab, *names: str) -> None:
    """Take agents' tokens out of the file."""
    lines = lab.tokens_path.read_text().splitlines(keepends=True)
    taken = tuple(f"PLANE_TOKEN_{name.upper()}=" for name in names)
    lab.tokens_path.write_text("".join(line for line in lines if not line.startswith(taken)))


def test_a_token_that_a_person_made_stays_until_a_rotation_ends_it(deployed: Lab) -> None:
    lost, before = deployed.tokens()["PLANE_TOKEN_THOT"], deployed.tokens()
    with browser(deployed, "thot") as person:
        by_hand = person.make_key("agent-thot")
    without(deployed, "thot")
    done = succeeded(deployed.deploy(operation=("deploy.provisioning",)))
    assert plan(done) == ["+ token agent-thot"]
    told = (
        "! thot@javisi.local has tokens with the label agent-thot that this deploy did not create: 1; they stay valid"
    )
    assert told in done.stdout
    now = deployed.tokens()["PLANE_TOKEN_THOT"]
    assert answers(deployed, by_hand) and answers(deployed, now) and not answers(deployed, lost)
    rotate = ("--data", "rotate_tokens=thot")
    done = succeeded(deployed.deploy(*rotate, operation=("deploy.provisioning",)))
    assert plan(done) == ["~ token agent-thot: rotated, as asked; every other token with this label is revoked"]
    last = deployed.tokens()["PLANE_TOKEN_THOT"]
    assert answers(deployed, last) and not answers(deployed, by_hand) and not answers(deployed, now)
    assert deployed.tokens() == {**before, "PLANE_TOKEN_THOT": last}


def test_all_wrong_passwords_are_named_at_once_and_nothing_is_changed(deployed: Lab) -> None:
    without(deployed, "thot", "cfo")
    before = deployed.tokens_path.stat().st_mtime_ns
    agents = [{"name": name, "role": "admin" if name == "concierge" else "member"} for name in (*AGENTS, "ptah")]
    seed = {"PLANE_AGENT_PASSWORD_SEED": "another-seed-of-the-agents-6"}
    done = deployed.deploy(operation=("deploy.provisioning",), env=seed, data={"plane_agents": agents})
    said = complaint(done)
    check = "check plane_agent_password_seed, plane_seed_host or the password of {} in plane_agents"
    named = ", ".join(f"{name}@javisi.local ({check.format(name)})" for name in ("thot", "cfo"))
    assert said == f"cannot sign in as {named}"
    assert deployed.tokens_path.stat().st_mtime_ns == before
    plane = deployed.plane()
    assert plane.user_by_email("ptah@javisi.local") is None and not plane.invitations
    succeeded(deployed.deploy(operation=("deploy.provisioning",)))
    assert len(deployed.tokens()) == len(AGENTS)


def test_a_line_based_reader_finds_each_token_once(deployed: Lab) -> None:
    tokens, now = deployed.tokens(), deployed.tokens_path.read_text()
    old = re.sub(r"^# agent (\w+): of ", lambda found: f"# PLANE_TOKEN_{found[1].upper()}: of=", now, flags=re.M)
    assert old != now
    deployed.tokens_path.write_text(old)
    done = succeeded(deployed.deploy(operation=("deploy.provisioning",)))
    assert plan(done) == [f"~ {deployed.tokens_path}: its comments no longer name variables"]
    assert deployed.tokens() == tokens and deployed.tokens_path.read_text() == now
    for variable, value in tokens.items():
        found = subprocess.run(["grep", variable, deployed.tokens_path], stdout=subprocess.PIPE, text=True, check=True)
        assert found.stdout == f"{variable}={value}\n"
    counted = subprocess.run(["grep", "-c", "=", deployed.tokens_path], stdout=subprocess.PIPE, text=True, check=True)
    assert int(counted.stdout) == len(AGENTS)
    reader = ("run", "--rm", "--env-file", str(deployed.tokens_path), IMAGES["redis:7"], "env")
    given = dict(line.split("=", 1) for line in deployed.docker(*reader).splitlines())
    assert {name: value for name, value in given.items() if name.startswith("PLANE_") or " " in name} == tokens


# Users of the target


def test_a_user_in_group_docker_can_deploy(started: Lab) -> None:
    started.reset(owner="lab-docker")
    succeeded(started.deploy(user="lab-docker"))
    for path in (started.env_path, started.tokens_path):
        assert (stat.S_IMODE(path.stat().st_mode), path.stat().st_uid) == (0o600, USERS["lab-docker"])
    assert changed_nothing(started.deploy(user="lab-docker"))


def test_a_user_with_sudo_and_a_password_can_deploy(lab: Lab) -> None:
    data = {"_sudo_password": SUDO_PASSWORD}
    done = succeeded(lab.deploy("--sudo", "-vvv", user="lab-sudo", data=data))
    assert SUDO_PASSWORD not in done.stdout
    for path in (lab.env_path, lab.tokens_path):
        assert (stat.S_IMODE(path.stat().st_mode), path.stat().st_uid) == (0o600, 0)
    assert changed_nothing(lab.deploy("--sudo", user="lab-sudo", data=data))


def test_a_user_who_may_not_use_docker_is_told_so(lab: Lab) -> None:
    done = lab.deploy(user="lab-sudo", data=IMPATIENT)
    assert "this SSH user may not use docker" in complaint(done)
    assert "use --sudo, or add the user to the group docker" in complaint(done)


# The way to Plane


def test_where_forwarding_is_forbidden_plane_is_reached_through_a_relay(lab: Lab) -> None:
    done = succeeded(lab.deploy("-v", forwarding=False))
    assert "the SSH server forbids forwarding" in done.stdout
    assert lab.service() == SERVICE and len(lab.tokens()) == len(AGENTS)
    assert changed_nothing(lab.deploy(forwarding=False))
    deadline = time.monotonic() + 5  # the connection's end takes a moment to arrive
    while relays_to(lab.address(lab.api)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert relays_to(lab.address(lab.api)) == []


def test_where_forwarding_is_allowed_there_is_no_relay(lab: Lab) -> None:
    assert "the SSH server forbids forwarding" not in succeeded(lab.deploy("-v")).stdout


def relays_to(address: str) -> list[str]:
    """The command lines of the relays to an address that run."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it ended meanwhile
            continue
        if command.startswith("bash -c") and "/dev/tcp" in command and f" {address} " in command:
            found.append(command)
    return found


@pytest.mark.parametrize("forwarding", [True, False])
def test_tls_is_checked_against_the_private_ca(deployed: Lab, forwarding: bool) -> None:
    with pytest.raises(socket.gaierror):  # the name is the target's alone
        socket.getaddrinfo(TLS_NAME, 443)
    data = {"plane_api_url": f"https://{TLS_NAME}", "plane_api_ca": str(deployed.ca)}
    assert changed_nothing(deployed.deploy(data=data, forwarding=forwarding))


def test_the_private_ca_can_be_given_in_the_environment(deployed: Lab) -> None:
    data = {"plane_api_url": f"https://{TLS_NAME}"}
    assert changed_nothing(deployed.deploy(data=data, env={"REQUESTS_CA_BUNDLE": str(deployed.ca)}))


@pytest.mark.parametrize(
    ("name", "ca"),
    [(WRONG_NAME, "ca"), (TLS_NAME, "unknown_ca"), (TLS_NAME, None)],
    ids=["another-name", "another-ca", "no-ca"],
)
def test_a_certificate_that_does_not_hold_is_refused(deployed: Lab, name: str, ca: str | None) -> None:
    data = {"plane_api_url": f"https://{name}", "plane_api_ca": str(getattr(deployed, ca)) if ca else None}
    before = deployed.snapshot()
    said = complaint(deployed.deploy(data={**IMPATIENT, **data}))
    assert f"GET https://{name}/: the certificate is not trusted" in said and "set plane_api_ca" in said
    assert deployed.snapshot() == before


# What a person can cause


def test_a_stopped_postgresql_container_is_named(deployed: Lab) -> None:
    deployed.docker("stop", deployed.postgres)
    said = complaint(deployed.deploy(data=IMPATIENT))
    assert said == f"the container {deployed.postgres} is not running; run: docker start {deployed.postgres}"


def test_a_postgresql_container_that_is_not_there_is_named(lab: Lab) -> None:
    said = complaint(lab.deploy(data={**IMPATIENT, "postgres_container": "nowhere"}))
    assert said == "the container nowhere does not exist on this host; start it, or set postgres_container"


def test_a_postgresql_container_that_starts_meanwhile_is_waited_for(deployed: Lab) -> None:
    deployed.docker("stop", deployed.postgres)
    starting = subprocess.Popen(
        ["sh", "-c", 'sleep 4; exec docker start "$0"', deployed.postgres], stdout=subprocess.DEVNULL
    )
    done = deployed.deploy(data={"postgres_wait_seconds": 30})
    assert starting.wait() == 0
    assert changed_nothing(done)


def test_a_password_on_the_local_socket_is_named(lab: Lab) -> None:
    options = ("-e", "POSTGRES_INITDB_ARGS=--auth-local=scram-sha-256")
    name = lab.run_postgres("postgresql_strict", options=options)
    try:
        said = complaint(lab.deploy(data={**IMPATIENT, "postgres_container": name}))
        assert name in said and "password" in said
    finally:
        lab.docker("rm", "-f", "-v", name)


def test_a_stopped_api_container_is_named(deployed: Lab) -> None:
    deployed.docker("stop", deployed.api)
    said = complaint(deployed.deploy(data=IMPATIENT))
    assert f"the container {deployed.api} is exited; run: docker start {deployed.api}" in said


# The init script


def test_a_fresh_data_directory_comes_to_the_same(lab: Lab) -> None:
    directory = lab.directory / "target/plane/initdb.d"
    data = {"postgres_init_dir": str(directory)}
    succeeded(lab.deploy(data=data, operation=("deploy.database",)))
    [script] = directory.iterdir()
    assert stat.S_IMODE(script.stat().st_mode) == 0o644
    assert SECRETS["POSTGRESQL_PASSWORD"] not in script.read_text()
    name = lab.run_postgres("postgresql_fresh", options=("-v", f"{directory}:/docker-entrypoint-initdb.d:ro"))
    try:
        assert lab.service(name) == lab.service() == SERVICE
        assert lab.can_log_in("plane", SECRETS["POSTGRESQL_PASSWORD"], "plane_production", name)
        again = lab.deploy(data={**data, "postgres_container": name}, operation=("deploy.database",))
        assert changed_nothing(again)
    finally:
        lab.docker("rm", "-f", "-v", name)


# Secrets


def test_postgresql_logs_no_password(lab: Lab) -> None:
    succeeded(lab.deploy())
    succeeded(lab.deploy(env={"POSTGRESQL_PASSWORD": "an-Other/Passw0rd%41"}))
    log = lab.logs(lab.postgres)
    assert "pg_authid" in log  # statements are logged
    for secret in (SECRETS["POSTGRESQL_PASSWORD"], "an-Other/Passw0rd%41"):
        assert secret not in log
        assert quote(secret, safe="") not in log
    assert not re.search(r"SCRAM-SHA-256\$\d+:[A-Za-z0-9+/=]{8}", log)


@pytest.mark.parametrize("arguments", [("-vvv",), ("-vvv", "--debug", "--debug-all"), ("--dry", "-vvv", "--diff")])
def test_pyinfra_shows_no_secret(lab: Lab, arguments: tuple[str, ...]) -> None:
    first = succeeded(lab.deploy(*arguments)).stdout
    second = succeeded(lab.deploy(*arguments)).stdout
    secrets = list(SECRETS.values())
    if lab.tokens_path.exists():
        secrets += lab.tokens().values()
        secrets += re.findall(r"^SECRET_KEY=(.+)$", lab.env_path.read_text(), re.M)
    for secret in secrets:
        for shown in (first, second):
            assert secret not in shown
            assert quote(secret, safe="") not in shown
