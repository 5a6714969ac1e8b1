"""What docker says when it refuses a command, and what a person is told: Docker's words, and those of Podman."""

from __future__ import annotations

import pytest

from pyinfra_plane.engine.docker_errors import explain_docker

# As seen with Docker 20.10 and 28.2, Podman 4.3, dash, bash and zsh, or in their issues.
NO_SUCH = {
    "Error response from daemon: No such container: db": "the container db does not exist on this host; start it, or "
    "set name",
    "Error: No such object: db": "the container db does not exist on this host; start it, or set name",
    'Error: inspecting object: no such object: "db"': "the container db does not exist on this host; start it, or set "
    "name",
    'Error: no container with name or ID "db" found: no such container': (
        'Podman has no container db of this SSH user (Error: no container with name or ID "db" found: no such '
        "container); start it, use --sudo if it is root's, or set name"
    ),
}
STARTING = {
    "Error response from daemon: Container 1a is not running": (
        "the container db is not running (waited 5 s); run: docker start db"
    ),
    "Error response from daemon: Container 1a is restarting, wait until the container is running": (
        "the container db is not running (waited 5 s); run: docker start db"
    ),
    "Error response from daemon: Container db is paused, unpause the container before exec": (
        "the container db is paused (waited 5 s); run: docker unpause db"
    ),
    "Error: can only create exec sessions on running containers: container state improper": (
        "the container db is stopped or paused (waited 5 s); run: docker start db (docker unpause db if it is paused)"
    ),
}
NO_PROGRAM = [
    'OCI runtime exec failed: exec failed: unable to start container process: exec: "psql": executable file not found '
    "in $PATH: unknown",
    "Error: crun: executable file `psql` not found in $PATH: No such file or directory: OCI runtime attempted to "
    "invoke a command that was not found",
]
DOCKER_ITSELF = {
    "sh: 1: docker: not found": ("this host has no docker command (", "correct the SSH user's PATH"),
    "zsh: command not found: docker": ("this host has no docker command (", "correct the SSH user's PATH"),
    "permission denied while trying to connect to the docker API at unix:///var/run/docker.sock": (
        "this SSH user may not use docker (",
        "use --sudo, or add the user to the group docker",
    ),
    'Error: unable to connect to Podman socket: Get "http://d/_ping": dial unix /run/podman/podman.sock: connect: '
    "permission denied": ("this SSH user may not use docker (", "use --sudo, or add the user to the group docker"),
    "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?": (
        "the docker daemon does not run on this host (",
        "start it; if docker is rootless, run once as the SSH user: docker context use rootless",
    ),
    'Error: unable to connect to Podman socket: Get "http://d/_ping": dial unix /run/podman/podman.sock: connect: no '
    "such file or directory": ("the docker daemon does not run on this host (", "docker context use rootless"),
    "Cannot connect to the Docker daemon at unix:///run/user/1000/docker.sock. Is the docker daemon running?": (
        "the rootless docker daemon of user 1000 does not run on this host (",
        "systemctl --user start docker; and once as root: loginctl enable-linger, so that it runs without a login",
    ),
    "Cannot connect to the Docker daemon at tcp://127.0.0.1:1. Is the docker daemon running?": (
        "DOCKER_HOST or a docker context points docker to a daemon elsewhere (",
        "docker context use default",
    ),
    'error during connect: Get "http://foo:2375/v1.50/containers/x/json": dial tcp: lookup foo: no such host': (
        "DOCKER_HOST or a docker context points docker to a daemon elsewhere (",
        "docker context use default",
    ),
    'Failed to initialize: unable to resolve docker endpoint: context "nope": context not found': (
        "DOCKER_HOST or a docker context points docker to a daemon elsewhere (",
        "docker context use default",
    ),
    "docker: unknown command: docker compose": ("docker has no compose plugin", "install docker-compose-plugin"),
    "unknown shorthand flag: 'f' in -f": ("docker has no compose plugin", "install docker-compose-plugin"),
    "Error: unrecognized command `podman compose`": ("docker has no compose plugin", "install docker-compose-plugin"),
}
NOTHING_OF_DOCKER = [
    "ERROR:  permission denied to set parameter",
    "sh: 1: docker: Permission denied",
    "no configuration file provided: not found",
    "",
]


@pytest.mark.parametrize(("said", "line"), NO_SUCH.items())
def test_a_container_that_does_not_exist_is_named_with_its_setting(said: str, line: str) -> None:
    failure = explain_docker(said, "db", "name", waited=5)
    assert failure is not None
    assert (failure.line, failure.may_pass) == (line, False)


@pytest.mark.parametrize(("said", "line"), STARTING.items())
def test_a_container_that_does_not_run_may_be_waited_for(said: str, line: str) -> None:
    failure = explain_docker(said, "db", "name", waited=5)
    assert failure is not None
    assert (failure.line, failure.may_pass) == (line, True)


@pytest.mark.parametrize("said", NO_PROGRAM)
def test_a_container_without_the_program_is_the_wrong_one(said: str) -> None:
    failure = explain_docker(said, "db", "name")
    assert failure is not None and not failure.may_pass
    assert failure.line.startswith("the container db has no program psql (")
    assert failure.line.endswith("; set name to the right container")


@pytest.mark.parametrize(("said", "told"), DOCKER_ITSELF.items())
@pytest.mark.parametrize("container", ["", "db"])
def test_a_docker_that_cannot_be_used_is_told_with_what_to_do(said: str, told: tuple[str, str], container: str) -> None:
    failure = explain_docker(said, container, "name")
    assert failure is not None and not failure.may_pass
    assert failure.line.startswith(told[0]) and failure.line.endswith(told[1])


@pytest.mark.parametrize("said", NOTHING_OF_DOCKER)
def test_what_only_sounds_like_docker_is_not_explained(said: str) -> None:
    assert explain_docker(said, "db", "name") is None


@pytest.mark.parametrize("said", [*NO_SUCH, *STARTING])
def test_nothing_is_said_of_a_container_that_was_not_asked_for(said: str) -> None:
    assert explain_docker(said) is None
