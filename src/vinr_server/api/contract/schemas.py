"""The shapes of bodies and answers as JSON Schema, for OpenAPI."""

from __future__ import annotations

from typing import Any

import msgspec

from vinr_server.api.contract.input import INTEGER_MAX
from vinr_server.api.contract.operation import ListOf, Operation
from vinr_server.api.contract.rates import EXCHANGE_DECIMALS_MAX, RATES_MAX
from vinr_server.api.contract.table import OBJECTS, OPERATIONS
from vinr_server.api.contract.tenders import TENDERS_MAX
from vinr_server.api.contract.values import KEY_LENGTH_MAX, VALUE_LENGTH_MAX
from vinr_server.api.edge.times import UNIX_MAX
from vinr_server.core.kernel.commands import KEYS_MAX
from vinr_server.core.programs.rows import TENDERS

_REF = "#/components/schemas/{name}"
_TENDER: dict[str, Any] = {
    "type": "string",
    "enum": [*TENDERS],
    "description": "Any spelling will do: storeCredit and Store Credit are store_credit.",
}
# Types that a struct can only declare as Any, by the name that it gives them.
_CHECKED_BY_HAND: dict[str, dict[str, Any]] = {
    "Instant": {
        "anyOf": [
            {"type": "string", "format": "date-time"},
            {"type": "string", "format": "date"},
            {"type": "integer", "minimum": 0, "maximum": UNIX_MAX},
            {"type": "null"},
        ],
        "format": "instant",
        "description": "RFC 3339 with offset, a date (midnight in the program's zone), or Unix seconds.",
    },
    "Rate": {
        "anyOf": [
            {"type": "number", "minimum": 0, "maximum": 1_000_000_000, "multipleOf": 0.0001},
            {"type": "string", "pattern": r"^[0-9]{1,9}(\.[0-9]{1,4})?$"},
            {"type": "null"},
        ],
        "format": "decimal",
        "description": "A number or a string of at most 4 decimals.",
    },
    "Metadata": {
        "type": "object",
        "maxProperties": KEYS_MAX,
        "propertyNames": {"minLength": 1, "maxLength": KEY_LENGTH_MAX},
        "additionalProperties": {
            "anyOf": [
                {"type": "string", "maxLength": VALUE_LENGTH_MAX},
                {"type": "integer", "minimum": -INTEGER_MAX, "maximum": INTEGER_MAX},
                {"type": "boolean"},
            ]
        },
        "description": "Your own keys and values. In an update, null removes a key.",
    },
    "TenderType": _TENDER,
    "EarningTenders": {
        "type": "array",
        "maxItems": TENDERS_MAX,
        "items": _TENDER,
        "description": "Which tenders earn points; by default all but gift_card, store_credit and points.",
    },
    "ExchangeRates": {
        "type": "object",
        "minProperties": 1,
        "maxProperties": RATES_MAX,
        "propertyNames": {"pattern": "^[A-Z]{3}$"},
        "additionalProperties": {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "maximum": 1_000_000_000},
                {"type": "string", "pattern": rf"^[0-9]{{1,9}}(\.[0-9]{{1,{EXCHANGE_DECIMALS_MAX}}})?$"},
            ],
            "format": "decimal",
        },
        "description": f"By currency: what one unit of it is in `in`, of at most {EXCHANGE_DECIMALS_MAX} decimals.",
    },
}

# Text fields that mean more than their type says, by the name they have everywhere.
_BY_NAME: dict[str, dict[str, Any]] = {
    "currency": {"format": "currency", "description": "ISO 4217, such as EUR."},
    "in": {"format": "currency", "description": "ISO 4217, such as EUR."},
    "timezone": {"format": "time-zone", "description": "IANA, such as Europe/Berlin."},
}
# The same in a query, where every value is text.
INSTANT = {"anyOf": _CHECKED_BY_HAND["Instant"]["anyOf"][:3], "description": _CHECKED_BY_HAND["Instant"]["description"]}


def schema_of_answer(operation: Operation) -> dict[str, Any]:
    """The schema of the operation's answer."""
    names = [reply.__name__ for reply in operation.replies]
    options = [{"$ref": _REF.format(name=name)} for name in names]
    schema: dict[str, Any] = {"anyOf": options} if len(options) > 1 else options[0]
    if isinstance(operation.reply, ListOf):
        fields = {"object": {"const": "list"}, "url": {"type": "string"}, "has_more": {"type": "boolean"}}
        properties = {**fields, "data": {"type": "array", "items": schema}}
        schema = {"type": "object", "properties": properties, "required": [*properties]}
    return schema


