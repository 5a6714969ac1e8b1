"""Provision a self-hosted Plane: its database, its environment, and everything in it.

pyinfra inventory.py deploy.py                  # shows the changes, asks, and makes them
pyinfra inventory.py deploy.py --dry            # shows the changes
pyinfra inventory.py deploy.database            # runs one part; also deploy.environment, deploy.provisioning
"""

from importlib.util import find_spec
from pathlib import Path

from pyinfra import host
from pyinfra.api import deploy
from pyinfra.api.exceptions import PyinfraError

if find_spec("operations") is None:
    raise PyinfraError(
        f"pyinfra must be started in the folder of deploy.py; run: cd {Path(__file__).parent}, then the same command"
    )

from operations import environment as env
from operations import plane, postgres, redis
from pyinfra_plane.engine.report import plan
from pyinfra_plane.settings import Settings, settings_of
from pyinfra_plane.text import printable


@deploy("Edition")
def edition() -> None:
    """Stop before any change if custom fields are required and the edition has none."""
    s = settings_of(host)
    identifiers = [project.identifier for project in s.plane_projects if project.custom_fields]
    if identifiers and s.plane_custom_fields_unsupported == "fail":
        plane.custom_fields_available(name="Custom fields available", identifiers=identifiers)


@deploy("Database")
@plan()
def database() -> None:
    """The role, the database, its owner and privileges, in the running container and in its init script."""
    s = settings_of(host)
    password = s.secret("postgresql_password")
    postgres.service_database(
        name=printable(f"Role {s.plane_db_user} and database {s.plane_db_name}"),
        database=s.plane_db_name,
        role=s.plane_db_user,
        password=password,
        container=s.postgres_container,
        superuser=s.postgres_superuser,
        superuser_password=s.postgres_superuser_password,
        wait=s.postgres_wait_seconds,
        container_user=s.postgres_container_user,
        port=s.postgres_port,
        maintenance_db=s.postgres_maintenance_db,
    )
    if s.postgres_init_dir:
        postgres.init_script(
            name="Script for a fresh data directory",
            directory=s.postgres_init_dir,
            database=s.plane_db_name,
            role=s.plane_db_user,
            password=password,
        )


@deploy("Environment")
@plan()
def environment() -> None:
    """Plane's environment file, its tables and instance, and the containers that read the file."""
    s = settings_of(host)
    s.require(*s.secrets_of("environment"))
    if s.redis_container:
        redis.own_databases(
            name="Redis databases", container=s.redis_container, urls=[s.plane_redis_url, s.plane_amqp_url]
        )
    env.env_file(
        name="Environment file",
        path=s.plane_env_path,
        text=env.render(s),
        prune=s.plane_env_prune,
        advice=env.advice(s),
        user=s.plane_files_user,
        group=s.plane_files_group,
    )
    if s.plane_compose_dir:
        services = s.plane_compose_services
        plane.containers(
            name="Plane's containers",
            directory=s.plane_compose_dir,
            env_path=s.plane_env_path,
            services=None if services is None else list(services),
            migrator=s.plane_compose_migrator,
            api=s.plane_compose_api,
        )
    else:
        env.recreate_reminder(name="Containers to recreate", env_path=s.plane_env_path)


def projects(s: Settings) -> None:
    """Each project, its agents, and its states, labels, modules, cycles and custom fields."""
    slug = s.plane_workspace_slug
    for project in host.loop(s.plane_projects):
        called, at = f"Project {project.identifier}", {"slug": slug, "identifier": project.identifier}
        plane.project(name=called, **at, project_name=project.name, **project.settings)
        plane.project_members(name=f"{called}: members", **at)
        if project.estimates is not None:
            plane.project_estimates(name=f"{called}: estimates", **at, enabled=project.estimates)
        if project.states:
            plane.project_states(name=f"{called}: states", **at, states=project.states, prune=project.prune)
        if project.labels:
            plane.project_labels(
                name=f"{called}: labels",
                **at,
                labels=project.labels,
                prune=project.prune,
                keep=s.replacement_labels(project),
            )
        if project.module_names:
            plane.project_modules(name=f"{called}: modules", **at, names=list(project.module_names))
        if project.cycle_names:
            plane.project_cycles(name=f"{called}: cycles", **at, names=list(project.cycle_names))
        plane.work_item_properties(
            name=f"{called}: custom fields",
            **at,
            fields=project.custom_fields,
            work_item_type=project.work_item_type,
            unsupported=s.plane_custom_fields_unsupported,
            prune=project.prune,
        )


def tokens_in_use(s: Settings) -> None:
    """The agents' files, the ids, and the services that use tokens; replaced tokens are revoked last."""
    slug, identifiers = s.plane_workspace_slug, [project.identifier for project in s.plane_projects]
    if s.plane_agent_files_dir:
        plane.agent_files(
            name="Agents' files",
            slug=slug,
            directory=s.plane_agent_files_dir,
            identifiers=identifiers,
            kind=s.plane_agent_files_format,
        )
    if s.plane_ids_path:
        plane.ids_file(name="Ids", slug=slug, path=s.plane_ids_path, projects=s.plane_projects)
    if s.plane_token_consumers:
        plane.token_consumers(
            name="Token consumers", slug=slug, consumers=s.plane_token_consumers, identifiers=identifiers
        )
    if s.has_token_users:
        plane.replaced_tokens(name="Former tokens", slug=slug, grace=s.plane_token_grace)


@deploy("Provisioning")
@plan()
def provisioning() -> None:
    """The instance, the workspace, its members, their tokens, the projects, people and webhooks."""
    s = settings_of(host)
    s.require(*s.secrets_of("provisioning"))
    s.require_admin()
    slug = s.plane_workspace_slug
    plane.ready(name="Plane answers", retries=s.plane_health_retries, delay=s.plane_health_delay)
    edition()
    plane.instance_admin(name="Instance admin")
    if s.instance_config_first:
        plane.instance_config(name="Instance settings", values=s.instance_config_first)
    plane.workspace(
        name=f"Workspace {slug}", slug=slug, workspace_name=s.plane_workspace_name, size=s.plane_workspace_size
    )
    plane.agent_passwords(name="Agents' passwords", slug=slug)
    plane.workspace_members(name="Workspace members", slug=slug)
    plane.absent_members(name="Removed agents", slug=slug)
    plane.api_tokens(name="API tokens", slug=slug, revoke=not s.has_token_users)
    projects(s)
    # Before people and webhooks: agents wait for their tokens, and Plane may refuse an address of those.
    tokens_in_use(s)
    if s.plane_people:
        plane.people(name="People", slug=slug, people=s.plane_people)
    if s.plane_webhooks:
        plane.webhooks(name="Webhooks", slug=slug, webhooks=s.plane_webhooks)
    plane.agents_answer(
        name="Agents answer", slug=slug, identifiers=[project.identifier for project in s.plane_projects]
    )
    if s.instance_config_last:
        plane.instance_config(name="Instance settings, last", values=s.instance_config_last)


# If this file is imported, as by `pyinfra inventory.py deploy.database`, it runs nothing by itself.
if __name__ != "deploy":
    # The functions are called through their module: pyinfra looks up the module of each frame, and a failed lookup
    # takes milliseconds each time.
    import deploy as parts

    with plan():
        parts.edition()
        parts.database()
        parts.environment()
        parts.provisioning()
