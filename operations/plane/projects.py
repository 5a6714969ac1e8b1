"""Projects, their settings, and the agents in them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pyinfra_plane.api.auth import ApiKey, Session
from pyinfra_plane.api.errors import PlaneError, PlaneNobody, PlaneRefused, PlaneSettings
from pyinfra_plane.api.models import NETWORK_NUMBERS, Estimate
from pyinfra_plane.api.models import Project as SeenProject
from pyinfra_plane.api.plane import NOT_A_MEMBER
from pyinfra_plane.api.versions import LEAD_OF_A_NEW_PROJECT
from pyinfra_plane.engine.converge import Change, Kept, Plan, converging
from pyinfra_plane.engine.report import is_executing
from pyinfra_plane.host.scene import Scene, current_scene, needs_project
from pyinfra_plane.settings import ROLE_NAMES, Agent

NAME_REFUSED = r"[&+,:;$^}{*=?@#|'<>.()%!-]"
"""What Plane refuses in the name of a project (every tried release)."""


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
) -> Plan:
    """
    Have a project, known by its identifier, under this name, not archived, and with these settings.

    + slug: the workspace
    + project_name: what people read (pyinfra keeps ``name`` for the operation's own)
    + identifier: what work items are numbered with, such as ``ONBOARD``
    + description: what it is for
    + network: ``public`` (everybody in the workspace sees it) or ``secret`` (its members alone)
    + timezone: a name such as ``Europe/Berlin``
    + lead: the address of a member of the workspace
    + default_assignee: the address of a member of the workspace
    + cycles: whether it has cycles
    + modules: whether it has modules
    + views: whether it has views
    + pages: whether it has pages
    + intake: whether it has an intake

    What is not given is left alone. A project that holds the name under another identifier is refused: changing the
    identifier would change the number of every work item in it.

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
    scene = current_scene()
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
    }
    given = {key: value for key, value in settings.items() if value is not None}
    wanted = _Wanted(project_name, identifier.upper(), given)
    projects = scene.projects(slug)
    if projects is None:
        sign = "+" if scene.is_fresh() else "?"
        yield Change((f"{sign} {wanted}",), lambda: scene.needed_manager(slug))
        return
    seen = projects.get(wanted.identifier)
    if seen is None:
        for other in projects.values():
            if other.name == project_name:
                raise PlaneSettings(
                    f"the project {project_name} is there with the identifier {other.identifier}, not "
                    f"{wanted.identifier}; set its identifier to {other.identifier} in plane_projects, or rename it in "
                    "Plane"
                )
        wanted.refuse_name()
        yield Change((f"+ {wanted}",), lambda: _create_project(scene, slug, wanted))
        return
    if seen.is_archived:
        yield Change(
            (f"~ project {seen.identifier}: no longer archived",),
            lambda: scene.plane().unarchive_project(slug, scene.key_inside(slug, seen), seen),
        )
    differing = _differences(scene, slug, seen, wanted)
    if differing:
        if seen.name != wanted.name:
            wanted.refuse_name()
        lines = tuple(f"~ project {seen.identifier}: {one.words}" for one in differing)
        yield Change(lines, lambda: _bring_in_line(scene, slug, seen, differing))
    elif not seen.is_archived:
        yield Kept(f"project {seen.identifier}")


PEOPLE = ("lead", "default_assignee")
"""The settings of a project that are members of the workspace."""


@dataclass(frozen=True)
class _Wanted:
    """A project as it should be; `settings` has what is given, by the name of the argument."""

    name: str
    identifier: str
    settings: Mapping[str, Any]

    def __str__(self) -> str:
        named = [_words(name, value) for name, value in self.settings.items() if name != "description"]
        return f"project {self.identifier} ({self.name})" + (f": {', '.join(named)}" if named else "")

    def refuse_name(self) -> None:
        refused = re.search(NAME_REFUSED, self.name)
        if refused:
            raise PlaneSettings(
                f"the project name {self.name} holds {refused[0]}, which Plane refuses in a name; choose another in "
                "plane_projects"
            )


@dataclass(frozen=True)
class _Difference:
    """One setting of a project that is not as wanted."""

    field: str
    words: str
    value: Callable[[], Any]


def _on(on: bool) -> str:
    return "on" if on else "off"


def _words(name: str, wants: Any, has: Any = None) -> str:
    """What a line says of one setting of a project."""
    if isinstance(wants, bool):
        return f"{name} {_on(wants)}"
    if name in PEOPLE:
        return f"{name.replace('_', ' ')} {wants}"
    if name == "description" or has is None:
        return "description" if name == "description" else str(wants)
    return str(wants) if name == "network" else f"time zone {has} → {wants}"


