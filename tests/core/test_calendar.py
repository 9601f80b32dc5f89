"""Calendar arithmetic of R1 and R23, by hand-worked instants and against an oracle that only reads clocks.

The oracle never converts a local time: it steps through UTC, asks what the clocks of the zone show, and
closes in on each change, so it shares neither the fold nor the month arithmetic with the module.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from functools import cache
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, get_args
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import SCALE
from vinr_server.core.kernel.calendar import (
    FIRST_INSTANT,
    LAST_INSTANT,
    ExpiryRounding,
    end_of_day,
    expires_at,
    is_zone,
    start_of_day,
)

ROUNDINGS: tuple[ExpiryRounding, ...] = get_args(ExpiryRounding)
# No change, an hour, half an hour, at midnight, a day left out, a day lived twice, seconds of offset.
ODD_ZONES = (
    "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "America/Sao_Paulo",
    "Africa/Cairo", "America/Havana", "America/St_Johns", "America/Toronto", "Asia/Kathmandu", "Asia/Beirut",
    "Africa/Casablanca", "Pacific/Kiritimati", "Pacific/Kwajalein", "America/Asuncion", "Antarctica/Troll",
    "Antarctica/Casey", "Europe/Dublin", "Africa/Monrovia",
)  # fmt: skip
KNOWN_ZONES = tuple(sorted(name for name in available_timezones() if is_zone(name)))

SECOND = timedelta(seconds=1)
MICROSECOND = timedelta(microseconds=1)
DAY = timedelta(days=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local(text: str, zone: str) -> datetime:
    """The instant that the zone's clocks show once only as this local time."""
    wall = datetime.fromisoformat(text)
    instants = readings_of(wall, zone)
    assert len(instants) == 1, (text, zone, instants)
    return instants[0]


def expiry(available_at: datetime, *, months: int, rounding: ExpiryRounding = "none", zone: str = "UTC") -> datetime:
    expires = expires_at(available_at, months=months, rounding=rounding, zone=zone)
    assert expires is not None
    return expires


# ---- the oracle


class Stretch(NamedTuple):
    """A time without a change of the clocks: [starts_at, ends_at), during which they show UTC + offset."""

    starts_at: datetime
    ends_at: datetime
    offset: timedelta


def clock(instant: datetime, zone: str) -> datetime:
    """What the zone's clocks show, without saying which zone it is."""
    return instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)


def offset_at(instant: datetime, zone: str) -> timedelta:
    return clock(instant, zone) - instant.replace(tzinfo=None)


