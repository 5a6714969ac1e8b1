"""The check of each kind of value: functions that build checks, and the checks of single settings."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pyinfra_plane.settings.values import Check, Given

T = TypeVar("T")
U = TypeVar("U")

CHARACTER = r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]"
"""No control character, and no lone surrogate, which UTF-8 cannot encode."""

LONGEST_PATH = 4000
LONGEST_PART = 240
"""Maximum bytes of a path and of a name in it: Linux allows 4,095 and 255, and a file gets a longer name while it is
written."""

# The words that Plane 1.2.2 reports as taken on an instance without workspaces, out of 410 that were tried.
RESERVED_SLUGS = frozenset(
    """
    404 accounts admin api billing business calendar chat config configuration create-workspace dashboard desktop
    enterprise epics god-mode import initiatives installations instance instances integration integrations
    invitations license licenses live mobile onboarding one pages password plane-pro plane-ultimate pro profile
    settings sign-in sign-up signin signup spaces upgrade workspace-invitations
    """.split()  # noqa: SIM905 - one a line would fill the screen
)

# PostgreSQL reserves these (15 and 18): such a role cannot be created, such a database cannot be changed.
RESERVED_ROLES = re.compile(r"pg_.*|public|none", re.DOTALL)
RESERVED_DATABASES = re.compile(r"template[01]")


def being(wanted: str, good: Callable[[Any], bool]) -> Check[Any]:
    """Accept a value for which `good` holds; refuse others with the text `wanted`."""

    def check(given: Given) -> Any:
        if not good(given.value):
            given.must_be(wanted)
        return given.value

    return check


def also(check: Check[T], what: str, good: Callable[[T], bool], shown: bool = True) -> Check[T]:
    """As `check`, and `good` must hold for the checked value; refuse others with the text `what`."""

    def checked(given: Given) -> T:
        value = check(given)
        if not good(value):
            given.must(what, shown)
        return value

    return checked


def then(check: Check[T], change: Callable[[T], U]) -> Check[U]:
    """Check a value, and return the result of `change` for it."""
    return lambda given: change(check(given))


def optional(check: Check[T], default: Any = None) -> Check[Any]:
    """As `check`, or ``None``, which stands for `default`, or for its result if it is a function."""

    def checked(given: Given) -> Any:
        if given.value is None:
            return default(given) if callable(default) else default
        return check(replace(given, may_be_none=True))

    return checked


def text(pattern: str, wanted: str) -> Check[str]:
    """Accept one line of text that matches `pattern` as a whole."""
    return being(wanted, lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None)


def number(low: int, high: int) -> Check[int]:
    """Accept a whole number from `low` to `high`."""
    return being(
        f"a whole number from {low} to {high}",
        lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high,
    )


def choice(*allowed: str) -> Check[str]:
    """Accept one of `allowed`."""
    return being(f"one of {', '.join(allowed)}", lambda value: isinstance(value, str) and value in allowed)


def list_of(check: Check[T], wanted: str) -> Check[tuple[T, ...]]:
    """Accept a list of at least one element, each checked by `check`."""
    filled = being(wanted, lambda value: isinstance(value, (list, tuple)) and len(value) > 0)
    return lambda given: tuple(one.checked(check) for one in given.elements()) if filled(given) else ()


def name_of(longest: int) -> Check[str]:
    """Accept a name. Plane strips blanks at its ends (every tried release), so they would differ on every run."""
    pattern = rf"(?!\s){CHARACTER}{{1,{longest}}}(?<!\s)"
    return text(pattern, f"one line, at most {longest} characters, without leading or trailing blanks")


def account(what: str, or_group: bool = False) -> Check[str]:
    """Accept the name or number of a user or group; with `or_group` also both, as ``user:group``."""
    pattern = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
    return text(rf"{pattern}(:{pattern})?" if or_group else pattern, f"a {what}'s name or number")


def postgres_name(reserved: re.Pattern[str] | None = None) -> Check[str]:
    """Accept the name of a role or database that does not match `reserved`."""
    # psql parses a database's name with "=" or an address in it as a connection string.
    wanted = "a PostgreSQL name: one line, at most 63 bytes, without ="
    line = text(rf"(?!postgres(ql)?://)(?:(?!=){CHARACTER})+", wanted)
    short = also(line, f"be {wanted}", lambda value: len(value.encode()) <= 63)
    kept = "not be a name that PostgreSQL reserves"
    return also(short, kept, lambda value: reserved is None or not reserved.fullmatch(value))


def path(*settings: str) -> Check[str]:
    """Accept a path, with each ``{setting}`` in it replaced by that setting's value."""
    whole = text(rf"{CHARACTER}*(?!/){CHARACTER}", "a path that does not end in /")

    def filled(given: Given) -> str:
        value = whole(given)
        for setting in settings:
            value = value.replace("{" + setting + "}", given.siblings[setting] or "")
        return value

    no_option = also(filled, "be a path that does not start with a dash", lambda value: not value.startswith("-"))
    short = also(no_option, f"have at most {LONGEST_PATH} bytes", lambda value: len(value.encode()) <= LONGEST_PATH)
    parts = f"have at most {LONGEST_PART} bytes from one / to the next"
    return also(short, parts, lambda value: max(map(len, value.encode().split(b"/"))) <= LONGEST_PART)


