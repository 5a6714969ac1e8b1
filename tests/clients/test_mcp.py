"""After a deploy, an agent works through Plane's MCP server with its own token, as a language model would.

plane-mcp-server 0.2.9 is for Plane up to 1.3.1, and 0.3.5 for 1.4 and later, because it reads the short lists.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import sandbox
from tests.deploy.target import Target

CHECKOUT = Path(__file__).parents[2]
BINS = {"1.3.1": CHECKOUT / ".venv-mcp/bin", "1.4.2": CHECKOUT / ".venv-mcp-1.4/bin"}
"""By release of Plane, the environment with the server that fits."""

pytestmark = pytest.mark.skipif(
    not all((folder / "plane-mcp-server").exists() for folder in BINS.values()),
    reason="no plane-mcp-server: make test installs it",
)


class Agent:
    """Calls the tools of a server that was started for it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def call(self, tool: str, **arguments: Any) -> Any:
        """What the tool answers; a refusal is under `error`."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps({"tool": tool, "arguments": arguments}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the server ended"
        answer = json.loads(line)
        # A list is wrapped, so that every answer is an object.
        return answer["result"] if answer.keys() == {"result"} else answer


@contextlib.contextmanager
def plane(directory: Path, version: str, edition: str = "community") -> Iterator[Target]:
    """A Plane in a release that was deployed to."""
    with sandbox.running(directory / "sandbox", version=version, edition=edition) as running:
        # More sign-ins than 1.4 allows in a minute.
        data = {"plane_env_extra": {"AUTHENTICATION_RATE_LIMIT": "100/minute"}}
        target = Target(running, running.hosts[0], directory / "inventory", data)
        run = target.deploy()
        assert run.code == 0, run.output
        target.host.plane.forget_throttles()
        yield target


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with plane(tmp_path_factory.mktemp("mcp"), "1.3.1") as target:
        yield target


@contextlib.contextmanager
def agent(target: Target, token: str, home: Path, version: str = "1.3.1") -> Iterator[Agent]:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PLANE_BASE_URL": f"http://127.0.0.1:{target.host.plane_port}",
        "PLANE_WORKSPACE_SLUG": "javisi",
        "PLANE_API_KEY": token,
    }
    folder = BINS[version]
    session = Path(__file__).with_name("mcp_session.py")
    command = [str(folder / "python"), str(session), str(folder / "plane-mcp-server"), "stdio"]
    with (home / "server.log").open("w") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env=environment
        )
        with process:
            yield Agent(process)


def test_an_agent_finds_its_project_and_reports(deployed: Target, tmp_path: Path) -> None:
    with agent(deployed, deployed.tokens["thot"], tmp_path) as thot:
        assert thot.call("get_me")["email"] == "thot@javisi.local"
        [project] = [one for one in thot.call("list_projects") if one["identifier"] == "ONBOARD"]
        body = {"name": "Report", "description_html": "<p>Here.</p>", "priority": "high"}
        item = thot.call("create_work_item", project_id=project["id"], **body)
        listed = thot.call("list_work_items", project_id=project["id"])["results"]
        assert [(one["id"], one["name"], one["priority"]) for one in listed] == [(item["id"], "Report", "high")]

        place = {"project_id": project["id"], "work_item_id": item["id"]}
        made = thot.call("create_work_item_comment", **place, comment_html="<p>Done.</p>")
        comments = thot.call("list_work_item_comments", **place)
        assert [(one["id"], one["comment_html"]) for one in comments] == [(made["id"], "<p>Done.</p>")]

        found = thot.call("retrieve_work_item_by_identifier", work_item_identifier=f"ONBOARD-{item['sequence_id']}")
        assert found["id"] == item["id"]
        # It asks with `q`, and Community Edition 1.3.1 reads `search`: nothing is found, whatever there is.
        assert thot.call("search_work_items", query="Report") == {"issues": []}
    [comment] = deployed.plane.comments.values()
    assert deployed.plane.users[comment.actor].email == "thot@javisi.local"


def test_a_token_that_is_none_is_refused(deployed: Target, tmp_path: Path) -> None:
    with agent(deployed, "plane_api_unknown", tmp_path) as nobody:
        assert "403" in nobody.call("list_projects")["error"]


VALUES = {"agent_id": "thot", "cost_estimate": 12.5, "confidence_score": 0.75, "session_id": "s-1"}
"""What an agent writes into the four fields."""


def test_an_agent_sets_the_four_fields(tmp_path: Path) -> None:
    with plane(tmp_path, "1.3.1", "commercial") as target, agent(target, target.tokens["thot"], tmp_path) as thot:
        [project] = [one for one in thot.call("list_projects") if one["identifier"] == "ONBOARD"]
        item = thot.call("create_work_item", project_id=project["id"], name="Report")
        place = {"project_id": project["id"], "work_item_id": item["id"]}
        [kind] = thot.call("list_work_item_types", project_id=project["id"])
        fields = thot.call("list_work_item_properties", project_id=project["id"], work_item_type_id=kind["id"])
        ids = {one["display_name"]: one["id"] for one in fields}
        for name, value in VALUES.items():
            thot.call("set_work_item_property_value", **place, property_id=ids[name], value=value)
        read = {name: thot.call("get_work_item_property_value", **place, property_id=ids[name]) for name in VALUES}
    assert {name: answer["value"] for name, answer in read.items()} == VALUES


def test_an_agent_of_a_newer_plane_sets_the_four_fields(tmp_path: Path) -> None:
    version = "1.4.2"
    with (
        plane(tmp_path, version, "commercial") as target,
        agent(target, target.tokens["thot"], tmp_path, version) as it,
    ):
        [project] = [one for one in it.call("project", action="list")["results"] if one["identifier"] == "ONBOARD"]
        item = it.call("workitem", action="create", project_id=project["id"], name="Report")
        place = {"project_id": project["id"], "workitem_id": item["id"]}
        [kind] = it.call("workitem_type", action="list", project_id=project["id"])
        of_kind = {"project_id": project["id"], "workitem_type_id": kind["id"]}
        fields = it.call("workitem_property", action="list", **of_kind)
        ids = {one["display_name"]: one["id"] for one in fields}
        for name, value in VALUES.items():
            it.call("workitem_property", action="set_value", **place, property_id=ids[name], value=value)
        values = [it.call("workitem_property", action="get_value", **place, property_id=ids[name]) for name in VALUES]
    assert {name: answer["value"] for name, answer in zip(VALUES, values, strict=True)} == VALUES


def test_an_agent_of_a_newer_plane_reports_through_the_newer_server(tmp_path: Path) -> None:
    with plane(tmp_path, "1.4.2") as target, agent(target, target.tokens["thot"], tmp_path, "1.4.2") as thot:
        assert thot.call("member", action="me")["email"] == "thot@javisi.local"
        members = thot.call("member", action="list_workspace")["results"]
        assert ("hermes@javisi.local", True) in [(one["email"], one["is_active"]) for one in members]
        [project] = [one for one in thot.call("project", action="list")["results"] if one["identifier"] == "ONBOARD"]
        item = thot.call("workitem", action="create", project_id=project["id"], name="Report")
        place = {"project_id": project["id"], "workitem_id": item["id"]}
        thot.call("workitem_comment", action="create", **place, comment_html="<p>Done.</p>")
        [comment] = thot.call("workitem_comment", action="list", **place)["results"]
        assert comment["comment_html"] == "<p>Done.</p>"
