"""Read the settings of a host from its data: each is checked by itself, then their combinations."""

from __future__ import annotations

import difflib
import posixpath
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from pyinfra_plane.dataclass import dataclass
from pyinfra_plane.engine.host_run import run_of
from pyinfra_plane.settings import checks
from pyinfra_plane.settings.secrets import read_secret_files
from pyinfra_plane.settings.table import DEFAULTS, NOBODY_IS_ADMIN, Settings
from pyinfra_plane.settings.values import Given, SettingsError, Values, read, refuse_shared

OURS = ("plane_", "postgres", "rotate_", "redis_")
"""Prefixes of the settings' names; no other data of a host has them."""


@dataclass
class _Read:
    settings: Settings | None = None


def settings_of(host: Any) -> Settings:
    """Return the checked settings of a pyinfra ``Host`` (or of the context's ``host``), read once.

    See `read_settings`.
    """
    kept = run_of(host).part(_Read)
    if kept.settings is None:
        kept.settings = read_settings(host.data.dict(), host.name)
    return kept.settings


def config_dir_of(host: Any) -> str | None:
    """Return the folder that stands for everything a run may change on a host: ``plane_config_dir``, not expanded.

    A host whose data have nothing about Plane has none.
    """
    given = {
        name: value for name in DEFAULTS if name.startswith("plane_") and (value := host.data.get(name)) is not None
    }
    directory = given.get("plane_config_dir", DEFAULTS["plane_config_dir"])
    return str(directory) if given and directory else None


def values_of(data: Mapping[str, Any], host_name: str) -> Values:
    """The values given for a host, with defaults for missing ones, and its secrets files."""
    values = Values({**DEFAULTS, **data})
    folder = Given(values, "plane_secrets_dir", values.data["plane_secrets_dir"])
    values.secrets_dir = folder.checked(checks.path()) or ""
    values.secret_files, unreadable = read_secret_files(values.secrets_dir, host_name)
    values.problems += unreadable
    return values


def read_settings(data: Mapping[str, Any], host_name: str = "") -> Settings:
    """Read and check the settings in plain data, as ``host.data.dict()`` returns it; missing ones have their defaults.

    Args:
        data: setting name to value.
        host_name: names the host's own secrets file.

    Raises:
        SettingsError: with every problem found, one per line.
    """
    values = values_of(data, host_name)
    _refuse_unknown(values)
    settings = read(Settings, Given(values, "", values.data), values.checked)
    _check_together(values, settings)
    if values.problems:
        raise SettingsError(values.problems)
    return settings


def _check_together(values: Values, settings: Settings) -> None:
    """Record problems between settings; a setting that was refused is ``None`` here."""
    problems, renew, lifetime = values.problems, settings.plane_token_renew_days, settings.plane_token_lifetime_days
    if lifetime is not None and (renew or 0) >= lifetime:
        problems.append(f"plane_token_renew_days must be less than plane_token_lifetime_days, {lifetime} (got {renew})")
    if settings.plane_api_tls_insecure and settings.plane_api_ca is not None:
        problems.append("plane_api_tls_insecure must be False if plane_api_ca is set")
    _check_storage(values, settings)
    _check_files(values, settings)
    if settings.plane_db_user and settings.plane_db_user == settings.postgres_superuser:
        problems.append("plane_db_user must be a separate role, not postgres_superuser")
    if settings.plane_db_name and settings.plane_db_name in ("postgres", settings.postgres_maintenance_db):
        problems.append("plane_db_name must be a separate database, not the one that tools connect to")
    # Without any list, a custom deploy may manage something other than agents.
    named = settings.plane_agents or settings.absent_agents or settings.plane_prune
    if settings.plane_agents is not None and named and not settings.has_admin:
        problems.append(NOBODY_IS_ADMIN)


def _check_files(values: Values, settings: Settings) -> None:
    """Refuse two files of the host with the same path: each would replace the other."""
    names = "plane_env_path", "plane_tokens_path", "plane_webhook_secrets_path", "plane_ids_path"
    paths: dict[str, str | None] = {name: getattr(settings, name) for name in (*names, "plane_agent_files_dir")}
    folder, ending = settings.plane_agent_files_dir, settings.plane_agent_files_format
    for agent in (settings.plane_agents or ()) if folder else ():
        paths[f"plane_agent_files_dir (for {agent.name})"] = f"{folder}/{agent.name}.{ending}"
    refuse_shared(values, "path", {name: path and posixpath.normpath(path) for name, path in paths.items()})


def _check_storage(values: Values, settings: Settings) -> None:
    data, problems = values.data, values.problems
    if "_" in (urlsplit(settings.plane_minio_endpoint or "").hostname or ""):
        problems.append(
            "plane_minio_endpoint must have a host name without an underscore: boto3 in Plane refuses one; use the "
            "service's name"
        )
    given = [name for name in ("plane_s3_endpoint", "plane_s3_region") if data.get(name) is not None]
    if data.get("plane_s3_bucket") is None:
        if given:
            problems.append(f"plane_s3_bucket: missing; set it, or remove {' and '.join(given)}")
        return
    if data.get("plane_minio_endpoint") is not None:
        problems.append(
            "plane_s3_bucket must not be set with plane_minio_endpoint, which is for MinIO at Plane's own address; set "
            "one of them to None"
        )
    if data.get("plane_s3_region") is None:
        problems.append(
            "plane_s3_region: missing; set the region of the bucket: auto for R2 and GCS, us-east-1 for a MinIO "
            "without a region"
        )


def _refuse_unknown(values: Values) -> None:
    for name in values.data:
        if isinstance(name, str) and name.startswith(OURS) and name not in DEFAULTS:
            # A prefix that all names share makes none of them similar.
            begin = next(prefix for prefix in OURS if name.startswith(prefix))
            rests = [one.removeprefix(begin) for one in DEFAULTS if one.startswith(begin)]
            near = difflib.get_close_matches(name.removeprefix(begin), rests, n=1)
            hint = f"did you mean {begin}{near[0]}?" if near else "see docs/settings.md"
            values.problems.append(f"{name}: unknown setting; {hint}")
