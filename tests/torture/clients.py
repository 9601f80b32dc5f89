"""Clients that send their plans at once: some calls twice, some again later, some without waiting for the answer."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx2
import msgspec
from calls import LOST, NOT_SENT, Answer, Call
from plan import Plan

from conftest import WITHOUT_TLS

PATIENCE_SECONDS = 30.0


@dataclass
class Crowd:
    """Clients of one server; `is_over` ends them."""

    base_url: str
    key: str
    plans: Sequence[Plan]
    is_over: Callable[[], bool]
    manners: Counter[str] = field(default_factory=Counter)

    async def run(self, *, each: int) -> None:
        """Every client makes so many more calls, or stops early."""
        await asyncio.gather(*(self._client(plan, each) for plan in self.plans))

    def connect(self) -> httpx2.AsyncClient:
        """A client with two connections of its own."""
        headers = {"Authorization": f"Bearer {self.key}"}
        limits = httpx2.Limits(max_connections=2)
        return httpx2.AsyncClient(
            base_url=self.base_url,
            headers=headers,
            timeout=PATIENCE_SECONDS,
            trust_env=False,
            verify=WITHOUT_TLS,
            limits=limits,
        )

    async def _client(self, plan: Plan, count: int) -> None:
        async with self.connect() as client:
            for _ in range(count):
                if self.is_over():
                    return
                await self._perform(plan, client)

    async def _perform(self, plan: Plan, client: httpx2.AsyncClient) -> None:
        call = plan.draw()
        chance = plan.dice.random()
        if chance < 0.2:
            self.manners["twins"] += 1
            await asyncio.gather(send(client, call), send(client, call))
        elif chance < 0.23:
            self.manners["left before the answer"] += 1
            await self._leave(call)
        else:
            await send(client, call)
        if plan.dice.random() < 0.06:
            self.manners["sent again later"] += 1
            await send(client, plan.dice.choice(plan.calls[-50:]))

    async def _leave(self, call: Call) -> None:
        """The request is sent whole, and nobody waits."""
        address = urlsplit(self.base_url)
        body = msgspec.json.encode(call.body)
        head = (
            f"POST {call.path} HTTP/1.1\r\nHost: vinr\r\nAuthorization: Bearer {self.key}\r\n"
            f"Idempotency-Key: {call.key}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        try:
            _reader, writer = await asyncio.open_connection(address.hostname, address.port)
            writer.write(head.encode() + body)
            await writer.drain()
            writer.transport.abort()
        except OSError:
            pass
        call.answers.append(LOST)


async def send(client: httpx2.AsyncClient, call: Call) -> Answer:
    """The answer, which the call remembers; a lost connection is one too."""
    try:
        response = await client.post(call.path, json=call.body, headers={"Idempotency-Key": call.key})
    except httpx2.ConnectError:
        answer = NOT_SENT
        await asyncio.sleep(0.1)
    except httpx2.HTTPError:
        answer = LOST
    else:
        is_replay = response.headers.get("idempotent-replayed") == "true"
        answer = Answer(response.status_code, response.content, is_replay)
    call.answers.append(answer)
    return answer


async def send_all(crowd: Crowd, calls: Sequence[Call], *, at_once: int = 32) -> list[Answer]:
    """The answer to each call, sent once more."""
    gate = asyncio.Semaphore(at_once)
    async with httpx2.AsyncClient(
        base_url=crowd.base_url,
        headers={"Authorization": f"Bearer {crowd.key}"},
        timeout=PATIENCE_SECONDS,
        trust_env=False,
        verify=WITHOUT_TLS,
        limits=httpx2.Limits(max_connections=at_once),
    ) as client:

        async def one(call: Call) -> Answer:
            async with gate:
                return await send(client, call)

        return list(await asyncio.gather(*(one(call) for call in calls)))
