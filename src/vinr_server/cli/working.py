"""`vinr worker`: due work in a process of its own."""

from __future__ import annotations

import asyncio
import signal
from functools import partial

from vinr_server.cli.logs import log_json
from vinr_server.cli.metrics import of_due_work, of_writer, serve_metrics
from vinr_server.engine.settings import Settings
from vinr_server.engine.writer import Writer
from vinr_server.storage.connect import connect_readers, connect_writer
from vinr_server.workers.due import DueWorker


async def run_worker(settings: Settings) -> None:
    """Work until SIGTERM or Ctrl-C."""
    log_json()
    writer = Writer(partial(connect_writer, settings.database_url), is_distributed=settings.is_distributed)
    await writer.start()
    pool = await connect_readers(settings.database_url, size=2)
    worker = DueWorker(pool, writer)
    serve_metrics(settings, partial(of_due_work, worker.figures), partial(of_writer, writer))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, worker.stop)
    try:
        await worker.run()
    finally:
        await writer.stop()
        await pool.close()
