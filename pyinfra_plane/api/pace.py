"""Wait between the forms that sign accounts in and up, which Plane limits from 1.4 on.

Plane counts the forms of the last minute by the caller's address, and refuses one above the limit before it reads it,
so the same form can be sent again. A refusal does not count, and does not say when the next form is accepted: that is a
minute after the oldest form of the last minute.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

PERIOD = 60.0
"""Seconds over which Plane counts: ``AUTHENTICATION_RATE_LIMIT`` is ``10/minute`` if it is not set (Plane 1.4.2)."""

UNEXPLAINED = 20.0
"""Seconds to wait if the forms that Plane counted are not this run's, but for example another run's."""

LONGEST = 150.0
"""Maximum seconds without an accepted form; after that, the run fails."""

MARGIN = 0.25
"""Seconds to add to a wait, because Plane's clock reads a form later than it was sent."""

SILENT_WAIT = 3.0
"""Maximum seconds of a wait that is not reported."""


class Pace:
    """Decides when the next form may be sent.

    Args:
        say: called with a line about the wait.
        sleep: waits the given number of seconds.
        now: returns the time in seconds.
        period: the seconds over which Plane counts.
    """

    def __init__(
        self,
        say: Callable[[str], None] = lambda line: None,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.monotonic,
        period: float = PERIOD,
    ) -> None:
        self.period = period
        self.remaining = 0
        """The number of accounts that are still to be signed in or up, for the line about the wait."""
        self._say = say
        self._sleep = sleep
        self._now = now
        self._taken: deque[float] = deque()
        self._closed_until = 0.0
        self._stuck_since: float | None = None

    def wait(self) -> None:
        """Wait until the next form may be sent."""
        while (left := self._closed_until - self._now()) > 0:
            self._sleep(left)

    def taken(self) -> None:
        """Note that Plane counted a form, regardless of its answer."""
        self._taken.append(self._now())
        self._stuck_since = None

    def refused(self) -> float | None:
        """Note that Plane's limit refused a form. Returns the seconds to wait, ``None`` if waiting is of no use."""
        now = self._now()
        if now < self._closed_until:
            return self._closed_until - now  # another form of this run was refused at the same time
        if self._stuck_since is None:
            self._stuck_since = now
        while self._taken and self._taken[0] + self.period <= now:
            self._taken.popleft()
        seconds = self._taken[0] + self.period - now if self._taken else min(UNEXPLAINED, self.period)
        if now - self._stuck_since + seconds > LONGEST:
            return None
        self._closed_until = now + seconds + MARGIN
        if seconds > SILENT_WAIT:
            remaining = f"; accounts left: {self.remaining}" if self.remaining > 1 else ""
            self._say(f"Plane limits sign-ins and sign-ups; continuing in {seconds:.0f} s{remaining}")
        return seconds


def period_of(rate: str) -> float | None:
    """The seconds over which a rate such as ``10/minute`` counts, as Django REST framework reads it.

    ``None`` if invalid.

    The first letter after the slash counts: s, m, h or d.
    """
    number, slash, period = rate.partition("/")
    seconds = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}.get(period[:1])
    return seconds if slash and number.strip().isdecimal() else None
