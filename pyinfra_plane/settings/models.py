"""What the settings come to: one frozen dataclass for each thing that can be asked for."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields

from pyinfra.api.exceptions import DeployError
from pyinfra.api.hiddenvalue import HiddenValue

from pyinfra_plane.settings.secrets import GENERATED
from pyinfra_plane.text import printable

ROLES: Mapping[str, int] = {"admin": 20, "member": 15, "guest": 5}
"""Plane's role numbers (every tried release)."""

ROLE_NAMES: Mapping[int, str] = {number: name for name, number in ROLES.items()}

FIELD_TYPES = ("text", "number", "boolean", "date", "option", "url", "email", "member")
"""Custom field types that can be asked for; ``pyinfra_plane.api.properties`` says what Plane calls them."""

STATE_GROUPS = ("backlog", "unstarted", "started", "completed", "cancelled")
"""What a state can belong to; the columns of a board are sorted by it."""

NETWORKS = ("secret", "public")
"""Who sees a project: its members alone, or everybody in the workspace."""

SWITCHES = ("cycles", "modules", "views", "pages", "intake")
"""Parts of a project that can be on or off; ``pyinfra_plane.api.models`` says what Plane calls them."""

NOBODY_IS_ADMIN = "plane_agents: nobody is admin; wanted: at least one, who makes the projects"

CONCIERGE = "concierge"
"""The agent whose password is a setting of its own, so that a person can sign in as it."""


class SettingsError(DeployError):
    """The settings of a host cannot be used; each problem names the setting, what is wrong and what is allowed."""

    def __init__(self, problems: str | Sequence[str]) -> None:
        # What is not allowed may hold anything, and so may names that are.
        self.problems = tuple(
            printable(problem) for problem in ((problems,) if isinstance(problems, str) else problems)
        )
        if len(self.problems) > 1:
            super().__init__("settings:" + "".join(f"\n    {problem}" for problem in self.problems))
        elif isinstance(problems, str):
            super().__init__(self.problems[0])
        else:
            super().__init__(f"setting {self.problems[0]}")


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
    """One custom field ("work item property") of a project. What is ``None`` is left as it is."""

    name: str
    type: str
    required: bool | None = None
    multiple: bool | None = None
    options: tuple[str, ...] = ()
    description: str | None = None
    default: tuple[str, ...] | None = None


@dataclass(frozen=True)
class State:
    """One state of a project, known by its name."""

    name: str
    group: str
    color: str | None = None
    description: str | None = None
    default: bool = False


@dataclass(frozen=True)
class Label:
    """One label of a project, known by its name; `parent` is the label that groups it."""

    name: str
    color: str | None = None
    description: str | None = None
    parent: str | None = None


AGENT_FIELD = "agent_id"
"""The text field that a group of labels can stand in for, since its values are known: the agents' names."""


def labels_for(fields: Sequence[CustomField], agents: Sequence[Agent]) -> list[Label]:
    """Labels in place of custom fields: for each field whose values are known beforehand a group, and them in it."""
    labels = []
    for one in fields:
        values: Sequence[str] = one.options
        if one.name == AGENT_FIELD and one.type == "text":
            values = [agent.name for agent in agents]
        if values:
            labels.append(Label(one.name))
            labels += [Label(value, parent=one.name) for value in values]
    return labels


@dataclass(frozen=True)
class Project:
    """One project: everyone in ``plane_agents`` is a member of it. What is ``None`` is left as it is.

    `lead` and `default_assignee` are addresses; `switches` holds those of :data:`SWITCHES` that are named.
    """

    name: str
    identifier: str
    description: str | None = None
    work_item_type: str | None = None
    custom_fields: tuple[CustomField, ...] = ()
    network: str | None = None
    timezone: str | None = None
    lead: str | None = None
    default_assignee: str | None = None
    switches: Mapping[str, bool] = field(default_factory=dict)
    estimates: bool | None = None
    states: tuple[State, ...] = ()
    labels: tuple[Label, ...] = ()
    prune: bool = False


@dataclass(frozen=True)
class Storage:
    """The S3 storage of Plane's files. MinIO (`is_minio`) is reached by browsers at Plane's own address."""

    is_minio: bool
    endpoint: str
    region: str
    bucket: str
    access_key: HiddenValue | None
    secret_key: HiddenValue | None


@dataclass(frozen=True)
class Settings:
    """Every setting of one host, checked. Attribute names are the settings' names."""

    postgres_container: str
    postgres_container_user: str | None
    postgres_port: int | None
    postgres_maintenance_db: str
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
    plane_redis_url: HiddenValue
    plane_amqp_url: HiddenValue
    plane_minio_endpoint: str | None
    plane_minio_bucket: str
    plane_minio_access_key: HiddenValue | None
    plane_minio_secret_key: HiddenValue | None
    plane_s3_endpoint: str | None
    plane_s3_region: str | None
    plane_s3_bucket: str | None
    plane_s3_access_key: HiddenValue | None
    plane_s3_secret_key: HiddenValue | None
    plane_gunicorn_workers: int
    plane_env_extra: Mapping[str, HiddenValue]
    plane_env_prune: bool
    plane_compose_dir: str | None
    plane_compose_services: tuple[str, ...] | None
    plane_compose_migrator: str | None
    plane_compose_api: str | None
    plane_management_commands: bool
    plane_api_url: str | None
    plane_api_container: str | None
    plane_api_port: int
    plane_api_ca: str | None
    plane_api_tls_insecure: bool
    plane_requests_together: int
    plane_health_retries: int
    plane_health_delay: int
    plane_admin_email: str
    plane_admin_password: HiddenValue | None
    plane_admin_first_name: str
    plane_admin_last_name: str
    plane_company_name: str
    plane_admin_api_token: HiddenValue | None
    plane_instance_config: Mapping[str, HiddenValue] = field(repr=False)
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


SECRETS = tuple(entry.name for entry in fields(Settings) if entry.type == "HiddenValue | None")
"""The settings that are secrets."""

ADDRESSES = tuple(entry.name for entry in fields(Settings) if entry.type == "HiddenValue")
"""The settings that are addresses with a password in them, or may be."""

MAY_HOLD_SECRETS = (*SECRETS, *ADDRESSES, "plane_agents", "plane_env_extra", "plane_instance_config")
"""Those of which no value is shown."""


def _locks_out(name: str, value: HiddenValue) -> bool:
    return name == "ENABLE_EMAIL_PASSWORD" and value.unmask() != "1"


def _password_source(agent: Agent) -> str:
    return "plane_concierge_password" if agent.name == CONCIERGE else "plane_agent_password_seed"


def derive_password(seed: HiddenValue, email: str) -> HiddenValue:
    """The password of an agent's account: HMAC-SHA-256 of the address under the seed, in base64.

    The same seed and address give the same password on every run, so nothing has to be stored.
    """
    digest = hmac.new(seed.unmask().encode(), email.lower().encode(), hashlib.sha256).digest()
    return HiddenValue(base64.urlsafe_b64encode(digest).decode().rstrip("="))
