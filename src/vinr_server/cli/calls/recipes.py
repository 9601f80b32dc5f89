"""How to cause each event of the engine: the calls of the public API that make it happen."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import quote

from vinr_server.cli.calls.calling import Answer, Api
from vinr_server.cli.calls.durations import later

# The sandbox has these from its first start.
CUSTOMER, PROGRAM = "cust_abc123", "prog_default"
EXPIRED_SECONDS_MAX = 20.0


class NotPossible(Exception):
    """The event can't be made to happen with what exists; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class Wish:
    """The options of the command line; None for an option that was not given."""

    amount: int = 5000
    currency: str = "EUR"
    points: int = 100
    customer: str | None = None
    account: str | None = None
    program: str = PROGRAM
    payment: str | None = None
    reward: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)


class Making:
    """The calls that one trigger has made so far."""

    def __init__(self, api: Api, wish: Wish) -> None:
        self.api, self.wish = api, wish
        self.answers: list[Answer] = []

    def post(self, path: str, body: Mapping[str, Any], *, is_last: bool = True) -> dict[str, Any]:
        """Make a call; the fields of the command line go into the last, whose event was asked for."""
        answer = self.api.post(path, {**body, **self.wish.fields} if is_last else body)
        self.answers.append(answer)
        return answer.body

    def customer(self) -> str:
        """The customer that was named, or the sandbox's."""
        return self.wish.customer or CUSTOMER

    def account(self) -> str:
        """The account that was named, or the customer's in the program."""
        if self.wish.account:
            return self.wish.account
        customer, program = self.customer(), self.wish.program
        found = self.api.get("/v1/loyalty/accounts", customer=customer, program=program)["data"]
        if not found:
            command = f"vinr trigger loyalty.account.created --customer {customer} --program {program}"
            raise NotPossible(f"{customer} is not enrolled in {program}. Enroll them: {command}")
        return str(found[0]["id"])

    def award(self, account: str, points: int, *, is_last: bool = False) -> dict[str, Any]:
        """Points for the account."""
        return self.post("/v1/loyalty/points/award", {"account": account, "points": points}, is_last=is_last)

    def enroll(self, program: str, *, is_last: bool = False) -> str:
        """Enroll the named customer, or a new one; returns the account."""
        customer = self.wish.customer or f"cust_{secrets.token_hex(4)}"
        body = {"program": program, "customer": customer}
        return str(self.post("/v1/loyalty/accounts", body, is_last=is_last)["id"])


def complete_payment(making: Making, *, is_last: bool = True) -> str:
    """The customer has paid."""
    wish = making.wish
    body = {"amount": wish.amount, "currency": wish.currency, "customer": making.customer()}
    if wish.payment and is_last:
        body["id"] = wish.payment
    return str(making.post("/v1/payments", body, is_last=is_last)["id"])


def refund_payment(making: Making) -> None:
    """The named payment, or a new one, is refunded by --amount."""
    payment = making.wish.payment or complete_payment(making, is_last=False)
    making.post(f"/v1/payments/{quote(payment, safe='')}/refund", {"amount": making.wish.amount})


def reverse_points(making: Making) -> None:
    """Points are awarded, then clawed back."""
    entry = making.award(making.account(), making.wish.points)["id"]
    making.post("/v1/loyalty/points/reverse", {"transaction": entry})


def expire_points(making: Making, *, passes: str = "1mo1s", **more: Any) -> None:
    """Time passes on a separate test clock, for a program whose points last a month."""
    start = datetime.now(UTC).replace(microsecond=0)
    clock = making.post("/v1/test_helpers/test_clocks", {"frozen_time": start.isoformat()}, is_last=False)["id"]
    currency = {"name": "points", "expiry_months": 1}
    program = {"name": "Expiring", "currency": currency, "test_clock": clock, **more}
    account = making.enroll(str(making.post("/v1/loyalty/programs", program, is_last=False)["id"]))
    making.award(account, making.wish.points)
    url = f"/v1/test_helpers/test_clocks/{clock}"
    making.post(f"{url}/advance", {"frozen_time": later(start, passes).isoformat()}, is_last=False)
    end = time.monotonic() + EXPIRED_SECONDS_MAX
    while making.api.get(url)["status"] != "ready":
        if time.monotonic() > end:
            raise NotPossible("The clock is still advancing. Is `vinr worker` running?")
        time.sleep(0.1)
    making.answers.append(making.api.delete(url))


def remind_of_points(making: Making) -> None:
    """So much time passes that the points end within 7 days."""
    expire_points(making, passes="25d", expiry_reminders=[7])


