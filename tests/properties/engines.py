"""Three ways to run a history: in memory without a database, on PostgreSQL in batches, and through a Writer."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import msgspec
from steps import Step, submission

import memory_loading
from vinr_server.core.clocks.rows import TestClock
from vinr_server.core.due import catch_up
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.members.rows import Account
from vinr_server.core.segments.rows import SegmentUses
from vinr_server.engine.batch import Catalogues, Reload, Wholes, decide_all, run_batch
from vinr_server.engine.ids import Ids
from vinr_server.engine.submission import Outcome, Reply
from vinr_server.engine.writer import Writer
from vinr_server.storage.batch.buckets import bucket_of

# The last day of a January: a month later the calendar has to clamp.
WALL = datetime(2026, 1, 31, 10, 0, 0, tzinfo=UTC)

OWN_ID = re.compile(r"\b[a-z]+_[0-9a-f]{27}\b")


class CountedIds(Ids):
    """Ids that count from a number, so that two runs make the same ones as long as they do the same."""

    def __init__(self) -> None:
        self.reached = 0

    def start_at(self, number: int) -> None:
        """Ids count on from this number."""
        self.reached = number

    def tick(self) -> None:
        """Time leaves no mark."""

    def make_id(self, prefix: str, bucket: int) -> str:
        """`prefix_`, 25 hex digits of the count, 2 of the bucket."""
        self.reached += 1
        return f"{prefix}_{self.reached:025x}{bucket:02x}"

    def make_code(self) -> str:  # type: ignore[override]
        """A voucher code that counts too."""
        self.reached += 1
        return f"CODE{self.reached}"


class Run:
    """What every way of running a history shares: whose data, and the answers so far."""

    def __init__(self, realms: Sequence[int]) -> None:
        self.realms = realms
        self.answers: dict[int, Any] = {}
        self.outcomes: dict[int, Outcome] = {}

    def note(self, batch: Sequence[Step], outcomes: Sequence[Outcome]) -> list[Outcome]:
        """The answers can be referred to from now on."""
        for step, outcome in zip(batch, outcomes, strict=True):
            self.outcomes[step.number] = outcome
            if isinstance(outcome, Reply) and not step.is_dry_run:
                self.answers[step.number] = msgspec.json.decode(outcome.body)
        return list(outcomes)


class CoreRun(Run):
    """The decisions alone: nothing is saved, and loaded is what was declared, out of every row ever written."""

    def __init__(self) -> None:
        super().__init__((1, 2))
        self.layers = {realm: memory_loading.Stored() for realm in self.realms}
        self.known: dict[Any, Any] = {}
        self.ids = CountedIds()

    def submit(self, batch: Sequence[Step]) -> list[Outcome]:
        """The batch is decided and merged."""
        submissions = [submission(step, self.realms, self.answers) for step in batch]
        commands: dict[int, list[Any]] = {}
        for one in submissions:
            commands.setdefault(one.realm, []).append(one.command)
        whole, first_id = Wholes(), self.ids.reached
        while True:
            loaded = {
                realm: memory_loading.load(self.layers[realm], mine, whole=whole.of(realm), rows=whole.rows_of(realm))
                for realm, mine in commands.items()
            }
            written, known = {realm: Layer(layer) for realm, layer in loaded.items()}, dict(self.known)
            try:
                decided = decide_all(submissions, loaded, written, known, now=WALL, ids=self.ids, whole=whole)
            except Reload as reload:
                assert whole.add(reload), f"asks for {reload.need} again"
                self.ids.start_at(first_id)
                continue
            self.known = known
            for realm, layer in written.items():
                memory_loading.keep(self.layers[realm], layer)
            return self.note(batch, decided.outcomes)

    def settled(self, realm: int, *, after: timedelta = timedelta(), named_backwards: bool = False) -> Layer:
        """The realm's rows, had a command that names every account met all that is due by now, or so long after."""
        stored = self.layers[self.realms[realm]]
        known = stored.draft()
        known.put(stored.catalogue.every(SegmentUses)[0])  # or each look at an account would gather them again
        layer = known.draft()
        clocks = {row.id: row.frozen_at + after for row in stored.all_written() if isinstance(row, TestClock)}
        context = Context(
            WALL,
            clocks,
            self.ids.make_id,
            partial(bucket_of, self.realms[realm]),
            self.ids.make_code,  # type: ignore[arg-type]
            self.ids.draw_code,
        )
        reached = self.ids.reached
        accounts = [row for row in stored.all_written() if isinstance(row, Account)]
        catch_up(layer, context, reversed(accounts) if named_backwards else accounts)
        self.ids.start_at(reached)
        return layer

    def copy(self) -> CoreRun:
        """A run that goes on from here by itself."""
        twin = CoreRun()
        for realm, layer in self.layers.items():
            twin.layers[realm].merge(layer)
        twin.known, twin.answers, twin.outcomes = dict(self.known), dict(self.answers), dict(self.outcomes)
        return twin

    def has_become(self, other: CoreRun) -> bool:
        """Whether both have the very same rows and outcomes, made ids included; quicker than to compare their texts."""
        mine, theirs = (
            [{(type(row), row.key): row for row in layer.all_written()} for layer in run.layers.values()]
            for run in (self, other)
        )
        return mine == theirs and self.outcomes == other.outcomes

    def rows(self) -> list[str]:
        """Every row of every realm, in the order of its type and key."""
        found = [
            (realm, type(row).__name__, str(row.key), repr(row))
            for realm, layer in self.layers.items()
            for row in layer.all_written()
        ]
        return [f"{realm} {text}" for realm, _type, _key, text in sorted(found)]


