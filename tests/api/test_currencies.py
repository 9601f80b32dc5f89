"""Which currencies are taken for what: those of today, and the withdrawn ones for what is as old."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

import iso4217
import pytest
from api_world import World, build_world, problem
from babel.core import get_global

from conftest import RunningServer
from vinr_server.api.contract.currencies import NEVER_ISO, WITHOUT_MINOR_UNITS, find_currency


@pytest.fixture
def world(shared_server: RunningServer) -> Iterator[World]:
    """A realm of the test's own."""
    made = build_world(shared_server)
    yield made
    made.client.close()


class TestWithdrawnCurrencies:
    @pytest.mark.parametrize(
        ("code", "minor_per_unit", "last_day"),
        [
            ("HRK", 100, date(2023, 1, 14)),
            ("BGN", 100, date(2026, 1, 31)),
            ("DEM", 100, date(2002, 5, 15)),
            ("ITL", 1, date(2002, 2, 28)),
            ("BEF", 1, date(2002, 2, 28)),
            ("SLL", 100, date(2023, 12, 31)),
        ],
    )
    def test_have_their_exponent_and_their_last_day(self, code: str, minor_per_unit: int, last_day: date) -> None:
        known = find_currency(code)

        assert known is not None and known.in_use is not None
        assert (known.minor_per_unit, known.in_use.last_day) == (minor_per_unit, last_day)
        assert known.in_use.holds(datetime(last_day.year, last_day.month, last_day.day, 23, tzinfo=UTC))
        assert not known.in_use.holds(datetime(last_day.year + 1, 1, 2, tzinfo=UTC))

    @pytest.mark.parametrize("code", ["XEU", "USN1", "CNH", "BTC", "eur", "", "XXX", *sorted(NEVER_ISO)])
    def test_are_no_units_of_account_and_no_codes_that_iso_never_gave(self, code: str) -> None:
        assert find_currency(code) is None

    def test_are_none_of_todays(self) -> None:
        of_today = {one.value for one in iso4217.Currency if one.exponent is not None}

        assert [code for code in sorted(of_today) if (known := find_currency(code)) is None or known.in_use] == []
        assert all((known := find_currency(code)) and known.in_use for code in WITHOUT_MINOR_UNITS)

    def test_named_here_are_known_to_the_library(self) -> None:
        known = {use[0] for uses in get_global("territory_currencies").values() for use in uses}

        assert known >= NEVER_ISO | WITHOUT_MINOR_UNITS

    def test_are_refused_with_the_days_of_their_use(self, world: World) -> None:
        payment = {"amount": 100, "currency": "hrk", "occurred_at": "2024-03-01"}
        cart = {"currency": "HRK", "lines": [{"sku": "tea", "unit_price": 100}]}

        late = problem(world.client.post("/v1/payments", json=payment))
        in_cart = problem(world.client.post("/v1/checkout/evaluate", json=cart))
        in_bulk = world.post("/v1/payments/bulk", {"payments": [payment, {**payment, "occurred_at": "2022-03-01"}]})

        assert late["param"] == in_cart["param"] == "currency"
        assert "HRK was in use from 1994-05-30 until 2023-01-14; this payment is dated 2024-03-01" in late["message"]
        assert "HRK was in use until 2023-01-14" in in_cart["message"]
        assert [one["status"] for one in in_bulk["data"]] == [400, 201]
        assert in_bulk["data"][0]["error"]["param"] == "payments[0].currency"
