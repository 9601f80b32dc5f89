"""Progress of challenges: windows, streaks, caps of a day, revisions, refunds; beside a naive second opinion (R54)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vinr_server.core.campaigns.challenges.progress import Progress, progress_of
from vinr_server.core.campaigns.challenges.targets import Contribution, Era, Streak, Target, Window
from vinr_server.core.kernel.calendar import local_day
from vinr_server.core.kernel.spans.durations import Duration

BERLIN = "Europe/Berlin"
ENTERED = datetime(2026, 1, 5, 9, tzinfo=UTC)
THIRTY_DAYS = Window(Duration(seconds=30 * 86_400))


def at(text: str, amount: int = 1) -> Contribution:
    """A contribution at an instant, named after it."""
    return Contribution(text, datetime.fromisoformat(text).astimezone(UTC), 0, amount)


def progress(target: Target, *contributions: Contribution, zone: str = BERLIN) -> Progress:
    """What they come to under one revision."""
    return progress_of(contributions, [Era(target)], ENTERED, zone)


def figures(found: Progress) -> tuple[int, int | None]:
    """How many attempts are complete, and what the running one has."""
    running = found.running
    return len(found.completed), None if running is None else running.length or running.amount


class TestWindows:
    def test_of_thirty_days_ends_exactly_thirty_days_later(self) -> None:
        target = Target("count", 2, window=THIRTY_DAYS)

        assert figures(progress(target, at("2026-02-01T10:00+01:00"), at("2026-03-03T09:59:59+01:00"))) == (1, None)
        assert figures(progress(target, at("2026-02-01T10:00+01:00"), at("2026-03-03T10:00:00+01:00"))) == (0, 1)

    def test_from_the_entry_takes_nothing_before_it_or_at_its_end(self) -> None:
        target = Target("count", 2, window=Window(Duration(seconds=86_400), is_from_entry=True))
        before, first, last, end = (
            Contribution(str(n), ENTERED + timedelta(seconds=n), 0) for n in (-1, 0, 86_399, 86_400)
        )

        assert figures(progress(target, before, first, end)) == (0, 1)
        assert figures(progress(target, before, first, last, end)) == (1, None)

    def test_of_a_calendar_month_is_local_and_holds_one_attempt(self) -> None:
        target = Target("sum", 50, window=Window(calendar="month"), repeat=None)
        january, february = at("2026-01-31T23:59:59+01:00", 30), at("2026-02-01T00:00+01:00", 30)

        assert figures(progress(target, january, february)) == (0, 30)
        assert figures(progress(target, january, at("2026-01-31T12:00+01:00", 30), february)) == (1, 30)
        assert figures(progress(target, *(at(f"2026-02-{day:02d}T12:00+01:00", 30) for day in range(1, 9)))) == (1, 0)

    def test_that_is_none_takes_all(self) -> None:
        found = progress(Target("count", 2, repeat=2), *(at(f"{year}-06-01T00:00+00:00") for year in range(2020, 2025)))

        assert figures(found) == (2, None)


class TestAttempts:
    def test_leave_what_is_over_the_target_to_nobody(self) -> None:
        found = progress(Target("sum", 50, repeat=None), *(at(f"2026-02-0{day}T12:00+00:00", 40) for day in (1, 2, 3)))

        assert figures(found) == (1, 40)

    def test_that_were_complete_stay_when_the_target_rises(self) -> None:  # scenario 56
        old, new = Target("count", 3, repeat=None), Target("count", 5, repeat=None)
        days = [at(f"2026-02-{day:02d}T12:00+00:00") for day in range(1, 6)]

        found = progress_of(days, [Era(old, 1), Era(new)], ENTERED, BERLIN)

        assert figures(found) == (1, 2)
        assert figures(progress_of(days[:2], [Era(old, 0), Era(new)], ENTERED, BERLIN)) == (0, 2)

    def test_are_filled_up_by_spare_contributions(self) -> None:
        target = Target("count", 2, window=THIRTY_DAYS)
        days = [at(f"2026-02-0{day}T12:00+00:00") for day in (1, 2, 3)]

        assert figures(progress(target, *days)) == (1, None)
        assert figures(progress(target, days[0], days[2])) == (1, None)
        assert figures(progress(target, days[2])) == (0, 1)


class TestDays:
    def test_take_the_first_of_a_day_and_the_next_when_it_is_refunded(self) -> None:  # scenario 55
        target = Target("count", 3, max_per_day=1)
        parts = [at(f"2026-02-01T{hour}:00+01:00") for hour in (10, 11, 12)]

        assert figures(progress(target, *parts)) == (0, 1)
        assert progress(target, *parts).running == progress(target, parts[0]).running
        assert figures(progress(target, *parts[1:])) == (0, 1)

    def test_are_local(self) -> None:
        target = Target("days", 2)
        late, early = at("2026-02-01T23:59+01:00"), at("2026-02-02T00:01+01:00")

        assert figures(progress(target, late, early)) == (1, None)
        assert figures(progress(target, late, early, zone="UTC")) == (0, 1)


class TestStreaks:
    WEEKS = Target("streak", 4, streak=Streak("week"))

    def test_of_weeks_begin_on_a_local_monday(self) -> None:  # scenario 54
        sunday, monday = at("2026-03-01T23:59+01:00"), at("2026-03-02T00:01+01:00")

        assert figures(progress(self.WEEKS, sunday, monday)) == (0, 2)
        assert figures(progress(self.WEEKS, sunday, at("2026-03-01T23:58+01:00"))) == (0, 1)

    def test_are_broken_by_a_missed_week_unless_a_freeze_is_left(self) -> None:
        weeks = [at(f"2026-03-{day:02d}T12:00+01:00") for day in (2, 9, 23)]
        frozen = Target("streak", 4, streak=Streak("week", freezes=1))

        assert figures(progress(self.WEEKS, *weeks)) == (0, 1)
        assert figures(progress(self.WEEKS, *weeks, at("2026-03-16T12:00+01:00"))) == (1, None)
        assert figures(progress(frozen, *weeks)) == (0, 3)
        assert progress(frozen, *weeks).running.freezes == 0  # type: ignore[union-attr]
        assert figures(progress(frozen, *weeks, at("2026-04-08T12:00+02:00"))) == (0, 1)

    def test_ask_for_so_many_in_each_period(self) -> None:
        target = Target("streak", 2, streak=Streak("month", least=2))

        assert figures(progress(target, at("2026-01-31T12:00+01:00"), at("2026-02-01T12:00+01:00"))) == (0, 0)
        days = ("01-30", "01-31", "02-01", "02-28")
        assert figures(progress(target, *(at(f"2026-{day}T12:00+01:00") for day in days))) == (1, None)

    def test_begin_anew_after_the_period_that_completed_one(self) -> None:
        target = Target("streak", 2, streak=Streak("day"), repeat=None)
        days = [at(f"2026-03-{day:02d}T{hour}:00+01:00") for day in (27, 28, 29, 30, 31) for hour in (10, 11)]

        assert figures(progress(target, *days)) == (2, 1)


amounts = st.integers(1, 5)
instants = st.integers(0, 40 * 24).map(lambda hours: ENTERED + timedelta(hours=hours))
histories = st.lists(st.tuples(instants, amounts), max_size=12)


def naive(found: list[Contribution], target: Target) -> int:
    """How many attempts are complete, one after the other: the first contribution that ends a stretch that suffices."""
    left, count = sorted(found, key=lambda one: one.place), 0
    while target.repeat is None or count < target.repeat:
        for n, last in enumerate(left):
            lengths = target.window.length
            stretch = [
                one
                for one in left[: n + 1]
                if lengths is None or one.occurred_at > last.occurred_at - timedelta(seconds=lengths.seconds)
            ]
            if sum(one.amount for one in stretch) >= target.target:
                count, left = count + 1, left[n + 1 :]
                break
        else:
            break
    return count


def lasts(days: set[date], target: int, freezes: int) -> bool:
    """Whether a streak of days gets so long, day by day: a missed one takes a freeze, and without one all is lost."""
    length, left = 0, freezes
    for day in (min(days) + timedelta(days=n) for n in range(60)) if days else ():
        if day in days:
            length, left = length + 1, left if length else freezes
        elif left:
            left -= 1
        else:
            length = 0
        if length == target:
            return True
    return False


class TestAgainstASecondOpinion:
    @given(histories, st.integers(2, 8), st.sampled_from([None, 1, 7, 20]), st.sampled_from([None, 1, 3]))
    def test_counts_the_same_attempts(
        self, history: list[tuple[datetime, int]], target: int, days: int | None, repeat: int | None
    ) -> None:
        found = [Contribution(str(n), instant, n, amount) for n, (instant, amount) in enumerate(history)]
        window = Window(None if days is None else Duration(seconds=days * 86_400))
        asked = Target("sum", target, window=window, repeat=repeat)

        assert len(progress(asked, *found).completed) == naive(found, asked)

    @given(histories, st.integers(2, 5), st.integers(0, 2), st.randoms(use_true_random=False))
    def test_streaks_last_as_when_each_day_is_gone_through(
        self, history: list[tuple[datetime, int]], target: int, freezes: int, random: Random
    ) -> None:
        found = [Contribution(str(n), instant, n) for n, (instant, _amount) in enumerate(history)]
        random.shuffle(found)
        days = {local_day(one.occurred_at, BERLIN) for one in found}
        asked = Target("streak", target, streak=Streak("day", freezes=freezes))

        assert bool(progress(asked, *found).completed) == lasts(days, target, freezes)

    @given(histories, st.randoms(use_true_random=False), st.sampled_from(["count", "sum", "days"]))
    def test_any_order_of_arrival_is_the_same(
        self, history: list[tuple[datetime, int]], random: Random, measure: str
    ) -> None:
        found = [Contribution(str(n), instant, n, amount) for n, (instant, amount) in enumerate(history)]
        asked = Target(measure, 3, window=THIRTY_DAYS, repeat=None, max_per_day=2)  # type: ignore[arg-type]
        expected = progress(asked, *found)
        random.shuffle(found)

        assert progress(asked, *found) == expected


@pytest.mark.parametrize("zone", ["UTC", BERLIN, "America/New_York"])
def test_an_attempt_never_takes_what_another_has(zone: str) -> None:
    days = [Contribution(str(n), ENTERED + timedelta(hours=7 * n), n, 1 + n % 3) for n in range(60)]
    found = progress(Target("sum", 5, window=Window(Duration(seconds=86_400)), repeat=None), *days, zone=zone)
    used = [one.source_id for attempt in found.completed for one in attempt.contributions]

    assert len(used) == len({*used}) > 20
