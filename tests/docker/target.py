"""The target's SSH servers: real sshds on loopback ports, in a mount and a process namespace of their own.

What is special about the target is mounted over /etc inside of that namespace: its users, their sudo rights, and the
names that only it can resolve. Nothing of this machine changes, and everything ends with the process that started it.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

DOCKER_SOCKET = Path("/var/run/docker.sock")

USERS = {"lab-docker": 47001, "lab-sudo": 47002, "lab-tty": 47003, "lab-csh": 47004}
"""Users of the target beside root, and their ids: one may use docker, the others may use sudo with a password, of which
one needs a terminal for it, and one has csh for a shell."""

SUDO_PASSWORD = "lab sudo Passw0rd 7"

_IN_NAMESPACE = """
set -e
for file in hosts passwd group shadow; do mount --bind "$1/$file" "/etc/$file"; done
mount --bind "$1/sudoers.d" /etc/sudoers.d
eval "$4"
for directory in /run/sudo /var/lib/sudo; do mkdir -p "$directory"; mount -t tmpfs -o mode=711 tmpfs "$directory"; done
exec /usr/sbin/sshd -D -f "$2" -E "$3"
"""

_SSHD_CONFIG = """
ListenAddress 127.0.0.1:{port}
HostKey {directory}/host_key
AuthorizedKeysFile {directory}/key.pub
PidFile none
UsePAM no
UseDNS no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxStartups 100
MaxSessions {sessions}
Subsystem sftp internal-sftp
LogLevel VERBOSE
"""

NO_PROGRAMS = "mount -t tmpfs -o mode=1777,noexec tmpfs /tmp"
NO_FORWARDING = "AllowTcpForwarding no\nPermitOpen none\n"

FEW_SESSIONS = 4
"""The lock, two relays, and one command."""


@dataclass(frozen=True)
class SSHServer:
    """A running sshd."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path

    def stop(self) -> None:
        """End it, and every session in it."""
        self.process.kill()
        self.process.wait()


def prepare(directory: Path, hosts: dict[str, str]) -> None:
    """Make keys, and what will be mounted over /etc.

    Args:
        directory: an empty one.
        hosts: name to address, resolved on the target alone.
    """
    for name in ("host_key", "key"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(directory / name)]
        subprocess.run(command, check=True)
    for name in ("hosts", "passwd", "group", "shadow"):
        shutil.copy(Path("/etc", name), directory)
    _append(directory / "hosts", *(f"{address} {name}" for name, address in hosts.items()))
    _move_home_of_root(directory / "passwd", home(directory, "root"))
    for user, number in USERS.items():
        home(directory, user).mkdir(mode=0o755)
        shutil.chown(home(directory, user), number, number)
        shell = "/bin/tcsh" if user == "lab-csh" else "/bin/bash"
        _append(directory / "passwd", f"{user}:x:{number}:{number}::{home(directory, user)}:{shell}")
        _append(directory / "group", f"{user}:x:{number}:")
    hashed = subprocess.run(
        ["openssl", "passwd", "-6", "-stdin"], input=SUDO_PASSWORD, check=True, capture_output=True, text=True
    ).stdout.strip()
    # sshd refuses an account whose password is locked with "!", and "*" is not locked.
    kept = [line for line in (directory / "shadow").read_text().splitlines() if not line.startswith("root:")]
    kept += ["root:*:19000:0:99999:7:::", *(f"{user}:{hashed}:19000:0:99999:7:::" for user in USERS)]
    (directory / "shadow").write_text("\n".join(kept) + "\n")
    _add_to_docker_group(directory / "group", "lab-docker")
    (directory / "sudoers.d").mkdir(mode=0o750)
    may = "".join(f"{user} ALL=(ALL:ALL) ALL\n" for user in USERS if user != "lab-docker")
    (directory / "sudoers.d/lab").write_text(f"{may}Defaults:lab-tty requiretty\n")
    (directory / "sudoers.d/lab").chmod(0o440)


def _append(file: Path, *lines: str) -> None:
    with file.open("a") as opened:
        opened.writelines(f"{line}\n" for line in lines)


def home(directory: Path, user: str) -> Path:
    """Where a user's home is, in the directory that :func:`prepare` fills."""
    return directory / "home" / user


def _move_home_of_root(file: Path, to: Path) -> None:
    # Over SSH, bash reads ~/.bashrc before each command, and this machine's may start twenty programs.
    to.mkdir(parents=True, mode=0o700)
    file.write_text(re.sub(r"^(root:.*:)[^:]*(:[^:]*)$", rf"\g<1>{to}\g<2>", file.read_text(), flags=re.M))


def _add_to_docker_group(file: Path, user: str) -> None:
    wanted = str(DOCKER_SOCKET.stat().st_gid)
    lines = [line.split(":") for line in file.read_text().splitlines()]
    for line in lines:
        if line[2] == wanted:
            line[3] = ",".join(filter(None, [line[3], user]))
    file.write_text("".join(":".join(line) + "\n" for line in lines))


def start(directory: Path, name: str, extra: str = "", sessions: int = 100, mounting: str = "") -> SSHServer:
    """Start an sshd on a free loopback port, and wait until it answers.

    Args:
        directory: what :func:`prepare` filled.
        name: of its configuration and its log.
        extra: further lines of its configuration.
        sessions: commands that it runs at the same time for one connection.
        mounting: a command that mounts something more.
    """
    port = _free_port()
    config, log = directory / f"{name}.conf", directory / f"{name}.log"
    config.write_text(_SSHD_CONFIG.format(port=port, directory=directory, sessions=sessions) + extra)
    Path("/run/sshd").mkdir(exist_ok=True)
    # The namespace, and all that runs in it, ends when this process does, however it ends.
    own = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    process = subprocess.Popen([*own, "sh", "-c", _IN_NAMESPACE, "sh", str(directory), str(config), str(log), mounting])
    server = SSHServer(port, process, log)
    try:
        _wait_for(server)
    except BaseException:
        server.stop()
        raise
    key_type, key = (directory / "host_key.pub").read_text().split()[:2]
    _append(directory / "known_hosts", f"[127.0.0.1]:{port} {key_type} {key}")
    return server


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(server: SSHServer) -> None:
    deadline = time.monotonic() + 10
    while server.process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", server.port), 1) as connection:
            if connection.recv(4) == b"SSH-":
                return
        time.sleep(0.05)
    said = server.log.read_text() if server.log.exists() else ""
    raise RuntimeError(f"sshd does not answer on port {server.port}: {said or 'it printed nothing'}")
