"""What is exported, and how it looks: an object a line of JSON, or a row of CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from vinr_server.api.contract.currencies import minor_per_unit
from vinr_server.cli.cells import defused, shown_instant

Json = Mapping[str, Any]
# A cell's text from the object; a number stays one, text is defused, None is empty.
Cell = Callable[[Json], Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of object to export: where it is listed, and its columns. The first column is its id."""

    path: str
    columns: Mapping[str, Cell]
    filters: Sequence[str] = ()


def _field(name: str) -> Cell:
    return lambda shown: shown[name]


def _time(name: str) -> Cell:
    return lambda shown: _instant(shown[name])


def _json(name: str) -> Cell:
    return lambda shown: msgspec.json.encode(shown[name]).decode() if shown[name] else None


def _part(name: str, part: str) -> Cell:
    return lambda shown: (shown[name] or {}).get(part)


def _money(name: str) -> Cell:
    """Currency units, as purchases are imported."""

    def cell(shown: Json) -> Decimal:
        units = minor_per_unit(shown["currency"]) or 1
        return Decimal(shown[name]).scaleb(1 - len(str(units)))

    return cell


def _instant(seconds: int | None) -> str | None:
    return None if seconds is None else shown_instant(seconds)


def _lots(shown: Json) -> str:
    """Each lot as points@from/to, as an interval of ISO 8601: no spreadsheet takes it for a number or a date."""
    return " ".join(
        f"{lot['points']}@{_instant(lot['available_at'])}/{_instant(lot['expires_at']) or '..'}"
        for lot in shown["lots"]
    )


MEMBERS = Kind(
    "/v1/loyalty/accounts/export",
    {
        **{name: _field(name) for name in ("id", "program", "customer", "email", "points")},
        "lots": _lots,
        **{name: _field(name) for name in ("lifetime_points", "tier")},
        "joined_at": _time("created"),
        "status": _field("status"),
        "metadata": _json("metadata"),
    },
    filters=("program", "status"),
)
LEDGER = Kind(
    "/v1/loyalty/points",
    {
        **{name: _field(name) for name in ("id", "account", "kind", "points", "balance_after", "sequence", "reason")},
        "source_type": _part("source", "type"),
        "source_id": _part("source", "id"),
        **{name: _field(name) for name in ("rule", "reverses")},
        "occurred_at": _time("occurred_at"),
        "created": _time("created"),
        **{name: _json(name) for name in ("receipt", "metadata")},
    },
    filters=("account",),
)
REDEMPTIONS = Kind(
    "/v1/loyalty/redemptions",
    {
        **{name: _field(name) for name in ("id", "account", "reward", "status", "points_spent", "points_returned")},
        **{name: _field(name) for name in ("points_transaction", "cancellation", "discount", "voucher_code")},
        **{name: _json(name) for name in ("benefit", "metadata")},
        "created": _time("created"),
        "canceled_at": _time("canceled_at"),
    },
    filters=("account",),
)
# The names are those of `vinr import purchases`, which reads such a file as it is.
PAYMENTS = Kind(
    "/v1/payments",
    {
        "payment": _field("id"),
        "customer": _field("customer"),
        "date": _time("occurred_at"),
        "amount": _money("amount"),
        "currency": _field("currency"),
        "tax": _money("tax"),
        "shipping": _money("shipping"),
        "refunded": _money("amount_refunded"),
        "eligible": _money("eligible_amount"),
        "order": _field("order"),
        "account": _field("account"),
        "created": _time("created"),
        "metadata": _json("metadata"),
    },
    filters=("customer",),
)
CODES = Kind(
    "/v1/engagement/codes",
    {
        **{name: _field(name) for name in ("id", "code", "key", "offer", "batch", "account", "status")},
        **{name: _field(name) for name in ("max_redemptions", "used", "held")},
        **{name: _time(name) for name in ("starts_at", "expires_at", "created")},
        "metadata": _json("metadata"),
    },
    filters=("batch",),
)
KINDS = {
    "members": MEMBERS,
    "ledger": LEDGER,
    "redemptions": REDEMPTIONS,
    "payments": PAYMENTS,
    "codes": CODES,
}


def header_of(kind: Kind) -> str:
    """The header's line."""
    return _line(list(kind.columns))


def row_of(kind: Kind, shown: bytes) -> str:
    """The object as a line of CSV."""
    found = msgspec.json.decode(shown)
    return _line([_cell(cell(found)) for cell in kind.columns.values()])


def _cell(value: Any) -> Any:
    return defused(value) if isinstance(value, str) else value


def _line(cells: Sequence[Any]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerow(cells)
    return written.getvalue()
