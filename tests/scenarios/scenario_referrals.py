"""Steps and expectations about referrals: programs, codes, and who brings whom."""

from __future__ import annotations

from typing import Any

from scenario_drivers import Answer
from scenario_language import Clauses, Words, minor, wire_instant
from scenario_world import Named, World

from vinr_server.core.referrals.rows import Referral, ReferralCode, ReferralProgram

Json = dict[str, Any]


def referring(world: World, words: Words, clauses: Clauses) -> Answer:
    """`referring days 30, any-customer`: members of the program can bring others; said again, by other terms."""
    program = world.program(clauses.word("in"))
    present = [row for row in world.driver.rows(ReferralProgram) if row.program_id == program]
    if present and not clauses.has("second"):
        return world.call("update_referral_program", _terms(words, clauses), id=present[0].id)
    return world.call("create_referral_program", {"program": program, **_terms(words, clauses)})


def _terms(words: Words, clauses: Clauses) -> Json:
    terms: Json = {}
    if words:
        terms["window_days"] = None if words == ("never", "ends") else int(words[1])
    if least := clauses.one("min"):
        terms |= {"min_amount": minor(*least), "currency": least[1]}
    if hold := clauses.word("hold"):
        terms["hold_days"] = int(hold)
    if limit := clauses.one("limit"):
        terms["limit"] = None if limit == ("none",) else {"max": int(limit[0]), "per": limit[2]}
    if event := clauses.word("on"):
        terms["convert_on"] = event
    if clauses.has("any-customer"):
        terms["new_customers_only"] = False
    for status in ("active", "paused"):
        if clauses.has(status):
            terms["status"] = status
    return terms


def code(world: World, words: Words, clauses: Clauses) -> Answer:
    """`code A [ADA-2026]`: the member's code, to be known by the member's name."""
    name, *chosen = words
    body = {"account": world.member(name).id, **({"code": chosen[0]} if chosen else {})}
    answer = world.call("create_referral_code", body)
    world.note(world.codes, name, answer)
    return answer


def click(world: World, words: Words, clauses: Clauses) -> Answer:
    """Somebody has clicked on a member's code."""
    return world.call("click_referral_code", {}, id=world.codes[words[0]].id)


def switch_code(world: World, words: Words, clauses: Clauses) -> Answer:
    """`switch-code A off`."""
    name, state = words
    return world.call("update_referral_code", {"active": state == "on"}, id=world.codes[name].id)


def customer(world: World, words: Words, clauses: Clauses) -> Answer:
    """`customer A john@gmail.com`: what the merchant knows of a customer, whether enrolled or not."""
    name, email = words
    return world.call("create_customer", {"id": _customer(world, name), "email": email})


def refer(world: World, words: Words, clauses: Clauses) -> Answer:
    """`refer B by A`, `refer B code ADA-2026`: a member brings a customer."""
    name, way, referrer = words
    body: Json = {"customer": _customer(world, name)}
    if way == "code":
        body["code"] = world.codes[referrer].id if referrer in world.codes else referrer
    else:
        body["referrer"] = world.members[referrer].id if referrer in world.members else referrer
    if happened := clauses.word("on"):
        body["occurred_at"] = wire_instant(happened)
    answer = world.call("create_referral", body)
    world.note(world.referrals, clauses.word("as"), answer)
    return answer


def convert(world: World, words: Words, clauses: Clauses) -> Answer:
    """`convert R`, `convert R by pay_1`: by hand."""
    name, *by = words
    return world.call("convert_referral", {"payment": by[1]} if by else {}, id=world.referrals[name].id)


def approve(world: World, words: Words, clauses: Clauses) -> Answer:
    """What a conversion gave is there now."""
    return world.call("approve_referral", {}, id=world.referrals[words[0]].id)


def reject(world: World, words: Words, clauses: Clauses) -> Answer:
    """The merchant ends a referral."""
    return world.call("reject_referral", {"reason": "fraud"}, id=world.referrals[words[0]].id)


def _customer(world: World, name: str) -> str:
    return world.members[name].customer if name in world.members else f"cust_{name}"


def referral(view: Any, words: Words) -> tuple[Any, Any]:
    """`referral R expired`: where a referral stands, as it is written."""
    name, status = words
    wanted: Named = view.world.referrals[name]
    return status, next(row.status for row in view.world.driver.rows(Referral) if row.id == wanted.id)


def same_referral(view: Any, words: Words) -> tuple[Any, Any]:
    """`same_referral R`: the answer is a referral that is known by this name."""
    return view.world.referrals[words[0]].id, view.answer.payload["id"]


def skips(view: Any, words: Words) -> tuple[Any, Any]:
    """`skips R referrer referrer_limit`: why one side was given nothing; `skips R none`."""
    name, *wanted = words
    row = next(row for row in view.world.driver.rows(Referral) if row.id == view.world.referrals[name].id)
    found = [[skip["role"], unmet["condition"]] for skip in row.skipped for unmet in skip["unmet"]]
    return ([] if wanted == ["none"] else [wanted]), found


def conversions(view: Any, words: Words) -> tuple[Any, Any]:
    """`conversions A 2`: those by a member's code that stand."""
    name, count = words
    return int(count), next(
        row.conversions for row in view.world.driver.rows(ReferralCode) if row.id == view.world.codes[name].id
    )
