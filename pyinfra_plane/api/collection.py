"""One list of resources in Plane: read once, and again after something in it was written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Generic

from pyinfra_plane.api.auth import ApiKey, Session
from pyinfra_plane.api.base import ApiBase
from pyinfra_plane.api.paths import Path, part
from pyinfra_plane.api.rows import R, as_dict


class Collection(Generic[R]):
    """The resources of one kind in a workspace, a project, or another resource.

    Args:
        asking: sends the requests and caches the answers.
        kind: the class of the resources; :class:`~pyinfra_plane.api.rows.Row` has the path of their list.
        caller: the key or session that reads and writes them.
        path: the path of their list, if it is not the kind's.
        within: the parts of the path: ``slug``, ``project`` and so on.
    """

    def __init__(
        self, asking: ApiBase, kind: type[R], caller: ApiKey | Session, path: Path | None = None, /, **within: str
    ) -> None:
        listed_at = path or (kind.SESSION_PATH if isinstance(caller, Session) else kind.PATH)
        assert listed_at is not None, f"{kind.WHAT} are not listed to a {type(caller).__name__}"
        self.kind = kind
        self.path = listed_at(**within)
        self._asking = asking
        self._caller = caller
        self._cache_key = (kind.WHAT, self.path)

    def rows(self) -> list[R]:
        """All of them, in Plane's order."""
        return self._asking.cached(
            self._cache_key, lambda: self._asking.pages(self.path, {}, self._caller, self.kind.of)
        )

    def __iter__(self) -> Iterator[R]:
        return iter(self.rows())

    def by_name(self) -> dict[str, R]:
        """All of them, by identity."""
        return {str(getattr(row, self.kind.IDENTITY)): row for row in self.rows()}

    def create(self, **fields: Any) -> Any:
        """Create one, and return Plane's answer; `fields` by Plane's keys. The list is not read again for that."""
        seen: list[R] | None = self._asking.cached_value(self._cache_key)
        answer = self._asking.http.call("POST", self.path, headers=self._caller.headers(), json=fields)
        if seen is not None and self.kind.IS_INDEPENDENT:
            seen.append(self.created(answer))
        else:
            self._asking.forget(self.kind.WHAT)
        return answer

    def created(self, answer: Any) -> R:
        """The resource in the answer to its creation.

        Raises:
            PlaneBadAnswer: the answer has none.
        """
        return self.kind.of(as_dict(answer, f"the answer to a new one of {self.kind.WHAT}"))

    def change(self, row: R, **fields: Any) -> None:
        """Change fields of one, by Plane's keys."""
        self._asking.http.call("PATCH", self._path_of(row), headers=self._caller.headers(), json=fields)
        self._asking.forget(self.kind.WHAT)

    def delete(self, row: R, what: str) -> None:
        """Delete one, and check that it is no longer listed.

        Args:
            what: its name in a message.

        Raises:
            PlaneError: it is still listed.
        """
        self._asking.remove(
            what,
            self._path_of(row),
            self._caller,
            (self.kind.WHAT,),
            lambda: self._id(row) in map(self._id, self.rows()),
        )

    def _path_of(self, row: R) -> str:
        return f"{self.path}{part(self._id(row))}/"

    @staticmethod
    def _id(row: Any) -> str:
        return str(row.id)
