"""Given what a real host has around Plane: owners, networks, other services' keys, processes that others can see."""

from __future__ import annotations

import grp
import json
import os
import pwd
import re
import signal
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.docker.lab import SECRETS, SUPERUSER_PASSWORD, Lab
from tests.docker.target import SUDO_PASSWORD, USERS
from tests.docker.test_deploy import IMPATIENT, changed_nothing, complaint, plan, succeeded


def test_a_password_for_the_superuser_opens_the_local_socket(lab: Lab) -> None:
    options = ("-e", "POSTGRES_INITDB_ARGS=--auth-local=scram-sha-256")
    name = lab.run_postgres("postgresql_strict", options=options)
    secrets = {"POSTGRES_SUPERUSER_PASSWORD": SUPERUSER_PASSWORD}
    try:
        data = {**IMPATIENT, "postgres_container": name}
        said = complaint(lab.deploy(operation=("deploy.database",), data=data))
        assert "requires a password for postgres" in said and "set postgres_superuser_password" in said
        succeeded(lab.deploy(operation=("deploy.database",), data=data, env=secrets))
        assert lab.can_log_in("plane", SECRETS["POSTGRESQL_PASSWORD"], "plane_production", name)
        assert changed_nothing(lab.deploy(operation=("deploy.database",), data=data, env=secrets))
        wrong = lab.deploy(operation=("deploy.database",), data=data, env={"POSTGRES_SUPERUSER_PASSWORD": "wrong"})
        assert "password authentication failed" in complaint(wrong)
    finally:
        lab.docker("rm", "-f", "-v", name)


def test_a_server_that_is_set_up_in_another_way_is_reached_by_its_settings(lab: Lab) -> None:
    """With peer authentication, on another port, for Latin-1."""
    initdb = "POSTGRES_INITDB_ARGS=--auth-local=peer --encoding=LATIN1 --locale=C"
    name = lab.run_postgres("postgresql_latin1", options=("-e", initdb), port=5433)
    data: dict[str, object] = {"postgres_container": name, "postgres_wait_seconds": 3600}

    def told() -> str:
        return complaint(lab.deploy(operation=("deploy.database",), data=data))

    try:
        assert "does not listen on port 5432, but on 5433" in told()
        data["postgres_port"] = 5433
        assert "Peer authentication failed" in (said := told()) and "set postgres_container_user" in said
        data["postgres_container_user"] = "nobody-here"
        assert f"the container {name} has no user nobody-here (" in told()
        data["postgres_container_user"] = "postgres"
        succeeded(lab.deploy(operation=("deploy.database",), data=data))
        assert changed_nothing(lab.deploy(operation=("deploy.database",), data=data))
        assert lab.docker(
            *("exec", "-u", "postgres", name, "psql", "-p", "5433", "-XAtc"),
            "SELECT datname, pg_encoding_to_char(encoding) FROM pg_database WHERE datname ~ '^p' ORDER BY 1",
        ).splitlines() == ["plane_production|UTF8", "postgres|LATIN1"]
    finally:
        lab.docker("rm", "-f", "-v", name)


def test_files_belong_to_whom_the_settings_name(lab: Lab) -> None:
    owner = {"plane_files_user": "nobody", "plane_files_group": "nogroup"}
    succeeded(lab.deploy(data=owner))
    for path in (lab.env_path, lab.tokens_path):
        info = path.stat()
        assert (stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid) == (
            0o600,
            pwd.getpwnam("nobody").pw_uid,
            grp.getgrnam("nogroup").gr_gid,
        )
    assert changed_nothing(lab.deploy(data=owner))
    assert plan(lab.deploy("--dry", data={"plane_files_user": "root", "plane_files_group": "root"})) == [
        f"~ {path}: user nobody → root, group nogroup → root" for path in (lab.env_path, lab.tokens_path)
    ]


def test_a_wrong_sudo_password_is_one_line(lab: Lab) -> None:
    done = lab.deploy("--sudo", user="lab-sudo", data={**IMPATIENT, "_sudo_password": f"not {SUDO_PASSWORD}"})
    said = complaint(done)
    assert "the host did not run a command" in said and "--sudo and its password" in said
    assert SUDO_PASSWORD not in done.stdout


