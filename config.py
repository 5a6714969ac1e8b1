"""pyinfra reads this before the inventory: have every host's settings checked before the first connection, and Ctrl-C
end a run where it is safe."""

import os
import sys
from pathlib import Path

from pyinfra import config, state

config.REQUIRE_PYINFRA_VERSION = ">=3.10,<4"

# pyinfra turns this off; compiling the modules here anew on every run takes a tenth of a second.
sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))

from pyinfra_plane.configure import configure  # noqa: E402

configure(state, Path(__file__).with_name("deploy.py"))
