"""Decide a command and discard its rows: nothing is locked or written, and no writer is waited for.

The function that a write would use decides it, on one snapshot, whose first statement reads the realm's catalogue
revision: what one process wrote counts for the next evaluation on any other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from vinr_server.core.clocks.rows import TestClock
from vinr_server.core.credit.rows import Wallet
from vinr_server.core.decide import decide
from vinr_server.core.due import catch_up
from vinr_server.core.kernel.answers import Rejected
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.ledger.book.holders import AnyHolder
from vinr_server.core.members.rows import Account
from vinr_server.core.simulation.commands import SimulateCampaign
from vinr_server.core.simulation.payloads import simulation_payload
from vinr_server.core.simulation.running import simulate, with_draft
from vinr_server.engine.batch import (
    Reload,
    Wholes,
    context_of,
    follow_all,
    needs_of_batch,
    reloading,
    require_known_merges,
)
from vinr_server.engine.catching_up import attempt_steps, context_of_time
from vinr_server.engine.ids import Ids
from vinr_server.engine.submission import Outcome, Reply, Submission
from vinr_server.engine.writer import Writer
from vinr_server.storage.batch.load import Loader
from vinr_server.storage.batch.tables import encode_json
from vinr_server.storage.batch.transaction import find_kept
from vinr_server.storage.history.facts import read_history
from vinr_server.storage.reads.reader import Reader

# What comes of submissions, given the rows that they need.
Decision = Callable[[Sequence[Submission], Layer, Context], Outcome]


class Evaluator:
    """Decides on connections of a pool, each time on a separate snapshot."""

    def __init__(self, reader: Reader, writer: Writer) -> None:
        self._reader, self._writer, self._ids = reader, writer, Ids()

    async def evaluate(self, submission: Submission) -> Outcome:
        """What the command would answer if it were decided now; of a simulation, what would come of it by its end."""
        command = submission.command
        if not isinstance(command, SimulateCampaign):
            return await self._decided([submission], self._decide)
        instants = {command.until, *(moment.at for moment in command.moments)}
        inner = [replace(submission, command=each) for each in command.commands]
        return await self._decided(
            inner,
            partial(_simulated, submission),
            instants=instants,
            prepare=lambda catalogue, now: with_draft(catalogue, command, now),
        )

    async def _decided(
        self,
        submissions: Sequence[Submission],
        decide: Decision,
        *,
        instants: Collection[datetime] = (),
        prepare: Callable[[Layer, datetime], Layer | Rejected] = lambda catalogue, _now: catalogue,
    ) -> Outcome:
        """What is decided on the rows that the submissions need.

        `instants`: to which it may pass time; `prepare`: makes the catalogue of it.
        """
        realm = submissions[0].realm
        async with self._reader.snapshot() as connection:
            now = self._writer.clock()
            catalogue = prepare(await self._catalogue(connection, realm), now)
            if isinstance(catalogue, Rejected):
                return catalogue
            whole = Wholes()
            while True:
                acting = whole.acted_for(submissions)
                loaded = await self._load(connection, acting, catalogue, whole, now, instants)
                try:
                    require_known_merges({realm: loaded}, whole)
                    self._ids.tick()
                    clocks = {row.id: row.frozen_at for row in loaded.written(TestClock)}
                    context = context_of(acting[0], now, clocks, self._ids)
                    with reloading(realm):
                        if len(acting) == 1:
                            return decide(acting, loaded, context)
                        # Many decisions take seconds, in which other requests of the process are answered.
                        return await asyncio.to_thread(decide, acting, loaded, context)
                except Reload as reload:
                    if not whole.add(reload):
                        raise

    async def _catalogue(self, connection: Any, realm: int) -> Layer:
        """The realm's catalogue as of this snapshot."""
        while True:
            revisions, _kept = await find_kept(connection, [realm], ())
            known = await self._writer.catalogues.known(connection, [realm])
            if self._writer.catalogues.are_at(revisions, known):
                return known[realm][1]

    async def _load(
        self,
        connection: Any,
        submissions: Sequence[Submission],
        catalogue: Layer,
        whole: Wholes,
        now: datetime,
        instants: Collection[datetime],
    ) -> Layer:
        realm = submissions[0].realm
        needs, layers = needs_of_batch(submissions, whole, now), {realm: Layer(catalogue)}
        needs[realm].plans.instants.update(instants)
        loader = Loader(
            connection,
            needs,
            layers,
            follow=follow_all(submissions, needs),
            is_distributed=self._writer.is_distributed,
            is_locking=False,
        )
        await loader.load()
        await read_history(connection, needs, layers, now)
        return layers[realm]

    @staticmethod
    def _decide(submissions: Sequence[Submission], loaded: Layer, context: Context) -> Outcome:
        (submission,) = submissions
        draft = loaded.draft()
        holders: list[AnyHolder] = [*loaded.written(Account), *loaded.written(Wallet)]
        catch_up(draft, context_of_time(context), holders, with_segments=False)
        answer = decide(draft.draft(), submission.command, context)
        if isinstance(answer, Rejected):
            return answer
        return Reply(201 if answer.is_new else 200, encode_json(answer.payload))


def _simulated(submission: Submission, _inner: Sequence[Submission], loaded: Layer, context: Context) -> Outcome:
    assert isinstance(submission.command, SimulateCampaign), "nothing else is simulated"
    found = simulate(loaded.draft(), submission.command, context_of_time(context), attempt=attempt_steps)
    if isinstance(found, Rejected):
        return found
    return Reply(200, encode_json(simulation_payload(found, submission.command, livemode=submission.livemode)))
