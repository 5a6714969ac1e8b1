"""A table of the stand-in: rows by id, with indexes on other columns, as in a database."""

from __future__ import annotations

from collections.abc import Iterable, ValuesView
from operator import attrgetter
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Table(dict[str, T], Generic[T]):
    """Rows by id, in the order of creation; written only by ``table[id] = row`` and ``del``.

    Columns for lookups must not change while the row exists: its owner, its container.
    """

    def __init__(self, rows: Iterable[tuple[str, T]] = ()) -> None:
        super().__init__(rows)
        self._indexes: dict[tuple[str, ...], dict[object, dict[str, T]]] = {}
        """By columns: by their values, the rows by id."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Pickle only the rows: a dict's own way would fill a table that was not created.
        return type(self), (list(self.items()),)

    def where(self, **columns: object) -> list[T]:
        """The rows with these values, in the order of creation."""
        return list(self._found(columns))

    def newest_where(self, **columns: object) -> list[T]:
        """The rows with these values, the newest first."""
        return self.where(**columns)[::-1]

    def one(self, **columns: object) -> T | None:
        """The first row with these values."""
        return next(iter(self._found(columns)), None)

    def _found(self, columns: dict[str, object]) -> ValuesView[T]:
        names = tuple(columns)
        if names not in self._indexes:
            index = self._indexes[names] = {}
            for key, row in self.items():
                index.setdefault(_values(names, row), {})[key] = row
        return self._indexes[names].get(tuple(columns.values()), {}).values()

    def __setitem__(self, key: str, row: T) -> None:
        if key in self:
            del self[key]
        super().__setitem__(key, row)
        for names, index in self._indexes.items():
            index.setdefault(_values(names, row), {})[key] = row

    def __delitem__(self, key: str) -> None:
        for names, index in self._indexes.items():
            del index[_values(names, self[key])][key]
        super().__delitem__(key)

    def clear(self) -> None:
        """Remove every row."""
        super().clear()
        self._indexes.clear()


def _values(names: tuple[str, ...], row: object) -> tuple[object, ...]:
    return tuple(attrgetter(name)(row) for name in names)
