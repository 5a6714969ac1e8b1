"""What the `docker` command of a host answers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

import sandbox
from tests.sandbox_host.client import Client

PSQL = ("exec", "-i", "javisi_postgresql", "psql", "-XAtq", "-U", "postgres")


def test_exec_runs_sql_from_standard_input(client: Client) -> None:
    result = client.docker(*PSQL, stdin="select 6 * 7;\nselect current_user;\n")
    assert (result.stdout, result.stderr, result.code) == ("42\npostgres\n", "", 0)


def test_exec_returns_the_exit_code_and_the_error_of_the_command(client: Client) -> None:
    result = client.docker(*PSQL, "-v", "ON_ERROR_STOP=1", stdin="select nothing;")
    assert result.code == 3
    assert 'column "nothing" does not exist' in result.stderr


def test_exec_without_interactive_gives_the_command_no_input(client: Client) -> None:
    assert client.docker("exec", "javisi_postgresql", "cat", stdin="lost").stdout == ""
    assert client.docker("exec", "--interactive", "javisi_postgresql", "cat", stdin="kept").stdout == "kept"


def test_exec_passes_the_environment_that_it_is_told_to(client: Client) -> None:
    words = "exec -e PGUSER=postgres -e HOME --env=EMPTY= javisi_postgresql sh -c 'echo $PGUSER,$HOME,$EMPTY,$USER'"
    home = client.run("echo $HOME").stdout.strip()
    assert client.run(f"docker {words}").stdout == f"postgres,{home},,\n"


def test_exec_as_a_user_signs_in_to_postgresql_as_that_user(client: Client) -> None:
    result = client.docker("exec", "-u", "postgres", "javisi_postgresql", "psql", "-Atc", "select current_user")
    assert result.stdout == "postgres\n"


def test_exec_of_a_program_that_is_not_there(client: Client) -> None:
    result = client.docker("exec", "javisi_postgresql", "no-such-program")
    assert result.code == 127
    assert '"no-such-program": executable file not found in $PATH' in result.stderr


def test_exec_keeps_words_and_bytes_as_they_are(client: Client) -> None:
    result = client.docker("exec", "javisi_postgresql", "printf", "%s|", "a b", "", "--flag", "é'\"$x")
    assert result.stdout == "a b||--flag|é'\"$x|"


def test_the_command_takes_nothing_from_its_caller_into_the_container(client: Client) -> None:
    result = client.run("_kind=x _word=y FOO=1 docker exec javisi_postgresql env")
    names = {line.partition("=")[0] for line in result.stdout.splitlines()}
    assert names - {"PWD", "OLDPWD", "SHLVL", "_"} == {"PATH", "HOME", "LANG", "PGHOST"}


def test_only_who_can_read_the_command_is_answered(client: Client, host: sandbox.Host) -> None:
    script = host.commands_path / "docker"
    assert script.stat().st_mode & 0o077 == 0
    guessed = host.root / "guessed"
    guessed.write_text(re.sub("(?m)^_word=.*$", "_word=guessed", script.read_text()))
    refused = client.run(f"bash {guessed} inspect javisi_postgresql")
    assert (refused.stdout, refused.code) == ("", 1)
    assert refused.stderr == "Cannot connect to the Docker daemon: the sandbox has stopped.\n"


def test_exec_in_a_container_that_is_absent_or_stopped(client: Client, host: sandbox.Host) -> None:
    absent = client.docker("exec", "gone", "true")
    assert (absent.stderr, absent.code) == ("Error response from daemon: No such container: gone\n", 1)
    container = host.containers["javisi_postgresql"]
    container.stop()
    stopped = client.docker("exec", "javisi_postgresql", "true")
    assert stopped.code == 1
    assert stopped.stderr == f"Error response from daemon: container {container.id} is not running\n"


@pytest.mark.parametrize(
    "words",
    [
        "images",
        "run --rm alpine",
        "exec -t javisi_postgresql true",
        "exec javisi_redis redis-cli KEYS",
        "inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' javisi_redis",
        "inspect -f '{{.Nothing}}' javisi_redis",
        "ps --last 1",
        "compose -f opt/plane/docker-compose.yml down",
        "compose -f opt/plane/docker-compose.yml up",
        "compose -f opt/plane/docker-compose.yml -p other up -d",
    ],
)
def test_what_is_not_understood_is_refused_by_name(client: Client, words: str) -> None:
    result = client.run(f"docker {words}")
    assert (result.stdout, result.code) == ("", 64)
    assert result.stderr.startswith(f"docker: the sandbox does not understand: {words}")


def test_redis_answers_line_by_line_and_nothing_after_quit(client: Client, host: sandbox.Host) -> None:
    host.redis_keys = {5: ["celery", "n8n:1"]}
    asked = "SELECT 4\nSCAN 0 COUNT 9\n\nSELECT 5\nSCAN 0 COUNT 9\nKEYS *\nQUIT\nECHO more\n"
    result = client.run("docker exec -i javisi_redis redis-cli", stdin=asked)
    # Read off redis-cli 7.0.15.
    refused = "ERR unknown command 'KEYS', with args beginning with: '*' \n\n"
    assert (result.stdout, result.code) == (f"OK\n0\n\nOK\n0\ncelery\nn8n:1\n{refused}", 0)


def test_inspect_describes_containers(client: Client, host: sandbox.Host) -> None:
    result = client.docker("inspect", "javisi_plane_api", "javisi_redis")
    api, redis = json.loads(result.stdout)
    assert api["Id"] == host.containers["javisi_plane_api"].id
    assert api["Name"] == "/javisi_plane_api"
    assert api["State"]["Status"] == "running"
    assert api["Config"]["Labels"]["com.docker.compose.service"] == "api"
    assert api["NetworkSettings"]["Networks"] == {"javisi": {"IPAddress": "172.20.1.3"}}
    assert api["NetworkSettings"]["Ports"]["8000/tcp"][0]["HostPort"] == str(host.plane_port)
    assert redis["Config"]["Labels"] == {}
    assert client.docker("container", "inspect", "javisi_redis").code == 0


def test_inspect_fills_in_a_format(client: Client, host: sandbox.Host) -> None:
    def inspect(template: str) -> str:
        return client.docker("inspect", "--format", template, "javisi_postgresql").stdout

    assert inspect("{{.State.Running}} {{ .State.Status }}") == "true running\n"
    assert inspect("{{json .State.Running}}") == "true\n"
    assert inspect("{{.NetworkSettings.Networks.javisi.IPAddress}}") == "172.20.1.2\n"
    assert json.loads(inspect("{{json .}}"))["Id"] == host.containers["javisi_postgresql"].id
    host.containers["javisi_postgresql"].stop()
    assert inspect("{{.State.Running}} {{.State.Status}}") == "false exited\n"
    host.containers["javisi_postgresql"].start(health="starting")
    assert inspect("{{.State.Health.Status}}") == "starting\n"


def test_inspect_of_an_absent_container(client: Client) -> None:
    result = client.docker("inspect", "gone")
    assert (result.stdout, result.stderr, result.code) == ("[]\n", "Error: No such object: gone\n", 1)


def test_ps_lists_what_runs(client: Client, host: sandbox.Host) -> None:
    def ps(*words: str) -> set[str]:
        return set(client.docker("ps", "--format", "{{.Names}}", *words).stdout.split())

    host.containers["javisi_redis"].stop()
    assert ps("-a") - ps() == {"javisi_redis", "javisi_plane_migrator"}
    assert ps("--filter", "name=plane_w") == {"javisi_plane_worker"}
    assert ps("--filter", "name=^/?javisi_plane_api$") == {"javisi_plane_api"}
    assert ps("--filter", "status=exited") == {"javisi_redis", "javisi_plane_migrator"}
    assert ps("--filter", "label=com.docker.compose.service=beat-worker") == {"javisi_plane_beat"}
    quiet = client.docker("ps", "-aq", "--filter", "name=javisi_redis").stdout
    assert quiet == host.containers["javisi_redis"].id[:12] + "\n"
    shown = client.docker("ps", "-a", "--filter", "name=redis", "--format", "{{json .}}").stdout
    assert json.loads(shown)["State"] == "exited"


def compose(client: Client, *words: str) -> tuple[str, str, int]:
    result = client.docker("compose", "-f", "opt/plane/docker-compose.yml", *words)
    return result.stdout, result.stderr, result.code


def test_compose_recreates_with_the_environment_file(
    client: Client, host: sandbox.Host, env_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Mapping[str, str]] = []
    monkeypatch.setattr(host.plane, "set_environment", given.append)
    env_file.write_text("SECRET_KEY='a$b'\n# note\nWEB_URL=https://plane.test\n")
    before = {name: container.id for name, container in host.containers.items()}
    _, stderr, code = compose(client, "up", "-d", "--force-recreate", "--no-deps", "api")
    assert (code, " Container javisi_plane_api  Started\n" in stderr) == (0, True)
    changed = [name for name, container in host.containers.items() if container.id != before[name]]
    assert changed == ["javisi_plane_api"]
    assert given == [{"SECRET_KEY": "a$b", "WEB_URL": "https://plane.test"}]


def test_compose_up_recreates_only_what_the_environment_file_changed(
    client: Client, host: sandbox.Host, env_file: Path
) -> None:
    recreated: list[str] = []
    original = host.on_recreate
    host.on_recreate = lambda name, environment: recreated.append(f"{name} {environment['A']}")
    try:
        env_file.write_text("A=1\n")
        compose(client, "up", "-d", "--wait")
        assert recreated == [f"javisi_plane_{name} 1" for name in ("migrator", "api", "worker", "beat")]
        compose(client, "up", "-d")
        assert len(recreated) == 4
        env_file.write_text("A=2\n")
        compose(client, "up", "--detach", "worker")
        assert recreated[4:] == ["javisi_plane_worker 2"]
    finally:
        host.on_recreate = original


def test_compose_up_starts_what_was_stopped(client: Client, host: sandbox.Host, env_file: Path) -> None:
    env_file.write_text("A=1\n")
    compose(client, "up", "-d")
    host.containers["javisi_plane_worker"].stop()
    assert " Container javisi_plane_worker  Started\n" in compose(client, "up", "-d")[1]
    assert host.containers["javisi_plane_worker"].running


def test_compose_up_without_its_environment_file(client: Client, host: sandbox.Host) -> None:
    path = host.root / "opt/javisi/configs/plane/plane.env"
    said = f"env file {path} not found: stat {path}: no such file or directory\n"
    assert compose(client, "up", "-d") == ("", said, 1)


def test_compose_names_what_is_missing(client: Client, env_file: Path) -> None:
    env_file.write_text("A=1\n")
    assert compose(client, "up", "-d", "web") == ("", "no such service: web\n", 1)
    assert client.docker("compose", "up", "-d").stderr == "no configuration file provided: not found\n"
    assert client.docker("compose", "-f", "gone.yml", "up", "-d").code == 14


def test_compose_finds_its_file_from_a_directory(client: Client) -> None:
    services = "api\nbeat-worker\nmigrator\nworker\n"
    assert client.run("cd opt/plane && docker compose config --services").stdout == services
    words = ("compose", "--project-directory", "opt/plane", "-p", "plane", "config", "--services")
    assert client.docker(*words).stdout == services
    assert compose(client, "ps", "--services")[0] == "api\nworker\nbeat-worker\n"
    assert "javisi_plane_beat" in compose(client, "ps")[0]


def test_stop_and_start_do_what_they_say(client: Client, host: sandbox.Host) -> None:
    assert client.docker("stop", "javisi_plane_api").stdout == "javisi_plane_api\n"
    assert client.docker("inspect", "-f", "{{.State.Status}}", "javisi_plane_api").stdout == "exited\n"
    assert client.docker("start", "javisi_plane_api").code == 0
    assert client.docker("inspect", "-f", "{{.State.Status}}", "javisi_plane_api").stdout == "running\n"
    missing = client.docker("stop", "nobody")
    assert (missing.code, missing.stderr) == (1, "Error response from daemon: No such container: nobody\n")
