"""Facts from docker, and a container's addresses. pyinfra's own fact prints the environment, including passwords."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pyinfra.api import FactBase, QuoteString, StringCommand
from typing_extensions import override

from pyinfra_plane.dataclass import dataclass
from pyinfra_plane.engine.commands import TargetError
from pyinfra_plane.text import LONGEST_QUOTE, printable, quote

T = TypeVar("T")

FAILED = "##FAILED##"
"""The last line of a fact's command that failed. A missing container is an answer, not a failure."""

GARBLED = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""The errors of parsing an answer that docker did not write."""

NOT_UNDERSTOOD = "docker on this host printed an unexpected answer"


class AnswerFact(FactBase[T]):
    """A fact whose command prints JSON objects, one per line, among other lines.

    Attributes:
        kind: a dataclass whose field ``unavailable`` says why nothing could be read.
    """

    kind: Callable[..., T]

    @staticmethod
    def answering(*words: object) -> StringCommand:
        """Return the command whose output :meth:`process` parses."""
        return StringCommand("{", *words, f"}} 2>&1 || echo '{FAILED}'")

    @classmethod
    @override
    def default(cls) -> T:
        return cls.unread("the host did not answer")

    @classmethod
    def unread(cls, why: str) -> T:
        """Return the answer if nothing could be read."""
        return cls.kind(unavailable=why)

    @override
    def process(self, output: list[str]) -> T:
        if output[-1:] == [FAILED]:
            return self.unread(self.reason([line for line in output[:-1] if not line.startswith("{")]))
        objects, line = [], ""
        try:
            for line in output:
                if line.startswith("{"):
                    objects.append(checked_object(json.loads(line)))
            return self.understand(objects, output)
        except GARBLED:
            return self.unread(f"{NOT_UNDERSTOOD}: {quote(line, 80)}")

    def understand(self, objects: list[dict[str, Any]], output: list[str]) -> T:
        """Build the answer from the objects, and from all lines.

        Raise one of :data:`GARBLED` if that is not possible.
        """
        raise NotImplementedError

    @staticmethod
    def reason(lines: list[str]) -> str:
        """The reason why the command failed, from its output."""
        said = [line for line in lines if line.strip()]
        return printable(said[-1], LONGEST_QUOTE) if said else "docker printed nothing"


REACHED = {"status": ".State.Status", "networks": ".NetworkSettings.Networks", "host": ".HostConfig.NetworkMode"}
"""The places in docker's answer that :func:`reached` reads, by the names that it reads them by."""


def inspected(places: Mapping[str, str]) -> str:
    """The template of ``docker inspect`` that prints places of its answer as a JSON object, by these names."""
    return "{" + ",".join(f'"{name}":{{{{json {place}}}}}' for name, place in places.items()) + "}"


@dataclass(frozen=True)
class Container:
    """A container. `status` is Docker's word for its status (``running``, ``exited``, …)."""

    status: str
    addresses: dict[str, str]
    uses_host_network: bool


class DockerContainer(FactBase[Container | None]):
    """
    Returns a container of the host, as a ``Container``; ``None`` if no container has this name.

    + container: its name
    """

    @override
    def command(self, container: str) -> StringCommand:
        template = QuoteString(inspected(REACHED))
        return StringCommand("docker inspect -f", template, QuoteString(container), "2>/dev/null || true")

    @override
    def process(self, output: list[str]) -> Container | None:
        for line in (line for line in output if line.startswith("{")):
            try:
                return reached(checked_object(json.loads(line)))
            except GARBLED as error:
                raise TargetError(f"docker inspect: {NOT_UNDERSTOOD}: {quote(line, 80)}") from error
        return None


def reached(item: dict[str, Any]) -> Container:
    """Return a container from docker's answer; raise one of :data:`GARBLED` if that is not possible."""
    return Container(checked_text(item["status"]), _addresses(item), item.get("host") == "host")


def checked_object(value: Any) -> dict[str, Any]:
    """Return a value of docker's JSON that must be an object; otherwise raise ``ValueError``."""
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def checked_text(value: Any) -> str:
    """Return a value of docker's JSON that must be a line of text; otherwise raise ``ValueError``."""
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError("not a line of text")
    return value


def _addresses(item: dict[str, Any]) -> dict[str, str]:
    networks = {
        network: checked_object(details).get("IPAddress")
        for network, details in checked_object(item["networks"] or {}).items()
    }
    return {network: checked_text(address) for network, address in networks.items() if address}
