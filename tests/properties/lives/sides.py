"""What the engine shows of a life, and what the club says of it, in the same terms: books, tiers, referrals, events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from engines import Run
from worlds import step_of

from lives.book import NEVER, Book
from lives.club import Club
from lives.points import Told
from vinr_server.core.clocks import commands as clocks_commands
from vinr_server.core.credit.rows import Wallet as WalletRow
from vinr_server.core.events.rows import Event
from vinr_server.core.kernel.answers import Rejected
from vinr_server.core.kernel.commands import Command
from vinr_server.core.ledger.commands import ExpireLots
from vinr_server.core.ledger.rows import Deficit, Entry, Lot
from vinr_server.core.members.rows import Account, TierStanding
from vinr_server.core.referrals.commands import ExpireReferral
from vinr_server.core.referrals.rows import Referral
from vinr_server.core.rewards.rows import Redemption
from vinr_server.engine.submission import Reply
from vinr_server.engine.timely import UNDONE_BY_TIME

TABLES = {
    Account: "accounts",
    WalletRow: "wallets",
    Lot: "lots",
    Deficit: "deficits",
    Entry: "entries",
    Event: "events",
    Referral: "referrals",
    Redemption: "redemptions",
}


# Entries that time alone may make.
BY_TIME = ("expiry", "activation")


class Side:
    """One run of the engine. `names`: what the club calls things, by the ids that this run gave them.

    `is_late`: nobody comes to write what is due, until a command meets it.
    """

    def __init__(self, run: Run, *, is_late: bool = False) -> None:
        self.run, self.is_late, self.number = run, is_late, 0
        self.ids: dict[Any, str] = {}
        self.names: dict[str, Any] = {}

    def name(self, name: Any, id: str) -> None:
        """The club knows this id by a name."""
        self.ids[name], self.names[id] = id, name

    def do(self, command: Command) -> Any:
        """The answer, or the refusal; as the edge does it, once more where the time of others may have undone that."""
        (answer,) = self.do_all([command])
        if isinstance(answer, Rejected) and answer.code in UNDONE_BY_TIME and self.is_late:
            self.work()
            (answer,) = self.do_all([command])
        return answer

    def do_all(self, commands: Iterable[Command]) -> list[Any]:
        """The answers of one batch."""
        steps = []
        for command in commands:
            self.number += 1
            steps.append(step_of(self.number, 0, command))
        outcomes = self.run.submit(steps) if steps else []
        return [
            self.run.answers[step.number] if isinstance(outcome, Reply) else outcome
            for step, outcome in zip(steps, outcomes, strict=True)
        ]

    def must(self, command: Command) -> Any:
        """The answer; nothing refuses it."""
        answer = self.do(command)
        assert not isinstance(answer, Rejected), (command, answer)
        return answer

    def advance(self, clock: str, until: datetime) -> None:
        """The clock stands there. Nobody has come to write what is due."""
        self.must(clocks_commands.AdvanceTestClock(self.ids[clock], until))
        self.must(clocks_commands.FinishTestClock(self.ids[clock], until))

    def work(self) -> None:
        """As the worker does it: all that is due is written."""
        kinds = [(name[0], id) for name, id in self.ids.items() if isinstance(name, tuple)]
        self.do_all(ExpireLots(id) for kind, id in kinds if kind in ("account", "wallet"))
        self.do_all(ExpireReferral(id) for kind, id in kinds if kind == "referral")

    def entry_id(self, owner: Any, number: int) -> str:
        """The id of an entry, by its number in the book."""
        id: str = next(row.id for row in self._entries_of(owner) if row.sequence == number)
        return id

    def entry_id_by_place(self, owner: Any, place: int) -> str:
        """The id of an entry, by its place in the book among those that a command made."""
        mine = [row for row in self._entries_of(owner) if row.kind not in BY_TIME]
        id: str = sorted(mine, key=lambda row: row.sequence)[place - 1].id
        return id

    def _entries_of(self, owner: Any) -> list[Any]:
        return [row for row in self.rows()[Entry] if row.account_id == self.ids[owner]]

    def rows(self) -> Mapping[Any, list[Any]]:
        """All rows that matter, by their types. Whoever runs on something says how they are read."""
        found: dict[Any, list[Any]] = defaultdict(list)
        layers: Any = self.run.layers  # type: ignore[attr-defined]
        for row in layers[self.run.realms[0]].all_written():
            if type(row) in TABLES:
                found[type(row)].append(row)
        return found


# ---- as the club says it


def unix(at: datetime | None) -> int | None:
    """As the wire shows an instant; never is nothing."""
    return None if at is None or at == NEVER else int(at.timestamp())


def expected(club: Club) -> dict[Any, Any]:
    """Every book, referral and redemption, by its owner."""
    found: dict[Any, Any] = {}
    for member in club.members.values():
        standing = member.standing
        found[member.owner] = _book(member) | {
            "pending": member.pending,
            "lifetime": member.lifetime,
            "tier": member.tier,
            "tier_ends": unix(standing.end),
            "tier_grace": unix(standing.grace_until),
            "tier_basis": standing.basis if member.tier is not None else None,
            "tier_lock": None if standing.lock is None else (standing.lock[0], unix(standing.lock[2])),
            "is_closed": member.is_closed,
            "owed": member.owed,
        }
    found |= {wallet.owner: _book(wallet) for wallet in club.wallets.values()}
    for referral in club.referrals:
        figures = (referral.status, unix(referral.until), unix(referral.converted_at), referral.has_slot)
        found["referral", referral.name] = figures
    for redemption in club.redemptions.values():
        found["redemption", redemption.name] = (redemption.status, redemption.spent, unix(redemption.until))
    return found


def _book(book: Book) -> dict[str, Any]:
    return {
        "balance": book.ledger_balance,
        "held": book.held,
        "entries": [
            (entry.kind, entry.points, entry.pending, entry.balance_after, unix(entry.at), entry.about)
            for entry in book.entries
        ],
        "lots": [
            {
                "number": lot.number,
                "points": lot.points,
                "free": lot.free,
                "pending": lot.pending,
                "held": lot.held,
                "expired": lot.expired,
                "reversed": lot.reversed,
                "at": unix(lot.at),
                "end": unix(book.end_of(lot)),
                "origin": lot.origin,
            }
            for lot in book.lots
        ],
    }


def told(club: Club) -> list[Told]:
    """Every event, with instants as the wire shows them."""
    return [
        Told(one.owner, one.type, {name: _shown(value) for name, value in one.figures.items()}) for one in club.told
    ]


def _shown(value: Any) -> Any:
    return unix(value) if isinstance(value, datetime) else value


# ---- as the engine shows it


def shown(side: Side, rows: Mapping[Any, list[Any]]) -> dict[Any, Any]:
    """Every book, referral and redemption, by its owner's name."""
    names, numbers = side.names, _numbers(rows)
    lots, entries, owed = _by_account(rows[Lot]), _by_account(rows[Entry]), _by_account(rows[Deficit])
    found: dict[Any, Any] = {}
    for holder in (*rows[Account], *rows[WalletRow]):
        inactive_at = getattr(holder, "inactive_at", None)
        found[names[holder.id]] = {
            "balance": holder.ledger_balance_points,
            "held": holder.held_points,
            "entries": [
                (
                    row.kind, row.points, row.pending_points, row.balance_after_points, unix(row.occurred_at),
                    numbers.get(row.reverses_id),
                )
                for row in sorted(entries[holder.id], key=lambda row: row.sequence)
            ],
            "lots": [
                {
                    "number": lot.sequence,
                    "points": lot.points,
                    "free": lot.remaining_points - lot.held_points,
                    "pending": lot.pending_points,
                    "held": lot.held_points,
                    "expired": lot.expired_points,
                    "reversed": lot.reversed_points,
                    "at": unix(lot.available_at),
                    "end": unix(inactive_at if lot.by_inactivity else lot.expires_at),
                    "origin": lot.origin,
                }
                for lot in sorted(lots[holder.id], key=lambda lot: lot.sequence)
            ],
        }  # fmt: skip
        assert holder.sequence == len(entries[holder.id])
    for account in rows[Account]:
        standing = account.standing
        if isinstance(standing, dict):  # as the tables hold it
            standing = msgspec.convert(standing, TierStanding)
        found[names[account.id]] |= {
            "pending": account.pending_points,
            "lifetime": account.lifetime_points,
            "tier": account.tier,
            "tier_ends": unix(standing.expires_at) if standing is not None else None,
            "tier_grace": unix(standing.grace_until) if standing is not None else None,
            "tier_basis": None if account.tier is None else standing.basis if standing is not None else "confirmed",
            "tier_lock": None
            if standing is None or standing.lock is None
            else (standing.lock, unix(standing.locked_until)),
            "is_closed": account.status == "closed",
            "owed": sum(deficit.remaining_points for deficit in owed[account.id]),
        }
    for row in rows[Referral]:
        found[names[row.id]] = (row.status, unix(row.expires_at), unix(row.converted_at), row.has_slot)
    for row in rows[Redemption]:
        found[names[row.id]] = (row.status, row.points_spent, unix(row.expires_at))
    return found


