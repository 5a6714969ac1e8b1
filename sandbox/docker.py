"""The `docker` commands of a host: exec, inspect, ps, wait, stop, start, rm, image ls, compose."""

from __future__ import annotations

import asyncio
import hmac
import json
import os
import re
import secrets
import shlex
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from sandbox import compose, redis_cli
from sandbox.command_line import NotUnderstood, read_options
from sandbox.containers import PLANE_IMAGE, POSTGRESQL, REDIS, Container
from sandbox.host import LOOPBACK, Host
from sandbox.postgres import SUPERUSER, programs
from sandbox.reply import FromInput, Reply, Run, table

LONGEST = 2**24
"""Bytes of a word, a variable or an input of a command."""

_FIELD = re.compile(
    r"\{\{\s*(?P<json>json\s+)?(?:\.Label\s+\"(?P<label>[^\"]*)\"|\.(?P<path>[\w.-]*)|\(?\s*index\s+\.(?P<map>[\w.-]*)\s+\"(?P<key>[^\"]*)\"\s*\)?)\s*\}\}"
)


async def serve(host: Host) -> asyncio.Server:
    """Answer the `docker` commands of this host, which come from docker_client.sh."""
    word = secrets.token_urlsafe()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError), closing(writer):
            if not hmac.compare_digest((await _read(reader)).encode(), word.encode()):
                return
            directory = Path(await _read(reader))
            words, variables = await _read_many(reader), await _read_many(reader)
            environment = dict(each.partition("=")[::2] for each in variables)
            answer = await respond(host, words, directory, environment)
            if isinstance(answer, FromInput):
                _write(writer, answer.script)
                answer = answer.answer((await _read(reader)).replace("\r", "\n"))
            _write(writer, answer.script() if isinstance(answer, Reply) else answer.script(environment))
            await writer.drain()

    server = await asyncio.start_server(handle, LOOPBACK, 0, limit=LONGEST)
    host.install_docker(server.sockets[0].getsockname()[1], word)
    return server


async def _read(reader: asyncio.StreamReader) -> str:
    return os.fsdecode((await reader.readuntil(b"\0"))[:-1])


async def _read_many(reader: asyncio.StreamReader) -> list[str]:
    return [await _read(reader) for _ in range(int(await _read(reader)))]


def _write(writer: asyncio.StreamWriter, script: str) -> None:
    content = os.fsencode(script)
    writer.write(b"%d " % len(content) + content)


async def respond(
    host: Host, words: Sequence[str], directory: Path, environment: Mapping[str, str]
) -> Reply | Run | FromInput:
    try:
        match list(words):
            case ["exec", *rest] | ["container", "exec", *rest]:
                return await _exec(host, rest, environment)
            case ["inspect", *rest]:
                return _inspect(host, rest, "Error: No such object: {}")
            case ["container", "inspect", *rest]:
                return _inspect(host, rest, "Error response from daemon: No such container: {}")
            case ["image", "ls", *rest]:
                return _images(host, rest)
            case ["run", *rest]:
                return _run(host, rest)
            case ["rm", *rest] if rest:
                return _rm(host, rest)
            case ["ps", *rest] | ["container", "ls", *rest]:
                return _ps(host, rest)
            case ["wait", *rest] if rest:
                return _wait(host, rest)
            case ["stop" | "start" | "restart" as what, *rest] if rest:
                return _stop_or_start(host, what, rest)
            case ["compose", *rest]:
                return await compose.respond(host, rest, directory, environment)
        raise NotUnderstood("")
    except NotUnderstood as error:
        named = f" ({error})" if str(error) else ""
        return Reply(stderr=f"docker: the sandbox does not understand: {shlex.join(words)}{named}\n", code=64)


