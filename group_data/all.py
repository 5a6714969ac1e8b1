"""Every setting with its default. Override any of them in group_data/<group>.py, in host data or with --data.

Written by `make reference` out of pyinfra_plane/settings/table.py, which has the same defaults; change them there.

Secrets are None here. The deploy takes each from the first of these that has it: host data, the environment under its
upper-case name (POSTGRESQL_PASSWORD), <plane_secrets_dir>/<host>.env, <plane_secrets_dir>/all.env, and the same two
with .sops.env, which the command `sops` decrypts. `make secrets` writes missing secrets to all.env.
"""

# --- SSH ---
# The deploy sends passwords to the host, so it connects only to a host whose key is known; pyinfra's own default is to
# trust any host that it meets for the first time. To accept a key, connect once with ssh, and compare the fingerprint
# with the host's own (run there: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub); or add the key to
# ~/.ssh/known_hosts in another way that you trust. With "accept-new", pyinfra adds the key unchecked. This setting
# takes precedence over StrictHostKeyChecking in ~/.ssh/config.
ssh_strict_host_key_checking = "yes"

# --- The shared PostgreSQL container, reached on its host with `docker exec` ---
postgres_container = "javisi_postgresql"
# The container's user that psql runs as. None: the container's default, root in PostgreSQL's image.
postgres_container_user = None
# The port that PostgreSQL listens on in its container. None: psql's default, 5432.
postgres_port = None
# The database that the deploy connects to before Plane's exists.
postgres_maintenance_db = "postgres"
postgres_superuser = "postgres"
# Secret. Only if the container asks for a password on its local socket (PostgreSQL's own image does not).
postgres_superuser_password = None
# Secret. One password shared by all database users: the convention of these hosts.
postgresql_password = None
# The folder of the container's init scripts on the host. If set, the deploy keeps a script for Plane there, which runs
# when the container starts with an empty data directory.
postgres_init_dir = None
# Seconds to wait for a container that is starting.
postgres_wait_seconds = 30
plane_db_name = "plane_production"
plane_db_user = "plane"
# The address at which Plane's containers reach PostgreSQL. None: the name of postgres_container.
plane_db_host = None
plane_db_port = 5432

# --- Plane's environment file ---
plane_config_dir = "/opt/javisi/configs/plane"
plane_env_path = "{plane_config_dir}/plane.env"
# The owner and group of the files with secrets on the host, which no other user can read. None: the user that writes
# them.
plane_files_user = None
plane_files_group = None
# The address at which people and agents open Plane, without a path. Cookies are Secure if it is https.
plane_web_url = "https://work.example.com"
# Secret. None: the key that the file already has, otherwise a new one.
plane_secret_key = None
# The Redis container on the host; the deploy warns if other services keep keys in Plane's databases. None: no check.
redis_container = "javisi_redis"
# Secrets, because these addresses may contain a password ("redis://:PASSWORD@redis:6379/4", percent-encoded: %23 for
# #). None: redis://redis:6379/4 and redis://redis:6379/5, separate databases in the shared Redis, because Plane has no
# key prefix.
plane_redis_url = None
plane_amqp_url = None
# Storage for files: a MinIO as Plane's containers reach it, for example "http://plane-minio:9000". Plane's proxy passes
# /<bucket> to it, so browsers reach it at plane_web_url. Without an endpoint here and without plane_s3_bucket, no
# storage variable is written.
plane_minio_endpoint = None
plane_minio_bucket = "plane"
# Secret.
plane_minio_access_key = None
# Secret.
plane_minio_secret_key = None
# Or storage with an address of its own for browsers: AWS, Cloudflare R2, Google Cloud Storage, another MinIO.
plane_s3_bucket = None
# None: AWS. R2: "https://<account>.r2.cloudflarestorage.com"; GCS: "https://storage.googleapis.com" (with HMAC keys).
plane_s3_endpoint = None
# For example "eu-central-1"; "auto" for R2 and GCS.
plane_s3_region = None
# Secret.
plane_s3_access_key = None
# Secret.
plane_s3_secret_key = None
plane_gunicorn_workers = 2
# Any further variable, for example {"API_KEY_RATE_LIMIT": "300/minute", "LLM_API_KEY": None}. None: a secret, looked up
# under that name in the environment and the secrets files. A value here overrides one that another setting writes.
plane_env_extra = {}
# False: variables in the file that no setting names stay, with comments and their order. True: they are removed.
plane_env_prune = False
# The folder of Plane's docker-compose.yml. If set, the containers that read the file above are created, and recreated
# if they run with other values. None: you do that.
plane_compose_dir = None
# The services that read the file, the one that migrates the database and exits, and the one of Plane's API. None: found
# in the Compose file, by env_file: or ${DATABASE_URL}, and by their commands.
plane_compose_services = None
plane_compose_migrator = None
plane_compose_api = None
# The steps of the image's own start scripts, which the deploy runs if the Compose file has other commands: migrate the
# database, register and configure the instance (manage.py, in the API's service). With storage, the deploy also creates
# the bucket and writes to it once. False: you do that.
plane_management_commands = True

