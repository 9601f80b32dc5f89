"""Authorized redemptions: their points are reserved, and captured, released or lapsed exactly once (R11)."""

from __future__ import annotations

from datetime import datetime

from vinr_server.core.events.announcements import announce
from vinr_server.core.kernel.answers import Accepted, Rejected, missing
from vinr_server.core.kernel.caps import count_for_all, count_for_member, counter_of
from vinr_server.core.kernel.commands import Commands, Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs, Part
from vinr_server.core.kernel.payloads import Wire
from vinr_server.core.kernel.rows import Json
from vinr_server.core.kernel.values import replace
from vinr_server.core.ledger.book.holds import capture, hold_of, let_lapse, prolong, release
from vinr_server.core.ledger.book.posting import Movement
from vinr_server.core.ledger.book.sweeping import active, sweep
from vinr_server.core.ledger.needs import name_account
from vinr_server.core.ledger.rows import Hold
from vinr_server.core.members.rows import Account
from vinr_server.core.programs.members import acting, program_of
from vinr_server.core.rewards.commands import CaptureRedemption
from vinr_server.core.rewards.credit import grant_credit_for, look_at_asked_wallets, name_asked_wallets
from vinr_server.core.rewards.payloads import redemption_payload
from vinr_server.core.rewards.rows import Discount, Redemption, Reward


def needs_capture_redemption(command: CaptureRedemption, needs: Needs) -> None:
    """The redemption."""
    needs.row(Redemption, command.redemption_id, look=True)
    look_at_asked_wallets(needs)


def follow_capture_redemption(command: CaptureRedemption, seen: Layer, needs: Needs) -> None:
    """Its account, with lots that a release of the rest may end. (What it holds comes with the account.)"""
    redemption = seen.get(Redemption, command.redemption_id)
    if redemption is not None:
        name_account(needs, redemption.account_id, lots=Part.FIRST, beside=redemption.id)
    name_asked_wallets(needs, seen)


def decide_capture_redemption(draft: Layer, command: CaptureRedemption, context: Context) -> Accepted | Rejected:
    """What is reserved is spent, all of it or so many points; the rest is free again (R11b)."""
    redemption = draft.get(Redemption, command.redemption_id)
    if redemption is None:
        return missing("redemption", command.redemption_id, param="id")
    if redemption.status != "authorized":
        return _not_authorized(redemption)
    points = redemption.held_points if command.points is None else command.points
    if points > redemption.held_points:
        message = (
            f"Redemption {redemption.id} reserves {redemption.held_points} points; {points} can't be captured."
            f" Capture {redemption.held_points} at most."
        )
        details = {"held": redemption.held_points, "requested": points}
        return Rejected("capture_exceeds_hold", message, param="points", details=details)
    return Accepted(capture_redemption(draft, context, redemption, points=points), is_new=False)


def _not_authorized(redemption: Redemption) -> Rejected:
    why = {
        "confirmed": f"is confirmed: it spent {redemption.points_spent} points",
        "canceled": "was canceled",
        "expired": "expired before it was captured",
    }[redemption.status]
    message = f"Redemption {redemption.id} {why}, so there is nothing to capture. Redeem again instead."
    details = {"status": redemption.status, "points_spent": redemption.points_spent}
    return Rejected("redemption_not_authorized", message, param="id", details=details)


def capture_redemption(draft: Layer, context: Context, redemption: Redemption, *, points: int | None = None) -> Wire:
    """The redemption is confirmed: it has spent what it reserved, or so much of it; returns its payload.

    Nothing else is asked again: it was promised. Expects an authorized one, and its account with what waits in it.
    """
    account = account_of_redemption(draft, redemption)
    program = program_of(draft, account)
    now = context.now(program.clock_id)
    account = sweep(draft, context, account, now=now)  # what was over before is gone by itself (R4)
    points = redemption.held_points if points is None else points
    receipt = {"reward": redemption.reward_id, "revision": redemption.reward_revision, "points": points}
    movement = Movement(
        "redemption",
        source_type="redemption",
        source_id=redemption.id,
        receipt=receipt | {"held": redemption.held_points},
        metadata=redemption.metadata,
    )
    hold = hold_of(draft, account, redemption.id)
    account, entry = capture(draft, context, account, hold, points=points, movement=movement, now=now)
    account = active(draft, account, program, now=now)
    captured = replace(
        redemption,
        status="confirmed",
        points_spent=points,
        entry_id=entry.id,
        captured_at=now,
        voucher_code=voucher_for(context, redemption.benefit),
        credit_entry_id=grant_credit_for(
            draft,
            context,
            account,
            redemption.benefit,
            redemption_id=redemption.id,
            reward_id=redemption.reward_id,
        ),
    )
    draft.put(captured)
    payload = redemption_payload(captured, livemode=context.livemode)
    announce(draft, context, type="loyalty.reward.redeemed", account=account, data=payload, now=now)
    return payload


