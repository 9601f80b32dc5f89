"""Redemptions: points spent on a reward, atomically with its stock and limits; canceling gives them back (R5, R15)."""

from __future__ import annotations

from datetime import datetime, timedelta

from vinr_server.core.events.announcements import announce
from vinr_server.core.kernel.answers import Accepted, Rejected, first_listed, missing
from vinr_server.core.kernel.calendar import whole_second
from vinr_server.core.kernel.caps import counter_of, full_for_all, full_for_member
from vinr_server.core.kernel.commands import Commands, Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs, Part
from vinr_server.core.kernel.rows import Json
from vinr_server.core.kernel.values import replace
from vinr_server.core.ledger.awards import insufficient
from vinr_server.core.ledger.book.holds import reserve
from vinr_server.core.ledger.book.posting import Movement
from vinr_server.core.ledger.book.sweeping import active
from vinr_server.core.ledger.movements import debit
from vinr_server.core.ledger.needs import name_account
from vinr_server.core.ledger.reversals import swept_account
from vinr_server.core.ledger.rows import Entry
from vinr_server.core.members.rows import Account
from vinr_server.core.programs.members import closed, program_of
from vinr_server.core.rewards.authorized import (
    account_of_redemption,
    count_redemption,
    release_redemption,
    reward_of,
    turn,
    voucher_for,
)
from vinr_server.core.rewards.commands import CancelRedemption, CreateRedemption
from vinr_server.core.rewards.credit import (
    gives_credit,
    grant_credit_for,
    look_at_asked_wallets,
    look_at_credit_of,
    name_asked_wallets,
    name_credit_of,
    take_credit_back,
)
from vinr_server.core.rewards.discounts import held_by_session
from vinr_server.core.rewards.payloads import redemption_payload
from vinr_server.core.rewards.returns import give_points_back, look_at_payers, name_payers
from vinr_server.core.rewards.rows import Discount, Redemption, Reward
from vinr_server.core.rewards.variable import Price, is_variable, price_of


def needs_create_redemption(command: CreateRedemption, needs: Needs) -> None:
    """The account with its lots, and the counters of the reward's caps."""
    name_account(needs, command.account_id, lots=Part.FIRST)
    needs.counter(counter_of("reward", command.reward_id))
    needs.counter(counter_of("reward", command.reward_id, command.account_id), beside=command.account_id)
    look_at_asked_wallets(needs)


def follow_create_redemption(command: CreateRedemption, seen: Layer, needs: Needs) -> None:
    """Where the reward gives store credit: the wallets of the account's customer."""
    name_asked_wallets(needs, seen)


def decide_create_redemption(draft: Layer, command: CreateRedemption, context: Context) -> Accepted | Rejected:
    """The points are spent and the reward is issued, or nothing happened."""
    account = draft.get(Account, command.account_id)
    if account is None:
        return missing("account", command.account_id, param="account")
    reward = draft.get(Reward, command.reward_id)
    if reward is None:
        return missing("reward", command.reward_id, param="reward")
    now = context.now(program_of(draft, account).clock_id)
    price = price_of(reward, command.points)
    refusal = first_listed(giving_refusal(draft, account, reward, now=now), price)
    if refusal is not None:
        return refusal
    assert isinstance(price, Price), "refused above"
    account = swept_account(draft, context, account.id)
    if account.free_points < price.cost_points:
        return insufficient(draft, account, required=price.cost_points, what=f"reward {reward.id} costs")
    decided = _redeem if command.capture else _authorize
    return decided(draft, context, account, reward, price, command, now=now)


def _authorize(
    draft: Layer,
    context: Context,
    account: Account,
    reward: Reward,
    price: Price,
    command: CreateRedemption,
    *,
    now: datetime,
) -> Accepted:
    """The points are reserved, and a discount is there to be used: by that it is captured (R11a)."""
    redemption_id = context.make_id("rdm", account.bucket)
    redemption = replace(
        _new_redemption(draft, context, account, reward, price.benefit, redemption_id, command.metadata, now=now),
        status="authorized",
        held_points=price.cost_points,
        expires_at=whole_second(now + timedelta(minutes=command.minutes)),
    )
    draft.put(redemption)
    assert redemption.expires_at is not None
    account = reserve(
        draft,
        account,
        id=redemption_id,
        points=price.cost_points,
        reward_id=reward.id,
        discount_id=redemption.discount_id,
        expires_at=redemption.expires_at,
        now=now,
    )
    account = active(draft, account, program_of(draft, account), now=now)
    count_redemption(draft, context, account, reward, used=1)
    payload = redemption_payload(redemption, livemode=context.livemode)
    announce(draft, context, type="loyalty.redemption.authorized", account=account, data=payload, now=now)
    return Accepted(payload)


