"""Steps about carts: the offers made for them, what a cart gets, and sessions that hold it until it is paid for."""

from __future__ import annotations

from typing import Any

from scenario_codes import presented
from scenario_conditions import where_of
from scenario_drivers import Answer
from scenario_language import Clauses, Words, minor, pairs, wire_instant
from scenario_world import World

Json = dict[str, Any]
# Who buys without being known.
NOBODY = "nobody"


def cart_offer(world: World, words: Words, clauses: Clauses) -> Answer:
    """A checkout offer: `ten takes 10.00 EUR`, `two buys 1 gets 1`, `post ships 5.00 EUR`; live unless it says off."""
    name, *gives = words
    body: Json = {"id": f"ofr_{name}", "name": name, "active": not clauses.has("off")}
    criteria: Json = {}
    if gives[0] == "takes":
        body |= {"type": "fixed_discount", "value": minor(gives[1], gives[2])}
        body |= {"per": "unit"} if clauses.has("each") else {}
        criteria["currency"] = gives[2]
    elif gives[0] == "buys" and "of" in gives:
        body |= {"type": "bogo", **_buy_and_get(gives, clauses)}
    elif gives[0] == "buys":
        body["type"] = "bogo"
        criteria |= {"buy_quantity": int(gives[1]), "get_quantity": int(gives[3])}
    else:
        assert gives[0] == "ships", gives
        body["type"] = "free_shipping"
        if gives[1].endswith("%"):
            body["percent_off"] = gives[1][:-1]
        elif gives[1] != "all":
            body["value"] = minor(gives[1], gives[2])
            criteria["currency"] = gives[2]
    if until := clauses.word("until"):
        body["ends_at"] = wire_instant(until)
    if clauses.has("coded"):
        body["requires_code"] = True
    for clause, field in (("cap", "max_redemptions"), ("limit", "per_member_limit")):
        if (most := clauses.word(clause)) is not None:
            body[field] = int(most)
    body |= budget_of(clauses)
    return world.call("create_offer", body | {"criteria": criteria | _criteria(clauses)} | stacking(clauses))


def budget_of(clauses: Clauses) -> Json:
    """`budget 250 points per day each`, `budget 100.00 EUR per month`, `budget 3 uses`, `budget none`."""
    words = clauses.one("budget")
    if not words:
        return {}
    if words == ("none",):
        return {"budget": None}
    most, unit, *more = words
    is_amount = unit not in ("points", "uses")
    budget: Json = {"amount": minor(most, unit), "currency": unit} if is_amount else {unit: int(most)}
    if "per" in more:
        budget["period"] = more[more.index("per") + 1]
    return {"budget": budget | ({"per_member": True} if "each" in more else {})}


def _buy_and_get(gives: list[str], clauses: Clauses) -> Json:
    """`buys 2 of racket gets 1 of ball shoe [at 50%]`; a name with # is a category, `any` is every line."""
    at = gives.index("gets")
    buy, get = ({"quantity": int(words[1]), **_named(words[3:])} for words in (gives[:at], gives[at:]))
    if percent := clauses.word("at"):
        get["percent_off"] = percent.rstrip("%")
    if clauses.has("dearest"):
        get["pick"] = "dearest"
    times = clauses.word("times")
    return {"buy": buy, "get": get} | ({"max_times": int(times)} if times else {})


def _named(names: list[str]) -> Json:
    if names == ["any"]:
        return {"any": True}
    categories = [name[1:] for name in names if name.startswith("#")]
    return {"skus": [name for name in names if not name.startswith("#")], "categories": categories}


def _criteria(clauses: Clauses) -> Json:
    criteria: Json = {}
    if subtotal := clauses.one("min"):
        criteria["min_subtotal"] = minor(*subtotal)
    if units := clauses.word("quantity"):
        criteria["min_quantity"] = int(units)
    for name in ("skus", "categories", "exclude_skus", "exclude_categories"):
        if named := clauses.one(name):
            criteria[name] = list(named)
    if segments := clauses.one("for"):
        criteria["segments"] = list(segments[1:])
    if clauses.has("first-order"):
        criteria["first_order"] = True
    if most := clauses.one("max"):
        criteria["max_subtotal"] = minor(*most)
    if units := clauses.word("units-at-most"):
        criteria["max_quantity"] = int(units)
    if clauses.has("of-discounted"):
        criteria["of"] = "discounted"
    return criteria | where_of(clauses)


