"""The three ways a scenario is run: on core alone, on PostgreSQL through the engine, over HTTP against a real server.

A driver takes an operation of the API by its id, with a body as a caller writes it, and answers alike whichever way
it goes.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import uuid
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from itertools import count
from typing import Any, Protocol

import httpx2
import psycopg
from psycopg.rows import namedtuple_row

import memory_loading
from conftest import PEPPER, Realm, start_server
from vinr_server.api.contract.offers import show_offers
from vinr_server.api.contract.payments import CreatePaymentInput, payment
from vinr_server.api.contract.table import OPERATIONS
from vinr_server.api.edge.call import Call, Caller
from vinr_server.api.edge.fingerprint import fingerprint
from vinr_server.api.edge.keys import hash_key, make_key
from vinr_server.api.edge.parse import read_struct
from vinr_server.api.edge.problems import Problem
from vinr_server.api.edge.times import read_instant_or_none
from vinr_server.api.resources.accounts import show_accounts
from vinr_server.api.resources.code_batches import ImportedCodeInput
from vinr_server.api.resources.enrolments import show_enrolments
from vinr_server.api.resources.grants import show_grants
from vinr_server.api.resources.segments import retrieve_segment_size
from vinr_server.api.resources.store_credit import show_wallets
from vinr_server.core.campaigns.challenges.figures import progress_payload
from vinr_server.core.campaigns.challenges.measuring import course_of
from vinr_server.core.campaigns.commands import BeginEntries, EnterPage, FindChallenges, FollowCampaign
from vinr_server.core.campaigns.entries.rows import CampaignScan
from vinr_server.core.campaigns.passages.due import catch_up_with_steps
from vinr_server.core.campaigns.passages.hearing import hear_due
from vinr_server.core.campaigns.payloads import scan_payload
from vinr_server.core.campaigns.rows import Campaign, Enrolment
from vinr_server.core.checkout.commands import ExpireCheckoutSession
from vinr_server.core.checkout.rows import CheckoutSession
from vinr_server.core.clocks.commands import FinishTestClock
from vinr_server.core.clocks.rows import TestClock
from vinr_server.core.codes.commands import ImportCode
from vinr_server.core.conditions.membership import segments_of
from vinr_server.core.credit.rows import Wallet
from vinr_server.core.credit.wallets import show_wallet
from vinr_server.core.decide import decide
from vinr_server.core.due import catch_up
from vinr_server.core.kernel.answers import Accepted, Rejected
from vinr_server.core.kernel.commands import Command, Context
from vinr_server.core.kernel.needs import AlsoRows, InPart
from vinr_server.core.kernel.rows import Row
from vinr_server.core.ledger.commands import ExpireLots
from vinr_server.core.members.changes import show_account
from vinr_server.core.members.merged import acted_for
from vinr_server.core.members.rows import Account
from vinr_server.core.offers.changes import shown_offer
from vinr_server.core.offers.commands import CloseOffer
from vinr_server.core.offers.payloads import offer_grant_payload
from vinr_server.core.offers.rows import Offer, OfferGrant
from vinr_server.core.programs.rows import Program
from vinr_server.core.referrals.commands import ExpireReferral
from vinr_server.core.referrals.rows import Referral
from vinr_server.core.segments.commands import JudgeSegments, ScanSegment
from vinr_server.core.segments.rows import Segment, SegmentMember
from vinr_server.engine.batch import Reload, Wholes, require_known_merges
from vinr_server.engine.catching_up import context_of_time
from vinr_server.engine.evaluator import Evaluator
from vinr_server.engine.ids import Ids
from vinr_server.engine.submission import Submission, system_submission
from vinr_server.engine.timely import UNDONE_BY_TIME, submit_in_time, write_due
from vinr_server.engine.writer import Writer
from vinr_server.storage.batch.buckets import bucket_of
from vinr_server.storage.batch.tables import TABLES, encode_json
from vinr_server.storage.postgres.connect import connect_readers, connect_writer
from vinr_server.storage.postgres.tenants import add_key, ensure_realm
from vinr_server.storage.reads.reader import Reader
from vinr_server.storage.reads.segments import segments_of_account
from vinr_server.workers.due import DueWorker

Json = dict[str, Any]
BY_ID = {operation.id: operation for operation in OPERATIONS}
ROUNDS_MAX = 2_000
STOPS_MAX = 500
# What calls in bulk submit for each of their items.
ONE_OF = {"create_payments": "create_payment", "import_codes": "import_code"}


@dataclass(frozen=True)
class Request:
    """One call as a step words it."""

    operation: str
    body: Json = field(default_factory=dict)
    id: str | None = None
    idempotency_key: str | None = None
    is_dry_run: bool = False


@dataclass(frozen=True)
class Answer:
    """What came back: an object, or a refusal's code with its details."""

    status: int
    payload: Json = field(default_factory=dict)
    code: str | None = None
    message: str = ""
    details: Json = field(default_factory=dict)
    is_replay: bool = False

    @classmethod
    def of_problem(cls, problem: Problem) -> Answer:
        """A refusal that was not put on the wire."""
        details = json.loads(encode_json(problem.details))
        return cls(problem.status, code=problem.code, message=problem.message, details=details)


