"""What `docker compose` of a host understands: up, ps and config, for the one project that is there."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from sandbox import env_file
from sandbox.command_line import NotUnderstood, Options, read_options
from sandbox.host import Host
from sandbox.reply import Reply, table

FILE_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
NOT_FOUND = 14


async def respond(host: Host, words: Sequence[str], directory: Path, environment: Mapping[str, str]) -> Reply:
    options = read_options(
        words,
        values=("f/file", "p/project-name", "project-directory"),
        leading=True,
    )
    refusal = _choose_project(host, options, directory)
    if refusal is not None:
        return refusal
    match options.words:
        case ["up", *rest]:
            return await _up(host, rest, environment)
        case ["ps", *rest]:
            return _ps(host, rest)
        case ["config", "--services"] | ["config", "--services", "--no-interpolate"]:
            return Reply(stdout="".join(f"{service}\n" for service in sorted(host.project.services)))
    raise NotUnderstood("")


def _choose_project(host: Host, options: Options, directory: Path) -> Reply | None:
    """Check that the options lead to the host's own project; a reply is the failure."""
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


async def _up(host: Host, words: Sequence[str], caller: Mapping[str, str]) -> Reply:
    options = read_options(
        words,
        flags=("d/detach", "wait", "force-recreate", "no-deps"),
    )
    if "detach" not in options and "wait" not in options:
        raise NotUnderstood("up without --detach")
    project = host.project
    for service in options.words:
        if service not in project.services:
            return Reply(stderr=f"no such service: {service}\n", code=1)
    try:
        environment = env_file.parse(project.env_file.read_text(), caller)
    except FileNotFoundError:
        file = project.env_file
        return Reply(stderr=f"env file {file} not found: stat {file}: no such file or directory\n", code=1)
    except env_file.EnvFileError as error:
        return Reply(stderr=f"failed to read {project.env_file}: {error}\n", code=1)
    progress: list[str] = []
    for service in options.words or project.services:
        progress += await _up_service(host, service, environment, force="force-recreate" in options)
    return Reply(stderr="".join(f" Container {line}\n" for line in progress))


async def _up_service(host: Host, service: str, environment: dict[str, str], *, force: bool) -> list[str]:
    container = host.containers[host.project.services[service]]
    name = container.name
    if force or container.environment != environment:
        container.recreate(environment)
        called = host.on_recreate(service, dict(environment))
        if inspect.isawaitable(called):
            await called
        return [f"{name}  {word}" for word in ("Recreate", "Recreated", "Starting", "Started")]
    if not container.running:
        container.start()
        return [f"{name}  Starting", f"{name}  Started"]
    return [f"{name}  Running"]


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
