"""Draws that are the same for good, caps on frequency, and hours for messages (R47, R51)."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from vinr_server.core.campaigns.pacing import FrequencyCap, SendWindow, frees_at, opening
from vinr_server.core.campaigns.passages.waits import draw
from vinr_server.core.kernel.spans.durations import Duration, read_duration, spelled

AT = datetime(2026, 3, 1, 10, tzinfo=UTC)
DAY = timedelta(days=1)
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu")
MINUTES = st.integers(0, 1_439)
# Two years, with the nights in which clocks skip an hour, or half an hour, and show one twice.
INSTANTS = st.integers(0, 2 * 366 * 86_400).map(lambda seconds: AT + timedelta(seconds=seconds))


class TestDraw:
    @given(st.text(min_size=1, max_size=20), st.text(max_size=20), st.text(max_size=20))
    def test_is_what_the_rule_says(self, campaign: str, key: str, customer: str) -> None:
        digest = hashlib.sha256(f"{campaign}/{key}/{customer}".encode()).hexdigest()

        assert draw(campaign, key, customer) == int(Fraction(int(digest[:16], 16) * 10_000, 2**64))

    def test_gives_each_share_its_part(self) -> None:
        draws = [draw("cmp_1", "holdout", f"cust_{n}") for n in range(100_000)]

        for share in (100, 1_000, 5_000):
            part = sum(drawn < share for drawn in draws)
            deviation = (100_000 * share * (10_000 - share)) ** 0.5 / 10_000
            assert abs(part - 10 * share) < 5 * deviation

    def test_keeps_out_all_that_a_smaller_share_kept_out(self) -> None:
        draws = {n: draw("cmp_1", "holdout", f"cust_{n}") for n in range(1_000)}
        held_out = [{n for n, drawn in draws.items() if drawn < share} for share in (500, 1_000, 5_000)]

        assert held_out[0] < held_out[1] < held_out[2]

    def test_of_one_campaign_says_nothing_of_another(self) -> None:
        both = [draw("cmp_1", "holdout", f"c{n}") < 5_000 and draw("cmp_2", "holdout", f"c{n}") < 5_000
                for n in range(10_000)]  # fmt: skip

        assert abs(sum(both) - 2_500) < 5 * (10_000 * 0.25 * 0.75) ** 0.5


class TestCaps:
    @given(st.lists(st.integers(0, 20), max_size=8), st.integers(1, 4), st.integers(1, 9))
    def test_free_exactly_when_fewer_count(self, days: list[int], most: int, within: int) -> None:
        cap = FrequencyCap("entries", most, Duration(seconds=within * 86_400))
        now = AT + 20 * DAY
        times = [AT + day * DAY for day in days]

        def count(at: datetime) -> int:
            return sum(at - time < within * DAY for time in times)

        freed = frees_at(times, cap, at=now, zone="UTC")

        assert (freed is None) == (count(now) < most)
        if freed is not None:
            assert count(freed) < most <= count(freed - timedelta(microseconds=1))

    def test_count_months_by_the_calendar(self) -> None:
        cap = FrequencyCap("messages", 1, Duration(months=1))

        assert frees_at([AT], cap, at=AT + 30 * DAY, zone="UTC") == datetime(2026, 4, 1, 10, tzinfo=UTC)
        assert frees_at([AT], cap, at=AT + 31 * DAY, zone="UTC") is None


class TestOpening:
    @given(INSTANTS, MINUTES, MINUTES, st.sampled_from(ZONES))
    def test_is_open_itself_and_not_before(self, at: datetime, first: int, last: int, zone: str) -> None:
        if first == last:
            return
        window = SendWindow(first, last)

        opens_at = opening(window, at, zone)

        assert at <= opens_at <= at + 2 * DAY
        assert opening(window, opens_at, zone) == opens_at

    @given(INSTANTS, MINUTES, MINUTES)
    def test_is_at_once_inside_the_window(self, at: datetime, first: int, last: int) -> None:
        minute = at.hour * 60 + at.minute
        is_inside = first <= minute < last if first < last else minute >= first or minute < last

        if first != last:
            assert (opening(SendWindow(first, last), at, "UTC") == at) == is_inside

    @given(INSTANTS, MINUTES, MINUTES, st.sampled_from(ZONES))
    def test_waits_until_clocks_show_the_time(self, at: datetime, first: int, last: int, zone: str) -> None:
        if first == last:
            return
        opens_at = opening(SendWindow(first, last), at, zone)

        local = opens_at.astimezone(ZoneInfo(zone))
        # In a gap it opens later by the gap, an hour at most.
        assert opens_at == at or 0 <= (local.hour * 60 + local.minute - first) % 1_440 <= 60


@given(st.integers(1, 999_999), st.sampled_from(["s", "m", "h", "d", "w", "mo"]))
def test_durations_are_spelled_as_they_are_read(number: int, unit: str) -> None:
    duration = read_duration(f"{number}{unit}")

    assert duration is None or read_duration(spelled(duration)) == duration
