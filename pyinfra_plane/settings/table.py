"""Every setting, declared once: its name, type, check and default, with a docstring that describes it.

This table determines the checks of a host's data, ``group_data/all.py`` and ``docs/settings.md`` (``make reference``
writes both, with the docstring of each class as a heading), and which settings may hold a secret.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, fields
from typing import Any

from pyinfra.api.hiddenvalue import HiddenValue

from pyinfra_plane.dataclass import dataclass
from pyinfra_plane.settings import addresses, checks, passwords
from pyinfra_plane.settings.agents import CONCIERGE, Agent, plane_agents
from pyinfra_plane.settings.checks import optional
from pyinfra_plane.settings.consumers import TokenConsumer, token_consumers
from pyinfra_plane.settings.people import Person, plane_people
from pyinfra_plane.settings.projects import Project, labels_for, plane_projects
from pyinfra_plane.settings.secrets import GENERATED
from pyinfra_plane.settings.values import Check, SettingsError
from pyinfra_plane.settings.webhooks import Webhook, plane_webhooks

NOBODY_IS_ADMIN = "plane_agents must have at least one agent with the role admin, to create the projects"

AGENTS = [
    {"name": "concierge", "role": "admin"},
    *({"name": name, "role": "member"} for name in ("imhotep", "thot", "basquiat", "r2d2", "shuri", "piccolo")),
    *({"name": name, "role": "member"} for name in ("cfo", "maintainer", "hermes")),
]

PROJECTS = [
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
]


def setting(check: Check[Any], default: object = None, holds_secrets: bool = False) -> Any:
    """Declare a line of the table.

    ``group_data/all.py`` shows `default`; a setting that `holds_secrets` is never shown.
    """
    metadata = {"check": check, "default": default, "holds_secrets": holds_secrets}
    return field(repr=not holds_secrets, metadata=metadata)


@dataclass(frozen=True)
class Database:
    """The shared PostgreSQL container, reached on its host with `docker exec`."""

    postgres_container: str = setting(checks.container, "javisi_postgresql")
    postgres_container_user: str | None = setting(optional(checks.account("user", or_group=True)))
    """The container's user that psql runs as. None: the container's default, root in PostgreSQL's image."""
    postgres_port: int | None = setting(optional(checks.port))
    """The port that PostgreSQL listens on in its container. None: psql's default, 5432."""
    postgres_maintenance_db: str = setting(checks.postgres_name(), "postgres")
    """The database that the deploy connects to before Plane's exists."""
    postgres_superuser: str = setting(checks.postgres_name(), "postgres")
    postgres_superuser_password: HiddenValue | None = setting(passwords.secret)
    """Only if the container asks for a password on its local socket (PostgreSQL's own image does not)."""
    postgresql_password: HiddenValue | None = setting(passwords.secret)
    """One password shared by all database users: the convention of these hosts."""
    postgres_init_dir: str | None = setting(optional(checks.path()))
    """The folder of the container's init scripts on the host. If set, the deploy keeps a script for Plane there, which
    runs when the container starts with an empty data directory."""
    postgres_wait_seconds: int = setting(checks.number(0, 3600), 30)
    """Seconds to wait for a container that is starting."""
    plane_db_name: str = setting(checks.postgres_name(checks.RESERVED_DATABASES), "plane_production")
    plane_db_user: str = setting(checks.postgres_name(checks.RESERVED_ROLES), "plane")
    plane_db_host: str = setting(optional(addresses.host, lambda given: given.siblings["postgres_container"]))
    """The address at which Plane's containers reach PostgreSQL. None: the name of postgres_container."""
    plane_db_port: int = setting(checks.port, 5432)


