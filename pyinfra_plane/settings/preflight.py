"""Checks before the first connection: the inventory, and every host's settings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import gevent
from pyinfra.api.arguments import all_argument_meta
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.hiddenvalue import HiddenValue
from pyinfra.api.inventory import extract_name_data
from pyinfra.api.state import State

from pyinfra_plane.settings.agents import CONCIERGE
from pyinfra_plane.settings.env_format import refusals, verbatim_values
from pyinfra_plane.settings.reader import OURS, settings_of, values_of
from pyinfra_plane.settings.secrets import Wrapped
from pyinfra_plane.settings.table import Settings, missing
from pyinfra_plane.settings.values import Given, SettingsError
from pyinfra_plane.text import printable

PARTS = ("database", "environment", "provisioning")

LOOPBACK = re.compile(r"localhost|127\.[0-9.]+|::1|@local")

PLACEHOLDER = re.compile(r"(.*\.)?(example\.(com|net|org)|example|invalid)")
"""Names that nobody can register (RFC 2606)."""

PASSWORDS_OF_A_PLANE = ("plane_admin_password", "plane_concierge_password", "plane_secret_key")
"""The secrets that a Plane knows, or receives at a sign-in."""

MOST_NAMES = 10
"""Maximum number of hosts in a message."""


def before_connecting(state: State, deploy: Path | None = None) -> tuple[str, ...]:
    """Check everything that can be checked before the first connection: that hosts exist, and all of their settings.

    Args:
        state: of the run.
        deploy: the deploy whose parts need secrets.

    Returns:
        The parts of the deploy that this run has.

    Raises:
        PyinfraError: there is no host.
        SettingsError: with every problem of every host.
    """
    context = click.get_current_context(silent=True)
    options = context.params if context is not None else {}
    hosts = [host for host in state.inventory if state.is_host_in_limit(host)]
    if not hosts:
        raise PyinfraError(_nobody(state, options))
    parts = parts_of(options.get("operations", ()), Path(state.cwd or "."), deploy)
    resolve_for_pyinfra(hosts)
    check(hosts, parts)
    if parts:
        gevent.spawn(_import_in_parallel, _NEEDED)
    return parts


def conflicts(groups: Mapping[str, tuple[Iterable[Any], Mapping[str, Any]]]) -> list[str]:
    """Name the hosts with two values for a setting, one line each; never a value.

    Args:
        groups: by name, its hosts (each a name, or a name and its data) and its data, in pyinfra's form of an
            inventory.
    """
    entries: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    for group, (hosts, _) in groups.items():
        for name, data in extract_name_data(list(hosts)):
            entries.setdefault(name, []).append((group, data))
    problems = []
    for host, own in entries.items():
        named = ", ".join(dict.fromkeys(group for group, _ in own if group != "all"))
        for given in ([data for _, data in own], [groups[group][1] for group, _ in own]):
            keys = sorted({key for data in given for key in data if str(key).startswith((*OURS, "ssh_"))})
            values = {key: [data[key] for data in given if key in data] for key in keys}
            if unlike := [key for key in keys if any(one != values[key][0] for one in values[key])]:
                problems.append(
                    f"{host} is in the inventory more than once ({named}), with different {', '.join(unlike)}; give "
                    "all entries the same value, or different names"
                )
    return problems


def _nobody(state: State, options: Mapping[str, Any]) -> str:
    """The reason why there is no host; pyinfra 3.10 would report a completed run."""
    given = [f"--{option} {pattern}" for option in ("limit", "exclude") for pattern in options.get(option) or ()]
    if not given or not len(state.inventory):
        return "the inventory has no host; add one"
    names = [host.name for host in state.inventory]
    shown = ", ".join(names[:MOST_NAMES]) + (", …" if len(names) > MOST_NAMES else "")
    return f"no host is left after {printable(' '.join(given))}; the inventory has {printable(shown)}"


# Modules that deploy.py needs and a run has not imported yet; the slow parts are listed one by one.
_NEEDED = (
    *("pyinfra_plane.api.models", "pyinfra_plane.api.plane", "pyinfra_plane.engine.converge"),
    *("pyinfra_plane.facts.compose", "pyinfra_plane.facts.postgres", "pyinfra_plane.host.compose_project"),
    *("operations.environment", "pyinfra_plane.host.host_plane", "operations.postgres", "operations.redis"),
    *("operations.plane.workspace", "operations.plane.tokens", "operations.plane.containers", "operations.plane"),
)

# Modules that the first request to Plane needs.
_CLIENT = ("urllib3", "charset_normalizer", "requests", "pyinfra_plane.api.http")


def import_client() -> None:
    """Import what sends requests, while the first commands run on the hosts."""
    gevent.spawn(_import_in_parallel, _CLIENT)


def _import_in_parallel(modules: Iterable[str]) -> None:
    """Import modules while the other greenlets wait for answers."""
    for module in modules:
        gevent.idle()
        import_module(module)


def parts_of(operations: Iterable[str], folder: Path, deploy: Path | None) -> tuple[str, ...]:
    """The parts of `deploy` that a command line names: ``deploy.py`` for all, ``deploy.database`` for one.

    Args:
        operations: the operations given to pyinfra, which runs in `folder`.
    """
    wanted: list[str] = []
    for operation in operations:
        if operation.endswith(".py"):
            wanted += PARTS if (folder / operation).resolve() == deploy else ()
        elif (folder / "deploy.py").resolve() == deploy:
            wanted += [part for part in PARTS if operation == f"deploy.{part}"]
    return tuple(dict.fromkeys(wanted))


def resolve_for_pyinfra(hosts: Sequence[Any]) -> None:
    """Look up the values of pyinfra's own wrapped passwords, such as ``_sudo_password``, or refuse them."""
    problems: dict[str, None] = {}
    for host in hosts:
        found, wrong = resolved(host)
        problems.update(dict.fromkeys(wrong))
        for key, value in found.items():
            setattr(host.data, key, value)
    if problems:
        raise SettingsError(list(problems))


