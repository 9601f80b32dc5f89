"""Makes the calls, with and without asyncio: one request, its retries, its answer or error."""

from __future__ import annotations

import asyncio
import json
import os
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx2

from vinr._errors import VinrError, api_error, connection_error
from vinr._objects import VinrObject
from vinr._pages import AsyncPage, AsyncPages, Page, Query
from vinr._retries import Retries, read_retry_after
from vinr._values import write_body, write_query
from vinr._version import VERSION

ObjectT = TypeVar("ObjectT", bound=VinrObject)

BASE_URL = "http://127.0.0.1:8484"
TIMEOUT_SECONDS = 30.0
MAX_RETRIES = 2


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it is sent, and sent again: the same bytes under the same idempotency key."""

    method: str
    path: str
    query: Mapping[str, str]
    content: bytes | None
    headers: Mapping[bytes, bytes]
    timeout: float


class _Core:
    """What both transports share: settings, and turning calls into requests and responses into answers."""

    def __init__(self, secret_key: str | None, *, base_url: str | None, timeout: float, max_retries: int) -> None:
        key = os.environ.get("VINR_SECRET_KEY") if secret_key is None else secret_key
        if not key:
            raise VinrError("No API key. Pass secret_key= or set VINR_SECRET_KEY.")
        self.base_url = (base_url or os.environ.get("VINR_BASE_URL") or BASE_URL).rstrip("/")
        self._secret_key, self._timeout, self._retries = key, timeout, Retries(max_retries)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self.base_url!r})"

    def _prepare(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None,
        query: Query,
        idempotency_key: str | None,
        timeout: float | None,
    ) -> Request:
        headers = {
            b"Authorization": b"Bearer " + self._secret_key.encode(),
            b"User-Agent": f"vinr-python/{VERSION}".encode(),
        }
        if method == "POST":
            headers[b"Idempotency-Key"] = (str(uuid.uuid4()) if idempotency_key is None else idempotency_key).encode()
        content = None
        if body is not None:
            headers[b"Content-Type"] = b"application/json"
            content = write_body(body)
        timeout = self._timeout if timeout is None else timeout
        return Request(method, path, write_query(query), content, headers, timeout)

    def _arguments(self, request: Request) -> dict[str, Any]:
        return {
            "method": request.method,
            "url": self.base_url + request.path,
            "params": request.query or None,
            "content": request.content,
            "headers": request.headers,
            "timeout": request.timeout,
        }

    def _failure(self, outcome: httpx2.Response | httpx2.RequestError) -> VinrError | None:
        """The error of an attempt; None if it succeeded."""
        if isinstance(outcome, httpx2.RequestError):
            return connection_error(outcome, base_url=self.base_url)
        if outcome.is_success:
            return None
        return api_error(outcome, retry_after=read_retry_after(outcome.headers.get("retry-after")))


def _answer(response: httpx2.Response, kind: type[ObjectT]) -> ObjectT:
    try:
        values = json.loads(response.content)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise VinrError(
            f"{response.url} answered {response.status_code} without an object of this API. Check the base URL."
        )
    return kind(values, request_id=response.headers.get("request-id"))


class Transport(_Core):
    """Requests that wait for their answer."""

    def __init__(
        self,
        secret_key: str | None = None,
        *,
        base_url: str | None = None,
        timeout: float = TIMEOUT_SECONDS,
        max_retries: int = MAX_RETRIES,
        http_client: httpx2.Client | None = None,
    ) -> None:
        super().__init__(secret_key, base_url=base_url, timeout=timeout, max_retries=max_retries)
        self._http = http_client or httpx2.Client()

    def request(
        self,
        method: str,
        path: str,
        *,
        returns: type[ObjectT],
        body: Mapping[str, Any] | None = None,
        query: Query | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> ObjectT:
        """The answer to a call, after retries. All methods of the resources call this."""
        request = self._prepare(
            method, path, body=body, query=query or {}, idempotency_key=idempotency_key, timeout=timeout
        )
        retries_done = 0
        while True:
            outcome = self._try(request)
            error = self._failure(outcome)
            if isinstance(outcome, httpx2.Response) and error is None:
                return _answer(outcome, returns)
            assert error is not None
            delay = self._retries.delay(error, retries_done=retries_done)
            if delay is None:
                raise error from (outcome if isinstance(outcome, Exception) else None)
            time.sleep(delay)
            retries_done += 1

    def _try(self, request: Request) -> httpx2.Response | httpx2.RequestError:
        try:
            return self._http.request(**self._arguments(request))
        except httpx2.RequestError as error:
            return error

    def request_page(self, path: str, kind: type[ObjectT], *, query: Query, timeout: float | None) -> Page[ObjectT]:
        """One page of a list."""
        answer = self.request("GET", path, returns=VinrObject, query=query, timeout=timeout)
        return Page(answer, kind, query, lambda query: self.request_page(path, kind, query=query, timeout=timeout))

    def close(self) -> None:
        """All connections are closed."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class AsyncTransport(_Core):
    """Requests to await."""

    def __init__(
        self,
        secret_key: str | None = None,
        *,
        base_url: str | None = None,
        timeout: float = TIMEOUT_SECONDS,
        max_retries: int = MAX_RETRIES,
        http_client: httpx2.AsyncClient | None = None,
    ) -> None:
        super().__init__(secret_key, base_url=base_url, timeout=timeout, max_retries=max_retries)
        self._http = http_client or httpx2.AsyncClient()

    async def request(
        self,
        method: str,
        path: str,
        *,
        returns: type[ObjectT],
        body: Mapping[str, Any] | None = None,
        query: Query | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> ObjectT:
        """The answer to a call, after retries. All methods of the resources call this."""
        request = self._prepare(
            method, path, body=body, query=query or {}, idempotency_key=idempotency_key, timeout=timeout
        )
        retries_done = 0
        while True:
            outcome = await self._try(request)
            error = self._failure(outcome)
            if isinstance(outcome, httpx2.Response) and error is None:
                return _answer(outcome, returns)
            assert error is not None
            delay = self._retries.delay(error, retries_done=retries_done)
            if delay is None:
                raise error from (outcome if isinstance(outcome, Exception) else None)
            await asyncio.sleep(delay)
            retries_done += 1

    async def _try(self, request: Request) -> httpx2.Response | httpx2.RequestError:
        try:
            return await self._http.request(**self._arguments(request))
        except httpx2.RequestError as error:
            return error

    def request_pages(
        self, path: str, kind: type[ObjectT], *, query: Query, timeout: float | None
    ) -> AsyncPages[ObjectT]:
        """A list to await or to walk."""
        return AsyncPages(partial(self._request_page, path, kind, timeout, query))

    async def _request_page(
        self, path: str, kind: type[ObjectT], timeout: float | None, query: Query
    ) -> AsyncPage[ObjectT]:
        answer = await self.request("GET", path, returns=VinrObject, query=query, timeout=timeout)
        return AsyncPage(answer, kind, query, partial(self._request_page, path, kind, timeout))

    async def close(self) -> None:
        """All connections are closed."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()
