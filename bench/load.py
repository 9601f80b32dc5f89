"""Requests over HTTP from any number of connections: by wrk if it is installed, else by our own generator."""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

HERE = Path(__file__).parent
WRK = shutil.which("wrk")


@dataclass(frozen=True)
class Load:
    """What to send where, and for how long. Activations name each account once, from the one after `first` on."""

    base_url: str
    key: str
    accounts: int
    connections: int
    seconds: float
    what: Literal["award", "activate"] = "award"
    first: int = 0


@dataclass(frozen=True)
class LoadFigures:
    """The results. Latencies in milliseconds; `refused` counts failed activations by status and code."""

    requests: int
    seconds: float
    non_2xx: int
    errors: int
    p50_ms: float
    p99_ms: float
    refused: Mapping[str, int] = field(default_factory=dict)


def generator_name() -> str:
    """Which generator `generate` uses."""
    return "wrk" if WRK else "bench/generator.py"


def generate(load: Load) -> LoadFigures:
    """Send the load; returns its figures."""
    run = f"{secrets.token_hex(2)}-{secrets.token_hex(2)}"
    if WRK:
        threads = "2" if load.connections > 1 else "1"
        # wrk takes whole seconds.
        command = [WRK, f"-t{threads}", f"-c{load.connections}", f"-d{max(round(load.seconds), 1)}s", "--latency"]
        command += ["-s", str(HERE / f"{load.what}.lua"), load.base_url]
        command += ["--", load.key, str(load.accounts), run, str(load.first), threads]
    else:
        command = [sys.executable, "-m", "bench.generator", load.what, load.base_url, load.key]
        command += [str(load.accounts), run, str(load.first), str(load.connections), str(load.seconds)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=load.seconds + 60, cwd=HERE.parent, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"{generator_name()} failed:\n{done.stdout[-1000:]}{done.stderr[-1000:]}")
    figures = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))
    return LoadFigures(**figures)
