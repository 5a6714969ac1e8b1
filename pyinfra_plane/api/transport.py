"""A `requests` adapter whose connections leave from another machine: through SSH, or a command on the target.

The ways differ only in ``Dial``: a function that opens a stream to a host and port and returns a socket. Over SSH, it
returns one end of a socket pair and copies between the other end and the channel, so that urllib3 has a real socket for
timeouts, for noticing a close, and for TLS, whose certificates are therefore checked on this machine.
"""

from __future__ import annotations

import contextlib
import io
import math
import shlex
import socket
import threading
import time
from collections.abc import Callable
from http.client import HTTPResponse
from typing import Any, Protocol, cast

from paramiko import Channel, ChannelException, SSHException, Transport
from requests import Request
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError
from urllib3.poolmanager import PoolManager

CONNECT_TIMEOUT = 10.0
"""Seconds to wait for a connection."""

READ_TIMEOUT = 30.0
"""Seconds to wait for the beginning of an answer, and for each further part."""

LONGEST_ANSWER = 120.0
"""Maximum seconds of a whole answer with its headers: a server that sends a byte a second never exceeds
:data:`READ_TIMEOUT`."""

IDLE_LIMIT = 1.5
"""Seconds after which an idle connection is not used again: Plane closes it after 2.0 (every tried release).

If a write arrived during the close, this machine could not know whether Plane executed it.
"""

LARGEST_ANSWER = 16 * 2**20
"""Maximum bytes of an answer, with headers and framing: for the thousand projects of Plane's fullest page, 16 KB
each."""

_CHUNK = 65536

_now = time.monotonic

# The codes of RFC 4254, section 5.1.
_ADMINISTRATIVELY_PROHIBITED = 1

_NO_BASH = b"N"
"""The relay's first byte on a host without bash."""


class Dial(Protocol):
    """Opens a stream to `host`:`port`, as seen from where it dials; raises ``OSError`` if that fails."""

    def __call__(self, host: str, port: int) -> socket.socket: ...


class ForwardingForbidden(OSError):
    """The SSH server does not forward TCP (``AllowTcpForwarding no``, or the address is not in ``PermitOpen``)."""


class NoWay(OSError):
    """The target allows neither forwarding nor bash, so repeating cannot help."""


def dial_directly(host: str, port: int) -> socket.socket:
    """Dial from this machine, for a target that is this machine (pyinfra's ``@local``)."""
    return socket.create_connection((host, port), timeout=CONNECT_TIMEOUT)


class SSHDial:
    """Dial from the far end of an SSH connection: a ``direct-tcpip`` channel, otherwise bash's ``/dev/tcp``.

    Args:
        transport: returns the connection's paramiko transport; called at each dial, because a host can reconnect.
        session: opens a channel of the connection for a command; raises ``OSError`` if that fails.
        on_relay: called once if forwarding is forbidden and the relay is used.
    """

    def __init__(
        self,
        transport: Callable[[], Transport | None],
        session: Callable[[], Channel],
        on_relay: Callable[[], None] = lambda: None,
    ) -> None:
        self._transport = transport
        self._session = session
        self._on_relay = on_relay
        self._relay = False

    def __call__(self, host: str, port: int) -> socket.socket:
        if not self._relay:
            try:
                return _pumped(self._forwarded(host, port))
            except ForwardingForbidden:
                self._relay = True
                self._on_relay()
        return _pumped(self._relayed(host, port))

    def _open(self) -> Transport:
        transport = self._transport()
        if transport is None or not transport.is_active():
            raise ConnectionError("the SSH connection is closed")
        return transport

    def _forwarded(self, host: str, port: int) -> Channel:
        try:
            return self._open().open_channel("direct-tcpip", (host, port), ("127.0.0.1", 0), int(CONNECT_TIMEOUT))
        except ChannelException as error:
            if error.code == _ADMINISTRATIVELY_PROHIBITED:
                raise ForwardingForbidden(str(error)) from error
            raise ConnectionRefusedError(error.text or str(error)) from error
        except (SSHException, EOFError) as error:
            raise ConnectionError(f"the SSH connection failed: {error}") from error

    def _relayed(self, host: str, port: int) -> Channel:
        self._open()
        try:
            channel = self._session()
            channel.settimeout(CONNECT_TIMEOUT)
            channel.exec_command(relay_command(host, port))
            # The relay sends one byte once it is connected; without it, a refusal and a slow server would look the
            # same.
            said = channel.recv(1)
            if said == _NO_BASH:
                channel.close()
                raise NoWay(
                    "the SSH server forbids forwarding, and this host has no bash to use instead; set "
                    "AllowTcpForwarding local and PermitOpen any for this user in its sshd_config, or install bash"
                )
            if said != b"+":
                reason = channel.recv_stderr(_CHUNK).decode(errors="replace").strip().splitlines()
                channel.close()
                raise ConnectionRefusedError(reason[-1] if reason else "the relay on the target could not connect")
        except (SSHException, EOFError, TimeoutError) as error:
            raise ConnectionError(f"the relay on the target failed: {error}") from error
        return channel


def relay_command(host: str, port: int) -> str:
    """The command that connects its standard input and output to `host`:`port`, with only bash and cat."""
    # When one side ends, the other ends too: the command leads its own process group.
    script = 'exec 3<>"/dev/tcp/$1/$2" 4<&0 || exit 1; printf +; { cat <&4 >&3; kill 0; } & cat <&3; kill 0'
    no_bash = f"command -v bash >/dev/null || exec printf {_NO_BASH.decode()}"
    return f"{no_bash}; exec bash -c {shlex.quote(script)} relay {shlex.quote(host)} {port}"


