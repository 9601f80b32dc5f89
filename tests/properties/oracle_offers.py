"""The oracle's offers: who has used which, and what is asked before a reward is given, sold or not (R15, R18, R21)."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from oracle_answers import Verdict, refuse_if
from oracle_earning import earned_by, kept_of
from oracle_units import Account


class OfferRules:
    """What the oracle knows of offers and rewards. Nothing is counted ahead: uses are a list, and limits count it."""

    def __init__(self) -> None:
        self.offers: dict[str, dict[str, Any]] = {}
        # Each with its offer, account, session and payment; held, used, released, or freed by a whole refund.
        self.uses: list[dict[str, Any]] = []
        self.rewards: dict[str, dict[str, Any]] = {}
        self.redemptions: dict[Any, dict[str, Any]] = {}

    def create_offer(self: Any, command: Any) -> None:
        terms = command.terms
        limits = {name: getattr(terms, name) for name in ("max_redemptions", "per_member_limit")}
        self.offers[command.id] = {"program": command.program_id, "terms": terms, **limits}

    def publish_offer(self: Any, command: Any) -> Verdict:
        self.found(self.offers, command.offer_id)
        return Verdict(is_new=False)

    def update_offer(self: Any, command: Any) -> Verdict:
        """A cap counts every use there was, whenever it is set."""
        offer = self.found(self.offers, command.offer_id)
        offer.update(command.term_changes)
        cap = offer["max_redemptions"]
        return Verdict(is_new=False, figures=(None if cap is None else max(cap - self.taken(command.offer_id), 0),))

    def taken(self, name: str) -> int:
        """A refund frees the member's use and not that of all."""
        return sum(use["offer"] == name and use["status"] != "released" for use in self.uses)

    def taken_by(self, name: str, account: Account) -> int:
        """The member's share: the account's where the offer names a program, else that of all its customer's."""
        mine = [use["account"] for use in self.uses if use["offer"] == name and use["status"] in ("held", "used")]
        if self.offers[name]["program"] is None:
            return sum(user.customer == account.customer for user in mine)
        return sum(user is account for user in mine)

    def has_room(self, name: str, account: Account) -> bool:
        """Whether neither the cap nor the member's limit is used up."""
        cap, limit = self.offers[name]["max_redemptions"], self.offers[name]["per_member_limit"]
        return (cap is None or self.taken(name) < cap) and (limit is None or self.taken_by(name, account) < limit)

    def use(self, name: str, account: Account, *, status: str = "used", **more: Any) -> None:
        use = {"offer": name, "account": account, "session": None, "payment": None, "gift": None, "status": status}
        self.uses.append(use | more)

    def free_uses(self, payment: dict[str, Any]) -> None:
        """The member may use the offers again (R15)."""
        for use in self.uses:
            if use["payment"] is payment and use["status"] == "used":
                assert use["gift"] is None or not use["gift"]["is_live"], "nobody has used a gift's discount"
                use["status"] = "freed"

    def take_gifts_back(self, payment: dict[str, Any]) -> None:
        """R18: a gift is the member's while what is kept of the purchase still qualifies."""
        for use in self.uses:
            is_mine = use["payment"] is payment and use["gift"] is not None
            if is_mine and kept_of(payment) < use["gift"]["threshold"]:
                use["gift"]["is_live"] = False

    def activate_offer(self: Any, command: Any) -> None:
        """A bonus or a gift is had at once, or nothing happens."""
        offer, account = self.found(self.offers, command.offer_id), self.found(self.accounts, command.account_id)
        terms, program = offer["terms"], offer["program"]
        asked = self.reasons_against(terms.gift.reward_id, account) if terms.gift is not None else []
        refuse_if(
            (account.is_closed, "account_closed"),
            (program not in (None, account.program.id), "program_mismatch"),
            (not self.has_room(command.offer_id, account), "offer_limit_reached"),
            *asked,
        )
        self.use(command.offer_id, account)
        if terms.gift is not None:
            self.give(terms.gift.reward_id, account, self.own("redemption", "redemption"), cost=0)
            return
        lot = self.accrue(account, terms.bonus.points, occurred_at=None)
        self.entries[self.own("redemption", "points_transaction")] = ("award", account, lot)

    def bonuses_of(
        self: Any, account: Account, payment: Any, facts: dict[str, Any], *, at: Any, is_first: bool
    ) -> list[tuple[Account, Any]]:
        """What offers that apply by themselves add to a payment: the account and the new lot of each."""
        made = []
        for name, offer in self.offers.items():
            terms = offer["terms"]
            is_meant = terms.bonus is not None and offer["program"] in (None, account.program.id)
            if not is_meant or terms.application != "auto" or self.has_used(name, account, payment):
                continue
            earn = SimpleNamespace(
                points=terms.bonus.points, currency=None, rounding="floor", rate_e4=None, per_unit=None
            )
            rule = {"conditions": terms.conditions, "earn": earn, "multipliers": ()}
            frozen = earned_by(rule, facts, None, is_first=is_first, at=at)
            if frozen is None or not self.has_room(name, account):
                self.skipped += 1
                continue
            points, occurred_at = terms.bonus.points, facts.get("occurred_at")
            days = account.program.pending_days
            lot = self.accrue(account, points, occurred_at=occurred_at, frozen=frozen, days=days)
            self.use(name, account, payment=payment)
            made.append((account, lot))
        return made

    def gifts_of(
        self: Any, account: Account, payment: Any, facts: dict[str, Any], *, at: Any, is_first: bool, first: int
    ) -> int:
        """What offers give with a payment that is no points; how many there are. `first`: how many uses it has had."""
        given = 0
        for name, offer in self.offers.items():
            terms = offer["terms"]
            if terms.gift is None or terms.application != "auto" or offer["program"] not in (None, account.program.id):
                continue
            if self.has_used(name, account, payment):
                continue
            earn = SimpleNamespace(points=0, currency=None, rounding="floor", rate_e4=None, per_unit=None)
            rule = {"conditions": terms.conditions, "earn": earn, "multipliers": ()}
            frozen = earned_by(rule, facts, None, is_first=is_first, at=at)
            reasons = self.reasons_against(terms.gift.reward_id, account)
            if frozen is None or not self.has_room(name, account) or any(holds for holds, _code in reasons):
                self.skipped += 1
                continue
            called = self.own("offer_redemptions", first + given, "redemption")
            gift = self.give(terms.gift.reward_id, account, called, cost=0)
            gift["threshold"] = max(frozen["threshold"], 1)
            self.use(name, account, payment=payment, gift=gift)
            given += 1
        return given

    def has_used(self, name: str, account: Account, payment: Any) -> bool:
        """A purchase redeems an offer once for a member, whatever became of it."""
        return any(
            use["offer"] == name and use["account"] is account and use["payment"] is payment for use in self.uses
        )

    def redeem_late(self: Any, payment: dict[str, Any]) -> None:
        """R75: what becomes of a purchase may redeem what it did not before, by what is kept of it."""
        for account, at, is_first in payment["buyers"]:
            if not account.is_closed:
                facts = payment["facts"] | {"eligible": kept_of(payment), "occurred_at": payment["occurred_at"]}
                payment["awards"] += self.bonuses_of(account, payment, facts, at=at, is_first=is_first)
                self.gifts_of(account, payment, facts, at=at, is_first=is_first, first=0)

    # ---- rewards

    def reasons_against(self, name: str, account: Account) -> list[tuple[bool, str]]:
        """All that is asked before a member is given a reward, whatever it pays."""
        reward = self.rewards[name]
        held = [one for one in self.redemptions.values() if one["reward"] == name and one["is_live"]]
        mine = [one for one in held if one["account"] is account]
        limit, stock, tiers = reward["per_member_limit"], reward["stock"], reward["tiers"]
        return [
            (account.is_closed, "account_closed"),
            (reward["program_id"] != account.program.id, "program_mismatch"),
            (reward["is_archived"], "reward_archived"),
            (bool(tiers) and account.tier not in tiers, "not_eligible"),
            (limit is not None and len(mine) >= limit, "not_eligible"),
            (stock is not None and len(held) >= stock, "reward_out_of_stock"),
        ]

    def give(self: Any, name: str, account: Account, called: Any, *, cost: int) -> dict[str, Any]:
        """The member has the reward."""
        given: dict[str, Any] = {
            "reward": name,
            "account": account,
            "is_live": True,
            "debit": self.own(),
            "cost": cost,
            "discount": None,
            "status": "confirmed",
            "hold": None,
        }
        self.redemptions[called] = given
        return given