def _differences(scene: Scene, slug: str, seen: SeenProject, wanted: _Wanted) -> list[_Difference]:
    found = []
    if seen.name != wanted.name:
        found.append(_Difference("name", f"name {seen.name} → {wanted.name}", lambda: wanted.name))
    for name, wants in wanted.settings.items():
        has, key = getattr(seen, name), SeenProject.key_of(name)
        if name in PEOPLE:
            if has is None or _addresses(scene, slug).get(has) != wants:
                found.append(_Difference(key, _words(name, wants), _user_id(scene, slug, wants)))
            continue
        value = NETWORK_NUMBERS[wants] if name == "network" else wants
        if has != value:
            found.append(_Difference(key, _words(name, wants, has), partial(_same, value)))
    return found


def _same(value: Any) -> Any:
    return value


def _addresses(scene: Scene, slug: str) -> dict[str, str]:
    """Everybody in the workspace: user id to address."""
    return {member.user_id: member.email for member in scene.members(slug) or ()}


def _user_id(scene: Scene, slug: str, address: str) -> Callable[[], str]:
    def find() -> str:
        ids = {email: user for user, email in _addresses(scene, slug).items()}
        if address not in ids:
            raise PlaneSettings(f"{address} is not in the workspace {slug}; put it into plane_agents, or invite it")
        return ids[address]

    return find


def _bring_in_line(scene: Scene, slug: str, seen: SeenProject, differing: Sequence[_Difference]) -> None:
    fields = {one.field: one.value() for one in differing}
    network = fields.pop("network", None)
    try:
        if fields:
            scene.plane().change_project(slug, scene.key_inside(slug, seen), seen, **fields)
        if network is not None:
            # v1 passes over it (every tried release).
            scene.plane().change_project(slug, scene.session_inside(slug, seen), seen, network=network)
    except PlaneRefused as error:
        if error.status != 400:
            raise
        raise PlaneSettings(f"{error}; check {seen.identifier} in plane_projects") from error


def _create_project(scene: Scene, slug: str, wanted: _Wanted) -> None:
    key = scene.needed_manager(slug)
    fields: dict[str, Any] = {"name": wanted.name, "identifier": wanted.identifier, "description": ""}
    for name, value in wanted.settings.items():
        # Plane takes the intake in a change only, the network from a session only, and the lead from a release on.
        if name == "lead" and scene.plane().instance().has(LEAD_OF_A_NEW_PROJECT):
            fields[SeenProject.key_of(name)] = _user_id(scene, slug, value)()
        elif name not in ("intake", "network", *PEOPLE):
            fields[SeenProject.key_of(name)] = value
    owner = scene.owner_of(key)
    caller: ApiKey | Session = key
    if wanted.settings.get("network") == "secret":
        # By a session, so that it is never public, not even for a moment.
        caller = scene.agent_session(owner) if owner is not None and owner.password else scene.admin_session(slug)
        fields["network"] = NETWORK_NUMBERS["secret"]
    try:
        scene.plane().create_project(slug, caller, **fields)
    except PlaneRefused as error:
        if error.status == 409 or "ALREADY_EXIST" in error.detail:
            raise PlaneSettings(
                f"the name {wanted.name} or the identifier {wanted.identifier} belongs to a project in {slug} that "
                "this deploy did not see (a secret one, or Plane's demo project, which takes the workspace's name a "
                "moment after it is made); choose others in plane_projects, or add an admin agent to that project"
            ) from error
        raise PlaneSettings(f"{error}; check {wanted.identifier} in plane_projects") from error
    scene.new_projects.add(wanted.identifier)
    if isinstance(caller, ApiKey) or (owner is not None and caller.email == owner.email):
        scene.made_projects[wanted.identifier] = key
    if owner is not None:
        scene.entered.add((wanted.identifier, owner.email))
        scene.made_accounts.pop(owner.email, None)
    seen = (scene.projects(slug) or {}).get(wanted.identifier)
    if seen is None:
        raise PlaneError(f"the project {wanted.identifier} was made and is not shown to an admin of {slug}; run again")
    differing = _differences(scene, slug, seen, wanted)
    if differing:
        _bring_in_line(scene, slug, seen, differing)


@converging
def project_estimates(slug: str, identifier: str, enabled: bool) -> Plan:
    """
    Have estimates on or off in a project.

    + slug: the workspace
    + identifier: the project's identifier
    + enabled: on, with those that were in use last, or else with new ones in points (1, 2, 3, 5, 8, 13); or off, which
      keeps them
    """
    scene = current_scene()
    identifier = identifier.upper()
    projects = scene.projects(slug)
    seen = projects.get(identifier) if projects is not None else None
    line = f"project {identifier}: estimates {_on(enabled)}"
    if seen is None:
        if enabled:
            sign = "+" if projects is not None or scene.is_fresh() else "?"
            yield Change((f"{sign} {line}",), lambda: needs_project(slug, identifier))
        return
    if (seen.estimate is not None) == enabled:
        yield Kept(line)
        return
    # A project of this run has none yet, as a preview of it says.
    sign = "+" if identifier in scene.new_projects else "~"
    yield Change((f"{sign} {line}",), lambda: _switch_estimates(scene, slug, seen, enabled))


