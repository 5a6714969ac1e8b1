"""What docs/ci.md gives: the workflow's steps deploy to a sandbox, the units look at it, and metrics come of that."""

from __future__ import annotations

import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

import sandbox
from sandbox.host import Host
from sandbox.server import Sandbox
from tests.deploy.target import SECRETS
from tests.docs.pages import CHECKOUT, HOST_NAMES, Place, own

CI = CHECKOUT / "examples/ci/plane.yml"
DRIFT = CHECKOUT / "examples/drift"
INSTALLED = "/opt/pyinfra-plane"

INVENTORY = """
javisi = [
    (
        "sese",
        {
            "ssh_hostname": "sese.example.com",
            "ssh_user": "root",
            "plane_web_url": "https://work.example.com",
            "plane_compose_dir": "/opt/plane",
        },
    ),
]
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    directory = tmp_path_factory.mktemp("sandbox")
    with sandbox.running(directory, hosts=2 * len(HOST_NAMES), port=0, hash_iterations=1) as started:
        yield started


class Checkout:
    """A repository that uses this deploy, on a machine whose SSH knows where the host is, but neither key nor keys."""

    def __init__(self, directory: Path, running: Sandbox, hosts: list[Host]) -> None:
        self.place = Place(directory, running, hosts)
        self.path, self.home, self.host, self.running = self.place.checkout, directory / "home", hosts[0], running
        config = self.home / ".ssh/config"
        config.write_text(re.sub(r"(?m)^  (IdentityFile|UserKnownHostsFile) .*\n", "", config.read_text()))
        (self.path / "inventory.py").write_text(own(INVENTORY))

    def run(self, script: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """A script, with nothing of this process's environment but the PATH."""
        return subprocess.run(
            ["bash", "-e", "-c", script],
            cwd=self.path,
            env={"PATH": os.environ["PATH"], "HOME": str(self.home), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=120,
        )


@pytest.fixture(scope="module")
def checkout(running: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    return Checkout(tmp_path_factory.mktemp("ci"), running, running.hosts[: len(HOST_NAMES)])


# The workflow


class Workflow:
    """The workflow's jobs, run step by step as a runner does it."""

    def __init__(self, checkout: Checkout) -> None:
        self.checkout = checkout
        self.text = CI.read_text()
        self.data: dict[str, Any] = yaml.safe_load(self.text)
        self.values = {
            **{f"secrets.{name}": value for name, value in SECRETS.items()},
            "secrets.SSH_KEY": checkout.running.key_path.read_text().rstrip("\n"),
            "vars.SSH_KNOWN_HOSTS": checkout.running.known_hosts_path.read_text(),
        }
        self.summary = checkout.home / "summary.md"

    def job(self, name: str) -> tuple[bool, str]:
        """Whether all steps of a job ended well, and the log; the first that does not is the last."""
        log = ""
        for step in self.data["jobs"][name]["steps"]:
            if "run" not in step:
                continue
            given = {**self.data["env"], **step.get("env", {})}
            environment = {key: self.filled_in(value) for key, value in given.items()}
            done = self.checkout.run(step["run"], {**environment, "GITHUB_STEP_SUMMARY": str(self.summary)})
            log += done.stdout
            if done.returncode:
                return False, log
        return True, log

    def filled_in(self, text: str) -> str:
        return re.sub(r"\$\{\{ (\S+) \}\}", lambda match: self.values[match[1]], text)


@pytest.fixture
def workflow(checkout: Checkout) -> Workflow:
    return Workflow(checkout)


def test_a_preview_then_a_deploy_and_nothing_secret_is_echoed(workflow: Workflow) -> None:
    state = workflow.checkout.host.plane
    before = state.snapshot()
    is_good, log = workflow.job("preview")
    assert is_good, log
    assert "[sese] + account thot@javisi.local (member)" in log
    assert "[sese] + account thot@javisi.local (member)" in workflow.summary.read_text()
    assert state.snapshot() == before
    is_good, deployed = workflow.job("deploy")
    assert is_good, deployed
    assert deployed.splitlines()[-1] == "nothing to change"
    state.forget_throttles()
    is_good, again = workflow.job("preview")
    assert is_good and again.splitlines()[-1] == "nothing to change", again
    tokens = [row.token for row in state.state.api_tokens.values()]
    for secret in (*SECRETS.values(), *tokens, workflow.values["secrets.SSH_KEY"].splitlines()[1]):
        assert secret not in log + deployed + again


def test_a_host_whose_key_is_not_known_fails_the_job(workflow: Workflow) -> None:
    workflow.values["vars.SSH_KNOWN_HOSTS"] = ""
    for job in ("preview", "deploy"):
        is_good, log = workflow.job(job)
        assert not is_good
        assert "the SSH host key of sese.example.com is not in ~/.ssh/known_hosts" in log


def test_a_wrong_setting_fails_the_preview(workflow: Workflow) -> None:
    inventory = workflow.checkout.path / "inventory.py"
    before = inventory.read_text()
    inventory.write_text(before.replace('"ssh_user"', '"plane_web_uri": "x", "ssh_user"'))
    is_good, log = workflow.job("preview")
    inventory.write_text(before)
    assert not is_good and "plane_web_uri: unknown setting; did you mean plane_web_url?" in log


def test_secrets_are_in_the_steps_that_need_them_and_in_no_command(workflow: Workflow) -> None:
    for job in workflow.data["jobs"].values():
        assert "env" not in job
        for step in job["steps"]:
            assert "${{" not in step.get("run", ""), "a shell would read what is filled in"
    assert workflow.data["permissions"] == {"contents": "read"}
    # Somebody else's branch is not given the secrets.
    assert "head.repo.full_name == github.repository" in workflow.data["jobs"]["preview"]["if"]
    assert "pull_request_target" not in workflow.text


# The units


def unit(name: str, installed: Path) -> dict[str, list[str]]:
    """The settings of a unit by name, of a checkout that is somewhere else than on the page."""
    found: dict[str, list[str]] = {}
    for line in (DRIFT / name).read_text().replace(INSTALLED, str(installed)).splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze")
def test_systemd_takes_the_units(checkout: Checkout, tmp_path: Path) -> None:
    for name in ("plane-drift.service", "plane-drift.timer"):
        text = (DRIFT / name).read_text().replace(INSTALLED, str(checkout.path))
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, sorted(tmp_path.iterdir()))],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")


