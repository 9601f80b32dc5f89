"""What the verbs of a scenario do: each turns its words and clauses into one call of the API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import scenario_campaigns as campaigns
import scenario_checkout as checkout
import scenario_codes as codes
import scenario_configuration as configuration
import scenario_credit as credit
import scenario_offers as offers
import scenario_referrals as referrals
import scenario_segments as segments
import scenario_tiers as tiers
from scenario_drivers import Answer
from scenario_language import Clauses, Words, data_of, minor, pairs, wire_instant
from scenario_world import Member, Named, World

from vinr_server.core.members.rows import Account
from vinr_server.core.rewards.rows import Redemption

Json = dict[str, Any]
# Payers without an account: one the merchant does not know, two who are not enrolled.
STRANGERS = ("nobody", "someone", "guest")
Verb = Callable[[World, Words, Clauses], Answer | None]


def _common(clauses: Clauses) -> Json:
    """The fields that steps of several kinds can carry."""
    fields: Json = {}
    if happened := clauses.word("on"):
        fields["occurred_at"] = wire_instant(happened)
    if metadata := clauses.one("metadata"):
        fields["metadata"] = pairs(metadata)
    return fields


# ---- members and time


def advance(world: World, words: Words, clauses: Clauses) -> None:
    """The clock stands at the instant, and what is due by then is written unless that is late."""
    assert world.clock_id is not None
    world.settle()
    world.make("advance_test_clock", {"frozen_time": wire_instant(words[0])}, id=world.clock_id)
    world.is_late = clauses.has("late")
    if not world.is_late:
        world.driver.settle(world.clock_id)


def enrol(world: World, words: Words, clauses: Clauses) -> Answer:
    """A customer has an account."""
    (name,) = words
    same = clauses.one("same")
    present = world.members.get(name)
    customer = world.members[same[-1]].customer if same else present.customer if present else f"cust_{name}"
    body = {"program": world.program(clauses.word("in")), "customer": customer, **_common(clauses)}
    answer = world.call("create_account", body)
    if answer.code is None and not world.is_dry_run:
        world.members[name] = Member(answer.payload["id"], customer)
        world.member(name)
    return answer


def relabel(world: World, words: Words, clauses: Clauses) -> Answer:
    """An account has other metadata."""
    (name,) = words
    return world.call("update_account", _common(clauses), id=world.member(name).id)


def close(world: World, words: Words, clauses: Clauses) -> Answer:
    """An account takes part no more."""
    return world.call("close_account", id=world.member(words[0]).id)


def reopen(world: World, words: Words, clauses: Clauses) -> Answer:
    """A closed account takes part again."""
    return world.call("reopen_account", id=world.member(words[0]).id)


def merge(world: World, words: Words, clauses: Clauses) -> Answer:
    """`merge A into B`: one customer becomes another, which may be new; the expectations are about B."""
    name, _into, target = words
    customers = {one: world.members[one].customer if one in world.members else f"cust_{one}" for one in (name, target)}
    answer = world.call("merge_customers", {"from": customers[name], "into": customers[target]})
    found = [account for account in world.driver.rows(Account) if account.customer_id == customers[target]]
    if target not in world.members and found and answer.code is None:
        world.members[target] = Member(found[0].id, found[0].customer_id)
    if target in world.members:
        world.member(target)
    return answer


# ---- points


def award(world: World, words: Words, clauses: Clauses) -> Answer:
    """Points by hand."""
    name, points = words
    body = {"account": world.member(name).id, "points": int(points), **_common(clauses)}
    if payment := clauses.word("payment"):
        body["payment"] = payment
    if end := clauses.word("ends"):
        body["expires_at"] = wire_instant(end) if "T" in end else end
    if pends := clauses.one("pends"):
        body["pending_days"] = int(pends[0])
    answer = world.call("award_points", body)
    world.note(world.entries, clauses.word("as"), answer)
    return answer


def mature(world: World, words: Words, clauses: Clauses) -> Answer:
    """Pending points are there now."""
    answer = world.call("activate_points", {"transaction": world.named(world.entries, words[0]).id})
    world.note(world.entries, clauses.word("as"), answer)
    return answer


def adjust(world: World, words: Words, clauses: Clauses) -> Answer:
    """A correction by hand."""
    name, points = words
    body = {"account": world.member(name).id, "points": int(points), "reason": "correction", **_common(clauses)}
    answer = world.call("adjust_points", body)
    world.note(world.entries, clauses.word("as"), answer)
    return answer


def reverse(world: World, words: Words, clauses: Clauses) -> Answer:
    """A clawback by hand: of all that is left, or of some points."""
    name, *points = words
    body: Json = {"transaction": world.named(world.entries, name).id, **_common(clauses)}
    if points:
        body["points"] = int(points[0])
    answer = world.call("reverse_points", body)
    world.note(world.entries, clauses.word("as"), answer)
    return answer


# ---- redemptions


def hold(world: World, words: Words, clauses: Clauses) -> Answer:
    """Points held for a reward: an authorized redemption."""
    return redeem(world, words, clauses, capture=False)


def capture(world: World, words: Words, clauses: Clauses) -> Answer:
    """What a redemption holds is spent, all of it or so many points."""
    name, *points = words
    body = {"points": int(points[0])} if points else {}
    answer = world.call("capture_redemption", body, id=world.named(world.redemptions, name).id)
    world.note(world.entries, f"{name}.entry", answer, id=answer.payload.get("points_transaction"))
    return answer


def redeem(world: World, words: Words, clauses: Clauses, **more: Any) -> Answer:
    """Points spent on a reward, whose price is set first where the step names it."""
    name, reward, *costs = words
    member = world.member(name)
    if costs and world.costs.get(reward) != int(costs[1]):
        price = configuration.edit if reward in world.costs else configuration.reward
        price(world, (*(("reward",) if reward in world.costs else ()), reward, *costs), Clauses(()))
    body: Json = {"account": member.id, "reward": reward, **_common(clauses), **more}
    if points := clauses.word("spending"):
        body["points"] = int(points)
    if minutes := clauses.word("minutes"):
        body["expires_in_minutes"] = int(minutes)
    answer = world.call("create_redemption", body)
    called = clauses.word("as")
    world.note(world.redemptions, called, answer)
    if called and answer.payload.get("points_transaction"):
        world.note(world.entries, f"{called}.entry", answer, id=answer.payload["points_transaction"])
    return answer


def cancel(world: World, words: Words, clauses: Clauses) -> Answer:
    """A redemption is undone."""
    return world.call("cancel_redemption", id=world.named(world.redemptions, words[0]).id)


def consume(world: World, words: Words, clauses: Clauses) -> Answer:
    """A redemption's discount is used up."""
    payment = clauses.word("on")
    discount = world.named(world.redemptions, words[0]).object["discount"]
    return world.call("consume_discount", {"payment": payment} if payment else {}, id=discount)


