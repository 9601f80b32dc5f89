"""Sandboxes and commands as separate processes: started, announced, ended, and what they leave behind."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx2

from conftest import PATIENCE_SECONDS, WITHOUT_TLS
from scratch import open_directory

VINR = [sys.executable, "-m", "vinr_server.cli"]
SETTINGS = ("VINR_DATABASE_URL", "VINR_KEY_PEPPER", "VINR_SECRETS_KEY", "VINR_READERS", "VINR_SECRET_KEY")
SETTINGS += ("VINR_BASE_URL",)
# Without what the machine may have set for a VINR of its own.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in SETTINGS}


@dataclass
class Dev:
    """A `vinr dev` that runs, and what it announced."""

    process: subprocess.Popen[bytes]
    data: Path
    announced: dict[str, str]

    def client(self) -> httpx2.Client:
        """A client with the sandbox's key."""
        headers = {"Authorization": f"Bearer {self.announced['secret_key']}"}
        return httpx2.Client(
            base_url=self.announced["base_url"],
            headers=headers,
            timeout=PATIENCE_SECONDS,
            trust_env=False,
            verify=WITHOUT_TLS,
        )

    def end(self, number: int) -> tuple[float, str]:
        """Send it a signal; how long it took to end, and what it left on stderr."""
        started_at = time.monotonic()
        self.process.send_signal(number)
        _stdout, stderr = self.process.communicate(timeout=PATIENCE_SECONDS)
        return time.monotonic() - started_at, stderr.decode()


def launch(data: Path, *more: str) -> subprocess.Popen[bytes]:
    """A `vinr dev` on a data directory, on its way up."""
    command = [*VINR, "dev", "--json", "--data", str(data), *(more or ("--port", "0"))]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT, start_new_session=True
    )


def announce(process: subprocess.Popen[bytes]) -> dict[str, str]:
    """The line it prints when it is ready."""
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], PATIENCE_SECONDS)
    assert ready, f"nothing was announced within {PATIENCE_SECONDS:g} s"
    line = process.stdout.readline()
    assert line.endswith(b"\n"), (line, process.stderr and process.stderr.read())
    return dict(json.loads(line))


def start(data: Path) -> Dev:
    """A `vinr dev` that is ready."""
    process = launch(data)
    return Dev(process, data, announce(process))


def processes_of(data: Path) -> list[str]:
    """The command lines that name a data directory, and the backends that work in it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            is_inside = str(process / "cwd") and os.readlink(process / "cwd").startswith(str(data))
        except OSError:
            continue
        if str(data) in command or is_inside:
            found.append(f"{process.name}: {command}")
    return found


def command(arguments: list[str], env: dict[str, str]) -> subprocess.Popen[bytes]:
    """A `vinr` with settings of its own."""
    return subprocess.Popen(
        [*VINR, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT | env,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[bytes]) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a process that ends by itself."""
    try:
        stdout, stderr = process.communicate(timeout=PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        stdout, stderr = process.communicate()
        raise AssertionError(f"it did not end: {stdout.decode()!r} {stderr.decode()!r}") from None
    return process.returncode, stdout.decode(), stderr.decode()


def assert_sentence(stderr: str) -> None:
    """What a person can act upon: no traceback, no secret, a line or two."""
    assert "Traceback" not in stderr, stderr
    assert 'File "' not in stderr, stderr
    assert "secret-word" not in stderr, stderr
    assert stderr.startswith("vinr"), stderr
    assert 1 <= len(stderr.strip().splitlines()) <= 3, stderr


@contextmanager
def sandbox_directory() -> Iterator[Path]:
    """A directory for a sandbox's data; every process started on it is ended, whatever the tests did."""
    with open_directory("dev") as made:
        try:
            yield made
        finally:
            for line in processes_of(made):
                with suppress(ProcessLookupError):  # it may have ended with one that was killed before it
                    os.kill(int(line.partition(":")[0]), signal.SIGKILL)


@contextmanager
def running(data: Path) -> Iterator[Dev]:
    """A sandbox for as long as the block lasts."""
    made = start(data)
    try:
        yield made
    finally:
        if made.process.poll() is None:
            made.end(signal.SIGTERM)
