"""Earning rules: what turns an event into points, in revisions."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from vinr_server.api.contract.conditions import (
    Conditions,
    ConditionsInput,
    Window,
    WindowInput,
    read_conditions,
    read_nested_window,
)
from vinr_server.api.contract.input import Count, Input, Key, Metadata, PendingDays, ProgramId, Rate
from vinr_server.api.contract.operation import FIND, MADE, ListOf, Operation
from vinr_server.api.contract.pages import Listing, flag, text
from vinr_server.api.contract.rates import (
    Caps,
    CapsInput,
    Earn,
    EarnInput,
    Exchange,
    ExchangeInput,
    read_caps,
    read_earn,
    read_exchange,
)
from vinr_server.api.contract.reads import list_of, retrieve, shown_by
from vinr_server.api.contract.reply import Deleted, Json, Reference, Reply, ShownRate
from vinr_server.api.contract.values import read_metadata, read_rate
from vinr_server.api.contract.where import OF_RULE, Where, WhereInput, read_where
from vinr_server.api.edge.call import Call
from vinr_server.api.edge.problems import Problem
from vinr_server.api.edge.zones import zone_if_needed
from vinr_server.core.earning import commands, payloads, rows, rules
from vinr_server.core.earning import conditions as core_conditions
from vinr_server.core.kernel.values import replace
from vinr_server.storage.reads.scopes import NOT_DELETED

URL = "/v1/loyalty/earning_rules"


class WhenInput(WhereInput):
    tier: Key | Annotated[list[Key], Meta(max_length=50)] | None = None
    metadata: Metadata | None = None
    window: WindowInput | None = None


class MultiplierInput(Input):
    factor: Rate
    when: WhenInput


class ConversionNumberInput(Input):
    gte: Count | None = None
    lte: Count | None = None


class RuleConditionsInput(ConditionsInput):
    tiers: Annotated[list[Key], Meta(max_length=50)] = []
    conversion_number: ConversionNumberInput | None = None


Recipients = Annotated[list[rows.Role], Meta(min_length=1, max_length=2)]


class CreateEarningRuleInput(Input):
    program: ProgramId
    trigger: Key
    earn: EarnInput
    conditions: RuleConditionsInput | None = None
    multipliers: Annotated[list[MultiplierInput], Meta(max_length=50)] = []
    caps: CapsInput | UnsetType | None = UNSET
    exchange: ExchangeInput | UnsetType | None = UNSET
    pending_days: PendingDays | None = None
    recipients: Recipients | UnsetType = UNSET
    active: bool = True
    metadata: Metadata = {}


class UpdateEarningRuleInput(Input):
    earn: EarnInput | UnsetType = UNSET
    conditions: RuleConditionsInput | UnsetType = UNSET
    multipliers: Annotated[list[MultiplierInput], Meta(max_length=50)] | UnsetType = UNSET
    caps: CapsInput | UnsetType | None = UNSET
    exchange: ExchangeInput | UnsetType | None = UNSET
    pending_days: PendingDays | UnsetType | None = UNSET
    recipients: Recipients | UnsetType = UNSET
    active: bool | UnsetType = UNSET
    metadata: Metadata = {}


class When(Where):
    tier: str | list[str] | UnsetType = UNSET
    metadata: Json | UnsetType = UNSET
    window: Window | UnsetType = UNSET


class Multiplier(Reply):
    when: When
    factor: ShownRate


class ConversionNumber(Reply):
    gte: int | UnsetType = UNSET
    lte: int | UnsetType = UNSET


class RuleConditions(Conditions):
    tiers: list[str] | UnsetType = UNSET
    conversion_number: ConversionNumber | UnsetType = UNSET


class EarningRule(Reply):
    id: str
    object: Literal["earning_rule"]
    program: Reference
    revision: int
    trigger: str
    earn: Earn
    conditions: RuleConditions
    multipliers: list[Multiplier]
    caps: Caps | None
    exchange: Exchange | None
    pending_days: int | None
    recipients: list[rows.Role]
    active: bool
    metadata: Json
    created: int
    livemode: bool


async def create_earning_rule(call: Call) -> commands.CreateEarningRule:
    body: CreateEarningRuleInput = call.body
    zone = await zone_if_needed(call, body, program_id=body.program)
    return commands.CreateEarningRule(
        program_id=body.program,
        trigger=body.trigger,
        earn=read_earn(body.earn),
        conditions=read_rule_conditions(body.conditions, zone=zone),
        multipliers=read_multipliers(body.multipliers, zone=zone),
        is_active=body.active,
        metadata=read_metadata(body.metadata),
        caps=None if body.caps is UNSET else read_caps(body.caps),
        exchange=None if body.exchange is UNSET else read_exchange(body.exchange),
        pending_days=body.pending_days,
        recipients=rows.ROLES if body.recipients is UNSET else read_recipients(body.recipients),
    )


async def update_earning_rule(call: Call) -> commands.UpdateEarningRule:
    body: UpdateEarningRuleInput = call.body
    zone = await zone_if_needed(call, body, table="earning_rules")
    changes: dict[str, Any] = {}
    if body.earn is not UNSET:
        changes["earn"] = read_earn(body.earn)
    if body.conditions is not UNSET:
        changes["conditions"] = read_rule_conditions(body.conditions, zone=zone)
    if body.multipliers is not UNSET:
        changes["multipliers"] = read_multipliers(body.multipliers, zone=zone)
    if body.caps is not UNSET:
        changes["caps"] = read_caps(body.caps)
    if body.exchange is not UNSET:
        changes["exchange"] = read_exchange(body.exchange)
    if body.pending_days is not UNSET:
        changes["pending_days"] = body.pending_days
    if body.recipients is not UNSET:
        changes["recipients"] = read_recipients(body.recipients)
    if body.active is not UNSET:
        changes["is_active"] = body.active
    return commands.UpdateEarningRule(call.id, changes, read_metadata(body.metadata, allows_null=True))


def read_recipients(given: list[rows.Role]) -> tuple[rows.Role, ...]:
    """Who earns by a conversion, each once, the referrer first."""
    return tuple(role for role in rows.ROLES if role in given)


def read_rule_conditions(given: RuleConditionsInput | None, *, zone: str) -> core_conditions.Conditions:
    """What a rule requires of an occasion, of who earns, and of the number of a conversion."""
    conditions = read_conditions(given, zone=zone)
    if given is None:
        return conditions
    number = given.conversion_number or ConversionNumberInput()
    if number.gte is not None and number.lte is not None and number.gte > number.lte:
        message = f"conditions.conversion_number: no number is at least {number.gte} and at most {number.lte}."
        raise Problem("parameter_invalid", message, param="conditions.conversion_number")
    return replace(conditions, tiers=tuple(given.tiers), conversions_from=number.gte, conversions_to=number.lte)


def delete_earning_rule(call: Call) -> commands.DeleteEarningRule:
    return commands.DeleteEarningRule(call.id)


def read_multipliers(given: list[MultiplierInput], *, zone: str) -> tuple[rules.Multiplier, ...]:
    """Factors, each with the condition under which it applies."""
    return tuple(_multiplier(multiplier, f"multipliers[{n}]", zone) for n, multiplier in enumerate(given))


def _multiplier(given: MultiplierInput, param: str, zone: str) -> rules.Multiplier:
    when = given.when
    where = read_where(when, param=f"{param}.when", zone=zone, of=OF_RULE)
    if when.tier is None and when.metadata is None and when.window is None and where is None:
        message = (
            f"{param}.when has no condition. Send tier, metadata, window, all, any or not; put a factor for everybody"
            " into the rate."
        )
        raise Problem("parameter_invalid", message, param=f"{param}.when")
    starts_at, ends_at = read_nested_window(when.window, param=f"{param}.when.window", zone=zone)
    return rules.Multiplier(
        factor_e4=read_rate(given.factor, param=f"{param}.factor"),
        tiers=(when.tier,) if isinstance(when.tier, str) else tuple(when.tier or ()),
        metadata=None if when.metadata is None else read_metadata(when.metadata, param=f"{param}.when.metadata"),
        starts_at=starts_at,
        ends_at=ends_at,
        where=where,
    )


EARNING_RULES = Listing(
    rows.EarningRule,
    {"program": ("program_id", text), "trigger": ("trigger", text), "active": ("is_active", flag)},
    within=NOT_DELETED,
)
show_rules = shown_by(payloads.rule_payload)

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        id="create_earning_rule",
        method="POST",
        path=URL,
        sdk="loyalty.earningRules.create",
        summary="Create a rule that turns events into points.",
        body=CreateEarningRuleInput,
        translate=create_earning_rule,
        reply=EarningRule,
        answers=MADE,
        refusals=(*FIND, "parameter_conflict"),
        example={
            "program": "prog_default",
            "trigger": "payment.completed",
            "earn": {"points_per_currency_unit": 1},
            "multipliers": [{"when": {"tier": "gold"}, "factor": 2}],
        },
    ),
    Operation(
        id="retrieve_earning_rule",
        method="GET",
        path=f"{URL}/{{id}}",
        sdk="loyalty.earningRules.retrieve",
        summary="Retrieve one earning rule.",
        read=retrieve(rows.EarningRule, "earning rule", show_rules),
        reply=EarningRule,
        refusals=FIND,
    ),
    Operation(
        id="update_earning_rule",
        method="POST",
        path=f"{URL}/{{id}}",
        sdk="loyalty.earningRules.update",
        summary="Create a new revision of a rule.",
        body=UpdateEarningRuleInput,
        translate=update_earning_rule,
        reply=EarningRule,
        immutable=("id", "program", "trigger"),
        refusals=(*FIND, "immutable_field", "parameter_conflict"),
        example={"earn": {"points_per_currency_unit": "1.5"}, "conditions": {"min_amount": 1000, "currency": "EUR"}},
    ),
    Operation(
        id="delete_earning_rule",
        method="DELETE",
        path=f"{URL}/{{id}}",
        sdk="loyalty.earningRules.delete",
        summary="Delete a rule; its revisions stay for the awards they made.",
        translate=delete_earning_rule,
        reply=Deleted,
        refusals=FIND,
    ),
    Operation(
        id="list_earning_rules",
        method="GET",
        path=URL,
        sdk="loyalty.earningRules.list",
        summary="List earning rules, newest first.",
        read=list_of(EARNING_RULES, URL, show_rules),
        listing=EARNING_RULES,
        reply=ListOf(EarningRule),
    ),
)
