"""Plane's environment file as text, from the settings."""

from __future__ import annotations

from urllib.parse import quote

from pyinfra.api import HiddenValue

from pyinfra_plane.settings import Settings, SettingsError
from pyinfra_plane.settings.carried import is_carried, not_carried, refusals

HEAD = """\
# Plane's environment: read by its api, worker and beat containers. Written by the deploy; change its settings instead.
# Variables that the settings do not name can be added; they stay, unless plane_env_prune is set.
"""

STORAGE = (
    "USE_MINIO", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
    "AWS_S3_ENDPOINT_URL", "AWS_S3_BUCKET_NAME",
)  # fmt: skip
"""The variables of the storage that settings write."""

KNOWN = (
    *STORAGE,
    # Of Plane 1.3.1 and of Plane's own Compose file; a name that is not here is nothing wrong.
    *"""
    SECRET_KEY DATABASE_URL REDIS_URL AMQP_URL WEB_URL CORS_ALLOWED_ORIGINS GUNICORN_WORKERS
    MINIO_ENDPOINT_URL MINIO_ENDPOINT_SSL FILE_SIZE_LIMIT SIGNED_URL_EXPIRATION API_KEY_RATE_LIMIT
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
"""Names that a misspelt one can be meant for."""


Variables = dict[str, tuple[object, str | None]]
"""Variables with their values, each with the setting that says all that plane_env_extra could, if there is one."""


def _variables(s: Settings) -> Variables:
    named = (s.plane_db_user, s.postgresql_password, s.plane_db_name)
    user, password, name = (quote(_text(one), safe="") for one in named)
    host = f"[{s.plane_db_host}]" if ":" in s.plane_db_host else s.plane_db_host
    url = f"postgresql://{user}:{password}@{host}:{s.plane_db_port}/{name}"
    return {
        "SECRET_KEY": (s.plane_secret_key, None if s.plane_secret_key is None else "plane_secret_key"),
        "DATABASE_URL": (url, "postgresql_password and plane_db_…"),
        "REDIS_URL": (s.plane_redis_url, "plane_redis_url"),
        "AMQP_URL": (s.plane_amqp_url, "plane_amqp_url"),
        "WEB_URL": (s.plane_web_url, "plane_web_url"),
        "CORS_ALLOWED_ORIGINS": (s.plane_web_url, None),
        "GUNICORN_WORKERS": (s.plane_gunicorn_workers, "plane_gunicorn_workers"),
    }


def _storage_variables(s: Settings) -> Variables:
    storage = s.storage
    if storage is None:
        return {}
    of = "plane_minio" if storage.is_minio else "plane_s3"
    found: Variables = {
        "USE_MINIO": (int(storage.is_minio), "plane_minio_endpoint" if storage.is_minio else "plane_s3_bucket"),
        # Browsers reach MinIO at the address of Plane itself.
        "MINIO_ENDPOINT_SSL": (int(s.plane_web_url.startswith("https:")), None),
        "AWS_REGION": (storage.region, None if storage.is_minio else "plane_s3_region"),
        # Where Plane stores an export it gives no region (1.3.1), and boto3 takes this one.
        "AWS_DEFAULT_REGION": (storage.region, "plane_s3_region"),
        "AWS_ACCESS_KEY_ID": (storage.access_key, f"{of}_access_key"),
        "AWS_SECRET_ACCESS_KEY": (storage.secret_key, f"{of}_secret_key"),
        "AWS_S3_ENDPOINT_URL": (storage.endpoint, f"{of}_endpoint"),
        "AWS_S3_BUCKET_NAME": (storage.bucket, f"{of}_bucket"),
    }
    del found["AWS_DEFAULT_REGION" if storage.is_minio else "MINIO_ENDPOINT_SSL"]
    return found


def render(settings: Settings) -> HiddenValue:
    """Plane's environment file for these settings, as text.

    ``SECRET_KEY`` is empty when the settings have none: :func:`env_file` fills it in on the host.

    Raises:
        SettingsError: a value cannot be carried by an env file unchanged; it is named, not shown.
    """
    extra = {name: _text(value) for name, value in settings.plane_env_extra.items()}
    written, storage = _variables(settings), _storage_variables(settings)
    parts = {
        HEAD: {name: _text(value) for name, (value, _) in written.items()},
        "# Storage\n": {name: _text(value) for name, (value, _) in storage.items()},
        "# plane_env_extra\n": {name: value for name, value in extra.items() if name not in {**written, **storage}},
    }
    # A name that stands twice is read differently by each reader, so an extra value takes the place of ours.
    parts = {head: {name: extra.get(name, value) for name, value in part.items()} for head, part in parts.items()}
    refused = not_carried(settings) or [
        name for part in parts.values() for name, value in part.items() if not is_carried(value)
    ]
    if refused:
        raise SettingsError(refusals(refused))
    lines = {head: "".join(f"{name}={value}\n" for name, value in part.items()) for head, part in parts.items()}
    return HiddenValue("".join(f"{head}{text}" for head, text in lines.items() if text))


def _text(value: object) -> str:
    value = value.unmask() if isinstance(value, HiddenValue) else value
    return "" if value is None else str(value)


def advice(settings: Settings) -> list[str]:
    """What is worth a line about ``plane_env_extra``: a name that looks misspelt, one that another setting writes."""
    extra = settings.plane_env_extra
    lines = []
    for name in extra.keys() - set(KNOWN):
        near = [known for known in KNOWN if _is_slip(name, known)]
        if near:
            lines.append(f"! plane_env_extra: {name} is not a variable that this deploy knows; did you mean {near[0]}?")
    stored = [name for name in STORAGE if name in extra]
    if stored and settings.storage is None:
        lines.append(
            f"! plane_env_extra: plane_minio_… (for MinIO) and plane_s3_… (for AWS, R2, GCS and others) write "
            f"{', '.join(stored)} and what belongs to it; use these settings instead"
        )
    for name, (_, setting) in {**_variables(settings), **_storage_variables(settings)}.items():
        if name in extra and setting is not None:
            lines.append(f"! plane_env_extra: {name} overrides {setting}; set only one of them")
    return sorted(lines)


def _is_slip(name: str, known: str) -> bool:
    """Whether a name differs from another in one letter after the first, in two that changed places, or in its case."""
    name = name.upper()
    if name[0] != known[0]:
        return False  # PI_BASE_URL is right, and so is API_BASE_URL
    if len(name) == len(known):
        differing = [pair for pair in zip(name, known, strict=True) if pair[0] != pair[1]]
        return len(differing) <= 1 or (len(differing) == 2 and differing[0] == differing[1][::-1])
    shorter, longer = sorted((name, known), key=len)
    return any(longer[:at] + longer[at + 1 :] == shorter for at in range(len(longer)))
