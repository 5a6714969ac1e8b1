"""The function that a deploy's ``config.py`` calls, before pyinfra reads the inventory."""

from __future__ import annotations

import atexit
import gc
import sys
from importlib.util import find_spec
from pathlib import Path

from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.state import State

PACKAGES = ("requests", "zxcvbn")
"""Packages that are needed besides pyinfra, which may be installed on its own."""

SEARCH_EVERY = 50_000
"""The number of new objects after which Python searches for unreachable ones."""


def configure(state: State, deploy: Path | None = None) -> None:
    """Check the settings of all hosts before the first connection, show plans and a summary, and stop safely at Ctrl-C.

    Without it, ``deploy.py`` finds the same problems, after connecting.

    Args:
        state: the state of the run, pyinfra's ``state``.
        deploy: the deploy with the parts ``database``, ``environment`` and ``provisioning``; if a command runs it, all
            of its secrets must be given.

    Raises:
        PyinfraError: a package is missing.
    """
    absent = [name for name in PACKAGES if find_spec(name) is None]
    if absent:
        raise PyinfraError(
            f"this pyinfra's Python has no {' and no '.join(absent)}; run the pyinfra that was installed from "
            f"requirements.txt (. .venv/bin/activate), or: {sys.executable} -m pip install {' '.join(absent)}"
        )
    _collect_rarely()
    # Only after the packages are known to exist.
    from pyinfra_plane.engine import interrupt, patches, report
    from pyinfra_plane.settings import preflight

    parts: list[str] = []

    def before_connecting(state: State) -> None:
        parts.extend(preflight.before_connecting(state, deploy))
        report.note_ends(state)

    def before_operations() -> None:
        if "provisioning" in parts:
            preflight.import_client()

    _change_pyinfra()
    patches.stages(state, before_connecting, before_operations)
    patches.failed_hosts(state, report.print_json_without_hosts)
    interrupt.take_signal(state)


def _change_pyinfra() -> None:
    """Apply the patches that do not depend on the run."""
    from pyinfra_plane.engine import patches, report
    from pyinfra_plane.engine.connecting import fail
    from pyinfra_plane.settings import preflight
    from pyinfra_plane.settings.table import MAY_HOLD_SECRETS, Settings

    report.prepare_output({name: name in MAY_HOLD_SECRETS for name in Settings.__dataclass_fields__})
    patches.no_colours()
    patches.hide_deletion_errors()
    patches.question_without_terminal()
    patches.cheap_operations()
    patches.cheap_packets()
    patches.immediate_packets()
    patches.connection_failures(fail)
    patches.inventory_mistakes()
    patches.connectors_found_once()
    patches.group_data_parsed_once()
    patches.conflicting_data(preflight.conflicts)
    patches.wrapped_passwords(lambda host: preflight.resolved(host)[0])
    patches.passwords_for_su_and_sudo()
    patches.received_output()
    patches.any_bytes()


def _collect_rarely() -> None:
    """Spare Python most searches for unreachable objects: a run keeps most of what it creates.

    With Python's own limit of 700, they take a tenth of the CPU of a run. Those at its end take another 18 ms.
    """
    gc.freeze()
    gc.set_threshold(SEARCH_EVERY)
    atexit.register(gc.freeze)
