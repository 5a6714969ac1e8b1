"""Webhooks: created, kept in line, deleted; their secrets saved, never lost and never shown."""

from __future__ import annotations

import re
import stat
from typing import Any

import pytest
from aiohttp import web

from sandbox.plane import models
from sandbox.plane.http import Handler
from tests.deploy.conftest import NewTarget
from tests.deploy.settled import Settled
from tests.deploy.target import Target

FILE = "opt/javisi/configs/plane/webhook-secrets.env"
URL = "https://n8n.example.com/webhook/a-secret-of-the-address"
N8N: dict[str, Any] = {"name": "n8n", "url": URL, "events": ["issue", "issue_comment"]}


def with_webhook(**changes: Any) -> dict[str, Any]:
    return {"plane_webhooks": [{**N8N, **changes}]}


def webhook(target: Target) -> models.Webhook:
    [row] = target.plane.webhooks.values()
    return row


def lines(target: Target) -> list[str]:
    return target.file(FILE).splitlines()


@pytest.fixture
def configured(target: Target, settled: Settled) -> Target:
    target.data.update(with_webhook())
    return settled.settle(target)


def test_a_webhook_is_created_and_a_second_run_changes_nothing(configured: Target) -> None:
    row = webhook(configured)
    assert (row.url, row.is_active) == (URL, True)
    assert [name for name in ("project", "issue", "issue_comment", "cycle", "module") if getattr(row, name)] == [
        "issue",
        "issue_comment",
    ]
    assert lines(configured) == [f"PLANE_WEBHOOK_SECRET_N8N={row.secret_key}"]
    assert stat.S_IMODE((configured.host.root / FILE).stat().st_mode) == 0o600
    again = configured.deploy()
    assert again.changed == [] and webhook(configured) == row, again.output
    # A form, and what an admin's session is checked with.
    assert [method for method, _ in again.writes] == ["POST"]
    assert configured.deploy("--dry").plan == []


def test_a_preview_of_a_fresh_instance_names_it_and_signs_nobody_in(target: Target) -> None:
    target.data.update(with_webhook())
    run = target.deploy("--dry")
    assert "+ webhook n8n of javisi" in run.plan
    assert run.writes == []


def test_what_differs_is_named_and_brought_in_line(configured: Target) -> None:
    webhook(configured).is_active = False
    configured.data.update(with_webhook(events=["issue", "cycle"], active=True))
    line = "~ webhook n8n of javisi: active, comments off, cycles on"
    assert configured.deploy("--dry").plan == [line]
    assert line in configured.deploy().plan
    row = webhook(configured)
    assert (row.is_active, row.issue, row.issue_comment, row.cycle) == (True, True, False, True)


def test_a_webhook_is_deleted_with_its_secret(configured: Target) -> None:
    configured.data.update(with_webhook(present=False))
    assert configured.deploy("--dry").plan == ["- webhook n8n of javisi"]
    assert configured.deploy().code == 0
    assert not configured.plane.webhooks and lines(configured) == []
    assert configured.deploy("--dry").plan == []


def test_a_run_that_was_interrupted_before_the_secret_was_saved_is_finished(configured: Target) -> None:
    before = webhook(configured).secret_key
    (configured.host.root / FILE).write_text("OTHER=kept\nPLANE_WEBHOOK_SECRET_N8N=\n")
    line = "~ webhook n8n of javisi: a new secret, because the current one was not saved"
    assert configured.deploy("--dry").plan == [line]
    assert configured.deploy().code == 0
    assert webhook(configured).secret_key != before
    assert lines(configured) == ["OTHER=kept", f"PLANE_WEBHOOK_SECRET_N8N={webhook(configured).secret_key}"]


def test_a_webhook_whose_answer_was_lost_gets_another_secret_from_the_next_run(target: Target) -> None:
    async def lose(request: web.Request, handler: Handler) -> web.StreamResponse:
        await handler(request)
        return web.Response(status=500)

    target.data.update(with_webhook())
    target.host.plane.faults.add(lose, method="POST", route="/api/workspaces/{slug}/webhooks/", nth=1)
    assert target.deploy().code == 1
    lost = webhook(target).secret_key
    assert target.deploy().code == 0
    assert webhook(target).secret_key != lost
    assert lines(target) == [f"PLANE_WEBHOOK_SECRET_N8N={webhook(target).secret_key}"]


def test_the_secret_of_a_webhook_that_somebody_else_made_is_asked_for_and_not_exchanged(configured: Target) -> None:
    before = webhook(configured).secret_key
    (configured.host.root / FILE).write_text("")
    run = configured.deploy()
    assert run.code == 0 and webhook(configured).secret_key == before
    assert any("does not have its secret; add the line PLANE_WEBHOOK_SECRET_N8N=" in note for note in run.notes)


def test_other_webhooks_are_left_alone(configured: Target) -> None:
    other = models.Webhook(workspace=webhook(configured).workspace, url="https://other.example.com/")
    configured.plane.webhooks[other.id] = other
    assert configured.deploy("--dry").plan == []


@pytest.mark.parametrize("allowed", [{}, {"WEBHOOK_ALLOWED_HOSTS": "n8n.internal"}])
def test_a_private_address_is_refused_with_the_variable_that_allows_it(
    new_target: NewTarget, allowed: dict[str, str]
) -> None:
    target = new_target(
        version="1.3.1", plane_env_extra=allowed, **with_webhook(url="http://n8n.internal:5678/webhook")
    )
    run = target.deploy()
    assert run.code == (0 if allowed else 1), run.output
    refused = "the host in its url must resolve to a public address"
    assert (refused in run.output) != bool(target.plane.webhooks)
    # A line without a value would have the secret of a webhook exchanged that a person creates later.
    assert len(lines(target)) == len(target.plane.webhooks)


def test_a_webhook_that_plane_refuses_keeps_no_token_from_its_users(new_target: NewTarget) -> None:
    data: dict[str, Any] = {
        "plane_agent_files_dir": "{plane_config_dir}/agents",
        "plane_token_consumers": [{"command": "echo run >> commands", "agent": "thot"}],
        "plane_people": [{"email": "ada@example.com"}],
        **with_webhook(url="http://n8n.internal:5678/webhook"),
    }
    target = new_target(version="1.3.1", **data)
    preview = target.deploy("--dry")
    run = target.deploy()
    assert run.code == 1 and "the host in its url must resolve to a public address" in run.output
    # All that the preview names but for the webhook itself, in its order.
    assert [line for line in preview.plan if line != "+ webhook n8n of javisi"] == run.plan
    assert target.variables("opt/javisi/configs/plane/agents/thot.env")["PLANE_API_KEY"] == target.tokens["thot"]
    assert target.file("commands") == "run\n"


def test_a_host_that_plane_takes_for_no_address_is_refused_before_connecting(target: Target) -> None:
    run = target.deploy(data=with_webhook(url="http://n8n:5678/webhook"))
    assert run.code == 1 and run.requests == []
    assert "plane_webhooks[0].url must have a host with a dot in its name" in run.output


def test_neither_the_secret_nor_the_address_is_shown(target: Target) -> None:
    target.data.update(with_webhook())
    run = target.deploy("-vvv")
    assert run.code == 0
    assert webhook(target).secret_key not in run.output
    assert not re.search("a-secret-of-the-address", run.output)