@dataclass(frozen=True)
class EnvironmentFile:
    """Plane's environment file."""

    plane_config_dir: str = setting(checks.path(), "/opt/javisi/configs/plane")
    plane_env_path: str = setting(checks.path("plane_config_dir"), "{plane_config_dir}/plane.env")
    plane_files_user: str | None = setting(optional(checks.account("user")))
    """The owner and group of the files with secrets on the host, which no other user can read. None: the user that
    writes them."""
    plane_files_group: str | None = setting(optional(checks.account("group")))
    plane_web_url: str = setting(addresses.origin, "https://work.example.com")
    """The address at which people and agents open Plane, without a path. Cookies are Secure if it is https."""
    plane_secret_key: HiddenValue | None = setting(passwords.secret)
    """None: the key that the file already has, otherwise a new one."""
    redis_container: str | None = setting(optional(checks.container), "javisi_redis")
    """The Redis container on the host; the deploy warns if other services keep keys in Plane's databases. None: no
    check."""
    plane_redis_url: HiddenValue = setting(addresses.secret_url("redis://redis:6379/4", "redis", "rediss"))
    """Secrets, because these addresses may contain a password ("redis://:PASSWORD@redis:6379/4", percent-encoded: %23
    for #). None: redis://redis:6379/4 and redis://redis:6379/5, separate databases in the shared Redis, because Plane
    has no key prefix."""
    plane_amqp_url: HiddenValue = setting(
        addresses.secret_url("redis://redis:6379/5", "redis", "rediss", "amqp", "amqps")
    )
    plane_minio_endpoint: str | None = setting(optional(addresses.url("http", "https")))
    """Storage for files: a MinIO as Plane's containers reach it, for example "http://plane-minio:9000". Plane's proxy
    passes /<bucket> to it, so browsers reach it at plane_web_url. Without an endpoint here and without plane_s3_bucket,
    no storage variable is written."""
    plane_minio_bucket: str = setting(checks.bucket, "plane")
    plane_minio_access_key: HiddenValue | None = setting(passwords.secret)
    plane_minio_secret_key: HiddenValue | None = setting(passwords.secret)
    plane_s3_bucket: str | None = setting(optional(checks.bucket))
    """Or storage with an address of its own for browsers: AWS, Cloudflare R2, Google Cloud Storage, another MinIO."""
    plane_s3_endpoint: str | None = setting(optional(addresses.origin))
    """None: AWS. R2: "https://<account>.r2.cloudflarestorage.com"; GCS: "https://storage.googleapis.com" (with HMAC
    keys)."""
    plane_s3_region: str | None = setting(optional(checks.region))
    """For example "eu-central-1"; "auto" for R2 and GCS."""
    plane_s3_access_key: HiddenValue | None = setting(passwords.secret)
    plane_s3_secret_key: HiddenValue | None = setting(passwords.secret)
    plane_gunicorn_workers: int = setting(checks.number(1, 256), 2)
    plane_env_extra: Mapping[str, HiddenValue] = setting(passwords.env_extra, {}, holds_secrets=True)
    """Any further variable, for example {"API_KEY_RATE_LIMIT": "300/minute", "LLM_API_KEY": None}. None: a secret,
    looked up under that name in the environment and the secrets files. A value here overrides one that another setting
    writes."""
    plane_env_prune: bool = setting(checks.flag, False)
    """False: variables in the file that no setting names stay, with comments and their order. True: they are
    removed."""
    plane_compose_dir: str | None = setting(optional(checks.path()))
    """The folder of Plane's docker-compose.yml. If set, the containers that read the file above are created, and
    recreated if they run with other values. None: you do that."""
    plane_compose_services: tuple[str, ...] | None = setting(optional(checks.services))
    """The services that read the file, the one that migrates the database and exits, and the one of Plane's API. None:
    found in the Compose file, by env_file: or ${DATABASE_URL}, and by their commands."""
    plane_compose_migrator: str | None = setting(optional(checks.service))
    plane_compose_api: str | None = setting(optional(checks.service))
    plane_management_commands: bool = setting(checks.flag, True)
    """The steps of the image's own start scripts, which the deploy runs if the Compose file has other commands: migrate
    the database, register and configure the instance (manage.py, in the API's service). With storage, the deploy also
    creates the bucket and writes to it once. False: you do that."""


