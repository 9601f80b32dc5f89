"""Who used the processors during a measurement: load generator, server, PostgreSQL, and everybody else."""

from __future__ import annotations

import resource
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import psutil

# The measuring itself keeps fewer cores busy than this.
QUIET_CORES = 0.1
LOOK_SECONDS = 2.0


class Patience:
    """The time a whole run may spend waiting for other processes to leave the machine alone."""

    def __init__(self, seconds: float) -> None:
        self._left = seconds

    def wait(self) -> None:
        """No other process has been busy for a moment, or no patience is left. Expects none of our processes to run."""
        while self._left > 0:
            started = time.monotonic()
            busy = psutil.cpu_percent(LOOK_SECONDS) / 100 * (psutil.cpu_count() or 1)
            self._left -= time.monotonic() - started
            if busy < QUIET_CORES:
                return

    def is_left_after(self, cores: Mapping[str, float], *, seconds: float) -> bool:
        """Whether a measurement was disturbed and must be repeated; its time is taken off the patience."""
        if cores["others"] + cores["stolen"] < QUIET_CORES:
            return False
        self._left -= seconds
        return self._left > 0


@dataclass
class Usage:
    """Processor seconds by role, over a time. `server_processes` shows whether the workers shared the work."""

    seconds: float = 0.0
    load: float = 0.0
    server: float = 0.0
    postgres: float = 0.0
    others: float = 0.0
    stolen: float = 0.0
    server_processes: list[float] = field(default_factory=list)

    def cores(self) -> dict[str, float]:
        """Mean number of cores that each role kept busy."""
        roles = ("load", "server", "postgres", "others", "stolen")
        return {role: round(getattr(self, role) / self.seconds, 3) for role in roles}


class Meter:
    """Reads the processor times of process trees at the beginning and at the end of a `with` block."""

    def __init__(
        self, *, postgres_pid: int, server_pid: int | None = None, is_load_in_this_process: bool = False
    ) -> None:
        """The load comes from children that end within the block, or from this process."""
        self._postgres_pid, self._server_pid = postgres_pid, server_pid
        self._loads = (resource.RUSAGE_CHILDREN, *([resource.RUSAGE_SELF] if is_load_in_this_process else []))
        self.usage = Usage()

    def __enter__(self) -> Meter:
        self._before = self._read()
        return self

    def __exit__(self, *_error: object) -> None:
        after = self._read()
        usage = self.usage
        usage.seconds = after["clock"] - self._before["clock"]
        for role in ("load", "server", "postgres", "stolen"):
            setattr(usage, role, after[role] - self._before[role])
        busy = after["busy"] - self._before["busy"]
        usage.others = max(busy - usage.load - usage.server - usage.postgres, 0.0)
        usage.server_processes = sorted(
            round(seconds - self._before["workers"].get(pid, 0.0), 3) for pid, seconds in after["workers"].items()
        )

    def _read(self) -> dict[str, float | Mapping[int, float]]:
        loads = [resource.getrusage(whose) for whose in self._loads]
        machine = psutil.cpu_times()
        workers = {} if self._server_pid is None else _seconds_of_children(self._server_pid)
        return {
            "clock": time.monotonic(),
            # The load generator is the only child that ends, and is waited for, within the block.
            "load": sum(used.ru_utime + used.ru_stime for used in loads),
            "server": 0.0 if self._server_pid is None else _tree_seconds(self._server_pid),
            "postgres": _tree_seconds(self._postgres_pid),
            "busy": machine.user + machine.nice + machine.system + machine.irq + machine.softirq,
            "stolen": machine.steal,
            "workers": workers,
        }


def _tree_seconds(pid: int) -> float:
    """The seconds of a process and its descendants, ended ones included: PostgreSQL's backends come and go."""
    root = psutil.Process(pid)
    return sum(_seconds(process, with_ended=True) for process in [root, *root.children(recursive=True)])


def _seconds_of_children(pid: int) -> dict[int, float]:
    return {child.pid: _seconds(child, with_ended=False) for child in psutil.Process(pid).children(recursive=True)}


def _seconds(process: psutil.Process, *, with_ended: bool) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    own = times.user + times.system
    return own + times.children_user + times.children_system if with_ended else own
