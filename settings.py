"""The settings of one host, read from pyinfra's data: typed, checked as a whole, secrets wrapped.

Every name, default and meaning is in ``group_data/all.py``; group and host data override it, ``--data`` overrides
both. A secret is looked for in host data, then in the environment under its upper-case name, then in
``<plane_secrets_dir>/<host>.env`` and ``<plane_secrets_dir>/all.env``.
"""

from __future__ import annotations

import base64
import difflib
import hashlib
import hmac
import os
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from pyinfra.api.exceptions import DeployError
from pyinfra.api.hiddenvalue import HiddenValue

ROLES: Mapping[str, int] = {"admin": 20, "member": 15, "guest": 5}
"""Plane's role numbers (1.2.2 and 1.3.1)."""

ROLE_NAMES: Mapping[int, str] = {number: name for name, number in ROLES.items()}

FIELD_TYPES = ("text", "number", "boolean", "date", "url", "email")
"""Custom field types that can be asked for; ``plane_api.properties`` says what Plane calls them."""

SECRETS = (
    "postgres_superuser_password",
    "postgresql_password",
    "plane_secret_key",
    "plane_minio_access_key",
    "plane_minio_secret_key",
    "plane_admin_password",
    "plane_admin_api_token",
    "plane_concierge_password",
    "plane_agent_password_seed",
)

CONCIERGE = "concierge"
"""The agent whose password is a setting of its own, so that a person can sign in as it."""

# What Plane refuses as a slug, as far as seen (1.2.2: "Slug is not valid").
RESERVED_SLUGS = frozenset({"api", "admin", "god-mode", "spaces", "auth", "settings", "accounts"})


class SettingsError(DeployError):
    """The settings of a host cannot be used; the message names each setting, what is wrong and what is allowed."""


@dataclass(frozen=True)
class Agent:
    """One account in the workspace, with its role, its token and its password; `present` is false for one to remove."""

    name: str
    email: str
    role: str
    display_name: str
    password: HiddenValue | None = field(repr=False)
    present: bool = True

    @property
    def role_number(self) -> int:
        """The role as Plane's number: 20, 15 or 5."""
        return ROLES[self.role]

    @property
    def token_label(self) -> str:
        """The label of the agent's API token in Plane."""
        return f"agent-{self.name}"

    @property
    def token_variable(self) -> str:
        """The name of the agent's line in the token file, for example ``PLANE_TOKEN_CONCIERGE``."""
        return token_variable(self.name)


def token_variable(name: str) -> str:
    """The name of an agent's line in the token file."""
    return "PLANE_TOKEN_" + re.sub(r"[^A-Z0-9]", "_", name.upper())


@dataclass(frozen=True)
class CustomField:
    """One custom field ("work item property") of a project."""

    name: str
    type: str


@dataclass(frozen=True)
class Project:
    """One project: everyone in ``plane_agents`` is a member of it."""

    name: str
    identifier: str
    description: str | None
    work_item_type: str | None
    custom_fields: tuple[CustomField, ...]


