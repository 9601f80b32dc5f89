"""One batch: loaded in a few reads, decided command by command, saved in a few writes, committed once.

The first law: a batch of n equals any split of it, in answers and in state, ids and instants aside.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from vinr_server.core.clocks.rows import TestClock
from vinr_server.core.decide import decide, follow, needs_of
from vinr_server.core.events.rows import Event
from vinr_server.core.kernel.answers import Accepted, Rejected
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import NOBODY, AlsoRows, InPart, Needs, Whole
from vinr_server.core.members.merged import acted_for, merges_in
from vinr_server.engine.catching_up import brings_waiting, catch_up_with, waits_in
from vinr_server.engine.clock import Clock
from vinr_server.engine.figures import EngineFigures
from vinr_server.engine.ids import Ids
from vinr_server.engine.submission import Outcome, Reply, Submission
from vinr_server.storage.batch.buckets import bucket_of
from vinr_server.storage.batch.load import Loader
from vinr_server.storage.batch.save import KeptAnswer, save
from vinr_server.storage.batch.tables import encode_json
from vinr_server.storage.batch.transaction import KeyName, Seen, find_kept, lock_catalogues, read_catalogue
from vinr_server.storage.history.facts import read_history


class CommitFailed(Exception):
    """COMMIT answered with another tag: the transaction was already aborted, and nothing is written."""


class Reload(Exception):
    """The batch must run again with what only its rows could say.

    `need`: a decision needs more of a parent's rows than were read. `rows`: it needs these as well. `merged`: members
    that the batch names are merged, each with the one that acts for it.
    """

    def __init__(
        self,
        realm: int,
        need: Whole | None = None,
        *,
        rows: Collection[Whole] = (),
        merged: Mapping[str, str] = NOBODY,
    ) -> None:
        super().__init__(realm, need, rows, merged)
        self.realm, self.need, self.rows, self.merged = realm, need, rows, merged


class Everything(frozenset[Any]):
    """Everything that can be read in part, of any realm: after that no decision can ask for more."""

    def __contains__(self, need: object) -> bool:
        return True

    def __bool__(self) -> bool:
        return True


# How often a batch is loaded again for what a decision asked for; then everything is read whole, once. Of the batches
# of the property tests, which make offers and use them at once, 3 in 1,000 need more than one reload.
RELOADS_MAX = 4


class Wholes:
    """What a batch reads whole, by realm, because a decision has asked for it; how often it may ask is bounded.

    And what it has learned of its members: rows that others name, and who acts for whom.
    """

    def __init__(self) -> None:
        self._by_realm: dict[int, set[Whole]] = {}
        self._rows: dict[int, set[Whole]] = {}
        self._merged: dict[int, dict[str, str]] = {}
        self._count = 0

    def add(self, reload: Reload) -> bool:
        """Whether the batch can be loaded again: no decision asks for the same twice, nor once it has everything."""
        if reload.need is None:
            rows = self._rows.setdefault(reload.realm, set())
            merged = self._merged.setdefault(reload.realm, {})
            is_news = not rows.issuperset(reload.rows) or not merged.items() >= reload.merged.items()
            rows.update(reload.rows)
            merged.update(reload.merged)
            return is_news
        needs = self._by_realm.setdefault(reload.realm, set())
        if reload.need in needs or self._count > RELOADS_MAX:
            return False
        needs.add(reload.need)
        self._count += 1
        return True

    def of(self, realm: int) -> Collection[Whole]:
        """What is read whole in a realm."""
        return Everything() if self._count > RELOADS_MAX else self._by_realm.get(realm, ())

    def rows_of(self, realm: int) -> Collection[Whole]:
        """Rows, by type and key, that a decision has asked for."""
        return self._rows.get(realm, ())

    def merged_of(self, realm: int) -> Mapping[str, str]:
        """Members that turned out to be merged, each with the one that acts for it."""
        return self._merged.get(realm, NOBODY)

    def acted_for(self, submissions: Sequence[Submission]) -> Sequence[Submission]:
        """The submissions, about those who act for merged members."""
        if not self._merged:
            return submissions
        return [
            replace(submission, command=acted_for(submission.command, self.merged_of(submission.realm)))
            for submission in submissions
        ]


# What a key was used for: the fingerprint, and the answer's status and body.
KnownAnswers = dict[KeyName, tuple[bytes, int, bytes]]

# By realm: a revision, and the catalogue of that revision or a later one.
Known = dict[int, tuple[int, Layer]]


class Catalogues:
    """The catalogue of each realm as of a revision; read again when a batch sees a newer one."""

    def __init__(self, figures: EngineFigures | None = None) -> None:
        self._figures = figures or EngineFigures()
        self._known: Known = {}
        self._seen: dict[int, Seen] = {}

    async def known(self, connection: Any, realms: Iterable[int]) -> Known:
        """Each realm's catalogue as it is known here, with its revision; it may have changed since."""
        known: Known = {}
        for realm in realms:
            self._figures.catalogue_reads += realm not in self._known
            seen = self._seen.setdefault(realm, {})
            known[realm] = self._known.get(realm) or await read_catalogue(connection, realm, seen)
            self._known[realm] = known[realm]
        return known

    def are_at(self, revisions: Mapping[int, int], known: Known) -> bool:
        """Whether the catalogues that the batch used are of these revisions; those that are not are forgotten.

        The other lane may have read a newer one meanwhile: only what this batch used counts.
        """
        old = [realm for realm, revision in revisions.items() if known[realm][0] != revision]
        for realm in old:
            if self._known.get(realm) is known[realm]:
                del self._known[realm]
        return not old