class Driver(Protocol):
    """One way of running a scenario, in a realm of its own."""

    def call(self, request: Request) -> Answer:
        """The answer to one call."""

    def settle(self, clock_id: str) -> None:
        """All work that is due by the clock's instant is written."""

    def account(self, account_id: str) -> Json:
        """The account as callers read it."""

    def wallet(self, wallet_id: str) -> Json:
        """The store credit account as callers read it."""

    def rows(self, row_type: type[Row]) -> list[Any]:
        """All rows of a type, with the fields of that type."""

    def offer(self, offer_id: str) -> Json:
        """The offer as callers read it."""

    def grant(self, grant_id: str) -> Json:
        """The grant of an offer as callers read it."""

    def progress(self, enrolment_id: str) -> Json:
        """How far a member has come in a challenge, as callers read it."""

    def challenges(self, account_id: str) -> list[Json]:
        """The challenges that the member can enter, as callers read them."""

    def scans(self, campaign_id: str) -> list[Json]:
        """The campaign's scans as callers read them, the newest first."""

    def segments(self, account_id: str) -> set[str]:
        """The segments that the account is in."""

    def size(self, segment_id: str) -> int:
        """How many members a segment has."""

    def judge(self) -> None:
        """Every move between dynamic segments up to now is announced."""


# ---- what core and the engine are given: a command in place of a request


def command_of(request: Request) -> tuple[Command, bytes]:
    """The command that the API makes of a request, and the fingerprint of its body."""
    if request.operation == "create_payments":
        return _imported_payment(request.body)
    if request.operation == "import_codes":
        return _imported_code(request)
    operation = BY_ID[request.operation]
    ids = {"id": request.id} if request.id else {}
    call = Call(Caller(0, False), None, path=ids)  # type: ignore[arg-type]
    call.body = read_struct(operation.body, request.body) if operation.body else None
    assert operation.translate is not None
    command = operation.translate(call)
    if inspect.isawaitable(command):
        command = _run_through(command)  # type: ignore[arg-type]
    return command, fingerprint(call.body, *ids.values())


