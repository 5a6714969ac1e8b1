"""The people in a workspace: they are invited, and added to projects after they join."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from pyinfra_plane.api.auth import ApiKey, Session
from pyinfra_plane.api.errors import PlaneForbidden
from pyinfra_plane.api.models import Invitation, Project, WorkspaceMember
from pyinfra_plane.engine.converge import Change, Plan, Unchanged, converging
from pyinfra_plane.engine.report import is_executing
from pyinfra_plane.host.access import Access
from pyinfra_plane.host.host_plane import current_workspace
from pyinfra_plane.host.planning import as_instances
from pyinfra_plane.settings import ROLE_NAMES, Person

from .workspace import members_by_address, set_role


@converging
def people(slug: str, people: Sequence[Person]) -> Plan:
    """
    Invite people to a workspace, and add those who joined to projects.

    + slug: the workspace
    + people: email and, optionally, role and projects (``None``: all of ``plane_projects``)

    Plane mails the invitation if it can send mail; Plane's address also shows it after sign-up. An open invitation gets
    the person's role. The deploy gives people neither a password nor a token, and removes nobody. From Plane 1.4 on, a
    person who was removed from the workspace is invited again.

    **Example:**

    .. code:: python

        from pyinfra_plane.settings import Person

        plane.people(name="People", slug="javisi", people=[Person("ada@example.com", "admin")])
    """
    at, wanted = current_workspace(slug), as_instances(Person, people)
    members = members_by_address(at)
    if members is None:
        names = ", ".join(person.email for person in wanted)
        yield Change((f"? people of {slug}: {names} (no saved token to check with)",), lambda: None)
        return
    invited = _invited(at) if any(_is_not_active(members.get(person.email)) for person in wanted) else {}
    for person in wanted:
        member = members.get(person.email)
        if _is_not_active(member):
            yield from _invitation(at, person, invited)
        elif member is not None and member.role != person.role_number:
            line = f"~ role of {person.email}: {ROLE_NAMES.get(member.role, member.role)} → {person.role}"
            yield Change((line,), partial(set_role, at, person.email, person.role_number))
        else:
            yield Unchanged(f"member {person.email} ({person.role})")
    joined = [person for person in wanted if not _is_not_active(members.get(person.email))]
    for project in (at.projects() or {}).values():
        yield from _into_project(at, project, joined, members)


def _is_not_active(member: WorkspaceMember | None) -> bool:
    return member is None or member.is_active is False


def _invitation(at: Access, person: Person, invited: dict[str, Invitation]) -> Plan:
    invitation = invited.get(person.email)
    if invitation is not None and invitation.role != person.role_number:
        line = f"~ invitation of {person.email}: {ROLE_NAMES.get(invitation.role, invitation.role)} → {person.role}"
        yield Change((line,), partial(_change_invitation, at, invitation, person.role_number))
    elif invitation is not None:
        yield Unchanged(f"invitation of {person.email}")
    else:
        yield Change(
            (f"+ invitation of {person.email} ({person.role})",),
            lambda: at.invite([(person.email, person.role_number)]),
        )


def _change_invitation(at: Access, invitation: Invitation, role: int) -> None:
    key = at.manager()
    if key is not None:
        try:
            at.plane.change_invitation(at.slug, key, invitation, role)
            return
        except PlaneForbidden:
            pass  # the key's account is no longer an admin
    at.plane.change_invitation(at.slug, at.admin_session(), invitation, role)


def _invited(at: Access) -> dict[str, Invitation]:
    """Open invitations by address in lower case. A preview reads them with a key, or not at all."""
    if at.slug in at.state.created_workspaces:
        return {}
    caller: ApiKey | Session | None = at.manager()
    if caller is None and is_executing():
        caller = at.admin_session()
    try:
        found = {} if caller is None else at.plane.invitations(at.slug, caller)
    except PlaneForbidden:
        found = at.plane.invitations(at.slug, at.admin_session())
    # Of two for one address, only the one without capitals matches an account.
    return {**{email.lower(): invitation for email, invitation in found.items()}, **found}


def _into_project(at: Access, project: Project, joined: Sequence[Person], members: dict[str, WorkspaceMember]) -> Plan:
    asked = {one.identifier for one in at.settings.plane_projects}
    wanted = [
        person for person in joined if project.identifier in (asked if person.projects is None else person.projects)
    ]
    key = at.project_reader_key(project) if wanted else None
    if key is None:
        return
    # The list includes people who were removed from the project, so a person who was removed is not added again.
    there = at.plane.project_members(at.slug, key, project)
    new = [person for person in wanted if person.email not in there]
    if new:
        names = ", ".join(person.email for person in new)
        put = [(members[person.email].user_id, person.role_number) for person in new]
        yield Change((f"+ members of {project.identifier}: {names}",), partial(_put, at, project, put))


def _put(at: Access, project: Project, members: list[tuple[str, int]]) -> None:
    at.plane.put_project_members(at.slug, at.project_admin(project), project, members, [])
