"""Random histories of commands, biased towards the corners of the rules.

A history is drawn as bytes, a few for each move, so that Hypothesis is quick to draw it and good at shrinking it. A
move is planned on the state that a run in memory has reached: it spends what is there, reverses what was spent, stops
a clock just at an expiry. The steps that come out can then be run by any engine, batched in any way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from engines import CoreRun
from hypothesis import strategies as st
from moves import play, sweep
from planner import Planner
from steps import Step

from vinr_server.core.checkout.rows import CheckoutSession
from vinr_server.core.earning import rows as earning_rows
from vinr_server.core.events import rows as events_rows
from vinr_server.core.kernel import rows as kernel_rows
from vinr_server.core.ledger import rows as ledger_rows
from vinr_server.core.offers.rows import OfferRedemption, OfferRevision
from vinr_server.core.payments import rows as payments_rows
from vinr_server.core.rewards.rows import Redemption
from vinr_server.engine.submission import Reply

MOVE_BYTES = 24
MOVES_MAX = 20


@dataclass
class History:
    """Steps, and the run in memory that planned them one by one."""

    variant: int
    steps: list[Step]
    run: CoreRun

    @property
    def has_two_realms(self) -> bool:
        """Whether a second realm takes part."""
        return any(step.realm for step in self.steps)

    def __repr__(self) -> str:
        return "\n".join([f"in world {self.variant}:", *(f"  {step}" for step in self.steps)])


def plan(variant: int, moves: Sequence[bytes], *, has_two_realms: bool = False, may_wait: bool = True) -> History:
    """The history of these moves in a world; `may_wait`: points may be pending or held."""
    planner = Planner(variant, may_wait=may_wait)
    for thrown in moves:
        play(planner, thrown, has_two_realms=has_two_realms)
    for planner.realm in (0, 1) if has_two_realms else (0,):
        sweep(planner)  # what is due is written in the end, so that two runs can be compared row by row
    return History(variant, planner.steps, planner.run)


def sizes_of(thrown: bytes) -> list[int]:
    """Batch sizes from 1 to 16."""
    return [1 + byte % 16 for byte in thrown]


move = st.binary(min_size=MOVE_BYTES, max_size=MOVE_BYTES)
# Lists of unbounded wish are short; half of the histories are long.
moves = st.lists(move, min_size=1, max_size=MOVES_MAX) | st.lists(move, min_size=12, max_size=MOVES_MAX)
histories = st.builds(plan, st.integers(0, 11), moves, has_two_realms=st.booleans())
splits = st.binary(min_size=1, max_size=6).map(sizes_of)


def occurrences(history: History) -> Counter[str]:
    """How often what matters came about in a history."""
    counted: Counter[str] = Counter(histories=1, steps=len(history.steps))
    for step in history.steps:
        outcome = history.run.outcomes[step.number]
        counted["dry runs"] += step.is_dry_run
        if not isinstance(outcome, Reply):
            counted[outcome.code] += 1
            continue
        counted["replays"] += outcome.is_replay
        is_repeat = outcome.status == 200 and step.operation in ("create_payment", "report_event", "refund_payment")
        counted["same id again"] += is_repeat and not outcome.is_replay
    for layer in history.run.layers.values():
        _count_rows(counted, list(layer.all_written()))
    return counted


def _count_rows(counted: Counter[str], written: Sequence[kernel_rows.Row]) -> None:
    entries = {row.id: row for row in written if isinstance(row, ledger_rows.Entry)}
    lots = {row.id: row for row in written if isinstance(row, ledger_rows.Lot)}
    for row in written:
        match row:
            case ledger_rows.Entry():
                counted[f"entries: {row.kind}"] += 1
                counted["reversals of pending points"] += row.kind == "reversal" and row.pending_points < 0
                counted["captures below nothing"] += row.kind == "redemption" and row.balance_after_points < 0
                counted["backdated"] += row.kind == "award" and row.created_at - row.occurred_at > timedelta(minutes=1)
            case ledger_rows.Deficit():
                counted["deficits"] += 1
                counted["deficits paid"] += row.remaining_points < row.points
            case ledger_rows.LotUse():
                entry, lot = entries[row.entry_id], lots[row.lot_id]
                is_over = lot.expires_at is not None and lot.expires_at <= entry.created_at
                counted["returned to an expired lot"] += row.points < 0 and is_over
                counted["clawed back from another lot"] += entry.kind == "reversal" and entry.reverses_id != lot.id
            case Redemption():
                counted[f"held redemptions: {row.status}"] += row.held_points > 0
                counted["captured in part"] += 0 < row.points_spent < row.held_points
            case payments_rows.Payment():
                counted["payments refunded in parts"] += row.refund_count > 1
            case CheckoutSession():
                counted[f"sessions: {row.status}"] += 1
                counted["sessions completed by a payment"] += row.payment_id is not None
            case OfferRedemption():
                counted[f"uses of an offer: {row.status}"] += 1
                counted["gifts"] += row.redemption_id is not None
                counted["gifts taken back"] += row.redemption_id is not None and row.status == "refunded"
            case OfferRevision():
                counted["edited offers"] += row.revision > 1
            case earning_rows.RuleRevision():
                counted["edited rules"] += row.revision > 1
            case events_rows.Event():
                if row.type == "loyalty.tier.changed":
                    counted["tier changes"] += 1
                    counted[f"tiers: {row.data['cause']['type']}"] += 1
                    counted["tiers landed on"] += row.data["basis"] == "landed"
                counted["tiers in grace"] += row.type == "loyalty.tier.grace_started"
                counted["reminders"] += row.type == "loyalty.points.expiring"


# Of each at least so many in 1,000 histories; a quarter of what is usual, so that chance alone does not miss it.
FLOORS = {
    "steps": 6_500, "dry runs": 140, "replays": 55, "same id again": 25, "idempotency_key_reused": 15,
    "id_conflict": 10, "deficits": 90, "deficits paid": 45, "returned to an expired lot": 75,
    "clawed back from another lot": 80, "payments refunded in parts": 35, "edited rules": 30, "tier changes": 350,
    "backdated": 400, "entries: expiry": 600, "entries: redemption_cancellation": 100, "entries: reversal": 350,
    "entries: redemption": 250, "insufficient_points": 200, "not_eligible": 150, "reward_out_of_stock": 9,
    "refund_exceeds_payment": 90, "discount_consumed": 30, "discount_not_usable": 4, "account_closed": 1,
    "resource_missing": 45, "not_reversible": 65, "reversal_of_reversal": 5, "redemption_already_canceled": 40,
    "program_mismatch": 20, "clock_advancing": 35, "parameter_conflict": 30, "parameter_invalid": 22,
    "reward_archived": 2, "sessions completed by a payment": 50, "checkout_session_not_open": 25,
    "payment_has_session": 10, "payment_refunded": 2, "edited offers": 110, "uses of an offer: confirmed": 300,
    "uses of an offer: refunded": 25, "uses of an offer: released": 12,
    "gifts": 40, "gifts taken back": 35, "offer_limit_reached": 60, "reminders": 90,
    "tiers: set": 30, "tiers in grace": 15, "tiers: expired": 6, "tiers landed on": 8, "tiers: reversal": 8,
}  # fmt: skip