@dataclass(frozen=True)
class Settings:
    """Every setting of one host, checked. Attribute names are the settings' names."""

    postgres_container: str
    postgres_superuser: str
    postgres_superuser_password: HiddenValue | None
    postgresql_password: HiddenValue | None
    plane_db_name: str
    plane_db_user: str
    plane_db_host: str
    plane_db_port: int
    postgres_init_dir: str | None
    postgres_wait_seconds: int
    plane_config_dir: str
    plane_env_path: str
    plane_web_url: str
    plane_secret_key: HiddenValue | None
    redis_container: str | None
    plane_files_user: str | None
    plane_files_group: str | None
    # These may hold passwords, so they stay out of the repr.
    plane_redis_url: str = field(repr=False)
    plane_amqp_url: str = field(repr=False)
    plane_minio_endpoint: str | None
    plane_minio_bucket: str
    plane_minio_access_key: HiddenValue | None
    plane_minio_secret_key: HiddenValue | None
    plane_gunicorn_workers: int
    plane_env_extra: Mapping[str, str] = field(repr=False)
    plane_compose_dir: str | None
    plane_compose_services: tuple[str, ...]
    plane_api_url: str | None
    plane_api_container: str
    plane_api_port: int
    plane_api_ca: str | None
    plane_health_retries: int
    plane_health_delay: int
    plane_admin_email: str
    plane_admin_password: HiddenValue | None
    plane_admin_first_name: str
    plane_admin_last_name: str
    plane_company_name: str
    plane_admin_api_token: HiddenValue | None
    plane_workspace_slug: str
    plane_workspace_name: str
    plane_workspace_size: str
    plane_agents: tuple[Agent, ...]
    absent_agents: tuple[Agent, ...]
    plane_prune: bool
    plane_token_lifetime_days: int | None
    plane_token_renew_days: int
    rotate_tokens: frozenset[str]
    plane_concierge_password: HiddenValue | None
    plane_agent_password_seed: HiddenValue | None
    plane_tokens_path: str
    plane_projects: tuple[Project, ...]
    plane_custom_fields_unsupported: str
    plane_secrets_dir: str

    @property
    def storage_secrets(self) -> tuple[str, ...]:
        """The secrets that S3 storage needs."""
        return ("plane_minio_access_key", "plane_minio_secret_key") if self.plane_minio_endpoint else ()

    @property
    def account_secrets(self) -> tuple[str, ...]:
        """The secrets that the agents' accounts need."""
        needed = [_password_source(agent) for agent in self.plane_agents if agent.password is None]
        return tuple(dict.fromkeys(needed))

    def secret(self, name: str) -> HiddenValue:
        """The secret setting `name`.

        Raises:
            SettingsError: it is missing.
        """
        self.require(name)
        value = getattr(self, name)
        assert isinstance(value, HiddenValue)
        return value

    def require(self, *names: str) -> None:
        """Say in one line which of the settings `names` are missing.

        Raises:
            SettingsError: at least one of them is ``None``.
        """
        missing = [name for name in names if getattr(self, name) is None]
        if missing:
            raise SettingsError(
                f"missing: {', '.join(missing)}. Set {'it' if len(missing) == 1 else 'each'} in the environment "
                f"({', '.join(name.upper() for name in missing)}), in {self.plane_secrets_dir}/all.env, "
                "or in host data."
            )


def _password_source(agent: Agent) -> str:
    return "plane_concierge_password" if agent.name == CONCIERGE else "plane_agent_password_seed"


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value


def derive_password(seed: HiddenValue, email: str) -> HiddenValue:
    """The password of an agent's account: HMAC-SHA-256 of the address under the seed, in base64.

    The same seed and address give the same password on every run, so nothing has to be stored.
    """
    digest = hmac.new(seed.unmask().encode(), email.lower().encode(), hashlib.sha256).digest()
    return HiddenValue(base64.urlsafe_b64encode(digest).decode().rstrip("="))


def settings_of(host: Any) -> Settings:
    """The checked settings of a pyinfra host.

    Args:
        host: a pyinfra ``Host`` (or the context's ``host``).

    Raises:
        SettingsError: with every problem found, one to a line.
    """
    if host not in _read:
        _read[host] = read_settings(host.data.dict(), host.name)
    return _read[host]


_read: WeakKeyDictionary[Any, Settings] = WeakKeyDictionary()


def read_settings(data: Mapping[str, Any], host_name: str = "") -> Settings:
    """The checked settings out of plain data, as ``host.data.dict()`` gives it.

    Args:
        data: setting name to value.
        host_name: names the host's own secrets file.

    Raises:
        SettingsError: with every problem found, one to a line.
    """
    return _Reader(data, host_name).settings()


