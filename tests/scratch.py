"""Directories for the tests' PostgreSQLs: open to the user that PostgreSQL runs as, and gone with the test."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEMORY = Path("/dev/shm")
MEMORY_BYTES_MIN = 6 * 2**30


@contextmanager
def open_directory(purpose: str) -> Iterator[Path]:
    """A directory named after its purpose; in memory where that has room, as a disk takes seconds to forget a database.

    What the tests prove of durability is what outlives the processes, which the memory of the machine does, too.
    """
    directory = Path(tempfile.mkdtemp(prefix=f"vinr-{purpose}-", dir=_parent()))
    directory.chmod(0o755)  # mkdtemp's own is 0700
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _parent() -> Path:
    """In memory only where programs may run, too: root's PostgreSQL is copied beside its data."""
    if not MEMORY.is_dir() or not os.access(MEMORY, os.W_OK):
        return Path("/tmp")
    room = os.statvfs(MEMORY)
    is_roomy = room.f_bavail * room.f_frsize >= MEMORY_BYTES_MIN
    return MEMORY if is_roomy and not room.f_flag & os.ST_NOEXEC else Path("/tmp")