def schemas() -> dict[str, Any]:
    """The schema of every body and every answer, by name."""
    bodies: list[Any] = [operation.body for operation in OPERATIONS if operation.body is not None]
    bodies += [operation.items[1] for operation in OPERATIONS if operation.items is not None]
    _schemas, components = msgspec.json.schema_components(bodies, ref_template=_REF)
    for struct in _structs(msgspec.inspect.multi_type_info(bodies)):
        for name, hint in _annotations(struct).items():
            kind = _CHECKED_BY_HAND.get(str(hint).partition(" ")[0])
            if kind is not None:
                properties = components[struct.__name__]["properties"]
                properties[name] = _fitting(kind, struct, name, properties[name])
        components[struct.__name__]["additionalProperties"] = False
        _say_more(components[struct.__name__]["properties"])
    for operation in OPERATIONS:
        if operation.ways and operation.body is not None:
            components[operation.body.__name__]["oneOf"] = [{"required": [way]} for way in operation.ways]
        if operation.items is not None:  # its items are read separately, so that each is refused by itself
            (field, item), body = operation.items, operation.body
            assert body is not None
            items: dict[str, Any] = {"$ref": _REF.format(name=item.__name__)}
            if operation.takes_texts:
                items = {"anyOf": [{"type": "string"}, items]}
            components[body.__name__]["properties"][field]["items"] = items
    in_bulk = (reply for operation in OPERATIONS for reply in operation.replies)
    answers = dict.fromkeys([*OBJECTS.values(), *in_bulk])
    _schemas, replies = msgspec.json.schema_components(answers, ref_template=_REF)
    for reply in replies.values():
        del reply["additionalProperties"]  # answers may gain fields, and clients must accept that
    assert not components.keys() & replies.keys(), "a body and an answer share their name"
    return components | replies


def _annotations(struct: type[msgspec.Struct]) -> dict[str, Any]:
    """The types of all fields as they are written, those of its bases too."""
    return {
        name: hint for base in reversed(struct.__mro__) for name, hint in vars(base).get("__annotations__", {}).items()
    }


def _fitting(kind: dict[str, Any], struct: type[msgspec.Struct], name: str, known: dict[str, Any]) -> dict[str, Any]:
    """The type as this field has it: null only if the field is optional; in an update, null removes metadata."""
    default = {"default": known["default"]} if "default" in known else {}
    field = next(field for field in msgspec.structs.fields(struct) if field.name == name)
    if "anyOf" in kind:
        return {**kind, **default, "anyOf": kind["anyOf"][:-1] if field.required else kind["anyOf"]}
    if struct.__name__.startswith("Update") and "additionalProperties" in kind:
        values = {"anyOf": [*kind["additionalProperties"]["anyOf"], {"type": "null"}]}
        kind = {**kind, "additionalProperties": values}
    return {"anyOf": [kind, {"type": "null"}], **default} if "anyOf" in known else {**kind, **default}


def _say_more(properties: dict[str, Any]) -> None:
    """Add formats to text fields; let patterns end as JSON Schema's regular expressions do."""
    for name, schema in properties.items():
        for option in schema.get("anyOf", [schema]):
            if option.get("type") == "string":
                option |= _BY_NAME.get(name, {})
                if "pattern" in option:
                    option["pattern"] = option["pattern"].replace("\\Z", "$")


def _structs(kinds: Any) -> set[type[msgspec.Struct]]:
    """Every struct in these types, nested ones included; a struct may contain its own kind."""
    found: set[type[msgspec.Struct]] = set()
    waiting = list(kinds)
    while waiting:
        kind = waiting.pop()
        if isinstance(kind, msgspec.inspect.StructType) and kind.cls not in found:
            found.add(kind.cls)
            waiting += [field.type for field in kind.fields]
        elif isinstance(kind, msgspec.inspect.UnionType):
            waiting += kind.types
        elif isinstance(kind, msgspec.inspect.ListType):
            waiting.append(kind.item_type)
    return found
