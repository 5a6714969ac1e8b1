"""Custom field types: their names in the settings, and in Plane.

From Plane's public API reference and the ``plane-sdk`` package 0.3 (commercial editions).
"""

from __future__ import annotations

from typing import Any

_TYPES: dict[str, dict[str, Any]] = {
    # Plane refuses TEXT without a display format, and DATETIME without one of four date formats.
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
    """The settings' name for a type of Plane's; Plane's own name if the settings have none."""
    for name, definition in _TYPES.items():
        if (definition["property_type"], definition.get("relation_type")) == (property_type, relation_type):
            return name
    return property_type if relation_type is None else f"{property_type} {relation_type}"


def definition(name: str, field_type: str, **fields: Any) -> dict[str, Any]:
    """The body that creates a custom field. Plane derives ``name`` itself, so the name is sent as ``display_name``.

    Args:
        name: the name that people see.
        field_type: the type's name in the settings.
        fields: optionally ``description``, ``is_required``, ``is_multi``, ``default_value``, ``options``.
    """
    return {"display_name": name, "is_required": False, "is_active": True, **_TYPES[field_type], **fields}