async def _exec(host: Host, words: Sequence[str], caller: Mapping[str, str]) -> Reply | Run | FromInput:
    options = read_options(
        words,
        flags=("i/interactive",),
        values=("u/user", "e/env"),
        leading=True,
    )
    if len(options.words) < 2:
        raise NotUnderstood("a container and a command are needed")
    name, *command = options.words
    container = _find(host, name)
    if container is None:
        return Reply(stderr=f"Error response from daemon: No such container: {name}\n", code=1)
    if not container.running:
        return Reply(stderr=f"Error response from daemon: container {container.id} is not running\n", code=1)
    if container.name == REDIS and command == ["redis-cli"]:
        return FromInput(lambda commands: Reply(redis_cli.respond(host.redis_keys, commands)))
    if container.image == PLANE_IMAGE:
        return await compose.run_in_image(host, container, command, container.environment)
    if container.name != POSTGRESQL:
        raise NotUnderstood(f"nothing can be run in {container.name}")
    await host.cluster.ready()
    environment = {
        "PATH": f"{programs()}:/usr/local/bin:/usr/bin:/bin",
        "HOME": "/",
        "LANG": "C.UTF-8",
        "PGHOST": str(host.cluster.sockets),
    }
    user = options.last("user")
    if user is not None:
        name = user.partition(":")[0]
        if name not in ("root", SUPERUSER) and not name.isdecimal():
            return Reply(stderr=f"unable to find user {name}: no matching entries in passwd file\n", code=126)
        # libpq would use the name of the system's user, which is not the container's.
        environment["PGUSER"] = name
    for variable in options.all("env"):
        key, given, value = variable.partition("=")
        if given:
            environment[key] = value
        elif key in caller:
            environment[key] = caller[key]
    return Run(command, environment, host.cluster.directory, "interactive" in options)


def _inspect(host: Host, words: Sequence[str], absent: str) -> Reply:
    options = read_options(words, values=("f/format",))
    if not options.words:
        raise NotUnderstood("a container is needed")
    template = options.last("format")
    found: list[dict[str, Any]] = []
    errors: list[str] = []
    for name in options.words:
        container = _find(host, name)
        if container is None:
            errors.append(absent.format(name) + "\n")
        else:
            found.append(container.inspect())
    if template is None:
        stdout = json.dumps(found, indent=4) + "\n"
    else:
        # Without output, docker still ends the line.
        stdout = "".join(f"{_render(template, each)}\n" for each in found) or "\n"
    return Reply(stdout=stdout, stderr="".join(errors), code=1 if errors else 0)


def _stop_or_start(host: Host, what: str, words: Sequence[str]) -> Reply:
    """`docker stop`, `start` and `restart`; as docker does, each name is printed when it is done."""
    options = read_options(words, values=("t/time",) if what != "start" else ())
    out, errors = "", ""
    for name in options.words:
        container = _find(host, name)
        if container is None:
            errors += f"Error response from daemon: No such container: {name}\n"
            continue
        if what != "start":
            container.stop()
        if what != "stop":
            container.start()
        out += f"{name}\n"
    return Reply(stdout=out, stderr=errors, code=1 if errors else 0)


def _ps(host: Host, words: Sequence[str]) -> Reply:
    options = read_options(
        words,
        flags=("a/all", "q/quiet", "no-trunc"),
        values=("f/filter", "format"),
    )
    if options.words:
        raise NotUnderstood(options.words[0])
    filters = _filters(options.all("filter"))
    every = "all" in options or "status" in filters
    there = [each for each in host.containers.values() if each.exists and (every or each.running)]
    shown = [each.summary() for each in there if _passes(each, filters)]
    if "no-trunc" in options:
        whole = {each.id[:12]: each.id for each in there}
        shown = [{**each, "ID": whole[each["ID"]]} for each in shown]
    template = options.last("format")
    if "quiet" in options:
        lines = [each["ID"] for each in shown]
    elif template is not None:
        lines = [_render(template, each) for each in shown]
    else:
        lines = table(shown, {"CONTAINER ID": "ID", "IMAGE": "Image", "STATUS": "Status", "NAMES": "Names"})
    return Reply(stdout="".join(f"{line}\n" for line in lines))


