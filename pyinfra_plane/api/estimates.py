"""The estimates of projects."""

from __future__ import annotations

from pyinfra_plane.api import paths
from pyinfra_plane.api.auth import ApiKey, Session
from pyinfra_plane.api.base import check_gone
from pyinfra_plane.api.collection import Collection
from pyinfra_plane.api.errors import PlaneRefused
from pyinfra_plane.api.models import Estimate, Project
from pyinfra_plane.api.projects import ProjectsApi
from pyinfra_plane.api.rows import as_dict

FIBONACCI = ("1", "2", "3", "5", "8", "13")
"""The points of new estimates in a project that has none."""

_ESTIMATE = {"name": "Points", "type": "points", "last_used": True}
_POINTS = [{"key": key, "value": value} for key, value in enumerate(FIBONACCI, 1)]


class EstimatesApi(ProjectsApi):
    """What the work items of a project are estimated with."""

    def drop_estimate(self, slug: str, key: ApiKey, project: Project) -> None:
        """Turn estimates off in a project; Plane keeps them."""
        self.change_project(slug, key, project, estimate=None)
        in_use = self._still(slug, key, project, lambda seen: seen.estimate is not None)
        check_gone(f"the estimates of {project.identifier}", in_use)

    def estimates(self, slug: str, session: Session, project: Project) -> list[Estimate]:
        """The estimates that were created in a project, in use or not."""
        return Collection(self, Estimate, session, slug=slug, project=project.id).rows()

    def create_estimate(self, slug: str, session: Session, project: Project) -> Estimate:
        """Create estimates in points. They are in use once the project's `estimate` names them."""
        estimates = Collection(self, Estimate, session, slug=slug, project=project.id)
        return estimates.created(estimates.create(estimate=_ESTIMATE, estimate_points=_POINTS))

    def estimate_with_key(self, slug: str, key: ApiKey, project: Project) -> Estimate:
        """Return the estimates of a project, created in points if there are none (commercial editions).

        Raises:
            PlaneRefused: 404, or another refusal because of the plan, if the edition allows it to sessions only.
        """
        path = paths.V1_ESTIMATES(slug=slug, project=project.id)
        try:
            answer = self.http.call("GET", path, headers=key.headers())
        except PlaneRefused as error:
            if error.status != 404:
                raise
            answer = self.http.call("POST", path, headers=key.headers(), json=_ESTIMATE)
        estimate = Estimate.of(as_dict(answer, f"estimates of {project.identifier}"))
        points = paths.V1_ESTIMATE_POINTS(slug=slug, project=project.id, estimate=estimate.id)
        # An interrupted run leaves estimates without points.
        if not self.http.call("GET", points, headers=key.headers()):
            self.http.call("POST", points, headers=key.headers(), json=_POINTS)
        return estimate
