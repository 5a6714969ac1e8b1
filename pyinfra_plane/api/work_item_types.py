"""Work item types and their properties ("custom fields"), in the commercial editions.

A project owns them, or the workspace does and projects import them (Plane's Enterprise Grid). Each method takes the
project that owns what it is about, or ``None`` for the workspace. From Plane's public API reference and the
``plane-sdk`` package 0.3; no commercial edition was run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyinfra_plane.api import paths
from pyinfra_plane.api.auth import ApiKey
from pyinfra_plane.api.errors import PlaneKeyInvalid, PlaneRefused
from pyinfra_plane.api.models import Project, PropertyOption, WorkItemProperty, WorkItemType
from pyinfra_plane.api.projects import ProjectsApi
from pyinfra_plane.api.rows import listed, listed_ids


class WorkItemTypesApi(ProjectsApi):
    """What a work item of a project can be, and what it can carry."""

    def workspace_owns_types(self, slug: str, key: ApiKey) -> bool:
        """Whether the workspace owns work item types and properties; its projects do where Plane does not say.

        Only a commercial edition may be asked: the Community Edition has no such path.
        """

        def read() -> bool:
            try:
                answer = self.http.call("GET", paths.V1_FEATURES(slug=slug), headers=key.headers())
            except PlaneKeyInvalid:
                raise
            except PlaneRefused:
                return False  # an older version, another plan, or a key that may not see it
            return isinstance(answer, dict) and answer.get("work_item_types") is True

        return self._keep(("features", slug), read)

    def enable_work_item_types(self, slug: str, key: ApiKey, project: Project) -> None:
        """Switch work item types on in a project: by its features, or in older versions by the project itself."""
        try:
            path = paths.V1_PROJECT_FEATURES(slug=slug, project=project.id)
            answer = self.http.call("PATCH", path, headers=key.headers(), json={"work_item_types": True})
            is_on = isinstance(answer, dict) and answer.get("work_item_types") is True
        except PlaneRefused as error:
            if error.status not in (404, 405):
                raise
            is_on = False
        if not is_on:
            self.change_project(slug, key, project, is_issue_type_enabled=True)
        self.forget("projects", "types")

    # Types

    def work_item_types(self, slug: str, key: ApiKey, owner: Project | None) -> list[WorkItemType]:
        """The work item types of a project that has them enabled, or of the workspace."""
        return self._keep(
            ("types", slug, owner.id if owner else ""),
            lambda: self._pages(self._types(slug, owner), {}, key, WorkItemType.of),
        )

    def create_work_item_type(self, slug: str, key: ApiKey, owner: Project | None, name: str) -> None:
        """Make a work item type."""
        path = self._types(slug, owner)
        self.http.call("POST", path, headers=key.headers(), json={"name": name, "is_active": True})
        self.forget("types")

    def has_imported(self, slug: str, key: ApiKey, project: Project, kind: WorkItemType) -> bool:
        """Whether a project uses a type of its workspace, as the type or else the project tells."""
        if project.id in kind.project_ids:
            return True
        try:
            return any(one.id == kind.id for one in self.work_item_types(slug, key, project))
        except PlaneKeyInvalid:
            raise
        except PlaneRefused as error:
            if error.status not in (400, 404):
                raise
            return False  # it uses none yet

    def import_work_item_type(self, slug: str, key: ApiKey, project: Project, kind: WorkItemType) -> None:
        """Have a project use a type of its workspace."""
        path = paths.V1_IMPORT_TYPES(slug=slug, project=project.id)
        self.http.call("POST", path, headers=key.headers(), json={"work_item_types": [kind.id]})
        self.forget("projects", "types")

    # Properties

    def work_item_properties(
        self, slug: str, key: ApiKey, owner: Project, kind: WorkItemType
    ) -> list[WorkItemProperty]:
        """The custom fields of a work item type of a project."""
        return self._keep(
            ("properties", slug, owner.id, kind.id),
            lambda: self._pages(self._properties(slug, owner, kind), {}, key, WorkItemProperty.of),
        )

    def workspace_properties(self, slug: str, key: ApiKey) -> list[WorkItemProperty]:
        """The custom fields of a workspace that owns them, in whichever of its types."""
        path = paths.V1_WORKSPACE_PROPERTIES(slug=slug)
        return self._keep(("properties", slug), lambda: self._pages(path, {}, key, WorkItemProperty.of))

    def linked_properties(self, slug: str, key: ApiKey, kind: WorkItemType) -> frozenset[str]:
        """The ids of the properties that a type of the workspace has."""
        return self._keep(
            ("properties", slug, kind.id, "linked"),
            lambda: listed_ids(
                self.http.call("GET", self._links(slug, kind), headers=key.headers()), "properties of a work item type"
            ),
        )

    def link_property(self, slug: str, key: ApiKey, kind: WorkItemType, property_id: str) -> None:
        """Put a property of the workspace into a type of the workspace."""
        self.http.call("POST", self._links(slug, kind), headers=key.headers(), json={"properties": [property_id]})
        self.forget("properties")

    def create_work_item_property(
        self, slug: str, key: ApiKey, owner: Project | None, kind: WorkItemType, definition: Mapping[str, Any]
    ) -> None:
        """Make a custom field in a type; `definition` as :mod:`pyinfra_plane.api.properties` gives it.

        In a workspace that takes two requests. When the second is missing, the property is there and not in the type.
        """
        path = self._properties(slug, owner, kind)
        answer = self.http.call("POST", path, headers=key.headers(), json=dict(definition))
        self.forget("properties")
        if owner is None:
            [made] = listed([answer], WorkItemProperty.of, "the new custom field")
            self.link_property(slug, key, kind, made.id)

    def change_work_item_property(
        self, slug: str, key: ApiKey, owner: Project | None, kind: WorkItemType, prop: WorkItemProperty, **fields: Any
    ) -> None:
        """Change fields of a custom field; its type cannot be changed."""
        path = f"{self._properties(slug, owner, kind)}{paths.part(prop.id)}/"
        self.http.call("PATCH", path, headers=key.headers(), json=fields)
        self.forget("properties")

    def delete_work_item_property(
        self, slug: str, key: ApiKey, owner: Project, kind: WorkItemType, prop: WorkItemProperty
    ) -> None:
        """Delete a custom field of a project's type, and with it what work items hold in it."""
        self._remove(
            f"the custom field {prop.display_name} of {owner.identifier}",
            f"{self._properties(slug, owner, kind)}{paths.part(prop.id)}/",
            key,
            ("properties",),
            lambda: prop.id in {one.id for one in self.work_item_properties(slug, key, owner, kind)},
        )

    # Options

    def property_options(
        self, slug: str, key: ApiKey, owner: Project | None, prop: WorkItemProperty
    ) -> dict[str, PropertyOption]:
        """The options of a custom field of type OPTION, by name."""
        return self._keep(
            ("properties", slug, owner.id if owner else "", prop.id, "options"),
            lambda: {
                row.name: row for row in self._pages(self._options(slug, owner, prop), {}, key, PropertyOption.of)
            },
        )

    def create_property_option(
        self, slug: str, key: ApiKey, owner: Project | None, prop: WorkItemProperty, name: str, is_default: bool
    ) -> None:
        """Add an option to a custom field."""
        body = {"name": name, "is_default": is_default}
        self.http.call("POST", self._options(slug, owner, prop), headers=key.headers(), json=body)
        self.forget("properties")

    def change_property_option(
        self,
        slug: str,
        key: ApiKey,
        owner: Project | None,
        prop: WorkItemProperty,
        option: PropertyOption,
        is_default: bool,
    ) -> None:
        """Make an option of a custom field the one that is chosen at first, or not."""
        path = f"{self._options(slug, owner, prop)}{paths.part(option.id)}/"
        self.http.call("PATCH", path, headers=key.headers(), json={"is_default": is_default})
        self.forget("properties")

    def delete_property_option(
        self, slug: str, key: ApiKey, owner: Project | None, prop: WorkItemProperty, option: PropertyOption
    ) -> None:
        """Delete an option of a custom field."""
        self._remove(
            f"the option {option.name} of the custom field {prop.display_name}",
            f"{self._options(slug, owner, prop)}{paths.part(option.id)}/",
            key,
            ("properties",),
            lambda: option.name in self.property_options(slug, key, owner, prop),
        )

    # Paths

    @staticmethod
    def _types(slug: str, owner: Project | None) -> str:
        if owner is None:
            return paths.V1_WORKSPACE_TYPES(slug=slug)
        return paths.V1_WORK_ITEM_TYPES(slug=slug, project=owner.id)

    @staticmethod
    def _properties(slug: str, owner: Project | None, kind: WorkItemType) -> str:
        if owner is None:
            return paths.V1_WORKSPACE_PROPERTIES(slug=slug)
        return paths.V1_PROPERTIES(slug=slug, project=owner.id, kind=kind.id)

    @staticmethod
    def _links(slug: str, kind: WorkItemType) -> str:
        return paths.V1_TYPE_PROPERTIES(slug=slug, kind=kind.id)

    @staticmethod
    def _options(slug: str, owner: Project | None, prop: WorkItemProperty) -> str:
        if owner is None:
            return paths.V1_WORKSPACE_OPTIONS(slug=slug, prop=prop.id)
        return paths.V1_OPTIONS(slug=slug, project=owner.id, prop=prop.id)
