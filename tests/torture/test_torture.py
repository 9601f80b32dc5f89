"""The short form of each run; `make torture` is the long one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from crash_rig import Rig, crash_rig
from merges import merge_races
from runs import cap_races, kills, torture
from steps_killed import steps_killed
from time_passes import time_passes

from conftest import RunningServer, make_database, start_server
from vinr_server.storage.postgres.embedded import EmbeddedServer


@pytest.fixture(scope="module")
def seed() -> str:
    """Another one at each run; named where it fails. VINR_TORTURE_SEED repeats one."""
    return os.environ.get("VINR_TORTURE_SEED") or os.urandom(4).hex()


@pytest.fixture(scope="module")
def server(postgres: EmbeddedServer, template: str) -> Iterator[RunningServer]:
    """A server whose database holds nothing else: the books are compared to the last row."""
    running = start_server(make_database(postgres, template))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    """A PostgreSQL and a server to be killed."""
    with crash_rig() as made:
        yield made


async def test_sixty_four_clients_leave_exact_books(server: RunningServer, seed: str) -> None:
    (await torture(server, seed=seed, calls=2_000)).require()


async def test_nothing_is_lost_or_doubled_when_busy_customers_are_merged(server: RunningServer, seed: str) -> None:
    (await merge_races(server, seed=seed, clients=16, each=20)).require()


async def test_what_is_there_so_often_is_given_so_often(server: RunningServer, seed: str) -> None:
    (await cap_races(server, seed=seed, caps=(1, 10, 1, 100, 1))).require()


async def test_thirteen_months_pass_once_whatever_becomes_of_the_worker(
    postgres: EmbeddedServer, template: str, seed: str
) -> None:
    running = start_server(make_database(postgres, template), with_worker=False)
    try:
        (await time_passes(running, seed=seed, members=120, kills=2)).require()
    finally:
        running.stop()


async def test_each_step_of_a_campaign_is_taken_once_whatever_is_killed(
    postgres: EmbeddedServer, template: str, seed: str
) -> None:
    url = make_database(postgres, template)
    (await steps_killed(url, seed=seed, members=500, kills=2, processes_each=1)).require()


async def test_nothing_acknowledged_is_lost_when_servers_are_killed(rig: Rig, seed: str) -> None:
    # Beside another test process a start takes as long as it takes; the long run asks for 5 s.
    (await kills(rig, seed=seed, server_kills=1, postgres_kills=1, between=150, ready_within=30)).require()


def test_the_long_form_can_be_started() -> None:
    done = subprocess.run([sys.executable, str(Path(__file__).parent), "--help"], capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")
