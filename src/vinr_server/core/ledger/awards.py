"""Points given and corrected by hand: award and adjust."""

from __future__ import annotations

from datetime import datetime, timedelta

from vinr_server.core.credit.rows import WALLET, Wallet
from vinr_server.core.events.announcements import announce
from vinr_server.core.kernel.answers import Accepted, Rejected, first_listed, invalid, missing
from vinr_server.core.kernel.commands import Commands, Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs, Part
from vinr_server.core.kernel.payloads import Wire, unix
from vinr_server.core.ledger.book.holders import Holder, now_of
from vinr_server.core.ledger.book.lots import spendable
from vinr_server.core.ledger.book.pending import activate, available_from, next_pending, waiting_lot
from vinr_server.core.ledger.book.posting import Movement
from vinr_server.core.ledger.book.sweeping import sweep
from vinr_server.core.ledger.commands import ActivatePoints, AdjustPoints, AwardPoints, ExpireLots
from vinr_server.core.ledger.movements import accrue, debit
from vinr_server.core.ledger.needs import name_account, name_holder
from vinr_server.core.ledger.payloads import entry_payload, next_pending_payload
from vinr_server.core.ledger.reversals import award_of, name_award
from vinr_server.core.ledger.rows import Entry, Lot
from vinr_server.core.members.rows import Account
from vinr_server.core.payments.rows import Payment
from vinr_server.core.programs.members import closed, program_of
from vinr_server.core.programs.rows import Program

# A merchant's clock may run a little ahead of ours.
CLOCK_SKEW = timedelta(seconds=300)


def needs_award_points(command: AwardPoints, needs: Needs) -> None:
    """The account; the payment too, where the award is tied to one."""
    name_account(needs, command.account_id)
    if command.payment_id:
        needs.row(Payment, command.payment_id)


def decide_award_points(draft: Layer, command: AwardPoints, context: Context) -> Accepted | Rejected:
    """The account holds a new lot of these points."""
    account = draft.get(Account, command.account_id)
    if account is None:
        return missing("account", command.account_id, param="account")
    program = program_of(draft, account)
    now = context.now(program.clock_id)
    days = _pending_days(command, program)
    available_at = available_from(context, program, min(command.occurred_at or now, now), days)
    refusal = first_listed(
        in_the_future(command.occurred_at, now),
        _end_refusal(command.expires_at, available_at),
        _payment_refusal(draft, command, account),
        closed(account) if account.status == "closed" else None,
    )
    if refusal is not None:
        return refusal
    receipt: Wire = {"manual": True, "points": command.points}
    if command.expires_at is not None:
        receipt["expires_at"] = unix(command.expires_at)
    movement = Movement(
        "award",
        reason=command.reason,
        source_type="payment" if command.payment_id else None,
        source_id=command.payment_id,
        receipt=receipt,
        metadata=command.metadata,
        occurred_at=command.occurred_at,
    )
    _account, _entry, payload = accrue(
        draft,
        context,
        account,
        program,
        points=command.points,
        movement=movement,
        event_type="loyalty.points.earned",
        expires_at=command.expires_at,
        pending_days=days,
    )
    return Accepted(payload)


def _pending_days(command: AwardPoints, program: Program) -> int:
    """How long the points wait: as the call says, else as the program says of what a payment earns (R10)."""
    if command.pending_days is not None:
        return command.pending_days
    return program.pending_days if command.payment_id is not None else 0


def _end_refusal(expires_at: datetime | None, available_at: datetime) -> Rejected | None:
    """Refuse an end before the points are there."""
    if expires_at is None or expires_at > available_at:
        return None
    message = (
        f"expires_at: points that are there from {available_at.isoformat()} on can't end at {expires_at.isoformat()}."
        " Send a later instant, or leave it out for the program's own end."
    )
    return invalid(message, param="expires_at")


def _payment_refusal(draft: Layer, command: AwardPoints, account: Account) -> Rejected | None:
    if command.payment_id is None:
        return None
    payment = draft.get(Payment, command.payment_id)
    if payment is None:
        return missing("payment", command.payment_id, param="payment")
    if payment.customer_id not in (None, *account.customer_ids):
        owners = f"{payment.customer_id}, account {account.id} of {account.customer_id}"
        return Rejected("parameter_conflict", f"Payment {payment.id} is of customer {owners}.", param="payment")
    return None


def in_the_future(occurred_at: datetime | None, *instants: datetime, param: str = "occurred_at") -> Rejected | None:
    """Refuse what has not happened yet by the latest of these clocks; a merchant's own may run a little ahead."""
    latest = max(instants)
    if occurred_at is None or occurred_at <= latest + CLOCK_SKEW:
        return None
    message = f"{param} lies in the future; it is {latest.isoformat()} now. Report what has happened."
    return invalid(message, param=param)


def needs_adjust_points(command: AdjustPoints, needs: Needs) -> None:
    """The account, with the lots that a negative adjustment takes from."""
    name_account(needs, command.account_id, lots=Part.FIRST)


