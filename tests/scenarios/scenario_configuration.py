"""Steps that set a scenario up: its clock, programs, earning rules and rewards, and edits of these."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import scenario_segments
from scenario_conditions import where_of
from scenario_drivers import Answer
from scenario_language import Clauses, Words, minor, pairs, wire_instant
from scenario_tiers import tier_fields
from scenario_world import World

Json = dict[str, Any]


def clock(world: World, words: Words, clauses: Clauses) -> None:
    """The scenario starts at an instant; time moves by `advance` only."""
    assert world.clock_id is None, "the clock comes first"
    world.clock(*words)


def program(world: World, words: Words, clauses: Clauses) -> None:
    """A program on the scenario's clock, or by `wall clock`; the first one takes the members that name none."""
    name, rest = _program_name(words)
    name = name or "main"
    clock_id = None if clauses.word("wall") else world.clock()
    body = {"id": f"prog_{name}", "name": name, "test_clock": clock_id, **_program_fields(rest, clauses)}
    if zone := clauses.word("zone"):
        body["timezone"] = zone
    world.programs[name] = world.make("create_program", body)["id"]


def _program_name(words: Words) -> tuple[str | None, Words]:
    return (words[0], words[1:]) if words and words[0] != "expires" else (None, words)


def _program_fields(words: Words, clauses: Clauses) -> Json:
    """`expires 12 months [of inactivity]` or `expires never`, with what its clauses say of rounding and tiers."""
    currency: Json = {}
    if words:
        assert words[0] == "expires"
        currency["expiry_months"] = None if words[1] == "never" else int(words[1])
        currency["expiry_mode"] = "inactivity" if words[-1] == "inactivity" else "fixed"
    if rounded := clauses.word("rounded"):
        currency["expiry_rounding"] = rounded
    if pends := clauses.one("pends"):
        currency["pending_days"] = int(pends[0])
    fields: Json = {"currency": currency} if currency else {}
    fields |= tier_fields(clauses)
    if tenders := clauses.one("earning-tenders"):
        fields["earning_tenders"] = [] if tenders == ("none",) else list(tenders)
    if guests := clauses.one("guests"):
        fields["guest_days"] = int(guests[0])
    if reminders := clauses.one("reminds"):
        fields["expiry_reminders"] = [] if reminders == ("never",) else [int(days) for days in reminders]
    return fields


def rule(world: World, words: Words, clauses: Clauses) -> Answer:
    """An earning rule, of payments unless it says `on`."""
    name, *earns = words
    body = {
        "program": world.program(clauses.word("in")),
        "trigger": clauses.word("on") or "payment.completed",
        **_rule_fields(earns, clauses),
    }
    answer = world.call("create_earning_rule", body)
    if answer.code is None:
        world.rules[name] = answer.payload["id"]
    return answer


def _rule_fields(earns: list[str], clauses: Clauses) -> Json:
    fields: Json = {"earn": _earn(earns, clauses)} if earns else {}
    if conditions := conditions_of(clauses):
        fields["conditions"] = conditions
    if factors := clauses.every("factor"):
        fields["multipliers"] = [_multiplier(factor) for factor in factors]
    if cap := clauses.one("caps"):
        fields["caps"] = None if cap == ("none",) else {"points": int(cap[0]), "per": cap[2]}
    if exchange := clauses.one("exchange"):
        rates = dict(rate.split("=") for rate in exchange[1:])
        fields["exchange"] = None if exchange == ("none",) else {"in": exchange[0], "rates": rates}
    if clauses.has("inactive"):
        fields["active"] = False
    if recipients := clauses.one("to"):
        fields["recipients"] = list(recipients)
    if pends := clauses.one("pends"):
        fields["pending_days"] = None if pends == ("as", "program") else int(pends[0])
    return fields


def _earn(words: list[str], clauses: Clauses) -> Json:
    """`earns 1 per 10 EUR`, `… 2 per unit`, `… 50 flat`, `… 5 for each [full] 2.50 EUR`, `… 2 per 1 data.km`, bands."""
    assert words[0] == "earns"
    earn: Json
    if words[2] == "flat":
        return {"points": int(words[1])}
    unit = words[-1]
    if unit.startswith("data."):
        earn = {"points": int(words[1]), "per_unit": {"field": unit, "unit": words[3]}}
    elif words[1] == "bands":
        bands = [_band(band, unit) for band in clauses.every("band")]
        earn = {"bands": bands, "graduated": True, "currency": unit}
    elif words[2] == "for":
        earn = {"points": int(words[1]), "per_amount": minor(words[-2], unit), "currency": unit}
        if "full" in words:
            earn["full_steps"] = True
    else:
        per = int(words[3]) if len(words) > 4 else 1
        earn = {"points_per_currency_unit": str(Decimal(words[1]) / per)}
        if unit != "unit":
            earn["currency"] = unit
    if rounding := clauses.word("rounding"):
        earn["rounding"] = rounding
    return earn


def _band(words: Words, currency: str) -> Json:
    """`1 per 1.00 to 100.00`; the last band has no end."""
    points, _per, amount, *to = words
    band = {"points": int(points), "per_amount": minor(amount, currency)}
    return band | ({"up_to": minor(to[1], currency)} if to else {})


