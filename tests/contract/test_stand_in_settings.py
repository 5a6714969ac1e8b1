"""What the stand-in does with settings beyond the recordings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.plane import PlaneServer
from sandbox.plane.fields import Refused, decimal, flag, text, whole
from sandbox.plane.rules import slug_of
from tests.contract.browser import Browser, v1
from tests.contract.running import running

PROJECTS = "/workspaces/javisi/projects/"
CONFIGURATIONS = "/api/instances/configurations/"


class Scene:
    """A project, and its owner with a session and a key."""

    def __init__(self, owner: Browser) -> None:
        self.owner = owner
        self.key = owner.make_key()
        self.project = self.v1("POST", "", root=PROJECTS, name="Onboarding", identifier="ONBOARD")["id"]

    def v1(self, method: str, path: str, root: str = "", **body: Any) -> Any:
        whole_path = (root or f"{PROJECTS}{self.project}/") + path
        response = v1(self.owner.url, self.key, method, whole_path, json=body or None)
        return response.json() if response.content else None

    def app(self, method: str, path: str, **body: Any) -> Any:
        return self.owner.ask(method, f"/api/workspaces/javisi/projects/{self.project}/{path}", json=body).json()

    def listed(self, path: str, key: str = "name") -> list[Any]:
        return [row[key] for row in self.v1("GET", path)["results"]]


@pytest.fixture
def server() -> PlaneServer:
    return PlaneServer(demo_project_delay=3600.0)


@pytest.fixture
def scene(server: PlaneServer) -> Iterator[Scene]:
    with running(server) as url, Browser(url) as owner:
        owner.set_up()
        owner.make_workspace()
        yield Scene(owner)


def test_every_bad_field_is_named_at_once(scene: Scene) -> None:
    refused = scene.v1("PATCH", "", cycle_view=None, archive_in=99, timezone="Nowhere")
    assert refused == {
        "cycle_view": ["This field may not be null."],
        "archive_in": ["Ensure this value is less than or equal to 12."],
        "timezone": ['"Nowhere" is not a valid choice.'],
    }


def test_a_default_state_in_v1_is_refused_in_three_ways(scene: Scene) -> None:
    unknown = "00000000-0000-4000-8000-000000000000"
    assert "object does not exist" in scene.v1("PATCH", "", default_state=unknown)["default_state"][0]
    assert "is not a valid UUID" in scene.v1("PATCH", "", default_state="x")["default_state"][0]
    known = scene.listed("states/", "id")[1]
    assert scene.v1("PATCH", "", default_state=known) == {"error": "Please provide valid detail"}


def test_a_removed_member_of_the_workspace_can_lead(scene: Scene) -> None:
    with Browser(scene.owner.url) as agent:
        assert agent.sign_up("thot@javisi.local") == ""
        agent.join(scene.owner, "thot@javisi.local", 15)
        thot = agent.ask("GET", "/api/users/me/").json()["id"]
    members = scene.owner.ask("GET", "/api/workspaces/javisi/members/").json()
    membership = next(row["id"] for row in members if row["member"]["id"] == thot)
    assert scene.owner.ask("DELETE", f"/api/workspaces/javisi/members/{membership}/").status_code == 204
    assert scene.v1("PATCH", "", project_lead=thot)["project_lead"] == thot


def test_a_session_makes_a_secret_project(scene: Scene) -> None:
    body = {"name": "Secret", "identifier": "SECRET", "network": 0, "intake_view": True}
    made = scene.owner.ask("POST", "/api/workspaces/javisi/projects/", json=body).json()
    assert (made["network"], made["inbox_view"], made["intake_view"]) == (0, True, True)


def test_the_labels_below_a_deleted_one_are_deleted(scene: Scene) -> None:
    area = scene.v1("POST", "labels/", name="area")["id"]
    api = scene.v1("POST", "labels/", name="area/api", parent=area)["id"]
    scene.v1("POST", "labels/", name="area/api/v1", parent=api)
    scene.v1("POST", "labels/", name="other")
    other = scene.v1("GET", "labels/")["results"][0]["id"]
    item = scene.v1("POST", "work-items/", name="One", labels=[api, other])["id"]
    scene.v1("DELETE", f"labels/{area}/")
    assert scene.listed("labels/") == ["other"]
    assert scene.v1("GET", f"work-items/{item}/")["labels"] == [other]


def test_labels_in_a_circle_are_deleted_together(scene: Scene) -> None:
    first = scene.v1("POST", "labels/", name="first")["id"]
    second = scene.v1("POST", "labels/", name="second", parent=first)["id"]
    assert scene.v1("PATCH", f"labels/{first}/", parent=second)["parent"] == second
    scene.v1("DELETE", f"labels/{first}/")
    assert scene.listed("labels/") == []


def test_the_labels_of_an_unknown_project_are_none(scene: Scene) -> None:
    unknown = f"{PROJECTS}00000000-0000-4000-8000-000000000000/labels/"
    assert scene.v1("GET", "", root=unknown)["results"] == []
    assert scene.v1("POST", "", root=unknown, name="x") == {"error": "The requested resource does not exist."}


def test_an_estimate_without_a_name_is_given_one(scene: Scene) -> None:
    made = scene.app("POST", "estimates/", estimate={}, estimate_points=[{"key": 1, "value": "S"}])
    assert (len(made["name"]), made["type"], made["points"][0]["value"]) == (10, "categories", "S")


def test_each_bad_point_is_named_in_its_place(scene: Scene) -> None:
    points = [{"key": 1, "value": "S"}, {"key": 2}]
    refused = scene.app("POST", "estimates/", estimate={"name": "Sizes"}, estimate_points=points)
    assert refused == [{}, {"value": ["This field is required."]}]


def test_a_deleted_project_takes_everything_with_it(server: PlaneServer, scene: Scene) -> None:
    scene.app("POST", "estimates/", estimate={}, estimate_points=[{"key": 1, "value": "S"}])
    scene.v1("PATCH", "", intake_view=True)
    scene.v1("DELETE", "")
    state = server.state
    left = (state.projects, state.states, state.estimates, state.estimate_points, state.intakes)
    assert [len(table) for table in left] == [0] * len(left)


def test_with_passwords_off_that_comes_before_a_closed_sign_up(scene: Scene) -> None:
    body = {"ENABLE_EMAIL_PASSWORD": "0", "ENABLE_SIGNUP": "0"}
    assert scene.owner.ask("PATCH", CONFIGURATIONS, json=body).status_code == 200
    with Browser(scene.owner.url) as late:
        assert late.sign_up("late@javisi.local") == "EMAIL_PASSWORD_AUTHENTICATION_DISABLED"


@pytest.mark.parametrize(
    ("name", "slug"), [("In Review", "in-review"), ("q/ä .b", "qa-b"), (" - a_b- ", "a_b"), ("Zurück!", "zuruck")]
)
def test_a_state_has_a_slug_of_its_name(name: str, slug: str) -> None:
    assert slug_of(name) == slug


@pytest.mark.parametrize(
    ("check", "value", "stored"),
    [(flag, "yes", True), (flag, 0, False), (whole(0, 12), "3", 3), (decimal, "7", 7.0), (text(), 5, "5")],
)
def test_other_words_for_a_value_are_taken(check: Any, value: Any, stored: Any) -> None:
    assert check(value) == stored


@pytest.mark.parametrize("value", [True, [], {}])
def test_what_is_no_text_is_refused(value: Any) -> None:
    with pytest.raises(Refused, match="Not a valid string"):
        text()(value)