def decide_adjust_points(draft: Layer, command: AdjustPoints, context: Context) -> Accepted | Rejected:
    """The balance is corrected: up by a new lot, down from the lots by R3, never below what can be spent (I4)."""
    account = draft.get(Account, command.account_id)
    if account is None:
        return missing("account", command.account_id, param="account")
    if account.status == "closed":
        return closed(account)
    program = program_of(draft, account)
    receipt = {"manual": True, "points": command.points}
    movement = Movement("adjustment", reason=command.reason, receipt=receipt, metadata=command.metadata)
    if command.points > 0:
        _account, _entry, payload = accrue(
            draft,
            context,
            account,
            program,
            points=command.points,
            movement=movement,
            event_type="loyalty.points.adjusted",
        )
        return Accepted(payload)
    now = context.now(program.clock_id)
    account = sweep(draft, context, account, now=now)
    needed_points = -command.points
    if account.free_points < needed_points:
        return insufficient(draft, account, required=needed_points, what="the adjustment takes")
    account, entry = debit(draft, context, account, points=needed_points, movement=movement, now=now)
    shown = entry_payload(entry, livemode=context.livemode)
    announce(draft, context, type="loyalty.points.adjusted", account=account, data=shown, now=now)
    return Accepted(shown)


def insufficient(draft: Layer, account: Account, *, required: int, what: str) -> Rejected:
    """Say how many points are there, how many it takes, and how many are missing. Expects a swept account."""
    balance = account.free_points
    shortfall = required - balance
    beside = [
        f"{points} more {what}"
        for points, what in ((account.held_points, "are held"), (account.pending_points, "are pending"))
        if points
    ]
    more = f" ({', '.join(beside)})" if beside else ""
    message = f"Account {account.id} holds {balance} points{more}; {what} {required}. Earn {shortfall} more."
    details = {
        "balance": balance,
        "held": account.held_points,
        "pending": account.pending_points,
        "next_pending": next_pending_payload(next_pending(draft, account)),
        "required": required,
        "shortfall": shortfall,
        "change": f"earn {shortfall} more",
    }
    return Rejected("insufficient_points", message, param="account", details=details)


def needs_activate_points(command: ActivatePoints, needs: Needs) -> None:
    """The award, or an activation of it."""
    needs.row(Entry, command.transaction_id, look=True)


def follow_activate_points(command: ActivatePoints, seen: Layer, needs: Needs) -> None:
    """The award with what came of it, its lot, and its account."""
    name_award(needs, seen, command.transaction_id)


def decide_activate_points(draft: Layer, command: ActivatePoints, context: Context) -> Accepted | Rejected:
    """What is left of the award can be spent from now on. Activated before: nothing moves (R10e)."""
    named = draft.get(Entry, command.transaction_id)
    award = draft.get(Entry, award_of(named)) if named is not None else None
    if award is None:
        return missing("points transaction", command.transaction_id, param="transaction")
    for entry in draft.children(Entry, award.id):
        if entry.kind == "activation":
            return Accepted(
                {**entry_payload(entry, livemode=context.livemode), "already_activated": True}, is_new=False
            )
    waiting = waiting_lot(draft, award)
    if waiting is None:
        return _not_pending(draft, award)
    account = draft.get(Account, waiting.account_id)
    assert account is not None, f"account {waiting.account_id} was not loaded"
    program = program_of(draft, account)
    now = context.now(program.clock_id)
    account = sweep(draft, context, account, now=now)
    _account, _entry, payload = activate(
        draft, context, account, program, waiting, award=award, at=now, now=now, reason=command.reason
    )
    return Accepted(payload)


def _not_pending(draft: Layer, award: Entry) -> Rejected:
    """Nothing of it waits: it was there at once, or all of it was taken back."""
    lot = draft.find(Lot, award.id) if award.pending_points > 0 else None
    status = "available" if lot is None else "reversed"
    why = "its points were there at once" if lot is None else "all of it was taken back while it was pending"
    message = f"{award.id} has no pending points: {why}."
    return Rejected("not_pending", message, param="transaction", details={"transaction": award.id, "status": status})


def needs_expire_lots(command: ExpireLots, needs: Needs) -> None:
    """The account, or the wallet, with its lots."""
    name_holder(needs, command.account_id, lots=Part.FIRST)


def decide_expire_lots(draft: Layer, command: ExpireLots, context: Context) -> Accepted | Rejected:
    """Every lot of the account or wallet that is over is written off; doing it again changes nothing."""
    if command.account_id.startswith(WALLET):
        return _expire(draft, context, draft.get(Wallet, command.account_id), command.account_id)
    return _expire(draft, context, draft.get(Account, command.account_id), command.account_id)


def _expire(draft: Layer, context: Context, holder: Holder | None, id: str) -> Accepted | Rejected:
    if holder is None:
        return missing("account", id, param="account")
    before, now = holder.sequence, now_of(draft, context, holder)
    holder = sweep(draft, context, holder, now=now)
    lots = draft.children(Lot, holder.id, in_part=True)
    assert spendable(lots, holder, now) or holder.free_points <= 0
    return Accepted({"account": holder.id, "expiries": holder.sequence - before}, is_new=False)


COMMANDS: Commands = {
    AwardPoints: (needs_award_points, decide_award_points),
    ActivatePoints: (needs_activate_points, decide_activate_points, follow_activate_points),
    AdjustPoints: (needs_adjust_points, decide_adjust_points),
    ExpireLots: (needs_expire_lots, decide_expire_lots),
}
