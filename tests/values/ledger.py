"""Every setting that holds text: how a value gets into it, what is kept of it, and where it goes from there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pyinfra.api import HiddenValue

from pyinfra_plane.settings import SECRETS, CustomField, Project, Settings

Put = Callable[[str], dict[str, Any]]
Unchanged = Callable[[Settings], object]

STRONG = "Tr0ub4dor-hunter2."
"""In front of every secret: strong enough for Plane, and not to be seen in any message."""

ADMIN = {"name": "concierge", "role": "admin"}


@dataclass(frozen=True)
class Place:
    """One text among the settings.

    `where` says what it reaches: `sql`, `shell` (a command line or a path in one), `env` (Plane's environment file),
    `url`, `header`, `json` (Plane's API), `form`, `local` (this machine). `name` is what a message must begin with.
    """

    name: str
    where: str
    put: Put
    kept: Unchanged
    as_kept: Callable[[str], object] = str
    secret: bool = False


def _plain(name: str, where: str, as_kept: Callable[[str], object] = str) -> Place:
    return Place(name, where, lambda value: {name: value}, lambda settings: getattr(settings, name), as_kept)


def _hidden(value: object) -> str:
    assert isinstance(value, HiddenValue)
    return str(value.unmask())


def _secret(name: str, where: str) -> Place:
    return Place(
        name,
        where,
        lambda value: {name: STRONG + value},
        lambda settings: _hidden(getattr(settings, name)),
        lambda value: STRONG + value,
        True,
    )


def _url(name: str, scheme: str) -> Place:
    """A value in the password of an address, which is never shown either."""

    def address(value: str) -> str:
        return f"{scheme}://me:{STRONG}{value}@host:1/4"

    return Place(
        name,
        "env url",
        lambda value: {name: address(value)},
        lambda settings: (
            getattr(settings, name) if name == "plane_minio_endpoint" else _hidden(getattr(settings, name))
        ),
        address,
        True,
    )


def _origin(name: str, **further: str) -> Place:
    """A value after the host of an address, where nothing is kept but a slash."""
    return Place(
        name,
        "env url",
        lambda value: {name: f"HTTPS://Host:0443/{value}", **further},
        lambda settings: getattr(settings, name),
        lambda value: "https://host",
    )


def _agent(key: str, where: str, as_kept: Callable[[str], object] = str, **further: str) -> Place:
    return Place(
        f"plane_agents[1].{key}",
        where,
        lambda value: {"plane_agents": [ADMIN, {"name": "thot", **further, key: value}]},
        lambda settings: getattr(settings.plane_agents[1], key),
        as_kept,
    )


def _consumer(key: str, where: str, **further: str) -> Place:
    return Place(
        f"plane_token_consumers[0].{key}",
        where,
        lambda value: {"plane_token_consumers": [{**further, key: value}]},
        lambda settings: getattr(settings.plane_token_consumers[0], key),
    )


def _project(
    path: str, entry: Callable[[str], dict[str, Any]], kept: Callable[[Project], object], as_kept: Any = str
) -> Place:
    return Place(
        f"plane_projects[0].{path}",
        "json",
        lambda value: {"plane_projects": [{"name": "One", "identifier": "ONE", **entry(value)}]},
        lambda settings: kept(settings.plane_projects[0]),
        as_kept,
    )


def _field(
    path: str, entry: Callable[[str], Mapping[str, Any]], kept: Callable[[CustomField], object], as_kept: Any = str
) -> Place:
    return _project(
        f"custom_fields[0].{path}",
        lambda value: {"custom_fields": [{"name": "field", **entry(value)}]},
        lambda project: kept(project.custom_fields[0]),
        as_kept,
    )


def _webhook(key: str, **further: str) -> Place:
    return Place(
        f"plane_webhooks[0].{key}",
        "json",
        lambda value: {"plane_webhooks": [{**further, key: value}]},
        lambda settings: getattr(settings.plane_webhooks[0], key),
    )


def _of_text(value: str) -> str:
    return value.strip()


def _of_default(kind: str, as_kept: Callable[[str], str] = str) -> Place:
    return _field(
        "default",
        lambda value: {"type": kind, "default": value},
        lambda field: field.default,
        lambda value: (as_kept(value),),
    )


def _agent_password() -> Place:
    return Place(
        "plane_agents[1].password",
        "form",
        lambda value: {"plane_agents": [ADMIN, {"name": "thot", "password": STRONG + value}]},
        lambda settings: _hidden(settings.plane_agents[1].password),
        lambda value: STRONG + value,
        True,
    )


_SECRETS_GO = {
    "postgres_superuser_password": "shell",
    "postgresql_password": "sql env",
    "plane_secret_key": "env",
    "plane_minio_access_key": "env",
    "plane_minio_secret_key": "env",
    "plane_s3_access_key": "env",
    "plane_s3_secret_key": "env",
    "plane_admin_password": "form",
    "plane_admin_api_token": "header",
    "plane_concierge_password": "form",
    "plane_agent_password_seed": "local",
}

PLACES: tuple[Place, ...] = (
    _plain("postgres_container", "shell"),
    _plain("postgres_container_user", "shell"),
    _plain("postgres_maintenance_db", "shell"),
    _plain("postgres_superuser", "shell"),
    _plain("plane_db_name", "sql shell env"),
    _plain("plane_db_user", "sql shell env"),
    _plain("plane_db_host", "env"),
    _plain("postgres_init_dir", "shell"),
    _plain("plane_config_dir", "shell"),
    _plain("plane_env_path", "shell", lambda value: value.replace("{plane_config_dir}", "/opt/javisi/configs/plane")),
    _plain(
        "plane_webhook_secrets_path",
        "shell",
        lambda value: value.replace("{plane_config_dir}", "/opt/javisi/configs/plane"),
    ),
    _webhook("name", url="https://hooks.example.com/"),
    _webhook("url", name="n8n"),
    _plain(
        "plane_tokens_path", "shell", lambda value: value.replace("{plane_config_dir}", "/opt/javisi/configs/plane")
    ),
    *(
        _plain(name, "shell", lambda value: value.replace("{plane_config_dir}", "/opt/javisi/configs/plane"))
        for name in ("plane_agent_files_dir", "plane_ids_path")
    ),
    _plain("plane_agent_files_format", "local"),
    _origin("plane_agent_base_url"),
    _consumer("agent", "local", service="n8n", directory="/opt/n8n"),
    _consumer("service", "shell", directory="/opt/n8n"),
    _consumer("directory", "shell", service="n8n"),
    _consumer("command", "shell"),
    _plain("plane_files_user", "shell"),
    _plain("plane_files_group", "shell"),
    _plain("redis_container", "shell"),
    _plain("plane_minio_bucket", "env"),
    _plain("plane_compose_dir", "shell"),
    Place(
        "plane_compose_services",
        "shell",
        lambda value: {"plane_compose_services": [value]},
        lambda settings: settings.plane_compose_services,
        lambda value: (value,),
    ),
    _plain("plane_compose_migrator", "shell"),
    _plain("plane_compose_api", "shell"),
    _origin("plane_web_url"),
    _origin("plane_s3_endpoint", plane_s3_bucket="files", plane_s3_region="auto"),
    Place(
        "plane_s3_bucket",
        "env",
        lambda value: {"plane_s3_bucket": value, "plane_s3_region": "auto"},
        lambda settings: settings.plane_s3_bucket,
    ),
    Place(
        "plane_s3_region",
        "env url",
        lambda value: {"plane_s3_bucket": "files", "plane_s3_region": value},
        lambda settings: settings.plane_s3_region,
    ),
    _url("plane_redis_url", "redis"),
    _url("plane_amqp_url", "amqp"),
    _url("plane_minio_endpoint", "http"),
    Place(
        "plane_api_url",
        "url",
        lambda value: {"plane_api_url": f"http://host:1/{value}"},
        lambda settings: settings.plane_api_url,
        lambda value: f"http://host:1/{value}".rstrip("/"),
    ),
    Place(
        "plane_env_extra",
        "env",
        lambda value: {"plane_env_extra": {"SMTP_PASSWORD": STRONG + value}},
        lambda settings: _hidden(settings.plane_env_extra["SMTP_PASSWORD"]),
        lambda value: STRONG + value,
        True,
    ),
    Place(
        "plane_env_extra",
        "env",
        lambda value: {"plane_env_extra": {value: "x"}},
        lambda settings: list(settings.plane_env_extra),
        lambda value: [value],
    ),
    _plain("plane_api_container", "shell"),
    _plain("plane_api_ca", "local"),
    _plain("plane_admin_email", "form", lambda value: value.lower()),
    _plain("plane_admin_first_name", "form"),
    _plain("plane_admin_last_name", "form"),
    _plain("plane_company_name", "form"),
    Place(
        "plane_instance_config",
        "json",
        lambda value: {"plane_instance_config": {"EMAIL_FROM": STRONG + value}},
        lambda settings: _hidden(settings.plane_instance_config["EMAIL_FROM"]),
        lambda value: (STRONG + value).strip(),
        True,
    ),
    Place(
        "plane_instance_config",
        "json",
        lambda value: {"plane_instance_config": {value: "x"}},
        lambda settings: list(settings.plane_instance_config),
        lambda value: [value],
    ),
    Place(
        "plane_workspace_slug",
        "url json",
        lambda value: {"plane_workspace_slug": value, "plane_agents": []},
        lambda settings: settings.plane_workspace_slug,
    ),
    _plain("plane_workspace_name", "json"),
    _plain("plane_workspace_size", "json"),
    _agent("name", "env json", email="thot@javisi.local", display_name="Thot"),
    _agent("role", "json"),
    _agent("avatar", "json"),
    _agent("timezone", "json"),
    _agent("user", "shell"),
    _agent("group", "shell"),
    _agent("email", "form json url", lambda value: value.lower() or "thot@javisi.local"),
    _agent("display_name", "json", lambda value: value or "thot"),
    _agent_password(),
    Place(
        "rotate_tokens",
        "local",
        lambda value: {"rotate_tokens": [value]},
        lambda settings: settings.rotate_tokens,
        lambda value: frozenset([value]),
    ),
    _project("name", lambda value: {"name": value}, lambda project: project.name),
    _project("identifier", lambda value: {"identifier": value}, lambda project: project.identifier, str.upper),
    _project("description", lambda value: {"description": value}, lambda project: project.description, _of_text),
    _project("network", lambda value: {"network": value}, lambda project: project.network),
    _project("emoji", lambda value: {"emoji": value}, lambda project: project.emoji),
    _project("cover", lambda value: {"cover": value}, lambda project: project.cover),
    _project("module_names[0]", lambda value: {"module_names": [value]}, lambda project: project.module_names[0]),
    _project("cycle_names[0]", lambda value: {"cycle_names": [value]}, lambda project: project.cycle_names[0]),
    Place(
        "plane_people[0].email",
        "json",
        lambda value: {"plane_people": [{"email": value}]},
        lambda settings: settings.plane_people[0].email,
        str.lower,
    ),
    _project("timezone", lambda value: {"timezone": value}, lambda project: project.timezone),
    _project("lead", lambda value: {"lead": value}, lambda project: project.lead, str.lower),
    _project(
        "default_assignee", lambda value: {"default_assignee": value}, lambda one: one.default_assignee, str.lower
    ),
    _project("work_item_type", lambda value: {"work_item_type": value}, lambda project: project.work_item_type),
    _project(
        "states[0].name",
        lambda value: {"states": [{"name": value, "group": "started"}]},
        lambda project: project.states[0].name,
    ),
    _project(
        "states[0].group",
        lambda value: {"states": [{"name": "a", "group": value}]},
        lambda project: project.states[0].group,
    ),
    _project(
        "states[0].color",
        lambda value: {"states": [{"name": "a", "group": "started", "color": value}]},
        lambda project: project.states[0].color,
    ),
    _project(
        "states[0].description",
        lambda value: {"states": [{"name": "a", "group": "started", "description": value}]},
        lambda project: project.states[0].description,
        _of_text,
    ),
    _project("labels[0].name", lambda value: {"labels": [{"name": value}]}, lambda project: project.labels[0].name),
    _project(
        "labels[0].color",
        lambda value: {"labels": [{"name": "a", "color": value}]},
        lambda project: project.labels[0].color,
    ),
    _project(
        "labels[0].description",
        lambda value: {"labels": [{"name": "a", "description": value}]},
        lambda project: project.labels[0].description,
        _of_text,
    ),
    _project(
        "labels",
        lambda value: {"labels": [{"name": value}, {"name": "in it", "parent": value}]},
        lambda project: project.labels[1].parent,
    ),
    _field("name", lambda value: {"name": value, "type": "text"}, lambda field: field.name),
    _field("type", lambda value: {"type": value}, lambda field: field.type),
    _field(
        "description",
        lambda value: {"type": "text", "description": value},
        lambda field: field.description,
        _of_text,
    ),
    _field(
        "options[0]",
        lambda value: {"type": "option", "options": [value]},
        lambda field: field.options,
        lambda value: (value,),
    ),
    *(_of_default(kind) for kind in ("text", "url", "email", "date")),
    _of_default("member", str.lower),
    _plain("plane_seed_host", "local"),
    _plain("plane_custom_fields_unsupported", "local"),
    _plain("plane_secrets_dir", "local"),
    *(_secret(name, _SECRETS_GO[name]) for name in SECRETS),
)

NO_TEXT = frozenset(
    {
        "plane_db_port",
        "postgres_port",
        "postgres_wait_seconds",
        "plane_gunicorn_workers",
        "plane_api_port",
        "plane_api_tls_insecure",
        "plane_shared_passwords",
        "plane_management_commands",
        "plane_requests_together",
        "plane_health_retries",
        "plane_health_delay",
        "plane_agent_emails",
        "plane_prune",
        "plane_env_prune",
        "plane_token_lifetime_days",
        "plane_token_renew_days",
        "plane_token_grace",
    }
)
"""Numbers and switches: nothing else is taken for one, see the tests of the settings."""

PART_OF_ANOTHER = frozenset({"absent_agents"})
"""What is read from other settings."""
