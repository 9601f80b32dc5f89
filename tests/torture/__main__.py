"""`python tests/torture`: the runs at length, with their figures. Exit 0: holds, 1: violated, 3: saw too little."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path += [str(Path(__file__).parents[1] / folder) for folder in (".", "api", "engine", "workers")]

from crash_rig import crash_rig
from hooks import Hooks, Moved
from merges import merge_races
from runs import cap_races, kills, torture
from steps_killed import steps_killed
from time_passes import time_passes
from webhook_runs import receivers_down, sender_kills

from conftest import RunningServer, start_server
from outcome import Outcome
from scratch import open_directory
from vinr_server.engine.clock import wall_clock
from vinr_server.storage.postgres.embedded import start_embedded
from vinr_server.storage.postgres.migrate import migrate

# In whole, and what a tenth of it is.
CALLS, ACKNOWLEDGED, SERVER_KILLS, POSTGRES_KILLS = 256_000, 100_000, 60, 25
MERGE_CALLS = 400
MEMBERS = 100_000
STEPPING, STEP_KILLS = 10_000, 6
RACES = (1,) * 300 + (10,) * 150 + (500,) * 50
EVENTS, SENDER_KILLS = 20_000, 20


def main() -> int:
    """Run what was asked for, one after the other."""
    parser = argparse.ArgumentParser(prog="python tests/torture", description=__doc__)
    parser.add_argument("runs", nargs="*", help=f"any of {', '.join(RUNS)}; default: all")
    parser.add_argument("--size", type=float, default=0.1, help="of the whole (0.1: about 20 minutes)")
    parser.add_argument("--seed", default=os.environ.get("VINR_TORTURE_SEED") or os.urandom(4).hex())
    options = parser.parse_args()
    if strange := set(options.runs) - set(RUNS):
        parser.error(f"no such run: {', '.join(sorted(strange))}")
    print(f"seed {options.seed}, {options.size:g} of the whole", flush=True)
    outcomes = [tell(RUNS[name](options.seed, options.size)) for name in options.runs or RUNS]
    verdicts = {outcome.verdict for outcome in outcomes}
    return 1 if "violated" in verdicts else 3 if "unknown" in verdicts else 0


def run_torture(seed: str, size: float) -> Outcome:
    """Clients at two processes."""
    with serving() as server:
        return asyncio.run(torture(server, seed=seed, calls=round(CALLS * size)))


def run_races(seed: str, size: float) -> Outcome:
    """Races for what is capped."""
    with serving() as server:
        return asyncio.run(cap_races(server, seed=seed, caps=some(RACES, size)))


def run_merges(seed: str, size: float) -> Outcome:
    """Customers who are merged while their clients are busy."""
    with serving() as server:
        return asyncio.run(merge_races(server, seed=seed, clients=64, each=max(8, round(MERGE_CALLS * size))))


def run_time(seed: str, size: float) -> Outcome:
    """Thirteen months that pass for members with ten lots each; the worker is killed twice."""
    with serving(with_worker=False) as server:
        return asyncio.run(time_passes(server, seed=seed, members=round(MEMBERS * size), kills=2))


def run_steps(seed: str, size: float) -> Outcome:
    """Members step through a campaign, with workers and servers killed meanwhile: at a tenth all of the members."""
    with open_directory("torture") as directory:
        postgres = start_embedded(directory)
        migrate(postgres.url)
        try:
            members = round(STEPPING * min(1, 10 * size))
            return asyncio.run(steps_killed(postgres.url, seed=seed, members=members, kills=STEP_KILLS))
        finally:
            postgres.stop()


def run_kills(seed: str, size: float) -> Outcome:
    """Servers and PostgreSQL killed; at a tenth rather more than a tenth of the kills."""
    at_least = (10, 5) if size == 0.1 else (1, 1)
    server_kills, postgres_kills = (
        max(at_least[0], round(SERVER_KILLS * size)),
        max(at_least[1], round(POSTGRES_KILLS * size)),
    )
    between = round(ACKNOWLEDGED * size / (server_kills + postgres_kills + 1)) + 1
    with crash_rig() as rig:
        return asyncio.run(
            kills(rig, seed=seed, server_kills=server_kills, postgres_kills=postgres_kills, between=between)
        )


def run_senders(seed: str, size: float) -> Outcome:
    """Senders of webhooks killed; all of the kills, whatever the size."""
    each = max(1, round(EVENTS * size / SENDER_KILLS))
    return asyncio.run(
        hooked(wall_clock, lambda hooks: sender_kills(hooks, seed=seed, kills=SENDER_KILLS, events_each=each))
    )


def run_receivers(seed: str, size: float) -> Outcome:
    """Receivers of webhooks that are down or hang."""
    return asyncio.run(
        hooked(Moved(), lambda hooks: receivers_down(hooks, seed=seed, events=max(4, round(EVENTS * size))))
    )


async def hooked(clock: Any, run: Callable[[Hooks], Awaitable[Outcome]]) -> Outcome:
    """A run of webhooks over a fresh database."""
    with open_directory("torture") as directory:
        postgres = start_embedded(directory)
        migrate(postgres.url)
        hooks = Hooks(postgres.url, clock)
        await hooks.start()
        try:
            return await run(hooks)
        finally:
            await hooks.stop()
            postgres.stop()


RUNS: dict[str, Callable[[str, float], Outcome]] = {
    "torture": run_torture,
    "races": run_races,
    "merges": run_merges,
    "time": run_time,
    "steps": run_steps,
    "kills": run_kills,
    "senders": run_senders,
    "receivers": run_receivers,
}


def some(races: Sequence[int], size: float) -> list[int]:
    """Every so-manieth race."""
    return list(races[:: max(1, round(1 / size))])


@contextmanager
def serving(*, with_worker: bool = True) -> Iterator[RunningServer]:
    """Two processes, and a worker unless there is to be none, over a fresh database."""
    with open_directory("torture") as directory:
        postgres = start_embedded(directory)
        migrate(postgres.url)
        server = start_server(postgres.url, with_worker=with_worker)
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