def release(world: World, words: Words, clauses: Clauses) -> Answer:
    """A redemption's discount can be used again."""
    return world.call("release_discount", id=world.named(world.redemptions, words[0]).object["discount"])


# ---- payments and events


def pay(world: World, words: Words, clauses: Clauses) -> Answer:
    """A payment is reported."""
    assert words[0] in (*world.members, *STRANGERS), f"no account {words[0]}"
    answer = world.call("create_payment", _payment(world, words, clauses))
    _note_payment(world, words, answer)
    return answer


def import_payment(world: World, words: Words, clauses: Clauses) -> Answer:
    """A payment is imported in bulk; its customer is enrolled if unknown."""
    name = words[0]
    body = {
        "payments": [_payment(world, words, clauses)],
        "program": world.program(clauses.word("in")),
        "deliver_events": clauses.has("deliver"),
    }
    answer = world.call("create_payments", body)
    found = [account for account in world.driver.rows(Account) if account.customer_id == f"cust_{name}"]
    if name not in world.members and found:
        world.members[name] = Member(found[0].id, found[0].customer_id)
        world.member(name)
    _note_payment(world, words, answer)
    return answer


def _payment(world: World, words: Words, clauses: Clauses) -> Json:
    payer, amount, currency = words
    body: Json = {"amount": minor(amount, currency), "currency": currency, **_common(clauses)}
    body |= _payer(world, payer, clauses, body.get("metadata", {}))
    for name in ("tax", "shipping"):
        if part := clauses.word(name):
            body[name] = minor(part, currency)
    if tenders := clauses.every("tender"):
        body["tenders"] = [_tender(world, words, currency) for words in tenders]
    if lines := clauses.every("line"):
        body["lines"] = [checkout.line(line, currency) for line in lines]
    if discounts := clauses.every("discount"):
        body["discounts"] = [world.redemptions[name].object["discount"] for (name,) in discounts]
    if session := clauses.word("session"):
        body["checkout_session"] = world.sessions[session].id
    if order := clauses.word("order"):
        body["order"] = order
    if called := clauses.word("as"):
        body["id"] = called
    return body


