"""A small workspace on a Plane that exists already: two people and a project; no database, no containers.

pyinfra examples/lab/inventory.py examples/lab/lab.py --dry     # from the top of the checkout

It shows the operations without deploy.py. This file has the resources; group_data/lab.py has the connection and
the agents.
"""

from pyinfra import host

from operations import plane
from pyinfra_plane.engine.report import plan
from pyinfra_plane.settings import settings_of

s = settings_of(host)
# Report missing passwords now, not when the deploy creates the first account.
s.require(*s.account_secrets)

slug, identifier = s.plane_workspace_slug, "NOTE"

# plan() keeps the lines of a preview together, host by host, and adds the summary of a run.
with plan():
    plane.ready(name="Plane answers", retries=3, delay=5)
    plane.workspace(name="Workspace", slug=slug, workspace_name="Lab")
    # Without a list of agents, these operations take all of plane_agents.
    plane.workspace_members(name="People", slug=slug)
    plane.api_tokens(name="Tokens", slug=slug)
    plane.project(
        name="Project", slug=slug, identifier=identifier, project_name="Notebook", network="secret", pages=True
    )
    plane.project_members(name="People in the project", slug=slug, identifier=identifier)
