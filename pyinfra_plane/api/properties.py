"""Custom field types: what the settings call them, and what Plane calls them.

From Plane's public API reference and the ``plane-sdk`` package 0.3 (commercial editions).
"""

from __future__ import annotations

from typing import Any

_TYPES: dict[str, dict[str, Any]] = {
    # TEXT is refused without a display format, DATETIME without one of four date formats.
    "text": {"property_type": "TEXT", "settings": {"display_format": "single-line"}},
    "number": {"property_type": "DECIMAL"},
    "boolean": {"property_type": "BOOLEAN"},
    "date": {"property_type": "DATETIME", "settings": {"display_format": "yyyy/MM/dd"}},
    "option": {"property_type": "OPTION"},
    "url": {"property_type": "URL"},
    "email": {"property_type": "EMAIL"},
    "member": {"property_type": "RELATION", "relation_type": "USER"},
}


def field_type(property_type: str, relation_type: str | None) -> str:
    """What the settings call a type of Plane's; Plane's own name for one that they do not know."""
    for name, definition in _TYPES.items():
        if (definition["property_type"], definition.get("relation_type")) == (property_type, relation_type):
            return name
    return property_type if relation_type is None else f"{property_type} {relation_type}"


def definition(name: str, field_type: str, **fields: Any) -> dict[str, Any]:
    """The body that makes a custom field. Plane derives ``name`` itself, so the name goes in as ``display_name``.

    Args:
        name: what people read.
        field_type: as the settings call it.
        fields: ``description``, ``is_required``, ``is_multi``, ``default_value``, ``options`` where wanted.
    """
    return {"display_name": name, "is_required": False, "is_active": True, **_TYPES[field_type], **fields}
