"""pyinfra reads this file before the inventory.

It checks every host's settings before the first connection, and lets Ctrl-C stop a run at a safe point.
"""

import os
import sys
from pathlib import Path

from pyinfra import config, state

config.REQUIRE_PYINFRA_VERSION = ">=3.10,<4"

# pyinfra turns bytecode off; compiling these modules again on every run takes a tenth of a second.
sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))

from pyinfra_plane.configure import configure  # noqa: E402

configure(state, Path(__file__).with_name("deploy.py"))
