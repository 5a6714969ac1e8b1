"""Custom fields ("work item properties"), in the editions that have them."""

from __future__ import annotations

from collections.abc import Sequence

from operations.converge import Change, Kept, Note, Plan, converging
from operations.plane.scene import Scene, current_scene, needs_project
from plane_api.auth import ApiKey
from plane_api.errors import PlaneError, PlaneSettings
from plane_api.models import Project as SeenProject
from plane_api.models import WorkItemType
from plane_api.properties import definition, property_type
from settings import CustomField


@converging
def work_item_properties(
    slug: str,
    identifier: str,
    fields: Sequence[CustomField],
    work_item_type: str | None = None,
    unsupported: str = "warn",
) -> Plan:
    """
    Have custom fields ("work item properties") on a work item type of a project, in the editions that have them.

    + slug: the workspace
    + identifier: the project's identifier
    + fields: name and type of each
    + work_item_type: the type's name; the project's default one when not given
    + unsupported: ``warn`` or ``fail`` where the edition has no custom fields

    A field whose type differs is reported and left: Plane cannot change a type in place.
    """
    scene = current_scene()
    plane = scene.plane()
    identifier = identifier.upper()
    names = ", ".join(field.name for field in fields)
    if not fields:
        yield Kept(f"no custom fields asked for in {identifier}")
        return
    instance = plane.instance()
    if instance.is_community:
        line = f"custom fields of {identifier} ({names}): not available in Plane Community Edition {instance.version}"
        if unsupported == "fail":
            raise PlaneSettings(f"{line}; take them out of plane_projects, or use a commercial edition")
        yield Note(f"! {line}")
        return
    projects = scene.projects(slug)
    seen = projects.get(identifier) if projects is not None else None
    key = scene.manager(slug) or scene.reader(slug)
    if key is None or seen is None:
        yield Change((f"+ custom fields of {identifier}: {names}",), lambda: needs_project(slug, identifier))
        return
    if not seen.is_issue_type_enabled:
        yield Change(
            (f"~ project {identifier}: work item types on",),
            lambda: plane.change_project(slug, scene.key_inside(slug, seen), seen, is_issue_type_enabled=True),
        )
        kind = None
    else:
        kind = _work_item_type(scene, slug, key, seen, work_item_type)
    if kind is None and work_item_type is not None:
        yield Change(
            (f"+ work item type {work_item_type} in {identifier}",),
            lambda: plane.create_work_item_type(slug, scene.key_inside(slug, seen), seen, work_item_type),
        )
    present = {found.display_name: found for found in plane.work_item_properties(slug, key, seen, kind)} if kind else {}
    for field in fields:
        found = present.get(field.name)
        if found is None:
            yield _make_property(scene, slug, seen, work_item_type, field)
        elif found.property_type != property_type(field.type):
            yield Note(
                f"! custom field {field.name} of {identifier} is {found.property_type}, not "
                f"{property_type(field.type)}; Plane cannot change a type in place, so it is left"
            )
        else:
            yield Kept(f"custom field {field.name} of {identifier}")


def _work_item_type(
    scene: Scene, slug: str, key: ApiKey, project: SeenProject, wanted: str | None
) -> WorkItemType | None:
    types = scene.plane().work_item_types(slug, key, project)
    return next((kind for kind in types if (kind.is_default if wanted is None else kind.name == wanted)), None)


def _make_property(scene: Scene, slug: str, project: SeenProject, type_name: str | None, field: CustomField) -> Change:
    def make() -> None:
        key = scene.key_inside(slug, project)
        kind = _work_item_type(scene, slug, key, project, type_name)
        if kind is None:
            raise PlaneError(f"the project {project.identifier} has no {type_name or 'default'} work item type")
        scene.plane().create_work_item_property(slug, key, project, kind, definition(field.name, field.type))

    return Change((f"+ custom field {field.name} ({field.type}) of {project.identifier}",), make)
