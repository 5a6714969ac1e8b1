"""A small workspace on a Plane that is there already: two people and a project; no database, no containers.

pyinfra examples/lab/inventory.py examples/lab/lab.py --dry     # from the top of the checkout

It shows the operations without deploy.py. What there is to be stands here, who connects as whom in group_data/lab.py.
"""

from pyinfra import host

from operations import plane
from pyinfra_plane.engine.report import plan
from pyinfra_plane.settings import settings_of

s = settings_of(host)
# Now, rather than when the first account is to be made.
s.require(*s.account_secrets)

slug, identifier = s.plane_workspace_slug, "NOTE"

# plan() keeps the lines of a preview together, host by host, and adds the summary of a run.
with plan():
    plane.ready(name="Plane answers", retries=3, delay=5)
    plane.workspace(name="Workspace", slug=slug, workspace_name="Lab")
    # Where nobody is named it is about everybody in plane_agents.
    plane.workspace_members(name="People", slug=slug)
    plane.api_tokens(name="Tokens", slug=slug)
    plane.project(
        name="Project", slug=slug, identifier=identifier, project_name="Notebook", network="secret", pages=True
    )
    plane.project_members(name="People in the project", slug=slug, identifier=identifier)
