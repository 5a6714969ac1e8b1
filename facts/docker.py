"""Where a container is and when it was made. pyinfra's own fact prints the environment, passwords and all."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pyinfra.api import FactBase, QuoteString, StringCommand
from typing_extensions import override

from plain import LONGEST_QUOTE, plain, quote
from target import TargetError

_FORMAT = (
    '{"status":{{json .State.Status}},"created":{{json .Created}},'
    '"networks":{{json .NetworkSettings.Networks}},"host":{{json .HostConfig.NetworkMode}}}'
)


@dataclass(frozen=True)
class Container:
    """A container: `status` is Docker's (``running``, ``exited``, …), `created` in seconds since 1970."""

    name: str
    status: str
    created: float
    addresses: dict[str, str]
    uses_host_network: bool

    @property
    def is_running(self) -> bool:
        """Whether it runs."""
        return self.status == "running"


class DockerContainers(FactBase[dict[str, Container]]):
    """
    Returns the containers of the given names that exist, as a dict of name to ``Container``.

    + names: names of the containers, separated by spaces
    """

    @override
    def command(self, names: str) -> StringCommand:
        quoted: list[object] = []
        for name in names.split():
            inspect = StringCommand("docker inspect -f", QuoteString(_FORMAT), QuoteString(name))
            quoted += ["printf '%s\\t'", QuoteString(name), ";", inspect, "2>/dev/null || echo;"]
        return StringCommand(*quoted, "true")

    @staticmethod
    @override
    def default() -> dict[str, Container]:
        return {}

    @override
    def process(self, output: list[str]) -> dict[str, Container]:
        found = {}
        for line in output:
            name, _, answer = line.partition("\t")
            if not answer.startswith("{"):
                continue
            try:
                item = _object(json.loads(answer))
                found[name] = Container(
                    name, _text(item["status"]), _seconds(item["created"]), _addresses(item), item.get("host") == "host"
                )
            except _GARBLED as error:
                raise TargetError(f"docker inspect {name}: {_NOT_UNDERSTOOD}: {quote(answer, 80)}") from error
        return found


_GARBLED = (ValueError, KeyError, OverflowError, RecursionError)

_NOT_UNDERSTOOD = "docker's answer on this host cannot be understood"


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("wanted an object")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError("wanted a line of text")
    return value


def _addresses(item: dict[str, Any]) -> dict[str, str]:
    networks = {
        network: _object(details).get("IPAddress") for network, details in _object(item["networks"] or {}).items()
    }
    return {network: _text(address) for network, address in networks.items() if address}


def _seconds(moment: Any) -> float:
    # Docker gives nanoseconds; Python 3.10 reads six digits and no Z.
    whole, _, fraction = _text(moment).rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{whole}.{fraction[:6].ljust(6, '0')}+00:00").timestamp()


@dataclass(frozen=True)
class Composed:
    """When the containers of a Compose project's services were made, and when their env file was written."""

    created: dict[str, float]
    env_modified: float
    unavailable: str | None = None
    stopped: tuple[str, ...] = ()


_SERVICE = (
    '{{index .Config.Labels "com.docker.compose.project.working_dir"}}\t'
    '{"service":{{json (index .Config.Labels "com.docker.compose.service")}},"created":{{json .Created}},'
    '"status":{{json .State.Status}}}'
)
_FAILED = "##FAILED##"

_MOST_LOOKED_AT = 2**20
"""Bytes of what docker says of the containers: some thousands of them. The shell reads them one by one."""


class ComposeServices(FactBase[Composed]):
    """
    Returns when each service's container was made, in seconds since 1970, and the time of the env file.

    + directory: the host's folder with the Compose file
    + env_path: the env file; 0 when there is none
    """

    @override
    def command(self, directory: str, env_path: str) -> StringCommand:
        # Compose labels each container with the folder that it was started from, which may have been a link to this.
        script = (
            'echo "modified $(LC_ALL=C stat -c %.9Y -- "$2" 2>/dev/null || echo 0)"; real=$(readlink -f -- "$1"); '
            "ids=$(docker ps -aq --filter label=com.docker.compose.project.working_dir) || exit 1; "
            f"[ -z \"$ids\" ] || docker inspect -f '{_SERVICE}' $ids | head -c {_MOST_LOOKED_AT} | "
            "while IFS='\t' read -r folder rest; do case $folder in /*) "
            # Those of a project come after one another.
            '[ "$folder" = "$last" ] || { last=$folder; is=$(readlink -f -- "$folder"); }; '
            '[ "$is" != "$real" ] || printf "%s\\n" "$rest" ;; esac; done'
        )
        return StringCommand(
            "{ sh -c", QuoteString(script), "sh", QuoteString(directory), QuoteString(env_path),
            f"; }} 2>&1 || echo '{_FAILED}'",
        )  # fmt: skip

    @staticmethod
    @override
    def default() -> Composed:
        return Composed({}, 0.0, "the host did not answer")

    @override
    def process(self, output: list[str]) -> Composed:
        if output[-1:] == [_FAILED]:
            complaints = [line for line in output[:-1] if not line.startswith("{")]
            return Composed({}, 0.0, plain(complaints[-1], LONGEST_QUOTE) if complaints else "docker said nothing")
        created: dict[str, float] = {}
        stopped: list[str] = []
        modified = 0.0
        for line in output:
            try:
                if line.startswith("modified "):
                    modified = _positive(line.partition(" ")[2].replace(",", "."))
                elif line.startswith("{"):  # whatever else there is, is a warning
                    item = _object(json.loads(line))
                    # Of several containers of a service, the oldest counts.
                    service, made = _text(item["service"]), _seconds(item["created"])
                    created[service] = min(made, created.get(service, made))
                    if item.get("status", "running") != "running":
                        stopped.append(service)
            except _GARBLED:
                return Composed({}, 0.0, f"{_NOT_UNDERSTOOD}: {quote(line, 80)}")
        return Composed(created, modified, None, tuple(stopped))


def _positive(text: str) -> float:
    number = float(text)
    if not 0 <= number < 1e12:  # neither that, nor infinite, nor NaN
        raise ValueError("wanted seconds since 1970")
    return number
