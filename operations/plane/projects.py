"""Projects, their settings, and the agents in them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pyinfra_plane.api.auth import ApiKey, Session
from pyinfra_plane.api.errors import PlaneError, PlaneRefused, PlaneSettings
from pyinfra_plane.api.models import Estimate
from pyinfra_plane.api.models import Project as SeenProject
from pyinfra_plane.api.plane import NOT_A_MEMBER
from pyinfra_plane.api.rows import Difference
from pyinfra_plane.api.versions import LEAD_OF_A_NEW_PROJECT
from pyinfra_plane.dataclass import dataclass
from pyinfra_plane.engine.converge import Change, Plan, Unchanged, converging
from pyinfra_plane.engine.report import is_executing
from pyinfra_plane.host.access import Access
from pyinfra_plane.host.host_plane import current_workspace
from pyinfra_plane.host.planning import refuse_missing_project
from pyinfra_plane.settings import ROLE_NAMES, Agent

NAME_REFUSED = r"[&+,:;$^}{*=?@#|'<>.()%!-]"
"""Characters that Plane refuses in the name of a project (every tried release)."""


@converging
def project(
    slug: str,
    project_name: str,
    identifier: str,
    description: str | None = None,
    network: str | None = None,
    timezone: str | None = None,
    lead: str | None = None,
    default_assignee: str | None = None,
    cycles: bool | None = None,
    modules: bool | None = None,
    views: bool | None = None,
    pages: bool | None = None,
    intake: bool | None = None,
    guest_view_all_features: bool | None = None,
    archive_in: int | None = None,
    close_in: int | None = None,
    emoji: str | None = None,
    cover: str | None = None,
) -> Plan:
    """
    Keep a project, identified by its identifier, with this name and these settings, and not archived.

    + slug: the workspace
    + project_name: the name that people see (pyinfra uses ``name`` for the operation's name)
    + identifier: the prefix of work item numbers, such as ``ONBOARD``
    + description: the purpose of the project
    + network: ``public`` (visible to everybody in the workspace) or ``secret`` (visible to its members only)
    + timezone: a name such as ``Europe/Berlin``
    + lead: the address of a member of the workspace
    + default_assignee: the address of a member of the workspace
    + cycles: whether it has cycles
    + modules: whether it has modules
    + views: whether it has views
    + pages: whether it has pages
    + intake: whether it has an intake
    + guest_view_all_features: whether guests see all work items in it, not only their own
    + archive_in: months after which finished work items are archived; 0: never
    + close_in: months after which work items without activity are closed; 0: never
    + emoji: the emoji before its name
    + cover: the address of a picture

    Settings that are not given stay unchanged. If another project has the name under another identifier, the operation
    fails: a new identifier would change the number of every work item in that project.

    **Example:**

    .. code:: python

        plane.project(
            name="Project",
            slug="javisi",
            project_name="Onboarding",
            identifier="ONBOARD",
            network="secret",
        )
    """
    settings = {
        "description": description,
        "network": network,
        "timezone": timezone,
        "lead": lead,
        "default_assignee": default_assignee,
        "cycles": cycles,
        "modules": modules,
        "views": views,
        "pages": pages,
        "intake": intake,
        "guest_view_all_features": guest_view_all_features,
        "archive_in": archive_in,
        "close_in": close_in,
        "emoji": emoji,
        "cover": cover,
    }
    given = {key: value for key, value in settings.items() if value is not None}
    return _plan(current_workspace(slug), _Wanted(project_name, identifier.upper(), given))


def _plan(at: Access, wanted: _Wanted) -> Plan:
    """Compare a project with its settings."""
    projects = at.projects()
    if projects is None:
        sign = "+" if at.reach.is_fresh() else "?"
        yield Change((f"{sign} {wanted}",), lambda: at.require_manager())
        return
    seen = projects.get(wanted.identifier)
    if seen is None:
        for other in projects.values():
            if other.name == wanted.name:
                raise PlaneSettings(
                    f"the project {wanted.name} exists with the identifier {other.identifier}, not "
                    f"{wanted.identifier}; set its identifier to {other.identifier} in plane_projects, or rename it in "
                    "Plane"
                )
        wanted.refuse_name()
        yield Change((f"+ {wanted}",), lambda: _create_project(at, wanted))
        return
    if seen.is_archived:
        yield Change(
            (f"~ project {seen.identifier}: no longer archived",),
            lambda: at.plane.unarchive_project(at.slug, at.project_admin_key(seen), seen),
        )
    differing = _differences(at, seen, wanted)
    if differing:
        if seen.name != wanted.name:
            wanted.refuse_name()
        lines = tuple(f"~ project {seen.identifier}: {one.words}" for one in differing)
        yield Change(lines, lambda: _reconcile(at, seen, differing))
    elif not seen.is_archived:
        yield Unchanged(f"project {seen.identifier}")


PEOPLE = ("lead", "default_assignee")
"""The settings of a project whose value is a member of the workspace."""


@dataclass(frozen=True)
class _Wanted:
    """A project as it should be. `settings` has the given settings, by the argument's name."""

    name: str
    identifier: str
    settings: Mapping[str, Any]

    def __str__(self) -> str:
        named = [SeenProject.says(name, value) for name, value in self.settings.items() if name != "description"]
        return f"project {self.identifier} ({self.name})" + (f": {', '.join(named)}" if named else "")

    def refuse_name(self) -> None:
        refused = re.search(NAME_REFUSED, self.name)
        if refused:
            raise PlaneSettings(
                f"the project name {self.name} contains {refused[0]}, which Plane refuses in a name; choose another in "
                "plane_projects"
            )


def _differences(at: Access, seen: SeenProject, wanted: _Wanted) -> list[Difference]:
    found = [seen.difference("name", wanted.name)]
    for name, wants in wanted.settings.items():
        if name not in PEOPLE:
            found.append(seen.difference(name, wants))
        elif _addresses(at).get(getattr(seen, name) or "") != wants:
            found.append(Difference(SeenProject.key_of(name), _user_id(at, wants), SeenProject.says(name, wants)))
    return [difference for difference in found if difference is not None]


def _addresses(at: Access) -> dict[str, str]:
    """The addresses of all members of the workspace, by user id."""
    return {member.user_id: member.email for member in at.members() or ()}


def _user_id(at: Access, address: str) -> Callable[[], str]:
    def find() -> str:
        ids = {email: user for user, email in _addresses(at).items()}
        if address not in ids:
            raise PlaneSettings(f"{address} is not in the workspace {at.slug}; add it to plane_agents, or invite it")
        return ids[address]

    return find


def _reconcile(at: Access, seen: SeenProject, differing: Sequence[Difference]) -> None:
    by_key = {one.key: one.value() for one in differing if not one.by_session}
    by_session = {one.key: one.value() for one in differing if one.by_session}
    try:
        if by_key:
            at.plane.change_project(at.slug, at.project_admin_key(seen), seen, **by_key)
        if by_session:
            at.plane.change_project(at.slug, at.project_admin_session(seen), seen, **by_session)
    except PlaneRefused as error:
        if error.status != 400:
            raise
        raise PlaneSettings(f"{error}; check {seen.identifier} in plane_projects") from error


def _fields_of_new(at: Access, wanted: _Wanted) -> dict[str, Any]:
    """What Plane accepts in the request that creates a project."""
    fields: dict[str, Any] = {"name": wanted.name, "identifier": wanted.identifier, "description": ""}
    for name, value in wanted.settings.items():
        # Plane accepts the intake only in a change, some settings only from a session, and the lead only from a certain
        # release on.
        if name == "lead" and at.plane.instance().has(LEAD_OF_A_NEW_PROJECT):
            fields[SeenProject.key_of(name)] = _user_id(at, value)()
        elif name != "intake" and name not in PEOPLE and not SeenProject.is_by_session(name):
            fields[SeenProject.key_of(name)] = SeenProject.sent(name, value)
    return fields


def _create_project(at: Access, wanted: _Wanted) -> None:
    key = at.require_manager()
    fields = _fields_of_new(at, wanted)
    owner = at.tokens.owner_of(key)
    caller: ApiKey | Session = key
    if wanted.settings.get("network") == "secret":
        # A session creates it, so that it is never public, not even for a moment.
        caller = at.sessions.of(owner) if owner is not None and owner.password else at.admin_session()
        fields["network"] = SeenProject.sent("network", "secret")
    try:
        at.plane.create_project(at.slug, caller, **fields)
    except PlaneRefused as error:
        if error.status == 409 or "ALREADY_EXIST" in error.detail:
            raise PlaneSettings(
                f"the name {wanted.name} or the identifier {wanted.identifier} belongs to a project in {at.slug} that "
                "this deploy cannot see (a secret one, or Plane's demo project, which Plane names like the workspace "
                "moments after creating it); choose others in plane_projects, or add an admin agent to that project"
            ) from error
        raise PlaneSettings(f"{error}; check {wanted.identifier} in plane_projects") from error
    at.state.new_projects.add(wanted.identifier)
    if isinstance(caller, ApiKey) or (owner is not None and caller.email == owner.email):
        at.state.created_projects[wanted.identifier] = key
    if owner is not None:
        at.state.joined_projects.add((wanted.identifier, owner.email))
        at.state.created_accounts.pop(owner.email, None)
    seen = (at.projects() or {}).get(wanted.identifier)
    if seen is None:
        raise PlaneError(
            f"the project {wanted.identifier} was created, but Plane does not show it to an admin of {at.slug}; run "
            "again"
        )
    differing = _differences(at, seen, wanted)
    if differing:
        _reconcile(at, seen, differing)


@converging
def project_estimates(slug: str, identifier: str, enabled: bool) -> Plan:
    """
    Turn estimates on or off in a project.

    + slug: the workspace
    + identifier: the project's identifier
    + enabled: on, with the estimates that were used last, otherwise with new ones in points (1, 2, 3, 5, 8, 13); or
      off, which keeps them
    """
    at = current_workspace(slug)
    identifier = identifier.upper()
    projects = at.projects()
    seen = projects.get(identifier) if projects is not None else None
    line = f"project {identifier}: estimates {'on' if enabled else 'off'}"
    if seen is None:
        if enabled:
            sign = "+" if projects is not None or at.reach.is_fresh() else "?"
            yield Change((f"{sign} {line}",), lambda: refuse_missing_project(slug, identifier))
        return
    if (seen.estimate is not None) == enabled:
        yield Unchanged(line)
        return
    # A project that this run creates has no estimates yet, and its preview says so.
    sign = "+" if identifier in at.state.new_projects else "~"
    yield Change((f"{sign} {line}",), lambda: _switch_estimates(at, seen, enabled))


def _switch_estimates(at: Access, project: SeenProject, enabled: bool) -> None:
    plane = at.plane
    if not enabled:
        plane.drop_estimate(at.slug, at.project_admin_key(project), project)
        return
    chosen = _estimate(at, project).id
    plane.change_project(at.slug, at.project_admin_key(project), project, estimate=chosen)


def _estimate(at: Access, project: SeenProject) -> Estimate:
    """The estimates that were used last, otherwise new ones."""
    plane = at.plane
    if not plane.instance().is_community:
        try:
            return plane.estimate_with_key(at.slug, at.project_admin_key(project), project)
        except PlaneRefused as error:
            if not error.is_beyond_plan:
                raise
    session = at.project_admin_session(project)
    found = sorted(plane.estimates(at.slug, session, project), key=lambda one: not one.last_used)
    return found[0] if found else plane.create_estimate(at.slug, session, project)


@converging
def project_members(slug: str, identifier: str, members: Sequence[Agent] | None = None) -> Plan:
    """
    Add workspace members to a project: admins of the workspace as admins, the others with their role.

    + slug: the workspace
    + identifier: the project's identifier
    + members: the members; ``plane_agents`` by default

    Members that are not named stay unchanged.
    """
    at = current_workspace(slug)
    members = at.known(members)
    identifier = identifier.upper()
    projects = at.projects()
    seen = projects.get(identifier) if projects is not None else None
    if seen is None:
        sign = "+" if projects is not None or at.reach.is_fresh() else "?"
        names = ", ".join(agent.name for agent in members)
        yield Change((f"{sign} members of {identifier}: {names}",), lambda: refuse_missing_project(slug, identifier))
        return
    new, missing, other_role, lines = [], [], [], []
    for agent in members:
        role = _project_role(at, seen, agent)
        # An agent that created the project in this run, or joined it to change it, is a member and still counts as new.
        if role is None or (identifier, agent.email) in at.state.joined_projects:
            new.append(agent.name)
        if role is None:
            missing.append(agent)
        elif role != agent.role_number and not _becomes_guest(at, agent):
            other_role.append(agent)
            lines.append(f"~ role of {agent.name} in {identifier}: {ROLE_NAMES.get(role, role)} → {agent.role}")
    if new:
        lines.insert(0, f"+ members of {identifier}: {', '.join(new)}")
    if lines:
        yield Change(tuple(lines), lambda: _put_members(at, seen, missing + other_role))
    else:
        yield Unchanged(f"members of {identifier}")


def _becomes_guest(at: Access, agent: Agent) -> bool:
    """Whether this is a preview, and the run will make the agent a guest of the workspace first.

    Plane then makes it a guest in every project (every tried release).
    """
    if is_executing() or agent.role != "guest":
        return False
    roles = {member.email: member.role for member in at.members() or ()}
    return roles.get(agent.email, agent.role_number) != agent.role_number


def _project_role(at: Access, project: SeenProject, agent: Agent) -> int | None:
    """The agent's role in the project, as its own key sees it; ``None`` if it is not a member."""
    maker = at.state.created_projects.get(project.identifier)
    if maker is not None:
        # This run created the project, so it has no other member, and no request is needed.
        return project.member_role if at.tokens.key_of(agent) == maker else None
    made = at.state.created_accounts.get(agent.email)
    if made is not None:
        return made.get(project.identifier)
    projects = at.memberships(agent)
    if isinstance(projects, dict):
        # A secret project is listed only to its members.
        own = projects.get(project.identifier)
        return own.member_role if own is not None and own.is_member else None
    if projects == NOT_A_MEMBER:
        return None
    if at.tokens.file().note(agent.token_variable).removed:
        return None
    # Only a preview reaches this line: a run has created the token by now. The list includes former members, and has no
    # roles.
    key = at.reader()
    there = key is not None and agent.email in at.plane.project_members(at.slug, key, project)
    return agent.role_number if there else None


def _put_members(at: Access, project: SeenProject, agents: list[Agent]) -> None:
    ids = {member.email: member.user_id for member in at.require_members()}
    unknown = [agent.email for agent in agents if agent.email not in ids]
    if unknown:
        raise PlaneError(f"agents that are not in the workspace {at.slug}: {', '.join(unknown)}; run the deploy again")
    at.state.created_projects.pop(project.identifier, None)
    if not agents:
        return
    put = [(ids[agent.email], agent.role_number) for agent in agents]
    at.plane.put_project_members(at.slug, at.project_admin(project), project, put, at.tokens.keys_of(agents))
    for agent in agents:
        if agent.email in at.state.created_accounts:
            at.state.created_accounts[agent.email][project.identifier] = agent.role_number
