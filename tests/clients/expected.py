"""What a deploy was asked for: the settings as a person writes them, so that nothing of the deploy's reads them."""

from __future__ import annotations

import runpy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

DEFAULTS = Path(__file__).parent.parent.parent / "group_data/all.py"


@dataclass(frozen=True)
class Expected:
    """The workspace, who is to be in it, and its projects."""

    slug: str
    agents: Sequence[Mapping[str, Any]]
    projects: Sequence[Mapping[str, Any]]

    @classmethod
    def of(cls, data: Mapping[str, Any] | None = None) -> Expected:
        """The settings' defaults, with what a host's data has instead."""
        settings = runpy.run_path(str(DEFAULTS)) | dict(data or {})
        agents = [agent for agent in settings["plane_agents"] if agent.get("present", True)]
        return cls(settings["plane_workspace_slug"], agents, settings["plane_projects"])

    def email(self, agent: Mapping[str, Any]) -> str:
        """An agent's address."""
        return str(agent.get("email") or f"{agent['name']}@{self.slug}.local")

    @property
    def admin(self) -> str:
        """The name of an agent that may read everything."""
        return next(str(agent["name"]) for agent in self.agents if agent.get("role") == "admin")


def is_commercial(url: str) -> bool:
    """Whether the edition has custom fields."""
    instance = requests.get(f"{url}/api/instances/", timeout=30).json()["instance"]
    return bool(instance["edition"] != "PLANE_COMMUNITY")
