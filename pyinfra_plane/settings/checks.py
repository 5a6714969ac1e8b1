"""What each kind of setting may be: a check takes a host's values and a setting's name, and gives the checked value.

Every problem is kept for one report; a check then gives something of the right type.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import TypeVar
from urllib.parse import urlsplit

from pyinfra.api.hiddenvalue import HiddenValue

from pyinfra_plane.settings.entries import ACCOUNT as ACCOUNT
from pyinfra_plane.settings.entries import EMAIL
from pyinfra_plane.settings.passwords import is_weak
from pyinfra_plane.settings.values import CHARACTER, MISSING, NAME, NAME_WANTED, Values, name_of
from pyinfra_plane.text import as_text

T = TypeVar("T")

Check = Callable[[Values, str], T]

# What Plane 1.2.2 says is not free on an instance without workspaces, out of 410 words that were tried.
RESERVED_SLUGS = frozenset(
    """
    404 accounts admin api billing business calendar chat config configuration create-workspace dashboard desktop
    enterprise epics god-mode import initiatives installations instance instances integration integrations
    invitations license licenses live mobile onboarding one pages password plane-pro plane-ultimate pro profile
    settings sign-in sign-up signin signup spaces upgrade workspace-invitations
    """.split()  # noqa: SIM905 - one a line would fill the screen
)

# Databases of their own in the shared Redis: Plane has no key prefix.
REDIS_URL = "redis://redis:6379/4"
AMQP_URL = "redis://redis:6379/5"

BUCKET = r"[a-z0-9][a-z0-9.-]{2,62}"
CONTAINER = r"[A-Za-z0-9][A-Za-z0-9_.-]*"
SERVICE = r"[A-Za-z0-9][A-Za-z0-9._-]*"
TEXT = "one line of text, at most 255 characters"

# PostgreSQL keeps these for itself (15 and 18): such a role cannot be made, such a database cannot be changed.
RESERVED_ROLES = re.compile(r"pg_.*|public|none", re.DOTALL)
RESERVED_DATABASES = re.compile(r"template[01]")


# Kinds


def optional(check: Check[T]) -> Check[T | None]:
    """As `check`, or ``None``."""

    def checked(values: Values, name: str) -> T | None:
        return None if values.data.get(name) is None else check(values, name)

    return checked


def text(pattern: str, wanted: str) -> Check[str]:
    """One line of text that matches `pattern` as a whole."""
    return lambda values, name: values.text(name, pattern, wanted)


def optional_text(pattern: str, wanted: str) -> Check[str | None]:
    """As :func:`text`, or ``None``."""
    return lambda values, name: values.optional(name, pattern, wanted)


def number(low: int, high: int) -> Check[int]:
    """A whole number from `low` to `high`."""
    return lambda values, name: values.number(name, low, high)


def choice(*allowed: str) -> Check[str]:
    """One of `allowed`."""
    return lambda values, name: values.choice(name, *allowed)


def path(*settings: str) -> Check[str]:
    """A path, with each ``{setting}`` in it replaced by that setting's value."""
    return lambda values, name: values.path(name, **{setting: values.checked[setting] for setting in settings})


def url(*schemes: str) -> Check[str]:
    """An address with one of these schemes."""
    return lambda values, name: values.url(name, *schemes)


def secret_url(default: str, *schemes: str) -> Check[HiddenValue]:
    """An address with a password in it, or `default` if it is given nowhere."""
    return lambda values, name: values.secret_url(name, default, *schemes)


flag: Check[bool] = Values.flag
origin: Check[str] = Values.origin
secret: Check[HiddenValue | None] = Values.secret
container = text(CONTAINER, "a container's name")
optional_container = optional_text(CONTAINER, "a container's name")
optional_service = optional_text(SERVICE, "a service's name")
port = number(1, 65535)


# Single settings


def password(values: Values, name: str) -> HiddenValue | None:
    """The password of an account in Plane."""
    return values.password_of(name, values.secret(name))


def seed(values: Values, name: str) -> HiddenValue | None:
    """What passwords are derived from."""
    value = values.secret(name)
    if value is not None and is_weak(value.unmask()):
        values.problems.append(
            f"{name}: the value (not shown) is too weak for what all agents' passwords are derived from; wanted: score "
            "3 of 4 by zxcvbn (make secrets makes a strong one)"
        )
    return value


def postgres_name(reserved: re.Pattern[str] | None = None) -> Check[str]:
    """The name of a role or database, and not one of `reserved`."""

    def checked(values: Values, name: str) -> str:
        # psql takes a database's name with "=" or an address in it for a connection string.
        wanted = "a PostgreSQL name: one line, at most 63 bytes, without ="
        value = values.text(name, rf"(?!postgres(ql)?://)(?:(?!=){CHARACTER})+", wanted)
        if len(value.encode()) > 63:
            values.refuse(name, value, f"wanted: {wanted}")
        elif reserved is not None and reserved.fullmatch(value):
            values.refuse(name, value, "PostgreSQL keeps this name for itself")
        return value

    return checked


