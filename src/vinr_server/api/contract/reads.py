"""From rows to answers: retrieve one object, or list many."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

from vinr_server.api.contract.pages import Listing
from vinr_server.api.edge.call import Call
from vinr_server.api.edge.problems import Problem
from vinr_server.core.kernel.answers import missing
from vinr_server.core.kernel.rows import Row
from vinr_server.storage.reads.reader import CursorMissing, PageQuery

Read = Callable[[Call], Awaitable[Any]]
Show = Callable[..., Any]


def shown_by(show: Show) -> Callable[[Call, Sequence[Any]], Awaitable[list[Any]]]:
    """The rows, each shown by its payload."""

    async def show_all(call: Call, rows: Sequence[Any]) -> list[Any]:
        return [show(row, livemode=call.caller.livemode) for row in rows]

    return show_all


Shows = Callable[[Call, Sequence[Any]], Awaitable[list[Any]]]


def retrieve(row_type: type[Row], kind: str, show: Shows, *, prefix: str = "") -> Read:
    """Answer the object with the id in the URL. `prefix`: what ids of the kind begin with, if a table has several."""

    async def read(call: Call) -> Any:
        require_no_query(call)
        if not call.id.startswith(prefix):
            raise Problem.of(missing(kind, call.id, param="id"))
        return (await show(call, [await find(call, row_type, kind)]))[0]

    return read


def require_no_query(call: Call) -> None:
    """Refuse parameters where one object is retrieved."""
    if call.query:
        name = next(iter(call.query))
        raise Problem("unknown_parameter", f"Unknown parameter {name}. Retrieving takes none.", param=name)


async def find(call: Call, row_type: type[Row], kind: str) -> Any:
    """The row with the id in the URL; refused if it does not exist or is deleted."""
    row = await call.reader.row(call.caller.realm, row_type, call.id)
    if row is None or getattr(row, "deleted_at", None) is not None:
        raise Problem.of(missing(kind, call.id, param="id"))
    return row


def list_of(listing: Listing, url: str, show: Shows, *, of: tuple[str, type[Row], str] | None = None) -> Read:
    """Answer one page; with `of` (column, row type, kind), only what belongs to the object with the id in the URL."""

    async def read(call: Call) -> Any:
        query, here = listing.query(call.query), url
        if of is not None:
            column, row_type, kind = of
            await find(call, row_type, kind)
            query, here = replace(query, equal={**query.equal, column: call.id}), url.replace("{id}", call.id)
        return await page_of(call, query, here, show)

    return read


async def page_of(call: Call, query: PageQuery, url: str, show: Shows) -> dict[str, Any]:
    """The page in the form that the wire shows."""
    try:
        rows, has_more = await call.reader.page(call.caller.realm, query)
    except CursorMissing as error:
        param = "ending_before" if query.after is None else "starting_after"
        message = f"{param}: no object has the id {str(error)!r}. Send the id of an object in this list."
        raise Problem("parameter_invalid", message, param=param) from None
    return {"object": "list", "url": url, "has_more": has_more, "data": await show(call, rows)}
