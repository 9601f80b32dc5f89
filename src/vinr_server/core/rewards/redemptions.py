"""Redemptions: points spent on a reward, atomically with its stock and limits, and given back on cancellation (R5,
R15)."""

from __future__ import annotations

from datetime import datetime

from vinr_server.core.events.announcements import announce
from vinr_server.core.kernel.answers import Accepted, Rejected, missing
from vinr_server.core.kernel.commands import Commands, Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import CAPS, Needs, Of, Part, member_counter, stock_counter
from vinr_server.core.kernel.rows import Counter, Json
from vinr_server.core.kernel.values import replace
from vinr_server.core.ledger.awards import insufficient
from vinr_server.core.ledger.movements import Movement, debit, give_back
from vinr_server.core.ledger.needs import name_account
from vinr_server.core.ledger.reversals import swept_account
from vinr_server.core.ledger.rows import Entry, Lot, LotUse
from vinr_server.core.ledger.transfers import transfer
from vinr_server.core.members.rows import Account
from vinr_server.core.programs.members import closed, program_of
from vinr_server.core.rewards.commands import CancelRedemption, CreateRedemption
from vinr_server.core.rewards.discounts import held_by_session
from vinr_server.core.rewards.payloads import redemption_payload
from vinr_server.core.rewards.rows import Discount, Redemption, Reward


def needs_create_redemption(command: CreateRedemption, needs: Needs) -> None:
    """The account with its lots, and the counters of the reward's caps."""
    name_account(needs, command.account_id, lots=Part.FIRST)
    needs.counter(stock_counter(command.reward_id))
    needs.counter(member_counter(command.reward_id, command.account_id), beside=command.account_id)


def decide_create_redemption(draft: Layer, command: CreateRedemption, context: Context) -> Accepted | Rejected:
    """The points are spent and the reward is issued, or nothing happened."""
    account = draft.get(Account, command.account_id)
    if account is None:
        return missing("account", command.account_id, param="account")
    reward = draft.get(Reward, command.reward_id)
    if reward is None:
        return missing("reward", command.reward_id, param="reward")
    now = context.now(program_of(draft, account).clock_id)
    refusal = giving_refusal(draft, account, reward, now=now)
    if refusal is not None:
        return refusal
    account = swept_account(draft, context, account.id)
    if account.ledger_balance_points < reward.cost_points:
        return insufficient(account, required=reward.cost_points, what=f"reward {reward.id} costs")
    return _redeem(draft, context, account, reward, metadata=command.metadata, now=now)


def _redeem(
    draft: Layer, context: Context, account: Account, reward: Reward, *, metadata: Json, now: datetime
) -> Accepted:
    redemption_id = context.make_id("rdm", account.bucket)
    receipt = {"reward": reward.id, "revision": reward.revision, "points": reward.cost_points}
    movement = Movement(
        "redemption",
        reason=reward.name,
        source_type="redemption",
        source_id=redemption_id,
        receipt=receipt,
        metadata=metadata,
    )
    account, entry = debit(draft, context, account, points=reward.cost_points, movement=movement, now=now)
    _redemption, payload = issue(
        draft, context, account, reward, redemption_id=redemption_id, paid_by=entry, metadata=metadata, now=now
    )
    return Accepted(payload)


def issue(
    draft: Layer,
    context: Context,
    account: Account,
    reward: Reward,
    *,
    redemption_id: str,
    paid_by: Entry | None,
    metadata: Json,
    now: datetime,
) -> tuple[Redemption, Json]:
    """The member has the reward, its caps are counted, and an event tells of it; `paid_by` None: it is a gift."""
    redemption = Redemption(
        bucket=account.bucket,
        id=redemption_id,
        account_id=account.id,
        reward_id=reward.id,
        reward_revision=reward.revision,
        status="confirmed",
        points_spent=-paid_by.points if paid_by else 0,
        entry_id=paid_by.id if paid_by else None,
        cancellation_id=None,
        discount_id=_issue_discount(draft, context, account, redemption_id, reward.benefit, now),
        voucher_code=context.make_code() if reward.benefit["type"] == "voucher" else None,
        took_stock=reward.stock is not None,
        benefit=reward.benefit,
        metadata=metadata,
        created_at=now,
    )
    draft.put(redemption)
    _count(draft, context, account, reward, takes_stock=redemption.took_stock, step=1)
    payload = redemption_payload(redemption, livemode=context.livemode)
    announce(draft, context, type="loyalty.reward.redeemed", account=account, data=payload, now=now)
    return redemption, payload


