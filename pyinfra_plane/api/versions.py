"""The releases of Plane that this code was tested with, and the differences between them.

"Every tried release" in a docstring, a page or a test means :data:`TRIED`.
"""

from __future__ import annotations

import re

Number = tuple[int, ...]

TRIED = ("1.2.2", "1.3.1")
"""Releases of the Community Edition that the deploy was run against. 1.2.2 reports itself as 1.2.0."""

LITE_LISTS: Number = (1, 4)
"""First release with ``members-lite/`` and similar lists, which mark removed members (merged request, OpenAPI
document)."""

LEAD_OF_A_NEW_PROJECT: Number = (1, 4)
"""First release that accepts ``project_lead`` in the request that creates a project. Before, half a project is left."""

NO_PRIVATE_WEBHOOKS: Number = (1, 3, 1)
"""First release that refuses webhooks to private addresses, unless WEBHOOK_ALLOWED_IPS or WEBHOOK_ALLOWED_HOSTS allows
them (Plane's source). Before, only loopback addresses are refused."""


def number(version: str) -> Number | None:
    """The numbers of a version such as ``v1.3.1``; ``None`` if it has none."""
    found = re.match(r"v?(\d{1,9}(?:\.\d{1,9})*)", version.strip(), re.ASCII)
    return tuple(int(part) for part in found[1].split(".")) if found else None


def is_since(version: str, first: Number) -> bool:
    """Whether a version is this one or a newer one. A version without a number counts as old."""
    return (number(version) or (0,)) >= first


def is_untried(version: str) -> bool:
    """Whether a version of the Community Edition is newer than all tested ones."""
    newest = max(number(tried) or () for tried in TRIED)
    return (number(version) or ())[: len(newest)] > newest
