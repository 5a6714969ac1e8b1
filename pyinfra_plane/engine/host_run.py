"""All that this run keeps about one host, in one object."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

from pyinfra.context import ContextObject

T = TypeVar("T")


class HostRun:
    """What a run knows about one host: its report, its lock, what was read; each kept by the class that describes it.

    A module that keeps something for a host declares a class for it and asks for it with :meth:`part`; there is no
    other place where something is kept by host.
    """

    def __init__(self) -> None:
        self._parts: dict[Callable[..., Any], Any] = {}

    def part(self, kind: Callable[[], T]) -> T:
        """The part of this kind, made when it is first asked for."""
        if kind not in self._parts:
            self._parts[kind] = kind()
        return cast(T, self._parts[kind])


_runs: WeakKeyDictionary[Any, HostRun] = WeakKeyDictionary()


def run_of(host: Any) -> HostRun:
    """The run on a pyinfra host, or on the one that pyinfra's ``host`` stands for."""
    if isinstance(host, ContextObject):
        host = host._get_module()
    run = _runs.get(host)
    if run is None:
        run = _runs[host] = HostRun()
    return run
