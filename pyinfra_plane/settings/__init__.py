"""The settings of one host, read from pyinfra's data: typed, checked together, secrets wrapped.

``settings/table.py`` has every name, default and meaning; group and host data override the defaults, and ``--data``
overrides both. The same file says where secrets are looked for, and in which order.
"""

from pyinfra_plane.settings.agents import CONCIERGE, ROLE_NAMES, ROLES, Agent, token_variable, with_password
from pyinfra_plane.settings.consumers import TokenConsumer
from pyinfra_plane.settings.passwords import derive_password
from pyinfra_plane.settings.people import Person
from pyinfra_plane.settings.projects import FIELD_TYPES, STATE_GROUPS, CustomField, Label, Project, State, labels_for
from pyinfra_plane.settings.reader import config_dir_of, read_settings, settings_of
from pyinfra_plane.settings.secrets import secret_variable
from pyinfra_plane.settings.table import SECRETS, Settings
from pyinfra_plane.settings.values import SettingsError
from pyinfra_plane.settings.webhooks import Webhook

__all__ = [
    "CONCIERGE",
    "FIELD_TYPES",
    "ROLES",
    "ROLE_NAMES",
    "SECRETS",
    "STATE_GROUPS",
    "Agent",
    "CustomField",
    "Label",
    "Person",
    "Project",
    "Settings",
    "SettingsError",
    "State",
    "TokenConsumer",
    "Webhook",
    "config_dir_of",
    "derive_password",
    "labels_for",
    "read_settings",
    "secret_variable",
    "settings_of",
    "token_variable",
    "with_password",
]
