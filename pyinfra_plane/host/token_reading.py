"""The owners of the saved tokens, and whether the tokens work, as plain data without their values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pyinfra_plane.api.auth import ApiKey
from pyinfra_plane.api.plane import KEY_INVALID, Plane, Projects
from pyinfra_plane.dataclass import dataclass
from pyinfra_plane.host.host_plane import HostPlane
from pyinfra_plane.settings import Agent, token_variable

_PREFIX = token_variable("")


@dataclass(frozen=True)
class SavedToken:
    """A token in the token file.

    Args:
        variable: the name of its line.
        key: the token.
        agent: the agent whose line it is, by the settings.
        owner: the address of its account, from Plane; ``None`` if the token does not work.
        is_noted: whether the file notes its owner.
    """

    variable: str
    key: ApiKey
    agent: Agent | None
    owner: str | None
    is_noted: bool

    @property
    def name(self) -> str:
        """The agent's name: from the settings, otherwise from its address or its line."""
        local = (self.owner or "").partition("@")[0]
        if self.agent is not None:
            return self.agent.name
        return local if token_variable(local) == self.variable else self.variable.removeprefix(_PREFIX).lower()


class TokenReading:
    """The tokens that are known on the host: the admin's, and those in the token file.

    Args:
        here: the host's Plane.
        slug: the workspace in which they are tried.
    """

    def __init__(self, here: HostPlane, slug: str) -> None:
        self.here = here
        self.slug = slug
        self._saved: list[SavedToken] | None = None

    @property
    def plane(self) -> Plane:
        """Plane as the host reaches it."""
        return self.here.plane

    def saved(self) -> list[SavedToken]:
        """The tokens in the token file, each with its owner."""
        if self._saved is None:
            file = self.here.tokens.file()
            agents = {agent.token_variable: agent for agent in self.here.settings.plane_agents}
            self._saved = [
                SavedToken(
                    variable, key, agents.get(variable), self.plane.owner(key), file.note(variable).owner is not None
                )
                for variable, value in file.tokens.items()
                if variable.startswith(_PREFIX) and (key := ApiKey(value)).value
            ]
        return self._saved

    def states(self) -> dict[str, dict[str, Any]]:
        """The state of each agent's token, by the agent's name; also of lines with other names in the token file."""
        saved = {one.variable: one for one in self.saved()}
        self.plane.prefetch_projects(self.slug, [one.key for one in saved.values()])
        found = {
            agent.name: self._token(agent, agent.token_variable, saved.pop(agent.token_variable, None))
            for agent in self.here.settings.plane_agents
        }
        found |= {one.name: self._token(None, one.variable, one) for one in saved.values()}
        return dict(sorted(found.items()))

    def _token(self, agent: Agent | None, variable: str, saved: SavedToken | None) -> dict[str, Any]:
        note = self.here.tokens.file().note(variable)
        return {
            "label": None if agent is None else agent.token_label,
            "variable": variable,
            "account": None if agent is None else agent.email,
            "saved": saved is not None,
            "answers": None if saved is None else saved.owner is not None,
            "owner": None if saved is None else saved.owner,
            "in_workspace": None if saved is None else isinstance(self.visible_projects(saved.key), dict),
            "ends": note.ends.isoformat() if note.ends and saved is not None else None,
        }

    def visible_projects(self, key: ApiKey) -> Projects | None:
        """The projects of the workspace that a key sees; ``None`` if it does not see the workspace."""
        seen = self.plane.memberships(self.slug, key)
        return seen if isinstance(seen, dict) else None

    def reading_keys(self) -> Iterator[ApiKey]:
        """Yield the keys that see the workspace: the admin's, then the saved ones.

        Raises:
            PlaneSettings: the admin's key does not work.
        """
        admin = self.here.settings.plane_admin_api_token
        candidates = [one.key for one in self.saved() if one.owner is not None]
        if admin is not None:
            candidates.insert(0, ApiKey(admin.unmask()))
            if self.plane.visible_projects(self.slug, candidates[0], with_workspace=True) == KEY_INVALID:
                self.here.workspace(self.slug).reader()  # which raises an error that says what is wrong with it
        for key in candidates:
            # The first request of a stage includes the workspace's name.
            if isinstance(self.plane.visible_projects(self.slug, key, with_workspace=True), dict):
                yield key
