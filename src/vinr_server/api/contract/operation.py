"""One call of the API: what it takes, what it does, what it answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from vinr_server.api.contract.pages import Listing
from vinr_server.api.contract.reads import Read
from vinr_server.api.contract.reply import Reply
from vinr_server.api.edge.parse import snake

# From a call to its command.
Translate = Callable[..., Any]
# From a bulk call to its answer: it submits each of its items itself.
Submit = Callable[..., Awaitable[Any]]

# What a write can answer: done (the default); created; or either created or found.
DONE, MADE, MADE_OR_FOUND = (200,), (201,), (200, 201)


@dataclass(frozen=True, slots=True)
class ListOf:
    """What a list answers: a page of items of this type."""

    item: type[Reply]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One call of the API. `sdk` is its path in the SDKs; `immutable` names the fields that an update can't change.

    One of these answers it: `translate` makes a command, `submit` makes many commands, `read` makes an answer. Where it
    has both of the first, `many` names the field of the body whose presence makes it many commands. `ways`: fields of
    the body of which exactly one is sent, each with the type that it answers by; `reply` is that of the first. `items`
    names the field of a bulk call that holds its items, and their type; where it `takes_texts`, an item may be text
    alone. `is_timely`: what it reads changes with time alone, so that what is due is written first (R24). `is_pure`:
    its command is decided and nothing is written. `is_verbatim`: its body is shown again exactly as it was written,
    numbers included. `answers` are the statuses it succeeds with. `example` is a body that works in the sandbox, with
    optional fields where it needs them; `listing` is what a list takes in its query string. `others` are types that it
    may answer instead of `reply`. `also` are rights that it needs in addition to its own, such as loyalty.points:write.
    `refusals` lists the codes beyond those that every call can get.
    """

    id: str
    method: str
    path: str
    sdk: str
    summary: str
    reply: type[Reply] | ListOf
    body: type[msgspec.Struct] | None = None
    translate: Translate | None = None
    submit: Submit | None = None
    many: str | None = None
    ways: Mapping[str, type[Reply]] = field(default_factory=dict)
    items: tuple[str, type[msgspec.Struct]] | None = None
    takes_texts: bool = False
    read: Read | None = None
    listing: Listing | None = None
    others: tuple[type[Reply], ...] = ()
    answers: tuple[int, ...] = DONE
    is_pure: bool = False
    is_timely: bool = False
    is_verbatim: bool = False
    immutable: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    example: Mapping[str, Any] | None = None

    @property
    def item(self) -> type[Reply]:
        """The type of its answer; for a list, of the list's items."""
        return self.reply.item if isinstance(self.reply, ListOf) else self.reply

    @property
    def replies(self) -> tuple[type[Reply], ...]:
        """Every type that it may answer, its own first; for a list, the types of the list's items."""
        return tuple(dict.fromkeys((self.item, *self.others, *self.ways.values())))

    @property
    def is_bulk(self) -> bool:
        """Whether it takes nothing but many items, each decided by itself."""
        return self.submit is not None and self.many is None

    def makes_many(self, body: Any) -> bool:
        """Whether this body is one of many items."""
        return self.submit is not None and (self.many is None or getattr(body, self.many) is not msgspec.UNSET)

    @property
    def is_paged(self) -> bool:
        """Whether it answers a list page by page, newest first."""
        is_list = self.method == "GET" and isinstance(self.reply, ListOf)
        return is_list and (self.listing is None or self.listing.is_paged)

    @property
    def resource(self) -> str:
        """The resource that a key needs a right to, such as loyalty.earning_rules."""
        return snake(self.sdk.rpartition(".")[0])

    @property
    def right(self) -> str:
        """The right that a key needs: read or write."""
        return "write" if self.read is None and not self.is_pure else "read"

    @property
    def rights(self) -> tuple[str, ...]:
        """Every right that a restricted key needs for it, its own first: loyalty.accounts:write."""
        return (f"{self.resource}:{self.right}", *self.also)

    @property
    def keeps_answer(self) -> bool:
        """Whether an Idempotency-Key keeps its answer: it is a POST that writes."""
        return self.method == "POST" and self.right == "write"


CREATE = ("id_conflict", "resource_missing")
FIND = ("resource_missing",)
