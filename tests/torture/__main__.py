"""`python tests/torture`: the runs at length, with their figures. Exit 0: holds, 1: violated, 3: saw too little."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

sys.path += [str(Path(__file__).parents[1] / folder) for folder in (".", "api", "engine")]

from crash_rig import crash_rig, durable_directory
from runs import Outcome, cap_races, kills, torture

from conftest import RunningServer, start_server
from vinr_server.storage.embedded import start_embedded
from vinr_server.storage.migrate import migrate

# In whole, and what a tenth of it is.
CALLS, ACKNOWLEDGED, SERVER_KILLS, POSTGRES_KILLS = 256_000, 100_000, 60, 25
RACES = (1,) * 300 + (10,) * 150 + (500,) * 50


def main() -> int:
    """Run what was asked for, one after the other."""
    parser = argparse.ArgumentParser(prog="python tests/torture", description=__doc__)
    parser.add_argument("runs", nargs="*", help="any of torture, races, kills; default: all")
    parser.add_argument("--size", type=float, default=0.1, help="of the whole (0.1: about 5 minutes)")
    parser.add_argument("--seed", default=os.environ.get("VINR_TORTURE_SEED") or os.urandom(4).hex())
    options = parser.parse_args()
    chosen = options.runs or ["torture", "races", "kills"]
    print(f"seed {options.seed}, {options.size:g} of the whole", flush=True)
    outcomes = [tell(run(name, options.seed, options.size)) for name in chosen]
    verdicts = {outcome.verdict for outcome in outcomes}
    return 1 if "violated" in verdicts else 3 if "unknown" in verdicts else 0


def run(name: str, seed: str, size: float) -> Outcome:
    """One run, on a PostgreSQL of its own that syncs."""
    if name == "kills":
        server_kills, postgres_kills = max(1, round(SERVER_KILLS * size)), max(1, round(POSTGRES_KILLS * size))
        if size == 0.1:  # of the kills rather more than a tenth
            server_kills, postgres_kills = 10, 5
        between = round(ACKNOWLEDGED * size / (server_kills + postgres_kills + 1)) + 1
        with crash_rig() as rig:
            kind = kills(rig, seed=seed, server_kills=server_kills, postgres_kills=postgres_kills, between=between)
            return asyncio.run(kind)
    with serving() as server:
        if name == "torture":
            return asyncio.run(torture(server, seed=seed, calls=round(CALLS * size)))
        return asyncio.run(cap_races(server, seed=seed, caps=some(RACES, size)))


def some(races: Sequence[int], size: float) -> list[int]:
    """Every so-manieth race."""
    return list(races[:: max(1, round(1 / size))])


@contextmanager
def serving() -> Iterator[RunningServer]:
    """Two processes and a worker over a fresh database."""
    with durable_directory() as directory:
        postgres = start_embedded(directory)
        migrate(postgres.url)
        server = start_server(postgres.url)
        try:
            yield server
        finally:
            server.stop()
            postgres.stop()


def tell(outcome: Outcome) -> Outcome:
    """Print the figures, what was violated and what was seen too seldom."""
    print(f"\n{outcome.name}: {outcome.verdict} ({outcome.seconds:.0f} s)")
    for name, count in sorted(outcome.seen.items()):
        floor = f"  (at least {outcome.floors[name]:,})" if name in outcome.floors else ""
        print(f"  {name:30} {count:>9,}{floor}")
    for violation in outcome.violations[:20]:
        print(f"  VIOLATED {violation}")
    print(f"  {len(outcome.violations)} violations", flush=True)
    return outcome


if __name__ == "__main__":
    sys.exit(main())
