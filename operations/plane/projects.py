"""Projects, and the agents in them."""

from __future__ import annotations

from collections.abc import Sequence

from operations.converge import Change, Kept, Plan, converging
from operations.plane.scene import Scene, current_scene, needs_project
from plane_api.errors import PlaneError, PlaneRefused, PlaneSettings
from plane_api.models import Project as SeenProject
from plane_api.plane import NOT_A_MEMBER
from settings import ROLE_NAMES, Agent


@converging
def project(slug: str, project_name: str, identifier: str, description: str | None = None) -> Plan:
    """
    Have a project, known by its identifier, under this name and not archived.

    + slug: the workspace
    + project_name: what people read (pyinfra keeps ``name`` for the operation's own)
    + identifier: what work items are numbered with, such as ``ONBOARD``
    + description: what it is for; left alone when not given

    A project that holds the name under another identifier is refused: changing the identifier would change the
    number of every work item in it.
    """
    scene = current_scene()
    identifier = identifier.upper()
    projects = scene.projects(slug)
    if projects is None:
        sign = "+" if scene.is_fresh() else "?"
        yield Change((f"{sign} project {identifier} ({project_name})",), lambda: scene.needed_manager(slug))
        return
    seen = projects.get(identifier)
    if seen is None:
        for other in projects.values():
            if other.name == project_name:
                raise PlaneSettings(
                    f"the project {project_name} is there with the identifier {other.identifier}, not {identifier}; "
                    f"set its identifier to {other.identifier} in plane_projects, or rename it in Plane"
                )
        yield Change(
            (f"+ project {identifier} ({project_name})",),
            lambda: _create_project(scene, slug, project_name, identifier, description),
        )
        return
    yield from _change_project(scene, slug, seen, project_name, description)


def _create_project(scene: Scene, slug: str, name: str, identifier: str, description: str | None) -> None:
    key = scene.needed_manager(slug)
    fields = {"name": name, "identifier": identifier, "description": description or ""}
    try:
        scene.plane().create_project(slug, key, **fields)
    except PlaneRefused as error:
        if error.status == 409:
            raise PlaneSettings(
                f"the name {name} or the identifier {identifier} belongs to a project in {slug} that this deploy "
                "did not see (a secret one, or Plane's demo project, which takes the workspace's name a moment after "
                "it is made); choose others in plane_projects, or add an admin agent to that project"
            ) from error
        raise PlaneSettings(f"{error}; check {identifier} in plane_projects") from error
    scene.made_projects[identifier] = key


def _change_project(scene: Scene, slug: str, seen: SeenProject, name: str, description: str | None) -> Plan:
    plane = scene.plane()
    if seen.is_archived:
        yield Change(
            (f"~ project {seen.identifier}: no longer archived",),
            lambda: plane.unarchive_project(slug, scene.key_inside(slug, seen), seen),
        )
    fields: dict[str, str] = {}
    lines = []
    if seen.name != name:
        fields["name"] = name
        lines.append(f"~ project {seen.identifier}: name {seen.name} → {name}")
    if description is not None and seen.description != description:
        fields["description"] = description
        lines.append(f"~ project {seen.identifier}: description")
    if fields:
        yield Change(tuple(lines), lambda: plane.change_project(slug, scene.key_inside(slug, seen), seen, **fields))
    elif not seen.is_archived:
        yield Kept(f"project {seen.identifier}")


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
    members = scene.settings.plane_agents if members is None else members
    identifier = identifier.upper()
    projects = scene.projects(slug)
    seen = projects.get(identifier) if projects is not None else None
    if seen is None:
        sign = "+" if projects is not None or scene.is_fresh() else "?"
        names = ", ".join(agent.name for agent in members)
        yield Change((f"{sign} members of {identifier}: {names}",), lambda: needs_project(slug, identifier))
        return
    missing, other_role, lines = [], [], []
    for agent in members:
        role = _project_role(scene, slug, seen, agent)
        if role is None:
            missing.append(agent)
        elif role != agent.role_number:
            other_role.append(agent)
            lines.append(f"~ role of {agent.name} in {identifier}: {ROLE_NAMES.get(role, role)} → {agent.role}")
    if missing:
        lines.insert(0, f"+ members of {identifier}: {', '.join(agent.name for agent in missing)}")
    if lines:
        yield Change(tuple(lines), lambda: _put_members(scene, slug, seen, missing + other_role))
    else:
        yield Kept(f"members of {identifier}")


def _project_role(scene: Scene, slug: str, project: SeenProject, agent: Agent) -> int | None:
    """The agent's role in the project, as its own key sees it; ``None`` when it is not in it."""
    maker = scene.made_projects.get(project.identifier)
    if maker is not None:
        # Made in this run, so nobody else is in it, and nobody has to be asked.
        return project.member_role if scene.saved_key(agent) == maker else None
    projects = scene.look(slug, agent)
    if isinstance(projects, dict):
        # A secret project is not listed to those who are not in it.
        own = projects.get(project.identifier)
        return own.member_role if own is not None and own.is_member else None
    if projects == NOT_A_MEMBER:
        return None
    # Only a preview comes here: a run has made the token before. The list holds former members too, and no roles.
    key = scene.reader(slug)
    there = key is not None and agent.email in scene.plane().project_members(slug, key, project)
    return agent.role_number if there else None


def _put_members(scene: Scene, slug: str, project: SeenProject, agents: list[Agent]) -> None:
    plane = scene.plane()
    key = scene.key_inside(slug, project)
    ids = {member.email: member.user_id for member in plane.members(slug, key)}
    unknown = [agent.email for agent in agents if agent.email not in ids]
    if unknown:
        raise PlaneError(f"not in the workspace {slug}: {', '.join(unknown)}; run the deploy again")
    owner = scene.owner_of(key)
    # A session puts them in all at once, changes roles, and brings back who was removed; a key can do none of that.
    caller = scene.agent_session(owner) if owner is not None and owner.password is not None else key
    plane.put_project_members(slug, caller, project, [(ids[agent.email], agent.role_number) for agent in agents])
    scene.made_projects.pop(project.identifier, None)
