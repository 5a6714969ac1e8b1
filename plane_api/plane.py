"""One Plane: every read kept until something is written, every write by the name of what it makes.

Reads and writes follow ``/api/v1/`` where an API key may do it, and the app's own paths where only a session may.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from plane_api.auth import ApiKey, Forms, Session
from plane_api.errors import (
    PlaneBadAnswer,
    PlaneError,
    PlaneForbidden,
    PlaneFormRefused,
    PlaneKeyInvalid,
    PlaneRefused,
    PlaneSettings,
)
from plane_api.http import Http
from plane_api.models import (
    Instance,
    Invitation,
    Project,
    Token,
    WorkItemProperty,
    WorkItemType,
    Workspace,
    WorkspaceMember,
    listed,
)

T = TypeVar("T")

Projects = dict[str, Project]
"""Projects by upper-case identifier."""

LONGEST_LIST = 1000
"""Pages. Plane gives up to 1,000 items on each (1.2.2 and 1.3.1)."""

_PROJECT_FIELDS = "id,name,identifier,description,archived_at,is_member,member_role,is_issue_type_enabled"

KEY_INVALID = "key invalid"
NOT_A_MEMBER = "not a member"


class Plane:
    """Plane's API at one address.

    Args:
        http: carries the requests.
    """

    def __init__(self, http: Http) -> None:
        self.http = http
        self._forms = Forms(http)
        self._sessions: dict[str, Session] = {}
        self._kept: dict[tuple[str, ...], Any] = {}

    # Reads are kept

    def _keep(self, key: tuple[str, ...], read: Callable[[], T]) -> T:
        if key not in self._kept:
            self._kept[key] = read()
        value: T = self._kept[key]
        return value

    def forget(self, *kinds: str) -> None:
        """Drop what was read, of the given kinds or all of it. Signed-in sessions stay."""
        self._kept = {key: value for key, value in self._kept.items() if kinds and key[0] not in kinds}

    # Instance

    def health(self) -> str | None:
        """``None`` when Plane answers ``GET /`` as it should, else what came instead. Never throttled by Plane.

        Raises:
            PlaneSettings: waiting would not help.
        """
        try:
            answer = self.http.call("GET", "/", attempts=1)
        except PlaneSettings:
            raise
        except PlaneError as error:
            return str(error)
        if isinstance(answer, dict) and answer.get("status") == "OK":
            return None
        return f"GET {self.http.base_url}/: not the answer of Plane's API"

    def instance(self) -> Instance:
        """Edition, version, whether the instance is set up. Needs no login."""
        return self._keep(("instance",), lambda: Instance.of(self.http.call("GET", "/api/instances/")))

    def set_up_instance(
        self, email: str, password: str, first_name: str, last_name: str = "", company_name: str = ""
    ) -> None:
        """Make the instance admin of a fresh instance; the account can sign in and own workspaces.

        Raises:
            PlaneFormRefused: ``ADMIN_ALREADY_EXIST``, ``PASSWORD_TOO_WEAK``, ``INVALID_ADMIN_EMAIL``, ….
        """
        self._forms.submit(
            "/api/instances/admins/sign-up/",
            {
                "email": email,
                "password": password,
                "first_name": first_name,
                "last_name": last_name,
                "company_name": company_name,
                "is_telemetry_enabled": "False",
            },
            f"set the instance up with {email}",
        )
        self._kept[("instance",)] = replace(self.instance(), is_setup_done=True)

    # Accounts

    def is_signed_in(self, email: str) -> bool:
        """Whether this run has a session of the account."""
        return email.lower() in self._sessions

    def sign_in(self, email: str, password: str, setting: str) -> Session:
        """A session of an account that exists; one for each account and run, since Plane hashes the password each time.

        Args:
            setting: the setting that holds the password, for the message when it is wrong.

        Raises:
            PlaneSettings: the password is wrong, or there is no such account.
        """
        email = email.lower()
        if email not in self._sessions:
            try:
                self._sessions[email] = self._forms.session("/auth/sign-in/", email, password, f"sign in as {email}")
            except PlaneFormRefused as error:
                raise PlaneSettings(f"{error}; check {setting}") from error
        return self._sessions[email]

    def sign_up(self, email: str, password: str) -> Session:
        """Make an account and keep its session.

        Raises:
            PlaneFormRefused: ``USER_ALREADY_EXIST``, ``PASSWORD_TOO_WEAK``, ``SIGNUP_DISABLED``, ….
        """
        email = email.lower()
        self._sessions[email] = self._forms.session("/auth/sign-up/", email, password, f"make the account {email}")
        return self._sessions[email]

    def finish_onboarding(self, session: Session) -> None:
        """Spare a person the wizard that Plane shows at the first sign-in."""
        self.http.call("PATCH", "/api/users/me/onboard/", headers=session.headers(), json={"is_onboarded": True})

    def change_profile(self, session: Session, **fields: str) -> None:
        """Set `display_name`, `first_name` or `last_name` of the session's own account."""
        self.http.call("PATCH", "/api/users/me/", headers=session.headers(), json=fields)
        self.forget("members")

    # Workspaces

    def my_workspaces(self, session: Session) -> list[Workspace]:
        """The workspaces that the session's account is in."""
        return self._keep(
            ("workspaces", session.email),
            lambda: listed(
                self.http.call("GET", "/api/users/me/workspaces/", headers=session.headers()),
                Workspace.of,
                "workspaces",
            ),
        )

    def create_workspace(self, session: Session, slug: str, name: str, size: str) -> None:
        """Make a workspace that the session's account owns."""
        self.http.call(
            "POST",
            "/api/workspaces/",
            headers=session.headers(),
            json={"name": name, "slug": slug, "organization_size": size},
        )
        self.forget("workspaces", "projects")

    def rename_workspace(self, session: Session, slug: str, name: str) -> None:
        """Give a workspace another name; the slug stays."""
        self.http.call("PATCH", f"/api/workspaces/{_path(slug)}/", headers=session.headers(), json={"name": name})
        self.forget("workspaces", "projects")

    # Members

    def members(self, slug: str, caller: ApiKey | Session) -> list[WorkspaceMember]:
        """The members of a workspace. With an API key, removed ones are among them and look like the others."""
        if isinstance(caller, Session):
            return self._keep(
                ("members", slug, "session"),
                lambda: listed(
                    self.http.call("GET", f"/api/workspaces/{_path(slug)}/members/", headers=caller.headers()),
                    WorkspaceMember.of_session,
                    "workspace members",
                ),
            )
        return self._keep(
            ("members", slug, "key"),
            lambda: listed(
                self.http.call("GET", f"/api/v1/workspaces/{_path(slug)}/members/", headers=caller.headers()),
                WorkspaceMember.of_v1,
                "workspace members",
            ),
        )

    def invite(self, slug: str, caller: ApiKey | Session, invited: Iterable[tuple[str, int]]) -> None:
        """Invite addresses, each with its role. Repeating an open invitation changes nothing."""
        invited = list(invited)
        if isinstance(caller, Session):
            self.http.call(
                "POST",
                f"/api/workspaces/{_path(slug)}/invitations/",
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
                f"/api/v1/workspaces/{_path(slug)}/invitations/",
                headers=key.headers(),
                json={"email": email, "role": role},
            )
        except PlaneRefused as error:
            # v1 refuses to repeat an open invitation, which is what was asked for (Plane 1.2.2).
            if error.status != 400 or "already invited" not in error.detail:
                raise

    def invitations(self, slug: str, caller: ApiKey | Session) -> dict[str, Invitation]:
        """The open invitations of a workspace by address."""
        version = "" if isinstance(caller, Session) else "v1/"
        found = self._keep(
            ("invitations", slug),
            lambda: listed(
                self.http.call("GET", f"/api/{version}workspaces/{_path(slug)}/invitations/", headers=caller.headers()),
                Invitation.of,
                "invitations",
            ),
        )
        return {invitation.email: invitation for invitation in found}

    def join(self, session: Session, invitation: Invitation) -> None:
        """Accept an invitation as the invited account."""
        self.http.call(
            "POST",
            "/api/users/me/workspaces/invitations/",
            headers=session.headers(),
            json={"invitations": [invitation.id]},
        )
        self.forget("members", "projects")

    def change_role(self, slug: str, session: Session, membership_id: str, role: int) -> None:
        """Give a member another role in the workspace. Nobody can change their own."""
        self.http.call(
            "PATCH",
            f"/api/workspaces/{_path(slug)}/members/{_path(membership_id)}/",
            headers=session.headers(),
            json={"role": role},
        )
        self.forget("members", "projects")

    def remove_member(self, slug: str, session: Session, membership_id: str) -> None:
        """End a membership, and with it those in the workspace's projects. What the member made stays."""
        self.http.call(
            "DELETE", f"/api/workspaces/{_path(slug)}/members/{_path(membership_id)}/", headers=session.headers()
        )
        self.forget("members", "projects")

    # API tokens

    def owner(self, key: ApiKey) -> str | None:
        """The address of the account that a key belongs to; ``None`` when the key does not answer."""
        if not key.is_well_formed:
            return None
        try:
            answer = self.http.call("GET", "/api/v1/users/me/", headers=key.headers())
        except PlaneRefused as error:
            if error.status in (401, 403):
                return None
            raise
        email = answer.get("email") if isinstance(answer, dict) else None
        return email.lower() if isinstance(email, str) else None

    def tokens(self, session: Session) -> list[Token]:
        """The session's own tokens, without their values."""
        return listed(
            self.http.call("GET", "/api/users/api-tokens/", headers=session.headers()), Token.of, "API tokens"
        )

    def create_token(
        self, session: Session, label: str, description: str, ends: date | None = None
    ) -> tuple[ApiKey, Token]:
        """Make a token. Its value is in this answer alone.

        Args:
            ends: the day, in UTC, at whose beginning it stops to answer; never when ``None``.
        """
        body = {"label": label, "description": description}
        if ends is not None:
            body["expired_at"] = f"{ends.isoformat()}T00:00:00Z"
        answer = self.http.call("POST", "/api/users/api-tokens/", headers=session.headers(), json=body)
        value = answer.get("token") if isinstance(answer, dict) else None
        if not isinstance(value, str) or not ApiKey(value).is_well_formed:
            raise PlaneBadAnswer(f"POST {self.http.base_url}/api/users/api-tokens/: no token in the answer")
        return ApiKey(value), Token.of(answer)

    def revoke_token(self, session: Session, token: Token) -> None:
        """Revoke a token of the session's own."""
        self.http.call("DELETE", f"/api/users/api-tokens/{_path(token.id)}/", headers=session.headers())

    # Projects

    def look(self, slug: str, key: ApiKey, with_workspace: bool = False) -> Projects | str:
        """What an API key sees of a workspace: its projects, else :data:`KEY_INVALID` or :data:`NOT_A_MEMBER`.

        One request tells whether the key answers, whether its owner is in the workspace, and in which projects with
        which role.

        Args:
            with_workspace: bring the workspace's name along, which costs the server 2 to 4 ms a project (1.2.2).
        """
        fields = f"{_PROJECT_FIELDS},workspace" if with_workspace else _PROJECT_FIELDS
        query = {"fields": fields, **({"expand": "workspace"} if with_workspace else {})}

        def read() -> Projects | str:
            if not key.is_well_formed:
                return KEY_INVALID
            try:
                path = f"/api/v1/workspaces/{_path(slug)}/projects/"
                projects = self._pages(path, query, key, Project.of)
            except PlaneKeyInvalid:
                return KEY_INVALID
            except PlaneForbidden:
                return NOT_A_MEMBER
            except PlaneRefused as error:
                if error.status == 401:
                    return KEY_INVALID
                raise
            return {project.identifier.upper(): project for project in projects}

        return self._keep(("projects", slug, key.value), read)

    def _pages(self, path: str, query: Mapping[str, str], key: ApiKey, of: Callable[[dict[str, Any]], T]) -> list[T]:
        found: list[T] = []
        cursor: str | None = None
        seen: set[str] = set()
        while True:
            asked = {**query, **({"cursor": cursor} if cursor else {})}
            answer = self.http.call("GET", f"{path}?{urlencode(asked, safe=',')}", headers=key.headers())
            if isinstance(answer, list):
                return found + listed(answer, of, path)
            if not isinstance(answer, dict):
                raise PlaneBadAnswer(f"{path}: wanted a page of results, Plane answered {type(answer).__name__}")
            found += listed(answer.get("results"), of, path)
            cursor = answer.get("next_cursor")
            if not answer.get("next_page_results") or not isinstance(cursor, str) or cursor in seen:
                return found
            if len(seen) == LONGEST_LIST:
                raise PlaneBadAnswer(
                    f"{path}: more than {LONGEST_LIST} pages; is plane_api_url the address of Plane's API?"
                )
            seen.add(cursor)

    def create_project(self, slug: str, key: ApiKey, **fields: Any) -> None:
        """Make a project; the key's owner becomes its first member, with role 20.

        Raises:
            PlaneRefused: 409 when the name or the identifier is taken.
        """
        seen = self._kept.get(("projects", slug, key.value))
        answer = self.http.call(
            "POST", f"/api/v1/workspaces/{_path(slug)}/projects/", headers=key.headers(), json=fields
        )
        self.forget("projects")
        if isinstance(seen, dict):
            # The answer is the project as this key sees it, so there is no need to ask again.
            [made] = listed([answer], Project.of, "the new project")
            self._kept[("projects", slug, key.value)] = {**seen, made.identifier.upper(): made}

    def change_project(self, slug: str, key: ApiKey, project: Project, **fields: Any) -> None:
        """Change fields of a project."""
        self.http.call("PATCH", self._project(slug, project), headers=key.headers(), json=fields)
        self.forget("projects")

    def unarchive_project(self, slug: str, key: ApiKey, project: Project) -> None:
        """Bring an archived project back."""
        self.http.call("DELETE", self._project(slug, project) + "archive/", headers=key.headers())
        self.forget("projects")

    def project_members(self, slug: str, key: ApiKey, project: Project) -> frozenset[str]:
        """The addresses of a project's members, and of those who were (Plane 1.2.2 and 1.3.1)."""
        return self._keep(
            ("projects", slug, project.id, "members"),
            lambda: frozenset(
                listed(
                    self.http.call("GET", self._project(slug, project) + "members/", headers=key.headers()),
                    lambda item: str(item.get("email")).lower(),
                    "project members",
                )
            ),
        )

    def put_project_members(
        self, slug: str, caller: ApiKey | Session, project: Project, members: Iterable[tuple[str, int]]
    ) -> None:
        """Put accounts into a project, or give them another role there.

        All at once with a session. With a key one by one, and then neither a role can be changed nor somebody brought
        back who was removed before (Plane 1.2.2 and 1.3.1).

        Args:
            members: user id and role number; a workspace admin must be given 20, a guest 5.
        """
        if isinstance(caller, Session):
            self.http.call(
                "POST",
                f"/api/workspaces/{_path(slug)}/projects/{_path(project.id)}/members/",
                headers=caller.headers(),
                json={"members": [{"member_id": user, "role": role} for user, role in members]},
            )
        else:
            for user, role in members:
                path = self._project(slug, project) + "members/"
                self.http.call("POST", path, headers=caller.headers(), json={"member": user, "role": role})
        self.forget("projects")

    def join_project(self, slug: str, session: Session, project: Project) -> None:
        """Enter a public project as a workspace member."""
        self.http.call(
            "POST",
            f"/api/users/me/workspaces/{_path(slug)}/projects/invitations/",
            headers=session.headers(),
            json={"project_ids": [project.id]},
        )

    @staticmethod
    def _project(slug: str, project: Project) -> str:
        return f"/api/v1/workspaces/{_path(slug)}/projects/{_path(project.id)}/"

    # Custom fields (commercial editions)

    def work_item_types(self, slug: str, key: ApiKey, project: Project) -> list[WorkItemType]:
        """The work item types of a project that has them enabled."""
        return self._keep(
            ("types", slug, project.id),
            lambda: self._pages(self._project(slug, project) + "work-item-types/", {}, key, WorkItemType.of),
        )

    def create_work_item_type(self, slug: str, key: ApiKey, project: Project, name: str) -> None:
        """Make a work item type."""
        path = self._project(slug, project) + "work-item-types/"
        self.http.call("POST", path, headers=key.headers(), json={"name": name, "is_active": True})
        self.forget("types")

    def work_item_properties(
        self, slug: str, key: ApiKey, project: Project, kind: WorkItemType
    ) -> list[WorkItemProperty]:
        """The custom fields of a work item type."""
        return self._keep(
            ("properties", slug, project.id, kind.id),
            lambda: self._pages(self._properties(slug, project, kind), {}, key, WorkItemProperty.of),
        )

    def create_work_item_property(
        self, slug: str, key: ApiKey, project: Project, kind: WorkItemType, definition: Mapping[str, Any]
    ) -> None:
        """Make a custom field; `definition` as :mod:`plane_api.properties` gives it."""
        self.http.call("POST", self._properties(slug, project, kind), headers=key.headers(), json=dict(definition))
        self.forget("properties")

    def _properties(self, slug: str, project: Project, kind: WorkItemType) -> str:
        return f"{self._project(slug, project)}work-item-types/{_path(kind.id)}/work-item-properties/"


def _path(part: str) -> str:
    return quote(part, safe="")
