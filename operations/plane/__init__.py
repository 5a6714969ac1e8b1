"""Operations on Plane: the instance, the workspace, its members, their tokens, and the projects.

Each operation reads Plane with saved API tokens, if there are any, and changes only what differs. A preview signs
nobody in, except that ``instance_config`` signs in the instance admin for settings that Plane shows only to instance
admins. Without a saved token, a preview says that it cannot check. Connection and accounts come from the host's
settings (``plane_api_url``, ``plane_admin_email``, ``plane_agents`` and so on; see ``docs/settings.md``).
"""

from .agent_files import agent_files
from .containers import containers
from .ids import ids_file
from .instance import instance_admin, instance_config, ready
from .labels import project_labels
from .modules_cycles import project_cycles, project_modules
from .people import people
from .projects import project, project_estimates, project_members
from .properties import custom_fields_available, work_item_properties
from .removal import absent_members
from .replaced_tokens import replaced_tokens
from .states import project_states
from .token_consumers import token_consumers
from .tokens import agent_passwords, agents_answer, api_tokens
from .webhooks import webhooks
from .workspace import workspace, workspace_members

__all__ = [
    "absent_members",
    "agent_files",
    "agent_passwords",
    "agents_answer",
    "api_tokens",
    "containers",
    "custom_fields_available",
    "ids_file",
    "instance_admin",
    "instance_config",
    "people",
    "project",
    "project_cycles",
    "project_estimates",
    "project_labels",
    "project_members",
    "project_modules",
    "project_states",
    "ready",
    "replaced_tokens",
    "token_consumers",
    "webhooks",
    "work_item_properties",
    "workspace",
    "workspace_members",
]