def _by_account(rows: Iterable[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.account_id].append(row)
    return found


def _numbers(rows: Mapping[Any, list[Any]]) -> dict[Any, int]:
    return {row.id: row.sequence for row in rows[Entry]}


def events(side: Side, rows: Mapping[Any, list[Any]], *, since: int = 0) -> list[Told]:
    """The engine's events in the order of their making, with the figures that the club tells; but so many first."""
    numbers = _numbers(rows)
    found = sorted(rows[Event], key=lambda row: _place(row.id))[since:]
    return [_event(side, numbers, row) for row in found]


def _place(id: str) -> int:
    """Ids of a run count; the bucket stands last."""
    return int(id.partition("_")[2][:-2], 16)


def _event(side: Side, numbers: Mapping[str, int], row: Any) -> Told:
    data, type = row.data, row.type
    of_account = {"sequence": row.sequence}
    if data.get("object") in ("points_transaction", "credit_transaction"):
        figures = _transaction(side, numbers, data) | of_account
        return Told(side.names[data["account"]], type, figures)
    if type == "loyalty.account.created":
        return Told(side.names[data["id"]], type, of_account)
    if type == "loyalty.tier.changed":
        cause = data["cause"]
        figures = {
            "before": data["from"],
            "after": data["to"],
            "direction": data["direction"],
            "basis": data["basis"],
            "cause": cause["type"],
            "value": cause["value"],
            "threshold": cause["threshold"],
            "lifetime": cause["lifetime_points"],
            "effective_at": data["effective_at"],
            "expires_at": data["expires_at"],
        }
        assert data["sequence"] == row.sequence
        return Told(side.names[data["account"]], type, figures | of_account)
    if type == "loyalty.tier.grace_started":
        names = ("tier", "needed", "grace_until", "effective_at")
        return Told(side.names[data["account"]], type, {name: data[name] for name in names} | of_account)
    if data["object"] == "redemption":
        figures = {
            "reward": data["reward"],
            "status": data["status"],
            "spent": data["points_spent"],
            "held": data["points_held"],
            **{name: data[name] for name in ("expires_at", "captured_at", "canceled_at")},
        }
        return Told(side.names[data["account"]], type, figures | of_account)
    if data["object"] == "payment":
        return Told(("payment", data["id"]), type, _payment(data, type) | of_account)
    assert data["object"] == "referral", type
    awards = [(side.names[award["account"]][1], award["points"], award["status"]) for award in data["awards"]]
    figures = {
        "since": data["registered_at"],
        "until": data["expires_at"],
        "converted_at": data["converted_at"],
        "payment": data["payment"],
        "awards": awards,
        "skipped": [each["unmet"][0]["condition"] for each in data["skipped"] if "rule" not in each],
    }
    return Told(side.names.get(data["id"], ("referral", None)), type, figures)


def _transaction(side: Side, numbers: Mapping[str, int], data: Mapping[str, Any]) -> dict[str, Any]:
    source = data["source"]
    if source is not None:
        kind, id = source["type"], source["id"]
        named = {"redemption": kind, "account": kind, "payment": f"{kind} {id}", "refund": f"{kind} {id}"}
        if kind == "referral":
            source = f"referral {side.names[id][1]}"
        else:
            source = named.get(kind) or f"entry {numbers[id]}"
    return {
        "kind": data["kind"],
        "points": data.get("points", data.get("amount")),
        "pending": data.get("pending_points", 0),
        "balance_after": data["balance_after"],
        "number": data["sequence"],
        "about": numbers.get(data.get("award") or data["reverses"]),
        "source": source,
        "occurred_at": data["occurred_at"],
        "expires_at": data["expires_at"],
    }


def _payment(data: Mapping[str, Any], type: str) -> dict[str, Any]:
    figures = {
        "amount": data["amount"],
        "refunded": data["amount_refunded"],
        "eligible": data["eligible_amount"],
        "referrals": len(data["referrals"]),
    }
    if type == "payment.completed":
        return figures | {"awards": [(award["points"], award["status"]) for award in data["awards"]]}
    refund = data["refund"]
    return figures | {
        "money": refund["money"],
        "returned": refund["credit_returned"],
        "granted": refund["credit_granted"],
        "reversed": refund["points_reversed"],
        "pending_reversed": refund["pending_points_reversed"],
        "reinstated": refund["points_reinstated"],
    }
