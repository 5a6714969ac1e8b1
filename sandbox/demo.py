"""`make demo`: the whole deploy against a sandbox, twice: everything is made, and then nothing changes."""

from __future__ import annotations

import json
import shlex
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PORT = 2222
"""The port in inventory.py, as it comes with the deploy."""

DIRECTORY = Path(".sandbox")


def main() -> int:
    """Run the demo; 0 when both runs did well."""
    port = PORT if _is_free(PORT) else 0
    sandbox = subprocess.Popen(
        [sys.executable, "-m", "sandbox", "--port", str(port)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert sandbox.stdout is not None
        greeting = sandbox.stdout.readline()
        if not greeting:
            return sandbox.wait()
        return _deploy_twice()
    except KeyboardInterrupt:
        return 130
    finally:
        sandbox.terminate()
        sandbox.wait()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _deploy_twice() -> int:
    """With an inventory of its own: by now inventory.py may name the hosts of the person who looks at the demo."""
    [host] = json.loads((DIRECTORY / "inventory.json").read_text())["hosts"]
    data = {"ssh_hostname": "127.0.0.1", "ssh_port": host["port"]}
    with tempfile.TemporaryDirectory() as folder:
        inventory = Path(folder) / "inventory.py"
        inventory.write_text(f"sandbox = [({host['name']!r}, {data!r})]\n")
        return _show(host, inventory)


def _show(host: Mapping[str, Any], inventory: Path) -> int:
    """Run each step; what is typed for it, with the inventory that comes with the deploy, is shown above it."""
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
    print("The sandbox stops now and leaves nothing behind. To keep one running: make sandbox")
    return 0


if __name__ == "__main__":
    sys.exit(main())
