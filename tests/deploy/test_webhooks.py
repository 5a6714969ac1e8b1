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


def saved(row: models.Webhook) -> list[str]:
    """The lines of the webhook n8n."""
    return [f"# webhook n8n: {row.id}", f"PLANE_WEBHOOK_SECRET_N8N={row.secret_key}"]


def write(target: Target, *lines: str) -> None:
    (target.host.root / FILE).write_text("".join(f"{line}\n" for line in lines))


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
    assert lines(configured) == saved(row)
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
    write(configured, "OTHER=kept", "PLANE_WEBHOOK_SECRET_N8N=")
    line = "~ webhook n8n of javisi: a new secret, because the current one was not saved"
    assert configured.deploy("--dry").plan == [line]
    assert configured.deploy().code == 0
    assert webhook(configured).secret_key != before
    assert lines(configured) == ["OTHER=kept", *saved(webhook(configured))]


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
    assert lines(target) == saved(webhook(target))


def test_the_secret_of_a_webhook_that_somebody_else_made_is_asked_for_and_not_exchanged(configured: Target) -> None:
    before = webhook(configured).secret_key
    write(configured)
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
    assert lines(target) == [line for row in target.plane.webhooks.values() for line in saved(row)]
    if not allowed:
        assert any(line.startswith("webhook n8n: POST ") for line in run.lines), run.output


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


NEW_URL = "https://other.example.com/webhook/another-secret"
PRIVATE = "http://10.1.2.3/webhook"
CHANGED = "~ webhook n8n of javisi: url"


def test_a_webhook_whose_url_changes_is_changed_in_place_and_keeps_its_secret(configured: Target) -> None:
    before, file = webhook(configured), lines(configured)
    configured.data.update(with_webhook(url=NEW_URL, active=False))
    assert configured.deploy("--dry").plan == [f"{CHANGED}, not active"]
    run = configured.deploy()
    assert run.code == 0 and f"{CHANGED}, not active" in run.plan and NEW_URL not in run.output
    after = webhook(configured)
    assert (after.id, after.url, after.secret_key) == (before.id, NEW_URL, before.secret_key)
    assert lines(configured) == file
    assert configured.deploy("--dry").plan == []
    configured.data.update(with_webhook(url=NEW_URL, present=False))
    assert configured.deploy().code == 0 and not configured.plane.webhooks and lines(configured) == []


def test_a_url_that_plane_refuses_changes_neither_the_webhook_nor_its_secret(new_target: NewTarget) -> None:
    target = new_target(version="1.3.1", **with_webhook())
    assert target.deploy().code == 0
    file = lines(target)
    run = target.deploy(data=with_webhook(url=PRIVATE))
    assert run.code == 1 and any(line.startswith("webhook n8n: PATCH ") for line in run.lines), run.output
    assert webhook(target).url == URL and lines(target) == file
    assert target.deploy("--dry").plan == []


@pytest.mark.parametrize("url", [NEW_URL, PRIVATE])
def test_without_a_note_the_former_webhook_is_named_and_its_secret_is_kept(new_target: NewTarget, url: str) -> None:
    """A file that an earlier version or a person wrote does not say which webhook has the secret."""
    target = new_target(version="1.3.1", **with_webhook())
    assert target.deploy().code == 0
    former = webhook(target)
    write(target, saved(former)[1])
    target.data.update(with_webhook(url=url))
    preview, run = target.deploy("--dry"), target.deploy()
    for one in (preview, run):
        assert any("no webhook has its url" in note and "n8n.example.com" in note for note in one.notes), one.output
    if url == PRIVATE:
        assert run.code == 1 and lines(target) == [saved(former)[1]]
        return
    [created] = [row for row in target.plane.webhooks.values() if row.id != former.id]
    assert lines(target) == [f"# former secret of webhook n8n: {former.secret_key}", *saved(created)]
    assert target.deploy("--dry").notes == []


def test_a_file_without_notes_is_left_as_it_is(configured: Target) -> None:
    write(configured, saved(webhook(configured))[1])
    again = configured.deploy()
    assert (again.changed, again.notes) == ([], []), again.output
    assert lines(configured) == saved(webhook(configured))[1:]


