"""Accounts are closed and reopened: a closed one takes no part, and nothing waits in it (R10, R11)."""

from __future__ import annotations

from vinr_server.core.kernel.answers import Accepted, Rejected, missing
from vinr_server.core.kernel.commands import Commands, Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs, Part
from vinr_server.core.ledger.book.pending import in_force
from vinr_server.core.ledger.needs import name_account
from vinr_server.core.ledger.reversals import take_all_pending
from vinr_server.core.ledger.rows import Hold
from vinr_server.core.members.changes import with_status
from vinr_server.core.members.commands import CloseAccount, ReopenAccount
from vinr_server.core.members.rows import Account
from vinr_server.core.programs.members import program_of
from vinr_server.core.rewards.authorized import release_redemption
from vinr_server.core.rewards.rows import Redemption


def needs_close_account(command: CloseAccount, needs: Needs) -> None:
    """The account, with lots for its balance. (What waits in it comes with it.)"""
    name_account(needs, command.account_id, lots=Part.FIRST)


def decide_close_account(draft: Layer, command: CloseAccount, context: Context) -> Accepted | Rejected:
    """The account no longer takes awards or redemptions; refunds and cancellations still reach it. Idempotent.

    What was pending is taken back, and what was held is free again: time brings it nothing but expiries (R10g, R11g).
    """
    account = draft.get(Account, command.account_id)
    if account is None:
        return missing("account", command.account_id, param="id")
    if account.status == "active":
        account = take_all_pending(draft, context, account, reason="account_closed")
        account = _release_all(draft, context, account)
    return Accepted(with_status(draft, account, context, "closed"), is_new=False)


def _release_all(draft: Layer, context: Context, account: Account) -> Account:
    """Every authorized redemption of the account is canceled, the first to lapse first."""
    now = context.now(program_of(draft, account).clock_id)
    holds = [hold for hold in draft.here(Hold, account.id) if in_force(hold, account)]
    for hold in sorted(holds, key=lambda hold: (hold.expires_at, hold.id)):
        redemption = draft.get(Redemption, hold.id)
        assert redemption is not None, f"redemption {hold.id} was not loaded"
        release_redemption(draft, context, draft.get(Account, account.id) or account, redemption, now=now)
    return draft.get(Account, account.id) or account


def needs_reopen_account(command: ReopenAccount, needs: Needs) -> None:
    """The account, with lots for its balance."""
    name_account(needs, command.account_id, lots=Part.FIRST)


def decide_reopen_account(draft: Layer, command: ReopenAccount, context: Context) -> Accepted | Rejected:
    """The account earns and redeems again, with all it had; points kept expiring meanwhile. Idempotent."""
    account = draft.get(Account, command.account_id)
    if account is None:
        return missing("account", command.account_id, param="id")
    return Accepted(with_status(draft, account, context, "active"), is_new=False)


COMMANDS: Commands = {
    CloseAccount: (needs_close_account, decide_close_account),
    ReopenAccount: (needs_reopen_account, decide_reopen_account),
}
