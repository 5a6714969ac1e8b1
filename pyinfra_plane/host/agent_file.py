"""The file for one agent: its own token, and its workspace and projects in Plane."""

from __future__ import annotations

import json
import posixpath
import secrets
from collections.abc import Mapping, Sequence

from pyinfra_plane.dataclass import dataclass
from pyinfra_plane.engine.env_file import variables
from pyinfra_plane.host.access import Access
from pyinfra_plane.settings import Agent

FILE_MODE = "600"

FOLDER_MODE = "711"
"""Each agent's user can open its own file by name, but cannot list the folder."""

ENDINGS = {"env": ".env", "json": ".json"}
"""The files' endings, by format."""

API_KEY, BASE_URL, SLUG = "PLANE_API_KEY", "PLANE_BASE_URL", "PLANE_WORKSPACE_SLUG"
"""The variables that plane-mcp-server (0.2.9 and 0.3.5) reads. It appends ``/api/v1`` to the address, as plane-sdk 0.3
does."""


@dataclass(frozen=True)
class AgentFile:
    """The path and format of an agent's file.

    Args:
        kind: ``env`` or ``json``.
    """

    directory: str
    kind: str
    agent: Agent

    @property
    def name(self) -> str:
        """The file's name in its folder."""
        return f"{self.agent.name}{ENDINGS[self.kind]}"

    @property
    def path(self) -> str:
        """The file's path."""
        return posixpath.join(self.directory, self.name)

    def text(self, values: Mapping[str, str]) -> str:
        """The file's full text."""
        if self.kind == "json":
            return json.dumps(values, indent=2) + "\n"
        head = f"# Plane, for {self.agent.name}. The deploy overwrites this file."
        return "\n".join([head, *(f"{name}={value}" for name, value in values.items()), ""])


def values_in(name: str, text: str) -> dict[str, str]:
    """The variables of an agent's file, parsed by the ending of its name; empty if the file cannot be parsed."""
    if not name.endswith(ENDINGS["json"]):
        return variables(text)
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return {key: value for key, value in found.items() if isinstance(value, str)} if isinstance(found, dict) else {}


def values_for(
    at: Access, agent: Agent, identifiers: Sequence[str], is_due: bool, present: Mapping[str, str]
) -> dict[str, str]:
    """The values of an agent's file.

    Args:
        identifiers: the projects that the agent is in.
        is_due: whether the agent will get another token; its value is then a placeholder.
        present: the file's current values, used for values that a preview cannot read.
    """
    key = None if is_due else at.tokens.key_of(agent)
    token = _unknown() if key is None else key.value
    projects = at.projects()
    ids = {}
    for identifier in identifiers:
        variable = f"PLANE_PROJECT_{identifier}"
        if projects is None:
            ids[variable] = present.get(variable, _unknown())
        else:
            ids[variable] = projects[identifier].id if identifier in projects else _unknown()
    address = at.settings.plane_agent_base_url or at.settings.plane_web_url
    return {API_KEY: token, BASE_URL: address, SLUG: at.slug, agent.token_variable: token, **ids}


def _unknown() -> str:
    """Return a placeholder for a value that only a run will know. It equals no other value."""
    return secrets.token_hex(8)
