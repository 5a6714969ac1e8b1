"""Secrets that can be told from everything else, at every place where the deploy takes one."""

from __future__ import annotations

import secrets as random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pyinfra.api.hiddenvalue import HiddenValue

from pyinfra_plane.settings import derive_password
from tests.deploy.target import CHECKOUT, ENV_FILE, TOKEN_FILE, Target
from tests.leaks.search import Search

ANYTHING = "'\"$&%+/ @:\\>?~~~"
"""What an address, a shell, SQL, JSON and both kinds of base64 write differently."""

CARRIED = "&%+/ @:>?~~~"
"""As far as an env file carries it unchanged."""


def marker(characters: str = ANYTHING) -> str:
    """A secret that nobody else has, with these characters in it."""
    return f"{random.token_hex(4)}{characters}{random.token_hex(12)}"


class FromEnvironment:
    """Stands in an inventory for a value that pyinfra takes from its environment, so that no file holds it."""

    def __init__(self, name: str, hidden: bool = False) -> None:
        self._name = name
        self._hidden = hidden

    def __repr__(self) -> str:
        value = f"__import__('os').environ[{self._name!r}]"
        return f"__import__('pyinfra.api').api.HiddenValue({value})" if self._hidden else value


@dataclass
class Given:
    """What to deploy with: the environment, the host data, and each secret by its name."""

    environment: dict[str, str] = field(repr=False)
    data: dict[str, Any]
    secrets: dict[str, str] = field(repr=False)


def given() -> Given:
    """A secret for each setting that takes one."""
    environment = {
        "POSTGRESQL_PASSWORD": marker(),
        "POSTGRES_SUPERUSER_PASSWORD": marker(),
        "PLANE_SECRET_KEY": marker(CARRIED),
        "PLANE_ADMIN_PASSWORD": marker(),
        "PLANE_CONCIERGE_PASSWORD": marker(),
        "PLANE_AGENT_PASSWORD_SEED": marker(),
        "PLANE_MINIO_ACCESS_KEY": marker(CARRIED),
        "PLANE_MINIO_SECRET_KEY": marker(CARRIED),
        "EMAIL_HOST_PASSWORD": marker(),
        "LEAK_AGENT_PASSWORD": marker(),
        "LEAK_EXTRA": marker(CARRIED),
        "SCOUT_KEY": marker(CARRIED),
    }
    secrets = dict(environment)
    secrets["the password in plane_redis_url"] = redis_password = marker()
    environment["LEAK_REDIS_URL"] = f"redis://plane:{quote(redis_password, safe='')}@redis:6379/4"
    secrets["the password in PLANE_AMQP_URL"] = amqp_password = marker()
    environment["PLANE_AMQP_URL"] = f"redis://:{quote(amqp_password, safe='')}@redis:6379/5"
    seed = HiddenValue(environment["PLANE_AGENT_PASSWORD_SEED"])
    secrets["the derived password of thot"] = derive_password(seed, "thot@javisi.local", "work.example.com").unmask()
    data = {
        "plane_agents": [
            {"name": "concierge", "role": "admin"},
            {"name": "thot"},
            {"name": "imhotep", "password": FromEnvironment("LEAK_AGENT_PASSWORD", hidden=True)},
        ],
        "plane_minio_endpoint": "http://minio:9000",
        "plane_redis_url": FromEnvironment("LEAK_REDIS_URL"),
        "plane_env_extra": {"LLM_API_KEY": FromEnvironment("LEAK_EXTRA", hidden=True), "SCOUT_KEY": None},
        "plane_instance_config": {"EMAIL_HOST": "smtp.example.com", "EMAIL_HOST_PASSWORD": None},
    }
    return Given(environment, data, secrets)


def away(directory: Path) -> tuple[str, ...]:
    """Arguments with which pyinfra writes the traceback of an error of its own here, and not into the checkout."""
    return ("--chdir", str(directory), "--group-data", str(CHECKOUT / "group_data"))


def secrets_of(target: Target, known: Given) -> dict[str, str]:
    """What was given, and what came of it on this host: keys, tokens, sessions."""
    secrets = dict(known.secrets)
    if (target.host.root / ENV_FILE).exists():
        secrets["the SECRET_KEY in the file"] = target.variables(ENV_FILE)["SECRET_KEY"]
    if (target.host.root / TOKEN_FILE).exists():
        secrets.update({f"the saved token of {name}": value for name, value in target.tokens.items()})
    # Those of a run that did not come to save them, too.
    secrets.update({f"a token {row.label}": row.token for row in list(target.plane.api_tokens.values())})
    secrets.update({f"session {number}": key for number, key in enumerate(list(target.plane.sessions))})
    return secrets


def search_for(target: Target, known: Given) -> Search:
    """A search for all of them."""
    return Search(secrets_of(target, known))
