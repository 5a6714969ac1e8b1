"""`/api/workspaces/{slug}/webhooks/` with a session; v1 has no such path.

No recording has webhooks: these answers follow Plane's source (1.2.2 and 1.3.1).
"""

from __future__ import annotations

import ipaddress
import uuid
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from ..access import session_workspace
from ..context import Context, context_of, state_of
from ..fields import Check, Refused, checked, flag, text
from ..http import ApiError, Routes, json_body, no_content, object_not_found
from ..models import ADMIN, Webhook, timestamp

routes = Routes()
LISTED = ("id", "url", "is_active", "created_at", "updated_at", "project", "issue", "cycle", "module", "issue_comment")
PATH = "/api/workspaces/{slug}/webhooks/"


def _url(value: Any) -> str:
    url: str = text(1024)(value)
    host = urlsplit(url).hostname or ""
    if urlsplit(url).scheme not in ("http", "https") or not ("." in host or ":" in host or host == "localhost"):
        raise Refused("Enter a valid URL.")
    if urlsplit(url).netloc in ("localhost", "127.0.0.1"):
        raise Refused("Local URLs are not allowed.")
    return url


CHECKS: dict[str, Check] = {
    "url": _url,
    **dict.fromkeys(("is_active", "project", "issue", "cycle", "module", "issue_comment"), flag),
}


def _refuse_private(context: Context, url: str) -> None:
    """Refuse private addresses. Names that end in .internal stand for containers, because nothing is resolved here."""
    host = (urlsplit(url).hostname or "").rstrip(".").lower()
    if host in context.environment.webhook_hosts:
        return
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        is_private = host.endswith(".internal")
    else:
        networks = context.environment.webhook_networks
        is_private = address.is_loopback if context.older_than_1_3 else address.is_private
        is_private = is_private and not any(address in network for network in networks)
    if is_private and context.older_than_1_3 and not host.endswith(".internal"):
        raise ApiError(400, {"url": "URL resolves to a blocked IP address."})
    if is_private and not context.older_than_1_3:
        raise ApiError(400, {"url": "Invalid or disallowed webhook URL."})


def _shape(row: Webhook, *, listed: bool) -> dict[str, Any]:
    whole = {**vars(row), "deleted_at": None, "is_internal": False, "version": "v1"}
    return {name: whole[name] for name in (LISTED if listed else whole)}


def _row(request: web.Request) -> Webhook:
    _, workspace = session_workspace(request, ADMIN)
    row = state_of(request).webhooks.get(request.match_info["id"])
    if row is None or row.workspace != workspace.id:
        raise object_not_found()
    return row


@routes.get(PATH)
async def list_webhooks(request: web.Request) -> web.Response:
    _, workspace = session_workspace(request, ADMIN)
    rows = state_of(request).webhooks.newest_where(workspace=workspace.id)
    return web.json_response([_shape(row, listed=True) for row in rows])


@routes.post(PATH)
async def create_webhook(request: web.Request) -> web.Response:
    """Create a webhook. Besides a regenerated secret, this is the only answer with the secret."""
    _, workspace = session_workspace(request, ADMIN)
    context = context_of(request)
    fields = checked(await json_body(request), CHECKS, required=("url",))
    _refuse_private(context, fields["url"])
    webhooks = context.state.webhooks
    if any(row.url == fields["url"] for row in webhooks.where(workspace=workspace.id)):
        raise ApiError(409, {"error": "URL already exists for the workspace"})
    row = Webhook(workspace=workspace.id, **fields)
    webhooks[row.id] = row
    return web.json_response(_shape(row, listed=False), status=201)


@routes.patch(PATH + "{id}/")
async def change_webhook(request: web.Request) -> web.Response:
    row = _row(request)
    fields = checked(await json_body(request), CHECKS)
    if "url" in fields:
        _refuse_private(context_of(request), fields["url"])
        others = state_of(request).webhooks.where(workspace=row.workspace)
        if any(other.url == fields["url"] and other.id != row.id for other in others):
            raise ApiError(400, {"error": "The payload is not valid"})
    for name, value in fields.items():
        setattr(row, name, value)
    row.updated_at = timestamp()
    return web.json_response(_shape(row, listed=True))


@routes.delete(PATH + "{id}/")
async def delete_webhook(request: web.Request) -> web.Response:
    row = _row(request)
    del state_of(request).webhooks[row.id]
    return no_content()


@routes.post(PATH + "{id}/regenerate/")
async def exchange_secret(request: web.Request) -> web.Response:
    row = _row(request)
    row.secret_key = f"plane_wh_{uuid.uuid4().hex}"
    return web.json_response(_shape(row, listed=False))
