"""What every test works with: a real PostgreSQL, a migrated database, an engine, a server over HTTP."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

import httpx2
import psycopg
import pytest
from documented import check_documented
from hypothesis import HealthCheck, settings
from psycopg import sql

from scratch import open_directory
from vinr_server.api.edge.keys import hash_key, make_key
from vinr_server.engine.writer import Writer
from vinr_server.storage.postgres.connect import connect_readers, connect_writer
from vinr_server.storage.postgres.embedded import EmbeddedServer, start_embedded
from vinr_server.storage.postgres.migrate import migrate
from vinr_server.storage.postgres.tenants import add_key, ensure_realm
from vinr_server.storage.reads.reader import Reader

PEPPER = "a pepper for tests only"
SECRETS_KEY = "dGVzdHMtb25seS0wMTIzNDU2Nzg5LWFiY2RlZmdoaWs="
# Tests make and drop many databases; what they prove of durability they prove on servers of their own.
os.environ["VINR_ALLOW_UNSAFE_DATABASE"] = "1"
# Where tests run in the background Ctrl-C is ignored, and would be by every process that they start and end by it.
signal.signal(signal.SIGINT, signal.default_int_handler)
# How many times as long as usual what can be repeated takes: properties, and races for caps.
SCALE = float(os.environ.get("VINR_PROPERTY_SCALE", "1"))
# For what comes in a moment where nothing else runs. That it comes is what most tests wait for, not how soon.
PATIENCE_SECONDS = float(os.environ.get("VINR_TEST_PATIENCE_SECONDS", "120"))
# Hypothesis' own limits: 200 ms for an example, a second for drawing ten. A busy machine lets that much go by.
settings.register_profile("patient", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
# For connections whose waits end when a test says so: after a second, a wait for a lock would begin anew.
WITHOUT_LIMITS = "set lock_timeout = 0; set statement_timeout = 0"
# A client reads the certificates of all authorities, in 25 ms, and nobody on this machine is asked for one.
WITHOUT_TLS = httpx2.create_ssl_context(verify=False)
QUICK = {"fsync": "off", "shared_buffers": "256MB", "max_connections": "200"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Properties and scenarios come first: files of minutes, which at the end one process would run alone."""
    items.sort(key=lambda item: {"properties", "scenarios"}.isdisjoint(item.path.parts))


def pytest_unconfigure(config: pytest.Config) -> None:
    """The names of what failed are the last lines: a message of hundreds of lines hides them in a log that is cut."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    reports = [*reporter.stats.get("failed", []), *reporter.stats.get("error", [])] if reporter else []
    for report in reports:
        reporter.write_line(f"FAILED {report.nodeid}")


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedServer]:
    """A PostgreSQL of this test process' own."""
    with open_directory("tests") as directory:
        server = start_embedded(directory, settings=QUICK)
        yield server
        server.stop()


@pytest.fixture(scope="session")
def template(postgres: EmbeddedServer) -> str:
    """The name of a migrated database to copy from."""
    migrate(postgres.url)
    return "vinr"


def make_database(postgres: EmbeddedServer, template: str) -> str:
    """The URL of a fresh copy of the template."""
    name = f"t_{uuid.uuid4().hex}"
    maintenance = postgres.url.rsplit("/", 1)[0] + "/postgres"
    with psycopg.connect(maintenance, autocommit=True) as connection:
        statement = sql.SQL("create database {} template {}")
        connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))
    return f"{postgres.url.rsplit('/', 1)[0]}/{name}"


@pytest.fixture
def database(postgres: EmbeddedServer, template: str) -> str:
    """A database of this test's own."""
    return make_database(postgres, template)


@dataclass(frozen=True)
class Realm:
    """One tenant's test data, and the key that opens it."""

    id: int
    key: str


def make_realm(database_url: str, tenant: str = "tnt_test", *, livemode: bool = False) -> Realm:
    """A realm with a fresh key."""
    key = make_key(livemode=livemode)
    with psycopg.connect(database_url) as connection:
        realm = ensure_realm(connection, tenant, tenant, livemode=livemode)
        add_key(connection, realm, key_id=f"key_{uuid.uuid4().hex}", key_hash=hash_key(key, PEPPER), name="test")
    return Realm(realm, key)


@pytest.fixture
def realm(database: str) -> Realm:
    """The realm of this test."""
    return make_realm(database)


@pytest.fixture
async def writer(database: str) -> AsyncIterator[Writer]:
    """An engine on this test's database."""
    writer = Writer(partial(connect_writer, database))
    await writer.start()
    yield writer
    await writer.stop()


