"""Steps and expectations about codes: made, changed, looked up, presented by carts, and how often they were used."""

from __future__ import annotations

import json
from typing import Any

from scenario_drivers import Answer
from scenario_language import Clauses, Words, listed, wire_instant
from scenario_world import World

from vinr_server.core.codes.rows import Code
from vinr_server.core.offers.rows import OfferGrant, OfferRedemption

Json = dict[str, Any]


def make_code(world: World, words: Words, clauses: Clauses) -> Answer:
    """`make-code ten SAVE-10, for A, uses 3, as K`: a code that opens an offer, known by its text or as K."""
    offer, *text = words
    body: Json = {"offer": f"ofr_{offer}", **_fields(clauses)}
    if text:
        body["code"] = " ".join(text)
    if name := clauses.word("for"):
        body["account"] = world.member(name).id
    answer = world.call("create_code", body)
    world.note(world.opening, clauses.word("as") or " ".join(text), answer)
    return answer


def make_batch(world: World, words: Words, clauses: Clauses) -> Answer:
    """`batch post of ten, low 2, pattern P-####`: a batch of codes that open an offer."""
    name, _of, offer = words
    body: Json = {"id": f"cbt_{name}", "name": name, "offer": f"ofr_{offer}", **_fields(clauses)}
    if low := clauses.word("low"):
        body["low_at"] = int(low)
    if pattern := clauses.word("pattern"):
        body["pattern"] = pattern
    return world.call("create_code_batch", body)


def fill(world: World, words: Words, clauses: Clauses) -> Answer:
    """`fill post P-1, for A, until instant`: a code is imported into a batch, known by its text."""
    batch, *text = words
    row: Json = {"code": " ".join(text), **_fields(clauses)}
    if name := clauses.word("for"):
        row["account"] = world.member(name).id
    answer = world.call("import_codes", {"codes": [row]}, id=f"cbt_{batch}")
    made = answer.payload.get("code")
    world.note(world.opening, " ".join(text), answer, id=made["id"] if isinstance(made, dict) else None)
    return answer


def stop_batch(world: World, words: Words, clauses: Clauses) -> Answer:
    """`end-batch post`: none of its codes can be used any more."""
    return world.call("disable_code_batch", id=f"cbt_{words[0]}")


def change_code(world: World, words: Words, clauses: Clauses) -> Answer:
    """`change-code K off`, `change-code K, uses 5, until instant`."""
    name, *state = words
    body = _fields(clauses) | ({"active": state == ["on"]} if state else {})
    return world.call("update_code", body, id=world.opening[name].id)


def look_up(world: World, words: Words, clauses: Clauses) -> Answer:
    """`look-up save 10`: the code that a text means."""
    return world.call("look_up_code", {"code": " ".join(words)})


def redeem_code(world: World, words: Words, clauses: Clauses) -> Answer:
    """`redeem-code A bonus 250`: a member has what a code gives."""
    name, *text = words
    return world.call("redeem_code", {"code": " ".join(text), "account": world.member(name).id})


def _fields(clauses: Clauses) -> Json:
    fields: Json = {}
    if most := clauses.word("uses"):
        fields["max_redemptions"] = None if most == "any" else int(most)
    for end, field in (("from", "starts_at"), ("until", "expires_at")):
        if at := clauses.word(end):
            fields[field] = wire_instant(at)
    return fields


def presented(clauses: Clauses) -> Json:
    """`code SAVE-10`, as often as codes are presented; `without-codes`: none from now on."""
    codes = [" ".join(words) for words in clauses.every("code")]
    if clauses.has("without-codes"):
        return {"codes": []}
    return {"codes": codes} if codes else {}


def coded(view: Any, words: Words) -> Any:
    """`coded SAVE-10 applied`, `coded SAVE-10 code_expired invalid`: what became of a presented code, and who hears it.

    Several words of a text are joined by _; what follows the reason is what a shopper may be told.
    """
    text, wanted, *shopper = words
    shown = view.answer.payload.get("codes", view.answer.details.get("codes", []))
    got = next((one for one in shown if one["code"].replace(" ", "_") == text), {"status": "not there"})
    reason = got.get("reason", got["status"])
    return (wanted, *shopper), (reason, *([got.get("shopper_reason")] if shopper else []))


def code_uses(view: Any, words: Words) -> Any:
    """`uses-of SAVE-10 1 held 2`: how often a code was used, and is held."""
    name, used, *held = words
    row = next(row for row in view.world.driver.rows(Code) if row.id == view.world.opening[name].id)
    return (int(used), int(held[1]) if held else 0), (row.used, row.reserved)


def broken_laws(world: World) -> list[str]:
    """Uses of a code are the redemptions that count for it, and its holds those that are reserved (R63)."""
    uses = [use for use in world.driver.rows(OfferRedemption) if use.counts_for_code]
    held = {code.id: (0, 0) for code in world.driver.rows(Code)}
    for grant in world.driver.rows(OfferGrant):
        source = json.loads(grant.source) if isinstance(grant.source, str) else grant.source
        if source is not None and "code" in source:
            held[source["code"]] = (held[source["code"]][0] + 1, held[source["code"]][1])
    for use in uses:
        used, reserved = held[use.code_id]
        held[use.code_id] = (used, reserved + 1) if use.status == "reserved" else (used + 1, reserved)
    holders: dict[str, int] = {}
    for code in world.driver.rows(Code):
        holders[code.folded] = holders.get(code.folded, 0) + code.holds_key
    return [
        f"{code.code} counts {code.used} and {code.reserved}, not {held[code.id]}"
        for code in world.driver.rows(Code)
        if (code.used, code.reserved) != held[code.id]
    ] + [f"key {key} has {count} holders" for key, count in holders.items() if count > 1]


def issued(view: Any, words: Words) -> Any:
    """`issued post P-1 A + P-2 B`: the codes of a batch that are a member's, in order of number."""
    name, *wanted = words
    rows = [row for row in view.world.driver.rows(Code) if row.batch_id == f"cbt_{name}" and row.account_id is not None]
    names = {member.id: name for name, member in view.world.members.items()}
    rows.sort(key=lambda row: row.number)
    return listed(tuple(wanted)), [f"{row.code} {names[row.account_id]}" for row in rows]


CHECKS = {"coded": coded, "uses-of": code_uses, "issued": issued}
VERBS = {
    "batch": make_batch,
    "fill": fill,
    "end-batch": stop_batch,
    "make-code": make_code,
    "change-code": change_code,
    "look-up": look_up,
    "redeem-code": redeem_code,
}
