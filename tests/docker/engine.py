"""The Docker engine that a lab runs on, and what labs leave on it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.docker import target

IMAGES = {name: f"lab/{name}" for name in ("postgres:15", "redis:7", "nginx:1", "plane:1")}

LABEL = "plane-lab"

# Root's alone to write in, and open to the target's users to go through, which a checkout need not be.
LABS = Path("/var/lib/plane-lab")
PREFIX = "lab-"


def unavailable() -> str | None:
    """Why there can be no lab on this machine, or ``None``."""
    if os.geteuid() != 0:
        return "needs root and a Docker engine: run `make lab` as root"
    if not target.DOCKER_SOCKET.is_socket() or docker("version", check=False).returncode:
        return "no Docker engine answers: run `make lab`"
    missing = [name for name in IMAGES.values() if docker("image", "inspect", name, check=False).returncode]
    if missing:
        return f"no image {', '.join(missing)}: run `make lab`"
    if docker("compose", "version", check=False).returncode:
        return "no docker compose: run `make lab`"
    if not Path("/usr/sbin/sshd").exists() or not Path("/bin/tcsh").exists():
        return "no sshd or no tcsh: run `make lab`"
    return None


def docker(*arguments: str, stdin: str | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a docker command.

    Raises:
        RuntimeError: it failed, unless `check` is false.
    """
    done = subprocess.run(["docker", *arguments], input=stdin, capture_output=True, text=True, timeout=120)
    if check and done.returncode:
        raise RuntimeError(f"docker {' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")
    return done


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Keep other labs from starting meanwhile."""
    LABS.mkdir(exist_ok=True)
    with (LABS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def remove_dead() -> None:
    """Remove what labs left that did not come to their end."""
    for directory in LABS.glob(f"{PREFIX}*"):
        with (directory / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue  # it is in use
            remove(directory)


def remove(directory: Path) -> None:
    """Remove a lab's containers, images, network and files."""
    name = directory / "name"
    if name.exists():
        label = f"label={LABEL}={name.read_text()}"
        containers = docker("ps", "-aq", "--filter", label).stdout.split()
        if containers:
            docker("rm", "-f", "-v", *containers)
        images = docker("images", "-q", "--filter", label).stdout.split()
        if images:
            docker("rmi", "-f", *set(images))
        networks = docker("network", "ls", "-q", "--filter", label).stdout.split()
        if networks:
            docker("network", "rm", *networks)
    shutil.rmtree(directory)