def is_text(value: object) -> bool:
    """Whether Plane can store it: its database accepts no NUL, and a lone surrogate is no text."""
    return isinstance(value, str) and not re.search(r"[\x00\ud800-\udfff]", value)


flag: Check[bool] = being("True or False", lambda value: isinstance(value, bool))
name = name_of(255)
text_or_empty = text(rf"{CHARACTER}{{0,255}}", "one line of text, at most 255 characters")
container = text(r"[A-Za-z0-9][A-Za-z0-9_.-]*", "a container's name")
service = text(r"[A-Za-z0-9][A-Za-z0-9._-]*", "a service's name")
services = list_of(service, "a list of service names")
bucket = text(r"[a-z0-9][a-z0-9.-]{2,62}", "an S3 bucket's name")
region = text(r"[a-z0-9-]{1,63}", "a region such as eu-central-1 or auto")
local_file = text(rf"{CHARACTER}+", "the path of a certificate file on this machine")
port = number(1, 65535)
page_url = text(rf"https?://(?:(?!\s){CHARACTER})+", "an address that starts with http:// or https://")
color = text(r"#[0-9A-Fa-f]{6}", "a colour such as #3f76ff")
# Plane stores it without them (every tried release): a line break at the end of a long text would differ on every run.
words: Check[str] = then(being("text", is_text), str.strip)
slug = also(
    text(r"[A-Za-z0-9_-]{1,48}", "letters, digits, - and _, at most 48"),
    "not be a name that Plane reserves",
    lambda value: value.lower() not in RESERVED_SLUGS,
)
workspace_name = also(
    name_of(80), "be a name without an address in it", lambda value: not re.search(r"://|www\.", value)
)


def timezone(given: Given) -> str:
    """Accept the name of an existing time zone; any name on a machine without a database of time zones."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones  # 3 ms, which few settings need

    value = text(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*", "a time zone such as Europe/Berlin")(given)
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        if known := available_timezones():
            near = difflib.get_close_matches(value, known, n=1)
            given.must_be(f"a time zone; did you mean {near[0]}?" if near else "a time zone such as Europe/Berlin")
    return value


def host_of_web_url(given: Given) -> str:
    """Return the host in ``plane_web_url``."""
    return urlsplit(given.siblings["plane_web_url"] or "").hostname or ""


def rotate(given: Given) -> frozenset[str]:
    """Return the names of the agents whose tokens must be rotated."""
    value, known = given.value, [agent.name for agent in given.siblings["plane_agents"] or ()]
    names = value.replace(",", " ").split() if isinstance(value, str) else value
    wanted = "all, or names of agents, separated by commas"
    if not isinstance(names, (list, tuple)) or not names or not all(isinstance(one, str) for one in names):
        given.must_be(wanted)
    if list(names) == ["all"]:
        return frozenset(known)
    if unknown := [one for one in names if one not in known]:
        replace(given, value=", ".join(unknown)).must_be(wanted)
    return frozenset(names)
