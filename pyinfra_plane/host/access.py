"""Permissions in one workspace: keys that read it, and keys and sessions that may change it."""

from __future__ import annotations

from collections.abc import Sequence

from pyinfra_plane.api.auth import ApiKey, Session
from pyinfra_plane.api.errors import PlaneForbidden, PlaneNoAccess
from pyinfra_plane.api.models import Invitation, Project, Workspace, WorkspaceMember
from pyinfra_plane.api.plane import NOT_A_MEMBER
from pyinfra_plane.host.workspace_keys import WorkspaceKeys
from pyinfra_plane.settings import ROLES


class Access(WorkspaceKeys):
    """One workspace of a host's Plane, with the keys and admin sessions that may change it."""

    def invite(self, invited: Sequence[tuple[str, int]]) -> dict[str, Invitation]:
        """Invite addresses, each with its role, and return all open invitations.

        The admin's key invites if there is one, because it needs no sign-in. If its owner is not an admin, a session
        invites.
        """
        plane = self.plane
        caller: ApiKey | Session | None = None
        if self.settings.plane_admin_api_token is not None:
            caller = self._admin_key()
            try:
                plane.invite(self.slug, caller, invited)
                return plane.invitations(self.slug, caller)
            except PlaneForbidden:
                self._admin_key_is_low = True
        caller = self.admin_session()
        plane.invite(self.slug, caller, invited)
        return plane.invitations(self.slug, caller)

    def admin_session(self, not_as: str | None = None) -> Session:
        """Return a session that may administer the workspace: the admin's, otherwise an admin agent's.

        Args:
            not_as: an address to skip: no account can change its own role.

        Raises:
            PlaneNoAccess: no account can sign in.
        """
        others = []
        for session in self.sessions.admins(not_as):
            if self.state.created_workspaces.get(self.slug) == session.email:
                return session
            mine = self.plane.my_workspaces(session)
            if any(seen.slug == self.slug and seen.role in (None, ROLES["admin"]) for seen in mine):
                return session
            others.append(session.email)
        self.refuse_admin_key()
        if others:
            raise PlaneNoAccess(
                f"{', '.join(others)} is not an admin of {self.slug}; make that account an admin in Plane (Workspace "
                "settings, Members), or set plane_admin_email and plane_admin_password of an admin"
            )
        raise PlaneNoAccess(
            "no workspace admin can sign in; set plane_admin_email and plane_admin_password"
            + (f" to another account than {not_as}" if not_as else "")
        )

    def creator_session(self) -> Session:
        """Return a session that creates the workspace.

        Raises:
            PlaneNoAccess: no account can sign in.
        """
        return next(self.sessions.admins(), None) or self.admin_session()

    def workspace_of_an_admin(self) -> Workspace | None:
        """The workspace, from the first account that can sign in and is a member."""
        mine = (seen for session in self.sessions.admins() for seen in self.plane.my_workspaces(session))
        return next((seen for seen in mine if seen.slug == self.slug), None)

    def has_admin_account(self) -> bool:
        """Whether an account to administer the workspace exists. Does not sign in."""
        admins = (agent for agent in self.state.agents if agent.role == "admin" and agent.password is not None)
        return self.settings.plane_admin_password is not None or any(
            isinstance(self.memberships(agent), dict) for agent in admins
        )

    def refuse_admin_key(self) -> None:
        """Refuse a ``plane_admin_api_token`` that is not an admin's.

        Raises:
            PlaneNoAccess: its owner is not a member of the workspace, or not an admin of it.
        """
        if self.settings.plane_admin_api_token is None:
            return
        if self.plane.visible_projects(self.slug, self._admin_key()) == NOT_A_MEMBER:
            raise PlaneNoAccess(
                f"the owner of the API token in plane_admin_api_token is not in the workspace {self.slug}, or that "
                "workspace does not exist; create the token as an admin of it, or set plane_admin_email and "
                "plane_admin_password"
            )
        if self._admin_key_is_low:
            raise PlaneNoAccess(
                f"the owner of the API token in plane_admin_api_token is not an admin of {self.slug}; make that "
                "account an admin in Plane (Workspace settings, Members), or set plane_admin_email and "
                "plane_admin_password of an admin"
            )

    def require_members(self) -> list[WorkspaceMember]:
        """The members as in :meth:`members`, by a session if no key can list them.

        Raises:
            PlaneNoAccess: no account can sign in.
        """
        members = self.members()
        return self.plane.members(self.slug, self.admin_session()) if members is None else members

    def project_admin(self, project: Project) -> ApiKey | Session:
        """A session that can change the project; an API key if there is no account to sign in as.

        A session puts several accounts into a project at once, changes roles, and brings removed members back; a key
        can do none of that.
        """
        try:
            return self.project_admin_session(project)
        except PlaneNoAccess:
            return self.project_admin_key(project)

    def project_admin_session(self, project: Project) -> Session:
        """Return a session that may change the project: an admin agent's, otherwise the workspace admin's.

        Raises:
            PlaneNoAccess: no account can sign in.
        """
        for key in self._managers():
            owner = self.tokens.owner_of(key)
            if owner is not None and owner.password is not None and self._ensure_member(key, project):
                return self.sessions.of(owner)
        session = self.admin_session()
        self.plane.join_project(self.slug, session, project)
        return session
