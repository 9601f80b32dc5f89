"""Two writers on one database; each race always happens: one is stopped between its reading and its writing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from databases import Database, open_database
from engines import WALL, WriterRun
from gates import Gate
from invariants import violations
from steps import Ref, Step, submission
from worlds import FIRST_STEP, step_of, world

from conftest import PATIENCE_SECONDS, WITHOUT_LIMITS, make_database
from vinr_server.core.earning import commands as earning_commands
from vinr_server.core.kernel.commands import Command
from vinr_server.core.ledger import commands as ledger_commands
from vinr_server.core.members import commands as members_commands
from vinr_server.core.offers import commands as offer_commands
from vinr_server.core.offers.rows import GiftReward, OfferTerms, PointsBonus
from vinr_server.core.payments import commands as payments_commands
from vinr_server.core.rewards import commands as rewards_commands
from vinr_server.engine.submission import Outcome, Reply
from vinr_server.engine.writer import Writer
from vinr_server.storage.postgres.connect import connect_writer
from vinr_server.storage.postgres.embedded import EmbeddedServer

ANN, BOB = "cust_ann", "cust_bob"
IS_WAITING = "select wait_event_type = 'Lock' from pg_stat_activity where pid = %s"


@pytest.fixture(scope="module")
def database(postgres: EmbeddedServer, template: str) -> Iterator[Database]:
    with open_database(make_database(postgres, template)) as opened:
        yield opened


class Track:
    """A world in a realm of its own, and two writers to race in it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.run: WriterRun = database.writer_run(0, has_two_realms=False)
        self.gates = (Gate(), Gate())
        self.accounts = {member: ref for ref, member in world(0, 0).accounts.items()}
        self.number = FIRST_STEP

    def account(self, customer: str) -> Any:
        """The customer's account in prog_a."""
        return self.accounts["prog_a", customer]

    def do(self, command: Command) -> Ref:
        """The command is accepted beforehand; what names its object."""
        step = self.step(command)
        (outcome,) = self.run.submit([step])
        assert isinstance(outcome, Reply), outcome
        return Ref(step.number, ("id",))

    def step(self, command: Command, key: str | None = None) -> Step:
        """The next step."""
        self.number += 1
        return step_of(self.number, 0, command, key=key)

    def race(self, first: Step, second: Step, *, waits: bool = True) -> list[Outcome]:
        """The first has read and holds its locks when the second begins; then both go on to their end."""
        return self.database.runner.run(self._race(first, second, waits=waits))

    async def _race(self, first: Step, second: Step, *, waits: bool) -> list[Outcome]:
        writers = [await self._writer(gate) for gate in self.gates]
        one, other = (submission(step, self.run.realms, self.run.answers) for step in (first, second))
        self.gates[0].stop_before_writing()
        leading = asyncio.ensure_future(writers[0].submit(one))
        await asyncio.wait_for(self.gates[0].is_stopped.wait(), PATIENCE_SECONDS)
        following = asyncio.ensure_future(writers[1].submit(other))
        await self._until_waiting_or_done(writers[1], following)
        has_waited = not following.done()
        self.gates[0].open()
        outcomes = list(await asyncio.gather(leading, following))
        for writer in writers:
            await writer.stop()
        assert has_waited or not waits, f"nothing held the second: {outcomes}"
        return outcomes

    async def _writer(self, gate: Gate) -> Writer:
        async def connect() -> Any:
            connection = await connect_writer(self.database.url)
            # Whoever waits for a lock does so until the gate opens: after a second it would be tried again.
            await connection.execute(WITHOUT_LIMITS)
            return gate.through(connection)

        writer = Writer(connect, clock=lambda: WALL)
        await writer.start()
        return writer

    async def _until_waiting_or_done(self, writer: Writer, following: asyncio.Future[Outcome]) -> None:
        pid = writer.lanes[0].backend_pid
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            record = self.database.reads.execute(IS_WAITING, [pid]).fetchone()
            if following.done() or (record and record[0]):
                return
            await asyncio.sleep(0.002)
        raise AssertionError("the second neither waits nor ends")

    def tried_once(self) -> bool:
        """Whether the locks sufficed: no batch had to be run again."""
        return [gate.begins for gate in self.gates] == [1, 1]


