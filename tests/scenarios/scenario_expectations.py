"""What a scenario expects of a step: each word after the arrow is read off the answer or off the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import scenario_campaigns
import scenario_codes
import scenario_credit
import scenario_events
import scenario_offers
import scenario_referrals
import scenario_tiers
from scenario_drivers import Answer
from scenario_language import FAR, Step, Words, instant, listed, minor, points_at
from scenario_segments import announced, is_of_dynamic
from scenario_world import World

from vinr_server.api.edge.problems import STATUS
from vinr_server.core.checkout.rows import CheckoutSession
from vinr_server.core.credit.rows import Wallet
from vinr_server.core.events.rows import Event
from vinr_server.core.ledger.rows import Deficit, Entry, Hold, Lot, LotUse
from vinr_server.core.members.rows import Account
from vinr_server.core.offers.rows import OfferRedemption
from vinr_server.core.rewards.rows import Discount, Redemption

# Expectations that compare with what was there before the step.
OF_THIS_STEP = (
    "entries",
    "uses",
    "messages",
    "undone",
    "said",
    "events",
    "in_order",
    "moves",
    "reminded",
    "deliverable",
    "happened",
    "credit_entries",
)


@dataclass(frozen=True)
class Before:
    """Which entries and events were there before a step."""

    entries: frozenset[str] = frozenset()
    events: frozenset[str] = frozenset()


def look(world: World, step: Step) -> Before:
    """What is there before the step, where its expectations ask for what is new."""
    if not any(word in OF_THIS_STEP for words in step.expectations for word in words[:2]):
        return Before()
    return Before(
        frozenset(entry.id for entry in world.driver.rows(Entry)),
        frozenset(event.id for event in world.driver.rows(Event)),
    )


@dataclass(frozen=True)
class View:
    """A step's answer, and what stands now, as seen for one account."""

    world: World
    answer: Answer
    before: Before

    @property
    def account_id(self) -> str:
        """The account the expectation is about."""
        assert self.world.subject is not None, "an expectation about no account"
        return self.world.members[self.world.subject].id

    def mine(self, row_type: Any) -> list[Any]:
        """The account's rows of a type, by sequence."""
        rows = [row for row in self.world.driver.rows(row_type) if row.account_id == self.account_id]
        return sorted(rows, key=lambda row: row.sequence)

    def new_entries(self) -> list[Any]:
        """The account's entries that the step made."""
        return [entry for entry in self.mine(Entry) if entry.id not in self.before.entries]

    def new_events(self) -> list[Any]:
        """The realm's events that the step made; not the moves between dynamic segments, which are written later."""
        made = [event for event in self.world.driver.rows(Event) if event.id not in self.before.events]
        return [event for event in made if not is_of_dynamic(self.world, event)]

    def row(self) -> Any:
        """The account's own row."""
        return next(row for row in self.world.driver.rows(Account) if row.id == self.account_id)


# What was expected and what was seen, in the same terms.
Compared = tuple[Any, Any]


def differences(world: World, step: Step, answer: Answer | None, before: Before) -> list[str]:
    """One sentence for every expectation of the step that does not hold."""
    answer = answer or Answer(200)
    found = []
    code = next((words[0] for words in step.expectations if words[0] in STATUS), None)
    if answer.code != code:
        found.append(f"expected {code or 'no refusal'}, got {answer.code or 'no refusal'}: {answer.message}")
    for words in step.expectations:
        if words[0] in STATUS:
            continue
        if words[0] in world.members:
            world.member(words[0])
            words = words[1:]
        wanted, got = _compare(View(world, answer, before), words, is_refusal_expected=code is not None)
        if wanted != got:
            found.append(f"{words[0]}: expected {_shown(wanted)}, got {_shown(got)}")
    return found


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return " + ".join(_shown(one) for one in value) or "none"
    if isinstance(value, tuple):
        return "@".join(_shown(one) for one in value)
    if isinstance(value, datetime):
        return "never" if value == FAR else value.isoformat()
    return str(value)


