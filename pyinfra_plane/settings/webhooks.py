"""``plane_webhooks``: addresses to which Plane reports events in the workspace."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from pyinfra_plane.dataclass import dataclass
from pyinfra_plane.settings import checks
from pyinfra_plane.settings.checks import also, being, optional, then
from pyinfra_plane.settings.values import entries, entry

EVENTS = ("project", "issue", "issue_comment", "cycle", "module")
"""The events that a webhook can receive, by Plane's names (every tried release)."""

LONGEST_URL = 1024
"""Maximum characters of an address that Plane stores (every tried release)."""

SECRET_PREFIX = "PLANE_WEBHOOK_SECRET_"  # noqa: S105 - the start of names
"""The start of the names in the file with the webhooks' secrets."""

_DOMAIN = re.compile(r"([a-z0-9-]+\.)+[a-z][a-z0-9-]*[a-z0-9]", re.IGNORECASE | re.ASCII)


def _is_host(url: str) -> bool:
    """Whether Plane accepts the host: an IP address, or a name with a dot (every tried release)."""
    try:
        host = urlsplit(url).hostname or ""
        ip_address(host)
    except ValueError:
        return _DOMAIN.fullmatch(host) is not None
    return True


def is_disallowed_address(url: str, extra: Mapping[str, str]) -> bool:
    """Whether the host is a private IP address that these variables of Plane do not allow (Plane 1.3.1, its source).

    A name is not resolved: only the API's container can tell its address.
    """
    host = (urlsplit(url).hostname or "").rstrip(".").lower()
    try:
        address = ip_address(host)
    except ValueError:
        return False
    if not (address.is_private or address.is_loopback or address.is_reserved or address.is_link_local):
        return False
    return host not in _listed(extra, "WEBHOOK_ALLOWED_HOSTS") and not any(
        _is_in(host, network) for network in _listed(extra, "WEBHOOK_ALLOWED_IPS")
    )


def _listed(extra: Mapping[str, str], name: str) -> list[str]:
    return [one.strip().rstrip(".").lower() for one in extra.get(name, "").split(",")]


def _is_in(host: str, network: str) -> bool:
    try:
        return ip_address(host) in ip_network(network, strict=False)
    except ValueError:
        return False  # Plane ignores it too.


_short = also(checks.page_url, f"have at most {LONGEST_URL} characters", lambda url: len(url) <= LONGEST_URL)
_url = also(_short, "have a host with a dot in its name, such as n8n.internal, because Plane takes no other", _is_host)
_events = being(
    f"a list of {', '.join(EVENTS)}",
    lambda value: isinstance(value, (list, tuple)) and len(value) > 0 and all(one in EVENTS for one in value),
)


@dataclass(frozen=True)
class Webhook:
    """A webhook of the workspace, identified by the id that is saved with its secret, or by its address.

    Its secret is saved under `name`.
    """

    name: str = entry(checks.text(r"[A-Za-z][A-Za-z0-9_-]{0,47}", "letters, digits, dashes, underscores, at most 48"))
    url: str = entry(_url)
    events: tuple[str, ...] = entry(optional(then(_events, tuple), EVENTS), EVENTS)
    active: bool | None = entry(optional(checks.flag), None)
    present: bool = entry(optional(checks.flag, True), True)

    @property
    def variable(self) -> str:
        """The name of its line in the file with the webhooks' secrets, such as ``PLANE_WEBHOOK_SECRET_N8N``."""
        return SECRET_PREFIX + re.sub(r"[^A-Z0-9]", "_", self.name.upper())


plane_webhooks = entries(Webhook, "url", "variable")
"""Every webhook."""
