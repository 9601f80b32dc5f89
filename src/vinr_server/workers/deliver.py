"""Send events to webhook endpoints: at least once each, for days if necessary. Any number of senders may run at once.

What is due is claimed under a lease, sent, and settled; a sender that dies lets its lease run out, and the next sender
sends again. A receiver that hangs or is down keeps its own few places busy and nobody else's.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import asyncpg
import msgspec

from vinr_server.core.events.commands import DisableWebhookEndpoint
from vinr_server.core.events.payloads import event_envelope
from vinr_server.core.events.rows import DeliveryAttempt, DisabledReason
from vinr_server.core.events.schedule import FAILING_MAX, JITTER_MAX_PER_MILLE, Verdict, judge
from vinr_server.engine.clock import Clock, wall_clock
from vinr_server.engine.figures import DeliveryFigures
from vinr_server.engine.outbound import Answer, Sender
from vinr_server.engine.sealing import Seal, Unsealable, secret_bytes
from vinr_server.engine.signing import signed_headers
from vinr_server.engine.submission import Unavailable, system_submission
from vinr_server.engine.writer import Writer
from vinr_server.storage.batch.tables import encode_json
from vinr_server.storage.due.deliveries import Attempted, Claimed, EndpointKey, claim, queue, record, release, tidy
from vinr_server.storage.postgres.connect import UNREACHABLE

log = logging.getLogger("vinr.webhooks")

# A first attempt begins at most this late. Each round is one statement that finds nothing in 0.2 ms.
POLL_SECONDS = 0.05
# An attempt takes 15 s at most; what is not settled by then was lost with its sender.
LEASE = timedelta(seconds=60)
UNDER_WAY_MAX = 256
PER_ENDPOINT_MAX = 16
# A failing endpoint is probed, not hammered; and a hundred that hang leave room for the others.
PER_FAILING_MAX = 2
BODY_SHOWN_MAX = 1024
GRACE_SECONDS = 5.0
TIDY_EVERY = timedelta(minutes=1)
QUEUE_EVERY = timedelta(seconds=5)


class DeliveryWorker:
    """Claims, sends and settles until stopped."""

    def __init__(
        self,
        pool: Any,
        writer: Writer,
        *,
        sender: Sender,
        seal: Seal,
        clock: Clock = wall_clock,
        lease_for: timedelta = LEASE,
        jitter: Callable[[], int] = lambda: random.randint(0, JITTER_MAX_PER_MILLE),
    ) -> None:
        self._pool, self._writer, self._sender, self._seal, self._clock = pool, writer, sender, seal, clock
        self._lease_for, self._jitter = lease_for, jitter
        self._stopping, self._progress = asyncio.Event(), asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._under_way: Counter[EndpointKey] = Counter()
        self._attempted: list[Attempted] = []
        self._given_up: list[tuple[Claimed, str]] = []
        self._settling: asyncio.Task[None] | None = None
        self._is_breaking_off = False
        self._tidy_at = self._queue_at = clock()
        self.figures = DeliveryFigures()

    def stop(self) -> None:
        """Claim nothing more; attempts under way get a few seconds to end."""
        self._stopping.set()
        self._progress.set()

    async def run(self) -> None:
        """Send until stopped; wait for a database that is away."""
        while not self._stopping.is_set():
            try:
                await self._look_after()
                found = await self.claim_once()
            except (*UNREACHABLE, asyncpg.PostgresError) as error:
                log.warning("webhooks wait for the database: %s", type(error).__name__)
                found = 0
                await self._pause(1.0)
            except Exception:  # the floor's edge: one bad round must not end the sender
                log.exception("a round of webhooks failed")
                found = 0
                await self._pause(1.0)
            if not found:
                await self._pause(POLL_SECONDS)
        await self._end()

    async def claim_once(self) -> int:
        """Begin to attempt what is due, as far as there is room; answer how many."""
        room = UNDER_WAY_MAX - self._under_way.total()
        if room <= 0:
            return 0
        lease = uuid.uuid4().hex
        claimed = await claim(
            self._pool,
            now=self._clock(),
            lease=lease,
            lease_for=self._lease_for,
            limit=room,
            under_way=self._under_way,
            per_endpoint=PER_ENDPOINT_MAX,
            per_failing=PER_FAILING_MAX,
        )
        for delivery in claimed:
            self._under_way[delivery.endpoint] += 1
            task = asyncio.create_task(self._attempt(delivery, lease), name="vinr webhook")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return len(claimed)

    async def until_idle(self) -> None:
        """Wait until everything claimed so far is settled."""
        while self._tasks or self._settling is not None:
            await asyncio.wait([*self._tasks, *([self._settling] if self._settling else [])])
            await asyncio.sleep(0)

    # ---- one attempt

    async def _attempt(self, delivery: Claimed, lease: str) -> None:
        """The delivery is attempted or given up; its place is free again once that is settled, whatever happens."""
        try:
            await self._send(delivery, lease)
        except Unsealable as error:  # for the operator to fix: the receiver is not at fault
            log.error("webhook endpoint %s: %s", delivery.endpoint_id, error)
            self._given_up.append((delivery, lease))
        except Exception:  # the floor's edge
            log.exception("delivery %s could not be attempted", delivery.id)
            self._given_up.append((delivery, lease))
        self._settle()

    async def _send(self, delivery: Claimed, lease: str) -> None:
        sealed = (delivery.sealed_secret, delivery.sealed_old_secret)
        secrets = [secret_bytes(self._seal.open(secret)) for secret in sealed if secret is not None]
        body = _event_body(delivery)
        started_at = self._clock()
        headers = signed_headers(delivery.event_id, body, at=started_at, secrets=secrets)
        answer = await self._sender.post(delivery.url, headers, body)
        if self._is_breaking_off and answer.status is None:
            self._given_up.append((delivery, lease))
        else:
            await self._judge(delivery, lease, headers, answer, started_at)

    async def _judge(
        self, delivery: Claimed, lease: str, headers: dict[str, str], answer: Answer, started_at: datetime
    ) -> None:
        now, number = self._clock(), delivery.attempt_count + 1
        verdict = judge(
            number=number,
            status_code=answer.status,
            now=now,
            jitter_per_mille=self._jitter(),
            retry_after=_retry_after(answer, now),
        )
        self._count(delivery, number, verdict, answer, now)
        attempt = DeliveryAttempt(
            bucket=delivery.bucket,
            delivery_id=delivery.id,
            number=number,
            attempted_at=started_at,
            duration_ms=answer.milliseconds,
            status_code=answer.status,
            error=answer.error,
            request_headers=headers,
            response_headers=_shown_headers(answer),
            response_body=_shown(answer.body),
        )
        self._attempted.append(Attempted(delivery, lease, attempt, verdict.status, verdict.next_attempt_at, now))
        if verdict.disables is not None:
            await self._disable(delivery, verdict.disables)

    def _count(self, delivery: Claimed, number: int, verdict: Verdict, answer: Answer, now: datetime) -> None:
        self.figures.attempts[verdict.outcome] += 1
        self.figures.attempt_seconds.observe(answer.milliseconds / 1000)
        if number == 1:
            self.figures.lag_seconds.observe((now - delivery.created_at).total_seconds())

    # ---- settling: all that has ended meanwhile, in one transaction

    def _settle(self) -> None:
        if self._settling is None:
            self._settling = asyncio.create_task(self._settle_all(), name="vinr webhooks settle")

    async def _settle_all(self) -> None:
        while self._attempted or self._given_up:
            attempted, self._attempted = self._attempted, []
            given_up, self._given_up = self._given_up, []
            await self._persist(attempted, given_up)
            for delivery in [*(entry.delivery for entry in attempted), *(delivery for delivery, _lease in given_up)]:
                self._under_way[delivery.endpoint] -= 1
                if not self._under_way[delivery.endpoint]:
                    del self._under_way[delivery.endpoint]
            self._progress.set()
        self._settling = None

    async def _persist(self, attempted: Sequence[Attempted], given_up: Sequence[tuple[Claimed, str]]) -> None:
        """Keep outcomes until the database takes them; if their leases run out meanwhile, they are sent again."""
        while True:
            try:
                due_at = self._clock() if self._is_breaking_off else self._clock() + self._lease_for
                await release(self._pool, given_up, due_at=due_at)
                failing = await record(self._pool, attempted, failing_max=FAILING_MAX) if attempted else []
                break
            except Exception as error:  # whatever it is, no outcome may be lost
                log.warning("outcomes of webhooks wait for the database: %s", type(error).__name__, exc_info=error)
                if self._is_breaking_off:
                    return
                await asyncio.sleep(0.5)
        by_endpoint = {entry.delivery.endpoint: entry.delivery for entry in attempted}
        for endpoint in failing:
            await self._disable(by_endpoint[endpoint], "failing")

    async def _disable(self, delivery: Claimed, reason: DisabledReason) -> None:
        command = DisableWebhookEndpoint(delivery.endpoint_id, delivery.url, reason)
        try:
            await self._writer.submit(system_submission(delivery.realm, command, livemode=delivery.livemode))
        except Unavailable as error:  # its next failure disables it
            log.warning("webhook endpoint %s was not disabled: %s", delivery.endpoint_id, error)
            return
        except Exception:  # the engine has logged why; the attempts are recorded all the same
            log.exception("webhook endpoint %s was not disabled", delivery.endpoint_id)
            return
        self.figures.disabled += 1
        log.warning("webhook endpoint %s is disabled: %s", delivery.endpoint_id, reason)

    # ---- between rounds

    async def _look_after(self) -> None:
        now = self._clock()
        if now >= self._queue_at:
            self._queue_at = now + QUEUE_EVERY
            self.figures.due, self.figures.due_seconds = await queue(self._pool, now)
        if now >= self._tidy_at:
            self._tidy_at = now + TIDY_EVERY
            await tidy(self._pool, now)

    async def _pause(self, seconds: float) -> None:
        """Wait until something is settled, or the time is over."""
        if not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._progress.wait(), seconds)
            self._progress.clear()

    async def _end(self) -> None:
        """End attempts under way or interrupt them; interrupted ones are due again at once, for another sender."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=GRACE_SECONDS)
        self._is_breaking_off = True
        await self._sender.close()
        await self.until_idle()


