"""Everything that this run stores about one host, in one object."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

from pyinfra.context import ContextObject

T = TypeVar("T")


class HostRun:
    """This run's data about one host: its report, its lock, its readings. The class of each part describes it.

    A module that stores something by host declares a class for it and gets the instance with :meth:`part`; no other
    place stores anything by host.
    """

    def __init__(self) -> None:
        self._parts: dict[Callable[..., Any], Any] = {}

    def part(self, kind: Callable[[], T]) -> T:
        """Return the part of this kind, created on first use."""
        if kind not in self._parts:
            self._parts[kind] = kind()
        return cast(T, self._parts[kind])


_runs: WeakKeyDictionary[Any, HostRun] = WeakKeyDictionary()


def run_of(host: Any) -> HostRun:
    """Return the run's data of a pyinfra host, or of the host behind pyinfra's ``host``."""
    if isinstance(host, ContextObject):
        host = host._get_module()
    run = _runs.get(host)
    if run is None:
        run = _runs[host] = HostRun()
    return run