def change_tier(making: Making) -> None:
    """A new member gets the points that the lowest tier above 0 needs."""
    program = making.api.get(f"/v1/loyalty/programs/{quote(making.wish.program, safe='')}")
    thresholds = [tier["threshold"] for tier in program["tiers"] if tier["threshold"] > 0]
    if not thresholds:
        raise NotPossible(f"{making.wish.program} has no tier above 0 points. Choose another with --program.")
    if program["tier_policy"]["metric"] not in ("lifetime_points", "points_earned"):
        raise NotPossible(f"{making.wish.program} counts no points towards tiers. Choose another with --program.")
    making.award(making.wish.account or making.enroll(making.wish.program), min(thresholds), is_last=True)


def end_tier(making: Making) -> None:
    """So much time passes that a tier of a rolling month has ended, and is kept for some days of grace."""
    policy = {"metric": "points_earned", "window": "rolling_months", "months": 1, "grace_days": 7}
    tiers = [{"id": "gold", "threshold": making.wish.points}]
    expire_points(making, tiers=tiers, tier_policy=policy)


def redeem_reward(making: Making, *, is_last: bool = True) -> str:
    """The named reward, or the program's cheapest, is redeemed; missing points are awarded first."""
    account = making.api.get(f"/v1/loyalty/accounts/{quote(making.account(), safe='')}")
    if making.wish.reward:
        reward = making.api.get(f"/v1/loyalty/rewards/{quote(making.wish.reward, safe='')}")
    else:
        page = making.api.get("/v1/loyalty/rewards", program=account["program"], status="active", limit=100)
        if not page["data"]:
            raise NotPossible(f"{account['program']} has no active reward. Create one first.")
        reward = min(page["data"], key=lambda candidate: int(candidate["points_cost"]))
    if account["balance"] < reward["points_cost"]:
        making.award(account["id"], reward["points_cost"] - account["balance"])
    body = {"account": account["id"], "reward": reward["id"]}
    return str(making.post("/v1/loyalty/redemptions", body, is_last=is_last)["id"])


def cancel_redemption(making: Making) -> None:
    """A redemption is made, then canceled."""
    making.post(f"/v1/loyalty/redemptions/{redeem_reward(making, is_last=False)}/cancel", {})


OFFERS, SEGMENTS = "/v1/engagement/offers", "/v1/engagement/segments"


def publish_offer(making: Making, *, is_last: bool = True, **more: Any) -> str:
    """An offer that members opt in to, a bonus of --points, is published."""
    bonus = {"type": "points_bonus", "points": making.wish.points}
    offer = {"name": "Triggered", "program": making.wish.program, "incentive": bonus, "application": "opt_in"}
    offer |= more
    id = str(making.post(OFFERS, offer, is_last=is_last)["id"])
    making.post(f"{OFFERS}/{id}/publish", {}, is_last=False)
    return id


def activate_offer(making: Making) -> str:
    """The member opts in to an offer."""
    account, offer = making.account(), publish_offer(making, is_last=False)
    making.post(f"{OFFERS}/activate", {"offer": offer, "account": account})
    return offer


def grant_offer(making: Making) -> None:
    """The member is given one use of an offer."""
    account, offer = making.account(), publish_offer(making, is_last=False, application="granted")
    making.post(f"{OFFERS}/{offer}/grant", {"account": account})


def end_offer(making: Making) -> None:
    """The member takes the only redemption of an offer."""
    account, offer = making.account(), publish_offer(making, is_last=False, max_redemptions=1)
    making.post(f"{OFFERS}/activate", {"offer": offer, "account": account})


def update_offer(making: Making) -> None:
    """A published offer gets another name."""
    making.post(f"{OFFERS}/{publish_offer(making, is_last=False)}", {"name": "Triggered again"})


def enter_segment(making: Making) -> str:
    """The member is put into a new segment."""
    account = making.account()
    id = str(making.post(SEGMENTS, {"name": "Triggered", "type": "static"})["id"])
    making.post(f"{SEGMENTS}/{id}/members", {"accounts": [account]}, is_last=False)
    return id


def leave_segment(making: Making) -> None:
    """The member is put into a new segment and taken out again."""
    id = enter_segment(making)
    making.post(f"{SEGMENTS}/{id}/members/remove", {"accounts": [making.account()]}, is_last=False)


def report_event(making: Making, type: str) -> None:
    """A business event of the merchant's own, with the fields of the command line as its data."""
    body = {"type": type, "data": {"customer": making.customer(), **making.wish.fields}}
    making.post("/v1/events", body, is_last=False)


