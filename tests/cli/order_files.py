"""Exports of a shop, and what its members must have after them: said by another way than the engine's.

The files are as WooCommerce's plugins write them in Germany: UTF-8 with a byte order mark, semicolons, decimal commas,
the newest order first; canceled orders, refunded ones, some in part, and now and then two rows that say the same.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

HEADER = "Kunde;Bestelldatum;Status;Gesamtbetrag;davon MwSt.;Versand;Erstattet"
COLUMNS = "customer=Kunde,date=Bestelldatum,status=Status,amount=Gesamtbetrag,tax=davon MwSt.,shipping=Versand"
OPTIONS = ("--columns", COLUMNS, "--only", "abgeschlossen,rückerstattet", "--refunds", "column Erstattet")


@dataclass(frozen=True)
class Order:
    """A row of the file, in cents."""

    customer: str
    at: datetime
    status: str
    amount: int
    tax: int = 0
    shipping: int = 0
    refunded: int = 0

    def line(self) -> str:
        """As the file has it."""
        money = (_german(self.amount), _german(self.tax), _german(self.shipping))
        refunded = _german(self.refunded) if self.refunded else ""
        return ";".join((self.customer, f"{self.at:%d.%m.%Y %H:%M}", self.status, *money, refunded))

    @property
    def points(self) -> int:
        """At a point a euro of what is neither tax nor shipping; of a refunded order, of what is kept."""
        if self.status == "Storniert" or self.refunded == self.amount:
            return 0
        assert not self.refunded or not (self.tax or self.shipping), "only orders without either are refunded in part"
        return (self.amount - self.tax - self.shipping - self.refunded) // 100


def _german(cents: int) -> str:
    whole, rest = divmod(cents, 100)
    return f"{whole:,}".replace(",", ".") + f",{rest:02d}"


def orders(count: int, *, seed: int, until: datetime) -> list[Order]:
    """So many orders of a shop, the newest first."""
    chance = random.Random(seed)
    made: list[Order] = []
    at = until
    while len(made) < count:
        at -= timedelta(minutes=chance.randint(1, 90))
        amount = chance.choice((chance.randint(100, 9_000), chance.randint(100_000, 250_000)))
        order = Order(f"kunde-{chance.randrange(max(count // 8, 3))}", at, "Abgeschlossen", amount)
        kind = chance.random()
        if kind < 0.08:
            order = replace(order, status="Storniert")
        elif kind < 0.12:
            order = replace(order, status="Rückerstattet", refunded=amount)
        elif kind < 0.15:
            order = replace(order, refunded=amount // 3)
        else:
            order = replace(order, tax=amount * 19 // 119, shipping=min(490, amount - amount * 19 // 119))
        made += [order, order] if kind > 0.99 else [order]
    return made[:count]


def file_of(made: Sequence[Order]) -> bytes:
    """The export."""
    return "\r\n".join([HEADER, *(order.line() for order in made), ""]).encode("utf-8-sig")


def balances_of(made: Sequence[Order]) -> dict[str, int]:
    """What each member must have."""
    found: dict[str, int] = {}
    for order in made:
        if order.status != "Storniert":
            found[order.customer] = found.get(order.customer, 0) + order.points
    return found
