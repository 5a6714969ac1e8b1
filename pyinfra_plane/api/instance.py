"""The instance: whether it answers, its admin, and its settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pyinfra_plane.api import paths
from pyinfra_plane.api.auth import APP_COOKIE, INSTANCE_COOKIE, Session, session_in
from pyinfra_plane.api.base import ApiBase, uncached
from pyinfra_plane.api.errors import PlaneElsewhere, PlaneError, PlaneRefused, PlaneSettings
from pyinfra_plane.api.models import Configuration, Instance
from pyinfra_plane.api.rows import listed


class InstanceApi(ApiBase):
    """Requests about the instance."""

    def health(self) -> str | None:
        """Return ``None`` if Plane answers ``GET /`` as it should, otherwise the problem.

        Plane never throttles this request.

        Raises:
            PlaneSettings, PlaneElsewhere: waiting would not help.
        """
        try:
            answer = self.http.call("GET", paths.HEALTH(), attempts=1)
        except (PlaneSettings, PlaneElsewhere):
            raise
        except PlaneError as error:
            return str(error)
        if isinstance(answer, dict) and answer.get("status") == "OK":
            return None
        return f"GET {self.http.base_url}/: not the answer of Plane's API"

    def instance(self, attempts: int | None = None) -> Instance:
        """Read the edition, the version, and whether the instance is set up. Needs no login."""
        path = uncached(paths.INSTANCE())
        return self.cached(("instance",), lambda: Instance.of(self.http.call("GET", path, attempts=attempts)))

    def expect_new_instance(self) -> None:
        """Assume a new instance without a request, for a preview of an instance that cannot answer yet."""
        self.cached(("instance",), lambda: Instance(True, False, "", "", False))

    def set_up_instance(
        self, email: str, password: str, first_name: str, last_name: str = "", company_name: str = ""
    ) -> None:
        """Create the instance admin of a new instance, and keep its sessions. The account can own workspaces.

        Raises:
            PlaneFormRefused: ``ADMIN_ALREADY_EXIST``, ``PASSWORD_TOO_WEAK``, ``INVALID_ADMIN_EMAIL``, ….
            PlaneBadAnswer: the answer has no session.
        """
        reply = self._forms.submit(
            paths.INSTANCE_SIGN_UP(),
            {
                "email": email,
                "password": password,
                "first_name": first_name,
                "last_name": last_name,
                "company_name": company_name,
                "is_telemetry_enabled": "False",
            },
            f"set the instance up with {email}",
        )
        admin = session_in(reply, email.lower(), INSTANCE_COOKIE)
        self._cache[("instance",)] = replace(self.instance(), is_setup_done=True)
        self._sessions[_instance_admin(email)] = admin
        self._use_for_app(admin)

    def _use_for_app(self, admin: Session) -> None:
        """Keep an instance admin's session as the account's session for the app, if Plane accepts it.

        Plane has one table of sessions, and only the name of the cookie depends on the path (every tried release). This
        saves a form, of which Plane 1.4 accepts ten a minute.
        """
        session = Session(admin.email, {APP_COOKIE: admin.cookies[INSTANCE_COOKIE]})
        try:
            self.http.call("GET", paths.ME(), headers=session.headers())
        except PlaneRefused:
            return  # this Plane tells them apart, so the account is signed in when it is needed
        self._sessions[admin.email] = session

    def instance_admin_session(self, email: str, password: str) -> Session:
        """Return a session of an instance admin, for ``/api/instances/``.

        Raises:
            PlaneFormRefused: ``ADMIN_AUTHENTICATION_FAILED``, ``ADMIN_USER_DOES_NOT_EXIST``, ….
        """
        name = _instance_admin(email)
        if name not in self._sessions:
            self._sessions[name] = self._forms.session(
                paths.INSTANCE_SIGN_IN(), email, password, f"sign in as {name}", cookie=INSTANCE_COOKIE
            )
        return self._sessions[name]

    def configurations(self, session: Session) -> dict[str, Configuration]:
        """The instance's settings by name, as an instance admin sees them."""
        path = uncached(paths.INSTANCE_CONFIGURATIONS())
        return self.cached(
            ("configurations",),
            lambda: {
                row.key: row
                for row in listed(
                    self.http.call("GET", path, headers=session.headers()), Configuration.of, "instance settings"
                )
            },
        )

    def change_configurations(self, session: Session, values: Mapping[str, str]) -> None:
        """Set settings of the instance. Plane ignores names that it does not know (every tried release)."""
        # The answer contains the values, so it is not read.
        self.http.call("PATCH", paths.INSTANCE_CONFIGURATIONS(), headers=session.headers(), json=dict(values))
        self.forget("configurations", "instance")


def _instance_admin(email: str) -> str:
    return f"instance admin {email.lower()}"
