"""A file on the host for each agent, with only that agent's token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from pyinfra_plane.api.errors import PlaneSettings
from pyinfra_plane.engine.converge import Change, Plan, Unchanged, converging
from pyinfra_plane.engine.files import (
    RemoteFile,
    change_access,
    differing_access,
    make_folder,
    read_folder,
    remove_file,
    write_file,
)
from pyinfra_plane.engine.report import is_executing
from pyinfra_plane.host.access import Access
from pyinfra_plane.host.agent_file import (
    API_KEY,
    ENDINGS,
    FILE_MODE,
    FOLDER_MODE,
    SLUG,
    AgentFile,
    values_for,
    values_in,
)
from pyinfra_plane.host.host_plane import current_workspace
from pyinfra_plane.settings import Agent, token_variable

from .tokens import is_token_due


@converging
def agent_files(
    slug: str,
    directory: str,
    identifiers: Sequence[str],
    agents: Sequence[Agent] | None = None,
    kind: str = "env",
) -> Plan:
    """
    Keep a file on the host for each agent, with only that agent's token, that only its owner can read.

    + slug: the workspace
    + directory: the folder of the files, ``<name>.env`` or ``<name>.json``
    + identifiers: the projects whose ids the files have
    + agents: the agents; ``plane_agents`` by default
    + kind: ``env`` or ``json``

    A file has ``PLANE_API_KEY`` and ``PLANE_TOKEN_<NAME>`` (the saved token), ``PLANE_BASE_URL``
    (``plane_agent_base_url``, otherwise ``plane_web_url``), ``PLANE_WORKSPACE_SLUG``, and for each project
    ``PLANE_PROJECT_<IDENTIFIER>``, its id. Its owner and group are the agent's ``user`` and ``group``, otherwise
    ``plane_files_user`` and ``plane_files_group``. The files of removed agents are deleted.

    **Example:**

    .. code:: python

        plane.agent_files(
            name="Agents' files",
            slug="javisi",
            directory="/opt/javisi/configs/plane/agents",
            identifiers=["ONBOARD"],
        )
    """
    at = current_workspace(slug)
    agents = at.known(agents)
    if kind not in ENDINGS:
        raise PlaneSettings(f"an agent's file is env or json, not {kind}; correct plane_agent_files_format")
    identifiers = [identifier.upper() for identifier in identifiers]
    at.prefetch_projects(agents)
    folder = read_folder(at.host, directory, *ENDINGS.values())
    if folder is None or not _can_be_entered(folder.mode):
        line = f"+ {directory}/" if folder is None else f"~ {directory}/: mode {folder.mode} → {FOLDER_MODE}"
        yield Change((line,), lambda: make_folder(at.host, directory, FOLDER_MODE))
    files = {} if folder is None else folder.files
    kept = 0
    for agent in agents:
        file = AgentFile(directory, kind, agent)
        change = _reconciled(at, file, files.get(file.name), identifiers)
        if change is None:
            kept += 1
        else:
            yield change
    yield from _removed(at, directory, files, [AgentFile(directory, kind, agent).name for agent in agents])
    if kept:
        yield Unchanged(f"{kept} agents' files in {directory}" if kept > 1 else f"1 agent's file in {directory}")


def _can_be_entered(mode: str) -> bool:
    """Whether users other than its owner can open files in a folder."""
    return int(mode, 8) & 0o011 == 0o011


def _reconciled(at: Access, file: AgentFile, present: RemoteFile | None, identifiers: Sequence[str]) -> Change | None:
    """The change that an agent's file needs, if any."""
    agent = file.agent
    due = not is_executing() and is_token_due(at, agent)
    if not due and at.tokens.key_of(agent) is None:
        raise PlaneSettings(
            f"no API token of {agent.name} is saved in {at.tokens.file().path}; run plane.api_tokens first (the whole "
            "deploy does)"
        )
    now = {} if present is None else values_in(file.name, present.text)
    wanted = values_for(at, agent, identifiers, due, now)
    owner = (agent.user or at.settings.plane_files_user, agent.group or at.settings.plane_files_group)
    if present is not None and present.text == file.text(wanted):
        access = differing_access(present, FILE_MODE, *owner)
        if access is None:
            return None
        return Change((f"~ {file.path}: {access}",), lambda: change_access(at.host, file.path, FILE_MODE, *owner))
    if not is_executing():
        at.state.touched.add(agent.name)
    line = f"+ {file.path}" if present is None else f"~ {file.path}: {_differing(now, wanted)}"
    return Change((line,), partial(_write, at, file, wanted, owner))


def _differing(now: Mapping[str, str], wanted: Mapping[str, str]) -> str:
    names = [name for name in {**wanted, **now} if now.get(name) != wanted.get(name)]
    return ", ".join(names) or "its form"


def _write(at: Access, file: AgentFile, values: Mapping[str, str], owner: tuple[str | None, str | None]) -> None:
    if at.settings.has_command_for(file.agent):
        # Before the file is written: if the run ends in between, the command is run once too often, not never.
        at.tokens.note_untold([file.agent])
    write_file(at.host, file.path, file.text(values), FILE_MODE, *owner)
    at.state.touched.add(file.agent.name)


def _removed(at: Access, directory: str, files: Mapping[str, RemoteFile], named: Sequence[str]) -> Plan:
    """Remove the files of removed agents, and files of the other format."""
    gone = {agent.token_variable for agent in at.settings.absent_agents}
    present = {agent.token_variable for agent in at.state.agents}
    for name, file in files.items():
        values = values_in(name, file.text)
        # The file belongs to another workspace, or somebody else wrote it.
        if name in named or API_KEY not in values or values.get(SLUG) != at.slug:
            continue
        variable = token_variable(name.rpartition(".")[0])
        path = f"{directory}/{name}"
        if variable in gone or variable in present or at.settings.plane_prune:
            yield Change((f"- {path}",), partial(remove_file, at.host, path))
        else:
            yield Unchanged(f"not managed: {path}")
