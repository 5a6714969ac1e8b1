"""The SSH server of a host: commands, file transfer and connections to its containers, for one key."""

from __future__ import annotations

import asyncio
import os
import posixpath
import re
import signal
import subprocess
from collections.abc import Awaitable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import asyncssh

from sandbox.host import LOOPBACK, Host, NotListening, UnknownHost

if TYPE_CHECKING:
    Process = asyncssh.SSHServerProcess[bytes]
    Channel = asyncssh.SSHServerChannel[bytes]

PART = 65536
POLL = 0.1
"""Seconds between two checks whether everything that a command started has ended."""

_QUOTE = "'\"'\"'"
"""A quote in a word that is in single quotes, as shlex.quote writes it."""

_INNER_SHELL = re.compile(f"sh -c '((?:[^']|{_QUOTE})*)'", re.S)


class Server:
    """The SSH server of one host."""

    def __init__(self, host: Host, host_key: asyncssh.SSHKey, client_key: asyncssh.SSHKey) -> None:
        self.host = host
        self.client_key = client_key.convert_to_public()
        self.clients: set[asyncssh.SSHServerConnection] = set()
        self._host_key = host_key
        self._commands: set[asyncio.Task[None]] = set()
        self._acceptor: asyncssh.SSHAcceptor

    async def listen(self, port: int) -> int:
        self._acceptor = await asyncssh.listen(
            LOOPBACK,
            port,
            server_factory=partial(Login, self),
            server_host_keys=[self._host_key],
            process_factory=self._begin,
            sftp_factory=partial(Files, self.host),
            encoding=None,
            allow_pty=False,
            agent_forwarding=False,
        )
        return self._acceptor.get_port()

    async def close(self) -> None:
        """Stop listening, and end every connection and its commands."""
        self._acceptor.close()
        for client in list(self.clients):
            client.abort()
        await self._acceptor.wait_closed()
        # Commands outlive their client, as under OpenSSH, but not the sandbox.
        for command in self._commands:
            command.cancel()
        await asyncio.gather(*self._commands, return_exceptions=True)

    def _begin(self, process: Process) -> None:
        # A task of the sandbox's own: a task of the connection would be cancelled with it, before the cleanup.
        command = asyncio.create_task(run_command(self.host, process))
        self._commands.add(command)
        command.add_done_callback(self._commands.discard)


class Login(asyncssh.SSHServer):
    """One client: accepts everybody with the key, under any name."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._host = server.host
        self._connection: asyncssh.SSHServerConnection

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._server.clients.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.clients.discard(self._connection)

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return key == self._server.client_key

    def auth_completed(self) -> None:
        self._host.connections += 1

    def connection_requested(
        self, dest_host: str, dest_port: int, orig_host: str, orig_port: int
    ) -> Awaitable[asyncssh.SSHTCPSession[bytes]]:
        if not self._host.allow_tcp_forwarding:
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED, "administratively prohibited")
        try:
            port = self._host.destination(dest_host, dest_port)
        except UnknownHost:
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, f"no such host: {dest_host}") from None
        except NotListening:
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, "Connection refused") from None
        forwarded = self._connection.forward_connection(LOOPBACK, port)
        return cast("Awaitable[asyncssh.SSHTCPSession[bytes]]", forwarded)


class Files(asyncssh.SFTPServer):
    """File transfer inside the host's directory, in which paths mean the same as in commands."""

    def __init__(self, host: Host, channel: Channel) -> None:
        super().__init__(channel, chroot=os.fsencode(host.root))
        self._root = os.fsencode(host.root)

    def map_path(self, path: bytes) -> bytes:
        # $TMPDIR and $HOME are absolute, and a client uses them in both.
        normal = posixpath.normpath(path)
        if normal == self._root or normal.startswith(self._root + b"/"):
            return normal
        return super().map_path(path)


async def run_command(host: Host, process: Process) -> None:
    """Run one command in the host's directory.

    As with OpenSSH and without a terminal, a command whose client disconnects is not ended: its input ends, and its
    output is no longer read. Commands that still run when the sandbox stops are ended then.
    """
    if process.subsystem:
        process.exit(127)
        return
    words = ["/bin/sh"]
    if process.command is not None:
        host.commands.append(process.command)
        if host.before_command is not None:
            await host.before_command(process.command)
        words = _words(process.command)
    user = process.channel.get_connection().get_extra_info("username")
    shell = await asyncio.create_subprocess_exec(
        *words,
        cwd=host.root,
        env=host.environment(user),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        await _connect(process, shell)
        await shell.wait()
        while _group_runs(shell.pid):
            await asyncio.sleep(POLL)
    finally:
        await _end_group(shell)


def _words(command: str) -> list[str]:
    """What the login shell runs for a command; for `sh -c '…'`, as pyinfra sends, that without a shell around it."""
    match = _INNER_SHELL.fullmatch(command)
    return ["sh", "-c", match[1].replace(_QUOTE, "'")] if match else ["/bin/sh", "-c", command]


async def _connect(process: Process, shell: asyncio.subprocess.Process) -> None:
    """Pass input and output on until the command has ended or the client has left, then close the pipes."""
    gone = asyncio.create_task(process.wait_closed())
    fed = asyncio.create_task(_feed(process, shell))
    finished = asyncio.create_task(_finish(process, shell))
    try:
        await asyncio.wait({gone, finished}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (gone, fed, finished):
            task.cancel()
        await asyncio.gather(gone, fed, finished, return_exceptions=True)
        pipes: Any = shell  # asyncio lets a reader of a command's output do anything but close it
        for descriptor in (0, 1, 2):
            pipes._transport.get_pipe_transport(descriptor).close()
    for task in (fed, finished):
        if not task.cancelled():
            task.result()


async def _feed(process: Process, shell: asyncio.subprocess.Process) -> None:
    """Pass the client's input on, then its end."""
    assert shell.stdin is not None
    # The command may end, or close its input, before it has read all of it.
    with suppress(BrokenPipeError, ConnectionResetError):
        while True:
            try:
                part = await process.stdin.read(PART)
            except asyncssh.SignalReceived as received:
                with suppress(ProcessLookupError):
                    os.killpg(shell.pid, signal.Signals[f"SIG{received.signal}"])
                continue
            except asyncssh.Error:
                # The connection broke, which `gone` shows too.
                return
            if not part:
                break
            shell.stdin.write(part)
            await shell.stdin.drain()
        shell.stdin.close()


async def _finish(process: Process, shell: asyncio.subprocess.Process) -> None:
    """Pass the command's output back, then its exit status."""
    assert shell.stdout is not None
    assert shell.stderr is not None
    try:
        await asyncio.gather(_copy(shell.stdout, process.stdout), _copy(shell.stderr, process.stderr))
    except (BrokenPipeError, asyncssh.Error):
        # No client reads it any more.
        return
    code = await shell.wait()
    if code < 0:
        process.exit_with_signal(signal.Signals(-code).name.removeprefix("SIG"))
    else:
        process.exit(code)


async def _copy(source: asyncio.StreamReader, target: asyncssh.SSHWriter[bytes]) -> None:
    while part := await source.read(PART):
        target.write(part)
        await target.drain()


def _group_runs(group: int) -> bool:
    """Whether a process of a group still runs."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


async def _end_group(shell: asyncio.subprocess.Process) -> None:
    if shell.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGTERM)
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(shell.wait(), 1)
    with suppress(ProcessLookupError):
        os.killpg(shell.pid, signal.SIGKILL)
    await shell.wait()
