"""Two years of a few members: what happens is done in the club and in every run of the engine, and time passes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

from opinions import Refused

from lives.book import Book
from lives.club import Club
from lives.comparing import compare_events, compare_order, compare_states, undated, unexpired
from lives.dates import BEGIN, END, corners
from lives.member import Terms, Wallet
from lives.sides import BY_TIME, Side, events, expected, shown, told
from lives.worlds import CLOCK, setup
from vinr_server.core.credit import commands as credit_commands
from vinr_server.core.kernel.answers import Rejected
from vinr_server.core.kernel.commands import Command
from vinr_server.core.members import commands as members_commands

CUSTOMERS = ("ann", "bob", "cem", "dee", "eve")
Make = Callable[[Side], Command]


class Life:
    """The club, and runs of the engine that are told the same.

    The first side is told each wait at once, the others in random parts. After each wait the worker comes, but to the
    side that is late it comes seldom.
    """

    def __init__(self, chance: Random, terms: Terms, sides: Sequence[Side], counted: Counter[str]) -> None:
        self.chance, self.terms, self.counted = chance, terms, counted
        self.club = Club(terms, BEGIN)
        self.sides = sides
        self.number = self.compared = 0
        days = (terms.pending_days, terms.referrals.hold_days, terms.tiers.grace_days, 30)
        months = tuple(each for each in (terms.months, terms.tiers.months, terms.credit.months, 12) if each)
        self.corners = corners(terms.zone, tuple(sorted({each for each in days if each})), tuple(sorted({*months})))
        for side in self.sides:
            side.name("clock", side.must(CLOCK)["id"])
            for command in setup(terms, side.ids["clock"]):
                side.must(command)
        for customer in CUSTOMERS:
            self.create_wallet(customer)
        for customer in CUSTOMERS[:2]:
            self.enroll(customer)
        self.compare()

    # ---- a move on every side

    def both(self, make: Make, opinion: Callable[[], Any], *, name: Any = None) -> Any:
        """What the club says; every run refuses for the same, or neither does. `name`: of what it makes."""
        self.counted["moves"] += 1
        refused, wanted = None, None
        try:
            wanted = opinion()
        except Refused as reason:
            refused = str(reason)
            self.club.rest.clear()
            self.counted[f"refused {refused}"] += 1
        else:
            self.club.end_command()
        for side in self.sides:
            command = make(side)
            answer = side.do(command)
            code = answer.code if isinstance(answer, Rejected) else None
            assert code == refused, f"want {refused}, got {answer} of {command}"
            if refused is None and name is not None:
                side.name(name, answer["id"])
        return wanted

    def play(self, until: datetime = END) -> None:
        """Moves and waits, until the time is over; what is due in the end is written."""
        while self.club.now < until:
            for _move in range(self.chance.choice((1, 1, 2, 2, 3, 4, 5))):
                self.number += 1
                self.move()
                self.compare(is_command=True)
            self.wait(min(self.next_instant(), until))
            self.compare()
        self.compare_all()

    def move(self) -> None:
        """Something happens. Who inherits says what."""
        raise NotImplementedError

    # ---- time

    def next_instant(self) -> datetime:
        """Something is just due, or a second before or after; or the calendar is hard; or any time."""
        now, way = self.club.now, self.chance.random()
        span = timedelta(seconds=self.chance.choice((60, 3_600, 86_400, 86_400 * 12, 86_400 * 30)))
        if way < 0.4:
            due = [at for at in self.due() if at > now]
            if due:
                at = self.chance.choice(due[:3])
                near = at + timedelta(seconds=self.chance.choice((0, 0, 0, 0, -1, 1)))
                return near if near > now else at
        if way < 0.7:
            ahead = [at for at in self.corners if at > now][:6]
            if ahead:
                return self.chance.choice(ahead)
        return now + timedelta(seconds=self.chance.randint(1, int(span.total_seconds())))

    def due(self) -> list[datetime]:
        """What is due next of each member, wallet and referral."""
        club = self.club
        found = [at for member in club.members.values() if (at := member.next_instant()) is not None]
        found += [lot.end for wallet in club.wallets.values() for lot in wallet.lots if lot.free and lot.end]
        found += [one.until for one in club.referrals if one.status == "registered" and one.until is not None]
        return sorted(found)

    def wait(self, until: datetime) -> None:
        """Time passes on every side."""
        self.counted["waits"] += 1
        since = self.club.now
        self.club.wait(until)
        for place, side in enumerate(self.sides):
            for at in [until] if place == 0 else self.parts(since, until):
                side.advance("clock", at)
                if not side.is_late or self.chance.random() < 0.1:
                    side.work()

    def parts(self, since: datetime, until: datetime) -> list[datetime]:
        """The instants of a random split."""
        span = int((until - since).total_seconds())
        due = [at for at in self.corners if since < at < until]
        parts = {since + timedelta(seconds=self.chance.randint(1, span)) for _part in range(self.chance.randint(0, 3))}
        parts |= {self.chance.choice(due)} if due else set()
        return sorted({at for at in parts if since < at < until} | {until})

    # ---- what both sides show

    def compare(self, *, is_command: bool = False) -> None:
        """The first run shows what the club says: every figure, and the events since the last comparison.

        `is_command`: they are those of one command, whose events have one order, whoever they belong to (R12g).
        """
        side, wanted = self.sides[0], told(self.club)
        rows = side.rows()
        compare_states(shown(side, rows), expected(self.club))
        found = events(side, rows, since=self.compared)
        compare_events(found, wanted[self.compared :])
        if is_command:
            compare_order(found, wanted[self.compared :])
        self.counted["events"] += len(wanted) - self.compared
        self.compared = len(wanted)

    def compare_all(self) -> None:
        """Every run shows the same, however it was told of time; the events of each owner all in the same order."""
        wanted, state = told(self.club), expected(self.club)
        for side in self.sides:
            side.work()
            rows = side.rows()
            if side.is_late:
                compare_states(undated(shown(side, rows)), undated(state))
                compare_events(*map(unexpired, (events(side, rows), wanted)))
            else:
                compare_states(shown(side, rows), state)
                compare_events(events(side, rows), wanted)
            self.counted["events"] += len(wanted)
        self.counted["members"] += len(self.club.members)
        self.counted["histories"] += 1
        for event in wanted:
            self.counted[event.type] += 1
            if event.type == "loyalty.tier.changed":
                self.counted[f"tier {event.figures['cause']}"] += 1
                self.counted[f"tier {event.figures['basis']}"] += 1

    def entry_id(self, side: Side, book: Book, number: int) -> str:
        """The id of an entry on a side.

        Where the worker is late, it is found by its place among those that commands made, and an activation by its
        award's.
        """
        if not side.is_late:
            return side.entry_id(book.owner, number)
        entry = book.entries[number - 1]
        number = entry.about if entry.kind == "activation" and entry.about else number
        return side.entry_id_by_place(book.owner, sum(each.kind not in BY_TIME for each in book.entries[:number]))

    # ---- members

    def create_wallet(self, customer: str) -> None:
        self.club.wallets[customer] = Wallet(customer, self.terms.credit, self.club.tell)
        for side in self.sides:
            command = credit_commands.CreateWallet(f"cust_{customer}", "EUR", clock_id=side.ids["clock"])
            side.name(("wallet", customer), side.must(command)["id"])

    def enroll(self, customer: str) -> None:
        for side in self.sides:
            side.name(("account", customer), f"loy_{customer}")
        command = members_commands.CreateAccount("prog_club", f"cust_{customer}", account_id=f"loy_{customer}")
        self.both(lambda _side: command, lambda: self.club.enroll(customer))
