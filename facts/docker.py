"""Where a container is and when it was made. pyinfra's own fact prints the environment, passwords and all."""

from __future__ import annotations

import json
import posixpath
import re
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


_DEFAULT_FILE = re.compile(r"(docker-)?compose(\.override)?\.ya?ml")


@dataclass(frozen=True)
class ComposeProject:
    """What a Compose project was started with, as Compose 2 notes it on each of its containers."""

    name: str
    folder: str
    files: tuple[str, ...] = ()
    env_files: tuple[str, ...] = ()

    @property
    def options(self) -> list[object]:
        """The options of `docker compose` that lead to this project again: without them, `up` would start another one
        beside it, or the same one without its overrides."""
        # What Compose finds by itself is left to it, since there may be an override now that there was not.
        files = [posixpath.join(self.folder, file) for file in self.files]
        is_found = all(
            posixpath.dirname(file) == self.folder and _DEFAULT_FILE.fullmatch(posixpath.basename(file))
            for file in files
        )
        env_files = [posixpath.join(self.folder, file) for file in self.env_files]
        given = [("-p", self.name)] if self.name else []
        given += [("-f", file) for file in files if not is_found]
        given += [("--env-file", file) for file in env_files if file != posixpath.join(self.folder, ".env")]
        return [word for option, value in given for word in (option, QuoteString(value))]


@dataclass(frozen=True)
class ServiceContainer:
    """A service's container: `created` in seconds since 1970, `status` as Docker has it."""

    service: str
    created: float
    status: str
    exit_code: int
    project: ComposeProject

    @property
    def has_failed(self) -> bool:
        """Whether it ended, and not well."""
        return self.status == "exited" and self.exit_code != 0


@dataclass(frozen=True)
class Composed:
    """The containers of the Compose projects in a folder, and when their env file was written."""

    containers: tuple[ServiceContainer, ...]
    env_modified: float
    unavailable: str | None = None


def _label(name: str) -> str:
    return f'(index .Config.Labels "com.docker.compose.{name}")'


_SERVICE = (
    '{{index .Config.Labels "com.docker.compose.project.working_dir"}}\t'
    f'{{"service":{{{{json {_label("service")}}}}},"oneoff":{{{{json {_label("oneoff")}}}}},'
    f'"project":{{{{json {_label("project")}}}}},"folder":{{{{json {_label("project.working_dir")}}}}},'
    f'"files":{{{{json {_label("project.config_files")}}}}},'
    f'"env_files":{{{{json {_label("project.environment_file")}}}}},'
    '"created":{{json .Created}},"status":{{json .State.Status}},"exit_code":{{json .State.ExitCode}}}'
)
_FAILED = "##FAILED##"

_MOST_LOOKED_AT = 2**20
"""Bytes of what docker says of the containers: some thousands of them. The shell reads them one by one."""


class ComposeServices(FactBase[Composed]):
    """
    Returns the containers of the services in a folder, as ``Composed``; none that ``docker compose run`` made.

    + directory: the host's folder with the Compose file
    + env_path: the env file; 0 when there is none
    """

    @override
    def command(self, directory: str, env_path: str) -> StringCommand:
        # Compose labels each container with the folder that it was started from, which may have been a link to this.
        script = (
            'echo "modified $(LC_ALL=C stat -L -c %.9Y -- "$2" 2>/dev/null || echo 0)"; real=$(readlink -f -- "$1"); '
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
        return Composed((), 0.0, "the host did not answer")

    @override
    def process(self, output: list[str]) -> Composed:
        if output[-1:] == [_FAILED]:
            complaints = [line for line in output[:-1] if not line.startswith("{")]
            return Composed((), 0.0, plain(complaints[-1], LONGEST_QUOTE) if complaints else "docker said nothing")
        containers: list[ServiceContainer] = []
        modified = 0.0
        for line in output:
            try:
                if line.startswith("modified "):
                    modified = _positive(line.partition(" ")[2].replace(",", "."))
                elif line.startswith("{"):  # whatever else there is, is a warning
                    item = _object(json.loads(line))
                    if item["oneoff"] != "True":
                        containers.append(_service_container(item))
            except _GARBLED:
                return Composed((), 0.0, f"{_NOT_UNDERSTOOD}: {quote(line, 80)}")
        return Composed(tuple(containers), modified)


def _service_container(item: dict[str, Any]) -> ServiceContainer:
    files, env_files = (
        tuple(file for file in _text(item[name] or "").split(",") if file) for name in ("files", "env_files")
    )
    project = ComposeProject(_text(item["project"]), _text(item["folder"]), files, env_files)
    code = item["exit_code"]
    if not isinstance(code, int):
        raise ValueError("wanted a number")
    return ServiceContainer(_text(item["service"]), _seconds(item["created"]), _text(item["status"]), code, project)


class ComposeServiceNames(FactBase[tuple[frozenset[str], str | None]]):
    """
    Returns the names of the services in a Compose project, and why they could not be asked for, if so.

    + command_words: the words of ``docker compose`` that lead to the project
    """

    @override
    def command(self, command_words: StringCommand) -> StringCommand:
        # Not interpolated: the env file, and what else `up` needs, need not be there yet.
        return StringCommand("{", command_words, f"config --services --no-interpolate; }} 2>&1 || echo '{_FAILED}'")

    @staticmethod
    @override
    def default() -> tuple[frozenset[str], str | None]:
        return frozenset(), None

    @override
    def process(self, output: list[str]) -> tuple[frozenset[str], str | None]:
        if output[-1:] == [_FAILED]:
            return frozenset(), plain(output[-2], LONGEST_QUOTE) if output[:-1] else "docker said nothing"
        # A warning has blanks, a name has none.
        return frozenset(line for line in output if line and " " not in line), None


def _positive(text: str) -> float:
    number = float(text)
    if not 0 <= number < 1e12:  # neither that, nor infinite, nor NaN
        raise ValueError("wanted seconds since 1970")
    return number
