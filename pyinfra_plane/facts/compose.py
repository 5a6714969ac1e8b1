"""Facts about a Docker Compose project: its services, the variables of each, and those that its containers run with.

A fact contains environment variables only as digests, which show whether two values are the same, and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

from pyinfra.api import FactBase, QuoteString, StringCommand
from typing_extensions import override

from pyinfra_plane.dataclass import dataclass
from pyinfra_plane.facts.docker import (
    FAILED,
    GARBLED,
    NOT_UNDERSTOOD,
    REACHED,
    AnswerFact,
    Container,
    checked_object,
    checked_text,
    inspected,
    reached,
)
from pyinfra_plane.text import quote

_KEY = secrets.token_bytes(16)

Digests = Mapping[str, str]
"""Environment variables by name, each value as its digest."""


def digest(value: str) -> str:
    """Return a digest that distinguishes a value from others within this run, and is of no use to a reader."""
    return hashlib.blake2b(value.encode(errors="surrogateescape"), key=_KEY, digest_size=16).hexdigest()


# --- The containers ---

_DEFAULT_FILE = re.compile(r"(docker-)?compose(\.override)?\.ya?ml")


@dataclass(frozen=True)
class ComposeProject:
    """The options that a Compose project was started with, from the labels that Compose 2 puts on its containers."""

    name: str
    folder: str
    files: tuple[str, ...] = ()
    env_files: tuple[str, ...] = ()

    @property
    def options(self) -> tuple[str, ...]:
        """The options of `docker compose` that select this project again.

        Without them, `up` would start a second project, or this one without its overrides.
        """
        # Files that Compose finds by itself are not named: an override may have been added since.
        files = [posixpath.join(self.folder, file) for file in self.files]
        is_found = all(
            posixpath.dirname(file) == self.folder and _DEFAULT_FILE.fullmatch(posixpath.basename(file))
            for file in files
        )
        env_files = [posixpath.join(self.folder, file) for file in self.env_files]
        given = [("-p", self.name)] if self.name else []
        given += [("-f", file) for file in files if not is_found]
        if env_files != [posixpath.join(self.folder, ".env")]:
            given += [("--env-file", file) for file in env_files]
        return tuple(word for pair in given for word in pair)


@dataclass(frozen=True)
class PlaneCode:
    """The content of an image of Plane's API: its migrations, as ``app name``, and its version."""

    migrations: frozenset[str] = frozenset()
    version: str | None = None


@dataclass(frozen=True)
class ServiceContainer:
    """A service's container.

    Args:
        status: Docker's word for its status (``running``, ``exited``, …).
        image: the image's name, as the Compose file gave it.
        image_id: the id of the image that it runs.
        app_version: its ``APP_VERSION``, which Plane uses as its version.
        code: the content of its image, if it runs Plane's API.
        reached: how the host reaches it.
    """

    service: str
    name: str
    status: str
    exit_code: int
    project: ComposeProject
    image: str = ""
    image_id: str = ""
    environment: Digests = field(default_factory=dict)
    app_version: str | None = None
    code: PlaneCode | None = None
    reached: Container | None = None

    @property
    def has_failed(self) -> bool:
        """Whether it exited with an error."""
        return self.status in ("exited", "stopped") and self.exit_code != 0


@dataclass(frozen=True)
class Composed:
    """The containers of the Compose projects in a folder, the newest first.

    Args:
        images: by an image's name, the image that has this name on the host now.
        folder: the folder that commands run in, to which paths are relative.
        has_dotenv: whether the folder has a file ``.env``.
        unavailable: why nothing could be read.
    """

    containers: tuple[ServiceContainer, ...] = ()
    images: Mapping[str, str] = field(default_factory=dict)
    folder: str = "/"
    has_dotenv: bool = False
    unavailable: str | None = None

    def image_id(self, name: str) -> str | None:
        """The id of the image with this name on the host; ``None`` if it is not known."""
        return self.images.get(full_name(name))


_LABELS = {
    "service": "service", "oneoff": "oneoff", "project": "project", "folder": "project.working_dir",
    "files": "project.config_files", "env_files": "project.environment_file",
}  # fmt: skip
_INSPECTED = {
    **REACHED, "id": ".Id", "name": ".Name", "exit_code": ".State.ExitCode",
    "image": ".Config.Image", "image_id": ".Image", "environment": ".Config.Env",
    **{name: f'(index .Config.Labels "com.docker.compose.{label}")' for name, label in _LABELS.items()},
}  # fmt: skip
_IMAGE = "image {{.ID}} {{.Repository}}:{{.Tag}}"