@dataclass(frozen=True)
class Api:
    """Plane's API."""

    plane_api_url: str | None = setting(optional(addresses.api_url))
    """Plane's address as the host reaches it. None: the address of plane_api_container, port plane_api_port."""
    plane_api_container: str | None = setting(optional(checks.container))
    """None: the container of the API's service in plane_compose_dir; without plane_compose_dir, javisi_plane_api."""
    plane_api_port: int = setting(checks.port, 8000)
    plane_api_ca: str | None = setting(optional(checks.local_file))
    """The certificate of a private CA, a file on this machine. None: REQUESTS_CA_BUNDLE, otherwise the public ones."""
    plane_api_tls_insecure: bool = setting(checks.flag, False)
    """True: accept any certificate; anybody between this machine and Plane can read every password and token. Each run
    prints a warning."""
    plane_requests_together: int = setting(checks.number(1, 16), 2)
    """How many independent requests may run at the same time. Plane's default is two workers."""
    plane_health_retries: int = setting(checks.number(1, 1000), 12)
    """How many times to ask whether Plane is up, and the seconds between requests."""
    plane_health_delay: int = setting(checks.number(0, 3600), 10)


@dataclass(frozen=True)
class Instance:
    """The instance and the workspace."""

    plane_admin_email: str = setting(addresses.email, "admin@javisi.local")
    """The instance admin: created on a new instance; used to sign in on an existing one."""
    plane_admin_password: HiddenValue | None = setting(passwords.password)
    plane_admin_first_name: str = setting(checks.name, "Plane")
    plane_admin_last_name: str = setting(checks.text_or_empty, "Admin")
    plane_company_name: str = setting(checks.text_or_empty, "Javisi")
    plane_admin_api_token: HiddenValue | None = setting(passwords.secret)
    """An API token of a workspace admin, instead of the password, on an instance that a person set up."""
    plane_instance_config: Mapping[str, HiddenValue] = setting(passwords.instance_config, {}, holds_secrets=True)
    """Settings that Plane stores in its own database, so the environment no longer changes them after the first start,
    for example {"ENABLE_SIGNUP": "0", "EMAIL_HOST": "smtp.example.com", "EMAIL_HOST_PASSWORD": None}. None: a secret,
    looked up under that name in the environment and the secrets files. Settings that are not named stay unchanged. To
    compare a setting that Plane shows only to instance admins, the deploy signs in as one on every run."""
    plane_workspace_slug: str = setting(checks.slug, "javisi")
    plane_workspace_name: str = setting(checks.workspace_name, "Javisi")
    plane_workspace_size: str = setting(checks.name_of(20), "2-10")


