"""The hosts of the deploy's own tests."""

from __future__ import annotations

from tests.deploy.conftest import hosts, new_target, target
from tests.deploy.settled import settled

__all__ = ["hosts", "new_target", "settled", "target"]