def _images(host: Host, words: Sequence[str]) -> Reply:
    options = read_options(words, flags=("no-trunc",), values=("format",))
    template = options.last("format")
    if template is None or "no-trunc" not in options:
        raise NotUnderstood("image ls without --no-trunc and --format")
    lines = []
    for name, image_id in host.images.items():
        repository, _, tag = name.rpartition(":")
        lines.append(_render(template, {"ID": image_id, "Repository": repository, "Tag": tag}))
    return Reply(stdout="".join(f"{line}\n" for line in lines))


def _run(host: Host, words: Sequence[str]) -> Reply | Run:
    options = read_options(words, flags=("rm",), values=("pull", "network", "entrypoint"), leading=True)
    entrypoint = options.last("entrypoint")
    if "rm" not in options or options.last("pull") != "never" or entrypoint is None or not options.words:
        raise NotUnderstood("run without --rm, --pull never and --entrypoint")
    image, *command = options.words
    if image not in host.images:
        return Reply(stderr=f"docker: Error response from daemon: No such image: {image}.\n", code=125)
    container = Container("", image, "", image_id=host.images[image])
    return compose.in_image(host, container, [entrypoint, *command], {})


def _rm(host: Host, names: Sequence[str]) -> Reply:
    if any(_find(host, name) is not None for name in names):
        raise NotUnderstood("rm of a container")
    stderr = "".join(f"Error response from daemon: No such container: {name}\n" for name in names)
    return Reply(stderr=stderr, code=1)


def _wait(host: Host, names: Sequence[str]) -> Reply:
    replies = []
    for name in names:
        container = _find(host, name)
        if container is None:
            replies.append(Reply(stderr=f"Error response from daemon: No such container: {name}\n", code=1))
        elif container.running:
            raise NotUnderstood(f"{container.name} does not end")
        else:
            replies.append(Reply(stdout=f"{container.exit_code}\n"))
    return Reply(
        stdout="".join(reply.stdout for reply in replies),
        stderr="".join(reply.stderr for reply in replies),
        code=max(reply.code for reply in replies),
    )


def _filters(given: Sequence[str]) -> dict[str, list[str]]:
    filters: dict[str, list[str]] = {}
    for each in given:
        key, equals, value = each.partition("=")
        if not equals or key not in ("name", "status", "label"):
            raise NotUnderstood(f"--filter {each}")
        filters.setdefault(key, []).append(value)
    return filters


def _passes(container: Container, filters: Mapping[str, Sequence[str]]) -> bool:
    names, statuses, labels = (filters.get(key, ()) for key in ("name", "status", "label"))
    if names and not any(re.search(pattern, f"/{container.name}") for pattern in names):
        return False
    if statuses and container.status not in statuses:
        return False
    held = {f"{key}={value}" for key, value in container.labels.items()} | container.labels.keys()
    return held.issuperset(labels)


def _find(host: Host, name: str) -> Container | None:
    for container in host.containers.values():
        if container.exists and name in (container.name, f"/{container.name}", container.id):
            return container
    short = [each for each in host.containers.values() if name and each.id.startswith(name)]
    return short[0] if len(short) == 1 else None


def _render(template: str, data: Mapping[str, Any]) -> str:
    """Render a Go template that contains only text, fields, and keys of maps."""
    if "{{" in _FIELD.sub("", template):
        raise NotUnderstood(f"--format {template}")

    def replacement(found: re.Match[str]) -> str:
        if found["label"] is not None:
            # A value may be a path with a comma.
            pairs = re.split(r",(?=[\w.-]+=)", data.get("Labels", ""))
            held = dict(pair.partition("=")[::2] for pair in pairs)
            return str(held.get(found["label"], ""))
        value: Any = data
        for key in filter(None, (found["path"] or found["map"] or "").split(".")):
            if not isinstance(value, Mapping) or key not in value:
                raise NotUnderstood(f"--format {template}")
            value = value[key]
        if found["map"] is not None:
            # A missing key of a map is its zero value in Go.
            value = value.get(found["key"], "")
        if found["json"]:
            return json.dumps(value, separators=(",", ":"))
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, (str, int)):
            return str(value)
        raise NotUnderstood(f"--format {template}")

    return _FIELD.sub(replacement, template)
