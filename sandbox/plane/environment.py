"""The variables that the stand-in reads from the environment of Plane's containers."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

DEFAULT_WEB_URL = "https://work.javisi.local"
PERIODS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True)
class Environment:
    web_url: str
    secure_cookies: bool
    api_key_limit: int
    api_key_period: float
    form_limit: int
    form_period: float
    webhook_hosts: frozenset[str] = frozenset()
    webhook_networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> Environment:
        origins = variables.get("CORS_ALLOWED_ORIGINS", DEFAULT_WEB_URL).split(",")
        limit, period = _rate(variables, "API_KEY_RATE_LIMIT", "60/minute")
        form_limit, form_period = _rate(variables, "AUTHENTICATION_RATE_LIMIT", "10/minute")
        return cls(
            web_url=variables.get("WEB_URL", DEFAULT_WEB_URL).rstrip("/"),
            secure_cookies=all(origin.strip().startswith("https:") for origin in origins if origin.strip()),
            api_key_limit=limit,
            api_key_period=period,
            form_limit=form_limit,
            form_period=form_period,
            webhook_hosts=frozenset(_listed(variables, "WEBHOOK_ALLOWED_HOSTS")),
            webhook_networks=tuple(_networks(_listed(variables, "WEBHOOK_ALLOWED_IPS"))),
        )


def _listed(variables: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(one.strip().lower() for one in variables.get(name, "").split(",") if one.strip())


def _networks(listed: Iterable[str]) -> Iterator[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """The networks; Plane skips an invalid entry."""
    for one in listed:
        with suppress(ValueError):
            yield ipaddress.ip_network(one, strict=False)


def _rate(variables: Mapping[str, str], name: str, default: str) -> tuple[int, float]:
    text = variables.get(name, default)
    match = re.fullmatch(r"(\d+)/([smhd])[a-z]*", text.strip())
    if match is None:
        raise ValueError(f"{name} is {text!r}; it is written like {default}.")
    return int(match[1]), PERIODS[match[2]]
