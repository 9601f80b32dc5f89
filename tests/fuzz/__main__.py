"""`make fuzz`: schemathesis at length against `vinr serve`. Options: --cases 50000, --seed N (repeats a run)."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests/api"), str(Path(__file__).parent)]

from fuzz_rig import Figures, Fuzz  # noqa: E402

from conftest import QUICK, RunningServer, make_database, start_server  # noqa: E402
from scratch import open_directory  # noqa: E402
from vinr_server.storage.postgres.embedded import start_embedded  # noqa: E402
from vinr_server.storage.postgres.migrate import migrate  # noqa: E402

EXAMPLES = 50


def main() -> int:
    """Rounds with seeds of their own until there were enough cases; 0 where every figure holds."""
    parser = argparse.ArgumentParser(description="schemathesis against a server of its own")
    parser.add_argument("--cases", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4)))
    options = parser.parse_args()
    with open_directory("fuzz") as directory:
        postgres = start_embedded(directory, settings=QUICK)
        try:
            migrate(postgres.url)
            server = start_server(make_database(postgres, "vinr"))
            try:
                figures = _rounds(server, seed=options.seed, cases=options.cases)
            finally:
                server.stop()
        finally:
            postgres.stop()
    for one in figures.wrong[:20]:
        print(f"\n{one}")
    print(f"\n{len(figures.wrong)} answers were wrong; never succeeded: {', '.join(figures.never_succeeded) or 'none'}")
    return int(bool(figures.wrong or figures.never_succeeded or figures.positive_share < 0.2))


def _rounds(server: RunningServer, *, seed: int, cases: int) -> Figures:
    started, figures = time.monotonic(), Figures()
    while figures.cases < cases:
        one = Fuzz(server, seed=seed).run(examples=EXAMPLES)
        figures.seen += one.seen
        figures.succeeded += one.succeeded
        figures.wrong += one.wrong
        print(f"seed {seed}: {figures.told()}; {time.monotonic() - started:.0f} s", flush=True)
        seed += 1
    return figures


if __name__ == "__main__":
    raise SystemExit(main())