class Pinged(http.server.BaseHTTPRequestHandler):
    """Keeps what it is sent."""

    seen: list[tuple[str, bytes]] = []  # noqa: RUF012 - emptied by whoever starts a server

    def do_POST(self) -> None:
        self.seen.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def ping_url() -> Iterator[str]:
    Pinged.seen.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pinged) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/ping"
        server.shutdown()


def start(checkout: Checkout, directory: Path, further: Mapping[str, str]) -> tuple[int, str]:
    """What systemd does of the service: the command, then those after it; the exit code and what all of them said."""
    etc, var = directory / "etc", directory / "var"
    for each in (etc, var):
        each.mkdir(exist_ok=True)
    shutil.copy(checkout.running.key_path, etc / "ssh_key")
    shutil.copy(checkout.running.known_hosts_path, etc / "known_hosts")
    service = unit("plane-drift.service", checkout.path)
    assert service["LoadCredential"] == ["ssh_key:/etc/plane-drift/ssh_key"]
    environment = {"CREDENTIALS_DIRECTORY": str(etc), "STATE_DIRECTORY": str(var), **SECRETS, **further}
    codes: list[int] = []
    said = ""
    for command in (*service["ExecStart"], *service["ExecStopPost"]):
        words = command.removeprefix("-").replace("$$", "$")
        words = words.replace("/etc/plane-drift", str(etc)).replace("/var/lib/plane-drift", str(var))
        done = checkout.run(words, {**environment, **({"EXIT_STATUS": str(codes[0])} if codes else {})})
        codes.append(done.returncode)
        said += done.stdout
    assert codes[1:] == [0, 0], said
    return codes[0], said


def test_a_look_tells_prometheus_and_a_monitor(running: Sandbox, tmp_path: Path, ping_url: str) -> None:
    checkout = Checkout(tmp_path / "c", running, running.hosts[len(HOST_NAMES) :])
    assert start(checkout, tmp_path, {}) == (2, "")
    assert Pinged.seen == []
    text = (tmp_path / "var/plane.prom").read_text()
    assert "\nplane_drift_code 2\n" in text
    made = re.search(r'plane_drift_changes{host="sese",sign="\+"} (\d+)\n', text)
    assert made is not None and int(made[1]) > 10

    deploy = ".venv/bin/pyinfra inventory.py deploy.py -y --key {0}/ssh_key --data ssh_known_hosts_file={0}/known_hosts"
    done = checkout.run(deploy.format(tmp_path / "etc"), SECRETS)
    assert done.returncode == 0, done.stdout
    if shutil.which("curl") is None:
        pytest.skip("no curl")
    assert start(checkout, tmp_path, {"PING_URL": ping_url}) == (0, "")
    [(path, body)] = Pinged.seen
    assert path == "/ping/0"
    assert json.loads(body)["meaning"] == "same"
    text = (tmp_path / "var/plane.prom").read_text()
    assert '\nplane_drift_changes{host="sese",sign="+"} 0\n' in text and "\nplane_drift_code 0\n" in text
    sent = body.decode() + text
    assert not [secret for secret in SECRETS.values() if secret in sent]


def metrics(directory: Path, text: str) -> list[str]:
    """The values that come of a file of JSON."""
    source, target = directory / "drift.json", directory / "plane.prom"
    source.write_text(text)
    subprocess.run([sys.executable, str(DRIFT / "metrics.py"), str(source), str(target)], check=True)
    return [line for line in target.read_text().splitlines() if line[0] != "#" and "time_seconds" not in line]


def test_metrics_of_nothing_and_of_odd_names(tmp_path: Path) -> None:
    assert metrics(tmp_path, "") == ["plane_drift_code 1"]
    assert metrics(tmp_path, "{") == ["plane_drift_code 1"]
    found = {
        "code": 2,
        "hosts": [{"host": 'a"\\\n', "lines": [{"sign": "~", "line": "~ x"}, {"sign": "=", "line": ""}]}],
    }
    assert metrics(tmp_path, json.dumps(found)) == [
        "plane_drift_code 2",
        'plane_drift_changes{host="a\\"\\\\\\n",sign="+"} 0',
        'plane_drift_changes{host="a\\"\\\\\\n",sign="~"} 1',
        'plane_drift_changes{host="a\\"\\\\\\n",sign="-"} 0',
    ]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
