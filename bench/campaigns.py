"""Campaigns at full size: steps where few of a million who wait are due, and what others pay for campaigns and codes.

10,000 members are due, of 10,000 and of 1,000,000 who wait, in turns; then payments, codes and carts.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from bench.beside import Made, Paid, make_codes, pay_beside
from bench.crowds import make_crowd
from bench.report import Goal, Report
from bench.rig import Rig
from bench.stepping import HOUR, Idle, Round, Scan, plans, rest, take_steps

# Rounds end in the past of PostgreSQL's own clock, which some statements ask.
BEGINS_BEFORE_NOW = timedelta(hours=48)


@dataclass(frozen=True)
class Plan:
    """How large, and how often: members who wait, those of them who are due, campaigns beside a payment, and codes."""

    waiting: tuple[int, int]
    due: int
    rounds: int
    idle_rounds: int
    campaigns: tuple[int, int]
    payment_rounds: int
    codes: tuple[int, int]
    carts: int


FULL = Plan((10_000, 1_000_000), 10_000, 8, 200, (1, 500), 200, (1_000, 1_000_000), 500)
SHORT = Plan((256, 5_000), 256, 1, 5, (1, 10), 5, (500, 10_000), 20)


def measure_campaigns(rig: Rig, plan: Plan, report: Report) -> None:
    """The report holds the figures of each part, and a goal for each."""
    report.parameters |= asdict(plan)
    _measure_steps(rig, plan, report)
    database = rig.copy("vinr")
    try:
        paid = asyncio.run(pay_beside(rig.url(database), plan.campaigns, rounds=plan.payment_rounds))
        _report_payments(report, paid)
        _report_codes(report, asyncio.run(make_codes(rig.url(database), plan.codes, carts=plan.carts)))
    finally:
        rig.drop(database)


# ---- steps


def _measure_steps(rig: Rig, plan: Plan, report: Report) -> None:
    at = datetime.now(UTC).replace(microsecond=0) - BEGINS_BEFORE_NOW
    databases = {members: f"crowd_{members}" for members in plan.waiting}
    try:
        realms = {
            members: make_crowd(rig, name, members=members, due=plan.due, rounds=plan.rounds, at=at)
            for members, name in databases.items()
        }
        urls = {members: rig.url(name) for members, name in databases.items()}
        idle = {members: asyncio.run(rest(url, at - HOUR, rounds=plan.idle_rounds)) for members, url in urls.items()}
        found = {members: plans(url, at) for members, url in urls.items()}
        rounds: dict[int, list[Round]] = {members: [] for members in plan.waiting}
        for number in range(plan.rounds):
            for members, url in urls.items():
                then, pid = at + number * HOUR, rig.postgres.pid
                one = asyncio.run(take_steps(url, realms[members], then, due=plan.due, postgres_pid=pid))
                rounds[members].append(one)
                print(f"  round {number + 1}  {members:9,} wait  {one.steps.rate:8,.0f} steps/s", file=sys.stderr)
    finally:
        for name in databases.values():
            rig.drop(name)
    _report_steps(report, rounds)
    _report_found(report, found)
    _report_idle(report, idle)


def _median(rounds: Sequence[Round], figure: Callable[[Round], float]) -> float:
    return statistics.median(figure(one) for one in rounds)


def _report_steps(report: Report, rounds: Mapping[int, Sequence[Round]]) -> None:
    figures: dict[str, Callable[[Round], float]] = {
        "steps/s": lambda one: one.steps.rate,
        "core µs a step": lambda one: one.steps.core_us,
        "cores: ours": lambda one: one.steps.cores["load"],
        "PostgreSQL": lambda one: one.steps.cores["postgres"],
        "others": lambda one: one.steps.cores["others"],
        "awards/s": lambda one: one.awards.rate,
        "core µs an award": lambda one: one.awards.core_us,
        "core µs: step ÷ award": lambda one: one.steps.core_us / one.awards.core_us,
    }
    parts = {"first": slice(0, 1), "then": slice(1, None)}
    rows = [
        [members, part, *(_median(all_of[place], figure) for figure in figures.values())]
        for members, all_of in rounds.items()
        for part, place in parts.items()
        if all_of[place]
    ]
    report.add_table("Ratios of steps to awards (medians)", ["members who wait", "rounds", *figures], rows)
    report.add_text(
        "What the first round is",
        "It begins with a checkpoint: PostgreSQL logs each page whole that is changed for the first time after one, and"
        " those who are due lie on more pages where they are few among many.",
    )
    few, many = (all_of[1:] or all_of for all_of in rounds.values())
    report.noise_cores = max(_median(all_of, figures["others"]) for all_of in (few, many))
    grown = _ratio(many, few, lambda one: one.steps.core_us)
    awards, seconds = (_ratio(many, few, lambda one: one.awards.core_us), _ratio(few, many, lambda one: one.steps.rate))
    report.add_text(
        "Ratios of many who wait to few, round by round (medians)",
        f"core µs a step {grown:.2f} x, an award {awards:.2f} x; seconds of the steps {seconds:.2f} x",
    )
    report.goals.append(Goal("steps where most wait", _median(many, figures["steps/s"]), 2_500, unit="/s"))
    report.goals.append(Goal("core µs a step, many waiting ÷ few", grown, 1.2, is_at_most=True))
    report.figures["steps"] = {members: [asdict(one) for one in all_of] for members, all_of in rounds.items()}


def _ratio(over: Sequence[Round], under: Sequence[Round], figure: Callable[[Round], float]) -> float:
    return statistics.median(figure(a) / figure(b) for a, b in zip(over, under, strict=True))


def _report_found(report: Report, found: Mapping[int, Sequence[Scan]]) -> None:
    scans = [(members, scan) for members, all_of in found.items() for scan in all_of]
    rows = [[members, scan.index, scan.rows, scan.removed, scan.pages] for members, scan in scans]
    head = ["members who wait", "index", "rows", "others met", "pages"]
    report.add_table("How those who are due are found", head, rows)
    due = sum(scan.rows for _members, scan in scans)
    met = sum(scan.rows + scan.removed for _members, scan in scans)
    report.goals.append(Goal("rows met ÷ rows that are due", met / max(due, 1), 1, is_at_most=True))


def _report_idle(report: Report, idle: Mapping[int, Idle]) -> None:
    rows = [[members, one.ms, one.pages] for members, one in idle.items()]
    report.add_table("A worker's round where nobody is due", ["members", "ms", "pages"], rows)
    few, many = idle.values()
    # The trees of a million have a level more than those of ten thousand, and each statement goes down some.
    report.goals.append(Goal("pages of an idle round, many members ÷ few", many.pages / few.pages, 2, is_at_most=True))
    report.figures["idle"] = {members: asdict(one) for members, one in idle.items()}


# ---- payments, codes, carts


def _report_payments(report: Report, paid: Mapping[int, Paid]) -> None:
    rows = [[count, one.statements, one.wall_us, one.cpu_us] for count, one in paid.items()]
    head = ["live campaigns on other events", "statements a batch", "µs a payment", "CPU µs of the engine"]
    report.add_table("Payments beside campaigns (medians)", head, rows)
    few, many = paid.values()
    report.goals.append(Goal("statements of payments, many campaigns ÷ few", many.statements / few.statements, 1, True))
    report.goals.append(Goal("CPU of a payment, many campaigns ÷ few", many.cpu_us / few.cpu_us, 1.1, is_at_most=True))
    report.figures["payments"] = {count: asdict(one) for count, one in paid.items()}


def _report_codes(report: Report, made: Sequence[Made]) -> None:
    rows = [[one.codes, one.rate, one.by_hand, one.rate / one.by_hand] for one in made]
    report.add_table("Codes made in a second", ["codes", "ours", "INSERT … SELECT", "ours ÷ by hand"], rows)
    report.add_table(
        "Carts beside codes",
        ["codes", "cart with", "ms", "indexes looked into"],
        [[one.codes, kind, cart.ms, cart.looks] for one in made for kind, cart in one.carts.items()],
    )
    few, many = made
    report.goals.append(Goal("codes made in a second", many.rate, 30_000, unit="/s"))
    more = [one.carts["a code"].looks.get("codes_by_key", 0.0) for one in made]
    report.goals.append(Goal("looks into the index of codes ÷ codes of a cart", max(more), 1, is_at_most=True))
    ratio = many.carts["a code"].ms / few.carts["a code"].ms
    report.goals.append(Goal("ms of a cart with a code, many codes ÷ few", ratio, 1.2, is_at_most=True))
    report.figures["codes"] = [asdict(one) for one in made]
