"""v1, with a key: the metadata of a work item's files; the files go to a storage that does not exist here."""

from __future__ import annotations

import base64
import json
import mimetypes
import secrets
import uuid
from datetime import datetime, timezone
from typing import Any

from aiohttp import web

from .. import shapes_work_items as shapes
from .. import work_items
from ..access import v1_user
from ..context import state_of
from ..http import ApiError, Routes, json_body, no_content, object_not_found_v1
from ..models import Attachment, User, WorkItem

routes = Routes()
ATTACHMENTS = "/api/v1/workspaces/{slug}/projects/{project}/work-items/{item}/attachments/"
BUCKET = "uploads"
TAKEN = "Issue with the same external id and external source already exists"
#: Plane has a list of its own.
TYPES = frozenset(mimetypes.types_map.values())


@routes.get(ATTACHMENTS)
async def list_attachments(request: web.Request) -> web.Response:
    """List the uploaded files; any key can read them, also of other workspaces (seen on Plane 1.3.1)."""
    v1_user(request)
    state = state_of(request)
    rows = [row for row in state.attachments.where(work_item=request.match_info["item"]) if _is_here(request, row)]
    return web.json_response([shapes.attachment(state, row) for row in rows if row.is_uploaded])


@routes.post(ATTACHMENTS)
async def make_attachment(request: web.Request) -> web.Response:
    """Return the address for the upload."""
    user, item = _uploader(request, "upload")
    state = state_of(request)
    body = await json_body(request)
    name, kind, size = body.get("name"), body.get("type"), body.get("size")
    if not name or not size:
        raise ApiError(400, {"error": "Invalid request.", "status": False})
    if kind not in TYPES:
        raise ApiError(400, {"error": "Invalid file type.", "status": False})
    work_items.refuse_taken(TAKEN, state.attachments.where(work_item=item.id), body)
    workspace = state.projects[item.project].workspace
    row = Attachment(
        workspace=workspace,
        project=item.project,
        work_item=item.id,
        name=name,
        type=kind,
        size=size,
        asset=f"{workspace}/{uuid.uuid4().hex}-{name}",
        external_source=body.get("external_source"),
        external_id=body.get("external_id"),
        created_by=user.id,
    )
    state.attachments[row.id] = row
    slug, place = request.match_info["slug"], f"projects/{row.project}/issues/{row.work_item}/attachments/{row.id}/"
    return web.json_response(
        {
            "upload_data": _upload_data(request, row),
            "asset_id": row.id,
            "attachment": shapes.attachment(state, row),
            "asset_url": f"/api/assets/v2/workspaces/{slug}/{place}",
        }
    )


@routes.get(ATTACHMENTS + "{id}/")
async def download(request: web.Request) -> web.Response:
    user = v1_user(request)
    if state_of(request).project_role(request.match_info["project"], user.id) is None:
        raise _not_allowed("download")
    row = _attachment(request)
    if not row.is_uploaded:
        raise ApiError(400, {"error": "The asset is not uploaded.", "status": False})
    address = f"{_storage(request)}/{row.asset}?X-Amz-Signature={secrets.token_hex(32)}"
    return web.Response(status=302, headers={"Location": address})


@routes.patch(ATTACHMENTS + "{id}/")
async def confirm(request: web.Request) -> web.Response:
    """Mark the file as uploaded, without a check."""
    user, item = _uploader(request, "upload")
    row = _attachment(request)
    if not row.is_uploaded:
        row.is_uploaded = True
        values = {"new_value": row.asset, "new_identifier": row.id}
        work_items.record(state_of(request), item, user.id, "created", "created an attachment", "attachment", **values)
    row.touch(user.id)
    return no_content()


@routes.delete(ATTACHMENTS + "{id}/")
async def delete_attachment(request: web.Request) -> web.Response:
    user, item = _uploader(request, "delete")
    state = state_of(request)
    row = _attachment(request)
    del state.attachments[row.id]
    work_items.record(state, item, user.id, "deleted", "deleted the attachment", "attachment")
    return no_content()


def _uploader(request: web.Request, what: str) -> tuple[User, WorkItem]:
    """The caller, who must be a member of the project or the work item's author."""
    user = v1_user(request)
    state = state_of(request)
    item = state.work_items.get(request.match_info["item"])
    if item is None or not _is_here(request, item):
        raise object_not_found_v1()
    if item.created_by != user.id and state.project_role(item.project, user.id) is None:
        raise _not_allowed(what)
    return user, item


def _not_allowed(what: str) -> ApiError:
    return ApiError(403, {"error": f"You are not allowed to {what} this attachment"})


def _attachment(request: web.Request) -> Attachment:
    row = state_of(request).attachments.get(request.match_info["id"])
    if row is None or not _is_here(request, row):
        raise object_not_found_v1()
    return row


def _is_here(request: web.Request, row: Attachment | WorkItem) -> bool:
    """Whether the row is in the project and the workspace of the path."""
    state = state_of(request)
    workspace = state.workspace_by_slug(request.match_info["slug"])
    project = state.projects.get(row.project)
    is_in = workspace is not None and project is not None and project.workspace == workspace.id
    return is_in and row.project == request.match_info["project"]


def _storage(request: web.Request) -> str:
    """Plane's own address: its proxy passes the bucket's path on."""
    return f"{request.scheme}://{request.host}/{BUCKET}"


def _upload_data(request: web.Request, row: Attachment) -> dict[str, Any]:
    """Return a form in a storage's format, without a signature."""
    now = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    policy = json.dumps({"conditions": [{"bucket": BUCKET}, {"key": row.asset}]})
    return {
        "url": _storage(request),
        "fields": {
            "Content-Type": row.type,
            "key": row.asset,
            "x-amz-algorithm": "AWS4-HMAC-SHA256",
            "x-amz-credential": f"sandbox/{now[:8]}/us-east-1/s3/aws4_request",
            "x-amz-date": now,
            "policy": base64.b64encode(policy.encode()).decode(),
            "x-amz-signature": secrets.token_hex(32),
        },
    }
