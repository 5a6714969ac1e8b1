"""``dataclass`` as in the standard library, without the time it takes there.

Python writes each method of a dataclass as text and compiles it, at each start: half a millisecond for a class, and
this project has 90. Here it compiles ``__init__`` only.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(
        cls: type | None = None, /, *, frozen: bool = False, kw_only: bool = False
    ) -> type | Callable[[type], type]:
        """Make a dataclass.

        Args:
            cls: the class, if the decorator has no arguments.
            frozen: equal objects have the same hash. Only mypy checks that nothing is assigned.
            kw_only: all arguments of ``__init__`` must be named.
        """
        if cls is None:
            return lambda cls: dataclass(cls, frozen=frozen, kw_only=kw_only)
        made = dataclasses.dataclass(cls, repr=False, eq=False, match_args=False, kw_only=kw_only)
        every = dataclasses.fields(made)
        compared = _values([field.name for field in every if field.compare])
        shown = [field.name for field in every if field.repr]

        def equal(self: Any, other: object) -> bool:
            return compared(self) == compared(other) if other.__class__ is self.__class__ else NotImplemented

        def text(self: Any) -> str:
            return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"

        def hashed(self: Any) -> int:
            return hash(compared(self))

        methods = {"__eq__": equal, "__repr__": text, "__hash__": hashed if frozen else None}
        for name, method in methods.items():
            # Python gives a class with its own __eq__ a __hash__ of None.
            if vars(cls).get(name) is None:
                setattr(made, name, method)
        return made


def _values(names: list[str]) -> Callable[[Any], Any]:
    """A function that returns the values of the named attributes, to compare and to hash."""
    return attrgetter(*names) if names else lambda _: ()
