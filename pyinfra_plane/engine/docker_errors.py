"""Explain docker's refusals of a command: Docker's own words, and those of Podman's ``docker``."""

from __future__ import annotations

import re

from pyinfra_plane.dataclass import dataclass
from pyinfra_plane.text import quote


@dataclass(frozen=True)
class Failure:
    """The reason for a failure on the host, as one line that says what to do.

    Args:
        may_pass: whether waiting may help, because something is starting.
    """

    line: str
    may_pass: bool = False


_NO_CONTAINER = re.compile("no such (container|object)")
_NOT_PODMANS = "no container with name or id"
_IMPROPER = "container state improper"
"""Podman's words for a container that was never started, is stopped or is paused."""

_NO_RIGHT = re.compile(r"permission denied.*(docker daemon|docker api|docker\.sock)|podman.*permission denied")
_NO_DAEMON = re.compile("(cannot|failed to|unable to) connect to (the docker|podman)")
_ROOTLESS = re.compile("/run/user/([0-9]+)/")
_ELSEWHERE = re.compile(
    "connect to the docker (daemon|api) at (tcp|ssh|http)|error during connect|unable to resolve docker endpoint"
)
_NO_DOCKER = re.compile("docker: (command )?not found|command not found: docker")
_NO_PROGRAM = re.compile(r"exec: \"([^\"]+)\": (executable file not found|stat )|executable file `([^`]+)` not found")
_NO_COMPOSE = re.compile(
    # Docker 20.10 to 28; docker takes a flag after it for one of its own. Podman before 4.7 and since.
    r"'compose' is not a docker command|unknown command: docker compose|unknown flag: --project-directory"
    r"|unknown shorthand flag: '[fp]' in -|unrecognized command `(podman|docker) compose`"
    r"|looking up compose provider failed"
)


def explain_docker(said: str, container: str = "", setting: str = "", waited: int = 0) -> Failure | None:
    """Explain docker's complaint; ``None`` if the words are not docker's, or not known.

    Args:
        said: docker's line of complaint.
        container: the container that the command was about; without it, the explanation mentions no container.
        setting: the setting that names the container.
        waited: seconds spent waiting for the container.
    """
    words, reason = said.lower(), quote(said)
    # Podman also says "command not found" about a program that is missing in a container.
    if container and (
        failure := _explain_container(said, container, setting, f" (waited {waited} s)" if waited else "")
    ):
        return failure
    if (failure := explain_no_compose(said)) is not None:
        return failure
    if _NO_RIGHT.search(words):
        return Failure(f"this SSH user may not use docker ({reason}); use --sudo, or add the user to the group docker")
    if _ELSEWHERE.search(words):
        return Failure(
            f"DOCKER_HOST or a docker context points docker to a daemon elsewhere ({reason}); correct "
            "DOCKER_HOST for the SSH user, or run as that user: docker context use default"
        )
    if _NO_DAEMON.search(words):
        return Failure(_no_daemon(reason))
    if _NO_DOCKER.search(words):
        return Failure(f"this host has no docker command ({reason}); install docker, or correct the SSH user's PATH")
    return None


def explain_no_compose(said: str) -> Failure | None:
    """Explain that docker has no compose plugin; ``None`` if the words say something else."""
    if not _NO_COMPOSE.search(said.lower()):
        return None
    return Failure(f"docker has no compose plugin on this host ({quote(said)}); install docker-compose-plugin")


def _explain_container(said: str, container: str, setting: str, after: str) -> Failure | None:
    words, reason = said.lower(), quote(said)
    if _NOT_PODMANS in words:
        return Failure(
            f"Podman has no container {container} of this SSH user ({reason}); start it, use --sudo if it is root's, "
            f"or set {setting}"
        )
    if _NO_CONTAINER.search(words):
        return Failure(f"the container {container} does not exist on this host; start it, or set {setting}")
    if "is paused" in words:
        return Failure(f"the container {container} is paused{after}; run: docker unpause {container}", may_pass=True)
    if "is not running" in words or "is restarting" in words:
        return Failure(f"the container {container} is not running{after}; run: docker start {container}", may_pass=True)
    if _IMPROPER in words:
        return Failure(
            f"the container {container} is stopped or paused{after}; run: docker start {container} (docker unpause "
            f"{container} if it is paused)",
            may_pass=True,
        )
    if (program := _NO_PROGRAM.search(said)) is not None:
        name = quote(program[1] or program[3], 40)
        return Failure(
            f"the container {container} has no program {name} ({reason}); set {setting} to the right container"
        )
    return None


def _no_daemon(reason: str) -> str:
    rootless = _ROOTLESS.search(reason)
    if rootless is not None:
        return (
            f"the rootless docker daemon of user {rootless[1]} does not run on this host ({reason}); run as that user: "
            "systemctl --user start docker; and once as root: loginctl enable-linger, so that it runs without a login"
        )
    return (
        f"the docker daemon does not run on this host ({reason}); start it; if docker is rootless, run once as the SSH "
        "user: docker context use rootless"
    )