def _redeem(
    draft: Layer,
    context: Context,
    account: Account,
    reward: Reward,
    price: Price,
    command: CreateRedemption,
    *,
    now: datetime,
) -> Accepted:
    redemption_id, metadata = context.make_id("rdm", account.bucket), command.metadata
    receipt = {"reward": reward.id, "revision": reward.revision, "points": price.cost_points}
    if command.points is not None:
        receipt |= {"requested": command.points, "amount": price.benefit["amount"]}
    movement = Movement(
        "redemption",
        reason=reward.name,
        source_type="redemption",
        source_id=redemption_id,
        receipt=receipt,
        metadata=metadata,
    )
    account, entry = debit(draft, context, account, points=price.cost_points, movement=movement, now=now)
    account = active(draft, account, program_of(draft, account), now=now)
    _redemption, payload = issue(
        draft,
        context,
        account,
        reward,
        price.benefit,
        redemption_id=redemption_id,
        paid_by=entry,
        metadata=metadata,
        now=now,
    )
    return Accepted(payload)


def issue(
    draft: Layer,
    context: Context,
    account: Account,
    reward: Reward,
    benefit: Json,
    *,
    redemption_id: str,
    paid_by: Entry | None,
    metadata: Json,
    now: datetime,
) -> tuple[Redemption, Json]:
    """The member has the reward, its caps are counted, and an event reports it; `paid_by` None: it is a gift."""
    redemption = _new_redemption(draft, context, account, reward, benefit, redemption_id, metadata, now=now)
    redemption = replace(
        redemption,
        points_spent=-paid_by.points if paid_by else 0,
        entry_id=paid_by.id if paid_by else None,
        voucher_code=voucher_for(context, benefit),
        credit_entry_id=grant_credit_for(
            draft, context, account, benefit, redemption_id=redemption_id, reward_id=reward.id
        ),
    )
    draft.put(redemption)
    count_redemption(draft, context, account, reward, used=1)
    payload = redemption_payload(redemption, livemode=context.livemode)
    announce(draft, context, type="loyalty.reward.redeemed", account=account, data=payload, now=now)
    return redemption, payload


def _new_redemption(
    draft: Layer,
    context: Context,
    account: Account,
    reward: Reward,
    benefit: Json,
    id: str,
    metadata: Json,
    *,
    now: datetime,
) -> Redemption:
    """A confirmed redemption that has cost nothing yet, with the discount that it issues."""
    return Redemption(
        bucket=account.bucket,
        id=id,
        account_id=account.id,
        reward_id=reward.id,
        reward_revision=reward.revision,
        status="confirmed",
        points_spent=0,
        entry_id=None,
        cancellation_id=None,
        discount_id=_issue_discount(draft, context, account, id, benefit, now),
        voucher_code=None,
        benefit=benefit,
        metadata=metadata,
        created_at=now,
    )


def giving_refusal(
    draft: Layer, account: Account, reward: Reward, *, now: datetime, offer_id: str | None = None
) -> Rejected | None:
    """Why this member can't be given the reward now, whatever its cost. Everything that gives a reward asks this.

    `offer_id`: the offer whose gift it is. Expects the locked counters of the reward's caps.
    """
    name = reward.id if offer_id is None else f"{reward.id} of offer {offer_id}"
    if offer_id is not None and gives_credit(reward.benefit):
        why = f"Reward {name} gives store credit, which no offer gives for nothing. Grant the credit instead."
        return replace(_not_eligible(reward, why, "benefit", "grant the credit instead"), param="offer")
    if offer_id is not None and is_variable(reward.benefit):
        why = f"Reward {name} is worth what a member spends on it, so it can't be given for nothing."
        return replace(_not_eligible(reward, why, "benefit", "give another reward"), param="offer")
    refusal = _state_refusal(account, reward, now, name) or _cap_refusal(draft, account, reward, name)
    if refusal is None or offer_id is None or refusal.param != "reward":
        return refusal
    return replace(refusal, param="offer")


