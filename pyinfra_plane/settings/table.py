"""Every setting, declared once: its name, type, check, default, and what it is for.

From this table follow the checks of a host's data, ``group_data/all.py`` and ``docs/settings.md`` (``make reference``
writes both), and which settings may hold a secret.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from pyinfra.api.hiddenvalue import HiddenValue

from pyinfra_plane.settings import checks
from pyinfra_plane.settings.agents import absent_agents, plane_agents
from pyinfra_plane.settings.checks import Check, optional
from pyinfra_plane.settings.consumers import TokenConsumer, token_consumers
from pyinfra_plane.settings.models import (
    CONCIERGE,
    Agent,
    SettingsError,
    Storage,
    derive_password,
)
from pyinfra_plane.settings.projects import Project, labels_for, plane_projects
from pyinfra_plane.settings.secrets import GENERATED
from pyinfra_plane.settings.values import CHARACTER, name_of

NOBODY_IS_ADMIN = "plane_agents: nobody is admin; wanted: at least one, who makes the projects"

DERIVED = object()
"""In place of a default: not a setting, but what others come to."""


@dataclass(frozen=True)
class Entry:
    """One line of the table.

    Args:
        check: gives the setting's value, and keeps what is wrong with it.
        default: as it would stand in ``group_data/all.py``.
        text: what it is for; empty if the setting before it says so.
        section: the heading that it begins.
        holds_secrets: whether no value of it may be shown.
    """

    check: Check[Any]
    default: object = None
    text: str = ""
    section: str = ""
    holds_secrets: bool = False


def setting(check: Check[Any], default: object = None, text: str = "", **further: Any) -> Any:
    return field(repr=not further.get("holds_secrets"), metadata={"entry": Entry(check, default, text, **further)})


@dataclass(frozen=True)
class Database:
    """The shared PostgreSQL container."""

    postgres_container: str = setting(
        checks.container, "javisi_postgresql",
        section="The shared PostgreSQL container, reached on its host with `docker exec`",
    )  # fmt: skip
    postgres_container_user: str | None = setting(
        checks.optional_text(rf"{checks.ACCOUNT}(:{checks.ACCOUNT})?", "a user's name or number"), None,
        "The user of the container that psql runs as. None: the container's own default, root in PostgreSQL's image.",
    )  # fmt: skip
    postgres_port: int | None = setting(
        optional(checks.port), None, "The port that PostgreSQL listens on in its container. None: psql's default, 5432."
    )
    postgres_maintenance_db: str = setting(
        checks.postgres_name(), "postgres", "The database to connect to before Plane's exists."
    )
    postgres_superuser: str = setting(checks.postgres_name(), "postgres")
    postgres_superuser_password: HiddenValue | None = setting(
        checks.secret, None,
        "Only if the container asks for a password on its local socket (PostgreSQL's own image does not).",
    )  # fmt: skip
    postgresql_password: HiddenValue | None = setting(
        checks.secret, None, "One password shared by all database users: the convention of these hosts."
    )
    postgres_init_dir: str | None = setting(
        optional(checks.path()), None,
        "Where the container's init scripts live on the host. When set, a script for Plane is kept there, for the day "
        "the container starts on an empty data directory.",
    )  # fmt: skip
    postgres_wait_seconds: int = setting(
        checks.number(0, 3600), 30, "How long to wait for a container that is starting, in seconds."
    )
    plane_db_name: str = setting(checks.postgres_name(checks.RESERVED_DATABASES), "plane_production")
    plane_db_user: str = setting(checks.postgres_name(checks.RESERVED_ROLES), "plane")
    plane_db_host: str = setting(
        checks.database_host, None, "Where Plane's containers find PostgreSQL. None: the name of postgres_container."
    )
    plane_db_port: int = setting(checks.port, 5432)


@dataclass(frozen=True)
class EnvironmentFile:
    """Plane's environment file, and the containers that read it."""

    plane_config_dir: str = setting(checks.path(), "/opt/javisi/configs/plane", section="Plane's environment file")
    plane_env_path: str = setting(checks.path("plane_config_dir"), "{plane_config_dir}/plane.env")
    plane_files_user: str | None = setting(
        checks.optional_text(checks.ACCOUNT, "a user's name or number"), None,
        "The owner and group of the two files with secrets on the host, which no other user can read. None: the user "
        "who writes them.",
    )  # fmt: skip
    plane_files_group: str | None = setting(checks.optional_text(checks.ACCOUNT, "a group's name or number"))
    plane_web_url: str = setting(
        checks.origin, "https://work.example.com",
        "The address at which people and agents open Plane, without a path. Cookies are Secure if it is https.",
    )  # fmt: skip
    plane_secret_key: HiddenValue | None = setting(
        checks.secret, None, "None: the one that the file already has, or a new one."
    )
    redis_container: str | None = setting(
        checks.optional_container, "javisi_redis",
        "The Redis container on the host: a warning says if other services keep keys in Plane's databases. None: do "
        "not look.",
    )  # fmt: skip
    plane_redis_url: HiddenValue = setting(
        checks.secret_url(checks.REDIS_URL, "redis", "rediss"), None,
        'Secrets, since these addresses may have a password in them ("redis://:PASSWORD@redis:6379/4", '
        f"percent-encoded: %23 for #). None: {checks.REDIS_URL} and {checks.AMQP_URL}, databases of their own in the "
        "shared Redis, because Plane has no key prefix.",
    )  # fmt: skip
    plane_amqp_url: HiddenValue = setting(checks.secret_url(checks.AMQP_URL, "redis", "rediss", "amqp", "amqps"))
    plane_minio_endpoint: str | None = setting(
        optional(checks.url("http", "https")), None,
        'Storage of files: a MinIO as Plane\'s containers reach it, for example "http://plane-minio:9000", to which '
        "Plane's proxy passes /<bucket>, so that browsers reach it at plane_web_url. Without an endpoint here and "
        "without plane_s3_bucket, no storage variable is written.",
    )  # fmt: skip
    plane_minio_bucket: str = setting(checks.text(checks.BUCKET, "an S3 bucket's name"), "plane")
    plane_minio_access_key: HiddenValue | None = setting(checks.secret)
    plane_minio_secret_key: HiddenValue | None = setting(checks.secret)
    plane_s3_bucket: str | None = setting(
        checks.optional_text(checks.BUCKET, "an S3 bucket's name"), None,
        "Or storage that browsers reach at an address of its own: AWS, Cloudflare R2, Google Cloud Storage, another "
        "MinIO.",
    )  # fmt: skip
    plane_s3_endpoint: str | None = setting(
        optional(checks.origin), None,
        'None: AWS. R2: "https://<account>.r2.cloudflarestorage.com"; GCS: "https://storage.googleapis.com" (with HMAC '
        "keys).",
    )  # fmt: skip
    plane_s3_region: str | None = setting(
        checks.optional_text(r"[a-z0-9-]{1,63}", "a region such as eu-central-1 or auto"), None,
        'For example "eu-central-1"; "auto" for R2 and GCS.',
    )  # fmt: skip
    plane_s3_access_key: HiddenValue | None = setting(checks.secret)
    plane_s3_secret_key: HiddenValue | None = setting(checks.secret)
    plane_gunicorn_workers: int = setting(checks.number(1, 256), 2)
    plane_env_extra: Mapping[str, HiddenValue] = setting(
        checks.env_extra, {},
        'Any further variable, for example {"API_KEY_RATE_LIMIT": "300/minute", "LLM_API_KEY": None}. None: a secret, '
        "looked for under that name in the environment and the secrets files. A value here wins over one that another "
        "setting writes.",
        holds_secrets=True,
    )  # fmt: skip
    plane_env_prune: bool = setting(
        checks.flag, False,
        "False: variables in the file that no setting names stay, with comments and their order. True: they are "
        "removed.",
    )  # fmt: skip
    plane_compose_dir: str | None = setting(
        optional(checks.path()), None,
        "The folder of Plane's docker-compose.yml. When set, the containers that read the file above are created, and "
        "recreated if they run with other values. None: you do that.",
    )  # fmt: skip
    plane_compose_services: tuple[str, ...] | None = setting(
        checks.services, None,
        "The services that read the file, the one that migrates the database and ends, and the one that is Plane's "
        "API. None: found in the Compose file, by env_file: or ${DATABASE_URL}, and by what they run.",
    )  # fmt: skip
    plane_compose_migrator: str | None = setting(checks.optional_service)
    plane_compose_api: str | None = setting(checks.optional_service)
    plane_management_commands: bool = setting(
        checks.flag, True,
        "What Plane's image does if it starts by its own scripts, done if the Compose file has other commands: migrate "
        "the database, register and configure the instance (manage.py, in the API's service). With storage, the bucket "
        "is created and written to once, too. False: you do that.",
    )  # fmt: skip


