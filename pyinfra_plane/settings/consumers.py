"""``plane_token_consumers``: what uses a token, and is told when that changes."""

from __future__ import annotations

from dataclasses import dataclass

from pyinfra_plane.settings.checks import SERVICE
from pyinfra_plane.settings.entries import Item, entry, optional_text, read_entry
from pyinfra_plane.settings.values import CHARACTER, LINE, Values


def _agent(item: Item, key: str) -> str | None:
    """The name of an agent that is to be there, or ``None``."""
    value = item.get(key)
    known = [agent.name for agent in item.values.agents if agent.present]
    if value is not None and value not in known:
        item.refuse(key, value, "wanted: the name of an agent in plane_agents, or None for all of them")
        return None
    return None if value is None else str(value)


@dataclass(frozen=True)
class TokenConsumer:
    """A service of a Compose project that is recreated, or a command that is run, when an agent's token changed.

    `agent` is whose token it uses; ``None``: everybody's.
    """

    agent: str | None = entry(_agent, None)
    service: str | None = entry(optional_text(SERVICE, "a service's name"), None)
    directory: str | None = entry(
        optional_text(rf"(?!-){CHARACTER}*(?!/){CHARACTER}", "the path of a folder, without a / at its end"), None
    )
    command: str | None = entry(optional_text(LINE, "one line for the host's shell"), None)


def token_consumers(values: Values, name: str) -> tuple[TokenConsumer, ...]:
    """The services and commands of the list; each is one or the other."""
    found = []
    for path, data in values.items(name, values.data.get(name)):
        one = read_entry(TokenConsumer, values, path, data)
        named = {key for key in ("service", "directory", "command") if data.get(key) is not None}
        if named not in ({"service", "directory"}, {"command"}):
            values.problems.append(f'{path}: name either "service" and "directory", or "command"')
            continue
        found.append(one)
    return tuple(found)