def codes(outcomes: Sequence[Outcome]) -> list[str]:
    """Statuses and refusals."""
    return [str(one.status) if isinstance(one, Reply) else one.code for one in outcomes]


Prepare = Callable[[Track], tuple[Command, Command]]


def last_in_stock(track: Track) -> tuple[Command, Command]:
    """Two members want the last of a reward; one was redeemed before, so its counter is there."""
    for customer in (ANN, BOB):
        track.do(ledger_commands.AwardPoints(track.account(customer), 100))
    track.do(rewards_commands.CreateRedemption(track.account(ANN), "rwd_euros"))
    return tuple(rewards_commands.CreateRedemption(track.account(customer), "rwd_euros") for customer in (ANN, BOB))  # type: ignore[return-value]


def same_points(track: Track) -> tuple[Command, Command]:
    """Points for one are spent twice."""
    track.do(ledger_commands.AwardPoints(track.account(ANN), 50))
    return rewards_commands.CreateRedemption(track.account(ANN), "rwd_euros"), ledger_commands.AdjustPoints(
        track.account(ANN), -40, "-"
    )


def member_limit(track: Track) -> tuple[Command, Command]:
    """A member has one redemption left."""
    track.do(ledger_commands.AwardPoints(track.account(ANN), 100))
    track.do(
        rewards_commands.CancelRedemption(track.do(rewards_commands.CreateRedemption(track.account(ANN), "rwd_cup")))
    )
    command = rewards_commands.CreateRedemption(track.account(ANN), "rwd_cup")
    return command, command


def one_discount(track: Track) -> tuple[Command, Command]:
    """A discount is used on two payments."""
    track.do(ledger_commands.AwardPoints(track.account(ANN), 50))
    redemption = track.do(rewards_commands.CreateRedemption(track.account(ANN), "rwd_euros"))
    discount: Any = Ref(redemption.step, ("discount",))
    paying = payments_commands.CreatePayment(900, "EUR", 100, customer_id=ANN, discount_ids=(discount,))
    return rewards_commands.ConsumeDiscount(discount), paying


def one_payment(track: Track) -> tuple[Command, Command]:
    """More is refunded of a payment than was paid; nobody's account is locked for it."""
    track.do(payments_commands.CreatePayment(1_000, "EUR", 100, id="pay_race"))
    return payments_commands.RefundPayment("pay_race", amount_minor=600), payments_commands.RefundPayment(
        "pay_race", amount_minor=500
    )


def one_redemption(track: Track) -> tuple[Command, Command]:
    """A redemption is cancelled twice."""
    track.do(ledger_commands.AwardPoints(track.account(ANN), 50))
    redemption: Any = track.do(rewards_commands.CreateRedemption(track.account(ANN), "rwd_euros"))
    return rewards_commands.CancelRedemption(redemption), rewards_commands.CancelRedemption(redemption, "again")


def one_award(track: Track) -> tuple[Command, Command]:
    """An award is clawed back twice."""
    award: Any = track.do(ledger_commands.AwardPoints(track.account(ANN), 50))
    return ledger_commands.ReversePoints(award, 30), ledger_commands.ReversePoints(award, 30)


def last_of_an_offer(track: Track) -> tuple[Command, Command]:
    """Two members want the last redemption of an offer; one was made before, so its counter is there."""
    terms = OfferTerms(bonus=PointsBonus(5), application="opt_in", max_redemptions=2)
    track.do(offer_commands.CreateOffer("engagement", "Race", terms, "draft", program_id="prog_a", id="ofr_race"))
    track.do(offer_commands.PublishOffer("ofr_race"))
    ann, bob = (offer_commands.ActivateOffer("ofr_race", track.account(customer)) for customer in (ANN, BOB))
    (first,) = track.run.submit([track.step(ann)])
    assert isinstance(first, Reply), first
    return ann, bob


