"""The machine of a measurement; a figure without its machine means nothing."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import psycopg

from bench.rig import Rig

DURABILITY = ("fsync", "synchronous_commit", "wal_sync_method", "full_page_writes", "shared_buffers", "max_wal_size")
SYNCS = 50


def describe_machine(rig: Rig) -> dict[str, Any]:
    """Processor, memory, kernel, PostgreSQL and its settings of durability."""
    with psycopg.connect(rig.url("postgres")) as connection:
        version = connection.execute("select current_setting('server_version')").fetchone()
        settings = dict(
            connection.execute(
                "select name, current_setting(name) from pg_settings where name = any(%s)", (list(DURABILITY),)
            ).fetchall()
        )
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "postgresql": version[0] if version else "?",
        "settings": settings,
        "fdatasync_us_median": _sync_microseconds(rig.directory),
        "load_average": round(os.getloadavg()[0], 2),
    }


def describe_commit() -> str:
    """The short commit, with a plus if the tree differs from it."""
    root = Path(__file__).parents[1]
    commit = _output(["git", "-C", str(root), "rev-parse", "--short", "HEAD"])
    changed = _output(["git", "-C", str(root), "status", "--porcelain", "--", "src"])
    return (commit or "unknown") + ("+" if changed else "")


def _output(command: list[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""


def _cpu_model() -> str:
    if sys.platform != "linux":
        return platform.processor()
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "?")


def _sync_microseconds(directory: Path) -> int:
    """The time it takes to make 8 KiB durable, as PostgreSQL does at each commit."""
    path = directory / "sync"
    spent = []
    file = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        os.write(file, bytes(8192))
        for _ in range(SYNCS):
            started = time.perf_counter()
            os.pwrite(file, os.urandom(8192), 0)
            # macOS has no fdatasync.
            getattr(os, "fdatasync", os.fsync)(file)
            spent.append(time.perf_counter() - started)
    finally:
        os.close(file)
        path.unlink()
    return round(statistics.median(spent) * 1e6)
