"""A story done on a run of the engine, and what the engine shows of it in the opinion's terms."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any

from engines import Run
from psycopg.rows import namedtuple_row
from steps import Step

from passages.journeys import Campaign
from passages.opinion import PROGRESS, Opinion
from passages.stories import BEGINS, EARNED, HOUR, Bought, Json, Move, Returned, Told, Undone, World
from vinr_server.api.resources.campaign_definitions import read_definition
from vinr_server.core.campaigns import commands as campaigns
from vinr_server.core.campaigns.rows import Enrolment, EnrolmentStep
from vinr_server.core.clocks import commands as clocks
from vinr_server.core.codes import commands as codes
from vinr_server.core.earning import commands as earning
from vinr_server.core.events.rows import Event
from vinr_server.core.kernel.commands import Command
from vinr_server.core.ledger.rows import Entry
from vinr_server.core.members import commands as members
from vinr_server.core.members.rows import Account
from vinr_server.core.offers import commands as offers
from vinr_server.core.offers.rows import CheckoutTerms, OfferTerms
from vinr_server.core.payments import commands as payments
from vinr_server.core.programs import commands as programs

OPENED = OfferTerms(checkout=CheckoutTerms("fixed_discount", 100), requires_code=True)
TABLES: Mapping[type, str] = {
    Account: "accounts",
    Enrolment: "campaign_enrolments",
    EnrolmentStep: "campaign_steps",
    Entry: "entries",
    Event: "events",
}
Shown = dict[str, Any]
EXHAUSTED = "campaign.budget_exhausted"


class Driver:
    """Commands on a run, on a clock that only these move. `has_keys`: each under an idempotency key, to ask again."""

    def __init__(self, run: Run, *, has_keys: bool = False) -> None:
        self.run, self.has_keys, self.number, self.now = run, has_keys, 0, BEGINS

    def do(self, *commands: Command) -> Any:
        """All are accepted, as one batch; the last one's answer."""
        batch = []
        for command in commands:
            key = f"key {self.number}" if self.has_keys else None
            batch.append(Step(self.number, 0, type(command).__name__, command, key))
            self.number += 1
        outcomes = self.run.submit(batch)
        assert all(not hasattr(outcome, "code") for outcome in outcomes), outcomes
        return self.run.answers[self.number - 1]

    def begin(self, *customers: str) -> None:
        """A clock, a program that lives on it, and an account of each customer."""
        self.do(clocks.CreateTestClock(BEGINS, id="clock_1"))
        self.do(programs.CreateProgram("Main", id="prog_1", clock_id="clock_1"))
        for customer in customers:
            self.do(members.CreateAccount("prog_1", customer, account_id=account_of(customer)))

    def publish(self, id: str, type: Any, definition: Json, *, priority: int = 0) -> None:
        """A campaign that says this is live."""
        drafted = read_definition(definition, zone="UTC")
        assert not drafted.problems, drafted.problems
        self.do(campaigns.CreateCampaign("prog_1", "Care", type, drafted, id=id, priority=priority))
        self.do(campaigns.PublishCampaign(id))

    def pool(self, count: int) -> None:
        """A batch of so many codes, which steps give."""
        self.do(offers.CreateOffer("checkout", "Ten", OPENED, "published", id="ofr_ten"))
        self.do(codes.CreateCodeBatch("ofr_ten", "Few", "#" * 12, "23456789BCDF", id="cbt_few"))
        self.do(*(codes.ImportCode("cbt_few", f"P-{number}") for number in range(count)))

    def advance(self, at: datetime) -> None:
        """The clock stands at the instant, and no worker has come."""
        if at > self.now:
            self.now = at
            self.do(clocks.AdvanceTestClock("clock_1", at))
            self.do(clocks.FinishTestClock("clock_1", at))

    def rows(self, row_type: type) -> list[Any]:
        """All rows of a type, in memory."""
        layer = self.run.layers[self.run.realms[0]]  # type: ignore[attr-defined]
        return [row for row in layer.all_written() if isinstance(row, row_type)]


class TableDriver(Driver):
    """The same where rows stand in tables."""

    def __init__(self, run: Run, reads: Any) -> None:
        super().__init__(run, has_keys=True)
        self._reads = reads

    def rows(self, row_type: type) -> list[Any]:
        """All rows of a type, as they stand in their table."""
        with self._reads.cursor(row_factory=namedtuple_row) as cursor:
            statement = f"select * from {TABLES[row_type]} where realm = %s".encode()
            return list(cursor.execute(statement, self.run.realms).fetchall())


def account_of(customer: str) -> str:
    """The id of a customer's account."""
    return f"loy_{customer}"


def command_of(move: Move) -> Command:
    """What is called."""
    if isinstance(move, Told):
        data = {"customer": move.customer}
        return earning.ReportEvent(move.type, data, customer_id=move.customer, occurred_at=move.occurred_at)
    if isinstance(move, Bought):
        named = {"id": move.id, "customer_id": move.customer, "occurred_at": move.occurred_at}
        return payments.CreatePayment(move.amount, "EUR", 100, **named)  # type: ignore[arg-type]
    if isinstance(move, Returned):
        return payments.RefundPayment(move.of, id=move.id, amount_minor=move.amount)
    assert isinstance(move, Undone)
    return payments.CancelRefund(move.of)


