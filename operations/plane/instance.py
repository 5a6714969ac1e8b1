"""Plane itself: that it answers, and that it is set up."""

from __future__ import annotations

import time

from operations.converge import Change, Kept, Plan, converging, expect_changes
from operations.plane.scene import Scene, current_scene
from plane_api.errors import PlaneError, PlaneFormRefused, PlaneSettings, PlaneUnreachable


@converging
def ready(retries: int = 12, delay: int = 10) -> Plan:
    """
    Wait until Plane answers.

    + retries: how often to ask
    + delay: seconds in between

    **Example:**

    .. code:: python

        from operations import plane

        plane.ready(name="Plane answers", retries=12, delay=10)
    """
    scene = current_scene()
    reason = _health(scene)
    if reason is None:
        yield Kept(f"Plane answers at {scene.plane().http.base_url}")
        return

    def wait() -> None:
        last: str | None = reason
        for attempt in range(2, retries + 1):
            scene.host.log(f"waiting for Plane, try {attempt} of {retries} in {delay} s: {last}")
            time.sleep(delay)
            last = _health(scene)
            if last is None:
                return
        raise PlaneUnreachable(
            f"Plane did not answer in {retries} tries, {delay} s apart; the last: {last}; "
            f"see: docker logs {scene.settings.plane_api_container}"
        )

    line = f"~ Plane answers (asked up to {retries} times, {delay} s apart; now: {reason})"
    yield Change((line,), wait, done=("~ Plane answers",))


def _health(scene: Scene) -> str | None:
    try:
        return scene.plane(look_again=True).health()
    except PlaneUnreachable as error:
        return str(error)


@converging
def instance_admin(
    email: str | None = None,
    first_name: str | None = None,
    last_name: str | None = None,
    company_name: str | None = None,
) -> Plan:
    """
    Set a fresh instance up, with an instance admin. One that is set up already is left alone.

    + email: address of the instance admin; the password is the setting ``plane_admin_password``
    + first_name: first name
    + last_name: last name
    + company_name: becomes the name of the instance

    What is not given is taken from the settings ``plane_admin_email`` and so on.
    """
    scene = current_scene()
    if not scene.token_file().tokens:
        expect_changes(scene.host)
        scene = current_scene()
    settings, plane = scene.settings, scene.plane()
    instance = plane.instance()
    if not instance.registered:
        raise PlaneError(
            f"Plane at {plane.http.base_url} is not registered yet: its start script does that before the API starts; "
            f"restart {settings.plane_api_container} (Plane keeps this answer for two hours)"
        )
    if instance.is_setup_done:
        yield Kept(f"the instance is set up (Plane {instance.version}, {instance.edition})")
        return
    address = email or settings.plane_admin_email
    password = settings.plane_admin_password
    if password is None:
        raise PlaneSettings("this Plane was never set up; set plane_admin_password (and plane_admin_email)")

    def set_up() -> None:
        try:
            plane.set_up_instance(
                address,
                password.unmask(),
                first_name or settings.plane_admin_first_name,
                settings.plane_admin_last_name if last_name is None else last_name,
                settings.plane_company_name if company_name is None else company_name,
            )
        except PlaneFormRefused as error:
            advice = {
                "PASSWORD_TOO_WEAK": "choose a stronger plane_admin_password",
                "INVALID_ADMIN_EMAIL": "check plane_admin_email",
            }.get(error.code, "check the plane_admin_… settings")
            raise PlaneSettings(f"{error}; {advice}") from error

    yield Change((f"+ instance admin {address}",), set_up)
