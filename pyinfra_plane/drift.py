"""Report whether a deploy would change something, as an exit code: for a timer, a monitor, a CI job.

python -m pyinfra_plane.drift inventory.py                            # previews deploy.py
python -m pyinfra_plane.drift inventory.py deploy.environment         # one part of it
python -m pyinfra_plane.drift inventory.py --limit sese --sudo        # further words go to pyinfra as they are
python -m pyinfra_plane.drift inventory.py --json                     # the same as JSON

Prints the plan's lines, each with its host, on standard output; nothing is changed. The exit code is

    0    nothing would change
    2    something would change; there may be more that cannot be checked before the run
    1    not known: a host could not be reached, a setting is wrong, or the plan has only lines that begin
         with ``?`` or say ``! would fail``. The reason is on standard error

With ``--json`` one object is printed: ``code`` and ``meaning`` (``same``, ``different``, ``unknown``), ``why`` (the
text that is otherwise on standard error), and ``hosts``, each with ``host``, ``outcome`` (``previewed``, ``would
fail``, ``not reached``, ``failed``), ``why``, and ``lines``, each with ``operation``, ``sign`` and ``line``.

So 1 takes precedence over 2 if a host could not be checked. GNU make exits with 2 after any failed command: if you need
the code, call this and not ``make drift``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any

from pyinfra_plane.dataclass import dataclass

SAME, UNKNOWN, DIFFERENT = 0, 1, 2

_CERTAIN = ("+", "~", "-")

WITH_VALUE = frozenset((
    "--limit", "--exclude", "--fail-percent", "--data", "--group-data", "--config", "--chdir", "--sudo-user",
    "--su-user", "--dzdo-user", "--shell-executable", "--parallel", "--retry", "--retry-delay", "--ssh-user", "--user",
    "--ssh-port", "--port", "--ssh-key", "--key", "--ssh-key-password", "--key-password", "--ssh-password",
    "--password",
))  # fmt: skip
"""pyinfra's options (3.10) with a value, which is the next word if the option has no ``=``."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Preview the deploy, print its plan, and return one of the three codes."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    as_json = "--json" in given
    given = [word for word in given if word != "--json"]
    found = _Found()
    found.code = _look(given, found)
    if as_json:
        print(json.dumps(found.as_json(), indent=2, ensure_ascii=False))
    else:
        print("\n".join(found.shown), end="\n" if found.shown else "", flush=True)
        if found.why:
            print(found.why, file=sys.stderr)
    return found.code


@dataclass
class _Found:
    """The result of a preview.

    Args:
        shown: the lines for people.
        why: the reason if it is not known whether something would change.
    """

    code: int = UNKNOWN
    shown: list[str] = field(default_factory=list)
    why: str = ""
    hosts: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        meaning = {SAME: "same", DIFFERENT: "different", UNKNOWN: "unknown"}[self.code]
        return {"code": self.code, "meaning": meaning, "why": self.why or None, "hosts": self.hosts}

    def cannot_tell(self, reason: str) -> int:
        self.why = reason.rstrip("\n")
        return UNKNOWN


def _look(given: list[str], found: _Found) -> int:
    """Preview the deploy; return one of the three codes."""
    inventory, *rest = given or ["inventory.py"]
    if inventory in ("-h", "--help"):
        found.shown.append(str(__doc__).rstrip())
        return SAME
    if inventory.startswith("-") or {"-y", "--yes"} & {*rest}:
        # With -y pyinfra compares nothing, and every host would seem to have no changes.
        return found.cannot_tell(
            "usage: python -m pyinfra_plane.drift INVENTORY [DEPLOY] [OPTIONS OF PYINFRA, but not -y]"
        )
    if inventory.endswith(".py") and not Path(inventory).exists():
        # pyinfra takes it for the name of a host, and exits with 0.
        return found.cannot_tell(f"the inventory does not exist: {inventory}")
    if not names_a_deploy(rest):
        rest.insert(0, "deploy.py")
    try:
        done = _preview([inventory, *rest])
    except KeyboardInterrupt:
        return found.cannot_tell("interrupted before the preview finished")
    return _judge(done, found)


def _preview(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run pyinfra's preview, and return its output."""
    environment = {name: value for name, value in os.environ.items() if name != "PYINFRA_YES"}
    command = [sys.executable, "-m", "pyinfra", *words, "--dry", "--json"]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def _judge(done: subprocess.CompletedProcess[str], found: _Found) -> int:
    """Evaluate a preview; return one of the three codes."""
    try:
        answer = json.loads(done.stdout)
        plan, found.hosts = answer["plan"], answer.get("hosts", [])
    except (ValueError, KeyError, TypeError):
        return found.cannot_tell(done.stderr or "pyinfra printed nothing; run the same with pyinfra … --dry")
    found.shown += [f"[{host}] {line}" for host, line in _lines(plan)]
    reasons = [f"[{host['host']}] {host['why']}" for host in found.hosts if host["why"]]
    if reasons:
        return found.cannot_tell("\n".join(reasons))
    if done.returncode:
        # Errors are between the plan's own lines.
        said = (line for line in done.stderr.splitlines() if line.strip() not in found.shown)
        return found.cannot_tell("\n".join(said))
    if not plan:
        return found.cannot_tell(
            "no operation was checked; check that the inventory has a host and that --limit includes it"
        )
    code = _code(plan)
    if code == SAME:
        found.shown.append("nothing to change")
    return code


def names_a_deploy(words: Sequence[str]) -> bool:
    """Whether one of pyinfra's words is neither an option nor the value of one."""
    return any(
        not word.startswith("-") and before not in WITH_VALUE for before, word in zip(["", *words], words, strict=False)
    )


def _lines(plan: Sequence[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yield changes and notes by host; an operation without text is named."""
    for operation in plan:
        spoken = set()
        for line in _ours(operation):
            spoken.add(line["host"])
            yield line["host"], line["line"]
        for host in {*operation["hosts_with_change"]} - spoken:
            yield host, f"~ {operation['names'][0]}"
        for host in operation["hosts_with_conditional_change"]:
            yield host, f"? {operation['names'][0]}"


def _code(plan: Sequence[dict[str, Any]]) -> int:
    code = SAME
    for operation in plan:
        signs: dict[str, list[str]] = {}
        for line in _ours(operation):
            signs.setdefault(line["host"], []).append(line["sign"])
        for host in operation["hosts_with_change"]:
            if any(sign in _CERTAIN for sign in signs.get(host, _CERTAIN)):
                return DIFFERENT
            code = UNKNOWN
        if operation["hosts_with_conditional_change"]:
            code = UNKNOWN
    return code


def _ours(operation: dict[str, Any]) -> Iterator[dict[str, str]]:
    """Yield the lines of an operation of this deploy; pyinfra's own operations have their arguments there."""
    yield from (line for line in operation["args"] if isinstance(line, dict) and {"host", "sign", "line"} <= {*line})


if __name__ == "__main__":
    sys.exit(main())