# --- Plane's API ---
# Plane's address as the host reaches it. None: the address of plane_api_container, port plane_api_port.
plane_api_url = None
# None: the container of the API's service in plane_compose_dir; without plane_compose_dir, javisi_plane_api.
plane_api_container = None
plane_api_port = 8000
# The certificate of a private CA, a file on this machine. None: REQUESTS_CA_BUNDLE, otherwise the public ones.
plane_api_ca = None
# True: accept any certificate; anybody between this machine and Plane can read every password and token. Each run
# prints a warning.
plane_api_tls_insecure = False
# How many independent requests may run at the same time. Plane's default is two workers.
plane_requests_together = 2
# How many times to ask whether Plane is up, and the seconds between requests.
plane_health_retries = 12
plane_health_delay = 10

# --- The instance and the workspace ---
# The instance admin: created on a new instance; used to sign in on an existing one.
plane_admin_email = "admin@javisi.local"
# Secret.
plane_admin_password = None
plane_admin_first_name = "Plane"
plane_admin_last_name = "Admin"
plane_company_name = "Javisi"
# Secret. An API token of a workspace admin, instead of the password, on an instance that a person set up.
plane_admin_api_token = None
# Settings that Plane stores in its own database, so the environment no longer changes them after the first start, for
# example {"ENABLE_SIGNUP": "0", "EMAIL_HOST": "smtp.example.com", "EMAIL_HOST_PASSWORD": None}. None: a secret, looked
# up under that name in the environment and the secrets files. Settings that are not named stay unchanged. To compare a
# setting that Plane shows only to instance admins, the deploy signs in as one on every run.
plane_instance_config = {}
plane_workspace_slug = "javisi"
plane_workspace_name = "Javisi"
plane_workspace_size = "2-10"

# --- The agents ---
# Secret. The concierge's own password, so that a person can sign in as it.
plane_concierge_password = None
# Secret. The seed from which the passwords of the other agents are derived.
plane_agent_password_seed = None
# A text that is part of the derivation, so that one Plane's operator cannot derive another Plane's passwords. None: the
# host in plane_web_url; set that host here before plane_web_url changes.
plane_seed_host = None
# True: several Planes may have the same plane_admin_password, plane_concierge_password or plane_secret_key. Each Plane
# receives its own at every sign-in, so the operator of one Plane could use a shared one to sign in to the others.
plane_shared_passwords = False
# Each {"name", "role"}, role one of admin, member, guest, and optionally "email" (otherwise <name>@<workspace
# slug>.local), "password" (otherwise derived from the seed and the address), "display_name" (otherwise the name),
# "avatar" (the address of a picture), "timezone" (set before the agent first joins), "user" and "group" (the owner of
# its file in plane_agent_files_dir on the host; otherwise plane_files_user and plane_files_group). An agent with
# "present": False is removed: its tokens are revoked, its membership ends, its line is removed; its work stays.
plane_agents = [
    {"name": "concierge", "role": "admin"},
    {"name": "imhotep", "role": "member"},
    {"name": "thot", "role": "member"},
    {"name": "basquiat", "role": "member"},
    {"name": "r2d2", "role": "member"},
    {"name": "shuri", "role": "member"},
    {"name": "piccolo", "role": "member"},
    {"name": "cfo", "role": "member"},
    {"name": "maintainer", "role": "member"},
    {"name": "hermes", "role": "member"},
]
# False: Plane sends agents no mail, because most of their addresses do not exist. It is set before an agent first
# joins, and not changed later.
plane_agent_emails = False
# True: also remove agents whose token is saved on the host and who are no longer in plane_agents.
plane_prune = False
# Days after which a new token expires; None: never. A token with fewer than plane_token_renew_days left is rotated.
plane_token_lifetime_days = None
plane_token_renew_days = 14
# Once, with --data rotate_tokens=thot,cfo (or all): new tokens for these agents. All other tokens with their label are
# revoked, including those that somebody else created, which every other run keeps.
rotate_tokens = None
# An env file with PLANE_TOKEN_<NAME>=… for each agent, readable by its owner only. A token in it that works is kept,
# even if a person created it.
plane_tokens_path = "{plane_config_dir}/agent-tokens.env"
# A folder with a file for each agent, for example "{plane_config_dir}/agents": only its own token, as PLANE_API_KEY,
# with PLANE_BASE_URL, PLANE_WORKSPACE_SLUG and PLANE_PROJECT_<IDENTIFIER>, the ids of the projects. Readable by its
# owner only. None: no such files.
plane_agent_files_dir = None
# "env" (<name>.env) or "json" (<name>.json, the same names in one object).
plane_agent_files_format = "env"
# PLANE_BASE_URL in these files: the address at which agents reach Plane, without /api. None: plane_web_url.
plane_agent_base_url = None
# A JSON file that every user on the host can read, for example "{plane_config_dir}/plane-ids.json": by name, the ids of
# the workspace, members, projects, states, labels, work item types and custom fields. None: no such file.
plane_ids_path = None
# Programs that use a token: each {"service": "n8n", "directory": "/opt/n8n", "agent": "hermes"}, a service of a Compose
# project that is recreated if it runs with another token than the agent's, or {"command": "systemctl restart hermes",
# "agent": "hermes"}, run on the host after the agent's token or file changed, and again until it succeeds. Without
# "agent": for every agent. A rotation revokes the former token after that.
plane_token_consumers = []
# Seconds that a rotation waits before it revokes the former token.
plane_token_grace = 0

