"""All settings of a host, and what must hold between them."""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pyinfra.api.hiddenvalue import HiddenValue

from pyinfra_plane.engine.host_run import run_of
from pyinfra_plane.settings.agents import EMAIL, read_agents
from pyinfra_plane.settings.models import NOBODY_IS_ADMIN, Agent, Settings, SettingsError
from pyinfra_plane.settings.passwords import is_weak
from pyinfra_plane.settings.projects import read_projects
from pyinfra_plane.settings.values import CHARACTER, MISSING, Values, name_of
from pyinfra_plane.text import as_text

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
ACCOUNT = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
TEXT = "one line of text, at most 255 characters"

# PostgreSQL keeps these for itself (15 and 18): such a role cannot be made, such a database cannot be changed.
RESERVED_ROLES = re.compile(r"pg_.*|public|none", re.DOTALL)
RESERVED_DATABASES = re.compile(r"template[01]")


@dataclass
class _Read:
    settings: Settings | None = None


def settings_of(host: Any) -> Settings:
    """The checked settings of a pyinfra host.

    Args:
        host: a pyinfra ``Host`` (or the context's ``host``).

    Raises:
        SettingsError: with every problem found, one to a line.
    """
    kept = run_of(host).part(_Read)
    if kept.settings is None:
        kept.settings = read_settings(host.data.dict(), host.name)
    return kept.settings


def config_dir_of(host: Any) -> str | None:
    """The folder that stands for what one run at a time may change on a host: ``plane_config_dir``, as it is given."""
    directory = host.data.get("plane_config_dir")
    return str(directory) if directory else None


def read_settings(data: Mapping[str, Any], host_name: str = "") -> Settings:
    """The checked settings out of plain data, as ``host.data.dict()`` gives it.

    Args:
        data: setting name to value.
        host_name: names the host's own secrets file.

    Raises:
        SettingsError: with every problem found, one to a line.
    """
    values = Values(data, host_name)
    settings = _read_all(values)
    _check_together(values, settings)
    if values.problems:
        raise SettingsError(values.problems)
    return settings


