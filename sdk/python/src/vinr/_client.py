"""The two clients: all resources over a transport, and the webhooks' secret."""

from __future__ import annotations

import httpx2

from vinr._generated.resources.root import AsyncResources, Resources
from vinr._transport import MAX_RETRIES, TIMEOUT_SECONDS, AsyncTransport, Transport
from vinr.webhooks import Webhooks


class Vinr(Transport, Resources):
    """The client. `secret_key` is VINR_SECRET_KEY and `base_url` VINR_BASE_URL unless given; `timeout` is in seconds.

    It keeps connections open and threads may share it; `close()` it, or use it as a context manager.
    The client retries connection errors, 429, 503 and idempotency_key_in_use up to `max_retries` times. Every POST
    carries an idempotency key, a random one if you give none, so that no attempt counts twice.
    """

    def __init__(
        self,
        secret_key: str | None = None,
        *,
        base_url: str | None = None,
        timeout: float = TIMEOUT_SECONDS,
        max_retries: int = MAX_RETRIES,
        webhook_secret: str | None = None,
        http_client: httpx2.Client | None = None,
    ) -> None:
        super().__init__(
            secret_key, base_url=base_url, timeout=timeout, max_retries=max_retries, http_client=http_client
        )
        self.webhooks = Webhooks(webhook_secret)
        self._bind(self)


class AsyncVinr(AsyncTransport, AsyncResources):
    """The client for asyncio; like `Vinr`, but you await calls and walk lists with `async for`."""

    def __init__(
        self,
        secret_key: str | None = None,
        *,
        base_url: str | None = None,
        timeout: float = TIMEOUT_SECONDS,
        max_retries: int = MAX_RETRIES,
        webhook_secret: str | None = None,
        http_client: httpx2.AsyncClient | None = None,
    ) -> None:
        super().__init__(
            secret_key, base_url=base_url, timeout=timeout, max_retries=max_retries, http_client=http_client
        )
        self.webhooks = Webhooks(webhook_secret)
        self._bind(self)