def _run_through(coroutine: Coroutine[Any, Any, Command]) -> Command:
    """The result of a translation that need not wait: scenarios write instants in full."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("a translation read something")


def _imported_payment(body: Json) -> tuple[Command, bytes]:
    """The one payment of a bulk call, as a call in bulk submits it."""
    one = read_struct(CreatePaymentInput, body["payments"][0])
    occurred_at = read_instant_or_none(one.occurred_at, param="occurred_at")
    return payment(one, occurred_at=occurred_at, enrol_in=body["program"]), fingerprint(one)


def _imported_code(request: Request) -> tuple[Command, bytes]:
    """The one code of a bulk call."""
    (row,) = request.body["codes"]
    one = read_struct(ImportedCodeInput, row)
    ends_at = read_instant_or_none(one.expires_at, param="expires_at")
    assert request.id is not None, "codes are imported into a batch"
    return ImportCode(request.id, one.code, one.account, expires_at=ends_at), fingerprint(one)


def _is_deliverable(request: Request) -> bool:
    return bool(request.body["deliver_events"]) if request.operation == "create_payments" else True


# ---- core


class CoreDriver:
    """Rows in memory: decide on those declared, and merge what was accepted. There are no idempotency keys."""

    def __init__(self) -> None:
        self._layer = memory_loading.Stored()
        self._numbers = count(1)

    def call(self, request: Request) -> Answer:
        """The answer to one call."""
        try:
            command, digest = command_of(request)
        except Problem as problem:
            return Answer.of_problem(problem)
        context = replace(self._context(), fingerprint=digest, is_deliverable=_is_deliverable(request))
        answer = self._decide(command, context, is_dry_run=request.is_dry_run)
        if answer.code in UNDONE_BY_TIME:
            for account in self.rows(Account):
                self._decide(ExpireLots(account.id), self._context())
            answer = self._decide(command, context, is_dry_run=request.is_dry_run)
        return answer

    def _decide(self, command: Command, context: Context, *, is_dry_run: bool = False) -> Answer:
        whole = Wholes()
        while True:
            acting, merged = acted_for(command, whole.merged_of(0)), whole.merged_of(0)
            loaded = memory_loading.load(self._layer, [acting], whole=whole.of(0), merged=merged, rows=whole.rows_of(0))
            due = loaded.draft()
            try:
                require_known_merges({0: loaded}, whole)
                holders = [*loaded.written(Account), *loaded.written(Wallet)]
                catch_up_with_steps(due, context_of_time(context), holders, on_done=hear_due)
                draft = due.draft()
                answer = decide(draft, acting, context)
                break
            except InPart as missing:
                assert whole.add(Reload(0, missing.need)), f"asks for {missing.need} again"
            except AlsoRows as missing:
                assert whole.add(Reload(0, rows=missing.rows)), f"asks for {missing.rows} again"
            except Reload as reload:
                assert whole.add(reload), f"asks for {reload} again"
        memory_loading.keep(self._layer, due)
        if isinstance(answer, Rejected):
            return Answer.of_problem(Problem.of(answer))
        assert isinstance(answer, Accepted)
        if not is_dry_run:
            memory_loading.keep(self._layer, draft)
        return Answer(201 if answer.is_new else 200, json.loads(encode_json(answer.payload)))

    def _context(self) -> Context:
        return Context(
            wall_now=datetime.now(UTC),
            clock_now={clock.id: clock.frozen_at for clock in self.rows(TestClock)},
            make_id=lambda prefix, bucket: f"{prefix}_{next(self._numbers):06d}",
            bucket_of=partial(bucket_of, 0),
            make_code=lambda: f"CODE{next(self._numbers)}",
            draw_code=Ids.draw_code,
        )

    def settle(self, clock_id: str) -> None:
        """All work that is due by the clock's instant is written."""
        for _stop in range(STOPS_MAX):
            self._work(clock_id)
            clock = self._layer.get(TestClock, clock_id)
            assert clock is not None
            self._decide(FinishTestClock(clock_id, clock.frozen_at), self._context())
            if clock.target_at is None:
                return
        raise AssertionError(f"{clock_id} is not where it was going after {STOPS_MAX} stops")

    def _work(self, clock_id: str) -> None:
        """What is due by where the clock stands is written, and scans go on."""
        for account in (*self.rows(Account), *self.rows(Wallet)):
            self._decide(ExpireLots(account.id), self._context())
        for enrolment in self.rows(Enrolment):
            self._decide(FollowCampaign(enrolment.id), self._context())
        self.judge()
        for offer in self.rows(Offer):
            self._decide(CloseOffer(offer.id), self._context())
        for session in self.rows(CheckoutSession):
            self._decide(ExpireCheckoutSession(session.id, only_if_over=True), self._context())
        for referral in self.rows(Referral):
            self._decide(ExpireReferral(referral.id), self._context())
        for campaign in self.rows(Campaign):
            if campaign.next_entry_at is not None and campaign.archived_at is None:
                self._decide(BeginEntries(campaign.id), self._context())
        scans = [scan for scan in self.rows(CampaignScan) if scan.done_at is None]
        for scan in scans:
            self._let_in(scan)
        for account in self.rows(Account) if scans else ():
            self._decide(ExpireLots(account.id), self._context())

    def _let_in(self, scan: CampaignScan) -> None:
        """All whom the scan finds have entered, two at a time, as far as there is room for them now."""
        found = [(row.created_at, row.id) for row in self.rows(Account) if row.program_id == scan.program_id]
        if scan.segment_id is not None:
            mine = [row for row in self.rows(SegmentMember) if row.segment_id == scan.segment_id]
            found = [(row.entered_at, row.account_id) for row in mine if row.left_at is None]
        members, before = sorted(place for place in found if place[0] <= scan.as_of), None
        while scan.done_at is None and scan != before:
            page = tuple(place for place in members if place > scan.place)[:2]
            enter = EnterPage(scan.campaign_id, scan.name, scan.place, page, is_last=len(page) < 2, data=scan.data)
            self._decide(enter, self._context())
            before, (scan,) = scan, [row for row in self.rows(CampaignScan) if row.id == scan.id]

    def account(self, account_id: str) -> Json:
        """The account as callers read it."""
        seen, context = self._layer.draft(), self._context()
        memory_loading.read_credits(self._layer, seen, [account_id])
        catch_up(seen, context, [account for account in self.rows(Account) if account.id == account_id])
        account = seen.get(Account, account_id)
        assert account is not None
        shown: Json = json.loads(encode_json(show_account(seen, account, context)))
        return shown

    def wallet(self, wallet_id: str) -> Json:
        """The store credit account as callers read it."""
        seen, context = self._layer.draft(), self._context()
        catch_up(seen, context, [wallet for wallet in self.rows(Wallet) if wallet.id == wallet_id])
        wallet = seen.get(Wallet, wallet_id)
        assert wallet is not None
        shown: Json = json.loads(encode_json(show_wallet(seen, wallet, context)))
        return shown

    def rows(self, row_type: type[Row]) -> list[Any]:
        """All rows of a type."""
        return [row for row in self._layer.all_written() if type(row) is row_type]

    def offer(self, offer_id: str) -> Json:
        """The offer as callers read it."""
        offer = self._layer.get(Offer, offer_id)
        assert offer is not None
        return dict(shown_offer(self._layer, self._context(), offer))

    def grant(self, grant_id: str) -> Json:
        """The grant of an offer as callers read it."""
        grant = self._layer.get(OfferGrant, grant_id)
        assert grant is not None
        account = self._layer.get(Account, grant.account_id)
        assert account is not None
        program = self._layer.get(Program, account.program_id)
        assert program is not None
        return dict(offer_grant_payload(grant, now=self._context().now(program.clock_id), livemode=False))

    def progress(self, enrolment_id: str) -> Json:
        """How far a member has come in a challenge, as callers read it."""
        enrolment = self._layer.get(Enrolment, enrolment_id)
        assert enrolment is not None
        account, program = (
            self._layer.get(Account, enrolment.account_id),
            self._layer.get(Program, enrolment.program_id),
        )
        assert account is not None and program is not None
        now = self._context().now(program.clock_id)
        return dict(progress_payload(course_of(self._layer, enrolment, account), now=now))

    def challenges(self, account_id: str) -> list[Json]:
        """The challenges that the member can enter, as callers read them."""
        return list(self._decide(FindChallenges(account_id), self._context(), is_dry_run=True).payload["challenges"])

    def scans(self, campaign_id: str) -> list[Json]:
        """The campaign's scans as callers read them, the newest first."""
        mine = [scan for scan in self.rows(CampaignScan) if scan.campaign_id == campaign_id]
        mine.sort(key=lambda scan: (scan.started_at, scan.id), reverse=True)
        return [dict(scan_payload(scan, livemode=False)) for scan in mine]

    def segments(self, account_id: str) -> set[str]:
        """The segments that the account is in."""
        account = self._layer.get(Account, account_id)
        assert account is not None
        ids = [segment.id for segment in self.rows(Segment)]
        return set(segments_of(self._layer, self._context(), account, ids))

    def size(self, segment_id: str) -> int:
        """How many members a segment has."""
        return sum(segment_id in self.segments(account.id) for account in self.rows(Account))

    def judge(self) -> None:
        """Every move between dynamic segments up to now is announced."""
        ids = tuple(sorted(account.id for account in self.rows(Account)))
        for segment in self.rows(Segment):
            if not segment.is_scanned:
                self._decide(ScanSegment(segment.id, segment.revision, "", ids, is_last=True), self._context())
        for account_id in ids:
            self._decide(JudgeSegments(account_id), self._context())


