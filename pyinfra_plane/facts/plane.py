"""Facts about Plane, read from its API from the host: the members of a workspace, its projects, the agents' tokens.

A fact of pyinfra is a command and a parser for its output. The command here only checks that the host runs commands
with the requested rights (``--sudo`` and so on). With the same rights the token file is read, and Plane is reached over
the host's own connection. Nobody signs in (except for webhooks), nothing is changed, and no token's value is in a fact,
in pyinfra's JSON or in its output at any verbosity.

Unlike the other modules of this folder, this one uses :mod:`pyinfra_plane.host`; no other module imports it.
"""

from __future__ import annotations

from typing import Any

from pyinfra.api import FactBase
from pyinfra.api.exceptions import FactProcessError
from pyinfra.context import ctx_host
from typing_extensions import override

from pyinfra_plane.errors import ExpectedError
from pyinfra_plane.host.host_plane import current_plane
from pyinfra_plane.host.workspace_reading import WorkspaceReading
from pyinfra_plane.settings import SettingsError

Found = dict[str, Any]


class _PlaneFact(FactBase[Found | None]):
    """The result of :meth:`read`; ``None`` if it could not be read, which is an error of the host's."""

    _host: Any = None
    _slug: str | None = None

    @override
    def check_preconditions(self, state: Any, host: Any) -> str | None:
        # A fact may be read from another host than the one that an operation runs for.
        self._host = host
        return None

    @override
    def command(self, slug: str | None = None) -> str:
        # pyinfra's command line converts values that look like numbers.
        self._slug = None if slug is None else str(slug)
        return "echo ready"

    @override
    def process(self, output: list[str]) -> Found | None:
        with ctx_host.use(self._host):
            try:
                return self.read(WorkspaceReading(current_plane(), self._slug))
            except (ExpectedError, SettingsError) as error:
                if self._host.current_op_global_arguments is None:
                    # pyinfra's command `fact` would exit with 0.
                    self._host.state.failed_hosts.add(self._host)
                raise PlaneNotRead(str(error)) from None

    def read(self, reading: WorkspaceReading) -> Found:
        """Read the fact."""
        raise NotImplementedError


class PlaneNotRead(FactProcessError):
    """The requested data of Plane could not be read; the message is one line."""


class PlaneMembers(_PlaneFact):
    """
    Returns the members of a workspace by address, without Plane's own bot.

    + slug: the workspace; ``plane_workspace_slug`` by default

    .. code:: python

        {
            "thot@javisi.local": {
                "role": "member",
                "display_name": "thot",
                "avatar": "",
                "is_active": True,
                "agent": "thot",
                "token_saved": True,
                "is_plane_admin": False,
            },
        }

    ``agent`` is the name in ``plane_agents`` or in the token file, ``None`` for a person. ``is_active`` is ``None``
    before Plane 1.4, in which a token sees removed members like the others.
    """

    @override
    def read(self, reading: WorkspaceReading) -> Found:
        return reading.members()


class PlaneProjects(_PlaneFact):
    """
    Returns the projects of a workspace by identifier: their settings, states, labels and custom fields.

    + slug: the workspace; ``plane_workspace_slug`` by default

    ``states``, ``labels`` and ``custom_fields`` are ``None`` in an archived project, and in a project that no known
    token's owner is a member of: Plane shows them only to members. ``agents`` has the role in the project of each agent
    whose token works.
    """

    @override
    def read(self, reading: WorkspaceReading) -> Found:
        return reading.projects()


class PlaneTokens(_PlaneFact):
    """
    Returns the state of the agents' API tokens by the agent's name; never a value.

    + slug: the workspace; ``plane_workspace_slug`` by default

    .. code:: python

        {
            "thot": {
                "label": "agent-thot",
                "variable": "PLANE_TOKEN_THOT",
                "account": "thot@javisi.local",
                "saved": True,
                "answers": True,
                "owner": "thot@javisi.local",
                "in_workspace": True,
                "ends": "2026-12-31",
            },
        }

    ``owner`` is the account that Plane returns for the saved token, ``account`` the one in the settings. ``ends`` is
    the day in the token file's note: Plane shows it only to the account itself, signed in. Lines of the token file that
    belong to no agent in the settings are listed too, without ``label`` and ``account``.
    """

    @override
    def read(self, reading: WorkspaceReading) -> Found:
        return reading.tokens.states()


class PlaneWorkspace(_PlaneFact):
    """
    Returns a whole workspace: ``slug``, ``name``, ``edition``, ``version``, ``members``, ``projects``.

    + slug: the workspace; ``plane_workspace_slug`` by default
    + webhooks: add ``webhooks``, for which ``plane_admin_email`` or an admin agent signs in; their addresses may hold
      secrets

    ``name`` is ``None`` in a workspace without a project: a token sees the name only in a project's data.
    The ``name`` of a webhook is the one under which its secret is saved, otherwise the one that the settings give to
    its address, otherwise ``None``.
    """

    _webhooks = False

    @override
    def command(self, slug: str | None = None, webhooks: bool | str | None = None) -> str:
        self._webhooks = str(webhooks).lower() in ("true", "1", "yes")
        return super().command(slug)

    @override
    def read(self, reading: WorkspaceReading) -> Found:
        return reading.whole() | ({"webhooks": reading.webhooks()} if self._webhooks else {})