def _read_all(values: Values) -> Settings:
    _misspelt(values)
    given = values.data.get
    config_dir = values.path("plane_config_dir")
    slug = values.text("plane_workspace_slug", r"[A-Za-z0-9_-]{1,48}", "letters, digits, - and _, at most 48")
    if slug.lower() in RESERVED_SLUGS:
        values.refuse("plane_workspace_slug", slug, "Plane keeps this name for itself")
    workspace_name = values.text(
        "plane_workspace_name", name_of(80), "one line, at most 80 characters, without blanks at its ends"
    )
    if re.search(r"://|www\.", workspace_name):
        values.refuse("plane_workspace_name", workspace_name, "wanted: a name without an address in it")
    seed, concierge = _seed(values), _password(values, "plane_concierge_password")
    agents = read_agents(values, slug, seed, concierge)
    postgres_container = values.text("postgres_container", CONTAINER, "a container's name")
    return Settings(
        postgres_container=postgres_container,
        postgres_container_user=values.optional(
            "postgres_container_user", rf"{ACCOUNT}(:{ACCOUNT})?", "a user's name or number"
        ),
        postgres_port=None if given("postgres_port") is None else values.number("postgres_port", 1, 65535),
        postgres_maintenance_db=_postgres_name(values, "postgres_maintenance_db"),
        postgres_superuser=_postgres_name(values, "postgres_superuser"),
        postgres_superuser_password=values.secret("postgres_superuser_password"),
        postgresql_password=values.secret("postgresql_password"),
        plane_db_name=_postgres_name(values, "plane_db_name", RESERVED_DATABASES),
        plane_db_user=_postgres_name(values, "plane_db_user", RESERVED_ROLES),
        plane_db_host=_db_host(values) or postgres_container,
        plane_db_port=values.number("plane_db_port", 1, 65535),
        postgres_init_dir=None if given("postgres_init_dir") is None else values.path("postgres_init_dir"),
        postgres_wait_seconds=values.number("postgres_wait_seconds", 0, 3600),
        plane_config_dir=config_dir,
        plane_env_path=values.path("plane_env_path", plane_config_dir=config_dir),
        plane_web_url=values.origin("plane_web_url"),
        plane_secret_key=values.secret("plane_secret_key"),
        redis_container=values.optional("redis_container", CONTAINER, "a container's name"),
        plane_files_user=values.optional("plane_files_user", ACCOUNT, "a user's name or number"),
        plane_files_group=values.optional("plane_files_group", ACCOUNT, "a group's name or number"),
        plane_redis_url=values.secret_url("plane_redis_url", REDIS_URL, "redis", "rediss"),
        plane_amqp_url=values.secret_url("plane_amqp_url", AMQP_URL, "redis", "rediss", "amqp", "amqps"),
        plane_minio_endpoint=None
        if given("plane_minio_endpoint") is None
        else values.url("plane_minio_endpoint", "http", "https"),
        plane_minio_bucket=values.text("plane_minio_bucket", BUCKET, "an S3 bucket's name"),
        plane_minio_access_key=values.secret("plane_minio_access_key"),
        plane_minio_secret_key=values.secret("plane_minio_secret_key"),
        plane_s3_endpoint=None if given("plane_s3_endpoint") is None else values.origin("plane_s3_endpoint"),
        plane_s3_region=values.optional("plane_s3_region", r"[a-z0-9-]{1,63}", "a region such as eu-central-1 or auto"),
        plane_s3_bucket=values.optional("plane_s3_bucket", BUCKET, "an S3 bucket's name"),
        plane_s3_access_key=values.secret("plane_s3_access_key"),
        plane_s3_secret_key=values.secret("plane_s3_secret_key"),
        plane_gunicorn_workers=values.number("plane_gunicorn_workers", 1, 256),
        plane_env_extra=_env_extra(values),
        plane_env_prune=values.flag("plane_env_prune"),
        plane_compose_dir=None if given("plane_compose_dir") is None else values.path("plane_compose_dir"),
        plane_compose_services=_services(values),
        plane_compose_migrator=values.optional("plane_compose_migrator", SERVICE, "a service's name"),
        plane_compose_api=values.optional("plane_compose_api", SERVICE, "a service's name"),
        plane_management_commands=values.flag("plane_management_commands"),
        plane_api_url=None if given("plane_api_url") is None else _api_url(values),
        plane_api_container=values.optional("plane_api_container", CONTAINER, "a container's name"),
        plane_api_port=values.number("plane_api_port", 1, 65535),
        plane_api_ca=values.optional("plane_api_ca", wanted="the path of a certificate file on this machine"),
        plane_api_tls_insecure=values.flag("plane_api_tls_insecure"),
        plane_requests_together=values.number("plane_requests_together", 1, 16),
        plane_health_retries=values.number("plane_health_retries", 1, 1000),
        plane_health_delay=values.number("plane_health_delay", 0, 3600),
        plane_admin_email=values.text("plane_admin_email", EMAIL, "an address").lower(),
        plane_admin_password=_password(values, "plane_admin_password"),
        plane_admin_first_name=values.text("plane_admin_first_name", name_of(255), f"{TEXT}, no blanks at its ends"),
        plane_admin_last_name=values.text("plane_admin_last_name", rf"{CHARACTER}{{0,255}}", TEXT),
        plane_company_name=values.text("plane_company_name", rf"{CHARACTER}{{0,255}}", TEXT),
        plane_admin_api_token=values.secret("plane_admin_api_token"),
        plane_instance_config=_instance_config(values),
        plane_workspace_slug=slug,
        plane_workspace_name=workspace_name,
        plane_workspace_size=values.text("plane_workspace_size", name_of(20), "one line of text, at most 20 letters"),
        plane_agents=tuple(agent for agent in agents if agent.present),
        absent_agents=tuple(agent for agent in agents if not agent.present),
        plane_prune=values.flag("plane_prune"),
        plane_token_lifetime_days=None
        if given("plane_token_lifetime_days") is None
        else values.number("plane_token_lifetime_days", 1, 3650),
        plane_token_renew_days=values.number("plane_token_renew_days", 0, 3649),
        rotate_tokens=_rotate(values, agents),
        plane_concierge_password=concierge,
        plane_agent_password_seed=seed,
        plane_tokens_path=values.path("plane_tokens_path", plane_config_dir=config_dir),
        plane_projects=read_projects(values, agents),
        plane_custom_fields_unsupported=values.choice("plane_custom_fields_unsupported", "warn", "fail", "labels"),
        plane_secrets_dir=values.secrets_dir,
    )


