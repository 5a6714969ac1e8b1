"""The contents of a workspace as plain data, for facts and for adopting a workspace.

Only API keys are used: the admin's, and those in the token file. Nobody signs in, nothing is changed, and the data
contain no value of a key or a secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from pyinfra_plane.api.auth import ApiKey
from pyinfra_plane.api.errors import PlaneForbidden, PlaneKeyInvalid, PlaneNoAccess, PlaneRefused
from pyinfra_plane.api.models import (
    BOT,
    NETWORK_NUMBERS,
    Cycle,
    Label,
    Module,
    State,
    Webhook,
    WorkItemProperty,
    WorkspaceMember,
)
from pyinfra_plane.api.models import Project as SeenProject
from pyinfra_plane.api.plane import Plane
from pyinfra_plane.api.properties import field_type
from pyinfra_plane.api.rows import R
from pyinfra_plane.host.host_plane import HostPlane
from pyinfra_plane.host.resources import InWorkspace
from pyinfra_plane.host.secret_lines import webhook_secrets
from pyinfra_plane.host.token_reading import TokenReading
from pyinfra_plane.settings import ROLE_NAMES, Project
from pyinfra_plane.settings.webhooks import EVENTS, SECRET_PREFIX

ASKED_OTHERWISE = frozenset((
    "name", "identifier", "network", "lead", "default_assignee", "estimates", "states", "labels", "work_item_type",
    "custom_fields", "prune", "module_names", "cycle_names",
))  # fmt: skip
"""Settings of a project that no field of the same name and value holds."""

NETWORK_NAMES: Mapping[int | None, str] = {number: name for name, number in NETWORK_NUMBERS.items()}


class WorkspaceReading:
    """One workspace, as API keys see it.

    Args:
        here: the host's Plane.
        slug: the workspace; by default the one in the settings.
    """

    def __init__(self, here: HostPlane, slug: str | None = None) -> None:
        self.here = here
        self.slug = slug or here.settings.plane_workspace_slug
        self.tokens = TokenReading(here, self.slug)
        self._members: list[WorkspaceMember] | None = None

    @property
    def plane(self) -> Plane:
        """Plane as the host reaches it."""
        return self.here.plane

    def _reader(self) -> ApiKey:
        """Return a key that can list the workspace's members.

        Raises:
            PlaneSettings: the admin's key does not work.
            PlaneNoAccess: there is none, or all are guests'.
        """
        is_seen = False
        for key in self.tokens.reading_keys():
            is_seen = True
            try:
                self._members = self.plane.members(self.slug, key)
            except PlaneForbidden:
                continue
            return key
        self.here.workspace(self.slug).refuse_admin_key()
        path = self.here.settings.plane_tokens_path
        if is_seen:
            raise PlaneNoAccess(
                f"only tokens of guests can read the workspace {self.slug}, and Plane shows guests no members; set "
                "PLANE_ADMIN_API_TOKEN to an API token of one of its admins"
            )
        raise PlaneNoAccess(
            f"no known token can read the workspace {self.slug}; set PLANE_ADMIN_API_TOKEN to an API token of one of "
            f"its admins (in Plane: Profile settings, Personal access tokens), or write an agent's token into {path}"
        )

    # The workspace

    def members(self) -> dict[str, dict[str, Any]]:
        """The members by address, without Plane's own bot.

        Before Plane 1.4 a key sees removed members like the others; ``is_active`` is ``None`` then.
        """
        self._reader()
        # If several lines have tokens of one account, the line of that account's agent comes last, and counts.
        saved = sorted(self.tokens.saved(), key=lambda one: one.agent is not None and one.agent.email == one.owner)
        named = {one.owner: one for one in saved if one.owner and self.tokens.visible_projects(one.key) is not None}
        wanted = {agent.email: agent.name for agent in self.here.settings.plane_agents}
        found = {}
        for member in sorted(self._members or (), key=lambda one: one.email):
            token = named.get(member.email)
            if member.email.startswith(BOT) or (member.is_active is False):
                continue
            found[member.email] = {
                "role": ROLE_NAMES.get(member.role, str(member.role)),
                "display_name": member.display_name,
                "avatar": member.avatar,
                "is_active": True if token is not None else member.is_active,
                "agent": wanted.get(member.email) if token is None else token.name,
                "token_saved": token is not None,
                "is_plane_admin": member.email == self.here.settings.plane_admin_email,
            }
        return found

    def projects(self) -> dict[str, dict[str, Any]]:
        """The projects that the keys see, by identifier, with their contents if a key is in the project."""
        reader = self._reader()
        keys = [reader, *(key for key in self.tokens.reading_keys() if key != reader)]
        self.plane.prefetch_projects(self.slug, keys)
        found: dict[str, SeenProject] = {}
        for key in keys:
            found = {**(self.tokens.visible_projects(key) or {}), **found}
        return {name: self._project(project, keys) for name, project in sorted(found.items())}

    def webhooks(self) -> list[dict[str, Any]]:
        """The webhooks. Plane shows them only to a signed-in admin, and their secrets to nobody.

        ``name`` is the name under which the deploy has saved the secret, or that the settings give to the address.
        """
        settings = self.here.settings
        rows = InWorkspace(self.here.workspace(self.slug)).reading(Webhook).rows()
        noted = {noted: name for name, noted in webhook_secrets(self.here.host, settings).ids.items()}
        by_variable = {one.variable: one.name for one in settings.plane_webhooks}
        by_url = {one.url: one.name for one in settings.plane_webhooks}

        def name(one: Webhook) -> str | None:
            if one.id not in noted:
                return by_url.get(one.url)
            return by_variable.get(noted[one.id]) or noted[one.id].removeprefix(SECRET_PREFIX).lower()

        return [
            {
                "name": name(one),
                "url": one.url,
                "active": one.is_active,
                "events": [name for name in EVENTS if getattr(one, name)],
            }
            for one in sorted(rows, key=lambda row: row.url)
        ]

    def whole(self) -> dict[str, Any]:
        """The whole workspace."""
        reader, instance = self._reader(), self.plane.instance()
        seen = self.plane.visible_projects(self.slug, reader, with_workspace=True)
        names = [one.workspace_name for one in seen.values() if one.workspace_name] if isinstance(seen, dict) else []
        return {
            "slug": self.slug,
            "name": names[0] if names else None,
            "edition": instance.edition,
            "version": instance.version,
            "members": self.members(),
            "projects": self.projects(),
            "tokens_without_note": sorted(one.name for one in self.tokens.saved() if one.owner and not one.is_noted),
        }

    # A project

    def _project(self, project: SeenProject, keys: list[ApiKey]) -> dict[str, Any]:
        people = {member.user_id: member.email for member in self._members or ()}
        found: dict[str, Any] = {
            "name": project.name,
            "is_archived": project.is_archived,
            "network": NETWORK_NAMES.get(project.network),
            "lead": people.get(project.lead or ""),
            "default_assignee": people.get(project.default_assignee or ""),
            "estimates": project.estimate is not None,
        }
        plain = [one.name for one in fields(Project) if one.name not in ASKED_OTHERWISE]
        found |= {name: getattr(project, name, None) for name in plain}
        found["agents"] = self._roles(project)
        kept_inside = ("states", "labels", "custom_fields", "custom_fields_refused", "module_names", "cycle_names")
        found |= dict.fromkeys(kept_inside)
        inside = next((key for key in keys if self._is_member(key, project)), None)
        return found if inside is None or project.is_archived else found | self._inside(inside, project, people)

    def _inside(self, key: ApiKey, project: SeenProject, people: Mapping[str, str]) -> dict[str, Any]:
        """The data of a project that only its members see."""
        labels = self._listed(Label, key, project)
        names = {label.id: label.name for label in labels}
        found: dict[str, Any] = {
            "states": [
                {"name": one.name, "group": one.group, "color": one.color, "description": one.description,
                 "default": one.default} for one in self._listed(State, key, project)
            ],
            "labels": [
                {"name": one.name, "color": one.color, "description": one.description,
                 "parent": names.get(one.parent or "")} for one in labels
            ],
            "module_names": [one.name for one in self._listed(Module, key, project)] if project.modules else [],
            "cycle_names": [one.name for one in self._listed(Cycle, key, project)] if project.cycles else [],
        }  # fmt: skip
        try:
            return found | {"custom_fields": _custom_fields(self.plane, self.slug, key, project, people)}
        except PlaneKeyInvalid:
            raise
        except PlaneRefused as error:
            return found | {"custom_fields_refused": str(error)}

    def _listed(self, kind: type[R], key: ApiKey, project: SeenProject) -> list[R]:
        return self.plane.collection(kind, key, slug=self.slug, project=project.id).rows()

    def _is_member(self, key: ApiKey, project: SeenProject) -> bool:
        own = (self.tokens.visible_projects(key) or {}).get(project.identifier.upper())
        return own is not None and own.is_member

    def _roles(self, project: SeenProject) -> dict[str, str | None]:
        """The role in the project of each agent whose token works; ``None`` if the agent is not in it."""
        roles: dict[str, str | None] = {}
        for token in self.tokens.saved():
            seen = self.tokens.visible_projects(token.key) if token.owner is not None else None
            if seen is None:
                continue
            own = seen.get(project.identifier.upper())
            is_in = own is not None and own.is_member
            roles[token.name] = ROLE_NAMES.get(own.member_role or 0, str(own.member_role)) if own and is_in else None
        return roles


def _custom_fields(
    plane: Plane, slug: str, key: ApiKey, project: SeenProject, people: Mapping[str, str]
) -> list[dict[str, Any]]:
    """The work item types of a project that have custom fields, with the fields; none in the Community Edition."""
    if plane.instance().is_community:
        return []
    owner, kinds = plane.types_of_project(slug, key, project)
    found = []
    for kind in kinds:
        fields = [
            _field(plane, slug, key, owner, one, people) for one in plane.properties_of_type(slug, key, owner, kind)
        ]
        if fields:
            found.append({"type": kind.name, "is_default": kind.is_default, "fields": fields})
    return found


def _field(
    plane: Plane, slug: str, key: ApiKey, owner: SeenProject | None, one: WorkItemProperty, people: Mapping[str, str]
) -> dict[str, Any]:
    kind = field_type(one.property_type, one.relation_type)
    default = [people.get(each, each) for each in one.default_value]
    options: list[str] = []
    if kind == "option":
        present = plane.property_options(slug, key, owner, one).by_name()
        options, default = [*present], [name for name, option in present.items() if option.is_default]
    return {
        "name": one.display_name,
        "type": kind,
        "description": one.description,
        "required": one.is_required,
        "multiple": one.is_multi,
        "options": options,
        "default": default,
    }
