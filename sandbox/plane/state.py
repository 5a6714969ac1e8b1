"""All data of the stand-in, as tables of rows, with their lookups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from . import models
from .configuration import configurations_by_key
from .table import Table


@dataclass
class PlaneState:
    """One table for each kind of row, by id, in the order of creation."""

    instance: models.Instance
    #: Whether the edition has work item types; the switch for them is in every edition.
    has_types: bool = False
    #: Whether workspaces own work item types and properties, whether they say that they own states and labels, and
    #: whether a default type appears by itself. All are from the facts on commercial editions, not recorded.
    workspaces_own_types: bool = False
    workspaces_own_states: bool = False
    makes_default_type: bool = True
    #: False makes the instance answer as one whose first start has not finished.
    registered: bool = True
    configurations: dict[str, models.Configuration] = field(default_factory=dict)
    instance_admins: list[str] = field(default_factory=list)
    users: Table[models.User] = field(default_factory=Table)
    sessions: dict[str, models.Session] = field(default_factory=dict)
    workspaces: Table[models.Workspace] = field(default_factory=Table)
    workspace_members: Table[models.WorkspaceMember] = field(default_factory=Table)
    invitations: Table[models.Invitation] = field(default_factory=Table)
    webhooks: Table[models.Webhook] = field(default_factory=Table)
    api_tokens: Table[models.ApiToken] = field(default_factory=Table)
    projects: Table[models.Project] = field(default_factory=Table)
    project_members: Table[models.ProjectMember] = field(default_factory=Table)
    states: Table[models.State] = field(default_factory=Table)
    labels: Table[models.Label] = field(default_factory=Table)
    groupings: Table[models.Grouping] = field(default_factory=Table)
    intakes: Table[models.Intake] = field(default_factory=Table)
    estimates: Table[models.Estimate] = field(default_factory=Table)
    estimate_points: Table[models.EstimatePoint] = field(default_factory=Table)
    work_items: Table[models.WorkItem] = field(default_factory=Table)
    comments: Table[models.Comment] = field(default_factory=Table)
    links: Table[models.Link] = field(default_factory=Table)
    activities: Table[models.Activity] = field(default_factory=Table)
    attachments: Table[models.Attachment] = field(default_factory=Table)
    intake_items: Table[models.IntakeItem] = field(default_factory=Table)
    stickies: Table[models.Sticky] = field(default_factory=Table)
    work_item_types: Table[models.WorkItemType] = field(default_factory=Table)
    work_item_properties: Table[models.WorkItemProperty] = field(default_factory=Table)
    property_values: Table[models.PropertyValue] = field(default_factory=Table)

    @classmethod
    def fresh(cls, *, edition: str, intercom: bool, environment: Mapping[str, str]) -> PlaneState:
        """The state of an instance that was started once and never set up."""
        return cls(
            instance=models.Instance(instance_name=f"Plane {edition.capitalize()} Edition"),
            has_types=edition != "community",
            workspaces_own_types=edition == "governed",
            configurations=configurations_by_key(environment, intercom),
        )

    def snapshot(self) -> dict[str, Any]:
        rows = asdict(self)
        for bookkeeping in (
            "has_types",
            "workspaces_own_types",
            "workspaces_own_states",
            "makes_default_type",
            "registered",
        ):
            del rows[bookkeeping]
        for token in rows["api_tokens"].values():
            del token["last_used"]
        return rows

    def is_on(self, key: str) -> bool:
        """Whether an instance setting is on; any word but "1" is off."""
        return self.configured(key) == "1"

    def configured(self, key: str) -> str:
        row = self.configurations.get(key)
        return row.value or "" if row else ""

    def user_by_email(self, email: str) -> models.User | None:
        return next((user for user in self.users.values() if user.email == email), None)

    def workspace_by_slug(self, slug: str) -> models.Workspace | None:
        return next((workspace for workspace in self.workspaces.values() if workspace.slug == slug), None)

    def workspace_member(self, workspace: str, user: str) -> models.WorkspaceMember | None:
        """The membership, removed or not."""
        return self.workspace_members.one(workspace=workspace, member=user)

    def members_of_workspace(self, workspace: str) -> list[models.WorkspaceMember]:
        return self.workspace_members.where(workspace=workspace)

    def workspace_role(self, workspace: str, user: str) -> int | None:
        row = self.workspace_member(workspace, user)
        return row.role if row and row.is_active else None

    def invitations_to(self, workspace: str) -> list[models.Invitation]:
        """Open invitations, newest first, as both APIs list them."""
        return self.invitations.newest_where(workspace=workspace)

    def projects_in(self, workspace: str) -> list[models.Project]:
        return self.projects.where(workspace=workspace)

    def is_visible(self, project: models.Project, user: str) -> bool:
        """Whether a workspace member sees the project through v1: secret ones need membership."""
        return project.network == models.PUBLIC or self.project_role(project.id, user) is not None

    def is_visible_in_app(self, project: models.Project, user: str) -> bool:
        """As `is_visible`; guests see only the projects that they are members of."""
        role = self.workspace_role(project.workspace, user) or 0
        is_member = self.project_role(project.id, user) is not None
        return is_member or (project.network == models.PUBLIC and role > models.GUEST)

    def listed_members_of_project(self, project: models.Project) -> list[models.ProjectMember]:
        """The members that the app lists: those who are still members of the workspace, too."""
        rows = self.members_of_project(project.id)
        return [row for row in rows if self.workspace_role(project.workspace, row.member) is not None]

    def project_member(self, project: str, user: str) -> models.ProjectMember | None:
        """The membership, removed or not."""
        return self.project_members.one(project=project, member=user)

    def members_of_project(self, project: str) -> list[models.ProjectMember]:
        """Current members, newest first."""
        return [row for row in self.project_members.newest_where(project=project) if row.is_active]

    def is_in_a_project(self, workspace: str, user: str) -> bool:
        return any(self.project_role(project.id, user) is not None for project in self.projects_in(workspace))

    def project_role(self, project: str, user: str) -> int | None:
        row = self.project_member(project, user)
        return row.role if row and row.is_active else None

    def states_in(self, project: str) -> list[models.State]:
        return sorted(self.states.where(project=project), key=lambda row: row.sequence)

    def labels_in(self, project: str) -> list[models.Label]:
        """Labels, newest first, as v1 lists them."""
        return self.labels.newest_where(project=project)

    def intake_of(self, project: str) -> models.Intake | None:
        return self.intakes.one(project=project)

    def estimates_in(self, project: str) -> list[models.Estimate]:
        return sorted(self.estimates.where(project=project), key=lambda row: row.name)

    def points_of(self, estimate: str) -> list[models.EstimatePoint]:
        """Points by their values as texts, so that 10 comes before 2 (seen on every tried release)."""
        return sorted(self.estimate_points.where(estimate=estimate), key=lambda row: row.value)

    def work_items_in(self, project: str) -> list[models.WorkItem]:
        """The project's work items, without those that wait in its intake."""
        return [row for row in self.work_items.where(project=project) if not row.in_triage]

    def work_item_types_in(self, project: str) -> list[models.WorkItemType]:
        """The project's own types, and those imported from its workspace."""
        return [row for row in self.work_item_types.values() if project in (row.project, *row.project_ids)]

    def properties_of(self, work_item_type: str) -> list[models.WorkItemProperty]:
        """The properties created in the type, and the workspace's properties in it."""
        kind = self.work_item_types.get(work_item_type)
        lent = kind.properties if kind else []
        own = self.work_item_properties.where(issue_type=work_item_type)
        return own + [row for row in self.work_item_properties.values() if row.id in lent]

    def values_of(self, work_item: str, work_item_property: str) -> list[models.PropertyValue]:
        return self.property_values.where(work_item=work_item, property=work_item_property)
