"""What a redemption took goes back to the lots that paid: all of it, or what an order left unused (R5, R83)."""

from __future__ import annotations

from datetime import datetime

from vinr_server.core.events.announcements import announce
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import AlsoRows, Needs, Of, Part
from vinr_server.core.kernel.values import replace
from vinr_server.core.ledger.book.posting import Movement, account_of
from vinr_server.core.ledger.book.transfers import transfer
from vinr_server.core.ledger.movements import give_back
from vinr_server.core.ledger.needs import name_account
from vinr_server.core.ledger.reversals import swept_account
from vinr_server.core.ledger.rows import Lot, LotUse
from vinr_server.core.members.rows import Account
from vinr_server.core.programs.members import program_of
from vinr_server.core.rewards.payloads import redemption_payload
from vinr_server.core.rewards.rows import Discount, Redemption
from vinr_server.core.rewards.variable import is_variable, points_for


def name_payers(needs: Needs, seen: Layer, redemption: Redemption) -> None:
    """Declare the redemption's account with its lots, those that paid among them. Expects their uses, looked at."""
    name_account(needs, redemption.account_id, lots=Part.FIRST, beside=redemption.id)
    for use in seen.children(LotUse, redemption.entry_id) if redemption.entry_id is not None else ():
        needs.row(Lot, use.lot_id, beside=redemption.id)


def look_at_payers(needs: Needs, redemption_id: str) -> None:
    """Declare a look at the redemption and at which lots paid for it."""
    needs.row(Redemption, redemption_id, look=True)
    needs.look_along(LotUse, Of(Redemption, redemption_id, "entry_id"), by="entry_id")


def look_at_asked_redemptions(needs: Needs) -> None:
    """Declare a look at the redemptions that a decision has asked for, since an order left some of their points."""
    for redemption_id in _asked(needs):
        look_at_payers(needs, redemption_id)


def name_asked_redemptions(needs: Needs, seen: Layer) -> None:
    """Declare what giving points of these redemptions back moves."""
    for redemption_id in _asked(needs):
        redemption = seen.get(Redemption, redemption_id)
        if redemption is not None:
            name_payers(needs, seen, redemption)


def _asked(needs: Needs) -> list[str]:
    return [str(key) for row_type, key in needs.asked if row_type is Redemption]


def return_unused(draft: Layer, context: Context, discount: Discount, *, taken_minor: int) -> None:
    """The discount is worth what the order took of it; points of a variable reward that this leaves unused are back.

    Raises AlsoRows where nobody knew that the lots which paid would be needed.
    """
    worth_minor = discount.amount_minor
    if not is_variable(discount.benefit) or worth_minor is None or taken_minor >= worth_minor:
        return
    draft.put(replace(discount, worth_minor=taken_minor))
    redemption = draft.get(Redemption, discount.redemption_id)
    assert redemption is not None, f"redemption {discount.redemption_id} was not loaded"
    unused_points = redemption.kept_points - points_for(discount.benefit, taken_minor)
    if unused_points <= 0:  # of one that was captured in part, fewer points than its worth were spent
        return
    _require_payers(draft, redemption)
    account = swept_account(draft, context, redemption.account_id)
    now = context.now(program_of(draft, account).clock_id)
    reason = f"An order took {taken_minor} of {worth_minor}"
    account, _entry_id = give_points_back(
        draft, context, account, redemption, points=unused_points, reason=reason, now=now
    )
    redemption = replace(redemption, points_returned=redemption.points_returned + unused_points)
    draft.put(redemption)
    payload = redemption_payload(redemption, livemode=context.livemode)
    announce(draft, context, type="loyalty.redemption.reduced", account=account, data=payload, now=now)


def _require_payers(draft: Layer, redemption: Redemption) -> None:
    uses = draft.here(LotUse, redemption.entry_id)
    if not uses or any(draft.find(Lot, use.lot_id) is None for use in uses):
        raise AlsoRows(Redemption, [redemption.id])


def _lots_account(draft: Layer, redemption: Redemption) -> str:
    """The account whose lots paid the redemption."""
    return account_of(draft, draft.children(LotUse, redemption.entry_id)[0].lot_id)


def give_points_back(
    draft: Layer,
    context: Context,
    account: Account,
    redemption: Redemption,
    *,
    points: int,
    reason: str | None,
    now: datetime,
) -> tuple[Account, str]:
    """The points are back in the lots that paid. Returns the account, and the id of the entry that records it.

    Those of a merged member return to its own lots too, and move on at once to the account that acts for it.
    """
    assert redemption.entry_id is not None
    paying = draft.get(Account, redemption.account_id)
    assert paying is not None, f"account {redemption.account_id} was not loaded"
    if _lots_account(draft, redemption) == account.id:
        paying = account  # of one that was captured after the merge, too, the lots that paid are the other's
    movement = Movement(
        "redemption_cancellation",
        reason=reason,
        source_type="redemption",
        source_id=redemption.id,
        reverses_id=redemption.entry_id,
        receipt={"redemption": redemption.id, "points": points, "points_spent": redemption.points_spent},
    )
    paying, entry = give_back(
        draft,
        context,
        paying,
        debit_id=redemption.entry_id,
        points=points,
        returned_points=redemption.points_returned,
        movement=movement,
        now=now,
    )
    if paying.merged_into is None:
        return paying, entry.id
    _paying, account = transfer(draft, context, paying, account, reason="merge", now=now)
    return account, entry.id
