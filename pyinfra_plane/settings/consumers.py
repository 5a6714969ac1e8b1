"""``plane_token_consumers``: programs that use tokens, and the action after a token changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pyinfra_plane.dataclass import dataclass
from pyinfra_plane.settings import checks
from pyinfra_plane.settings.checks import CHARACTER, optional
from pyinfra_plane.settings.values import Given, entries, entry


def _agent(given: Given) -> str:
    """Accept the name of an agent with `present`."""
    known = [agent.name for agent in given.values.checked["plane_agents"] or ()]
    if given.value not in known:
        given.must_be("the name of an agent in plane_agents")
    return str(given.value)


@dataclass(frozen=True)
class TokenConsumer:
    """A service of a Compose project that is recreated, or a command that is run, after an agent's token changed.

    `agent` is the agent whose token it uses; ``None`` if it uses every agent's.
    """

    agent: str | None = entry(optional(_agent), None)
    service: str | None = entry(optional(checks.service), None)
    directory: str | None = entry(optional(checks.path()), None)
    command: str | None = entry(optional(checks.text(rf"{CHARACTER}+", "one line for the host's shell")), None)

    name: ClassVar[None] = None
    """Entries need no unique name."""


def token_consumers(given: Given) -> tuple[TokenConsumer, ...]:
    """Every service and command; each entry is one or the other."""
    found = entries(TokenConsumer)(given)
    for one in given.elements():
        data = one.value if isinstance(one.value, Mapping) else {}
        named = {key for key in ("service", "directory", "command") if data.get(key) is not None}
        if data and named not in ({"service", "directory"}, {"command"}):
            given.values.problems.append(f'{one.path}: name either "service" and "directory", or "command"')
    return found
