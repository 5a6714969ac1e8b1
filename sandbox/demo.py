"""`make demo`: run the whole deploy against a sandbox twice, and then use an agent's token."""

from __future__ import annotations

import json
import shlex
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import requests

INTRODUCTION = """\
You will see, in about half a minute:
  1. a sandbox start: an SSH server, a real PostgreSQL and a stand-in for Plane, in one process
  2. a preview: what a deploy would create on a new host
  3. the deploy
  4. the same deploy again, which changes nothing
  5. the token of an agent at work
Nothing is left behind outside this folder.
"""

PORT = 2222
"""The port in inventory.py, as it comes with the deploy."""

DIRECTORY = Path(".sandbox")


def main() -> int:
    """Run the demo. Returns 0 if both runs succeeded."""
    print(INTRODUCTION, flush=True)
    return in_sandbox(_show)


def in_sandbox(show: Callable[[Mapping[str, Any], Path], int]) -> int:
    """Start a sandbox, and call `show` with its host and inventory."""
    port = PORT if _is_free(PORT) else 0
    sandbox = subprocess.Popen(
        [sys.executable, "-m", "sandbox", "--port", str(port)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert sandbox.stdout is not None
        greeting = sandbox.stdout.readline()
        if not greeting:
            return sandbox.wait()
        return _with_inventory(show)
    except KeyboardInterrupt:
        return 130
    finally:
        sandbox.terminate()
        sandbox.wait()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _with_inventory(show: Callable[[Mapping[str, Any], Path], int]) -> int:
    """Call `show` with a separate inventory: by now inventory.py may name the user's own hosts."""
    [host] = json.loads((DIRECTORY / "inventory.json").read_text())["hosts"]
    data = {"ssh_hostname": "127.0.0.1", "ssh_port": host["port"]}
    with tempfile.TemporaryDirectory() as folder:
        inventory = Path(folder) / "inventory.py"
        inventory.write_text(f"sandbox = [({host['name']!r}, {data!r})]\n")
        return show(host, inventory)


def _show(host: Mapping[str, Any], inventory: Path) -> int:
    """Run each step. The text above it shows the command for the inventory that comes with the deploy."""
    further = [] if host["port"] == PORT else ["--data", f"ssh_port={host['port']}"]
    steps = {
        "What the deploy would create on a new host:": "--dry",
        "The deploy creates it.": "-y",
        "The same command again changes nothing.": "-y",
    }
    for heading, mode in steps.items():
        typed = ["pyinfra", "inventory.py", "deploy.py", mode, *further]
        print(f"\n### {heading}\n$ {shlex.join(typed)}", flush=True)
        command = [sys.executable, "-m", "pyinfra", str(inventory), "deploy.py", mode]
        code = subprocess.run(command, stderr=subprocess.STDOUT).returncode
        if code:
            return code
    tokens = Path(host["root"]) / "opt/javisi/configs/plane/agent-tokens.env"
    names = [line.partition("=")[0] for line in tokens.read_text().splitlines() if not line.startswith("#")]
    print(f"\n### The tokens are on the host, readable only by their owner, in {tokens.relative_to(Path.cwd())}:")
    print("    " + "\n    ".join(f"{name}=…" for name in names))
    _work(f"http://127.0.0.1:{host['plane_port']}", tokens)
    print("\nThe sandbox stops now and leaves nothing behind. make sandbox keeps one running and prints this address.")
    return 0


def _work(url: str, tokens: Path) -> None:
    """Create a work item as an agent, and read it back."""
    lines = (line.partition("=") for line in tokens.read_text().splitlines())
    [token] = [value for name, _, value in lines if name == "PLANE_TOKEN_THOT"]
    print(f"\n### A token at work: thot creates a work item and reads it back, at {url}")
    workspace = "/api/v1/workspaces/javisi/"

    def ask(method: str, path: str, **body: str) -> Any:
        print(f"$ curl -H 'X-API-Key: …' -X {method} {url}{path}" + (f" -d '{json.dumps(body)}'" if body else ""))
        response = requests.request(method, url + path, headers={"X-API-Key": token}, json=body or None, timeout=30)
        response.raise_for_status()
        return response.json()

    [project] = [one for one in ask("GET", f"{workspace}projects/")["results"] if one["identifier"] == "ONBOARD"]
    ask("POST", f"{workspace}projects/{project['id']}/work-items/", name="Read how agents work here")
    me, item = ask("GET", "/api/v1/users/me/"), ask("GET", f"{workspace}work-items/ONBOARD-1/")
    assert item["created_by"] == me["id"]
    print(f"    ONBOARD-{item['sequence_id']}: {item['name']} (created by {me['email']})")


if __name__ == "__main__":
    sys.exit(main())
