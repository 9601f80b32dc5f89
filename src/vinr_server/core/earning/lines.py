"""What the lines of a purchase count for: each line's net, and never more than was paid (R70)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vinr_server.core.kernel.numbers import Exact, exact_div

# Sku, categories, and the minor units that the line counts for.
CountedLine = tuple[str | None, Sequence[str], Exact]


def net_minor(line: Mapping[str, Any]) -> int:
    """What the line adds to the purchase: quantity times unit price, less its discount, less the tax in its price."""
    net: int = line["unit_price"] * line["quantity"] - line.get("discount", 0) - line.get("tax", 0)
    return net


def counted_lines(lines: Sequence[Mapping[str, Any]], eligible_minor: Exact) -> list[CountedLine]:
    """Each line with what it counts for: its net, or its share of the eligible part where that is less than all nets.

    A purchase that was paid less than its lines come to, or that holds tax or shipping which nobody attributed to a
    line, is spread over the lines by their nets.

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