@dataclass(frozen=True)
class Api:
    """How Plane's API is reached."""

    plane_api_url: str | None = setting(
        optional(checks.api_url), None,
        "Seen from the host. None: the address of plane_api_container, port plane_api_port.",
        section="Plane's API",
    )  # fmt: skip
    plane_api_container: str | None = setting(
        checks.optional_container, None,
        "None: the container of the API's service in plane_compose_dir; without plane_compose_dir, javisi_plane_api.",
    )  # fmt: skip
    plane_api_port: int = setting(checks.port, 8000)
    plane_api_ca: str | None = setting(
        checks.optional_text(rf"{CHARACTER}+", "the path of a certificate file on this machine"), None,
        "The certificate of a private CA, a file on this machine. None: REQUESTS_CA_BUNDLE, or else the public ones.",
    )  # fmt: skip
    plane_api_tls_insecure: bool = setting(
        checks.flag, False,
        "True: accept any certificate; anybody between here and Plane can read every password and token. Each run "
        "prints a warning.",
    )  # fmt: skip
    plane_requests_together: int = setting(
        checks.number(1, 16), 2,
        "How many requests that do not depend on each other may be under way at once. Plane's default is two workers.",
    )  # fmt: skip
    plane_health_retries: int = setting(
        checks.number(1, 1000), 12,
        "How many times to ask whether Plane is up, and how long to wait in between, in seconds.",
    )  # fmt: skip
    plane_health_delay: int = setting(checks.number(0, 3600), 10)


