"""Where a container is and whether it runs. pyinfra's own fact prints the environment, passwords and all."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from pyinfra.api import FactBase, QuoteString, StringCommand
from typing_extensions import override

from pyinfra_plane.engine.commands import TargetError
from pyinfra_plane.text import quote

_FORMAT = (
    '{"status":{{json .State.Status}},'
    '"networks":{{json .NetworkSettings.Networks}},"host":{{json .HostConfig.NetworkMode}}}'
)


@dataclass(frozen=True)
class Container:
    """A container: `status` is Docker's word for it (``running``, ``exited``, …)."""

    status: str
    addresses: dict[str, str]
    uses_host_network: bool

    @property
    def is_running(self) -> bool:
        """Whether it runs."""
        return self.status == "running"


class DockerContainer(FactBase[Container | None]):
    """
    Returns a container of the host, as a ``Container``; ``None`` if there is none of that name.

    + container: its name
    """

    @override
    def command(self, container: str) -> StringCommand:
        return StringCommand("docker inspect -f", QuoteString(_FORMAT), QuoteString(container), "2>/dev/null || true")

    @override
    def process(self, output: list[str]) -> Container | None:
        for line in (line for line in output if line.startswith("{")):
            try:
                item = checked_object(json.loads(line))
                return Container(checked_text(item["status"]), _addresses(item), item.get("host") == "host")
            except GARBLED as error:
                raise TargetError(f"docker inspect: {NOT_UNDERSTOOD}: {quote(line, 80)}") from error
        return None


GARBLED = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What reading an answer raises that is not as docker gives it."""

NOT_UNDERSTOOD = "docker's answer on this host cannot be understood"


def checked_object(value: Any) -> dict[str, Any]:
    """Return a value of docker's JSON that must be an object, else raise ``ValueError``."""
    if not isinstance(value, dict):
        raise ValueError("wanted an object")
    return value


def checked_text(value: Any) -> str:
    """Return a value of docker's JSON that must be a line of text, else raise ``ValueError``."""
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError("wanted a line of text")
    return value


def _addresses(item: dict[str, Any]) -> dict[str, str]:
    networks = {
        network: checked_object(details).get("IPAddress")
        for network, details in checked_object(item["networks"] or {}).items()
    }
    return {network: checked_text(address) for network, address in networks.items() if address}