@dataclass(frozen=True)
class Agents:
    """The agents."""

    plane_concierge_password: HiddenValue | None = setting(passwords.password)
    """The concierge's own password, so that a person can sign in as it."""
    plane_agent_password_seed: HiddenValue | None = setting(passwords.seed)
    """The seed from which the passwords of the other agents are derived."""
    plane_seed_host: str = setting(optional(checks.name, checks.host_of_web_url))
    """A text that is part of the derivation, so that one Plane's operator cannot derive another Plane's passwords.
    None: the host in plane_web_url; set that host here before plane_web_url changes."""
    plane_shared_passwords: bool = setting(checks.flag, False)
    """True: several Planes may have the same plane_admin_password, plane_concierge_password or plane_secret_key. Each
    Plane receives its own at every sign-in, so the operator of one Plane could use a shared one to sign in to the
    others."""
    plane_agents: tuple[Agent, ...] = setting(plane_agents, AGENTS, holds_secrets=True)
    """Each {"name", "role"}, role one of admin, member, guest, and optionally "email" (otherwise <name>@<workspace
    slug>.local), "password" (otherwise derived from the seed and the address), "display_name" (otherwise the name),
    "avatar" (the address of a picture), "timezone" (set before the agent first joins), "user" and "group" (the owner of
    its file in plane_agent_files_dir on the host; otherwise plane_files_user and plane_files_group). An agent with
    "present": False is removed: its tokens are revoked, its membership ends, its line is removed; its work stays."""
    absent_agents: tuple[Agent, ...] = field(default=(), kw_only=True)
    """No setting: the agents in plane_agents that must be removed."""
    plane_agent_emails: bool = setting(checks.flag, False)
    """False: Plane sends agents no mail, because most of their addresses do not exist. It is set before an
    agent first joins, and not changed later."""
    plane_prune: bool = setting(checks.flag, False)
    """True: also remove agents whose token is saved on the host and who are no longer in plane_agents."""
    plane_token_lifetime_days: int | None = setting(optional(checks.number(1, 3650)))
    """Days after which a new token expires; None: never. A token with fewer than plane_token_renew_days left is
    rotated."""
    plane_token_renew_days: int = setting(checks.number(0, 3649), 14)
    rotate_tokens: frozenset[str] = setting(optional(checks.rotate, frozenset()))
    """Once, with --data rotate_tokens=thot,cfo (or all): new tokens for these agents. All other tokens with their label
    are revoked, including those that somebody else created, which every other run keeps."""
    plane_tokens_path: str = setting(checks.path("plane_config_dir"), "{plane_config_dir}/agent-tokens.env")
    """An env file with PLANE_TOKEN_<NAME>=… for each agent, readable by its owner only. A token in it that works is
    kept, even if a person created it."""
    plane_agent_files_dir: str | None = setting(optional(checks.path("plane_config_dir")))
    """A folder with a file for each agent, for example "{plane_config_dir}/agents": only its own token, as
    PLANE_API_KEY, with PLANE_BASE_URL, PLANE_WORKSPACE_SLUG and PLANE_PROJECT_<IDENTIFIER>, the ids of the projects.
    Readable by its owner only. None: no such files."""
    plane_agent_files_format: str = setting(checks.choice("env", "json"), "env")
    """"env" (<name>.env) or "json" (<name>.json, the same names in one object)."""
    plane_agent_base_url: str | None = setting(optional(addresses.origin))
    """PLANE_BASE_URL in these files: the address at which agents reach Plane, without /api. None: plane_web_url."""
    plane_ids_path: str | None = setting(optional(checks.path("plane_config_dir")))
    """A JSON file that every user on the host can read, for example "{plane_config_dir}/plane-ids.json": by name, the
    ids of the workspace, members, projects, states, labels, work item types and custom fields. None: no such file."""
    plane_token_consumers: tuple[TokenConsumer, ...] = setting(token_consumers, [])
    """Programs that use a token: each {"service": "n8n", "directory": "/opt/n8n", "agent": "hermes"}, a service of a
    Compose project that is recreated if it runs with another token than the agent's, or {"command": "systemctl restart
    hermes", "agent": "hermes"}, run on the host after the agent's token or file changed, and again until it succeeds.
    Without "agent": for every agent. A rotation revokes the former token after that."""
    plane_token_grace: int = setting(checks.number(0, 86400), 0)
    """Seconds that a rotation waits before it revokes the former token."""


