"""What counts towards tiers is noted where it happens: accruals, payments, and what is taken back of them (R12b).

Only in programs whose tiers count something else than lifetime points. A lifetime metric is a sum that the account
carries; any other needs each credit with its instant.
"""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction

from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import AlsoRows
from vinr_server.core.kernel.numbers import Exact
from vinr_server.core.kernel.values import replace
from vinr_server.core.members.rows import Account, TierStanding
from vinr_server.core.programs.rows import Program
from vinr_server.core.tiers.rows import TierCredit


def count_points(
    draft: Layer, account: Account, program: Program, source_id: str, *, at: datetime, points: int, is_new: bool = False
) -> Account:
    """The accrual counts so many points more, or less where they are negative; one that is new never counted before."""
    policy = program.tier_policy
    if policy.metric != "points_earned":
        return account
    if policy.window == "lifetime":
        return _with_total(draft, account, points)
    key = (account.id, policy.counted_as, source_id)
    before = draft.find(TierCredit, key) if is_new else _found(draft, key)
    if before is not None:
        put_credit(draft, account, program, source_id, at=at, amount=Fraction(before.amount) + points)
    elif points > 0:
        put_credit(draft, account, program, source_id, at=at, amount=points)
    return account


def count_payment(
    draft: Layer, account: Account, program: Program, payment_id: str, *, at: datetime, amount: Exact, is_new: bool
) -> Account:
    """The payment counts this amount. One that never counted for the account begins to only where it is new."""
    key = (account.id, program.tier_policy.counted_as, payment_id)
    before = draft.find(TierCredit, key) if is_new else _found(draft, key)
    if before is None and not is_new:
        return account
    change = amount - (Fraction(before.amount) if before is not None else 0)
    if change or before is None:
        put_credit(draft, account, program, payment_id, at=before.credited_at if before else at, amount=amount)
    return _with_total(draft, account, change) if program.tier_policy.window == "lifetime" else account


def put_credit(
    draft: Layer, account: Account, program: Program, source_id: str, *, at: datetime, amount: Exact
) -> None:
    """The credit is this amount from now on."""
    counted_as = program.tier_policy.counted_as
    assert counted_as is not None, "lifetime points are counted by the account"
    draft.put(TierCredit(account.bucket, account.id, counted_as, source_id, at, str(amount)))


def _found(draft: Layer, key: tuple[str, str | None, str]) -> TierCredit | None:
    """The credit, if there is one. Raises AlsoRows where it was not read, as it no longer counts by itself."""
    found = draft.find(TierCredit, key)
    if found is None and not draft.declares(TierCredit, key):
        raise AlsoRows(TierCredit, [key])
    return found


def _with_total(draft: Layer, account: Account, change: Exact) -> Account:
    """The account's sum of all credits is so much more."""
    if not change:
        return account
    standing = account.standing or TierStanding(account.created_at)
    account = replace(account, standing=replace(standing, total=str(Fraction(standing.total) + change)))
    draft.put(account)
    return account
