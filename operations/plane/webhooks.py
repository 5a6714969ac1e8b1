"""The webhooks of a workspace, and the secrets that Plane signs their requests with."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from pyinfra_plane.api import paths, versions
from pyinfra_plane.api.errors import PlaneBadAnswer, PlaneRefused, PlaneSettings
from pyinfra_plane.api.models import Webhook as SeenWebhook
from pyinfra_plane.api.rows import Difference, as_dict, text
from pyinfra_plane.engine.converge import Change, Note, Plan, converging
from pyinfra_plane.engine.report import is_executing
from pyinfra_plane.host.host_plane import current_workspace
from pyinfra_plane.host.planning import as_instances
from pyinfra_plane.host.resources import Home, InWorkspace, Kind
from pyinfra_plane.host.secret_lines import SecretLines, webhook_secrets
from pyinfra_plane.settings import Webhook
from pyinfra_plane.settings.webhooks import EVENTS, is_disallowed_address


class Webhooks(Kind[Webhook, SeenWebhook]):
    """Webhooks. Plane shows the secret of a webhook when it is created, and never again.

    The file with the secrets notes the webhooks' ids, so a webhook keeps its secret when its address changes.

    Args:
        secrets: the file in which they are saved. A line without a value stands for a secret that is not saved yet.
        items: the webhooks of the settings. A plan shows only their names: many addresses contain a secret.
    """

    row, wanted = SeenWebhook, Webhook
    noun, setting = "webhook", "plane_webhooks"

    def __init__(self, secrets: SecretLines, items: Sequence[Webhook]) -> None:
        self.secrets = secrets
        self.items = items
        self.by_url = {one.url: one for one in items}
        self.by_id: dict[str, Webhook] = {}
        """The webhooks that Plane has, by id; :meth:`present` fills it."""

    def present(self, home: Home) -> Mapping[str, SeenWebhook]:
        """Plane's webhooks by the address in the settings: first those whose id is noted, then those at the address."""
        rows = home.reading(self.row).rows() if home.exists else []
        ids = {row.id: row for row in rows}
        noted = {one.url: ids.get(self.secrets.ids.get(one.variable, "")) for one in self.items}
        found = {url: row for url, row in noted.items() if row is not None}
        taken = {row.id for row in found.values()}
        found |= {row.url: row for row in rows if row.url in self.by_url.keys() - found.keys() and row.id not in taken}
        self.by_id = {row.id: self.by_url[url] for url, row in found.items()}
        return found

    def title(self, identity: str) -> str:
        return self.by_url[identity].name

    def _listed(self, home: Home, has: SeenWebhook) -> str:
        return self.called(home, self.by_id[has.id])

    def given(self, one: Webhook) -> dict[str, Any]:
        given = {"url": one.url, "is_active": one.active, **{event: event in one.events for event in EVENTS}}
        return {name: value for name, value in given.items() if value is not None}

    def create(self, home: InWorkspace, one: Webhook) -> None:  # type: ignore[override]
        before = self.secrets.text
        if self._others(home, one):
            self.secrets.keep_as_comment(one.variable)
        # The line is written first: if a run is interrupted from here on, the next run fills the line.
        self.secrets.save(one.variable, "")
        webhooks = home.writing(self.row)
        try:
            with _naming(one):
                answer = webhooks.create(**self.body(home, one))
        except PlaneSettings:
            # Nothing was created, so there is no secret to save.
            self.secrets.restore(before)
            raise
        created = as_dict(answer, "the webhook")
        self._save(one, text(created, "id", "the webhook"), created)

    def reconcile(self, home: Home, one: Webhook, has: SeenWebhook, present: Mapping[str, SeenWebhook]) -> Plan:
        if any(row.url == one.url and row.id != has.id for row in home.reading(self.row)):
            raise PlaneSettings(
                f"webhook {one.name}: another webhook of {home} has its url; change or delete that one first"
            )
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
        elif self.secrets.ids.get(one.variable, has.id) != has.id:
            yield Note(
                f"! {self.called(home, one)}: the secret in {self.secrets.path} is of a webhook that was deleted; "
                f"remove the comment '{self.secrets.note(one.variable)}', and write the current secret into the line "
                f"{one.variable}=…, or no value to create a new one"
            )

    def change(self, home: Home, has: SeenWebhook, differing: Sequence[Difference]) -> Change:
        change = super().change(home, has, differing)

        def apply() -> None:
            with _naming(self.by_id[has.id]):
                change.apply()

        return replace(change, apply=apply)

    def afterwards(self, home: Home, wanted: Sequence[Webhook], present: Mapping[str, SeenWebhook]) -> Plan:
        for one in wanted:
            if one.url not in present and (others := self._others(home, one)):
                hosts = ", ".join(sorted({urlsplit(row.url).hostname or "?" for row in others}))
                yield Note(
                    f"! {self.called(home, one)}: {self.secrets.path} has a secret for this name, but no webhook has "
                    f"its url. If its former one is among those at {hosts}, that one stays as it is: delete it in "
                    "Plane. The former secret stays in the file as a comment"
                )

            if not is_executing() and self._is_disallowed(home, one, present.get(one.url)):
                yield Note(
                    f"? {self.called(home, one)}: Plane refuses its private address, unless WEBHOOK_ALLOWED_IPS in "
                    "plane_env_extra has the network"
                )

    def _is_disallowed(self, home: Any, one: Webhook, has: SeenWebhook | None) -> bool:
        if has is not None and has.url == one.url:
            return False
        extra = {name: str(value.unmask()) for name, value in home.at.settings.plane_env_extra.items()}
        # The version is empty if Plane does not answer yet.
        version = home.at.plane.instance().version
        is_known_to_allow = version and not versions.is_since(version, versions.NO_PRIVATE_WEBHOOKS)
        return not is_known_to_allow and is_disallowed_address(one.url, extra)

    def delete(self, home: Home, has: SeenWebhook, what: str) -> None:
        super().delete(home, has, what)
        self.secrets.remove(self.by_id[has.id].variable)

    def _others(self, home: Home, one: Webhook) -> list[SeenWebhook]:
        """The webhooks, none of the settings', whose secret may be saved as this one's: its line has no note."""
        if not home.exists or not self.secrets.values.get(one.variable) or one.variable in self.secrets.ids:
            return []
        return [row for row in home.reading(self.row) if row.id not in self.by_id and row.url not in self.by_url]

    def _exchange(self, home: Any, one: Webhook, has: SeenWebhook) -> None:
        session = home.at.admin_session()
        path = paths.WEBHOOK_SECRET(slug=home.at.slug, webhook=has.id)
        with _naming(one):
            answer = home.at.plane.http.call("POST", path, headers=session.headers())
        self._save(one, has.id, as_dict(answer, "the webhook"))

    def _save(self, one: Webhook, noted: str, answer: Mapping[str, Any]) -> None:
        secret = answer.get("secret_key")
        if not isinstance(secret, str) or not re.fullmatch(r"[\w.-]+", secret, re.ASCII):
            raise PlaneBadAnswer(f"the webhook {one.name}: no secret_key in Plane's answer")
        self.secrets.save(one.variable, secret, noted)


