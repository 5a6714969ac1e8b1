"""Every path that the stand-in answers: one module for each part of the API."""

from aiohttp import web

from . import (
    app_estimates,
    app_projects,
    app_states,
    app_webhooks,
    app_workspaces,
    auth,
    instances,
    users,
    v1_activities,
    v1_attachments,
    v1_comments,
    v1_commercial,
    v1_cycles_modules,
    v1_intake,
    v1_links,
    v1_lite,
    v1_projects,
    v1_property_values,
    v1_states_labels,
    v1_stickies,
    v1_work_item_types,
    v1_work_items,
    v1_workspace_types,
    v1_workspaces,
)

__all__ = ["add_routes"]


def add_routes(app: web.Application, *, commercial: bool, since_1_4: bool) -> None:
    for module in (
        instances,
        auth,
        users,
        app_workspaces,
        app_projects,
        app_states,
        app_estimates,
        app_webhooks,
        v1_workspaces,
        v1_projects,
        v1_states_labels,
        v1_work_items,
        v1_comments,
        v1_links,
        v1_activities,
        v1_attachments,
        v1_intake,
        v1_stickies,
        v1_cycles_modules,
    ):
        module.routes.add_to(app)
    if commercial:
        v1_work_item_types.routes.add_to(app)
        v1_workspace_types.routes.add_to(app)
        v1_property_values.routes.add_to(app)
        v1_commercial.routes.add_to(app)
    if commercial or since_1_4:
        v1_lite.routes.add_to(app)
