"""The stand-in answers as Plane was recorded to, and the player notices where an answer differs."""

from __future__ import annotations

import copy
import json
import re
import socket
from pathlib import Path
from typing import Any

import pytest

from sandbox.plane import PlaneServer
from tests.contract import __main__ as command
from tests.contract.browser import Browser
from tests.contract.matching import NOTHING, mismatches
from tests.contract.player import RECORDINGS, Difference, load, picked, play
from tests.contract.recorder import NotRecordable, record
from tests.contract.running import running

VERSIONS = ("1.2.2", "1.3.1")
#: The scenarios played against each, by what their names have behind the version.
SCENARIOS = ("", "-further", "-settings")
RECORDED = [version + scenario for version in VERSIONS for scenario in SCENARIOS] + ["1.3.1-agent"]


def step(recording: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in recording["steps"] if one["id"] == name)
    return found


@pytest.mark.parametrize("name", RECORDED)
def test_the_stand_in_answers_every_recorded_step(name: str) -> None:
    with running(PlaneServer(version=name.partition("-")[0])) as url:
        differences = play(url, load(name))
    assert [str(difference) for difference in differences] == []


@pytest.mark.parametrize("version", VERSIONS)
def test_a_changed_recording_is_named_step_by_step(version: str) -> None:
    recording = copy.deepcopy(load(version))
    step(recording, "v1-project")["response"]["json"]["identifier"] = "OTHER"
    step(recording, "sign-in")["response"]["set_cookie"]["session-id"].remove("HttpOnly")
    step(recording, "sign-up-taken")["response"]["location"] += "&more=1"
    step(recording, "v1-me")["response"]["headers"]["Retry-After"] = "<int>"
    step(recording, "thot-join")["response"]["status"] = 200
    del step(recording, "v1-states")["response"]["json"]["results"][0]
    step(recording, "setup-again")["response"]["text_contains"] = "Welcome"
    with running(PlaneServer(version=version)) as url:
        differences = play(url, recording)
    assert {(one.step, one.where) for one in differences} == {
        ("v1-project", "json/identifier"),
        ("sign-in", "set_cookie/session-id/length"),
        ("sign-up-taken", "location"),
        ("v1-me", "headers/Retry-After"),
        ("thot-join", "status"),
        ("v1-states", "json/results/length"),
        ("setup-again", "text"),
    }


@pytest.mark.parametrize(
    ("scenario", "steps"),
    [
        ("", {"instance-fresh", "instance-set-up", "reinvitations", "configurations"}),
        ("-further", {"member-role-admin", "configurations"}),
        (
            "-settings",
            {
                "configurations",
                "instance-many",
                "configurations-many",
                "configuration-null",
                "configuration-number",
                "configuration-blanks",
                "configurations-odd",
                "instance-odd",
                "instance-passwords-off",
            },
        ),
    ],
)
def test_the_versions_differ_only_where_they_were_recorded_to(scenario: str, steps: set[str]) -> None:
    with running(PlaneServer(version="1.3.1")) as url:
        differences = play(url, load(f"1.2.2{scenario}"))
    assert {difference.step for difference in differences} == steps


def test_a_difference_reads_as_one_line() -> None:
    assert str(Difference("me", "json/email", "a@b.c", NOTHING)) == 'me: json/email: expected "a@b.c", got nothing'


def test_the_player_waits_for_what_the_worker_adds() -> None:
    with running(PlaneServer(demo_project_delay=0.6)) as url:
        assert play(url, load("1.2.2"), patience=10.0) == []


def test_the_player_does_not_wait_longer_than_its_patience() -> None:
    server = PlaneServer(demo_project_delay=60.0)
    with running(server) as url:
        differences = play(url, load("1.2.2"), patience=0.5)
    assert "v1-projects-empty" in {difference.step for difference in differences}
    # The first list that lacks something is asked again after 0.2 s; 0.4 s more would be too long.
    assert server.requests.by_route()["GET /api/workspaces/{slug}/members/"] == 5


def test_a_step_without_its_earlier_answer_is_named_and_not_sent() -> None:
    recording = {"steps": [step(load("1.2.2"), "v1-me")]}
    server = PlaneServer()
    with running(server) as url:
        differences = play(url, recording)
    assert [one.expected for one in differences] == ["{thot_key} from an earlier answer"]
    assert server.requests.count() == 0


def test_the_web_url_is_learned_from_the_first_redirect() -> None:
    with running(PlaneServer(environment={"WEB_URL": "https://plane.example.org"})) as url:
        assert play(url, load("1.2.2")) == []


def test_a_given_web_url_is_expected() -> None:
    with running(PlaneServer(environment={"WEB_URL": "https://plane.example.org"})) as url:
        differences = play(url, load("1.2.2"), web_url="https://elsewhere.example.org")
    assert {difference.where for difference in differences} == {"location"}


