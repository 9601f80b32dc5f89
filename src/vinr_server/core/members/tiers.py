"""Tiers by hand: a member holds the tier that a merchant gives it (R12i)."""

from __future__ import annotations

from vinr_server.core.kernel.answers import Accepted, Rejected, missing
from vinr_server.core.kernel.commands import Commands, Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs, Part
from vinr_server.core.ledger.needs import name_account
from vinr_server.core.members.changes import show_account
from vinr_server.core.members.rows import Account
from vinr_server.core.programs.members import closed, program_of
from vinr_server.core.tiers.commands import SetTier
from vinr_server.core.tiers.setting import set_tier


def needs_set_tier(command: SetTier, needs: Needs) -> None:
    """The account, with lots for its balance."""
    name_account(needs, command.account_id, lots=Part.FIRST)


def decide_set_tier(draft: Layer, command: SetTier, context: Context) -> Accepted | Rejected:
    """The member holds the tier, until an instant, and locked until one; the same again changes nothing."""
    account = draft.get(Account, command.account_id)
    if account is None:
        return missing("account", command.account_id, param="account")
    if account.status != "active":
        return closed(account)
    done = set_tier(draft, context, account, program_of(draft, account), command)
    if isinstance(done, Rejected):
        return done
    return Accepted(show_account(draft, done, context), is_new=False)


COMMANDS: Commands = {SetTier: (needs_set_tier, decide_set_tier)}
