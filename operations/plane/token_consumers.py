"""Users of tokens: services that are recreated, and commands that are run, when a token changes."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from functools import partial

from pyinfra.api import StringCommand

from pyinfra_plane.engine.commands import TargetError, run
from pyinfra_plane.engine.converge import Change, Note, Plan, Unchanged, converging
from pyinfra_plane.engine.files import read_file
from pyinfra_plane.engine.report import is_executing
from pyinfra_plane.host.access import Access
from pyinfra_plane.host.agent_file import AgentFile, values_for, values_in
from pyinfra_plane.host.consumer import ConsumerService, TokenSource, read_consumers, recreate
from pyinfra_plane.host.container_steps import runs_with
from pyinfra_plane.host.host_plane import current_workspace
from pyinfra_plane.host.planning import as_instances
from pyinfra_plane.settings import Agent, TokenConsumer

from .tokens import is_token_due


@converging
def token_consumers(
    slug: str,
    consumers: Sequence[TokenConsumer],
    identifiers: Sequence[str] = (),
    agents: Sequence[Agent] | None = None,
) -> Plan:
    """
    Recreate the services that run with another token than their agent's, and run commands when a token changed.

    + slug: the workspace
    + consumers: each ``{"service", "directory", "agent"}`` or ``{"command", "agent"}``, as in ``plane_token_consumers``
    + identifiers: the projects whose ids the agents' files have, as given to ``agent_files``
    + agents: the agents; ``plane_agents`` by default

    The values that a service's containers run with are compared with the agent's file in ``plane_agent_files_dir`` and
    with its line in the token file, whichever the Compose file gives to the service: by ``env_file:``, or interpolated
    (``${PLANE_TOKEN_THOT}``). So it does not matter who started the containers, or when. A service without a container
    is not started. A command's state cannot be read: it is run if the agent's token or file changed since all of the
    agent's commands last succeeded, and if a rotation was interrupted. The token file notes that commands are still to
    be run, from the write of the agent's file on if the command is in ``plane_token_consumers``.

    **Example:**

    .. code:: python

        plane.token_consumers(
            name="Users of tokens",
            slug="javisi",
            consumers=[
                {"service": "n8n", "directory": "/opt/n8n", "agent": "hermes"},
                {"command": "systemctl restart thot", "agent": "thot"},
            ],
        )
    """
    at, consumers = current_workspace(slug), as_instances(TokenConsumer, consumers)
    agents = at.known(agents)
    at.prefetch_projects(agents)
    sources = _Sources(at, agents, [one.upper() for one in identifiers])
    folders: dict[str, dict[str, list[TokenSource]]] = {}
    for one in consumers:
        if one.service is not None and one.directory is not None:
            named = folders.setdefault(one.directory, {}).setdefault(one.service, [])
            named += [source for source in sources.of(one.agent) if source not in named]
    for directory, services in folders.items():
        for service in read_consumers(at.host, directory, services):
            yield from _service(at, service, services[service.name])
    yield from _commands(at, [one for one in consumers if one.command is not None], agents)


class _Sources:
    """The files with tokens, each read once."""

    def __init__(self, at: Access, agents: Sequence[Agent], identifiers: Sequence[str]) -> None:
        self._at = at
        self._agents = {agent.name: agent for agent in agents}
        self._identifiers = identifiers
        self._files: dict[str, TokenSource] = {}

    def of(self, name: str | None) -> list[TokenSource]:
        """The files that a service of an agent may get its token from; without a name, those of every agent."""
        named = [agent for agent in self._agents.values() if name in (None, agent.name)]
        files = [file for agent in named if (file := self._own(agent)) is not None]
        return [*files, self._common(named)]

    def _own(self, agent: Agent) -> TokenSource | None:
        at, s = self._at, self._at.settings
        if s.plane_agent_files_dir is None or s.plane_agent_files_format != "env":
            return None
        if agent.name not in self._files:
            file = AgentFile(s.plane_agent_files_dir, s.plane_agent_files_format, agent)
            present = read_file(at.host, file.path)
            now = {} if present is None else values_in(file.name, present.text)
            coming = None
            if not is_executing() and agent.name in at.state.touched:
                coming = values_for(at, agent, self._identifiers, is_token_due(at, agent), now)
            self._files[agent.name] = TokenSource(file.path, now, coming)
        return self._files[agent.name]

    def _common(self, agents: Iterable[Agent]) -> TokenSource:
        """The token file, limited to the tokens of these agents."""
        at, file = self._at, self._at.tokens.file()
        agents = list(agents)
        now = {one.token_variable: key.value for one in agents if (key := at.tokens.saved_key(one)) is not None}
        due = [one for one in agents if not is_executing() and is_token_due(at, one)]
        coming = {**now, **{one.token_variable: secrets.token_hex(8) for one in due}} if due else None
        return TokenSource(file.path, now, coming)


def _service(at: Access, service: ConsumerService, sources: Sequence[TokenSource]) -> Plan:
    where = f"{service.name} in {service.directory}"
    if not service.containers:
        yield Unchanged(f"{where} has no container")
        return
    outdated = list(service.outdated())
    stopped = [one for one, _ in outdated if one.status in ("exited", "dead")]
    if outdated and len(stopped) < len(outdated):
        container, differing = next(pair for pair in outdated if pair[0] not in stopped)
        line = f"~ recreate {where}: {runs_with(container, differing)}"
        yield Change((line,), lambda: recreate(at.host, service, sources))
    elif stopped:
        words = service.recreate_command().get_raw_value()
        yield Note(f"! the service {where} is stopped and still has a former token; run on the host: {words}")
    else:
        yield Unchanged(f"{where} runs with the saved token")


def _commands(at: Access, consumers: Sequence[TokenConsumer], agents: Sequence[Agent]) -> Plan:
    untold = [agent for agent in agents if _is_untold(at, agent)]
    due = []
    for one in consumers:
        if named := [agent for agent in untold if one.agent in (None, agent.name)]:
            due.append((str(one.command), named))
        else:
            yield Unchanged(f"nothing changed for {one.command}")
    told = list(dict.fromkeys(agent for _, named in due for agent in named))
    for number, (command, named) in enumerate(due, 1):
        line = f"~ run {command}: {', '.join(agent.name for agent in named)} has another token or file"
        yield Change((line,), partial(_run, at, command, told, number == len(due)))


def _is_untold(at: Access, agent: Agent) -> bool:
    note = at.tokens.file().note(agent.token_variable)
    return (
        note.untold
        or agent.name in at.state.touched
        or note.keeps is not None
        or (not is_executing() and is_token_due(at, agent))
    )


def _run(at: Access, command: str, agents: Sequence[Agent], is_last: bool) -> None:
    """Run a command; the agents are those that this and the other commands are run for."""
    # Noted already, unless the command was given to the operation and is not in plane_token_consumers.
    at.tokens.note_untold(agents)
    output = run(at.host, StringCommand(command), show_output=True)
    if not output.ok:
        raise TargetError(
            f"{command} (plane_token_consumers) failed: {output.reason}; fix it and run again; the former tokens are "
            "revoked only after that"
        )
    if is_last:
        # One note for all commands: after a failure, commands that succeeded before it are run again too.
        at.tokens.note_untold(agents, untold=False)