# ---- PostgreSQL


def new_realm(connection: psycopg.Connection[Any]) -> Realm:
    """A realm with a key, over a connection that is there: opening two for each scenario took a sixth of all time."""
    name, key = uuid.uuid4().hex, make_key(livemode=False)
    realm = ensure_realm(connection, f"tnt_{name}", name, livemode=False)
    add_key(connection, realm, key_id=f"key_{name}", key_hash=hash_key(key, PEPPER), name="scenario")
    return Realm(realm, key)


class Rows:
    """Reads whole tables of one realm, beside the code under test."""

    def __init__(self, connection: psycopg.Connection[Any], realm: int) -> None:
        self._connection, self._realm = connection, realm

    def of(self, row_type: type[Row]) -> list[Any]:
        """All rows of a type."""
        table = TABLES[row_type]
        statement = f"select {', '.join(table.fields)} from {table.name} where realm = %s"
        with self._connection.cursor(row_factory=namedtuple_row) as cursor:
            return cursor.execute(statement.encode(), (self._realm,)).fetchall()


class Engine:
    """A writer, its due work and a reader on a loop of their own, shared by the scenarios of a session."""

    def __init__(self, database_url: str) -> None:
        self.database_url = database_url
        self._loop = asyncio.new_event_loop()
        self.writer = Writer(partial(connect_writer, database_url))
        self.run(self.writer.start())
        self._pool = self.run(connect_readers(database_url, size=2))
        self.reader = Reader(self._pool)
        self.worker = DueWorker(self._pool, self.writer)
        self.connection = psycopg.connect(database_url, autocommit=True)

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """The coroutine's result."""
        return self._loop.run_until_complete(coroutine)

    def stop(self) -> None:
        """All connections and the loop are closed."""
        self.run(self.writer.stop())
        self.run(self._pool.close())
        self._loop.close()
        self.connection.close()


