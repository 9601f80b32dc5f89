"""What a budget's counters say: one for each period, and for each member where the budget is one for each (R56, R15).

A counter is locked before a decision looks at it, so what is given is never more than there is. Its name holds its
period, and nobody knows that before the batch's instant is read. So a batch guesses it by the clock on the wall
(`Needs.at`), and a decision that needs another asks for it by AlsoRows: a wrong guess can cost time, but never break a
budget. The owner is whatever has the budget: an offer or a campaign.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from vinr_server.core.budgets.rows import Budget, BudgetPeriod
from vinr_server.core.kernel.answers import Rejected
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import AlsoRows
from vinr_server.core.kernel.payloads import unix_or_none
from vinr_server.core.kernel.rows import Counter, escaped
from vinr_server.core.kernel.spans.periods import period_end, period_of
from vinr_server.core.kernel.values import dataclass, replace

# The one period of a budget without periods.
FOR_GOOD = "none"


@dataclass(frozen=True, slots=True)
class Left:
    """What a budget's counter says of a period: how much is used, held by checkout sessions, and when the next begins.

    `counter_id`: the counter that counts what is given now; None where each member has one and no member is named.
    """

    counter_id: str | None
    period: str
    most: int
    used: int
    reserved: int
    resets_at: datetime | None

    @property
    def remaining(self) -> int:
        """How much can still be given in the period."""
        return max(self.most - self.used - self.reserved, 0)


def budget_counter(owner_id: str, period: str, member_id: str | None = None) -> str:
    """The name of the counter of what an owner's budget has given in a period, to all or to one member.

    Ids are written as in the names of other counters (kernel/caps.py), so that no two names are alike.
    """
    names = [owner_id] if member_id is None else [member_id, owner_id]
    return ":".join(("budget", *map(escaped, names), period))


def period_name(per: BudgetPeriod, at: datetime, zone: str) -> str:
    """The name of the period that holds an instant in the zone."""
    return FOR_GOOD if per == "none" else period_of(per, at, zone)


def left_of(
    draft: Layer, budget: Budget, owner_id: str, *, member_ids: Sequence[str] = (), at: datetime, zone: str
) -> Left:
    """What the budget has left at an instant. Raises AlsoRows where its counter was not foreseen.

    `member_ids`: the member, then all that were merged into it, whose counters count for it, too; none: nobody is
    named, and of a budget for each member nothing is counted.
    """
    period = period_name(budget.period, at, zone)
    owners: Sequence[str | None] = member_ids if budget.is_per_member else (None,)
    names = {member_id: budget_counter(owner_id, period, member_id) for member_id in owners}
    counters = [
        counter_at(draft, name, owner_id, *([] if member_id is None else [member_id]))
        for member_id, name in names.items()
    ]
    return Left(
        counter_id=next(iter(names.values()), None),
        period=period,
        most=budget.most,
        used=sum(counter.used for counter in counters),
        reserved=sum(counter.reserved for counter in counters),
        resets_at=None if budget.period == "none" else period_end(budget.period, at, zone),
    )


def counter_at(draft: Layer, name: str, *made_of: str) -> Counter:
    """A budget's counter, at 0 where there is none yet. Raises AlsoRows where it was not foreseen.

    `made_of`: what the batch itself may have made, with nothing counted so far: the owner, and a member whose counter
    it is.
    """
    found = draft.find(Counter, name)
    if found is not None:
        return found
    if not draft.declares(Counter, name) and not any(map(draft.is_made, made_of)):
        raise AlsoRows(Counter, [name])
    return Counter(0, name, 0)


def count(draft: Layer, context: Context, name: str, *made_of: str, used: int = 0, reserved: int = 0) -> None:
    """So much more of the budget is used or held, or less; `made_of` as in `counter_at`."""
    if used or reserved:
        counter = replace(counter_at(draft, name, *made_of), bucket=context.bucket_of(name))
        draft.put(replace(counter, used=counter.used + used, reserved=counter.reserved + reserved))


def exhausted(budget: Budget, left: Left, *, owner: str, required: int) -> Rejected:
    """Say that what is asked doesn't fit whole. `owner`: what has the budget, in words: offer ofr_9fK2."""
    unit = f"{budget.currency}, minor units" if budget.measure == "amount" else budget.measure
    until = f" until {left.resets_at.isoformat()}" if left.resets_at is not None else ""
    whose = " for each member" if budget.is_per_member else ""
    message = (
        f"The budget of {owner} has {left.remaining} of {left.most} ({unit}{whose}) left{until}; this takes {required}."
    )
    change = f"wait until {left.resets_at.isoformat()}" if left.resets_at is not None else None
    details = {
        "budget": budget.measure,
        "period": left.period,
        "remaining": left.remaining,
        "required": required,
        "resets_at": unix_or_none(left.resets_at),
        "change": change,
    }
    return Rejected("budget_exhausted", message, details=details)
