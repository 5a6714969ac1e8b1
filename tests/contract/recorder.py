"""Records a scenario: asks an instance that was never set up, and keeps its answers for the player.

What no two instances share (ids, times, secrets) is replaced by the placeholders of `matching`.
"""

from __future__ import annotations

import re
import time
from typing import Any

from .matching import LEFT_OUT, NOTHING, PLACEHOLDERS
from .player import HEADERS, Answer, Conversation, talking_to

#: Values that a placeholder stands for by their key; the others are recognised by what they look like.
BY_KEY = {
    "background_color": "<any>",
    "csrf_token": "<csrf>",
    "epoch": "<any>",
    "instance_id": "<hex>",
    "logo_props": "<any>",
    "metadata": "<any>",
    "policy": "<token>",
    "storage_metadata": "<any>",
    "token": "<token>",
    "user_timezone": "<any>",
    "username": "<hex>",
    "x-amz-credential": "<token>",
    "x-amz-date": "<token>",
    "x-amz-signature": "<hex>",
}
#: Where a file is sent to: an address of the instance that is asked.
UPLOAD_URL = {"url": "<token>"}
#: What changes once a worker has sent an invitation (see `player.WAVERING`), or has read the page of a link.
CHANGED_BY_WORKER = {"invite_link": ("message", "created_by"), "metadata": ("created_by", "updated_by")}
EVERY_KEY = "*"
#: Longer texts are prose that no deploy reads, such as the demo project's description.
LONGEST_TEXT = 100
#: How long to wait for the demo project of a new workspace, on which later answers depend.
PATIENCE = 20.0


class NotRecordable(Exception):
    """The step at which recording stopped, and why."""


def record(base_url: str, steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The steps, each with the instance's answer; `keep` names the keys of list results that are recorded.

    `wait` is how many seconds go by before the step: a worker writes what it asks for.
    """
    with talking_to(base_url) as conversation:
        return [_recorded(conversation, step) for step in steps]


def _recorded(conversation: Conversation, step: dict[str, Any]) -> dict[str, Any]:
    request = step["request"]
    if missing := conversation.missing(request):
        raise NotRecordable(f"{step['id']}: no earlier answer gave {{{missing[0]}}}.")
    time.sleep(step.get("wait", 0))
    answer = conversation.send(request)
    if lost := conversation.capture(request, answer):
        raise NotRecordable(f"{step['id']}: {lost[0][1]} is not in the answer, {answer.text[:300]}")
    if request["method"] == "POST" and request["path"] == "/api/workspaces/" and answer.status == 201:
        _wait_for_demo_project(conversation, request["as"], answer.json["slug"])
    return {
        "id": step["id"],
        "note": step["note"],
        "request": request,
        "response": _response(answer, step.get("keep", [EVERY_KEY])),
    }


def _wait_for_demo_project(conversation: Conversation, caller: str, slug: str) -> None:
    request = {"as": caller, "method": "GET", "path": f"/api/workspaces/{slug}/projects/"}
    end = time.monotonic() + PATIENCE
    while not conversation.send(request).json:
        if time.monotonic() > end:
            raise NotRecordable(f"The demo project of {slug} did not come within {PATIENCE:.0f} s.")
        time.sleep(0.2)


def _response(answer: Answer, keep: list[str]) -> dict[str, Any]:
    response: dict[str, Any] = {"status": answer.status}
    if location := answer.headers.get("Location"):
        # A signed address of the instance that is asked is one that no other gives.
        response["location"] = "<token>" if "X-Amz-Signature=" in location else _text(location)
    if answer.cookies:
        response["set_cookie"] = answer.cookies
    if headers := {name: "<int>" for name in HEADERS if name in answer.headers}:
        response["headers"] = headers
    if answer.json is not NOTHING:
        response["json"] = _json(answer.json, keep)
    elif answer.text:
        response["content_type"] = answer.headers.get("Content-Type", "")
        response["text_contains"] = _heading(answer.text)
    return response


def _json(value: Any, keep: list[str], key: str = "") -> Any:
    if key in BY_KEY:
        return BY_KEY[key]
    if isinstance(value, dict):
        recorded = {name: _json(item, keep, name) for name, item in value.items() if name not in LEFT_OUT}
        if key == "upload_data":
            return recorded | UPLOAD_URL
        changing = (name for key in CHANGED_BY_WORKER.keys() & value.keys() for name in CHANGED_BY_WORKER[key])
        return recorded | dict.fromkeys(changing, "<any>")
    if isinstance(value, list):
        items = [_kept(item, keep) for item in value] if key == "results" else value
        return [_json(item, keep) for item in items]
    if isinstance(value, str):
        text = _text(value)
        return text if len(text) <= LONGEST_TEXT else "<text>"
    return value


def _kept(item: Any, keep: list[str]) -> Any:
    if EVERY_KEY in keep:
        return item
    return {name: value for name, value in item.items() if name in keep}


def _text(text: str) -> str:
    if re.fullmatch(PLACEHOLDERS["<time>"], text):
        return "<time>"
    text = re.sub(PLACEHOLDERS["<uuid>"], "<uuid>", text)
    # The name of a stored file begins with an id of its own.
    text = re.sub(r"\b[0-9a-f]{32}(?=-)", "<hex>", text)
    # An invitation's link carries a signed token.
    return re.sub(rf"(?<=token=){PLACEHOLDERS['<jwt>']}", "<jwt>", text)


def _heading(page: str) -> str:
    """What a page says in its heading, else all of it."""
    match = re.search(r"<h1>(.*?)</h1>", page, re.DOTALL)
    return match[1].strip() if match else page