class PostgresRun(Run):
    """One connection, one batch at a time, ids that count."""

    def __init__(
        self, runner: asyncio.Runner, connection: Any, realms: Sequence[int], *, is_distributed: bool = False
    ) -> None:
        super().__init__(realms)
        self._runner, self._connection, self._is_distributed = runner, connection, is_distributed
        self._catalogues, self.ids = Catalogues(), CountedIds()

    def submit(self, batch: Sequence[Step]) -> list[Outcome]:
        """The batch is committed."""
        submissions = [submission(step, self.realms, self.answers) for step in batch]
        return self.note(batch, self._runner.run(self._commit(submissions)))

    async def _commit(self, submissions: Sequence[Any]) -> list[Outcome]:
        """As the Writer does it: once more with all of what a decision needs more of."""
        whole = Wholes()
        while True:
            try:
                return await self._attempt(submissions, whole)
            except Reload as reload:
                assert whole.add(reload), f"asks for {reload.need} again"

    async def _attempt(self, submissions: Sequence[Any], whole: Wholes) -> list[Outcome]:
        first_id = self.ids.reached
        try:
            return await run_batch(
                self._connection,
                submissions,
                batch_id=uuid.uuid4(),
                catalogues=self._catalogues,
                ids=self.ids,
                clock=lambda: WALL,
                is_distributed=self._is_distributed,
                whole=whole,
            )
        except BaseException:
            self.ids.start_at(first_id)
            await self._connection.execute("rollback")
            raise


class WriterRun(Run):
    """The engine as it is served: ids of its own, a batch of what is submitted together."""

    def __init__(self, runner: asyncio.Runner, writer: Writer, realms: Sequence[int]) -> None:
        super().__init__(realms)
        self._runner, self._writer = runner, writer

    def submit(self, batch: Sequence[Step]) -> list[Outcome]:
        """All steps are enqueued at once, and answered."""
        submissions = [submission(step, self.realms, self.answers) for step in batch]
        return self.note(batch, self._runner.run(self._gather(submissions)))

    async def _gather(self, submissions: Sequence[Any]) -> list[Outcome]:
        return list(await asyncio.gather(*(self._writer.enqueue(one) for one in submissions)))


def outcome_text(outcome: Outcome) -> str:
    """An outcome in full: the bytes of a reply, or every word of a refusal."""
    if isinstance(outcome, Reply):
        return f"{outcome.status} {'replay ' if outcome.is_replay else ''}{outcome.body.decode()}"
    return repr(outcome)


def normalised(outcomes: Mapping[int, Outcome], rows: Sequence[str]) -> list[str]:
    """Answers and rows with every id of the engine's making renamed by the order of its first appearance."""
    names: dict[str, str] = {}

    def rename(match: re.Match[str]) -> str:
        own = match.group()
        return names.setdefault(own, f"{own.partition('_')[0]}#{len(names)}")

    texts = [f"{number} {outcome_text(outcome)}" for number, outcome in sorted(outcomes.items())]
    return [OWN_ID.sub(rename, text) for text in (*texts, *rows)]
