"""`vinr worker`: due work and webhooks in a separate process."""

from __future__ import annotations

import asyncio
import signal
from functools import partial

from vinr_server.cli.process.database_wait import wait_for_database
from vinr_server.cli.process.logs import log_json
from vinr_server.cli.process.metrics import of_deliveries, of_due_work, of_writer, serve_metrics
from vinr_server.engine.outbound import Sender
from vinr_server.engine.sealing import Seal
from vinr_server.engine.settings import Settings
from vinr_server.engine.writer import Writer
from vinr_server.storage.postgres.connect import connect_readers, connect_writer
from vinr_server.workers.codes import CodeWorker
from vinr_server.workers.deliver import DeliveryWorker
from vinr_server.workers.due import DueWorker


async def run_worker(settings: Settings, *, is_loopback_allowed: bool = False) -> None:
    """Work until SIGTERM or Ctrl-C."""
    log_json()
    await wait_for_database(settings.database_url)
    writer = Writer(partial(connect_writer, settings.database_url), is_distributed=settings.is_distributed)
    await writer.start()
    pool = await connect_readers(settings.database_url, size=4)
    due = DueWorker(pool, writer)
    codes = CodeWorker(pool, writer)
    webhooks = DeliveryWorker(
        pool, writer, sender=Sender(is_loopback_allowed=is_loopback_allowed), seal=Seal(settings.secrets_key)
    )
    figures = (partial(of_due_work, due.figures), partial(of_deliveries, webhooks.figures))
    serve_metrics(settings, *figures, partial(of_writer, writer))

    def stop() -> None:
        due.stop()
        codes.stop()
        webhooks.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    try:
        await asyncio.gather(due.run(), codes.run(), webhooks.run())
    finally:
        await writer.stop()
        await pool.close()
