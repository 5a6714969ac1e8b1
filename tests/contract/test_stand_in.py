"""What the stand-in does beyond the recordings, where a deploy would meet it."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
import requests
from plane.client import PlaneClient
from plane.errors import HttpError
from plane.models.enums import PropertyType
from plane.models.projects import CreateProject, UpdateProject
from plane.models.query_params import PaginatedQueryParams
from plane.models.work_item_properties import CreateWorkItemProperty, WorkItemProperty
from plane.models.work_item_property_configurations import TextAttributeSettings

from sandbox.plane import PlaneServer
from sandbox.plane.models import ADMIN, GUEST, MEMBER
from sandbox.plane.rules import deactivate
from tests.contract.browser import PASSWORD, USES_OF_ADMIN_KEY, Browser, v1
from tests.contract.running import running

PROJECTS = "/workspaces/javisi/projects/"


@pytest.fixture
def server() -> PlaneServer:
    # The demo project would come in the middle of a test that compares.
    return PlaneServer(demo_project_delay=3600.0)


@pytest.fixture
def owner(server: PlaneServer) -> Iterator[Browser]:
    """The admin of a set-up instance, who owns the workspace `javisi`."""
    with running(server) as url, Browser(url) as browser:
        browser.set_up()
        browser.make_workspace()
        yield browser


@pytest.fixture
def key(owner: Browser) -> str:
    return owner.make_key()


def make_project(owner: Browser, key: str, name: str = "Onboarding", identifier: str = "ONBOARD") -> str:
    body = {"name": name, "identifier": identifier}
    return str(v1(owner.url, key, "POST", PROJECTS, json=body).json()["id"])


def agent_key(owner: Browser, role: int, email: str = "thot@javisi.local") -> str:
    """The key of an agent that joined the workspace and no project."""
    with Browser(owner.url) as agent:
        assert agent.sign_up(email) == ""
        agent.join(owner, email, role)
        return agent.make_key()


# Lists


def test_expand_puts_the_workspace_into_each_project(owner: Browser, key: str) -> None:
    make_project(owner, key)
    plain = v1(owner.url, key, "GET", PROJECTS).json()["results"][0]
    expanded = v1(owner.url, key, "GET", f"{PROJECTS}?expand=workspace").json()["results"][0]
    assert expanded.pop("workspace") == {"name": "Javisi", "slug": "javisi", "id": plain.pop("workspace")}
    assert expanded == plain


def test_a_list_can_be_walked_page_by_page(owner: Browser, key: str) -> None:
    for number in range(5):
        make_project(owner, key, f"Project {number}", f"P{number}")
    names: list[str] = []
    cursor, more = None, True
    client = PlaneClient(base_url=owner.url, api_key=key)
    while more:
        page = client.projects.list("javisi", PaginatedQueryParams.model_validate({"per_page": 2, "cursor": cursor}))
        names += [project.name for project in page.results]
        cursor, more = page.next_cursor, page.next_page_results
    assert names == [f"Project {number}" for number in range(5)]


def test_a_deleted_project_is_not_found(owner: Browser, key: str) -> None:
    project = make_project(owner, key)
    assert v1(owner.url, key, "DELETE", f"{PROJECTS}{project}/").status_code == 204
    gone = v1(owner.url, key, "GET", f"{PROJECTS}{project}/")
    assert (gone.status_code, gone.json()) == (404, {"error": "The requested resource does not exist."})


def test_an_archived_project_stays_listed_and_cannot_be_changed(owner: Browser, key: str) -> None:
    project = make_project(owner, key)
    v1(owner.url, key, "POST", f"{PROJECTS}{project}/archive/")
    assert v1(owner.url, key, "GET", PROJECTS).json()["results"][0]["archived_at"] is not None
    assert v1(owner.url, key, "PATCH", f"{PROJECTS}{project}/", json={"name": "x"}).status_code == 400
    v1(owner.url, key, "DELETE", f"{PROJECTS}{project}/archive/")
    assert v1(owner.url, key, "PATCH", f"{PROJECTS}{project}/", json={"name": "x"}).status_code == 200


# Who may do what


def test_states_need_project_membership(owner: Browser, key: str) -> None:
    project = make_project(owner, key)
    agent = agent_key(owner, MEMBER)
    states = f"{PROJECTS}{project}/states/"
    assert v1(owner.url, agent, "GET", states).status_code == 403
    me = v1(owner.url, agent, "GET", "/users/me/").json()["id"]
    v1(owner.url, key, "POST", f"{PROJECTS}{project}/members/", json={"member": me, "role": MEMBER})
    assert v1(owner.url, agent, "GET", states).status_code == 200


def test_a_guest_makes_no_project_and_a_member_changes_no_one(owner: Browser) -> None:
    guest = agent_key(owner, GUEST, "guest@javisi.local")
    member = agent_key(owner, MEMBER, "member@javisi.local")
    body = {"name": "X", "identifier": "X"}
    assert v1(owner.url, guest, "POST", PROJECTS, json=body).status_code == 403
    invitation = {"email": "x@javisi.local", "role": MEMBER}
    assert v1(owner.url, member, "POST", "/workspaces/javisi/invitations/", json=invitation).status_code == 403


def test_a_workspace_admin_is_added_to_a_project_only_as_admin(owner: Browser, key: str) -> None:
    project = make_project(owner, key)
    admin = v1(owner.url, agent_key(owner, ADMIN), "GET", "/users/me/").json()["id"]
    path = f"/api/workspaces/javisi/projects/{project}/members/"
    refused = owner.ask("POST", path, json={"members": [{"member_id": admin, "role": MEMBER}]})
    taken = owner.ask("POST", path, json={"members": [{"member_id": admin, "role": ADMIN}]})
    assert (refused.status_code, taken.status_code) == (400, 201)


def test_a_secret_project_is_listed_for_its_members_alone(owner: Browser, key: str) -> None:
    project = make_project(owner, key)
    agent = agent_key(owner, MEMBER)
    assert v1(owner.url, agent, "GET", PROJECTS).json()["count"] == 1
    owner.ask("PATCH", f"/api/workspaces/javisi/projects/{project}/", json={"network": 0})
    assert v1(owner.url, agent, "GET", PROJECTS).json()["count"] == 0
    assert v1(owner.url, key, "GET", PROJECTS).json()["count"] == 1


def test_a_project_member_can_be_changed_and_removed_with_a_session(owner: Browser, key: str) -> None:
    project = make_project(owner, key)
    agent = v1(owner.url, agent_key(owner, MEMBER), "GET", "/users/me/").json()["id"]
    members = f"/api/workspaces/javisi/projects/{project}/members/"
    body = {"members": [{"member_id": agent, "role": MEMBER}]}
    membership = owner.ask("POST", members, json=body).json()[0]["id"]
    assert owner.ask("PATCH", f"{members}{membership}/", json={"role": GUEST}).json()["role"] == GUEST
    assert owner.ask("DELETE", f"{members}{membership}/").status_code == 204
    assert agent not in {row["member"] for row in owner.ask("GET", members).json()}
    assert owner.ask("POST", members, json=body).json()[0]["id"] == membership


def test_a_deactivated_account_gets_nowhere(server: PlaneServer, owner: Browser, key: str) -> None:
    """Except that its key still names it."""
    deactivate(server.state, next(iter(server.state.users.values())))
    assert owner.ask("GET", "/api/users/me/").status_code == 401
    assert v1(owner.url, key, "GET", "/users/me/").status_code == 200
    assert v1(owner.url, key, "GET", PROJECTS).status_code == 403
    assert owner.sign_in("admin@javisi.local") == "AUTHENTICATION_FAILED_SIGN_IN"


def test_fields_leave_what_they_name(owner: Browser, key: str) -> None:
    project = make_project(owner, key)
    listed = v1(owner.url, key, "GET", f"{PROJECTS}?fields=name,nope&expand=workspace").json()["results"]
    single = v1(owner.url, key, "GET", f"{PROJECTS}{project}/?fields=workspace&expand=workspace").json()
    assert listed == [{"name": "Onboarding"}]
    assert single["workspace"]["name"] == "Javisi"
    assert list(single) == ["workspace"]


def test_a_lead_in_a_new_project_leaves_half_of_it_behind(owner: Browser, key: str) -> None:
    me = v1(owner.url, key, "GET", "/users/me/").json()["id"]
    body = {"name": "Onboarding", "identifier": "ONBOARD", "project_lead": me}
    assert v1(owner.url, key, "POST", PROJECTS, json=body).status_code == 400
    (left,) = v1(owner.url, key, "GET", PROJECTS).json()["results"]
    assert v1(owner.url, key, "GET", f"{PROJECTS}{left['id']}/states/").json()["results"] == []


def test_a_taken_project_name_is_told_apart_by_the_app_alone(owner: Browser, key: str) -> None:
    make_project(owner, key)
    bodies = {"name": {"name": "Onboarding", "identifier": "X"}, "identifier": {"name": "X", "identifier": "ONBOARD"}}
    for field, body in bodies.items():
        refused = owner.ask("POST", "/api/workspaces/javisi/projects/", json=body)
        assert (refused.status_code, list(refused.json())) == (400, [field])
        assert v1(owner.url, key, "POST", PROJECTS, json=body).status_code == 409


def test_the_app_tells_an_outsider_from_a_project_that_is_not_there(owner: Browser, key: str) -> None:
    path = f"/api/workspaces/javisi/projects/{make_project(owner, key)}/"
    with Browser(owner.url) as admin:
        admin.sign_up("ptah@javisi.local")
        admin.join(owner, "ptah@javisi.local", ADMIN)
        assert admin.ask("GET", path).status_code == 409
        assert admin.ask("PATCH", path, json={"description": "x"}).status_code == 200
        assert admin.ask("GET", f"{path}members/").status_code == 403
    v1(owner.url, key, "DELETE", path.removeprefix("/api"))
    assert owner.ask("GET", path).status_code == 404


def test_members_are_read_by_those_who_are_in_any_project(owner: Browser, key: str) -> None:
    first, second = make_project(owner, key), make_project(owner, key, "Second", "SECOND")
    agent = agent_key(owner, MEMBER)
    me = v1(owner.url, agent, "GET", "/users/me/").json()["id"]
    assert v1(owner.url, agent, "GET", f"{PROJECTS}{first}/members/").status_code == 403
    v1(owner.url, key, "POST", f"{PROJECTS}{second}/members/", json={"member": me, "role": GUEST})
    assert len(v1(owner.url, agent, "GET", f"{PROJECTS}{first}/members/").json()) == 1
    assert v1(owner.url, agent, "GET", f"{PROJECTS}{first}/states/").status_code == 403


def test_since_1_3_a_project_admin_is_not_lowered_by_a_patch() -> None:
    answers = []
    for version in ("1.2.2", "1.3.1"):
        with running(PlaneServer(version=version)) as url, Browser(url) as owner:
            owner.set_up()
            owner.make_workspace()
            key = owner.make_key()
            members = f"/api/workspaces/javisi/projects/{make_project(owner, key)}/members/"
            agent = v1(url, agent_key(owner, MEMBER), "GET", "/users/me/").json()["id"]
            body = {"members": [{"member_id": agent, "role": ADMIN}]}
            membership = owner.ask("POST", members, json=body).json()[0]["id"]
            answers.append(owner.ask("PATCH", f"{members}{membership}/", json={"role": MEMBER}).status_code)
    assert answers == [200, 403]


def test_a_moment_without_a_zone_is_in_utc(owner: Browser) -> None:
    def asked(value: object) -> tuple[int, object]:
        made = owner.ask("POST", "/api/users/api-tokens/", json={"label": "x", "expired_at": value})
        return made.status_code, owner.ask("GET", "/api/users/api-tokens/").json()[0]["expired_at"]

    assert asked("2027-12-01 01:00:00") == (201, "2027-12-01T01:00:00Z")
    assert asked("2027-12-01T01:00:00+02:00") == (201, "2027-11-30T23:00:00Z")
    assert asked("")[0] == 400
    assert asked(5)[0] == 500


@pytest.mark.parametrize("body", [{"display_name": "x" * 256}, {"first_name": "see x.example.com"}])
def test_a_bad_name_is_refused(owner: Browser, body: dict[str, str]) -> None:
    refused = owner.ask("PATCH", "/api/users/me/", json=body)
    assert (refused.status_code, list(refused.json())) == (400, list(body))


def test_a_revoked_key_opens_nothing(server: PlaneServer, owner: Browser, key: str) -> None:
    assert v1(owner.url, key, "GET", "/users/me/").status_code == 200
    server.state.api_tokens.clear()
    assert v1(owner.url, key, "GET", "/users/me/").status_code == 403


def test_one_address_signed_up_twice_at_once_makes_one_account() -> None:
    server = PlaneServer(hash_iterations=400_000)
    with running(server) as url, Browser(url) as first, Browser(url) as second:
        first.set_up()
        with ThreadPoolExecutor(2) as threads:
            errors = set(threads.map(lambda browser: browser.sign_up("thot@javisi.local"), (first, second)))
    assert errors == {"", "USER_ALREADY_EXIST"}
    assert len(server.state.users) == 2


# Limits, cookies and the environment


def test_the_limit_of_a_key_comes_from_the_environment() -> None:
    server = PlaneServer(environment={"API_KEY_RATE_LIMIT": "2/minute"})
    with running(server) as url, Browser(url) as owner:
        owner.set_up()
        key = owner.make_key()
        refused = v1(url, key, "GET", "/workspaces/nowhere/members/")
        first, second, third = (v1(url, key, "GET", "/users/me/") for _ in range(3))
        server.set_environment({"API_KEY_RATE_LIMIT": "3/minute"})
        raised = v1(url, key, "GET", "/users/me/")
        server.forget_throttles()
        after = v1(url, key, "GET", "/users/me/")
    assert refused.status_code == 403
    assert [first.headers["X-RateLimit-Remaining"], second.headers["X-RateLimit-Remaining"]] == ["1", "0"]
    assert third.status_code == 429
    assert 30 < int(third.headers["Retry-After"]) <= 60
    assert (raised.headers["X-RateLimit-Remaining"], after.headers["X-RateLimit-Remaining"]) == ("0", "2")


@pytest.mark.parametrize(
    ("origins", "secure"),
    [
        ("https://a.example", True),
        ("https://a.example,https://b.example", True),
        ("https://a.example,http://b.example", False),
        ("http://a.example", False),
    ],
)
def test_cookies_are_secure_when_every_origin_is(origins: str, secure: bool) -> None:
    with running(PlaneServer(environment={"CORS_ALLOWED_ORIGINS": origins})) as url:
        header = requests.get(f"{url}/auth/get-csrf-token/", timeout=10).headers["Set-Cookie"]
    assert ("; Secure" in header) is secure


def test_a_new_environment_changes_redirects_and_keeps_the_data(server: PlaneServer, owner: Browser) -> None:
    before = server.snapshot()
    server.set_environment({"WEB_URL": "https://new.example", "ENABLE_SIGNUP": "0"})
    assert server.snapshot() == before
    token = owner.ask("GET", "/auth/get-csrf-token/").json()["csrf_token"]
    form = {"email": "nobody@x.example", "password": "x", "csrfmiddlewaretoken": token}
    assert owner.ask("POST", "/auth/sign-in/", data=form).headers["Location"].startswith("https://new.example/?")
    assert owner.ask("GET", "/api/instances/").json()["config"]["enable_signup"] is True


def test_sign_up_closed_at_the_first_start_stays_closed() -> None:
    with running(PlaneServer(environment={"ENABLE_SIGNUP": "0"})) as url, Browser(url) as owner:
        owner.set_up()
        with Browser(url) as stranger:
            assert stranger.sign_up("stranger@javisi.local") == "SIGNUP_DISABLED"


def test_an_unregistered_instance_is_remembered_as_one() -> None:
    server = PlaneServer()
    server.state.registered = False
    unregistered = {"is_activated": False, "is_setup_done": False}
    with running(server) as url:
        assert requests.get(f"{url}/", timeout=10).json() == {"status": "OK"}
        assert requests.get(f"{url}/api/instances/", timeout=10).json() == unregistered
        server.state.registered = True
        assert requests.get(f"{url}/api/instances/", timeout=10).json() == unregistered


def test_the_instance_is_shown_as_it_was_to_whoever_asks_in_the_same_words(owner: Browser) -> None:
    def there(query: str = "") -> object:
        return owner.ask("GET", f"/api/instances/{query}").json()["instance"]["workspaces_exist"]

    assert there() is True
    assert owner.ask("DELETE", "/api/workspaces/javisi/").status_code == 204
    assert (there(), there("?now=1")) == (True, False)


def test_the_instance_admin_can_sign_in_again(owner: Browser) -> None:
    with Browser(owner.url) as admin:
        path = "/api/instances/admins/sign-in/"
        assert admin.submit(path, email="admin@javisi.local", password="wrong") == "ADMIN_AUTHENTICATION_FAILED"
        assert admin.ask("GET", "/api/instances/configurations/").status_code == 401
        assert admin.submit(path, email="admin@javisi.local", password="Str0ng-Pa55-phrase!x") == ""
        assert admin.ask("GET", "/api/instances/configurations/").status_code == 200


def test_the_key_of_the_set_up_form_is_valid_for_the_app_in_its_cookie(server: PlaneServer) -> None:
    with running(server) as url, Browser(url) as admin:
        assert admin.uses_of_admin_key() == USES_OF_ADMIN_KEY


def test_a_changed_password_ends_all_sessions_but_the_one_that_it_brings(owner: Browser) -> None:
    path, new = "/auth/change-password/", "an0ther-Str0ng-phrase"
    other = Browser(owner.url)
    assert other.sign_in("admin@javisi.local") == ""

    def change(**body: str) -> tuple[int, object]:
        token = owner.ask("GET", "/auth/get-csrf-token/").json()["csrf_token"]
        answer = owner.ask("POST", path, json=body, headers={"X-CSRFToken": token})
        return answer.status_code, answer.json().get("error_message")

    assert owner.ask("POST", path, json={"old_password": PASSWORD, "new_password": new}).status_code == 403
    assert change(new_password=new) == (400, "MISSING_PASSWORD")
    assert change(old_password=PASSWORD) == (400, "MISSING_PASSWORD")
    assert change(old_password="wrong", new_password=new) == (400, "INCORRECT_OLD_PASSWORD")
    assert change(old_password=PASSWORD, new_password="password") == (400, "PASSWORD_TOO_WEAK")
    assert change(old_password=PASSWORD, new_password=new) == (200, None)
    assert owner.ask("GET", "/api/users/me/").status_code == 200
    assert other.ask("GET", "/api/users/me/").status_code == 401
    assert other.ask("POST", path, json={}).status_code == 401
    assert other.sign_in("admin@javisi.local") == "AUTHENTICATION_FAILED_SIGN_IN"
    assert other.sign_in("admin@javisi.local", new) == ""


# What tests look at


def test_reading_changes_nothing_and_writing_does(server: PlaneServer, owner: Browser, key: str) -> None:
    before = server.snapshot()
    v1(owner.url, key, "GET", PROJECTS)
    owner.ask("GET", "/api/workspaces/javisi/members/")
    assert server.snapshot() == before
    make_project(owner, key)
    assert server.snapshot() != before


def test_every_request_is_logged_by_its_route(server: PlaneServer, owner: Browser, key: str) -> None:
    project = make_project(owner, key)
    server.requests.clear()
    v1(owner.url, key, "GET", f"{PROJECTS}{project}/states/")
    v1(owner.url, key, "GET", f"{PROJECTS}{project}/states/")
    v1(owner.url, key, "GET", "/no/such/path/")
    assert server.requests.count() == 3
    assert server.requests.by_route() == {
        "GET /api/v1/workspaces/{slug}/projects/{project}/states/": 2,
        "GET unknown": 1,
    }
    assert list(server.requests)[-1] == ("GET", "/api/v1/no/such/path/", "unknown", 404)


def test_a_host_with_an_underscore_is_refused_and_counted(server: PlaneServer) -> None:
    with running(server) as url:
        refused = requests.get(f"{url}/", headers={"Host": "plane_api:8000"}, timeout=10)
    assert (refused.status_code, server.requests.count()) == (400, 1)


def test_an_idle_connection_is_closed_after_two_seconds(server: PlaneServer) -> None:
    with running(server) as url, socket.create_connection(("127.0.0.1", urlsplit(url).port or 0), timeout=10) as kept:
        for _ in range(2):
            begun = time.monotonic()
            kept.sendall(b"GET / HTTP/1.1\r\nHost: plane\r\n\r\n")
            assert b"OK" in kept.recv(65536)
        assert kept.recv(65536) == b""
        assert time.monotonic() - begun > 1.5
    assert server.requests.count() == 2


def test_data_outlives_a_restart() -> None:
    server = PlaneServer()
    with running(server) as url, Browser(url) as owner:
        owner.set_up()
        key = owner.make_key()
    with running(server) as url:
        assert v1(url, key, "GET", "/users/me/").json()["email"] == "admin@javisi.local"


def test_a_stopped_server_leaves_no_work_behind(server: PlaneServer) -> None:
    async def start_seed_stop() -> int:
        port = await server.start()
        with ThreadPoolExecutor(1) as thread, Browser(f"http://127.0.0.1:{port}") as owner:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(thread, owner.set_up)
            await loop.run_in_executor(thread, owner.make_workspace)
        await server.stop()
        return len(asyncio.all_tasks())

    assert asyncio.run(start_seed_stop()) == 1


# The commercial editions, asked with Plane's own client


@pytest.fixture
def commercial() -> Iterator[PlaneClient]:
    with running(PlaneServer(edition="commercial")) as url, Browser(url) as owner:
        owner.set_up()
        owner.make_workspace()
        yield PlaneClient(base_url=url, api_key=owner.make_key())


def text_field(name: str) -> CreateWorkItemProperty:
    settings = TextAttributeSettings(display_format="single-line")
    return CreateWorkItemProperty(display_name=name, property_type=PropertyType.TEXT, settings=settings)


def typed_project(client: PlaneClient) -> tuple[str, str]:
    """A project with work item types, and its default type."""
    body = CreateProject(name="Onboarding", identifier="ONBOARD", is_issue_type_enabled=True)
    project = str(client.projects.create("javisi", body).id)
    (default,) = client.work_item_types.list("javisi", project)
    assert default.is_default
    return project, str(default.id)


def test_the_commercial_edition_says_what_it_is(commercial: PlaneClient) -> None:
    instance = requests.get(f"{commercial.config.api_root}/api/instances/", timeout=10).json()["instance"]
    assert instance["edition"] == "PLANE_COMMERCIAL"


def test_a_property_is_made_listed_and_deleted(commercial: PlaneClient) -> None:
    project, work_item_type = typed_project(commercial)
    properties = commercial.work_item_properties
    made = properties.create("javisi", project, work_item_type, text_field("agent_id"))
    assert (made.display_name, made.name, made.property_type) == ("agent_id", "agent-id", PropertyType.TEXT)
    (listed,) = properties.list("javisi", project, work_item_type)
    assert (listed.id, listed.settings) == (made.id, TextAttributeSettings(display_format="single-line"))
    properties.delete("javisi", project, work_item_type, str(made.id))
    assert properties.list("javisi", project, work_item_type) == []


def test_types_need_the_projects_switch(commercial: PlaneClient) -> None:
    project = str(commercial.projects.create("javisi", CreateProject(name="Plain", identifier="PLAIN")).id)
    with pytest.raises(HttpError) as refusal:
        commercial.work_item_types.list("javisi", project)
    assert refusal.value.status_code == 400
    commercial.projects.update("javisi", project, UpdateProject(is_issue_type_enabled=True))
    assert len(commercial.work_item_types.list("javisi", project)) == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"display_name": "a", "property_type": "TEXT"}, "settings"),
        ({"display_name": "a", "property_type": "TEXT", "settings": {"display_format": "huge"}}, "settings"),
        ({"display_name": "a", "property_type": "DATETIME"}, "settings"),
        ({"display_name": "a", "property_type": "NUMBER"}, "property_type"),
        ({"display_name": "a", "property_type": "RELATION"}, "relation_type"),
        ({"property_type": "DECIMAL"}, "display_name"),
    ],
)
def test_an_incomplete_property_is_refused(commercial: PlaneClient, body: dict[str, object], field: str) -> None:
    project, work_item_type = typed_project(commercial)
    path = f"{PROJECTS}{project}/work-item-types/{work_item_type}/work-item-properties/"
    refused = v1(commercial.config.api_root, str(commercial.config.api_key), "POST", path, json=body)
    assert (refused.status_code, list(refused.json())) == (400, [field])


def test_an_option_property_keeps_its_options(commercial: PlaneClient) -> None:
    project, work_item_type = typed_project(commercial)
    path = f"{PROJECTS}{project}/work-item-types/{work_item_type}/work-item-properties/"
    body = {"display_name": "size", "property_type": "OPTION", "options": [{"name": "S"}, {"name": "L"}]}
    answer = v1(commercial.config.api_root, str(commercial.config.api_key), "POST", path, json=body)
    made = WorkItemProperty.model_validate(answer.json())
    assert [option.name for option in made.options or []] == ["S", "L"]


def test_the_community_edition_has_the_switch_and_nothing_behind_it(owner: Browser, key: str) -> None:
    body = {"name": "Onboarding", "identifier": "ONBOARD", "is_issue_type_enabled": True}
    made = v1(owner.url, key, "POST", PROJECTS, json=body).json()
    assert made["is_issue_type_enabled"] is True
    assert v1(owner.url, key, "GET", f"{PROJECTS}{made['id']}/work-item-types/").json() == {"error": "Page not found."}