def _compare(view: View, words: Words, *, is_refusal_expected: bool) -> Compared:
    name, *rest = words
    if name in CHECKS:
        return CHECKS[name](view, tuple(rest))
    assert is_refusal_expected, f"there is no expectation {name}"
    return " ".join(rest), str(view.answer.details.get(name, "nothing"))


# ---- of the account


def _shown_figure(field: str) -> Callable[[View, Words], Compared]:
    def check(view: View, words: Words) -> Compared:
        return words[0], str(view.world.driver.account(view.account_id)[field]).replace("None", "none")

    return check


def _ledger(view: View, words: Words) -> Compared:
    return int(words[0]), view.row().ledger_balance_points


def _offer(view: View, words: Words) -> Compared:
    """`offer double active`: where an offer stands in its life."""
    name, status = words
    return status, view.world.driver.offer(f"ofr_{name}")["status"]


def _usable(view: View, words: Words) -> Compared:
    """`usable double + triple`: the offers that the member can use now, newest first."""
    shown = [one["offer"].removeprefix("ofr_") for one in view.answer.payload["data"] if one["eligible"]]
    return listed(words), shown


def _unusable(view: View, words: Words) -> Compared:
    """`unusable double tiers needs tier gold`: what stands in the way first, and the change that would mend it."""
    name, condition, *change = words
    one = next(one for one in view.answer.payload["data"] if one["offer"] == f"ofr_{name}")
    first = one["unmet"][0] if one["unmet"] else {"condition": "nothing", "change": None}
    return (condition, " ".join(change) or None), (first["condition"], first["change"] if change else None)


def _gave(view: View, words: Words) -> Compared:
    """`gave double 2`: how often an offer was redeemed, by whomever, and was not taken back since."""
    name, count = words
    redemptions = view.world.driver.rows(OfferRedemption)
    return int(count), sum(
        use.offer_id == f"ofr_{name}" and use.status in ("confirmed", "refunded") for use in redemptions
    )


def _redeems(view: View, words: Words) -> Compared:
    """`redeems mug + double`: the offers that the payment shows as redeemed, in their order."""
    shown = view.answer.payload["offer_redemptions"]
    return listed(words), [use["offer"].removeprefix("ofr_") for use in shown]


def _redemption(view: View, words: Words) -> Compared:
    """`redemption pay_1.mug canceled`: what became of a redemption."""
    name, status = words
    wanted = view.world.redemptions[name].id
    return status, next(row.status for row in view.world.driver.rows(Redemption) if row.id == wanted)


def _segments(view: View, words: Words) -> Compared:
    wanted = [] if words == ("none",) else [word for word in words if word != "+"]
    return sorted(wanted), sorted(view.world.driver.segments(view.account_id))


def _size(view: View, words: Words) -> Compared:
    segment, count = words
    return int(count), view.world.driver.size(segment)


def _deficits(view: View, words: Words) -> Compared:
    unpaid = [deficit.remaining_points for deficit in view.mine(Deficit) if deficit.remaining_points]
    return [int(points) for points in listed(words)], unpaid


def _lots(view: View, words: Words) -> Compared:
    live = sorted((lot for lot in view.mine(Lot) if lot.remaining_points), key=_use_order)
    idle_at = view.row().inactive_at or FAR
    return points_at(words), [(lot.remaining_points, idle_at if lot.by_inactivity else _expiry(lot)) for lot in live]


def _waiting(view: View, words: Words) -> Compared:
    """`waiting 100@2026-02-01`: what is pending, by when it is there."""
    lots = sorted((lot.available_at, lot.sequence, lot.pending_points) for lot in view.mine(Lot) if lot.pending_points)
    return points_at(words), [(points, at) for at, _sequence, points in lots]


def _reserved(view: View, words: Words) -> Compared:
    """`reserved 30@2026-12-01 + 20@never`: what holds reserve of lots, in the order of their use."""
    lots = sorted((lot for lot in view.mine(Lot) if lot.held_points), key=_use_order)
    return points_at(words), [(lot.held_points, _expiry(lot)) for lot in lots]