def test_a_webhook_that_somebody_made_anew_does_not_have_the_saved_secret(configured: Target) -> None:
    former = webhook(configured)
    del configured.plane.webhooks[former.id]
    anew = models.Webhook(workspace=former.workspace, url=URL, issue=True, issue_comment=True)
    configured.plane.webhooks[anew.id] = anew
    run = configured.deploy()
    assert run.code == 0 and lines(configured) == saved(former)
    assert any("is of a webhook that was deleted" in note for note in run.notes), run.output
    write(configured, saved(former)[0], "PLANE_WEBHOOK_SECRET_N8N=")
    assert configured.deploy().code == 0 and lines(configured) == saved(webhook(configured))


def test_a_url_that_another_webhook_has_is_refused(configured: Target) -> None:
    other = models.Webhook(workspace=webhook(configured).workspace, url=NEW_URL)
    configured.plane.webhooks[other.id] = other
    file = lines(configured)
    preview = configured.deploy("--dry", data=with_webhook(url=NEW_URL))
    assert preview.code == 1
    assert "webhook n8n: another webhook of javisi has its url; change or delete that one first" in preview.output
    assert lines(configured) == file


def test_a_url_moves_from_one_webhook_to_a_new_one(configured: Target) -> None:
    """Neither is the moved webhook taken for the one that the settings want at, or delete from, its former address."""
    row = webhook(configured)
    moved, former = {**N8N, "url": NEW_URL}, {**N8N, "name": "former"}
    configured.data["plane_webhooks"] = [{**former, "present": False}, moved]
    assert configured.deploy("--dry").plan == [CHANGED]
    configured.data["plane_webhooks"] = [former, moved]
    assert configured.deploy("--dry").plan == [CHANGED, "+ webhook former of javisi"]
    run = configured.deploy()
    assert run.code == 0, run.output
    urls = {one.url: one.id for one in configured.plane.webhooks.values()}
    assert urls.keys() == {URL, NEW_URL} and urls[NEW_URL] == row.id
    assert configured.deploy("--dry").plan == []


@pytest.mark.parametrize(
    ("version", "address", "extra", "is_doubtful"),
    [
        ("1.3.1", PRIVATE, {}, True),
        ("1.3.1", "http://[fd00::1]/webhook", {"WEBHOOK_ALLOWED_IPS": "10.0.0.0/8, odd"}, True),
        ("1.3.1", PRIVATE, {"WEBHOOK_ALLOWED_IPS": "odd,10.0.0.0/8"}, False),
        ("1.3.1", PRIVATE, {"WEBHOOK_ALLOWED_HOSTS": "10.1.2.3"}, False),
        ("1.3.1", "http://93.184.215.14/webhook", {}, False),
        ("1.2.2", PRIVATE, {}, False),
    ],
)
def test_a_preview_says_if_plane_may_refuse_a_private_address(
    new_target: NewTarget, version: str, address: str, extra: dict[str, str], is_doubtful: bool
) -> None:
    target = new_target(version=version, plane_env_extra=extra, **with_webhook(url=address))
    doubts = [line for line in target.deploy("--dry").plan if line.startswith("? webhook n8n of javisi: ")]
    assert len(doubts) == is_doubtful and all("WEBHOOK_ALLOWED_IPS" in line for line in doubts)
    assert target.deploy().code == is_doubtful


def test_a_preview_doubts_a_url_that_changes_to_a_private_address(new_target: NewTarget) -> None:
    target = new_target(version="1.3.1", **with_webhook())
    assert target.deploy().code == 0
    plan = target.deploy("--dry", data=with_webhook(url=PRIVATE)).plan
    assert [line.partition(":")[0] for line in plan] == ["~ webhook n8n of javisi", "? webhook n8n of javisi"]


def test_neither_the_secret_nor_the_address_is_shown(target: Target) -> None:
    target.data.update(with_webhook())
    run = target.deploy("-vvv")
    assert run.code == 0
    assert webhook(target).secret_key not in run.output
    assert not re.search("a-secret-of-the-address", run.output)