def next_change(starts_at: datetime, ends_at: datetime, zone: str) -> datetime:
    """The second at which the offset is no longer that of starts_at, given that it differs at ends_at."""
    offset = offset_at(starts_at, zone)
    while ends_at - starts_at > SECOND:
        middle = starts_at + ((ends_at - starts_at) // 2 // SECOND) * SECOND
        if offset_at(middle, zone) == offset:
            starts_at = middle
        else:
            ends_at = middle
    return ends_at


@cache
def stretches(first: date, last: date, zone: str) -> list[Stretch]:
    """What the clocks did from 2 days before a local day to 2 days after another.

    No clock is further from UTC than that. Steps by days: no zone's clocks ever changed twice within one.
    """
    instant = datetime(first.year, first.month, first.day, tzinfo=UTC) - 2 * DAY
    until = datetime(last.year, last.month, last.day, tzinfo=UTC) + 3 * DAY
    starts_at, offset, found = instant, offset_at(instant, zone), []
    while instant < until:
        following = instant + DAY
        if offset_at(following, zone) != offset:
            change = next_change(instant, following, zone)
            found.append(Stretch(starts_at, change, offset))
            starts_at, offset = change, offset_at(change, zone)
        instant = following
    return [*found, Stretch(starts_at, until, offset)]


def readings_of(wall: datetime, zone: str) -> list[datetime]:
    """The instants at which the zone's clocks show a local time: none, one or two."""
    return [
        instant
        for stretch in stretches(wall.date(), wall.date(), zone)
        if stretch.starts_at <= (instant := (wall - stretch.offset).replace(tzinfo=UTC)) < stretch.ends_at
    ]


def oracle_instant(wall: datetime, zone: str) -> datetime:
    instants = readings_of(wall, zone)
    if instants:
        return instants[0]
    for before, after in pairwise(stretches(wall.date(), wall.date(), zone)):
        gap_start = before.ends_at.replace(tzinfo=None) + before.offset
        gap_end = after.starts_at.replace(tzinfo=None) + after.offset
        if gap_start <= wall < gap_end:
            [instant] = readings_of(wall + (gap_end - gap_start), zone)
            return instant
    raise AssertionError(f"{wall} is neither shown nor jumped over in {zone}")


def oracle_start_of_day(day: date, zone: str) -> datetime:
    midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - what a clock shows
    reached = [
        (max(stretch.starts_at, (midnight - stretch.offset).replace(tzinfo=UTC)), stretch)
        for stretch in stretches(day, day, zone)
    ]
    return min(instant for instant, stretch in reached if instant < stretch.ends_at)


PERIODS: dict[str, Callable[[date], tuple[int, ...]]] = {
    "day": lambda day: (day.year, day.month, day.day),
    "month": lambda day: (day.year, day.month),
    "quarter": lambda day: (
        day.year,
        {1: 1, 2: 1, 3: 1, 4: 2, 5: 2, 6: 2, 7: 3, 8: 3, 9: 3}.get(day.month, 4),
    ),
    "year": lambda day: (day.year,),
}


@cache
def oracle_months_later(day: date, months: int) -> date:
    first = day.replace(day=1)
    for _ in range(months):
        first = (first + 32 * DAY).replace(day=1)
    wanted_day = day.day
    while True:
        try:
            return first.replace(day=wanted_day)
        except ValueError:
            wanted_day -= 1


def oracle_expires_at(available_at: datetime, months: int, rounding: ExpiryRounding, zone: str) -> datetime:
    shown = clock(available_at, zone)
    instant = oracle_instant(datetime.combine(oracle_months_later(shown.date(), months), shown.time()), zone)
    if rounding == "none":
        return instant
    period_of = PERIODS[rounding]
    landed_on = next_day = clock(instant, zone).date()
    while period_of(next_day) == period_of(landed_on):
        next_day += DAY
    return oracle_start_of_day(next_day, zone)


# ---- the laws


class TestExpiresAt:
    def test_is_never_without_months(self) -> None:
        assert expires_at(utc("2026-01-31T09:00"), months=None, rounding="year", zone="Europe/Berlin") is None

    @pytest.mark.parametrize(
        ("available", "months", "expires"),
        [
            ("2026-01-15T09:30:15.000123", 1, "2026-02-15T09:30:15.000123"),
            ("2026-01-15T09:30", 12, "2027-01-15T09:30"),
            ("2026-11-15T09:30", 1, "2026-12-15T09:30"),
            ("2026-12-15T09:30", 1, "2027-01-15T09:30"),
            ("2026-12-15T09:30", 12, "2027-12-15T09:30"),
            ("2026-12-15T09:30", 13, "2028-01-15T09:30"),
            ("2026-05-15T09:30", 1200, "2126-05-15T09:30"),
            ("2026-05-15T09:30", 0, "2026-05-15T09:30"),
        ],
    )
    def test_is_so_many_calendar_months_later(self, available: str, months: int, expires: str) -> None:
        assert expiry(utc(available), months=months) == utc(expires)

    @pytest.mark.parametrize(
        ("available", "months", "expires"),
        [
            ("2026-01-31T09:30", 1, "2026-02-28T09:30"),
            ("2028-01-31T09:30", 1, "2028-02-29T09:30"),
            ("2028-01-30T09:30", 1, "2028-02-29T09:30"),
            ("2026-01-29T09:30", 1, "2026-02-28T09:30"),
            ("2026-01-28T09:30", 1, "2026-02-28T09:30"),
            ("2100-01-31T09:30", 1, "2100-02-28T09:30"),
            ("2000-01-31T09:30", 1, "2000-02-29T09:30"),
            ("2026-01-31T09:30", 2, "2026-03-31T09:30"),
            ("2026-01-31T09:30", 3, "2026-04-30T09:30"),
            ("2026-05-31T09:30", 1, "2026-06-30T09:30"),
            ("2026-08-31T09:30", 1, "2026-09-30T09:30"),
            ("2026-10-31T09:30", 1, "2026-11-30T09:30"),
            ("2028-02-29T09:30", 12, "2029-02-28T09:30"),
            ("2028-02-29T09:30", 48, "2032-02-29T09:30"),
            ("2028-02-29T09:30", 1, "2028-03-29T09:30"),
        ],
    )
    def test_is_clamped_to_the_months_end(self, available: str, months: int, expires: str) -> None:
        assert expiry(utc(available), months=months) == utc(expires)
        assert expiry(utc(available), months=months, zone="Etc/UTC") == utc(expires)

    def test_counts_months_in_the_zone_not_in_utc(self) -> None:
        # 31 January 23:30 in UTC is 1 February 08:30 in Tokyo.
        assert expiry(utc("2026-01-31T23:30"), months=1, zone="Asia/Tokyo") == utc("2026-02-28T23:30")
        # 1 March 03:00 in UTC is 28 February 22:00 in New York; a month later the clocks are an hour ahead.
        assert expiry(utc("2026-03-01T03:00"), months=1, zone="America/New_York") == utc("2026-03-29T02:00")

    @pytest.mark.parametrize(
        ("zone", "available", "expires"),
        [
            ("Europe/Berlin", "2026-03-15T12:00", "2026-04-15T12:00"),
            ("Europe/Berlin", "2026-10-15T12:00", "2026-11-15T12:00"),
            ("America/New_York", "2026-02-15T12:00", "2026-03-15T12:00"),
            ("Australia/Lord_Howe", "2026-03-15T12:00", "2026-04-15T12:00"),
        ],
    )
    def test_keeps_the_local_time_when_the_offset_changes(self, zone: str, available: str, expires: str) -> None:
        before, after = local(available, zone), local(expires, zone)

        assert expiry(before, months=1, zone=zone) == after
        assert offset_at(before, zone) != offset_at(after, zone)

    @pytest.mark.parametrize(
        ("zone", "available", "expires"),
        [
            # 29 March 2026, 02:00 -> 03:00: 02:30 is 03:30 at UTC+2, and 02:00 is 03:00.
            ("Europe/Berlin", "2026-01-29T01:30", "2026-03-29T01:30"),
            ("Europe/Berlin", "2026-01-29T01:00", "2026-03-29T01:00"),
            # 8 March 2026, 02:00 -> 03:00: 02:30 is 03:30 at UTC-4.
            ("America/New_York", "2026-01-08T07:30", "2026-03-08T07:30"),
            # 4 October 2026, 02:00 -> 02:30: 02:15 is 02:45 at UTC+11.
            ("Australia/Lord_Howe", "2026-08-03T15:45", "2026-10-03T15:45"),
            # The whole of 30 December 2011 was left out: noon is noon of the 31st at UTC+14.
            ("Pacific/Apia", "2011-10-30T22:00", "2011-12-30T22:00"),
            # 4 November 2018, 00:00 -> 01:00: 00:20 is 01:20 at UTC-2.
            ("America/Sao_Paulo", "2018-09-04T03:20", "2018-11-04T03:20"),
        ],
    )
    def test_moves_a_local_time_in_a_gap_later_by_the_gap(self, zone: str, available: str, expires: str) -> None:
        assert expiry(utc(available), months=2, zone=zone) == utc(expires)

    @pytest.mark.parametrize(
        ("zone", "available", "expires"),
        [
            # 25 October 2026, 03:00 -> 02:00: the first 02:30 is at UTC+2.
            ("Europe/Berlin", "2026-09-25T00:30", "2026-10-25T00:30"),
            ("Europe/Berlin", "2026-09-25T00:00", "2026-10-25T00:00"),
            ("Europe/Berlin", "2026-09-25T01:00", "2026-10-25T02:00"),
            # 1 November 2026, 02:00 -> 01:00: the first 01:30 is at UTC-4.
            ("America/New_York", "2026-10-01T05:30", "2026-11-01T05:30"),
            # 5 April 2026, 02:00 -> 01:30: the first 01:45 is at UTC+11.
            ("Australia/Lord_Howe", "2026-03-04T14:45", "2026-04-04T14:45"),
            # 4 July 1892 was lived twice, from then on 24 hours behind: the first noon, at UTC+12:33:04.
            ("Pacific/Apia", "1892-06-03T23:26:56", "1892-07-03T23:26:56"),
        ],
    )
    def test_takes_the_first_of_a_local_time_that_happens_twice(self, zone: str, available: str, expires: str) -> None:
        assert expiry(utc(available), months=1, zone=zone) == utc(expires)

    def test_takes_the_first_even_when_the_points_came_at_a_second_time(self) -> None:
        # Both are 02:30 of 25 October 2015 in Berlin. On 25 October 2026 the clocks go back again.
        first, second = utc("2015-10-25T00:30"), utc("2015-10-25T01:30")

        assert expiry(first, months=132, zone="Europe/Berlin") == utc("2026-10-25T00:30")
        assert expiry(second, months=132, zone="Europe/Berlin") == utc("2026-10-25T00:30")
        assert expiry(second, months=1, zone="Europe/Berlin") == utc("2015-11-25T01:30")

    @pytest.mark.parametrize(
        ("rounding", "expires"),
        [
            ("none", "2026-05-15T09:30"),
            ("day", "2026-05-16T00:00"),
            ("month", "2026-06-01T00:00"),
            ("quarter", "2026-07-01T00:00"),
            ("year", "2027-01-01T00:00"),
        ],
    )
    def test_moves_to_the_end_of_the_period(self, rounding: ExpiryRounding, expires: str) -> None:
        assert expiry(utc("2026-04-15T09:30"), months=1, rounding=rounding) == utc(expires)

    @pytest.mark.parametrize(
        ("month", "end"),
        [
            (1, "2026-04-01"), (2, "2026-04-01"), (3, "2026-04-01"), (4, "2026-07-01"), (5, "2026-07-01"),
            (6, "2026-07-01"), (7, "2026-10-01"), (8, "2026-10-01"), (9, "2026-10-01"), (10, "2027-01-01"),
            (11, "2027-01-01"), (12, "2027-01-01"),
        ],
    )  # fmt: skip
    def test_ends_quarters_after_march_june_september_and_december(self, month: int, end: str) -> None:
        available_at = datetime(2025, month, 20, 12, tzinfo=UTC)

        assert expiry(available_at, months=12, rounding="quarter") == utc(end)

    @pytest.mark.parametrize(
        ("available", "rounding", "expires"),
        [
            ("2026-02-10T00:00", "day", "2026-03-11T00:00"),
            ("2026-02-01T00:00", "month", "2026-04-01T00:00"),
            ("2026-03-01T00:00", "quarter", "2026-07-01T00:00"),
            ("2025-12-01T00:00", "year", "2027-01-01T00:00"),
        ],
    )
    @pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York"])
    def test_moves_from_a_periods_first_instant_to_its_end(
        self, zone: str, available: str, rounding: ExpiryRounding, expires: str
    ) -> None:
        just_before = local(available, zone) - MICROSECOND

        assert expiry(local(available, zone), months=1, rounding=rounding, zone=zone) == local(expires, zone)
        assert expiry(just_before, months=1, rounding=rounding, zone=zone) < local(expires, zone)

    def test_keeps_the_last_instant_of_a_period_in_it(self) -> None:
        last = utc("2026-05-31T23:59:59.999999")

        assert expiry(last, months=1, rounding="month") == utc("2026-07-01T00:00")
        assert expiry(last, months=2, rounding="month") == utc("2026-08-01T00:00")

    def test_rounds_the_clamped_day_not_the_wanted_one(self) -> None:
        assert expiry(utc("2026-01-31T09:30"), months=1, rounding="day") == utc("2026-03-01T00:00")
        assert expiry(utc("2026-01-31T09:30"), months=1, rounding="month") == utc("2026-03-01T00:00")

    def test_rounds_to_periods_of_the_zone(self) -> None:
        # 31 May 23:00 in UTC is 1 June in Berlin.
        assert expiry(utc("2026-04-30T23:00"), months=1, rounding="month", zone="Europe/Berlin") == utc(
            "2026-06-30T22:00"
        )
        # 1 January 03:00 in UTC is still the old year in New York.
        assert expiry(utc("2026-01-01T03:00"), months=12, rounding="year", zone="America/New_York") == utc(
            "2027-01-01T05:00"
        )

    def test_rounds_to_the_first_instant_of_a_day_without_a_midnight(self) -> None:
        # 3 November 2018 ends in Sao Paulo at 24:00 = 01:00 of the 4th.
        assert expiry(utc("2018-10-03T12:00"), months=1, rounding="day", zone="America/Sao_Paulo") == utc(
            "2018-11-04T03:00"
        )

    def test_moves_out_of_a_gap_before_it_rounds(self) -> None:
        # Noon of the day that Apia left out becomes noon of 31 December, whose end is the end of the year.
        expires = expiry(utc("2011-10-30T22:00"), months=2, rounding="day", zone="Pacific/Apia")

        assert expires == local("2012-01-01T00:00", "Pacific/Apia")

    def test_ends_a_year_whose_last_day_was_left_out(self) -> None:
        # Kiritimati went from 30 December 1994 to 1 January 1995.
        expires = expiry(utc("1994-01-15T12:00"), months=6, rounding="year", zone="Pacific/Kiritimati")

        assert expires == local("1995-01-01T00:00", "Pacific/Kiritimati")
        assert clock(expires - MICROSECOND, "Pacific/Kiritimati").date() == date(1994, 12, 30)

    @pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York", "Etc/GMT+12", "Pacific/Kiritimati"])
    @pytest.mark.parametrize("rounding", ROUNDINGS)
    def test_is_the_last_instant_beyond_the_year_9999(self, zone: str, rounding: ExpiryRounding) -> None:
        for available_at in [LAST_INSTANT, utc("9999-12-01T12:00"), utc("2026-01-31T12:00")]:
            assert expiry(available_at, months=120_000, rounding=rounding, zone=zone) == LAST_INSTANT
        assert expiry(utc("2026-01-31T12:00"), months=10**30, rounding=rounding, zone=zone) == LAST_INSTANT
        assert expiry(utc("9998-12-31T12:00"), months=12, rounding="year", zone=zone) == LAST_INSTANT

    @pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
    def test_is_exact_up_to_the_year_9999(self, zone: str) -> None:
        assert expiry(utc("9999-11-30T12:00"), months=1, zone=zone) == utc("9999-12-30T12:00")
        assert expiry(utc("9998-12-31T14:00"), months=12, zone=zone) == utc("9999-12-31T14:00")

    @pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
    def test_is_never_after_the_last_instant(self, zone: str) -> None:
        assert expiry(LAST_INSTANT + 999_999 * MICROSECOND, months=0, zone=zone) == LAST_INSTANT

    @pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
    def test_answers_in_the_year_1(self, zone: str) -> None:
        expires = expiry(FIRST_INSTANT, months=1, zone=zone)

        assert abs(expires - datetime(1, 2, 1, tzinfo=UTC)) < DAY

    def test_accepts_any_zone_object_that_means_utc(self) -> None:
        for tzinfo in [ZoneInfo("UTC"), timezone(timedelta(0)), ZoneInfo("Etc/UTC")]:
            expires = expiry(datetime(2026, 1, 31, 9, 30, tzinfo=tzinfo), months=1)

            assert expires == utc("2026-02-28T09:30")
            assert expires.tzinfo is UTC

    @pytest.mark.parametrize(
        ("available_at", "months"),
        [
            (datetime(2026, 1, 31), 1),  # noqa: DTZ001 - refused for this
            (datetime(2026, 1, 31, tzinfo=timezone(timedelta(hours=1))), 1),
            (datetime(2026, 1, 31, tzinfo=UTC), -1),
        ],
    )
    def test_asserts_utc_and_months_forward(self, available_at: datetime, months: int) -> None:
        with pytest.raises(AssertionError):
            expiry(available_at, months=months)


instants = st.datetimes(datetime(1850, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
zones = st.sampled_from(ODD_ZONES) | st.sampled_from(KNOWN_ZONES)
roundings = st.sampled_from(ROUNDINGS)


class TestExpiresAtAgainstTheOracle:
    @given(instants, st.integers(0, 60), roundings, zones)
    def test_agrees_on_any_instant(
        self, available_at: datetime, months: int, rounding: ExpiryRounding, zone: str
    ) -> None:
        expected = oracle_expires_at(available_at, months, rounding, zone)

        expires = expiry(available_at, months=months, rounding=rounding, zone=zone)

        assert expires == expected
        assert expires.tzinfo is UTC

    def test_agrees_on_thousands_of_instants_half_of_them_near_a_change_of_the_clocks(self) -> None:
        seen: Counter[str] = Counter()
        for available_at, months, rounding, zone in seeded_cases(int(6_000 * SCALE)):
            expected = oracle_expires_at(available_at, months, rounding, zone)
            assert expiry(available_at, months=months, rounding=rounding, zone=zone) == expected, (
                f"{available_at} + {months} months, {rounding}, {zone}"
            )
            seen.update(oddities(available_at, months, rounding, zone, expected))
        # Fewer would mean that the comparison has seen too little to count.
        assert seen["gap"] > 250, seen
        assert seen["overlap"] > 250, seen
        assert seen["no midnight"] > 10, seen
        assert seen["clamped"] > 120, seen

    @given(instants, st.integers(1, 60), roundings, zones)
    def test_is_after_the_points_came(
        self, available_at: datetime, months: int, rounding: ExpiryRounding, zone: str
    ) -> None:
        assert expiry(available_at, months=months, rounding=rounding, zone=zone) > available_at

    @given(instants, st.integers(0, 60), st.sampled_from(["day", "month", "quarter", "year"]), zones)
    def test_rounding_ends_the_very_period_that_the_expiry_falls_in(
        self, available_at: datetime, months: int, rounding: ExpiryRounding, zone: str
    ) -> None:
        exact = expiry(available_at, months=months, zone=zone)

        rounded = expiry(available_at, months=months, rounding=rounding, zone=zone)

        period_of = PERIODS[rounding]
        assert rounded > exact
        assert period_of(clock(rounded - MICROSECOND, zone).date()) == period_of(clock(exact, zone).date())
        assert period_of(clock(rounded, zone).date()) > period_of(clock(exact, zone).date())

    @given(instants, st.integers(0, 120_000), roundings)
    def test_is_the_same_by_the_short_path_of_utc_and_by_the_long_one(
        self, available_at: datetime, months: int, rounding: ExpiryRounding
    ) -> None:
        by_the_long_path = expiry(available_at, months=months, rounding=rounding, zone="Etc/UTC")

        assert expiry(available_at, months=months, rounding=rounding, zone="UTC") == by_the_long_path


def changes(zone: str, year: int) -> list[datetime]:
    """The instants of a year at which the zone's clocks change."""
    return [stretch.starts_at for stretch in stretches(date(year, 1, 3), date(year, 12, 28), zone)[1:]]


def seeded_cases(count: int) -> list[tuple[datetime, int, ExpiryRounding, str]]:
    """Instants of 1900 to 2100: a quarter anywhere, a quarter at a month's end, half near a change."""
    chooser = random.Random(20_260_131)
    cases: list[tuple[datetime, int, ExpiryRounding, str]] = []
    while len(cases) < count:
        months, rounding = chooser.randrange(61), chooser.choice(ROUNDINGS)
        if len(cases) % 2 == 0:
            zone = chooser.choice(KNOWN_ZONES)
            wall = utc("1900-01-01T00:00").replace(tzinfo=None) + chooser.randrange(200 * 365) * DAY
            if len(cases) % 4 == 0:
                wall = wall.replace(day=1) + 31 * DAY
                wall -= wall.day * DAY
            wall += chooser.randrange(86_400 * 10**6) * MICROSECOND
        else:
            zone = chooser.choice(ODD_ZONES)
            wanted = wall_near_a_change(chooser, zone)
            if wanted is None:
                continue
            first = oracle_months_later(date(wanted.year - 6, wanted.month, 1), 72 - months)
            wall = datetime.combine(first, wanted.time()) + (wanted.day - 1) * DAY
            if wall.day != wanted.day:
                continue
        cases.append((oracle_instant(wall, zone), months, rounding, zone))
    return cases


def wall_near_a_change(chooser: random.Random, zone: str) -> datetime | None:
    """A local time that a change of the clocks jumps over or repeats, or up to half an hour beside."""
    found = changes(zone, chooser.randrange(1965, 2045, 2))
    if not found:
        return None
    change = chooser.choice(found)
    earlier, later = sorted([clock(change - SECOND, zone) + SECOND, clock(change, zone)])
    minutes = chooser.randrange(-30, (later - earlier) // timedelta(minutes=1) + 31)
    return earlier + timedelta(minutes=minutes)


def oddities(available_at: datetime, months: int, rounding: ExpiryRounding, zone: str, expires: datetime) -> list[str]:
    """What was out of the ordinary in a case."""
    shown = clock(available_at, zone)
    wanted = datetime.combine(oracle_months_later(shown.date(), months), shown.time())
    count = len(readings_of(wanted, zone))
    is_late = rounding != "none" and clock(expires, zone).time() != datetime.min.time()
    facts = {
        "gap": count == 0,
        "overlap": count == 2,
        "clamped": wanted.day != shown.day,
        "no midnight": is_late,
    }
    return [fact for fact, is_so in facts.items() if is_so]


class TestStartOfDay:
    @pytest.mark.parametrize(
        ("zone", "day", "starts"),
        [
            ("UTC", "2026-05-01", "2026-05-01T00:00"),
            ("Etc/UTC", "2026-05-01", "2026-05-01T00:00"),
            ("Europe/Berlin", "2026-01-15", "2026-01-14T23:00"),
            ("Europe/Berlin", "2026-03-29", "2026-03-28T23:00"),
            ("Europe/Berlin", "2026-03-30", "2026-03-29T22:00"),
            ("America/New_York", "2026-11-01", "2026-11-01T04:00"),
            ("Asia/Kathmandu", "2026-01-15", "2026-01-14T18:15"),
        ],
    )
    def test_is_midnight_in_the_zone(self, zone: str, day: str, starts: str) -> None:
        assert start_of_day(date.fromisoformat(day), zone) == utc(starts)

    @pytest.mark.parametrize(
        ("zone", "day", "starts"),
        [
            # 00:00 -> 01:00 at UTC-2.
            ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00"),
            # 00:00 -> 01:00 at UTC+3.
            ("Africa/Cairo", "2026-04-24", "2026-04-23T22:00"),
            ("Africa/Cairo", "2010-04-30", "2010-04-29T22:00"),
            ("Asia/Beirut", "2022-03-27", "2022-03-26T22:00"),
            # 23:30 of the 30th -> 00:30: the day starts at 00:30, not an hour after midnight.
            ("America/Toronto", "1919-03-31", "1919-03-31T04:30"),
        ],
    )
    def test_is_the_first_instant_where_midnight_does_not_exist(self, zone: str, day: str, starts: str) -> None:
        start = start_of_day(date.fromisoformat(day), zone)

        assert start == utc(starts)
        assert clock(start, zone).time() != datetime.min.time()
        assert clock(start - MICROSECOND, zone).date() < date.fromisoformat(day)

    @pytest.mark.parametrize(
        ("zone", "day", "starts"),
        [
            # 01:00 -> 00:00: the first midnight, at UTC-4.
            ("America/Havana", "2023-11-05", "2023-11-05T04:00"),
            # 00:01 -> 23:01 of the day before: the day starts, stops, and starts again.
            ("America/St_Johns", "2006-10-29", "2006-10-29T02:30"),
            # 00:00 -> 23:00 of the day before: midnight comes once, after the repeated hour.
            ("America/Sao_Paulo", "2018-02-18", "2018-02-18T03:00"),
        ],
    )
    def test_is_the_first_where_midnight_happens_twice(self, zone: str, day: str, starts: str) -> None:
        assert start_of_day(date.fromisoformat(day), zone) == utc(starts)

    def test_is_the_next_days_start_where_the_day_was_left_out(self) -> None:
        left_out, following = date(2011, 12, 30), date(2011, 12, 31)

        assert start_of_day(left_out, "Pacific/Apia") == utc("2011-12-30T10:00")
        assert start_of_day(following, "Pacific/Apia") == utc("2011-12-30T10:00")

    def test_is_the_first_instant_where_the_year_1_starts_before_it(self) -> None:
        assert start_of_day(date.min, "Asia/Tokyo") == FIRST_INSTANT
        assert start_of_day(date.min, "UTC") == FIRST_INSTANT

    @given(st.dates(date(1850, 1, 1), date(2200, 1, 1)), zones)
    def test_agrees_with_the_oracle(self, day: date, zone: str) -> None:
        start = start_of_day(day, zone)

        assert start == oracle_start_of_day(day, zone)
        assert start.tzinfo is UTC

    def test_agrees_with_the_oracle_on_the_days_around_every_change_of_the_clocks(self) -> None:
        compared = 0
        for zone in ODD_ZONES:
            for year in range(1916, 2040, 3):
                for change in changes(zone, year):
                    for day in [clock(change, zone).date() + days * DAY for days in (-1, 0, 1)]:
                        assert start_of_day(day, zone) == oracle_start_of_day(day, zone), (day, zone)
                        compared += 1
        assert compared > 2_000


class TestEndOfDay:
    def test_is_the_start_of_the_next_day(self) -> None:
        assert end_of_day(date(2026, 12, 31), "UTC") == utc("2027-01-01T00:00")
        assert end_of_day(date(2028, 2, 28), "Europe/Berlin") == utc("2028-02-28T23:00")

    @pytest.mark.parametrize(
        ("zone", "day", "hours"),
        [
            ("UTC", "2026-03-29", 24.0),
            ("Europe/Berlin", "2026-03-29", 23.0),
            ("Europe/Berlin", "2026-10-25", 25.0),
            ("Australia/Lord_Howe", "2026-10-04", 23.5),
            ("Australia/Lord_Howe", "2026-04-05", 24.5),
            ("America/Sao_Paulo", "2018-11-03", 24.0),
            ("America/Sao_Paulo", "2018-11-04", 23.0),
            ("Pacific/Apia", "2011-12-30", 0.0),
        ],
    )
    def test_lies_after_the_start_by_the_hours_of_that_day(self, zone: str, day: str, hours: float) -> None:
        that_day = date.fromisoformat(day)

        assert end_of_day(that_day, zone) - start_of_day(that_day, zone) == timedelta(hours=hours)

    @pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
    def test_is_the_last_instant_on_the_last_day(self, zone: str) -> None:
        assert end_of_day(date.max, zone) == LAST_INSTANT

    @given(st.dates(date(1850, 1, 1), date(2200, 1, 1)), zones)
    def test_leaves_no_time_between_two_days(self, day: date, zone: str) -> None:
        assert end_of_day(day, zone) == start_of_day(day + DAY, zone)
        assert start_of_day(day, zone) <= end_of_day(day, zone)


class TestIsZone:
    @pytest.mark.parametrize("name", [*ODD_ZONES, "Etc/UTC", "GMT", "America/Argentina/Buenos_Aires", "Asia/Calcutta"])
    def test_knows_the_names_of_the_database(self, name: str) -> None:
        assert is_zone(name)

    @pytest.mark.parametrize(
        "name",
        [
            "", " ", "utc", "europe/berlin", "Europe/Berlin ", " UTC", "Europe", "Europe/", "Europe/Nowhere",
            "CEST", "+02:00", "UTC+2", "../UTC", "Europe/../UTC", "./UTC", "/usr/share/zoneinfo/UTC",
            "/etc/passwd", "UTC\x00", "Europe\\Berlin", "tzdata.zi", "zone.tab", "posixrules", "localtime",
            "posix/UTC", "right/UTC", "\ud800", "x" * 10_000,
        ],
    )  # fmt: skip
    def test_refuses_anything_else_without_raising(self, name: str) -> None:
        assert not is_zone(name)

    @given(st.text())
    def test_answers_for_any_text(self, name: str) -> None:
        assert is_zone(name) == (name in KNOWN_ZONES)

    def test_knows_the_zones_of_its_own_package_whatever_the_host_has(self, tmp_path: Path) -> None:
        """Another Berlin, five hours west, and a zone of the host's own are never looked at."""
        (tmp_path / "Europe").mkdir()
        elsewhere = (files("tzdata") / "zoneinfo" / "America" / "New_York").read_bytes()
        for name in ("Europe/Berlin", "localtime", "Europe/Hosttown"):
            (tmp_path / name).write_bytes(elsewhere)
        asked = (
            "from datetime import date; from vinr_server.core.kernel.calendar import is_zone, start_of_day;"
            "print(start_of_day(date(2026, 1, 1), 'Europe/Berlin'), is_zone('localtime'), is_zone('Europe/Hosttown'))"
        )
        environment = os.environ | {"PYTHONTZPATH": str(tmp_path)}

        told = subprocess.run(
            [sys.executable, "-c", asked], env=environment, capture_output=True, text=True, check=True
        )

        assert told.stdout.split("\n")[0] == "2025-12-31 23:00:00+00:00 False False"

    def test_accepts_only_zones_that_can_be_used(self) -> None:
        assert len(KNOWN_ZONES) > 400
        for name in KNOWN_ZONES:
            assert end_of_day(date(2026, 5, 1), name) > start_of_day(date(2026, 5, 1), name)