class _Reader:
    """Collects every problem before it gives up, so that a person mends all of them in one go."""

    def __init__(self, data: Mapping[str, Any], host_name: str) -> None:
        self.data = data
        self.problems: list[str] = []
        self.secrets_dir = self._path("plane_secrets_dir")
        self.secret_files = self._load_secret_files(host_name)

    # Values

    def refuse(self, name: str, value: object, wanted: str) -> None:
        # A list or dict may hold a secret somewhere, so only its kind is shown.
        shown = repr(value) if value is None or isinstance(value, (str, int, float)) else f"a {type(value).__name__}"
        self.problems.append(f"{name}: {shown} is not allowed; {wanted}")

    def text(self, name: str, pattern: str = r"[^\x00-\x1f\x7f]+", wanted: str = "one line of text") -> str:
        value = self.data.get(name)
        return self._text(name, value, pattern, wanted)

    def _text(self, name: str, value: object, pattern: str, wanted: str) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            self.refuse(name, value, f"wanted: {wanted}")
            return ""
        return value

    def optional(self, name: str, pattern: str = r"[^\x00-\x1f\x7f]+", wanted: str = "one line of text") -> str | None:
        return None if self.data.get(name) is None else self.text(name, pattern, f"{wanted}, or None")

    def number(self, name: str, low: int, high: int) -> int:
        value = self.data.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            self.refuse(name, value, f"wanted: a whole number from {low} to {high}")
            return low
        return value

    def url(self, name: str, schemes: Iterable[str]) -> str:
        return self._url(name, self.data.get(name), tuple(schemes))

    def _url(self, name: str, value: object, schemes: tuple[str, ...]) -> str:
        wanted = f"wanted: an address that starts with {' or '.join(s + '://' for s in schemes)} and names a host"
        if not isinstance(value, str) or re.search(r"[\s\x00-\x1f\x7f]", value):
            self.refuse(name, value if not isinstance(value, str) else "…", wanted)
            return ""
        try:
            parts = urlsplit(value)
            good = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
        except ValueError:
            good = False
        if not good:
            # An address may hold a password, so it is not shown.
            self.problems.append(f"{name}: the address is not allowed; {wanted}")
            return ""
        return value

    def _api_url(self) -> str:
        url = self.url("plane_api_url", ("http", "https")).rstrip("/")
        if "@" in url:
            self.problems.append("plane_api_url: the address is not allowed; wanted: one without user and password")
            return ""
        if "_" in (urlsplit(url).hostname or ""):
            # Seen on 1.2.2 and 1.3.1: Django answers 400 to such a Host, whatever ALLOWED_HOSTS says.
            self.refuse("plane_api_url", url, "Plane refuses a host name with an underscore; use the address, or None")
        return url

    def secret(self, name: str) -> HiddenValue | None:
        value = self.data.get(name)
        if value is None:
            value = os.environ.get(name.upper()) or self.secret_files.get(name.upper())
        if isinstance(value, HiddenValue):
            value = value.unmask()
        if value is None:
            return None
        return self._secret(name, value)

    def _secret(self, name: str, value: object) -> HiddenValue | None:
        # parse_cli_arg turns --data x=123 into a number.
        text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        if not isinstance(text, str) or not text or re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", text):
            self.problems.append(f"{name}: the value (not shown) is not allowed; wanted: one line of text, not empty")
            return None
        return HiddenValue(text)

    def _load_secret_files(self, host_name: str) -> dict[str, str]:
        values: dict[str, str] = {}
        names = ["all.env"]
        if host_name and "/" not in host_name:
            names.append(f"{host_name}.env")
        for name in names:
            path = Path(self.secrets_dir) / name
            if not path.is_file():
                continue
            if stat.S_IMODE(path.stat().st_mode) & 0o077:
                self.problems.append(f"{path}: others can read it; run: chmod 600 {path}")
                continue
            try:
                text = path.read_text(encoding="utf-8")
            except (OSError, ValueError) as error:
                self.problems.append(f"{path}: cannot be read ({type(error).__name__}); wanted: a file of UTF-8 text")
                continue
            for line in text.split("\n"):
                key, equals, value = line.strip().removeprefix("export ").partition("=")
                if equals and not key.startswith("#"):
                    values[key.strip()] = _unquoted(value.strip())
        return values

    # Lists

    def agents(self, slug: str, seed: HiddenValue | None, concierge: HiddenValue | None) -> tuple[Agent, ...]:
        entries = self._entries("plane_agents")
        agents = []
        for path, entry in entries:
            self._known_keys(path, entry, ("name", "role", "email", "password", "display_name", "present"))
            name = self._text(f"{path}.name", entry.get("name"), r"[A-Za-z0-9][A-Za-z0-9._-]{0,47}",
                              "letters, digits, dots, dashes, underscores, at most 48")  # fmt: skip
            role = entry.get("role", "member")
            if not isinstance(role, str) or role not in ROLES:
                self.refuse(f"{path}.role", role, f"wanted: {', '.join(ROLES)}")
                role = "member"
            email = entry.get("email") or f"{name or 'nobody'}@{slug or 'nowhere'}.local"
            email = self._text(f"{path}.email", email, r"[^\s@,;<>\"()]+@[^\s@,;<>\"()]+\.[^\s@,;<>\"().]+",
                               "an address such as thot@javisi.local").lower()  # fmt: skip
            display_name = self._text(f"{path}.display_name", entry.get("display_name") or name or "nobody",
                                      r"[^\x00-\x1f\x7f]{1,255}", "one line, at most 255 characters")  # fmt: skip
            password = entry.get("password")
            if isinstance(password, HiddenValue):
                password = password.unmask()
            if password is not None:
                hidden = self._secret(f"{path}.password", password)
            elif name == CONCIERGE:
                hidden = concierge
            else:
                hidden = derive_password(seed, email) if seed is not None else None
            present = entry.get("present", True)
            if not isinstance(present, bool):
                self.refuse(f"{path}.present", present, "wanted: True, or False to remove the agent")
            agents.append(Agent(name, email, role, display_name, hidden, bool(present)))
        self._unique("plane_agents", "address", [agent.email for agent in agents])
        self._unique("plane_agents", "name in the token file", [agent.token_variable for agent in agents])
        return tuple(agents)

    def projects(self) -> tuple[Project, ...]:
        projects = []
        for path, entry in self._entries("plane_projects"):
            self._known_keys(path, entry, ("name", "identifier", "description", "work_item_type", "custom_fields"))
            name = self._text(f"{path}.name", entry.get("name"), r"[^\x00-\x1f\x7f]{1,255}",
                              "one line, at most 255 characters")  # fmt: skip
            identifier = self._text(f"{path}.identifier", entry.get("identifier"), r"[A-Za-z0-9]{1,12}",
                                    "letters and digits, at most 12 (Plane makes them upper case)")  # fmt: skip
            description, kind = entry.get("description"), entry.get("work_item_type")
            if description is not None and not isinstance(description, str):
                self.refuse(f"{path}.description", description, "wanted: text, or None")
            if kind is not None:
                kind = self._text(f"{path}.work_item_type", kind, r"[^\x00-\x1f\x7f]{1,255}", "one line, or None")
            fields = []
            for field_path, item in self._items(f"{path}.custom_fields", entry.get("custom_fields", [])):
                self._known_keys(field_path, item, ("name", "type"))
                field_name = self._text(f"{field_path}.name", item.get("name"), r"[^\x00-\x1f\x7f]{1,255}", "one line")
                if item.get("type") not in FIELD_TYPES:
                    self.refuse(f"{field_path}.type", item.get("type"), f"wanted: {', '.join(FIELD_TYPES)}")
                fields.append(CustomField(field_name, str(item.get("type"))))
            self._unique(f"{path}.custom_fields", "name", [field.name for field in fields])
            projects.append(Project(name, identifier.upper(), description, kind, tuple(fields)))
        self._unique("plane_projects", "identifier", [project.identifier for project in projects])
        self._unique("plane_projects", "name", [project.name for project in projects])
        return tuple(projects)

    def _rotate(self, agents: tuple[Agent, ...]) -> frozenset[str]:
        value = self.data.get("rotate_tokens")
        wanted = "wanted: names of agents, separated by commas, or all"
        names = value.replace(",", " ").split() if isinstance(value, str) else value or []
        known = {agent.name for agent in agents if agent.present}
        if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
            self.refuse("rotate_tokens", value, wanted)
            return frozenset()
        if list(names) == ["all"]:
            return frozenset(known)
        for name in names:
            if name not in known:
                self.refuse("rotate_tokens", name, wanted)
        return frozenset(names)

    def _flag(self, name: str) -> bool:
        value = self.data.get(name)
        if not isinstance(value, bool):
            self.refuse(name, value, "wanted: True or False")
        return bool(value)

    def _entries(self, name: str) -> list[tuple[str, Mapping[str, Any]]]:
        return self._items(name, self.data.get(name))

    def _items(self, name: str, value: object) -> list[tuple[str, Mapping[str, Any]]]:
        if not isinstance(value, (list, tuple)):
            self.refuse(name, value, "wanted: a list")
            return []
        items = []
        for index, item in enumerate(value):
            if isinstance(item, Mapping):
                items.append((f"{name}[{index}]", item))
            else:
                self.refuse(f"{name}[{index}]", item, "wanted: a dict")
        return items

    def _known_keys(self, path: str, entry: Mapping[str, Any], allowed: tuple[str, ...]) -> None:
        for key in entry:
            if key not in allowed:
                self.problems.append(f"{path}.{key}: unknown; wanted: {', '.join(allowed)}")

    def _unique(self, name: str, what: str, values: list[str]) -> None:
        for value in sorted({value for value in values if value and values.count(value) > 1}):
            self.problems.append(f"{name}: {value} is the {what} of more than one entry; wanted: one each")

    def _env_extra(self) -> dict[str, str]:
        value = self.data.get("plane_env_extra")
        if not isinstance(value, Mapping):
            self.refuse("plane_env_extra", value, "wanted: a dict of variables")
            return {}
        result = {}
        for key, item in value.items():
            if not isinstance(key, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key):
                self.refuse("plane_env_extra", key, "wanted: names of letters, digits and underscores")
            elif not isinstance(item, (str, int, HiddenValue)) or isinstance(item, bool):
                self.problems.append(f"plane_env_extra.{key}: the value is not allowed; wanted: text or a number")
            else:
                result[key] = item.unmask() if isinstance(item, HiddenValue) else str(item)
        return result

    def _services(self) -> tuple[str, ...]:
        value = self.data.get("plane_compose_services")
        wanted = "wanted: a list of service names"
        if not isinstance(value, (list, tuple)) or not value:
            self.refuse("plane_compose_services", value, wanted)
            return ()
        for item in value:
            if not isinstance(item, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", item):
                self.refuse("plane_compose_services", item, wanted)
        return tuple(str(item) for item in value)

    def _path(self, name: str, **known: str) -> str:
        value = self.text(name, r"[^\x00-\x1f\x7f]*[^\x00-\x1f\x7f/]", "a path that does not end in /")
        for key, text in known.items():
            value = value.replace("{" + key + "}", text)
        if value.startswith("-"):
            self.refuse(name, value, "wanted: a path that does not start with a dash")
        return value

    def _identifier(self, name: str) -> str:
        # psql takes a database's name with "=" or an address in it for a connection string.
        wanted = "a PostgreSQL name: one line, at most 63 bytes, without ="
        value = self.text(name, r"(?!postgres(ql)?://)[^\x00-\x1f\x7f=]+", wanted)
        if len(value.encode()) > 63:
            self.refuse(name, value, f"wanted: {wanted}")
        return value

    def _misspelt(self) -> None:
        ours = ("plane_", "postgres", "rotate_", "redis_")
        known = [name for name in Settings.__dataclass_fields__ if name.startswith(ours)]
        for name in self.data:
            if isinstance(name, str) and name.startswith(ours) and name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"; did you mean {near[0]}?" if near else "; see group_data/all.py"
                self.problems.append(f"{name}: unknown setting{hint}")

    def settings(self) -> Settings:
        container = r"[A-Za-z0-9][A-Za-z0-9_.-]*"
        self._misspelt()
        config_dir = self._path("plane_config_dir")
        slug = self.text("plane_workspace_slug", r"[A-Za-z0-9_-]{1,48}", "letters, digits, - and _, at most 48")
        if slug.lower() in RESERVED_SLUGS:
            self.refuse("plane_workspace_slug", slug, "Plane keeps this name for itself")
        workspace_name = self.text("plane_workspace_name", r"[^\x00-\x1f\x7f]{1,80}", "one line, at most 80 characters")
        if "://" in workspace_name:
            self.refuse("plane_workspace_name", workspace_name, "wanted: a name without an address in it")
        seed, concierge = self.secret("plane_agent_password_seed"), self.secret("plane_concierge_password")
        unsupported = self.data.get("plane_custom_fields_unsupported")
        if unsupported not in ("warn", "fail"):
            self.refuse("plane_custom_fields_unsupported", unsupported, "wanted: warn, fail")
        minio = self.data.get("plane_minio_endpoint")
        api_url = self.data.get("plane_api_url")
        account = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
        agents = self.agents(slug, seed, concierge)
        lifetime = self.data.get("plane_token_lifetime_days")
        postgres_container = self.text("postgres_container", container, "a container's name")
        settings = Settings(
            postgres_container=postgres_container,
            postgres_superuser=self._identifier("postgres_superuser"),
            postgres_superuser_password=self.secret("postgres_superuser_password"),
            postgresql_password=self.secret("postgresql_password"),
            plane_db_name=self._identifier("plane_db_name"),
            plane_db_user=self._identifier("plane_db_user"),
            plane_db_host=self.optional("plane_db_host", r"[A-Za-z0-9_.:-]+", "a host name") or postgres_container,
            plane_db_port=self.number("plane_db_port", 1, 65535),
            postgres_init_dir=None if self.data.get("postgres_init_dir") is None else self._path("postgres_init_dir"),
            postgres_wait_seconds=self.number("postgres_wait_seconds", 0, 3600),
            plane_config_dir=config_dir,
            plane_env_path=self._path("plane_env_path", plane_config_dir=config_dir),
            plane_web_url=self.url("plane_web_url", ("https", "http")).rstrip("/"),
            plane_secret_key=self.secret("plane_secret_key"),
            redis_container=self.optional("redis_container", container, "a container's name"),
            plane_files_user=self.optional("plane_files_user", account, "a user's name or number"),
            plane_files_group=self.optional("plane_files_group", account, "a group's name or number"),
            plane_redis_url=self.url("plane_redis_url", ("redis", "rediss")),
            plane_amqp_url=self.url("plane_amqp_url", ("redis", "rediss", "amqp", "amqps")),
            plane_minio_endpoint=None if minio is None else self.url("plane_minio_endpoint", ("http", "https")),
            plane_minio_bucket=self.text("plane_minio_bucket", r"[a-z0-9][a-z0-9.-]{2,62}", "an S3 bucket's name"),
            plane_minio_access_key=self.secret("plane_minio_access_key"),
            plane_minio_secret_key=self.secret("plane_minio_secret_key"),
            plane_gunicorn_workers=self.number("plane_gunicorn_workers", 1, 256),
            plane_env_extra=self._env_extra(),
            plane_compose_dir=None if self.data.get("plane_compose_dir") is None else self._path("plane_compose_dir"),
            plane_compose_services=self._services(),
            plane_api_url=None if api_url is None else self._api_url(),
            plane_api_container=self.text("plane_api_container", container, "a container's name"),
            plane_api_port=self.number("plane_api_port", 1, 65535),
            plane_api_ca=self.optional("plane_api_ca", wanted="the path of a certificate file on this machine"),
            plane_health_retries=self.number("plane_health_retries", 1, 1000),
            plane_health_delay=self.number("plane_health_delay", 0, 3600),
            plane_admin_email=self.text("plane_admin_email", r"[^\s@]+@[^\s@]+\.[^\s@.]+", "an address").lower(),
            plane_admin_password=self.secret("plane_admin_password"),
            plane_admin_first_name=self.text("plane_admin_first_name"),
            plane_admin_last_name=self.text("plane_admin_last_name", r"[^\x00-\x1f\x7f]*", "one line of text"),
            plane_company_name=self.text("plane_company_name", r"[^\x00-\x1f\x7f]*", "one line of text"),
            plane_admin_api_token=self.secret("plane_admin_api_token"),
            plane_workspace_slug=slug,
            plane_workspace_name=workspace_name,
            plane_workspace_size=self.text("plane_workspace_size"),
            plane_agents=tuple(agent for agent in agents if agent.present),
            absent_agents=tuple(agent for agent in agents if not agent.present),
            plane_prune=self._flag("plane_prune"),
            plane_token_lifetime_days=None if lifetime is None else self.number("plane_token_lifetime_days", 1, 3650),
            plane_token_renew_days=self.number("plane_token_renew_days", 0, 3649),
            rotate_tokens=self._rotate(agents),
            plane_concierge_password=concierge,
            plane_agent_password_seed=seed,
            plane_tokens_path=self._path("plane_tokens_path", plane_config_dir=config_dir),
            plane_projects=self.projects(),
            plane_custom_fields_unsupported=str(unsupported),
            plane_secrets_dir=self.secrets_dir,
        )
        good_lifetime = isinstance(lifetime, int) and 1 <= lifetime <= 3650
        if good_lifetime and settings.plane_token_renew_days >= (settings.plane_token_lifetime_days or 0):
            wanted = f"wanted: less than plane_token_lifetime_days ({settings.plane_token_lifetime_days})"
            self.refuse("plane_token_renew_days", settings.plane_token_renew_days, wanted)
        has_admin = any(agent.role == "admin" for agent in settings.plane_agents)
        if settings.plane_agents and not has_admin and settings.plane_admin_api_token is None:
            self.problems.append("plane_agents: nobody is admin; wanted: at least one, who makes the projects")
        self._raise()
        return settings

    def _raise(self) -> None:
        if len(self.problems) == 1:
            raise SettingsError(f"setting {self.problems[0]}")
        if self.problems:
            raise SettingsError("settings:" + "".join(f"\n    {problem}" for problem in self.problems))
