"""What a program's settings add to a payment, and a hold to a redemption: microseconds for each, in batches of 64.

The writer is the engine's own, on a PostgreSQL, called in process. All programs stand in one database and take turns,
so that a neighbor disturbs each alike; a figure is the median of its batches.
"""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

import uvloop

from bench.report import Report
from bench.rig import Rig, make_realm
from vinr_server.core.clocks.commands import CreateTestClock
from vinr_server.core.credit.commands import GrantCredit
from vinr_server.core.earning.commands import CreateEarningRule
from vinr_server.core.earning.conditions import Conditions
from vinr_server.core.earning.rates import EarnRate
from vinr_server.core.kernel.commands import Command
from vinr_server.core.kernel.numbers import SCALE
from vinr_server.core.ledger.commands import AwardPoints
from vinr_server.core.members.commands import CreateAccount
from vinr_server.core.payments.commands import CreatePayment
from vinr_server.core.programs.commands import CreateProgram
from vinr_server.core.programs.rows import Tier, TierPolicy
from vinr_server.core.referrals.commands import CreateReferralProgram
from vinr_server.core.referrals.rows import ReferralTerms
from vinr_server.core.rewards.commands import CreateRedemption, CreateReward
from vinr_server.engine.submission import Reply, Submission
from vinr_server.engine.writer import Writer
from vinr_server.storage.postgres.connect import connect_writer

TEMPLATE = "vinr"
BATCH = 64
MEMBERS = 8 * BATCH
WARM_UP_ROUNDS = 5
CLOCK_START = datetime(2026, 1, 15, tzinfo=UTC)
TIERS = (Tier("silver", "Silver", 0), Tier("gold", "Gold", 500), Tier("platinum", "Platinum", 2_000))
# More than all batches of a measurement take.
PLENTY = 10**9
PLAIN = "payment: one rule, no tiers"

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Case:
    """One program, with what is measured in it.

    `is_on_clock`: it lives on a test clock. `is_referring`, `has_wallets`, `redeems`: what its members have or do.
    """

    name: str
    settings: Json = field(default_factory=dict)
    is_on_clock: bool = False
    is_referring: bool = False
    has_wallets: bool = False
    redeems: bool = False
    capture: bool = True


CASES = (
    Case(PLAIN),
    Case("on a test clock", is_on_clock=True),
    Case("on a test clock, points pend 14 days", {"pending_days": 14}, is_on_clock=True),
    Case("tiers by lifetime points", {"tiers": TIERS}),
    Case(
        "tiers by points of 12 rolling months",
        {"tiers": TIERS, "tier_policy": TierPolicy("points_earned", "rolling_months", months=12)},
    ),
    Case(
        "tiers by spend of a calendar year, with grace",
        {"tiers": TIERS, "tier_policy": TierPolicy("spend", "calendar_year", currency="EUR", grace_days=30)},
    ),
    Case("tiers by all spend", {"tiers": TIERS, "tier_policy": TierPolicy("spend", currency="EUR")}),
    Case("a referral program, the payer was not referred", is_referring=True),
    Case("a quarter paid with store credit", has_wallets=True),
    Case("redemption", redeems=True),
    Case("redemption that is held", redeems=True, capture=False),
)


def measure_settings(rig: Rig, report: Report, *, rounds: int) -> None:
    """The report holds a table of the cases, each next to the plain one of its kind."""
    report.parameters |= {"rounds": rounds, "batch": BATCH}
    database = rig.copy(TEMPLATE)
    try:
        realm = make_realm(rig.url(database)).id
        taken = uvloop.run(_measure(rig.url(database), realm, rounds))
    finally:
        rig.drop(database)
    medians = {
        case.name: [statistics.median(one[column] for one in taken[case.name]) for column in (0, 1)] for case in CASES
    }
    rows: list[list[object]] = []
    for case in CASES:
        wall, cpu = medians[case.name]
        plain_wall, plain_cpu = medians["redemption" if case.redeems else PLAIN]
        rows.append([case.name, wall, wall - plain_wall, cpu, cpu - plain_cpu])
    report.add_table(
        "µs for each payment or redemption, and what that is more than the plain one",
        ["what", "wall", "more", "CPU of the engine", "more"],
        rows,
    )
    report.figures = {"wall and CPU, µs": medians}