@dataclass(frozen=True)
class Instance:
    """The instance and the workspace."""

    plane_admin_email: str = setting(
        checks.email, "admin@javisi.local",
        "The instance admin: created on a new instance; used to sign in on an existing one.",
        section="The instance and the workspace",
    )  # fmt: skip
    plane_admin_password: HiddenValue | None = setting(checks.password)
    plane_admin_first_name: str = setting(checks.text(name_of(255), f"{checks.TEXT}, no blanks at its ends"), "Plane")
    plane_admin_last_name: str = setting(checks.text(rf"{CHARACTER}{{0,255}}", checks.TEXT), "Admin")
    plane_company_name: str = setting(checks.text(rf"{CHARACTER}{{0,255}}", checks.TEXT), "Javisi")
    plane_admin_api_token: HiddenValue | None = setting(
        checks.secret, None,
        "An API token of a workspace admin, instead of the password, on an instance that a person set up.",
    )  # fmt: skip
    plane_instance_config: Mapping[str, HiddenValue] = setting(
        checks.instance_config, {},
        "Settings that Plane keeps in its own database, so that the environment no longer changes them once it was "
        'started, for example {"ENABLE_SIGNUP": "0", "EMAIL_HOST": "smtp.example.com", "EMAIL_HOST_PASSWORD": None}. '
        "None: a secret, looked for under that name in the environment and the secrets files. Only what is named is "
        "changed. Comparing a setting that Plane does not show to everybody takes a sign-in as the instance admin on "
        "every run.",
        holds_secrets=True,
    )  # fmt: skip
    plane_workspace_slug: str = setting(checks.slug, "javisi")
    plane_workspace_name: str = setting(checks.workspace_name, "Javisi")
    plane_workspace_size: str = setting(checks.text(name_of(20), "one line of text, at most 20 letters"), "2-10")