def _event_body(delivery: Claimed) -> bytes:
    """The event object. Its data is put in as it is stored: decoding and encoding it again might give other bytes, and
    all attempts of an event must be alike."""
    envelope = event_envelope(
        id=delivery.event_id,
        type=delivery.event_type,
        created_at=delivery.event_created_at,
        livemode=delivery.livemode,
        sequence=delivery.sequence,
        data=msgspec.Raw(delivery.data.encode()),
        request_id=delivery.request_id,
        idempotency_key=delivery.idempotency_key,
    )
    return encode_json(envelope)


def _retry_after(answer: Answer, now: datetime) -> timedelta | None:
    """What the receiver asks for, in seconds or as a date; None if it says nothing readable."""
    said = next((value.strip() for name, value in answer.headers if name.lower() == "retry-after"), "")
    if said.isascii() and said.isdigit():
        return timedelta(seconds=min(int(said[:9]), 10**8))
    try:
        at = parsedate_to_datetime(said)
    except (ValueError, IndexError):
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)) - now


def _shown_headers(answer: Answer) -> dict[str, str]:
    """The receiver's headers as they can be stored: without NUL, and not endless."""
    return {name[:200]: _clean(value)[:BODY_SHOWN_MAX] for name, value in answer.headers[:100]}


def _shown(body: bytes) -> str:
    return _clean(body[:BODY_SHOWN_MAX].decode("utf-8", "replace"))


def _clean(text: str) -> str:
    return text.replace("\x00", "\ufffd")
