"""The hosts of the deploy's own tests."""

from __future__ import annotations

from tests.deploy.conftest import hosts, new_target, target

__all__ = ["hosts", "new_target", "target"]
