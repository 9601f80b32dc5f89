"""The anchor: pgbench writing the same rows, prepared, straight to PostgreSQL."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vinr_server.storage.postgres.embedded import binary

HERE = Path(__file__).parent
FORMS = {"a": "award_statements.sql", "b": "award_pipeline.sql", "c": "award_cte.sql"}
# A run that got to nothing is tried again, twice as long, up to this.
LONGEST_SECONDS = 30
FORM_NAMES = {"a": "statement by statement", "b": "pipelined", "c": "one CTE"}


@dataclass(frozen=True)
class AnchorFigures:
    """The results of pgbench. Latencies in milliseconds."""

    transactions: int
    failed: int
    tps: float
    p50_ms: float
    p99_ms: float


def run_pgbench(
    database_url: str, script: str, *, clients: int, seconds: float, run: int, known: Mapping[str, int]
) -> AnchorFigures:
    """Run a script of bench/sql with pgbench; the script knows the values of `known` by name.

    `run` keeps the ids of two runs on one database apart.
    """
    with tempfile.TemporaryDirectory(prefix="vinr-pgbench-") as logs:
        command = [str(binary("pgbench")), "--no-vacuum", "--protocol=prepared", f"--client={clients}"]
        command += [f"--jobs={2 if clients > 1 else 1}", f"--time={max(round(seconds), 1)}"]
        command += ["--log", f"--log-prefix={logs}/log", f"--file={HERE / 'sql' / script}"]
        variables = {**known, "clients": clients, "seq": 0, "base": run << 48}
        command += [f"--define={name}={value}" for name, value in variables.items()]
        done = subprocess.run(
            [*command, database_url], capture_output=True, text=True, timeout=seconds + 90, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"pgbench failed:\n{done.stdout}{done.stderr}")
        latencies = _latencies(Path(logs))
    transactions = int(_figure(done.stdout, r"transactions actually processed: (\d+)"))
    if not transactions:  # on a busy machine a short run may end before all clients are connected
        return AnchorFigures(transactions=0, failed=0, tps=0.0, p50_ms=0.0, p99_ms=0.0)
    return AnchorFigures(
        transactions=transactions,
        failed=int(_figure(done.stdout, r"failed transactions: (\d+)")),
        tps=float(_figure(done.stdout, r"tps = ([\d.]+)")),
        p50_ms=latencies[len(latencies) // 2] / 1000,
        p99_ms=latencies[len(latencies) * 99 // 100] / 1000,
    )


def run_until_some(run: Callable[..., AnchorFigures], seconds: float, **known: Any) -> AnchorFigures:
    """Figures of at least one transaction: a busy machine may not have connected all clients in a short time.

    The first run is number 2, after the warm-up.
    """
    figures, number = run(seconds=seconds, run=2, **known), 2
    while not figures.transactions and seconds < LONGEST_SECONDS:
        seconds, number = seconds * 2, number + 1
        figures = run(seconds=seconds, run=number, **known)
    return figures


def _latencies(logs: Path) -> list[int]:
    """The microseconds of every transaction, ascending: the third column of pgbench's log."""
    lines = (line for log in logs.iterdir() for line in log.read_text().splitlines())
    return sorted(int(line.split()[2]) for line in lines) or [0]


def _figure(text: str, pattern: str) -> str:
    found = re.search(pattern, text)
    if found is None:
        raise RuntimeError(f"pgbench did not print {pattern!r}:\n{text}")
    return found.group(1)
