"""A workspace as settings: those that differ from the defaults; in comments, the changes that a deploy would make."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any
from urllib.parse import urlsplit

from pyinfra_plane.adopt.projects import chosen, entry, is_kept
from pyinfra_plane.adopt.source import Block
from pyinfra_plane.errors import ExpectedError
from pyinfra_plane.settings import ROLES, SettingsError, read_settings
from pyinfra_plane.settings.table import DEFAULTS

NEEDED = ("name", "identifier", "role", "email", "group", "type")
"""Keys that an entry of a list requires."""

NOWHERE = "/nonexistent"
"""A folder of secrets that does not exist: these settings are checked without secrets."""


class AdoptError(ExpectedError):
    """A workspace cannot be written as settings; the message is one line."""


def blocks(host: str, seen: Mapping[str, Any]) -> list[Block]:
    """Return the settings of a workspace.

    Args:
        host: its name in the inventory.
        seen: the result of ``PlaneWorkspace``.
    """
    slug = seen["slug"]
    agents = {one["agent"]: (email, one) for email, one in seen["members"].items() if one["token_saved"]}
    names = {email: name for name, (email, _) in agents.items()}
    inside, outside = _sorted_out(seen["projects"], {name: one["role"] for name, (_, one) in agents.items()})
    given = {
        "plane_agents": [_agent(name, email, one, slug) for name, (email, one) in sorted(agents.items())],
        "plane_people": _people(seen["members"]),
        "plane_webhooks": _webhooks(seen.get("webhooks", ())),
        "plane_projects": [entry(identifier, project, names) for identifier, project in inside.items()],
    }
    known = {"plane_workspace_slug": slug} | ({} if seen["name"] is None else {"plane_workspace_name": seen["name"]})
    left_out = _checked(given, known)
    kept = {name: value for name, value in given.items() if _plain(value) != _plain(DEFAULTS[name])}
    found = [Block(comment=f"The workspace {slug} at {host}: what differs from the defaults. Written by python -m "
                   "pyinfra_plane.adopt; a deploy with it changes nothing in the workspace.")]  # fmt: skip
    if slug != DEFAULTS["plane_workspace_slug"]:
        found.append(Block("plane_workspace_slug", slug))
    if seen["name"] is None:
        found.append(Block(comment="plane_workspace_name: Plane shows it to a token only with a project."))
    elif seen["name"] != DEFAULTS["plane_workspace_name"]:
        found.append(Block("plane_workspace_name", seen["name"]))
    if "plane_agents" in kept:
        found.append(Block("plane_agents", kept["plane_agents"], _of_agents(kept["plane_agents"], seen)))
    if "plane_people" in kept:
        found.append(Block("plane_people", kept["plane_people"], _of_people(seen["members"])))
    if "plane_webhooks" in kept:
        words = (
            "Webhooks, each with the name under which its secret is saved on the host, or a name made of its address. "
            "Other secrets stay with the programs that check them."
        )
        found.append(Block("plane_webhooks", kept["plane_webhooks"], words))
    if "webhooks" not in seen:
        found.append(Block(comment="Webhooks were not read; --webhooks prints them too."))
    found += _unsaved(seen["members"])
    if "plane_projects" in kept:
        found.append(Block("plane_projects", kept["plane_projects"]))
    found += _would_change(outside, names)
    remarks = [remark for name, project in inside.items() for remark in _remarks(name, project)]
    return found + [Block(comment=remark) for remark in [*remarks, *left_out]]


def _plain(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """Entries in a form for comparison, in which neither the order nor missing fields count."""
    return sorted(
        repr(sorted((key, sorted(map(repr, value)) if isinstance(value, list) else value)
                    for key, value in one.items() if value is not None))
        for one in entries
    )  # fmt: skip


# Members


def _agent(name: str, email: str, member: Mapping[str, Any], slug: str) -> dict[str, Any]:
    found = {"name": name, "role": member["role"]}
    if email != f"{name}@{slug}.local".lower():
        found["email"] = email
    if member["display_name"] != name:
        found["display_name"] = member["display_name"]
    if member["avatar"] and is_kept(member["avatar"]):
        found["avatar"] = member["avatar"]
    return found


def _of_agents(entries: Sequence[Mapping[str, Any]], seen: Mapping[str, Any]) -> str:
    words = "Agents: the accounts whose API token is saved on the host."
    if not any(one["role"] == "admin" for one in entries):
        words += " None is an admin, so a deploy needs PLANE_ADMIN_API_TOKEN."
    if named := ", ".join(name for name in seen["tokens_without_note"] if any(one["name"] == name for one in entries)):
        words += f" The token file does not record yet who owns these tokens; the first deploy adds that: {named}."
    return words


def _people(members: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The members who are not agents. A deploy adds them to no further project."""
    return [
        {"email": email, "role": one["role"], "projects": []}
        for email, one in members.items()
        if not one["token_saved"] and one["agent"] is None and one["role"] in ROLES and not one["is_plane_admin"]
    ]


