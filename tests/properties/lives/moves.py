"""Moves of members, points and rewards, drawn at random and biased towards the corners of the rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from lives.life import CUSTOMERS, Life
from vinr_server.core.ledger import commands as ledger_commands
from vinr_server.core.members import commands as members_commands
from vinr_server.core.rewards import commands as rewards_commands
from vinr_server.core.tiers.commands import SetTier


class PointMoves(Life):
    """A life in which points come and go."""

    # ---- draws

    def customer(self) -> str:
        """A member, one of the first more often."""
        return self.chance.choice((*self.club.members, *tuple(self.club.members)[:2]))

    def rich(self) -> str:
        """A member, mostly the one who has most."""
        members = self.club.members
        most = max(members, key=lambda customer: members[customer].spendable * (not members[customer].is_closed))
        return most if self.chance.random() < 0.6 else self.customer()

    def past(self) -> datetime | None:
        """Mostly now; else an instant that is over, hard ones more often."""
        if self.chance.random() < 0.7:
            return None
        before = [at for at in self.corners if at <= self.club.now][-8:]
        if before and self.chance.random() < 0.6:
            return self.chance.choice(before)
        return self.club.now - timedelta(seconds=self.chance.randint(0, 86_400 * 90))

    def points(self) -> int:
        return self.chance.choice((1, 30, 60, 100, self.chance.randint(1, 200)))

    def part_of(self, most: int) -> int:
        return self.chance.choice((most, self.chance.randint(1, most)))

    def ahead(self) -> datetime:
        """An end that lies ahead: hard, just when something else is due, or any."""
        coming = [at for at in (*self.corners, *self.due()) if at > self.club.now]
        if coming and self.chance.random() < 0.6:
            return self.chance.choice(sorted(coming)[:8])
        return self.club.now + timedelta(days=self.chance.choice((1, 3, 6, self.chance.randint(1, 90))))

    # ---- members and points

    def move_enroll(self) -> None:
        left = [customer for customer in CUSTOMERS if customer not in self.club.members]
        open_to = [one.customer for one in self.club.referrals if one.is_open(self.club.now) and one.customer in left]
        if left and self.chance.random() < (0.8 if open_to else 0.2):
            self.enroll((open_to or left)[0])

    def move_award(self) -> None:
        customer, points = self.customer(), self.points()
        mine = [name for name, payment in self.club.payments.items() if payment.customer == customer]
        how: dict[str, Any] = {"occurred_at": self.past()}
        how["days"] = self.chance.choice((None, None, 0, 5, 14))
        how["end"] = self.chance.choice((None, None, None, self.ahead()))
        how["payment"] = self.chance.choice(mine) if mine and self.chance.random() < 0.3 else None
        command = ledger_commands.AwardPoints(
            f"loy_{customer}",
            points,
            payment_id=how["payment"],
            occurred_at=how["occurred_at"],
            expires_at=how["end"],
            pending_days=how["days"],
        )
        self.both(lambda _side: command, lambda: self.club.award(customer, points, **how))

    def move_adjust(self) -> None:
        customer, points = self.customer(), self.points() * self.chance.choice((1, -1, -1))
        command = ledger_commands.AdjustPoints(f"loy_{customer}", points, "by hand")
        self.both(lambda _side: command, lambda: self.club.adjust(customer, points))

    def _entry(self, customer: str, kinds: Sequence[str]) -> int | None:
        """The number of one of the member's last entries, mostly of these kinds."""
        entries = [entry for entry in self.club.members[customer].entries if entry.kind != "expiry"]
        mine = [entry.number for entry in entries if entry.kind in kinds or self.chance.random() < 0.1][-6:]
        return self.chance.choice(mine) if mine else None

    def move_reverse(self) -> None:
        holders = [customer for customer, member in self.club.members.items() if member.holds]
        customer = self.chance.choice(holders) if holders and self.chance.random() < 0.7 else self.customer()
        if (number := self._entry(customer, ("award", "adjustment", "activation"))) is None:
            return
        points = self.chance.choice((None, None, self.points()))
        self.both(
            lambda side: ledger_commands.ReversePoints(
                self.entry_id(side, self.club.members[customer], number), points
            ),
            lambda: self.club.reverse(customer, number, points),
        )

    def move_activate(self) -> None:
        customer = self.customer()
        if (number := self._entry(customer, ("award", "activation"))) is not None:
            self.both(
                lambda side: ledger_commands.ActivatePoints(self.entry_id(side, self.club.members[customer], number)),
                lambda: self.club.activate(customer, number),
            )

    def move_close(self) -> None:
        if self.chance.random() < 0.15:
            customer = self.customer()
            command = members_commands.CloseAccount(f"loy_{customer}")
            self.both(lambda _side: command, lambda: self.club.close(customer))

    def move_set_tier(self) -> None:
        if self.terms.tiers.window == "lifetime" and self.chance.random() < 0.7:
            return
        customer, rank = self.customer(), self.chance.randrange(-1, len(self.terms.tiers.tiers))
        end = self.chance.choice((None, self.ahead()))
        name = self.terms.tiers.tiers[rank][0] if rank >= 0 else None
        kind: Any = self.chance.choice(("at_least", "exactly"))
        lock = (kind, self.ahead()) if self.chance.random() < 0.3 else None
        command = SetTier(f"loy_{customer}", name, expires_at=end)
        command = command if lock is None else replace(command, lock=kind, locked_until=lock[1])
        self.both(lambda _side: command, lambda: self.club.set_tier(customer, rank, end, lock))

    # ---- rewards

    def move_redeem(self, minutes: int | None = None) -> None:
        customer, reward, name = self.rich(), self.chance.choice(self.terms.rewards), f"redemption_{self.number}"
        command = rewards_commands.CreateRedemption(f"loy_{customer}", reward.name)
        if minutes is not None:
            command = replace(command, capture=False, minutes=minutes)
        key = ("redemption", name)
        self.both(lambda _side: command, lambda: self.club.redeem(name, customer, reward, minutes=minutes), name=key)

    def move_authorize(self) -> None:
        """Until some minutes from now; more often just until something else is due."""
        now = self.club.now
        due = [int((at - now).total_seconds()) for at in (*self.due(), *self.corners) if at > now]
        exact = [span // 60 for span in due if span % 60 == 0 and span // 60 <= 10_080]
        minutes = self.chance.choice((15, 10_080, 10_080, self.chance.randint(1, 10_080)))
        self.move_redeem(self.chance.choice((minutes, *exact[:2])))

    def _redemption(self) -> str | None:
        names = list(self.club.redemptions)[-5:]
        return self.chance.choice(names) if names else None

    def move_capture(self) -> None:
        if (name := self._redemption()) is not None:
            points = self.chance.choice((None, self.chance.randint(1, 40)))
            self.both(
                lambda side: rewards_commands.CaptureRedemption(side.ids["redemption", name], points),
                lambda: self.club.capture(name, points),
            )

    def move_cancel(self) -> None:
        if (name := self._redemption()) is not None:
            self.both(
                lambda side: rewards_commands.CancelRedemption(side.ids["redemption", name]),
                lambda: self.club.cancel(name),
            )