def giving_refusal(
    draft: Layer, account: Account, reward: Reward, *, now: datetime, offer_id: str | None = None
) -> Rejected | None:
    """Why this member can't be given the reward now, whatever it would cost: all that gives a reward asks this.

    `offer_id`: the offer whose gift it is. Expects the locked counters of the reward's caps.
    """
    name = reward.id if offer_id is None else f"{reward.id} of offer {offer_id}"
    refusal = _state_refusal(account, reward, now, name) or _cap_refusal(draft, account, reward, name)
    if refusal is None or offer_id is None or refusal.param != "reward":
        return refusal
    return replace(refusal, param="offer")


def _state_refusal(account: Account, reward: Reward, now: datetime, name: str) -> Rejected | None:
    """Why this member can't have the reward now, whatever was redeemed of it."""
    if account.status == "closed":
        return closed(account)
    if reward.program_id != account.program_id:
        message = f"Reward {name} belongs to {reward.program_id}, account {account.id} to {account.program_id}."
        return Rejected("program_mismatch", message, param="reward")
    if reward.status == "archived":
        return Rejected("reward_archived", f"Reward {name} is archived and can't be redeemed any more.", param="reward")
    if reward.starts_at is not None and now < reward.starts_at:
        at = reward.starts_at.isoformat()
        return _not_eligible(reward, f"Reward {name} starts at {at}.", "window", f"wait until {at}")
    if reward.ends_at is not None and now >= reward.ends_at:
        why = f"Reward {name} ended at {reward.ends_at.isoformat()}."
        return _not_eligible(reward, why, "window", "choose another reward")
    if reward.tiers and account.tier not in reward.tiers:
        tiers = " or ".join(reward.tiers)
        why = f"Reward {name} is for tier {tiers}; the member holds {account.tier or 'none'}."
        return _not_eligible(reward, why, "tier", f"needs tier {tiers}")
    return None


def _not_eligible(reward: Reward, why: str, condition: str, change: str) -> Rejected:
    details = {"condition": condition, "reward": reward.id, "change": change}
    return Rejected("not_eligible", why, param="reward", details=details)


def _cap_refusal(draft: Layer, account: Account, reward: Reward, name: str) -> Rejected | None:
    """Whether the member's limit or the stock is used up."""
    mine = draft.get(Counter, member_counter(reward.id, account.id), of=(account.id, reward.id))
    if reward.per_member_limit is not None and mine is not None and mine.used >= reward.per_member_limit:
        limit = f"{mine.used} times; the limit is {reward.per_member_limit}"
        message = f"Account {account.id} has redeemed reward {name} {limit}."
        details = {"limit": "per_member", "reward": reward.id, "used": mine.used}
        details |= {"per_member_limit": reward.per_member_limit}
        return Rejected("not_eligible", message, param="reward", details=details)
    all_used = None
    if reward.stock is not None:
        all_used = draft.get(Counter, stock_counter(reward.id), of=(CAPS, reward.id))
    if reward.stock is None or (all_used.used if all_used else 0) < reward.stock:
        return None
    message = f"All {reward.stock} of reward {name} are redeemed. Raise its stock or choose another."
    details = {"reward": reward.id, "stock": reward.stock}
    return Rejected("reward_out_of_stock", message, param="reward", details=details)


def _count(draft: Layer, context: Context, account: Account, reward: Reward, *, takes_stock: bool, step: int) -> None:
    """The counters of the reward's caps moved by one.

    A member's redemptions are always counted, so that a limit set later holds. The stock is counted while it is set: a
    reward without one has no row that everybody would wait for.
    """
    owners = [(member_counter(reward.id, account.id), account.bucket, account.id)]
    if takes_stock:
        owners.append((stock_counter(reward.id), context.bucket_of(stock_counter(reward.id)), CAPS))
    for counter_id, bucket, owner in owners:
        counter = draft.get(Counter, counter_id, of=(owner, reward.id)) or Counter(bucket, counter_id, 0)
        draft.put(replace(counter, used=max(counter.used + step, 0)))


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
    needs.row(Redemption, command.redemption_id, look=True)
    needs.look_along(LotUse, Of(Redemption, command.redemption_id, "entry_id"), by="entry_id")


