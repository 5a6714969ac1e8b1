"""`make demo`: the whole deploy against a sandbox, twice: everything is made, and then nothing changes."""

from __future__ import annotations

import json
import shlex
import socket
import subprocess
import sys
from pathlib import Path

PORT = 2222
"""The port in inventory.py."""

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
    state = json.loads((DIRECTORY / "inventory.json").read_text())
    host = state["hosts"][0]
    further = [] if host["port"] == PORT else ["--data", f"ssh_port={host['port']}"]
    steps = {
        "A new host, and what would be made on it:": "--dry",
        "Everything is made.": "-y",
        "The same again: nothing changes.": "-y",
    }
    for heading, mode in steps.items():
        command = ["pyinfra", "inventory.py", "deploy.py", mode, *further]
        print(f"\n### {heading}\n$ {shlex.join(command)}", flush=True)
        code = subprocess.run([sys.executable, "-m", *command], stderr=subprocess.STDOUT).returncode
        if code:
            return code
    tokens = Path(host["root"]) / "opt/javisi/configs/plane/agent-tokens.env"
    names = [line.partition("=")[0] for line in tokens.read_text().splitlines() if not line.startswith("#")]
    print(f"\n### The tokens are on the host, readable by its owner alone, in {tokens.relative_to(Path.cwd())}:")
    print("    " + "\n    ".join(f"{name}=…" for name in names))
    print("The sandbox stops now and leaves nothing behind. To keep one running: make sandbox")
    return 0


if __name__ == "__main__":
    sys.exit(main())
