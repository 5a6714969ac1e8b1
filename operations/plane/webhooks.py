"""The webhooks of a workspace, and the secrets that Plane signs their requests with."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from pyinfra_plane.api import paths
from pyinfra_plane.api.errors import PlaneBadAnswer, PlaneRefused, PlaneSettings
from pyinfra_plane.api.models import Webhook as SeenWebhook
from pyinfra_plane.api.rows import as_dict
from pyinfra_plane.engine.converge import Change, Note, Plan, converging
from pyinfra_plane.engine.report import is_executing
from pyinfra_plane.host.host_plane import current_workspace
from pyinfra_plane.host.planning import as_instances
from pyinfra_plane.host.resources import Home, InWorkspace, Kind
from pyinfra_plane.host.secret_lines import SecretLines
from pyinfra_plane.settings import Webhook
from pyinfra_plane.settings.webhooks import EVENTS


class Webhooks(Kind[Webhook, SeenWebhook]):
    """Webhooks. Plane shows the secret of a webhook when it is created, and never again.

    Args:
        secrets: the file in which they are saved. A line without a value stands for a secret that is not saved yet.
        by_url: the webhooks of the settings. A plan shows only their names: many addresses contain a secret.
    """

    row, wanted = SeenWebhook, Webhook
    noun, setting = "webhook", "plane_webhooks"

    def __init__(self, secrets: SecretLines, by_url: Mapping[str, Webhook]) -> None:
        self.secrets = secrets
        self.by_url = by_url

    def title(self, identity: str) -> str:
        return self.by_url[identity].name

    def given(self, one: Webhook) -> dict[str, Any]:
        events = {event: event in one.events for event in EVENTS}
        return events if one.active is None else {"is_active": one.active, **events}

    def create(self, home: InWorkspace, one: Webhook) -> None:  # type: ignore[override]
        # The line is written first: if a run is interrupted from here on, the next run fills the line.
        self.secrets.save(one.variable, "")
        webhooks = home.writing(self.row)
        try:
            answer = webhooks.create(**self.body(home, one))
        except PlaneRefused as error:
            # Nothing was created, so there is no secret to save.
            self.secrets.remove(one.variable)
            if error.status != 400:
                raise
            raise PlaneSettings(
                f"{error}; the host in its url must resolve to a public address, unless "
                "plane_env_extra allows the host (WEBHOOK_ALLOWED_HOSTS) or its network (WEBHOOK_ALLOWED_IPS)"
            ) from error
        self._save(one, as_dict(answer, "the webhook"))

    def reconcile(self, home: Home, one: Webhook, has: SeenWebhook, present: Mapping[str, SeenWebhook]) -> Plan:
        yield from super().reconcile(home, one, has, present)
        saved = self.secrets.values.get(one.variable)
        if saved is None:
            yield Note(
                f"! {self.called(home, one)}: {self.secrets.path} does not have its secret; add the line "
                f"{one.variable}=… with the secret, or without a value to create a new one"
            )
        elif not saved:
            line = f"~ {self.called(home, one)}: a new secret, because the current one was not saved"
            yield Change((line,), lambda: self._exchange(home, one, has))

    def delete(self, home: Home, has: SeenWebhook, what: str) -> None:
        super().delete(home, has, what)
        self.secrets.remove(self.by_url[has.url].variable)

    def _exchange(self, home: Any, one: Webhook, has: SeenWebhook) -> None:
        session = home.at.admin_session()
        path = paths.WEBHOOK_SECRET(slug=home.at.slug, webhook=has.id)
        self._save(one, as_dict(home.at.plane.http.call("POST", path, headers=session.headers()), "the webhook"))

    def _save(self, one: Webhook, answer: Mapping[str, Any]) -> None:
        secret = answer.get("secret_key")
        if not isinstance(secret, str) or not re.fullmatch(r"[\w.-]+", secret, re.ASCII):
            raise PlaneBadAnswer(f"the webhook {one.name}: no secret_key in Plane's answer")
        self.secrets.save(one.variable, secret)


@converging
def webhooks(slug: str, webhooks: Sequence[Webhook]) -> Plan:
    """
    Keep these webhooks in a workspace, each identified by its address, and save their secrets on the host.

    + slug: the workspace
    + webhooks: name, url and, optionally, events, active, present

    Plane generates the secret that it signs requests with, and shows it once: it is saved in the file
    ``plane_webhook_secrets_path`` as ``PLANE_WEBHOOK_SECRET_<NAME>``. Only a session can list webhooks, so a workspace
    admin is signed in, in a preview too. Webhooks that are not named stay unchanged.

    **Example:**

    .. code:: python

        from pyinfra_plane.settings import Webhook

        plane.webhooks(
            name="Webhooks",
            slug="javisi",
            webhooks=[Webhook("n8n", "https://n8n.example.com/webhook/plane", events=("issue", "issue_comment"))],
        )
    """
    at, items = current_workspace(slug), as_instances(Webhook, webhooks)
    s = at.settings
    secrets = SecretLines(at.host, s.plane_webhook_secrets_path, s.plane_files_user, s.plane_files_group)
    kind = Webhooks(secrets, {one.url: one for one in items})
    home = InWorkspace(at, exists=is_executing() or at.reader() is not None)
    wanted = [one for one in items if one.present]
    if not home.exists and not at.reach.is_fresh():
        names = ", ".join(one.name for one in wanted)
        yield Change((f"? webhooks of {slug}: {names} (no saved token to check with)",), lambda: None)
        return
    yield from kind.plan(home, wanted)
    present = kind.present(home)
    for one in items:
        if not one.present and one.url in present:
            yield kind.removal(home, present[one.url])
        elif not one.present and one.variable in secrets.values:
            yield Change((f"- {one.variable} in {secrets.path}",), partial(secrets.remove, one.variable))
