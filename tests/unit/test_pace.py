"""Given a Plane that limits forms: when the next one is sent, what is said of the wait, and when it is given up."""

from __future__ import annotations

import math
from collections import deque

import pytest

from pyinfra_plane.api import paths
from pyinfra_plane.api.auth import Forms
from pyinfra_plane.api.errors import PlaneFormRefused, PlaneUnreachable
from pyinfra_plane.api.pace import LONGEST, PERIOD, Pace, period_of
from tests.unit.web import Answer, Client, Site, as_json, redirect

HASHING = 0.3
"""Seconds that an account takes."""


class Plane:
    """A clock, and a Plane that takes so many forms in a period, as Django REST framework counts them."""

    def __init__(self, limit: int = 10, period: float = PERIOD, spent: int = 0) -> None:
        self.now = 1000.0
        self.limit = limit
        self.period = period
        self.counted = deque([self.now] * spent)
        self.refused = 0
        self.said: list[str] = []
        self.pace = Pace(self.said.append, self.sleep, lambda: self.now, period)

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds

    def takes(self) -> bool:
        while self.counted and self.counted[0] <= self.now - self.period:
            self.counted.popleft()
        if len(self.counted) >= self.limit:
            self.refused += 1
            return False
        self.counted.append(self.now)
        return True

    def send(self) -> bool:
        """Send a form; whether it was taken before it was given up."""
        while True:
            self.pace.wait()
            if self.takes():
                self.now += HASHING
                self.pace.taken()
                return True
            if self.pace.refused() is None:
                return False

    def send_all(self, number: int) -> float:
        """Send forms; the seconds that they took."""
        begun = self.now
        for left in range(number, 0, -1):
            self.pace.remaining = left
            assert self.send()
        return self.now - begun


@pytest.mark.parametrize("number", [1, 10, 11, 25, 100])
def test_forms_take_no_longer_than_the_limit_allows(number: int) -> None:
    plane = Plane()
    allowed = (math.ceil(number / plane.limit) - 1) * PERIOD
    taken = plane.send_all(number)
    assert taken <= allowed * 1.01 + number * HASHING + 1
    # One refusal tells that the period is full; as many forms as it holds follow.
    assert plane.refused <= math.ceil(number / plane.limit) * plane.limit


def test_the_wait_is_said_once_a_period_with_what_is_still_to_come() -> None:
    plane = Plane()
    plane.send_all(25)
    assert plane.said == [
        "Plane limits sign-ins and sign-ups; continuing in 57 s; accounts left: 15",
        "Plane limits sign-ins and sign-ups; continuing in 57 s; accounts left: 5",
    ]


def test_a_limit_that_is_never_met_says_nothing() -> None:
    plane = Plane(limit=1000)
    assert plane.send_all(100) == pytest.approx(100 * HASHING)
    assert (plane.said, plane.refused) == ([], 0)


def test_forms_that_another_run_spent_are_waited_for() -> None:
    plane = Plane(spent=10)
    assert plane.send_all(1) <= PERIOD + 5
    assert plane.said[0] == "Plane limits sign-ins and sign-ups; continuing in 20 s"


def test_a_plane_that_takes_none_is_given_up() -> None:
    plane = Plane(limit=0)
    assert not plane.send()
    assert plane.now - 1000 <= LONGEST


def test_a_limit_by_the_hour_is_not_waited_for() -> None:
    plane = Plane(limit=3, period=3600.0)
    assert [plane.send() for _ in range(4)] == [True, True, True, False]
    assert plane.now - 1000 < 10
    assert plane.said == []


@pytest.mark.parametrize(
    ("rate", "seconds"),
    [("10/minute", 60), ("3/s", 1), (" 5/hour", 3600), ("100/day", 86400), ("ten", None), ("10/week", None),
     ("/minute", None), ("", None)],
)  # fmt: skip
def test_a_rate_is_read_as_plane_reads_it(rate: str, seconds: float | None) -> None:
    assert period_of(rate) == seconds


SIGN_IN = "POST /auth/sign-in/"
LIMITED = redirect("https://work.example.com/?error_code=5900&error_message=RATE_LIMIT_EXCEEDED")


def sign_in(site: Site, client: Client, *answers: Answer) -> Plane:
    site.route(f"GET {paths.CSRF()}", as_json({"csrf_token": "t"}, Set_Cookie="csrftoken=c"))
    site.route(SIGN_IN, *answers)
    plane = Plane()
    Forms(client.http, plane.pace).session("/auth/sign-in/", "thot@javisi.local", "hunter2", "sign in as thot")
    return plane


def test_a_form_that_is_limited_is_sent_again_and_has_its_session(site: Site, client: Client) -> None:
    plane = sign_in(site, client, LIMITED, redirect("https://work.example.com/", "session-id=abc"))
    assert site.paths == [f"GET {paths.CSRF()}", SIGN_IN, SIGN_IN]
    assert plane.now - 1000 == pytest.approx(20.25)


def test_a_refusal_after_the_wait_is_planes_own_word(site: Site, client: Client) -> None:
    wrong = redirect("https://work.example.com/?error_code=5065&error_message=AUTHENTICATION_FAILED_SIGN_IN")
    with pytest.raises(PlaneFormRefused) as caught:
        sign_in(site, client, LIMITED, wrong)
    assert caught.value.code == "AUTHENTICATION_FAILED_SIGN_IN"


def test_a_limit_that_does_not_end_is_one_line_about_the_limit(site: Site, client: Client) -> None:
    with pytest.raises(PlaneUnreachable) as caught:
        sign_in(site, client, LIMITED)
    said = str(caught.value)
    assert said == (
        "sign in as thot: Plane limits sign-ins and sign-ups (RATE_LIMIT_EXCEEDED), and accepts none for now; run "
        "again in a few minutes, or raise AUTHENTICATION_RATE_LIMIT in plane_env_extra"
    )
    assert "password" not in said


def test_a_429_is_waited_for_too(site: Site, client: Client) -> None:
    throttled = as_json({"error_code": 5900, "error_message": "RATE_LIMIT_EXCEEDED"}, 429, Retry_After="7")
    sign_in(site, client, throttled, redirect("https://work.example.com/", "session-id=abc"))
    assert client.waited == [8]
