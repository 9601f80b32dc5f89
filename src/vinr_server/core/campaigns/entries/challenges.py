"""Challenges that a member is not in, and would enter by the first of what counts: what its page shows as 0 of so many.

They are judged as an entry would be, by the same functions, and nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterator

from vinr_server.core.campaigns.challenges.figures import untouched_payload
from vinr_server.core.campaigns.changes import revision_of
from vinr_server.core.campaigns.commands import FindChallenges
from vinr_server.core.campaigns.definition import Definition
from vinr_server.core.campaigns.listeners import entry_order
from vinr_server.core.campaigns.passages.capping import name_meetings
from vinr_server.core.campaigns.passages.entering import bar, holds_out
from vinr_server.core.campaigns.rows import Campaign, PastEntry
from vinr_server.core.conditions.judging import unmet_in
from vinr_server.core.conditions.membership import name_history, values_of
from vinr_server.core.kernel.answers import Accepted, Rejected, missing
from vinr_server.core.kernel.commands import Commands, Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs
from vinr_server.core.ledger.needs import name_account
from vinr_server.core.members.rows import Account
from vinr_server.core.programs.members import program_of
from vinr_server.core.segments.conditions import tree_of

# The key of an entry into a challenge, which every member enters once.
ONCE = ""


def needs_find_challenges(command: FindChallenges, needs: Needs) -> None:
    """The account."""
    name_account(needs, command.account_id, look=True)


def follow_find_challenges(command: FindChallenges, seen: Layer, needs: Needs) -> None:
    """The member's passages through the challenges of its program, and what their entries ask of it."""
    account = seen.get(Account, command.account_id)
    for campaign, definition in _entered_by_contribution(seen, account) if account is not None else ():
        needs.row(PastEntry, (command.account_id, campaign.id, ONCE), beside=command.account_id)
        name_meetings(needs, definition, command.account_id, "entries")
        if definition.entry.member is not None:
            name_history(needs, seen, [command.account_id])


def decide_find_challenges(draft: Layer, command: FindChallenges, context: Context) -> Accepted | Rejected:
    """The challenges that would let the member in now, in the order in which they would; each with its progress."""
    account = draft.get(Account, command.account_id)
    if account is None:
        return missing("account", command.account_id, param="id")
    program = program_of(draft, account)
    now = context.now(program.clock_id)
    found = []
    for campaign, definition in _entered_by_contribution(draft, account):
        if definition.progress is not None and _would_enter(draft, context, campaign, definition, account):
            progress = untouched_payload(definition.progress, now=now, zone=program.timezone)
            found.append({"campaign": campaign.id, "name": campaign.name, "progress": progress})
    return Accepted({"account": account.id, "challenges": found}, is_new=False)


def _entered_by_contribution(layer: Layer, account: Account) -> Iterator[tuple[Campaign, Definition]]:
    mine = [row for row in layer.every(Campaign) if row.program_id == account.program_id and row.is_live]
    for campaign in sorted(mine, key=entry_order):
        revision = revision_of(layer, campaign)
        if revision is not None and revision.definition.entry.contribution:
            yield campaign, revision.definition


def _would_enter(draft: Layer, context: Context, campaign: Campaign, definition: Definition, account: Account) -> bool:
    """Whether the first of what counts would let the member in, if it came now. Who is held out sees nothing of it."""
    now = context.now(program_of(draft, account).clock_id)
    if account.status != "active" or campaign.status_at(now) != "active" or holds_out(campaign, definition, account):
        return False
    asked = definition.entry.member
    if asked is not None and unmet_in(tree_of(asked), values_of(draft, context, account, definition.asked)):
        return False
    return bar(draft, campaign, definition, account, ONCE, now) is None


COMMANDS: Commands = {FindChallenges: (needs_find_challenges, decide_find_challenges, follow_find_challenges)}