class PostgresDriver:
    """The engine on a database, without HTTP in front; due work is run when a scenario says so."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._realm = engine, new_realm(engine.connection)
        self._rows = Rows(engine.connection, self._realm.id)

    def call(self, request: Request) -> Answer:
        """The answer to one call."""
        try:
            command, digest = command_of(request)
        except Problem as problem:
            return Answer.of_problem(problem)
        submission = Submission(
            realm=self._realm.id,
            livemode=False,
            operation=ONE_OF.get(request.operation, request.operation),
            command=command,
            fingerprint=digest,
            idempotency_key=request.idempotency_key,
            is_dry_run=request.is_dry_run,
            is_deliverable=_is_deliverable(request),
        )
        outcome = self._engine.run(submit_in_time(self._engine.reader.pool, self._engine.writer, submission))
        if isinstance(outcome, Rejected):
            return Answer.of_problem(Problem.of(outcome))
        return Answer(outcome.status, json.loads(outcome.body), is_replay=outcome.is_replay)

    def settle(self, clock_id: str) -> None:
        """All work that is due by the clock's instant is written."""
        for _round in range(ROUNDS_MAX):
            if all(clock.status == "ready" for clock in self.rows(TestClock) if clock.id == clock_id):
                return
            self._engine.run(self._engine.worker.work_once())
        raise AssertionError(f"{clock_id} is not ready after {ROUNDS_MAX} rounds of due work")

    def account(self, account_id: str) -> Json:
        """The account as callers read it."""
        return dict(self._engine.run(self._show(account_id)))

    async def _show(self, account_id: str) -> Json:
        await write_due(self._engine.reader.pool, self._engine.writer, self._realm.id, livemode=False)
        row = await self._engine.reader.row(self._realm.id, Account, account_id)
        call = Call(Caller(self._realm.id, False), self._engine.reader)
        shown: Json = (await show_accounts(call, [row]))[0]
        return shown

    def wallet(self, wallet_id: str) -> Json:
        """The store credit account as callers read it."""
        return dict(self._engine.run(self._show_wallet(wallet_id)))

    async def _show_wallet(self, wallet_id: str) -> Json:
        await write_due(self._engine.reader.pool, self._engine.writer, self._realm.id, livemode=False)
        row = await self._engine.reader.row(self._realm.id, Wallet, wallet_id)
        shown: Json = (await show_wallets(Call(Caller(self._realm.id, False), self._engine.reader), [row]))[0]
        return shown

    def rows(self, row_type: type[Row]) -> list[Any]:
        """All rows of a type."""
        return self._rows.of(row_type)

    def offer(self, offer_id: str) -> Json:
        """The offer as callers read it."""
        call = Call(Caller(self._realm.id, False), self._engine.reader)
        row = self._engine.run(self._engine.reader.row(self._realm.id, Offer, offer_id))
        return dict(self._engine.run(show_offers(call, [row]))[0])

    def grant(self, grant_id: str) -> Json:
        """The grant of an offer as callers read it."""
        call = Call(Caller(self._realm.id, False), self._engine.reader)
        row = self._engine.run(self._engine.reader.row(self._realm.id, OfferGrant, grant_id))
        return dict(self._engine.run(show_grants(call, [row]))[0])

    def progress(self, enrolment_id: str) -> Json:
        """How far a member has come in a challenge, as callers read it."""
        call = Call(Caller(self._realm.id, False), self._engine.reader)
        row = self._engine.run(self._engine.reader.row(self._realm.id, Enrolment, enrolment_id))
        return dict(self._engine.run(show_enrolments(call, [row]))[0]["progress"])

    def challenges(self, account_id: str) -> list[Json]:
        """The challenges that the member can enter, as callers read them."""
        asked = system_submission(self._realm.id, FindChallenges(account_id), livemode=False)
        evaluator = Evaluator(self._engine.reader, self._engine.writer)
        return list(json.loads(self._engine.run(evaluator.evaluate(asked)).body)["challenges"])

    def scans(self, campaign_id: str) -> list[Json]:
        """The campaign's scans as callers read them, the newest first."""
        call = Call(
            Caller(self._realm.id, False), self._engine.reader, path={"id": campaign_id}, query={"limit": "100"}
        )
        read = BY_ID["list_campaign_scans"].read
        assert read is not None
        return list(self._engine.run(read(call))["data"])

    def segments(self, account_id: str) -> set[str]:
        """The segments that the account is in: as they are read, which are those that were announced."""
        account = self._engine.run(self._engine.reader.row(self._realm.id, Account, account_id))
        now = datetime.now(UTC)
        read = set(self._engine.run(segments_of_account(self._engine.reader, self._realm.id, account, now)))
        dynamic = {segment.id for segment in self.rows(Segment) if segment.type == "dynamic" and not segment.deleted_at}
        if dynamic:
            self.judge()
            announced = {
                place.segment_id
                for place in self.rows(SegmentMember)
                if place.account_id == account_id and place.left_at is None and place.segment_id in dynamic
            }
            assert announced == read & dynamic, "other segments were announced"
        return read

    def size(self, segment_id: str) -> int:
        """How many members a segment has."""
        call = Call(Caller(self._realm.id, False), self._engine.reader, path={"id": segment_id})
        return int(self._engine.run(retrieve_segment_size(call))["count"])

    def judge(self) -> None:
        """Every move between dynamic segments up to now is announced."""
        while not all(segment.is_scanned or segment.deleted_at for segment in self.rows(Segment)):
            self._engine.run(self._engine.worker.work_once())
        self._engine.run(
            write_due(self._engine.reader.pool, self._engine.writer, self._realm.id, livemode=False, with_segments=True)
        )