def _check_together(values: Values, settings: Settings) -> None:
    lifetime = values.data.get("plane_token_lifetime_days")
    good_lifetime = isinstance(lifetime, int) and 1 <= lifetime <= 3650
    if good_lifetime and settings.plane_token_renew_days >= (settings.plane_token_lifetime_days or 0):
        wanted = f"wanted: less than plane_token_lifetime_days ({settings.plane_token_lifetime_days})"
        values.refuse("plane_token_renew_days", settings.plane_token_renew_days, wanted)
    if settings.plane_api_tls_insecure and settings.plane_api_ca is not None:
        values.problems.append(
            "plane_api_tls_insecure: True is not allowed with plane_api_ca, which is for checking; wanted: one of them"
        )
    _check_storage(values, settings)
    if settings.plane_db_user == settings.postgres_superuser:
        values.refuse("plane_db_user", settings.plane_db_user, "wanted: a role of its own, not postgres_superuser")
    if settings.plane_db_name in ("postgres", settings.postgres_maintenance_db):
        values.refuse(
            "plane_db_name", settings.plane_db_name, "wanted: a database of its own, not the one that tools connect to"
        )
    # With no list at all, a deploy of one's own may ask for something else than agents.
    named = settings.plane_agents or settings.absent_agents or settings.plane_prune
    refused = any(problem.startswith(("plane_agents:", "plane_prune:")) for problem in values.problems)
    if named and not settings.has_admin and not refused:
        values.problems.append(NOBODY_IS_ADMIN)


def _check_storage(values: Values, settings: Settings) -> None:
    if "_" in (urlsplit(settings.plane_minio_endpoint or "").hostname or ""):
        values.problems.append(
            "plane_minio_endpoint: the address must have a host name without an underscore: boto3 in Plane refuses "
            "one; use the service's name"
        )
    given = [name for name in ("plane_s3_endpoint", "plane_s3_region") if values.data.get(name) is not None]
    if values.data.get("plane_s3_bucket") is None:
        if given:
            values.problems.append(f"plane_s3_bucket: missing; set it, or take out {' and '.join(given)}")
        return
    if values.data.get("plane_minio_endpoint") is not None:
        values.problems.append(
            "plane_s3_bucket: not allowed with plane_minio_endpoint, which is for MinIO at Plane's own address; set "
            "one of them to None"
        )
    if values.data.get("plane_s3_region") is None:
        values.problems.append(
            "plane_s3_region: missing; set the region of the bucket: auto for R2 and GCS, us-east-1 for a MinIO that "
            "was given none"
        )


def _misspelt(values: Values) -> None:
    ours = ("plane_", "postgres", "rotate_", "redis_")
    known = [name for name in Settings.__dataclass_fields__ if name.startswith(ours)]
    for name in values.data:
        if isinstance(name, str) and name.startswith(ours) and name not in known:
            # What all names begin with makes none of them alike.
            begin = next(prefix for prefix in ours if name.startswith(prefix))
            rests = [one.removeprefix(begin) for one in known if one.startswith(begin)]
            near = difflib.get_close_matches(name.removeprefix(begin), rests, n=1)
            hint = f"; did you mean {begin}{near[0]}?" if near else "; see group_data/all.py"
            values.problems.append(f"{name}: unknown setting{hint}")


def _password(values: Values, name: str) -> HiddenValue | None:
    return values.password_of(name, values.secret(name))


def _seed(values: Values) -> HiddenValue | None:
    value = values.secret("plane_agent_password_seed")
    if value is not None and is_weak(value.unmask()):
        values.problems.append(
            "plane_agent_password_seed: the value (not shown) is too weak for what all agents' passwords are derived "
            "from; wanted: score 3 of 4 by zxcvbn (make secrets makes a strong one)"
        )
    return value


