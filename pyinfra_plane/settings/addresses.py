"""Checks of addresses: of accounts, hosts and services.

A service's address may hold a password, so it is never shown.
"""

from __future__ import annotations

import ipaddress
import re
from contextlib import suppress
from urllib.parse import urlsplit

from pyinfra.api.hiddenvalue import HiddenValue

from pyinfra_plane.settings.checks import also, text, then
from pyinfra_plane.settings.values import Check, Given

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[^\W_](?:(?:[^\W_]|-)*[^\W_])?"

EMAIL = rf"(?=.{{1,254}}\Z){_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})+"
"""The addresses that Plane accepts: Django's rule, without quoted names and numeric hosts."""

_HOST = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*"


email: Check[str] = then(text(EMAIL, "an address such as thot@javisi.local"), str.lower)


def _is_host(value: str) -> bool:
    try:
        return ":" not in value or bool(ipaddress.IPv6Address(value))
    except ValueError:
        return False


host = also(text(r"[A-Za-z0-9_.:-]+", "a host name"), "be a host name or an address without its port", _is_host)


def url(*schemes: str) -> Check[str]:
    """Check an address with one of these schemes."""
    return lambda given: _url(given, given.found(), schemes)


def secret_url(default: str, *schemes: str) -> Check[HiddenValue]:
    """Check an address with a password in it, from the first source that has it; `default` if no source has it."""

    def check(given: Given) -> HiddenValue:
        value = given.found(given.own_variable())
        return HiddenValue(_url(given, default if value is None else value, schemes))

    return check


def _url(given: Given, value: object, schemes: tuple[str, ...]) -> str:
    wanted = f"an address that starts with {' or '.join(f'{scheme}://' for scheme in schemes)} and names a host"
    if not isinstance(value, str) or re.search(r"[\s\x00-\x1f\x7f-\x9f\ud800-\udfff]", value):
        given.must_be(wanted, shown=False)
    # Programs disagree about which part of such an address is its host.
    if re.search(r"[/?#@]|%(?![0-9A-Fa-f]{2})", value.partition("://")[2].rpartition("@")[0]):
        codes = "%23 for #, %2F for /, %3F for ?, %40 for @, %3A for : and %25 for %"
        given.must(f"have a percent-encoded user and password: write {codes}", shown=False)
    try:
        parts = urlsplit(value)
        good = parts.scheme in schemes and parts.port != 0 and _is_host(parts.hostname or ":")
    except ValueError:
        good = False
    return value if good else given.must_be(wanted, shown=False)


def _without_underscore(address: str) -> bool:
    return "_" not in (urlsplit(address).hostname or "")


api_url = also(
    also(
        then(url("http", "https"), lambda address: address.rstrip("/")),
        "not have a user, password, query or fragment",
        lambda address: not re.search(r"[@?#]", address),
        shown=False,
    ),
    # Seen on every tried release: Django answers 400 to such a Host, regardless of ALLOWED_HOSTS.
    "have a host name without an underscore, since Plane refuses one; use the address, or None",
    _without_underscore,
)

_origin = also(
    also(
        url("https", "http"),
        "be a single address; other origins go into plane_env_extra, as CORS_ALLOWED_ORIGINS",
        lambda address: "," not in address,
        shown=False,
    ),
    "not have a user, password, path, query or fragment, only scheme, host and port, as in https://work.example.com",
    lambda address: not re.search(r"[@?#]", address) and urlsplit(address).path.strip("/") == "",
    shown=False,
)


def origin(given: Given) -> str:
    """Check an address, and return it in the form of a browser's Origin header.

    That is lower case, in punycode, without the scheme's default port, and without a trailing slash.
    """
    parts = urlsplit(_origin(given))
    host = parts.hostname or ""
    if ":" in host:
        host = f"[{ipaddress.IPv6Address(host).compressed}]"
    else:
        if not host.isascii():
            import idna  # takes longer to load than reading all settings

            with suppress(idna.IDNAError):
                host = idna.encode(host, uts46=True).decode()
        if "_" in host:
            given.must("have a host name without an underscore: Plane refuses one, and so does boto3", shown=False)
        if not re.fullmatch(_HOST, host):
            given.must("have a host name of letters that punycode has, digits, dots and dashes", shown=False)
    is_usual = parts.port in (None, {"http": 80, "https": 443}[parts.scheme])
    return f"{parts.scheme}://{host}" + ("" if is_usual else f":{parts.port}")
