"""Paged lists, as in v1: a cursor is `per_page:page:direction`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from aiohttp import web

from .http import ApiError, chosen_fields

T = TypeVar("T")
LARGEST_PAGE = 1000


def paged(
    request: web.Request,
    rows: Sequence[T],
    shape: Callable[[T], dict[str, Any]],
    *,
    default: int = LARGEST_PAGE,
    choose: bool = True,
) -> web.Response:
    """Return a page of the rows.

    + default: the page's length, if the request does not say
    + choose: whether `?fields=` has an effect
    """
    per_page = _per_page(request.query.get("per_page", str(default)))
    page = _page(request.query.get("cursor", f"{per_page}:0:0"))
    start = page * per_page
    shown = rows[start : start + per_page]
    return web.json_response(
        {
            "grouped_by": None,
            "sub_grouped_by": None,
            "total_count": len(rows),
            "next_cursor": f"{per_page}:{page + 1}:0",
            "prev_cursor": f"{per_page}:{page - 1}:1",
            "next_page_results": start + per_page < len(rows),
            "prev_page_results": page > 0,
            "count": len(shown),
            "total_pages": -(-len(rows) // per_page),
            "total_results": len(rows),
            "extra_stats": None,
            "results": [chosen_fields(request, shape(row)) if choose else shape(row) for row in shown],
        }
    )


def _per_page(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise ApiError(400, {"detail": "Invalid per_page parameter."})
    if int(text) > LARGEST_PAGE:
        raise ApiError(400, {"detail": f"Invalid per_page value. Cannot exceed {LARGEST_PAGE}."})
    return int(text)


def _page(cursor: str) -> int:
    match = re.fullmatch(r"\d+:(\d+):[01]", cursor)
    if match is None:
        raise ApiError(400, {"detail": "Invalid cursor parameter."})
    return int(match[1])
