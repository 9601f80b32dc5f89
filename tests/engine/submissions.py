"""Commands as a process' API would submit them, and a realm for them to work in."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from vinr_server.core.earning import commands as earning_commands
from vinr_server.core.earning.conditions import Conditions
from vinr_server.core.earning.rates import EarnRate
from vinr_server.core.kernel.commands import Command
from vinr_server.core.ledger import commands as ledger_commands
from vinr_server.core.members import commands as members_commands
from vinr_server.core.payments import commands as payments_commands
from vinr_server.core.programs import commands as programs_commands
from vinr_server.engine.submission import Outcome, Reply, Submission
from vinr_server.engine.writer import Writer

# A writer that has died answers nobody: no answer within this time is a failure, not a reason to go on waiting.
PATIENCE_SECONDS = float(os.environ.get("VINR_TEST_PATIENCE_SECONDS", "60"))
WAITING = """
  select count(*) from pg_stat_activity
  where wait_event_type = 'Lock' and application_name = 'vinr writer' and datname = current_database()"""

PROGRAM = programs_commands.CreateProgram("Engine", id="prog_engine")
RULE = earning_commands.CreateEarningRule("prog_engine", "payment.completed", EarnRate(rate_e4=10_000), Conditions())


def submission(realm: int, command: Command, key: str | None = None) -> Submission:
    """A command with its caller; the body's digest is that of the command."""
    fingerprint = hashlib.sha256(repr(command).encode()).digest()
    return Submission(realm, False, type(command).__name__, command, fingerprint, key, "req_test")


async def answered(waiting: Sequence[Awaitable[Outcome]]) -> list[Outcome | BaseException]:
    """The outcome of each, or what it raised."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await asyncio.gather(*waiting, return_exceptions=True)


async def until_waiting(database_url: str, count: int) -> None:
    """So many writers wait for a lock."""
    end = time.monotonic() + PATIENCE_SECONDS
    with psycopg.connect(database_url, autocommit=True) as connection:
        while time.monotonic() < end:
            if connection.execute(WAITING).fetchone() == (count,):
                return
            await asyncio.sleep(0.005)
    raise AssertionError(f"{count} writers never waited at once")


def shown(outcome: Outcome | BaseException) -> dict[str, Any]:
    """The object of an accepted command."""
    assert isinstance(outcome, Reply), outcome
    return dict(json.loads(outcome.body))


@dataclass
class Ground:
    """A realm with a program, a rule of one point per unit, and members."""

    realm: int
    accounts: Sequence[str]

    def award(
        self, points: int = 1, *, account: int = 0, key: str | None = None, reason: str | None = None
    ) -> Submission:
        """An award to the account at a position."""
        return submission(self.realm, ledger_commands.AwardPoints(self.accounts[account], points, reason), key)

    def payment(self, customer: int, amount: int = 100, *, id: str | None = None, key: str | None = None) -> Submission:
        """A payment of the customer at a position, who earns a point for each unit."""
        command = payments_commands.CreatePayment(amount, "EUR", 100, id=id, customer_id=f"cust_{customer}")
        return submission(self.realm, command, key)


async def settle(writer: Writer, realm: int, *, members: int = 1) -> Ground:
    """The realm is as Ground says; customer cust_n has the account at position n."""
    for command in (PROGRAM, RULE):
        shown(await writer.submit(submission(realm, command)))
    enrolments = [
        writer.enqueue(submission(realm, members_commands.CreateAccount("prog_engine", f"cust_{number}")))
        for number in range(members)
    ]
    return Ground(realm, [shown(await enrolment)["id"] for enrolment in enrolments])
