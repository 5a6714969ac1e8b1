"""One Plane: which requests its reads and writes are, what is kept, what is asked for again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from pyinfra_plane.api.auth import ApiKey, Session
from pyinfra_plane.api.errors import (
    PlaneBadAnswer,
    PlaneElsewhere,
    PlaneError,
    PlaneFormRefused,
    PlaneRefused,
)
from pyinfra_plane.api.models import Invitation, Label, Project, Token, WorkItemType, WorkspaceMember
from pyinfra_plane.api.plane import KEY_INVALID, NOT_A_MEMBER, NoAccess, Plane
from tests.unit.test_models import INSTANCE, MEMBER, PROJECT, V1_MEMBER
from tests.unit.web import Answer, Client, Site, as_json, page, redirect

KEY = ApiKey("plane_api_key")
OTHER_KEY = ApiKey("plane_api_other")
SESSION = Session("admin@javisi.local", {"session-id": "abc"})
SEEN = Project.of(PROJECT)
ODD = Project.of({**PROJECT, "id": "p/1"})
GOING = WorkspaceMember("u", "a@b.c", "A", 15, "m/1")
KIND = WorkItemType("k1", "Task", True)

PROJECTS = "GET /api/v1/workspaces/javisi/projects/"
CSRF = as_json({"csrf_token": "token"}, Set_Cookie="csrftoken=cookie")


@pytest.fixture
def plane(client: Client) -> Plane:
    return Plane(client.http)


def paged(*pages: list[Any], last: str | None = None) -> list[Answer]:
    """Pages with a cursor each; the last one says that there are no more, or names a cursor again."""
    answers = []
    for number, results in enumerate(pages, 1):
        more = number < len(pages) or last is not None
        cursor = last if number == len(pages) and last is not None else f"100:{number}:0"
        answers.append(as_json({"results": results, "next_page_results": more, "next_cursor": cursor}))
    return answers


def projects(*identifiers: str) -> list[dict[str, Any]]:
    return [{**PROJECT, "id": f"p-{identifier}", "identifier": identifier} for identifier in identifiers]


# Health and the instance


def test_a_plane_that_answers_is_healthy(site: Site, plane: Plane) -> None:
    site.route("GET /", as_json({"status": "OK"}))
    assert plane.health() is None


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (as_json({"status": "starting"}), "not the answer of Plane's API"),
        (as_json(["OK"]), "not the answer of Plane's API"),
        (Answer(200), "not the answer of Plane's API"),
        (page(status=502), "the server failed (502)"),
        (Answer(None), "GET "),
    ],
)
def test_a_plane_that_is_not_up_says_why_in_one_line_and_is_asked_once(
    site: Site, plane: Plane, answer: Answer, said: str
) -> None:
    site.route("GET /", answer)
    reason = plane.health()
    assert reason is not None
    assert said in reason
    assert "\n" not in reason
    assert len(site.asked) == 1


@pytest.mark.parametrize(
    ("answer", "said"),
    [(page(), "is not JSON"), (redirect("https://elsewhere.example.com/x"), "redirected to https://elsewhere.example")],
)
def test_what_is_another_server_than_plane_is_not_waited_for(
    site: Site, plane: Plane, answer: Answer, said: str
) -> None:
    site.route("GET /", answer)
    with pytest.raises(PlaneElsewhere, match=said):
        plane.health()


def test_the_instance_is_asked_for_once_until_it_is_forgotten(site: Site, plane: Plane) -> None:
    site.route("GET /api/instances/", as_json({"instance": INSTANCE}))
    assert plane.instance() == plane.instance()
    assert len(site.asked) == 1
    plane.forget("members")
    plane.instance()
    assert len(site.asked) == 1
    plane.forget("instance")
    plane.instance()
    plane.forget()
    plane.instance()
    assert len(site.asked) == 3


@pytest.fixture
def fresh(site: Site, plane: Plane) -> Plane:
    """An instance that is not set up yet, and opens a session for the one who does."""
    site.route("GET /auth/get-csrf-token/", CSRF)
    site.route("GET /api/instances/", as_json({"instance": {**INSTANCE, "is_setup_done": False}}))
    site.route("GET /api/users/me/", as_json({}))
    site.route("POST /api/instances/admins/sign-up/", redirect("https://w/god-mode/general", "admin-session-id=abc"))
    return plane


def test_setting_the_instance_up_is_a_form_and_is_remembered(site: Site, fresh: Plane) -> None:
    assert not fresh.instance().is_setup_done
    fresh.set_up_instance("admin@javisi.local", "secret", "Plane", "Admin", "Javisi")
    assert fresh.instance().is_setup_done
    [sent] = [request.body.decode() for request in site.asked if request.method == "POST"]
    assert "first_name=Plane&last_name=Admin&company_name=Javisi&is_telemetry_enabled=False" in sent


def test_an_answer_without_a_session_is_none_of_planes(site: Site, fresh: Plane) -> None:
    site.route("POST /api/instances/admins/sign-up/", redirect("https://login.example.com/"))
    with pytest.raises(PlaneBadAnswer, match="accepted the form but set no session cookie"):
        fresh.set_up_instance("admin@javisi.local", "secret", "Plane")
    assert not fresh.instance().is_setup_done


def test_the_admin_that_sets_the_instance_up_needs_no_further_form(site: Site, fresh: Plane) -> None:
    fresh.set_up_instance("Admin@javisi.local", "secret", "Plane")
    for_instance = fresh.instance_admin_session("admin@javisi.local", "secret")
    for_app = fresh.sign_in("admin@javisi.local", "secret")
    assert (for_instance.cookies, for_app.cookies) == ({"admin-session-id": "abc"}, {"session-id": "abc"})
    assert site.asked[-1].headers["Cookie"] == "session-id=abc"


def test_the_admin_is_signed_in_where_the_session_is_only_for_the_instance(site: Site, fresh: Plane) -> None:
    site.route("GET /api/users/me/", as_json({"detail": "Authentication credentials were not provided."}, 401))
    site.route("POST /auth/sign-in/", redirect("https://w/", "session-id=def"))
    fresh.set_up_instance("admin@javisi.local", "secret", "Plane")
    assert not fresh.is_signed_in("admin@javisi.local")
    assert fresh.sign_in("admin@javisi.local", "secret").cookies == {"session-id": "def"}


def test_an_instance_that_refuses_is_not_remembered_as_set_up(site: Site, fresh: Plane) -> None:
    site.route("POST /api/instances/admins/sign-up/", redirect("https://w/?error_message=PASSWORD_TOO_WEAK"))
    with pytest.raises(PlaneFormRefused) as caught:
        fresh.set_up_instance("admin@javisi.local", "weak", "Plane")
    assert caught.value.code == "PASSWORD_TOO_WEAK"
    assert "weak" not in str(caught.value)
    assert not fresh.instance().is_setup_done


# Accounts


def test_an_account_signs_in_once_whatever_the_case_of_its_address(site: Site, plane: Plane) -> None:
    site.route("GET /auth/get-csrf-token/", CSRF)
    site.route("POST /auth/sign-in/", redirect("/", "session-id=abc"))
    assert not plane.is_signed_in("thot@javisi.local")
    session = plane.sign_in("Thot@Javisi.local", "secret")
    assert plane.sign_in("thot@javisi.local", "secret") is session
    assert plane.is_signed_in("THOT@javisi.local")
    plane.forget()
    assert plane.sign_in("thot@javisi.local", "secret") is session
    assert site.paths.count("POST /auth/sign-in/") == 1


def test_a_wrong_password_is_refused_and_not_named(site: Site, plane: Plane) -> None:
    site.route("GET /auth/get-csrf-token/", CSRF)
    site.route("POST /auth/sign-in/", redirect("/?error_message=AUTHENTICATION_FAILED_SIGN_IN"))
    with pytest.raises(PlaneFormRefused) as caught:
        plane.sign_in("thot@javisi.local", "hunter2")
    assert str(caught.value) == "sign in as thot@javisi.local: Plane answered AUTHENTICATION_FAILED_SIGN_IN"
    assert not plane.is_signed_in("thot@javisi.local")


def test_a_changed_password_brings_another_session_and_takes_the_csrf_pair(site: Site, plane: Plane) -> None:
    site.route("GET /auth/get-csrf-token/", CSRF)
    site.route("POST /auth/sign-in/", redirect("/", "session-id=abc"))
    site.route("POST /auth/change-password/", as_json({"message": "Password updated"}, Set_Cookie="session-id=def"))
    session = plane.change_password(plane.sign_in("thot@javisi.local", "old"), "old", "new")
    assert session.cookies == {"session-id": "def"}
    assert plane.sign_in("thot@javisi.local", "new") is session
    sent = site.asked[-1]
    assert sent.json == {"old_password": "old", "new_password": "new"}
    assert (sent.headers["X-CSRFToken"], sent.headers["Cookie"]) == ("token", "session-id=abc; csrftoken=cookie")


def test_a_password_that_plane_keeps_is_an_error_and_not_shown(site: Site, plane: Plane) -> None:
    site.route("GET /auth/get-csrf-token/", CSRF)
    refused = as_json({"error_code": 5135, "error_message": "INCORRECT_OLD_PASSWORD", "error": "no hunter2"}, 400)
    site.route("POST /auth/change-password/", refused)
    with pytest.raises(PlaneRefused) as caught:
        plane.change_password(SESSION, "hunter2", "new-hunter3")
    assert "hunter" not in str(caught.value)


def test_an_account_that_was_made_is_signed_in(site: Site, plane: Plane) -> None:
    site.route("GET /auth/get-csrf-token/", CSRF)
    site.route("POST /auth/sign-up/", redirect("/", "session-id=abc"))
    session = plane.sign_up("Thot@javisi.local", "secret")
    assert plane.sign_in("thot@javisi.local", "secret") is session
    assert "POST /auth/sign-in/" not in site.paths


def test_an_account_that_exists_is_not_made(site: Site, plane: Plane) -> None:
    site.route("GET /auth/get-csrf-token/", CSRF)
    site.route("POST /auth/sign-up/", redirect("/?error_message=USER_ALREADY_EXIST"))
    with pytest.raises(PlaneFormRefused, match=r"^create the account thot@javisi\.local: "):
        plane.sign_up("thot@javisi.local", "secret")
    assert not plane.is_signed_in("thot@javisi.local")


# What a key sees


FIELDS = (
    "id,name,identifier,description,archived_at,is_member,member_role,is_issue_type_enabled,network,logo_props,"
    "timezone,project_lead,default_assignee,estimate,cycle_view,module_view,issue_views_view,page_view,intake_view,"
    "guest_view_all_features,archive_in,close_in,cover_image"
)


def test_a_key_sees_its_projects_by_identifier(site: Site, plane: Plane) -> None:
    site.route(PROJECTS, *paged(projects("onboard", "OPS")))
    found = plane.visible_projects("javisi", KEY)
    assert isinstance(found, dict)
    assert set(found) == {"ONBOARD", "OPS"}
    assert site.paths == [f"{PROJECTS}?fields={FIELDS}"]
    assert site.asked[0].headers["X-API-Key"] == KEY.value


@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        (as_json({"detail": "Given API token is not valid"}, 403), KEY_INVALID),
        (as_json({"detail": "Authentication credentials were not provided."}, 401), KEY_INVALID),
        (as_json({"detail": "You do not have permission"}, 403), NOT_A_MEMBER),
    ],
)
def test_a_key_that_sees_nothing_tells_why_and_is_asked_once(
    site: Site, plane: Plane, answer: Answer, seen: NoAccess
) -> None:
    site.route(PROJECTS, answer)
    assert plane.visible_projects("javisi", KEY) == plane.visible_projects("javisi", KEY) == seen
    assert len(site.asked) == 1


def test_another_refusal_is_an_error(site: Site, plane: Plane) -> None:
    site.route(PROJECTS, as_json({"error": "x"}, 404))
    with pytest.raises(PlaneRefused):
        plane.visible_projects("javisi", KEY)


def test_each_key_and_workspace_is_looked_at_by_itself(site: Site, plane: Plane) -> None:
    site.says(*paged(projects("A")))
    for slug, key in (("javisi", KEY), ("javisi", OTHER_KEY), ("lab", KEY), ("javisi", KEY)):
        plane.visible_projects(slug, key)
    assert len(site.asked) == 3


# Pages


def test_every_page_is_read(site: Site, plane: Plane) -> None:
    site.route(PROJECTS, *paged(projects("A", "B"), projects("C"), projects("D")))
    found = plane.visible_projects("javisi", KEY)
    assert isinstance(found, dict)
    assert set(found) == {"A", "B", "C", "D"}
    assert site.paths == [
        f"{PROJECTS}?fields={FIELDS}",
        f"{PROJECTS}?fields={FIELDS}&cursor=100%3A1%3A0",
        f"{PROJECTS}?fields={FIELDS}&cursor=100%3A2%3A0",
    ]


def test_the_workspace_comes_along_when_asked_for(site: Site, plane: Plane) -> None:
    site.route(PROJECTS, *paged([{**projects("A")[0], "workspace": {"name": "Javisi", "slug": "javisi", "id": "w"}}]))
    found = plane.visible_projects("javisi", KEY, with_workspace=True)
    assert isinstance(found, dict) and found["A"].workspace_name == "Javisi"
    assert site.paths == [f"{PROJECTS}?fields={FIELDS},workspace&expand=workspace"]


def test_pages_without_end_end(site: Site, plane: Plane) -> None:
    site.route(PROJECTS, *paged(projects("A"), projects("B"), last="100:1:0"))
    found = plane.visible_projects("javisi", KEY)
    assert isinstance(found, dict)
    assert set(found) == {"A", "B"}
    assert len(site.asked) == 2


@pytest.mark.parametrize("cursor", [None, 5, ""])
def test_a_next_page_without_a_cursor_is_none(site: Site, plane: Plane, cursor: object) -> None:
    site.route(PROJECTS, as_json({"results": projects("A"), "next_page_results": True, "next_cursor": cursor}))
    assert isinstance(plane.visible_projects("javisi", KEY), dict)
    assert len(site.asked) <= 2


def test_a_list_instead_of_pages_is_read_too(site: Site, plane: Plane) -> None:
    site.route(PROJECTS, as_json(projects("A")))
    assert isinstance(plane.visible_projects("javisi", KEY), dict)


@pytest.mark.parametrize("answer", ["text", 5, {}, {"results": None}, {"results": {}}, {"results": ["x"]}])
def test_a_page_of_another_shape_is_a_bad_answer_of_one_line(site: Site, plane: Plane, answer: object) -> None:
    site.route(PROJECTS, as_json(answer))
    with pytest.raises(PlaneBadAnswer) as caught:
        plane.visible_projects("javisi", KEY)
    assert "\n" not in str(caught.value)
    assert "/api/v1/workspaces/javisi/projects/: Plane answered " in str(caught.value)


# Reads that are kept


@pytest.mark.parametrize(
    ("read", "request_line", "answer"),
    [
        (lambda plane: plane.my_workspaces(SESSION), "GET /api/users/me/workspaces/",
         [{"id": "w", "slug": "javisi", "name": "Javisi"}]),
        (lambda plane: plane.members("javisi", SESSION), "GET /api/workspaces/javisi/members/", [MEMBER]),
        (lambda plane: plane.members("javisi", KEY), "GET /api/v1/workspaces/javisi/members/", [V1_MEMBER]),
        (lambda plane: plane.invitations("javisi", SESSION), "GET /api/workspaces/javisi/invitations/",
         [{"id": "i", "email": "a@b.c", "role": 5}]),
        (lambda plane: plane.invitations("javisi", KEY), "GET /api/v1/workspaces/javisi/invitations/",
         [{"id": "i", "email": "a@b.c", "role": 5}]),
        (lambda plane: plane.project_members("javisi", KEY, SEEN), "GET /api/v1/workspaces/javisi/projects/p1/members/",
         [{"email": "A@b.c"}]),
        (lambda plane: plane.work_item_types("javisi", KEY, SEEN).rows(),
         "GET /api/v1/workspaces/javisi/projects/p1/work-item-types/", [{"id": "k1", "name": "Task"}]),
        (lambda plane: plane.work_item_properties("javisi", KEY, SEEN, KIND).rows(),
         "GET /api/v1/workspaces/javisi/projects/p1/work-item-types/k1/work-item-properties/",
         [{"id": "p", "display_name": "cost"}]),
    ],
)  # fmt: skip
def test_a_list_is_read_once_until_it_is_forgotten_and_refused_in_another_shape(
    site: Site, plane: Plane, read: Callable[[Plane], Any], request_line: str, answer: list[Any]
) -> None:
    site.route("GET /api/instances/", as_json({"instance": INSTANCE}))
    plane.instance()
    site.asked.clear()
    site.route(request_line, as_json(answer))
    first = read(plane)
    assert len(first) == 1
    assert read(plane) == first
    assert [path.removesuffix("?") for path in site.paths] == [request_line]
    plane.forget()
    site.route(request_line, as_json({"error": "x"}))
    with pytest.raises(PlaneBadAnswer):
        read(plane)
    assert [path.removesuffix("?") for path in site.paths].count(request_line) == 2


NEWER = {"instance": {**INSTANCE, "current_version": "1.4.2"}}
LITE = "GET /api/v1/workspaces/javisi/members-lite/"


def test_from_1_4_on_a_key_is_told_who_was_removed(site: Site, plane: Plane) -> None:
    site.route("GET /api/instances/", as_json(NEWER))
    rows = [{**V1_MEMBER, "is_active": False, "is_bot": False}, {**V1_MEMBER, "is_active": True}]
    site.route(LITE, as_json({"results": rows, "next_page_results": False}))
    assert [member.is_active for member in plane.members("javisi", KEY)] == [False, True]


def test_a_newer_plane_without_the_short_list_is_asked_for_the_long_one(site: Site, plane: Plane) -> None:
    site.route("GET /api/instances/", as_json(NEWER))
    site.route(LITE, as_json({"error": "Page not found."}, 404))
    site.route("GET /api/v1/workspaces/javisi/members/", as_json([V1_MEMBER]))
    assert [member.is_active for member in plane.members("javisi", KEY)] == [None]


@pytest.mark.parametrize(
    ("version", "edition", "untried"),
    [
        ("1.2.0", "PLANE_COMMUNITY", False),
        ("1.3.1", "PLANE_COMMUNITY", False),
        ("v1.3.2", "PLANE_COMMUNITY", True),
        ("1.10.0", "PLANE_COMMUNITY", True),
        ("2", "PLANE_COMMUNITY", True),
        ("", "PLANE_COMMUNITY", False),
        ("preview", "PLANE_COMMUNITY", False),
        ("2.4.1", "PLANE_COMMERCIAL", False),
    ],
)
def test_a_release_that_was_never_tried_is_known(
    site: Site, plane: Plane, version: str, edition: str, untried: bool
) -> None:
    instance = {**INSTANCE, "current_version": version, "edition": edition}
    site.route("GET /api/instances/", as_json({"instance": instance}))
    assert plane.instance().is_untried is untried


def test_an_invitation_with_capitals_is_another_than_the_one_without(site: Site, plane: Plane) -> None:
    rows = [{"id": "i", "email": "a@b.c", "role": 5}, {"id": "j", "email": "A@B.c", "role": 15}]
    site.route("GET /api/workspaces/javisi/invitations/", as_json(rows))
    assert plane.invitations("javisi", SESSION)["a@b.c"] == Invitation("i", "a@b.c", 5)


def test_project_members_are_found_by_lower_case_address(site: Site, plane: Plane) -> None:
    site.route("GET /api/v1/workspaces/javisi/projects/p1/members/", as_json([{"email": "A@B.c"}]))
    assert plane.project_members("javisi", KEY, SEEN) == {"a@b.c"}


# Writes

V1 = "/api/v1/workspaces/javisi/projects/p1/"


def known(plane: Plane) -> Plane:
    """The same, which was asked for its instance already."""
    plane.expect_new_instance()
    return plane


WRITES: list[tuple[Callable[[Plane], object], str, Any, ApiKey | Session]] = [
    (lambda plane: plane.finish_onboarding(SESSION), "PATCH /api/users/me/onboard/", {"is_onboarded": True}, SESSION),
    (lambda plane: plane.change_profile(SESSION, display_name="Thot"), "PATCH /api/users/me/",
     {"display_name": "Thot"}, SESSION),
    (lambda plane: plane.create_workspace(SESSION, "javisi", "Javisi", "2-10"), "POST /api/workspaces/",
     {"name": "Javisi", "slug": "javisi", "organization_size": "2-10"}, SESSION),
    (lambda plane: plane.rename_workspace(SESSION, "javisi", "Lab"), "PATCH /api/workspaces/javisi/",
     {"name": "Lab"}, SESSION),
    (lambda plane: plane.invite("javisi", SESSION, iter([("a@b.c", 20), ("d@e.f", 5)])),
     "POST /api/workspaces/javisi/invitations/",
     {"emails": [{"email": "a@b.c", "role": 20}, {"email": "d@e.f", "role": 5}]}, SESSION),
    (lambda plane: plane.invite("javisi", KEY, [("a@b.c", 20)]), "POST /api/v1/workspaces/javisi/invitations/",
     {"email": "a@b.c", "role": 20}, KEY),
    (lambda plane: plane.join(SESSION, Invitation("i", "a@b.c", 5)), "POST /api/users/me/workspaces/invitations/",
     {"invitations": ["i"]}, SESSION),
    (lambda plane: plane.change_role("javisi", SESSION, "m1", 15), "PATCH /api/workspaces/javisi/members/m1/",
     {"role": 15}, SESSION),
    (lambda plane: plane.remove_member("javisi", SESSION, GOING), "DELETE /api/workspaces/javisi/members/m%2F1/",
     None, SESSION),
    (lambda plane: known(plane).remove_member("javisi", KEY, GOING), "POST /api/v1/workspaces/javisi/members/remove/",
     {"email": "a@b.c"}, KEY),
    (lambda plane: plane.revoke_token(SESSION, Token("t/1", "x")), "DELETE /api/users/api-tokens/t%2F1/",
     None, SESSION),
    (lambda plane: plane.change_project("javisi", KEY, SEEN, name="New"), f"PATCH {V1}", {"name": "New"}, KEY),
    (lambda plane: plane.change_project("a/b", KEY, ODD, name="New"),
     "PATCH /api/v1/workspaces/a%2Fb/projects/p%2F1/", {"name": "New"}, KEY),
    (lambda plane: plane.unarchive_project("javisi", KEY, SEEN), f"DELETE {V1}archive/", None, KEY),
    (lambda plane: plane.put_project_members("javisi", KEY, SEEN, [("u1", 20)]), f"POST {V1}members/",
     {"member": "u1", "role": 20}, KEY),
    (lambda plane: plane.put_project_members("javisi", SESSION, SEEN, [("u1", 20), ("u2", 5)]),
     "POST /api/workspaces/javisi/projects/p1/members/",
     {"members": [{"member_id": "u1", "role": 20}, {"member_id": "u2", "role": 5}]}, SESSION),
    (lambda plane: plane.join_project("javisi", SESSION, SEEN),
     "POST /api/users/me/workspaces/javisi/projects/invitations/", {"project_ids": ["p1"]}, SESSION),
    (lambda plane: plane.work_item_types("javisi", KEY, SEEN).create(name="Task", is_active=True),
     f"POST {V1}work-item-types/", {"name": "Task", "is_active": True}, KEY),
    (lambda plane: plane.create_work_item_property("javisi", KEY, SEEN, KIND, {"display_name": "cost"}),
     f"POST {V1}work-item-types/k1/work-item-properties/", {"display_name": "cost"}, KEY),
]  # fmt: skip


@pytest.mark.parametrize(("write", "request_line", "body", "caller"), WRITES, ids=[case[1] for case in WRITES])
def test_a_write_is_one_request_by_its_caller(
    site: Site, plane: Plane, write: Callable[[Plane], object], request_line: str, body: Any, caller: ApiKey | Session
) -> None:
    site.says(Answer(204), as_json([]))
    write(plane)
    # What was deleted is looked for.
    removes = request_line.startswith("DELETE ") or request_line.endswith("/remove/")
    assert site.paths[0] == request_line and len(site.paths) == 1 + removes
    assert site.asked[0].json == body
    for name, value in caller.headers().items():
        assert site.asked[0].headers[name] == value


@pytest.mark.parametrize(("write", "request_line", "body", "caller"), WRITES, ids=[case[1] for case in WRITES])
def test_a_write_that_is_refused_says_so_in_one_line(
    site: Site, plane: Plane, write: Callable[[Plane], object], request_line: str, body: Any, caller: ApiKey | Session
) -> None:
    site.says(as_json({"error": "no\nway"}, 400))
    with pytest.raises(PlaneError) as caught:
        write(plane)
    method, _, path = request_line.partition(" ")
    assert str(caught.value) == f"{method} {site.url}{path}: 400 no way"


def test_a_label_that_is_gone_when_it_is_to_be_deleted_is_no_error(site: Site, plane: Plane) -> None:
    label = Label("l1", "mail", "", "", None)
    # Plane's worker was there first, with the group.
    site.says(*paged([]), as_json({"error": "not there"}, 404), *paged([]), as_json({"error": "no"}, 403))
    labels = plane.collection(Label, KEY, slug="javisi", project=SEEN.id)
    labels.rows()
    labels.delete(label, "the label mail")
    labels.rows()
    assert site.paths[1:] == [f"DELETE {V1}labels/l1/", f"GET {V1}labels/"]
    with pytest.raises(PlaneRefused, match="403 no"):
        labels.delete(label, "the label mail")


def test_with_a_key_each_member_is_a_request(site: Site, plane: Plane) -> None:
    site.says(Answer(201))
    plane.put_project_members("javisi", KEY, SEEN, [("u1", 20), ("u2", 5)])
    plane.invite("javisi", KEY, [("a@b.c", 5), ("d@e.f", 5)])
    assert len(site.asked) == 4


def test_an_invitation_that_is_open_already_is_what_was_asked_for(site: Site, plane: Plane) -> None:
    site.says(as_json({"email": ["a@b.c is already invited to this workspace"]}, 400))
    plane.invite("javisi", KEY, [("a@b.c", 5), ("d@e.f", 5)])
    assert len(site.asked) == 2


@pytest.mark.parametrize(("status", "detail"), [(400, "nonsense"), (409, "already invited")])
def test_another_refusal_of_an_invitation_is_an_error(site: Site, plane: Plane, status: int, detail: str) -> None:
    site.says(as_json({"error": detail}, status))
    with pytest.raises(PlaneRefused):
        plane.invite("javisi", KEY, [("a@b.c", 5)])


def test_a_write_drops_what_it_concerns(site: Site, plane: Plane) -> None:
    site.route(PROJECTS, *paged(projects("ONBOARD")))
    site.route("GET /api/workspaces/javisi/members/", as_json([MEMBER]))
    site.route("PATCH /api/v1/workspaces/javisi/projects/p1/", as_json({}))
    plane.visible_projects("javisi", KEY)
    plane.members("javisi", SESSION)
    plane.change_project("javisi", KEY, SEEN, name="New")
    plane.visible_projects("javisi", KEY)
    plane.members("javisi", SESSION)
    assert len([path for path in site.paths if path.startswith(PROJECTS)]) == 2
    assert site.paths.count("GET /api/workspaces/javisi/members/") == 1


def test_a_new_project_is_seen_without_asking_again(site: Site, plane: Plane) -> None:
    site.route(PROJECTS, *paged(projects("ONBOARD")))
    site.route("POST /api/v1/workspaces/javisi/projects/", as_json({**PROJECT, "id": "p2", "identifier": "ops"}, 201))
    plane.visible_projects("javisi", KEY)
    plane.create_project("javisi", KEY, name="Ops", identifier="OPS")
    found = plane.visible_projects("javisi", KEY)
    assert isinstance(found, dict)
    assert set(found) == {"ONBOARD", "OPS"}
    assert site.asked[-1].json == {"name": "Ops", "identifier": "OPS"}
    assert len(site.asked) == 2


def test_a_new_project_of_a_key_that_has_not_looked_is_asked_for(site: Site, plane: Plane) -> None:
    site.route("POST /api/v1/workspaces/javisi/projects/", as_json(PROJECT, 201))
    site.route(PROJECTS, *paged(projects("ONBOARD")))
    plane.create_project("javisi", KEY, name="Onboarding")
    assert isinstance(plane.visible_projects("javisi", KEY), dict)
    assert len(site.asked) == 2


def test_a_member_who_is_removed_is_no_longer_among_what_was_read(site: Site, plane: Plane) -> None:
    site.route(PROJECTS, *paged(projects("ONBOARD")))
    site.route("GET /api/workspaces/javisi/members/", as_json([MEMBER]), as_json([]))
    site.route("DELETE /api/workspaces/javisi/members/m1/", Answer(204))
    plane.visible_projects("javisi", KEY)
    assert len(plane.members("javisi", SESSION)) == 1
    plane.remove_member("javisi", SESSION, WorkspaceMember("u", "a@b.c", "A", 15, "m1"))
    assert plane.members("javisi", SESSION) == []
    plane.visible_projects("javisi", KEY)
    assert len([path for path in site.paths if path.startswith(PROJECTS)]) == 2


# Tokens

NEW_TOKEN = {"id": "t", "label": "agent-thot"}


def test_the_owner_of_a_key_is_told_by_address(site: Site, plane: Plane) -> None:
    site.route("GET /api/v1/users/me/", as_json({"id": "u1", "email": "Thot@Javisi.local"}))
    assert plane.owner(KEY) == "thot@javisi.local"
    assert site.paths == ["GET /api/v1/users/me/"]
    assert site.asked[0].headers["X-API-Key"] == KEY.value


@pytest.mark.parametrize(
    "answer",
    [as_json({"detail": "Given API token is not valid"}, 403), as_json({"detail": "Authentication credentials"}, 401)],
)
def test_a_key_that_does_not_answer_has_no_owner(site: Site, plane: Plane, answer: Answer) -> None:
    site.says(answer)
    assert plane.owner(KEY) is None


def test_a_key_that_a_header_cannot_carry_has_no_owner_and_is_not_sent(site: Site, plane: Plane) -> None:
    for value in ("", "two words", "two\nlines", "ü"):
        assert plane.owner(ApiKey(value)) is None
    assert site.asked == []


def test_another_refusal_of_a_key_is_an_error(site: Site, plane: Plane) -> None:
    site.says(as_json({"error": "x"}, 404))
    with pytest.raises(PlaneRefused):
        plane.owner(KEY)


def test_a_new_token_is_given_once_and_does_not_print(site: Site, plane: Plane) -> None:
    site.route("POST /api/users/api-tokens/", as_json({**NEW_TOKEN, "token": "plane_api_0123"}, 201))
    key, token = plane.create_token(SESSION, "agent-thot", "made by the deploy")
    assert key == ApiKey("plane_api_0123")
    assert token == Token("t", "agent-thot")
    assert "0123" not in repr((key, token))
    assert site.asked[0].json == {"label": "agent-thot", "description": "made by the deploy"}


def test_a_token_can_end_at_the_beginning_of_a_day(site: Site, plane: Plane) -> None:
    site.route("POST /api/users/api-tokens/", as_json({**NEW_TOKEN, "token": "plane_api_0123"}, 201))
    plane.create_token(SESSION, "agent-thot", "", date(2027, 1, 2))
    assert site.asked[0].json == {"label": "agent-thot", "description": "", "expired_at": "2027-01-02T00:00:00Z"}


@pytest.mark.parametrize("token", [None, "", 5, "two words", "two\nlines"])
def test_a_token_that_an_env_file_cannot_hold_is_a_bad_answer_and_not_shown(
    site: Site, plane: Plane, token: object
) -> None:
    site.route("POST /api/users/api-tokens/", as_json({**NEW_TOKEN, "token": token}, 201))
    with pytest.raises(PlaneBadAnswer, match=r"no token in the answer$") as caught:
        plane.create_token(SESSION, "agent-thot", "")
    assert "two" not in str(caught.value)


def test_tokens_are_listed_anew_each_time(site: Site, plane: Plane) -> None:
    site.route("GET /api/users/api-tokens/", as_json([{"id": "t", "label": "agent-thot"}]))
    assert plane.tokens(SESSION) == plane.tokens(SESSION) == [Token("t", "agent-thot")]
    assert len(site.asked) == 2
