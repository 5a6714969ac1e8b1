"""The API keys of one workspace: those that read it, and those that may change it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from pyinfra_plane.api.auth import ApiKey
from pyinfra_plane.api.errors import PlaneForbidden, PlaneSettings
from pyinfra_plane.api.models import Project, WorkspaceMember
from pyinfra_plane.api.plane import KEY_INVALID, NOT_A_MEMBER, NoAccess, Plane, Projects
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
        """Keys to which Plane does not show the members of the workspace."""
        self._admin_key_is_low = False
        """Whether Plane refused a request that it allows to an admin's key."""

    @property
    def plane(self) -> Plane:
        """Plane as this host reaches it."""
        return self.reach.plane()

    def refuse_other_workspace(self, agents: Iterable[Agent]) -> None:
        """Refuse a token file that belongs to another workspace.

        Raises:
            PlaneSettings: a saved token belongs to another account than the agent's, which is not in the workspace.
        """
        is_seen = self.reader() is not None
        for agent in agents:
            key, owner = self.tokens.saved_key(agent), self.tokens.file().note(agent.token_variable).owner
            if key is None or owner == agent.email or (owner is None and is_seen):
                continue
            if self.plane.memberships(self.slug, key) != NOT_A_MEMBER:
                continue
            self.tokens.ask_owners([agent])
            if (other := self.tokens.mismatched_owner(agent)) is not None:
                path = self.tokens.file().path
                raise PlaneSettings(
                    f"{agent.token_variable} in {path} is the token of {other}, an account that is not in {self.slug}; "
                    "set plane_tokens_path to a separate file for each workspace, or remove that line"
                )

    def memberships(self, agent: Agent) -> Projects | NoAccess | None:
        """The projects that the agent's saved token is a member of; ``None`` without a saved token."""
        key = self.tokens.key_of(agent)
        return self.plane.memberships(self.slug, key) if key else None

    def prefetch_projects(self, agents: Iterable[Agent]) -> None:
        """Read the projects that the agents' saved tokens see, several at the same time."""
        self.plane.prefetch_projects(
            self.slug, [key for agent in agents if (key := self.tokens.key_of(agent)) is not None]
        )

    def reader(self) -> ApiKey | None:
        """A key that can read the workspace: the admin's, otherwise a saved one, admins' first."""
        return next(self._readers(), None)

    def _readers(self) -> Iterator[ApiKey]:
        """Yield keys that can read the workspace, with those of known guests last."""
        agents = self._admins_first()
        mismatched = [agent for agent in agents if self.tokens.mismatched_owner(agent)]
        others = (key for agent in mismatched if (key := self.tokens.saved_key(agent)) is not None)
        keys = sorted((*self._keys(agents), *others), key=lambda key: key.value in self._guests)
        # The first request of a stage includes the workspace's name.
        return (key for key in keys if self._sees(key, True))

    def members(self) -> list[WorkspaceMember] | None:
        """The members of the workspace, from the first key that can list them; ``None`` without such a key.

        A guest's key cannot (every tried release).
        """
        for key in self._readers():
            try:
                return self.plane.members(self.slug, key)
            except PlaneForbidden:
                self._guests.add(key.value)
        return None

    def manager(self) -> ApiKey | None:
        """A key that can create projects in the workspace: the admin's, otherwise an admin agent's."""
        return next(self._managers(), None)

    def _managers(self) -> Iterator[ApiKey]:
        admins = [agent for agent in self.state.agents if agent.role == "admin"]
        return (key for key in self._keys(admins) if self._sees(key))

    def projects(self) -> Projects | None:
        """The workspace's projects, from a key that may change them, otherwise from any key that works."""
        key = self.manager() or self.reader()
        projects = self.plane.visible_projects(self.slug, key) if key else None
        return projects if isinstance(projects, dict) else None

    def require_manager(self) -> ApiKey:
        """Return :meth:`manager`.

        Raises:
            PlaneSettings: there is none.
        """
        key = self.manager()
        if key is None:
            raise PlaneSettings(
                f"no admin of {self.slug} has a token that works; run plane.api_tokens for an agent with the role "
                "admin (the whole deploy does), or set plane_admin_api_token"
            )
        return key

    def project_admin_key(self, project: Project) -> ApiKey:
        """Return a key that may change the project. If necessary, its account joins the project first.

        A workspace admin may change a project only as a member of it, and may join it (every tried release).

        Raises:
            PlaneSettings: there is none.
        """
        self.require_manager()
        for key in self._managers():
            if self._ensure_member(key, project):
                return key
        raise PlaneSettings(
            f"the deploy has no API token of an admin of {self.slug} in the project {project.identifier}; add such an "
            "admin to the project in Plane (Project settings, Members), or set the password of an admin agent so that "
            "it can join"
        )

    def _ensure_member(self, key: ApiKey, project: Project) -> bool:
        """Whether the key's account is in the project. An agent's account joins it if it is not."""
        projects = self.plane.visible_projects(self.slug, key)
        own = projects.get(project.identifier.upper()) if isinstance(projects, dict) else None
        if own is not None and own.is_member:
            return True
        owner = self.tokens.owner_of(key)
        if owner is None or owner.password is None:
            return False
        self.plane.join_project(self.slug, self.sessions.of(owner), project, self.tokens.keys_of([owner]))
        self.state.created_accounts.pop(owner.email, None)
        self.state.joined_projects.add((project.identifier.upper(), owner.email))
        return True

    def project_reader_key(self, project: Project) -> ApiKey | None:
        """A key whose account is in the project, admins' first: only members see states, labels and fields."""
        for key in self._keys(self._admins_first()):
            projects = self.plane.visible_projects(self.slug, key)
            own = projects.get(project.identifier.upper()) if isinstance(projects, dict) else None
            if own is not None and own.is_member:
                return key
        return None

    def _sees(self, key: ApiKey, with_workspace: bool = False) -> bool:
        return isinstance(self.plane.visible_projects(self.slug, key, with_workspace), dict)

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
        if self.plane.visible_projects(self.settings.plane_workspace_slug, key, with_workspace=True) == KEY_INVALID:
            raise PlaneSettings(
                f"{self.plane.http.base_url} does not accept the API token in plane_admin_api_token (wrong, revoked or "
                "expired); create one in Plane under Profile settings, Personal access tokens"
            )
        return key

    def _admins_first(self) -> list[Agent]:
        return sorted(self.state.agents, key=lambda agent: -ROLES[agent.role])
