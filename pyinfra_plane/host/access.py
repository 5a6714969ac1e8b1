"""Who may do what in one workspace: keys that read it, keys and sessions that may change it."""

from __future__ import annotations

from collections.abc import Sequence

from pyinfra_plane.api.auth import ApiKey, Session
from pyinfra_plane.api.errors import PlaneForbidden, PlaneNobody
from pyinfra_plane.api.models import Invitation, Project, Workspace, WorkspaceMember
from pyinfra_plane.api.plane import NOT_A_MEMBER
from pyinfra_plane.host.workspace_keys import WorkspaceKeys
from pyinfra_plane.settings import ROLES


class Access(WorkspaceKeys):
    """One workspace of a host's Plane, and who may do what in it: by key, or by a session of an admin."""

    def invite(self, invited: Sequence[tuple[str, int]]) -> dict[str, Invitation]:
        """Invite addresses, each with its role, and give all open invitations.

        By the admin's key where there is one, since it needs no sign-in. Where its owner is no admin, by a session.
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
        """A session that may administer the workspace: the admin's, else that of an agent who is admin.

        Args:
            not_as: an address that will not do: nobody can change their own role.

        Raises:
            PlaneNobody: there is nobody to sign in as.
        """
        others = []
        for session in self.sessions.admins(not_as):
            if self.state.made_workspaces.get(self.slug) == session.email:
                return session
            mine = self.plane.my_workspaces(session)
            if any(seen.slug == self.slug and seen.role in (None, ROLES["admin"]) for seen in mine):
                return session
            others.append(session.email)
        self.refuse_admin_key()
        if others:
            raise PlaneNobody(
                f"{', '.join(others)} is not an admin of {self.slug}; make that account an admin in Plane (Workspace "
                "settings, Members), or set plane_admin_email and plane_admin_password of an admin"
            )
        raise PlaneNobody(
            "no workspace admin can sign in; set plane_admin_email and plane_admin_password"
            + (f" to another account than {not_as}" if not_as else "")
        )

    def maker_session(self) -> Session:
        """A session to make the workspace with.

        Raises:
            PlaneNobody: there is nobody to sign in as.
        """
        return next(self.sessions.admins(), None) or self.admin_session()

    def workspace_of_an_admin(self) -> Workspace | None:
        """The workspace, as the first is shown it who can sign in and is in it."""
        mine = (seen for session in self.sessions.admins() for seen in self.plane.my_workspaces(session))
        return next((seen for seen in mine if seen.slug == self.slug), None)

    def may_sign_in(self) -> bool:
        """Whether there is an account to administer the workspace with; asks without signing in."""
        admins = (agent for agent in self.state.agents if agent.role == "admin" and agent.password is not None)
        return self.settings.plane_admin_password is not None or any(
            isinstance(self.memberships(agent), dict) for agent in admins
        )

    def refuse_admin_key(self) -> None:
        """Say what is wrong with ``plane_admin_api_token``, if anything.

        Raises:
            PlaneNobody: its owner is not in the workspace, or no admin of it.
        """
        if self.settings.plane_admin_api_token is None:
            return
        if self.plane.look(self.slug, self._admin_key()) == NOT_A_MEMBER:
            raise PlaneNobody(
                f"the owner of the API token in plane_admin_api_token is not in the workspace {self.slug}, or that "
                "workspace does not exist; create the token as an admin of it, or set plane_admin_email and "
                "plane_admin_password"
            )
        if self._admin_key_is_low:
            raise PlaneNobody(
                f"the owner of the API token in plane_admin_api_token is not an admin of {self.slug}; make that "
                "account an admin in Plane (Workspace settings, Members), or set plane_admin_email and "
                "plane_admin_password of an admin"
            )

    def needed_members(self) -> list[WorkspaceMember]:
        """As :meth:`members`, by a session where no key is shown them.

        Raises:
            PlaneNobody: there is nobody to sign in as.
        """
        members = self.members()
        return self.plane.members(self.slug, self.admin_session()) if members is None else members

    def session_inside(self, project: Project) -> Session:
        """A session that may change the project: of an agent who is admin, else the workspace admin's.

        Raises:
            PlaneNobody: there is nobody to sign in as.
        """
        for key in self._managers():
            owner = self.tokens.owner_of(key)
            if owner is not None and owner.password is not None and self._is_inside(key, project):
                return self.sessions.of(owner)
        session = self.admin_session()
        self.plane.join_project(self.slug, session, project)
        return session