def giving_condition(refusal: Rejected) -> str:
    """What `giving_refusal` refuses for, as what is not met is named: `reward.` and the reward's field, or the code."""
    details = refusal.details
    condition = details.get(
        "condition", {"global": "stock", "per_member": "per_member_limit"}.get(details.get("limit", ""))
    )
    return refusal.code if condition is None else f"reward.{condition}"


def _state_refusal(account: Account, reward: Reward, now: datetime, name: str) -> Rejected | None:
    """Why this member can't have the reward now, however much of it is left."""
    if account.status == "closed":
        return closed(account)
    if reward.program_id != account.program_id:
        message = (
            f"Reward {name} belongs to program {reward.program_id}, account {account.id} to {account.program_id}."
            " Redeem it with the member's account in the reward's program."
        )
        return Rejected("program_mismatch", message, param="reward")
    if reward.status == "archived":
        message = f"Reward {name} is archived and can no longer be redeemed. Choose another reward."
        return Rejected("reward_archived", message, param="reward")
    if reward.starts_at is not None and now < reward.starts_at:
        at = reward.starts_at.isoformat()
        why = f"Reward {name} can be redeemed from {at} on."
        return _not_eligible(reward, why, "window", f"wait until {at}")
    if reward.ends_at is not None and now >= reward.ends_at:
        why = f"Reward {name} ended at {reward.ends_at.isoformat()}. Choose another reward."
        return _not_eligible(reward, why, "window", "choose another reward")
    if reward.tiers and account.tier not in reward.tiers:
        tiers = " or ".join(reward.tiers)
        why = f"Reward {name} is for tier {tiers}; account {account.id} holds {account.tier or 'none'}."
        return _not_eligible(reward, why, "tier", f"needs tier {tiers}")
    return None


def _not_eligible(reward: Reward, why: str, condition: str, change: str) -> Rejected:
    details = {"condition": condition, "reward": reward.id, "change": change}
    return Rejected("not_eligible", why, param="reward", details=details)


def _cap_refusal(draft: Layer, account: Account, reward: Reward, name: str) -> Rejected | None:
    """Why this member gets nothing of the reward: it has reached its limit, or the stock is used up."""
    full = full_for_member(draft, reward, account.id)
    if full is not None:
        message = f"Account {account.id} has already redeemed reward {name} (limit: {full.most})."
        details = {"limit": full.limit, "reward": reward.id, "used": full.used, "per_member_limit": full.most}
        return Rejected("not_eligible", message, param="reward", details=details)
    full = full_for_all(draft, reward)
    if full is not None:
        message = f"All {full.most} of reward {name} are redeemed. Raise its stock or choose another."
        details = {"limit": full.limit, "reward": reward.id, "used": full.used, "stock": full.most}
        return Rejected("reward_out_of_stock", message, param="reward", details=details)
    return None


def _issue_discount(
    draft: Layer, context: Context, account: Account, redemption_id: str, benefit: Json, now: datetime
) -> str | None:
    if benefit["type"] not in ("discount", "free_shipping"):
        return None
    discount = Discount(
        bucket=account.bucket,
        id=context.make_id("disc", account.bucket),
        account_id=account.id,
        redemption_id=redemption_id,
        benefit=benefit,
        status="issued",
        payment_id=None,
        created_at=now,
    )
    draft.put(discount)
    return discount.id


def needs_cancel_redemption(command: CancelRedemption, needs: Needs) -> None:
    """The redemption, and which lots paid for it."""
    look_at_payers(needs, command.redemption_id)
    look_at_credit_of(needs, command.redemption_id)


def follow_cancel_redemption(command: CancelRedemption, seen: Layer, needs: Needs) -> None:
    """The redemption's account and its lots, those that paid among them; its discount and its counters."""
    redemption = seen.get(Redemption, command.redemption_id)
    if redemption is None:
        return
    name_payers(needs, seen, redemption)
    if redemption.discount_id is not None:
        needs.row(Discount, redemption.discount_id, beside=redemption.id)
    name_credit_of(needs, seen, redemption)
    owner = needs.acting(redemption.account_id)
    needs.counter(counter_of("reward", redemption.reward_id))
    needs.counter(counter_of("reward", redemption.reward_id, owner), beside=owner)


