"""Whose keys are in Plane's Redis databases, and what Redis says to the addresses that Plane is given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyinfra.api import HiddenValue
from pyinfra.context import ctx_host

from operations import redis
from pyinfra_plane.engine.converge import Note, Unchanged
from tests.unit.given import Shell

PASSWORD = 'se"c\\ret'
LOGIN = "se%22c%5Cret"

# Read off redis-cli 7.0.15, whose output is no terminal; it ends with exit code 0 each time.
NO_PASSWORD = "NOAUTH Authentication required.\n\n" * 3
WRONG = "WRONGPASS invalid username-password pair or user is disabled.\n\n" + NO_PASSWORD
NONE_WANTED = (
    "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration "
    "is correct?\n\n##DATABASE##4\nOK\n0\n\n"
)
RENAMED = f"ERR unknown command 'AUTH', with args beginning with: '{PASSWORD}' \n\n##DATABASE##4\nOK\n0\n\n"
NO_RIGHT = "OK\nNOPERM this user has no permissions to run the 'echo' command\n\n" * 2

# Answers as a Redis that lets everybody in, and whose database 5 holds what is not Plane's.
ANSWERS = (
    "sed -n 's/^AUTH.*/OK/p; s/^ECHO //p; s/^SELECT 5/OK\\n0\\nn8n:1/p; s/^SELECT [^5]*$/OK\\n0\\ncelery/p' \"$1\""
)


@pytest.fixture
def host(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def answering(host: Shell, script: str) -> None:
    """Have a script answer for redis-cli; what was asked is in its first argument, and in a file for each time."""
    answer = host.folder / "answer"
    answer.write_text(script)
    host.replace("docker", f'asked=$(mktemp "{host.folder}/asked.XXXXXX"); cat >"$asked"; exec sh "{answer}" "$asked"')


def saying(host: Shell, text: str) -> None:
    (host.folder / "text").write_text(text)
    answering(host, f'cat "{host.folder}/text"')


def asked(host: Shell) -> list[str]:
    return sorted(path.read_text() for path in host.folder.glob("asked.*"))


def found(host: Shell, *urls: str) -> list[str]:
    """What is told of the addresses, a warning with its sign."""
    operation: Any = redis.own_databases
    with ctx_host.use(host):
        items = list(operation._inner.__wrapped__(container="shared", urls=[HiddenValue(url) for url in urls]))
    assert all(isinstance(item, (Unchanged, Note)) for item in items)
    lines = [item.line if isinstance(item, Note) else item.what for item in items]
    assert not any(PASSWORD in line or LOGIN in line for line in [*lines, *host.commands, *host.said])
    return lines


REFUSED = (
    "! Redis in shared refuses the address given to Plane for database 4: {}, so Plane cannot sign in either; "
    "set user and password in plane_redis_url and plane_amqp_url"
)


@pytest.mark.parametrize(
    ("url", "said", "why"),
    [
        ("redis://redis/4", NO_PASSWORD, "it requires a password, and none is set"),
        (f"redis://:{LOGIN}@redis/4", WRONG, "it does not accept this user with this password"),
        (f"redis://plane:{LOGIN}@redis/4", NONE_WANTED, "it does not accept this user or password, or requires none"),
        (f"redis://:{LOGIN}@redis/4", RENAMED, "it does not accept this user or password, or requires none"),
        (
            f"redis://:{LOGIN}@redis/4",
            "ERR invalid password\n\n",
            "it does not accept this user or password, or requires none",
        ),
    ],
)
def test_an_address_that_redis_refuses_is_warned_of_and_no_password_is_shown(
    host: Shell, url: str, said: str, why: str
) -> None:
    saying(host, said)
    assert found(host, url) == [REFUSED.format(why)]


@pytest.mark.parametrize("said", ["", "\n", "OK\n", NO_RIGHT, "##DATABASE##4\nOK\n0\n", "##DATABASE##6\nOK\n0\n"])
def test_a_database_that_the_answer_lacks_is_not_called_planes_own(host: Shell, said: str) -> None:
    saying(host, said)
    [line] = found(host, f"redis://:{LOGIN}@redis/4", f"redis://:{LOGIN}@redis/6")
    assert line.startswith("cannot check Redis in shared for keys of other applications: ")


def test_databases_without_others_keys_are_planes_own(host: Shell) -> None:
    answering(host, ANSWERS)
    assert found(host, "redis://redis:6379/4", "redis://REDIS/7") == ["Redis databases 4, 7 of shared are Plane's own"]


@pytest.mark.parametrize("broker", ["redis://broker.elsewhere:6379/5", "redis://redis:6380/5", "amqp://redis:6379/5"])
def test_an_address_of_another_server_is_not_looked_for_in_this_one(host: Shell, broker: str) -> None:
    answering(host, ANSWERS)
    assert found(host, "redis://redis:6379/4", broker) == ["Redis databases 4 of shared are Plane's own"]
    assert found(host, "redis://redis:6379/5", "redis://redis/4")[0].startswith(
        "! Redis database 5 of shared contains "
    )


def test_each_address_is_asked_with_its_own_user_and_password(host: Shell) -> None:
    answering(host, f"grep -q 'AUTH \"plane\"' \"$1\" || {{ printf '{NO_PASSWORD}'; exit; }}; {ANSWERS}")
    lines = found(host, f"redis://plane:{LOGIN}@redis/4", "redis://redis/6")
    assert lines == [
        "Redis databases 4 of shared are Plane's own",
        REFUSED.format("it requires a password, and none is set").replace("database 4", "database 6"),
    ]
    assert asked(host) == [
        'AUTH "plane" "se\\"c\\\\ret"\nECHO ##DATABASE##4\nSELECT 4\nSCAN 0 COUNT 2000\nQUIT\n',
        "ECHO ##DATABASE##6\nSELECT 6\nSCAN 0 COUNT 2000\nQUIT\n",
    ]


def test_what_will_be_read_is_what_is_read(host: Shell) -> None:
    answering(host, ANSWERS)
    urls = [HiddenValue(url) for url in (f"redis://plane:{LOGIN}@redis/4", "redis://redis/6", "redis://other/7")]
    found(host, *(url.unmask() for url in urls))
    assert sorted(reading.stdin or "" for reading in redis._reads("shared", urls)) == asked(host)
