"""The `docker compose` commands of a host: up, ps, run and config, for the one project that exists."""

from __future__ import annotations

import asyncio
import inspect
import json
import posixpath
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox import env_file
from sandbox.command_line import NotUnderstood, Options, read_options
from sandbox.containers import Container
from sandbox.host import Host
from sandbox.image.manage import Commands
from sandbox.image.psycopg import OperationalError, psql
from sandbox.reply import Reply, Run, table

FILE_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
NOT_FOUND = 14


@dataclass
class _Call:
    """A command, with its options for the project."""

    host: Host
    env_files: list[Path]
    caller: Mapping[str, str]

    @property
    def services(self) -> dict[str, dict[str, Any]]:
        services: dict[str, dict[str, Any]] = self.host.project.model["services"]
        return services

    def variables(self) -> dict[str, str]:
        """The values for `${…}`: the env files, overridden by the caller's own variables."""
        found: dict[str, str] = {}
        for file in self.env_files:
            found |= env_file.parse(file.read_text(), self.caller)
        return found | dict(self.caller)

    def environment(self, service: str) -> dict[str, str]:
        """The variables of a service's container.

        Raises:
            _Refused: an env file is missing, or is not a file.
        """
        definition = self.services[service]
        found: dict[str, str] = {}
        for file, is_required in self.files_of(definition):
            if not is_required and not file.exists():
                continue
            try:
                found |= env_file.parse(file.read_text(), self.caller)
            except FileNotFoundError as error:
                raise _Refused(f"env file {file} not found: stat {file}: no such file or directory") from error
            except env_file.EnvFileError as error:
                raise _Refused(f"failed to read {file}: {error}") from error
        variables = self.variables()
        for name, value in definition.get("environment", {}).items():
            found[name] = env_file.interpolate(str(value), variables)
        return found

    def files_of(self, definition: Mapping[str, Any]) -> list[tuple[Path, bool]]:
        """The files under a service's `env_file:`, each with whether it must exist."""
        given = definition.get("env_file", [])
        given = [given] if isinstance(given, (str, dict)) else given
        entries = [file if isinstance(file, dict) else {"path": file} for file in given]
        folder = self.host.project.directory
        return [(Path(posixpath.normpath(folder / each["path"])), each.get("required", True)) for each in entries]


class _Refused(Exception):
    """A refusal in Compose's own words."""


async def respond(host: Host, words: Sequence[str], directory: Path, environment: Mapping[str, str]) -> Reply | Run:
    options = read_options(
        words,
        values=("f/file", "p/project-name", "project-directory", "env-file"),
        leading=True,
    )
    refusal = _choose_project(host, options, directory)
    if refusal is not None:
        return refusal
    given = [directory / file for file in options.all("env-file")]
    for file in given:
        if not file.exists():
            return Reply(stderr=f"Couldn't find env file: {file}\n", code=1)
    own = host.project.directory / ".env"
    call = _Call(host, given or ([own] if own.exists() else []), environment)
    try:
        match options.words:
            case ["up", *rest]:
                return await _up(call, rest, [str(file) for file in given])
            case ["ps", *rest]:
                return _ps(host, rest)
            case ["run", *rest]:
                return await _run(call, rest)
            case ["config", "--services"] | ["config", "--services", "--no-interpolate"]:
                return Reply(stdout="".join(f"{service}\n" for service in sorted(call.services)))
            case ["config", "--no-interpolate", "--format", "json"]:
                return Reply(stdout=json.dumps(_raw(call), indent=2, sort_keys=True))
            case ["config", "--format", "json"]:
                return Reply(stdout=json.dumps(_resolved(call), indent=2, sort_keys=True))
    except _Refused as error:
        return Reply(stderr=f"{error}\n", code=1)
    raise NotUnderstood("")


def _raw(call: _Call) -> dict[str, Any]:
    """The project as written, with absolute paths. Compose sorts all names, and does not end the last line (2.26.1)."""
    services = {}
    for name, definition in sorted(call.services.items()):
        files = [{"path": str(file), "required": required} for file, required in call.files_of(definition)]
        services[name] = {**definition, **({"env_file": files} if files else {})}
    return {"name": call.host.project.name, "services": services}


def _resolved(call: _Call) -> dict[str, Any]:
    """The project with its services' variables, by name; a dollar is doubled, as in the file."""
    services = {}
    for name, definition in sorted(call.services.items()):
        environment = {key: value.replace("$", "$$") for key, value in call.environment(name).items()}
        kept = {key: value for key, value in definition.items() if key != "env_file"}
        command = shlex.split(str(definition["command"]))
        services[name] = {**kept, "command": command, "entrypoint": None, "environment": environment}
    return {"name": call.host.project.name, "services": services}


def _choose_project(host: Host, options: Options, directory: Path) -> Reply | None:
    """Check that the options select the host's own project; a reply is the failure."""
    files = [directory / file for file in options.all("file")]
    for file in files:
        if not file.exists():
            return Reply(stderr=f"open {file}: no such file or directory\n", code=NOT_FOUND)
    if not files:
        base = directory / (options.last("project-directory") or "")
        files = [place / name for place in (base, *base.parents) for name in FILE_NAMES]
        files = [file for file in files if file.exists()][:1]
    if not files:
        return Reply(stderr="no configuration file provided: not found\n", code=NOT_FOUND)
    for file in files:
        if file.resolve() != host.project.file.resolve():
            raise NotUnderstood(f"the only Compose file is {host.project.file}")
    if options.last("project-name") not in (None, host.project.name):
        raise NotUnderstood(f"the only project is {host.project.name}")
    return None


