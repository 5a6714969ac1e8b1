"""What the operations on one host's Plane share: the connection, the saved tokens, who may do what.

One :class:`Scene` for each host. What it read is dropped when pyinfra goes from looking to doing, because a person may
have taken their time in between.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pyinfra_plane.api.auth import ApiKey, Session
from pyinfra_plane.api.errors import (
    PlaneError,
    PlaneForbidden,
    PlaneFormRefused,
    PlaneNoAccount,
    PlaneNobody,
    PlaneSettings,
    PlaneUnreachable,
    PlaneWrongPassword,
)
from pyinfra_plane.api.models import Invitation, Project, Token, Workspace, WorkspaceMember, new_project
from pyinfra_plane.api.pace import PERIOD, period_of
from pyinfra_plane.api.plane import KEY_INVALID, NOT_A_MEMBER, Plane, Projects
from pyinfra_plane.engine import lock
from pyinfra_plane.engine.commands import wait_for_others
from pyinfra_plane.engine.converge import Change, Note, Plan, current_host
from pyinfra_plane.engine.files import file_reading
from pyinfra_plane.engine.host_run import run_of
from pyinfra_plane.engine.readings import Reading, fact_reading, read_fact
from pyinfra_plane.engine.report import is_executing, report_of, say
from pyinfra_plane.facts.docker import Container, DockerContainers
from pyinfra_plane.host.compose_project import find_api_container, is_new, is_to_start, known_api_container
from pyinfra_plane.host.connection import plane_from
from pyinfra_plane.host.token_file import TokenFile
from pyinfra_plane.settings import CONCIERGE, ROLES, Agent, Settings, settings_of, token_variable
from pyinfra_plane.settings.entries import EMAIL

T = TypeVar("T")

FORM_LIMIT = "AUTHENTICATION_RATE_LIMIT"
"""The variable that says how many forms Plane takes (1.4.2)."""

NOT_YET = "http://plane.invalid"
"""Where a Plane is that is still to be started; nothing is sent there."""


@dataclass
class _Scene:
    scene: Scene | None = None


def current_scene() -> Scene:
    """The scene of the host that the operation runs for."""
    host = current_host()
    kept = run_of(host).part(_Scene)
    if kept.scene is None:
        kept.scene = Scene(host, settings_of(host))
    scene = kept.scene
    scene.enter_stage((is_executing(), lock.is_held(host)))
    return scene


class Scene:
    """One host's Plane, its saved tokens, and the accounts that this run can act as."""

    def __init__(self, host: Any, settings: Settings) -> None:
        self.host = host
        self.settings = settings
        self.agents: tuple[Agent, ...] = settings.plane_agents
        """Whose saved tokens and passwords this run may use: those of the settings, and who an operation was given."""
        self.made_workspaces: dict[str, str] = {}
        """By slug, those made in this run: the address of whoever did."""
        self.new_names: dict[str, tuple[str, str]] = {}
        """By slug, a workspace's name now and as it is to be, where nobody can sign in yet to change it."""
        self.made_projects: dict[str, ApiKey] = {}
        self.new_projects: set[str] = set()
        """The identifiers of those made in this run."""
        self.entered: set[tuple[str, str]] = set()
        """The identifiers of projects and the addresses of accounts that this run put into them for its own sake."""
        self.foreseen: set[tuple[str, str]] = set()
        """By workspace, what a preview has said will be done in it for one of its projects."""
        self.made_accounts: dict[str, dict[str, int]] = {}
        """By address, those made in this run: the projects they were put into since, each with the role."""
        self._not_opened: dict[str, PlaneError] = {}
        """By address, sessions that could not be opened ahead of their turn, for another reason than the password: said
        in it."""
        self._finds_accounts = False
        """Whether the last account that may be new was there already, from an interrupted run or another workspace: the
        next one is then signed in first, because each form may count against a limit."""
        self._guests: set[str] = set()
        """Keys that are not shown the members of the workspace."""
        self._admin_key_is_low = False
        """Whether Plane refused what it lets an admin's key do."""
        self._plane: Plane | None = None
        self._token_file: TokenFile | None = None
        self._token_file_checked = False
        self._owners_to_save = False
        self.adopted: set[str] = set()
        """The variables of saved tokens that the file had no owner of, and Plane has told this stage."""
        self._stage: object = None
        report_of(host).facts.append(self._requests)

    def known(self, agents: Sequence[Agent] | None) -> Sequence[Agent]:
        """The agents that an operation is for: those of the settings when it was given none."""
        if agents is None:
            return self.settings.plane_agents
        there = {agent.email for agent in self.agents}
        self.agents += tuple(agent for agent in agents if agent.email not in there)
        return agents

    def enter_stage(self, stage: object) -> None:
        """Drop what was read before the stage began: a run, or its having the host for itself."""
        if stage != self._stage:
            self._stage = stage
            self._token_file = None
            self._guests.clear()
            self.foreseen.clear()
            self._owners_to_save = False
            self.adopted.clear()
            if self._plane is not None:
                self._plane.forget()
                if self._plane.http.base_url == NOT_YET:
                    self._plane = None

    def _requests(self) -> str | None:
        if self._plane is None:
            return None
        file = self._token_file
        tokens = f"; tokens in {file.path}" if file is not None and file.tokens else ""
        return f"{self._plane.http.requests_sent} requests to Plane{tokens}"

    # The connection

    def plane(self, look_again: bool = False) -> Plane:
        """Plane as this host reaches it.

        Args:
            look_again: find the container's address anew, because the container may have been recreated.

        Raises:
            PlaneUnreachable: there is no address to go to.
        """
        if self._plane is None or look_again:
            if is_new(self.host) and not self._answers_already():
                self._plane = self._plane_at(NOT_YET)
                self._plane.expect_new_instance()
                return self._plane
            url = self.settings.plane_api_url or self._container_url()
            if self._plane is None or self._plane.http.base_url != url:
                self._plane = self._plane_at(url)
        return self._plane

    def _plane_at(self, url: str) -> Plane:
        s = self.settings
        # A relay for requests is a command too, and a server may allow only some at the same time.
        wait_for_others(self.host)
        limit = s.plane_env_extra.get(FORM_LIMIT)
        period = (period_of(limit.unmask()) if limit is not None else None) or PERIOD
        return plane_from(self.host, url, s.plane_api_ca, s.plane_api_tls_insecure, s.plane_requests_together, period)

    def _answers_already(self) -> bool:
        """Whether a Plane whose instance was not found in the database tells of one all the same."""
        try:
            plane = self._plane_at(self.settings.plane_api_url or self._container_url())
            return plane.instance().registered
        except PlaneError:
            return False

    @property
    def is_still_to_start(self) -> bool:
        """Whether this is a preview of a Plane that cannot answer yet."""
        return is_new(self.host) and self.plane().http.base_url == NOT_YET

    def api_container(self) -> str | None:
        """The name of the container of Plane's API; ``None`` if there is none yet.

        Raises:
            TargetError: Compose could not be asked.
        """
        return known_api_container(self.host, self.settings) or find_api_container(self.host, self.settings)

    @property
    def logs(self) -> str:
        """Where to look for what Plane's API complains of."""
        elsewhere = self.settings.plane_api_url is not None
        name = None if elsewhere else known_api_container(self.host, self.settings)
        return "the log of Plane's API" if name is None else f"docker logs {name}"

    def _container_url(self) -> str:
        name, port = self.api_container(), self.settings.plane_api_port
        if name is None and is_to_start(self.host):
            raise PlaneUnreachable("Plane's API is still to be started")
        if name is None:
            raise PlaneUnreachable(
                f"Plane's API has no container in {self.settings.plane_compose_dir} yet; run deploy.environment to "
                "start one, or set plane_api_container or plane_api_url"
            )
        found: dict[str, Container] = read_fact(self.host, DockerContainers, names=name)
        if name not in found:
            raise PlaneUnreachable(
                f"there is no container {name} on this host; start Plane, or set plane_api_container or plane_api_url"
            )
        container = found[name]
        if container.status == "restarting":
            raise PlaneUnreachable(f"the container {name} keeps restarting; see: docker logs {name}")
        if not container.is_running:
            raise PlaneUnreachable(f"the container {name} is {container.status}; run: docker start {name}")
        if container.uses_host_network:
            return f"http://127.0.0.1:{port}"
        if not container.addresses:
            raise PlaneUnreachable(f"the container {name} has no address in a network; set plane_api_url")
        # Any of its networks leads there from the host; the first by name is the same on every run.
        address = container.addresses[min(container.addresses)]
        return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"

    def readings(self) -> list[Reading]:
        """What is read on the host before the first request."""
        s = self.settings
        name = None if s.plane_api_url else known_api_container(self.host, s)
        address = [] if name is None else [fact_reading(DockerContainers, names=name)]
        return [*address, file_reading(s.plane_tokens_path)]

    # Saved tokens

    def token_file(self) -> TokenFile:
        """The file of agents' tokens, read once a stage."""
        if self._token_file is None:
            settings = self.settings
            self._token_file = TokenFile(
                self.host, settings.plane_tokens_path, settings.plane_files_user, settings.plane_files_group
            )
        return self._token_file

    def check_token_file(self) -> None:
        """Write the token file as it is, once, so that a full disk or a missing right is noticed before there is a
        token to lose."""
        if not self._token_file_checked:
            self.token_file().save()
            self._token_file_checked = True

    def saved_key(self, agent: Agent) -> ApiKey | None:
        """The agent's token as saved on the host; ``None`` where that is known to be another account's."""
        return None if self.stranger(agent) else self._key_in_line(agent)

    def _key_in_line(self, agent: Agent) -> ApiKey | None:
        value = self.token_file().tokens.get(agent.token_variable)
        return ApiKey(value) if value else None

    def stranger(self, agent: Agent) -> str | None:
        """The other account that the token in the agent's line is known to belong to: its address was another one."""
        owner = self.token_file().note(agent.token_variable).owner
        return owner if owner != agent.email and self._key_in_line(agent) is not None else None

    def ask_owners(self, agents: Iterable[Agent]) -> None:
        """Ask Plane whose the tokens of these agents are, where the file does not say: somebody else wrote them there,
        or an earlier version did."""
        for agent in agents:
            key, note = self._key_in_line(agent), self.token_file().note(agent.token_variable)
            if key is None or note.owner is not None:
                continue
            owner = self.plane().owner(key)
            # It is written into the file, so that it must be an address and nothing else.
            if owner is not None and re.fullmatch(EMAIL, owner):
                note.owner = owner
                self._owners_to_save = True
                self.adopted.add(agent.token_variable)

    def save_owners(self) -> None:
        """Save what :meth:`ask_owners` was told, before there is a change that it could no longer be told after."""
        if self._owners_to_save:
            self.token_file().save()
            self._owners_to_save = False

    def refuse_other_workspace(self, slug: str, agents: Iterable[Agent]) -> None:
        """See to it that the token file is not another workspace's.

        Raises:
            PlaneSettings: a saved token is of another account than the agent's, and that one is not in the workspace.
        """
        is_seen = self.reader(slug) is not None
        for agent in agents:
            key, owner = self._key_in_line(agent), self.token_file().note(agent.token_variable).owner
            if key is None or owner == agent.email or (owner is None and is_seen):
                continue
            if self.plane().memberships(slug, key) != NOT_A_MEMBER:
                continue
            self.ask_owners([agent])
            if (other := self.stranger(agent)) is not None:
                path = self.token_file().path
                raise PlaneSettings(
                    f"{agent.token_variable} in {path} is the token of {other}, who is not in {slug}; set "
                    f"plane_tokens_path to a file of its own for each workspace, or take that line out"
                )

    def was_removed(self, agent: Agent, member: WorkspaceMember) -> bool:
        """Whether a run removed the agent, and it was not invited again since with another role.

        A key is shown former members as if they still were, but for a role that another invitation gave.
        """
        note = self.token_file().note(agent.token_variable)
        return note.removed and member.role == (agent.role_number if note.role is None else note.role)

    def account_of(self, name: str, email: str, own: Agent | None = None) -> Agent:
        """The account of a saved token, with its password where that may be known here.

        Args:
            name: the agent's, as its line in the token file has it.
            email: what the file or Plane says. A password is derived for an address of this workspace's agents alone:
                else whoever answers in Plane's place would be told that of any account anywhere.
            own: the agent as it is wanted now.
        """
        s = self.settings
        password = former = None
        local, _, domain = email.partition("@")
        namesake = next((one for one in (*self.agents, *s.absent_agents) if one.email == email), None)
        if namesake is not None:
            password, former = namesake.password, namesake.former_password
        elif own is not None and not self._has_derived_password(own):
            password = own.password  # its own, whatever its address
        elif token_variable(local) == token_variable(name) and domain == f"{s.plane_workspace_slug}.local".lower():
            password, former = (s.plane_concierge_password, None) if name == CONCIERGE else s.derived_passwords(email)
        return Agent(name, email, "member", name, password, present=False, former_password=former)

    def _has_derived_password(self, agent: Agent) -> bool:
        seed = self.settings.plane_agent_password_seed
        if seed is None or agent.password is None:
            return True
        return agent.former_password is not None

    @property
    def token_mark(self) -> str:
        """The description of a token that this deploy makes. It tells the token from one that a person made."""
        return f"Made by the deploy, which keeps it in {self.settings.plane_tokens_path}"

    def tokens_labelled(self, slug: str, agent: Agent, session: Session) -> tuple[list[Token], list[Token]]:
        """The account's tokens that carry the agent's label: those that this deploy made, and the others."""
        # The first releases of this deploy described a token by its workspace alone.
        marks = (self.token_mark, f"Workspace {slug}")
        labelled = [token for token in self.plane().tokens(session) if is_labelled(token, agent)]
        ours = [token for token in labelled if token.description in marks]
        return ours, [token for token in labelled if token not in ours]

    def revoke_former(self, agent: Agent, email: str, made_for: str | None = None) -> None:
        """Revoke the agent's tokens of the account that it had before; say so where that cannot be done.

        Args:
            agent: whose label the tokens carry.
            email: the account's address.
            made_for: the workspace: only the tokens that this deploy made for it are revoked. All when not given.
        """
        try:
            session = self.agent_session(self.account_of(agent.name, email, agent))
        except PlaneSettings:
            say(
                self.host,
                f"! the password of {email} is not known here: its token {agent.token_label} still answers; revoke it "
                "in Plane as that account",
            )
            return
        ours, others = self.tokens_labelled(made_for or "", agent, session)
        for token in ours if made_for else [*ours, *others]:
            self.plane().revoke_token(session, token)
        if made_for and (left := [token for token in others if token.is_active]):
            say(
                self.host,
                f"! {email} has tokens with the label {agent.token_label} that this deploy did not make: {len(left)}; "
                "they stay valid until somebody revokes them in Plane as that account",
            )

    def memberships(self, slug: str, agent: Agent) -> Projects | str | None:
        """What the agent's saved token sees that it is in; ``None`` without a saved token."""
        key = self.saved_key(agent)
        return self.plane().memberships(slug, key) if key else None

    def keys_of(self, agents: Iterable[Agent]) -> list[ApiKey]:
        """The keys that may be of these agents: their saved ones, and the admin's, which may be anybody's."""
        keys = [key for agent in agents if (key := self.saved_key(agent)) is not None]
        token = self.settings.plane_admin_api_token
        return keys if token is None else [*keys, ApiKey(token.unmask())]

    def look_ahead(self, slug: str, agents: Iterable[Agent]) -> None:
        """Have what the agents' saved tokens see asked for, several at the same time."""
        self.plane().look_ahead(slug, [key for agent in agents if (key := self.saved_key(agent)) is not None])

    # Who may do what

    def reader(self, slug: str) -> ApiKey | None:
        """A key that can read the workspace: the admin's, else a saved one, admins' first."""
        return next(self._readers(slug), None)

    def _readers(self, slug: str) -> Iterator[ApiKey]:
        """Keys that can read the workspace, those of guests behind the others as soon as they are known for it."""
        agents = self._admins_first()
        others = (key for agent in agents if self.stranger(agent) and (key := self._key_in_line(agent)) is not None)
        keys = sorted((*self._keys(agents), *others), key=lambda key: key.value in self._guests)
        # The first look of a stage brings the workspace's name along.
        return (key for key in keys if self._sees(slug, key, True))

    def members(self, slug: str) -> list[WorkspaceMember] | None:
        """The members of the workspace, as the first key is shown them; ``None`` without one that is.

        A guest's is not (every tried release).
        """
        for key in self._readers(slug):
            try:
                return self.plane().members(slug, key)
            except PlaneForbidden:
                self._guests.add(key.value)
        return None

    def needed_members(self, slug: str) -> list[WorkspaceMember]:
        """As :meth:`members`, by a session where no key is shown them.

        Raises:
            PlaneNobody: there is nobody to sign in as.
        """
        members = self.members(slug)
        return self.plane().members(slug, self.admin_session(slug)) if members is None else members

    def manager(self, slug: str) -> ApiKey | None:
        """A key that can make projects in the workspace: the admin's, else that of an agent who is admin."""
        return next(self._managers(slug), None)

    def _managers(self, slug: str) -> Iterator[ApiKey]:
        admins = [agent for agent in self.agents if agent.role == "admin"]
        return (key for key in self._keys(admins) if self._sees(slug, key))

    def projects(self, slug: str) -> Projects | None:
        """The workspace's projects: as one who may change them sees them, else as anybody whose token answers."""
        key = self.manager(slug) or self.reader(slug)
        projects = self.plane().look(slug, key) if key else None
        return projects if isinstance(projects, dict) else None

    def is_fresh(self) -> bool:
        """Whether there cannot be a workspace yet."""
        instance = self.plane().instance()
        return not instance.is_setup_done or not instance.workspaces_exist

    def needed_manager(self, slug: str) -> ApiKey:
        """As :meth:`manager`.

        Raises:
            PlaneSettings: there is none.
        """
        key = self.manager(slug)
        if key is None:
            raise PlaneSettings(
                f"no token of an admin of {slug} answers; run plane.api_tokens for an agent with the role admin (the "
                "whole deploy does), or set plane_admin_api_token"
            )
        return key

    def key_inside(self, slug: str, project: Project) -> ApiKey:
        """A key that may change the project, its account put into it first where need be.

        A workspace admin may change a project only from within, and may enter it (every tried release).

        Raises:
            PlaneSettings: there is none.
        """
        self.needed_manager(slug)
        for key in self._managers(slug):
            if self._is_inside(slug, key, project):
                return key
        raise PlaneSettings(
            f"no admin of {slug} whose API token is known is in the project {project.identifier}; put one into it in "
            "Plane (Project settings, Members), or set the password of an agent who is admin, so that it can join"
        )

    def session_inside(self, slug: str, project: Project) -> Session:
        """A session that may change the project: of an agent who is admin, else the workspace admin's.

        Raises:
            PlaneNobody: there is nobody to sign in as.
        """
        for key in self._managers(slug):
            owner = self.owner_of(key)
            if owner is not None and owner.password is not None and self._is_inside(slug, key, project):
                return self.agent_session(owner)
        session = self.admin_session(slug)
        self.plane().join_project(slug, session, project)
        return session

    def _is_inside(self, slug: str, key: ApiKey, project: Project) -> bool:
        """Whether the key's account is in the project, which an agent's joins where it is not."""
        projects = self.plane().look(slug, key)
        own = projects.get(project.identifier.upper()) if isinstance(projects, dict) else None
        if own is not None and own.is_member:
            return True
        owner = self.owner_of(key)
        if owner is None or owner.password is None:
            return False
        self.plane().join_project(slug, self.agent_session(owner), project, self.keys_of([owner]))
        self.made_accounts.pop(owner.email, None)
        self.entered.add((project.identifier.upper(), owner.email))
        return True

    def reader_inside(self, slug: str, project: Project) -> ApiKey | None:
        """A key whose account is in the project, admins' first: states, labels and fields are shown to no other."""
        for key in self._keys(self._admins_first()):
            projects = self.plane().look(slug, key)
            own = projects.get(project.identifier.upper()) if isinstance(projects, dict) else None
            if own is not None and own.is_member:
                return key
        return None

    def owner_of(self, key: ApiKey) -> Agent | None:
        """The agent whose saved token `key` is."""
        return next((agent for agent in self.agents if self.saved_key(agent) == key), None)

    def _sees(self, slug: str, key: ApiKey, with_workspace: bool = False) -> bool:
        return isinstance(self.plane().look(slug, key, with_workspace), dict)

    def _keys(self, agents: list[Agent]) -> Iterator[ApiKey]:
        if self.settings.plane_admin_api_token is not None:
            yield self._admin_key()
        for agent in agents:
            key = self.saved_key(agent)
            if key is not None:
                yield key

    def _admin_key(self) -> ApiKey:
        assert self.settings.plane_admin_api_token is not None
        key = ApiKey(self.settings.plane_admin_api_token.unmask())
        if self.plane().look(self.settings.plane_workspace_slug, key, with_workspace=True) == KEY_INVALID:
            raise PlaneSettings(
                f"{self.plane().http.base_url} does not know the API token in plane_admin_api_token (wrong, revoked or "
                "expired); make one in Plane under Profile settings, Personal access tokens"
            )
        return key

    def _admins_first(self) -> list[Agent]:
        return sorted(self.agents, key=lambda agent: -ROLES[agent.role])

    def invite(self, slug: str, invited: Sequence[tuple[str, int]]) -> dict[str, Invitation]:
        """Invite addresses, each with its role, and give all open invitations.

        By the admin's key where there is one, since it needs no sign-in. Where its owner is no admin, by a session.
        """
        plane = self.plane()
        caller: ApiKey | Session | None = None
        if self.settings.plane_admin_api_token is not None:
            caller = self._admin_key()
            try:
                plane.invite(slug, caller, invited)
                return plane.invitations(slug, caller)
            except PlaneForbidden:
                self._admin_key_is_low = True
        caller = self.admin_session(slug)
        plane.invite(slug, caller, invited)
        return plane.invitations(slug, caller)

    def admin_session(self, slug: str | None = None, not_as: str | None = None) -> Session:
        """A session that may administer the workspace: the admin's, else that of an agent who is admin.

        Args:
            slug: the workspace; that of the settings when not given.
            not_as: an address that will not do: nobody can change their own role.

        Raises:
            PlaneNobody: there is nobody to sign in as.
        """
        slug = slug or self.settings.plane_workspace_slug
        others = []
        for session in self.admin_sessions(not_as):
            if self.made_workspaces.get(slug) == session.email:
                return session
            mine = self.plane().my_workspaces(session)
            if any(seen.slug == slug and seen.role in (None, ROLES["admin"]) for seen in mine):
                return session
            others.append(session.email)
        self.refuse_admin_key(slug)
        if others:
            raise PlaneNobody(
                f"this needs an admin of {slug}, which {', '.join(others)} is not; make that account one in Plane "
                "(Workspace settings, Members), or set plane_admin_email and plane_admin_password of one"
            )
        raise PlaneNobody(
            "this needs a signed-in workspace admin; set plane_admin_email and plane_admin_password"
            + (f" to another account than {not_as}" if not_as else "")
        )

    def maker_session(self, slug: str) -> Session:
        """A session to make the workspace with.

        Raises:
            PlaneNobody: there is nobody to sign in as.
        """
        return next(self.admin_sessions(), None) or self.admin_session(slug)

    def admin_sessions(self, not_as: str | None = None) -> Iterator[Session]:
        """Sessions of those who should be admins of the workspace, each opened in its turn: the admin's, then agents'.

        An agent that has no account yet is passed over.
        """
        settings = self.settings
        if settings.plane_admin_password is not None and settings.plane_admin_email != not_as:
            yield self.plane().sign_in(
                settings.plane_admin_email, settings.plane_admin_password.unmask(), "plane_admin_password"
            )
        for agent in self.agents:
            if agent.role != "admin" or agent.password is None or agent.email == not_as:
                continue
            try:
                session = self.agent_session(agent)
            except PlaneNoAccount:
                continue
            yield session

    def workspace_of_an_admin(self, slug: str) -> Workspace | None:
        """The workspace, as the first is shown it who can sign in and is in it."""
        mine = (seen for session in self.admin_sessions() for seen in self.plane().my_workspaces(session))
        return next((seen for seen in mine if seen.slug == slug), None)

    def may_sign_in(self, slug: str) -> bool:
        """Whether there is an account to administer the workspace with; asks without signing in."""
        admins = (agent for agent in self.agents if agent.role == "admin" and agent.password is not None)
        return self.settings.plane_admin_password is not None or any(
            isinstance(self.memberships(slug, agent), dict) for agent in admins
        )

    def refuse_admin_key(self, slug: str) -> None:
        """Say what is wrong with ``plane_admin_api_token``, if anything.

        Raises:
            PlaneNobody: its owner is not in the workspace, or no admin of it.
        """
        if self.settings.plane_admin_api_token is None:
            return
        if self.plane().look(slug, self._admin_key()) == NOT_A_MEMBER:
            raise PlaneNobody(
                f"the owner of the API token in plane_admin_api_token is not in the workspace {slug}, or there is "
                "none; make the token as an admin of it, or set plane_admin_email and plane_admin_password"
            )
        if self._admin_key_is_low:
            raise PlaneNobody(
                f"the owner of the API token in plane_admin_api_token is no admin of {slug}; make that account one in "
                "Plane (Workspace settings, Members), or set plane_admin_email and plane_admin_password of one"
            )

    def instance_admin_session(self, what: str) -> Session:
        """A session that may change the instance.

        Args:
            what: what needs it, for the message.

        Raises:
            PlaneSettings: ``plane_admin_email`` is not an instance admin's, or its password is wrong or not given.
        """
        settings = self.settings
        needs = f"{what} needs plane_admin_email and plane_admin_password of an instance admin"
        if settings.plane_admin_password is None:
            raise PlaneSettings(needs)
        try:
            return self.plane().instance_admin_session(
                settings.plane_admin_email, settings.plane_admin_password.unmask()
            )
        except PlaneFormRefused as error:
            raise PlaneSettings(f"{error}; {needs}") from error

    def open_sessions(self, agents: Iterable[tuple[Agent, bool]]) -> None:
        """Open sessions of agents' accounts, several at the same time; :meth:`agent_session` has each, or its error.

        Args:
            agents: each with whether its account may be new.

        Raises:
            PlaneSettings: passwords are wrong or not given. Every account of them is named.
        """
        plane = self.plane()
        to_open = [one for one in agents if not plane.is_signed_in(one[0].email)]
        wrong: dict[str, PlaneWrongPassword] = {}

        def open_one(one: tuple[Agent, bool]) -> None:
            if self._not_opened:
                return  # the run ends at the first that fails
            try:
                self.agent_session(*one)
            except PlaneWrongPassword as error:
                wrong[one[0].email] = error
            except PlaneError as error:
                self._not_opened[one[0].email] = error

        plane.for_each_account(open_one, to_open)
        if len(wrong) > 1:
            named = [f"{agent.email} ({wrong[agent.email].advice})" for agent, _ in to_open if agent.email in wrong]
            raise PlaneSettings(f"cannot sign in as {', '.join(named)}")
        for error in wrong.values():
            raise error

    def agent_session(self, agent: Agent, may_be_new: bool = False) -> Session:
        """A session of the agent's account, which is made when it is not there and `may_be_new`.

        Raises:
            PlaneWrongPassword: its password is not given, or wrong.
            PlaneSettings: its password is too weak, or the account cannot be made.
        """
        plane = self.plane()
        failed = self._not_opened.pop(agent.email, None)
        if failed is not None:
            raise failed
        if agent.password is None:
            advice = f"set {_password_setting(agent)}"
            raise PlaneWrongPassword(f"no password for {agent.email}; {advice}", advice)
        password = agent.password.unmask()
        if not may_be_new or plane.is_signed_in(agent.email):
            return self._sign_in(agent)
        if self._finds_accounts:
            try:
                return self._sign_in(agent)
            except PlaneNoAccount:
                self._finds_accounts = False
        try:
            session = plane.sign_up(agent.email, password)
        except PlaneFormRefused as error:
            if error.code != "USER_ALREADY_EXIST":
                raise PlaneSettings(f"{error}; {_sign_up_advice(error.code, agent)}") from error
            self._finds_accounts = True
            return self._sign_in(agent)
        self.made_accounts[agent.email] = {}
        return session

    def _sign_in(self, agent: Agent) -> Session:
        """A session of an account that exists; one made before 0.1.0 has its password from an earlier derivation."""
        assert agent.password is not None
        plane, setting = self.plane(), _password_setting(agent)
        try:
            return plane.sign_in(agent.email, agent.password.unmask(), setting)
        except PlaneWrongPassword:
            if agent.former_password is None:
                raise
        return plane.sign_in(agent.email, agent.former_password.unmask(), setting)


