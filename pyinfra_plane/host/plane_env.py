"""Plane's environment file as text, from the settings and a template."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, StrictUndefined, Template
from pyinfra.api import HiddenValue

from pyinfra_plane.settings import Settings, SettingsError
from pyinfra_plane.settings.env_format import refusals, verbatim_values

TEMPLATE = Path(__file__).parents[1] / "templates" / "plane.env.j2"

STORAGE = {
    "USE_MINIO": ("plane_minio_endpoint", "plane_s3_bucket"),
    "AWS_REGION": (None, "plane_s3_region"),
    "AWS_DEFAULT_REGION": (None, "plane_s3_region"),
    "AWS_ACCESS_KEY_ID": ("plane_minio_access_key", "plane_s3_access_key"),
    "AWS_SECRET_ACCESS_KEY": ("plane_minio_secret_key", "plane_s3_secret_key"),
    "AWS_S3_ENDPOINT_URL": ("plane_minio_endpoint", "plane_s3_endpoint"),
    "AWS_S3_BUCKET_NAME": ("plane_minio_bucket", "plane_s3_bucket"),
}
"""The settings that write a storage variable: for MinIO, and for any other S3."""

SETTINGS = {
    "SECRET_KEY": "plane_secret_key",
    "DATABASE_URL": "postgresql_password and plane_db_…",
    "REDIS_URL": "plane_redis_url",
    "AMQP_URL": "plane_amqp_url",
    "WEB_URL": "plane_web_url",
    "GUNICORN_WORKERS": "plane_gunicorn_workers",
}
"""The settings that write each other variable. CORS_ALLOWED_ORIGINS is missing: only plane_env_extra can name
several."""

KNOWN = (
    *SETTINGS,
    *STORAGE,
    # From Plane 1.3.1 and Plane's own Compose file. A name that is missing here is not an error.
    *"""
    CORS_ALLOWED_ORIGINS MINIO_ENDPOINT_URL MINIO_ENDPOINT_SSL FILE_SIZE_LIMIT SIGNED_URL_EXPIRATION API_KEY_RATE_LIMIT
    AUTHENTICATION_RATE_LIMIT ALLOWED_HOSTS COOKIE_DOMAIN SESSION_COOKIE_AGE SESSION_COOKIE_NAME
    ADMIN_SESSION_COOKIE_AGE SESSION_SAVE_EVERY_REQUEST HARD_DELETE_AFTER_DAYS UNUPLOADED_ASSET_DELETE_DAYS SKIP_ENV_VAR
    APP_BASE_URL API_BASE_URL ADMIN_BASE_URL SPACE_BASE_URL LIVE_BASE_URL
    APP_BASE_PATH API_BASE_PATH ADMIN_BASE_PATH SPACE_BASE_PATH LIVE_BASE_PATH
    ENABLE_SIGNUP ENABLE_EMAIL_PASSWORD ENABLE_MAGIC_LINK_LOGIN ENABLE_SMTP DISABLE_WORKSPACE_CREATION
    EMAIL_HOST EMAIL_HOST_USER EMAIL_HOST_PASSWORD EMAIL_PORT EMAIL_FROM EMAIL_USE_TLS EMAIL_USE_SSL
    GOOGLE_CLIENT_ID GOOGLE_CLIENT_SECRET GITHUB_CLIENT_ID GITHUB_CLIENT_SECRET GITLAB_CLIENT_ID GITLAB_CLIENT_SECRET
    GITLAB_HOST GITEA_HOST GITEA_CLIENT_ID GITEA_CLIENT_SECRET LLM_API_KEY LLM_MODEL LLM_PROVIDER UNSPLASH_ACCESS_KEY
    WEBHOOK_ALLOWED_IPS WEBHOOK_ALLOWED_HOSTS WEBHOOK_DISALLOWED_DOMAINS LIVE_SERVER_SECRET_KEY CELERY_BROKER_URL
    POSTGRES_USER POSTGRES_PASSWORD POSTGRES_HOST POSTGRES_PORT POSTGRES_DB
    RABBITMQ_HOST RABBITMQ_PORT RABBITMQ_USER RABBITMQ_PASSWORD RABBITMQ_VHOST
    """.split(),  # noqa: SIM905 - one a line would fill the screen
)
"""Names that a misspelt name may stand for."""


def render(settings: Settings, template: Path = TEMPLATE) -> HiddenValue:
    """Render Plane's environment file for these settings.

    ``SECRET_KEY`` is empty if the settings have none: :func:`env_file` generates it on the host.

    Raises:
        SettingsError: an env file cannot hold a value unchanged; the message names it without showing it.
    """
    values = {
        "secret_key": settings.plane_secret_key,
        "db_user": settings.plane_db_user,
        "db_password": settings.postgresql_password,
        "db_host": f"[{settings.plane_db_host}]" if ":" in settings.plane_db_host else settings.plane_db_host,
        "db_port": settings.plane_db_port,
        "db_name": settings.plane_db_name,
        "redis_url": settings.plane_redis_url,
        "amqp_url": settings.plane_amqp_url,
        "web_url": settings.plane_web_url,
        "gunicorn_workers": settings.plane_gunicorn_workers,
    }
    storage = settings.storage
    shown: dict[str, object] = {name: _unmasked(value) for name, value in values.items()}
    shown["storage"] = storage and {name: _unmasked(value) for name, value in vars(storage).items()}
    source = _compiled(template.read_text(encoding="utf-8"))
    known = parse(source.render(shown, extra={}))
    extra = {name: str(value.unmask()) for name, value in settings.plane_env_extra.items()}
    further = {name: value for name, value in extra.items() if name not in known}
    text = source.render(shown, extra=further)
    for name in extra.keys() - further.keys():
        # A variable of the template is replaced in its place: readers disagree about a name that occurs twice.
        text = _with(text, name, extra[name])
    # The settings' values are checked first, because a line break would turn one variable into two; then the rendered
    # text, to which a custom template may have added variables.
    refused = refusals(verbatim_values(settings)) or refusals(parse(text))
    if refused:
        raise SettingsError(refused)
    return HiddenValue(text)


@cache  # it takes about 5 ms, which each host would pay for
def _compiled(source: str) -> Template:
    environment = Environment(
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - no HTML
    )
    # Jinja's own urlencode leaves "/" unchanged, which would end a password in a URL.
    environment.filters["percent"] = lambda value: quote(value, safe="")
    return environment.from_string(source)


def _unmasked(value: object) -> object:
    if isinstance(value, HiddenValue):
        return value.unmask()
    return "" if value is None else value


def parse(text: str) -> dict[str, str]:
    """The variables of an env file; if a name occurs twice, the last one."""
    found = {}
    for line in text.split("\n"):
        name, equals, value = line.partition("=")
        if equals and not line.lstrip().startswith("#"):
            found[name.strip()] = value
    return found


def _with(text: str, name: str, value: str) -> str:
    return re.sub(rf"(?m)^{re.escape(name)}=.*$", lambda match: f"{name}={value}", text)


def advice(settings: Settings) -> list[str]:
    """Warn about ``plane_env_extra``: names that look misspelt, and names that another setting writes."""
    extra, storage = settings.plane_env_extra, settings.storage
    lines = []
    for name in extra.keys() - set(KNOWN):
        near = [known for known in KNOWN if _is_typo(name, known)]
        if near:
            lines.append(f"! plane_env_extra: {name} is not a variable that this deploy knows; did you mean {near[0]}?")
    written: dict[str, str | None] = dict(SETTINGS)
    if settings.plane_secret_key is None:
        del written["SECRET_KEY"]
    if storage is not None:
        written |= {name: of_minio if storage.is_minio else of_s3 for name, (of_minio, of_s3) in STORAGE.items()}
    elif stored := [name for name in STORAGE if name in extra]:
        lines.append(
            f"! plane_env_extra: plane_minio_… (for MinIO) and plane_s3_… (for AWS, R2, GCS and others) write "
            f"{', '.join(stored)} and related variables; use these settings instead"
        )
    for name, setting in written.items():
        if name in extra and setting is not None:
            lines.append(f"! plane_env_extra: {name} overrides {setting}; set only one of them")
    return sorted(lines)


def _is_typo(name: str, known: str) -> bool:
    """Whether two names differ in one letter after the first, in two swapped letters, or only in case."""
    name = name.upper()
    if name[0] != known[0]:
        return False  # PI_BASE_URL is right, and so is API_BASE_URL
    if len(name) == len(known):
        differing = [pair for pair in zip(name, known, strict=True) if pair[0] != pair[1]]
        return len(differing) <= 1 or (len(differing) == 2 and differing[0] == differing[1][::-1])
    shorter, longer = sorted((name, known), key=len)
    return any(longer[:at] + longer[at + 1 :] == shorter for at in range(len(longer)))
