"""An API, a sender that sends on request, receivers that behave as the test says, and a clock that the test moves."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx2
import psycopg
from standardwebhooks.webhooks import Webhook

from conftest import PATIENCE_SECONDS, PEPPER, SECRETS_KEY, make_realm
from vinr import webhooks
from vinr_server.api.edge.app import App
from vinr_server.engine.outbound import Answer, Sender
from vinr_server.engine.sealing import Seal
from vinr_server.engine.writer import Writer
from vinr_server.storage.postgres.connect import connect_readers, connect_writer
from vinr_server.storage.reads.reader import Reader
from vinr_server.workers.deliver import DeliveryWorker

Json = dict[str, Any]
ENDPOINTS = "/v1/webhook_endpoints"
NEXT = """
select min(d.next_attempt_at) from deliveries d
join webhook_endpoints e on e.realm = d.realm and e.id = d.endpoint_id and e.status = 'enabled' and e.deleted_at is null
where d.status = 'pending'"""


class Moved:
    """A clock that stands still until it is moved."""

    def __init__(self, at: datetime | None = None) -> None:
        self.now = at or datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now

    def on(self, **by: float) -> None:
        """The clock is so much later."""
        self.now += timedelta(**by)


@dataclass
class Request:
    """One webhook as it came in."""

    path: str
    headers: dict[str, str]
    body: bytes
    mood: str

    @property
    def id(self) -> str:
        """Which event it says it is."""
        return self.headers["webhook-id"]

    def verify(self, secret: str) -> None:
        """Genuine in both schemes, by our own SDK and by the package of Standard Webhooks, which looks at the clock."""
        self.verify_whenever(secret)
        Webhook(secret).verify(self.body, self.headers)

    def verify_whenever(self, secret: str) -> None:
        """Genuine in both schemes by our own SDK, whenever it was sent."""
        own = self.headers["x-vinr-signature"]
        assert webhooks.verify(self.body, own, secret, tolerance=None).id == self.id
        standard = {name: value for name, value in self.headers.items() if name != "x-vinr-signature"}
        assert webhooks.verify(self.body, standard, secret, tolerance=None).id == self.id


@dataclass
class Receiver:
    """A receiver on this machine. `mood`: ok, fail, hang, redirect, gone, slow, or a whole answer in bytes."""

    mood: str | bytes = "ok"
    redirects_to: str = ""
    requests: list[Request] = field(default_factory=list)
    most_at_once: int = 0
    at_once: int = 0
    _server: asyncio.Server | None = None
    port: int = 0

    async def open(self) -> Receiver:
        """It listens; on the same port as before, if it was closed."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=1 << 20)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def close(self) -> None:
        """Nobody listens: connections are refused."""
        if self._server is not None:
            self._server.close()
            self._server = None

    @property
    def url(self) -> str:
        """Where it is to be reached."""
        return f"http://127.0.0.1:{self.port}/hook"

    def received(self) -> list[str]:
        """The events that were answered with a 2xx, in the order they came."""
        return [one.id for one in self.requests if one.mood in ("ok", "slow")]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._answer(reader, writer)
        finally:
            self.at_once -= 1
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}
        body = await reader.readexactly(int(headers["content-length"]))
        mood = self.mood
        self.requests.append(Request(head.split(" ")[1], headers, body, mood if isinstance(mood, str) else "raw"))
        if mood == "hang":
            await reader.read()
            return
        if mood == "slow":
            await asyncio.sleep(0.02)
        said = {"fail": b"500 Oops", "gone": b"410 Gone", "redirect": b"302 Found"}.get(str(mood), b"200 OK")
        more = f"Location: {self.redirects_to}\r\n".encode() if mood == "redirect" else b""
        whole = b"HTTP/1.1 " + said + b"\r\n" + more + b"Content-Length: 2\r\n\r\nok"
        writer.write(mood if isinstance(mood, bytes) else whole)
        await writer.drain()


class WayOut:
    """A Sender with all the patience that a busy machine needs, but for receivers that hang.

    An attempt at one of these is over when it has had the request for `hang_seconds`.
    """

    def __init__(self, receivers: Sequence[Receiver], hang_seconds: float) -> None:
        self._receivers, self._hang_seconds = receivers, hang_seconds
        self._patient = Sender(is_loopback_allowed=True, seconds_max=PATIENCE_SECONDS)
        self._at_hanging: set[Sender] = set()

    async def post(self, url: str, headers: dict[str, str], body: bytes) -> Answer:
        """What came of the attempt."""
        hanging = next((one for one in self._receivers if one.url == url and one.mood == "hang"), None)
        if hanging is None:
            return await self._patient.post(url, headers, body)
        known = len(hanging.requests)
        sender = Sender(is_loopback_allowed=True, seconds_max=PATIENCE_SECONDS, tls=self._patient._tls)
        self._at_hanging.add(sender)
        attempt = asyncio.create_task(sender.post(url, headers, body))
        while not attempt.done() and all(one.body != body for one in hanging.requests[known:]):
            await asyncio.sleep(0.005)
        await asyncio.wait({attempt}, timeout=self._hang_seconds)
        for timeout in sender._attempts:
            timeout.reschedule(0)
        self._at_hanging.discard(sender)
        return await attempt

    async def close(self) -> None:
        """Attempts under way have ended."""
        await asyncio.gather(*(one.close() for one in (self._patient, *self._at_hanging)))


