"""Clients of two customers while the one is merged into the other: every point stays, once."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx2
from plan import make

from conftest import WITHOUT_TLS, RunningServer
from outcome import Outcome
from vinr_server.storage.laws.verify import verify

PAIRS = 4
START_POINTS = 50
REFUSED = {"insufficient_points", "redemption_already_canceled", "refund_exceeds_payment"}


@dataclass
class Pair:
    """Two customers who turn out to be one, their accounts, and the points that acknowledged calls have moved."""

    customers: tuple[str, str]
    accounts: tuple[str, str]
    points: int = 2 * START_POINTS


@dataclass
class Client:
    """One client's calls, each about either customer of a pair."""

    http: httpx2.AsyncClient
    pairs: list[Pair]
    reward: str
    outcome: Outcome
    dice: random.Random
    name: str
    paid: list[tuple[Pair, str]] = field(default_factory=list)
    redeemed: list[tuple[Pair, str]] = field(default_factory=list)
    calls: int = 0

    async def run(self, count: int) -> None:
        """So many calls, one after the other."""
        moves = (self._award, self._pay, self._pay, self._redeem, self._refund, self._cancel)
        for _ in range(count):
            self.calls += 1
            pair = self.dice.choice(self.pairs)
            await self.dice.choice(moves)(pair, self.dice.randrange(2), f"{self.name}-{self.calls}")

    async def _award(self, pair: Pair, which: int, key: str) -> None:
        points = self.dice.randint(1, 9)
        if await self.post("/v1/loyalty/points/award", key, account=pair.accounts[which], points=points):
            pair.points += points

    async def _pay(self, pair: Pair, which: int, key: str) -> None:
        amount = self.dice.randint(100, 900)
        body = {"id": f"pay_{key}", "amount": amount, "currency": "EUR", "customer": pair.customers[which]}
        paid = await self.post("/v1/payments", key, **body)
        if paid:
            pair.points += sum(award["points"] for award in paid["awards"])
            self.paid.append((pair, paid["id"]))
            if not paid["awards"]:
                self.outcome.violations.append(f"{paid['id']} earned nothing")

    async def _redeem(self, pair: Pair, which: int, key: str) -> None:
        redeemed = await self.post("/v1/loyalty/redemptions", key, account=pair.accounts[which], reward=self.reward)
        if redeemed:
            pair.points -= redeemed["points_spent"]
            self.redeemed.append((pair, redeemed["id"]))

    async def _refund(self, _pair: Pair, _which: int, key: str) -> None:
        if not self.paid:
            return
        pair, payment = self.dice.choice(self.paid)
        body = {"amount": self.dice.randint(1, 300)} if self.dice.random() < 0.7 else {}
        refunded = await self.post(f"/v1/payments/{payment}/refund", key, id=f"re_{key}", **body)
        if refunded:
            pair.points -= refunded["refund"]["points_reversed"]

    async def _cancel(self, _pair: Pair, _which: int, key: str) -> None:
        if not self.redeemed:
            return
        pair, redemption = self.dice.choice(self.redeemed)
        canceled = await self.post(f"/v1/loyalty/redemptions/{redemption}/cancel", key)
        if canceled:
            pair.points += canceled["points_spent"]

    async def merge(self, pair: Pair) -> None:
        """The first of the pair is the second from now on; sent twice at once."""
        body = {"from": pair.customers[0], "into": pair.customers[1]}
        merged = await asyncio.gather(*(self.post("/v1/customers/merge", None, **body) for _twin in range(2)))
        self.outcome.seen["merges"] += 1
        if None in merged:
            self.outcome.violations.append(f"{pair.customers[0]} was not merged")

    async def post(self, path: str, key: str | None, **body: Any) -> dict[str, Any] | None:
        """The object, or None where the call was refused as it may be."""
        headers = {"Idempotency-Key": key} if key else {}
        response = await self.http.post(path, json=body, headers=headers)
        self.outcome.seen["calls"] += 1
        if response.is_success:
            found: dict[str, Any] = response.json()
            return found
        code = response.json()["error"]["code"]
        self.outcome.seen[code] += 1
        if response.status_code >= 500 or code not in REFUSED:
            self.outcome.violations.append(f"{path}: {response.status_code} {response.text[:300]}")
        return None


async def merge_races(server: RunningServer, *, seed: str, clients: int, each: int) -> Outcome:
    """Both customers of each pair are busy while the one is merged into the other; then the books are compared."""
    outcome = Outcome("merge races", seed, floors={"merges": PAIRS, "calls": clients * each // 3})
    started = time.monotonic()
    with server.client() as client:
        pairs, reward = _prepare(client, seed)
    async with httpx2.AsyncClient(
        base_url=server.base_url,
        headers={"Authorization": f"Bearer {server.realm.key}"},
        timeout=120,
        trust_env=False,
        verify=WITHOUT_TLS,
        limits=httpx2.Limits(max_connections=clients + 2),
    ) as http:
        crowd = [
            Client(http, pairs, reward, outcome, random.Random(f"{seed}/{number}"), f"{seed}-m{number}")
            for number in range(clients)
        ]
        for part in range(PAIRS):
            moves = [client.run(each // PAIRS) for client in crowd]
            await asyncio.gather(*moves, _in_the_middle(crowd[0], pairs[part], outcome, clients * each // PAIRS // 3))
        await asyncio.gather(*(client.run(each // PAIRS) for client in crowd))
    with server.client() as client:
        for pair in pairs:
            old, new = (client.get(f"/v1/loyalty/accounts/{id}").json() for id in pair.accounts)
            stands = (old["status"], old["merged_into"], old["balance"], new["balance"])
            if stands != ("merged", pair.accounts[1], 0, pair.points):
                outcome.violations.append(f"{pair.customers}: {stands}, and acknowledged were {pair.points}")
    outcome.violations += [str(one) for one in verify(server.database_url).disagreements]
    outcome.seconds = time.monotonic() - started
    return outcome


async def _in_the_middle(client: Client, pair: Pair, outcome: Outcome, calls: int) -> None:
    """The merge begins when so many more calls were answered."""
    begin = outcome.seen["calls"] + calls
    while outcome.seen["calls"] < begin:
        await asyncio.sleep(0)
    await client.merge(pair)


def _prepare(client: httpx2.Client, seed: str) -> tuple[list[Pair], str]:
    made = partial(make, client)
    program = made("/v1/loyalty/programs", name="Merges", currency={"expiry_months": 12})
    earn = {"points_per_currency_unit": 1}
    made("/v1/loyalty/earning_rules", program=program, trigger="payment.completed", earn=earn)
    benefit = {"type": "voucher"}
    reward = made("/v1/loyalty/rewards", program=program, name="Cup", points_cost=7, benefit=benefit)
    pairs = []
    for number in range(PAIRS):
        customers = (f"cust_{seed}_old_{number}", f"cust_{seed}_new_{number}")
        old, new = (made("/v1/loyalty/accounts", program=program, customer=one) for one in customers)
        for account in (old, new):
            made("/v1/loyalty/points/award", account=account, points=START_POINTS)
        pairs.append(Pair(customers, (old, new)))
    return pairs, reward