def _password_setting(agent: Agent) -> str:
    if agent.name == CONCIERGE:
        return "plane_concierge_password or its password in plane_agents"
    return f"plane_agent_password_seed or the password of {agent.name} in plane_agents"


def is_labelled(token: Token, agent: Agent) -> bool:
    """Whether a token's label is the agent's, in any spelling that leads to the agent's line in the token file."""
    prefix, name = token.label[:6], token.label[6:]
    return prefix == "agent-" and token_variable(name) == agent.token_variable


def _sign_up_advice(code: str, agent: Agent) -> str:
    if code == "PASSWORD_TOO_WEAK":
        return f"choose a stronger {_password_setting(agent)}"
    if code == "SIGNUP_DISABLED":
        return "sign-up is closed on this instance and the address holds no open invitation"
    return f"check the address of {agent.name} in plane_agents, and that email and password sign-in is enabled"


def typed(kind: type[T], items: Iterable[T | Mapping[str, Any]]) -> list[T]:
    """The items as what an operation works with; a command line, or a deploy of one's own, may give them as dicts.

    Raises:
        PlaneSettings: an item is neither, or has a key that there is not.
    """
    made: list[T] = []
    for item in items:
        if isinstance(item, kind):
            made.append(item)
            continue
        if not isinstance(item, Mapping):
            raise PlaneSettings(
                f"{item!r} is no {kind.__name__}; give a dict, or pyinfra_plane.settings.{kind.__name__}"
            )
        try:
            made.append(kind(**item))
        except TypeError as error:
            raise PlaneSettings(f"{kind.__name__} {dict(item)!r}: {str(error).partition(' ')[2]}") from error
    return made


