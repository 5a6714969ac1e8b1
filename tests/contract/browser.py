"""A person at Plane's pages, for tests: forms with their CSRF token, and JSON with a session."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

PASSWORD = "Str0ng-Pa55-phrase!x"
TIMEOUT = 30.0

USES_OF_ADMIN_KEY = {"session-id": (200, 401), "admin-session-id": (401, 200)}
"""See :meth:`Browser.uses_of_admin_key`."""


class Browser:
    """Keeps its cookies itself: an ordinary jar would keep `Secure` ones back from a plain http address."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.cookies: dict[str, str] = {}
        self._http = requests.Session()

    def __enter__(self) -> Browser:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **arguments: Any
    ) -> requests.Response:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {"Cookie": cookies, **(headers or {})}
        response = self._http.request(
            method, self.url + path, headers=headers, allow_redirects=False, timeout=TIMEOUT, **arguments
        )
        self.cookies.update(response.cookies.get_dict())
        self._http.cookies.clear()
        return response

    def submit(self, path: str, **form: str) -> str:
        """Send a form; the answer is its error, or nothing when it succeeded."""
        token = self.ask("GET", "/auth/get-csrf-token/").json()["csrf_token"]
        response = self.ask("POST", path, data=form | {"csrfmiddlewaretoken": token})
        query = parse_qs(urlsplit(response.headers["Location"]).query)
        return query.get("error_message", [""])[0]

    def set_up(self, email: str = "admin@javisi.local") -> None:
        """Set the instance up, and sign its admin in to the app."""
        self._set_up(email)
        assert self.sign_in(email) == ""

    def _set_up(self, email: str) -> None:
        path = "/api/instances/admins/sign-up/"
        assert self.submit(path, email=email, password=PASSWORD, first_name="Admin", company_name="javisi") == ""

    def uses_of_admin_key(self) -> dict[str, tuple[int, int]]:
        """Set the instance up, and try the key of that session in both cookies.

        Returns:
            By cookie, the status of a path of the app and of one of the instance.
        """
        self._set_up("admin@javisi.local")
        key, found = self.cookies["admin-session-id"], {}
        for cookie in ("session-id", "admin-session-id"):
            self.cookies = {cookie: key}
            app, instance = (self.ask("GET", path) for path in ("/api/users/me/", "/api/instances/configurations/"))
            found[cookie] = (app.status_code, instance.status_code)
        return found

    def sign_in(self, email: str, password: str = PASSWORD) -> str:
        return self.submit("/auth/sign-in/", email=email, password=password)

    def sign_up(self, email: str, password: str = PASSWORD) -> str:
        return self.submit("/auth/sign-up/", email=email, password=password)

    def make_workspace(self, slug: str = "javisi") -> None:
        body = {"name": slug.capitalize(), "slug": slug, "organization_size": "2-10"}
        assert self.ask("POST", "/api/workspaces/", json=body).status_code == 201

    def make_workspace_with_demo(self, slug: str) -> None:
        """Make a workspace and await the demo project, which Plane adds a moment after it has answered."""
        self.make_workspace(slug)
        end = time.monotonic() + TIMEOUT
        while not self.ask("GET", f"/api/workspaces/{slug}/projects/").json():
            assert time.monotonic() < end, f"The demo project of {slug} was not created."
            time.sleep(0.01)

    def make_key(self, label: str = "deploy") -> str:
        answer = self.ask("POST", "/api/users/api-tokens/", json={"label": label})
        return str(answer.json()["token"])

    def join(self, owner: Browser, email: str, role: int, slug: str = "javisi") -> None:
        """Be invited by the owner and accept."""
        invited = {"emails": [{"email": email, "role": role}]}
        assert owner.ask("POST", f"/api/workspaces/{slug}/invitations/", json=invited).status_code == 200
        mine = self.ask("GET", "/api/users/me/workspaces/invitations/").json()
        accepted = {"invitations": [invitation["id"] for invitation in mine]}
        assert self.ask("POST", "/api/users/me/workspaces/invitations/", json=accepted).status_code == 204


def v1(url: str, key: str, method: str, path: str, **arguments: Any) -> requests.Response:
    """Ask the public API with a key; the path begins behind /api/v1."""
    headers = {"X-API-Key": key}
    return requests.request(method, f"{url}/api/v1{path}", headers=headers, timeout=TIMEOUT, **arguments)
