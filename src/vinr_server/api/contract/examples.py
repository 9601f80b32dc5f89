"""Examples of what calls take and answer, made from the schemas, so that they never lag behind a field.

Where the sandbox has an object, the example uses its id, so that a call tried from /docs works as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

# An id of each kind of object.
IDS: dict[str, str] = {
    "program": "prog_default",
    "loyalty_account": "loy_abc123",
    "earning_rule": "rule_onePerEuro",
    "points_transaction": "ptx_0197a3",
    "reward": "rwd_fiveOff",
    "engagement_offer": "ofr_9fK2",
    "offer": "ofr_3Fj7tN",
    "offer_grant": "gnt_0197a3",
    "redemption": "rdm_0197a3",
    "checkout_session": "cs_0197a3",
    "code": "code_0197a3",
    "code_batch": "cbt_postCards",
    "discount": "disc_0197a3",
    "store_credit_account": "crd_0197a3",
    "credit_transaction": "crt_0197a3",
    "payment": "pay_3xZ9q",
    "refund": "re_7Hk2",
    "referral_program": "rfp_0197a3",
    "referral_code": "ADA-2026",
    "referral": "ref_0197a3",
    "campaign": "cmp_0197a3",
    "enrolment": "enr_0197a3",
    "campaign_step": "remind",
    "campaign_scan": "scan_cmp_0197a3.call_0197a3",
    "customer": "cust_abc123",
    "event": "evt_0197a3",
    "test_clock": "clock_0197a3",
    "api_key": "key_sandbox",
    "api_key_act": "act_0197a3",
    "segment": "lapsed_90d",
    "segment_member": "loy_abc123",
    "webhook_endpoint": "we_0197a3",
    "webhook_delivery": "dlv_0197a3",
}
# Values by field name; anything else is made from its type, and is null where null is allowed.
_VALUES: dict[str, Any] = {
    **IDS,
    "account": IDS["loyalty_account"],
    "active": True,
    "rule": IDS["earning_rule"],
    "code": IDS["referral_code"],
    "referrer": IDS["loyalty_account"],
    "transaction": IDS["points_transaction"],
    "amount": 25000,
    "api_key": IDS["api_key"],
    "balance": 600,
    "balance_after": 850,
    "currency": "EUR",
    "created": 1_780_000_000,
    "eligible_amount": 25000,
    "email": "ada@example.com",
    "frozen_time": 1_893_456_000,
    "lifetime_points": 600,
    "name": "VINR Rewards",
    "occurred_at": 1_780_000_000,
    "points": 250,
    "points_cost": 100,
    "cost": 100,
    "points_spent": 100,
    "revision": 1,
    "sequence": 3,
    "status_code": 200,
    "threshold": 500,
    "tier": "gold",
    "timezone": "UTC",
    "trigger": "payment.completed",
    "url": "/v1/…",
}
# Answers of operations that show the same object as others do, but another kind of it.
_OF_OPERATIONS: dict[str, dict[str, Any]] = {
    "adjust_points": {"kind": "adjustment"},
    "reverse_points": {"kind": "reversal", "points": -250, "balance_after": 600, "reverses": IDS["points_transaction"]},
    "cancel_redemption": {"status": "canceled"},
    "withdraw_grant": {"status": "withdrawn"},
    "consume_discount": {"status": "consumed"},
    "archive_reward": {"status": "archived"},
    "close_account": {"status": "closed"},
}
# Fields of objects that mean another thing there than elsewhere.
_OF_OBJECTS: dict[str, dict[str, Any]] = {
    "credit_transaction": {"account": IDS["store_credit_account"]},
    "campaign_scan": {"name": "call_0197a3", "as_of": 1_780_000_000, "entered": 240, "refused": 8},
    "code": {"code": "SPRING-10", "key": "spring10", "offer": "ofr_welcome"},
}
# Of the words that a field may hold, the first one listed here.
_WORDS = ("award", "active", "confirmed", "issued", "secret", "ready", "created", "none", "floor", "discount")
# Lists that an example fills with one item.
_FILLED = ("data", "awards", "tiers")


def example_of(schema: Schema, components: Mapping[str, Any], given: Mapping[str, Any], *, operation: str) -> Any:
    """A value that the schema allows, as the operation would answer for the given values."""
    return _Maker(components, {**given, **_OF_OPERATIONS.get(operation, {})}).of(schema, "")


class _Maker:
    def __init__(self, components: Mapping[str, Any], given: Mapping[str, Any]) -> None:
        self._components, self._given = components, given
        self._inside: list[str] = []

    def of(self, schema: Schema, name: str) -> Any:
        if "$ref" in schema:
            return self._component(schema["$ref"].rpartition("/")[2])
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return next((word for word in _WORDS if word in schema["enum"]), schema["enum"][0])
        if "allOf" in schema:
            return self.of(schema["allOf"][0], name)
        options = schema.get("anyOf")
        if options is not None:
            can_be_null = {"type": "null"} in options
            if can_be_null and name not in _VALUES:
                return None
            return self._plain(next(option for option in options if option != {"type": "null"}), name)
        return self._plain(schema, name)

    def _plain(self, schema: Schema, name: str) -> Any:
        kind = schema.get("type")
        if kind == "object" and "properties" in schema:
            return self._object(schema)
        if kind == "array":
            items = schema.get("items", {})
            return [self.of(items, name)] if "$ref" in items and name in _FILLED else []
        if "$ref" in schema or "enum" in schema or "anyOf" in schema:
            return self.of(schema, name)
        value = _VALUES.get(name)
        fits = {"integer": int, "string": str, "boolean": bool}.get(str(kind))
        if fits is not None and isinstance(value, fits):
            return value
        return {"integer": 0, "number": 0, "boolean": False, "object": {}, "string": name or "text"}.get(str(kind))

    def _component(self, name: str) -> Any:
        if name in self._inside:  # an object inside itself would never end
            return {}
        self._inside.append(name)
        made = self.of(self._components[name], "")
        self._inside.pop()
        return made

    def _object(self, schema: Schema) -> dict[str, Any]:
        made: dict[str, Any] = {}
        kinds = schema["properties"].get("object", {})
        kind = kinds.get("const") or next(iter(kinds.get("enum", ())), None)
        is_outermost = len(self._inside) <= 1
        for field, value_schema in schema["properties"].items():
            if field not in schema.get("required", ()):
                continue
            made[field] = self.of(value_schema, field)
            if field == "id" and kind in IDS:
                made[field] = IDS[kind]
            made |= {field: own[field]} if field in (own := _OF_OBJECTS.get(str(kind), {})) else {}
            given = self._given.get(field) if is_outermost else None
            if isinstance(given, Mapping) and isinstance(made[field], dict):
                made[field] |= given
            elif isinstance(given, (str, int)) and _allows(value_schema, given):
                made[field] = given
        return made


def _allows(schema: Schema, value: str | int) -> bool:
    """Whether a plain value has a type that the schema names."""
    kind = {str: "string", bool: "boolean", int: "integer"}[type(value)]
    options = schema.get("anyOf", [schema])
    return any(option.get("type") == kind or value in option.get("enum", ()) for option in options)
