"""Passages through campaigns by call: entered, ended, tried again; and by the worker, because they are due or moved."""

from __future__ import annotations

from vinr_server.core.campaigns.changes import not_active, program_of_campaign, revision_of
from vinr_server.core.campaigns.commands import EnterCampaign, ExitEnrolment, FollowCampaign, RetryEnrolment, TakeSteps
from vinr_server.core.campaigns.passages.capping import name_meetings
from vinr_server.core.campaigns.passages.entering import Entering, bar, end, enter, key_of, unnamed
from vinr_server.core.campaigns.passages.moving import follow
from vinr_server.core.campaigns.passages.stepping import definition_of
from vinr_server.core.campaigns.payloads import enrolment_payload
from vinr_server.core.campaigns.rows import Campaign, CampaignRevision, Enrolment, PastEntry
from vinr_server.core.earning.conditions import Occasion
from vinr_server.core.kernel.answers import Accepted, Rejected, first_listed, missing
from vinr_server.core.kernel.commands import Commands, Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs
from vinr_server.core.kernel.values import replace
from vinr_server.core.ledger.needs import name_account
from vinr_server.core.members.rows import Account
from vinr_server.core.programs.members import closed, program_of


def needs_enter_campaign(command: EnterCampaign, needs: Needs) -> None:
    """The account, and the campaign."""
    needs.row(Campaign, command.campaign_id)
    name_account(needs, command.account_id, look=True)


def follow_enter_campaign(command: EnterCampaign, seen: Layer, needs: Needs) -> None:
    """The member's passages through the campaign, and the one of the key that it would enter by."""
    campaign = seen.get(Campaign, command.campaign_id)
    revision = revision_of(seen, campaign) if campaign is not None else None
    if revision is not None:
        key = key_of(revision.definition.reentry, command.data)
        needs.row(PastEntry, (command.account_id, command.campaign_id, key or ""), beside=command.account_id)
        name_meetings(needs, revision.definition, command.account_id, "entries")


def decide_enter_campaign(draft: Layer, command: EnterCampaign, context: Context) -> Accepted | Rejected:
    """The member has begun a passage. Where it may not begin another, the answer is the one that it has.

    Refuses: a campaign that is not active, a closed account, one of another program, and too many passages.
    """
    campaign = draft.get(Campaign, command.campaign_id)
    if campaign is None:
        return missing("campaign", command.campaign_id, param="id")
    account = draft.get(Account, command.account_id)
    if account is None:
        return missing("account", command.account_id, param="account")
    program = program_of_campaign(draft, campaign)
    refusal = first_listed(
        not_active(draft, context, campaign) if campaign.status_at(context.now(program.clock_id)) != "active" else None,
        closed(account) if account.status != "active" else None,
        mismatch(campaign, account) if account.program_id != campaign.program_id else None,
    )
    if refusal is not None:
        return refusal
    revision = revision_of(draft, campaign)
    assert revision is not None, "an active campaign was published"
    return _enter(draft, context, campaign, revision, account, command)


def _enter(
    draft: Layer,
    context: Context,
    campaign: Campaign,
    revision: CampaignRevision,
    account: Account,
    command: EnterCampaign,
) -> Accepted | Rejected:
    definition = revision.definition
    at = context.now(program_of(draft, account).clock_id)
    key = key_of(definition.reentry, command.data)
    if key is None:
        return unnamed(definition.reentry)
    barred = bar(draft, campaign, definition, account, key, at)
    if isinstance(barred, Rejected):
        return barred
    if barred is not None:
        payload = enrolment_payload(barred, livemode=context.livemode)
        return Accepted({**payload, "already_enrolled": True}, is_new=False)
    occasion = Occasion("call", "call", campaign.id, occurred_at=at, data=command.data)
    entering = Entering("call", None, occasion, at)
    enrolment = enter(draft, context, campaign, definition, account, entering, key=key, member=None)
    return Accepted(enrolment_payload(enrolment, livemode=context.livemode))


def mismatch(campaign: Campaign, account: Account) -> Rejected:
    """The refusal of an account that is of another program than the campaign."""
    message = (
        f"Campaign {campaign.id} is of program {campaign.program_id}, account {account.id} of {account.program_id}."
        " Name the member's account in the campaign's program."
    )
    return Rejected("program_mismatch", message, param="account")


def needs_exit_enrolment(command: ExitEnrolment, needs: Needs) -> None:
    """The passage."""
    needs.row(Enrolment, command.id, look=True)


