"""The connection to Plane's API that leaves from a pyinfra host: the only module where the API meets pyinfra."""

from __future__ import annotations

import logging
import os
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from click import echo
from gevent.monkey import is_module_patched
from gevent.pool import Pool
from paramiko import Channel
from pyinfra.connectors.local import LocalConnector
from pyinfra.connectors.ssh import SSHConnector

from pyinfra_plane.api.advice import Advice
from pyinfra_plane.api.base import in_turn
from pyinfra_plane.api.errors import PlaneSettings
from pyinfra_plane.api.pace import PERIOD, Pace
from pyinfra_plane.api.plane import Plane
from pyinfra_plane.engine.commands import TargetError, open_session
from pyinfra_plane.text import printable

if TYPE_CHECKING:
    from pyinfra_plane.api.transport import Dial

# This deploy reports a refused channel itself; paramiko's own line about it would go to the terminal.
logging.getLogger("paramiko").addHandler(logging.NullHandler())

ADVICE = Advice(
    address="plane_api_url must be the address of Plane's API",
    certificate="set plane_api_ca to the CA's file, or plane_api_url to the name that the certificate is for",
    scheme="if Plane uses http there, write http:// in plane_api_url",
    workspace_admin="change that in Plane (Workspace settings, Members), or set plane_admin_email and "
    "plane_admin_password of such an account",
    instance_admin="set plane_admin_email and plane_admin_password of an admin",
    form_limit="raise AUTHENTICATION_RATE_LIMIT in plane_env_extra",
)


def plane_from(
    host: Any,
    base_url: str,
    ca: str | None = None,
    insecure: bool = False,
    together: int = 1,
    rate_period: float = PERIOD,
) -> Plane:
    """Return Plane at `base_url`, reached from `host`.

    Args:
        host: a connected pyinfra host, over SSH or ``@local``.
        base_url: for example ``http://172.18.0.5:8000``; the host resolves the name.
        ca: a file of CA certificates on this machine; otherwise ``REQUESTS_CA_BUNDLE``, otherwise the public ones.
        insecure: accept any certificate. Only ``True`` does that; nothing in the environment does.
        together: maximum number of independent requests at the same time.
        rate_period: the seconds over which Plane counts the forms that it limits.

    Raises:
        PlaneSettings: the connector cannot open a connection, or the file of certificates does not exist.
    """
    # Importing requests takes 40 ms, in which the first commands run.
    from pyinfra_plane.api.http import Http
    from pyinfra_plane.api.transport import DialAdapter

    verify = insecure is not True and (_bundle(ca) if base_url.lower().startswith("https:") else True)

    def at_once(function: Callable[[Any], Any], arguments: list[Any]) -> list[Any]:
        # Under pyinfra's command line, sockets yield to other greenlets; elsewhere requests would not run at the same
        # time.
        if together < 2 or len(arguments) < 2 or not is_module_patched("socket"):
            return in_turn(function, arguments)
        return list(Pool(together).map(function, arguments))

    def trace(line: str) -> None:
        if host.state.print_input:  # with -vv
            echo(f"{host.print_prefix}>>> {printable(line)}", err=True)

    http = Http(
        base_url, DialAdapter(_dial(host), max(together, 1)), verify=verify, say=host.log, trace=trace, advice=ADVICE
    )
    return Plane(http, at_once, Pace(host.log, period=rate_period))


def _bundle(ca: str | None) -> str | bool:
    """The path of the CA certificates' file or folder; ``True`` for the public ones."""
    bundle = ca or os.environ.get("REQUESTS_CA_BUNDLE")
    if not bundle:
        return True
    name = "plane_api_ca" if ca else "REQUESTS_CA_BUNDLE"
    if not Path(bundle).exists():
        raise PlaneSettings(f"{name}: the file {bundle} does not exist on this machine")
    try:
        if not Path(bundle).is_dir():
            ssl.create_default_context(cafile=bundle)
    except OSError as error:  # an SSLError is one
        raise PlaneSettings(
            f"{name}: {bundle} cannot be read as CA certificates ({error}); it must be in PEM format"
        ) from error
    return bundle


def _dial(host: Any) -> Dial:
    from pyinfra_plane.api.transport import SSHDial, dial_directly

    if isinstance(host.connector, LocalConnector):
        return dial_directly
    if isinstance(host.connector, SSHConnector):
        return SSHDial(
            lambda: host.connector.client.get_transport(),
            lambda: _session(host),
            on_relay=lambda: host.noop(
                "the SSH server forbids forwarding; requests to Plane go through bash on the host"
            ),
        )
    raise PlaneSettings(
        f"{type(host.connector).__name__} cannot carry requests to Plane; use SSH, or @local on the target itself"
    )


def _session(host: Any) -> Channel:
    try:
        return open_session(host)
    except TargetError as error:
        raise ConnectionError(f"the relay on the target failed: {error}") from error
