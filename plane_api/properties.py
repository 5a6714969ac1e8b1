"""Custom field types: what the settings call them, and what Plane calls them.

From Plane's public API reference and the ``plane-sdk`` package (commercial editions).
"""

from __future__ import annotations

from typing import Any

_TYPES: dict[str, tuple[str, dict[str, Any]]] = {
    # TEXT is refused without a display format, DATETIME without a date format.
    "text": ("TEXT", {"settings": {"display_format": "single-line"}}),
    "number": ("DECIMAL", {}),
    "boolean": ("BOOLEAN", {}),
    "date": ("DATETIME", {"settings": {"display_format": "yyyy-MM-dd"}}),
    "url": ("URL", {}),
    "email": ("EMAIL", {}),
}


def property_type(field_type: str) -> str:
    """Plane's ``property_type`` for a custom field's type in the settings, for example ``DECIMAL`` for ``number``."""
    return _TYPES[field_type][0]


def definition(name: str, field_type: str) -> dict[str, Any]:
    """The body that makes a custom field. Plane derives ``name`` itself, so the name goes in as ``display_name``."""
    kind, further = _TYPES[field_type]
    return {"display_name": name, "property_type": kind, "is_required": False, "is_active": True, **further}