def stacking(clauses: Clauses) -> Json:
    """How an offer goes with others: `exclusive` or `best` of its group, and with which priority."""
    fields: Json = {}
    for mode in ("exclusive", "best"):
        if (group := clauses.one(mode)) is not None:
            fields |= {"stacking": mode} | ({"stacking_group": group[0]} if group else {})
    if priority := clauses.word("priority"):
        fields["priority"] = int(priority)
    return fields


def switch(world: World, words: Words, clauses: Clauses) -> Answer:
    """A checkout offer is switched `on` or `off`."""
    name, state = words
    return world.call("update_offer", {"active": state == "on"}, id=f"ofr_{name}")


def line(words: Words, currency: str) -> Json:
    """`beans 10.00 x2 off 1.00 tax 2.00 in coffee drinks`."""
    sku, price, *rest = words
    shown: Json = {"sku": sku, "unit_price": minor(price, currency)}
    if rest and rest[0].startswith("x"):
        shown["quantity"] = int(rest.pop(0)[1:])
    for word, field in (("off", "discount"), ("tax", "tax")):
        if rest and rest[0] == word:
            shown[field], rest = minor(rest[1], currency), rest[2:]
    if rest:
        shown["categories"] = rest[1:]
    return shown


def cart(world: World, words: Words, clauses: Clauses) -> Answer:
    """A member, or nobody, is told what a cart gets."""
    return world.call("evaluate_cart", _cart(world, words, clauses))


def checkout(world: World, words: Words, clauses: Clauses) -> Answer:
    """A cart is promised what it gets, for half an hour."""
    body = _cart(world, words, clauses) | ({"take_over": True} if clauses.has("take-over") else {})
    answer = world.call("create_checkout_session", body)
    world.note(world.sessions, clauses.word("as"), answer)
    return answer


def recart(world: World, words: Words, clauses: Clauses) -> Answer:
    """An open session has other lines, shipping or metadata, or is a guest's no longer."""
    session = world.named(world.sessions, words[0])
    body: Json = {}
    if name := clauses.word("by"):
        body["customer"] = _customer(world, name)
    if lines := [line(one, session.object["currency"]) for one in clauses.every("line")]:
        body["lines"] = lines
    if shipping := clauses.word("shipping"):
        body["shipping"] = {"amount": minor(shipping, session.object["currency"])}
    if labels := clauses.one("metadata"):
        body["metadata"] = pairs(labels)
    body |= _credit(world, body.get("customer"), session.object["currency"], clauses) | presented(clauses)
    return world.call("update_checkout_session", body, id=session.id)


def complete(world: World, words: Words, clauses: Clauses) -> Answer:
    """A session is completed, with a payment on record or without one."""
    name = clauses.word("with")
    paid = {"payment": world.named(world.payments, name).id} if name else {}
    return world.call("complete_checkout_session", paid, id=world.named(world.sessions, words[0]).id)


def abandon(world: World, words: Words, clauses: Clauses) -> Answer:
    """What a session holds is given back."""
    return world.call("expire_checkout_session", id=world.named(world.sessions, words[0]).id)


def _customer(world: World, name: str) -> str:
    return world.member(name).customer if name in world.members else f"cust_{name}"


def _cart(world: World, words: Words, clauses: Clauses) -> Json:
    name, currency = words
    body: Json = {"currency": currency, "lines": [line(one, currency) for one in clauses.every("line")]}
    if name != NOBODY:
        body["customer"] = _customer(world, name)
    if clauses.has("plus-tax"):
        body["prices_include_tax"] = False
    if labels := clauses.one("metadata"):
        body["metadata"] = pairs(labels)
    if shipping := clauses.word("shipping"):
        body["shipping"] = {"amount": minor(shipping, currency)}
    if discounts := clauses.every("discount"):
        body["discounts"] = [world.redemptions[one].object["discount"] for (one,) in discounts]
    return body | presented(clauses) | _credit(world, body.get("customer"), currency, clauses)


def _credit(world: World, customer: str | None, currency: str, clauses: Clauses) -> Json:
    """`credit`: all there is; `credit 5.00`: up to that; `credit none`: no longer."""
    asked = clauses.one("credit")
    if asked is None:
        return {}
    if customer is not None:
        world.wallet = (customer, currency)
    if not asked:
        return {"store_credit": True}
    return {"store_credit": False if asked[0] == "none" else {"amount": minor(asked[0], currency)}}
