"""A second opinion on store credit: one wallet, kept as naively as R3, R4, R11, R25 and R26 can be read.

Nothing is shared with the product: lots are dicts in a list, holds are lists of pairs, and each call says what its
answer should be. Amounts are minor units.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from opinions import Refused

RETURN_DAYS = 30
FAR = datetime(9000, 1, 1, tzinfo=UTC)
Lot = dict[str, Any]
# What a lot paid or holds.
Piece = tuple[Lot, int]


class Wallet:
    """A customer's credit, the payments it paid for, and the sessions that hold some of it."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.lots: list[Lot] = []
        self.holds: dict[str, list[Piece]] = {}
        self.sessions: dict[str, dict[str, Any]] = {}
        self.payments: dict[str, dict[str, Any]] = {}
        self.refunds: dict[str, dict[str, Any]] = {}

    # ---- time

    def advance(self, until: datetime) -> None:
        """Time goes on; sessions end at their own instants."""
        self.now = until
        for name, session in self.sessions.items():
            if session["end"] <= self.now:
                self._let_go(name)

    # ---- figures

    def held(self, lot: Lot) -> int:
        """What of the lot is held."""
        return sum(n for pieces in self.holds.values() for one, n in pieces if one is lot)

    def free(self) -> list[Piece]:
        """What each lot can pay, in the order of use."""
        live = [(lot, lot["left"] - self.held(lot)) for lot in self.lots if lot["end"] > self.now]
        return sorted(((lot, n) for lot, n in live if n > 0), key=lambda piece: _order(piece[0]))

    @property
    def balance(self) -> int:
        """What can be spent."""
        return sum(n for _lot, n in self.free())

    def standing(self) -> tuple[int, int, list[tuple[datetime, int]]]:
        """Balance, what is held, and the lots that hold something: their ends, and what is left of them."""
        left = [(lot["end"], lot["left"] if lot["end"] > self.now else self.held(lot)) for lot in self.lots]
        held = sum(n for pieces in self.holds.values() for _lot, n in pieces)
        return self.balance, held, sorted((end, n) for end, n in left if n > 0)

    # ---- by hand

    def grant(self, amount: int, end: datetime | None, origin: str) -> Lot:
        """A new lot."""
        lot = {"end": end or FAR, "left": amount, "at": self.now, "number": len(self.lots), "origin": origin}
        self.lots.append(lot)
        return lot

    def spend(self, amount: int) -> list[Piece]:
        """The lots pay, or nothing happens."""
        if amount > self.balance:
            raise Refused("insufficient_credit")
        return self._take(amount)

    def _take(self, amount: int) -> list[Piece]:
        pieces = []
        for lot, n in self.free():
            part = min(n, amount)
            if part:
                lot["left"] -= part
                pieces.append((lot, part))
                amount -= part
        assert amount == 0
        return pieces

    # ---- carts and payments

    def price(self, total: int, most: int | None, session: str | None = None) -> int:
        """What credit pays of a cart."""
        there = self.balance + sum(n for _lot, n in self.holds.get(session or "", []))
        return min(total, there) if most is None else min(total, there, most)

    def open(self, name: str, total: int, most: int | None, end: datetime) -> int:
        """A session holds it."""
        self.sessions[name] = {"total": total, "most": most, "end": end, "is_open": True}
        return self.recart(name, total)

    def recart(self, name: str, total: int) -> int:
        """Its cart comes to something else."""
        session = self.sessions[name]
        if not session["is_open"] or session["end"] <= self.now:
            raise Refused("checkout_session_not_open")
        applied = self.price(total, session["most"], name)
        wanted, pieces = applied, []
        for lot, n in self.holds.pop(name, []):
            part = min(n, wanted)
            if part:
                pieces.append((lot, part))
                wanted -= part
        self.holds[name] = pieces
        for lot, n in self.free():
            part = min(n, wanted)
            if part:
                pieces.append((lot, part))
                wanted -= part
        assert wanted == 0
        session["total"] = total
        self._expire()
        return applied

    def abandon(self, name: str) -> None:
        """What it held is free again; again: nothing."""
        if self.sessions[name].get("is_paid"):
            raise Refused("checkout_session_not_open")
        self._let_go(name)

    def _let_go(self, name: str) -> None:
        self.sessions[name]["is_open"] = False
        self.holds.pop(name, None)
        self._expire()

    def _expire(self) -> None:
        for lot in self.lots:
            if lot["end"] <= self.now:
                lot["left"] = self.held(lot)

    def pay_session(self, name: str, payment: str) -> int:
        """It is paid: what it held is spent."""
        session = self.sessions[name]
        if not session["is_open"] or session["end"] <= self.now:
            raise Refused("checkout_session_not_open")
        pieces = self.holds.pop(name, [])
        for lot, n in pieces:
            lot["left"] -= n
        session |= {"is_open": False, "is_paid": True}
        return self._paid(payment, session["total"], pieces)

    def pay(self, payment: str, amount: int, credit: int) -> int:
        """A tender names the wallet."""
        return self._paid(payment, amount, self.spend(credit))

    def _paid(self, payment: str, amount: int, pieces: list[Piece]) -> int:
        credit = sum(n for _lot, n in pieces)
        spends = [[pieces, 0]] if pieces else []
        self.payments[payment] = {"a": amount, "c": credit, "refunded": 0, "returned": 0, "spends": spends}
        return credit

    # ---- refunds

    def refund(self, name: str, payment: str, amount: int, named: int | None) -> tuple[int, int, int]:
        """Money, credit returned, credit granted."""
        paid = self.payments[payment]
        money_left = paid["a"] - paid["c"] - (paid["refunded"] - paid["returned"])
        credit_left = paid["c"] - paid["returned"]
        granted = 0
        if named is None:
            share = paid["c"] * (paid["refunded"] + amount) // paid["a"] - paid["returned"]
            returned = min(max(share, amount - money_left, 0), credit_left, amount)
        else:
            if amount - named > money_left:
                raise Refused("refund_exceeds_tender")
            returned = min(named, credit_left)
            granted = named - returned
        paid["refunded"] += amount
        paid["returned"] += returned
        self._return(paid, returned)
        lot = self.grant(granted, None, "refund") if granted else None
        self.refunds[name] = {
            "payment": payment,
            "amount": amount,
            "returned": returned,
            "granted": granted,
            "lot": lot,
            "is_undone": False,
        }
        return amount - returned - granted, returned, granted

    def _return(self, paid: dict[str, Any], amount: int) -> None:
        limit = (self.now + timedelta(days=RETURN_DAYS)).replace(microsecond=0)
        for spend in reversed(paid["spends"]):
            pieces, back = spend
            late: dict[str, int] = {}
            for lot, n in sorted(pieces, key=lambda piece: _order(piece[0]), reverse=True):
                gone = min(n, back)
                back -= gone
                part = min(n - gone, amount)
                amount -= part
                spend[1] += part
                if part and lot["end"] < limit:
                    late[lot["origin"]] = late.get(lot["origin"], 0) + part
                else:
                    lot["left"] += part
            for origin in sorted(late):
                self.grant(late[origin], limit, origin)
        assert amount == 0

    def undo(self, name: str) -> None:
        """A refund never was: its credit is taken again, or nothing happens."""
        refund = self.refunds[name]
        if refund["is_undone"]:
            return
        paid, lot = self.payments[refund["payment"]], refund["lot"]
        if lot is not None and (lot["left"] - self.held(lot) if lot["end"] > self.now else 0) < refund["granted"]:
            raise Refused("credit_spent")
        if self.balance - refund["granted"] < refund["returned"]:
            raise Refused("insufficient_credit")
        if lot is not None:
            lot["left"] -= refund["granted"]
        if refund["returned"]:
            paid["spends"].append([self._take(refund["returned"]), 0])
        paid["refunded"] -= refund["amount"]
        paid["returned"] -= refund["returned"]
        refund["is_undone"] = True


def _order(lot: Lot) -> tuple[datetime, datetime, int]:
    """R3: the soonest end first, then the oldest."""
    return lot["end"], lot["at"], lot["number"]
