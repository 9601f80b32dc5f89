"""Which lots a reminder needs: those of its end, and whatever may have the next one, of a member with many."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import InPart
from vinr_server.core.ledger.book.lots import use_order
from vinr_server.core.ledger.book.reminders import due_reminders, planned
from vinr_server.core.ledger.rows import Endings, EndSpan, Lot
from vinr_server.core.members.rows import Account
from vinr_server.core.programs.rows import Program, ReminderPlan

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 30
PLAN = ReminderPlan(1, NOW - timedelta(days=400), (DAYS,))
PROGRAM = Program(
    "prog_1", "P", "points", None, "none", "UTC", (), "active", None, {}, NOW, reminder_plans=(PLAN,)
)  # fmt: skip
ACCOUNT = Account(
    0, "loy_1", "prog_1", "cust_1", 30, 30, 3, None, NOW, "active", {}, NOW, next_reminder_at=NOW, reminder_revision=1
)  # fmt: skip


def after(days: int) -> datetime:
    """The instant so many days from now."""
    return NOW + timedelta(days=days)


def layer(*ends: int, spans: tuple[EndSpan, ...] = ()) -> Layer:
    """The account with lots of 10 points that end so many days from now; only the first was loaded as one that pays."""
    rows = Layer()
    lots = [Lot(0, f"ptx_{n}", "loy_1", n, 10, 10, 0, 0, NOW, after(end)) for n, end in enumerate(ends)]
    for row in (PROGRAM, ACCOUNT, *lots):
        rows.put(row)
    rows.truncate("loy_1", use_order(lots[0]))
    if spans:
        rows.put(Endings("loy_1", spans))
    return rows


class TestManyLots:
    def test_asks_for_all_lots_where_some_of_one_end_may_be_left_behind(self) -> None:
        with pytest.raises(InPart):
            due_reminders(layer(5, 30), ACCOUNT, PROGRAM, now=NOW)
        elsewhere = EndSpan(after(30), after(40), None)
        with pytest.raises(InPart):
            due_reminders(layer(5, 30, spans=(elsewhere,)), ACCOUNT, PROGRAM, now=NOW)

    def test_says_what_is_due_where_all_of_its_end_is_loaded(self) -> None:
        known = EndSpan(after(29), after(30), after(50))

        (reminder,) = due_reminders(layer(5, 30, 30, spans=(known,)), ACCOUNT, PROGRAM, now=NOW)

        assert (reminder.at, reminder.expires_at, reminder.points) == (NOW, after(30), 20)

    def test_asks_for_all_lots_where_an_earlier_reminder_may_be_among_those_left_behind(self) -> None:
        with pytest.raises(InPart):
            planned(layer(5, 50), ACCOUNT, PROGRAM, now=NOW)
        # The first lot after the span was used up by an earlier command of the batch: what follows it is unknown.
        known = EndSpan(after(29), after(30), after(40))
        with pytest.raises(InPart):
            planned(layer(5, 50, spans=(known,)), ACCOUNT, PROGRAM, now=NOW)

    def test_plans_the_next_reminder_where_no_earlier_one_is_possible(self) -> None:
        known, last = EndSpan(after(29), after(30), after(50)), EndSpan(after(29), after(30), None)

        with_next = planned(layer(5, 50, spans=(known,)), ACCOUNT, PROGRAM, now=NOW)
        without = planned(layer(5, spans=(last,)), ACCOUNT, PROGRAM, now=NOW)

        assert (with_next.next_reminder_at, without.next_reminder_at) == (after(20), None)
