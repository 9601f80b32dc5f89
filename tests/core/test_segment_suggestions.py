"""What a segment says is missing is enough once it is there, and no less is."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import SCALE
from vinr_server.core.conditions.judging import Unmet, unmet_in
from vinr_server.core.conditions.member import Facts, MemberValues, Totals
from vinr_server.core.segments.conditions import Bounds, PaymentCount, SegmentConditions, Spend, tree_of

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
WINDOW = 30
KEYS = st.sampled_from(("vip", "level", "region"))
VALUES: st.SearchStrategy[Any] = st.sampled_from((True, False, 1, 0, "1", "é"))
counted: Counter[str] = Counter()

small = st.integers(0, 40)
bounds = st.builds(Bounds, st.none() | small, st.none() | st.integers(40, 80))
conditions = st.one_of(
    bounds.map(lambda one: SegmentConditions(days_since_last_purchase=one)),
    st.booleans().map(lambda one: SegmentConditions(never_purchased=one)),
    bounds.map(lambda one: SegmentConditions(payments=PaymentCount(one, WINDOW))),
    bounds.map(lambda one: SegmentConditions(spend=Spend("EUR", one))),
    st.lists(st.sampled_from("abc"), min_size=1, max_size=2, unique=True).map(
        lambda tiers: SegmentConditions(tiers=tuple(tiers))
    ),
    bounds.map(lambda one: SegmentConditions(balance=one)),
    st.dictionaries(KEYS, VALUES, min_size=1).map(lambda one: SegmentConditions(metadata=one)),
    bounds.map(lambda one: SegmentConditions(days_since_enrolled=one)),
)
ago = st.integers(0, 90 * 86_400).map(lambda seconds: NOW - timedelta(seconds=seconds))
facts = st.builds(
    lambda tier, balance, metadata, enrolled, last, count, minor: Facts(
        tier, balance, metadata, enrolled, last, dict.fromkeys((WINDOW, None), Totals(count, {"EUR": minor, "USD": 99}))
    ),
    st.none() | st.sampled_from("abc"),
    st.integers(-5, 90),
    st.dictionaries(KEYS, VALUES),
    ago,
    st.none() | ago,
    st.integers(0, 90),
    st.integers(0, 90),
)


def after(standing: tuple[Facts, datetime], unmet: Unmet, *, less: int = 0) -> tuple[Facts, datetime]:
    """What the change makes of a member, and when; `less`: so much of it is not done."""
    member, now = standing
    change = unmet.change or ""
    number = int(found.group()) - less if (found := re.search(r"\d+", change)) else 0
    count, spent = member.totals[None].count, member.totals[None].spent("EUR")
    if change.startswith("make a purchase"):
        days = int(found.group()) if found else 0
        return replace(member, last_purchase_at=now), now + timedelta(days=days, seconds=-less if days else 0)
    if change.startswith("make no purchase until"):
        return member, datetime.fromisoformat(change.rpartition(" ")[2]) - timedelta(seconds=less)
    if unmet.condition == "payments":
        return replace(member, totals=dict.fromkeys(member.totals, Totals(count + number))), now
    if unmet.condition == "spend":
        return replace(member, totals=dict.fromkeys(member.totals, Totals(count, {"EUR": spent + number}))), now
    if unmet.condition == "balance":
        return replace(member, balance_points=member.balance_points + number), now
    if unmet.condition == "tier":
        return replace(member, tier=change.split()[2]), now
    if unmet.condition == "metadata":
        key, value = re.fullmatch(r"set metadata\.(\w+) to (.*)", change).groups()  # type: ignore[union-attr]
        return replace(member, metadata={**member.metadata, key: json.loads(value)}), now
    assert unmet.condition == "days_since_enrolled", unmet
    return member, now + timedelta(days=number)


def test_what_is_suggested_is_enough_and_no_more_than_that() -> None:
    @settings(max_examples=int(600 * SCALE), deadline=None)
    @given(conditions, facts)
    def law(asked: SegmentConditions, member: Facts) -> None:
        unmet = unmet_in(tree_of(asked), MemberValues(member, NOW))
        if not unmet or any(one.change is None for one in unmet):
            counted["not to be mended" if unmet else "inside"] += 1
            return
        mended = short = (member, NOW)
        for one in unmet:
            counted[one.condition] += 1
            mended, short = after(mended, one), after(short, one, less=1)

        assert not unmet_in(tree_of(asked), MemberValues(*mended)), (unmet, mended)
        if unmet[0].condition in ("payments", "spend", "balance", "days_since_enrolled", "days_since_last_purchase"):
            is_whole = unmet[0].change == "make a purchase"
            assert is_whole or unmet_in(tree_of(asked), MemberValues(*short)), f"less is enough: {unmet}"

    law()

    kinds = ("payments", "spend", "balance", "tier", "metadata", "never_purchased", "days_since_last_purchase")
    assert all(counted[kind] > 0 for kind in (*kinds, "days_since_enrolled", "inside", "not to be mended")), counted
