"""How an embedded server ends: its process, and what a killed start has left behind."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path


def end_orphan(pgdata: Path) -> None:
    """Nothing of an earlier start runs on PGDATA, and no postmaster.pid stands in the way of the next.

    A stale file is removed here because postgres would take any process that got its pid for a postmaster.
    """
    pid_file = pgdata / "postmaster.pid"
    if pid_file.exists():
        first_line = pid_file.read_text().partition("\n")[0]
        pid = int(first_line) if first_line.isdigit() else 0
        _end_pid(pid, lambda: _is_postmaster(pid, pgdata))
        for stray_pid in _stray_backends(pgdata):
            with contextlib.suppress(ProcessLookupError):
                os.kill(stray_pid, signal.SIGKILL)
        pid_file.unlink(missing_ok=True)


def _stray_backends(pgdata: Path) -> list[int]:
    """Find the backends in PGDATA that outlived a killed postmaster: a long query does not notice.

    Without /proc (macOS) none is found; then postgres refuses to start while they hold its shared memory.
    """
    pids = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "comm").read_text() == "postgres\n" and (process / "cwd").samefile(pgdata):
                pids.append(int(process.name))
    return pids


def _is_postmaster(pid: int, pgdata: Path) -> bool:
    if sys.platform == "linux":
        try:
            # Empty for a zombie, which is as good as gone.
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
        except (FileNotFoundError, ProcessLookupError):
            return False
    else:
        command = subprocess.run(["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True).stdout
    return f"/postgres -D {pgdata} ".encode() in command


def end(process: subprocess.Popen[bytes]) -> None:
    """The process of this server has ended."""
    _end_pid(process.pid, lambda: process.poll() is None)


def _end_pid(pid: int, is_alive: Callable[[], bool]) -> None:
    """The process has ended: by a fast shutdown, else an immediate one, else by force."""
    for ending, patience_seconds in ((signal.SIGINT, 30), (signal.SIGQUIT, 5), (signal.SIGKILL, 5)):
        deadline = time.monotonic() + patience_seconds
        if is_alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, ending)
        while is_alive() and time.monotonic() < deadline:
            time.sleep(0.01)