API_COMMANDS = ("docker-entrypoint-api", "gunicorn", "uvicorn")
"""The commands by which Plane's API is recognised: its image's own script, or the servers that run it."""

# Run in the working directory of Plane's own image; for another image it prints nothing.
_READ_CODE = (
    "cd plane 2>/dev/null && for app in db license; do for file in $app/migrations/[0-9]*.py*; do "
    'echo "migration $app ${file##*/}"; done; done; grep "\\"version\\"" ../package.json'
)

_ROW = '{{.ID}}\t{{.State}}\t{{.Label "com.docker.compose.project.working_dir"}}\t{{.Command}}'

_RUNS_API = "|".join(f'"running "*{name}*' for name in API_COMMANDS)

_SCRIPT = rf"""
real=$(readlink -f -- "$1") || exit 0
printf 'in ' && pwd
[ ! -e "$real/.env" ] || echo dotenv
rows=$(docker ps -a --no-trunc --format '{_ROW}') || exit 1
last='' every='' apis=''
while IFS='\t' read -r id state folder command; do
  case $folder in /*) ;; *) continue ;; esac
  if [ "$folder" != "$last" ]; then
    last=$folder is=$folder
    [ "$folder" = "$real" ] || is=$(readlink -f -- "$folder")
  fi
  [ "$is" = "$real" ] || continue
  every="$every $id"
  case "$state $command" in {_RUNS_API}) apis="$apis $id" ;; esac
done <<ROWS
$rows
ROWS
docker image ls --no-trunc --format '{_IMAGE}' || exit 1
[ -n "$every" ] || exit 0
docker inspect -f '{inspected(_INSPECTED)}' $every || exit 1
for api in $apis; do
  docker exec "$api" sh -c '{_READ_CODE}' 2>/dev/null </dev/null | sed "s/^/code of $api: /"
done
""".replace("\\t", "\t")


class ComposeServices(AnswerFact[Composed]):
    """
    Returns the Compose containers of a folder, as ``Composed``, without those of ``docker compose run``.

    + directory: the host's folder with the Compose file
    """

    kind = Composed

    @override
    def command(self, directory: str) -> StringCommand:
        # Compose labels each container with the folder that it was started from, which may be a link to this one.
        return self.answering("sh -c", QuoteString(_SCRIPT), "sh", QuoteString(directory), ";")

    @override
    def understand(self, objects: list[dict[str, Any]], output: list[str]) -> Composed:
        images = (re.fullmatch(r"image (\S+) (\S+)", line) for line in output)
        return Composed(
            tuple(_container(item, output) for item in objects if item["oneoff"] != "True"),
            {full_name(image[2]): image[1].removeprefix("sha256:") for image in images if image is not None},
            next((line.removeprefix("in ") for line in output if line.startswith("in /")), "/"),
            "dotenv" in output,
        )


class PlaneImage(FactBase[PlaneCode | None]):
    """
    Returns the content of an image on the host, as ``PlaneCode``; ``None`` if it is no image of Plane's API.

    + image: the image's name; it is not pulled
    """

    @override
    def command(self, image: str) -> StringCommand:
        run = "docker run --rm --pull never --network none --entrypoint sh"
        return StringCommand(run, QuoteString(image), "-c", QuoteString(_READ_CODE), "2>/dev/null </dev/null || true")

    @override
    def process(self, output: list[str]) -> PlaneCode | None:
        return _code(output)


def full_name(image: str) -> str:
    """Normalise an image's name, so that Docker's short and Podman's full form are equal."""
    image = re.sub(r"^(docker\.io|localhost)/", "", image).removeprefix("library/")
    return image if ":" in image.rpartition("/")[2] else f"{image}:latest"


def _paths(label: str) -> tuple[str, ...]:
    """Split a label that lists paths, which may contain commas. Only Compose 1 lists relative paths."""
    return tuple(filter(None, re.split(",(?=/)" if label.startswith("/") else ",", label)))


