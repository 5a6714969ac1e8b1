"""A deploy file that sends a request through the SSH connection and around it, in turn, and writes the medians."""

from __future__ import annotations

import json
import time
from pathlib import Path
from statistics import median

from pyinfra import host

from pyinfra_plane.api.http import Http
from pyinfra_plane.api.transport import DialAdapter, dial_directly
from pyinfra_plane.host.connection import plane_from


def _timed(http: Http) -> float:
    begun = time.perf_counter()
    http.call("GET", "/")
    return time.perf_counter() - begun


through = plane_from(host, f"http://172.20.1.3:{host.data.plane_api_port}").http
past = Http(host.data.bench_url, DialAdapter(dial_directly))
_timed(through), _timed(past)  # opens the connections
pairs = [(_timed(through), _timed(past)) for _ in range(host.data.bench_requests)]
medians = {"through": median(pair[0] for pair in pairs), "past": median(pair[1] for pair in pairs)}
Path(host.data.bench_report).write_text(json.dumps(medians))
