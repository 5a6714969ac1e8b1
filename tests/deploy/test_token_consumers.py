"""Whoever uses a token has the new one before the former is revoked: services, commands, and those who read a file."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.containers import Container
from tests.deploy.conftest import NewTarget
from tests.deploy.settled import Settled
from tests.deploy.target import TOKEN_FILE, Target
from tests.deploy.test_agent_files import ADMIN, FOLDER, own
from tests.deploy.test_interrupt import Running
from tests.deploy.test_tokens import answers, labelled, lose_line
from tests.sandbox_host.client import Client

THOT = {"name": "thot", "role": "member"}
N8N = {"service": "n8n", "directory": "opt/plane", "agent": "thot"}
BOT = {"service": "bot", "directory": "opt/plane", "agent": "concierge"}
COMMAND = {"command": "echo run >> commands", "agent": "thot"}
DATA: dict[str, Any] = {
    "plane_agents": [ADMIN, THOT],
    "plane_agent_files_dir": "{plane_config_dir}/agents",
    "plane_token_consumers": [N8N, BOT, COMMAND],
    "plane_env_extra": {"API_KEY_RATE_LIMIT": "100000/minute"},
}
ROTATE = {"rotate_tokens": "thot"}
ROTATED = "~ token agent-thot: rotated, as asked; every other token with this label is revoked"
FILE = f"~ {FOLDER}/thot.env: PLANE_API_KEY, PLANE_TOKEN_THOT"
RAN = "~ run echo run >> commands: thot has another token or file"
RECREATED = "~ recreate n8n in opt/plane: runs with another PLANE_API_KEY, PLANE_TOKEN_THOT"
FINISHED = "~ token agent-thot: its rotation was interrupted; it will be finished"


def runs_of_command(target: Target) -> int:
    path = target.host.root / "commands"
    return len(path.read_text().splitlines()) if path.exists() else 0


def container(target: Target, service: str = "n8n") -> Container:
    return target.host.containers[f"javisi_{service}"]


def start(target: Target, service: str = "n8n") -> None:
    """Have a person start the service, as it is in the Compose file."""
    with Client(target.sandbox, target.host) as client:
        assert client.run(f"cd opt/plane && docker compose up -d {service}").code == 0


@pytest.fixture(scope="module")
def used(new_target: NewTarget) -> Target:
    """A host with a service and a command that use thot's token; a test that changes it leaves it finished again."""
    target = new_target(**DATA)
    # From the agent's own file, and interpolated out of the one with all tokens, which `.env` leads to.
    target.host.add_service("n8n", env_file={"path": f"../../{FOLDER}/thot.env", "required": False})
    target.host.add_service("bot", environment={"API_KEY": "${PLANE_TOKEN_CONCIERGE}"})
    (target.host.project.directory / ".env").symlink_to(target.host.root / TOKEN_FILE)
    run = target.deploy_as_previewed()
    assert "+ token agent-thot" in run.plan and RAN in run.plan, run.output
    # A service that nobody has started is left alone.
    assert not container(target).exists and runs_of_command(target) == 1
    assert target.deploy().changed == []
    start(target)
    start(target, "bot")
    assert container(target).environment["PLANE_API_KEY"] == target.tokens["thot"]
    again = target.deploy()
    assert (again.code, again.changed) == (0, []), again.output
    return target


@contextmanager
def polling(target: Target, **keys: Callable[[], str]) -> Iterator[dict[str, list[int]]]:
    """Ask Plane as an agent all the time, with whichever key each of the users has; what was answered, by user."""
    url = f"http://127.0.0.1:{target.host.plane_port}/api/v1/workspaces/javisi/projects/"
    answered: dict[str, list[int]] = {name: [] for name in keys}
    done = threading.Event()

    def ask(name: str) -> None:
        while not done.is_set():
            answer = requests.get(url, headers={"X-API-Key": keys[name]()}, timeout=10)
            answered[name].append(answer.status_code)
            done.wait(0.01)

    threads = [threading.Thread(target=ask, args=(name,)) for name in keys]
    for thread in threads:
        thread.start()
    try:
        yield answered
    finally:
        done.set()
        for thread in threads:
            thread.join()