def _next_pending(view: View, words: Words) -> Compared:
    shown = view.world.driver.account(view.account_id)["next_pending"]
    wanted = [(points, int(at.timestamp())) for points, at in points_at(words)]
    return wanted, [(shown["points"], shown["at"])] if shown else []


def _next_expiry(view: View, words: Words) -> Compared:
    shown = view.world.driver.account(view.account_id)["next_expiry"]
    wanted = [(points, int(at.timestamp())) for points, at in points_at(words)]
    return wanted, [(shown["points"], shown["at"])] if shown else []


def _expiry(lot: Any) -> datetime:
    return lot.expires_at or FAR


def _use_order(lot: Any) -> tuple[bool, Any, datetime, int]:
    return (lot.expires_at is None, lot.expires_at or 0, lot.available_at, lot.sequence)


# ---- of the step


def _entries(view: View, words: Words) -> Compared:
    """`award 50`, or `award 0 pending 50`."""
    wanted = [
        (kind, int(points), int(pending[1]) if pending else 0)
        for kind, points, *pending in map(str.split, listed(words))
    ]
    return wanted, [(entry.kind, entry.points, entry.pending_points) for entry in view.new_entries()]


def _uses(view: View, words: Words) -> Compared:
    """Which lots pay for the step's last entry, in the order of their use."""
    lots = {lot.id: lot for lot in view.mine(Lot)}
    debit = view.new_entries()[-1]
    uses = [use for use in view.world.driver.rows(LotUse) if use.entry_id == debit.id]
    paid = [(use.points, lots[use.lot_id]) for use in uses]
    ordered = sorted(paid, key=lambda pair: _use_order(pair[1]))
    return points_at(words), [(points, _expiry(lot)) for points, lot in ordered]


def _revision(view: View, words: Words) -> Compared:
    """The revision of the rule that made the account's last entry."""
    return int(words[0]), view.mine(Entry)[-1].rule_revision


# ---- of the answer


def _status(status: int) -> Callable[[View, Words], Compared]:
    return lambda view, words: (status, view.answer.status)


def _replayed(view: View, words: Words) -> Compared:
    return True, view.answer.is_replay


def _already_reversed(view: View, words: Words) -> Compared:
    return True, view.answer.payload.get("already_reversed", False)


def _awarded(view: View, words: Words) -> Compared:
    return int(words[0]), sum(award["points"] for award in view.answer.payload["awards"])


def _skipped(view: View, words: Words) -> Compared:
    """`skipped base min_amount`, or with the change that would have qualified (`nothing` where none would).

    Several as `lines + amount`; `none` if no rule was skipped. What is noted of no rule and no offer is the `event`'s.
    """
    rules = {id: name for name, id in view.world.rules.items()}
    unmet = [
        (
            rules[skip["rule"]] if "rule" in skip else skip.get("offer", "event").removeprefix("ofr_"),
            one["condition"],
            one["change"] or "nothing",
        )
        for skip in view.answer.payload["skipped"]
        for one in skip["unmet"]
    ]
    if words == ("none",):
        return [], unmet
    if "+" in words:
        wanted = " ".join(words[1:]).split(" + ")
        return [(words[0], condition) for condition in wanted], [one[:2] for one in unmet if one[0] == words[0]]
    rule, condition, *change = words
    mine = [one for one in unmet if one[0] == rule]
    if not change:
        mine = [one[:2] for one in mine]
    return [(rule, condition, *([" ".join(change)] if change else []))], mine


def _claws_back(view: View, words: Words) -> Compared:
    payload = view.answer.payload
    got = payload["refund"]["points_reversed"] if "refund" in payload else -payload["points"]
    return int(words[0]), got


def _discount(view: View, words: Words) -> Compared:
    """The state of the account's newest discount."""
    mine = [row for row in view.world.driver.rows(Discount) if row.account_id == view.account_id]
    return words[0], max(mine, key=lambda row: row.id).status


def _total(view: View, words: Words) -> Compared:
    """`total 15.00`: what the cart comes to, in its own currency."""
    payload = view.answer.payload
    return minor(words[0], payload["currency"]), payload["total"]


