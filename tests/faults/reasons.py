"""What a run says of a host beside what is ordinary: why it failed there."""

from __future__ import annotations

import re

from tests.deploy.target import Run, Target

# What pyinfra says of a host, what is changed, and what a run waits for.
_ORDINARY = re.compile(
    r"[-+~!?=] |Connected$|Ready: |Success$|No changes$|Error: executed |waiting for Plane|Plane limits requests"
)


def reasons(run: Run, target: Target) -> list[str]:
    """The lines that explain why this host failed."""
    # The summary at the end says them again.
    told = run.output.partition("--> Summary:")[0]
    lines = re.findall(rf"^ *\[{re.escape(target.host.name)}\] (.*)$", told, re.M)
    return [line.strip() for line in lines if not _ORDINARY.match(line.strip())]
