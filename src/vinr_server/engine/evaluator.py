"""Decide a command and discard its rows: nothing is locked or written, and no writer is waited for.

The function that a write would use decides it, on one snapshot, whose first statement reads the realm's catalogue
revision: what one process wrote counts for the next evaluation on any other.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from vinr_server.core.clocks.rows import TestClock
from vinr_server.core.credit.rows import Wallet
from vinr_server.core.decide import decide
from vinr_server.core.due import catch_up
from vinr_server.core.kernel.answers import Rejected
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.ledger.book.holders import AnyHolder
from vinr_server.core.members.rows import Account
from vinr_server.engine.batch import (
    Reload,
    Wholes,
    context_of,
    follow_all,
    needs_of_batch,
    reloading,
    require_known_merges,
)
from vinr_server.engine.catching_up import context_of_time
from vinr_server.engine.ids import Ids
from vinr_server.engine.submission import Outcome, Reply, Submission
from vinr_server.engine.writer import Writer
from vinr_server.storage.batch.load import Loader
from vinr_server.storage.batch.tables import encode_json
from vinr_server.storage.batch.transaction import find_kept
from vinr_server.storage.history.facts import read_history
from vinr_server.storage.reads.reader import Reader


class Evaluator:
    """Decides on connections of a pool, each time on a separate snapshot."""

    def __init__(self, reader: Reader, writer: Writer) -> None:
        self._reader, self._writer, self._ids = reader, writer, Ids()

    async def evaluate(self, submission: Submission) -> Outcome:
        """What the command would answer if it were decided now."""
        async with self._reader.snapshot() as connection:
            catalogue = await self._catalogue(connection, submission.realm)
            now = self._writer.clock()
            whole = Wholes()
            while True:
                (acting,) = whole.acted_for([submission])
                loaded = await self._load(connection, acting, catalogue, whole, now)
                try:
                    require_known_merges({acting.realm: loaded}, whole)
                    return self._decide(acting, loaded, now)
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
        self, connection: Any, submission: Submission, catalogue: Layer, whole: Wholes, now: datetime
    ) -> Layer:
        needs, layers = needs_of_batch([submission], whole, now), {submission.realm: Layer(catalogue)}
        loader = Loader(
            connection,
            needs,
            layers,
            follow=follow_all([submission], needs),
            is_distributed=self._writer.is_distributed,
            is_locking=False,
        )
        await loader.load()
        await read_history(connection, needs, layers, now)
        return layers[submission.realm]

    def _decide(self, submission: Submission, loaded: Layer, now: datetime) -> Outcome:
        self._ids.tick()
        clocks = {row.id: row.frozen_at for row in loaded.written(TestClock)}
        context = context_of(submission, now, clocks, self._ids)
        draft = loaded.draft()
        with reloading(submission.realm):
            holders: list[AnyHolder] = [*loaded.written(Account), *loaded.written(Wallet)]
            catch_up(draft, context_of_time(context), holders, with_segments=False)
            answer = decide(draft.draft(), submission.command, context)
        if isinstance(answer, Rejected):
            return answer
        return Reply(201 if answer.is_new else 200, encode_json(answer.payload))
