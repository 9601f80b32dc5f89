"""What the oracle says of a step: its figures, or the refusals that apply in their order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

# Of several refusals the first in this order is given.
ORDER = (
    "idempotency_key_reused", "id_conflict", "parameter_invalid", "parameter_conflict", "reserved_event_type",
    "immutable_field", "resource_missing", "account_closed", "program_mismatch", "offer_limit_reached",
    "reward_archived", "not_eligible", "reward_out_of_stock", "insufficient_points", "reversal_of_reversal",
    "not_reversible", "not_pending", "redemption_not_authorized", "capture_exceeds_hold",
    "redemption_already_canceled", "discount_consumed", "discount_not_usable",
    "checkout_session_not_open", "payment_has_session", "payment_refunded", "refund_exceeds_payment",
    "clock_advancing",
)  # fmt: skip


class Verdict(NamedTuple):
    """What a step must answer: the refusals that apply, the first listed in front.

    For an accepted one: whether something new came to be, whose answer it repeats, and its figures.
    """

    codes: tuple[str, ...] = ()
    is_new: bool = True
    repeats: int | None = None
    figures: Any = None


class RefusedError(Exception):
    """The step is refused, for all of these reasons."""

    def __init__(self, *codes: str) -> None:
        super().__init__(*codes)
        self.codes = tuple(sorted(codes, key=ORDER.index))


def refuse_if(*reasons: tuple[bool, str]) -> None:
    """Refuse for the reasons that hold."""
    codes = [code for holds, code in reasons if holds]
    if codes:
        raise RefusedError(*codes)


def refuse_if_any_refuses(*checks: Callable[[], Any]) -> None:
    """Refuse for all the reasons of several checks together."""
    codes: list[str] = []
    for check in checks:
        try:
            check()
        except RefusedError as refusal:
            codes += refusal.codes
    refuse_if(*((True, code) for code in codes))
