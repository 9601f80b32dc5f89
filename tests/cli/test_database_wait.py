"""Processes that start before their database does: they wait for it, say so, and serve when it is there."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import httpx2
import pytest
from database_proxy import proxied
from sandbox_processes import ENVIRONMENT, VINR, assert_sentence, command, finish

from conftest import PATIENCE_SECONDS, PEPPER, SECRETS_KEY, WITHOUT_TLS, free_port, start_process, wait_until
from scratch import open_directory
from vinr_server.storage.postgres.embedded import start_embedded
from vinr_server.storage.postgres.migrate import migrate

# Starts a process that logs to this file.
Program = Callable[[IO[bytes]], "subprocess.Popen[bytes]"]
WAITING = re.compile(r"waiting for the database at (\S+), \d+ s so far; next attempt in (\S+) s: .")


@dataclass
class Asleep:
    """A PostgreSQL that is migrated and away: nobody listens on its port."""

    directory: Path
    url: str

    @property
    def settings(self) -> dict[str, str]:
        """What a process needs to work on it."""
        return {"VINR_DATABASE_URL": self.url, "VINR_KEY_PEPPER": PEPPER, "VINR_SECRETS_KEY": SECRETS_KEY}

    def vinr(self, *words: str) -> Program:
        """A command of `vinr` that works on it."""
        env = ENVIRONMENT | self.settings
        return lambda log: subprocess.Popen([*VINR, *words], stderr=log, env=env, start_new_session=True)

    @contextmanager
    def awake(self) -> Iterator[None]:
        """It answers for as long as the block lasts."""
        postgres = start_embedded(self.directory)
        try:
            with proxied(postgres.url, port=urlsplit(self.url).port or 0):
                yield
        finally:
            postgres.stop()


@dataclass
class Started:
    """A process that was started too early, and what it has logged."""

    process: subprocess.Popen[bytes]
    log: Path

    def waits(self) -> list[tuple[str, float]]:
        """Where it waited for the database each time, and how long until the next attempt."""
        messages = [json.loads(line)["message"] for line in self.log.read_text().splitlines()]
        found = [WAITING.match(message) for message in messages]
        assert all(found), messages
        return [(one[1], float(one[2])) for one in found if one]

    def pauses(self) -> list[float]:
        """How long it waited each time, the shortest first."""
        return sorted(pause for _place, pause in self.waits())

    def end(self) -> float:
        """It is told to; how long that took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE_SECONDS)
        return time.monotonic() - began


@pytest.fixture(scope="module")
def database() -> Iterator[Asleep]:
    with open_directory("crash") as directory:
        postgres = start_embedded(directory)
        migrate(postgres.url)
        postgres.stop()
        port = urlsplit(postgres.url).port
        yield Asleep(directory, postgres.url.replace(f":{port}/", f":{free_port()}/"))


@contextmanager
def started(log: Path, *programs: Program) -> Iterator[list[Started]]:
    """These programs, each in a group of its own that is gone afterwards."""
    made: list[Started] = []
    try:
        for number, start in enumerate(programs):
            path = log / str(number)
            with path.open("wb") as file:
                made.append(Started(start(file), path))
        yield made
    finally:
        for one in made:
            if one.process.poll() is None:
                os.killpg(one.process.pid, signal.SIGKILL)
                one.process.wait()


class TestProcesses:
    def test_that_start_before_the_database_wait_and_then_work(self, database: Asleep, tmp_path: Path) -> None:
        port = free_port()
        serve = database.vinr("serve", "--port", str(port), "--workers", "2")
        with started(tmp_path, serve, database.vinr("worker")) as processes:
            wait_until(lambda: all(len(one.waits()) >= 3 for one in processes), what="both have waited")
            waits = [one.waits()[:3] for one in processes]

            with database.awake():
                ready = f"http://127.0.0.1:{port}/readyz"

                def is_ready() -> bool:
                    try:
                        return httpx2.get(ready, timeout=5, trust_env=False, verify=WITHOUT_TLS).status_code == 200
                    except httpx2.HTTPError:
                        return False

                wait_until(is_ready, what="the server is ready")
                assert all(one.process.poll() is None for one in processes)
                for one in processes:
                    one.end()

        place = database.url.rpartition("@")[2]
        assert waits == [[(place, 0.5), (place, 1.0), (place, 2.0)]] * 2

    def test_that_waited_long_enough_say_what_is_missing(self, database: Asleep) -> None:
        began = time.monotonic()
        code, stdout, stderr = finish(command(["serve"], database.settings | {"VINR_DATABASE_WAIT_SECONDS": "1.2"}))

        *waits, sentence = stderr.splitlines()
        assert (code, stdout) == (1, "")
        assert {json.loads(line)["level"] for line in waits} == {"warning"}
        assert 1 <= len(waits) <= 2, "after none and half a second; one on a machine that lets go by more than that"
        assert "can't be reached" in sentence
        assert_sentence(sentence)
        assert time.monotonic() - began > 1.2

    @pytest.mark.parametrize("workers", [1, 2])
    def test_of_a_server_are_not_started_again_and_again(self, database: Asleep, tmp_path: Path, workers: int) -> None:
        # As where a process of a server ends while its database is away. A busy machine may take long over an end.
        for attempt in range(3):
            log = tmp_path / str(attempt)
            log.mkdir()
            words = ("serve", str(free_port()), str(workers))
            with started(log, lambda file, words=words: start_process(database.url, *words, stderr=file)) as (server,):
                wait_until(lambda one=server: one.pauses().count(4.0) == workers, what="each has waited four times")
                pauses = server.pauses()[: 4 * workers]
                seconds = server.end()
            assert pauses == sorted([0.5, 1.0, 2.0, 4.0] * workers)
            if seconds < 5:
                break

        assert seconds < 5
