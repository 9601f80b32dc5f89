"""What the clients do: drawn from a seed, so that a run can be repeated call by call (though not its interleaving)."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx2
from calls import Call

ACCOUNTS = 20
# Stocks of the rewards: from one that is gone at once to one that lasts.
STOCKS = (1, 10, 50, 500, 1_000_000)
START_POINTS = 50


@dataclass(frozen=True)
class Ground:
    """What there is before the first call."""

    accounts: Sequence[str]
    customers: Sequence[str]
    rewards: Sequence[str]


def make(client: httpx2.Client, path: str, **body: Any) -> str:
    """The id of what was made."""
    answer = client.post(path, json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def prepare(client: httpx2.Client) -> Ground:
    """A program with a rule, its members with some points each, and the capped rewards."""

    made = partial(make, client)
    program = made("/v1/loyalty/programs", name="Torture", currency={"expiry_months": 12})
    made(
        "/v1/loyalty/earning_rules",
        program=program,
        trigger="payment.completed",
        earn={"points_per_currency_unit": 1},
    )
    customers = [f"cust_{number}" for number in range(ACCOUNTS)]
    accounts = [made("/v1/loyalty/accounts", program=program, customer=one) for one in customers]
    for account in accounts:
        made("/v1/loyalty/points/award", account=account, points=START_POINTS)
    rewards = [
        made(
            "/v1/loyalty/rewards",
            program=program,
            name=f"One of {stock}",
            points_cost=3,
            stock=stock,
            benefit={"type": "voucher"},
        )
        for stock in STOCKS
    ]
    return Ground(accounts, customers, rewards)


def prepare_rivals(client: httpx2.Client, count: int) -> tuple[str, list[str]]:
    """A program and so many members, each with points enough for every race."""
    program = make(client, "/v1/loyalty/programs", name="Races")
    rivals = [
        make(client, "/v1/loyalty/accounts", program=program, customer=f"cust_rival_{number}")
        for number in range(count)
    ]
    for rival in rivals:
        make(client, "/v1/loyalty/points/award", account=rival, points=1_000_000)
    return program, rivals


@dataclass
class Plan:
    """One client's calls."""

    ground: Ground
    seed: str
    number: int
    calls: list[Call] = field(default_factory=list)
    dice: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.dice = random.Random(f"{self.seed}/{self.number}")

    def draw(self) -> Call:
        """The next call; one that needs a thing which is not there yet is an award instead."""
        weights = [weight for _draw, weight in KINDS]
        (draw,) = self.dice.choices([draw for draw, _weight in KINDS], weights)
        call = draw(self) or award(self)
        self.calls.append(call)
        return call

    def call(self, operation: str, path: str, **body: Any) -> Call:
        """A call under a key of its own."""
        return Call(operation, path, body, f"{self.seed}-{self.number}-{len(self.calls)}")

    def account(self) -> int:
        """The number of an account: the first is as busy as the second and third together, and so on (Zipf)."""
        return self.dice.choices(range(ACCOUNTS), [1 / (rank + 1) for rank in range(ACCOUNTS)])[0]

    def earlier(self, operation: str) -> Call | None:
        """A call of this client that was answered as done."""
        done = [one for one in self.calls[-200:] if one.operation == operation and one.done is not None]
        return self.dice.choice(done) if done else None


def award(plan: Plan) -> Call:
    """Points by hand."""
    account = plan.ground.accounts[plan.account()]
    return plan.call("award", "/v1/loyalty/points/award", account=account, points=plan.dice.randint(1, 5))


def adjust(plan: Plan) -> Call:
    """A correction, mostly downwards."""
    points = plan.dice.choice((-1, -2, -20, -400, -400, 2))
    account = plan.ground.accounts[plan.account()]
    return plan.call("adjust", "/v1/loyalty/points/adjust", account=account, points=points, reason="torture")


def redeem(plan: Plan) -> Call:
    """One of the capped rewards."""
    account, reward = plan.ground.accounts[plan.account()], plan.dice.choice(plan.ground.rewards)
    return plan.call("redeem", "/v1/loyalty/redemptions", account=account, reward=reward)


def cancel(plan: Plan) -> Call | None:
    """A redemption of one's own, perhaps canceled before."""
    one = plan.earlier("redeem")
    return plan.call("cancel", f"/v1/loyalty/redemptions/{one.object['id']}/cancel") if one else None


def pay(plan: Plan) -> Call:
    """A payment of a few euros under an id of its own."""
    call = plan.call("pay", "/v1/payments")
    customer = plan.ground.customers[plan.account()]
    call.body = {"id": f"pay_{call.key}", "amount": plan.dice.randint(0, 900), "currency": "EUR", "customer": customer}
    return call


def refund(plan: Plan) -> Call | None:
    """A payment of one's own, in part or whole, perhaps for the second time."""
    one = plan.earlier("pay")
    if one is None:
        return None
    call = plan.call("refund", f"/v1/payments/{one.object['id']}/refund")
    amount = plan.dice.choice((None, one.body["amount"] // 2 or None, one.body["amount"] // 3 or None))
    call.body = {"id": f"re_{call.key}", **({"amount": amount} if amount else {})}
    return call


def reverse(plan: Plan) -> Call | None:
    """An award of one's own, perhaps reversed before."""
    one = plan.earlier("award")
    return plan.call("reverse", "/v1/loyalty/points/reverse", transaction=one.object["id"]) if one else None


def reuse(plan: Plan) -> Call | None:
    """A key that an award has used, with another body."""
    one = plan.earlier("award")
    if one is None:
        return None
    return Call("reuse", one.path, {**one.body, "points": one.body["points"] + 1}, one.key)


KINDS: tuple[tuple[Callable[[Plan], Call | None], int], ...] = (
    (award, 30),
    (redeem, 26),
    (pay, 15),
    (refund, 8),
    (cancel, 7),
    (reverse, 6),
    (adjust, 5),
    (reuse, 3),
)