def test_values_are_compared_with_their_type() -> None:
    assert list(mismatches({"a": True}, {"a": 1})) == [("json/a", True, 1)]
    assert list(mismatches("<uuid>", "not-one")) == [("json", "<uuid>", "not-one")]
    assert list(mismatches("bot_<int>@x", "bot_7@x")) == []
    assert list(mismatches({"a": 1}, {"a": 1, "b": 2})) == [("json/b", NOTHING, 2)]


def test_a_list_is_ordered_unless_said_otherwise() -> None:
    assert list(mismatches([1, 2], [2, 1])) != []
    assert list(mismatches([1, 2], [2, 1], any_order=True)) == []
    assert list(mismatches([1, 1], [2, 1], any_order=True)) == [("json/1", 1, 2)]


def test_a_capture_picks_from_a_list() -> None:
    members = [{"id": "1", "member": {"email": "a@b.c"}}, {"id": "2", "member": {"email": "d@e.f"}}]
    assert picked(members, "member.email=d@e.f/id") == "2"
    assert picked(members, "0/member.email") == "a@b.c"


def test_the_command_says_that_all_is_as_recorded(capsys: pytest.CaptureFixture[str]) -> None:
    with running(PlaneServer(version="1.3.1")) as url:
        assert command.main([url]) == 0
    assert capsys.readouterr().out == f"{url}, Plane 1.3.1: 131 steps of 1.3.1, all as recorded.\n"


def test_the_command_prints_every_difference(capsys: pytest.CaptureFixture[str]) -> None:
    with running(PlaneServer(version="1.3.1")) as url:
        assert command.main([url, "--recording", "1.2.2"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert 'instance-fresh: json/instance/current_version: expected "1.2.0", got "1.3.1"' in lines
    assert lines[-1].endswith(f"{len(lines) - 1} differences.")


def test_the_command_refuses_an_instance_that_is_set_up(capsys: pytest.CaptureFixture[str]) -> None:
    with running(PlaneServer()) as url, Browser(url) as owner:
        owner.set_up()
        assert command.main([url]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_command_says_how_long_to_wait_after_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    with running(PlaneServer()) as url:
        play(url, load("1.2.2"))
        assert command.main([url]) == 2
    assert "try again in" in capsys.readouterr().err


def test_the_command_says_in_one_line_that_nobody_answers(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        assert command.main([url]) == 2
    assert capsys.readouterr().err.startswith(f"{url} cannot be reached")


@pytest.mark.parametrize("scenario", ["further", "settings", "agent"])
def test_what_is_recorded_is_answered_again(scenario: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    steps = tmp_path / "steps.json"
    # The stand-in has no worker to wait for.
    steps.write_text(re.sub(r'"wait": \d+', '"wait": 0', (RECORDINGS / f"{scenario}-steps.json").read_text()))
    with running(PlaneServer()) as url:
        assert command.main([url, "--record", str(steps), "--recorded-against", "1.2.2"]) == 0
    recording = json.loads(capsys.readouterr().out)
    assert recording["recorded_against"] == "1.2.2"
    with running(PlaneServer(demo_project_delay=0.5)) as url:
        assert play(url, recording) == []


@pytest.mark.parametrize("name", [name for name in RECORDED if "-" in name])
def test_the_steps_are_those_of_the_recordings(name: str) -> None:
    steps = json.loads((RECORDINGS / f"{name.partition('-')[2]}-steps.json").read_text())["steps"]
    recorded = load(name)["steps"]
    assert [(one["id"], one["request"]) for one in recorded] == [(one["id"], one["request"]) for one in steps]


def test_a_recording_holds_no_value_that_another_instance_would_not_give() -> None:
    steps = [step(load("1.2.2-further"), name) for name in ("csrf-admin", "setup", "csrf-owner", "sign-in", "profile")]
    with running(PlaneServer()) as url:
        recorded = record(url, steps)
    assert recorded[-1]["response"]["json"]["user"] == "<uuid>"
    assert recorded[-1]["response"]["json"]["created_at"] == "<time>"
    assert recorded[0]["response"]["json"] == {"csrf_token": "<csrf>"}


def test_a_step_that_cannot_be_recorded_is_named() -> None:
    with running(PlaneServer()) as url, pytest.raises(NotRecordable, match="token-rename"):
        record(url, [step(load("1.2.2-further"), "token-rename")])
    lost = {"id": "probe", "note": "", "request": {"as": "anon", "method": "GET", "path": "/", "capture": {"a": "b"}}}
    with running(PlaneServer()) as url, pytest.raises(NotRecordable, match="probe: b is not in the answer"):
        record(url, [lost])