def _container(item: dict[str, Any], output: Sequence[str]) -> ServiceContainer:
    files, env_files = (_paths(checked_text(item[name] or "")) for name in ("files", "env_files"))
    code = item["exit_code"]
    if not isinstance(code, int):
        raise ValueError("not a number")
    variables = [str(line).partition("=") for line in item["environment"] or ()]
    return ServiceContainer(
        checked_text(item["service"]),
        checked_text(item["name"]).removeprefix("/"),
        checked_text(item["status"]),
        code,
        ComposeProject(checked_text(item["project"]), checked_text(item["folder"]), files, env_files),
        checked_text(item["image"]),
        checked_text(item["image_id"]).removeprefix("sha256:"),  # a prefix that Podman omits here
        {name: digest(value) for name, _, value in variables},
        next((value for name, _, value in variables if name == "APP_VERSION" and value), None),
        _code(output, f"code of {item['id']}: "),
        reached(item),
    )


def _code(output: Sequence[str], mark: str = "") -> PlaneCode | None:
    """Parse an image's content from the lines with this prefix."""
    migrations, version = set(), None
    for line in (line.removeprefix(mark) for line in output if line.startswith(mark)):
        if migration := re.fullmatch(r"migration (db|license) (\d\w*)\.pyc?", line):
            migrations.add(f"{migration[1]} {migration[2]}")
        elif found := re.fullmatch(r'\s*"version"\s*:\s*"([\w.+-]+)",?\s*', line):
            version = found[1]
    return PlaneCode(frozenset(migrations), version) if migrations else None


# --- The project ---


@dataclass(frozen=True)
class Service:
    """A service of a Compose project.

    Args:
        image: its image's name.
        command: the words of its entrypoint and command; empty if they are the image's own.
        env_files: the files under its ``env_file:``, as paths on the host.
        depends_on: the services that it depends on.
        awaits_health: those of them that must be healthy first.
        literals: variables that its ``environment:`` sets to a literal value.
        references: by variable of its ``environment:``, the names that its value is interpolated from.
        copies: by variable of its ``environment:``, the name whose whole value it takes.
        environment: the variables of its containers; ``None`` if Compose could not resolve them.
        is_off: whether it has no container by configuration (``scale: 0``).
    """

    name: str
    image: str = ""
    command: tuple[str, ...] = ()
    env_files: tuple[str, ...] = ()
    depends_on: frozenset[str] = frozenset()
    awaits_health: frozenset[str] = frozenset()
    literals: Digests = field(default_factory=dict)
    references: Mapping[str, frozenset[str]] = field(default_factory=dict)
    copies: Mapping[str, str] = field(default_factory=dict)
    environment: Digests | None = None
    is_off: bool = False

    @property
    def own(self) -> frozenset[str]:
        """The variables that its ``environment:`` sets, which override those of its env files."""
        return frozenset({*self.literals, *self.references})

    @property
    def given(self) -> Digests:
        """The variables of its containers, as far as Compose can resolve them."""
        return self.literals if self.environment is None else self.environment


@dataclass(frozen=True)
class ComposeFile:
    """The services of a Compose project.

    Args:
        name: the project's name.
        unresolved: why Compose could not resolve the services' variables: a missing env file, for example.
        unwritten: why Compose could not show the file before interpolation; then no service has ``env_files``,
            ``literals`` and ``references``.
        unavailable: why nothing could be read.
    """

    services: Mapping[str, Service] = field(default_factory=dict)
    unresolved: str | None = None
    unavailable: str | None = None
    name: str = ""
    unwritten: str | None = None


class ComposeConfig(AnswerFact[ComposeFile]):
    """
    Returns the services of a Compose project, as a ``ComposeFile``.

    + command_words: the words of ``docker compose`` that select the project
    """

    kind = ComposeFile

    @override
    def command(self, command_words: StringCommand) -> StringCommand:
        # Without interpolation, env files are named and need not exist; with it, they are merged and no longer named.
        raw = StringCommand(command_words, "config --no-interpolate --format json")
        resolved = StringCommand(command_words, "config --format json")
        # The JSON does not end with a line break (Compose 2.26.1).
        failed, following = (f"printf '\\n%s\\n' '{mark}'" for mark in (FAILED, _NEXT))
        return StringCommand("{", raw, f"; }} 2>&1 || {failed}; {following}; {{", resolved, f"; }} 2>&1 || {failed}")

    @override
    def process(self, output: list[str]) -> ComposeFile:
        lines = [line for line in output if line]
        middle = lines.index(_NEXT) if _NEXT in lines else len(lines)
        try:
            # Compose 2.26.1 parses `${DATA:-/x}:/data:ro` only with interpolation.
            written, unwritten = _project(lines[:middle])
            got, unresolved = _project(lines[middle + 1 :])
            if written is None and got is None:
                return ComposeFile(unavailable=unwritten)
            raw = _services(written)
            services = {
                # Compose omits services of an inactive profile when it resolves a project.
                name: _service(name, raw.get(name, {}), None if got is None else item)
                for name, item in (raw if got is None else _services(got)).items()
                if got is not None or not item.get("profiles")
            }
            name = checked_text((written or got or {}).get("name") or "")
            return ComposeFile(services, unresolved, name=name, unwritten=unwritten)
        except GARBLED as error:
            return ComposeFile(unavailable=f"{NOT_UNDERSTOOD}: {quote(str(error), 80)}")