def conditions_of(clauses: Clauses) -> Json:
    """What a rule or an offer asks of a purchase."""
    conditions: Json = {}
    for name, field in (("min", "min_amount"), ("max", "max_amount")):
        if bound := clauses.one(name):
            conditions[field] = minor(*bound)
    if currency := clauses.word("currency"):
        conditions["currency"] = currency
    for name in ("skus", "categories", "exclude_skus", "exclude_categories"):
        if wanted := clauses.one(name):
            conditions[name] = list(wanted)
    for name, is_first in (("first", True), ("later", False)):
        if clauses.one(name):
            conditions["first_payment"] = is_first
    if metadata := clauses.one("metadata"):
        conditions["metadata"] = pairs(metadata)
    if window := _window(clauses):
        conditions["window"] = window
    if tiers := clauses.one("members"):
        conditions["tiers"] = list(tiers)
    if number := clauses.one("conversion"):
        conditions["conversion_number"] = dict(zip(number[::2], map(int, number[1::2]), strict=True))
    return conditions | where_of(clauses)


def _window(clauses: Clauses) -> Json:
    ends = (("starts_at", clauses.word("from")), ("ends_at", clauses.word("until")))
    return {name: wire_instant(text) for name, text in ends if text}


def _multiplier(words: Words) -> Json:
    """`2 for tier gold`, `3 for metadata channel=app`, `2 from instant until instant`, `2 where …`."""
    factor, *when = words
    if when[0] == "where":
        return {"factor": factor, "when": where_of(Clauses((tuple(when),)))}
    if when[0] == "from":
        return {"factor": factor, "when": {"window": _window(Clauses((tuple(when[:2]), tuple(when[2:]))))}}
    _for, kind, *wanted = when
    return {"factor": factor, "when": {kind: pairs(tuple(wanted)) if kind == "metadata" else wanted}}


def reward(world: World, words: Words, clauses: Clauses) -> None:
    """A reward; a voucher unless it says what it gives."""
    id, *costs = words
    body: Json = {
        "program": world.program(clauses.word("in")),
        "id": id,
        "name": id,
        "benefit": {"type": "voucher"},
        **_reward_fields(costs, clauses),
    }
    world.costs[id] = world.make("create_reward", body)["points_cost"]


def _reward_fields(costs: list[str], clauses: Clauses) -> Json:
    fields: Json = {"points_cost": int(costs[1])} if costs else {}
    for name, field in (("stock", "stock"), ("limit", "per_member_limit")):
        if cap := clauses.word(name):
            fields[field] = None if cap == "none" else int(cap)
    if gives := clauses.one("gives"):
        kind = "store_credit" if gives[2:] == ("credit",) else "discount"
        fields["benefit"] = {"type": kind, "amount": minor(gives[0], gives[1]), "currency": gives[1]}
    if months := clauses.word("lasting"):
        fields["benefit"]["expiry_months"] = int(months)
    if pays := clauses.one("pays"):
        fields["benefit"] = _per_point(pays, clauses)
    if least := clauses.one("from-order"):
        fields["benefit"]["min_subtotal"] = minor(least[0], least[1])
    if most := clauses.word("at-most"):
        fields["benefit"]["max_percent_of_order"] = most.rstrip("%")
    if tiers := clauses.one("for"):
        fields["tiers"] = list(tiers[1:])
    return fields | _window(clauses)


def _per_point(pays: Words, clauses: Clauses) -> Json:
    """`pays 0.5 EUR`: minor units for each point; and the points that are possible."""
    names = {"least": "min_points", "most": "max_points", "steps": "step_points"}
    bounds = {field: int(value) for name, field in names.items() if (value := clauses.word(name))}
    return {"type": "discount", "amount_per_point": pays[0], "currency": pays[1], **bounds}


def edit(world: World, words: Words, clauses: Clauses) -> Answer | None:
    """A program, rule, reward or segment says something else from now on."""
    kind, *rest = words
    if kind == "segment":
        return scenario_segments.edit(world, rest[0], clauses)
    if kind == "program":
        name, expires = _program_name(tuple(rest))
        return world.call("update_program", _program_fields(expires, clauses), id=world.program(name))
    if kind == "rule":
        name, *earns = rest
        return world.call("update_earning_rule", _rule_fields(earns, clauses), id=world.rules[name])
    assert kind == "reward", kind
    id, *costs = rest
    world.costs[id] = world.make("update_reward", _reward_fields(costs, clauses), id=id)["points_cost"]
    return None


def delete(world: World, words: Words, clauses: Clauses) -> Answer | None:
    """A rule gives nothing any more; a segment has no members."""
    kind, name = words
    if kind == "segment":
        return world.call("delete_segment", id=name)
    world.make("delete_earning_rule", {}, id=world.rules[name])
    return None


def archive(world: World, words: Words, clauses: Clauses) -> Answer:
    """A reward can't be redeemed any more."""
    return world.call("archive_reward", id=words[0])
