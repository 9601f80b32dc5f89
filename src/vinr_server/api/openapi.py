"""OpenAPI 3.1 from the table of operations and the input types."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec

from vinr_server.api.operation import Operation
from vinr_server.api.operations import OPERATIONS
from vinr_server.api.problems import STATUS
from vinr_server.api.replies import OBJECTS, BulkPayments, object_of

_ALWAYS = ("api_key_missing", "api_key_invalid", "unknown_parameter", "parameter_invalid", "unavailable")
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
_ON_WRITES = (
    "body_invalid",
    "body_too_large",
    "duplicate_key",
    "parameter_missing",
    "idempotency_key_reused",
    "idempotency_key_in_use",
)


@lru_cache(maxsize=1)
def openapi() -> dict[str, Any]:
    """The description of every operation, with its body and the codes it can refuse with."""
    components = _components()
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _describe(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "VINR Engagement",
            "version": "2026-11-01",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
        "security": [{"key": []}],
    }


def _components() -> dict[str, Any]:
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


def _describe(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.id,
        "summary": operation.summary,
        "tags": [operation.sdk.rsplit(".", 1)[0]],
        "x-sdk": operation.sdk,
        "parameters": _parameters(operation),
        "responses": _responses(operation),
    }
    if operation.body is not None:
        schema = {"$ref": f"#/components/schemas/{operation.body.__name__}"}
        described["requestBody"] = {"content": {"application/json": {"schema": schema}}}
    return described


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    parameters = []
    if "{id}" in operation.path:
        parameters.append({"name": "id", "in": "path", "required": True, "schema": {"type": "string"}})
    if operation.method == "POST":
        parameters.append({"name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "maxLength": 255}})
    if operation.translate is not None or operation.is_bulk:
        parameters.append({"name": "dry_run", "in": "query", "schema": {"type": "boolean"}})
    for name in operation.query:
        kind = "integer" if name == "limit" else "boolean" if name in operation.flags else "string"
        parameters.append({"name": name, "in": "query", "schema": {"type": kind}})
    return parameters


def _responses(operation: Operation) -> dict[str, Any]:
    codes = (*_ALWAYS, *operation.refusals, *(_ON_WRITES if operation.translate or operation.is_bulk else ()))
    by_status: dict[str, list[str]] = {}
    for code in dict.fromkeys(codes):
        by_status.setdefault(str(STATUS[code]), []).append(code)
    content = _content(operation)
    answers = {"200": {"description": f"The {operation.reply}.", **content}}
    if operation.method == "POST" and operation.id.startswith(
        ("create", "award", "adjust", "reverse", "report", "refund")
    ):
        answers["201"] = {"description": f"The {operation.reply}, newly made.", **content}
    return answers | {status: {"description": ", ".join(codes)} for status, codes in sorted(by_status.items())}


def _content(operation: Operation) -> dict[str, Any]:
    kind = object_of(operation, OPERATIONS)
    if kind is None:
        return {}
    schema: dict[str, Any] = {"$ref": _REF.format(name=kind.__name__)}
    if operation.reply == "list" and not operation.is_bulk:
        fields = {"object": {"const": "list"}, "url": {"type": "string"}, "has_more": {"type": "boolean"}}
        properties = {**fields, "data": {"type": "array", "items": schema}}
        schema = {"type": "object", "properties": properties, "required": [*properties]}
    return {"content": {"application/json": {"schema": schema}}}
