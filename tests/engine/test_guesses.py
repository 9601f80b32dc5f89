"""Unknown codes are counted over all processes, and shut out whom they are too many of, for a while (R65)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from vinr_server.engine.guesses import Guesses, guessers
from vinr_server.storage.postgres.connect import connect_readers

START = datetime(2026, 1, 15, 10, 0, 30, tzinfo=UTC)


class Now:
    """A clock that stands until it is put on."""

    def __init__(self) -> None:
        self.at = START

    def __call__(self) -> datetime:
        """The instant."""
        return self.at


async def test_the_eleventh_of_a_client_shuts_out_all_its_codes_on_every_process(database: str) -> None:
    # CAMPAIGNS scenario 33.
    pool, now = await connect_readers(database, size=1), Now()
    here, there, later = (Guesses(pool, clock=now) for _ in range(3))
    shopper = guessers(1, client="session-1", customer=None, key=None, pepper="p")
    another = guessers(1, client="session-2", customer=None, key=None, pepper="p")

    assert await here.count(shopper, 10) == 0
    assert await there.seconds_left(shopper) == 0
    now.at += timedelta(minutes=2)
    assert await here.count(shopper, 1) > 0

    assert await later.seconds_left(shopper) == await here.seconds_left(shopper) == 450
    assert await here.seconds_left(another) == 0
    now.at = START + timedelta(minutes=9, seconds=29)
    assert await here.seconds_left(shopper) == 1
    now.at += timedelta(seconds=1)
    assert await here.seconds_left(shopper) == 0
    await pool.close()


async def test_customers_and_keys_have_limits_of_their_own(database: str) -> None:
    pool, now = await connect_readers(database, size=1), Now()
    guesses = Guesses(pool, clock=now)
    customer = guessers(2, client=None, customer="cust_1", key=None, pepper="p")
    key = guessers(2, client=None, customer=None, key="key_1", pepper="p")

    assert [await guesses.count(customer, 20), await guesses.count(key, 300)] == [0, 0]
    assert await guesses.count(customer, 1) > 3000
    assert 0 < await guesses.count(key, 1) <= 60
    assert await guesses.seconds_left(guessers(3, client=None, customer="cust_1", key=None, pepper="p")) == 0
    await pool.close()
