"""A second opinion on referrals: one program, kept as naively as R19 can be read. Times are whole hours.

Both sides earn 100 points for a conversion, pending for `hold_days`; payments earn nothing by themselves.
"""

from __future__ import annotations

from typing import Any

from opinions import Refused

DAY = 24
POINTS = 100
Json = dict[str, Any]


class Club:
    """Customers, who is a member, who brought whom, and what was paid."""

    def __init__(self, *, window: int | None, hold: int, least: int, limit: int | None, only_new: bool) -> None:
        self.window, self.hold, self.least, self.limit, self.only_new = window, hold, least, limit, only_new
        self.now = 0
        self.members: set[str] = set()
        self.referrals: list[Json] = []
        self.payments: dict[str, Json] = {}

    # ---- figures

    def points(self, customer: str) -> tuple[int, int]:
        """Balance and pending points."""
        there = waiting = 0
        for award in (one for referral in self.referrals for one in referral["awards"] if one["of"] == customer):
            if award["gone"]:
                continue
            if award["at"] <= self.now:
                there += POINTS
            else:
                waiting += POINTS
        return there, waiting

    def status(self, referral: Json) -> str:
        """What it is by now."""
        is_over = referral["until"] is not None and self.now >= referral["until"]
        return "expired" if referral["status"] == "registered" and is_over else str(referral["status"])

    # ---- calls

    def register(self, referrer: str, customer: str) -> Json:
        """The referral that is in force, or a new one."""
        known = [one for one in self.referrals if one["customer"] == customer]
        in_force = [one for one in known if self.status(one) == "registered" or one["converted"]]
        for one in in_force:
            if one["referrer"] == referrer:
                return one
        if referrer == customer or any(
            one["customer"] == referrer and one["referrer"] == customer for one in self.referrals
        ):
            raise Refused("self_referral")
        if in_force:
            raise Refused("referral_exists")
        paid = [one for one in self.payments.values() if one["customer"] == customer and one["amount"] > 0]
        if self.only_new and any(one["at"] < self.now for one in paid):
            raise Refused("not_eligible")
        until = None if self.window is None else self.now + self.window * DAY
        made = {"referrer": referrer, "customer": customer, "since": self.now, "until": until}
        made |= {"status": "registered", "converted": False, "awards": [], "payment": None, "has_slot": False}
        self.referrals.append(made)
        return made

    def pay(self, name: str, customer: str, amount: int) -> Json | None:
        """The referral that it converted."""
        at = self.now if customer in self.members else -1  # nobody's time is real time, which lies before
        self.payments[name] = {"customer": customer, "amount": amount, "at": at, "kept": amount}
        if customer not in self.members or amount < max(self.least, 1):
            return None
        for one in self.referrals:
            if one["customer"] == customer and self.status(one) == "registered":
                self._convert(one, name)
                return one
        return None

    def convert(self, referral: Json) -> Json:
        """By hand, without a payment."""
        if referral["status"] == "converted":
            return referral
        if self.status(referral) != "registered":
            raise Refused("referral_not_open")
        if referral["customer"] not in self.members:
            raise Refused("not_eligible")
        self._convert(referral, None)
        return referral

    def _convert(self, referral: Json, payment: str | None) -> None:
        rewarded = [one for one in self.referrals if one["has_slot"] and one["referrer"] == referral["referrer"]]
        referral |= {"status": "converted", "converted": True, "payment": payment}
        referral["has_slot"] = self.limit is None or len(rewarded) < self.limit
        sides = [referral["customer"], *([referral["referrer"]] if referral["has_slot"] else [])]
        referral["awards"] = [{"of": one, "at": self.now + self.hold * DAY, "gone": False} for one in sides]

    def approve(self, referral: Json) -> None:
        """What waits is there."""
        if self.status(referral) != "converted":
            raise Refused("referral_not_open")
        for award in referral["awards"]:
            award["at"] = min(award["at"], self.now)

    def reject(self, referral: Json) -> None:
        """It is over, and what it gave is taken back."""
        status = self.status(referral)
        if status == "rejected":
            return
        if status == "expired":
            raise Refused("referral_not_open")
        self._end(referral, "rejected")

    def refund(self, name: str, amount: int) -> None:
        """Where too little is kept, what it converted is undone, for good."""
        payment = self.payments[name]
        payment["kept"] -= amount
        for one in self.referrals:
            if one["payment"] == name and one["status"] == "converted" and payment["kept"] < max(self.least, 1):
                self._end(one, "reversed")

    def _end(self, referral: Json, status: str) -> None:
        referral |= {"status": status, "has_slot": False}
        for award in referral["awards"]:
            award["gone"] = True
