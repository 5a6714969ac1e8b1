"""The accounts, workspaces and projects that this run created or changed on one host's Plane."""

from __future__ import annotations

from dataclasses import field

from pyinfra_plane.api.auth import ApiKey
from pyinfra_plane.dataclass import dataclass
from pyinfra_plane.settings import Agent


@dataclass
class RunState:
    """This run's own changes, so that known facts are not requested again.

    `agents` are those whose saved tokens and passwords this run may use: the settings' agents, and those given to an
    operation.
    """

    agents: tuple[Agent, ...]
    created_workspaces: dict[str, str] = field(default_factory=dict)
    """By slug, the workspaces that this run created: the address of the account that created each."""
    pending_renames: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By slug, a workspace's current and new name, if no account can sign in yet to change it."""
    created_projects: dict[str, ApiKey] = field(default_factory=dict)
    new_projects: set[str] = field(default_factory=set)
    """The identifiers of the projects that this run created."""
    joined_projects: set[tuple[str, str]] = field(default_factory=set)
    """Projects (by identifier) and accounts (by address) that this run added to them to be able to change them."""
    announced: set[tuple[str, str]] = field(default_factory=set)
    """By workspace, lines that a preview has shown for one of its projects."""
    created_accounts: dict[str, dict[str, int]] = field(default_factory=dict)
    """By address, the accounts that this run created: the projects that they were added to since, each with the
    role."""
    adopted: set[str] = field(default_factory=set)
    """The variables of saved tokens whose owner the file did not note and Plane has returned in this stage."""
    saved: dict[str, bool] = field(default_factory=dict)
    """By variable, the tokens that this run saved: whether each replaced one that worked."""
    touched: set[str] = field(default_factory=set)
    """The names of agents whose token or file this run changed, or a preview would change."""
