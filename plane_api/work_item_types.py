"""Work item types and their properties ("custom fields"), in the commercial editions.

From Plane's public API reference and the ``plane-sdk`` package 0.3; no commercial edition was run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plane_api import paths
from plane_api.auth import ApiKey
from plane_api.models import Project, PropertyOption, WorkItemProperty, WorkItemType
from plane_api.projects import ProjectsApi


class WorkItemTypesApi(ProjectsApi):
    """What a work item of a project can be, and what it can carry."""

    def work_item_types(self, slug: str, key: ApiKey, project: Project) -> list[WorkItemType]:
        """The work item types of a project that has them enabled."""
        return self._keep(
            ("types", slug, project.id),
            lambda: self._pages(paths.V1_WORK_ITEM_TYPES(slug=slug, project=project.id), {}, key, WorkItemType.of),
        )

    def create_work_item_type(self, slug: str, key: ApiKey, project: Project, name: str) -> None:
        """Make a work item type."""
        path = paths.V1_WORK_ITEM_TYPES(slug=slug, project=project.id)
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

    def change_work_item_property(
        self, slug: str, key: ApiKey, project: Project, kind: WorkItemType, prop: WorkItemProperty, **fields: Any
    ) -> None:
        """Change fields of a custom field; its type cannot be changed."""
        path = f"{self._properties(slug, project, kind)}{paths.part(prop.id)}/"
        self.http.call("PATCH", path, headers=key.headers(), json=fields)
        self.forget("properties")

    def delete_work_item_property(
        self, slug: str, key: ApiKey, project: Project, kind: WorkItemType, prop: WorkItemProperty
    ) -> None:
        """Delete a custom field, and with it what work items hold in it."""
        path = f"{self._properties(slug, project, kind)}{paths.part(prop.id)}/"
        self.http.call("DELETE", path, headers=key.headers())
        self.forget("properties")

    def property_options(
        self, slug: str, key: ApiKey, project: Project, prop: WorkItemProperty
    ) -> dict[str, PropertyOption]:
        """The options of a custom field of type OPTION, by name."""
        return self._keep(
            ("properties", slug, project.id, prop.id, "options"),
            lambda: {
                row.name: row for row in self._pages(self._options(slug, project, prop), {}, key, PropertyOption.of)
            },
        )

    def create_property_option(
        self, slug: str, key: ApiKey, project: Project, prop: WorkItemProperty, name: str, is_default: bool
    ) -> None:
        """Add an option to a custom field."""
        body = {"name": name, "is_default": is_default}
        self.http.call("POST", self._options(slug, project, prop), headers=key.headers(), json=body)
        self.forget("properties")

    def change_property_option(
        self, slug: str, key: ApiKey, project: Project, prop: WorkItemProperty, option: PropertyOption, is_default: bool
    ) -> None:
        """Make an option of a custom field the one that is chosen at first, or not."""
        path = f"{self._options(slug, project, prop)}{paths.part(option.id)}/"
        self.http.call("PATCH", path, headers=key.headers(), json={"is_default": is_default})
        self.forget("properties")

    def delete_property_option(
        self, slug: str, key: ApiKey, project: Project, prop: WorkItemProperty, option: PropertyOption
    ) -> None:
        """Delete an option of a custom field."""
        path = f"{self._options(slug, project, prop)}{paths.part(option.id)}/"
        self.http.call("DELETE", path, headers=key.headers())
        self.forget("properties")

    def _properties(self, slug: str, project: Project, kind: WorkItemType) -> str:
        return paths.V1_PROPERTIES(slug=slug, project=project.id, kind=kind.id)

    def _options(self, slug: str, project: Project, prop: WorkItemProperty) -> str:
        return paths.V1_OPTIONS(slug=slug, project=project.id, prop=prop.id)
