"""Steps about offers: made and published, changed, opted in to."""

from __future__ import annotations

from typing import Any

import scenario_checkout as checkout
import scenario_configuration as configuration
from scenario_conditions import where_of
from scenario_drivers import Answer
from scenario_language import Clauses, Words, instant, minor, pairs, wire_instant
from scenario_world import World

from vinr_server.core.kernel.rows import Counter

Json = dict[str, Any]


def offer(world: World, words: Words, clauses: Clauses) -> Answer:
    """An engagement offer, published unless it says draft; of the first program unless it says everywhere."""
    name, *gives = words
    is_draft, is_everywhere = clauses.has("draft"), clauses.has("everywhere")
    program = {} if is_everywhere else {"program": world.program(clauses.word("in"))}
    body = {"id": f"ofr_{name}", "name": name, **program, **_fields(gives, clauses)}
    answer = world.call("create_engagement_offer", body)
    if answer.code is None and not is_draft:
        return world.call("publish_engagement_offer", id=f"ofr_{name}")
    return answer


def edit(world: World, name: str, gives: list[str], clauses: Clauses) -> Answer:
    """The offer says something else from now on."""
    return world.call("update_engagement_offer", _fields(gives, clauses), id=f"ofr_{name}")


def _fields(gives: list[str], clauses: Clauses) -> Json:
    fields: Json = {"incentive": _incentive(gives)} if gives else {}
    for end, name in (("from", "starts_at"), ("until", "ends_at")):
        if at := clauses.word(end):
            fields[name] = wire_instant(at)
    for name, field in (("cap", "max_redemptions"), ("limit", "per_member_limit")):
        if most := clauses.word(name):
            fields[field] = None if most == "none" else int(most)
    for word, application in (("auto", "auto"), ("opt-in", "opt_in"), ("granted", "granted")):
        if clauses.has(word):
            fields["application"] = application
    fields |= checkout.stacking(clauses) | checkout.budget_of(clauses)
    fields |= {"requires_code": True} if clauses.has("coded") else {}
    if targeting := _targeting(clauses):
        fields["targeting"] = targeting
    if conditions := configuration.conditions_of(clauses):
        fields["conditions"] = conditions
    return fields


def _incentive(gives: list[str]) -> Json:
    """`gives 2x points`, `gives 1000 points`, `gives 20% off at most 15.00 EUR`, `gives rwd_mug`."""
    assert gives[0] == "gives"
    what = gives[1]
    if what.endswith("x"):
        return {"type": "points_multiplier", "multiplier": what[:-1]}
    if what.endswith("%"):
        most = {"max_discount": minor(gives[-2], gives[-1])} if "most" in gives else {}
        return {"type": "percentage_discount", "percent": what[:-1], **most}
    if what.startswith("rwd_"):
        return {"type": "gift_reward", "reward": what}
    return {"type": "points_bonus", "points": int(what)}


def _targeting(clauses: Clauses) -> Json:
    targeting: Json = {}
    for kind, *rest in clauses.every("for"):
        if kind in ("tier", "segment"):
            targeting[f"{kind}s"] = rest
        elif kind == "balance":
            targeting["min_balance"] = int(rest[0])
        elif kind == "where":
            targeting |= where_of(Clauses((("where", *rest),)))
        elif kind == "enrolled":
            targeting["enrolled_before"] = wire_instant(rest[-1])
        else:
            assert kind == "metadata", kind
            targeting["metadata"] = pairs(tuple(rest))
    return targeting


def publish(world: World, words: Words, clauses: Clauses) -> Answer:
    """A draft goes live, a paused offer goes on."""
    return world.call("publish_engagement_offer", id=f"ofr_{words[0]}")


def pause(world: World, words: Words, clauses: Clauses) -> Answer:
    """Nobody can redeem the offer for a while."""
    return world.call("pause_engagement_offer", id=f"ofr_{words[0]}")


def activate(world: World, words: Words, clauses: Clauses) -> Answer:
    """A member opts in; the redemption of a gift can be named."""
    member, name = words
    answer = world.call("activate_offer", {"offer": f"ofr_{name}", "account": world.member(member).id})
    if called := clauses.word("as"):
        world.note(world.redemptions, called, answer, id=answer.payload["redemption"]["redemption"])
    return answer


def give(world: World, words: Words, clauses: Clauses) -> Answer:
    """A member is granted one use of an offer, for so long or as long as the offer."""
    member, name = words
    lasts = clauses.word("lasting")
    body = {"account": world.member(member).id, **({"valid_for": lasts} if lasts else {})}
    answer = world.call("grant_offer", body, id=f"ofr_{name}")
    world.note(world.grants, clauses.word("as"), answer)
    return answer


def withdraw(world: World, words: Words, clauses: Clauses) -> Answer:
    """A grant is taken back."""
    return world.call("withdraw_grant", id=world.named(world.grants, words[0]).id)


def grant_status(view: Any, words: Words) -> tuple[Any, Any]:
    """`grant_status G open`: where a grant stands, as callers read it."""
    name, status = words
    return status, view.world.driver.grant(view.world.grants[name].id)["status"]


def budget(view: Any, words: Words) -> tuple[Any, Any]:
    """`budget half used 0 reserved 9800 remaining 200 [resets instant]`: of the running period, as callers read it."""
    name, *figures = words
    shown = view.world.driver.offer(f"ofr_{name}")["budget"]
    wanted = dict(zip(figures[::2], figures[1::2], strict=True))
    named = {figure: "resets_at" if figure == "resets" else figure for figure in wanted}
    expected = {
        figure: int(instant(value).timestamp()) if figure == "resets" else int(value)
        for figure, value in wanted.items()
    }
    return expected, {figure: shown[field] for figure, field in named.items()}


def spent(view: Any, words: Words) -> tuple[Any, Any]:
    """`spent half 2026-01 1000`: what all counters of an offer's budget say of a period."""
    name, period, most = words
    counters = view.world.driver.rows(Counter)
    mine = [row for row in counters if row.id.startswith("budget:") and row.id.endswith(f":ofr_{name}:{period}")]
    return int(most), sum(row.used for row in mine)


def look(world: World, words: Words, clauses: Clauses) -> Answer:
    """A member is shown its offers."""
    return world.call("show_eligible_offers", {"account": world.member(words[0]).id})