def _switch_estimates(scene: Scene, slug: str, project: SeenProject, enabled: bool) -> None:
    plane = scene.plane()
    if not enabled:
        plane.drop_estimate(slug, scene.key_inside(slug, project), project)
        return
    chosen = _estimate(scene, slug, project).id
    plane.change_project(slug, scene.key_inside(slug, project), project, estimate=chosen)


def _estimate(scene: Scene, slug: str, project: SeenProject) -> Estimate:
    """The estimates that were in use last, or else new ones."""
    plane = scene.plane()
    if not plane.instance().is_community:
        try:
            return plane.estimate_with_key(slug, scene.key_inside(slug, project), project)
        except PlaneRefused as error:
            if not error.is_beyond_plan:
                raise
    session = scene.session_inside(slug, project)
    found = sorted(plane.estimates(slug, session, project), key=lambda one: not one.last_used)
    return found[0] if found else plane.create_estimate(slug, session, project)


@converging
def project_members(slug: str, identifier: str, members: Sequence[Agent] | None = None) -> Plan:
    """
    Have these workspace members in a project: admins of the workspace as admins, the others with their role.

    + slug: the workspace
    + identifier: the project's identifier
    + members: who; ``plane_agents`` when not given

    Members that are not named are left alone.
    """
    scene = current_scene()
    members = scene.known(members)
    identifier = identifier.upper()
    projects = scene.projects(slug)
    seen = projects.get(identifier) if projects is not None else None
    if seen is None:
        sign = "+" if projects is not None or scene.is_fresh() else "?"
        names = ", ".join(agent.name for agent in members)
        yield Change((f"{sign} members of {identifier}: {names}",), lambda: needs_project(slug, identifier))
        return
    new, missing, other_role, lines = [], [], [], []
    for agent in members:
        role = _project_role(scene, slug, seen, agent)
        # Whoever made the project in this run, or entered it to change it, is in it and new all the same.
        if role is None or (identifier, agent.email) in scene.entered:
            new.append(agent.name)
        if role is None:
            missing.append(agent)
        elif role != agent.role_number and not _becomes_guest(scene, slug, agent):
            other_role.append(agent)
            lines.append(f"~ role of {agent.name} in {identifier}: {ROLE_NAMES.get(role, role)} → {agent.role}")
    if new:
        lines.insert(0, f"+ members of {identifier}: {', '.join(new)}")
    if lines:
        yield Change(tuple(lines), lambda: _put_members(scene, slug, seen, missing + other_role))
    else:
        yield Kept(f"members of {identifier}")


def _becomes_guest(scene: Scene, slug: str, agent: Agent) -> bool:
    """Whether this is a preview, and the run will have made the agent a guest of the workspace before.

    Plane then makes it a guest in every project (every tried release).
    """
    if is_executing() or agent.role != "guest":
        return False
    roles = {member.email: member.role for member in scene.members(slug) or ()}
    return roles.get(agent.email, agent.role_number) != agent.role_number


def _project_role(scene: Scene, slug: str, project: SeenProject, agent: Agent) -> int | None:
    """The agent's role in the project, as its own key sees it; ``None`` when it is not in it."""
    maker = scene.made_projects.get(project.identifier)
    if maker is not None:
        # Made in this run, so nobody else is in it, and nobody has to be asked.
        return project.member_role if scene.saved_key(agent) == maker else None
    made = scene.made_accounts.get(agent.email)
    if made is not None:
        return made.get(project.identifier)
    projects = scene.memberships(slug, agent)
    if isinstance(projects, dict):
        # A secret project is not listed to those who are not in it.
        own = projects.get(project.identifier)
        return own.member_role if own is not None and own.is_member else None
    if projects == NOT_A_MEMBER:
        return None
    if scene.token_file().note(agent.token_variable).removed:
        return None
    # Only a preview comes here: a run has made the token before. The list holds former members too, and no roles.
    key = scene.reader(slug)
    there = key is not None and agent.email in scene.plane().project_members(slug, key, project)
    return agent.role_number if there else None


def _put_members(scene: Scene, slug: str, project: SeenProject, agents: list[Agent]) -> None:
    ids = {member.email: member.user_id for member in scene.needed_members(slug)}
    unknown = [agent.email for agent in agents if agent.email not in ids]
    if unknown:
        raise PlaneError(f"not in the workspace {slug}: {', '.join(unknown)}; run the deploy again")
    scene.made_projects.pop(project.identifier, None)
    if not agents:
        return
    caller: ApiKey | Session
    try:
        # It puts them in all at once, changes roles, and brings back who was removed; a key can do none of that.
        caller = scene.session_inside(slug, project)
    except PlaneNobody:
        caller = scene.key_inside(slug, project)
    put = [(ids[agent.email], agent.role_number) for agent in agents]
    scene.plane().put_project_members(slug, caller, project, put, scene.keys_of(agents))
    for agent in agents:
        if agent.email in scene.made_accounts:
            scene.made_accounts[agent.email][project.identifier] = agent.role_number
