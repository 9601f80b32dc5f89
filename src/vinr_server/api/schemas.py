"""The shapes of bodies and answers as JSON Schema, for OpenAPI."""

from __future__ import annotations

from typing import Any

import msgspec

from vinr_server.api.operation import Operation
from vinr_server.api.operations import OPERATIONS
from vinr_server.api.replies import OBJECTS, BulkPayments, object_of

_REF = "#/components/schemas/{name}"
# Types that a struct can only call Any, by the name it gives them.
_CHECKED_BY_HAND: dict[str, dict[str, Any]] = {
    "Instant": {
        "anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}],
        "format": "instant",
        "description": "RFC 3339 with offset, a date (midnight in the program's zone), or Unix seconds.",
    },
    "Rate": {
        "anyOf": [{"type": "number"}, {"type": "string"}, {"type": "null"}],
        "format": "decimal",
        "description": "A number or a string of at most 4 decimals.",
    },
}


def schema_of_answer(operation: Operation) -> dict[str, Any]:
    """What the operation answers, as the content of a response; empty where it is not described."""
    kind = object_of(operation, OPERATIONS)
    if kind is None:
        return {}
    schema: dict[str, Any] = {"$ref": _REF.format(name=kind.__name__)}
    if operation.reply == "list" and not operation.is_bulk:
        fields = {"object": {"const": "list"}, "url": {"type": "string"}, "has_more": {"type": "boolean"}}
        properties = {**fields, "data": {"type": "array", "items": schema}}
        schema = {"type": "object", "properties": properties, "required": [*properties]}
    return {"content": {"application/json": {"schema": schema}}}


def schemas() -> dict[str, Any]:
    """The schema of every body and every answer, by its name."""
    bodies: list[Any] = [operation.body for operation in OPERATIONS if operation.body is not None]
    _schemas, components = msgspec.json.schema_components(bodies, ref_template=_REF)
    for struct in _structs(msgspec.inspect.multi_type_info(bodies)):
        for name, hint in struct.__annotations__.items():
            kind = _CHECKED_BY_HAND.get(str(hint).partition(" ")[0])
            if kind is not None:
                components[struct.__name__]["properties"][name] |= _nullable_only_if_optional(kind, struct, name)
    for operation in OPERATIONS:
        if operation.is_bulk:  # its items are read one by one, so that each is refused by itself
            items = {"$ref": _REF.format(name="CreatePaymentInput")}
            components["CreatePaymentsInput"]["properties"]["payments"]["items"] = items
    _schemas, replies = msgspec.json.schema_components([*OBJECTS.values(), BulkPayments], ref_template=_REF)
    for reply in replies.values():
        del reply["additionalProperties"]  # answers may gain fields; clients are to bear with that
    assert not components.keys() & replies.keys(), "a body and an answer share their name"
    return components | replies


def _nullable_only_if_optional(kind: dict[str, Any], struct: type[msgspec.Struct], name: str) -> dict[str, Any]:
    field = next(field for field in msgspec.structs.fields(struct) if field.name == name)
    options = kind["anyOf"][:-1] if field.required else kind["anyOf"]
    return {**kind, "anyOf": options}


def _structs(kinds: Any) -> set[type[msgspec.Struct]]:
    """Every struct in these types, nested ones too."""
    found: set[type[msgspec.Struct]] = set()
    for kind in kinds:
        if isinstance(kind, msgspec.inspect.StructType):
            found |= {kind.cls} | _structs(field.type for field in kind.fields)
        elif isinstance(kind, msgspec.inspect.UnionType):
            found |= _structs(kind.types)
        elif isinstance(kind, msgspec.inspect.ListType):
            found |= _structs([kind.item_type])
    return found