def needs_project(slug: str, identifier: str) -> None:
    """What a change of a project that was to be made first comes to when it was not.

    Raises:
        PlaneSettings: always.
    """
    raise PlaneSettings(f"there is no project {identifier} in {slug}; name it in plane_projects")


def once_made(slug: str, identifier: str, plan: Plan) -> Plan:
    """What a run will do in a project that it makes first, and cannot do if it did not."""
    for item in plan:
        if isinstance(item, Change):
            yield replace(item, apply=lambda: needs_project(slug, identifier))
        elif isinstance(item, Note):
            yield item


def project_to_read(scene: Scene, slug: str, identifier: str) -> tuple[Project, ApiKey | None] | None:
    """The project and a key that sees into it, or none for one that is still to be made.

    ``None`` if a preview cannot tell.

    Raises:
        PlaneSettings: a run finds nobody who sees into it.
    """
    projects = scene.projects(slug)
    seen = projects.get(identifier) if projects is not None else None
    if seen is None:
        return (new_project(identifier), None) if projects is not None or scene.is_fresh() else None
    key = scene.reader_inside(slug, seen)
    # What is in an archived project is not shown.
    if key is not None and not seen.is_archived:
        return seen, key
    if is_executing():
        reason = "is archived" if seen.is_archived else "has no member whose token is saved on the host"
        raise PlaneSettings(f"the project {identifier} {reason}; run the whole deploy, which mends that first")
    return None