def database_host(values: Values, name: str) -> str:
    """A host without its port; PostgreSQL's container when not given."""
    value = values.optional(name, r"[A-Za-z0-9_.:-]+", "a host name")
    if value and ":" in value:
        try:
            ipaddress.IPv6Address(value)
        except ValueError:
            values.refuse(name, value, "wanted: a host name or an address without its port, or None")
    return value or str(values.checked["postgres_container"])


def api_url(values: Values, name: str) -> str:
    """The address of Plane's API."""
    address = values.url(name, "http", "https").rstrip("/")
    if "@" in address:
        values.problems.append(f"{name}: the address is not allowed; wanted: one without user and password")
        return ""
    if "?" in address or "#" in address:
        values.problems.append(f"{name}: the address is not allowed; wanted: one that ends before any ? or #")
        return ""
    if "_" in (urlsplit(address).hostname or ""):
        # Seen on every tried release: Django answers 400 to such a Host, whatever ALLOWED_HOSTS says.
        values.refuse(name, address, "Plane refuses a host name with an underscore; use the address, or None")
    return address


def email(values: Values, name: str) -> str:
    """An address of an account."""
    return values.text(name, EMAIL, "an address").lower()


def slug(values: Values, name: str) -> str:
    """A workspace's slug."""
    value = values.text(name, r"[A-Za-z0-9_-]{1,48}", "letters, digits, - and _, at most 48")
    if value.lower() in RESERVED_SLUGS:
        values.refuse(name, value, "Plane keeps this name for itself")
    return value


def workspace_name(values: Values, name: str) -> str:
    """A workspace's name."""
    value = values.text(name, name_of(80), "one line, at most 80 characters, without blanks at its ends")
    if re.search(r"://|www\.", value):
        values.refuse(name, value, "wanted: a name without an address in it")
    return value


def seed_host(values: Values, name: str) -> str:
    """What is mixed into derived passwords: the host in ``plane_web_url`` when not given."""
    value = values.optional(name, NAME, NAME_WANTED)
    return value or urlsplit(str(values.checked["plane_web_url"])).hostname or ""


def rotate(values: Values, name: str) -> frozenset[str]:
    """The names of the agents whose tokens are to be rotated."""
    value = values.data.get(name)
    if value is None:
        return frozenset()
    wanted = "wanted: names of agents, separated by commas, or all"
    names = value.replace(",", " ").split() if isinstance(value, str) else value
    known = {agent.name for agent in values.checked["plane_agents"]}
    if not isinstance(names, (list, tuple)) or not names or not all(isinstance(one, str) for one in names):
        values.refuse(name, value, wanted)
        return frozenset()
    if list(names) == ["all"]:
        return frozenset(known)
    for one in names:
        if one not in known:
            values.refuse(name, one, wanted)
    return frozenset(names)


def env_extra(values: Values, name: str) -> dict[str, HiddenValue]:
    """Further variables of the environment file."""
    value = values.data.get(name)
    if not isinstance(value, Mapping):
        values.refuse(name, value, "wanted: a dict of variables")
        return {}
    result = {}
    for key, item in value.items():
        if not isinstance(key, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key):
            values.refuse(name, key, "wanted: names of letters, digits and underscores", is_key=True)
            continue
        found = values.found(f"{name}.{key}", item, key)
        if found is MISSING:
            continue
        if (text := as_text(found)) is None:
            values.problems.append(f"{name}.{key}: the value is not allowed; wanted: text, a number, or None")
            continue
        result[key] = HiddenValue(text)
    return result


def instance_config(values: Values, name: str) -> dict[str, HiddenValue]:
    """Settings that Plane keeps in its own database."""
    value = values.data.get(name)
    if not isinstance(value, Mapping):
        values.refuse(name, value, "wanted: a dict of Plane's instance settings")
        return {}
    result = {}
    for key, item in value.items():
        if not isinstance(key, str) or not re.fullmatch(r"[A-Z][A-Z0-9_]*", key):
            wanted = "wanted: names of capital letters, digits and underscores"
            values.refuse(name, key, wanted, is_key=True)
            continue
        path = f"{name}.{key}"
        found = values.found(path, item, key)
        if found is MISSING:
            continue
        if isinstance(found, bool):
            found = "1" if found else "0"
        text = as_text(found)
        if text is None or re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", text):
            values.problems.append(f"{path}: the value is not allowed; wanted: one line of text, a number, True, False")
            continue
        # Plane 1.3.1 keeps it without blanks around it.
        result[key] = HiddenValue(text.strip())
    return result


def services(values: Values, name: str) -> tuple[str, ...] | None:
    """Names of services, or ``None``."""
    value = values.data.get(name)
    if value is None:
        return None
    wanted = "wanted: a list of service names, or None"
    if not isinstance(value, (list, tuple)) or not value:
        values.refuse(name, value, wanted)
        return ()
    for item in value:
        if not isinstance(item, str) or not re.fullmatch(SERVICE, item):
            values.refuse(name, item, wanted)
    return tuple(item for item in value if isinstance(item, str))
