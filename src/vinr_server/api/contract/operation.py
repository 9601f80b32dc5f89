"""One call of the API, and the three shapes most calls have: write, retrieve, list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from vinr_server.api import translate
from vinr_server.api.contract.pages import Listing
from vinr_server.api.edge.parse import snake
from vinr_server.api.reads import Read, list_of, retrieve

Translate = Callable[..., Any]

# What a write can answer: by default that it was done; that something was made; or made now, or there already.
DONE, MADE, MADE_OR_FOUND = (200,), (201,), (200, 201)


@dataclass(frozen=True, slots=True)
class Operation:
    """One call of the API. `sdk` is its path in the SDKs; `immutable` are names an update can't change.

    `is_pure`: it decides and tells, and writes nothing. `answers` are the statuses it succeeds with. `example` is a
    body that works in the sandbox, with more of it if need be than its required fields; `listing` is what a list takes
    in its query string. `others` are kinds that it may answer besides `reply`. `is_verbatim`: what it is sent is shown
    again as it was written, numbers included.
    """

    id: str
    method: str
    path: str
    sdk: str
    summary: str
    body: type[msgspec.Struct] | None = None
    translate: Translate | None = None
    read: Read | None = None
    reply: str = ""
    refusals: tuple[str, ...] = ()
    immutable: tuple[str, ...] = ()
    is_bulk: bool = False
    is_pure: bool = False
    answers: tuple[int, ...] = DONE
    example: Mapping[str, Any] | None = None
    listing: Listing | None = None
    others: tuple[str, ...] = ()
    is_verbatim: bool = False

    @property
    def resource(self) -> str:
        """What a key needs a right to, such as loyalty.earning_rules."""
        return snake(self.sdk.rpartition(".")[0])

    @property
    def right(self) -> str:
        """The right it needs: read or write."""
        return "write" if self.read is None and not self.is_pure else "read"

    @property
    def keeps_answer(self) -> bool:
        """Whether its answer is kept under an Idempotency-Key: it is a POST that writes."""
        return self.method == "POST" and self.right == "write"


def write(method: str, path: str, sdk: str, id: str, body: Any, summary: str, *, reply: str, **more: Any) -> Operation:
    return Operation(id, method, path, sdk, summary, body, getattr(translate, id), reply=reply, **more)


def retrieve_one(path: str, sdk: str, id: str, row_type: Any, kind: str, show: Any, **more: Any) -> Operation:
    read, summary = retrieve(row_type, kind, show), f"Retrieve one {kind}."
    return Operation(id, "GET", path, sdk, summary, read=read, reply=kind, refusals=("resource_missing",), **more)


def list_page(path: str, sdk: str, id: str, listing: Listing, show: Any, plural: str) -> Operation:
    read = list_of(listing, path, show)
    summary = f"List {plural}, newest first."
    return Operation(id, "GET", path, sdk, summary, read=read, reply="list", listing=listing)


CREATE = ("id_conflict", "resource_missing")
FIND = ("resource_missing",)
