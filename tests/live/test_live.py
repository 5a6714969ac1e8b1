"""The contract and the deploy against a real Plane that may be written to: `make test-live PLANE_URL=…`.

    PLANE_URL             the address of Plane's API, seen from the target; without it all of this is skipped
    PLANE_RESET           a command that brings the instance back to one that was never set up; without it only the
                          deploy is run, into a workspace of its own
    PLANE_ADMIN_EMAIL     on an instance that is set up: an account that may make workspaces
    PLANE_ADMIN_PASSWORD  its password
    PLANE_TARGET          a host of pyinfra's to go through (default: @local)

Each case prints a line: Plane's version, the case, how it went, requests, seconds.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from pyinfra.api.hiddenvalue import HiddenValue

from pyinfra_plane.settings import derive_password
from tests.clients import compose_judge
from tests.clients.expected import Expected, is_commercial
from tests.contract.browser import PASSWORD, USES_OF_ADMIN_KEY, Browser, v1
from tests.contract.player import WAVERING, load, play
from tests.deploy.test_project_settings import SETTINGS

CHECKOUT = Path(__file__).parent.parent.parent
URL = os.environ.get("PLANE_URL", "").rstrip("/")
RESET = os.environ.get("PLANE_RESET", "")

pytestmark = pytest.mark.skipif(not URL, reason="no real Plane: make test-live PLANE_URL=…")
resettable = pytest.mark.skipif(not RESET, reason="PLANE_RESET is not set: the instance cannot be made fresh")


class Deploy:
    """The deploy's third part into one workspace of the real Plane."""

    def __init__(self, directory: Path, slug: str, email: str, password: str) -> None:
        self.slug = slug
        self.directory = directory
        self.tokens = directory / "agent-tokens.env"
        self._data = {"plane_api_url": URL, "plane_config_dir": str(directory), "plane_workspace_slug": slug}
        self._data |= {"plane_admin_email": email, "plane_health_delay": "1"}
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("PLANE_")}
        self._environment |= {
            "PLANE_ADMIN_PASSWORD": password,
            "PLANE_CONCIERGE_PASSWORD": secrets.token_urlsafe(24),
            "PLANE_AGENT_PASSWORD_SEED": secrets.token_urlsafe(24),
        }
        self.requests = 0
        self.seconds = 0.0

    def run(
        self, *arguments: str, password: str | None = None, seed: str | None = None, **data: str
    ) -> subprocess.CompletedProcess[str]:
        mode = [] if "--dry" in arguments else ["-y"]
        settings = [word for pair in {**self._data, **data}.items() for word in ("--data", "=".join(pair))]
        command = [sys.executable, "-m", "pyinfra", os.environ.get("PLANE_TARGET", "@local"), "deploy.provisioning"]
        given = {"PLANE_ADMIN_PASSWORD": password, "PLANE_AGENT_PASSWORD_SEED": seed}
        environment = {**self._environment, **{name: value for name, value in given.items() if value}}
        begun = time.monotonic()
        done = subprocess.run(
            [*command, "-v", *mode, *settings, *arguments],
            cwd=CHECKOUT,
            env={**environment, "PYINFRA_PROGRESS": "off"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.seconds = time.monotonic() - begun
        counted = re.search(r"(\d+) requests to Plane", done.stdout)
        self.requests = int(counted[1]) if counted else 0
        return done

    def adopt(self, directory: Path) -> subprocess.CompletedProcess[str]:
        """Print the workspace as settings into group data, and preview a deploy of them."""
        target, inventory = os.environ.get("PLANE_TARGET", "@local"), directory / "inventory.py"
        data = {**self._data, "plane_health_delay": 1}
        inventory.write_text(f"targets = [({target!r}, {data!r})]\n")
        printed = self._python("-m", "pyinfra_plane.adopt", str(inventory))
        assert printed.returncode == 0, printed.stdout
        (directory / "group_data").mkdir()
        (directory / "group_data" / "targets.py").write_text(printed.stdout)
        return self._python("-m", "pyinfra", str(inventory), "deploy.provisioning", "--dry")

    def _python(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *words],
            cwd=CHECKOUT,
            env={**self._environment, "PYINFRA_PROGRESS": "off"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @property
    def agent_tokens(self) -> dict[str, str]:
        """The saved tokens by the agent's name."""
        lines = [line for line in self.tokens.read_text().splitlines() if line and not line.startswith("#")]
        return {name[len("PLANE_TOKEN_") :].lower(): token for name, token in (line.split("=", 1) for line in lines)}

    def sign_in(self, name: str) -> Browser:
        """A person at Plane's pages, signed in as an agent."""
        person, email = Browser(URL), f"{name}@{self.slug}.local"
        seed = HiddenValue(self._environment["PLANE_AGENT_PASSWORD_SEED"])
        password = derive_password(seed, email, "work.example.com").unmask()
        # The runs before may have used up Plane's limit of 30 such requests a minute.
        deadline = time.monotonic() + 70
        while person.ask("GET", "/auth/get-csrf-token/").status_code == 429 and time.monotonic() < deadline:
            time.sleep(1)
        assert person.sign_in(email, password) == ""
        return person

    def lose_lines(self, *names: str) -> None:
        """Take agents' tokens out of the file."""
        lost = tuple(f"PLANE_TOKEN_{name.upper()}=" for name in names)
        lines = self.tokens.read_text().splitlines(keepends=True)
        self.tokens.write_text("".join(line for line in lines if not line.startswith(lost)))

    def answers(self, token: str) -> bool:
        """Whether a token opens the workspace."""
        return v1(URL, token, "GET", f"/workspaces/{self.slug}/projects/").status_code == 200

    def says(self, case: str, result: str) -> None:
        instance = requests.get(f"{URL}/api/instances/").json().get("instance", {})
        version = instance.get("current_version", "?")
        print(f"\n{version:8} {case:45} {result:12} {self.requests or '-':>4} requests {self.seconds:6.1f} s", end="")


def plan(output: str) -> list[str]:
    return [line.strip() for line in re.findall(r"^ +\[[^]]+\] ([-+~?] .*)$", output, re.M)]


def reset() -> None:
    subprocess.run(RESET, shell=True, check=True, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while True:
        try:
            if requests.get(f"{URL}/", timeout=5).json().get("status") == "OK":
                return
        except (requests.RequestException, ValueError):
            assert time.monotonic() < deadline, "Plane does not answer after PLANE_RESET"
            time.sleep(0.2)


@pytest.fixture
def deploy(tmp_path: Path) -> Iterator[Deploy]:
    """Into a fresh instance where it can be made one, else into a new workspace."""
    if RESET:
        reset()
        yield Deploy(tmp_path, "javisi", "admin@javisi.local", secrets.token_urlsafe(24))
        return
    email, password = os.environ.get("PLANE_ADMIN_EMAIL"), os.environ.get("PLANE_ADMIN_PASSWORD")
    if not email or not password:
        pytest.skip("neither PLANE_RESET nor PLANE_ADMIN_EMAIL and PLANE_ADMIN_PASSWORD are set")
    yield Deploy(tmp_path, f"lab-{secrets.token_hex(4)}", email, password)


@resettable
@pytest.mark.parametrize("scenario", ["", "-further", "-settings"])
def test_it_answers_as_recorded(scenario: str) -> None:
    reset()
    version = requests.get(f"{URL}/api/instances/").json()["instance"]["current_version"]
    recording = ("1.2.2" if version.startswith("1.2") else "1.3.1") + scenario
    reset()
    differences = play(URL, load(recording), tolerate=WAVERING)
    for difference in differences:
        print(difference)
    assert differences == []


@resettable
def test_the_key_of_the_set_up_form_is_valid_for_the_app_in_its_cookie() -> None:
    reset()
    with Browser(URL) as admin:
        assert admin.uses_of_admin_key() == USES_OF_ADMIN_KEY


def test_first_run_second_run_preview_and_one_thing_missing(deploy: Deploy) -> None:
    preview = deploy.run("--dry")
    assert preview.returncode == 0, preview.stdout
    if RESET:
        assert "+ project ONBOARD (Onboarding)" in plan(preview.stdout)
    assert not deploy.tokens.exists()
    first = deploy.run()
    assert first.returncode == 0, first.stdout
    deploy.says("first run", "made")
    assert deploy.requests <= 14 + 50
    second = deploy.run()
    assert second.returncode == 0 and plan(second.stdout) == [], second.stdout
    deploy.says("second run", "no change")
    assert deploy.requests <= 5 + 10
    kept = deploy.run("--dry")
    assert plan(kept.stdout) == [], kept.stdout
    deploy.says("preview of a finished one", "names nothing")

    lines = deploy.tokens.read_text().splitlines(keepends=True)
    deploy.tokens.write_text("".join(line for line in lines if "THOT" not in line))
    missing = deploy.run("--dry")
    assert plan(missing.stdout) == ["+ token agent-thot"], missing.stdout
    mended = deploy.run()
    assert mended.returncode == 0 and plan(mended.stdout) == ["+ token agent-thot"], mended.stdout
    deploy.says("one token missing", "made again")

    rotated = deploy.run("--data", "rotate_tokens=cfo")
    assert rotated.returncode == 0 and plan(rotated.stdout) == [
        "~ token agent-cfo: rotated, as asked; every other token with this label is revoked"
    ], rotated.stdout
    deploy.says("one token rotated", "rotated")
    assert plan(deploy.run().stdout) == []


def test_a_token_that_a_person_made_stays_until_a_rotation_ends_it(deploy: Deploy) -> None:
    assert deploy.run().returncode == 0
    lost = deploy.agent_tokens["thot"]
    with deploy.sign_in("thot") as person:
        by_hand = person.make_key("agent-thot")
    deploy.lose_lines("thot")
    run = deploy.run()
    assert run.returncode == 0 and plan(run.stdout) == ["+ token agent-thot"], run.stdout
    assert "has tokens with the label agent-thot that this deploy did not create: 1; they stay valid" in run.stdout
    now = deploy.agent_tokens["thot"]
    assert deploy.answers(by_hand) and deploy.answers(now) and not deploy.answers(lost)
    deploy.says("a token made by hand", "left")
    rotated = deploy.run("--data", "rotate_tokens=thot")
    assert rotated.returncode == 0, rotated.stdout
    last = deploy.agent_tokens["thot"]
    assert deploy.answers(last) and not deploy.answers(by_hand) and not deploy.answers(now)
    deploy.says("a token made by hand, rotated", "revoked")


def test_tokens_that_were_written_to_the_file_are_adopted(deploy: Deploy) -> None:
    assert deploy.run().returncode == 0
    with deploy.sign_in("thot") as person:
        by_hand = person.make_key("from the vault")
    tokens = {**deploy.agent_tokens, "thot": by_hand}
    deploy.tokens.write_text("".join(f"PLANE_TOKEN_{name.upper()}={value}\n" for name, value in tokens.items()))
    for arguments in (["--dry"], []):
        run = deploy.run(*arguments)
        lines = plan(run.stdout)
        assert run.returncode == 0 and len(lines) == len(tokens), run.stdout
        assert all(line.startswith("~ token agent-") and ": adopted; " in line for line in lines)
    assert deploy.agent_tokens == tokens and deploy.answers(by_hand)
    again = deploy.run()
    assert again.returncode == 0 and plan(again.stdout) == [], again.stdout
    deploy.says("tokens out of a vault", "adopted")


def test_all_wrong_passwords_are_named_at_once(deploy: Deploy) -> None:
    assert deploy.run().returncode == 0
    deploy.lose_lines("thot", "cfo")
    before = deploy.tokens.read_text()
    wrong = deploy.run(seed=secrets.token_urlsafe(24))
    deploy.says("two wrong passwords", "refused")
    assert wrong.returncode != 0 and "Traceback" not in wrong.stdout
    told = [line for line in wrong.stdout.partition("--> Summary:")[0].splitlines() if "cannot sign in as" in line]
    assert len(told) == 1 and all(f"{name}@{deploy.slug}.local (" in told[0] for name in ("thot", "cfo")), wrong.stdout
    assert deploy.tokens.read_text() == before
    right = deploy.run()
    assert right.returncode == 0 and plan(right.stdout) == ["+ token agent-thot", "+ token agent-cfo"], right.stdout


def test_what_adopt_prints_changes_nothing(deploy: Deploy, tmp_path: Path) -> None:
    projects = [{"name": "Ops", "identifier": "OPS", "labels": [{"name": "bug", "color": "#ff0000"}], "archive_in": 2}]
    first = deploy.run(plane_projects=json.dumps(projects))
    assert first.returncode == 0, first.stdout
    preview = deploy.adopt(tmp_path)
    assert preview.returncode == 0 and plan(preview.stdout) == [], preview.stdout
    assert '"OPS"' in (tmp_path / "group_data" / "targets.py").read_text()
    deploy.says("what adopt prints", "no change")


def test_plane_sdk_finds_what_was_asked_for(deploy: Deploy) -> None:
    # Not above: each process that collects the tests would import plane-sdk, which takes half a second.
    from tests.clients import sdk_judge

    run = deploy.run()
    assert run.returncode == 0, run.stdout
    expected = Expected.of({"plane_workspace_slug": deploy.slug})
    assert sdk_judge.differences(URL, expected, deploy.agent_tokens) == []
    deploy.says("read and used with plane-sdk", "as asked for")
    assert plan(deploy.run().stdout) == []


@pytest.mark.skipif(not compose_judge.COMMAND.exists(), reason=compose_judge.MISSING)
def test_plane_compose_finds_what_was_asked_for(deploy: Deploy, tmp_path: Path) -> None:
    run = deploy.run()
    assert run.returncode == 0, run.stdout
    expected = Expected.of({"plane_workspace_slug": deploy.slug})
    commercial = is_commercial(URL)
    told = compose_judge.differences(
        URL, expected, deploy.agent_tokens["thot"], tmp_path / "clone", commercial=commercial
    )
    assert told == []
    deploy.says("cloned with plane-compose", "as asked for")


@resettable
def test_every_setting_of_a_project_and_of_the_instance(deploy: Deploy) -> None:
    project = {**SETTINGS, "custom_fields": [{"name": "agent_id", "type": "text"}, {"name": "cost", "type": "number"}]}
    config = {"ENABLE_SIGNUP": "0", "EMAIL_HOST": "smtp.example.com", "DISABLE_WORKSPACE_CREATION": "1"}
    data = {
        "plane_projects": json.dumps([project]),
        "plane_instance_config": json.dumps(config),
        "plane_custom_fields_unsupported": "labels",
    }
    first = deploy.run(**data)
    assert first.returncode == 0, first.stdout
    deploy.says("all settings, labels for fields", "made")
    second = deploy.run(**data)
    assert second.returncode == 0 and plan(second.stdout) == [], second.stdout
    deploy.says("the same again", "no change")
    other = {**project, "network": "public", "cycles": False, "estimates": False, "lead": "thot", "labels": []}
    other["cycle_names"] = []
    other["states"] = [{"name": "Backlog", "group": "backlog", "default": True}]
    changed = deploy.run(**{**data, "plane_projects": json.dumps([other])})
    assert changed.returncode == 0, changed.stdout
    assert plan(changed.stdout) == [
        "~ project ONBOARD: public",
        "~ project ONBOARD: lead thot@javisi.local",
        "~ project ONBOARD: cycles off",
        "~ project ONBOARD: estimates off",
        "~ state Backlog of ONBOARD: the default",
        "~ state Todo of ONBOARD: no longer the default",
    ]
    deploy.says("other settings", "changed")
    assert plan(deploy.run(**{**data, "plane_projects": json.dumps([other])}).stdout) == []


def test_a_wrong_password_is_one_line_and_a_rerun_goes_on(deploy: Deploy) -> None:
    assert deploy.run().returncode == 0
    deploy.tokens.unlink()
    wrong = deploy.run(password="not-the-Passw0rd-at-all")
    deploy.says("wrong admin password", "refused")
    assert wrong.returncode != 0 and "Traceback" not in wrong.stdout
    told = wrong.stdout.partition("--> Summary:")[0]
    assert len([line for line in told.splitlines() if "AUTHENTICATION_FAILED_SIGN_IN" in line]) == 1
    right = deploy.run()
    assert right.returncode == 0, right.stdout
    deploy.says("all tokens lost", "made again")
    assert plan(deploy.run().stdout) == []


@resettable
def test_an_instance_that_a_person_left_half_done(deploy: Deploy) -> None:
    with Browser(URL) as owner, Browser(URL) as thot:
        owner.set_up("admin@javisi.local")
        owner.make_workspace()
        assert thot.sign_up("thot@javisi.local") == ""
        thot.join(owner, "thot@javisi.local", 5)
        thot_password = PASSWORD
    agents = '[{"name":"concierge","role":"admin"},{"name":"cfo"},{"name":"thot","password":"' + thot_password + '"}]'
    run = deploy.run(password=PASSWORD, plane_agents=agents)
    assert run.returncode == 0, run.stdout
    deploy.says("half-provisioned by hand", "finished")
    assert "~ role of thot@javisi.local: guest → member" in plan(run.stdout)
    again = deploy.run(password=PASSWORD, plane_agents=agents)
    assert plan(again.stdout) == [], again.stdout