def test_nobody_is_without_a_token_that_answers_through_a_rotation(used: Target) -> None:
    old, before, ran = used.tokens["thot"], container(used).id, runs_of_command(used)
    bot = container(used, "bot").id
    with polling(
        used,
        token_file=lambda: used.tokens["thot"],
        agent_file=lambda: own(used, "thot")["PLANE_API_KEY"],
        service=lambda: container(used).environment["PLANE_API_KEY"],
    ) as answered:
        run = used.deploy_as_previewed(data=ROTATE)
    assert run.plan == [ROTATED, FILE, RECREATED, RAN]
    for user, codes in answered.items():
        assert len(codes) > 10 and set(codes) == {200}, user
    assert used.tokens["thot"] != old and not answers(used, old)
    assert labelled(used, "thot") == [used.tokens["thot"]]
    assert container(used).id != before and container(used).environment["PLANE_API_KEY"] == used.tokens["thot"]
    # The other agent's service goes on as it is.
    assert container(used, "bot").id == bot and runs_of_command(used) == ran + 1
    assert used.deploy().changed == []


def test_a_token_that_the_compose_file_interpolates_is_compared_too(used: Target) -> None:
    run = used.deploy_as_previewed(data={"rotate_tokens": "concierge"})
    assert "~ recreate bot in opt/plane: runs with another API_KEY" in run.plan
    assert container(used, "bot").environment["API_KEY"] == used.tokens["concierge"]
    assert used.deploy().changed == []


def test_a_service_that_somebody_started_with_another_token_is_seen(used: Target) -> None:
    container(used).environment["PLANE_API_KEY"] = "plane_api_older"
    run = used.deploy_as_previewed()
    assert run.plan == ["~ recreate n8n in opt/plane: runs with another PLANE_API_KEY"]
    assert container(used).environment["PLANE_API_KEY"] == used.tokens["thot"]
    assert "plane_api_older" not in run.output and run.writes == []


def test_a_service_that_was_stopped_is_not_started(used: Target) -> None:
    container(used).environment["PLANE_API_KEY"] = "plane_api_older"
    container(used).stop()
    run = used.deploy()
    assert (run.code, run.plan) == (0, []), run.output
    told = "! the service n8n in opt/plane is stopped and still has a former token; run on the host: docker compose "
    [note] = [note for note in run.notes if note.startswith(told)]
    assert note.endswith(" up -d --force-recreate --no-deps n8n")
    assert not container(used).running
    start(used)
    assert used.deploy().changed == []


def test_a_token_of_which_the_line_was_lost_answers_until_its_users_have_another(used: Target) -> None:
    old = used.tokens["thot"]
    lose_line(used, "thot")
    with polling(used, service=lambda: container(used).environment["PLANE_API_KEY"]) as answered:
        run = used.deploy_as_previewed()
    assert run.plan == ["+ token agent-thot", FILE, RECREATED, RAN]
    assert set(answered["service"]) == {200} and not answers(used, old)
    assert used.deploy().changed == []


def test_ctrl_c_while_a_rotation_waits_is_finished_by_the_next_run(used: Target) -> None:
    old = used.tokens["thot"]
    run = Running(used, "-y", data={**ROTATE, "plane_token_grace": 300})
    run.wait_until("300 s, in which the former tokens still answer")
    new = used.tokens["thot"]
    assert new != old and answers(used, old) and answers(used, new)
    assert container(used).environment["PLANE_API_KEY"] == new
    run.interrupt()
    code, output, seconds = run.end()
    assert code == 130 and seconds < 20, output
    assert answers(used, old)
    # Also where it is asked for again: the new token is there already. The command may not have been run.
    used.host.plane.forget_throttles()
    again = used.deploy_as_previewed(data=ROTATE)
    assert again.plan == [RAN, FINISHED]
    assert used.tokens["thot"] == new and labelled(used, "thot") == [new]
    assert used.deploy().changed == []