async def _measure(url: str, realm: int, rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Wall and CPU µs of each batch, by case."""
    writer = Writer(partial(connect_writer, url))
    await writer.start()
    try:
        send = partial(_send, writer, realm)
        members = [await Members.made(send, number, case) for number, case in enumerate(CASES)]
        taken: dict[str, list[tuple[float, float]]] = {case.name: [] for case in CASES}
        for count in range(WARM_UP_ROUNDS + rounds):
            for each in random.sample(members, len(members)):
                spent = await each.take_turn()
                if count >= WARM_UP_ROUNDS:
                    taken[each.case.name].append(spent)
        return taken
    finally:
        await writer.stop()


@dataclass
class Members:
    """A case's program, with its members' accounts and wallets."""

    send: Any
    case: Case
    number: int
    wallets: list[str]
    turns: int = 0

    @classmethod
    async def made(cls, send: Any, number: int, case: Case) -> Members:
        """Program, rule and members exist, and whatever else the case has."""
        settings = dict(case.settings)
        if case.is_on_clock:
            settings["clock_id"] = (await send([CreateTestClock(CLOCK_START)]))[0]["id"]
        program = f"prog_{number}"
        await send([CreateProgram(case.name, id=program, **settings)])
        await send([CreateEarningRule(program, "payment.completed", EarnRate(rate_e4=SCALE), Conditions())])
        if case.is_referring:
            await send([CreateReferralProgram(program, ReferralTerms(30, is_for_new_customers=True))])
        made = cls(send, case, number, [])
        everybody = range(MEMBERS)
        await send([CreateAccount(program, made.customer(n), account_id=made.account(n)) for n in everybody])
        if case.redeems:
            await send([CreateReward(program, "Voucher", 1, {"type": "voucher"}, id=f"rwd_{number}")])
            await send([AwardPoints(made.account(n), PLENTY) for n in everybody])
        if case.has_wallets:
            grants = [GrantCredit(PLENTY, customer_id=made.customer(n), currency="EUR") for n in everybody]
            made.wallets = [grant["account"] for grant in await send(grants)]
        return made

    def customer(self, member: int) -> str:
        """The merchant's id of a member."""
        return f"cust_{self.number}_{member}"

    def account(self, member: int) -> str:
        """The id of a member's account."""
        return f"loy_{self.number}_{member}"

    async def take_turn(self) -> tuple[float, float]:
        """A batch of other members; wall and CPU µs for each."""
        self.turns += 1
        commands = [self._command(member) for member in random.sample(range(MEMBERS), BATCH)]
        wall, cpu = time.perf_counter(), time.process_time()
        await self.send(commands)
        return (time.perf_counter() - wall) / BATCH * 1e6, (time.process_time() - cpu) / BATCH * 1e6

    def _command(self, member: int) -> Command:
        if self.case.redeems:
            return CreateRedemption(self.account(member), f"rwd_{self.number}", capture=self.case.capture)
        wallet = {"type": "store_credit", "amount": 500, "account": self.wallets[member]} if self.wallets else None
        return CreatePayment(
            2_000,
            "EUR",
            100,
            id=f"pay_{self.number}_{self.turns}_{member}",
            customer_id=self.customer(member),
            tenders=(wallet,) if wallet else (),
        )


async def _send(writer: Writer, realm: int, commands: Sequence[Command]) -> list[Any]:
    """The answers of commands that are all accepted: up to 64 at a time, one batch."""
    answers: list[Any] = []
    for start in range(0, len(commands), BATCH):
        submissions = [Submission(realm, False, "bench", command, b"") for command in commands[start : start + BATCH]]
        outcomes = await asyncio.gather(*[writer.enqueue(submission) for submission in submissions])
        refused = [outcome for outcome in outcomes if not isinstance(outcome, Reply)]
        assert not refused, refused[0]
        answers += [json.loads(outcome.body) for outcome in outcomes if isinstance(outcome, Reply)]
    return answers