class Hooks:
    """Everything on one database; the writer and the senders go by one clock."""

    def __init__(self, database_url: str, clock: Moved) -> None:
        self.database_url, self.clock = database_url, clock
        self.realm = make_realm(database_url)
        self.receivers: list[Receiver] = []

    async def start(self) -> None:
        """Everything is connected; no sender works by itself."""
        self.writer = Writer(partial(connect_writer, self.database_url), clock=self.clock)
        await self.writer.start()
        self.pool = await connect_readers(self.database_url, size=6)
        app: Any = App(Reader(self.pool), self.writer, pepper=PEPPER, seal=Seal(SECRETS_KEY), is_loopback_allowed=True)
        headers = {"Authorization": f"Bearer {self.realm.key}"}
        self.client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://vinr", headers=headers)
        self.sender = self.make_sender()
        program = await self.post("/v1/loyalty/programs", {"name": "Main"})
        enrolment = {"program": program["id"], "customer": "cust_ada"}
        self.account = (await self.post("/v1/loyalty/accounts", enrolment))["id"]

    def make_sender(self, *, hang_seconds: float = 0.1, jitter: int = 0) -> DeliveryWorker:
        """A sender of its own."""
        way_out: Any = WayOut(self.receivers, hang_seconds)
        return DeliveryWorker(
            self.pool, self.writer, sender=way_out, seal=Seal(SECRETS_KEY), clock=self.clock, jitter=lambda: jitter
        )

    async def stop(self) -> None:
        """Everything is closed."""
        for receiver in self.receivers:
            receiver.close()
        await self.client.aclose()
        await self.writer.stop()
        await self.pool.close()

    async def receiver(self, mood: str | bytes = "ok") -> Receiver:
        """A receiver of this test's own."""
        made = await Receiver(mood).open()
        self.receivers.append(made)
        return made

    async def endpoint(self, receiver: Receiver, *events: str, **more: Any) -> Json:
        """An endpoint that leads to the receiver; everything unless said otherwise."""
        return await self.post(ENDPOINTS, {"url": receiver.url, "events": [*(events or ("*",))], **more})

    async def post(self, path: str, body: Json, **headers: str) -> Json:
        """The answer of an accepted write."""
        async with asyncio.timeout(60):
            answer = await self.client.post(path, json=body, headers=headers)
        assert answer.is_success, (path, answer.text)
        return dict(answer.json())

    async def get(self, path: str) -> Json:
        """The answer of a read."""
        answer = await self.client.get(path)
        assert answer.status_code == 200, (path, answer.text)
        return dict(answer.json())

    async def award(self, count: int = 1) -> list[str]:
        """So many awards at once; the ids of their events."""
        body = {"account": self.account, "points": 1}
        made = await asyncio.gather(*(self.post("/v1/loyalty/points/award", body) for _ in range(count)))
        wanted = {one["id"] for one in made}
        with psycopg.connect(self.database_url) as connection:
            rows = connection.execute("select id, data ->> 'id' from events where type = 'loyalty.points.earned'")
            return [event for event, entry in rows if entry in wanted]

    async def deliveries(self, endpoint: Json, **filters: str) -> list[Json]:
        """What was sent to an endpoint, newest first, at most 100."""
        query = "&".join(f"{name}={value}" for name, value in {"limit": "100", **filters}.items())
        return list((await self.get(f"{ENDPOINTS}/{endpoint['id']}/deliveries?{query}"))["data"])

    async def send(self, sender: DeliveryWorker | None = None) -> int:
        """All that is due now is attempted once; how many attempts that were."""
        sender, made = sender or self.sender, 0
        while found := await sender.claim_once():
            made += found
            await sender.until_idle()
        return made

    async def send_until(self, end: datetime, sender: DeliveryWorker | None = None) -> int:
        """The clock goes on from one due attempt to the next, up to the end; how many attempts were made."""
        made = 0
        while True:
            made += await self.send(sender)
            due = self.one(NEXT)
            if due is None or due > end:
                self.clock.now = max(self.clock.now, end)
                return made
            self.clock.now = max(self.clock.now, due)

    def one(self, query: str) -> Any:
        """A value from the database."""
        with psycopg.connect(self.database_url) as connection:
            row = connection.execute(query.encode()).fetchone()
            return None if row is None else row[0]