def _pumped(channel: Channel) -> socket.socket:
    """Return one end of a socket pair; the other end is copied to and from `channel` until either closes."""
    near, far = socket.socketpair()
    channel.settimeout(None)
    for source, sink in ((_receive(channel), far.sendall), (_receive(far), channel.sendall)):
        threading.Thread(target=_copy, args=(source, sink, channel, far), daemon=True).start()
    return near


def _receive(stream: Any) -> Callable[[], bytes]:
    return lambda: bytes(stream.recv(_CHUNK))


def _copy(receive: Callable[[], bytes], send: Callable[[bytes], Any], channel: Channel, far: socket.socket) -> None:
    try:
        while data := receive():
            send(data)
    except (OSError, EOFError, SSHException):
        # One side has closed; the reader of the near end sees the end of the stream.
        pass
    finally:
        channel.close()
        with contextlib.suppress(OSError):  # closed by the other direction
            far.shutdown(socket.SHUT_RDWR)
        far.close()


class AnswerTooSlow(OSError):
    """An answer that took longer than :data:`LONGEST_ANSWER`."""


class AnswerTooLarge(OSError):
    """An answer of more than :data:`LARGEST_ANSWER`."""


class _Bounded(io.RawIOBase):
    """The stream of an answer, limited in bytes and seconds.

    It is below HTTP, so that it also limits what the HTTP libraries read without counting: headers, ``100 Continue``
    without end, sizes and trailers of chunks.
    """

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw = raw
        self._sock = sock
        self._left = LARGEST_ANSWER
        self._end = time.monotonic() + LONGEST_ANSWER

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        seconds = self._end - time.monotonic()
        if seconds <= 0:
            raise AnswerTooSlow
        if self._left <= 0:
            raise AnswerTooLarge
        patience = self._sock.gettimeout()
        self._sock.settimeout(seconds if patience is None else min(patience, seconds))
        try:
            count = self._raw.readinto(memoryview(buffer)[: self._left])
        except TimeoutError:
            if time.monotonic() >= self._end:
                raise AnswerTooSlow from None
            raise
        finally:
            with contextlib.suppress(OSError):
                self._sock.settimeout(patience)
        self._left -= count or 0
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _BoundedResponse(HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        fp: Any = self.fp
        self.fp = io.BufferedReader(_Bounded(fp.detach(), sock))


class DialAdapter(HTTPAdapter):
    """A `requests` adapter that opens its connections with `dial` and keeps them alive as long as Plane does.

    Args:
        dial: opens a connection.
        kept: maximum number of idle connections; at least the number of requests at the same time, or each wave opens
            some again.
    """

    def __init__(self, dial: Dial, kept: int = 1) -> None:
        self._dial = dial
        super().__init__(pool_connections=1, pool_maxsize=kept, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:
        """Called by `requests`: creates the pool of connections."""
        self.poolmanager = PoolManager(num_pools=connections, maxsize=maxsize, block=block, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {
            "http": _pool(HTTPConnectionPool, HTTPConnection, self._dial),
            "https": _pool(HTTPSConnectionPool, HTTPSConnection, self._dial, _validate_conn=_connect),
        }

    def pool(self, base_url: str, verify: str | bool) -> HTTPConnectionPool:
        """The connections to `base_url`, with certificates checked as `requests` does for this `verify`.

        Raises:
            requests.RequestException: `base_url` is not an address.
        """
        request = Request("GET", base_url).prepare()
        pool: Any = self.get_connection_with_tls_context(request, verify)
        cast(Any, self).cert_verify(pool, request.url, verify, None)
        return cast(HTTPConnectionPool, pool)


def _connect(self: Any, conn: Any) -> None:
    # Replaces urllib3's own, which warns on every request about an unchecked certificate: this deploy warns about that
    # itself, once.
    if conn.is_closed:
        conn.connect()


def _pool(pool: Any, connection: Any, dial: Dial, **members: Any) -> Any:
    """Subclasses of urllib3's `pool` and `connection` that open a socket with `dial`, and read within limits."""

    def new_conn(self: Any) -> socket.socket:
        try:
            opened = dial(self._dns_host, self.port)
        except OSError as error:
            raise NewConnectionError(self, str(error)) from error
        opened.settimeout(READ_TIMEOUT)
        return opened

    def put_conn(self: Any, conn: Any) -> None:
        if conn is not None:
            conn.idle_since = _now()
        pool._put_conn(self, conn)

    def get_conn(self: Any, timeout: float | None = None) -> Any:
        # Each connection has its own time: while one was in use all the time, another may have been idle.
        conn = pool._get_conn(self, timeout)
        if _now() - conn.idle_since > IDLE_LIMIT:
            conn.close()  # it is opened again
        return conn

    ours = {"_new_conn": new_conn, "response_class": _BoundedResponse, "idle_since": math.inf}
    connection_class = type("Dialled" + connection.__name__, (connection,), ours)
    kept = {"ConnectionCls": connection_class, "_put_conn": put_conn, "_get_conn": get_conn}
    return type("Dialled" + pool.__name__, (pool,), {**kept, **members})
