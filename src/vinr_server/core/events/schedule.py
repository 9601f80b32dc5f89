"""When a delivery is tried again; each step counts from the previous attempt.

If the receiver is down from the start, the tenth and last attempt comes after three days (75 h 35 min and jitter).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from vinr_server.core.events.rows import DeliveryStatus, DisabledReason
from vinr_server.core.kernel.values import dataclass

Outcome = Literal["delivered", "rejected", "unanswered"]

# From each attempt to the next; the first is made at once.
WAITS = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 300, 1800, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)
)
ATTEMPTS_MAX = len(WAITS) + 1
# Deliveries that failed together must not return together: each comes up to a tenth later, never earlier.
JITTER_MAX_PER_MILLE = 100
RETRY_AFTER_MAX = timedelta(hours=24)
GONE = 410
# An endpoint that has failed for this long without a success is disabled.
FAILING_MAX = timedelta(days=5)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A delivery's state after an attempt; `disables` says why its endpoint must be disabled, if it must."""

    outcome: Outcome
    status: DeliveryStatus
    next_attempt_at: datetime | None
    disables: DisabledReason | None = None


def judge(
    *, number: int, status_code: int | None, now: datetime, jitter_per_mille: int, retry_after: timedelta | None
) -> Verdict:
    """2xx: delivered. 410: given up, and the endpoint is disabled. All else is tried again until no attempt is left.

    `number` counts attempts from 1; `retry_after` is what the receiver asked for: it can delay the next attempt by up
    to a day, but never hurries it.
    """
    if status_code is not None and 200 <= status_code < 300:
        return Verdict("delivered", "succeeded", None)
    outcome: Outcome = "unanswered" if status_code is None else "rejected"
    if status_code == GONE:
        return Verdict(outcome, "failed", None, disables="gone")
    if number >= ATTEMPTS_MAX:
        return Verdict(outcome, "failed", None)
    wait = WAITS[number - 1]
    wait += wait * min(jitter_per_mille, JITTER_MAX_PER_MILLE) // 1000
    if retry_after is not None:
        wait = max(wait, min(retry_after, RETRY_AFTER_MAX))
    return Verdict(outcome, "pending", now + wait)
