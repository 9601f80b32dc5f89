"""`python -m bench`: measure the engine against its anchors; print, keep, and gate."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from bench import award
from bench.machine import describe_commit, describe_machine
from bench.report import Report
from bench.rig import WAL_ROWS_SHORT, Rig, open_rig

# The short form runs wherever the tests do; a neighbor that is busy for some seconds is no reason to fail.
ATTEMPTS = 3
Measure = Callable[[Rig, argparse.Namespace, Report], None]


def _award(rig: Rig, options: argparse.Namespace, report: Report) -> None:
    plan = award.SHORT if options.short else award.Plan(seconds=options.seconds, rounds=options.rounds)
    if options.connections:
        plan = replace(plan, connections=tuple(options.connections))
    plan = replace(plan, patience_seconds=options.patience * 60)
    report.parameters |= {"seconds": plan.seconds, "rounds": plan.rounds}
    award.measure_award(rig, plan, report)


def _import(rig: Rig, options: argparse.Namespace, report: Report) -> None:
    from bench.imports import measure_import

    measure_import(rig, options.cdnow, report, rounds=1 if options.short else options.rounds, is_short=options.short)


def _checkout(rig: Rig, options: argparse.Namespace, report: Report) -> None:
    from bench.checkout import measure_checkout

    seconds, rounds = (1.0, 1) if options.short else (options.seconds, options.rounds)
    report.parameters |= {"seconds": seconds, "rounds": rounds}
    measure_checkout(rig, report, seconds=seconds, rounds=rounds, minutes=options.patience, is_short=options.short)


def _offer(rig: Rig, options: argparse.Namespace, report: Report) -> None:
    from bench import offers

    plan = offers.SHORT if options.short else offers.Plan(seconds=options.seconds, rounds=options.rounds)
    plan = replace(plan, patience_seconds=options.patience * 60)
    report.parameters |= {"seconds": plan.seconds, "rounds": plan.rounds}
    offers.measure_offer(rig, plan, report)


def _campaigns(rig: Rig, options: argparse.Namespace, report: Report) -> None:
    from bench import campaigns

    campaigns.measure_campaigns(rig, campaigns.SHORT if options.short else campaigns.FULL, report)


def _profile(rig: Rig, options: argparse.Namespace, report: Report) -> None:
    from bench.profile import measure_profile

    measure_profile(rig, report, seconds=1.0 if options.short else options.seconds / 4)


def _settings(rig: Rig, options: argparse.Namespace, report: Report) -> None:
    from bench.settings import measure_settings

    measure_settings(rig, report, rounds=3 if options.short else 40 * options.rounds)


# Gates have a short form; the profile and the settings have none.
GATES = ("award", "offer", "import", "checkout", "campaigns")
MEASURES: dict[str, Measure] = {
    "award": _award,
    "offer": _offer,
    "import": _import,
    "checkout": _checkout,
    "campaigns": _campaigns,
    "profile": _profile,
    "settings": _settings,
}


def _read_options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "what", nargs="*", help=f"any of {', '.join(MEASURES)}; default: all; --short: {', '.join(GATES)}"
    )
    parser.add_argument("--seconds", type=float, default=8, help="seconds for each measurement (8)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds; results are their medians (3)")
    parser.add_argument(
        "--short",
        action="store_true",
        help="take a minute: compare what both sides write, with floors of a third of the goals",
    )
    parser.add_argument("--no-gate", action="store_true", help="exit 0 even if a goal is missed")
    parser.add_argument("--connections", type=int, nargs="+", help="connections for award, instead of 1 16 64 256")
    parser.add_argument(
        "--patience", type=float, default=0, help="minutes to wait for a quiet machine; import does not wait (0)"
    )
    parser.add_argument(
        "--cdnow", type=_path, default=os.environ.get("VINR_CDNOW"), help="path of CDNOW_master.txt (VINR_CDNOW)"
    )
    options = parser.parse_args(arguments)
    if unknown := set(options.what) - set(MEASURES):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(MEASURES)}")
    return options


def main(arguments: list[str]) -> int:
    """Run the requested measurements; returns 1 if a goal was missed, 2 if figures can't be trusted."""
    options = _read_options(arguments)
    # An ordinary exit, so that every started process is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    reports = _run_short(options) if options.short else _run_long(options)
    if any(report.problems for report in reports):
        return 2
    return 0 if options.no_gate or all(report.is_good for report in reports) else 1


def _run_long(options: argparse.Namespace) -> list[Report]:
    """Each measurement runs on its own PostgreSQL, and its report is kept."""
    reports = []
    for what in options.what or MEASURES:
        with open_rig() as rig:
            reports.append(_measure(rig, what, options))
        print(reports[-1].markdown())
        print(f"Kept in {reports[-1].save()}", file=sys.stderr)
    return reports


def _path(given: str) -> Path:
    """The absolute path: the importer runs in another directory."""
    return Path(given).resolve()


def _run_short(options: argparse.Namespace) -> list[Report]:
    """All run on one PostgreSQL. A second or two says little about speed, so a missed floor is tried again."""
    reports = []
    with open_rig(wal_rows=WAL_ROWS_SHORT) as rig:
        for what in options.what or GATES:
            for _attempt in range(ATTEMPTS):
                report = _measure(rig, what, options)
                report.goals = [goal.floor() for goal in report.goals]
                if report.is_good or report.problems:
                    break
            reports.append(report)
            print(report.summary())
    return reports


def _measure(rig: Rig, what: str, options: argparse.Namespace) -> Report:
    report = Report(what, {})
    report.machine, report.commit = describe_machine(rig), describe_commit()
    MEASURES[what](rig, options, report)
    return report


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
