"""What is checked before the first connection: a value is kept as it was given, or refused in one line without it."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from operations import environment, postgres
from pyinfra_plane.api.auth import ApiKey
from pyinfra_plane.api.errors import PlaneUnreachable
from pyinfra_plane.api.http import Http
from pyinfra_plane.api.paths import part
from pyinfra_plane.api.plane import KEY_INVALID, Plane
from pyinfra_plane.api.transport import DialAdapter
from pyinfra_plane.engine import scram
from pyinfra_plane.host.plane_env import parse as parse_env
from pyinfra_plane.settings import Settings, SettingsError, read_settings
from pyinfra_plane.settings.passwords import is_weak
from pyinfra_plane.settings.secrets import read_secret_files
from tests.unit.given import data
from tests.values.hostile import HOSTILE, TALLY, hostile, mild, times
from tests.values.ledger import NO_TEXT, PART_OF_ANOTHER, PLACES, STRONG, Place

pytestmark = pytest.mark.sampled

DATA = data()


def read(changes: Mapping[str, Any]) -> Settings | SettingsError:
    TALLY.add()
    try:
        return read_settings({**DATA, **changes})
    except SettingsError as error:
        return error


def check_kept_or_refused(place: Place, value: str) -> None:
    """The whole of it: kept, or refused by name, in lines that are fit to be shown, without what is secret."""
    found = read(place.put(value))
    if isinstance(found, Settings):
        assert place.kept(found) == place.as_kept(value)
        return
    assert found.problems
    for problem in found.problems:
        assert problem.startswith(place.name), problem
        assert problem.isprintable(), problem
        assert len(problem) <= 2000
    assert not place.secret or STRONG not in str(found)


def test_every_setting_is_in_the_ledger() -> None:
    named = {re.split(r"[\[.]", place.name)[0] for place in PLACES}
    assert named | NO_TEXT | PART_OF_ANOTHER == set(Settings.__dataclass_fields__)
    assert not named & NO_TEXT


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_a_value_of_the_table_is_kept_or_refused(place: Place) -> None:
    for value in HOSTILE.values():
        check_kept_or_refused(place, value)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_any_value_is_kept_or_refused(place: Place) -> None:
    @times(3, 120)
    @given(hostile)
    def check(value: str) -> None:
        check_kept_or_refused(place, value)

    check()


NO_TEXTS = [None, True, -1, 10**5000, 1.5, float("nan"), b"x", ["x"], {"x": "y"}, object()]


@pytest.mark.parametrize("value", NO_TEXTS, ids=lambda value: type(value).__name__)
def test_what_is_no_text_at_all_ends_in_no_traceback(value: Any) -> None:
    for place in PLACES:
        try:
            # Some put text in front, which is not to be had here.
            in_list = {"plane_agents": [{"name": "thot", "password": value}]}
            changes = place.put(value) if not place.secret else in_list if "[" in place.name else {place.name: value}
        except (TypeError, ValueError):
            continue  # it cannot stand there in Python either
        found = read(changes)
        for problem in found.problems if isinstance(found, SettingsError) else ():
            assert problem.isprintable()


@pytest.mark.parametrize("key", ["plane_hostile_{}", "postgres{}", "redis_{}"])
def test_an_unknown_setting_is_told_in_one_line(key: str) -> None:
    for value in HOSTILE.values():
        found = read({key.format(value) + "_": STRONG})
        assert isinstance(found, SettingsError)
        assert all(problem.isprintable() and STRONG not in problem for problem in found.problems)


@pytest.mark.parametrize("where", ["agent", "project", "state", "field"])
def test_an_unknown_key_is_told_in_one_line(where: str) -> None:
    for value in HOSTILE.values():
        project = {"name": "One", "identifier": "ONE"}
        everywhere: dict[str, dict[str, Any]] = {
            "agent": {"plane_agents": [{"name": "concierge", "role": "admin", value + "_": STRONG}]},
            "project": {"plane_projects": [{**project, value + "_": STRONG}]},
            "state": {
                "plane_projects": [{**project, "states": [{"name": "a", "group": "started", value + "_": STRONG}]}]
            },
            "field": {
                "plane_projects": [{**project, "custom_fields": [{"name": "a", "type": "text", value + "_": STRONG}]}]
            },
        }
        found = read(everywhere[where])
        assert isinstance(found, SettingsError)
        assert all(problem.isprintable() and STRONG not in problem for problem in found.problems)


# The environment file


GOES_IN = {
    "plane_secret_key": "SECRET_KEY",
    "plane_redis_url": "REDIS_URL",
    "plane_amqp_url": "AMQP_URL",
    "plane_web_url": "WEB_URL",
    "plane_minio_endpoint": "AWS_S3_ENDPOINT_URL",
    "plane_minio_access_key": "AWS_ACCESS_KEY_ID",
    "plane_minio_secret_key": "AWS_SECRET_ACCESS_KEY",
}
COMPLETE = {
    "postgresql_password": "x",
    "plane_secret_key": "x",
    "plane_minio_endpoint": "http://minio:9000",
    "plane_minio_access_key": "x",
    "plane_minio_secret_key": "x",
}
_NAMES = frozenset(parse_env(environment.render(read_settings({**DATA, **COMPLETE})).unmask()))
_LINES = environment.render(read_settings({**DATA, **COMPLETE})).unmask().count("\n")


def rendered(changes: Mapping[str, Any]) -> tuple[Settings, dict[str, str], str] | None:
    """The settings and the variables of the file; ``None`` where one of the two refused."""
    settings = read({**COMPLETE, **changes})
    if isinstance(settings, SettingsError):
        return None
    try:
        text = environment.render(settings).unmask()
    except SettingsError as error:
        assert all(problem.isprintable() for problem in error.problems)
        assert STRONG not in str(error)
        return None
    return settings, parse_env(text), text


VARIABLES = [place for place in PLACES if place.name in GOES_IN]


@pytest.mark.parametrize("place", VARIABLES, ids=lambda place: place.name)
def test_a_variable_of_the_table_arrives_exactly_and_alone(place: Place) -> None:
    for value in HOSTILE.values():
        check_variable(place, value)


@times(40, 700)
@given(st.sampled_from(VARIABLES), st.one_of(hostile, mild))
def test_a_variable_arrives_exactly_and_alone(place: Place, value: str) -> None:
    check_variable(place, value)


def check_variable(place: Place, value: str) -> None:
    found = rendered(place.put(value))
    if found is not None:
        settings, variables, text = found
        assert variables[GOES_IN[place.name]] == place.kept(settings)
        assert variables.keys() == _NAMES
        assert text.count("\n") == _LINES
        # As docker reads it: nothing before the name, nothing cut off.
        assert f"\n{GOES_IN[place.name]}={place.kept(settings)}\n" in text


@times(30, 500)
@given(st.dictionaries(st.sampled_from(("A", "_B", "SECRET_KEY", "DEBUG", "EMAIL_X")), st.one_of(hostile, mild)))
@example({"SECRET_KEY": "\\1 \\g<0> {{ x }} %s"})
@example({"DEBUG": "{% raw %}"})
def test_further_variables_arrive_exactly(extra: dict[str, str]) -> None:
    found = rendered({"plane_env_extra": extra})
    if found is not None:
        _, variables, _ = found
        assert {name: variables[name] for name in extra} == extra
        assert variables.keys() == _NAMES | extra.keys()


@times(40, 700)
@given(mild, mild, mild)
def test_an_address_of_the_database_is_read_back_as_its_parts(password: str, role: str, database: str) -> None:
    found = rendered({"postgresql_password": password, "plane_db_user": role[:15], "plane_db_name": database[:15]})
    if found is None:
        return
    settings, variables, _ = found
    url = urlsplit(variables["DATABASE_URL"])
    read_back = (unquote(url.username or ""), unquote(url.password or ""), unquote(url.path[1:]))
    assert read_back == (
        settings.plane_db_user,
        settings.secret("postgresql_password").unmask(),
        settings.plane_db_name,
    )
    assert (url.hostname, url.port, url.query, url.fragment) == ("javisi_postgresql", 5432, "", "")


@times(30, 400)
@given(st.one_of(hostile, st.text("0123456789abcdef:.%[]/", max_size=30)))
@example("::::")
@example("a:5432")
@example("fd00::5")
def test_a_host_stays_a_host(host: str) -> None:
    found = rendered({"plane_db_host": host})
    if found is not None:
        url = urlsplit(found[1]["DATABASE_URL"])
        assert (url.hostname, url.port, url.path) == (host.lower(), 5432, "/plane_production")


# The init script


def _psql_word(line: str, name: str) -> str:
    """What psql takes from a line that sets a variable to one quoted word."""
    found = re.fullmatch(rf"\\set {name} '((?:[^'\\]|''|\\\\)*)'", line)
    assert found, line
    return found[1].replace("''", "'").replace("\\\\", "\\")


def check_init_script(role: str, database: str) -> None:
    settings = read({"plane_db_user": role[:30], "plane_db_name": database[:30]})
    if isinstance(settings, Settings):
        verifier = scram.verifier("x", b"salt", 1)
        lines = postgres._script(settings.plane_db_name, settings.plane_db_user, verifier).split("\n")
        usual = postgres._script("database", "role", verifier).split("\n")
        assert (lines[:2], lines[4:]) == (usual[:2], usual[4:])
        assert _psql_word(lines[2], "role") == role[:30]
        assert _psql_word(lines[3], "database") == database[:30]


@times(40, 700)
@given(mild, mild)
def test_the_init_script_holds_its_own_statements_and_no_other(role: str, database: str) -> None:
    check_init_script(role, database)


def test_names_of_the_table_stand_in_the_init_script() -> None:
    for value in HOSTILE.values():
        check_init_script(value, "plane_production")
        check_init_script("plane", value)


# Addresses and headers


class Caught:
    """Keeps what is sent, and answers with the end of the stream."""

    def __init__(self) -> None:
        self._far: list[socket.socket] = []

    def __call__(self, host: str, port: int) -> socket.socket:
        near, far = socket.socketpair()
        far.shutdown(socket.SHUT_WR)
        self._far.append(far)
        return near

    def requests(self) -> list[list[str]]:
        """The lines of each request."""
        sent = []
        for far in self._far:
            with far:
                sent.append(far.recv(2**16).decode("latin-1").split("\r\n"))
        return sent


@times(40, 700)
@given(mild)
@example("a/b")
@example("a?b")
@example("a#b")
@example("a%2Fb")
def test_a_part_of_a_path_stays_one_part(value: str) -> None:
    TALLY.add()
    if value in ("", ".", ".."):
        return  # no slug, and no id of Plane's, is one
    caught = Caught()
    with closing(Http("http://host", DialAdapter(caught))) as http, pytest.raises(PlaneUnreachable):
        http.send("POST", f"/api/{part(value)}/x/")
    [[line, *_]] = caught.requests()
    method, url, _ = line.split(" ")
    assert method == "POST"
    assert [unquote(one) for one in urlsplit(url).path.split("/")] == ["", "api", value, "x", ""]
    assert not urlsplit(url).query and not urlsplit(url).fragment


@times(40, 700)
@given(hostile)
def test_a_token_is_carried_by_the_header_or_not_sent(value: str) -> None:
    settings = read({"plane_admin_api_token": value})
    if isinstance(settings, SettingsError):
        return
    key = ApiKey(settings.secret("plane_admin_api_token").unmask())
    caught = Caught()
    with closing(Http("http://host", DialAdapter(caught), sleep=lambda seconds: None)) as http:
        try:
            assert Plane(http).visible_projects("javisi", key) == KEY_INVALID
            assert not caught.requests()
        except PlaneUnreachable as error:
            sent = caught.requests()
            assert sent and all(f"X-API-Key: {value}" in lines for lines in sent)
            assert len(value) < 4 or value not in str(error)


# Secrets


@times(30, 500)
@given(hostile)
def test_a_password_of_any_kind_is_weighed(password: str) -> None:
    TALLY.add()
    assert not password or isinstance(is_weak(password), bool)


@times(30, 500)
@given(value=mild)
def test_a_secret_between_quotes_in_a_secrets_file_arrives_exactly(value: str, tmp_path: Path) -> None:
    TALLY.add()
    if re.search(r"[\r\n]", value):
        return
    for quote in "'\"":
        path = tmp_path / "all.env"
        path.touch(mode=0o600)
        path.write_text(f"BEFORE=1\nX={quote}{value}{quote}\nAFTER=2\n", encoding="utf-8")
        values, problems = read_secret_files(str(tmp_path), "host")
        assert not problems
        assert values == {"BEFORE": "1", "X": value, "AFTER": "2"}


@times(30, 400)
@given(hostile)
def test_a_hosts_name_reads_no_file_outside_the_secrets_folder(name: str) -> None:
    TALLY.add()
    values, problems = read_secret_files("there-is-no-such-folder", name)
    assert not values
    # No inventory of pyinfra's has such a name, but no traceback comes of it either.
    assert not problems or (len(name.encode(errors="replace")) > 200 and "too long" in problems[0])
