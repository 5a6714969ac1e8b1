"""The ids of a workspace, its members and its projects, by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyinfra_plane.api.auth import ApiKey
from pyinfra_plane.api.errors import PlaneKeyInvalid, PlaneRefused
from pyinfra_plane.api.models import BOT, Label, Project, State
from pyinfra_plane.api.work_item_types import chosen_type
from pyinfra_plane.api.workspace_id import workspace_id
from pyinfra_plane.host.access import Access
from pyinfra_plane.settings import Project as Wanted
from pyinfra_plane.settings import labels_for

Ids = dict[str, Any]


def ids_of(at: Access, projects: Mapping[str, Project], wanted: Sequence[Wanted]) -> Ids:
    """Read the ids of the workspace, its members, and the contents of the requested projects.

    Lists that this run has read already are not requested again.
    """
    seen = [(project, projects[project.identifier]) for project in wanted if project.identifier in projects]
    key = at.manager() or at.reader()
    return {
        "workspace": {"slug": at.slug, "id": None if key is None else workspace_id(at.plane, at.slug, key)},
        "members": _members(at),
        "projects": {project.identifier: _of_project(at, project, own) for project, own in seen},
    }


def _members(at: Access) -> dict[str, str]:
    """The members' ids: an agent's by its name, another member's by its display name if no other member has it."""
    names = {agent.email: agent.name for agent in at.state.agents}
    gone = {agent.email for agent in at.settings.absent_agents}
    found: dict[str, str] = {}
    twice = set()
    for member in at.members() or ():
        is_gone = member.is_active is False or member.email in gone
        if is_gone or (member.email.startswith(BOT) and member.email not in names):
            continue
        name = names.get(member.email, member.display_name)
        if name in found and member.email not in names:
            twice.add(name)
        else:
            found[name] = member.user_id
    ours = set(names.values())
    return {name: found[name] for name in sorted(found) if name in ours or name not in twice}


def _of_project(at: Access, wanted: Wanted, project: Project) -> Ids:
    found: Ids = {"id": project.id, "name": project.name, "states": {}, "labels": {}, "types": {}, "fields": {}}
    key = at.project_reader_key(project)
    if key is None or project.is_archived:
        return found
    plane, slug = at.plane, at.slug
    found["states"] = {one.name: one.id for one in plane.collection(State, key, slug=slug, project=project.id)}
    found["labels"] = {one.name: one.id for one in plane.collection(Label, key, slug=slug, project=project.id)}
    if not plane.instance().is_community:
        try:
            found |= _types(at, key, wanted, project)
        except PlaneKeyInvalid:
            raise
        except PlaneRefused:
            pass  # the plan of the project or its workspace has none; an earlier operation has warned
    return found


def _types(at: Access, key: ApiKey, wanted: Wanted, project: Project) -> Ids:
    """The work item types of a project, and the custom fields of the type in the settings."""
    plane, slug = at.plane, at.slug
    owner, kinds = plane.types_of_project(slug, key, project)
    kind = chosen_type(kinds, wanted.work_item_type)
    fields = plane.properties_of_type(slug, key, owner, kind) if kind is not None else []
    return {
        "types": {one.name: one.id for one in kinds},
        "fields": {one.display_name: one.id for one in fields},
    }


def will_differ(at: Access, ids: Ids, wanted: Sequence[Wanted]) -> bool:
    """Whether a run will create, rename or delete something whose id is requested, by the settings."""
    members = {agent.name for agent in at.state.agents}
    if not members <= ids["members"].keys():
        return True
    return any(_project_will_differ(at, ids["projects"].get(one.identifier), one) for one in wanted)


def _project_will_differ(at: Access, has: Ids | None, wanted: Wanted) -> bool:
    # A project without states is archived, or none of the agents is in it yet.
    if has is None or has["name"] != wanted.name or not has["states"]:
        return True
    is_community = at.plane.instance().is_community
    fields = [] if is_community else [field.name for field in wanted.custom_fields]
    labels = [label.name for label in wanted.labels]
    if is_community and at.settings.plane_custom_fields_unsupported == "labels":
        labels += [label.name for label in labels_for(wanted.custom_fields, at.settings.plane_agents)]
    types = [wanted.work_item_type] if wanted.work_item_type and fields else []
    named = {"states": [state.name for state in wanted.states], "labels": labels, "types": types, "fields": fields}
    for what, names in named.items():
        if not set(names) <= has[what].keys():
            return True
        # If labels replace fields, not every unlisted label is pruned, nor is every unlisted field of a workspace.
        is_spared = (what == "labels" and at.settings.replacement_labels(wanted)) or what in ("types", "fields")
        if wanted.prune and names and not is_spared and not has[what].keys() <= set(names):
            return True
    return False
