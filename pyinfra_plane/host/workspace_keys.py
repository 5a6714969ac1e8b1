"""The API keys of one workspace: which of them read it, and which may change it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from pyinfra_plane.api.auth import ApiKey
from pyinfra_plane.api.errors import PlaneForbidden, PlaneSettings
from pyinfra_plane.api.models import Project, WorkspaceMember
from pyinfra_plane.api.plane import KEY_INVALID, NOT_A_MEMBER, Plane, Projects, Unseen
from pyinfra_plane.settings import ROLES, Agent

if TYPE_CHECKING:
    from pyinfra_plane.host.host_plane import HostPlane


class WorkspaceKeys:
    """One workspace of a host's Plane, and the API keys that read it or may change it."""

    def __init__(self, here: HostPlane, slug: str) -> None:
        self.slug = slug
        self.host = here.host
        self.settings = here.settings
        self.state = here.state
        self.reach = here.reach
        self.tokens = here.tokens
        self.sessions = here.sessions
        self.known = here.known
        self._guests: set[str] = set()
        """Keys that are not shown the members of the workspace."""
        self._admin_key_is_low = False
        """Whether Plane refused what it lets an admin's key do."""

    @property
    def plane(self) -> Plane:
        """Plane as this host reaches it."""
        return self.reach.plane()

    def refuse_other_workspace(self, agents: Iterable[Agent]) -> None:
        """See to it that the token file is not another workspace's.

        Raises:
            PlaneSettings: a saved token is of another account than the agent's, and that one is not in the workspace.
        """
        is_seen = self.reader() is not None
        for agent in agents:
            key, owner = self.tokens.key_in_line(agent), self.tokens.file().note(agent.token_variable).owner
            if key is None or owner == agent.email or (owner is None and is_seen):
                continue
            if self.plane.memberships(self.slug, key) != NOT_A_MEMBER:
                continue
            self.tokens.ask_owners([agent])
            if (other := self.tokens.other_owner(agent)) is not None:
                path = self.tokens.file().path
                raise PlaneSettings(
                    f"{agent.token_variable} in {path} is the token of {other}, an account that is not in {self.slug}; "
                    "set plane_tokens_path to a separate file for each workspace, or remove that line"
                )

    def memberships(self, agent: Agent) -> Projects | Unseen | None:
        """What the agent's saved token sees that it is in; ``None`` without a saved token."""
        key = self.tokens.key_of(agent)
        return self.plane.memberships(self.slug, key) if key else None

    def look_ahead(self, agents: Iterable[Agent]) -> None:
        """Have what the agents' saved tokens see asked for, several at the same time."""
        self.plane.look_ahead(self.slug, [key for agent in agents if (key := self.tokens.key_of(agent)) is not None])

    def reader(self) -> ApiKey | None:
        """A key that can read the workspace: the admin's, else a saved one, admins' first."""
        return next(self._readers(), None)

    def _readers(self) -> Iterator[ApiKey]:
        """Keys that can read the workspace, those of guests behind the others as soon as they are known for it."""
        agents = self._admins_first()
        strangers = [agent for agent in agents if self.tokens.other_owner(agent)]
        others = (key for agent in strangers if (key := self.tokens.key_in_line(agent)) is not None)
        keys = sorted((*self._keys(agents), *others), key=lambda key: key.value in self._guests)
        # The first look of a stage brings the workspace's name along.
        return (key for key in keys if self._sees(key, True))

    def members(self) -> list[WorkspaceMember] | None:
        """The members of the workspace, as the first key is shown them; ``None`` without one that is.

        A guest's is not (every tried release).
        """
        for key in self._readers():
            try:
                return self.plane.members(self.slug, key)
            except PlaneForbidden:
                self._guests.add(key.value)
        return None

    def manager(self) -> ApiKey | None:
        """A key that can make projects in the workspace: the admin's, else that of an agent who is admin."""
        return next(self._managers(), None)

    def _managers(self) -> Iterator[ApiKey]:
        admins = [agent for agent in self.state.agents if agent.role == "admin"]
        return (key for key in self._keys(admins) if self._sees(key))

    def projects(self) -> Projects | None:
        """The workspace's projects: as one who may change them sees them, else as anybody whose token answers."""
        key = self.manager() or self.reader()
        projects = self.plane.look(self.slug, key) if key else None
        return projects if isinstance(projects, dict) else None

    def needed_manager(self) -> ApiKey:
        """As :meth:`manager`.

        Raises:
            PlaneSettings: there is none.
        """
        key = self.manager()
        if key is None:
            raise PlaneSettings(
                f"no token of an admin of {self.slug} answers; run plane.api_tokens for an agent with the role admin "
                "(the whole deploy does), or set plane_admin_api_token"
            )
        return key

    def key_inside(self, project: Project) -> ApiKey:
        """A key that may change the project, its account put into it first where need be.

        A workspace admin may change a project only from within, and may enter it (every tried release).

        Raises:
            PlaneSettings: there is none.
        """
        self.needed_manager()
        for key in self._managers():
            if self._is_inside(key, project):
                return key
        raise PlaneSettings(
            f"the deploy has no API token of an admin of {self.slug} in the project {project.identifier}; add such an "
            "admin to the project in Plane (Project settings, Members), or set the password of an admin agent so that "
            "it can join"
        )

    def _is_inside(self, key: ApiKey, project: Project) -> bool:
        """Whether the key's account is in the project, which an agent's joins where it is not."""
        projects = self.plane.look(self.slug, key)
        own = projects.get(project.identifier.upper()) if isinstance(projects, dict) else None
        if own is not None and own.is_member:
            return True
        owner = self.tokens.owner_of(key)
        if owner is None or owner.password is None:
            return False
        self.plane.join_project(self.slug, self.sessions.of(owner), project, self.tokens.keys_of([owner]))
        self.state.made_accounts.pop(owner.email, None)
        self.state.entered.add((project.identifier.upper(), owner.email))
        return True

    def reader_inside(self, project: Project) -> ApiKey | None:
        """A key whose account is in the project, admins' first: states, labels and fields are shown to no other."""
        for key in self._keys(self._admins_first()):
            projects = self.plane.look(self.slug, key)
            own = projects.get(project.identifier.upper()) if isinstance(projects, dict) else None
            if own is not None and own.is_member:
                return key
        return None

    def _sees(self, key: ApiKey, with_workspace: bool = False) -> bool:
        return isinstance(self.plane.look(self.slug, key, with_workspace), dict)

    def _keys(self, agents: list[Agent]) -> Iterator[ApiKey]:
        if self.settings.plane_admin_api_token is not None:
            yield self._admin_key()
        for agent in agents:
            key = self.tokens.key_of(agent)
            if key is not None:
                yield key

    def _admin_key(self) -> ApiKey:
        assert self.settings.plane_admin_api_token is not None
        key = ApiKey(self.settings.plane_admin_api_token.unmask())
        if self.plane.look(self.settings.plane_workspace_slug, key, with_workspace=True) == KEY_INVALID:
            raise PlaneSettings(
                f"{self.plane.http.base_url} does not accept the API token in plane_admin_api_token (wrong, revoked or "
                "expired); create one in Plane under Profile settings, Personal access tokens"
            )
        return key

    def _admins_first(self) -> list[Agent]:
        return sorted(self.state.agents, key=lambda agent: -ROLES[agent.role])