_NEXT = "##RESOLVED##"

_QUOTED = re.compile(
    r"""((?:service|network|volume) "[^"]*")|"(?:\\.|[^"\\])*(?:"|$)|`[^`]*(?:`|$)|(?<!\w)'[^']*(?:'|$)"""
)
_WARNING = re.compile(r"time=|WARN")


def _without_values(lines: list[str]) -> str:
    """A complaint of Compose without values: without quoted parts, and without lines that follow (2.26.1)."""
    said = [line for line in lines if line.strip() and not _WARNING.match(line)]
    return _QUOTED.sub(lambda match: match[1] or '"…"', AnswerFact.reason(said[:1]))


_COPY = re.compile(r"\$(?:\{([A-Za-z_]\w*)(?::?[-?][^{}]*)?\}|([A-Za-z_]\w*))", re.ASCII)
_REFERENCE = re.compile(r"\$(?:\{([A-Za-z_]\w*)|([A-Za-z_]\w*)|(\$))", re.ASCII)


def _project(output: list[str]) -> tuple[dict[str, Any] | None, str | None]:
    """The project in Compose's output, otherwise its complaint."""
    if output[-1:] == [FAILED]:
        return None, _without_values(output[:-1])
    # A warning may precede the JSON.
    start = next((number for number, line in enumerate(output) if line.startswith("{")), len(output))
    return checked_object(json.loads("\n".join(output[start:]))), None


def _services(project: dict[str, Any] | None) -> dict[str, dict[str, Any]]:
    services = checked_object((project or {}).get("services") or {})
    return {checked_text(name): checked_object(item) for name, item in services.items()}


def _service(name: str, raw: dict[str, Any], resolved: dict[str, Any] | None = None) -> Service:
    # The value before Compose read the env files; older versions of Compose do not show it.
    written = _environment(raw)
    references = {
        key: frozenset(one or other for one, other, _ in _REFERENCE.findall(value) if one or other)
        for key, value in written.items()
    }
    depends_on = raw.get("depends_on") or {}
    conditions = checked_object(depends_on) if isinstance(depends_on, dict) else dict.fromkeys(depends_on)
    shown = raw if resolved is None else resolved
    return Service(
        name,
        image=checked_text(shown.get("image") or ""),
        command=(*_words(shown.get("entrypoint")), *_words(shown.get("command"))),
        env_files=_env_files(raw.get("env_file")),
        depends_on=frozenset(conditions),
        awaits_health=frozenset(
            one for one, how in conditions.items() if how and how.get("condition") == "service_healthy"
        ),
        literals={key: _digested(value) for key, value in written.items() if not references[key]},
        references={key: names for key, names in references.items() if names},
        copies={key: found[1] or found[2] for key, value in written.items() if (found := _COPY.fullmatch(value))},
        environment=None
        if resolved is None
        else {key: _digested(value) for key, value in _environment(resolved).items()},
        is_off="0" in (str(shown.get("scale")), str(checked_object(shown.get("deploy") or {}).get("replicas"))),
    )


def _environment(service: dict[str, Any]) -> dict[str, str]:
    """The variables that ``environment:`` sets, as a map or a list, without bare names."""
    value = service.get("environment") or {}
    if isinstance(value, list):
        return {key: text for key, equals, text in (str(entry).partition("=") for entry in value) if equals}
    items = {key: item for key, item in checked_object(value).items() if item is not None}
    return {key: str(item).lower() if isinstance(item, bool) else str(item) for key, item in items.items()}


def _digested(value: str) -> str:
    # Compose doubles a dollar, also after interpolation.
    return digest(value.replace("$$", "$"))


def _words(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else [str(word) for word in value or ()]


def _env_files(value: Any) -> tuple[str, ...]:
    entries = [value] if isinstance(value, (str, dict)) else value or ()
    return tuple(checked_text(entry["path"] if isinstance(entry, dict) else entry) for entry in entries)
