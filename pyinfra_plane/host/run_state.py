"""What a run knows of the accounts, workspaces and projects of one host's Plane that it made or changed."""

from __future__ import annotations

from dataclasses import dataclass, field

from pyinfra_plane.api.auth import ApiKey
from pyinfra_plane.settings import Agent


@dataclass
class RunState:
    """What this run made, so that nothing is asked for that is known.

    `agents` are those whose saved tokens and passwords this run may use: those of the settings, and those that an
    operation was given.
    """

    agents: tuple[Agent, ...]
    created_workspaces: dict[str, str] = field(default_factory=dict)
    """By slug, those made in this run: the address of whoever did."""
    pending_renames: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By slug, a workspace's name now and as it is to be, where nobody can sign in yet to change it."""
    created_projects: dict[str, ApiKey] = field(default_factory=dict)
    new_projects: set[str] = field(default_factory=set)
    """The identifiers of those made in this run."""
    joined_projects: set[tuple[str, str]] = field(default_factory=set)
    """The identifiers of projects and the addresses of accounts that this run put into them for its own sake."""
    announced: set[tuple[str, str]] = field(default_factory=set)
    """By workspace, what a preview has said will be done in it for one of its projects."""
    created_accounts: dict[str, dict[str, int]] = field(default_factory=dict)
    """By address, those made in this run: the projects they were put into since, each with the role."""
    adopted: set[str] = field(default_factory=set)
    """The variables of saved tokens that the file had no owner of, and Plane has told this stage."""
    saved: dict[str, bool] = field(default_factory=dict)
    """By variable, the tokens that this run saved: whether each replaced one that answered."""
    touched: set[str] = field(default_factory=set)
    """The names of agents whose token or file this run changed, or a preview would."""