RACES: dict[Prepare, str] = {
    last_of_an_offer: "offer_limit_reached",
    last_in_stock: "reward_out_of_stock",
    same_points: "insufficient_points",
    member_limit: "not_eligible",
    one_discount: "discount_consumed",
    one_payment: "refund_exceeds_payment",
    one_redemption: "redemption_already_canceled",
    one_award: "not_reversible",
}


@pytest.mark.parametrize("prepare", RACES, ids=lambda prepare: prepare.__name__)
def test_what_is_there_once_is_given_once(database: Database, prepare: Prepare) -> None:
    track = Track(database)
    first, second = prepare(track)

    outcomes = track.race(track.step(first), track.step(second))

    assert codes(outcomes)[0] in ("200", "201")
    assert codes(outcomes)[1] == RACES[prepare]
    assert track.tried_once(), "the unique indexes had to do what locks are for"
    assert violations(database, track.run.realms) == {}


def _treat(track: Track, reward: str) -> None:
    """Every payment brings the reward, while there is one."""
    terms = OfferTerms(gift=GiftReward(reward), per_member_limit=None)
    track.do(offer_commands.CreateOffer("engagement", "Treat", terms, "draft", program_id="prog_a", id="ofr_race"))
    track.do(offer_commands.PublishOffer("ofr_race"))


def _paid(customer: str) -> Command:
    return payments_commands.CreatePayment(500, "EUR", 100, id=f"pay_{customer}", customer_id=customer)


def test_the_last_of_a_reward_comes_with_one_of_two_payments(database: Database) -> None:
    track = Track(database)
    benefit = {"type": "voucher"}
    track.do(rewards_commands.CreateReward("prog_a", "Pin", 5, benefit, id="rwd_pin", stock=2))
    _treat(track, "rwd_pin")
    track.do(_paid("cust_cem"))

    outcomes = track.race(track.step(_paid(ANN)), track.step(_paid(BOB)))

    given = "select count(*) from redemptions where realm = %s and reward_id = 'rwd_pin'"
    assert codes(outcomes) == ["201", "201"] and track.tried_once()
    assert database.reads.execute(given, [track.run.realms[0]]).fetchone() == (2,)
    assert violations(database, track.run.realms) == {}


@pytest.mark.parametrize(
    ("is_refunded_first", "answered", "left"),
    [
        (True, ["201", "discount_not_usable"], ("canceled", "void", "refunded")),
        (False, ["200", "201"], ("confirmed", "consumed", "confirmed")),
    ],
    ids=["taken back", "used"],
)
def test_a_gift_is_used_or_taken_back(
    database: Database, is_refunded_first: bool, answered: list[str], left: tuple[str, ...]
) -> None:
    track = Track(database)
    _treat(track, "rwd_euros")
    track.do(_paid(ANN))
    realm = track.run.realms[0]
    (discount,) = database.reads.execute("select id from discounts where realm = %s", [realm]).fetchone() or ("",)
    steps = [payments_commands.RefundPayment(f"pay_{ANN}"), rewards_commands.ConsumeDiscount(discount)]

    first, second = steps if is_refunded_first else reversed(steps)
    outcomes = track.race(track.step(first), track.step(second))

    state = (
        "select r.status, d.status, u.status from redemptions r join discounts d on d.redemption_id = r.id"
        " join offer_redemptions u on u.redemption_id = r.id where r.realm = %s"
    )
    assert codes(outcomes) == answered and track.tried_once()
    assert database.reads.execute(state, [realm]).fetchall() == [left]
    assert violations(database, track.run.realms) == {}


def test_an_account_closed_during_an_award_stays_closed(database: Database) -> None:
    track = Track(database)
    account = track.account(ANN)

    outcomes = track.race(
        track.step(ledger_commands.AwardPoints(account, 5)), track.step(members_commands.CloseAccount(account))
    )

    assert codes(outcomes) == ["201", "200"]
    query = "select status from accounts where realm = %s and ledger_balance_points = 5"
    assert database.reads.execute(query, [track.run.realms[0]]).fetchall() == [("closed",)]


@dataclass(frozen=True)
class Twins:
    """The same thing asked for at once, what each is answered, and how often it may be there afterwards."""

    first: Command
    second: Command
    keys: tuple[str | None, str | None]
    codes: list[str]
    count: str


