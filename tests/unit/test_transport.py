"""Connections that leave from somewhere else: counted, checked by TLS, through SSH or bash."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import os
import signal
import socket
import ssl
import subprocess
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from paramiko import ChannelException, SSHException, Transport
from pyinfra.connectors.local import LocalConnector

from operations.plane import instance
from pyinfra_plane.api.errors import PlaneSettings
from pyinfra_plane.api.plane import Plane
from pyinfra_plane.api.transport import Dial, SSHDial, dial_directly, relay_command
from pyinfra_plane.engine.converge import Note
from pyinfra_plane.host.connection import _session, plane_from
from tests.unit.given import checked
from tests.unit.ssh import FakeTransport
from tests.unit.ssh import connected as connected_by
from tests.unit.web import Answer, Site, as_json, client_of, closed_port, serving

GOOD = as_json({"status": "OK"})


# Dialling


def test_connections_are_opened_by_dial_and_kept_alive(site: Site) -> None:
    dialled: list[tuple[str, int]] = []

    def dial(host: str, port: int) -> socket.socket:
        dialled.append((host, port))
        return dial_directly("127.0.0.1", site.port)

    site.says(GOOD)
    with client_of("http://plane.only-on-the-target:8000", dial) as client:
        for _ in range(4):
            client.http.call("GET", "/")
    assert dialled == [("plane.only-on-the-target", 8000)]
    assert site.connections == 1
    assert site.asked[0].headers["Host"] == "plane.only-on-the-target:8000"


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("http://plane", ("plane", 80)),
        ("http://[::1]:8000", ("::1", 8000)),
        ("http://172.18.0.5:8000", ("172.18.0.5", 8000)),
    ],
)
def test_dial_is_given_the_address_as_it_is(site: Site, url: str, wanted: tuple[str, int]) -> None:
    dialled: list[tuple[str, int]] = []

    def dial(host: str, port: int) -> socket.socket:
        dialled.append((host, port))
        return dial_directly("127.0.0.1", site.port)

    site.says(GOOD)
    with client_of(url, dial) as client:
        client.http.call("GET", "/")
    assert dialled == [wanted]


def test_a_stream_that_ends_is_dialled_anew(site: Site) -> None:
    opened: list[socket.socket] = []

    def dial(host: str, port: int) -> socket.socket:
        opened.append(dial_directly("127.0.0.1", site.port))
        return opened[-1]

    site.says(GOOD)
    with client_of("http://plane:8000", dial) as client:
        client.http.call("GET", "/")
        opened[0].shutdown(socket.SHUT_RDWR)
        client.http.call("POST", "/")
    assert len(opened) == 2


# TLS


class Authority:
    """A certificate authority of one's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "An authority of our own")])
        self.certificate = self._certificate(self.name, self.key, None)
        self.file = folder / "ca.pem"
        self.file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def context(self, *names: str, days: int = 1) -> ssl.SSLContext:
        """What a server that goes by these names presents."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._certificate(x509.Name([]), key, names, days)
        file = self.folder / "server.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _certificate(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, names: tuple[str, ...] | None, days: int = 1
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=10))
            .not_valid_after(now + datetime.timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=names is None, path_length=None), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        if names is None:
            usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
            builder = builder.add_extension(usage, critical=True).add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
        else:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=True
            )
        return builder.sign(self.key, hashes.SHA256())


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def to(site: Site) -> Dial:
    """A dial that leads to a site whatever it is asked for."""
    return lambda host, port: dial_directly("127.0.0.1", site.port)


@pytest.mark.parametrize("name", ["plane.example.com", "172.18.0.5"])
def test_a_certificate_of_ones_own_authority_and_the_right_name_is_trusted(authority: Authority, name: str) -> None:
    with serving(authority.context(name)) as site:
        site.says(GOOD)
        with client_of(f"https://{name}", to(site), verify=str(authority.file)) as client:
            for _ in range(3):
                assert client.http.call("GET", "/") == {"status": "OK"}
            assert site.connections == 1


@pytest.mark.parametrize(
    ("names", "days", "known"),
    [
        (("other.example.com",), 1, True),
        (("plane.example.com",), 1, False),
        (("plane.example.com",), -1, True),
    ],
    ids=["another name", "an unknown authority", "expired"],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_certificate_that_is_not_trusted_is_one_line_and_nothing_is_sent(
    authority: Authority, names: tuple[str, ...], days: int, known: bool, method: str
) -> None:
    with serving(authority.context(*names, days=days)) as site:
        site.says(GOOD)
        verify = str(authority.file) if known else True
        with (
            client_of("https://plane.example.com", to(site), verify) as client,
            pytest.raises(PlaneSettings) as caught,
        ):
            client.http.call(method, "/api/x/?hidden", headers={"X-API-Key": "hidden"})
        text = str(caught.value)
        assert text.startswith(f"{method} https://plane.example.com/api/x/: the certificate is not trusted (")
        assert "set plane_api_ca to the CA's file" in text
        assert "\n" not in text
        assert "hidden" not in text
        assert site.asked == []
        assert client.http.requests_sent == 1


@pytest.mark.parametrize(
    ("names", "days", "known", "reason"),
    [
        (("other.example.com",), 1, True, "Hostname mismatch"),
        (("plane.example.com",), 1, False, "unable to get local issuer certificate"),
        (("plane.example.com",), -1, True, "certificate has expired"),
    ],
)
def test_a_certificate_that_is_not_trusted_says_why(
    authority: Authority, names: tuple[str, ...], days: int, known: bool, reason: str
) -> None:
    with serving(authority.context(*names, days=days)) as site:
        verify = str(authority.file) if known else True
        with (
            client_of("https://plane.example.com", to(site), verify) as client,
            pytest.raises(PlaneSettings, match=reason),
        ):
            client.http.call("GET", "/")


def test_https_where_http_is_spoken_is_not_called_a_matter_of_trust(site: Site) -> None:
    with client_of(f"https://127.0.0.1:{site.port}") as client, pytest.raises(PlaneSettings) as caught:
        client.http.call("GET", "/")
    assert "not trusted" not in str(caught.value)
    assert str(caught.value).endswith("; if Plane uses http there, write http:// in plane_api_url")


def test_a_certificate_that_is_not_trusted_is_not_waited_for(authority: Authority) -> None:
    with serving(authority.context("other.example.com")) as site:
        url = "https://plane.example.com"
        with client_of(url, to(site), str(authority.file)) as client, pytest.raises(PlaneSettings, match="not trusted"):
            Plane(client.http).health()


# The relay


@pytest.fixture
def echo() -> Iterator[Echo]:
    running = Echo()
    yield running
    running.close()


class Echo:
    """A server that sends back what it is sent, until it is told to hang up."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.accepted: list[socket.socket] = []
        self.met = threading.Event()
        self.ended = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.accepted.append(connection)
                self.met.set()
                threading.Thread(target=self._echo, args=(connection,), daemon=True).start()

    def _echo(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := connection.recv(65536):
                connection.sendall(data)
        self.ended.set()

    def hang_up(self) -> None:
        for connection in self.accepted:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def close(self) -> None:
        self.hang_up()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


@contextlib.contextmanager
def relay(host: str, port: int, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    # As sshd does, in a session of its own: the relay ends its whole process group.
    process = subprocess.Popen(
        ["sh", "-c", relay_command(host, port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def exactly(process: subprocess.Popen[bytes], count: int) -> bytes:
    assert process.stdout is not None
    return process.stdout.read(count)


def group_is_gone(process: subprocess.Popen[bytes]) -> bool:
    """Whether everything that the relay started has ended."""
    assert process.stdout is not None
    process.wait(10)
    return process.stdout.read() == b""  # ends when the last holder of the pipe does


def test_bytes_pass_both_ways_through_the_relay(echo: Echo, tmp_path: Path) -> None:
    sent = bytes(range(256)) * 4096
    with relay("127.0.0.1", echo.port, tmp_path) as process:
        assert process.stdin is not None
        assert exactly(process, 1) == b"+"

        def send() -> None:
            assert process.stdin is not None
            process.stdin.write(sent)
            process.stdin.flush()

        thread = threading.Thread(target=send)
        thread.start()
        assert exactly(process, len(sent)) == sent
        thread.join()


def test_the_relay_ends_when_this_side_closes(echo: Echo, tmp_path: Path) -> None:
    with relay("127.0.0.1", echo.port, tmp_path) as process:
        assert exactly(process, 1) == b"+"
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
        assert group_is_gone(process)
        assert echo.ended.wait(10)


def test_the_relay_ends_when_the_server_closes(echo: Echo, tmp_path: Path) -> None:
    with relay("127.0.0.1", echo.port, tmp_path) as process:
        assert exactly(process, 1) == b"+"
        # Connected is not yet accepted: what is in the backlog cannot be hung up on.
        assert echo.met.wait(10)
        echo.hang_up()
        assert group_is_gone(process)


def test_the_relay_reports_a_refusal(tmp_path: Path) -> None:
    with relay("127.0.0.1", closed_port(), tmp_path) as process:
        out, error = process.communicate(timeout=10)
    assert out == b""
    assert b"Connection refused" in error
    assert process.returncode == 1


@pytest.mark.parametrize("host", ["$(touch made)", "`touch made`", "x; touch made", "'; touch made; '", 'a"b', "-c"])
def test_a_hostile_name_is_only_a_name_to_the_relay(tmp_path: Path, host: str) -> None:
    with relay(host, 1, tmp_path) as process:
        out, _ = process.communicate(timeout=20)
    assert out == b""
    assert process.returncode == 1
    assert list(tmp_path.iterdir()) == []


# Through SSH


def ssh_dial(transport: FakeTransport, on_relay: Callable[[], None] = lambda: None) -> SSHDial:
    host = Host(connected_by(transport))
    return SSHDial(lambda: cast(Transport, transport), lambda: _session(host), on_relay)


def test_a_forwarded_connection_carries_requests_and_closes_its_channel(site: Site) -> None:
    transport = FakeTransport()
    site.says(GOOD)
    with client_of(site.url, ssh_dial(transport)) as client:
        for _ in range(3):
            assert client.http.call("GET", "/") == {"status": "OK"}
    assert transport.asked == [f"direct-tcpip 127.0.0.1:{site.port}"]
    assert transport.channels[0].closed.wait(10)


def test_the_end_of_a_channel_is_the_end_of_the_stream(echo: Echo) -> None:
    with ssh_dial(FakeTransport())("127.0.0.1", echo.port) as near:
        near.sendall(b"hello")
        assert near.recv(100) == b"hello"
        echo.hang_up()
        near.settimeout(10)
        assert near.recv(100) == b""


def test_where_forwarding_is_forbidden_the_relay_is_used_from_then_on(echo: Echo) -> None:
    transport = FakeTransport(ChannelException(1, "Administratively prohibited"))
    told: list[str] = []
    dial = ssh_dial(transport, lambda: told.append("relay"))
    for _ in range(2):
        with dial("127.0.0.1", echo.port) as near:
            near.settimeout(10)
            near.sendall(b"through bash")
            assert near.recv(100) == b"through bash"
    assert transport.asked == [f"direct-tcpip 127.0.0.1:{echo.port}", "session", "session"]
    assert told == ["relay"]
    assert all(channel.closed.wait(10) for channel in transport.channels)


def test_a_relay_that_the_ssh_server_has_no_room_for_is_started_once_it_has(echo: Echo) -> None:
    transport = FakeTransport(ChannelException(1, "Administratively prohibited"))
    transport.full = 2
    with ssh_dial(transport)("127.0.0.1", echo.port) as near:
        near.settimeout(10)
        near.sendall(b"through bash")
        assert near.recv(100) == b"through bash"
    assert transport.asked.count("session") == 3


def test_requests_go_through_the_relay_over_one_connection(site: Site) -> None:
    transport = FakeTransport(ChannelException(1, "Administratively prohibited"))
    site.says(GOOD)
    with client_of(site.url, ssh_dial(transport)) as client:
        for _ in range(3):
            assert client.http.call("POST", "/", json={"x": "y" * 100_000}) == {"status": "OK"}
    assert site.connections == 1
    assert transport.asked.count("session") == 1


def test_a_refusal_at_the_far_end_is_an_oserror_and_no_reason_for_the_relay() -> None:
    transport = FakeTransport(ChannelException(2, "Connect failed"))
    dial = ssh_dial(transport)
    for _ in range(2):
        with pytest.raises(ConnectionRefusedError, match="Connect failed"):
            dial("127.0.0.1", 1)
    assert transport.asked == ["direct-tcpip 127.0.0.1:1"] * 2


def test_a_refusal_at_the_far_end_of_the_relay_is_an_oserror_that_says_why() -> None:
    transport = FakeTransport(ChannelException(1, "Administratively prohibited"))
    with pytest.raises(ConnectionRefusedError, match="Connection refused"):
        ssh_dial(transport)("127.0.0.1", closed_port())
    assert transport.channels[0].closed.is_set()


@pytest.mark.parametrize(
    ("forwarding", "session", "said"),
    [
        (EOFError("ended"), None, "the SSH connection failed: ended"),
        (SSHException("SSH session not active"), None, "the SSH connection failed: SSH session not active"),
        (ChannelException(1, "no"), SSHException("gone"), r"^the relay on the target failed: .* broke \(gone\)"),
        (ChannelException(1, "no"), ChannelException(4, "full"), r"^the relay .*: .* \(full\); see MaxSessions"),
        (ChannelException(1, "no"), EOFError("ended"), r"^the relay on the target failed: .* broke \(ended\)"),
        (ChannelException(1, "no"), TimeoutError("slow"), r"^the relay on the target failed: .* broke \(slow\)"),
    ],
)
def test_an_ssh_connection_that_fails_is_an_oserror(
    forwarding: Exception, session: Exception | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyinfra_plane.engine.commands.WHEN_REFUSED", (0.0,))
    with pytest.raises(OSError, match=said):
        ssh_dial(FakeTransport(forwarding, session))("127.0.0.1", 1)


def test_an_ssh_connection_that_is_closed_is_an_oserror() -> None:
    transport = FakeTransport()
    transport.active = False
    with pytest.raises(ConnectionError, match=r"^the SSH connection is closed$"):
        ssh_dial(transport)("127.0.0.1", 1)
    with pytest.raises(ConnectionError, match=r"^the SSH connection is closed$"):
        SSHDial(lambda: None, lambda: pytest.fail("asked for a session"))("127.0.0.1", 1)


def test_the_transport_is_asked_for_at_each_dial(echo: Echo) -> None:
    transports = [FakeTransport(SSHException("gone")), FakeTransport()]
    dial = SSHDial(lambda: cast(Transport, transports.pop(0)), lambda: pytest.fail("asked for a session"))
    with pytest.raises(OSError, match="gone"):
        dial("127.0.0.1", echo.port)
    dial("127.0.0.1", echo.port).close()


# From a pyinfra host


class Host:
    """As much of a pyinfra host as a connection needs."""

    def __init__(self, connector: object) -> None:
        self.connector = connector
        self.state = SimpleNamespace(print_input=False)
        self.said: list[str] = []

    def log(self, line: str) -> None:
        self.said.append(line)

    def noop(self, line: str) -> None:
        self.said.append(line)


def connected(plane: Plane) -> object:
    return plane.http.call("GET", "/")


def test_a_host_that_is_this_machine_is_dialled_from_here(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    site.says(GOOD)
    plane = plane_from(Host(LocalConnector.__new__(LocalConnector)), site.url)
    assert connected(plane) == {"status": "OK"}
    plane.http.close()


def test_as_many_connections_are_kept_as_there_are_requests_at_once(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    together = 6
    site.says(Answer(200, GOOD.body, GOOD.headers, wait=threading.Barrier(together)))
    plane = plane_from(Host(LocalConnector.__new__(LocalConnector)), site.url, together=together)
    with ThreadPoolExecutor(together) as pool:
        for _ in range(3):
            assert list(pool.map(connected, [plane] * together)) == [{"status": "OK"}] * together
    assert site.connections == together
    plane.http.close()


def test_a_host_over_ssh_is_dialled_through_its_connection(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    transport = FakeTransport(ChannelException(1, "Administratively prohibited"))
    site.says(GOOD)
    host = Host(connected_by(transport))
    plane = plane_from(host, site.url)
    assert connected(plane) == {"status": "OK"}
    assert host.said == ["the SSH server forbids forwarding; requests to Plane go through bash on the host"]
    plane.http.close()


def test_a_host_that_cannot_carry_a_connection_is_refused() -> None:
    with pytest.raises(PlaneSettings, match=r"^object cannot carry requests to Plane; use SSH, or @local"):
        plane_from(Host(object()), "http://plane")


@pytest.mark.parametrize(("setting", "name"), [("/no/ca.pem", "plane_api_ca"), (None, "REQUESTS_CA_BUNDLE")])
def test_a_bundle_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, setting: str | None, name: str) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/ca.pem")
    with pytest.raises(PlaneSettings, match=f"^{name}: the file /no/ca.pem does not exist on this machine$"):
        plane_from(Host(LocalConnector.__new__(LocalConnector)), "https://plane", setting)


@pytest.mark.parametrize("by_setting", [True, False])
def test_an_authority_is_taken_from_the_setting_or_the_environment(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, by_setting: bool
) -> None:
    if by_setting:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/ca.pem")
    else:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.file))
    with serving(authority.context("127.0.0.1")) as site:
        site.says(GOOD)
        host = Host(LocalConnector.__new__(LocalConnector))
        url = f"https://127.0.0.1:{site.port}"
        plane = plane_from(host, url, str(authority.file) if by_setting else None)
        assert connected(plane) == {"status": "OK"}
        plane.http.close()


# Without a check


def this_machine() -> Host:
    return Host(LocalConnector.__new__(LocalConnector))


def test_any_certificate_is_taken_where_a_person_says_so_and_the_libraries_are_silent(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/ca.pem")
    with serving(authority.context("other.example.com", days=-1)) as site, warnings.catch_warnings():
        warnings.simplefilter("error")
        site.says(GOOD)
        plane = plane_from(this_machine(), f"https://127.0.0.1:{site.port}", insecure=True)
        for _ in range(2):
            assert connected(plane) == {"status": "OK"}
        plane.http.close()
        assert site.connections == 1


@pytest.mark.parametrize("insecure", [1, "True", "yes", object()])
def test_nothing_but_true_turns_the_check_off(authority: Authority, insecure: Any) -> None:
    with serving(authority.context("127.0.0.1")) as site:
        site.says(GOOD)
        plane = plane_from(this_machine(), f"https://127.0.0.1:{site.port}", None, insecure)
        with pytest.raises(PlaneSettings, match="not trusted"):
            connected(plane)
        assert site.asked == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CURL_CA_BUNDLE", ""),
        ("REQUESTS_CA_BUNDLE", ""),
        ("PYTHONHTTPSVERIFY", "0"),
        ("SSL_CERT_FILE", "{own}"),
        ("CURL_CA_BUNDLE", "{own}"),
    ],
)
def test_nothing_in_the_environment_turns_the_check_off(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    for other in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, value.format(own=authority.file))
    with serving(authority.context("127.0.0.1")) as site:
        site.says(GOOD)
        plane = plane_from(this_machine(), f"https://127.0.0.1:{site.port}")
        with pytest.raises(PlaneSettings, match="not trusted"):
            connected(plane)
        assert site.asked == []


@pytest.mark.parametrize("by_setting", [True, False])
@pytest.mark.parametrize(
    "text", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n"]
)
def test_a_bundle_without_certificates_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_setting: bool, text: str
) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text(text)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/ca.pem" if by_setting else str(bundle))
    name = "plane_api_ca" if by_setting else "REQUESTS_CA_BUNDLE"
    with pytest.raises(
        PlaneSettings, match=f"^{name}: .* cannot be read as CA certificates .*; it must be in PEM format$"
    ):
        plane_from(this_machine(), "https://plane", str(bundle) if by_setting else None)


@pytest.mark.parametrize("insecure", [True, False])
def test_an_http_address_has_nothing_to_check(site: Site, monkeypatch: pytest.MonkeyPatch, insecure: bool) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/ca.pem")
    site.says(GOOD)
    plane = plane_from(this_machine(), site.url, insecure=insecure)
    assert connected(plane) == {"status": "OK"}
    plane.http.close()


@pytest.mark.parametrize(
    ("url", "insecure", "said"),
    [
        ("https://plane.example.com", True, True),
        ("HTTPS://plane.example.com", True, True),
        ("https://plane.example.com", False, False),
        ("http://172.18.0.5:8000", True, False),
        (None, True, False),
    ],
)
def test_a_check_that_is_not_made_is_said_on_every_run(
    monkeypatch: pytest.MonkeyPatch, url: str | None, insecure: bool, said: bool
) -> None:
    here = SimpleNamespace(
        settings=checked(plane_api_url=url, plane_api_tls_insecure=insecure),
        reach=SimpleNamespace(is_not_started=False),
    )
    monkeypatch.setattr(instance, "current_plane", lambda: here)
    monkeypatch.setattr(instance, "_shows_instance", lambda here: False)
    monkeypatch.setattr(instance, "_health", lambda here: "not yet")
    ready: Any = instance.ready
    for _ in ("in a preview", "in a run"):
        notes = [item.line for item in ready._inner.__wrapped__() if isinstance(item, Note)]
        assert [line[:24] for line in notes] == (["! TLS certificates are n"] if said else [])
        assert not said or "can read every password and token; set plane_api_ca" in notes[0]
