"""Given secrets that can be told from everything else, when the deploy runs on a sandbox host, then nobody sees one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.browser import Browser
from tests.deploy.settled import Settled
from tests.deploy.target import ENV_FILE, TOKEN_FILE, Run, Target
from tests.leaks.given import CARRIED, FromEnvironment, Given, away, marker, search_for, secrets_of
from tests.leaks.places import Process, changed_files, left_on_this_machine, now, watched
from tests.leaks.recorder import record_programs, recorded
from tests.leaks.search import Leak, Search
from tests.sampled import chosen

CHANGING: list[list[str]] = [
    [],
    ["-v"],
    ["-vvv", "--diff"],
    ["--debug"],
    ["-vvv", "--debug-all"],
    ["--json"],
]
"""At none of these does pyinfra say what it says at another alone, but for what is named in the same line."""

LOOKING: list[list[str]] = [
    ["--dry"],
    ["--dry", "--diff", "-vvv", "--debug-all"],
    ["--dry", "--json"],
    ["--debug-operations", "-vvv"],
    ["--debug-operations", "--json"],
    ["--debug-facts", "-vvv"],
]


def of_these(runs: list[Run], search: Search) -> list[Leak]:
    """The finds in what runs printed; each printed something."""
    assert all(len(run.output) > 200 for run in runs)
    return search.all_leaks((f"the output of run {number}", run.output) for number, run in enumerate(runs, 1))


@pytest.mark.sampled
@pytest.mark.parametrize(
    "arguments", chosen("leaks: runs", CHANGING, 2), ids=lambda arguments: " ".join(arguments) or "plain"
)
def test_no_run_prints_a_secret(target: Target, known: Given, arguments: list[str]) -> None:
    runs = [target.deploy(*arguments), target.deploy(*arguments)]
    assert [run.code for run in runs] == [0, 0], runs[0].output[-3000:]
    assert of_these(runs, search_for(target, known)) == []


def first_word(arguments: list[str]) -> list[str]:
    """What a preview is an example of."""
    return arguments[:1]


PREVIEWS = chosen("leaks: previews", LOOKING, 2, first_word)


@pytest.mark.sampled
@pytest.mark.parametrize("arguments", PREVIEWS, ids=" ".join)
def test_no_preview_prints_a_secret(target: Target, settled: Settled, known: Given, arguments: list[str]) -> None:
    finished = settled()
    before, after = target.deploy(*arguments), finished.deploy(*arguments)
    assert (before.code, after.code) == (0, 0)
    assert of_these([before, after], search_for(finished, known)) == []


def test_the_inventory_is_shown_without_secrets(target: Target, known: Given, tmp_path: Path) -> None:
    # pyinfra shows host data as it is. It has no words for a HiddenValue and says so, with a traceback in a file.
    plain: dict[str, Any] = {"plane_redis_url": "redis://redis:6379/4", "plane_env_extra": {}, "plane_agents": []}
    for arguments in ([], ["--json"]):
        run = target.deploy(*arguments, operation="debug-inventory", data=plain)
        assert run.code == 0 and "plane_workspace_slug" in run.output, run.output
        assert of_these([run], Search(known.secrets)) == []
    wrapped = {**target.data, "plane_redis_url": plain["plane_redis_url"]}
    run = target.deploy(*away(tmp_path), operation="debug-inventory", data=wrapped)
    written = (tmp_path / "pyinfra-debug.log").read_text()
    assert "HiddenValue" in run.output and "HiddenValue" in written
    assert Search(known.secrets).leaks("the output", run.output + written) == []


def test_an_address_with_a_password_in_it_can_be_wrapped(target: Target, known: Given) -> None:
    wrapped = {"plane_redis_url": FromEnvironment("LEAK_REDIS_URL", hidden=True)}
    assert target.deploy(operation="deploy.database").code == 0
    run = target.deploy(operation="deploy.environment", data=wrapped)
    assert run.code == 0, run.output
    assert target.variables(ENV_FILE)["REDIS_URL"] == known.environment["LEAK_REDIS_URL"]


def test_no_run_that_changes_secrets_prints_an_old_or_a_new_one(settled: Settled, known: Given) -> None:
    target = settled()
    old = search_for(target, known)
    new = {
        name: marker(CARRIED if "KEY" in name or name == "LEAK_EXTRA" else "'\"$&%+/ @:\\")
        for name in known.environment
        if not name.startswith(("PLANE_A", "PLANE_C", "LEAK_A", "LEAK_R"))
    }
    rotate = ("--data", "rotate_tokens=all", "-vvv", "--debug-all", "--diff")
    runs = [target.deploy("--dry", *rotate, secrets=new), target.deploy(*rotate, secrets=new)]
    assert [run.code for run in runs] == [0, 0], runs[1].output[-3000:]
    assert {
        "~ token agent-thot: rotated, as asked; every other token with this label is revoked",
        "~ role plane: password",
    } <= set(runs[1].plan)
    assert of_these(runs, old) == of_these(runs, Search(new)) == of_these(runs, search_for(target, known)) == []


@pytest.mark.parametrize("answers", [True, False])
def test_no_run_prints_an_admins_token(target: Target, known: Given, answers: bool) -> None:
    person = Browser(f"http://127.0.0.1:{target.host.plane_port}")
    person.set_up("person@example.org")
    person.make_workspace_with_demo("javisi")
    token = person.make_key() if answers else marker("&%+/@:'\"$\\")
    secrets = {"PLANE_ADMIN_PASSWORD": None, "PLANE_ADMIN_API_TOKEN": token}
    arguments = ("-vvv", "--debug-all")
    data: dict[str, Any] = {"plane_instance_config": {}}
    runs = [target.deploy(*arguments, secrets=secrets, data=data) for _ in range(2)]
    assert {run.code for run in runs} == ({0} if answers else {1}), runs[0].output[-3000:]
    assert of_these(runs, Search({"PLANE_ADMIN_API_TOKEN": token})) == of_these(runs, search_for(target, known)) == []


REFUSED = (
    "POSTGRESQL_PASSWORD",
    "PLANE_SECRET_KEY",
    "LEAK_REDIS_URL",
    "PLANE_AMQP_URL",
    "LEAK_EXTRA",
    "SCOUT_KEY",
    "LEAK_AGENT_PASSWORD",
)
"""What the settings say of each, and of others, is tried without pyinfra in tests/values/test_settings.py."""


@pytest.mark.sampled
@pytest.mark.parametrize("wrong", chosen("leaks: refused secrets", REFUSED, 2))
def test_a_secret_that_is_refused_is_not_shown(target: Target, wrong: str) -> None:
    secret = marker("'\"$\n\\")
    run = target.deploy("-vvv", "--debug-all", secrets={wrong: secret})
    assert run.code != 0
    assert of_these([run], Search({wrong: secret})) == []


def test_nothing_beside_the_two_files_holds_a_secret(
    target: Target, known: Given, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looks at everything that is not an output: processes, environments, logs, files of both sides.

    Every process of the machine is looked at, whoever's it is; what runs on the sandbox host is among them. No secret
    may stand in the command line of any. In its environment pyinfra has the secrets that it was started with, as the
    README says to; the one exemption is the process that was started with this inventory. PGPASSWORD, the superuser's
    password, may be in the environment of the programs that need it, which only the same user and root can read: it is
    for :func:`test_environments_of_programs_on_the_target`.
    """
    target.in_fork = False
    record_programs(target.host)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    since = now()
    begun = {"password": marker(), "superuser": marker()}
    with watched(temporary, target.host.root, Path("/tmp"), Path("/var/tmp")) as sighted:
        first = target.deploy("-vvv", "--debug")
        again = target.deploy("-vvv", "--debug")
        changed = target.deploy(
            *("-vvv", "--debug", "--data", "rotate_tokens=thot"),
            secrets={"POSTGRESQL_PASSWORD": begun["password"], "POSTGRES_SUPERUSER_PASSWORD": begun["superuser"]},
        )
    assert [run.code for run in (first, again, changed)] == [0, 0, 0], changed.output[-3000:]
    assert sighted.ran("docker", "psql") and sighted.ran("pyinfra"), "the watcher saw nothing of the deploy"
    secrets = {**secrets_of(target, known), **begun}

    def everything() -> Iterator[tuple[str, str | bytes]]:
        yield from sighted.command_lines()
        yield "the commands of the host", "\n".join(target.host.commands)
        yield from ((f"the arguments of {name}", words) for name, words, _ in recorded(target.host))
        yield from ((file.path, file.data) for file in sighted.files if not is_for_secrets(Path(file.path)))
        yield from left_on_this_machine(since, temporary, target.directory)
        yield "PostgreSQL's log", target.host.postgres_log.read_bytes()
        own = target.sandbox.directory
        names = target.host.root / ENV_FILE, target.host.root / TOKEN_FILE
        yield from changed_files(
            since, own / "hosts" / target.host.name, own / "postgres" / target.host.name, but=names
        )

    def is_for_secrets(path: Path) -> bool:
        path = path.with_name(re.sub(r"\.new\.\d+$", "", path.name).removeprefix("."))
        return path in (target.host.root / ENV_FILE, target.host.root / TOKEN_FILE)

    def may_hold(process: Process) -> bool:
        own = b"pyinfra\0" + str(target.directory / "inventory.py").encode()
        return own in process.command or process.is_planes

    texts = list(everything())
    assert "SELECT json_build_object" in target.host.postgres_log.read_text(), "the log was to hold the statements"
    assert Search(secrets).all_leaks(texts) == []
    others = Search({name: value for name, value in secrets.items() if "superuser" not in name.lower()})
    environments: list[tuple[str, str | bytes]] = [*sighted.environments(may_hold)]
    environments += [(f"the environment of {name}", exported) for name, _, exported in recorded(target.host)]
    assert len(environments) > 50
    assert others.all_leaks(environments) == []
    assert list(temporary.iterdir()) == []
    assert list((target.host.root / "tmp").iterdir()) == []


def test_environments_of_programs_on_the_target(target: Target, known: Given) -> None:
    """The superuser's password is exported for `docker` alone, and by PGPASSWORD alone."""
    record_programs(target.host)
    assert target.deploy(operation="deploy.database").code == 0
    search = Search({"POSTGRES_SUPERUSER_PASSWORD": known.secrets["POSTGRES_SUPERUSER_PASSWORD"]})
    holding = [(name, exported) for name, _, exported in recorded(target.host) if search.leaks(name, exported)]
    assert {name for name, _ in holding} == {"docker"}
    for _, exported in holding:
        lines = [line for line in exported.split("\n") if "PGPASSWORD" not in line]
        assert search.leaks("docker", "\n".join(lines)) == []


def test_keys_of_neighbours_in_redis_are_not_shown(target: Target, known: Given) -> None:
    session = marker("")
    target.host.redis_keys[4] = [f"n8n:session:{session}"]
    assert target.deploy(operation="deploy.database").code == 0
    run = target.deploy("-vvv", "--debug-all", operation="deploy.environment")
    assert run.code == 0 and "(n8n:…)" in run.output, run.output
    assert of_these([run], Search({"a session in another service's Redis key": session})) == []