def _postgres_name(values: Values, name: str, reserved: re.Pattern[str] | None = None) -> str:
    # psql takes a database's name with "=" or an address in it for a connection string.
    wanted = "a PostgreSQL name: one line, at most 63 bytes, without ="
    value = values.text(name, rf"(?!postgres(ql)?://)(?:(?!=){CHARACTER})+", wanted)
    if len(value.encode()) > 63:
        values.refuse(name, value, f"wanted: {wanted}")
    elif reserved is not None and reserved.fullmatch(value):
        values.refuse(name, value, "PostgreSQL keeps this name for itself")
    return value


def _db_host(values: Values) -> str | None:
    value = values.optional("plane_db_host", r"[A-Za-z0-9_.:-]+", "a host name")
    if value and ":" in value:
        try:
            ipaddress.IPv6Address(value)
        except ValueError:
            values.refuse("plane_db_host", value, "wanted: a host name or an address without its port, or None")
    return value


def _api_url(values: Values) -> str:
    url = values.url("plane_api_url", "http", "https").rstrip("/")
    if "@" in url:
        values.problems.append("plane_api_url: the address is not allowed; wanted: one without user and password")
        return ""
    if "?" in url or "#" in url:
        values.problems.append("plane_api_url: the address is not allowed; wanted: one that ends before any ? or #")
        return ""
    if "_" in (urlsplit(url).hostname or ""):
        # Seen on every tried release: Django answers 400 to such a Host, whatever ALLOWED_HOSTS says.
        values.refuse("plane_api_url", url, "Plane refuses a host name with an underscore; use the address, or None")
    return url


def _rotate(values: Values, agents: tuple[Agent, ...]) -> frozenset[str]:
    value = values.data.get("rotate_tokens")
    if value is None:
        return frozenset()
    wanted = "wanted: names of agents, separated by commas, or all"
    names = value.replace(",", " ").split() if isinstance(value, str) else value
    known = {agent.name for agent in agents if agent.present}
    if not isinstance(names, (list, tuple)) or not names or not all(isinstance(name, str) for name in names):
        values.refuse("rotate_tokens", value, wanted)
        return frozenset()
    if list(names) == ["all"]:
        return frozenset(known)
    for name in names:
        if name not in known:
            values.refuse("rotate_tokens", name, wanted)
    return frozenset(names)


def _env_extra(values: Values) -> dict[str, HiddenValue]:
    value = values.data.get("plane_env_extra")
    if not isinstance(value, Mapping):
        values.refuse("plane_env_extra", value, "wanted: a dict of variables")
        return {}
    result = {}
    for key, item in value.items():
        if not isinstance(key, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key):
            values.refuse("plane_env_extra", key, "wanted: names of letters, digits and underscores", is_key=True)
            continue
        found = values.found(f"plane_env_extra.{key}", item, key)
        if found is MISSING:
            continue
        if (text := as_text(found)) is None:
            values.problems.append(f"plane_env_extra.{key}: the value is not allowed; wanted: text, a number, or None")
            continue
        result[key] = HiddenValue(text)
    return result


def _instance_config(values: Values) -> dict[str, HiddenValue]:
    value = values.data.get("plane_instance_config")
    if not isinstance(value, Mapping):
        values.refuse("plane_instance_config", value, "wanted: a dict of Plane's instance settings")
        return {}
    result = {}
    for key, item in value.items():
        if not isinstance(key, str) or not re.fullmatch(r"[A-Z][A-Z0-9_]*", key):
            wanted = "wanted: names of capital letters, digits and underscores"
            values.refuse("plane_instance_config", key, wanted, is_key=True)
            continue
        path = f"plane_instance_config.{key}"
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


def _services(values: Values) -> tuple[str, ...] | None:
    value = values.data.get("plane_compose_services")
    if value is None:
        return None
    wanted = "wanted: a list of service names, or None"
    if not isinstance(value, (list, tuple)) or not value:
        values.refuse("plane_compose_services", value, wanted)
        return ()
    for item in value:
        if not isinstance(item, str) or not re.fullmatch(SERVICE, item):
            values.refuse("plane_compose_services", item, wanted)
    return tuple(item for item in value if isinstance(item, str))