def release_redemption(
    draft: Layer,
    context: Context,
    account: Account,
    redemption: Redemption,
    *,
    now: datetime,
) -> Wire:
    """The points, the discount, the stock and the member's slot are free again; returns the payload.

    Expects an authorized one, its discount, and the counters of its reward.
    """
    account = release(draft, context, account, hold_of(draft, account, redemption.id), now=now)
    redemption = replace(redemption, status="canceled", canceled_at=now)
    return turn(draft, context, account, redemption, event="loyalty.redemption.canceled", now=now)


def turn(
    draft: Layer, context: Context, account: Account, redemption: Redemption, *, event: str, now: datetime
) -> Wire:
    """The redemption has ended, or is confirmed again, and so are its discount and the reward's counters.

    Returns its payload. Expects the discount, and the counters of the reward.
    """
    used, status = (1, "issued") if redemption.status == "confirmed" else (-1, "void")
    draft.put(redemption)
    if redemption.discount_id is not None:
        discount = draft.get(Discount, redemption.discount_id)
        assert discount is not None, f"discount {redemption.discount_id} was not loaded"
        draft.put(replace(discount, status=status, session_id=None))
    count_redemption(draft, context, account, reward_of(draft, redemption), used=used)
    payload = redemption_payload(redemption, livemode=context.livemode)
    announce(draft, context, type=event, account=account, data=payload, now=now)
    return payload


def name_lapse(needs: Needs, hold: Hold) -> None:
    """Declare what the end of a hold gives back: its redemption, the discount, and the counters of the reward."""
    if hold.reward_id is None:  # a session's: its end gives nothing else back
        return
    needs.row(Redemption, hold.id)
    if hold.discount_id is not None:
        needs.row(Discount, hold.discount_id)
    needs.counter(counter_of("reward", hold.reward_id))
    needs.counter(counter_of("reward", hold.reward_id, hold.account_id), beside=hold.account_id)


def lapse(draft: Layer, context: Context, account: Account, hold: Hold, *, now: datetime) -> Account:
    """The hold's time is over: its redemption is expired (R11d). Expects what `name_lapse` declares."""
    redemption = draft.get(Redemption, hold.id)
    assert redemption is not None, f"redemption {hold.id} was not loaded"
    account = let_lapse(draft, context, account, hold, now=now)
    redemption = replace(redemption, status="expired")
    turn(draft, context, account, redemption, event="loyalty.redemption.expired", now=now)
    return draft.get(Account, account.id) or account


def hold_for_session(draft: Layer, discount: Discount, *, until: datetime) -> None:
    """The checkout session that reserves the discount keeps its authorized redemption from lapsing before (R11d)."""
    redemption = draft.get(Redemption, discount.redemption_id)
    if redemption is None or redemption.status != "authorized":
        return
    account = account_of_redemption(draft, redemption)
    _account, hold = prolong(draft, account, hold_of(draft, account, redemption.id), until=until)
    if hold.expires_at != redemption.expires_at:
        draft.put(replace(redemption, expires_at=hold.expires_at))


def account_of_redemption(draft: Layer, redemption: Redemption) -> Account:
    """The member who redeems, or the one that acts for it."""
    account = draft.get(Account, redemption.account_id)
    assert account is not None, f"account {redemption.account_id} was not loaded"
    return acting(draft, account)


def reward_of(draft: Layer, redemption: Redemption) -> Reward:
    """What was redeemed."""
    reward = draft.get(Reward, redemption.reward_id)
    assert reward is not None, "rewards are archived, never deleted"
    return reward


def count_redemption(draft: Layer, context: Context, account: Account, reward: Reward, *, used: int) -> None:
    """The counters of the reward's caps hold so many redemptions more, or fewer."""
    count_for_member(draft, "reward", reward.id, account.id, bucket=account.bucket, used=used)
    count_for_all(draft, context, reward, used=used)


def voucher_for(context: Context, benefit: Json) -> str | None:
    """The code of a voucher; None for another benefit."""
    return context.make_code() if benefit["type"] == "voucher" else None


COMMANDS: Commands = {
    CaptureRedemption: (needs_capture_redemption, decide_capture_redemption, follow_capture_redemption),
}
