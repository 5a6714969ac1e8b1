"""How a host's Plane is reached."""

from __future__ import annotations

from typing import Any

from pyinfra_plane.api.errors import PlaneError, PlaneUnreachable
from pyinfra_plane.api.pace import PERIOD, period_of
from pyinfra_plane.api.plane import Plane
from pyinfra_plane.engine.commands import wait_for_others
from pyinfra_plane.engine.files import file_reading
from pyinfra_plane.engine.readings import Reading, fact_reading, read_fact
from pyinfra_plane.facts.docker import DockerContainer
from pyinfra_plane.host.compose_project import Project, found_on, is_new, known_api_container, needs_start
from pyinfra_plane.host.connection import plane_from
from pyinfra_plane.host.stack import Named
from pyinfra_plane.settings import Settings

FORM_LIMIT = "AUTHENTICATION_RATE_LIMIT"
"""The variable that limits how many forms Plane accepts (1.4.2)."""

NOT_YET = "http://plane.invalid"
"""A placeholder address for a Plane that is not started yet; no request is sent to it."""


class Reach:
    """The route to Plane's API on one host: its container's address, or ``plane_api_url``."""

    def __init__(self, host: Any, settings: Settings) -> None:
        self.host = host
        self.settings = settings
        self._plane: Plane | None = None

    def forget(self) -> None:
        """Drop everything that was read from Plane."""
        if self._plane is not None:
            self._plane.forget()
            if self._plane.http.base_url == NOT_YET:
                self._plane = None

    @property
    def requests_sent(self) -> int | None:
        """The number of requests sent; ``None`` before the first look for Plane."""
        return None if self._plane is None else self._plane.http.requests_sent

    def plane(self, look_again: bool = False) -> Plane:
        """Return Plane as this host reaches it.

        Args:
            look_again: find the container's address again, because the container may have been recreated.

        Raises:
            PlaneUnreachable: Plane has no address.
        """
        if self._plane is None or look_again:
            if is_new(self.host) and not self._answers_already():
                self._plane = self._plane_at(NOT_YET)
                self._plane.expect_new_instance()
                return self._plane
            url = self.settings.plane_api_url or self._container_url()
            if self._plane is None or self._plane.http.base_url != url:
                self._plane = self._plane_at(url)
        return self._plane

    def _plane_at(self, url: str) -> Plane:
        s = self.settings
        # Each request through the relay is a command too, and a server may limit how many run at the same time.
        wait_for_others(self.host)
        limit = s.plane_env_extra.get(FORM_LIMIT)
        period = (period_of(limit.unmask()) if limit is not None else None) or PERIOD
        return plane_from(self.host, url, s.plane_api_ca, s.plane_api_tls_insecure, s.plane_requests_together, period)

    def _answers_already(self) -> bool:
        """Whether Plane's API reports a registered instance although none was found in the database."""
        try:
            plane = self._plane_at(self.settings.plane_api_url or self._container_url())
            return plane.instance().registered
        except PlaneError:
            return False

    @property
    def is_not_started(self) -> bool:
        """Whether this is a preview of a Plane that cannot answer yet."""
        return is_new(self.host) and self.plane().http.base_url == NOT_YET

    def api_container(self) -> str | None:
        """The name of the container of Plane's API; ``None`` if it does not exist yet.

        Raises:
            TargetError: docker or Compose did not answer.
            PlaneSettings: the Compose project does not fit the settings.
        """
        s = self.settings
        known = known_api_container(self.host, s)
        if known is None and s.plane_compose_dir is not None:
            named = Named(s.plane_compose_services, s.plane_compose_migrator, s.plane_compose_api)
            Project(self.host, s.plane_compose_dir, s.plane_env_path, named).read()
            known = known_api_container(self.host, s)
        return known

    @property
    def logs(self) -> str:
        """Where to find the log of Plane's API."""
        elsewhere = self.settings.plane_api_url is not None
        name = None if elsewhere else known_api_container(self.host, self.settings)
        return "the log of Plane's API" if name is None else f"docker logs {name}"

    def _container_url(self) -> str:
        name, port = self.api_container(), self.settings.plane_api_port
        if name is None and needs_start(self.host):
            raise PlaneUnreachable("Plane's API is not started yet")
        if name is None:
            raise PlaneUnreachable(
                f"Plane's API has no container in {self.settings.plane_compose_dir} yet; run deploy.environment to "
                "start one, or set plane_api_container or plane_api_url"
            )
        found = found_on(self.host)
        container, found.reached = found.reached, None
        if container is None or name != found.api_container:
            container = read_fact(self.host, DockerContainer, container=name)
        if container is None:
            raise PlaneUnreachable(
                f"the container {name} does not exist on this host; start Plane, or set plane_api_container or "
                "plane_api_url"
            )
        if container.status == "restarting":
            raise PlaneUnreachable(f"the container {name} keeps restarting; see: docker logs {name}")
        if container.status != "running":
            raise PlaneUnreachable(f"the container {name} is {container.status}; run: docker start {name}")
        if container.uses_host_network:
            return f"http://127.0.0.1:{port}"
        if not container.addresses:
            raise PlaneUnreachable(f"the container {name} has no address in a network; set plane_api_url")
        # The host reaches the container through any of its networks; the first by name is the same on every run.
        address = container.addresses[min(container.addresses)]
        return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"

    def readings(self) -> list[Reading]:
        """The readings on the host that come before the first request."""
        s = self.settings
        # A container of the Compose project is read with the project.
        is_found = s.plane_api_url or found_on(self.host).api_container
        name = None if is_found else known_api_container(self.host, s)
        address = [] if name is None else [fact_reading(DockerContainer, container=name)]
        return [*address, file_reading(s.plane_tokens_path)]

    def is_fresh(self) -> bool:
        """Whether no workspace can exist yet."""
        instance = self.plane().instance()
        return not instance.is_setup_done or not instance.workspaces_exist