def link_payment(making: Making) -> None:
    """A payment that names nobody is given the customer."""
    body = {"amount": making.wish.amount, "currency": making.wish.currency}
    payment = making.wish.payment or str(making.post("/v1/payments", body, is_last=False)["id"])
    making.post(f"/v1/payments/{quote(payment, safe='')}/link", {"customer": making.customer()})


CREDIT = "/v1/store_credit"


def grant_credit(making: Making, *, is_last: bool = True) -> str:
    """The customer gets store credit of --amount."""
    return _move_credit(making, "grant", is_last=is_last)


def spend_credit(making: Making, *, is_last: bool = True) -> str:
    """Store credit is granted, then spent."""
    grant_credit(making, is_last=False)
    return _move_credit(making, "spend", is_last=is_last)


def _move_credit(making: Making, verb: str, *, is_last: bool = True, **more: Any) -> str:
    body = {"customer": making.customer(), "currency": making.wish.currency, "amount": making.wish.amount, **more}
    return str(making.post(f"{CREDIT}/{verb}", body, is_last=is_last)["id"])


def reverse_credit(making: Making, entry: str) -> None:
    """What the entry granted is taken back, or what it spent is returned."""
    making.post(f"{CREDIT}/reverse", {"transaction": entry})


def merge_customers(making: Making) -> None:
    """A new customer is enrolled, and merged into the one that was named, or into the sandbox's."""
    body = {"program": making.wish.program, "customer": f"cust_{secrets.token_hex(4)}"}
    making.post("/v1/loyalty/accounts", body, is_last=False)
    making.post("/v1/customers/merge", {"from": body["customer"], "into": making.customer()})


def refer(making: Making) -> str:
    """The member refers a new one, who is enrolled; returns the referral."""
    wish = making.wish
    if not making.api.get("/v1/referrals/programs", program=wish.program, limit=1)["data"]:
        making.post("/v1/referrals/programs", {"program": wish.program}, is_last=False)
    friend = f"cust_{secrets.token_hex(4)}"
    making.post("/v1/loyalty/accounts", {"program": wish.program, "customer": friend}, is_last=False)
    brought = {"referrer": making.account(), "customer": friend}
    return str(making.post("/v1/referrals", brought, is_last=False)["id"])


def end_referral(making: Making, *, how: str) -> None:
    """The member refers a new one, and the referral is converted or rejected."""
    making.post(f"/v1/referrals/{refer(making)}/{how}", {})


def reverse_referral(making: Making) -> None:
    """The member refers a new one, whose payment converts the referral and is refunded."""
    referral = making.api.get(f"/v1/referrals/{refer(making)}")
    wish = making.wish
    body = {"amount": wish.amount, "currency": wish.currency, "customer": referral["customer"]}
    payment = making.post("/v1/payments", body, is_last=False)["id"]
    making.post(f"/v1/payments/{payment}/refund", {})


CODED = {"name": "Triggered", "type": "fixed_discount", "value": 100, "requires_code": True}


def use_code(making: Making, *, then: str) -> None:
    """A cart presents a new code of a new offer; then its session completes or expires."""
    made = making.post("/v1/offers", CODED, is_last=False)
    code = making.post("/v1/engagement/codes", {"offer": made["id"]}, is_last=False)["code"]
    line = {"sku": "triggered", "unit_price": making.wish.amount}
    cart = {"currency": making.wish.currency, "customer": making.customer(), "lines": [line], "codes": [code]}
    session = making.post("/v1/checkout/sessions", cart, is_last=False)["id"]
    making.post(f"/v1/checkout/sessions/{session}/{then}", {})


def make_batch(making: Making) -> None:
    """A batch of ten codes of a new offer is generated by the worker."""
    made = making.post("/v1/offers", CODED, is_last=False)
    batch = making.post("/v1/engagement/code_batches", {"offer": made["id"], "name": "Triggered", "amount": 10})
    end = time.monotonic() + EXPIRED_SECONDS_MAX
    while not any(
        event["data"]["id"] == batch["id"]
        for event in making.api.get("/v1/events", type="code_batch.ready", limit=10)["data"]
    ):
        if time.monotonic() > end:
            raise NotPossible("The codes are still being made. Is `vinr worker` running?")
        time.sleep(0.1)


CAMPAIGNS = "/v1/engagement/campaigns"


