"""The one place where Plane's API meets pyinfra: a connection that leaves from a pyinfra host."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from pyinfra.connectors.local import LocalConnector
from pyinfra.connectors.ssh import SSHConnector

from plane_api.errors import PlaneSettings
from plane_api.http import Http
from plane_api.plane import Plane
from plane_api.transport import Dial, DialAdapter, SSHDial, dial_directly

# A refused channel is an answer that is told in words; paramiko's own line about it would go to the terminal.
logging.getLogger("paramiko").addHandler(logging.NullHandler())


def plane_from(host: Any, base_url: str, ca: str | None = None) -> Plane:
    """Plane at `base_url`, as `host` reaches it.

    Args:
        host: a connected pyinfra host, over SSH or ``@local``.
        base_url: for example ``http://172.18.0.5:8000``; the name is looked up on the host.
        ca: a file of CA certificates on this machine; else ``REQUESTS_CA_BUNDLE``, else the public ones.

    Raises:
        PlaneSettings: the connector cannot carry a connection, or there is no such file.
    """
    bundle = ca or os.environ.get("REQUESTS_CA_BUNDLE")
    if bundle and not Path(bundle).exists():
        name = "plane_api_ca" if ca else "REQUESTS_CA_BUNDLE"
        raise PlaneSettings(f"{name}: there is no file {bundle} on this machine")
    return Plane(Http(base_url, DialAdapter(_dial(host)), verify=bundle or True, say=host.log))


def _dial(host: Any) -> Dial:
    if isinstance(host.connector, LocalConnector):
        return dial_directly
    if isinstance(host.connector, SSHConnector):
        return SSHDial(
            lambda: host.connector.client.get_transport(),
            on_relay=lambda: host.noop("the SSH server forbids forwarding; Plane is reached through bash on the host"),
        )
    raise PlaneSettings(
        f"{type(host.connector).__name__} cannot carry requests to Plane; use SSH, or @local on the target itself"
    )