@pytest.fixture
async def reader(database: str) -> AsyncIterator[Reader]:
    """Reads of this test's database."""
    pool = await connect_readers(database, size=2)
    yield Reader(pool)
    await pool.close()


@dataclass
class RunningServer:
    """`vinr serve` and `vinr worker` as processes of their own, which may send webhooks to this machine."""

    base_url: str
    database_url: str
    realm: Realm
    processes: list[subprocess.Popen[bytes]]

    def client(self, key: str | None = None) -> httpx2.Client:
        """A client with a key, the realm's own unless another is given; what OpenAPI does not foresee fails."""
        headers = {"Authorization": f"Bearer {self.realm.key if key is None else key}"}
        hooks = {"response": [check_documented]}
        return httpx2.Client(
            base_url=self.base_url, headers=headers, timeout=30, trust_env=False, verify=WITHOUT_TLS, event_hooks=hooks
        )

    def stop(self) -> None:
        """All its processes have ended."""
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def keyless_client(base_url: str) -> httpx2.Client:
    """A client without a key."""
    return httpx2.Client(base_url=base_url, timeout=PATIENCE_SECONDS, trust_env=False, verify=WITHOUT_TLS)


_kept_ports: list[socket.socket] = []


def free_port() -> int:
    """A port that nobody listens on, and that nobody else is given as long as this test process lives.

    Bound and not listening, it is no port that a kernel hands out; whoever names it can listen there all the same.
    """
    probe = socket.socket()
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    probe.bind(("127.0.0.1", 0))
    port = int(probe.getsockname()[1])
    if sys.platform == "linux":
        _kept_ports.append(probe)
    else:  # elsewhere a second socket could not be bound to it
        probe.close()
    return port


def start_process(
    database_url: str, *words: str, settings: Mapping[str, str] = {}, stderr: IO[bytes] | None = None
) -> subprocess.Popen[bytes]:
    """A process of tests/loopback.py, which these words tell what to do, with a group of its own.

    It ends when its stdin does: with this process, even where that is killed. Keys are not limited unless `settings`
    say so.
    """
    env = os.environ | {
        "VINR_DATABASE_URL": database_url,
        "VINR_KEY_PEPPER": PEPPER,
        "VINR_SECRETS_KEY": SECRETS_KEY,
        "VINR_DRAIN_SECONDS": "0",
        "VINR_RATE_LIMIT_PER_SECOND": "0",
    }
    command = [sys.executable, str(Path(__file__).parent / "loopback.py"), *words]
    return subprocess.Popen(command, env=env | settings, start_new_session=True, stdin=subprocess.PIPE, stderr=stderr)


def start_server(
    database_url: str,
    *,
    workers: int = 2,
    with_worker: bool = True,
    settings: Mapping[str, str] = {},
    stderr: IO[bytes] | None = None,
    port: int | None = None,
    realm: Realm | None = None,
) -> RunningServer:
    """A server of its own over a migrated database, ready to answer; on a free port and with a realm of its own."""
    port = port or free_port()
    commands = [("serve", str(port), str(workers)), *([("worker",)] if with_worker else [])]
    processes = [start_process(database_url, *words, settings=settings, stderr=stderr) for words in commands]
    server = RunningServer(f"http://127.0.0.1:{port}", database_url, realm or make_realm(database_url), processes)
    try:
        wait_until(lambda: is_healthy(server.base_url), what="the server answers")
    except BaseException:
        server.stop()  # without its database it would wait for ever
        raise
    return server


def is_healthy(base_url: str) -> bool:
    """Whether the server answers its health check."""
    try:
        return httpx2.get(f"{base_url}/healthz", timeout=1, trust_env=False, verify=WITHOUT_TLS).status_code == 200
    except httpx2.HTTPError:
        return False


def wait_until(condition: Callable[[], bool], *, what: str) -> None:
    """Poll a condition; fails with its name when the time is over."""
    end, pause = time.monotonic() + PATIENCE_SECONDS, 0.005
    while not condition():
        assert time.monotonic() < end, f"waited {PATIENCE_SECONDS:g} s in vain until {what}"
        time.sleep(pause)
        pause = min(2 * pause, 0.05)


@pytest.fixture(scope="session")
def shared_server(postgres: EmbeddedServer, template: str) -> Iterator[RunningServer]:
    """A server of two processes that tests share; each makes a realm or names of its own."""
    server = start_server(make_database(postgres, template))
    yield server
    server.stop()