@dataclass(frozen=True)
class Agents:
    """The agents and their tokens."""

    plane_concierge_password: HiddenValue | None = setting(
        checks.password, None, "The concierge's own, so that a person can sign in as it.", section="The agents"
    )
    plane_agent_password_seed: HiddenValue | None = setting(
        checks.seed, None, "The passwords of the other agents are derived from it."
    )
    plane_seed_host: str = setting(
        checks.seed_host, None,
        "What is mixed into the derived passwords, so that somebody who runs a Plane cannot derive another's. None: "
        "the host in plane_web_url; set that here before plane_web_url changes.",
    )  # fmt: skip
    plane_shared_passwords: bool = setting(
        checks.flag, False,
        "True: several Planes may have the same plane_admin_password, plane_concierge_password or plane_secret_key. "
        "Each Plane is sent its own at every sign-in, so with one of them a Plane opens the others.",
    )  # fmt: skip
    plane_agents: tuple[Agent, ...] = setting(
        plane_agents,
        [
            {"name": "concierge", "role": "admin"},
            *(
                {"name": name, "role": "member"}
                for name in (
                    *("imhotep", "thot", "basquiat", "r2d2", "shuri", "piccolo", "cfo", "maintainer", "hermes"),
                )
            ),
        ],
        'Each {"name", "role"}, role one of admin, member, guest, and where wanted "email" (else <name>@<workspace '
        'slug>.local), "password" (else derived from the seed and the address), "display_name" (else the name), "user" '
        'and "group" (who on the host owns its file in plane_agent_files_dir; else plane_files_user and '
        'plane_files_group). An agent with "present": False is removed: its tokens are revoked, its membership ends, '
        "its line is taken out; what it wrote stays.",
        holds_secrets=True,
    )  # fmt: skip
    absent_agents: tuple[Agent, ...] = setting(absent_agents, DERIVED)
    plane_prune: bool = setting(
        checks.flag, False,
        "True: also remove agents whose token is saved on the host and who are no longer in plane_agents.",
    )  # fmt: skip
    plane_token_lifetime_days: int | None = setting(
        optional(checks.number(1, 3650)), None,
        "Days after which a new token expires; None: never. A token with fewer than plane_token_renew_days left is "
        "rotated.",
    )  # fmt: skip
    plane_token_renew_days: int = setting(checks.number(0, 3649), 14)
    rotate_tokens: frozenset[str] = setting(
        checks.rotate, None,
        "Once, with --data rotate_tokens=thot,cfo (or all): new tokens for these agents. All others with their label "
        "are revoked, also those that somebody else made, which every other run leaves alone.",
    )  # fmt: skip
    plane_tokens_path: str = setting(
        checks.path("plane_config_dir"), "{plane_config_dir}/agent-tokens.env",
        "An env file with PLANE_TOKEN_<NAME>=… for each agent, readable by its owner only. A token in it that answers "
        "is kept, whoever made it.",
    )  # fmt: skip
    plane_agent_files_dir: str | None = setting(
        optional(checks.path("plane_config_dir")), None,
        'A folder with a file for each agent, for example "{plane_config_dir}/agents": its token and no other\'s, as '
        "PLANE_API_KEY, with PLANE_BASE_URL, PLANE_WORKSPACE_SLUG and PLANE_PROJECT_<IDENTIFIER>, the ids of the "
        "projects. Readable by its owner only. None: no such files.",
    )  # fmt: skip
    plane_agent_files_format: str = setting(
        checks.choice("env", "json"), "env", '"env" (<name>.env) or "json" (<name>.json, the same names in one object).'
    )
    plane_agent_base_url: str | None = setting(
        optional(checks.origin), None,
        "PLANE_BASE_URL in these files: Plane as agents reach it, without /api. None: plane_web_url.",
    )  # fmt: skip
    plane_ids_path: str | None = setting(
        optional(checks.path("plane_config_dir")), None,
        'A JSON file that everybody on the host can read, for example "{plane_config_dir}/plane-ids.json": by name, '
        "the ids of the workspace, members, projects, states, labels, work item types and custom fields. None: none.",
    )  # fmt: skip
    plane_token_consumers: tuple[TokenConsumer, ...] = setting(
        token_consumers, [],
        'What uses a token: each {"service": "n8n", "directory": "/opt/n8n", "agent": "hermes"}, a service of a '
        "Compose project that is recreated if it runs with another token than the agent's, or "
        '{"command": "systemctl restart hermes", "agent": "hermes"}, run on the host when the agent\'s token or file '
        'changed. Without "agent": for every agent. A rotation revokes the former token after that.',
    )  # fmt: skip
    plane_token_grace: int = setting(
        checks.number(0, 86400), 0, "How long a rotation waits before it revokes the former token, in seconds."
    )