@dataclass(slots=True)
class Decided:
    """A batch's decisions before they are saved."""

    now: datetime
    outcomes: list[Outcome] = field(default_factory=list)
    kept: list[KeptAnswer] = field(default_factory=list)
    encoded: dict[int, str] = field(default_factory=dict)
    payloads: list[Any] = field(default_factory=list)


def needs_of_batch(
    submissions: Iterable[Submission], whole: Wholes | None = None, at: datetime | None = None
) -> dict[int, Needs]:
    """What the submissions declare themselves, by realm. `at`: about when they are decided."""
    known, needs = whole or Wholes(), dict[int, Needs]()
    for submission in submissions:
        realm = submission.realm
        if realm not in needs:
            needs[realm] = Needs(known.of(realm), known.merged_of(realm), known.rows_of(realm), at)
        needs_of(submission.command, needs[realm])
    return needs


def follow_all(submissions: Iterable[Submission], needs: Mapping[int, Needs]) -> Callable[[Mapping[int, Layer]], None]:
    """What declares everything else that the submissions need, given the rows that were looked at."""

    def follow_rows(seen: Mapping[int, Layer]) -> None:
        for submission in submissions:
            follow(submission.command, seen[submission.realm], needs[submission.realm])

    return follow_rows


async def run_batch(
    connection: Any,
    submissions: Sequence[Submission],
    *,
    batch_id: uuid.UUID,
    catalogues: Catalogues,
    ids: Ids,
    clock: Clock,
    is_distributed: bool = False,
    whole: Wholes | None = None,
    on_loaded: Callable[[], None] = lambda: None,
    on_decided: Callable[[], None] = lambda: None,
    on_commit: Callable[[list[Outcome]], None] = lambda outcomes: None,
) -> list[Outcome]:
    """All submissions are decided in order, and what they wrote is committed; outcomes are in the same order.

    `whole` is what earlier attempts asked for, by Reload.
    `on_loaded` is called when the locks are held and the rows are loaded; again if the catalogue turns out to be old.
    `on_decided` is called when no decision will change, unless the batch has to run again.
    `on_commit` gets the outcomes just before COMMIT is sent: they hold if the commit turns out to have happened.
    """
    if whole is not None:
        submissions = whole.acted_for(submissions)
    needs = needs_of_batch(submissions, whole, clock())
    await connection.execute("begin")
    await lock_catalogues(connection, [realm for realm, mine in needs.items() if mine.changes_catalogue])
    names = {_name(submission) for submission in submissions if submission.idempotency_key}
    while True:
        catalogue = await catalogues.known(connection, needs)
        loaded = {realm: Layer(layer) for realm, (_revision, layer) in catalogue.items()}
        follow_rows = follow_all(submissions, needs)
        await Loader(connection, needs, loaded, follow=follow_rows, is_distributed=is_distributed).load()
        on_loaded()
        # After the locks: a twin in another process waited there.
        revisions, known = await find_kept(connection, needs, names)
        if catalogues.are_at(revisions, catalogue):
            break
        needs = needs_of_batch(submissions, whole, clock())
    require_known_merges(loaded, whole)
    now = clock()
    await read_history(connection, needs, loaded, now)
    written = {realm: Layer(layer) for realm, layer in loaded.items()}
    ids.tick()
    decided = decide_all(submissions, loaded, written, known, now=now, ids=ids, whole=whole)
    on_decided()
    await save(
        connection,
        batch_id,
        written,
        loaded,
        decided.kept,
        encoded=decided.encoded,
        is_distributed=is_distributed,
    )
    on_commit(decided.outcomes)
    tag = await connection.execute("commit")
    if tag != "COMMIT":
        raise CommitFailed(tag)
    return decided.outcomes


def require_known_merges(loaded: Mapping[int, Layer], whole: Wholes | None) -> None:
    """Nothing, where the batch knows who acts for each merged member it has loaded. Raises Reload elsewhere."""
    for realm, layer in loaded.items():
        merged = merges_in(layer)
        known = whole.merged_of(realm) if whole is not None else NOBODY
        if merged and not known.items() >= merged.items():
            raise Reload(realm, merged=merged)


