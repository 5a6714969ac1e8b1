"""What drift finds when somebody changed a finished host, and how the deploy repairs it; recorded as docs/drift.svg."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox.demo import in_sandbox

DRIFT = "python -m pyinfra_plane.drift inventory.py"
REPAIR = "pyinfra inventory.py deploy.py -y"


def show(host: Mapping[str, Any], inventory: Path) -> int:
    """Deploy unseen, change something by hand, and show what drift and a deploy say."""

    def run(command: str, quiet: bool = False) -> int:
        words = command.replace("inventory.py", str(inventory)).split()
        started = [sys.executable, "-m", *(words[2:] if words[0] == "python" else words)]
        output = subprocess.DEVNULL if quiet else None
        return subprocess.run(started, stdout=output, stderr=subprocess.STDOUT).returncode

    if code := run(REPAIR, quiet=True):
        return code
    env_file = Path(host["root"]) / "opt/javisi/configs/plane/plane.env"
    lines = env_file.read_text().splitlines(keepends=True)
    env_file.write_text("".join(line for line in lines if not line.startswith("GUNICORN_WORKERS")))
    tokens = env_file.with_name("agent-tokens.env")
    kept = [line for line in tokens.read_text().splitlines(keepends=True) if not line.startswith("PLANE_TOKEN_CFO")]
    tokens.write_text("".join(kept))
    print("### Somebody removed a variable from plane.env, and the token of cfo.", flush=True)
    for heading, command, expected in (
        ("Drift finds both; its exit code is 2.", DRIFT, 2),
        ("The deploy repairs them.", REPAIR, 0),
        ("Nothing is left to change; the exit code is 0.", DRIFT, 0),
    ):
        print(f"\n### {heading}\n$ {command}", flush=True)
        if run(command) != expected:
            return 1
    return 0


if __name__ == "__main__":
    os.environ.setdefault("PYINFRA_PROGRESS", "off")
    sys.exit(in_sandbox(show))
