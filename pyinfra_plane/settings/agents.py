"""``plane_agents``: an agent's settings, and its names in different places."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field, replace
from functools import cache
from typing import Any

from pyinfra.api.hiddenvalue import HiddenValue

from pyinfra_plane.dataclass import dataclass
from pyinfra_plane.settings import checks
from pyinfra_plane.settings.addresses import email
from pyinfra_plane.settings.checks import optional
from pyinfra_plane.settings.passwords import derive_password, password_of_entry
from pyinfra_plane.settings.values import Given, entries, entry

ROLES: Mapping[str, int] = {"admin": 20, "member": 15, "guest": 5}
"""Plane's role numbers (every tried release)."""

ROLE_NAMES: Mapping[int, str] = {number: name for name, number in ROLES.items()}

CONCIERGE = "concierge"
"""The agent whose password is a setting of its own, so that a person can sign in as it."""


def _email(given: Given) -> str:
    name, slug = given.siblings["name"] or "nobody", given.values.checked["plane_workspace_slug"] or "nowhere"
    return email(given.at("", f"{name}@{slug}.local" if given.value is None else given.value))


@dataclass(frozen=True)
class Agent:
    """An account in the workspace, with its role, its token and its password.

    `present` is false for an agent to remove.
    """

    name: str = entry(
        checks.text(r"[A-Za-z0-9][A-Za-z0-9._-]{0,47}", "letters, digits, dots, dashes, underscores, at most 48")
    )
    email: str = entry(_email)
    role: str = entry(optional(checks.choice(*ROLES), "member"))
    display_name: str = entry(optional(checks.name, lambda given: given.siblings["name"]))
    password: HiddenValue | None = entry(password_of_entry, repr=False)
    present: bool = entry(optional(checks.flag, True), True)
    avatar: str | None = entry(optional(checks.page_url), None)
    timezone: str | None = entry(optional(checks.timezone), None)
    user: str | None = entry(optional(checks.account("user")), None)
    group: str | None = entry(optional(checks.account("group")), None)
    """Owner and group of the agent's file; ``plane_files_user`` and ``plane_files_group`` if ``None``."""
    former_password: HiddenValue | None = field(default=None, repr=False)
    """The password as derived before 0.1.0, for an account that was created then."""

    @property
    def role_number(self) -> int:
        """The role as Plane's number: 20, 15 or 5."""
        return ROLES[self.role]

    @property
    def token_label(self) -> str:
        """The label of the agent's API token in Plane."""
        return f"agent-{self.name}"

    @property
    def token_variable(self) -> str:
        """The name of the agent's line in the token file, for example ``PLANE_TOKEN_CONCIERGE``."""
        return token_variable(self.name)


@cache
def token_variable(name: str) -> str:
    """The name of an agent's line in the token file."""
    return "PLANE_TOKEN_" + re.sub(r"[^A-Z0-9]", "_", name.upper())


def plane_agents(given: Given) -> tuple[Agent, ...]:
    """The agents with `present`; those to be removed become ``absent_agents``."""
    agents = [with_password(agent, given.siblings) for agent in entries(Agent, "email", "token_variable")(given)]
    given.values.checked["absent_agents"] = tuple(agent for agent in agents if not agent.present)
    return tuple(agent for agent in agents if agent.present)


def with_password(agent: Agent, settings: Mapping[str, Any]) -> Agent:
    """The agent with its account's password: its own setting, the concierge's setting, or derived from the seed."""
    if agent.password is not None or not agent.email:
        return agent
    if agent.name == CONCIERGE:
        return replace(agent, password=settings["plane_concierge_password"])
    seed, plane = settings["plane_agent_password_seed"], settings["plane_seed_host"] or ""
    if seed is None:
        return agent
    former = derive_password(seed, agent.email)
    return replace(agent, password=derive_password(seed, agent.email, plane), former_password=former)