def _payer(world: World, name: str, clauses: Clauses, metadata: Json) -> Json:
    """How a payment is linked: by its customer, by the account in its metadata, by both, or not at all."""
    if name == "nobody":
        world.subject = None
        customer = clauses.word("customer")
        return {"customer": customer} if customer else {}
    is_by_account = clauses.has("by")
    customer = clauses.word("customer")
    if is_by_account:
        account = world.member(name).id if name in world.members else "loy_unknown"
        linked: Json = {"metadata": {**metadata, "loyalty_account": account}}
        return linked | ({"customer": customer} if customer else {})
    if name in world.members:
        return {"customer": world.member(name).customer}
    return {"customer": f"cust_{name}"}


def _tender(world: World, words: Words, currency: str) -> Json:
    """`card 5.00`; `store_credit 5.00 of A EUR`: from the wallet of a member."""
    kind, part, *of = words
    tender: Json = {"type": kind, "amount": minor(part, currency)}
    return tender | ({"account": credit.wallet_id(world, of[1], of[2])} if of else {})


def _note_payment(world: World, words: Words, answer: Answer) -> None:
    if answer.code is not None or world.is_dry_run:
        return
    payment = answer.payload
    world.payments[payment["id"]] = Named(payment["id"], world.subject, payment)
    rules = {id: name for name, id in world.rules.items()}
    for award in payment["awards"]:
        source = rules[award["rule"]] if "rule" in award else award["offer"].removeprefix("ofr_")
        world.note(world.entries, f"{payment['id']}.{source}", answer, id=award["points_transaction"])
    given = {redemption.id: redemption for redemption in world.driver.rows(Redemption)} if _gifts(payment) else {}
    for use in _gifts(payment):
        name, discount = f"{payment['id']}.{use['offer'].removeprefix('ofr_')}", given[use["redemption"]].discount_id
        world.redemptions[name] = Named(use["redemption"], world.subject, {"discount": discount})


def _gifts(payment: Json) -> list[Json]:
    return [use for use in payment["offer_redemptions"] if "redemption" in use]


def refund(world: World, words: Words, clauses: Clauses) -> Answer:
    """A payment is refunded: all that is left, an amount, up to a total, or by line."""
    payment_id, *amount = words
    payment = world.named(world.payments, payment_id)
    currency = payment.object["currency"]
    body = _common(clauses)
    if amount:
        body["amount"] = minor(amount[0], currency)
    if eligible := clauses.word("eligible"):
        body["eligible_amount"] = minor(eligible, currency)
    if total := clauses.word("total"):
        body["total_refunded"] = minor(total, currency)
    if lines := clauses.every("line"):
        body["lines"] = [_refund_line(line, currency) for line in lines]
    if credited := clauses.word("credit"):
        body["store_credit"] = minor(credited, currency)
    if end := clauses.word("ends"):
        body["credit_expires_at"] = wire_instant(end)
    if called := clauses.word("as"):
        body["id"] = called
    return world.call("refund_payment", body, id=payment.id)


def link(world: World, words: Words, clauses: Clauses) -> Answer:
    """A guest's payment is given its customer."""
    payment_id, payer = words
    customer = world.member(payer).customer if payer in world.members else f"cust_{payer}"
    answer = world.call("link_payment", {"customer": customer}, id=world.payments[payment_id].id)
    _note_payment(world, words, answer)
    return answer


def _refund_line(words: Words, currency: str) -> Json:
    """`beans x2`: so many of a sku; `beans 5.00`: so much; `beans`: all of it."""
    sku, *measure = words
    if not measure:
        return {"sku": sku}
    (size,) = measure
    return {"sku": sku, **({"quantity": int(size[1:])} if size.startswith("x") else {"amount": minor(size, currency)})}