def resolved(host: Any) -> tuple[dict[str, HiddenValue], list[str]]:
    """The wrapped secrets for pyinfra (of SSH, sudo and su) in a host's data with their values, and problems."""
    data = host.data.dict()
    wrapped: dict[str, HiddenValue] = {}
    problems: list[str] = []
    for key in (*host.connector_cls.data_meta, *all_argument_meta):
        value = data.get(key)
        if isinstance(value, HiddenValue):
            wrapped[key] = value
        elif isinstance(value, Mapping) and any(isinstance(one, HiddenValue) for one in value.values()):
            problems.append(
                f"{key} must not contain secret_variable(…), because pyinfra reads it as text; write the value, or "
                "remove it"
            )
    if not wrapped:
        return {}, problems
    values = values_of(data, host.name)
    for key, value in wrapped.items():
        wrapped[key] = Wrapped(key)
        wrapped[key].raw_value = Given(values, key, value).checked(Given.found) or ""
    return wrapped, problems + values.problems


def check(hosts: Sequence[Any], parts: Sequence[str]) -> None:
    """Read the settings of all `hosts`, and the secrets that `parts` of the deploy need.

    Report every problem at once.
    """
    if not parts:
        return
    found: dict[str, list[str]] = {}
    lacking: dict[str, dict[str, None]] = {}
    read: dict[str, Settings] = {}
    for host in hosts:
        try:
            settings = read[host.name] = settings_of(host)
        except SettingsError as error:
            of_host: Sequence[str] = error.problems
        else:
            target = str(host.data.dict().get("ssh_hostname") or host.name)
            in_file = "environment" in parts
            of_host = refusals(verbatim_values(settings)) + placeholders(settings, target) if in_file else []
            for name in missing_secrets(settings, parts):
                lacking.setdefault(settings.plane_secrets_dir, {})[name] = None
        for problem in of_host:
            found.setdefault(problem, []).append(host.name)
    problems = shared_passwords(read)
    for problem, names in found.items():
        problems.append(problem if len(names) == len(hosts) else f"{problem} (of {', '.join(names)})")
    if any(folder.startswith(".sandbox") and not Path(folder).exists() for folder in lacking):
        raise SettingsError("inventory.py names the sandbox's host, but no sandbox is running; run: make sandbox")
    asked = [missing(tuple(secrets), folder) for folder, secrets in lacking.items()]
    if problems or len(asked) > 1:
        raise SettingsError(problems + asked)
    if asked:
        raise SettingsError(asked[0])


def shared_passwords(settings: Mapping[str, Settings]) -> list[str]:
    """Name the passwords that several Planes share: each of these Planes could sign in to the others.

    Args:
        settings: by host. Hosts with the same ``plane_web_url`` are one Plane.
    """
    holders: dict[tuple[str, str], dict[str, str]] = {}
    for host, own in settings.items():
        if own.plane_shared_passwords:
            continue
        secrets = {name: getattr(own, name) for name in PASSWORDS_OF_A_PLANE}
        for agent in own.plane_agents:
            if agent.former_password is None and agent.name != CONCIERGE:  # not derived
                secrets[f"the password of {agent.name} in plane_agents"] = agent.password
        for name, value in secrets.items():
            if value is not None:
                holders.setdefault((name, str(value.unmask())), {}).setdefault(own.plane_web_url, host)
    problems = []
    for (name, _), planes in holders.items():
        if len(planes) > 1:
            two, hosts = " and ".join(list(planes)[:2]), list(planes.values())
            problems.append(
                f"{name} is the same on {two}, which are different Planes; give each its own (make secrets "
                f"HOST={hosts[1]} creates it), or set plane_shared_passwords = True"
            )
    return problems


def placeholders(settings: Settings, target: str) -> list[str]:
    """Name the settings that still have an example's address, except on this machine, such as for the sandbox."""
    if LOOPBACK.fullmatch(target):
        return []
    names = ("plane_web_url", "plane_api_url", "plane_minio_endpoint", "plane_s3_endpoint")
    problems = []
    for name in names:
        if PLACEHOLDER.fullmatch(urlsplit(url := getattr(settings, name) or "").hostname or ""):
            problems.append(f"{name}: {url} is an example's address; set your own")
    return problems


def missing_secrets(settings: Settings, parts: Sequence[str]) -> tuple[str, ...]:
    """The secrets that parts of the deploy need and that are missing.

    The admin's password is named only together with others: an instance that is set up may work without it.
    """
    needed = [name for part in PARTS if part in parts for name in settings.secrets_of(part)]
    lacking = [name for name in dict.fromkeys(needed) if getattr(settings, name) is None]
    no_admin = settings.plane_admin_password is None and settings.plane_admin_api_token is None
    if lacking and "provisioning" in parts and no_admin:
        # After postgresql_password, which is always the first.
        lacking.insert(int("postgresql_password" in lacking), "plane_admin_password")
    return tuple(lacking)
