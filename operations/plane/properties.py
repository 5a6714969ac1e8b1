"""Custom fields ("work item properties"), in the editions that have them, and what labels can stand in for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from operations.converge import Change, Kept, Note, Plan, converging
from operations.plane.scene import Scene, current_scene, needs_project, project_to_read, typed
from operations.plane.states_labels import labels_plan
from plane_api.auth import ApiKey
from plane_api.errors import PlaneBadAnswer, PlaneError, PlaneRefused, PlaneSettings, PlaneUnreachable
from plane_api.models import Project as SeenProject
from plane_api.models import WorkItemProperty, WorkItemType
from plane_api.properties import definition, field_type
from settings import CustomField, labels_for


@converging
def custom_fields_available(identifiers: Sequence[str]) -> Plan:
    """
    Stop, before anything is written, where the edition has no custom fields.

    + identifiers: the projects that are to have some, for the message

    A Plane that does not answer yet is passed over: ask again once it does.
    """
    scene = current_scene()
    try:
        instance = scene.plane().instance()
    except (PlaneUnreachable, PlaneBadAnswer):  # without tables it answers everything with 500
        yield Note("! custom fields: Plane does not answer yet, so its edition is checked once it does")
        return
    if instance.registered and instance.is_community:
        raise PlaneSettings(
            f"Plane Community Edition {instance.version} has no custom fields ({', '.join(identifiers)}), and "
            'plane_custom_fields_unsupported is "fail"; set it to "warn" or "labels", take the fields out of '
            "plane_projects, or use a commercial edition"
        )
    yield Kept("the edition has custom fields")


@converging
def work_item_properties(
    slug: str,
    identifier: str,
    fields: Sequence[CustomField],
    work_item_type: str | None = None,
    unsupported: str = "warn",
    prune: bool = False,
) -> Plan:
    """
    Have custom fields ("work item properties") on a work item type of a project, in the editions that have them.

    + slug: the workspace
    + identifier: the project's identifier
    + fields: name, type and where wanted description, required, options, multiple, default of each
    + work_item_type: the type's name, made when missing; the project's default one when not given
    + unsupported: ``warn``, ``fail`` or ``labels`` where the edition has no custom fields
    + prune: delete fields and options that are not named, and with them what work items hold in them

    A field whose type differs is reported and left: Plane cannot change a type in place.

    **Example:**

    .. code:: python

        from settings import CustomField

        plane.work_item_properties(
            name="Custom fields",
            slug="javisi",
            identifier="ONBOARD",
            fields=[CustomField("session_id", "text"), CustomField("risk", "option", options=("low", "high"))],
        )
    """
    scene, fields = current_scene(), typed(CustomField, fields)
    plane = scene.plane()
    identifier = identifier.upper()
    names = ", ".join(field.name for field in fields)
    if not fields:
        yield Kept(f"no custom fields asked for in {identifier}")
        return
    instance = plane.instance()
    if not instance.edition:  # a preview of a Plane that cannot answer yet
        yield Change((f"? custom fields of {identifier}: {names} (if the edition has them)",), lambda: None)
        return
    if instance.is_community:
        yield from _unsupported(
            scene, slug, identifier, fields, unsupported, f"Plane Community Edition {instance.version}"
        )
        return
    found = project_to_read(scene, slug, identifier)
    if isinstance(found, str):
        # Before the instance is registered, nobody knows its edition.
        found = found if instance.edition else "?"
        yield Change((f"{found} custom fields of {identifier}: {names}",), lambda: needs_project(slug, identifier))
        return
    seen, key = found
    kind = None
    if not seen.is_issue_type_enabled:
        yield Change(
            (f"~ project {identifier}: work item types on",),
            lambda: plane.change_project(slug, scene.key_inside(slug, seen), seen, is_issue_type_enabled=True),
        )
    else:
        try:
            kind = _work_item_type(scene, slug, key, seen, work_item_type)
        except PlaneRefused as error:
            # Another plan of the same edition: the path is not there, or wants to be paid for.
            if error.status not in (402, 404):
                raise
            yield from _unsupported(scene, slug, identifier, fields, unsupported, f"this Plane's plan ({error.detail})")
            return
    if kind is None and work_item_type is not None:
        yield Change(
            (f"+ work item type {work_item_type} in {identifier}",),
            lambda: plane.create_work_item_type(slug, scene.key_inside(slug, seen), seen, work_item_type),
        )
    present = {one.display_name: one for one in plane.work_item_properties(slug, key, seen, kind)} if kind else {}
    for field in fields:
        place = _Place(scene, slug, seen, work_item_type, field)
        has = present.get(field.name)
        if has is None:
            yield Change((f"+ custom field {field.name} ({field.type}) of {identifier}",), place.make)
        else:
            yield from place.bring_in_line(key, has, prune)
    if prune:
        named = {field.name for field in fields}
        for name, has in present.items():
            if name not in named:
                place = _Place(scene, slug, seen, work_item_type, CustomField(name, "text"))
                yield Change((f"- custom field {name} of {identifier}",), place.deletes(has))


def _work_item_type(
    scene: Scene, slug: str, key: ApiKey, project: SeenProject, wanted: str | None
) -> WorkItemType | None:
    types = scene.plane().work_item_types(slug, key, project)
    return next((kind for kind in types if (kind.is_default if wanted is None else kind.name == wanted)), None)


@dataclass(frozen=True)
class _Place:
    """One field and where it belongs."""

    scene: Scene
    slug: str
    project: SeenProject
    type_name: str | None
    field: CustomField

    def __str__(self) -> str:
        return f"custom field {self.field.name} of {self.project.identifier}"

    def _kind(self, key: ApiKey) -> WorkItemType:
        kind = _work_item_type(self.scene, self.slug, key, self.project, self.type_name)
        if kind is None:
            raise PlaneError(
                f"the project {self.project.identifier} has no {self.type_name or 'default'} work item type"
            )
        return kind

    def _default(self, key: ApiKey) -> list[str] | None:
        """As Plane keeps it; an option that is the default is marked instead."""
        if self.field.default is None or self.field.type == "option":
            return None
        if self.field.type != "member":
            return list(self.field.default)
        ids = {member.email: member.user_id for member in self.scene.plane().members(self.slug, key)}
        unknown = [address for address in self.field.default if address not in ids]
        if unknown:
            raise PlaneSettings(f"{self}: {', '.join(unknown)} is not in the workspace {self.slug}")
        return [ids[address] for address in self.field.default]

    def make(self) -> None:
        """Make it with all that is asked for."""
        field, key = self.field, self.scene.key_inside(self.slug, self.project)
        further: dict[str, Any] = {
            "description": field.description,
            "is_required": field.required,
            "is_multi": field.multiple,
            "default_value": self._default(key),
        }
        if field.options:
            chosen = field.default or ()
            further["options"] = [{"name": name, "is_default": name in chosen} for name in field.options]
        body = definition(field.name, field.type, **{k: v for k, v in further.items() if v is not None})
        self.scene.plane().create_work_item_property(self.slug, key, self.project, self._kind(key), body)

    def bring_in_line(self, key: ApiKey, has: WorkItemProperty, prune: bool) -> Plan:
        """What differs in one that is there."""
        field = self.field
        theirs = field_type(has.property_type, has.relation_type)
        if theirs != field.type:
            yield Note(f"! {self} is of type {theirs}, not {field.type}; Plane cannot change a type, so it is left")
            return
        if field.multiple is not None and field.multiple != has.is_multi:
            held = "several values" if has.is_multi else "one value"
            yield Note(f"! {self} holds {held}; Plane cannot change that in place, so it is left")
        fields: dict[str, Any] = {}
        words = []
        if field.description is not None and field.description != has.description:
            fields["description"] = field.description
            words.append("description")
        if field.required is not None and field.required != has.is_required:
            fields["is_required"] = field.required
            words.append("required" if field.required else "not required")
        # Plane keeps no default for a required field (public API reference).
        default = None if has.is_required and field.required is not False else self._default(key)
        if default is not None and default != list(has.default_value):
            fields["default_value"] = default
            words.append(f"default {', '.join(field.default or ())}")
        if fields:
            yield Change((f"~ {self}: {', '.join(words)}",), lambda: self._change(has, fields))
        same = not fields
        for change in self._options(key, has, prune):
            same = False
            yield change
        if same:
            yield Kept(str(self))

    def _change(self, has: WorkItemProperty, fields: dict[str, Any]) -> None:
        key = self.scene.key_inside(self.slug, self.project)
        self.scene.plane().change_work_item_property(self.slug, key, self.project, self._kind(key), has, **fields)

    def _options(self, key: ApiKey, has: WorkItemProperty, prune: bool) -> Plan:
        field, plane = self.field, self.scene.plane()
        if field.type != "option":
            return
        present = plane.property_options(self.slug, key, self.project, has)
        for name in field.options:
            chosen = name in (field.default or ())
            option = present.get(name)
            if option is None:
                yield Change((f"+ option {name} of {self}",), self._adds(has, name, chosen))
            elif field.default is not None and option.is_default != chosen:
                words = "the default" if chosen else "no longer the default"
                yield Change((f"~ option {name} of {self}: {words}",), self._marks(has, name, chosen))
        if prune:
            for name in present:
                if name not in field.options:
                    yield Change((f"- option {name} of {self}",), self._drops(has, name))

    # What the changes do

    def _adds(self, has: WorkItemProperty, name: str, chosen: bool) -> Any:
        return lambda: self.scene.plane().create_property_option(*self._at(has), name, chosen)

    def _marks(self, has: WorkItemProperty, name: str, chosen: bool) -> Any:
        def mark() -> None:
            at = self._at(has)
            option = self.scene.plane().property_options(*at)[name]
            self.scene.plane().change_property_option(*at, option, chosen)

        return mark

    def _drops(self, has: WorkItemProperty, name: str) -> Any:
        def drop() -> None:
            at = self._at(has)
            self.scene.plane().delete_property_option(*at, self.scene.plane().property_options(*at)[name])

        return drop

    def deletes(self, has: WorkItemProperty) -> Any:
        """What deletes a field that is there."""

        def delete() -> None:
            key = self.scene.key_inside(self.slug, self.project)
            self.scene.plane().delete_work_item_property(self.slug, key, self.project, self._kind(key), has)

        return delete

    def _at(self, has: WorkItemProperty) -> tuple[str, ApiKey, SeenProject, WorkItemProperty]:
        return self.slug, self.scene.key_inside(self.slug, self.project), self.project, has


def _unsupported(
    scene: Scene, slug: str, identifier: str, fields: Sequence[CustomField], mode: str, where: str
) -> Plan:
    names = ", ".join(field.name for field in fields)
    if mode == "fail":
        raise PlaneSettings(
            f"custom fields of {identifier} ({names}): not available in {where}; take them out of plane_projects, or "
            "use a commercial edition"
        )
    labels = labels_for(fields, scene.agents) if mode == "labels" else []
    groups = {label.name for label in labels if label.parent is None}
    without = ", ".join(field.name for field in fields if field.name not in groups)
    if without:
        advice = "labels cannot stand in for them" if mode == "labels" else "see plane_custom_fields_unsupported"
        yield Note(f"! custom fields of {identifier} ({without}): not available in {where}; {advice}", True)
    if not labels:
        return
    found = project_to_read(scene, slug, identifier)
    if isinstance(found, str):
        line = f"{found} labels of {identifier} in place of custom fields: {', '.join(sorted(groups))}"
        yield Change((line,), lambda: needs_project(slug, identifier))
        return
    yield from labels_plan(scene, slug, *found, labels)