def tell(driver: Driver, world: World, random: Random | None, work: Callable[[], None]) -> dict[str, Shown]:
    """What this run shows of each customer after the story. `random`: time passes in parts, workers come at times."""
    driver.begin(*world.customers)
    driver.pool(world.codes)
    driver.publish("cmp_1", "journey", world.journey, priority=world.priorities[0])
    driver.publish("cmp_2", "challenge", world.challenge, priority=world.priorities[1])
    left = [*world.moves]
    while left:
        for at in _stops(driver.now, left[0].at, random):
            driver.advance(at)
            work()
        driver.advance(left[0].at)
        if random is not None and random.random() < 0.3:
            work()
        together = [move for move in left if move.at == left[0].at]
        size = len(together) if random is None else random.randint(1, len(together))
        driver.do(*map(command_of, left[:size]))
        left = left[size:]
    for at in _stops(driver.now, world.ends_at, random):
        driver.advance(at)
        work()
    driver.advance(world.ends_at)
    work()
    return {customer: shown(driver, customer) for customer in world.customers}


def _stops(start: datetime, end: datetime, random: Random | None) -> list[datetime]:
    span = int((end - start) / (HOUR / 2))
    if random is None or span < 2:
        return []
    return sorted(start + HOUR / 2 * random.randint(1, span - 1) for _ in range(random.randint(0, 2)))


# ---- what is shown


def shown(driver: Driver, customer: str) -> Shown:
    """The customer's passages with their logs, movements of points, and events."""
    account = account_of(customer)
    mine = [row for row in driver.rows(Enrolment) if row.account_id == account]
    mine.sort(key=lambda row: (row.campaign_id, row.entered_at, row.id))
    steps = sorted(
        (row for row in driver.rows(EnrolmentStep) if row.account_id == account), key=lambda row: row.position
    )
    entries = sorted((row for row in driver.rows(Entry) if row.account_id == account), key=lambda row: row.sequence)
    (holder,) = [row for row in driver.rows(Account) if row.id == account]
    # That a budget of all members is used up belongs to no one account.
    events = [
        _event(row)
        for row in driver.rows(Event)
        if row.account_id == account or (row.account_id is None and row.type == EXHAUSTED)
    ]
    return {
        "passages": [_passage(row, [step for step in steps if step.enrolment_id == row.id]) for row in mine],
        "ledger": [(row.points, row.occurred_at) for row in entries],
        "balance": holder.ledger_balance_points,
        "events": sorted((event for event in events if event is not None), key=str),
    }


def _passage(row: Any, steps: Sequence[Any]) -> tuple[Any, ...]:
    attempts = (
        row.challenge["attempts"] if isinstance(row.challenge, dict) else row.challenge and row.challenge.attempts
    )
    # When one is looked at again that rests between attempts is its own affair.
    ends = (row.status, row.step, row.outcome, row.due_at if row.step != PROGRESS else None, row.over_at)
    log = [(step.step, step.outcome, step.at) for step in steps]
    assert [step.position for step in steps] == [*range(1, len(steps) + 1)], steps
    return (row.campaign_id, row.entered_at, row.since_at, log, ends, len(attempts or ()), _conversion(row))


def _conversion(row: Any) -> datetime | None:
    """When the event occurred that converted the passage."""
    goals = [goal if isinstance(goal, dict) else {"event_id": goal.event_id, "at": goal.at} for goal in row.goals]
    found = [goal["at"] for goal in goals if goal["event_id"] == row.converted]
    return datetime.fromisoformat(str(found[0])) if found else None


# Of each type of event, what of its data is compared.
DATA = {
    "campaign.message": ("step", "position", "data"),
    "campaign.exited": ("outcome",),
    "campaign.completed": ("attempt",),
    "campaign.revoked": ("attempt", "reversed"),
    "campaign.converted": ("at",),
    "campaign.conversion_reverted": ("at",),
}


def _event(row: Any) -> tuple[Any, ...] | None:
    data = json.loads(row.data) if isinstance(row.data, str) else row.data
    if row.type == EARNED:
        return (row.created_at, row.type, data["points"])
    if not row.type.startswith("campaign."):
        return None
    told = [data[name] for name in DATA.get(row.type, ())]
    if row.type == "campaign.revoked":
        told[1] = sum(one["points"] for one in told[1])
    if row.type.startswith("campaign.conver"):
        told = [datetime.fromtimestamp(told[0], UTC)]
    return (row.created_at, row.type, data["campaign"], *told)


def opinions(world: World) -> dict[str, Shown]:
    """The same of the second opinion."""
    journey = Campaign("cmp_1", world.journey, world.priorities[0])
    challenge = Campaign("cmp_2", world.challenge, world.priorities[1])
    found = {}
    for customer in world.customers:
        opinion = Opinion(customer, [journey, challenge], codes=world.codes)
        opinion.live(world.moves, world.ends_at)
        found[customer] = {
            "passages": sorted((_opined(one) for one in opinion.passages), key=lambda one: one[:2]),
            "ledger": opinion.ledger,
            "balance": opinion.balance,
            "events": sorted(opinion.said, key=str),
        }
    return found


def _opined(passage: Any) -> tuple[Any, ...]:
    is_over = passage.step is None
    status = "holdout" if passage.is_held_out else "over" if is_over else "open"
    due_at = None if is_over or passage.step == PROGRESS else passage.due_at
    outcome = None if passage.is_held_out else passage.outcome
    ends = (status, passage.step, outcome, due_at, passage.over_at)
    converted = passage.converted.occurred_at if passage.converted is not None else None
    return (passage.of.id, passage.entered_at, passage.since, passage.log, ends, len(passage.attempts), converted)


def first_difference(world: World, want: Mapping[str, Shown], got: Mapping[str, Shown]) -> str | None:
    """The first figure that differs, with the whole story; None: none does."""
    for customer, figures in want.items():
        for name, figure in figures.items():
            if got[customer][name] != figure:
                story = "\n".join(map(str, (world.journey, world.challenge, world.priorities, *world.moves)))
                return f"{name} of {customer}:\n  want {figure}\n  got  {got[customer][name]}\n{story}"
    return None
