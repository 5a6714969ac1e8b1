"""What differs for this inventory from group_data/all.py at the top, which has every setting and its meaning."""

plane_api_url = "https://plane.example.com"
# The tokens are kept here, and two runs at once are kept apart by it.
plane_config_dir = "secrets/lab"

# Who makes the workspace on a Plane that is set up; the password is PLANE_ADMIN_PASSWORD in the environment.
plane_admin_email = "admin@example.com"
plane_workspace_slug = "lab"
# Their passwords are derived from PLANE_AGENT_PASSWORD_SEED.
plane_agents = [
    {"name": "ada", "role": "admin", "email": "ada@example.com"},
    {"name": "grace", "role": "member", "email": "grace@example.com", "display_name": "Grace"},
]
