"""Convert the output of `python -m pyinfra_plane.drift --json` to metrics for Prometheus.

The metrics are for the textfile collector of node_exporter:

    python examples/drift/metrics.py drift.json plane.prom

Needs Python only. The file is replaced as a whole, so that half of it is never read.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

UNKNOWN = 1
CHANGES = "+~-"


def metrics(found: Mapping[str, Any], now: float) -> str:
    """The metrics.

    Args:
        found: the JSON of drift; empty if there is none.
        now: seconds since 1970.
    """
    lines = [
        "# HELP plane_drift_code 0: nothing would change, 2: something would, 1: it cannot be told.",
        "# TYPE plane_drift_code gauge",
        f"plane_drift_code {found.get('code', UNKNOWN)}",
        "# HELP plane_drift_time_seconds When this was looked at last.",
        "# TYPE plane_drift_time_seconds gauge",
        f"plane_drift_time_seconds {now:.0f}",
        "# HELP plane_drift_changes What a deploy would make (+), change (~) or remove (-) on a host.",
        "# TYPE plane_drift_changes gauge",
    ]
    for host in found.get("hosts", ()):
        signs = Counter(line["sign"] for line in host["lines"])
        name = str(host["host"]).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        lines += [f'plane_drift_changes{{host="{name}",sign="{sign}"}} {signs[sign]}' for sign in CHANGES]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Read the first file, write the second one."""
    source, target = map(Path, sys.argv[1:])
    try:
        found = json.loads(source.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = {}
    new = target.with_name(f".{target.name}.new")
    new.write_text(metrics(found, time.time()), encoding="utf-8")
    new.replace(target)


if __name__ == "__main__":
    main()
