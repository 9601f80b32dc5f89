"""Schemas of OpenAPI in words for a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]
_FORMATS = {"instant": "instant", "decimal": "decimal", "currency": "currency", "reference": "id", "object": "object"}
_BOUND = 2**53 - 1


def name_of(reference: str) -> str:
    """The component that a `$ref` names."""
    return reference.rpartition("/")[2]


def type_in_words(schema: Schema, link: Callable[[str], str]) -> str:
    """Words such as `integer ≥ 1`, `"a" \\| "b"` or a list of something; `link` writes the name of a component."""
    if "$ref" in schema:
        return link(name_of(schema["$ref"]))
    if schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]] + (" or null" if {"type": "null"} in schema.get("anyOf", ()) else "")
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return " \\| ".join(f"`{value}`" for value in schema["enum"])
    if "anyOf" in schema:
        options = [option for option in schema["anyOf"] if option != {"type": "null"}]
        words = " or ".join(dict.fromkeys(type_in_words(option, link) for option in options))
        return words + (" or null" if len(options) < len(schema["anyOf"]) else "")
    if schema.get("type") == "array":
        items = schema.get("items", {})
        return f"list of {type_in_words(items, link)}" if items else "list"
    return str(schema.get("type", "any")) + _bounds(schema)


def _bounds(schema: Schema) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    parts = [f"≥ {low}"] if low is not None and low > -_BOUND else []
    parts += [f"≤ {high}"] if high is not None and high < _BOUND else []
    if str(schema.get("pattern", "")).endswith("_."):
        parts.append(f"`{schema['pattern'][1:-1]}…`")
    elif "maxLength" in schema:
        parts.append(f"of at most {schema['maxLength']} characters")
    return f" {', '.join(parts)}" if parts else ""


def field_rows(schema: Schema, link: Callable[[str], str], *, with_default: bool) -> Iterator[str]:
    """A row of a table for each field: its name, its type, and whether it is required or its default."""
    required = schema.get("required", ())
    for name, field in sorted(schema["properties"].items(), key=lambda item: item[0] not in required):
        words = type_in_words(field, link)
        if with_default:
            default = field.get("default")
            shown = (
                "required" if name in required else "" if default in (None, [], {}) else f"default `{_json(default)}`"
            )
            yield f"| `{name}` | {words} | {shown} |"
        else:
            yield f"| `{name}` | {words} | {'' if name in required else 'only where it applies'} |"


def _json(value: Any) -> str:
    return {True: "true", False: "false"}.get(value, str(value)) if isinstance(value, bool) else str(value)
