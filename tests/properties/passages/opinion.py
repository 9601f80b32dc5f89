"""What becomes of one member who may be in a journey and in a challenge: log, points and events, by the rules alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from passages.challenges import (
    attempts_complete,
    expires_at,
    is_done,
    may_count,
    note,
    spare_until,
    worth,
)
from passages.journeys import (
    Attempt,
    Campaign,
    Gave,
    Goal,
    Heard,
    Passage,
    count_heard,
    drawn,
    is_capped,
    meets,
    opening,
    wait_ends,
)
from passages.progress import hours
from passages.stories import BEGINS, COMPLETED, EARNED, PAID, Bought, Json, Move, Returned, Told, Undone

PROGRESS = "progress"
ENDLESS = 1_000_000


class Opinion:
    """A member's life with these campaigns; those created first come first."""

    def __init__(self, customer: str, campaigns: Sequence[Campaign], *, codes: int) -> None:
        self.customer, self.campaigns, self.codes = customer, campaigns, codes
        self.passages: list[Passage] = []
        self.ledger: list[tuple[int, datetime]] = []
        self.said: list[tuple[Any, ...]] = []
        self.sent: list[tuple[str, datetime]] = []
        self.left = {one.id: one.says.get("budget", {}).get("points", ENDLESS) for one in campaigns}
        self.paid: dict[str, tuple[int, int]] = {}
        self.exhausted = set[str]()
        self.chain: list[tuple[str, str, datetime]] = []

    @property
    def balance(self) -> int:
        """The points that the member has."""
        return sum(points for points, _at in self.ledger)

    def live(self, moves: Sequence[Move], ends_at: datetime) -> None:
        """All of it happens, and what is due by each instant before what arrives at it."""
        for number, move in enumerate(moves):
            if move.customer != self.customer:
                continue
            self._until(move.at)
            if isinstance(move, Told):
                self._hear(Heard(move.type, move.at, move.occurred_at), f"event {number}")
            elif isinstance(move, Bought):
                self.paid[move.id] = (move.amount, move.amount)
                self._hear(Heard(PAID, move.at, move.occurred_at, move.id, move.amount), move.id)
            elif isinstance(move, Returned):
                self._keep(move.of, -move.amount, move.at)
            elif isinstance(move, Undone):
                self._keep(move.payment, move.amount, move.at)
            self._hear_caused()
        self._until(ends_at)

    def _say(self, at: datetime, type: str, passage: Passage, *more: Any) -> None:
        self.said.append((at, f"campaign.{type}", passage.of.id, *more))
        if type == "completed":
            self.chain.append((COMPLETED, passage.of.id, at))

    # ---- time

    def _until(self, now: datetime) -> None:
        """All that is due up to and at now: the first first, then by priority, then what was created first."""
        while due := [one for one in self.passages if one.step and one.due_at is not None and one.due_at <= now]:
            passage = min(due, key=lambda one: (one.due_at, -one.of.priority, self.campaigns.index(one.of)))
            assert passage.due_at is not None
            at = passage.due_at
            self._go_on(passage, at)
            self._hear_caused()

    def _hear_caused(self) -> None:
        """What a campaign gave or completed is heard by the others, after all that led to it."""
        caused, self.chain = self.chain, []
        for type, campaign, at in caused:
            self._hear(Heard(type, at, at, given_by=campaign), "")

    def _go_on(self, passage: Passage, at: datetime) -> None:
        if passage.step == PROGRESS and not self._begin(passage, at):
            return
        while passage.step not in (None, PROGRESS):
            assert passage.step is not None
            id, step = passage.step, passage.of.says["steps"][passage.step]
            if step["kind"] == "wait" and passage.waits_since is None and id not in passage.won:
                end = wait_ends(step, at)
                if end > at:
                    passage.waits_since, passage.due_at = at, end
                    return
            if step["kind"] == "send_event" and (opens_at := opening(passage.of.says.get("send_window"), at)) > at:
                passage.due_at = opens_at
                return
            outcome, onward = self._take(passage, id, step, at)
            passage.log.append((id, outcome, at))
            passage.done[id] = outcome
            passage.step, passage.waits_since, passage.due_at = onward, None, at
            if onward is None and passage.of.counts is not None:
                self._rest(passage)
            elif onward is None:
                self._end(passage, outcome if step["kind"] == "exit" else "completed", at)

    def _end(self, passage: Passage, outcome: str, at: datetime) -> None:
        passage.step, passage.outcome, passage.over_at, passage.due_at = None, outcome, at, None
        if passage.of.counts is not None:
            passage.spare_until = spare_until(passage.of.counts, at) if outcome == "completed" else None
        if "exited" in passage.of.says.get("announce", ()):
            self._say(at, "exited", passage, outcome)

    # ---- steps

    def _take(self, passage: Passage, id: str, step: Json, at: datetime) -> tuple[str, str | None]:
        campaign, onward = passage.of.id, step.get("next")
        if step["kind"] == "wait":
            if id in passage.won:
                return "heard", step["events"][passage.won[id]].get("next")
            return ("timeout", step.get("timeout_next")) if "events" in step else ("waited", onward)
        if step["kind"] == "award_points":
            if step["points"] > self.left[campaign]:
                if campaign not in self.exhausted:  # said once in a period, and this one has no end
                    self.exhausted.add(campaign)
                    self._say(at, "budget_exhausted", passage)
                return "skipped", step.get("on_refused", onward)
            self.left[campaign] -= step["points"]
            self.ledger.append((step["points"], at))
            self.said.append((at, EARNED, step["points"]))
            self.chain.append((EARNED, campaign, at))
            passage.gave.append(Gave(id, step["points"]))
            return "done", onward
        if step["kind"] == "send_event":
            if is_capped(passage.of.says.get("caps", ()), "messages", self.sent, campaign, at):
                return "skipped", step.get("on_capped", onward)
            self.sent.append((campaign, at))
            self._say(at, "message", passage, id, len(passage.log) + 1, self._filled(passage, step))
            return "done", onward
        if step["kind"] == "issue_code":
            self.codes -= 1
            return ("skipped" if self.codes < 0 else "done"), onward
        if step["kind"] == "branch":
            (case,) = step["when"]
            return ("when[0]", case.get("next")) if self._holds(passage, case["if"]) else ("else", step.get("else"))
        if step["kind"] == "split":
            draw = drawn(campaign, step.get("key", id), self.customer)
            first, second = step["ways"]
            way = first if draw < first["share"] else second
            return way["name"], way.get("next")
        return step["outcome"], None

    def _holds(self, passage: Passage, asked: Json) -> bool:
        if "step" in asked:
            return passage.done.get(asked["step"]["id"]) == asked["step"]["outcome"]
        return bool(self.balance >= asked["balance"]["gte"])

    def _filled(self, passage: Passage, step: Json) -> Json:
        """References to the points of steps; null where such a step gave none."""
        gave = {f"steps.{one.step}.points": one.points for one in passage.gave}
        return {name: gave.get(asked["$ref"]) for name, asked in step.get("data", {}).items()}

    # ---- attempts

    def _begin(self, passage: Passage, at: datetime) -> bool:
        """The next attempt's steps have begun, or those of a window that ended short; else it is over, or rests."""
        waiting = next((one for one in passage.attempts if one.status == "waiting"), None)
        if waiting is not None:
            waiting.status = "running"
            passage.begin(passage.of.says["start"])
            return True
        ends_at = expires_at(passage)
        if ends_at is not None and ends_at <= at:
            passage.is_expired, passage.ends_as = True, "completed" if passage.attempts else "expired"
            sorry = (passage.of.counts or {}).get("on_expire")
            if sorry is not None and not passage.attempts:
                passage.is_expiring = True
                passage.begin(sorry)
                return True
        if is_done(passage):
            self._end(passage, passage.ends_as, at)
        else:
            passage.due_at = ends_at
        return False

    def _rest(self, passage: Passage) -> None:
        """The steps of an attempt, or of a window that ended short, are taken."""
        running, passage.step, passage.is_expiring = passage.running, PROGRESS, False
        if running is not None:
            running.status, running.gave = "done", passage.gave

    def _settle(self, passage: Passage, at: datetime) -> None:
        """As many attempts as what is kept comes to: new ones wait for their steps, the last ones too many are none."""
        complete = attempts_complete(passage)
        while len(passage.attempts) < complete:
            passage.attempts.append(Attempt())
            self._say(at, "completed", passage, len(passage.attempts))
        while len(passage.attempts) > complete:
            number, attempt = len(passage.attempts), passage.attempts.pop()
            gave = passage.gave if attempt.status == "running" else attempt.gave
            if attempt.status == "running":
                passage.step, passage.waits_since, passage.due_at = PROGRESS, None, at
            self._say(at, "revoked", passage, number, self._take_back(passage, gave, "contributions", at))
        is_waiting = any(one.status == "waiting" for one in passage.attempts)
        if passage.step is None and (is_waiting or not is_done(passage)):
            passage.step, passage.outcome, passage.over_at, passage.spare_until = PROGRESS, None, None, None
        if passage.step == PROGRESS:
            ends_at = expires_at(passage)
            is_due = is_waiting or is_done(passage)
            passage.due_at = at if is_due else max(ends_at, at) if ends_at is not None else None

    def _take_back(self, passage: Passage, gave: list[Gave], tie: str, at: datetime) -> int:
        """Points go back that are tied to what was refunded; how many those are."""
        points = 0
        for one in gave:
            if passage.of.says["steps"][one.step].get("clawback", tie) == tie and not one.is_back:
                one.is_back, points = True, points + one.points
                self.left[passage.of.id] += one.points
                self.ledger.append((-one.points, at))
        return points

    # ---- refunds

    def _keep(self, payment: str, more: int, at: datetime) -> None:
        """So much more of a payment is kept, or less: passages that it let in, attempts and goals follow."""
        paid, kept = self.paid[payment]
        self.paid[payment] = (paid, kept + more)
        is_whole = kept + more == 0
        if is_whole and more < 0:
            for passage in [one for one in self.passages if one.payment == payment and one.of.counts is None]:
                self._refund_entry(passage, at)
        for passage in [one for one in self.passages if payment in one.kept]:
            value = worth(passage.of.counts or {}, kept + more) if not is_whole else 0
            if value != passage.kept[payment].worth:
                passage.kept[payment].worth = value
                self._settle(passage, at)
        for passage in self.passages:
            for goal in [goal for goal in passage.goals if goal.payment == payment]:
                goal.is_refunded = is_whole
            self._stand(passage, at)

    def _refund_entry(self, passage: Passage, at: datetime) -> None:
        if passage.is_held_out:
            return
        if passage.step is not None and passage.of.says.get("exit_on_refund", True):
            self._end(passage, "entry_refunded", at)
        self._take_back(passage, passage.gave, "entry_payment", at)

    def _stand(self, passage: Passage, at: datetime) -> None:
        """The passage is converted by what stands: what it was, else the first that stands."""
        before = passage.converted
        if before is not None and not before.is_refunded:
            return
        passage.converted = next((goal for goal in passage.goals if not goal.is_refunded), None)
        if passage.is_held_out:
            return
        if before is not None:
            self._say(at, "conversion_reverted", passage, before.occurred_at)
        if passage.converted is not None:
            self._say(at, "converted", passage, passage.converted.occurred_at)

    # ---- events

    def _hear(self, heard: Heard, source: str) -> None:
        left = set[str]()
        for passage in [*self.passages]:
            if passage.of.id == heard.given_by:
                continue
            if passage.of.counts is not None:
                self._contribute(passage, heard, source)
                continue
            if self._converts(passage, heard):
                left.add(passage.of.id)
                self._end(passage, "goal", heard.at)
            elif passage.step is not None and self._is_ended_by(passage, heard):
                left.add(passage.of.id)
                self._end(passage, "rule", heard.at)
            elif passage.step is not None:
                count_heard(passage, heard)
        ranked = sorted(self.campaigns, key=lambda one: (-one.priority, self.campaigns.index(one)))
        for campaign in [one for one in ranked if one.id not in left and one.id != heard.given_by]:
            self._let_in(campaign, heard, source)

    def _is_ended_by(self, passage: Passage, heard: Heard) -> bool:
        rules = passage.of.says.get("exit_when", ())
        return heard.occurred_at >= passage.since and any(meets(rule["event"], heard) for rule in rules)

    def _goal_ends(self, passage: Passage) -> datetime | None:
        goal = passage.of.says.get("goal")
        return passage.entered_at + hours(goal["within"]) if goal else None

    def _converts(self, passage: Passage, heard: Heard) -> bool:
        """The goal is reached, if it is; whether that ends the passage."""
        goal, until = passage.of.says.get("goal"), self._goal_ends(passage)
        if goal is None or until is None or not meets(goal["event"], heard):
            return False
        if not (passage.since <= heard.occurred_at < until and heard.at < until):
            return False
        before = passage.converted
        passage.goals.append(Goal(heard.occurred_at, heard.payment))
        self._stand(passage, heard.at)
        return passage.converted is not before and goal["exit"] and passage.step is not None

    def _contribute(self, passage: Passage, heard: Heard, source: str) -> None:
        says = passage.of.counts
        is_over = passage.step is None and (passage.spare_until is None or heard.at > passage.spare_until)
        if says is None or passage.is_held_out or is_over or not may_count(says, heard, passage.since):
            return
        note(passage, source, heard)
        self._settle(passage, heard.at)
        if "progressed" in passage.of.says.get("announce", ()):
            self._say(heard.at, "progressed", passage)

    def _let_in(self, campaign: Campaign, heard: Heard, source: str) -> None:
        mine = [one for one in self.passages if one.of is campaign]
        if heard.occurred_at < BEGINS or self._is_barred(campaign, mine, heard):
            return
        payment = heard.payment
        passage = Passage(campaign, heard.at, heard.occurred_at, PROGRESS, payment, due_at=heard.at)
        if campaign.counts is None:
            passage.step = "s0"
        passage.is_held_out = drawn(campaign.id, "holdout", self.customer) < campaign.says["holdout"]
        self.passages.append(passage)
        if passage.is_held_out:
            passage.step, passage.due_at = None, None
            passage.over_at = self._goal_ends(passage) or heard.at
            return
        if "entered" in campaign.says.get("announce", ()):
            self._say(heard.at, "entered", passage)
        if campaign.counts is not None:
            self._contribute(passage, heard, source)

    def _is_barred(self, campaign: Campaign, mine: Sequence[Passage], heard: Heard) -> bool:
        """Whether the event is another's, too old, or the member may not enter again."""
        if campaign.counts is not None:
            return bool(mine) or not may_count(campaign.counts, heard, heard.occurred_at)
        entry, again = campaign.says["entry"], campaign.says["reentry"]
        if not meets(entry["event"], heard) or heard.at - heard.occurred_at > hours(entry["max_age"]):
            return True
        if mine:
            last = mine[-1]
            if again["mode"] == "once" or last.over_at is None or last.over_at > heard.at:
                return True
            if heard.at < last.entered_at + hours(again.get("cooldown", "0m")):
                return True
        entries = [(one.of.id, one.entered_at) for one in self.passages]
        return is_capped(campaign.says.get("caps", ()), "entries", entries, campaign.id, heard.at)
