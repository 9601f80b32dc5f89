"""A reward's first stock counts every redemption, whoever races with it, as an offer's first cap does."""

from __future__ import annotations

import asyncio

from test_property_offers import Shop, elsewhere, race, until_waiting, words

from conftest import make_database
from vinr_server.core.kernel.commands import Command
from vinr_server.core.ledger.commands import AwardPoints
from vinr_server.core.rewards.commands import CancelRedemption, CreateRedemption, CreateReward, UpdateReward
from vinr_server.engine.submission import Reply
from vinr_server.storage.postgres.embedded import EmbeddedServer

MUG = CreateReward("prog_o", "Mug", 1, {"type": "voucher"}, id="rwd_mug")
REDEMPTION_ID = "select id from redemptions where account_id = 'loy_m0000'"


def stocked(most: int | None, *, reward: str = "rwd_mug") -> Command:
    """The reward with another stock."""
    return UpdateReward(reward, {"stock": most})


async def members(shop: Shop, count: int) -> list[str]:
    """Members with points to spend."""
    ids = await shop.enrol(count)
    await asyncio.gather(*(shop.submit(AwardPoints(id, 10)) for id in ids))
    return ids


def counted(shop: Shop, used: int, *, reward: str = "rwd_mug") -> int:
    """1 if the stock's counter stands at this."""
    return shop.count(f"counters where id = 'reward:{reward}' and used = {used} and reserved = 0")


class TestFirstStocks:
    async def test_count_every_redemption_however_many_race_with_it(
        self, postgres: EmbeddedServer, template: str
    ) -> None:
        async with Shop(make_database(postgres, template), writers=2) as shop:
            several: list[Command] = [CreateRedemption(id, "rwd_mug") for id in await members(shop, 60)]
            await shop.do(MUG)
            several[30:30] = [stocked(40), stocked(None), stocked(40)]

            outcomes = await race(shop, several)

            used = shop.count("redemptions where status = 'confirmed'")
            assert outcomes["201"] == used and used + outcomes["reward_out_of_stock global"] == 60
            assert counted(shop, used) == 1
            assert shop.disagreements() == []

    async def test_wait_for_who_redeems(self, postgres: EmbeddedServer, template: str) -> None:
        async with Shop(make_database(postgres, template), writers=1) as shop:
            await members(shop, 2)
            await shop.do(MUG, CreateRedemption("loy_m0000", "rwd_mug"))
            with elsewhere(shop) as other:
                other.execute("select id from rewards where id = 'rwd_mug' for key share")
                setting = asyncio.create_task(shop.submit(stocked(2)))
                await until_waiting(shop)
                other.execute(
                    "insert into redemptions select bucket, realm, 'rdm_other', 'loy_other', reward_id,"
                    " reward_revision, status, 0, null, null, null, null, benefit, metadata, created_at, null"
                    " from redemptions"
                )
                other.commit()
                assert isinstance(await setting, Reply)

            assert counted(shop, 2) == 1
            assert words(await shop.submit(CreateRedemption("loy_m0001", "rwd_mug"))) == "reward_out_of_stock global"

    async def test_are_seen_by_who_redeems_at_that_moment(self, postgres: EmbeddedServer, template: str) -> None:
        async with Shop(make_database(postgres, template), writers=1) as shop:
            await members(shop, 1)
            await shop.do(MUG)
            with elsewhere(shop) as other:
                other.execute("select id from rewards where id = 'rwd_mug' for update")
                redeeming = asyncio.create_task(shop.submit(CreateRedemption("loy_m0000", "rwd_mug")))
                await until_waiting(shop)
                other.execute("update rewards set is_counted = true, stock = 5 where id = 'rwd_mug'")
                other.execute("update realms set catalogue_revision = catalogue_revision + 1")
                other.commit()
                assert words(await redeeming) == "201"

            assert counted(shop, 1) == 1
            assert shop.disagreements() == []

    async def test_are_seen_by_who_cancels_at_that_moment(self, postgres: EmbeddedServer, template: str) -> None:
        async with Shop(make_database(postgres, template), writers=1) as shop:
            await members(shop, 1)
            await shop.do(MUG, CreateRedemption("loy_m0000", "rwd_mug"))
            with elsewhere(shop) as other:
                (id,) = other.execute(REDEMPTION_ID).fetchone() or ("",)
                other.execute("select id from rewards where id = 'rwd_mug' for update")
                canceling = asyncio.create_task(shop.submit(CancelRedemption(id)))
                await until_waiting(shop)
                other.execute("update rewards set is_counted = true, stock = 5 where id = 'rwd_mug'")
                other.execute(
                    "insert into counters select get_byte(sha256((id || '/reward:rwd_mug')::bytea), 0), id,"
                    " 'reward:rwd_mug', 1, 0 from realms where id = (select realm from rewards where id = 'rwd_mug')"
                )
                other.execute("update realms set catalogue_revision = catalogue_revision + 1")
                other.commit()
                assert words(await canceling) == "200"

            assert counted(shop, 0) == 1
            assert shop.disagreements() == []


async def test_batches_that_set_a_stock_between_redemptions_give_what_single_commands_give(
    postgres: EmbeddedServer, template: str
) -> None:
    url = make_database(postgres, template)
    answers: list[list[str]] = []
    for is_batch in (False, True):
        async with Shop(url, writers=1) as shop:
            ids = await members(shop, 5)
            await shop.do(MUG, CreateRedemption(ids[0], "rwd_mug"))
            uses = [CreateRedemption(id, "rwd_mug") for id in ids[1:]]
            cup = CreateReward("prog_o", "Cup", 1, {"type": "voucher"}, id="rwd_cup")
            several: list[Command] = [
                uses[0],
                stocked(3),
                *uses[1:],
                cup,
                CreateRedemption(ids[0], "rwd_cup"),
                stocked(1, reward="rwd_cup"),
                CreateRedemption(ids[1], "rwd_cup"),
                stocked(None),
            ]

            if is_batch:
                outcomes = await asyncio.gather(*(shop.submit(command) for command in several))
            else:
                outcomes = [await shop.submit(command) for command in several]

            answers.append([words(outcome) for outcome in outcomes])
            assert counted(shop, 3) == counted(shop, 1, reward="rwd_cup") == 1
            assert shop.disagreements() == []
    assert answers[0] == answers[1]
    assert answers[0].count("reward_out_of_stock global") == 3
