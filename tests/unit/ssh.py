"""A stand-in for a host's SSH connection: commands run on this machine, and what is refused is as told."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
from typing import Any

from paramiko import ChannelException
from pyinfra.connectors.ssh import SSHConnector

from pyinfra_plane.api.transport import dial_directly


class FakeChannel:
    """A channel whose command runs on this machine."""

    def __init__(self) -> None:
        self.near, self.far = socket.socketpair()
        self.process: subprocess.Popen[bytes] | None = None
        self.closed = threading.Event()
        self.stderr = subprocess.PIPE

    def settimeout(self, seconds: float | None) -> None:
        self.near.settimeout(seconds)

    def set_combine_stderr(self, combine: bool) -> None:
        self.stderr = subprocess.STDOUT if combine else subprocess.PIPE

    def exec_command(self, command: str) -> None:
        far = self.far.fileno()
        self.process = subprocess.Popen(
            ["sh", "-c", command], stdin=far, stdout=far, stderr=self.stderr, start_new_session=True
        )
        self.far.close()

    def recv(self, size: int) -> bytes:
        return self.near.recv(size)

    def recv_stderr(self, size: int) -> bytes:
        assert self.process is not None
        assert self.process.stderr is not None
        return self.process.stderr.read(size)

    def sendall(self, data: bytes) -> None:
        self.near.sendall(data)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.near.shutdown(socket.SHUT_RDWR)
        self.near.close()
        self.closed.set()
        if self.process is not None:
            self.process.wait(10)
            if self.process.stderr is not None:
                self.process.stderr.close()


class FakeTransport:
    """As much of paramiko's transport as dials: forwards, refuses, or runs a command."""

    def __init__(self, forwarding: Exception | None = None, session: Exception | None = None) -> None:
        self.forwarding = forwarding
        self.session = session
        self.asked: list[str] = []
        self.channels: list[FakeChannel] = []
        self.active = True
        self.full = 0
        """How often a session is still refused."""

    def is_active(self) -> bool:
        return self.active

    def open_channel(self, kind: str, destination: tuple[str, int], origin: tuple[str, int], timeout: int) -> Any:
        self.asked.append(f"{kind} {destination[0]}:{destination[1]}")
        if self.forwarding is not None:
            raise self.forwarding
        channel = FakeChannel()
        channel.near.close()
        channel.near = dial_directly(*destination)
        self.channels.append(channel)
        return channel

    def open_session(self, timeout: float) -> Any:
        self.asked.append("session")
        if self.session is not None:
            raise self.session
        if self.full:
            self.full -= 1
            raise ChannelException(2, "Connect failed")
        self.channels.append(FakeChannel())
        return self.channels[-1]


def connected(transport: FakeTransport) -> SSHConnector:
    """pyinfra's connector of a host that is reached through it."""

    class Client:
        def get_transport(self) -> FakeTransport:
            return transport

    connector: Any = SSHConnector.__new__(SSHConnector)
    connector.client = Client()
    return connector  # type: ignore[no-any-return]
