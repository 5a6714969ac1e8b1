"""Facts about Plane, asked of its API from the host: who is in a workspace, its projects, the agents' tokens.

A fact of pyinfra is a command and what its output means. The command here only shows that the host runs commands with
the rights that are asked for (``--sudo`` and so on); with the same rights the token file is read, and Plane is asked
over the host's own connection. Nobody signs in, nothing is changed, and no token's value is in a fact, in pyinfra's
JSON or in its output at any verbosity.

Unlike the other modules of this folder, this one stands on :mod:`pyinfra_plane.host`; no other module imports it.
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
    """What :meth:`read` gives; ``None`` if it could not be read, which is an error of the host's."""

    _host: Any = None
    _slug: str | None = None

    @override
    def check_preconditions(self, state: Any, host: Any) -> str | None:
        # A fact may be asked of another host than the one that an operation runs for.
        self._host = host
        return None

    @override
    def command(self, slug: str | None = None) -> str:
        # pyinfra's command line makes a number of what looks like one.
        self._slug = None if slug is None else str(slug)
        return "echo ready"

    @override
    def process(self, output: list[str]) -> Found | None:
        with ctx_host.use(self._host):
            try:
                return self.read(WorkspaceReading(current_plane(), self._slug))
            except (ExpectedError, SettingsError) as error:
                if self._host.current_op_global_arguments is None:
                    # pyinfra's command `fact` would end with 0.
                    self._host.state.failed_hosts.add(self._host)
                raise PlaneNotRead(str(error)) from None

    def read(self, reading: WorkspaceReading) -> Found:
        """The fact."""
        raise NotImplementedError


class PlaneNotRead(FactProcessError):
    """What was asked of Plane could not be read; the message is one line."""


class PlaneMembers(_PlaneFact):
    """
    Returns the members of a workspace by address, without Plane's own bot.

    + slug: the workspace; ``plane_workspace_slug`` when not given

    .. code:: python

        {
            "thot@javisi.local": {
                "role": "member",
                "display_name": "thot",
                "is_active": True,
                "agent": "thot",
                "token_saved": True,
                "token_noted": True,
            },
        }

    ``agent`` is the name in ``plane_agents`` or in the token file, ``None`` for a person. ``is_active`` is ``None``
    before Plane 1.4, where a token is shown those who were removed like the others.
    """

    @override
    def read(self, reading: WorkspaceReading) -> Found:
        return reading.members()


class PlaneProjects(_PlaneFact):
    """
    Returns the projects of a workspace by identifier: their settings, states, labels and custom fields.

    + slug: the workspace; ``plane_workspace_slug`` when not given

    ``states``, ``labels`` and ``custom_fields`` are ``None`` in a project in which no known token's owner is, and in an
    archived one: Plane shows them to nobody else. ``agents`` has the role in the project of each agent whose token
    answers.
    """

    @override
    def read(self, reading: WorkspaceReading) -> Found:
        return reading.projects()


class PlaneTokens(_PlaneFact):
    """
    Returns the state of the agents' API tokens by the agent's name; never a value.

    + slug: the workspace; ``plane_workspace_slug`` when not given

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

    ``owner`` is the account that Plane names for the saved token, ``account`` the one of the settings. ``ends`` is the
    day that the token file remembers: Plane tells nobody but the account itself, signed in. Lines of the token file
    that no agent of the settings has are listed too, without ``label`` and ``account``.
    """

    @override
    def read(self, reading: WorkspaceReading) -> Found:
        return reading.tokens.states()


class PlaneWorkspace(_PlaneFact):
    """
    Returns a workspace whole: ``slug``, ``name``, ``edition``, ``version``, ``members``, ``projects``.

    + slug: the workspace; ``plane_workspace_slug`` when not given

    ``name`` is ``None`` in a workspace without a project: Plane shows it to a token only with one.
    """

    @override
    def read(self, reading: WorkspaceReading) -> Found:
        return reading.whole()