def decide_cancel_redemption(draft: Layer, command: CancelRedemption, context: Context) -> Accepted | Rejected:
    """The points still spent are back in the lots that paid, the discount is void, the caps have a free slot."""
    redemption = draft.get(Redemption, command.redemption_id)
    if redemption is None:
        return missing("redemption", command.redemption_id, param="id")
    if redemption.status in ("canceled", "expired"):
        done = "already canceled" if redemption.status == "canceled" else "expired: its points are free again"
        message, details = f"Redemption {redemption.id} is {done}.", {"status": redemption.status}
        return Rejected("redemption_already_canceled", message, param="id", details=details)
    discount = draft.get(Discount, redemption.discount_id) if redemption.discount_id else None
    if discount is not None and discount.status == "consumed":
        message = f"Discount {discount.id} of redemption {redemption.id} is used on a payment. Release it first."
        return Rejected(
            "discount_consumed", message, param="id", details={"discount": discount.id, "payment": discount.payment_id}
        )
    if discount is not None and discount.status == "reserved":
        return held_by_session(discount, param="id")
    account = swept_account(draft, context, redemption.account_id)
    now = context.now(program_of(draft, account).clock_id)
    if redemption.status == "authorized":
        return Accepted(release_redemption(draft, context, account, redemption, now=now), is_new=False)
    spent = take_credit_back(draft, context, redemption, reason=command.reason)
    if spent is not None:
        return spent
    cancellation_id = None
    if redemption.entry_id is not None:
        points, reason = redemption.kept_points, command.reason
        account, cancellation_id = give_points_back(
            draft, context, account, redemption, points=points, reason=reason, now=now
        )
    redemption = replace(redemption, status="canceled", cancellation_id=cancellation_id, canceled_at=now)
    payload = turn(draft, context, account, redemption, event="loyalty.redemption.canceled", now=now)
    return Accepted(payload, is_new=False)


# ---- gifts that a purchase brought


def is_kept(draft: Layer, redemption_id: str) -> bool:
    """Whether the member still has what it was given: its redemption is not canceled."""
    return _redemption(draft, redemption_id).status == "confirmed"


def take_gift_back(draft: Layer, context: Context, redemption_id: str, *, now: datetime) -> bool:
    """The gift is canceled as a redemption is; whether that was so. What is used up, or held by a session, stays (R18).

    Expects: the gift's account, its discount and the locked counters of its reward's caps.
    """
    redemption = _redemption(draft, redemption_id)
    discount = draft.get(Discount, redemption.discount_id) if redemption.discount_id else None
    if redemption.status == "canceled" or (discount is not None and discount.status in ("consumed", "reserved")):
        return False
    redemption = replace(redemption, status="canceled", canceled_at=now)
    account = account_of_redemption(draft, redemption)
    turn(draft, context, account, redemption, event="loyalty.redemption.canceled", now=now)
    return True


def give_gift_again(draft: Layer, context: Context, redemption_id: str, *, now: datetime) -> bool:
    """The gift that was taken back is the member's again, if the reward's caps have room; whether it is (R72).

    Expects the same as `take_gift_back`.
    """
    redemption = _redemption(draft, redemption_id)
    account, reward = account_of_redemption(draft, redemption), reward_of(draft, redemption)
    if _cap_refusal(draft, account, reward, reward.id) is not None:
        return False
    redemption = replace(redemption, status="confirmed", canceled_at=None)
    turn(draft, context, account, redemption, event="loyalty.redemption.reinstated", now=now)
    return True


def _redemption(draft: Layer, redemption_id: str) -> Redemption:
    redemption = draft.get(Redemption, redemption_id)
    assert redemption is not None, f"redemption {redemption_id} was not loaded"
    return redemption


COMMANDS: Commands = {
    CreateRedemption: (needs_create_redemption, decide_create_redemption, follow_create_redemption),
    CancelRedemption: (needs_cancel_redemption, decide_cancel_redemption, follow_cancel_redemption),
}
