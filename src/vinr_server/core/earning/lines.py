"""What a purchase counts for: what was paid with tenders that earn, and of each line its net at most."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol

from vinr_server.core.kernel.numbers import Exact, exact_div
from vinr_server.core.programs.rows import TENDERS

Json = Mapping[str, Any]
# Sku, categories, and the minor units that the line counts for.
CountedLine = tuple[str | None, Sequence[str], Exact]


class LineNames(Protocol):
    """What names lines and leaves lines out: a rule's or an offer's conditions, a promotion's selection (R78)."""

    @property
    def skus(self) -> Collection[str]: ...

    @property
    def categories(self) -> Collection[str]: ...

    @property
    def exclude_skus(self) -> Collection[str]: ...

    @property
    def exclude_categories(self) -> Collection[str]: ...


def is_selected(names: LineNames, sku: str | None, categories: Iterable[str]) -> bool:
    """Whether a line is one of those that are named, or any if none are, and not one that is left out."""
    named, excluded = names.categories, names.exclude_categories
    if sku in names.exclude_skus or (excluded and any(category in excluded for category in categories)):
        return False
    if not named:
        return not names.skus or sku in names.skus
    return sku in names.skus or any(category in named for category in categories)


def eligible_minor(earnable_minor: int, tenders: Sequence[Json], earning_tenders: Collection[str]) -> int:
    """The part of a payment that earns: what was paid, less its tax and shipping, with tenders that earn (R9, R77).

    Tenders of a type that is no longer known count as `other`. What a wallet of store credit pays never earns (R25d).
    """
    unpaid_minor: int = sum(
        tender["amount"]
        for tender in tenders
        if tender.get("account") is not None
        or (tender["type"] if tender["type"] in TENDERS else "other") not in earning_tenders
    )
    return max(earnable_minor - unpaid_minor, 0)


def net_minor(line: Json) -> int:
    """What the line adds to the purchase: quantity times unit price, less its discount, less the tax in its price."""
    net: int = line["unit_price"] * line["quantity"] - line.get("discount", 0) - line.get("tax", 0)
    return net


def counted_lines(lines: Sequence[Json], eligible_minor: Exact) -> list[CountedLine]:
    """Each line with what it counts for: its net, or its share of the eligible part where that is less than all nets.

    A purchase that was paid less than its lines come to, or that holds tax or shipping which nobody attributed to a
    line, is spread over the lines by their nets (R70).

    Units: minor units, exact. Shape: in the order of the lines; together they are at most the eligible part.
    """
    counted_minor: list[Exact] = [net_minor(line) for line in lines]
    total_minor = sum(counted_minor)
    if total_minor > eligible_minor:
        counted_minor = [exact_div(eligible_minor * net, total_minor) for net in counted_minor]
    return [
        (line.get("sku"), line.get("categories", ()), counted)
        for line, counted in zip(lines, counted_minor, strict=True)
    ]