def test_a_grace_is_waited_and_previewed(used: Target) -> None:
    old = used.tokens["thot"]
    begun = time.monotonic()
    run = used.deploy_as_previewed(data={**ROTATE, "plane_token_grace": 2})
    assert time.monotonic() - begun > 2
    assert run.plan == [ROTATED, FILE, RECREATED, RAN, "~ former tokens of thot: revoked after 2 s"]
    assert not answers(used, old)
    assert used.deploy(data={"plane_token_grace": 2}).changed == []


def test_a_command_that_fails_keeps_the_former_token(used: Target) -> None:
    old = used.tokens["thot"]
    broken = {"plane_token_consumers": [N8N, {"command": "echo out of order >&2; exit 3", "agent": "thot"}]}
    run = used.deploy(data={**ROTATE, **broken})
    assert run.code == 1 and answers(used, old) and answers(used, used.tokens["thot"])
    assert "(plane_token_consumers) failed: out of order; fix it and run again" in run.output
    used.host.plane.forget_throttles()
    again = used.deploy_as_previewed()
    assert again.plan == [RAN, FINISHED] and not answers(used, old)
    # One that was cut off is also finished if nobody uses tokens any more.
    used.host.plane.forget_throttles()
    assert used.deploy(data={**ROTATE, **broken}).code == 1
    none: dict[str, Any] = {"plane_token_consumers": [], "plane_agent_files_dir": None}
    assert used.deploy_as_previewed(data=none).plan == [FINISHED]
    assert labelled(used, "thot") == [used.tokens["thot"]]
    assert used.deploy().code == 0


BROKEN = {"command": "echo out of order >&2; exit 3", "agent": "thot"}
IN_FILES: dict[str, Any] = {"plane_agents": [ADMIN, THOT], "plane_agent_files_dir": "{plane_config_dir}/agents"}
NEW_ID = f"~ {FOLDER}/thot.env: PLANE_PROJECT_RES"
TWO_PROJECTS = [{"name": "Onboarding", "identifier": "ONBOARD"}, {"name": "Research", "identifier": "RES"}]


def told_later(target: Target, **given: Any) -> None:
    """The next run tells what an earlier one could not, and the one after that changes nothing."""
    before = runs_of_command(target)
    target.host.plane.forget_throttles()
    run = target.deploy_as_previewed(**given)
    assert run.plan == [RAN] and runs_of_command(target) == before + 1, run.output
    assert "untold" not in target.file(TOKEN_FILE)
    again = target.deploy(**given)
    assert (again.plan, again.changed) == ([], []), again.output


def test_a_command_that_fails_in_a_first_run_is_run_by_the_next(new_target: NewTarget) -> None:
    target = new_target(plane_agents=[ADMIN, THOT], plane_token_consumers=[BROKEN])
    run = target.deploy()
    assert run.code == 1 and "failed: out of order; fix it and run again" in run.output
    assert target.deploy().code == 1
    told_later(target, data={"plane_token_consumers": [COMMAND]})


def test_a_command_that_fails_after_a_project_was_added_is_run_by_the_next_run(
    new_target: NewTarget, settled: Settled
) -> None:
    target = settled(plane_token_consumers=[COMMAND], **IN_FILES)
    target.data["plane_projects"] = TWO_PROJECTS
    run = target.deploy(data={"plane_token_consumers": [COMMAND, BROKEN]})
    assert run.code == 1 and NEW_ID in run.plan and RAN in run.plan
    told_later(target)


def test_a_command_that_no_run_came_to_is_run_by_the_next(settled: Settled) -> None:
    target = settled(plane_token_consumers=[COMMAND], **IN_FILES)
    before = runs_of_command(target)
    target.data["plane_projects"] = TWO_PROJECTS
    # The run ends after the files are written, and before a command is run.
    run = target.deploy(data={"plane_token_consumers": [{**N8N, "service": "n9n"}, COMMAND]})
    assert run.code == 1 and NEW_ID in run.plan and runs_of_command(target) == before
    told_later(target)


