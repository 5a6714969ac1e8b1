"""The reason why a connection to a host failed, in one line with advice."""

from __future__ import annotations

import re
import shlex
import socket
from typing import Any, NoReturn

from paramiko.ssh_exception import (
    AuthenticationException,
    BadHostKeyException,
    NoValidConnectionsError,
    PasswordRequiredException,
    SSHException,
)
from pyinfra.api.exceptions import ConnectError, PyinfraError

from pyinfra_plane.text import quote


def fail(connector: Any, error: PyinfraError) -> NoReturn:
    """Fail a connection with the reason in one line.

    Raises:
        ConnectError: always.
    """
    raise ConnectError(explain(connector, error)) from None


def explain(connector: Any, error: PyinfraError) -> str:
    """Explain why a connection failed, and what to do.

    Args:
        connector: the host's SSH connector.
        error: pyinfra's error, which was raised while paramiko's was handled.
    """
    data, cause = connector.data, error.__context__
    name = str(data["ssh_hostname"] or connector.host.name)
    port = int(data["ssh_port"] or 22)
    user, key = data["ssh_user"], data["ssh_key"]
    where = name if port == 22 else f"{name}:{port}"
    if isinstance(cause, BadHostKeyException):
        known = f" -f {shlex.quote(str(data['ssh_known_hosts_file']))}" if data["ssh_known_hosts_file"] else ""
        entry = name if port == 22 else f"[{name}]:{port}"
        return (
            f"the SSH host key of {where} has changed; if the server was reinstalled, run: "
            f"ssh-keygen{known} -R {shlex.quote(entry)}; otherwise, somebody may be intercepting the connection"
        )
    if isinstance(cause, PasswordRequiredException):
        return f"the ssh_key {key} is encrypted; set ssh_key_password, or add the key to ssh-agent and remove ssh_key"
    if isinstance(cause, AuthenticationException):
        with_key = f" with the key {key}" if key else " with the keys of ssh-agent and of ~/.ssh"
        return (
            f"the SSH server at {where} refused {user or 'this user'}{with_key}; check ssh_user and ssh_key, and that "
            "the public key is in ~/.ssh/authorized_keys of that user on the host"
        )
    if isinstance(cause, socket.gaierror):
        return f"the name {name} cannot be resolved ({cause.strerror}); correct ssh_hostname, or the host's name"
    if isinstance(cause, (TimeoutError, socket.timeout)):
        return f"{where} did not answer in time; check ssh_hostname and ssh_port, the network and the firewall"
    if isinstance(cause, (NoValidConnectionsError, ConnectionError)):
        return (
            f"no SSH server accepts connections at {where} ({_said(cause)}); check ssh_hostname and ssh_port, and sshd"
        )
    return _by_words(str(error), data, where, name, port, cause)


def _by_words(said: str, data: Any, where: str, name: str, port: int, cause: BaseException | None) -> str:
    """Explain an error that pyinfra raises itself, without an error of paramiko's or the system's."""
    key = data["ssh_key"]
    if "found in known_hosts" in said:
        known_hosts = str(data["ssh_known_hosts_file"] or "~/.ssh/known_hosts")
        at = f"-p {port} {shlex.quote(name)}" if port != 22 else shlex.quote(name)
        return (
            f"the SSH host key of {where} is not in {known_hosts}; compare the key with the server's own, then run: "
            f"ssh-keyscan {at} >> {shlex.quote(known_hosts) if data['ssh_known_hosts_file'] else known_hosts}"
        )
    if said.startswith("No such private key file"):
        return (
            f"the file {key} (ssh_key) does not exist on this machine; correct ssh_key, or remove it to use ssh-agent"
        )
    if said.startswith("Invalid private key file"):
        return f"{key} (ssh_key) is not a readable private key; check the file and ssh_key_password"
    if "is encrypted" in said:
        return f"the ssh_key {key} is encrypted; set ssh_key_password, or add the key to ssh-agent and remove ssh_key"
    if isinstance(cause, SSHException) and re.search("banner|protocol version|No existing session", str(cause)):
        return f"the server at {where} does not speak SSH ({_said(cause)}); check ssh_port"
    return f"no SSH connection to {where}: {quote(said)}"


def _said(error: BaseException) -> str:
    """An error's words, without the address, which the line contains already."""
    return quote(re.sub(r"^\[Errno \w+\] ", "", str(error)) or type(error).__name__, 80)