def complete_challenge(making: Making, *, is_refunded: bool = False) -> None:
    """The customer's payment completes a new challenge, which gives --points; then it may be refunded."""
    wish, mark = making.wish, secrets.token_hex(4)
    definition = {
        "entry": {"contribution": True},
        "progress": {
            "of": {"event": "payment.completed", "conditions": {"metadata": {"challenge": mark}}},
            "measure": "count",
            "target": 1,
        },
        "announce": ["progressed"],
        "start": "bonus",
        "steps": {"bonus": {"kind": "award_points", "points": wish.points, "reason": "vinr trigger"}},
    }
    body = {"program": wish.program, "name": "Triggered", "type": "challenge", "definition": definition}
    campaign = making.post(CAMPAIGNS, body, is_last=False)["id"]
    making.post(f"{CAMPAIGNS}/{campaign}/publish", {}, is_last=False)
    paid = {"amount": wish.amount, "currency": wish.currency, "customer": making.customer()}
    paid |= {"metadata": {"challenge": mark}}
    payment = making.post("/v1/payments", paid, is_last=False)["id"]
    if is_refunded:
        making.post(f"/v1/payments/{payment}/refund", {})


RECIPES: Mapping[str, tuple[str, Callable[[Making], object]]] = {
    "payment.completed": ("report a payment", complete_payment),
    "payment.refunded": ("report a payment, refund it", refund_payment),
    "payment.linked": ("report a payment of nobody, link it to a customer", link_payment),
    "customer.merged": ("enroll a new customer, merge it into another", merge_customers),
    "loyalty.account.created": (
        "enroll a new customer",
        lambda making: making.enroll(making.wish.program, is_last=True),
    ),
    "loyalty.points.earned": (
        "award points",
        lambda making: making.award(making.account(), making.wish.points, is_last=True),
    ),
    "loyalty.points.adjusted": (
        "adjust a balance",
        lambda making: making.post(
            "/v1/loyalty/points/adjust",
            {"account": making.account(), "points": making.wish.points, "reason": "vinr trigger"},
        ),
    ),
    "loyalty.points.reversed": ("award points, reverse them", reverse_points),
    "loyalty.points.expired": ("award points on a test clock, advance it by a month", expire_points),
    "loyalty.points.expiring": ("award points on a test clock, advance it to days before they end", remind_of_points),
    "loyalty.tier.changed": ("enroll a new customer, award what a tier needs", change_tier),
    "loyalty.tier.grace_started": ("earn a tier on a test clock, advance it to the tier's end", end_tier),
    "loyalty.reward.redeemed": ("redeem the cheapest reward", redeem_reward),
    "loyalty.redemption.canceled": ("redeem a reward, cancel it", cancel_redemption),
    "loyalty.offer.activated": ("publish an offer, opt in to it", activate_offer),
    "loyalty.offer.granted": ("publish an offer, grant it to the member", grant_offer),
    "loyalty.offer.redeemed": ("publish an offer, opt in to it", activate_offer),
    "offer.created": ("publish an offer", publish_offer),
    "offer.updated": ("publish an offer, change it", update_offer),
    "offer.ended": ("publish an offer with one redemption, opt in to it", end_offer),
    "code.redeemed": ("open a checkout session with a new code, complete it", partial(use_code, then="complete")),
    "code.released": ("open a checkout session with a new code, expire it", partial(use_code, then="expire")),
    "code_batch.ready": ("create a batch of ten codes", make_batch),
    "referral.registered": ("let a member refer a new customer", refer),
    "referral.converted": ("let a member refer a new customer, convert it", partial(end_referral, how="convert")),
    "referral.rejected": ("let a member refer a new customer, reject it", partial(end_referral, how="reject")),
    "referral.reversed": ("let a new customer's payment convert a referral, refund it", reverse_referral),
    "store_credit.granted": ("grant store credit", grant_credit),
    "store_credit.spent": ("grant store credit, spend it", spend_credit),
    "store_credit.returned": (
        "grant store credit, spend it, return it",
        lambda making: reverse_credit(making, spend_credit(making, is_last=False)),
    ),
    "store_credit.reversed": (
        "grant store credit, take it back",
        lambda making: reverse_credit(making, grant_credit(making, is_last=False)),
    ),
    "store_credit.adjusted": (
        "adjust store credit",
        lambda making: _move_credit(making, "adjust", reason="vinr trigger"),
    ),
    "campaign.progressed": ("publish a challenge, report a payment that counts", complete_challenge),
    "campaign.completed": ("publish a challenge, report a payment that completes it", complete_challenge),
    "campaign.revoked": (
        "publish a challenge, report a payment that completes it, refund it",
        partial(complete_challenge, is_refunded=True),
    ),
    "segment.entered": ("put a member into a new segment", enter_segment),
    "segment.left": ("put a member into a new segment, remove them", leave_segment),
}
