"""Projects, their members, and their estimates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from functools import cache
from typing import Any

from pyinfra_plane.api import paths
from pyinfra_plane.api.auth import ApiKey, Session
from pyinfra_plane.api.base import ApiBase
from pyinfra_plane.api.errors import PlaneError, PlaneForbidden, PlaneKeyInvalid, PlaneRefused
from pyinfra_plane.api.models import Label, Project, State
from pyinfra_plane.api.rows import listed

Projects = dict[str, Project]
"""Projects by upper-case identifier."""


class NoAccess(Enum):
    """The reason why a key has no access to a workspace."""

    KEY_INVALID = "key invalid"
    NOT_A_MEMBER = "not a member"

    def __str__(self) -> str:
        return self.value


KEY_INVALID, NOT_A_MEMBER = NoAccess.KEY_INVALID, NoAccess.NOT_A_MEMBER


@cache
def _query(with_workspace: bool) -> Mapping[str, str]:
    """The query for a list of projects with all fields that are read here."""
    workspace = Project.key_of("workspace_name")
    keys = [key for key in Project.all_keys() if key != workspace] + [workspace] * with_workspace
    return {"fields": ",".join(keys), **({"expand": "workspace"} if with_workspace else {})}


class ProjectsApi(ApiBase):
    """Requests about one project of a workspace, or the list of projects."""

    def visible_projects(self, slug: str, key: ApiKey, with_workspace: bool = False) -> Projects | NoAccess:
        """The projects that an API key sees in a workspace, otherwise :data:`KEY_INVALID` or :data:`NOT_A_MEMBER`.

        One request shows whether the key is valid, whether its owner is in the workspace, and the owner's role in each
        project.

        Args:
            with_workspace: include the workspace's name, which costs the server 2 to 4 ms a project (1.2.2).
        """
        failed = self._failed.pop((slug, key.value), None)
        if failed is not None:
            raise failed

        def read() -> Projects | NoAccess:
            if not self._may_answer(key):
                return KEY_INVALID
            try:
                path = paths.V1_PROJECTS(slug=slug)
                projects = self.pages(path, _query(with_workspace), key, Project.of)
            except PlaneKeyInvalid:
                return KEY_INVALID
            except PlaneForbidden:
                return NOT_A_MEMBER
            except PlaneRefused as error:
                if error.status == 401:
                    return KEY_INVALID
                raise
            return {project.identifier.upper(): project for project in projects}

        seen = self.cached(("projects", slug, key.value), read)
        self._cache[("memberships", slug, key.value)] = seen
        return seen

    def memberships(self, slug: str, key: ApiKey) -> Projects | NoAccess:
        """As :meth:`visible_projects`, valid only for the projects that the key's owner is in and its roles there.

        The cached value stays if other data of a project changed, so that not every key has to be read again for that.
        """
        kept: Projects | NoAccess | None = self._cache.get(("memberships", slug, key.value))
        return self.visible_projects(slug, key) if kept is None else kept

    def prefetch_projects(self, slug: str, keys: Iterable[ApiKey]) -> None:
        """Read the projects that several keys see; :meth:`memberships` then has the answer or error."""
        wanted = [key for key in dict.fromkeys(keys) if ("memberships", slug, key.value) not in self._cache]
        self._failed = {}

        def ask(key: ApiKey) -> PlaneError | None:
            try:
                self.visible_projects(slug, key)
            except PlaneError as error:
                return error
            return None

        for key, error in zip(wanted, self._at_once(ask, wanted), strict=True):
            if error is not None:
                self._failed[slug, key.value] = error

    def forget_projects(self, keys: Iterable[ApiKey] | None = None) -> None:
        """Drop the cached projects and memberships of some keys; of all keys by default."""
        values = None if keys is None else {key.value for key in keys}
        self._cache = {
            kept: value
            for kept, value in self._cache.items()
            if kept[0] not in ("projects", "memberships") or (values is not None and kept[2] not in values)
        }

    def create_project(self, slug: str, caller: ApiKey | Session, **fields: Any) -> None:
        """Create a project. The caller becomes its first member, with role 20.

        A key cannot create a secret one: v1 ignores `network` (every tried release). A `project_lead` may be among the
        fields from the release in :data:`versions.LEAD_OF_A_NEW_PROJECT` on; before, half a project is left behind.

        Raises:
            PlaneRefused: 409 to a key, 400 to a session, if the name or the identifier is taken.
        """
        if isinstance(caller, Session):
            self.http.call("POST", paths.PROJECTS(slug=slug), headers=caller.headers(), json=fields)
            self.forget_projects()
            return
        seen = self._cache.get(("projects", slug, caller.value))
        answer = self.http.call("POST", paths.V1_PROJECTS(slug=slug), headers=caller.headers(), json=fields)
        self.forget("projects")
        if isinstance(seen, dict):
            # The answer is the project as this key sees it, so no further request is needed.
            [made] = listed([answer], Project.of, "the new project")
            seen = {**seen, made.identifier.upper(): made}
            self._cache[("projects", slug, caller.value)] = self._cache[("memberships", slug, caller.value)] = seen

    def change_project(self, slug: str, caller: ApiKey | Session, project: Project, **fields: Any) -> None:
        """Change fields of a project; `network` only with a session."""
        path = (paths.PROJECTS if isinstance(caller, Session) else paths.V1_PROJECTS).one(project.id, slug=slug)
        self.http.call("PATCH", path, headers=caller.headers(), json=fields)
        self.forget("projects")

    def unarchive_project(self, slug: str, key: ApiKey, project: Project) -> None:
        """Unarchive a project."""
        self.remove(
            f"{project.identifier} from the archive",
            paths.V1_ARCHIVE(slug=slug, project=project.id),
            key,
            ("projects", State.WHAT, Label.WHAT),
            lambda: self._still(slug, key, project, lambda seen: seen.is_archived),
        )

    def _still(self, slug: str, key: ApiKey, project: Project, has: Callable[[Project], bool]) -> bool:
        seen = self.visible_projects(slug, key)
        now = seen.get(project.identifier.upper()) if isinstance(seen, dict) else None
        return now is not None and has(now)

    # Members

    def project_members(self, slug: str, key: ApiKey, project: Project) -> frozenset[str]:
        """The addresses of a project's current and former members (every tried release)."""
        return self.cached(
            ("project members", slug, project.id),
            lambda: frozenset(
                listed(
                    self.http.call(
                        "GET", paths.V1_PROJECT_MEMBERS(slug=slug, project=project.id), headers=key.headers()
                    ),
                    lambda item: email.lower() if isinstance(email := item.get("email"), str) else "",
                    "project members",
                )
            ),
        )

    def put_project_members(
        self,
        slug: str,
        caller: ApiKey | Session,
        project: Project,
        members: Iterable[tuple[str, int]],
        keys: Iterable[ApiKey] | None = None,
    ) -> None:
        """Add accounts to a project, or change their role in it.

        A session adds all of them in one request. A key adds them one by one, and can neither change a role nor add a
        removed member again (every tried release).

        Args:
            members: user id and role number; a workspace admin must be given 20, a guest 5.
            keys: their keys, if known: then only these keys' projects are read again.
        """
        if isinstance(caller, Session):
            self.http.call(
                "POST",
                paths.PROJECT_MEMBERS(slug=slug, project=project.id),
                headers=caller.headers(),
                json={"members": [{"member_id": user, "role": role} for user, role in members]},
            )
        else:
            for user, role in members:
                path = paths.V1_PROJECT_MEMBERS(slug=slug, project=project.id)
                self.http.call("POST", path, headers=caller.headers(), json={"member": user, "role": role})
        self.forget("project members")
        self.forget_projects(keys)

    def join_project(self, slug: str, session: Session, project: Project, keys: Iterable[ApiKey] | None = None) -> None:
        """Join a project as a workspace admin, or a public one as any member of the workspace.

        Args:
            keys: the keys of the session's account, as for :meth:`put_project_members`.
        """
        self.http.call(
            "POST",
            paths.MY_PROJECTS(slug=slug),
            headers=session.headers(),
            json={"project_ids": [project.id]},
        )
        self.forget("project members")
        self.forget_projects(keys)
