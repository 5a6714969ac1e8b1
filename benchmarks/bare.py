"""The minimum of requests that create an instance, a workspace, ten members with tokens, and a project.

    python -m benchmarks.bare URL

One request for each thing to create, and one for each fact that its creation requires.
"""

from __future__ import annotations

import sys

import requests

ADMIN = "admin@javisi.local"
PASSWORD = "Str0ng-Pa55-phrase!x"
AGENTS = ("concierge", "imhotep", "thot", "basquiat", "r2d2", "shuri", "piccolo", "cfo", "maintainer", "hermes")


class Bare:
    """Requests to one Plane, each checked only for its status."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False
        self._pair = ("", "")

    def ask(self, method: str, path: str, cookie: str, body: object = None) -> requests.Response:
        """Send a request with JSON."""
        self._session.cookies.clear()
        answer = self._session.request(
            method, self._url + path, headers={"Cookie": cookie}, json=body, allow_redirects=False
        )
        answer.raise_for_status()
        return answer

    def csrf(self) -> None:
        """Fetch the CSRF pair for all forms."""
        answer = self.ask("GET", "/auth/get-csrf-token/", "")
        self._pair = (answer.json()["csrf_token"], answer.cookies["csrftoken"])

    def form(self, path: str, **fields: str) -> str:
        """Send a form and return the cookie of the session that it opens."""
        token, cookie = self._pair
        self._session.cookies.clear()
        answer = self._session.post(
            self._url + path,
            data={**fields, "csrfmiddlewaretoken": token},
            headers={"Cookie": f"csrftoken={cookie}", "Referer": f"{self._url}/"},
            allow_redirects=False,
        )
        if answer.status_code != 302 or "error_message" in answer.headers["Location"]:
            raise SystemExit(f"{path}: {answer.status_code} {answer.headers.get('Location')}")
        return f"session-id={answer.cookies['session-id']}" if "session-id" in answer.cookies else ""


def main(url: str) -> None:
    """Create everything."""
    bare = Bare(url)
    bare.csrf()
    names = {"first_name": "Plane", "last_name": "Admin", "company_name": "Javisi", "is_telemetry_enabled": "False"}
    bare.form("/api/instances/admins/sign-up/", email=ADMIN, password=PASSWORD, **names)
    admin = bare.form("/auth/sign-in/", email=ADMIN, password=PASSWORD)
    bare.ask("PATCH", "/api/users/me/onboard/", admin, {"is_onboarded": True})
    bare.ask("POST", "/api/workspaces/", admin, {"name": "Javisi", "slug": "javisi", "organization_size": "2-10"})
    emails = [f"{name}@javisi.local" for name in AGENTS]
    # The admin creates the project, so any of the agents may be an admin of the workspace.
    invited = [{"email": email, "role": 20 if email == emails[0] else 15} for email in emails]
    bare.ask("POST", "/api/workspaces/javisi/invitations/", admin, {"emails": invited})
    open_ones = bare.ask("GET", "/api/workspaces/javisi/invitations/", admin).json()
    invitations = {each["email"]: each["id"] for each in open_ones}
    for name, email in zip(AGENTS, emails, strict=True):
        session = bare.form("/auth/sign-up/", email=email, password=PASSWORD)
        if name == AGENTS[0]:
            bare.ask("PATCH", "/api/users/me/onboard/", session, {"is_onboarded": True})
        bare.ask("POST", "/api/users/me/workspaces/invitations/", session, {"invitations": [invitations[email]]})
        body = {"label": f"agent-{name}", "description": "Workspace javisi"}
        print(f"PLANE_TOKEN_{name.upper()}={bare.ask('POST', '/api/users/api-tokens/', session, body).json()['token']}")
    named = {"name": "Onboarding", "identifier": "ONBOARD", "description": "Where every agent reports to first."}
    project = bare.ask("POST", "/api/workspaces/javisi/projects/", admin, named).json()["id"]
    members = bare.ask("GET", "/api/workspaces/javisi/members/", admin).json()
    ids = {each["member"]["email"]: each["member"]["id"] for each in members}
    joined = [{"member_id": ids[each["email"]], "role": 20 if each["email"] == emails[0] else 15} for each in invited]
    bare.ask("POST", f"/api/workspaces/javisi/projects/{project}/members/", admin, {"members": joined})


if __name__ == "__main__":
    main(sys.argv[1])
