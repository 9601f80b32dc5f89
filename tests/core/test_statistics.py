"""What results say of two groups, against published figures (R50)."""

from __future__ import annotations

import pytest

from vinr_server.core.campaigns.statistics import Arm, is_mismatch, is_too_few, lift, newcombe


def arm(converted: int, enrolments: int) -> Arm:
    return Arm(enrolments, enrolments, converted)


# Newcombe 1998, "Interval estimation for the difference between independent proportions: comparison of eleven methods",
# Statistics in Medicine 17, 873-890, Table II, method 10: the score method without a correction of continuity.
NEWCOMBE = [
    ((56, 70), (48, 80), (524, 3339)),
    ((9, 10), (3, 10), (1705, 8090)),
    ((6, 7), (2, 7), (582, 8062)),
    ((5, 56), (0, 29), (-381, 1926)),
    ((0, 10), (0, 20), (-1611, 2775)),
    ((0, 10), (0, 10), (-2775, 2775)),
    ((10, 10), (0, 20), (6791, 10000)),
    ((10, 10), (0, 10), (6075, 10000)),
]


class TestNewcombe:
    @pytest.mark.parametrize(("first", "second", "bounds"), NEWCOMBE)
    def test_gives_the_published_intervals(
        self, first: tuple[int, int], second: tuple[int, int], bounds: tuple[int, int]
    ) -> None:
        found = newcombe(arm(*first), arm(*second))

        assert found is not None and (found.low, found.high) == bounds

    def test_is_turned_around_with_its_groups(self) -> None:
        found, turned = newcombe(arm(56, 70), arm(48, 80)), newcombe(arm(48, 80), arm(56, 70))

        assert found is not None and turned is not None
        assert (turned.rate, turned.low, turned.high) == (-found.rate, -found.high, -found.low)

    def test_rounds_the_difference_itself_and_not_its_rates(self) -> None:
        # 1/3 - 1/6 = 0.16666…: the rounded rates, 0.3333 and 0.1667, would give 0.1666.
        found = newcombe(arm(1, 3), arm(1, 6))

        assert found is not None and found.rate == 1667

    def test_says_nothing_of_nobody(self) -> None:
        assert newcombe(arm(0, 0), arm(1, 2)) is None
        assert arm(0, 0).rate is None


class TestRates:
    def test_round_half_to_the_even(self) -> None:
        assert arm(1, 20_000).rate == 0  # 0.00005
        assert arm(3, 20_000).rate == 2  # 0.00015

    def test_give_the_lift_on_the_second(self) -> None:
        assert lift(arm(30, 200), arm(20, 200)) == 5_000
        assert lift(arm(10, 200), arm(20, 200)) == -5_000
        assert lift(arm(10, 200), arm(0, 200)) is None

    def test_of_fewer_than_100_say_too_little(self) -> None:
        assert is_too_few(arm(5, 99), arm(5, 1000))
        assert not is_too_few(arm(5, 100), arm(5, 100))


class TestMismatch:
    def test_of_sizes_begins_at_one_in_a_thousand(self) -> None:
        # At 10 % of 10,000, chi-square is (d / 30)^2, and 10.8276 is reached at d = 98.7.
        assert not is_mismatch(9_000 + 98, 1_000 - 98, holdout=1_000)
        assert is_mismatch(9_000 + 99, 1_000 - 99, holdout=1_000)
        assert is_mismatch(9_000 - 99, 1_000 + 99, holdout=1_000)

    def test_is_none_without_a_holdout_or_members(self) -> None:
        assert not is_mismatch(10_000, 0, holdout=0)
        assert not is_mismatch(0, 0, holdout=1_000)
