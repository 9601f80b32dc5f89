"""Journeys: whatever the batches and however late a worker, members take the same steps at the same instants (R43).

And a second opinion, written from the rules alone, agrees about which steps these are.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from engines import WALL, CoreRun
from examples import hold
from hypothesis import strategies as st
from steps import Step

from vinr_server.api.resources.campaign_definitions import read_definition
from vinr_server.core.campaigns import commands as campaigns
from vinr_server.core.campaigns.rows import Enrolment, EnrolmentStep
from vinr_server.core.clocks import commands as clocks
from vinr_server.core.codes import commands as codes
from vinr_server.core.codes.rows import Code, CodeProgress
from vinr_server.core.earning import commands as earning
from vinr_server.core.events.rows import Event
from vinr_server.core.kernel.commands import Command
from vinr_server.core.members import commands as members
from vinr_server.core.members.rows import Account
from vinr_server.core.offers import commands as offers
from vinr_server.core.offers.rows import CheckoutTerms, OfferTerms
from vinr_server.core.programs import commands as programs

Json = dict[str, Any]
EVENTS = ("a.a", "b.b", "c.c")
HOUR = timedelta(hours=1)
OPENED = OfferTerms(checkout=CheckoutTerms("fixed_discount", 100), requires_code=True)
CODES, FAR = 2, 1_000_000
counted: Counter[str] = Counter()


def journey(random: Random) -> Json:
    """A definition of up to seven steps, each leading to a later one."""
    ids = [f"s{n}" for n in range(random.randint(2, 7))]

    def onward(n: int) -> str | None:
        return random.choice([*ids[n + 1 :], *ids[n + 1 : n + 2], None]) if n + 1 < len(ids) else None

    steps: Json = {}
    for n, id in enumerate(ids):
        kind = random.choice(("wait", "events", "events", "award", "code", "branch", "send", "send", "exit"))
        step: Json = {"kind": kind}
        if kind == "wait":
            step = {"kind": "wait", "for": f"{random.choice((0, 1, 5, 24)) * 60 or 1}m", "next": onward(n)}
        elif kind == "events":
            awaited = [{"type": type, "next": onward(n)} for type in random.sample(EVENTS, random.randint(1, 2))]
            awaited[0]["count"] = random.choice((1, 1, 2))
            step = {"kind": "wait", "events": awaited, "timeout": f"{random.choice((1, 6, 30))}h"}
            step |= {"timeout_next": onward(n), "since": random.choice(("entry", "step"))}
        elif kind == "award":
            step = {"kind": "award_points", "points": random.choice((1, 50)), "next": onward(n)}
        elif kind == "send":
            capped = random.choice((None, onward(n)))
            step = {"kind": "send_event", "name": "hi", "next": onward(n), "on_capped": capped}
        elif kind == "code":
            step = {"kind": "issue_code", "batch": "cbt_few", "expires_in": "1d", "next": onward(n)}
        elif kind == "branch":
            case = {"if": {"balance": {"gte": random.choice((1, 50, 100))}}, "next": onward(n)}
            step = {"kind": "branch", "when": [case], "else": onward(n)}
        else:
            step["outcome"] = "out"
        steps[id] = {name: value for name, value in step.items() if value is not None}
    reached = _reached(steps)
    again = random.choice(({"mode": "once"}, {"mode": "after_exit"}, {"mode": "after_exit", "cooldown": "3h"}))
    entry = {"event": {"type": random.choice(EVENTS)}, "max_age": random.choice(("1h", "72h"))}
    steps = {id: steps[id] for id in steps if id in reached}
    return {"entry": entry, "reentry": again, "start": "s0", "steps": steps, **_measures(random), **_budget(random)}


def _budget(random: Random) -> Json:
    return random.choice(({}, {"budget": {"points": random.choice((60, 120)), "period": "none"}}))


def _measures(random: Random) -> Json:
    """Now and then a holdout, a goal, caps and hours for messages."""
    measures: Json = {"holdout": random.choice((0, 0, 2_500, 5_000))}
    if random.random() < 0.7:
        within = random.choice(("1h", "12h", "48h"))
        is_exit = random.random() < 0.3
        measures["goal"] = {"event": {"type": random.choice(EVENTS)}, "within": within, "exit": is_exit}
    caps = [
        {"of": of, "max": random.choice((1, 1, 2)), "within": random.choice(("5h", "24h"))}
        for of, share in (("entries", 0.3), ("messages", 0.7))
        if random.random() < share
    ]
    if caps:
        measures["caps"] = caps
    if random.random() < 0.4:
        first = random.randint(0, 23)
        last = (first + random.randint(1, 23)) % 24
        measures["send_window"] = {"from": f"{first:02}:00", "to": f"{last:02}:00"}
    return measures


def _targets(step: Json) -> list[str]:
    found = [step.get("next"), step.get("timeout_next"), step.get("else"), step.get("on_capped")]
    found += [one.get("next") for one in (*step.get("events", ()), *step.get("when", ()))]
    return [target for target in found if target is not None]


def _reached(steps: Json) -> set[str]:
    reached, waiting = set(), ["s0"]
    while waiting:
        id = waiting.pop()
        if id not in reached:
            reached.add(id)
            waiting += _targets(steps[id])
    return reached


@dataclass(frozen=True)
class Told:
    """An event as it is reported: when, what, and when it occurred."""

    at: datetime
    type: str
    occurred_at: datetime


def story(random: Random) -> list[Told]:
    """Events of one member, some reported late, in the order of their reports, each at an instant of its own."""
    told: list[Told] = []
    at = WALL
    for _event in range(random.randint(2, 9)):
        at += random.choice((1, 1, 5, 6, 24)) * HOUR
        late = random.choice((0, 0, 0, 1, 4)) * HOUR
        told.append(Told(at, random.choice(EVENTS), max(at - late, WALL)))
    return told


# ---- the engine


class Life:
    """One member in one campaign, on a clock that only these steps move."""

    def __init__(self, definition: Json, customer: str = "cust_1") -> None:
        self._run, self._number = CoreRun(), 0
        self.now, self.customer = WALL, customer
        clock = self._do(clocks.CreateTestClock(WALL, id="clock_1"))["id"]
        self._do(programs.CreateProgram("Main", id="prog_1", clock_id=clock))
        self._do(members.CreateAccount("prog_1", customer, account_id="loy_1"))
        self._do(offers.CreateOffer("checkout", "Ten", OPENED, "published", id="ofr_ten"))
        self._do(codes.CreateCodeBatch("ofr_ten", "Few", "#" * 12, "23456789BCDF", id="cbt_few"))
        self._do(*(codes.ImportCode("cbt_few", f"P-{number}") for number in range(CODES)))
        drafted = read_definition(definition, zone="UTC")
        assert not drafted.problems, drafted.problems
        self._do(campaigns.CreateCampaign("prog_1", "Care", "journey", drafted, id="cmp_1"))
        self._do(campaigns.PublishCampaign("cmp_1"))

    def _do(self, *commands: Command) -> Any:
        batch = []
        for command in commands:
            batch.append(Step(self._number, 0, type(command).__name__, command))
            self._number += 1
        outcomes = self._run.submit(batch)
        assert all(not hasattr(outcome, "code") for outcome in outcomes), outcomes
        return self._run.answers[self._number - 1]

    def advance(self, at: datetime) -> None:
        """The clock stands at the instant, and no worker has come."""
        self.now = at
        self._do(clocks.AdvanceTestClock("clock_1", at))
        self._do(clocks.FinishTestClock("clock_1", at))

    def work(self) -> None:
        """A worker comes."""
        self._do(campaigns.TakeSteps("loy_1"))

    def report(self, *told: Told) -> None:
        """The events are reported in one batch."""
        self._do(*(_reported(one, self.customer) for one in told))

    def log(self) -> list[tuple[Any, ...]]:
        """Every step that was taken, in order; and where the member stands."""
        rows = self._run.layers[0].all_written() if 0 in self._run.layers else []
        rows = list(self._run.layers[self._run.realms[0]].all_written())
        passages = sorted(
            (row for row in rows if isinstance(row, Enrolment)), key=lambda row: (row.entered_at, row.entry_key)
        )
        steps = [row for row in rows if isinstance(row, EnrolmentStep)]
        found: list[tuple[Any, ...]] = []
        for passage in passages:
            mine = sorted((row for row in steps if row.enrolment_id == passage.id), key=lambda row: row.position)
            found.append(("entered", passage.entered_at))
            found += [(row.step, row.outcome, row.at) for row in mine]
            conversion = passage.conversion
            found.append((passage.status, passage.step, passage.outcome, passage.due_at))
            found.append(("converted", None if conversion is None else conversion.at))
        (account,) = [row for row in rows if isinstance(row, Account)]
        return [*found, ("balance", account.ledger_balance_points)]


def _reported(told: Told, customer: str) -> Command:
    return earning.ReportEvent(told.type, {"customer": customer}, customer_id=customer, occurred_at=told.occurred_at)


def lived(definition: Json, told: list[Told], random: Random | None, customer: str = "cust_1") -> list[tuple[Any, ...]]:
    """The log of a life; `random`: with workers, awards of nothing and further batches thrown in."""
    life = Life(definition, customer)
    end = told[-1].at + 100 * HOUR
    for one in told:
        for at in _stops(life.now, one.at, random):
            life.advance(at)
            life.work()
        life.advance(one.at)
        if random is not None and random.random() < 0.3:
            life.work()
        life.report(one)
    for at in _stops(life.now, end, random):
        life.advance(at)
        life.work()
    life.advance(end)
    life.work()
    return life.log()


def _stops(start: datetime, end: datetime, random: Random | None) -> list[datetime]:
    if random is None:
        return []
    span = int((end - start) / timedelta(minutes=30))
    return sorted(
        start + timedelta(minutes=30) * random.randint(1, span - 1) for _ in range(random.randint(0, 2)) if span > 1
    )


# ---- the second opinion


@dataclass
class Passage:
    """One passage, as the rules say it goes."""

    entered_at: datetime
    since: datetime
    step: str | None = "s0"
    waits_since: datetime | None = None
    due_at: datetime | None = None
    heard: dict[str, list[int]] = field(default_factory=dict)
    won: dict[str, int] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    log: list[tuple[Any, ...]] = field(default_factory=list)
    outcome: str | None = None
    over_at: datetime | None = None
    is_held_out: bool = False
    converted: datetime | None = None


class Opinion:
    """A member's life in a campaign, computed by the rules' words, one instant after another."""

    def __init__(self, definition: Json, customer: str) -> None:
        self.says, self.passages, self.balance = definition, [], 0  # type: ignore[var-annotated]
        self.sent: list[datetime] = []
        digest = hashlib.sha256(f"cmp_1/holdout/{customer}".encode()).digest()[:8]
        self.is_held_out = int.from_bytes(digest, "big") / 2**64 * 10_000 < definition["holdout"]
        self.codes, self.left = CODES, definition.get("budget", {}).get("points", FAR)

    def live(self, told: list[Told]) -> list[tuple[Any, ...]]:
        for one in told:
            self._until(one.at)
            self._hear(one)
        self._until(told[-1].at + 100 * HOUR)
        found: list[tuple[Any, ...]] = []
        for passage in self.passages:
            status = "holdout" if passage.is_held_out else "over" if passage.step is None else "open"
            ends = (status, passage.step, passage.outcome, passage.due_at if passage.step is not None else None)
            found += [("entered", passage.entered_at), *passage.log, ends, ("converted", passage.converted)]
        return [*found, ("balance", self.balance)]

    def _until(self, now: datetime) -> None:
        """All that is due up to and at now, the first first."""
        while due := [one for one in self.passages if one.step is not None and one.due_at <= now]:
            passage = min(due, key=lambda one: (one.due_at, one.entered_at))
            self._go_on(passage, passage.due_at)

    def _go_on(self, passage: Passage, at: datetime) -> None:
        while passage.step is not None:
            id, step = passage.step, self.says["steps"][passage.step]
            if step["kind"] == "wait" and passage.waits_since is None and id not in passage.won:
                end = at + _length(step.get("for") or step["timeout"])
                if end > at:
                    passage.waits_since, passage.due_at = at, end
                    return
            if step["kind"] == "send_event" and (opens_at := self._opening(at)) > at:
                passage.due_at = opens_at
                return
            outcome, onward = self._take(passage, id, step, at)
            passage.log.append((id, outcome, at))
            passage.done.add(id)
            passage.step, passage.waits_since, passage.due_at = onward, None, at
            if onward is None:
                passage.outcome, passage.over_at = outcome if step["kind"] == "exit" else "completed", at

    def _opening(self, at: datetime) -> datetime:
        """The first minute from then on that lies in the window."""
        if window := self.says.get("send_window"):
            first, last = int(window["from"][:2]), int(window["to"][:2])
            while not ((at.hour - first) % 24 < (last - first) % 24):
                at = at.replace(minute=0, second=0, microsecond=0) + HOUR
        return at

    def _is_capped(self, of: str, times: list[datetime], at: datetime) -> bool:
        caps = [cap for cap in self.says.get("caps", ()) if cap["of"] == of]
        return any(sum(at - time < _length(cap["within"]) for time in times) >= cap["max"] for cap in caps)

    def _take(self, passage: Passage, id: str, step: Json, at: datetime) -> tuple[str, str | None]:
        if step["kind"] == "wait":
            if id in passage.won:
                return "heard", step["events"][passage.won[id]].get("next")
            return ("timeout", step.get("timeout_next")) if "events" in step else ("waited", step.get("next"))
        if step["kind"] == "award_points":
            if step["points"] > self.left:
                return "skipped", step.get("next")
            self.left -= step["points"]
            self.balance += step["points"]
            return "done", step.get("next")
        if step["kind"] == "send_event":
            if self._is_capped("messages", self.sent, at):
                return "skipped", step.get("on_capped", step.get("next"))
            self.sent.append(at)
            return "done", step.get("next")
        if step["kind"] == "issue_code":
            self.codes -= 1
            return ("skipped" if self.codes < 0 else "done"), step.get("next")
        if step["kind"] == "branch":
            (case,) = step["when"]
            holds = self.balance >= case["if"]["balance"]["gte"]
            return ("when[0]", case.get("next")) if holds else ("else", step.get("else"))
        return step["outcome"], None

    def _hear(self, told: Told) -> None:
        has_left = False
        for passage in self.passages:
            has_left = self._converts(passage, told) or has_left
            for id, step in self.says["steps"].items():
                if passage.step is None or "events" not in step or id in passage.done or id in passage.won:
                    continue
                since = passage.since
                if step["since"] == "step":
                    if passage.step != id or passage.waits_since is None:
                        continue
                    since = passage.waits_since
                if told.occurred_at < since:
                    continue
                counts = passage.heard.setdefault(id, [0] * len(step["events"]))
                for n, awaited in enumerate(step["events"]):
                    if awaited["type"] == told.type:
                        counts[n] += 1
                        if counts[n] >= awaited.get("count", 1) and id not in passage.won:
                            passage.won[id] = n
                if id in passage.won and passage.step == id and passage.waits_since is not None:
                    passage.due_at = told.at
        if not has_left and self._lets_in(told):
            entered = Passage(told.at, told.occurred_at, due_at=told.at)
            if self.is_held_out:
                entered.is_held_out, entered.step = True, None
                entered.over_at = self._goal_ends(entered) or told.at
            self.passages.append(entered)

    def _goal_ends(self, passage: Passage) -> datetime | None:
        goal = self.says.get("goal")
        return passage.entered_at + _length(goal["within"]) if goal else None

    def _converts(self, passage: Passage, told: Told) -> bool:
        """The passage is converted, if it is; whether that ends it."""
        goal, until = self.says.get("goal"), self._goal_ends(passage)
        if goal is None or until is None or goal["event"]["type"] != told.type or passage.converted is not None:
            return False
        if not (passage.since <= told.occurred_at and told.at < until):
            return False
        passage.converted = told.occurred_at
        if not goal["exit"] or passage.step is None:
            return False
        passage.step, passage.outcome, passage.over_at = None, "goal", told.at
        return True

    def _lets_in(self, told: Told) -> bool:
        entry, again = self.says["entry"], self.says["reentry"]
        if entry["event"]["type"] != told.type or told.at - told.occurred_at > _length(entry["max_age"]):
            return False
        if not self.passages:
            return True
        last = self.passages[-1]
        if again["mode"] == "once" or any(one.step is not None for one in self.passages):
            return False
        if last.over_at > told.at or told.at < last.entered_at + _length(again.get("cooldown", "0m")):
            return False
        return not self._is_capped("entries", [one.entered_at for one in self.passages], told.at)


def _length(text: str) -> timedelta:
    return int(text[:-1]) * {"m": timedelta(minutes=1), "h": HOUR}[text[-1]]


# ---- the laws


def test_a_second_opinion_agrees_about_every_step() -> None:
    def law(number: int) -> None:
        random = Random(number)
        definition, told = journey(random), story(random)
        customer = f"cust_{random.randint(1, 99)}"
        found = lived(definition, told, None, customer)
        assert Opinion(definition, customer).live(told) == found, (definition, told, customer)
        counted["entered"] += sum(row[0] == "entered" for row in found)
        counted["held out"] += sum(row[0] == "holdout" for row in found)
        counted["converted"] += sum(row[0] == "converted" and row[1] is not None for row in found)
        for what in ("heard", "timeout", "skipped"):
            counted[what] += sum(len(row) == 3 and row[1] == what for row in found)

    hold(law, examples=120, number=st.integers(0, 2**32))

    assert min(counted.values()) >= 2, counted


def test_no_step_depends_on_when_workers_come() -> None:
    def law(number: int) -> None:
        random = Random(number)
        definition, told = journey(random), story(random)
        assert lived(definition, told, random) == lived(definition, told, None), (definition, told)

    hold(law, examples=30, number=st.integers(0, 2**32))


def test_a_batch_of_events_equals_any_split_of_it() -> None:
    def law(number: int) -> None:
        random = Random(number)
        definition = journey(random)
        told = [Told(WALL + HOUR, random.choice(EVENTS), WALL + HOUR) for _ in range(random.randint(2, 6))]
        logs = []
        for sizes in ((len(told),), (1,) * len(told), (2,) * len(told)):
            life, left = Life(definition), list(told)
            life.advance(WALL + HOUR)
            for size in sizes:
                batch, left = left[:size], left[size:]
                if batch:
                    life.report(*batch)
            life.advance(WALL + 60 * HOUR)
            life.work()
            logs.append(life.log())
        assert logs[0] == logs[1] == logs[2], (definition, told)

    hold(law, examples=30, number=st.integers(0, 2**32))


class Crowd(Life):
    """Five members who have all entered a campaign that gives each a code."""

    MEMBERS = tuple(f"loy_{n}" for n in range(2, 7))

    def __init__(self, low_at: int) -> None:
        super().__init__({"entry": {}, "start": "s0", "steps": {"s0": {"kind": "issue_code", "batch": "cbt_few"}}})
        self._do(codes.UpdateCodeBatch("cbt_few", {"low_at": low_at}))
        for id in self.MEMBERS:
            self._do(members.CreateAccount("prog_1", f"cust_{id}", account_id=id))
        self._do(*(campaigns.EnterCampaign("cmp_1", id) for id in self.MEMBERS))

    def gave(self, commands: Sequence[Command], size: int) -> tuple[Any, ...]:
        """Whose each code is, and how often it was said that few are left, after the commands in batches of a size."""
        self.advance(WALL + HOUR)
        for start in range(0, len(commands), size):
            self._do(*commands[start : start + size])
        rows = list(self._run.layers[self._run.realms[0]].all_written())
        given = {row.code: row.account_id for row in rows if isinstance(row, Code)}
        (progress,) = (row for row in rows if isinstance(row, CodeProgress))
        lows = sum(isinstance(row, Event) and row.type == "code_batch.low" for row in rows)
        return given, progress.assigned, progress.issued, progress.made, lows


def test_codes_are_given_alike_in_whatever_batches_members_come() -> None:
    def law(number: int) -> None:
        random = Random(number)
        commands: list[Command] = [campaigns.TakeSteps(id) for id in Crowd.MEMBERS]
        commands += [codes.ImportCode("cbt_few", f"Q-{n}") for n in range(random.randint(0, 3))]
        commands += [codes.ImportCode("cbt_few", f"R-{n}", "loy_1") for n in range(random.randint(0, 1))]
        random.shuffle(commands)
        low_at = random.randint(0, 2)
        found = [Crowd(low_at).gave(commands, size) for size in (1, 2, 3, len(commands))]
        assert all(one == found[0] for one in found), (commands, found)
        given, assigned, _issued, _made, lows = found[0]
        counted["given"] += assigned
        counted["low"] += lows
        assert sum(holder is not None for holder in given.values()) == assigned

    hold(law, examples=30, number=st.integers(0, 2**32))

    assert min(counted[what] for what in ("given", "low")) >= 5, counted