def _webhooks(webhooks: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The webhooks; one without a name is called after its address's host, with a number if a name is taken."""
    found: list[dict[str, Any]] = []
    taken = {_folded(one["name"]) for one in webhooks if one["name"]}
    for one in webhooks:
        host = re.sub(r"[^A-Za-z0-9]", "-", urlsplit(one["url"]).hostname or "")
        base = (host if re.match("[A-Za-z]", host) else f"host-{host}")[:44]
        numbered = (base if number == 1 else f"{base}-{number}" for number in count(1))
        name = one["name"] or next(name for name in numbered if _folded(name) not in taken)
        taken.add(_folded(name))
        found.append({"name": name, "url": one["url"], "events": one["events"]} | _inactive(one))
    return found


def _folded(name: str) -> str:
    """What two names must not share: the variable of a secret is made of it."""
    return re.sub(r"[^a-z0-9]", "_", name.lower())


def _inactive(webhook: Mapping[str, Any]) -> dict[str, bool]:
    return {} if webhook["active"] else {"active": False}


def _of_people(members: Mapping[str, Mapping[str, Any]]) -> str:
    words = "People: members who are not agents."
    if any(one["is_active"] is None for one in members.values() if not one["token_saved"]):
        words += " Before Plane 1.4 this list includes members who were removed."
    return words


def _unsaved(members: Mapping[str, Mapping[str, Any]]) -> list[Block]:
    """Agents without a saved token, and people with a role of another edition, as comments."""
    unsaved = [
        {"name": one["agent"], "role": one["role"] if one["role"] in ROLES else f"role {one['role']}"}
        for one in members.values()
        if not one["token_saved"] and one["agent"] is not None
    ]
    words = (
        "Members with the address of an agent, but without a saved token that answers. A deploy creates a token for "
        "each of them that is in plane_agents."
    )
    odd = [
        {"email": email, "role": f"role {one['role']}"}
        for email, one in members.items()
        if not one["token_saved"] and one["agent"] is None and one["role"] not in ROLES
    ]
    found = [Block("plane_agents", unsaved, words, is_off=True)] if unsaved else []
    return found + (
        [Block("plane_people", odd, "People with a role that plane_people cannot set.", is_off=True)] if odd else []
    )


# Projects


def _sorted_out(
    projects: Mapping[str, Mapping[str, Any]], roles: Mapping[str, str]
) -> tuple[dict[str, Mapping[str, Any]], dict[str, Mapping[str, Any]]]:
    """The projects that a deploy would not change, and the others: a deploy adds every agent to each."""
    inside: dict[str, Mapping[str, Any]] = {}
    outside: dict[str, Mapping[str, Any]] = {}
    for identifier, project in projects.items():
        is_same = all(project["agents"].get(name) == role for name, role in roles.items())
        (inside if is_same and not project["is_archived"] else outside)[identifier] = project
    return inside, outside


def _would_change(outside: Mapping[str, Mapping[str, Any]], names: Mapping[str, str]) -> list[Block]:
    entries = [entry(identifier, project, names) for identifier, project in outside.items()]
    if not entries:
        return []
    words = (
        "Projects that a deploy would change: it puts each agent into every project, with its role in the workspace, "
        "and brings archived projects back."
    )
    if archived := ", ".join(name for name, project in outside.items() if project["is_archived"]):
        words += f" Archived: {archived}."
    return [Block("plane_projects", entries, words, is_off=True)]


def _remarks(identifier: str, project: Mapping[str, Any]) -> list[str]:
    """Data of a project that could not be read, or that a deploy cannot manage."""
    found = []
    if project["states"] is None:
        found.append(
            f"{identifier}: states, labels and custom fields were not read, because no account whose token is known "
            "here is in the project."
        )
    if project["custom_fields_refused"]:
        found.append(f"{identifier}: custom fields were not read: {project['custom_fields_refused']}")
    kinds = project["custom_fields"] or ()
    others = [f"{kind['type']} ({', '.join(one['name'] for one in kind['fields'])})" for kind in kinds]
    if len(others) > 1:
        del others[list(kinds).index(chosen(kinds))]
        found.append(f"{identifier}: only one work item type can be managed; not managed: {', '.join(others)}.")
    return found


# Checking


def _checked(given: dict[str, list[dict[str, Any]]], known: Mapping[str, str]) -> list[str]:
    """Remove values that the settings refuse, although Plane may hold them; return them as lines.

    Raises:
        AdoptError: a value cannot be removed.
    """
    left_out = []
    while problems := _problems({**known, **given}):
        left_out.append(f"Left out, because a setting cannot have it: {_drop(given, problems[0])}")
    return left_out


def _problems(given: Mapping[str, Any]) -> list[str]:
    others = {"plane_secrets_dir": NOWHERE, "plane_admin_api_token": "any"}
    try:
        read_settings({**others, **given})
    except SettingsError as error:
        # Values from the environment were checked before.
        return [problem for problem in error.problems if problem.startswith(tuple(given))]
    return []


def _drop(given: dict[str, Any], problem: str) -> str:
    """Remove the value that a problem is about, or its entry if the entry requires the value."""
    named_at = re.match(r"[\w.\[\]]+", problem)
    path, why = (named_at[0], problem[named_at.end() :].removeprefix(":").strip()) if named_at else ("", problem)
    parts = [int(number) if number else name for name, number in re.findall(r"(\w+)|\[(\d+)\]", path)]
    values: list[Any] = [given]
    for part in parts:
        try:
            values.append(values[-1][part])
        except (KeyError, IndexError, TypeError):
            break
    is_there = len(values) == len(parts) + 1
    last = next((i for i in range(len(parts) - 1, -1, -1) if isinstance(parts[i], int)), None)
    if last is None or last >= len(values):
        raise AdoptError(f"the settings cannot describe this workspace: {problem}")
    named = [str(one.get("identifier") or one["name"]) for one in values if isinstance(one, dict) and "name" in one]
    if is_there and last < len(parts) - 1 and parts[-1] not in NEEDED:
        del values[-2][parts[-1]]
    else:
        del values[last][parts[last]]
    kind = " ".join(part for part in parts if isinstance(part, str))
    return f"{kind} of {', '.join(named)}: {why}"