@dataclass(frozen=True)
class Projects:
    """Projects."""

    plane_projects: tuple[Project, ...] = setting(plane_projects, PROJECTS)
    """Each {"name", "identifier"}, and optionally:
      "description"         text
      "network"             "public" (everybody in the workspace sees it) or "secret" (only its members do)
      "timezone"            a name such as "Europe/Berlin"
      "lead", "default_assignee"   an agent's name, or the address of another member
      "cycles", "modules", "views", "pages", "intake", "estimates"   True or False
      "guest_view_all_features"    True: guests see all work items, not only their own
      "archive_in", "close_in"     months after which finished work items are archived, and others closed; 0:
                            never
      "emoji", "cover"      the emoji before its name; the address of a picture
      "states"              each {"name", "group"} with group one of backlog, unstarted, started, completed,
                            cancelled, and optionally "color" ("#3f76ff"), "description", "default" (True for
                            one of them)
      "labels"              each {"name"}, and optionally "color", "description", "parent" (a label before it)
      "module_names", "cycle_names"   lists of names, created if missing; both are turned on for that
      "work_item_type"      the type that has the custom fields, created if missing; None: the default one, or
                            "Task" if Plane has created none
      "custom_fields"       each {"name", "type"}, type one of text, number, boolean, date, option, url, email,
                            member, and optionally "description", "required", "options" (of type option),
                            "multiple" (of type option or member), "default" (not of a required one: Plane drops
                            it)
      "prune"               True: states, labels, fields and options that are not named here are deleted; Plane
                            keeps a state with work items in it, but deletes the drafts in one, which only their
                            writers can see
    Keys that are not given, or None, stay unchanged.
    """
    plane_people: tuple[Person, ...] = setting(plane_people, [])
    """People, each {"email"}, and optionally "role" (admin, member, guest; member by default) and "projects" (a list of
    identifiers; all of plane_projects by default). They are invited, and added to projects after they join. A
    changed role reaches an open invitation too. They choose their own password, and nobody is removed. From Plane 1.4
    on, a person whom you removed from the workspace in Plane is invited again; remove the entry first."""
    plane_webhooks: tuple[Webhook, ...] = setting(plane_webhooks, [])
    """Each {"name", "url"}, and optionally "events" (a list of project, issue, issue_comment, cycle, module; all by
    default), "active" (True or False), "present" (False deletes it). A webhook that the deploy created can get another
    url and keeps its secret; any other one is identified by its url. To list webhooks, the deploy signs in as a
    workspace admin on every run, in a preview too. Plane refuses addresses in private networks unless plane_env_extra
    allows them: {"WEBHOOK_ALLOWED_HOSTS": "n8n.internal"}, a network alias of the container, because Plane accepts no
    host without a dot."""
    plane_webhook_secrets_path: str = setting(checks.path("plane_config_dir"), "{plane_config_dir}/webhook-secrets.env")
    """An env file with PLANE_WEBHOOK_SECRET_<NAME>=… for each webhook, readable by its owner only: the secret that
    Plane signs its requests with, which it shows once. A comment above a line has the webhook's id, by which the deploy
    recognises it."""
    plane_custom_fields_unsupported: str = setting(checks.choice("warn", "fail", "labels"), "warn")
    """What to do if the edition, its plan or the workspace has no custom fields for a project: "warn" (warn and
    continue), "fail" (in the Community Edition before any change), or "labels" (use labels instead: a group agent_id
    with a label for each agent, a group for each option field)."""


@dataclass(frozen=True)
class Machine:
    """This machine."""

    plane_secrets_dir: str = setting(lambda given: given.values.secrets_dir, "secrets")
    """The folder of secrets, relative to the folder in which pyinfra is started; see docs/first-deployment.md."""


@dataclass(frozen=True)
class Storage:
    """The S3 storage of Plane's files. Browsers reach MinIO (`is_minio`) at Plane's own address."""

    is_minio: bool
    endpoint: str
    region: str
    bucket: str
    access_key: HiddenValue | None
    secret_key: HiddenValue | None