@dataclass(frozen=True)
class Projects:
    """The projects, and this machine."""

    plane_projects: tuple[Project, ...] = setting(
        plane_projects,
        [
            {
                "name": "Onboarding",
                "identifier": "ONBOARD",
                "description": "Where every agent reports to first.",
                "work_item_type": None,
                "custom_fields": [
                    {"name": "agent_id", "type": "text"},
                    {"name": "cost_estimate", "type": "number"},
                    {"name": "confidence_score", "type": "number"},
                    {"name": "session_id", "type": "text"},
                ],
            },
        ],
        'Each {"name", "identifier"}, and where wanted:\n'
        '  "description"         text\n'
        '  "network"             "public" (everybody in the workspace sees it) or "secret" (only its members do)\n'
        '  "timezone"            a name such as "Europe/Berlin"\n'
        '  "lead", "default_assignee"   an agent\'s name, or the address of another member\n'
        '  "cycles", "modules", "views", "pages", "intake", "estimates"   True or False\n'
        '  "states"              each {"name", "group"} with group one of backlog, unstarted, started, completed,\n'
        '                        cancelled, and where wanted "color" ("#3f76ff"), "description", "default" (True for\n'
        "                        one of them)\n"
        '  "labels"              each {"name"}, and where wanted "color", "description", "parent" (a label before it)\n'
        '  "work_item_type"      the type that has the custom fields, created if missing; None: the default one, or\n'
        '                        "Task" if Plane has created none\n'
        '  "custom_fields"       each {"name", "type"}, type one of text, number, boolean, date, option, url, email,\n'
        '                        member, and where wanted "description", "required", "options" (of type option),\n'
        '                        "multiple" (of type option or member), "default" (not of a required one: Plane drops\n'
        "                        it)\n"
        '  "prune"               True: states, labels, fields and options that are not named here are deleted; Plane\n'
        "                        keeps a state with work items in it, but deletes the drafts in one, which only their\n"
        "                        writers can see\n"
        "What is not named, or None, is left as it is.",
        section="Projects",
    )  # fmt: skip
    plane_custom_fields_unsupported: str = setting(
        checks.choice("warn", "fail", "labels"), "warn",
        'What to do if the edition, its plan or the workspace has no custom fields for a project: "warn" (say so and '
        'go on), "fail" (in the Community Edition before anything is written), or "labels" (keep what labels can '
        "carry: a group agent_id with a label for each agent, a group for each option field).",
    )  # fmt: skip

    plane_secrets_dir: str = setting(
        lambda values, name: values.secrets_dir, "secrets",
        "Where secrets are read from, relative to where pyinfra is started; see docs/first-deployment.md.",
        section="This machine",
    )  # fmt: skip


