"""The Plane instance: wait until it answers, set it up, and configure it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from pyinfra.api.hiddenvalue import HiddenValue

from pyinfra_plane.api.errors import PlaneError, PlaneFormRefused, PlaneSettings, PlaneUnreachable
from pyinfra_plane.api.versions import TRIED
from pyinfra_plane.engine.converge import Change, Note, Plan, Unchanged, converging, converging_with, expect_changes
from pyinfra_plane.engine.interrupt import pause
from pyinfra_plane.engine.report import is_executing, waiting
from pyinfra_plane.host.host_plane import HostPlane, current_plane


@converging_with(lambda **_: current_plane().reach.readings())
def ready(retries: int = 12, delay: int = 10) -> Plan:
    """
    Wait until Plane answers.

    + retries: maximum number of requests
    + delay: seconds between requests

    **Example:**

    .. code:: python

        from operations import plane

        plane.ready(name="Plane answers", retries=12, delay=10)
    """
    at = current_plane()
    settings = at.settings
    if settings.plane_api_tls_insecure and (settings.plane_api_url or "").lower().startswith("https:"):
        yield Note(
            "! TLS certificates are not checked (plane_api_tls_insecure): anyone between this machine and "
            f"{settings.plane_api_url} can "
            "read every password and token; set plane_api_ca to the CA's file instead"
        )
    if at.reach.is_not_started:
        yield Change((f"? Plane answers (asked up to {retries} times, {delay} s apart)",), lambda: None)
        return
    # The instance is read next in any case. At plane_api_url may be a proxy, which only its answer at / shows.
    is_known = settings.plane_api_url is None and _shows_instance(at)
    reason = None if is_known else _health(at)
    if reason is None:
        yield Unchanged(f"Plane answers at {at.plane.http.base_url}")
        return

    def wait() -> None:
        last: str | None = reason
        with waiting(at.host, f"Plane ({retries} tries, {delay} s apart; now: {reason})") as tell:
            for attempt in range(2, retries + 1):
                for _ in range(delay):
                    tell(f"try {attempt} of {retries}, the last result: {last}")
                    pause(1)
                last = _health(at)
                if last is None:
                    return
        raise PlaneUnreachable(
            f"Plane did not answer in {retries} tries, {delay} s apart; the last result: {last}; see: {at.reach.logs}"
        )

    line = f"? Plane answers (asked up to {retries} times, {delay} s apart; now: {reason})"
    yield Change((line,), wait, done=("~ Plane answers",))


def _shows_instance(at: HostPlane) -> bool:
    """Whether Plane answers now. Its answer is kept."""
    try:
        plane = at.reach.plane(look_again=True)
        plane.forget("instance")
        plane.instance(attempts=1)
    except PlaneError:
        return False
    return True


def _health(at: HostPlane) -> str | None:
    try:
        return at.reach.plane(look_again=True).health()
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
    Set up a new instance with an instance admin. An instance that is set up already stays unchanged.

    + email: address of the instance admin; the password is the setting ``plane_admin_password``
    + first_name: first name
    + last_name: last name
    + company_name: becomes the name of the instance

    Arguments that are not given come from the settings ``plane_admin_email`` and so on.
    """
    at = current_plane()
    if not at.tokens.file().tokens:
        expect_changes(at.host)
        at = current_plane()
    settings, plane = at.settings, at.plane
    instance = plane.instance()
    if not instance.registered:
        raise PlaneError(
            f"Plane at {plane.http.base_url} has no registered instance: set plane_compose_dir and leave "
            "plane_management_commands True, so that the deploy registers it; or run in the API's container: python "
            "manage.py register_instance signature, configure_instance, clear_cache --key /api/instances/"
        )
    if instance.is_untried:
        yield Note(
            f"! Plane {instance.version} is newer than the releases that this deploy was tested with "
            f"({', '.join(TRIED)}); read the preview with care"
        )
    if instance.is_setup_done:
        yield Unchanged(f"the instance is set up (Plane {instance.version}, {instance.edition})")
        return
    address = email or settings.plane_admin_email
    password = settings.plane_admin_password
    if password is None:
        raise PlaneSettings("this Plane is not set up yet; set plane_admin_password (and plane_admin_email)")

    names = (
        first_name or settings.plane_admin_first_name,
        settings.plane_admin_last_name if last_name is None else last_name,
        settings.plane_company_name if company_name is None else company_name,
    )
    yield Change((f"+ instance admin {address}",), lambda: _set_up(at, address, password, *names))


def _set_up(at: HostPlane, email: str, password: HiddenValue, *names: str) -> None:
    try:
        at.plane.set_up_instance(email, password.unmask(), *names)
    except PlaneFormRefused as error:
        advice = {
            "PASSWORD_TOO_WEAK": "choose a stronger plane_admin_password",
            "INVALID_ADMIN_EMAIL": "check plane_admin_email",
        }.get(error.code, "check the plane_admin_… settings")
        raise PlaneSettings(f"{error}; {advice}") from error


@converging
def instance_config(values: Mapping[str, HiddenValue]) -> Plan:
    """
    Set instance settings in Plane's database, where the environment no longer changes them after Plane's first start.

    + values: values by Plane's names, such as ``ENABLE_SIGNUP``; each is wrapped, because some are secrets

    Settings that Plane shows to everybody are compared without a sign-in. For the other settings the instance admin is
    signed in, in a preview too. A name that this Plane does not know is refused.

    **Example:**

    .. code:: python

        plane.instance_config(name="Sign-up closed", values={"ENABLE_SIGNUP": HiddenValue("0")})
    """
    at = current_plane()
    plane = at.plane
    instance = plane.instance()
    unlike = [name for name, value in values.items() if not _is_shown(instance.config, name, value.unmask())]
    if not unlike:
        yield Unchanged(f"instance settings: {', '.join(values)}")
        return
    if not instance.is_setup_done and not is_executing():
        # There is no account to sign in with yet.
        yield Change((f"? instance settings: {', '.join(unlike)}",), lambda: None)
        return
    session = at.sessions.instance_admin("plane_instance_config")
    present = plane.configurations(session)
    unknown = [name for name in values if name not in present]
    if unknown:
        near = difflib.get_close_matches(unknown[0], present, n=1)
        hint = f"; did you mean {near[0]}?" if near else f"; it knows: {', '.join(sorted(present))}"
        raise PlaneSettings(
            f"plane_instance_config: Plane {instance.version} has no setting {', '.join(unknown)}{hint}"
        )
    differing = {name: value for name in unlike if (value := values[name].unmask()) != present[name].value}
    if not differing:
        yield Unchanged(f"instance settings: {', '.join(values)}")
        return
    lines = []
    for name, value in differing.items():
        has = present[name]
        # A value that is no switch may be an account, or an address with a password in it.
        shown = f": {has.value or 'empty'} → {value}" if {has.value, value} <= {"0", "1", ""} else ""
        lines.append(f"~ instance setting {name}{shown}")
    yield Change(tuple(lines), lambda: plane.change_configurations(session, differing))


def _is_shown(config: Mapping[str, bool], name: str, value: str) -> bool:
    """Whether the public configuration shows that the setting has this value."""
    return value in ("0", "1") and config.get(name) is (value == "1")
