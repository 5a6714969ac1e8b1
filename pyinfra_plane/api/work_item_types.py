"""Work item types and their properties ("custom fields"), in the commercial editions.

A project owns them, or the workspace does and projects import them (Plane's Enterprise Grid). Each method takes the
project that owns the type or property, or ``None`` for the workspace. From Plane's public API reference and the
``plane-sdk`` package 0.3; no commercial edition was run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyinfra_plane.api import paths
from pyinfra_plane.api.auth import ApiKey
from pyinfra_plane.api.collection import Collection
from pyinfra_plane.api.errors import PlaneKeyInvalid, PlaneRefused
from pyinfra_plane.api.models import Project, PropertyOption, WorkItemProperty, WorkItemType
from pyinfra_plane.api.projects import ProjectsApi
from pyinfra_plane.api.rows import listed_ids

DEFAULT_TYPE = "Task"
"""Plane's name for the default work item type (product documentation), which the deploy uses too."""


def chosen_type(kinds: Sequence[WorkItemType], name: str | None) -> WorkItemType | None:
    """The type with this name, or if there is no name, the default one; ``None`` if it is missing."""
    named = next((kind for kind in kinds if kind.name == (name or DEFAULT_TYPE)), None)
    if name is not None:
        return named
    # A type that this deploy created is not marked as the default: v1 does not accept a default.
    return next((kind for kind in kinds if kind.is_default), named)


class WorkItemTypesApi(ProjectsApi):
    """Requests about work item types and their properties."""

    def workspace_owns_types(self, slug: str, key: ApiKey) -> bool:
        """Whether the workspace owns work item types and properties. If Plane does not say, its projects do."""
        return self._features(slug, key).get("work_item_types") is True

    def workspace_owns_states(self, slug: str, key: ApiKey) -> bool:
        """Whether the workspace owns states and labels. If Plane does not say, its projects do."""
        return self._features(slug, key).get("states_owned_by_workspace") is True

    def _features(self, slug: str, key: ApiKey) -> dict[str, Any]:
        """The workspace's features. Only for commercial editions: the Community Edition has no such path."""

        def read() -> dict[str, Any]:
            try:
                answer = self.http.call("GET", paths.V1_FEATURES(slug=slug), headers=key.headers())
            except PlaneKeyInvalid:
                raise
            except PlaneRefused:
                return {}  # an older version, another plan, or a key without permission
            return answer if isinstance(answer, dict) else {}

        return self.cached(("features", slug), read)

    def enable_work_item_types(self, slug: str, key: ApiKey, project: Project) -> None:
        """Turn work item types on in a project: by its features, or in older versions by the project itself."""
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
        self.forget("projects", WorkItemType.WHAT)

    # Lists

    def work_item_types(self, slug: str, key: ApiKey, owner: Project | None) -> Collection[WorkItemType]:
        """The work item types of a project that has them enabled, or of the workspace."""
        if owner is None:
            return Collection(self, WorkItemType, key, paths.V1_WORKSPACE_TYPES, slug=slug)
        return Collection(self, WorkItemType, key, slug=slug, project=owner.id)

    def work_item_properties(
        self, slug: str, key: ApiKey, owner: Project | None, kind: WorkItemType
    ) -> Collection[WorkItemProperty]:
        """The custom fields of a project's type; if the workspace owns them, those of all its types."""
        if owner is None:
            return Collection(self, WorkItemProperty, key, paths.V1_WORKSPACE_PROPERTIES, slug=slug)
        return Collection(self, WorkItemProperty, key, slug=slug, project=owner.id, kind=kind.id)

    def property_options(
        self, slug: str, key: ApiKey, owner: Project | None, prop: WorkItemProperty
    ) -> Collection[PropertyOption]:
        """The options of a custom field of type OPTION."""
        if owner is None:
            return Collection(self, PropertyOption, key, paths.V1_WORKSPACE_OPTIONS, slug=slug, prop=prop.id)
        return Collection(self, PropertyOption, key, slug=slug, project=owner.id, prop=prop.id)

    def types_of_project(self, slug: str, key: ApiKey, project: Project) -> tuple[Project | None, list[WorkItemType]]:
        """The types that a project uses, and their owner: the project, or ``None`` for the workspace."""
        if self.workspace_owns_types(slug, key):
            owned = self.work_item_types(slug, key, None)
            return None, [kind for kind in owned if self.has_imported(slug, key, project, kind)]
        return project, self.work_item_types(slug, key, project).rows() if project.is_issue_type_enabled else []

    def properties_of_type(
        self, slug: str, key: ApiKey, owner: Project | None, kind: WorkItemType
    ) -> list[WorkItemProperty]:
        """The custom fields in a type; of a workspace's fields, those that are linked to the type."""
        linked = self.linked_properties(slug, key, kind) if owner is None else None
        if linked is not None and not linked:
            return []
        listed = self.work_item_properties(slug, key, owner, kind).rows()
        return listed if linked is None else [one for one in listed if one.id in linked]

    def create_work_item_property(
        self, slug: str, key: ApiKey, owner: Project | None, kind: WorkItemType, definition: Mapping[str, Any]
    ) -> None:
        """Create a custom field in a type; `definition` comes from :mod:`pyinfra_plane.api.properties`.

        In a workspace that takes two requests. After an interruption between them, the property exists but is not in
        the type.
        """
        properties = self.work_item_properties(slug, key, owner, kind)
        answer = properties.create(**definition)
        if owner is None:
            self.link_property(slug, key, kind, properties.created(answer).id)

    # A workspace that owns types

    def has_imported(self, slug: str, key: ApiKey, project: Project, kind: WorkItemType) -> bool:
        """Whether a project uses a type of its workspace, by the type's data or otherwise the project's."""
        if project.id in kind.project_ids:
            return True
        try:
            return any(one.id == kind.id for one in self.work_item_types(slug, key, project).rows())
        except PlaneKeyInvalid:
            raise
        except PlaneRefused as error:
            if error.status not in (400, 404):
                raise
            return False  # it uses no types yet

    def import_work_item_type(self, slug: str, key: ApiKey, project: Project, kind: WorkItemType) -> None:
        """Import a type of the workspace into a project."""
        path = paths.V1_IMPORT_TYPES(slug=slug, project=project.id)
        self.http.call("POST", path, headers=key.headers(), json={"work_item_types": [kind.id]})
        self.forget("projects", WorkItemType.WHAT)

    def linked_properties(self, slug: str, key: ApiKey, kind: WorkItemType) -> frozenset[str]:
        """The ids of the properties that a type of the workspace has."""
        path = paths.V1_TYPE_PROPERTIES(slug=slug, kind=kind.id)
        return self.cached(
            (WorkItemProperty.WHAT, path),
            lambda: listed_ids(self.http.call("GET", path, headers=key.headers()), "properties of a work item type"),
        )

    def link_property(self, slug: str, key: ApiKey, kind: WorkItemType, property_id: str) -> None:
        """Add a property of the workspace to a type of the workspace."""
        path = paths.V1_TYPE_PROPERTIES(slug=slug, kind=kind.id)
        self.http.call("POST", path, headers=key.headers(), json={"properties": [property_id]})
        self.forget(WorkItemProperty.WHAT)
