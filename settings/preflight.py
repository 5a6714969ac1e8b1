"""Around the first connection: every host's settings are checked before, TCP_NODELAY is set on each connection.

`config.py` asks for it.
"""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from traceback import extract_tb
from typing import Any
from urllib.parse import urlsplit

import click
import gevent
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.inventory import Inventory, extract_name_data
from pyinfra.api.state import BaseStateCallback, State, StateStage
from pyinfra.connectors.ssh import SSHConnector

from plain import plain
from settings.carried import not_carried, refusals
from settings.models import Settings, SettingsError, missing
from settings.reader import settings_of
from settings.wrapped import resolved

PARTS = ("database", "environment", "provisioning")

DEPLOY = Path(__file__).resolve().parent.parent / "deploy.py"


LOOPBACK = re.compile(r"localhost|127\.[0-9.]+|::1|@local")

PLACEHOLDER = re.compile(r"(.*\.)?(example\.(com|net|org)|example|invalid)")
"""Names that nobody can have (RFC 2606)."""

PACKAGES = ("requests", "zxcvbn")
"""What is needed beside pyinfra, which may be one that was installed for itself."""

OURS = ("plane_", "postgres", "rotate_", "redis_", "ssh_")
"""How the names begin of what a host may have one value of."""

MOST_NAMES = 10
"""Of hosts, in a message."""


def check_installed() -> None:
    """Say what has to be installed.

    Raises:
        PyinfraError: something is missing.
    """
    absent = [name for name in PACKAGES if find_spec(name) is None]
    if absent:
        raise PyinfraError(
            f"the Python of this pyinfra has no {' and no '.join(absent)}; run the pyinfra that was installed from "
            f"requirements.txt (. .venv/bin/activate), or: {sys.executable} -m pip install {' '.join(absent)}"
        )


def check_before_connecting(state: State, before_connecting: Callable[[State], object] = lambda state: None) -> None:
    """Have the settings of all hosts checked when pyinfra is about to connect to them.

    pyinfra 3.10 has no hook between the inventory and the first connection that it does not reset, so this wraps the
    step that it takes there. Without it, ``deploy.py`` finds the same problems, once connected.

    Args:
        state: the state of the run, as ``config.py`` sees it.
        before_connecting: called next, if the settings are good.
    """
    go_on = state.set_stage

    def set_stage(stage: StateStage) -> None:
        if stage == StateStage.Connect:
            context = click.get_current_context(silent=True)
            operations = context.params.get("operations", ()) if context is not None else ()
            hosts = [host for host in state.inventory if state.is_host_in_limit(host)]
            parts = parts_of(operations, Path(state.cwd or "."))
            # Not at the top: the import patches the process, which is for pyinfra's command line to do.
            from pyinfra_cli.exceptions import CliError

            if not hosts:
                raise CliError(_nobody(state, context.params if context is not None else {}))
            try:
                resolve_for_pyinfra(hosts)
                check(hosts, parts)
            except SettingsError as error:
                # As the command line says what is wrong with it; another error would name a line of this file.
                raise CliError(str(error)) from error
            state.add_callback_handler(_AtOnce())
            before_connecting(state)
            if parts:
                gevent.spawn(_import_beside)
        go_on(stage)

    state.set_stage = set_stage  # type: ignore[method-assign]


def refuse_conflicting_data() -> None:
    """Refuse an inventory in which a host has two values of a setting, by its entries or by its groups.

    pyinfra 3.10 takes the last entry of a name, whichever group ``--limit`` asks for.
    """
    make = Inventory.make_hosts_and_groups
    if hasattr(make, "refuses"):
        return

    def checked(self: Inventory, names: Any, groups: Any) -> None:
        problems = conflicts(groups)
        if problems:
            from pyinfra_cli.exceptions import CliError  # its import is for pyinfra's command line to do

            raise CliError("; ".join(problems))
        make(self, names, groups)

    checked.refuses = True  # type: ignore[attr-defined]
    Inventory.make_hosts_and_groups = checked  # type: ignore[method-assign]


