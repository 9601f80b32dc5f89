"""Rewards, whose points are spent or held first (R5, R11), and store credit (R25)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from opinions import Refused

from lives.book import Lot
from lives.member import Reward, Wallet
from lives.points import Points
from lives.purchases import Redemption
from lives.tiers import BEFORE


class Rewards(Points):
    """Members who redeem, and customers with credit."""

    # ---- rewards

    def redeem(self, name: str, customer: str, reward: Reward, *, minutes: int | None = None) -> Redemption:
        """The points are spent, or held for so many minutes (R11a)."""
        member = self.members[customer]
        self._must_be_open(member)
        live = [one for one in self.redemptions.values() if one.reward == reward.name]
        live = [one for one in live if one.status in ("authorized", "confirmed")]
        if reward.per_member is not None and sum(one.member is member for one in live) >= reward.per_member:
            raise Refused("not_eligible")
        if reward.stock is not None and len(live) >= reward.stock:
            raise Refused("reward_out_of_stock")
        if member.spendable < reward.cost:
            raise Refused("insufficient_points")
        redemption = Redemption(name, member, reward.name, reward.cost, self.now)
        self.redemptions[name] = redemption
        if minutes is not None:
            redemption.status, redemption.until = "authorized", self.now + timedelta(minutes=minutes)
            member.holds[name] = redemption.until
            member.spend(reward.cost, ("hold", name))
            member.act(self.now)
            self._tell_redemption(redemption, "loyalty.redemption.authorized")
            return redemption
        redemption.entry = member.post("redemption", -reward.cost, at=self.now, source="redemption")
        member.spend(reward.cost, ("redemption", redemption.entry.number))
        self._issue(redemption, reward.cost)
        return redemption

    def _reward(self, redemption: Redemption) -> Reward:
        return next(reward for reward in self.terms.rewards if reward.name == redemption.reward)

    def _issue(self, redemption: Redemption, points: int) -> None:
        redemption.member.act(self.now)
        redemption.status, redemption.spent = "confirmed", points
        reward = self._reward(redemption)
        if reward.credit:
            wallet = self.wallets[redemption.member.customer]
            end = wallet.end_by_settings(self.now, reward.credit_months)
            redemption.grant = wallet.grant(reward.credit, self.now, origin="reward", end=end, source="redemption")
        self._tell_redemption(redemption, "loyalty.reward.redeemed")

    def capture(self, name: str, points: int | None) -> None:
        """R11b: the first reserved is spent, over or not; the rest is free."""
        redemption = self.redemptions[name]
        member, hold = redemption.member, ("hold", name)
        if redemption.status != "authorized":
            raise Refused("redemption_not_authorized")
        points = redemption.cost if points is None else points
        if points > redemption.cost:
            raise Refused("capture_exceeds_hold")
        redemption.entry = member.post("redemption", -points, at=self.now, source="redemption")
        left = points
        for lot in member.in_order():
            part = min(lot.taken.get(hold, 0), left)
            lot.take(-part, hold)
            lot.take(part, ("redemption", redemption.entry.number))
            left -= part
        member.free(name, self.now)
        redemption.captured_at = self.now
        self._issue(redemption, points)

    def cancel(self, name: str) -> None:
        """R5, R11c, R25e: what was held is free, what was spent is back; credit must all be there still."""
        redemption = self.redemptions[name]
        member = redemption.member
        if redemption.status in ("canceled", "expired"):
            raise Refused("redemption_already_canceled")
        if redemption.status == "authorized":
            self._release(redemption, tell=self.tell_last)
            return
        if redemption.grant is not None:
            self._take_grant(self.wallets[member.customer], redemption.grant)
        assert redemption.entry is not None
        points = redemption.spent
        member.post("redemption_cancellation", points, at=self.now, about=redemption.entry.number, source="redemption")
        member.give_back(points, ("redemption", redemption.entry.number), self.now)
        member.pay_debts()
        member.expire(self.now)
        redemption.status, redemption.canceled_at = "canceled", self.now
        self._tell_redemption(redemption, "loyalty.redemption.canceled")

    def _take_grant(self, wallet: Wallet, grant: Lot) -> None:
        """All of it, or nothing."""
        if grant.free < grant.points:
            raise Refused("credit_spent")
        wallet.say("reversed", wallet.take_back(grant, grant.points, now=self.now))

    def _lapse(self, name: str, at: datetime) -> None:
        """R11d, R24: what ends at the very instant of the lapse is over after it."""
        redemption = self.redemptions[name]
        redemption.member.free(name, at - BEFORE)
        redemption.status = "expired"
        self._tell_redemption(redemption, "loyalty.redemption.expired", tell=self.tell)

    def _release(self, redemption: Redemption, *, tell: Any) -> None:
        redemption.member.free(redemption.name, self.now)
        redemption.status, redemption.canceled_at = "canceled", self.now
        self._tell_redemption(redemption, "loyalty.redemption.canceled", tell=tell)

    def _tell_redemption(self, redemption: Redemption, type: str, *, tell: Any = None) -> None:
        (tell or self.tell_last)(
            redemption.member.owner,
            type,
            reward=redemption.reward,
            status=redemption.status,
            spent=redemption.spent,
            held=redemption.cost if redemption.status == "authorized" else 0,
            expires_at=redemption.until,
            captured_at=redemption.captured_at,
            canceled_at=redemption.canceled_at,
            sequence=len(redemption.member.entries),
        )

    # ---- store credit

    def grant(self, customer: str, amount: int, *, origin: str, end: datetime | None, months: int | None) -> None:
        wallet = self.wallets[customer]
        if end is not None and end <= self.now:
            raise Refused("parameter_invalid")
        wallet.grant(amount, self.now, origin=origin, end=end or wallet.end_by_settings(self.now, months))

    def spend(self, customer: str, amount: int) -> None:
        wallet = self.wallets[customer]
        if wallet.spendable < amount:
            raise Refused("insufficient_credit")
        wallet.pay(amount, self.now)

    def adjust_credit(self, customer: str, amount: int) -> None:
        wallet = self.wallets[customer]
        if amount > 0:
            end = wallet.end_by_settings(self.now)
            wallet.grant(amount, self.now, kind="adjustment", what="adjusted", origin=None, end=end)
            return
        if wallet.spendable < -amount:
            raise Refused("insufficient_credit")
        wallet.pay(-amount, self.now, kind="adjustment")

    def reverse_credit(self, customer: str, number: int, amount: int | None) -> None:
        """R25b: what is left of its own lot; or of a spend by hand, back to the lots that paid."""
        wallet = self.wallets[customer]
        entry = wallet.entries[number - 1]
        lot = wallet.lot_of(entry)
        is_grant = entry.kind in ("grant", "adjustment") and lot is not None
        if not is_grant and not (entry.kind == "spend" and entry.source is None):
            raise Refused("not_reversible")
        left = lot.free if lot is not None else -entry.points - wallet.returned(entry)
        if left == 0:
            return
        if amount is not None and amount > left:
            raise Refused("not_reversible")
        if lot is not None:
            wallet.say("reversed", wallet.take_back(lot, amount or left, now=self.now))
        else:
            wallet.give_back_spend(entry, amount or left, self.now)