def _off(view: View, words: Words) -> Compared:
    """`off 3.33 + 3.34`: what each line of the cart gets, as they came."""
    payload = view.answer.payload
    wanted = [minor(one, payload["currency"]) for one in listed(words)]
    return wanted, [line["discount"] for line in payload["lines"]]


def _applied(view: View, words: Words) -> Compared:
    """`applied ten 10.00 + post 5.00`: what the cart gets, in the order of application."""
    payload = view.answer.payload
    wanted = [one.split() for one in listed(words)]
    got = [(one["name"], one["amount"]) for one in payload["applied"]]
    return [(name, minor(amount, payload["currency"])) for name, amount in wanted], got


def _rejected(view: View, words: Words) -> Compared:
    """`rejected ten min_subtotal spend 420 more`: what stands in the way first, and the change that would mend it."""
    name, condition, *change = words
    unmet = next((one["unmet"] for one in view.answer.payload["rejected"] if one["name"] == name), [])
    first = unmet[0] if unmet else {"condition": "nothing", "change": None}
    return (condition, " ".join(change) or None), (first["condition"], first["change"] if change else None)


def _session(view: View, words: Words) -> Compared:
    """`session S completed`: where a checkout session stands."""
    name, status = words
    wanted = view.world.sessions[name].id
    return status, next(row.status for row in view.world.driver.rows(CheckoutSession) if row.id == wanted)


def _answers(view: View, words: Words) -> Compared:
    """`answers benefit.amount 500`, `answers created 2030-03-01`: a field of the answer."""
    path, wanted = words
    got: Any = view.answer.payload
    for name in path.split("."):
        got = got[name] if got is not None else None
    if path.endswith(("created", "_at")) and got is not None:
        return instant(wanted), datetime.fromtimestamp(got, UTC)
    return wanted, str(got).replace("None", "none")


CHECKS: dict[str, Callable[[View, Words], Compared]] = {
    **scenario_tiers.CHECKS,
    "balance": _shown_figure("balance"),
    "pending": _shown_figure("pending"),
    "held": _shown_figure("held"),
    "lifetime": _shown_figure("lifetime_points"),
    "tier": _shown_figure("tier"),
    "ledger": _ledger,
    "offer": _offer,
    "gave": _gave,
    "redeems": _redeems,
    "redemption": _redemption,
    "grant_status": scenario_offers.grant_status,
    "budget": scenario_offers.budget,
    "spent": scenario_offers.spent,
    "usable": _usable,
    "unusable": _unusable,
    "segments": _segments,
    "size": _size,
    "announced": announced,
    "deficits": _deficits,
    "lots": _lots,
    "waiting": _waiting,
    "reserved": _reserved,
    "next_pending": _next_pending,
    "next_expiry": _next_expiry,
    "entries": _entries,
    "uses": _uses,
    "events": scenario_events.events,
    "in_order": scenario_events.in_order,
    "reminded": scenario_events.reminded,
    "reminded_so_far": scenario_events.reminded_so_far,
    "deliverable": scenario_events.deliverable,
    "happened": scenario_events.happened,
    "revision": _revision,
    "created": _status(201),
    "existing": _status(200),
    "replayed": _replayed,
    "already_reversed": _already_reversed,
    "already_activated": lambda view, words: (True, view.answer.payload.get("already_activated", False)),
    "awarded": _awarded,
    "skipped": _skipped,
    "claws_back": _claws_back,
    "discount": _discount,
    "total": _total,
    "off": _off,
    "applied": _applied,
    "rejected": _rejected,
    "session": _session,
    "answers": _answers,
    "referral": scenario_referrals.referral,
    "skips": scenario_referrals.skips,
    "conversions": scenario_referrals.conversions,
    "same_referral": scenario_referrals.same_referral,
    **scenario_credit.CHECKS,
    **scenario_codes.CHECKS,
    **scenario_campaigns.CHECKS,
}


# ---- what holds in every scenario, whatever it expects


