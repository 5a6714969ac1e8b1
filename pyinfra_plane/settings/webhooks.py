"""``plane_webhooks``: addresses that Plane tells of what happens in the workspace."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pyinfra_plane.settings import entries
from pyinfra_plane.settings.entries import Item, entry
from pyinfra_plane.settings.values import Values

EVENTS = ("project", "issue", "issue_comment", "cycle", "module")
"""What a webhook can be told of, by Plane's names (every tried release)."""


LONGEST_URL = 1024
"""Characters of an address that Plane keeps (every tried release)."""


def _url(item: Item, key: str) -> str:
    url = item.get(key)
    if isinstance(url, str) and entries.is_url(url) and len(url) <= LONGEST_URL:
        return url
    item.refuse(key, url, f"wanted: an address that starts with http:// or https://, at most {LONGEST_URL} characters")
    return ""


def _events(item: Item, key: str) -> tuple[str, ...]:
    events = item.get(key)
    if events is None:
        return EVENTS
    if isinstance(events, (list, tuple)) and events and all(isinstance(one, str) and one in EVENTS for one in events):
        return tuple(events)
    item.refuse(key, events, f"wanted: a list of {', '.join(EVENTS)}")
    return EVENTS


@dataclass(frozen=True)
class Webhook:
    """One webhook of the workspace, known by its address; `name` is what its secret is saved under."""

    name: str = entry(entries.text(r"[A-Za-z][A-Za-z0-9_-]{0,47}", "letters, digits, dashes, underscores, at most 48"))
    url: str = entry(_url)
    events: tuple[str, ...] = entry(_events, EVENTS)
    active: bool | None = entry(entries.flag, None)
    present: bool = entry(lambda item, key: entries.flag(item, key) is not False, True)

    @property
    def variable(self) -> str:
        """The name of its line in the file with the webhooks' secrets, such as ``PLANE_WEBHOOK_SECRET_N8N``."""
        return "PLANE_WEBHOOK_SECRET_" + re.sub(r"[^A-Z0-9]", "_", self.name.upper())


def plane_webhooks(values: Values, name: str) -> tuple[Webhook, ...]:
    """Every webhook."""
    found = [
        entries.read_entry(Webhook, values, path, data) for path, data in values.items(name, values.data.get(name))
    ]
    values.unique(name, "url", [one.url for one in found if one.url])
    values.unique(name, "name in the file of secrets", [one.variable for one in found if one.name])
    return tuple(found)
