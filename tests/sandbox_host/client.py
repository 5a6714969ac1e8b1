"""A paramiko client of a sandbox host, as strict about host keys as pyinfra can be."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from types import TracebackType

import paramiko

import sandbox


@dataclass
class Result:
    stdout: str
    stderr: str
    code: int


class Client:
    def __init__(self, running: sandbox.Sandbox, host: sandbox.Host) -> None:
        self.ssh = paramiko.SSHClient()
        self.ssh.load_host_keys(str(running.known_hosts_path))
        self.ssh.set_missing_host_key_policy(paramiko.RejectPolicy())
        self.ssh.connect(
            "127.0.0.1",
            host.port,
            username="someone",
            key_filename=str(running.key_path),
            allow_agent=False,
            look_for_keys=False,
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.ssh.close()

    def run(self, command: str, stdin: str = "") -> Result:
        given, stdout, stderr = self.ssh.exec_command(command, timeout=30)
        given.write(stdin)
        given.channel.shutdown_write()
        output, errors = stdout.read().decode(), stderr.read().decode()
        return Result(output, errors, stdout.channel.recv_exit_status())

    def docker(self, *words: str, stdin: str = "") -> Result:
        return self.run(shlex.join(["docker", *words]), stdin)

    def forward(self, address: str, port: int) -> paramiko.Channel:
        transport = self.ssh.get_transport()
        assert transport is not None
        return transport.open_channel("direct-tcpip", (address, port), ("127.0.0.1", 0), timeout=10)