def decide_all(
    submissions: Sequence[Submission],
    loaded: dict[int, Layer],
    written: dict[int, Layer],
    known: KnownAnswers,
    *,
    now: datetime,
    ids: Ids,
    whole: Wholes | None = None,
) -> Decided:
    """Each submission is decided on what the ones before it left; a refused one leaves nothing.

    Before it is decided, the accounts that it names have caught up with their time (R24). Raises Reload: all that the
    decisions ask for is asked for at once, so that many of a kind cost one reload.
    """
    whole = whole or Wholes()
    clocks = {realm: _clocks(layer) for realm, layer in loaded.items()}
    waits = {realm: waits_in(layer, now) for realm, layer in loaded.items()}
    decided = Decided(now)
    asked: dict[int, set[Whole]] = {}
    for submission in submissions:
        kept = known.get(_name(submission)) if submission.idempotency_key else None
        if kept is not None:
            decided.outcomes.append(_repeat(submission, kept))
            continue
        realm = submission.realm
        context = context_of(submission, now, clocks[realm], ids)
        try:
            if waits[realm]:
                learned = whole.merged_of(realm), whole.rows_of(realm)
                catch_up_with(written[realm], submission, context, *learned)
            draft = written[realm].draft()
            answer = decide(draft, submission.command, context)
        except InPart as missing:
            raise Reload(realm, missing.need) from None
        except AlsoRows as missing:
            asked.setdefault(realm, set()).update(missing.rows)
            continue
        if isinstance(answer, Rejected):
            decided.outcomes.append(_refuse(decided, known, submission, answer))
            continue
        reply = _encode(decided, answer)
        decided.outcomes.append(reply)
        if submission.is_dry_run:
            continue
        written[realm].merge(draft)
        waits[realm] = waits[realm] or brings_waiting(draft, loaded[realm], now)
        clocks[realm].update(_clocks(draft))
        if submission.idempotency_key:
            _keep(decided, known, submission, reply, _event_of(answer, draft))
    for realm, rows in asked.items():
        raise Reload(realm, rows=rows)
    return decided


@contextmanager
def reloading(realm: int) -> Iterator[None]:
    """What a decision needs in addition becomes a Reload of its batch."""
    try:
        yield
    except InPart as missing:
        raise Reload(realm, missing.need) from None
    except AlsoRows as missing:
        raise Reload(realm, rows=missing.rows) from None


def context_of(submission: Submission, now: datetime, clock_now: dict[str, datetime], ids: Ids) -> Context:
    """What a decision on this submission is given in addition to the rows."""
    realm = submission.realm
    return Context(
        wall_now=now,
        clock_now=clock_now,
        make_id=ids.make_id,
        bucket_of=lambda name: bucket_of(realm, name),
        make_code=ids.make_code,
        draw_code=ids.draw_code,
        fingerprint=submission.fingerprint,
        livemode=submission.livemode,
        is_deliverable=submission.is_deliverable,
        request_id=submission.request_id,
        idempotency_key=submission.idempotency_key,
    )


def _encode(decided: Decided, answer: Accepted) -> Reply:
    """The answer's bytes, remembered for the event that carries the very same payload."""
    body = encode_json(answer.payload)
    decided.encoded[id(answer.payload)] = body.decode()
    decided.payloads.append(answer.payload)  # keeps id() from being given to another object
    return Reply(201 if answer.is_new else 200, body)


def _refuse(decided: Decided, known: KnownAnswers, submission: Submission, refusal: Rejected) -> Outcome:
    """The refusal; if the submission keeps it, as the reply that its key repeats."""
    if not submission.keeps_refusal or submission.is_dry_run or not submission.idempotency_key:
        return refusal
    shown = {name: getattr(refusal, name) for name in ("code", "message", "param", "details")}
    reply = Reply(refusal.status, encode_json(shown))
    _keep(decided, known, submission, reply, None)
    return reply


def _event_of(answer: Accepted, draft: Layer) -> str | None:
    """The event whose payload is the answer, if there is one."""
    return next((event.id for event in draft.written(Event) if event.data is answer.payload), None)


def _keep(decided: Decided, known: KnownAnswers, submission: Submission, reply: Reply, event_id: str | None) -> None:
    """The key answers this from now on: the payload of the event that carries the answer, or the reply itself."""
    assert submission.idempotency_key is not None
    known[_name(submission)] = (submission.fingerprint, reply.status, reply.body)
    decided.kept.append(
        KeptAnswer(
            realm=submission.realm,
            operation=submission.operation,
            key=submission.idempotency_key,
            fingerprint=submission.fingerprint,
            status=reply.status,
            event_id=event_id,
            reply=None if event_id else reply.body.decode(),
            is_kept=submission.command.is_ledger_write,
            created_at=decided.now,
        )
    )


def _repeat(submission: Submission, kept: tuple[bytes, int, bytes]) -> Outcome:
    fingerprint, status, body = kept
    if fingerprint == submission.fingerprint:
        return Reply(status, body, is_replay=True)
    message = (
        f"Idempotency key {submission.idempotency_key!r} was already used with a different body."
        " Use a new key for a new request."
    )
    return Rejected("idempotency_key_reused", message, param="Idempotency-Key")


def _clocks(layer: Layer) -> dict[str, datetime]:
    return {row.id: row.frozen_at for row in layer.written(TestClock)}


def _name(submission: Submission) -> KeyName:
    assert submission.idempotency_key is not None
    return (submission.realm, submission.operation, submission.idempotency_key)