# --- Projects ---
# Each {"name", "identifier"}, and optionally:
#   "description"         text
#   "network"             "public" (everybody in the workspace sees it) or "secret" (only its members do)
#   "timezone"            a name such as "Europe/Berlin"
#   "lead", "default_assignee"   an agent's name, or the address of another member
#   "cycles", "modules", "views", "pages", "intake", "estimates"   True or False
#   "guest_view_all_features"    True: guests see all work items, not only their own
#   "archive_in", "close_in"     months after which finished work items are archived, and others closed; 0:
#                         never
#   "emoji", "cover"      the emoji before its name; the address of a picture
#   "states"              each {"name", "group"} with group one of backlog, unstarted, started, completed,
#                         cancelled, and optionally "color" ("#3f76ff"), "description", "default" (True for
#                         one of them)
#   "labels"              each {"name"}, and optionally "color", "description", "parent" (a label before it)
#   "module_names", "cycle_names"   lists of names, created if missing; both are turned on for that
#   "work_item_type"      the type that has the custom fields, created if missing; None: the default one, or
#                         "Task" if Plane has created none
#   "custom_fields"       each {"name", "type"}, type one of text, number, boolean, date, option, url, email,
#                         member, and optionally "description", "required", "options" (of type option),
#                         "multiple" (of type option or member), "default" (not of a required one: Plane drops
#                         it)
#   "prune"               True: states, labels, fields and options that are not named here are deleted; Plane
#                         keeps a state with work items in it, but deletes the drafts in one, which only their
#                         writers can see
# Keys that are not given, or None, stay unchanged.
plane_projects = [
    {
        "name": "Onboarding",
        "identifier": "ONBOARD",
        "description": "Where every agent reports to first.",
        "work_item_type": None,
        "custom_fields": [
            {"name": "agent_id", "type": "text"},
            {"name": "cost_estimate", "type": "number"},
            {"name": "confidence_score", "type": "number"},
            {"name": "session_id", "type": "text"},
        ],
    },
]
# People, each {"email"}, and optionally "role" (admin, member, guest; member by default) and "projects" (a list of
# identifiers; all of plane_projects by default). They are invited, and added to projects after they join. A changed
# role reaches an open invitation too. They choose their own password, and nobody is removed. From Plane 1.4 on, a
# person whom you removed from the workspace in Plane is invited again; remove the entry first.
plane_people = []
# Each {"name", "url"}, and optionally "events" (a list of project, issue, issue_comment, cycle, module; all by
# default), "active" (True or False), "present" (False deletes it). A webhook that the deploy created can get another
# url and keeps its secret; any other one is identified by its url. To list webhooks, the deploy signs in as a workspace
# admin on every run, in a preview too. Plane refuses addresses in private networks unless plane_env_extra allows them:
# {"WEBHOOK_ALLOWED_HOSTS": "n8n.internal"}, a network alias of the container, because Plane accepts no host without a
# dot.
plane_webhooks = []
# An env file with PLANE_WEBHOOK_SECRET_<NAME>=… for each webhook, readable by its owner only: the secret that Plane
# signs its requests with, which it shows once. A comment above a line has the webhook's id, by which the deploy
# recognises it.
plane_webhook_secrets_path = "{plane_config_dir}/webhook-secrets.env"
# What to do if the edition, its plan or the workspace has no custom fields for a project: "warn" (warn and continue),
# "fail" (in the Community Edition before any change), or "labels" (use labels instead: a group agent_id with a label
# for each agent, a group for each option field).
plane_custom_fields_unsupported = "warn"

# --- This machine ---
# The folder of secrets, relative to the folder in which pyinfra is started; see docs/first-deployment.md.
plane_secrets_dir = "secrets"
