"""A server and a PostgreSQL that can be killed: what is synced to disk survives, and the port in front of it stays."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from database_proxy import DatabaseProxy, proxied

from conftest import PATIENCE_SECONDS, RunningServer, start_server, wait_until
from scratch import open_directory
from vinr_server.storage.postgres.embedded import EmbeddedServer, start_embedded
from vinr_server.storage.postgres.migrate import migrate


def kill_all(server: RunningServer) -> None:
    """Every process of the server is gone at once, without a word."""
    for process in server.processes:
        os.killpg(process.pid, signal.SIGKILL)
    for process in server.processes:
        process.wait(PATIENCE_SECONDS)


@dataclass
class Rig:
    """A PostgreSQL of the test's own behind a port that stays, and a server that only knows that port."""

    directory: Path
    postgres: EmbeddedServer
    proxy: DatabaseProxy
    server: RunningServer

    def kill_postgres(self) -> None:
        """PostgreSQL is gone without a word."""
        os.kill(self.postgres.pid, signal.SIGKILL)
        wait_until(lambda: not self.postgres.is_alive(), what="the postmaster is gone")
        self.postgres.stop()  # gives the directory's lock back

    def start_postgres(self) -> None:
        """PostgreSQL has recovered on the same directory; the port in front of it is the old one."""
        self.postgres = start_embedded(self.directory)
        self.proxy.aim(self.postgres.url)


@contextmanager
def crash_rig() -> Iterator[Rig]:
    """A fresh rig: fsync is on, as it comes."""
    with open_directory("crash") as directory:
        postgres = start_embedded(directory)
        migrate(postgres.url)
        with proxied(postgres.url) as proxy:
            made = Rig(directory, postgres, proxy, start_server(proxy.url, workers=2))
            try:
                yield made
            finally:
                made.server.stop()
                made.postgres.stop()
