"""One request: what is sent again, what is waited out, and how every failure ends in one line."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from urllib3.exceptions import ProtocolError

from pyinfra_plane.api.errors import (
    PlaneBadAnswer,
    PlaneError,
    PlaneForbidden,
    PlaneKeyInvalid,
    PlaneRefused,
    PlaneUnreachable,
)
from pyinfra_plane.api.http import ATTEMPTS, LONGEST_THROTTLE_WAIT, THROTTLE_WAITS, _reason
from pyinfra_plane.api.reply import Reply, explain
from tests.unit.web import DROP, Answer, Client, Site, as_json, client_of, closed_port, page, redirect, serving

GOOD = as_json({"status": "OK"})


def failure(client: Client, method: str = "GET", path: str = "/api/x/?token=hidden", **arguments: object) -> PlaneError:
    """What a call fails with: always one line that names the request without its query."""
    with pytest.raises(PlaneError) as caught:
        client.http.call(method, path, **arguments)  # type: ignore[arg-type]
    text = str(caught.value)
    assert text.startswith(f"{method} {client.http.base_url}/api/x/: ")
    assert "\n" not in text
    assert "hidden" not in text
    assert "object at 0x" not in text
    return caught.value


def reply(status: int = 200, body: bytes = b"", content_type: str = "", location: str = "") -> Reply:
    return Reply("GET http://plane/x", status, content_type, body, {}, location)


# Good answers


def test_a_good_answer_gives_its_json(site: Site, client: Client) -> None:
    site.says(as_json([{"name": "ü"}]))
    assert client.http.call("GET", "/api/x/?a=b") == [{"name": "ü"}]
    assert site.paths == ["GET /api/x/?a=b"]


@pytest.mark.parametrize("status", [200, 201, 204])
def test_an_empty_answer_is_none(site: Site, client: Client, status: int) -> None:
    site.says(Answer(status))
    assert client.http.call("POST", "/api/x/") is None


def test_json_and_forms_are_sent_as_such(site: Site, client: Client) -> None:
    site.says(GOOD)
    client.http.send("POST", "/api/x/", json={"name": "ü"}, headers={"X-API-Key": "key"})
    client.http.send("POST", "/auth/x/", form={"password": "a&b=ü"})
    sent, form = site.asked
    assert (sent.json, sent.headers["Content-Type"], sent.headers["X-API-Key"]) == (
        {"name": "ü"},
        "application/json",
        "key",
    )
    assert form.body == b"password=a%26b%3D%C3%BC"
    assert form.headers["Content-Type"] == "application/x-www-form-urlencoded"


def test_an_address_with_a_path_is_in_front_of_each_path(site: Site) -> None:
    site.says(GOOD)
    with client_of(f"{site.url}/plané") as client:
        client.http.call("GET", "/api/x/?page=2")
    assert site.paths == ["GET /plan%C3%A9/api/x/?page=2"]


def test_requests_are_counted_and_share_a_connection(site: Site, client: Client) -> None:
    site.says(GOOD)
    for _ in range(5):
        client.http.call("GET", "/")
    assert (client.http.requests_sent, site.connections) == (5, 1)


def test_a_connection_that_was_idle_for_long_is_opened_again(
    site: Site, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.says(GOOD)
    client.http.call("POST", "/")
    monkeypatch.setattr("pyinfra_plane.api.transport.IDLE_LIMIT", -1)
    client.http.call("POST", "/")
    assert site.connections == 2


def test_a_connection_that_was_idle_while_another_was_in_use_is_opened_again(
    site: Site, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr("pyinfra_plane.api.transport._now", lambda: clock[0])
    site.says(GOOD)

    def two_at_once() -> None:
        both = threading.Barrier(2)
        site.route("POST /both", Answer(200, b"{}", wait=both))
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda _: client.http.call("POST", "/both"), range(2)))

    two_at_once()
    for _ in range(4):
        clock[0] += 1.0
        client.http.call("POST", "/")
    assert site.connections == 2
    two_at_once()
    assert site.connections == 3


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_a_proxy_of_this_machine_is_not_used(
    site: Site, client: Client, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    site.says(GOOD)
    assert client.http.call("GET", "/") == {"status": "OK"}


# What is sent again


def test_a_read_is_sent_again_after_a_dropped_connection(site: Site, client: Client) -> None:
    site.says(DROP, DROP, GOOD)
    assert client.http.call("GET", "/") == {"status": "OK"}
    assert len(site.asked) == client.http.requests_sent == 3
    assert client.waited == [0.25, 0.5]


def test_a_read_is_given_up_after_a_few_tries(site: Site, client: Client) -> None:
    site.says(DROP)
    assert isinstance(failure(client), PlaneUnreachable)
    assert len(site.asked) == ATTEMPTS


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_a_write_is_never_sent_again_after_a_dropped_connection(site: Site, client: Client, method: str) -> None:
    site.says(DROP, GOOD)
    assert isinstance(failure(client, method), PlaneUnreachable)
    assert len(site.asked) == 1


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_a_write_on_a_connection_that_plane_has_closed_meanwhile_is_not_lost(
    site: Site, client: Client, method: str
) -> None:
    site.says(Answer(200, b"{}", (("Connection", "close"),)))
    client.http.call("GET", "/")
    assert client.http.call(method, "/api/x/") == {}
    assert len(site.asked) == 2


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_read_is_sent_again_when_a_proxy_has_nobody_behind_it(site: Site, client: Client, status: int) -> None:
    site.says(page(status=status), GOOD)
    assert client.http.call("GET", "/") == {"status": "OK"}
    assert len(site.asked) == 2


@pytest.mark.parametrize(
    ("method", "status", "attempts", "sent"),
    [("GET", 503, 3, 3), ("GET", 503, 1, 1), ("GET", 500, 3, 1), ("GET", 501, 3, 1), ("POST", 503, 3, 1)],
)
def test_a_server_that_fails_is_a_bad_answer(
    site: Site, client: Client, method: str, status: int, attempts: int, sent: int
) -> None:
    site.says(page("<h1>Traceback\nhidden</h1>", status))
    error = failure(client, method, attempts=attempts)
    assert isinstance(error, PlaneBadAnswer)
    assert f"the server failed ({status}); see the log of Plane's api" in str(error)
    assert len(site.asked) == sent


def test_a_body_that_breaks_off_is_asked_for_again(site: Site, client: Client) -> None:
    site.says(Answer(200, b'{"status": ', announced=100), GOOD)
    assert client.http.call("GET", "/") == {"status": "OK"}
    site.says(Answer(200, b'{"status": ', announced=100))
    assert isinstance(failure(client, "POST"), PlaneUnreachable)
    assert len(site.asked) == 3


# Throttling


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("3", 4),
        ("0", 1),
        (str(LONGEST_THROTTLE_WAIT), LONGEST_THROTTLE_WAIT + 1),
        ("86400", LONGEST_THROTTLE_WAIT + 1),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 60),
        ("-1", 60),
        ("", 60),
        (None, 60),
        pytest.param("\xb2", 60),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_limit_is_waited_out_and_said(
    site: Site, client: Client, method: str, retry_after: str | None, seconds: int
) -> None:
    headers = {} if retry_after is None else {"Retry_After": retry_after}
    site.says(as_json({"error_code": 5900}, 429, **headers), GOOD)
    assert client.http.call(method, "/") == {"status": "OK"}
    assert client.waited == [seconds]
    assert client.said == [f"Plane limits requests; continuing in {seconds} s"]


def test_a_limit_without_end_is_given_up(site: Site, client: Client) -> None:
    site.says(as_json({"error_message": "RATE_LIMIT_EXCEEDED"}, 429))
    error = failure(client)
    assert str(error).endswith("Plane still limits requests; run again in a minute")
    assert len(client.waited) == THROTTLE_WAITS
    assert len(site.asked) == THROTTLE_WAITS + 1


def test_a_read_that_was_throttled_is_still_sent_again_after_a_dropped_connection(site: Site, client: Client) -> None:
    limited = as_json({}, 429)
    site.says(limited, limited, limited, DROP, GOOD)
    assert client.http.call("GET", "/") == {"status": "OK"}


# Refusals


@pytest.mark.parametrize(
    ("path", "advice"),
    [
        ("/api/v1/workspaces/javisi/members/", "must be an admin of the workspace javisi: change that"),
        ("/api/workspaces/javisi/", "must be an admin of the workspace javisi: change that"),
        ("/api/v1/workspaces/javisi/projects/?per_page=1", "must be an admin of the workspace javisi: change that"),
        ("/api/workspaces/javisi/projects/p1/members/", "a member of the project and an admin of the workspace javisi"),
        ("/api/users/me/workspaces/javisi/projects/invitations/", "request must be an admin of the workspace"),
        ("/api/users/me/workspaces/invitations/", "whether the account of this request is suspended"),
        ("/api/instances/configurations/?now=1", "only an instance admin may do this; set plane_admin_email"),
        ("/api/workspaces/", "only an instance admin may do this; set plane_admin_email"),
        ("/api/users/me/", "whether the account of this request is suspended"),
    ],
)
def test_what_is_forbidden_says_who_may(site: Site, client: Client, path: str, advice: str) -> None:
    site.says(as_json({"error": "You may not"}, 403))
    with pytest.raises(PlaneForbidden) as caught:
        client.http.call("POST", path)
    said = str(caught.value).partition("403 You may not; ")[2]
    assert advice in said


@pytest.mark.parametrize(
    ("status", "body", "kind", "detail"),
    [
        (403, {"detail": "Given API token is not valid"}, PlaneKeyInvalid, "Given API token is not valid"),
        (403, {"error": "You may not"}, PlaneForbidden, "You may not"),
        (401, {"detail": "Authentication credentials were not provided."}, PlaneRefused, "Authentication credentials"),
        (404, {"error": "Page not found."}, PlaneRefused, "Page not found."),
        (409, {"name": "The project name is already taken"}, PlaneRefused, '{"name": "The project name is already'),
        (400, {"slug": ["already\nexists."]}, PlaneRefused, '{"slug": ["already\\nexists."]}'),
        (400, {"detail": "two\nlines   here"}, PlaneRefused, "two lines here"),
        (400, ["a", "b"], PlaneRefused, '["a", "b"]'),
        (400, {"error": "x" * 500}, PlaneRefused, "x" * 200),
        (400, None, PlaneRefused, "null"),
        (418, {}, PlaneRefused, "{}"),
    ],
)
def test_a_refusal_says_what_plane_said(
    site: Site, client: Client, status: int, body: object, kind: type[PlaneRefused], detail: str
) -> None:
    site.says(as_json(body, status))
    error = failure(client, "POST")
    assert type(error) is kind
    assert isinstance(error, PlaneRefused)
    assert error.status == status
    assert error.detail.startswith(detail)
    assert len(error.detail) <= 200
    assert f": {status} {error.detail}" in str(error)


def test_a_refusal_without_json_is_one_line_too(site: Site, client: Client) -> None:
    site.says(page("<h1>hidden\nnot found</h1>", 404))
    assert "404 (the answer is not JSON)" in str(failure(client))
    assert explain(reply(404, b"\xff")) == "(the answer is not JSON)"


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (400, {"error": "No.", "code": "workspace_managed"}, (False, True, False)),
        (409, {"detail": "No.", "code": "work_item_types_managed_at_workspace"}, (False, True, False)),
        (400, {"error": "workspace_managed"}, (False, True, False)),
        (400, {"error": "No.", "error_code": "governance_migration_in_progress"}, (False, False, True)),
        (400, {"error": "Upgrade your plan."}, (True, False, False)),
        (402, {}, (True, False, False)),
        (404, {"error": "Page not found."}, (True, False, False)),
        (400, {"error": "No.", "code": 5900}, (False, False, False)),
        (400, {"error": "No.", "code": "two\nlines"}, (False, False, False)),
        (400, ["code"], (False, False, False)),
        (409, {"error": "Upgrade your plan."}, (False, False, False)),
    ],
)
def test_a_refusal_tells_what_the_edition_does_not_have(
    site: Site, client: Client, status: int, body: object, told: tuple[bool, bool, bool]
) -> None:
    site.says(as_json(body, status))
    error = failure(client, "POST")
    assert isinstance(error, PlaneRefused)
    assert (error.is_beyond_plan, error.is_managed_elsewhere, error.is_migrating) == told


# Answers that are none


@pytest.mark.parametrize(
    "answer",
    [page(), Answer(200, b'{"status": '), Answer(200, b"\xff\xfe"), Answer(200, b" "), page("hidden\n" * 100)],
    ids=["a login page", "broken JSON", "no text", "a space", "a long page"],
)
def test_an_answer_that_is_not_json_is_a_bad_answer(site: Site, client: Client, answer: Answer) -> None:
    site.says(answer)
    error = failure(client)
    assert isinstance(error, PlaneBadAnswer)
    assert "is not JSON; plane_api_url must be the address of Plane's API" in str(error)


def test_json_that_is_nested_without_end_is_a_bad_answer(site: Site, client: Client) -> None:
    site.says(Answer(200, b"[" * 200_000))
    failure(client)


@pytest.fixture
def elsewhere() -> Iterator[Site]:
    with serving() as running:
        running.says(GOOD)
        yield running


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_redirect_to_elsewhere_is_named_and_not_followed(
    site: Site, client: Client, elsewhere: Site, method: str, status: int
) -> None:
    site.says(redirect(f"{elsewhere.url}/login?next=hidden", status=status))
    error = failure(client, method, headers={"X-API-Key": "key"})
    assert isinstance(error, PlaneBadAnswer)
    assert f"redirected to {elsewhere.url}; plane_api_url must be" in str(error)
    assert elsewhere.asked == []
    assert len(site.asked) == 1


@pytest.mark.parametrize("location", ["/login?next=hidden", "", "login"])
def test_a_redirect_within_is_named_and_not_followed(site: Site, client: Client, location: str) -> None:
    site.says(redirect(location))
    assert "redirected to another page" in str(failure(client))


# No answer


def test_a_stall_beyond_the_timeout_is_one_line(site: Site, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyinfra_plane.api.http.READ_TIMEOUT", 0.1)
    over = threading.Event()
    site.says(Answer(wait=over))
    for method in ("GET", "POST"):
        assert isinstance(failure(client, method), PlaneUnreachable)
    over.set()
    assert len(site.asked) == 2  # a stall is not tried again, it would be three times as long


def test_nobody_listening_is_one_line() -> None:
    with client_of(f"http://127.0.0.1:{closed_port()}") as client:
        error = failure(client)
        assert isinstance(error, PlaneUnreachable)
        assert "Connection refused; run again" in str(error)
        assert client.http.requests_sent == ATTEMPTS


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known"),
        (TimeoutError("timed out"), "timed out"),
        (ConnectionRefusedError("Connect failed"), "Connect failed"),
        (OSError("two\nlines"), "two lines"),
        (OSError("no route: the tunnel is down"), "no route: the tunnel is down"),
        (OSError("HTTP is not spoken here: go away"), "HTTP is not spoken here: go away"),
        (OSError("<html>: a login page"), "<html>: a login page"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_way_that_does_not_lead_there_is_one_line(method: str, reason: OSError, said: str) -> None:
    def dial(host: str, port: int) -> socket.socket:
        raise reason

    with client_of("http://nowhere.example:8000", dial) as client:
        error = failure(client, method)
        assert isinstance(error, PlaneUnreachable)
        assert said in str(error)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("HTTPSConnection(host='::1', port=8000): Failed to establish it: refused", "Failed to establish it: refused"),
        ("HTTPConnection(host='plane', port=8000): Failed to establish it", "Failed to establish it"),
        ("HTTPConnectionPool(host='plane', port=8000): Read timed out.", "Read timed out."),
        ("HTTP is not spoken here: go away", "HTTP is not spoken here: go away"),
        ("Connection refused", "Connection refused"),
        ("('Connection aborted.', 1)", "('Connection aborted.', 1)"),
    ],
)
def test_the_object_that_the_library_puts_in_front_is_left_out(text: str, said: str) -> None:
    assert _reason(ProtocolError(OSError(text))) == said


def test_an_answer_that_is_no_http_is_one_line() -> None:
    def dial(host: str, port: int) -> socket.socket:
        near, far = socket.socketpair()
        far.sendall(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
        far.shutdown(socket.SHUT_WR)
        return near

    with client_of("http://plane:22", dial) as client:
        assert isinstance(failure(client, "POST"), PlaneUnreachable)


# Cookies


def test_cookies_are_given_and_never_sent_back_by_themselves(site: Site, client: Client, elsewhere: Site) -> None:
    site.says(redirect("/", "session-id=abc; Path=/; HttpOnly; Secure", "csrftoken=def; Path=/; SameSite=Lax"))
    answer = client.http.send("POST", "/auth/sign-in/")
    assert answer.cookies == {"session-id": "abc", "csrftoken": "def"}
    site.says(GOOD)
    client.http.send("GET", "/api/x/")
    client.http.send("GET", "/api/x/", headers={"Cookie": "session-id=mine"})
    assert [asked.headers.get("Cookie") for asked in site.asked] == [None, None, "session-id=mine"]
    with client_of(elsewhere.url) as other:
        other.http.send("GET", "/")
    assert "Cookie" not in elsewhere.asked[0].headers


def test_cookies_of_one_caller_do_not_reach_another(site: Site, client: Client) -> None:
    site.says(redirect("/", "session-id=first"), redirect("/", "session-id=second"))
    first, second = client.http.send("POST", "/a/"), client.http.send("POST", "/a/")
    assert (first.cookies, second.cookies) == ({"session-id": "first"}, {"session-id": "second"})


def test_a_cookie_of_planes_public_domain_is_given_at_an_inner_address(site: Site, client: Client) -> None:
    # COOKIE_DOMAIN is a setting of Plane's, and the address is the container's own.
    site.says(redirect("/", "session-id=abc; Domain=work.example.com; Path=/; Secure"))
    assert client.http.send("POST", "/auth/sign-in/").cookies == {"session-id": "abc"}


# Forms


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (reply(302, location="https://work.example.com/"), None),
        (reply(302, location="https://w/?error_code=5060&error_message=PASSWORD_TOO_WEAK"), "PASSWORD_TOO_WEAK"),
        (reply(302, location="/?next_path=&error_message=A&error_message=B"), "A"),
        (reply(302), None),
        (reply(200, b"<h1>CSRF", "text/html; charset=utf-8"), "CSRF_REFUSED"),
        (reply(200, b"{}", "application/json"), "HTTP 200"),
        (reply(400), "HTTP 400"),
        (reply(303), "HTTP 303"),
    ],
)
def test_the_answer_to_a_form_becomes_a_code(answer: Reply, code: str | None) -> None:
    assert answer.form_error == code
