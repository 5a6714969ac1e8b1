"""``plane_agents``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyinfra_plane.settings.entries import ACCOUNT, EMAIL
from pyinfra_plane.settings.models import CONCIERGE, ROLES, Agent, derive_password
from pyinfra_plane.settings.values import NAME, NAME_WANTED, Values

KEYS = ("name", "role", "email", "password", "display_name", "present", "user", "group")


def plane_agents(values: Values, name: str) -> tuple[Agent, ...]:
    """The agents that are to be there; those to be removed are kept for :func:`absent_agents`."""
    values.agents = _read_agents(values)
    return tuple(agent for agent in values.agents if agent.present)


def absent_agents(values: Values, name: str) -> tuple[Agent, ...]:
    """The agents that are to be removed."""
    return tuple(agent for agent in values.agents if not agent.present)


def _read_agents(values: Values) -> tuple[Agent, ...]:
    slug, seed = values.checked["plane_workspace_slug"], values.checked["plane_agent_password_seed"]
    agents = []
    for path, entry in values.items("plane_agents", values.data.get("plane_agents")):
        values.known_keys(path, entry, KEYS)
        name = values.text_of(f"{path}.name", entry.get("name"), r"[A-Za-z0-9][A-Za-z0-9._-]{0,47}",
                              "letters, digits, dots, dashes, underscores, at most 48")  # fmt: skip
        role = "member" if entry.get("role") is None else entry["role"]
        if not isinstance(role, str) or role not in ROLES:
            values.refuse(f"{path}.role", role, f"wanted: {', '.join(ROLES)}")
            role = "member"
        email = entry.get("email")
        email = f"{name or 'nobody'}@{slug or 'nowhere'}.local" if email is None else email
        email = values.text_of(f"{path}.email", email, EMAIL, "an address such as thot@javisi.local").lower()
        display_name = entry.get("display_name")
        display_name = name or "nobody" if display_name is None else display_name
        display_name = values.text_of(f"{path}.display_name", display_name, NAME, NAME_WANTED)
        former = None
        if entry.get("password") is not None:
            hidden = values.secret_of(f"{path}.password", entry["password"])
            hidden = values.password_of(f"{path}.password", hidden)
        elif name == CONCIERGE:
            hidden = values.checked["plane_concierge_password"]
        else:
            plane = values.checked["plane_seed_host"]
            hidden = derive_password(seed, email, plane) if seed is not None else None
            former = derive_password(seed, email) if seed is not None else None
        present = True if entry.get("present") is None else entry["present"]
        if not isinstance(present, bool):
            values.refuse(f"{path}.present", present, "wanted: True, or False to remove the agent")
        owner = [_account(values, path, entry, key) for key in ("user", "group")]
        agents.append(Agent(name, email, role, display_name, hidden, bool(present), former, *owner))
    values.unique("plane_agents", "address", [agent.email for agent in agents])
    values.unique("plane_agents", "name in the token file", [agent.token_variable for agent in agents if agent.name])
    return tuple(agents)


def _account(values: Values, path: str, entry: Mapping[str, Any], key: str) -> str | None:
    """Who on the host the agent's own file belongs to."""
    if entry.get(key) is None:
        return None
    return values.text_of(f"{path}.{key}", entry[key], ACCOUNT, f"a {key}'s name or number, or None")