def test_a_command_whose_run_was_killed_is_run_by_the_next(settled: Settled) -> None:
    target = settled(plane_token_consumers=[COMMAND], **IN_FILES)
    before = runs_of_command(target)
    target.data["plane_projects"] = TWO_PROJECTS
    slow = {"command": "echo run >> commands; sleep 60", "agent": "thot"}
    run = Running(target, "-y", data={"plane_token_consumers": [slow]})
    until = time.monotonic() + 60
    while runs_of_command(target) == before:
        assert time.monotonic() < until, run.output
        time.sleep(0.05)
    run.process.kill()
    run.end()
    told_later(target)


def test_a_command_of_a_deploy_of_ones_own_is_run_again_after_it_failed(settled: Settled) -> None:
    target = settled(plane_agents=[ADMIN, THOT])
    own = target.directory / "own.py"

    def written(consumer: dict[str, str]) -> str:
        calls = f"plane.api_tokens(slug='javisi')\nplane.token_consumers(slug='javisi', consumers=[{consumer!r}])\n"
        own.parent.mkdir(exist_ok=True)
        own.write_text(f"from operations import plane\n{calls}")
        return str(own)

    lose_line(target, "thot")
    run = target.deploy(operation=written(BROKEN))
    assert run.code == 1 and "+ token agent-thot" in run.plan, run.output
    told_later(target, operation=written(COMMAND))


@contextmanager
def service(target: Target, name: str, **changes: Any) -> Iterator[None]:
    """Have a service be otherwise in the Compose file."""
    file: Path = target.host.project.file
    before = file.read_text()
    model = json.loads(before)
    model["services"][name] |= changes
    file.write_text(json.dumps({**model}))
    yield
    file.write_text(before)


def test_a_service_that_gets_its_token_from_elsewhere_is_one_line(used: Target) -> None:
    running = container(used).id
    with service(used, "n8n", env_file=[]):
        preview, run = used.deploy("--dry"), used.deploy()
        said = f"the service n8n in opt/plane gets no token from {FOLDER}/thot.env or {TOKEN_FILE}; give it"
        assert preview.code == run.code == 1
        assert said in preview.output and said in run.output
    mounted = {"env_file": [], "volumes": [f"../../{FOLDER}/thot.json:/run/thot.json:ro"]}
    with service(used, "n8n", **mounted):
        preview = used.deploy("--dry", data={"plane_agent_files_format": "json"})
        said = f"gets no token from {TOKEN_FILE}; give it env_file: with that file, or, if it reads a file itself"
        assert preview.code == 1 and f"{said} (such as a JSON file), use a command in" in preview.output
    with service(used, "n8n", environment={"PLANE_API_KEY": "${PLANE_API_KEY:-none}"}):
        run = used.deploy()
        assert run.code == 1
        said = (
            f"the service n8n would get another PLANE_API_KEY than {FOLDER}/thot.env holds: its environment: or another"
        )
        assert f"{said} file under its env_file: sets it; remove it there" in run.output
    with service(used, "n8n", environment={"PLANE_BASE_URL": "http://plane-api:8000"}):
        # What a person gives the service besides is theirs, and it is to run with that.
        plan = used.deploy("--dry").plan
        assert plan == ["~ recreate n8n in opt/plane: runs with another PLANE_BASE_URL"]
    other = {**N8N, "service": "n9n"}
    run = used.deploy(data={"plane_token_consumers": [other]})
    assert (
        "the Compose project in opt/plane has no service n9n; correct plane_token_consumers (the project has: "
        in run.output
    )
    (used.host.root / "opt/nothing").mkdir(exist_ok=True)
    run = used.deploy(data={"plane_token_consumers": [{**N8N, "directory": "opt/nothing"}]})
    assert run.code == 1 and "opt/nothing has no Compose file; correct plane_token_consumers" in run.output
    assert container(used).id == running