def broken_laws(world: World) -> list[str]:
    """What must hold of every account at the end and does not: balance == entries == lots less deficits (R2, R3)."""
    rows = {kind: world.driver.rows(kind) for kind in (Entry, Lot, LotUse, Deficit, Hold)}
    used = _sums((use.lot_id, use.points) for use in rows[LotUse])
    paid = _sums((use.entry_id, use.points) for use in rows[LotUse])
    owed = _sums((deficit.entry_id, deficit.remaining_points) for deficit in rows[Deficit])
    awards = {entry.id: entry.reverses_id for entry in rows[Entry] if entry.kind == "reversal"}
    reversed_points = _sums(
        (awards.get(entry.reverses_id, entry.reverses_id), -entry.points - entry.pending_points)
        for entry in rows[Entry]
        if entry.kind in ("reversal", "reinstatement")
    )
    broken = [
        f"{lot.id} was not used up"
        for lot in rows[Lot]
        if lot.points != lot.remaining_points + lot.pending_points + used[lot.id]
    ]
    broken += [
        f"{lot.id} says that {lot.reversed_points} of it were reversed; it is {reversed_points[lot.id]}"
        for lot in rows[Lot]
        if not lot.reversed_points == reversed_points[lot.id] <= lot.points
    ]
    accruals = {lot.id for lot in rows[Lot]}
    broken += [
        f"{entry.kind} {entry.id} is not what its lots paid"
        for entry in rows[Entry]
        if entry.id not in accruals and -entry.points - entry.pending_points != paid[entry.id] + owed[entry.id]
    ]
    for account in world.driver.rows(Account):
        broken += _broken_laws_of(account, rows, pending_points=account.pending_points)
    for wallet in world.driver.rows(Wallet):
        broken += _broken_laws_of(wallet, rows)
    return broken + scenario_codes.broken_laws(world)


def _broken_laws_of(account: Any, rows: dict[Any, list[Any]], *, pending_points: int = 0) -> list[str]:
    entries = sorted((row for row in rows[Entry] if row.account_id == account.id), key=lambda row: row.sequence)
    remaining = sum(lot.remaining_points for lot in rows[Lot] if lot.account_id == account.id)
    owed = sum(deficit.remaining_points for deficit in rows[Deficit] if deficit.account_id == account.id)
    balance = account.ledger_balance_points
    pending, held = (
        sum(getattr(lot, name) for lot in rows[Lot] if lot.account_id == account.id)
        for name in ("pending_points", "held_points")
    )
    waits = [lot.available_at for lot in rows[Lot] if lot.account_id == account.id and lot.pending_points]
    holds = [hold for hold in rows[Hold] if hold.account_id == account.id and hold.ended_at is None]
    waits += [hold.expires_at for hold in holds]
    if getattr(account, "standing", None) is not None and account.status == "active":  # wallets have none
        tier_at = scenario_tiers.standing_of(account).next_instant(account.tier)
        waits += [tier_at] if tier_at is not None else []
    laws = {
        "the balance is the sum of entries": balance == sum(entry.points for entry in entries),
        "the balance is lots less deficits": balance == remaining - owed,
        "what is pending is the sum of entries": pending_points == sum(row.pending_points for row in entries),
        "what is pending waits in lots": pending_points == pending,
        "what is held is reserved in lots": account.held_points == held == sum(map(_points_of, holds)),
        "it is due when the first of it is": account.due_at == min(waits, default=None),
        "lots and deficits do not meet": not (remaining - held and owed),
        "the sequence has no gap": [entry.sequence for entry in entries] == list(range(1, account.sequence + 1)),
        "the last entry knows the balance": not entries or entries[-1].balance_after_points == balance,
    }
    return [f"{account.id}: not so: {law}" for law, holds in laws.items() if not holds]


def _points_of(hold: Any) -> int:
    """What a hold reserves: of core a row of its own, of PostgreSQL as JSON."""
    return sum(held["points"] if isinstance(held, dict) else held.points for held in hold.lots)


class _Sums(dict[str, int]):
    """Sums by key; of what was never added, 0."""

    def __missing__(self, key: str) -> int:
        return 0


def _sums(figures: Iterable[tuple[str, int]]) -> _Sums:
    sums = _Sums()
    for key, points in figures:
        sums[key] += points
    return sums