def follow_cancel_redemption(command: CancelRedemption, seen: Layer, needs: Needs) -> None:
    """The redemption's account and its lots, those that paid among them; its discount and its counters."""
    redemption = seen.get(Redemption, command.redemption_id)
    if redemption is None:
        return
    name_account(needs, redemption.account_id, lots=Part.FIRST, beside=redemption.id)
    for use in seen.children(LotUse, redemption.entry_id) if redemption.entry_id is not None else ():
        needs.row(Lot, use.lot_id, beside=redemption.id)
    if redemption.discount_id is not None:
        needs.row(Discount, redemption.discount_id, beside=redemption.id)
    needs.counter(stock_counter(redemption.reward_id))
    acting_id = needs.acting(redemption.account_id)
    needs.counter(member_counter(redemption.reward_id, acting_id), beside=acting_id)


def decide_cancel_redemption(draft: Layer, command: CancelRedemption, context: Context) -> Accepted | Rejected:
    """The points are back in the lots that paid, the discount is void, the caps have a free slot (R5, R23)."""
    redemption = draft.get(Redemption, command.redemption_id)
    if redemption is None:
        return missing("redemption", command.redemption_id, param="id")
    if redemption.status == "canceled":
        return Rejected("redemption_already_canceled", f"Redemption {redemption.id} was canceled before.", param="id")
    discount = draft.get(Discount, redemption.discount_id) if redemption.discount_id else None
    if discount is not None and discount.status == "consumed":
        message = f"Discount {discount.id} of redemption {redemption.id} was used on a payment. Release it first."
        return Rejected(
            "discount_consumed", message, param="id", details={"discount": discount.id, "payment": discount.payment_id}
        )
    if discount is not None and discount.status == "reserved":
        return held_by_session(discount, param="id")
    account = swept_account(draft, context, redemption.account_id)
    now = context.now(program_of(draft, account).clock_id)
    cancellation_id = None
    if redemption.entry_id is not None:
        account, cancellation_id = _give_points_back(draft, command, context, account, redemption, now)
    if discount is not None:
        draft.put(replace(discount, status="void"))
    redemption = replace(redemption, status="canceled", cancellation_id=cancellation_id, canceled_at=now)
    draft.put(redemption)
    reward = draft.get(Reward, redemption.reward_id)
    if reward is not None:
        _count(draft, context, account, reward, takes_stock=redemption.took_stock, step=-1)
    payload = redemption_payload(redemption, livemode=context.livemode)
    announce(draft, context, type="loyalty.redemption.canceled", account=account, data=payload, now=now)
    return Accepted(payload, is_new=False)


def _give_points_back(
    draft: Layer, command: CancelRedemption, context: Context, account: Account, redemption: Redemption, now: datetime
) -> tuple[Account, str]:
    """The points are back in the lots that paid; the account and the id of the entry that says so.

    Those of a merged member come back to its own lots too, and move on at once to the account that acts for it.
    """
    assert redemption.entry_id is not None
    paying = draft.get(Account, redemption.account_id)
    assert paying is not None, f"account {redemption.account_id} was not loaded"
    paying = paying if paying.merged_into is not None else account
    movement = Movement(
        "redemption_cancellation",
        reason=command.reason,
        source_type="redemption",
        source_id=redemption.id,
        reverses_id=redemption.entry_id,
        receipt={"redemption": redemption.id, "points": redemption.points_spent},
    )
    paying, entry = give_back(
        draft,
        context,
        paying,
        debit_id=redemption.entry_id,
        points=redemption.points_spent,
        movement=movement,
        now=now,
    )
    if paying.merged_into is None:
        return paying, entry.id
    _paying, account = transfer(draft, context, paying, account, reason="merge", now=now)
    return account, entry.id


COMMANDS: Commands = {
    CreateRedemption: (needs_create_redemption, decide_create_redemption),
    CancelRedemption: (needs_cancel_redemption, decide_cancel_redemption, follow_cancel_redemption),
}
