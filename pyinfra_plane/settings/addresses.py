"""Addresses: as a browser sends one in its header Origin, and with a password in it."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult

PORTS = {"http": 80, "https": 443}

EXAMPLE = "https://work.example.com"


def is_encoded(address: str) -> bool:
    """Whether user and password of an address are percent-encoded, so that every program finds the same host."""
    before = address.partition("://")[2].rpartition("@")[0]
    return re.search(r"[/?#@]|%(?![0-9A-Fa-f]{2})", before) is None


class NoOrigin(Exception):
    """An address is more than an origin, or none; the message says why, without the address."""


def origin(parts: SplitResult) -> str:
    """The origin that an address is: lower case, punycode, no port that goes without saying, no slash at the end.

    Args:
        parts: of the address, with a scheme and a host.

    Raises:
        NoOrigin: it is not only that.
    """
    further = {
        "user or password": "@" in parts.netloc,
        "path": parts.path.strip("/") != "",
        "query": parts.query != "",
        "fragment": parts.fragment != "",
    }
    for what, is_there in further.items():
        if is_there:
            raise NoOrigin(f"the address must not have a {what}; give scheme, host and port only, such as {EXAMPLE}")
    host = _host(parts.hostname or "")
    port = "" if parts.port in (None, PORTS.get(parts.scheme)) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def _host(name: str) -> str:
    if ":" in name:
        try:
            return f"[{ipaddress.IPv6Address(name).compressed}]"
        except ValueError:
            raise NoOrigin("the address must have a host name, or an IP address that exists") from None
    if not name.isascii():
        import idna  # takes longer to load than all settings to read

        try:
            name = idna.encode(name, uts46=True).decode()
        except idna.IDNAError:
            raise NoOrigin("the address has a host name that cannot be written in punycode; correct it") from None
    if "_" in name:
        raise NoOrigin("the address must have a host name without an underscore: Plane refuses one, and so does boto3")
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*", name):
        raise NoOrigin("the address must have a host name of letters, digits, dots and dashes")
    return name