def conflicts(groups: Mapping[str, tuple[Iterable[Any], Mapping[str, Any]]]) -> list[str]:
    """The settings of which hosts have two values, as lines; never a value.

    Args:
        groups: by name, its hosts (each a name, or a name and its data) and its data, as pyinfra makes an inventory.
    """
    entries: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    for group, (hosts, _) in groups.items():
        for name, data in extract_name_data(list(hosts)):
            entries.setdefault(name, []).append((group, data))
    problems = []
    for host, own in entries.items():
        holders = [group for group, _ in own]
        for given in ([data for _, data in own], [groups[group][1] for group in holders]):
            keys = sorted({key for data in given for key in data if str(key).startswith(OURS)})
            unlike = [key for key in keys if _differ([data[key] for data in given if key in data])]
            if unlike:
                named = [group for group in dict.fromkeys(holders) if group != "all"]
                problems.append(
                    f"{host} is in the inventory more than once ({', '.join(named)}), with different "
                    f"{', '.join(unlike)}; give it one value, or give the hosts different names"
                )
    return problems


def _differ(values: Sequence[Any]) -> bool:
    return any(value != values[0] for value in values[1:])


def explain_inventory() -> None:
    """Name the file and the line of a mistake in an inventory or in group data; pyinfra 3.10 shows a traceback."""
    module: Any = sys.modules.get("pyinfra_cli.inventory")
    if module is None or hasattr(module.exec_file, "explains"):
        return
    run = module.exec_file
    from pyinfra_cli.exceptions import CliError, UnexpectedExternalError

    def explained(filename: Any, *arguments: Any, **options: Any) -> Any:
        try:
            return run(filename, *arguments, **options)
        except SyntaxError as error:
            raise CliError(f"{filename}, line {error.lineno}: {error.msg}") from None
        except UnexpectedExternalError as error:
            cause = error.__context__ or error
            lines = [frame.lineno for frame in extract_tb(cause.__traceback__) if frame.filename == str(filename)]
            line = f", line {lines[-1]}" if lines else ""
            raise CliError(f"{filename}{line}: {plain(f'{type(cause).__name__}: {cause}')}") from None

    explained.explains = True  # type: ignore[attr-defined]
    module.exec_file = explained


def answer_without_terminal() -> None:
    """Where pyinfra asks and nobody can answer (cron, CI, Ctrl-D), say so in a line; pyinfra 3.10 ends in a traceback.

    Whatever standard input holds is an answer, as before.
    """
    command_line: Any = sys.modules.get("pyinfra_cli.cli")
    if command_line is None:
        return

    def ask() -> str:
        try:
            return input()
        except EOFError:
            click.echo(err=True)  # the question has no end of its line
            raise command_line.CliError(
                "there is no terminal to answer on; use -y to go ahead, --dry to only look"
            ) from None

    command_line.input = ask


def _nobody(state: State, options: Mapping[str, Any]) -> str:
    """Why there is no host, which pyinfra 3.10 takes for a run that is done."""
    given = [f"--{option} {pattern}" for option in ("limit", "exclude") for pattern in options.get(option) or ()]
    if not given or not len(state.inventory):
        return "there is no host in the inventory; name one in it"
    names = [host.name for host in state.inventory]
    shown = ", ".join(names[:MOST_NAMES]) + (", …" if len(names) > MOST_NAMES else "")
    return f"no host is left with {plain(' '.join(given))}; correct it: the inventory has {plain(shown)}"


# What deploy.py needs beside what a run has already, the parts of what takes long by themselves.
_NEEDED = (
    "urllib3",
    "charset_normalizer",
    "requests",
    "plane_api.models",
    "plane_api.plane",
    "operations.postgres",
    "operations.redis",
    "operations.environment",
    "operations.plane",
)


def _import_beside() -> None:
    """Import what is needed next, while the hosts are being connected to: most of that is waiting for their answers."""
    for module in _NEEDED:
        import_module(module)
        gevent.idle()