# A dataclass takes the fields of its last base first.
@dataclass(frozen=True)
class Settings(Projects, Agents, Instance, Api, EnvironmentFile, Database):
    """Every setting of one host, checked. Attribute names are the settings' names."""

    def secrets_of(self, part: str) -> tuple[str, ...]:
        """The secrets that a part of the deploy (``database``, ``environment``, ``provisioning``) needs."""
        if part == "provisioning":
            return self.account_secrets
        keys: tuple[str, ...] = ()
        if part == "environment" and self.storage is not None:
            kind = "minio" if self.storage.is_minio else "s3"
            keys = (f"plane_{kind}_access_key", f"plane_{kind}_secret_key")
        return ("postgresql_password", *keys)

    @property
    def storage(self) -> Storage | None:
        """Where Plane keeps files; ``None`` when the settings name no storage."""
        if self.plane_minio_endpoint is not None:
            keys = self.plane_minio_access_key, self.plane_minio_secret_key
            return Storage(True, self.plane_minio_endpoint, "", self.plane_minio_bucket, *keys)
        if self.plane_s3_bucket is None:
            return None
        region = self.plane_s3_region or ""
        # Never empty: boto3 would refuse that, and without one it sends browsers to another region's address first.
        aws = f"https://s3.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}"
        keys = self.plane_s3_access_key, self.plane_s3_secret_key
        return Storage(False, self.plane_s3_endpoint or aws, region, self.plane_s3_bucket, *keys)

    @property
    def tokens_are_handed_on(self) -> bool:
        """Whether a new token reaches its users only after it is saved, so that the former one is needed until then."""
        return bool(self.plane_agent_files_dir or self.plane_token_consumers or self.plane_token_grace)

    @property
    def account_secrets(self) -> tuple[str, ...]:
        """The secrets that the agents' accounts need."""
        needed = [_password_source(agent) for agent in self.plane_agents if agent.password is None]
        return tuple(dict.fromkeys(needed))

    @property
    def has_admin(self) -> bool:
        """Whether there is somebody who can make projects."""
        return self.plane_admin_api_token is not None or any(agent.role == "admin" for agent in self.plane_agents)

    @property
    def instance_config_first(self) -> Mapping[str, HiddenValue]:
        """The instance settings that are set before accounts are made."""
        return {name: value for name, value in self.plane_instance_config.items() if not _locks_out(name, value)}

    @property
    def instance_config_last(self) -> Mapping[str, HiddenValue]:
        """The instance settings that are set once nobody has to sign in any more."""
        return {name: value for name, value in self.plane_instance_config.items() if _locks_out(name, value)}

    def derived_passwords(self, email: str) -> tuple[HiddenValue | None, HiddenValue | None]:
        """The password of an account as it is derived now, and as it was before 0.1.0."""
        seed = self.plane_agent_password_seed
        if seed is None:
            return None, None
        return derive_password(seed, email, self.plane_seed_host), derive_password(seed, email)

    def labels_in_place(self, project: Project) -> tuple[str, ...]:
        """The labels that may stand in for custom fields of the project, and their groups."""
        if self.plane_custom_fields_unsupported != "labels":
            return ()
        labels = labels_for(project.custom_fields, self.plane_agents)
        return tuple(dict.fromkeys([*(one.name for one in project.custom_fields), *(one.name for one in labels)]))

    def secret(self, name: str) -> HiddenValue:
        """The secret setting `name`.

        Raises:
            SettingsError: it is missing.
        """
        self.require(name)
        value = getattr(self, name)
        assert isinstance(value, HiddenValue)
        return value

    def require_admin(self) -> None:
        """Say that there are projects to make and nobody who can.

        Raises:
            SettingsError: so it is.
        """
        if self.plane_projects and not self.has_admin:
            raise SettingsError(NOBODY_IS_ADMIN)

    def require(self, *names: str) -> None:
        """Say in one line which of the settings `names` are missing.

        Raises:
            SettingsError: at least one of them is ``None``.
        """
        lacking = [name for name in names if getattr(self, name) is None]
        if lacking:
            raise SettingsError(missing(lacking, self.plane_secrets_dir))


TABLE: Mapping[str, Entry] = {one.name: one.metadata["entry"] for one in fields(Settings)}

DEFAULTS: Mapping[str, Any] = {name: entry.default for name, entry in TABLE.items() if entry.default is not DERIVED}

SECRETS = tuple(one.name for one in fields(Settings) if one.type == "HiddenValue | None")
"""The settings that are secrets."""

ADDRESSES = tuple(one.name for one in fields(Settings) if one.type == "HiddenValue")
"""The settings that are addresses with a password in them, or may be."""

MAY_HOLD_SECRETS = (*SECRETS, *ADDRESSES, *(name for name, entry in TABLE.items() if entry.holds_secrets))
"""Those of which no value is shown."""


def missing(names: Sequence[str], secrets_dir: str) -> str:
    """The line that asks for secrets by their names."""
    made = [name.upper() for name in names if name.upper() in GENERATED]
    what = "what is missing" if len(made) == len(names) else ", ".join(made)
    how = f" (make secrets writes {what} there)" if made else ""
    return (
        f"missing: {', '.join(names)}. Set {'it' if len(names) == 1 else 'each'} in the environment "
        f"({', '.join(name.upper() for name in names)}), in {secrets_dir}/all.env{how}, or in host "
        "data."
    )


def _locks_out(name: str, value: HiddenValue) -> bool:
    return name == "ENABLE_EMAIL_PASSWORD" and value.unmask() != "1"


def _password_source(agent: Agent) -> str:
    return "plane_concierge_password" if agent.name == CONCIERGE else "plane_agent_password_seed"