CSH, SUDO = "give it another: chsh -s /bin/sh", {"_sudo": True, "_sudo_password": SUDO_PASSWORD}
REFUSING: dict[str, tuple[str, dict[str, object], bool, str]] = {
    "sudo wants a terminal": (
        "lab-tty",
        SUDO,
        True,
        "put into sudoers, with the user's name: Defaults:NAME !requiretty",
    ),
    "no program runs in /tmp": ("lab-sudo", SUDO, False, "set _temp_dir in host data to a folder in which programs"),
    "csh": ("lab-csh", {}, True, CSH),
    "csh and sudo": ("lab-csh", SUDO, True, CSH),
    "wrong password for su": (
        "lab-sudo",
        {"_su_user": "root", "_su_password": "no"},
        True,
        "a command: su: Authentication failure",
    ),
}


@pytest.mark.parametrize("case", REFUSING)
def test_a_host_that_refuses_every_command_is_told_with_the_cure(started: Lab, case: str) -> None:
    user, data, forwarding, said = REFUSING[case]
    done = started.deploy(operation=("deploy.database",), user=user, data={**IMPATIENT, **data}, forwarding=forwarding)
    assert said in complaint(done) and SUDO_PASSWORD not in done.stdout


def test_where_no_program_runs_in_tmp_another_folder_does(lab: Lab) -> None:
    data = {**SUDO, "_temp_dir": "/dev/shm"}
    succeeded(lab.deploy(operation=("deploy.database",), user="lab-sudo", data=data, forwarding=False))


def test_a_user_with_su_and_a_password_can_deploy(started: Lab) -> None:
    started.reset(owner="lab-docker")
    data = {"_su_user": "lab-docker", "_su_password": SUDO_PASSWORD}
    done = succeeded(started.deploy("-vvv", user="lab-sudo", data=data))
    assert SUDO_PASSWORD not in done.stdout
    assert started.can_log_in("plane", SECRETS["POSTGRESQL_PASSWORD"], "plane_production")
    assert started.tokens_path.stat().st_uid == USERS["lab-docker"]
    assert changed_nothing(started.deploy(user="lab-sudo", data=data))


def test_a_paused_postgresql_container_is_to_be_unpaused(deployed: Lab) -> None:
    deployed.docker("pause", deployed.postgres)
    try:
        said = complaint(deployed.deploy(operation=("deploy.database",), data=IMPATIENT))
        assert said == f"the container {deployed.postgres} is paused; run: docker unpause {deployed.postgres}"
    finally:
        deployed.docker("unpause", deployed.postgres)


def test_a_compose_folder_that_is_a_link_is_the_same_folder(deployed: Lab) -> None:
    link = deployed.directory / "target" / "link-to-plane"
    link.symlink_to(deployed.compose_dir)
    try:
        assert changed_nothing(deployed.deploy(data={"plane_compose_dir": str(link)}))
    finally:
        link.unlink()


def test_a_stopped_worker_is_told_and_left(deployed: Lab) -> None:
    ids = deployed.container_ids()
    deployed.docker("stop", ids["worker"])
    done = deployed.deploy()
    assert changed_nothing(done)
    assert f"! the service worker in {deployed.compose_dir} is stopped" in done.stdout
    deployed.docker("start", ids["worker"])


def test_openssh_lets_a_killed_runs_write_go_on_and_it_replaces_nothing(deployed: Lab) -> None:
    programs = deployed.directory / "slow"
    programs.mkdir()
    held = programs / "held"
    sync = programs / "sync"
    sync.write_text(f'#!/bin/sh\nmkfifo {held} && : < {held}\nexec /usr/bin/sync "$@"\n')
    sync.chmod(0o755)
    before = deployed.env_path.read_bytes()
    data = {"_env": {"PATH": f"{programs}:/usr/bin:/bin"}, "plane_web_url": "https://other.javisi.test"}
    with ThreadPoolExecutor() as pool:
        run = pool.submit(deployed.deploy, operation=("deploy.environment",), data=data, in_fork=False)
        deployed.wait_until(held.exists)
        for process in deployed.runs():
            os.kill(process, signal.SIGKILL)
        assert run.result().returncode == -signal.SIGKILL
    assert changed_nothing(deployed.deploy())
    unfinished = list(deployed.config_dir.glob(".*.new*"))
    held.write_text("")
    deployed.wait_until(lambda: not list(deployed.config_dir.glob(".*.new*")))
    assert unfinished and deployed.env_path.read_bytes() == before