def follow_exit_enrolment(command: ExitEnrolment, seen: Layer, needs: Needs) -> None:
    """Its account."""
    _name_member(seen, needs, command.id)


def _name_member(seen: Layer, needs: Needs, id: str) -> None:
    enrolment = seen.get(Enrolment, id)
    if enrolment is not None:
        name_account(needs, enrolment.account_id, beside=enrolment.id)


def decide_exit_enrolment(draft: Layer, command: ExitEnrolment, context: Context) -> Accepted | Rejected:
    """The passage is over, by a call. Refuses one that is over already."""
    enrolment = draft.get(Enrolment, command.id)
    if enrolment is None:
        return missing("enrolment", command.id, param="id")
    if enrolment.status in ("over", "holdout"):
        return _not_open(enrolment)
    definition, account = definition_of(draft, enrolment), draft.get(Account, enrolment.account_id)
    assert definition is not None and account is not None, f"{enrolment.id} was loaded without what it belongs to"
    at = context.now(program_of(draft, account).clock_id)
    over = end(draft, context, enrolment, definition, command.outcome, at=at)
    return Accepted(enrolment_payload(over, livemode=context.livemode), is_new=False)


def _not_open(enrolment: Enrolment) -> Rejected:
    status = enrolment.status
    message = f"Enrollment {enrolment.id} is {status}, so there is nothing to change."
    return Rejected("enrolment_not_open", message, param="id", details={"status": status})


def needs_retry_enrolment(command: RetryEnrolment, needs: Needs) -> None:
    """The passage."""
    needs.row(Enrolment, command.enrolment_id, look=True)


def follow_retry_enrolment(command: RetryEnrolment, seen: Layer, needs: Needs) -> None:
    """Its account."""
    _name_member(seen, needs, command.enrolment_id)


def decide_retry_enrolment(draft: Layer, command: RetryEnrolment, context: Context) -> Accepted | Rejected:
    """A passage that failed goes on with the step at which it stands. One that has not failed stays as it is."""
    enrolment = draft.get(Enrolment, command.enrolment_id)
    if enrolment is None or enrolment.campaign_id != command.campaign_id:
        return missing("enrolment", command.enrolment_id, param="enrolment")
    if enrolment.status in ("over", "holdout"):
        return replace(_not_open(enrolment), param="enrolment")
    if enrolment.status == "failed":
        account = draft.get(Account, enrolment.account_id)
        assert account is not None, f"account {enrolment.account_id} was not loaded"
        now = context.now(program_of(draft, account).clock_id)
        enrolment = replace(enrolment, status="open", failures=0, error=None, due_at=now)
        draft.put(enrolment)
    return Accepted(enrolment_payload(enrolment, livemode=context.livemode), is_new=False)


def needs_follow_campaign(command: FollowCampaign, needs: Needs) -> None:
    """The passage."""
    needs.row(Enrolment, command.enrolment_id, look=True)


def follow_follow_campaign(command: FollowCampaign, seen: Layer, needs: Needs) -> None:
    """Its account."""
    _name_member(seen, needs, command.enrolment_id)


def decide_follow_campaign(draft: Layer, command: FollowCampaign, context: Context) -> Accepted | Rejected:
    """The passage goes on in the revision to which its campaign moves it, or is over. Repeated it changes nothing."""
    enrolment = draft.get(Enrolment, command.enrolment_id)
    if enrolment is None:
        return missing("enrolment", command.enrolment_id, param="id")
    return Accepted(enrolment_payload(follow(draft, context, enrolment), livemode=context.livemode), is_new=False)


def needs_take_steps(command: TakeSteps, needs: Needs) -> None:
    """The account. (What is due of it comes with it.)"""
    name_account(needs, command.account_id)


def decide_take_steps(draft: Layer, command: TakeSteps, _context: Context) -> Accepted | Rejected:
    """What was due of the account has been done before this was decided; there is nothing else to do."""
    if draft.get(Account, command.account_id) is None:
        return missing("account", command.account_id, param="account")
    return Accepted({"account": command.account_id}, is_new=False)


COMMANDS: Commands = {
    EnterCampaign: (needs_enter_campaign, decide_enter_campaign, follow_enter_campaign),
    ExitEnrolment: (needs_exit_enrolment, decide_exit_enrolment, follow_exit_enrolment),
    RetryEnrolment: (needs_retry_enrolment, decide_retry_enrolment, follow_retry_enrolment),
    FollowCampaign: (needs_follow_campaign, decide_follow_campaign, follow_follow_campaign),
    TakeSteps: (needs_take_steps, decide_take_steps),
}
