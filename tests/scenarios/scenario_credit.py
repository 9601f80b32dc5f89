"""Steps about store credit, and what a scenario expects of a customer's wallet. Amounts are in units: 10.00."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from scenario_drivers import Answer
from scenario_language import FAR, Clauses, Words, instant, listed, minor, pairs, wire_instant
from scenario_world import World

from vinr_server.core.credit.rows import Wallet
from vinr_server.core.ledger.rows import Entry, Lot

Json = dict[str, Any]
Compared = tuple[Any, Any]


# ---- steps


def _whose(world: World, name: str, currency: str) -> Json:
    """The wallet of a member, or of a customer without an account; the expectations are about it from now on."""
    world.wallet = (world.customer(name), currency)
    return {"customer": world.wallet[0], "currency": currency}


def wallet_id(world: World, name: str, currency: str) -> str:
    """The id of a member's wallet; the expectations are about it from now on."""
    whose = _whose(world, name, currency)
    rows = [row for row in world.driver.rows(Wallet) if row.customer_id == whose["customer"]]
    return next((row.id for row in rows if row.currency == currency), "crd_none")


def _more(clauses: Clauses) -> Json:
    found: Json = {}
    if payment := clauses.word("for"):
        found["payment"] = payment
    if metadata := clauses.one("metadata"):
        found["metadata"] = pairs(metadata)
    return found


def open_wallet(world: World, words: Words, clauses: Clauses) -> Answer:
    """`wallet A EUR [on clock]`: a customer has a wallet."""
    body = _whose(world, *words)
    return world.call(
        "create_store_credit_account", body | ({"test_clock": world.clock()} if clauses.has("on") else {})
    )


def grant(world: World, words: Words, clauses: Clauses) -> Answer:
    """`grant A 30.00 EUR [origin refund] [ends instant] [months 6] [for pay_1] [as G]`."""
    name, amount, currency = words
    body = _whose(world, name, currency) | _more(clauses) | {"amount": minor(amount, currency)}
    if origin := clauses.word("origin"):
        body["origin"] = origin
    if end := clauses.word("ends"):
        body["expires_at"] = wire_instant(end)
    if months := clauses.word("months"):
        body["expiry_months"] = int(months)
    return _noted(world, clauses, world.call("grant_credit", body))


def spend(world: World, words: Words, clauses: Clauses) -> Answer:
    """`spend A 20.00 EUR [for pay_1] [as S]`."""
    name, amount, currency = words
    body = _whose(world, name, currency) | _more(clauses) | {"amount": minor(amount, currency)}
    return _noted(world, clauses, world.call("spend_credit", body))


def correct(world: World, words: Words, clauses: Clauses) -> Answer:
    """`correct A -5.00 EUR [as C]`: an adjustment."""
    name, amount, currency = words
    body = _whose(world, name, currency) | {"amount": minor(amount, currency), "reason": "correction"}
    return _noted(world, clauses, world.call("adjust_credit", body))


def unwind(world: World, words: Words, clauses: Clauses) -> Answer:
    """`unwind G [10.00]`: a grant is taken back, or a spend by hand returned."""
    name, *amount = words
    named = world.credits[name]
    body: Json = {"transaction": named.id}
    if amount:
        body["amount"] = minor(amount[0], named.object["currency"])
    return _noted(world, clauses, world.call("reverse_credit", body))


def settings(world: World, words: Words, clauses: Clauses) -> Answer:
    """`credit-settings lasts 24|never [rounded month] [returns 30]`."""
    body: Json = {"default_expiry_months": None if words[1] == "never" else int(words[1])}
    if days := clauses.word("returns"):
        body["return_days"] = int(days)
    if rounded := clauses.word("rounded"):
        body["expiry_rounding"] = rounded
    return world.call("update_credit_settings", body)


def _noted(world: World, clauses: Clauses, answer: Answer) -> Answer:
    world.note(world.credits, clauses.word("as"), answer)
    return answer


VERBS: dict[str, Callable[[World, Words, Clauses], Answer]] = {
    "wallet": open_wallet,
    "grant": grant,
    "spend": spend,
    "correct": correct,
    "unwind": unwind,
    "credit-settings": settings,
}


# ---- expectations


def _wallet(view: Any) -> Any:
    customer, currency = view.world.wallet
    rows = [row for row in view.world.driver.rows(Wallet) if row.customer_id == customer and row.currency == currency]
    return rows[0] if rows else None


def _amount(view: Any, text: str) -> int:
    return minor(text, view.world.wallet[1])


def _figure(field: str) -> Callable[[Any, Words], Compared]:
    """`credit 10.00`: as callers read it; of a wallet that nobody has made, 0."""

    def check(view: Any, words: Words) -> Compared:
        wallet = _wallet(view)
        shown = view.world.driver.wallet(wallet.id)[field] if wallet is not None else 0
        return _amount(view, words[0]), shown

    return check


def _lots(view: Any, words: Words) -> Compared:
    """`credit_lots 10.00@2026-12-01 + 5.00@never`, in the order of their use."""
    wanted = []
    for one in listed(words):
        amount, at = one.split("@")
        wanted.append((_amount(view, amount), FAR if at == "never" else instant(at)))
    wallet = _wallet(view)
    live = [lot for lot in view.world.driver.rows(Lot) if lot.account_id == wallet.id and lot.remaining_points]
    ordered = sorted(live, key=lambda lot: (lot.expires_at or FAR, lot.available_at, lot.sequence))
    return wanted, [(lot.remaining_points, lot.expires_at or FAR) for lot in ordered]


def _entries(view: Any, words: Words) -> Compared:
    """`credit_entries grant 30.00 + expiry -1.00`: what the step wrote, in order."""
    wanted = [(kind, _amount(view, amount)) for kind, amount in map(str.split, listed(words))]
    wallet = _wallet(view)
    mine = [entry for entry in view.world.driver.rows(Entry) if wallet is not None and entry.account_id == wallet.id]
    new = sorted((entry for entry in mine if entry.id not in view.before.entries), key=lambda entry: entry.sequence)
    return wanted, [(entry.kind, entry.points) for entry in new]


def _next(view: Any, words: Words) -> Compared:
    """`credit_ends 10.00@2026-12-01`, or `none`: what ends next."""
    shown = view.world.driver.wallet(_wallet(view).id)["next_expiry"]
    got = [(shown["amount"], datetime.fromtimestamp(shown["at"], UTC))] if shown else []
    wanted = [(_amount(view, one.split("@")[0]), instant(one.split("@")[1])) for one in listed(words)]
    return wanted, got


CHECKS: dict[str, Callable[[Any, Words], Compared]] = {
    "credit": _figure("balance"),
    "credit_held": _figure("held"),
    "credit_lots": _lots,
    "credit_entries": _entries,
    "credit_ends": _next,
}