@contextmanager
def _naming(one: Webhook) -> Iterator[None]:
    """Begin the message about a refused request with the webhook's name."""
    try:
        yield
    except PlaneRefused as error:
        if error.status != 400:
            raise PlaneSettings(f"webhook {one.name}: {error}") from error
        raise PlaneSettings(
            f"webhook {one.name}: {error}; the host in its url must resolve to a public address, unless "
            "plane_env_extra allows the host (WEBHOOK_ALLOWED_HOSTS) or its network (WEBHOOK_ALLOWED_IPS)"
        ) from error


@converging
def webhooks(slug: str, webhooks: Sequence[Webhook]) -> Plan:
    """
    Keep these webhooks in a workspace, and save their secrets on the host.

    + slug: the workspace
    + webhooks: name, url and, optionally, events, active, present

    Plane generates the secret that it signs requests with, and shows it once: it is saved in the file
    ``plane_webhook_secrets_path`` as ``PLANE_WEBHOOK_SECRET_<NAME>``, with a comment that notes the webhook's id. A
    webhook is identified by that id, otherwise by its address. Only a session can list webhooks, so a workspace
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
    secrets = webhook_secrets(at.host, at.settings)
    kind = Webhooks(secrets, items)
    home = InWorkspace(at, exists=is_executing() or at.reader() is not None)
    # A webhook that is known by its id may have the address that a new one gets, so its change comes first.
    wanted = sorted((one for one in items if one.present), key=lambda one: one.variable not in secrets.ids)
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
