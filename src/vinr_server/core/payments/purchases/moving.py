"""Move the points of a purchase: new awards, clawbacks of older ones, and what is reinstated of these (R5, R6, R7)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.values import dataclass, replace
from vinr_server.core.ledger.book.moved import lot_of
from vinr_server.core.ledger.book.posting import Movement
from vinr_server.core.ledger.movements import accrue
from vinr_server.core.ledger.reversals import reinstate_award, reverse_award, swept_account
from vinr_server.core.ledger.rows import Entry, Lot
from vinr_server.core.members.rows import Account
from vinr_server.core.payments.rows import Award, Clawback, Earning, Payment
from vinr_server.core.programs.members import program_of


@dataclass(frozen=True, slots=True)
class Cause:
    """What changed the state of a purchase.

    payment      the payment that was reported, refunded or amended: the source of new awards
    source       type and id of what clawbacks and reinstatements come from
    receipt      what their receipts say of it
    occurred_at  when it happened, where the merchant said so
    is_report    accounts that have not earned by the purchase begin to
    is_first     whether it is the customer's first order, where that was asked before; None where it is not known
    reinstates   points that were clawed back come back before new ones are given
    """

    payment: Payment
    source: tuple[str, str]
    reason: str | None = None
    receipt: Mapping[str, Any] | None = None
    occurred_at: datetime | None = None
    is_report: bool = False
    is_first: bool | None = None
    reinstates: bool = False


@dataclass(frozen=True, slots=True)
class NewAward:
    """Points that a cause gave: by a rule, by the bonus of an offer, or by a rule that an offer multiplied."""

    account_id: str
    entry: Entry
    rule_id: str | None
    offer_id: str | None
    available_at: datetime

    @property
    def entry_id(self) -> str:
        """The entry that gave them."""
        return self.entry.id


class Mover:
    """The points that one cause moves. `awards` are those it has given so far."""

    def __init__(self, draft: Layer, context: Context, cause: Cause) -> None:
        self._draft, self._context, self.cause = draft, context, cause
        self.awards: list[NewAward] = []
        self.reversed_points = self.pending_reversed_points = self.reinstated_points = 0

    def move(
        self,
        account: Account,
        earning: Earning,
        source_id: str,
        target_points: int,
        movement: Movement | None = None,
        *,
        offer_id: str | None = None,
        pending_days: int | None = None,
    ) -> Earning:
        """The awards of a source hold the target. A closed account gets nothing more; None gives no new award.

        `account`: the one that has earned, or the one it was merged into. `offer_id`: the offer that adds to what the
        movement gives, or is all of it. `pending_days`: how long new points wait; None: as the program says (R10).

        What the merchant has reversed by hand stays reversed: it counts as taken, and is never given again.
        """
        held_points = earning.held_points(source_id)
        if target_points < held_points:
            return self._claw_back(earning, source_id, target_points)
        if self.cause.reinstates and target_points > held_points:
            earning, back_points = self._reinstate(earning, source_id, target_points - held_points)
            held_points += back_points
        if movement is None or target_points == held_points or account.status != "active":
            return earning
        return self._award(account.id, earning, source_id, target_points, held_points, movement, offer_id, pending_days)

    def _award(
        self,
        account_id: str,
        earning: Earning,
        source_id: str,
        target_points: int,
        held_points: int,
        movement: Movement,
        offer_id: str | None,
        pending_days: int | None,
    ) -> Earning:
        points, payment = target_points - held_points, self.cause.payment
        receipt = {**(movement.receipt or {})}
        if held_points:
            receipt |= {"target": target_points, "held": held_points, "points": points}
        occurred_at = movement.occurred_at or payment.occurred_at
        movement = replace(
            movement, source_type="payment", source_id=payment.id, receipt=receipt, occurred_at=occurred_at
        )
        account = self._draft.get(Account, account_id)
        assert account is not None, "accounts are never deleted"
        program = program_of(self._draft, account)
        _account, entry, _payload = accrue(
            self._draft,
            self._context,
            account,
            program,
            points=points,
            movement=movement,
            event_type="loyalty.points.earned",
            pending_days=program.pending_days if pending_days is None else pending_days,
        )
        lot = self._draft.get(Lot, entry.id)
        assert lot is not None, "an accrual has a lot"
        self.awards.append(NewAward(account.id, entry, movement.rule_id, offer_id, lot.available_at))
        award = Award(entry.id, source_id, points, payment.id)
        return replace(earning, awards=(*earning.awards, award))

    def _claw_back(self, earning: Earning, source_id: str, target_points: int) -> Earning:
        """The newest awards of the source are taken back first, down to the target. (What has expired is gone.)"""
        mine = [award for award in reversed(earning.awards) if award.source_id == source_id]
        lots = {award.entry_id: self._lot(award) for award in mine}
        excess_points = sum(lot.points - lot.reversed_points for lot in lots.values()) - target_points
        for award in mine:
            account = swept_account(self._draft, self._context, earning.account_id)
            lot = self._lot(award)
            points = min(excess_points, lot.reversible_points)
            if points <= 0:
                continue
            movement = self._movement("reversal", award, points, target_points, reverses_id=award.entry_id)
            _account, entry = reverse_award(
                self._draft, self._context, account, lot=lot, points=points, movement=movement
            )
            taken = replace(award, clawbacks=(*award.clawbacks, Clawback(entry.id, points)))
            earning = _with(earning, taken)
            excess_points -= points
            self.reversed_points += points
            self.pending_reversed_points -= entry.pending_points
        return earning

    def _reinstate(self, earning: Earning, source_id: str, points: int) -> tuple[Earning, int]:
        """What was clawed back of the source comes back, the last clawback first; how many points that were."""
        left_points = points
        for award in reversed(earning.awards):
            if award.source_id != source_id:
                continue
            clawbacks = list(award.clawbacks)
            for place in reversed(range(len(clawbacks))):
                clawbacks[place], back_points = self._reinstate_one(award, clawbacks[place], left_points)
                left_points -= back_points
            standing = tuple(clawback for clawback in clawbacks if clawback.points)
            earning = _with(earning, replace(award, clawbacks=standing))
        return earning, points - left_points

    def _reinstate_one(self, award: Award, clawback: Clawback, points: int) -> tuple[Clawback, int]:
        lot = self._lot(award)
        points = min(points, clawback.points)
        if points == 0:
            return clawback, 0
        account = swept_account(self._draft, self._context, lot.account_id)
        movement = self._movement("reinstatement", award, points, None, reverses_id=clawback.entry_id)
        entries = reinstate_award(
            self._draft,
            self._context,
            account,
            lot=self._lot(award),
            clawback_id=clawback.entry_id,
            reinstated_by=clawback.reinstated_by,
            points=points,
            movement=movement,
        )
        self.reinstated_points += points
        reinstated_by = (*clawback.reinstated_by, *(entry.id for entry in entries))
        return Clawback(clawback.entry_id, clawback.points - points, reinstated_by), points

    def _movement(
        self, kind: str, award: Award, points: int, target_points: int | None, *, reverses_id: str
    ) -> Movement:
        source_type, source_id = self.cause.source
        receipt = {"award": award.entry_id, "awarded": award.points, **(self.cause.receipt or {})}
        receipt |= {"kept": target_points} if target_points is not None else {}
        return Movement(
            kind,
            reason=self.cause.reason,
            source_type=source_type,
            source_id=source_id,
            reverses_id=reverses_id,
            receipt=receipt | {"points": points},
        )

    def _lot(self, award: Award) -> Lot:
        return lot_of(self._draft, award.entry_id)


def _with(earning: Earning, award: Award) -> Earning:
    """The earning with this award as it is now."""
    awards = tuple(award if each.entry_id == award.entry_id else each for each in earning.awards)
    return replace(earning, awards=awards)
