"""How a referral ends without a conversion (R19i, R24), and how any is shown."""

from __future__ import annotations

from datetime import datetime

from vinr_server.core.events.announcements import announce
from vinr_server.core.kernel.answers import Accepted, Rejected, missing
from vinr_server.core.kernel.commands import Commands, Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs, Of
from vinr_server.core.kernel.payloads import Wire
from vinr_server.core.kernel.values import replace
from vinr_server.core.ledger.book.moved import lot_of
from vinr_server.core.ledger.rows import Lot
from vinr_server.core.members.rows import Account
from vinr_server.core.programs.members import acting, enrolled
from vinr_server.core.programs.rows import Program
from vinr_server.core.referrals.commands import ExpireReferral
from vinr_server.core.referrals.payloads import referral_payload
from vinr_server.core.referrals.rows import Referral, ReferralStatus


def name_lots(needs: Needs, referral: Referral) -> None:
    """The lots of what a referral gave are declared, to show what became of them."""
    for earning in referral.earnings:
        for award in earning.awards:
            needs.row(Lot, award.entry_id)


def needs_expire_referral(command: ExpireReferral, needs: Needs) -> None:
    """The referral, and its customer's accounts."""
    needs.row(Referral, command.id, look=True)
    needs.look_along(Account, Of(Referral, command.id, "customer_id"), by="customer_id")


def follow_expire_referral(command: ExpireReferral, seen: Layer, needs: Needs) -> None:
    """The program, for its clock; the accounts."""
    referral = seen.get(Referral, command.id)
    if referral is not None:
        needs.row(Program, referral.program_id)
        for account in seen.children(Account, referral.customer_id):
            needs.row(Account, account.id)


def decide_expire_referral(draft: Layer, command: ExpireReferral, context: Context) -> Accepted | Rejected:
    """A referral whose window is over has expired; anything else stays as it is."""
    referral = draft.get(Referral, command.id)
    if referral is None:
        return missing("referral", command.id, param="id")
    referral = expire_if_due(draft, context, referral, now_of(draft, context, referral))
    return Accepted({"referral": referral.id, "status": referral.status}, is_new=False)


def expire_if_due(draft: Layer, context: Context, referral: Referral, now: datetime) -> Referral:
    """The referral as it is by now: its own row is locked and changed, so its window ends once (R24c)."""
    return end(draft, context, referral, status="expired", reason=None, now=now) if referral.is_due(now) else referral


def end(
    draft: Layer, context: Context, referral: Referral, *, status: ReferralStatus, reason: str | None, now: datetime
) -> Referral:
    """The referral has this status for good, and it is announced."""
    referral = replace(referral, status=status, reason=reason)
    draft.put(referral)
    data = shown(draft, context, referral)
    announce(draft, context, type=f"referral.{status}", bucket=referral.bucket, data=data, now=now)
    return referral


def shown(draft: Layer, context: Context, referral: Referral) -> Wire:
    """The referral's payload. Expects its customer's accounts, and the lots of what it gave."""
    referee = enrolled(draft, referral.customer_id, referral.program_id)
    awards = [award for earning in referral.earnings for award in earning.awards]
    lots = {award.entry_id: lot_of(draft, award.entry_id) for award in awards}
    referee_id = acting(draft, referee).id if referee is not None else None
    return referral_payload(referral, referee_id=referee_id, lots=lots, livemode=context.livemode)


def now_of(draft: Layer, context: Context, referral: Referral) -> datetime:
    """The current time of the referral's program, which is never deleted."""
    program = draft.get(Program, referral.program_id)
    assert program is not None, f"program {referral.program_id} was not loaded"
    return context.now(program.clock_id)


COMMANDS: Commands = {
    ExpireReferral: (needs_expire_referral, decide_expire_referral, follow_expire_referral),
}
