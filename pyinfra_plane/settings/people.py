"""``plane_people``: people who are invited, and never given a password or a token."""

from __future__ import annotations

from typing import Any

from pyinfra_plane.dataclass import dataclass
from pyinfra_plane.settings import checks
from pyinfra_plane.settings.addresses import email
from pyinfra_plane.settings.agents import ROLES
from pyinfra_plane.settings.checks import being, optional
from pyinfra_plane.settings.values import Given, entries, entry


def _projects(given: Given) -> tuple[str, ...]:
    known = [project.identifier for project in given.values.checked["plane_projects"] or ()]

    def good(value: Any) -> bool:
        return isinstance(value, (list, tuple)) and all(isinstance(one, str) and one.upper() in known for one in value)

    return tuple(one.upper() for one in being("a list of identifiers of plane_projects", good)(given))


def _email(given: Given) -> str:
    address = email(given)
    agents = (*(given.values.checked["plane_agents"] or ()), *given.values.checked.get("absent_agents", ()))
    if address in {agent.email for agent in agents}:
        given.must("not be the address of an agent in plane_agents")
    return address


@dataclass(frozen=True)
class Person:
    """One person, identified by the address; `projects` is ``None`` for all of ``plane_projects``."""

    email: str = entry(_email)
    role: str = entry(optional(checks.choice(*ROLES), "member"), "member")
    projects: tuple[str, ...] | None = entry(optional(_projects), None)

    @property
    def role_number(self) -> int:
        """The role as Plane's number: 20, 15 or 5."""
        return ROLES[self.role]


plane_people = entries(Person, "email")
"""Every person; none of them may be an agent."""