PAYING = payments_commands.CreatePayment(900, "EUR", 100, id="pay_twin", customer_id=ANN)
ELSEWHERE = payments_commands.CreatePayment(900, "EUR", 100, id="pay_twin", customer_id=BOB)
ENROLLING = members_commands.CreateAccount("prog_c", ANN)
NOTING = earning_commands.ReportEvent("order.noted", {}, customer_id=ANN)
NOTING_BOB = earning_commands.ReportEvent("order.noted", {}, customer_id=BOB)
PAYMENTS = "select count(*) from payments where realm = %s"
EVENTS = "select count(*) from events where realm = %s and type = 'order.noted'"
TWINS = {
    "id": Twins(PAYING, PAYING, (None, None), ["201", "200"], PAYMENTS),
    "id of two members": Twins(PAYING, ELSEWHERE, (None, None), ["id_conflict", "201"], PAYMENTS),
    "enrolment": Twins(
        ENROLLING, ENROLLING, (None, None), ["201", "200"],
        "select count(*) from accounts where realm = %s and program_id = 'prog_c' and customer_id = 'cust_ann'",
    ),
    "key": Twins(NOTING, NOTING, ("k", "k"), ["201", "201"], EVENTS),
    "key of two members": Twins(
        NOTING, NOTING_BOB, ("k", "k"), ["idempotency_key_reused", "201"], EVENTS,
    ),
}  # fmt: skip


@pytest.mark.parametrize("twins", TWINS.values(), ids=TWINS)
def test_what_is_asked_for_twice_is_done_once(database: Database, twins: Twins) -> None:
    track = Track(database)

    # Two members share no row to wait for: the second overtakes, and the first finds its place taken.
    waits = twins.codes[0] == "201"
    outcomes = track.race(track.step(twins.first, twins.keys[0]), track.step(twins.second, twins.keys[1]), waits=waits)

    assert codes(outcomes) == twins.codes
    if twins.codes == ["201", "201"]:
        assert outcomes[0].body == outcomes[1].body  # type: ignore[union-attr]
    assert database.reads.execute(twins.count.encode(), [track.run.realms[0]]).fetchone() == (1,)
    assert violations(database, track.run.realms) == {}


def test_a_batch_that_is_tried_again_looks_again(database: Database) -> None:
    """The points are there at the first attempt; before the second, somebody else has spent them."""
    track = Track(database)
    account = track.account(ANN)
    track.do(ledger_commands.AwardPoints(account, 50))
    redeeming, spending = (
        track.step(rewards_commands.CreateRedemption(account, "rwd_euros")),
        track.step(ledger_commands.AdjustPoints(account, -50, "spent elsewhere")),
    )

    async def try_twice() -> Outcome:
        gate, other = track.gates
        writers = [await track._writer(gate), await track._writer(other)]
        requests = [submission(step, track.run.realms, track.run.answers) for step in (redeeming, spending)]
        gate.before_again = partial(_spend, writers[1], requests[1])
        # The first statement that writes the batch's rows comes after begin and all that reads.
        gate.fail_at(await _statements_before_writing(track), "again")
        outcome = await writers[0].submit(requests[0])
        for writer in writers:
            await writer.stop()
        return outcome

    outcome = database.runner.run(try_twice())

    assert track.gates[0].begins == 2
    assert codes([outcome]) == ["insufficient_points"]
    assert violations(database, track.run.realms) == {}


def _spend(writer: Writer, request: Any) -> Awaitable[Outcome]:
    return writer.submit(request)


async def _statements_before_writing(track: Track) -> int:
    """How many statements a redemption sends before it writes, counted in a dry run of the same."""
    gate = Gate()
    writer = await track._writer(gate)
    gate.fail_at(-1, "again")
    step = track.step(rewards_commands.CreateRedemption(track.account(ANN), "rwd_euros"))
    dry_run = Step(step.number, 0, step.operation, step.command, is_dry_run=True)
    await writer.submit(submission(dry_run, track.run.realms, track.run.answers))
    await writer.stop()
    return gate.statements.index("commit")
