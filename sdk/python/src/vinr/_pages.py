"""Lists: one page, and all further pages by iterating."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator, Mapping
from typing import Any, Generic, TypeVar

from vinr._objects import VinrObject

ObjectT = TypeVar("ObjectT", bound=VinrObject)
Query = Mapping[str, Any]


class _Page(Generic[ObjectT]):
    """`data` holds this page's objects, newest first; `has_more` says whether more follow."""

    def __init__(self, answer: VinrObject, kind: type[ObjectT], query: Query) -> None:
        self.data: list[ObjectT] = [kind(values) for values in answer["data"]]
        self.has_more: bool = answer["has_more"]
        self.url: str = answer["url"]
        self.request_id = answer.request_id
        self._query = dict(query)
        self._is_backwards = isinstance(query.get("ending_before"), str)

    def __len__(self) -> int:
        return len(self.data)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(url={self.url!r}, has_more={self.has_more}, data={self.data!r})"

    def _in_order(self) -> list[ObjectT]:
        """This page's objects in the order of the walk: with `ending_before`, from older to newer."""
        return self.data[::-1] if self._is_backwards else self.data

    def _next_query(self) -> Query | None:
        if not self.has_more or not self.data:
            return None
        if self._is_backwards:
            return self._query | {"ending_before": self.data[0]["id"]}
        return self._query | {"starting_after": self.data[-1]["id"]}


class Page(_Page[ObjectT]):
    """One page of a list; iterating continues through all further pages and requests each when it is reached."""

    def __init__(
        self, answer: VinrObject, kind: type[ObjectT], query: Query, ask: Callable[[Query], Page[ObjectT]]
    ) -> None:
        super().__init__(answer, kind, query)
        self._ask = ask

    def next_page(self) -> Page[ObjectT] | None:
        """The page after this one; None at the end."""
        query = self._next_query()
        return None if query is None else self._ask(query)

    def __iter__(self) -> Iterator[ObjectT]:
        page: Page[ObjectT] | None = self
        while page is not None:
            yield from page._in_order()
            page = page.next_page()


class AsyncPage(_Page[ObjectT]):
    """One page of a list; `async for` continues through all further pages and requests each when it is reached."""

    def __init__(
        self,
        answer: VinrObject,
        kind: type[ObjectT],
        query: Query,
        ask: Callable[[Query], Awaitable[AsyncPage[ObjectT]]],
    ) -> None:
        super().__init__(answer, kind, query)
        self._ask = ask

    async def next_page(self) -> AsyncPage[ObjectT] | None:
        """The page after this one; None at the end."""
        query = self._next_query()
        return None if query is None else await self._ask(query)

    async def __aiter__(self) -> AsyncIterator[ObjectT]:
        page: AsyncPage[ObjectT] | None = self
        while page is not None:
            for item in page._in_order():
                yield item
            page = await page.next_page()


class AsyncPages(Generic[ObjectT]):
    """A list not requested yet: `await` returns its first page, `async for` walks through all objects."""

    def __init__(self, ask: Callable[[], Awaitable[AsyncPage[ObjectT]]]) -> None:
        self._ask = ask

    def __await__(self) -> Generator[Any, None, AsyncPage[ObjectT]]:
        return self._ask().__await__()

    async def __aiter__(self) -> AsyncIterator[ObjectT]:
        async for item in await self._ask():
            yield item