# The address of the API's container


def test_a_container_in_several_networks_is_reached(deployed: Lab) -> None:
    second = f"{deployed.name}-second"
    deployed.docker("network", "create", second)
    try:
        deployed.docker("network", "connect", second, deployed.api)
        assert changed_nothing(deployed.deploy())
        deployed.docker("network", "disconnect", deployed.name, deployed.api)
        assert changed_nothing(deployed.deploy())
    finally:
        deployed.docker("network", "disconnect", second, deployed.api)
        deployed.docker("network", "connect", deployed.name, deployed.api)
        deployed.docker("network", "rm", second)


def test_a_container_in_no_network_is_named(deployed: Lab) -> None:
    deployed.docker("network", "disconnect", deployed.name, deployed.api)
    try:
        said = complaint(deployed.deploy(operation=("deploy.provisioning",), data=IMPATIENT))
        assert f"the container {deployed.api} has no address in a network; set plane_api_url" in said
    finally:
        deployed.docker("network", "connect", deployed.name, deployed.api)


# Redis


def test_keys_of_another_service_in_planes_redis_are_warned_of(deployed: Lab) -> None:
    cli = ("exec", deployed.redis, "redis-cli", "-n", "4")
    deployed.docker(*cli, "SET", ":1:/api/instances/", "x")
    assert "! Redis database" not in deployed.deploy().stdout
    deployed.docker(*cli, "SET", "n8n:session:abc-1234", "x")
    try:
        done = deployed.deploy()
        assert changed_nothing(done)
        assert f"! Redis database 4 of {deployed.redis} contains keys that are not Plane's (n8n:…)" in done.stdout
        assert "abc-1234" not in done.stdout
    finally:
        deployed.docker(*cli, "FLUSHDB")


# What others can see


def test_no_process_shows_a_secret_while_the_deploy_runs(lab: Lab) -> None:
    seen: set[str] = set()
    running = threading.Event()
    running.set()

    def watch() -> None:
        while running.is_set():
            for process in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(process.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
                except OSError:
                    continue

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        succeeded(lab.deploy())
        succeeded(lab.deploy("--data", "rotate_tokens=thot", env={"POSTGRESQL_PASSWORD": "other/pg@word"}))
    finally:
        running.clear()
        watcher.join()
    assert any("psql" in line for line in seen), "the watcher saw nothing of the deploy"
    # Another lab's test, at work beside this one, may use the same passwords in commands of its own.
    own = lab.postgres.partition("_")[0]
    seen = {line for line in seen if own in line or not re.search(r"lab-[0-9a-f]{6}", line)}
    shown = [line for line in seen for secret in _secrets(lab) if secret in line or quote(secret, safe="") in line]
    assert shown == []


def test_docker_shows_no_password_but_in_planes_own_environment(deployed: Lab) -> None:
    for name in (deployed.postgres, deployed.redis):
        inspected = json.loads(deployed.docker("inspect", name))[0]
        text = json.dumps({key: value for key, value in inspected.items() if key != "Config"})
        assert [secret for secret in _secrets(deployed) if secret in text or secret in deployed.logs(name)] == []
    assert [secret for secret in _secrets(deployed) if secret in deployed.logs(deployed.api)] == []


@pytest.mark.parametrize("history", [".bash_history", ".ash_history", ".psql_history", ".rediscli_history"])
def test_no_history_is_written(deployed: Lab, history: str) -> None:
    path = deployed.root_home / history
    assert not path.exists() or not [secret for secret in _secrets(deployed) if secret in path.read_text()]


def _secrets(lab: Lab) -> list[str]:
    return [*SECRETS.values(), "other/pg@word", *lab.tokens().values()]
