"""Journeys and challenges: whatever happens to members, late, in any order and refunded, logs, points and events are as
the rules say; whatever the batches, however late a worker, and whatever is killed (R40 to R56).

`passages` holds the second opinion, which asks the engine nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from databases import Database, open_database
from engines import CoreRun
from examples import expect, hold
from hypothesis import strategies as st
from passages.faults import FaultyRun
from passages.stories import CODES, HOUR, World, draw_world
from passages.worlds import Driver, Shown, TableDriver, account_of, first_difference, opinions, tell

from conftest import make_database
from vinr_server.core.campaigns import commands as campaigns
from vinr_server.core.codes import commands as codes
from vinr_server.core.codes.rows import Code, CodeProgress
from vinr_server.core.events.rows import Event
from vinr_server.core.kernel.commands import Command
from vinr_server.core.members import commands as members
from vinr_server.storage.postgres.embedded import EmbeddedServer

OPINION = ("stories", "progress", "journeys", "challenges", "opinion")
# Of each at least so many in 1,000 histories, or a quarter of it.
FLOORS = {
    "cmp_1 entered": 700, "cmp_2 entered": 800, "held out": 120, "converted": 80, "heard": 25, "timeout": 150,
    "waited": 250, "skipped": 45, "one": 45, "two": 50, "goal": 5, "rule": 4, "entry_refunded": 7, "expired": 45,
    "campaign.message": 600, "campaign.completed": 400, "campaign.revoked": 75, "campaign.conversion_reverted": 3,
    "taken back": 75, "chained": 150,
}  # fmt: skip


def count(found: Shown, counted: Counter[str]) -> None:
    """What there was in a member's life."""
    for campaign, entered_at, since, log, (status, _step, outcome, _due, _over), _attempts, converted in found[
        "passages"
    ]:
        counted[f"{campaign} entered"] += 1
        counted["held out"] += status == "holdout"
        counted["converted"] += converted is not None
        counted.update(step_outcome for _id, step_outcome, _at in log)
        counted[str(outcome)] += 1
        earned = [at for at, type, *_more in found["events"] if type == "loyalty.points.earned"]
        counted["chained"] += campaign == "cmp_1" and entered_at == since and since in earned
    counted.update(type for _at, type, *_more in found["events"])
    counted["taken back"] += sum(points < 0 for points, _at in found["ledger"])


def check(world: World, driver: Driver, random: Random | None, work: Any, counted: Counter[str]) -> None:
    """The run shows what the second opinion says."""
    want, got = opinions(world), tell(driver, world, random, work)
    difference = first_difference(world, want, got)
    assert difference is None, difference
    counted["histories"] += 1
    for found in got.values():
        count(found, counted)


def test_the_second_opinion_asks_nobody() -> None:
    texts = [(Path(__file__).parent / "passages" / f"{name}.py").read_text() for name in OPINION]

    assert not any("vinr_server" in text for text in texts)


def test_members_go_as_the_rules_say() -> None:
    counted: Counter[str] = Counter()

    def law(number: int) -> None:
        random = Random(number)
        world = draw_world(random, members=random.choice((1, 1, 2)))
        driver = Driver(CoreRun())

        def work() -> None:
            driver.do(*(campaigns.TakeSteps(account_of(customer)) for customer in world.customers))

        check(world, driver, random if random.random() < 0.7 else None, work, counted)

    more = hold(law, examples=100, number=st.integers(0, 2**32))
    expect(counted, FLOORS, more)


@pytest.fixture(scope="module")
def database(postgres: EmbeddedServer, template: str) -> Iterator[Database]:
    with open_database(make_database(postgres, template)) as opened:
        yield opened


def test_whatever_is_killed_members_go_as_the_rules_say(database: Database) -> None:
    counted: Counter[str] = Counter()

    def law(number: int) -> None:
        random = Random(number)
        world = draw_world(random, members=3)
        run = FaultyRun(database, random, counted)
        try:
            check(world, TableDriver(run, database.reads), random, run.work, counted)
        finally:
            run.close()

    hold(law, examples=2, number=st.integers(0, 2**32))

    assert counted["failed"] >= 3 and counted["restarted"] >= 1, counted


class Crowd(Driver):
    """Five members who have all entered a campaign that gives each a code."""

    MEMBERS = tuple(f"loy_{n}" for n in range(2, 7))

    def __init__(self, low_at: int) -> None:
        super().__init__(CoreRun())
        self.begin("cust_1")
        self.pool(CODES)
        self.publish("cmp_1", "journey", {"entry": {}, "start": "s0", "steps": {"s0": GIVES_A_CODE}})
        self.do(codes.UpdateCodeBatch("cbt_few", {"low_at": low_at}))
        for id in self.MEMBERS:
            self.do(members.CreateAccount("prog_1", f"cust_{id}", account_id=id))
        self.do(*(campaigns.EnterCampaign("cmp_1", id) for id in self.MEMBERS))

    def gave(self, commands: Sequence[Command], size: int) -> tuple[Any, ...]:
        """Whose each code is, and how often it was said that few are left, after the commands in batches of a size."""
        self.advance(self.now + HOUR)
        for start in range(0, len(commands), size):
            self.do(*commands[start : start + size])
        given = {row.code: row.account_id for row in self.rows(Code)}
        (progress,) = self.rows(CodeProgress)
        lows = sum(row.type == "code_batch.low" for row in self.rows(Event))
        return given, progress.assigned, progress.issued, progress.made, lows


GIVES_A_CODE = {"kind": "issue_code", "batch": "cbt_few"}


def test_codes_are_given_alike_in_whatever_batches_members_come() -> None:
    counted: Counter[str] = Counter()

    def law(number: int) -> None:
        random = Random(number)
        commands: list[Command] = [campaigns.TakeSteps(id) for id in Crowd.MEMBERS]
        commands += [codes.ImportCode("cbt_few", f"Q-{n}") for n in range(random.randint(0, 3))]
        commands += [codes.ImportCode("cbt_few", f"R-{n}", account_of("cust_1")) for n in range(random.randint(0, 1))]
        random.shuffle(commands)
        low_at = random.randint(0, 2)
        found = [Crowd(low_at).gave(commands, size) for size in (1, 2, 3, len(commands))]
        assert all(one == found[0] for one in found), (commands, found)
        given, assigned, _issued, _made, lows = found[0]
        counted["given"] += assigned
        counted["low"] += lows
        assert sum(holder is not None for holder in given.values()) == assigned

    hold(law, examples=30, number=st.integers(0, 2**32))

    assert min(counted[what] for what in ("given", "low")) >= 5, counted
