"""What every measurement runs on: its own embedded PostgreSQL, databases copied from templates, a server.

Durability is PostgreSQL's default (fsync, synchronous_commit, full_page_writes on) and the same for both sides of every
comparison, because both run on this one server.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from vinr_server.api.edge.keys import hash_key, make_key
from vinr_server.storage.postgres.embedded import EmbeddedServer, start_embedded
from vinr_server.storage.postgres.migrate import migrate
from vinr_server.storage.postgres.tenants import add_key, ensure_realm

PEPPER = "a pepper for measurements only"
SECRETS_KEY = "bWVhc3VyZW1lbnRzLW9ubHktMDEyMzQ1Njc4OWFiY2Q="
# The only setting that differs from the embedded default: pgbench with 256 clients needs as many connections.
SETTINGS = {"max_connections": "300"}
# Rows of 1,000 bytes: more than a measurement of some seconds writes, and one of a single second.
WAL_ROWS, WAL_ROWS_SHORT = 450_000, 100_000


@dataclass(frozen=True)
class Realm:
    """One tenant's test data, and the key that opens it."""

    id: int
    key: str


class Rig:
    """A running PostgreSQL in its own directory, and its databases."""

    def __init__(self, postgres: EmbeddedServer, directory: Path) -> None:
        self.postgres, self.directory = postgres, directory

    def url(self, database: str) -> str:
        """The address of one of its databases."""
        return f"{self.postgres.url.rsplit('/', 1)[0]}/{database}"

    def copy(self, template: str) -> str:
        """A fresh database, copied from a template, vacuumed and checkpointed; returns its name."""
        name = f"b_{uuid.uuid4().hex[:12]}"
        with self._maintenance() as connection:
            command = sql.SQL("create database {} template {}")
            connection.execute(command.format(sql.Identifier(name), sql.Identifier(template)))
        self.settle(name)
        return name

    def settle(self, database: str) -> None:
        """Statistics are current and nothing is left to write: every measurement starts like this."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            connection.execute("vacuum analyze")
            connection.execute("checkpoint")

    def fill_wal(self, *, rows: int) -> None:
        """WAL segments exist for reuse, so that the first measured side does not pay for creating them.

        min_wal_size keeps what is written here; a measurement writes less between its checkpoint and its end.
        """
        with psycopg.connect(self.url("vinr"), autocommit=True) as connection:
            statement = "create table filler as select n, repeat('x', 1000) from generate_series(1, {}) n"
            connection.execute(sql.SQL(statement).format(sql.Literal(rows)))
            connection.execute("drop table filler")
            connection.execute("checkpoint")

    def drop(self, database: str) -> None:
        """The database is gone, even if somebody was connected."""
        with self._maintenance() as connection:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(database)))

    def _maintenance(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(self.url("postgres"), autocommit=True)


@contextmanager
def open_rig(*, wal_rows: int = WAL_ROWS) -> Iterator[Rig]:
    """A PostgreSQL for one run of the bench; it and its directory are gone afterwards."""
    directory = Path(tempfile.mkdtemp(prefix="vinr-bench-"))
    directory.chmod(0o755)
    try:
        postgres = start_embedded(directory / "data", settings=SETTINGS)
        try:
            migrate(postgres.url)
            rig = Rig(postgres, directory)
            rig.fill_wal(rows=wal_rows)
            yield rig
        finally:
            postgres.stop()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def make_realm(database_url: str) -> Realm:
    """A realm with a fresh key."""
    key = make_key(livemode=False)
    with psycopg.connect(database_url) as connection:
        realm = ensure_realm(connection, "tnt_bench", "bench", livemode=False)
        add_key(connection, realm, key_id="key_bench", key_hash=hash_key(key, PEPPER), name="bench")
    return Realm(realm, key)


@dataclass
class Server:
    """`vinr serve` in separate processes."""

    base_url: str
    process: subprocess.Popen[bytes]
    log_path: Path
    log_start: int = 0

    @property
    def pid(self) -> int:
        """The parent of all its processes."""
        return self.process.pid

    def log_tail(self, size: int = 1_500) -> str:
        """The end of its log, which has a line for every request that failed in the server."""
        logged = self.log_path.read_bytes()[self.log_start :]
        return logged[-size:].decode(errors="replace").strip() or "it logged nothing"

    def stop(self) -> None:
        """All its processes have ended."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(25)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def server_environment(database_url: str) -> Mapping[str, str]:
    """The environment of `vinr serve`."""
    return os.environ | {
        "VINR_DATABASE_URL": database_url,
        "VINR_KEY_PEPPER": PEPPER,
        "VINR_SECRETS_KEY": SECRETS_KEY,
        "VINR_RATE_LIMIT_PER_SECOND": "0",
        # There is no load balancer to warn first.
        "VINR_DRAIN_SECONDS": "0",
    }


@contextmanager
def serving(rig: Rig, database: str, *, workers: int = 2) -> Iterator[Server]:
    """A server over a database, ready to answer; stopped at the end."""
    port = _free_port()
    command = [sys.executable, "-m", "vinr_server.cli", "serve", "--port", str(port), "--workers", str(workers)]
    log_path = rig.directory / "serve.log"
    log_start = log_path.stat().st_size if log_path.exists() else 0
    with log_path.open("ab") as log:
        process = subprocess.Popen(
            command, env=server_environment(rig.url(database)), stdout=log, stderr=log, start_new_session=True
        )
    server = Server(f"http://127.0.0.1:{port}", process, log_path, log_start)
    try:
        _wait_until_healthy(server, workers=workers, log_path=log_path)
        yield server
    finally:
        server.stop()


def _wait_until_healthy(server: Server, *, workers: int, log_path: Path) -> None:
    """Wait for twice as many good answers in a row as there are workers: then most likely all are up."""
    deadline = time.monotonic() + 30
    good = 0
    while good < 2 * workers:
        if server.process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"vinr serve did not start:\n{log_path.read_text()[-2000:]}")
        try:
            with urllib.request.urlopen(f"{server.base_url}/healthz", timeout=2) as answer:
                good = good + 1 if answer.status == 200 else 0
        except (urllib.error.URLError, OSError):
            good = 0
            time.sleep(0.05)
    time.sleep(0.3)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
