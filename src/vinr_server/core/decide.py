"""All commands, merged from the rooms: for each, which rows it needs and how it is decided."""

from __future__ import annotations

from vinr_server.core import bulk, closing, converting, redeeming
from vinr_server.core.access import changes as api_keys
from vinr_server.core.campaigns import changes as campaigns
from vinr_server.core.campaigns import enrolments, publishing
from vinr_server.core.campaigns.entries import challenges, scans
from vinr_server.core.campaigns.passages.hearing import hear_all, name_heard
from vinr_server.core.checkout import completion, evaluation, sessions
from vinr_server.core.clocks import changes as clocks
from vinr_server.core.codes import batches as code_batches
from vinr_server.core.codes import changes as codes
from vinr_server.core.codes import imports as code_imports
from vinr_server.core.credit import movements as credit_movements
from vinr_server.core.credit import settings as credit_settings
from vinr_server.core.credit import wallets
from vinr_server.core.credit.rows import Wallet
from vinr_server.core.earning import changes as earning_rules
from vinr_server.core.events import endpoints
from vinr_server.core.kernel.answers import Accepted, Rejected, invalid
from vinr_server.core.kernel.commands import Command, Commands, Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs, Undeclared
from vinr_server.core.kernel.numbers import NUMBER_MAX
from vinr_server.core.ledger import awards, reversals
from vinr_server.core.members import changes as members
from vinr_server.core.members import imports as member_imports
from vinr_server.core.members import merging
from vinr_server.core.members import tiers as member_tiers
from vinr_server.core.members.rows import Account
from vinr_server.core.offers import activation, eligibility
from vinr_server.core.offers import changes as offers
from vinr_server.core.offers.grants import granting
from vinr_server.core.payments import amendments, guests, payments, refunds
from vinr_server.core.programs import changes as programs
from vinr_server.core.referrals import codes as referral_codes
from vinr_server.core.referrals import endings as referral_endings
from vinr_server.core.referrals import programs as referral_programs
from vinr_server.core.referrals import registration
from vinr_server.core.rewards import authorized, discounts, redemptions
from vinr_server.core.rewards import changes as rewards
from vinr_server.core.segments import changes as segments
from vinr_server.core.segments import members as segment_members
from vinr_server.core.segments import scans as segment_scans
from vinr_server.core.segments.moves import note_touched
from vinr_server.core.tiers.changing import judge_tiers

COMMANDS: Commands = {
    **bulk.COMMANDS,
    **api_keys.COMMANDS,
    **endpoints.COMMANDS,
    **clocks.COMMANDS,
    **programs.COMMANDS,
    **awards.COMMANDS,
    **reversals.COMMANDS,
    **earning_rules.COMMANDS,
    **members.COMMANDS,
    **closing.COMMANDS,
    **wallets.COMMANDS,
    **credit_movements.COMMANDS,
    **credit_settings.COMMANDS,
    **merging.COMMANDS,
    **member_imports.COMMANDS,
    **member_tiers.COMMANDS,
    **rewards.COMMANDS,
    **redemptions.COMMANDS,
    **authorized.COMMANDS,
    **discounts.COMMANDS,
    **segments.COMMANDS,
    **segment_members.COMMANDS,
    **segment_scans.COMMANDS,
    **offers.COMMANDS,
    **activation.COMMANDS,
    **eligibility.COMMANDS,
    **granting.COMMANDS,
    **codes.COMMANDS,
    **redeeming.COMMANDS,
    **code_batches.COMMANDS,
    **code_imports.COMMANDS,
    **referral_programs.COMMANDS,
    **referral_codes.COMMANDS,
    **registration.COMMANDS,
    **referral_endings.COMMANDS,
    **completion.COMMANDS,
    **evaluation.COMMANDS,
    **sessions.COMMANDS,
    **payments.COMMANDS,
    **guests.COMMANDS,
    **refunds.COMMANDS,
    **converting.COMMANDS,
    **amendments.COMMANDS,
    **campaigns.COMMANDS,
    **publishing.COMMANDS,
    **scans.COMMANDS,
    **challenges.COMMANDS,
    **enrolments.COMMANDS,
}


def needs_of(command: Command, needs: Needs) -> None:
    """Add the rows that this command names itself to the needs."""
    COMMANDS[type(command)][0](command, needs)


def follow(command: Command, seen: Layer, needs: Needs) -> None:
    """Add the rows that follow from those the batch has looked at to the needs."""
    functions = COMMANDS[type(command)]
    if len(functions) == 3:
        functions[2](command, seen, needs)
        name_heard(command, seen, needs)


def decide(draft: Layer, command: Command, context: Context) -> Accepted | Rejected:
    """Return the command's answer; its rows are in the draft, which the caller merges if the command was accepted.

    The tiers of those who earned by it are judged with it (R12g), and whom it touched is due to be judged by dynamic
    segments. Raises Undeclared when the decision reads a row that no command of the batch declares, and InPart when it
    needs more rows than were read.
    """
    try:
        answer = COMMANDS[type(command)][1](draft, command, context)
        if isinstance(answer, Accepted):
            judge_tiers(draft, context)
            answer = hear_all(draft, command, context, answer)
            note_touched(draft, context)
    except Undeclared as undeclared:
        undeclared.command = type(command).__name__
        raise
    if isinstance(answer, Accepted):
        return _overflow(draft) or answer
    return answer


def _overflow(draft: Layer) -> Rejected | None:
    """Refuse a change that pushes a member's points, or its credit, out of the range of exact JSON numbers."""
    for row in draft.written(Account):
        if max(abs(row.ledger_balance_points), row.lifetime_points) > NUMBER_MAX:
            message = f"Account {row.id} would exceed the maximum of {NUMBER_MAX} points. Award fewer points."
            return invalid(message, param="points")
    for wallet in draft.written(Wallet):
        if wallet.ledger_balance_points > NUMBER_MAX:
            message = f"Store credit of {wallet.customer_id} would exceed the maximum of {NUMBER_MAX}. Grant less."
            return invalid(message, param="amount")
    return None
