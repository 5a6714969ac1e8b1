"""pyinfra reads this before the inventory: have every host's settings checked before the first connection, and Ctrl-C
end a run where it is safe."""

import os
import sys

from pyinfra import config, state

config.REQUIRE_PYINFRA_VERSION = ">=3.10,<4"

# pyinfra turns this off; compiling the modules here anew on every run takes a tenth of a second.
sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))

from operations.interrupt import take_over  # noqa: E402
from operations.report import note_ends, prepare_output, print_json_without_hosts  # noqa: E402
from settings.connecting import explain_connections  # noqa: E402
from settings.preflight import (  # noqa: E402
    answer_without_terminal,
    check_before_connecting,
    check_installed,
    explain_inventory,
    refuse_conflicting_data,
)
from settings.wrapped import accept_wrapped, hand_over_passwords  # noqa: E402
from target import bound_what_comes  # noqa: E402

check_installed()
prepare_output()
answer_without_terminal()
explain_connections()
explain_inventory()
refuse_conflicting_data()
accept_wrapped()
hand_over_passwords()
bound_what_comes()
check_before_connecting(state, note_ends)
take_over(state, print_json_without_hosts)