async def _up(call: _Call, words: Sequence[str], given: Sequence[str]) -> Reply:
    options = read_options(
        words,
        flags=("d/detach", "wait", "force-recreate", "no-recreate", "no-deps"),
    )
    if "detach" not in options and "wait" not in options:
        raise NotUnderstood("up without --detach")
    for service in options.words:
        if service not in call.services:
            return Reply(stderr=f"no such service: {service}\n", code=1)
    progress: list[str] = []
    for service in options.words or call.services:
        container = call.host.containers[call.services[service]["container_name"]]
        if "no-recreate" in options and container.exists:
            progress.append(f"{container.name}  Running")
            continue
        progress += await _up_service(call, service, container, force="force-recreate" in options, given=given)
    return Reply(stderr="".join(f" Container {line}\n" for line in progress))


async def _up_service(
    call: _Call, service: str, container: Container, *, force: bool, given: Sequence[str]
) -> list[str]:
    host, name = call.host, container.name
    environment = call.environment(service)
    image_id = host.images.get(container.image, container.image_id)
    if force or not container.exists or (container.environment, container.image_id) != (environment, image_id):
        container.image_id = image_id
        container.command = shlex.split(str(call.services[service]["command"]))
        container.labels["com.docker.compose.project.environment_file"] = ",".join(given)
        container.recreate(environment)
        await _start(host, service, container)
        return [f"{name}  {word}" for word in ("Recreate", "Recreated", "Starting", "Started")]
    if not container.running:
        container.start()
        return [f"{name}  Starting", f"{name}  Started"]
    return [f"{name}  Running"]


async def _start(host: Host, service: str, container: Container) -> None:
    """Run the image's own start scripts, and the other effects of a new container."""
    command = " ".join(container.command)
    await host.cluster.settle()
    if "docker-entrypoint-migrator" in command:
        done = await run_in_image(host, container, ["python", "manage.py", "migrate"], container.environment)
        assert isinstance(done, Reply)
        container.exit_code = done.code
    elif "docker-entrypoint-api" in command:
        for words in (("register_instance", "signature"), ("configure_instance",), ("clear_cache",)):
            await run_in_image(host, container, ["python", "manage.py", *words], container.environment)
    called = host.on_recreate(container.name, dict(container.environment))
    if inspect.isawaitable(called):
        await called


async def run_in_image(
    host: Host, container: Container, words: Sequence[str], environment: Mapping[str, str]
) -> Reply | Run:
    """Run a management command in a container of Plane's image, or return another command for the client to run."""
    run = in_image(host, container, words, environment)
    if list(words[:2]) != ["python", "manage.py"] or "wait_for_migrations" in words:
        return run
    try:
        commands = Commands(run.directory, run.environment, psql, OperationalError)
        return Reply(stdout=f"{await asyncio.to_thread(commands.run, words[2:])}\n")
    except SystemExit as failure:
        return Reply(stderr=f"{failure}\n", code=1)


def in_image(host: Host, container: Container, words: Sequence[str], environment: Mapping[str, str]) -> Run:
    """Return a command that runs in a container of Plane's image."""
    folder, own = host.image_of(container), host.image_environment()
    own["PATH"] = f"{folder / 'bin'}:{own['PATH']}"
    program = [str(folder / "bin/python")] if words[0] == "python" else [words[0]]
    return Run([*program, *words[1:]], {**own, **environment}, folder, True)


async def _run(call: _Call, words: Sequence[str]) -> Reply | Run:
    options = read_options(words, flags=("rm", "no-deps", "T/no-TTY"), values=("name", "entrypoint"), leading=True)
    service, *command = options.words
    if service not in call.services:
        return Reply(stderr=f"no such service: {service}\n", code=1)
    if "rm" not in options or "no-deps" not in options:
        raise NotUnderstood("run without --rm and --no-deps")
    container = call.host.containers[call.services[service]["container_name"]]
    # A container of `run` has the image that the service's next container would have.
    new = Container(container.name, container.image, "", image_id=call.host.images.get(container.image, ""))
    entrypoint = options.last("entrypoint")
    command = [*([entrypoint] if entrypoint else []), *command]
    return await run_in_image(call.host, new, command, call.environment(service))


def _ps(host: Host, words: Sequence[str]) -> Reply:
    options = read_options(
        words,
        flags=("a/all", "q/quiet", "services"),
        values=("format",),
    )
    if options.last("format") not in (None, "json", "table"):
        raise NotUnderstood(f"--format {options.last('format')}")
    shown = []
    for service, name in host.project.services.items():
        container = host.containers[name]
        if not container.exists:
            continue
        if ("all" in options or container.running) and (not options.words or service in options.words):
            summary = container.summary()
            health = container.health or ""
            shown.append({**summary, "ID": container.id, "Name": name, "Service": service, "Health": health})
    if "quiet" in options:
        lines = [each["ID"] for each in shown]
    elif "services" in options:
        lines = [each["Service"] for each in shown]
    elif options.last("format") == "json":
        lines = [json.dumps(each, separators=(",", ":")) for each in shown]
    else:
        lines = table(shown, {"NAME": "Name", "IMAGE": "Image", "SERVICE": "Service", "STATUS": "Status"})
    return Reply(stdout="".join(f"{line}\n" for line in lines))