# ---- HTTP


class HttpDriver:
    """A client of a server's processes, with a key of its own; due work is run when a scenario says so.

    A worker that came by itself would now and then take a step before the scenario looks.
    """

    def __init__(self, client: httpx2.Client, engine: Engine, rows: Rows, realm: Realm) -> None:
        self._client, self._engine, self._rows = client, engine, rows
        self._headers = {"Authorization": f"Bearer {realm.key}"}

    def call(self, request: Request) -> Answer:
        """The answer to one call."""
        operation = BY_ID[request.operation]
        headers = {"Idempotency-Key": request.idempotency_key} if request.idempotency_key else {}
        if operation.body is not None:
            headers["Content-Type"] = "application/json"
        response = self._client.request(
            operation.method,
            operation.path.format(id=request.id),
            content=encode_json(request.body) if operation.body is not None else None,
            params={"dry_run": "true"} if request.is_dry_run else {},
            headers=self._headers | headers,
        )
        is_replay = response.headers.get("idempotent-replayed") == "true"
        shown = response.json()
        if operation.is_bulk and response.status_code == 200:
            result = shown["data"][0]
            return _http_answer(result["status"], result.get("payment", result), is_replay=is_replay)
        return _http_answer(response.status_code, shown, is_replay=is_replay)

    def settle(self, clock_id: str) -> None:
        """All work that is due by the clock's instant is written."""
        url = f"/v1/test_helpers/test_clocks/{clock_id}"
        self._work_until(lambda: self._read(url)["status"] == "ready", what=f"{clock_id} is ready")

    def _work_until(self, is_done: Callable[[], bool], *, what: str) -> None:
        """Rounds of due work, until it is done."""
        for _round in range(ROUNDS_MAX):
            if is_done():
                return
            self._engine.run(self._engine.worker.work_once())
        raise AssertionError(f"{ROUNDS_MAX} rounds of due work, in vain until {what}")

    def account(self, account_id: str) -> Json:
        """The account as callers read it."""
        return self._read(f"/v1/loyalty/accounts/{account_id}")

    def wallet(self, wallet_id: str) -> Json:
        """The store credit account as callers read it."""
        return self._read(f"/v1/store_credit/accounts/{wallet_id}")

    def _read(self, url: str) -> Json:
        response = self._client.get(url, headers=self._headers)
        assert response.status_code == 200, response.text
        shown: Json = response.json()
        return shown

    def rows(self, row_type: type[Row]) -> list[Any]:
        """All rows of a type."""
        return self._rows.of(row_type)

    def offer(self, offer_id: str) -> Json:
        """The offer as callers read it."""
        return self._read(f"/v1/engagement/offers/{offer_id}")

    def grant(self, grant_id: str) -> Json:
        """The grant of an offer as callers read it."""
        return self._read(f"/v1/engagement/grants/{grant_id}")

    def progress(self, enrolment_id: str) -> Json:
        """How far a member has come in a challenge, as callers read it."""
        enrolment = self._read(f"/v1/engagement/enrolments/{enrolment_id}")
        listed = self._read(f"/v1/loyalty/accounts/{enrolment['account']}/campaigns?type=challenge")["data"]
        same = [one["progress"] for one in listed if one["id"] == enrolment_id]
        assert same in ([], [enrolment["progress"]])
        return dict(enrolment["progress"])

    def challenges(self, account_id: str) -> list[Json]:
        """The challenges that the member can enter, as callers read them."""
        shown = self._read(f"/v1/loyalty/accounts/{account_id}/campaigns")["data"]
        return [one for one in shown if one["status"] == "not_entered"]

    def scans(self, campaign_id: str) -> list[Json]:
        """The campaign's scans as callers read them, the newest first."""
        return list(self._read(f"/v1/engagement/campaigns/{campaign_id}/scans?limit=100")["data"])

    def segments(self, account_id: str) -> set[str]:
        """The segments that the account is in."""
        return {one["id"] for one in self._read(f"/v1/engagement/segments?account={account_id}&limit=100")["data"]}

    def size(self, segment_id: str) -> int:
        """How many members a segment has."""
        return int(self._read(f"/v1/engagement/segments/{segment_id}/size")["count"])

    def judge(self) -> None:
        """Every move between dynamic segments up to now is announced."""
        for segment in self.rows(Segment):
            if segment.type == "dynamic" and segment.deleted_at is None:
                url = f"/v1/engagement/segments/{segment.id}"
                self._work_until(lambda url=url: self._read(url)["scan"]["status"] == "done", what=f"{url} is scanned")
                self._read(f"{url}/members")


def _http_answer(status: int, shown: Json, *, is_replay: bool) -> Answer:
    if "error" not in shown:
        return Answer(status, shown, is_replay=is_replay)
    error = shown["error"]
    return Answer(status, code=error["code"], message=error["message"], details=error.get("details", {}))


class HttpSession:
    """What the scenarios over HTTP share: a server without a worker, one client of it, and due work on its database."""

    def __init__(self, database_url: str) -> None:
        self._server = start_server(database_url, with_worker=False)
        self._client, self._engine = self._server.client(), Engine(database_url)

    def driver(self) -> HttpDriver:
        """A driver in a realm of its own."""
        realm = new_realm(self._engine.connection)
        return HttpDriver(self._client, self._engine, Rows(self._engine.connection, realm.id), realm)

    def stop(self) -> None:
        """The client is closed, and the server has ended."""
        self._client.close()
        self._engine.stop()
        self._server.stop()


def running(engine_or_session: Any) -> Iterator[Any]:
    """A fixture's body: hand it out, stop it in the end."""
    yield engine_or_session
    engine_or_session.stop()
