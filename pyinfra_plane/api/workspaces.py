"""Workspaces, their members, and invitations."""

from __future__ import annotations

from collections.abc import Iterable

from pyinfra_plane.api import paths
from pyinfra_plane.api.accounts import AccountsApi
from pyinfra_plane.api.auth import ApiKey, Session
from pyinfra_plane.api.errors import (
    PlaneRefused,
)
from pyinfra_plane.api.models import Invitation, Workspace, WorkspaceMember
from pyinfra_plane.api.projects import ProjectsApi
from pyinfra_plane.api.rows import listed


class WorkspacesApi(AccountsApi, ProjectsApi):
    """Requests about a workspace and its members."""

    # Workspaces

    def my_workspaces(self, session: Session) -> list[Workspace]:
        """The workspaces that the session's account is in."""
        return self.cached(
            ("workspaces", session.email),
            lambda: listed(
                self.http.call("GET", paths.MY_WORKSPACES(), headers=session.headers()),
                Workspace.of,
                "workspaces",
            ),
        )

    def create_workspace(self, session: Session, slug: str, name: str, size: str) -> None:
        """Create a workspace that the session's account owns."""
        self.http.call(
            "POST",
            paths.WORKSPACES(),
            headers=session.headers(),
            json={"name": name, "slug": slug, "organization_size": size},
        )
        self.forget("workspaces")
        self.forget_projects()

    def create_workspace_as_instance_admin(self, session: Session, slug: str, name: str, size: str) -> None:
        """Create a workspace that the instance admin owns, also if other accounts may not (every tried release)."""
        self.http.call(
            "POST",
            paths.INSTANCE_WORKSPACES(),
            headers=session.headers(),
            json={"name": name, "slug": slug, "organization_size": size},
        )
        self.forget("workspaces")
        self.forget_projects()

    def rename_workspace(self, session: Session, slug: str, name: str) -> None:
        """Give a workspace another name; the slug stays."""
        self.http.call("PATCH", paths.WORKSPACES.one(slug), headers=session.headers(), json={"name": name})
        self.forget("workspaces", "projects")

    # Members

    def members(self, slug: str, caller: ApiKey | Session) -> list[WorkspaceMember]:
        """The members of a workspace, including removed ones.

        To an API key of the Community Edition, removed members look like the others before the release in
        :data:`versions.LITE_LISTS`.
        """
        if isinstance(caller, Session):
            return self.cached(
                ("members", slug, "session"),
                lambda: listed(
                    self.http.call("GET", paths.MEMBERS(slug=slug), headers=caller.headers()),
                    WorkspaceMember.of_session,
                    "workspace members",
                ),
            )
        return self.cached(("members", slug, "key"), lambda: self._members_by_key(slug, caller))

    def _members_by_key(self, slug: str, key: ApiKey) -> list[WorkspaceMember]:
        if not self.instance().is_community or self.instance().has(paths.V1_MEMBERS_LITE.since):
            try:
                return self.pages(paths.V1_MEMBERS_LITE(slug=slug), {}, key, WorkspaceMember.of_lite)
            except PlaneRefused as error:
                if error.status != 404:  # the release that added the path is not known
                    raise
        answer = self.http.call("GET", paths.V1_MEMBERS(slug=slug), headers=key.headers())
        return listed(answer, WorkspaceMember.of_v1, "workspace members")

    def invite(self, slug: str, caller: ApiKey | Session, invited: Iterable[tuple[str, int]]) -> None:
        """Invite addresses, each with its role. Repeating an open invitation changes nothing."""
        invited = list(invited)
        if isinstance(caller, Session):
            self.http.call(
                "POST",
                paths.INVITATIONS(slug=slug),
                headers=caller.headers(),
                json={"emails": [{"email": email, "role": role} for email, role in invited]},
            )
        else:
            for email, role in invited:
                self._invite_with_key(slug, caller, email, role)
        self.forget("invitations")

    def _invite_with_key(self, slug: str, key: ApiKey, email: str, role: int) -> None:
        try:
            self.http.call(
                "POST",
                paths.V1_INVITATIONS(slug=slug),
                headers=key.headers(),
                json={"email": email, "role": role},
            )
        except PlaneRefused as error:
            # v1 refuses to repeat an open invitation, which is already the desired state (Plane 1.2.2).
            if error.status != 400 or "already invited" not in error.detail:
                raise

    def invitations(self, slug: str, caller: ApiKey | Session) -> dict[str, Invitation]:
        """The open invitations of a workspace by address.

        An invitation with capitals, as v1 stores them, matches no account, and another can exist besides it (every
        tried release).
        """
        path = paths.INVITATIONS if isinstance(caller, Session) else paths.V1_INVITATIONS
        found = self.cached(
            ("invitations", slug),
            lambda: listed(
                self.http.call("GET", path(slug=slug), headers=caller.headers()),
                Invitation.of,
                "invitations",
            ),
        )
        return {invitation.email: invitation for invitation in found}

    def change_invitation(self, slug: str, caller: ApiKey | Session, invitation: Invitation, role: int) -> None:
        """Give an open invitation another role."""
        path = paths.INVITATIONS if isinstance(caller, Session) else paths.V1_INVITATIONS
        self.http.call("PATCH", path.one(invitation.id, slug=slug), headers=caller.headers(), json={"role": role})
        self.forget("invitations")

    def withdraw(self, slug: str, caller: ApiKey | Session, invitation: Invitation) -> None:
        """Delete an open invitation, so that nobody can join with it."""
        path = paths.INVITATIONS if isinstance(caller, Session) else paths.V1_INVITATIONS
        self.remove(
            f"the invitation of {invitation.email}",
            path.one(invitation.id, slug=slug),
            caller,
            ("invitations",),
            lambda: invitation.email in self.invitations(slug, caller),
        )

    def join(self, session: Session, invitation: Invitation, keys: Iterable[ApiKey] | None = None) -> None:
        """Accept an invitation as the invited account.

        Args:
            keys: the keys of the session's account, as for :meth:`put_project_members`.
        """
        self.http.call(
            "POST",
            paths.MY_INVITATIONS(),
            headers=session.headers(),
            json={"invitations": [invitation.id]},
        )
        self.forget("members", "workspaces")
        self.forget_projects(keys)

    def change_role(
        self, slug: str, session: Session, membership_id: str, role: int, keys: Iterable[ApiKey] | None = None
    ) -> None:
        """Change a member's role in the workspace. No account can change its own role.

        Args:
            keys: the member's keys, as for :meth:`put_project_members`.
        """
        self.http.call(
            "PATCH",
            paths.MEMBERS.one(membership_id, slug=slug),
            headers=session.headers(),
            json={"role": role},
        )
        self.forget("members", "workspaces")
        self.forget_projects(keys)

    def remove_member(self, slug: str, caller: ApiKey | Session, member: WorkspaceMember) -> None:
        """End a membership, and with it those in the workspace's projects. The member's work stays.

        A key may do this in the commercial editions.

        Args:
            member: the member, as the caller sees it.
        """
        is_session = isinstance(caller, Session)
        by = {} if is_session else {"method": "POST", "json": {"email": member.email}}
        self.remove(
            f"the member {member.email} of {slug}",
            paths.MEMBERS.one(member.membership_id or "", slug=slug)
            if is_session
            else paths.V1_REMOVE_MEMBER(slug=slug),
            caller,
            ("members", "project members", "projects", "memberships"),
            lambda: member.user_id in {one.user_id for one in self.members(slug, caller) if one.is_active},
            **by,
        )