def undo(world: World, words: Words, clauses: Clauses) -> Answer:
    """A refund is canceled."""
    (refund_id,) = words
    return world.call("cancel_refund", _common(clauses), id=refund_id)


def amend(world: World, words: Words, clauses: Clauses) -> Answer:
    """A payment is what it is now."""
    payment_id, *amount = words
    payment = world.named(world.payments, payment_id)
    currency = payment.object["currency"]
    body = _common(clauses)
    if amount:
        body["amount"] = minor(amount[0], currency)
    for name in ("tax", "shipping"):
        if part := clauses.word(name):
            body[name] = minor(part, currency)
    if tenders := clauses.every("tender"):
        body["tenders"] = [_tender(world, words, currency) for words in tenders]
    if lines := clauses.every("line"):
        body["lines"] = [checkout.line(line, currency) for line in lines]
    if clauses.has("reprice"):
        body["reprice"] = True
    return world.call("update_payment", body, id=payment.id)


def report(world: World, words: Words, clauses: Clauses) -> Answer:
    """A business event is reported."""
    kind, *name = words
    assert set(name) <= {*world.members, *STRANGERS}, f"no account {name}"
    common = _common(clauses)
    data: Json = {"metadata": common.pop("metadata")} if "metadata" in common else {}
    if name:
        data |= _payer(world, name[0], clauses, data.get("metadata", {}))
    if amount := clauses.one("amount"):
        data |= {"amount": minor(amount[0], amount[1]), "currency": amount[1]}
    if carried := clauses.one("data"):
        data |= data_of(carried)
    body = {"type": kind, "data": data, **common}
    if called := clauses.word("as"):
        body["id"] = called
    return world.call("report_event", body)


def edit(world: World, words: Words, clauses: Clauses) -> Answer | None:
    """Configuration says something else from now on."""
    if words[0] == "offer":
        _offer, name, *gives = words
        return offers.edit(world, name, gives, clauses)
    return configuration.edit(world, words, clauses)


def delete(world: World, words: Words, clauses: Clauses) -> Answer | None:
    """Configuration is gone; what it gave stays."""
    if words[0] == "offer":
        return world.call("delete_offer", id=f"ofr_{words[1]}")
    return configuration.delete(world, words, clauses)


VERBS: Mapping[str, Verb] = {
    "clock": configuration.clock,
    "program": configuration.program,
    "rule": configuration.rule,
    "reward": configuration.reward,
    "edit": edit,
    "delete": delete,
    "archive": configuration.archive,
    "offer": offers.offer,
    "publish": offers.publish,
    "pause": offers.pause,
    "activate": offers.activate,
    "give": offers.give,
    "withdraw": offers.withdraw,
    "look": offers.look,
    "cart-offer": checkout.cart_offer,
    "switch": checkout.switch,
    "cart": checkout.cart,
    "checkout": checkout.checkout,
    "recart": checkout.recart,
    "complete": checkout.complete,
    "abandon": checkout.abandon,
    "segment": segments.segment,
    "join": segments.join,
    "leave": segments.leave,
    "advance": advance,
    "account": enrol,
    "enrol": enrol,
    "close": close,
    "reopen": reopen,
    "merge": merge,
    "rank": tiers.set_tier,
    "relabel": relabel,
    "award": award,
    "adjust": adjust,
    "reverse": reverse,
    "redeem": redeem,
    "hold": hold,
    "capture": capture,
    "mature": mature,
    "cancel": cancel,
    "consume": consume,
    "release": release,
    "pay": pay,
    "import": import_payment,
    "refund": refund,
    "link": link,
    "undo": undo,
    "amend": amend,
    "report": report,
    "referring": referrals.referring,
    "code": referrals.code,
    "click": referrals.click,
    "switch-code": referrals.switch_code,
    "customer": referrals.customer,
    "refer": referrals.refer,
    "reject": referrals.reject,
    "convert": referrals.convert,
    "approve": referrals.approve,
    **credit.VERBS,
    **codes.VERBS,
    **campaigns.VERBS,
}
