"""Caps of offers are exact, whoever races for them, and a batch gives what its commands give one by one."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import psycopg
import pytest

from conftest import make_database, make_realm
from vinr_server.core.earning import commands as earning_commands
from vinr_server.core.earning.conditions import Conditions
from vinr_server.core.earning.rates import EarnRate
from vinr_server.core.kernel.commands import Command
from vinr_server.core.ledger import commands as ledger_commands
from vinr_server.core.members import commands as members_commands
from vinr_server.core.offers import commands as offer_commands
from vinr_server.core.offers.rows import GiftReward, OfferTerms, PointsBonus, PointsMultiplier, Targeting
from vinr_server.core.payments import commands as payments_commands
from vinr_server.core.programs import commands as programs_commands
from vinr_server.core.programs.rows import Tier
from vinr_server.core.rewards import commands as rewards_commands
from vinr_server.engine.submission import Outcome, Reply, Submission
from vinr_server.engine.writer import Writer
from vinr_server.storage.laws.verify import verify_within
from vinr_server.storage.postgres.connect import connect_writer
from vinr_server.storage.postgres.embedded import EmbeddedServer

CLIENTS = 64
EXTRA_DEMAND = 40
WALL = datetime(2026, 6, 1, tzinfo=UTC)
PROGRAM = programs_commands.CreateProgram("Offers", id="prog_o", tiers=(Tier("gold", "Gold", 100),))
RULE = earning_commands.CreateEarningRule("prog_o", "payment.completed", EarnRate(rate_e4=10_000), Conditions())


class Shop:
    """A realm in a database, and writers on it, as so many processes have them."""

    def __init__(self, url: str, *, writers: int) -> None:
        self.url, self.realm = url, make_realm(url, f"tnt_{uuid.uuid4().hex}").id
        self._wanted = writers

    async def __aenter__(self) -> Shop:
        self.writers = [Writer(partial(connect_writer, self.url), clock=lambda: WALL) for _ in range(self._wanted)]
        for writer in self.writers:
            await writer.start()
        await self.do(PROGRAM, RULE)
        return self

    async def __aexit__(self, *_error: object) -> None:
        for writer in self.writers:
            await writer.stop()

    async def submit(self, command: Command, *, writer: int = 0) -> Outcome:
        """What becomes of a command in one of the writers."""
        digest = hashlib.sha256(repr(command).encode()).digest()
        name = type(command).__name__
        return await self.writers[writer].submit(Submission(self.realm, False, name, command, digest))

    async def do(self, *several: Command) -> list[Any]:
        """These are accepted, one after the other."""
        outcomes = [await self.submit(command) for command in several]
        assert all(isinstance(outcome, Reply) for outcome in outcomes), outcomes
        return outcomes

    async def enrol(self, count: int) -> list[str]:
        """So many members, by their accounts."""
        ids = [f"loy_m{number:04d}" for number in range(count)]
        enrolments = [members_commands.CreateAccount("prog_o", f"cust_{id}", account_id=id) for id in ids]
        await asyncio.gather(*(self.submit(one) for one in enrolments))
        return ids

    def count(self, what: str) -> int:
        """How many rows of the realm a condition finds."""
        with psycopg.connect(self.url) as connection:
            row = connection.execute(f"select count(*) from {what} and realm = {self.realm}".encode()).fetchone()
        assert row is not None
        return int(row[0])

    def disagreements(self) -> list[Any]:
        """What breaks a law anywhere in the database."""
        with psycopg.connect(self.url) as connection:
            return verify_within(connection, on_law=lambda _law: None).disagreements


def offer(name: str, terms: OfferTerms, *, program_id: str | None = "prog_o") -> tuple[Command, Command]:
    """An offer of the program, or of every program, made and published."""
    made = offer_commands.CreateOffer("engagement", name, terms, "draft", program_id=program_id, id=f"ofr_{name}")
    return made, offer_commands.PublishOffer(f"ofr_{name}")


def bonus(cap: int | None, **more: Any) -> OfferTerms:
    """5 points, opted into."""
    return OfferTerms(bonus=PointsBonus(5), application="opt_in", max_redemptions=cap, per_member_limit=1, **more)


def double(cap: int | None, **more: Any) -> OfferTerms:
    """Double points of the next payment."""
    return OfferTerms(multiplier=PointsMultiplier(20_000), max_redemptions=cap, per_member_limit=1, **more)


def words(outcome: Outcome) -> str:
    """A refusal with the limit it names, or the status."""
    if isinstance(outcome, Reply):
        return str(outcome.status)
    return f"{outcome.code} {outcome.details.get('limit', '')}".strip()


async def race(shop: Shop, several: Sequence[Command]) -> Counter[str]:
    """All commands by so many clients over all writers, each client with its next when the last is answered."""
    queue = list(enumerate(several))
    outcomes: Counter[str] = Counter()

    async def client(number: int) -> None:
        while queue:
            _place, command = queue.pop()
            outcomes[words(await shop.submit(command, writer=number % len(shop.writers)))] += 1

    await asyncio.gather(*(client(number) for number in range(CLIENTS)))
    return outcomes


class TestCaps:
    @pytest.mark.parametrize("cap", [1, 10, 500])
    async def test_of_bonuses_are_exact_however_many_race(
        self, cap: int, postgres: EmbeddedServer, template: str
    ) -> None:
        async with Shop(make_database(postgres, template), writers=2) as shop:
            members = await shop.enrol(cap + EXTRA_DEMAND)
            await shop.do(*offer("bonus", bonus(cap)))

            outcomes = await race(shop, [offer_commands.ActivateOffer("ofr_bonus", one) for one in members])

            assert outcomes == {"201": cap, "offer_limit_reached global": EXTRA_DEMAND}
            assert shop.count("offer_redemptions where status = 'confirmed'") == cap
            assert shop.count("entries where kind = 'award'") == cap
            assert shop.count("events where type = 'offer.ended'") == 1
            assert shop.disagreements() == []

    @pytest.mark.parametrize("cap", [1, 10])
    async def test_of_multipliers_are_exact_however_many_pay_at_once(
        self, cap: int, postgres: EmbeddedServer, template: str
    ) -> None:
        async with Shop(make_database(postgres, template), writers=2) as shop:
            members = await shop.enrol(cap + EXTRA_DEMAND)
            await shop.do(*offer("double", double(cap)))
            payments = [payments_commands.CreatePayment(1000, "EUR", 100, customer_id=f"cust_{one}") for one in members]

            outcomes = await race(shop, payments)

            assert outcomes == {"201": cap + EXTRA_DEMAND}
            assert shop.count("entries where points = 20") == cap
            assert shop.count("entries where points = 10") == EXTRA_DEMAND
            assert shop.disagreements() == []

    async def test_of_a_member_is_exact_however_often_it_asks_at_once(
        self, postgres: EmbeddedServer, template: str
    ) -> None:
        async with Shop(make_database(postgres, template), writers=2) as shop:
            (member,) = await shop.enrol(1)
            await shop.do(*offer("bonus", bonus(None)))

            outcomes = await race(shop, [offer_commands.ActivateOffer("ofr_bonus", member)] * CLIENTS)

            assert outcomes == {"201": 1, "offer_limit_reached per_member": CLIENTS - 1}
            assert shop.disagreements() == []

    async def test_of_a_customer_is_exact_whichever_accounts_ask_at_once(
        self, postgres: EmbeddedServer, template: str
    ) -> None:
        async with Shop(make_database(postgres, template), writers=2) as shop:
            accounts = await two_accounts(shop)
            await shop.do(
                *offer("bonus", bonus(None), program_id=None),
                *offer("claimed", double(None, application="opt_in"), program_id=None),
            )

            asked = [offer_commands.ActivateOffer("ofr_bonus", one) for one in accounts] * (CLIENTS // 2)
            outcomes = await race(shop, asked)
            claims = await race(shop, [offer_commands.ActivateOffer("ofr_claimed", one) for one in accounts * 8])

            assert outcomes == {"201": 1, "offer_limit_reached per_member": CLIENTS - 1}
            assert claims == {"201": 1, "200": 2 * 8 - 1}
            assert shop.count("offer_claims where offer_id = 'ofr_claimed' and member_id = 'cust_two'") == 1
            assert shop.disagreements() == []


async def two_accounts(shop: Shop) -> list[str]:
    """The accounts of one customer, in two programs."""
    await shop.do(programs_commands.CreateProgram("Others", id="prog_p"))
    names = {"prog_o": "loy_two_o", "prog_p": "loy_two_p"}
    await shop.do(
        *(members_commands.CreateAccount(program, "cust_two", account_id=id) for program, id in names.items())
    )
    return list(names.values())


def capped(name: str, most: int | None) -> Command:
    """The offer of that name, with another cap."""
    return offer_commands.UpdateOffer("engagement", f"ofr_{name}", term_changes={"max_redemptions": most})


def elsewhere(shop: Shop) -> psycopg.Connection[Any]:
    """A transaction of another process, in the order of locks that writers keep."""
    return psycopg.connect(shop.url)


async def until_waiting(shop: Shop) -> None:
    """A writer waits for what `elsewhere` holds."""
    waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
    with psycopg.connect(shop.url, autocommit=True) as watcher:
        for _look in range(2_000):
            if watcher.execute(waiting).fetchone() != (0,):
                return
            await asyncio.sleep(0.005)
    raise AssertionError("nobody waits")


class TestFirstCaps:
    """An offer that never had a cap has no counter that all wait for; its first cap counts every use all the same."""

    async def test_count_every_use_however_many_race_with_it(self, postgres: EmbeddedServer, template: str) -> None:
        async with Shop(make_database(postgres, template), writers=2) as shop:
            members = await shop.enrol(60)
            await shop.do(*offer("bonus", bonus(None)))
            several: list[Command] = [offer_commands.ActivateOffer("ofr_bonus", one) for one in members]
            several[30:30] = [capped("bonus", 40), capped("bonus", None), capped("bonus", 40)]

            outcomes = await race(shop, several)

            used = shop.count("offer_redemptions where status = 'confirmed'")
            assert outcomes["201"] == used and used + outcomes["offer_limit_reached global"] == 60
            assert shop.count(f"counters where id = 'offer:ofr_bonus' and used = {used} and reserved = 0") == 1
            assert shop.disagreements() == []

    async def test_wait_for_who_uses_the_offer(self, postgres: EmbeddedServer, template: str) -> None:
        async with Shop(make_database(postgres, template), writers=1) as shop:
            await shop.enrol(2)
            await shop.do(*offer("bonus", bonus(None)), offer_commands.ActivateOffer("ofr_bonus", "loy_m0000"))
            with elsewhere(shop) as other:
                other.execute("select id from offers where id = 'ofr_bonus' for key share")
                setting = asyncio.create_task(shop.submit(capped("bonus", 2)))
                await until_waiting(shop)
                other.execute(
                    "insert into offer_redemptions select bucket, realm, 'ordm_other', offer_id, offer_revision, null,"
                    " status, null, null, null, null, null, null, receipt, created_at, redeemed_at, freed_at,"
                    " null, null, 0 from offer_redemptions"
                )
                other.commit()
                assert isinstance(await setting, Reply)

            assert shop.count("counters where id = 'offer:ofr_bonus' and used = 2") == 1
            assert words(await shop.submit(offer_commands.ActivateOffer("ofr_bonus", "loy_m0001"))) == (
                "offer_limit_reached global"
            )

    async def test_are_seen_by_who_uses_the_offer_at_that_moment(self, postgres: EmbeddedServer, template: str) -> None:
        async with Shop(make_database(postgres, template), writers=1) as shop:
            await shop.enrol(1)
            await shop.do(*offer("bonus", bonus(None)))
            with elsewhere(shop) as other:
                other.execute("select id from offers where id = 'ofr_bonus' for update")
                using = asyncio.create_task(shop.submit(offer_commands.ActivateOffer("ofr_bonus", "loy_m0000")))
                await until_waiting(shop)
                other.execute(
                    "update offers set is_counted = true,"
                    " terms = jsonb_set(terms::jsonb, '{max_redemptions}', '5')::json where id = 'ofr_bonus'"
                )
                other.execute("update realms set catalogue_revision = catalogue_revision + 1")
                other.commit()
                assert words(await using) == "201"

            assert shop.count("counters where id = 'offer:ofr_bonus' and used = 1") == 1
            assert shop.disagreements() == []


class TestBatches:
    async def test_that_set_a_cap_between_uses_give_what_single_commands_give(
        self, postgres: EmbeddedServer, template: str
    ) -> None:
        url = make_database(postgres, template)
        answers: list[list[str]] = []
        for is_batch in (False, True):
            async with Shop(url, writers=1) as shop:
                await shop.enrol(5)
                await shop.do(*offer("bonus", bonus(None)), offer_commands.ActivateOffer("ofr_bonus", "loy_m0000"))
                uses = [offer_commands.ActivateOffer("ofr_bonus", f"loy_m{one:04d}") for one in range(1, 5)]
                made = offer("made", bonus(None))
                there = offer_commands.ActivateOffer("ofr_made", "loy_m0000")
                several = [
                    uses[0],
                    capped("bonus", 3),
                    *uses[1:],
                    *made,
                    there,
                    capped("made", 1),
                    capped("bonus", None),
                ]

                if is_batch:
                    outcomes = await asyncio.gather(*(shop.submit(one) for one in several))
                else:
                    outcomes = [await shop.submit(one) for one in several]

                answers.append([words(outcome) for outcome in outcomes])
                assert shop.count("counters where id = 'offer:ofr_bonus' and used = 3") == 1
                assert shop.count("counters where id = 'offer:ofr_made' and used = 1") == 1
                assert shop.disagreements() == []
        assert answers[0] == answers[1]
        assert answers[0].count("offer_limit_reached global") == 2

    async def test_that_make_an_offer_and_use_it_give_what_single_commands_give(
        self, postgres: EmbeddedServer, template: str
    ) -> None:
        """The counters of an offer that was paused, of a member who was not gold yet: nobody could name them before."""
        url = make_database(postgres, template)
        answers: list[list[str]] = []
        for is_batch in (False, True):
            async with Shop(url, writers=1) as shop:
                await shop.enrol(3)
                gold = Targeting(tiers=("gold",))
                await shop.do(*offer("double", double(2)), *offer("gold", bonus(2, targeting=gold)))
                await shop.do(
                    payments_commands.CreatePayment(1000, "EUR", 100, customer_id="cust_loy_m0000", id="pay_0")
                )
                await shop.do(offer_commands.PauseOffer("ofr_double"))
                several = [
                    offer_commands.PublishOffer("ofr_double"),
                    *(
                        payments_commands.CreatePayment(
                            9000, "EUR", 100, customer_id=f"cust_loy_m{one:04d}", id=f"pay_{one}_"
                        )
                        for one in range(3)
                    ),
                    *(offer_commands.ActivateOffer("ofr_gold", f"loy_m{one:04d}") for one in range(3)),
                    payments_commands.RefundPayment("pay_0"),
                    payments_commands.CreatePayment(1000, "EUR", 100, customer_id="cust_loy_m0000", id="pay_again"),
                ]

                if is_batch:
                    outcomes = await asyncio.gather(*(shop.submit(each) for each in several))
                else:
                    outcomes = [await shop.submit(each) for each in several]

                answers.append([words(outcome) for outcome in outcomes])
                assert shop.count("offer_redemptions where offer_id = 'ofr_double'") == 2
                assert shop.count("offer_redemptions where offer_id = 'ofr_gold'") == 2
                assert shop.disagreements() == []
        assert answers[0] == answers[1]

    async def test_that_make_offers_of_every_program_count_the_customer_as_single_commands_do(
        self, postgres: EmbeddedServer, template: str
    ) -> None:
        """Neither the customer's counter nor those of the reward can be named before the offers are there."""
        url = make_database(postgres, template)
        answers: list[list[str]] = []
        for is_batch in (False, True):
            async with Shop(url, writers=1) as shop:
                one, other = await two_accounts(shop)
                cup = rewards_commands.CreateReward("prog_o", "Cup", 5, {"type": "voucher"}, id="rwd_cup", stock=2)
                await shop.do(replace(cup, per_member_limit=1), ledger_commands.AwardPoints(one, 10))
                await shop.do(rewards_commands.CreateRedemption(one, "rwd_cup"), *used_up_by(one))
                gift = OfferTerms(gift=GiftReward("rwd_cup"), application="opt_in", per_member_limit=None)
                several = [
                    *offer("bonus", bonus(None), program_id=None),
                    *offer("gift", gift, program_id=None),
                    offer_commands.ActivateOffer("ofr_bonus", other),
                    offer_commands.ActivateOffer("ofr_bonus", one),
                    offer_commands.ActivateOffer("ofr_early", other),
                    offer_commands.ActivateOffer("ofr_gift", one),
                    members_commands.CreateAccount("prog_o", "cust_new", account_id="loy_new"),
                    offer_commands.ActivateOffer("ofr_gift", "loy_new"),
                    offer_commands.ActivateOffer("ofr_gift", "loy_new"),
                ]

                if is_batch:
                    outcomes = await asyncio.gather(*(shop.submit(each) for each in several))
                else:
                    outcomes = [await shop.submit(each) for each in several]

                answers.append([words(outcome) for outcome in outcomes])
                assert shop.count("redemptions where reward_id = 'rwd_cup'") == 2
                assert shop.disagreements() == []
        assert answers[0] == answers[1]
        assert answers[0][4:] == [
            *("201", "offer_limit_reached per_member", "offer_limit_reached per_member"),
            *("not_eligible per_member", "201", "201", "not_eligible per_member"),
        ]


def used_up_by(account_id: str) -> list[Command]:
    """An offer of every program that the account has used up for its customer."""
    early = offer("early", bonus(None), program_id=None)
    return [*early, offer_commands.ActivateOffer("ofr_early", account_id)]
