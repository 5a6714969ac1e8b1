"""Request limits: a sliding window for each key or address."""

from __future__ import annotations

import math
import time
from collections import defaultdict, deque
from dataclasses import dataclass

from .http import ApiError

RATE_LIMIT_EXCEEDED: dict[str, int | str] = {"error_code": 5900, "error_message": "RATE_LIMIT_EXCEEDED"}


@dataclass(frozen=True)
class Allowance:
    """The remaining requests of a caller after this one, and the end of the window (epoch seconds)."""

    remaining: int
    reset: int


class Throttle:
    def __init__(self, limit: int, period: float) -> None:
        self.limit = limit
        self.period = period
        self._spent: dict[str, deque[float]] = defaultdict(deque)

    def spend(self, caller: str) -> Allowance:
        """Count one request; raise the 429 if the caller has none left."""
        now = time.time()
        spent = self._spent[caller]
        while spent and spent[0] <= now - self.period:
            spent.popleft()
        if len(spent) >= self.limit:
            wait = self.period - (now - spent[0]) if spent else self.period
            raise ApiError(429, RATE_LIMIT_EXCEEDED, {"Retry-After": str(math.ceil(wait))})
        spent.append(now)
        return Allowance(self.limit - len(spent), math.ceil(now + self.period))

    def clear(self) -> None:
        self._spent.clear()