class _AtOnce(BaseStateCallback):
    """Has what is sent to a host leave at once.

    Without TCP_NODELAY, which neither pyinfra 3.10 nor paramiko sets, a small packet that follows another waits until
    the first is acknowledged, which the other side may put off for 40 ms: every third request or command here.
    """

    @staticmethod
    def host_connect(state: State, host: Any) -> None:
        if not isinstance(host.connector, SSHConnector) or host.connector.client is None:
            return
        transport = host.connector.client.get_transport()
        # A proxy command's is no socket, and has nothing to set.
        if transport is not None and isinstance(transport.sock, socket.socket):
            transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def parts_of(operations: Iterable[str], folder: Path) -> tuple[str, ...]:
    """Which parts of this deploy a command line asks for: ``deploy.py`` for all, ``deploy.database`` for one.

    Args:
        operations: as they were given.
        folder: where pyinfra runs; another one's ``deploy.py`` is none of ours.
    """
    wanted: list[str] = []
    for operation in operations:
        if operation.endswith(".py"):
            wanted += PARTS if (folder / operation).resolve() == DEPLOY else ()
        elif (folder / "deploy.py").resolve() == DEPLOY:
            wanted += [part for part in PARTS if operation == f"deploy.{part}"]
    return tuple(dict.fromkeys(wanted))


def resolve_for_pyinfra(hosts: Sequence[Any]) -> None:
    """Look up what the wrapped passwords that pyinfra uses itself stand for (``_sudo_password``, say).

    Raises:
        SettingsError: one is nowhere.
    """
    problems: dict[str, None] = {}
    for host in hosts:
        values, wrong = resolved(host)
        problems.update(dict.fromkeys(wrong))
        for key, value in values.items():
            setattr(host.data, key, value)
    if problems:
        raise SettingsError(list(problems))


def check(hosts: Sequence[Any], parts: Sequence[str]) -> None:
    """Read the settings of all `hosts`, and the secrets that `parts` of the deploy need.

    Raises:
        SettingsError: with every problem of every host.
    """
    if not parts:
        return
    found: dict[str, list[str]] = {}
    lacking: dict[str, dict[str, None]] = {}
    for host in hosts:
        try:
            settings = settings_of(host)
        except SettingsError as error:
            for problem in error.problems:
                found.setdefault(problem, []).append(host.name)
            continue
        for problem in refusals(not_carried(settings)) if "environment" in parts else ():
            found.setdefault(problem, []).append(host.name)
        target = host.data.dict().get("ssh_hostname") or host.name
        for problem in placeholders(settings, str(target)) if "environment" in parts else ():
            found.setdefault(problem, []).append(host.name)
        for name in missing_secrets(settings, parts):
            lacking.setdefault(settings.plane_secrets_dir, {})[name] = None
    problems = []
    for problem, names in found.items():
        problems.append(problem if len(names) == len(hosts) else f"{problem} (of {', '.join(names)})")
    if any(folder.startswith(".sandbox") and not Path(folder).exists() for folder in lacking):
        raise SettingsError("the host in inventory.py is the sandbox's, and no sandbox is running; run: make sandbox")
    asked = [missing(tuple(secrets), folder) for folder, secrets in lacking.items()]
    if asked and not problems:
        raise SettingsError(asked[0] if len(asked) == 1 else asked)
    if problems:
        raise SettingsError(problems + asked)


def placeholders(settings: Settings, target: str) -> list[str]:
    """What still is the address of an example, but for a target on this machine, such as the sandbox."""
    if LOOPBACK.fullmatch(target):
        return []
    names = ("plane_web_url", "plane_api_url", "plane_minio_endpoint", "plane_s3_endpoint")
    urls = {name: getattr(settings, name) for name in names}
    return [
        f"{name}: {url} is the address of an example; set your own"
        for name, url in urls.items()
        if url and PLACEHOLDER.fullmatch(urlsplit(url).hostname or "")
    ]


def missing_secrets(settings: Settings, parts: Sequence[str]) -> tuple[str, ...]:
    """The secrets that parts of the deploy need and do not have.

    The admin's password is named along with others and not by itself: an instance that is set up may do without.
    """
    needed = [name for part in PARTS if part in parts for name in settings.secrets_of(part)]
    lacking = [name for name in dict.fromkeys(needed) if getattr(settings, name) is None]
    no_admin = settings.plane_admin_password is None and settings.plane_admin_api_token is None
    if lacking and "provisioning" in parts and no_admin:
        lacking.insert(lacking.index("postgresql_password") + 1 if "postgresql_password" in lacking else 0,
                       "plane_admin_password")  # fmt: skip
    return tuple(lacking)