# A dataclass takes the fields of its last base first.
@dataclass(frozen=True)
class Settings(Machine, Projects, Agents, Instance, Api, EnvironmentFile, Database):
    """Every setting of one host, checked. Attribute names are the settings' names."""

    @property
    def storage(self) -> Storage | None:
        """The storage of Plane's files; ``None`` if the settings name none."""
        if self.plane_minio_endpoint is not None:
            keys = self.plane_minio_access_key, self.plane_minio_secret_key
            return Storage(True, self.plane_minio_endpoint, "", self.plane_minio_bucket, *keys)
        if self.plane_s3_bucket is None:
            return None
        region = self.plane_s3_region or ""
        # Never empty: boto3 would refuse that, and without a region it sends browsers to another region's address
        # first.
        aws = f"https://s3.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}"
        keys = self.plane_s3_access_key, self.plane_s3_secret_key
        return Storage(False, self.plane_s3_endpoint or aws, region, self.plane_s3_bucket, *keys)

    def secrets_of(self, part: str) -> tuple[str, ...]:
        """The secrets that a part of the deploy (``database``, ``environment``, ``provisioning``) needs."""
        if part == "provisioning":
            return self.account_secrets
        if part != "environment" or self.storage is None:
            return ("postgresql_password",)
        kind = "minio" if self.storage.is_minio else "s3"
        return ("postgresql_password", f"plane_{kind}_access_key", f"plane_{kind}_secret_key")

    @property
    def has_token_users(self) -> bool:
        """Whether a new token reaches its users only after it is saved, so that the former one is needed until then."""
        return bool(self.plane_agent_files_dir or self.plane_token_consumers or self.plane_token_grace)

    def has_command_for(self, agent: Agent) -> bool:
        """Whether a command in ``plane_token_consumers`` uses the agent's token."""
        return any(one.command is not None and one.agent in (None, agent.name) for one in self.plane_token_consumers)

    @property
    def account_secrets(self) -> tuple[str, ...]:
        """The secrets that the agents' accounts need."""
        lacking = [agent.name for agent in self.plane_agents if agent.password is None]
        sources = ("plane_concierge_password" if name == CONCIERGE else "plane_agent_password_seed" for name in lacking)
        return tuple(dict.fromkeys(sources))

    @property
    def has_admin(self) -> bool:
        """Whether an account that can create projects is configured."""
        return self.plane_admin_api_token is not None or any(agent.role == "admin" for agent in self.plane_agents)

    @property
    def instance_config_first(self) -> Mapping[str, HiddenValue]:
        """The instance settings that are set before accounts are created."""
        last = self.instance_config_last
        return {name: value for name, value in self.plane_instance_config.items() if name not in last}

    @property
    def instance_config_last(self) -> Mapping[str, HiddenValue]:
        """The instance settings that are set after the last sign-in."""
        value = self.plane_instance_config.get("ENABLE_EMAIL_PASSWORD")
        return {} if value is None or value.unmask() == "1" else {"ENABLE_EMAIL_PASSWORD": value}

    def replacement_labels(self, project: Project) -> tuple[str, ...]:
        """The labels that may replace custom fields of the project, and their groups."""
        if self.plane_custom_fields_unsupported != "labels":
            return ()
        labels = labels_for(project.custom_fields, self.plane_agents)
        return tuple(dict.fromkeys([*(one.name for one in project.custom_fields), *(one.name for one in labels)]))

    def secret(self, name: str) -> HiddenValue:
        """Return the secret setting `name`; raise a :class:`SettingsError` if it is missing."""
        self.require(name)
        value = getattr(self, name)
        assert isinstance(value, HiddenValue)
        return value

    def require(self, *names: str) -> None:
        """Raise a :class:`SettingsError` that names the missing settings among `names` in one line."""
        lacking = [name for name in names if getattr(self, name) is None]
        if lacking:
            raise SettingsError(missing(lacking, self.plane_secrets_dir))

    def require_admin(self) -> None:
        """Raise a :class:`SettingsError` if there are projects and no agent is an admin."""
        if self.plane_projects and not self.has_admin:
            raise SettingsError(NOBODY_IS_ADMIN)


DEFAULTS: Mapping[str, Any] = {
    one.name: one.metadata["default"] for one in fields(Settings) if "default" in one.metadata
}

SECRETS = tuple(one.name for one in fields(Settings) if one.type == "HiddenValue | None")
"""The settings that are secrets."""

MAY_HOLD_SECRETS = frozenset(
    one.name for one in fields(Settings) if "HiddenValue" in str(one.type) or one.metadata.get("holds_secrets")
)
"""The settings whose value is never shown: secrets, addresses that may contain a password, dicts with either."""


def missing(names: Sequence[str], secrets_dir: str) -> str:
    """Return the line that asks for secrets by their names."""
    variables = [name.upper() for name in names]
    made = [name for name in variables if name in GENERATED]
    what = "what is missing" if len(made) == len(names) else ", ".join(made)
    how = f" (make secrets writes {what} there)" if made else ""
    return (
        f"missing: {', '.join(names)}. Set {'it' if len(names) == 1 else 'each'} in the environment "
        f"({', '.join(variables)}), in {secrets_dir}/all.env{how}, or in host data."
    )
