"""The ways into Plane: keys, forms with their CSRF pair, sessions."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs

import pytest

from pyinfra_plane.api import paths
from pyinfra_plane.api.auth import ApiKey, Forms, Session
from pyinfra_plane.api.errors import PlaneBadAnswer, PlaneError, PlaneFormRefused, PlaneUnreachable
from pyinfra_plane.api.pace import Pace
from tests.unit.web import DROP, Answer, Asked, Client, Site, as_json, page, redirect, serving

PASSWORD = "hunter2&Tr0ub4dor=ü"
SIGN_IN = "POST /auth/sign-in/"
GET_CSRF = f"GET {paths.CSRF()}"


def csrf(number: int) -> Answer:
    return as_json({"csrf_token": f"token-{number}"}, Set_Cookie=f"csrftoken=cookie-{number}; Path=/; Secure")


REFUSED = page("<h1>CSRF Verification Failed</h1>")


def refused(code: str) -> Answer:
    return redirect(f"https://work.example.com/?error_code=5000&error_message={code}")


def taken(*cookies: str) -> Answer:
    return redirect("https://work.example.com/", *cookies)


@pytest.fixture
def forms(site: Site, client: Client) -> Forms:
    site.route(GET_CSRF, csrf(1), csrf(2), csrf(3))
    return Forms(client.http, Pace())


def fields(asked: Asked) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(asked.body.decode(), keep_blank_values=True).items()}


def sign_in(forms: Forms) -> Session:
    return forms.session("/auth/sign-in/", "thot@javisi.local", PASSWORD, "sign in as thot@javisi.local")


def one_line(error: pytest.ExceptionInfo[PlaneError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    assert PASSWORD not in text
    return text


def test_a_key_goes_into_its_header_and_never_prints() -> None:
    key = ApiKey("plane_api_0123")
    assert key.headers() == {"X-API-Key": "plane_api_0123"}
    assert "0123" not in f"{key} {key!r} {[key]}"


def test_a_session_goes_into_its_header_and_never_prints() -> None:
    session = Session("thot@javisi.local", {"session-id": "abc", "csrftoken": "def"})
    assert session.headers() == {"Cookie": "session-id=abc; csrftoken=def"}
    assert "abc" not in f"{session} {session!r}"


def test_signing_in_sends_the_form_with_its_pair_and_gives_the_session(site: Site, forms: Forms) -> None:
    site.route(SIGN_IN, taken("session-id=abc; HttpOnly; Secure", "csrftoken=new; Secure"))
    session = sign_in(forms)
    assert session == Session("thot@javisi.local", {"session-id": "abc", "csrftoken": "new"})
    asked = site.asked[-1]
    assert fields(asked) == {"email": "thot@javisi.local", "password": PASSWORD, "csrfmiddlewaretoken": "token-1"}
    assert asked.headers["Cookie"] == "csrftoken=cookie-1"
    assert asked.headers["Referer"] == site.url + "/"


def test_one_pair_serves_every_form(site: Site, forms: Forms) -> None:
    site.route(SIGN_IN, taken("session-id=abc"))
    for _ in range(3):
        sign_in(forms)
    assert site.paths == [GET_CSRF, SIGN_IN, SIGN_IN, SIGN_IN]


def test_a_refused_pair_is_fetched_again_once(site: Site, forms: Forms) -> None:
    site.route(SIGN_IN, REFUSED, taken("session-id=abc"))
    assert sign_in(forms).cookies["session-id"] == "abc"
    assert site.paths == [GET_CSRF, SIGN_IN, GET_CSRF, SIGN_IN]
    assert fields(site.asked[-1])["csrfmiddlewaretoken"] == "token-2"
    assert site.asked[-1].headers["Cookie"] == "csrftoken=cookie-2"


def test_a_pair_that_is_refused_again_is_given_up(site: Site, forms: Forms) -> None:
    site.route(SIGN_IN, REFUSED)
    with pytest.raises(PlaneBadAnswer) as caught:
        sign_in(forms)
    assert one_line(caught).startswith("sign in as thot@javisi.local: the answer (CSRF_REFUSED) is not Plane's answer")
    assert site.paths == [GET_CSRF, SIGN_IN] * 2


@pytest.mark.parametrize("code", ["AUTHENTICATION_FAILED_SIGN_IN", "USER_ALREADY_EXIST", "SIGNUP_DISABLED"])
def test_a_refused_form_gives_planes_name_for_why(site: Site, forms: Forms, code: str) -> None:
    site.route(SIGN_IN, refused(code))
    with pytest.raises(PlaneFormRefused) as caught:
        sign_in(forms)
    assert caught.value.code == code
    assert one_line(caught) == f"sign in as thot@javisi.local: Plane answered {code}"
    assert len(site.asked) == 2


def test_a_code_of_two_lines_is_one_line(site: Site, forms: Forms) -> None:
    site.route(SIGN_IN, refused("TWO%0ALINES"))
    with pytest.raises(PlaneFormRefused) as caught:
        sign_in(forms)
    one_line(caught)


def test_a_form_that_is_answered_otherwise_gives_the_status(site: Site, forms: Forms) -> None:
    site.route(SIGN_IN, as_json({"detail": "x"}, 403))
    with pytest.raises(PlaneBadAnswer, match=r"HTTP 403.*plane_api_url must be the address of Plane's API"):
        sign_in(forms)


@pytest.mark.parametrize("cookies", [(), ("csrftoken=new",), ("session-id=; Max-Age=0",)])
def test_a_form_that_is_taken_without_a_session_is_a_bad_answer(
    site: Site, forms: Forms, cookies: tuple[str, ...]
) -> None:
    site.route(SIGN_IN, taken(*cookies))
    with pytest.raises(PlaneBadAnswer) as caught:
        sign_in(forms)
    assert one_line(caught) == f"POST {site.url}/auth/sign-in/: Plane accepted the form but set no session cookie"


@pytest.fixture
def elsewhere() -> Iterator[Site]:
    with serving() as running:
        running.says(as_json({}))
        yield running


def test_a_redirect_after_a_form_is_never_followed(site: Site, forms: Forms, elsewhere: Site) -> None:
    site.route(SIGN_IN, redirect(elsewhere.url + "/", "session-id=abc"))
    sign_in(forms)
    assert elsewhere.asked == []


@pytest.mark.parametrize(
    "answer",
    [
        as_json({"csrf_token": "token"}),
        as_json({}, Set_Cookie="csrftoken=cookie"),
        as_json({"csrf_token": 5}, Set_Cookie="csrftoken=cookie"),
        as_json([], Set_Cookie="csrftoken=cookie"),
        as_json({"csrf_token": "token"}, 404, Set_Cookie="csrftoken=cookie"),
        page(),
        redirect("https://elsewhere.example.com/"),
    ],
    ids=["no cookie", "no token", "no text", "a list", "not found", "a login page", "a redirect"],
)
def test_what_is_no_pair_is_a_bad_answer(site: Site, forms: Forms, answer: Answer) -> None:
    site.route(GET_CSRF, answer)
    with pytest.raises(PlaneBadAnswer) as caught:
        sign_in(forms)
    assert "plane_api_url must be the address of Plane's API" in one_line(caught)
    assert SIGN_IN not in site.paths


def test_a_form_is_never_sent_twice_after_a_dropped_connection(site: Site, forms: Forms) -> None:
    site.route(SIGN_IN, DROP, taken("session-id=abc"))
    with pytest.raises(PlaneUnreachable) as caught:
        sign_in(forms)
    one_line(caught)
    assert site.paths == [GET_CSRF, SIGN_IN]
