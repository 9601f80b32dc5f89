"""A sender in a separate process, to be killed; its clock is ahead of the wall's.

python sender_process.py DATABASE_URL SECRETS_KEY LEASE_SECONDS AHEAD_SECONDS
"""

from __future__ import annotations

import asyncio
import sys
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "api"))

from vinr_server.engine.clock import wall_clock
from vinr_server.engine.outbound import Sender
from vinr_server.engine.sealing import Seal
from vinr_server.engine.writer import Writer
from vinr_server.storage.postgres.connect import connect_readers, connect_writer
from vinr_server.workers.deliver import DeliveryWorker


async def send(database_url: str, secrets_key: str, lease_seconds: float, ahead_seconds: float) -> None:
    """Send until killed."""
    ahead = timedelta(seconds=ahead_seconds)

    def clock() -> datetime:
        return wall_clock() + ahead

    writer = Writer(partial(connect_writer, database_url), clock=clock)
    await writer.start()
    pool = await connect_readers(database_url, size=4)
    way_out = Sender(is_loopback_allowed=True, seconds_max=1.0)
    lease = timedelta(seconds=lease_seconds)
    seal = Seal(secrets_key)
    await DeliveryWorker(pool, writer, sender=way_out, seal=seal, clock=clock, lease_for=lease).run()


if __name__ == "__main__":
    asyncio.run(send(sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4])))
