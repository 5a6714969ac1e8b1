"""``plane_people``: people who are invited, and never given a password or a token."""

from __future__ import annotations

from dataclasses import dataclass

from pyinfra_plane.settings import entries
from pyinfra_plane.settings.entries import EMAIL, Item, entry
from pyinfra_plane.settings.models import ROLES
from pyinfra_plane.settings.values import Values

_ADDRESS = entries.text(EMAIL, "an address such as ada@example.com")


def _projects(item: Item, key: str) -> tuple[str, ...] | None:
    given = item.get(key)
    if given is None:
        return None
    if isinstance(given, (list, tuple)) and all(isinstance(one, str) for one in given):
        known = {project.identifier for project in item.values.checked["plane_projects"]}
        identifiers = tuple(one.upper() for one in given)
        unknown = [one for one in identifiers if one not in known]
        if not unknown:
            return identifiers
        item.refuse(key, ", ".join(unknown), "wanted: identifiers of plane_projects")
        return None
    item.refuse(key, given, "wanted: a list of identifiers of plane_projects, or None for all")
    return None


def _role(item: Item, key: str) -> str:
    role: str | None = entries.choice(*ROLES)(item, key)
    return role or "member"


@dataclass(frozen=True)
class Person:
    """One person, known by the address; `projects` is ``None`` for all of ``plane_projects``."""

    email: str = entry(lambda item, key: _ADDRESS(item, key).lower())
    role: str = entry(_role, "member")
    projects: tuple[str, ...] | None = entry(_projects, None)

    @property
    def role_number(self) -> int:
        """The role as Plane's number: 20, 15 or 5."""
        return ROLES[self.role]


def plane_people(values: Values, name: str) -> tuple[Person, ...]:
    """Every person; none of them is an agent."""
    listed = values.items(name, values.data.get(name))
    found = [entries.read_entry(Person, values, path, data) for path, data in listed]
    agents = {agent.email for agent in values.agents}
    for index, person in enumerate(found):
        if person.email in agents:
            values.refuse(f"{name}[{index}].email", person.email, "it is an agent's, in plane_agents")
    values.unique(name, "address", [person.email for person in found if person.email])
    return tuple(found)
