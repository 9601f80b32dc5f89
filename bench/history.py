"""A history of purchases: CDNOW's if its file is given, else one of the same shape from a fixed seed.

CDNOW: 69,659 purchases by 23,570 customers who first bought in early 1997, until mid-1998, sorted by customer and date.
Each line: customer, yyyymmdd, number of CDs, dollars. https://www.brucehardie.com/datasets/
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

PURCHASES, CUSTOMERS = 69_659, 23_570
FIRST_DAY, LAST_DAY = date(1997, 1, 1), date(1998, 6, 30)
HEADER = " customer_id  date number_of_cds  dollar_value"


@dataclass(frozen=True)
class History:
    """A file with a header line, and its rows."""

    path: Path
    name: str
    rows: list[tuple[str, str, str, str]]


def read_history(path: Path | None, directory: Path, *, limit: int | None = None) -> History:
    """The history at the path, or a made one. A made or shortened history becomes a file in the directory."""
    if path is not None:
        name, lines = path.name, path.read_text().splitlines()
    else:
        name, lines = "synthetic history of CDNOW's shape", make_history()
    lines = lines[: None if limit is None else limit + 1]
    if path is None or limit is not None:
        path = directory / "purchases.txt"
        path.write_text("\n".join(lines) + "\n")
    rows = [(cells[0], cells[1], cells[2], cells[3]) for line in lines[1:] if (cells := line.split())]
    return History(path, name, rows)


def make_history() -> list[str]:
    """Lines like CDNOW's: the same every time."""
    chance = random.Random(1997)
    # Few customers make most of the purchases: repeat counts as from a gamma-distributed rate.
    rates = [chance.gammavariate(0.4, 1.0) + 1e-6 for _ in range(CUSTOMERS)]
    buyers = chance.choices(range(CUSTOMERS), weights=rates, k=PURCHASES - CUSTOMERS)
    days = (LAST_DAY - FIRST_DAY).days
    first_days = [chance.randrange(84) for _ in range(CUSTOMERS)]
    bought = [(customer, first_days[customer]) for customer in range(CUSTOMERS)]
    bought += [(customer, chance.randint(first_days[customer], days)) for customer in buyers]
    lines = [HEADER]
    for customer, day in sorted(bought):
        at = FIRST_DAY + timedelta(days=day)
        discs = 1 + min(int(chance.expovariate(0.7)), 40)
        # One in a thousand costs nothing, as in CDNOW.
        cents = 0 if chance.random() < 0.001 else discs * chance.choice((1177, 1299, 1396, 1449, 1541, 1699))
        lines.append(f" {customer + 1:05d} {at:%Y%m%d} {discs:2d} {cents // 100:4d}.{cents % 100:02d}")
    return lines
