"""Print a workspace that people created as settings for group_data: with them a deploy changes nothing in it.

python -m pyinfra_plane.adopt inventory.py                            # on standard output; keep it in a file
python -m pyinfra_plane.adopt inventory.py --limit sese --sudo        # further words go to pyinfra as they are
python -m pyinfra_plane.adopt inventory.py --data plane_workspace_slug=lab
python -m pyinfra_plane.adopt inventory.py --webhooks                 # webhooks too; their addresses may hold secrets

It needs an API token of an admin of the workspace (PLANE_ADMIN_API_TOKEN), or agents' tokens in the token file on the
host. Only --webhooks signs in, as plane_admin_email or an admin agent. adopt changes nothing, and prints no secret. The
exit code is 0, or 1 with one line on standard error that says why the workspace cannot be read.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pyinfra_plane.adopt.group_data import AdoptError, blocks
from pyinfra_plane.adopt.source import source
from pyinfra_plane.drift import names_a_deploy
from pyinfra_plane.errors import ExpectedError
from pyinfra_plane.text import printable

FACT = "pyinfra_plane.facts.plane.PlaneWorkspace"

STAGE = re.compile(r"--> (Loading|Connecting|Gathering|Disconnecting) .*|(\[\S+\] (Connected|Loaded fact .*))?")
"""pyinfra's lines about its progress."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the workspace and print it. Returns 0, or 1 if it cannot be read."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if {"-h", "--help"} & {*given}:
        print(str(__doc__).rstrip())
        return 0
    try:
        host, seen = _read(given)
        print(source(blocks(host, seen)), end="", flush=True)
    except ExpectedError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; nothing was changed", file=sys.stderr)
        return 1
    return 0


def _read(given: Sequence[str]) -> tuple[str, Mapping[str, Any]]:
    """Read the host and its workspace, by pyinfra's command ``fact``.

    Raises:
        AdoptError: it could not be read, or there are several hosts.
    """
    inventory, *rest = given or ["inventory.py"]
    if inventory.startswith("-") or names_a_deploy(rest):
        raise AdoptError("usage: python -m pyinfra_plane.adopt INVENTORY [OPTIONS OF PYINFRA]")
    if inventory.endswith(".py") and not Path(inventory).exists():
        # pyinfra takes it for the name of a host.
        raise AdoptError(f"the inventory does not exist: {inventory}")
    asked = [FACT, "webhooks=true"] if "--webhooks" in rest else [FACT]
    further = [word for word in rest if word != "--webhooks"]
    command = [sys.executable, "-m", "pyinfra", inventory, "fact", *asked, *further, "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        raise AdoptError(_complaint(done.stderr)) from None
    # pyinfra adds the arguments to the name.
    found: dict[str, Any] = next((hosts for name, hosts in answer.items() if name.partition(" ")[0] == FACT), {})
    unreached = {one["host"]: one["why"] or "" for one in answer.get("hosts", ())}
    names = sorted({*found, *unreached})
    if len(names) > 1:
        raise AdoptError(
            f"adopt reads one workspace at a time, but the inventory has {len(names)} hosts; choose one with --limit: "
            f"{', '.join(names)}"
        )
    for host, seen in found.items():
        # If another host failed, pyinfra exits with 1.
        if seen is not None and not done.returncode:
            return host, seen
    raise AdoptError("; ".join(unreached.values()) or _complaint(done.stderr))


def _complaint(text: str) -> str:
    """Return pyinfra's complaint, in one line."""
    # The summary repeats earlier lines.
    lines = [" ".join(printable(line).split()) for line in text.partition("--> Summary:")[0].splitlines()]
    lines = [line for line in lines if not STAGE.fullmatch(line)]
    for mark in ("PlaneNotRead: ", "--> pyinfra error: "):
        if reasons := [line.partition(mark)[2] for line in lines if mark in line]:
            return "; ".join(reasons)
    return "; ".join(lines) or "pyinfra printed nothing"


if __name__ == "__main__":
    sys.exit(main())
