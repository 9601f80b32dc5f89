"""What a member holds, lot by lot, and whose points end soon."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from conftest import RunningServer, make_realm

Json = dict[str, Any]
ACCOUNTS, POINTS = "/v1/loyalty/accounts", "/v1/loyalty/points"
MAY, JUNE, JULY = 1_777_593_600, 1_780_272_000, 1_782_864_000


@pytest.fixture
def client(shared_server: RunningServer) -> Iterator[httpx2.Client]:
    """A realm with a program on a test clock that stands in May 2026, whose points never end of themselves."""
    realm = make_realm(shared_server.database_url, f"tnt_{uuid.uuid4().hex}")
    with shared_server.client(realm.key) as client:
        clock = post(client, "/v1/test_helpers/test_clocks", {"frozen_time": MAY})["id"]
        post(client, "/v1/loyalty/programs", {"id": "prog_p", "name": "P", "test_clock": clock})
        yield client


def post(client: httpx2.Client, path: str, body: Json) -> Json:
    """The answer of a write."""
    answer = client.post(path, json=body)
    assert answer.status_code in (200, 201), answer.text
    made: Json = answer.json()
    return made


def member(client: httpx2.Client, *lots: tuple[int, int | None]) -> tuple[str, list[str]]:
    """An account with an award of points and an end for each, and the awards' ids."""
    account = post(client, ACCOUNTS, {"program": "prog_p", "customer": f"cust_{uuid.uuid4().hex}"})["id"]
    awards = [{"account": account, "points": points, "expires_at": end} for points, end in lots]
    return account, [post(client, f"{POINTS}/award", body)["id"] for body in awards]


def lots_of(client: httpx2.Client, account: str, **query: Any) -> Json:
    """A page of the account's lots."""
    answer = client.get(f"{ACCOUNTS}/{account}/lots", params=query)
    assert answer.status_code == 200, answer.text
    page: Json = answer.json()
    return page


class TestLots:
    def test_are_those_that_hold_points_the_newest_first(self, client: httpx2.Client) -> None:
        account, (first, _used, last) = member(client, (50, JULY), (30, JUNE), (20, None))
        post(client, f"{POINTS}/adjust", {"account": account, "points": -40, "reason": "counted twice"})

        page = lots_of(client, account)

        shown = [(lot["id"], lot["points"], lot["remaining"], lot["expires_at"]) for lot in page["data"]]
        assert shown == [(last, 20, 20, None), (first, 50, 40, JULY)]
        assert {(lot["object"], lot["account"], lot["available_at"]) for lot in page["data"]} == {("lot", account, MAY)}

    def test_are_read_page_by_page(self, client: httpx2.Client) -> None:
        account, ids = member(client, (1, None), (2, None), (3, None))

        page = lots_of(client, account, limit=2)
        rest = lots_of(client, account, limit=2, starting_after=page["data"][-1]["id"])

        assert [lot["id"] for lot in page["data"] + rest["data"]] == ids[::-1]
        assert (page["has_more"], rest["has_more"]) == (True, False)

    def test_that_are_over_are_not_shown_whether_or_not_that_is_written(self, client: httpx2.Client) -> None:
        account, (kept, _over) = member(client, (50, JULY), (30, JUNE))
        clock = client.get("/v1/loyalty/programs/prog_p").json()["test_clock"]

        post(client, f"/v1/test_helpers/test_clocks/{clock}/advance", {"frozen_time": JUNE})

        assert [lot["id"] for lot in lots_of(client, account)["data"]] == [kept]

    def test_of_no_account_are_refused(self, client: httpx2.Client) -> None:
        answer = client.get(f"{ACCOUNTS}/loy_nobody/lots")

        assert (answer.status_code, answer.json()["error"]["param"]) == (404, "id")


class TestAccounts:
    @pytest.mark.parametrize("spelling", ["next_expiry", "nextExpiry"])
    def test_are_found_by_when_their_points_end_next(self, client: httpx2.Client, spelling: str) -> None:
        soon, _ = member(client, (50, JULY), (30, JUNE))
        later, _ = member(client, (50, JULY))
        member(client, (50, None))

        def found(**bounds: int) -> set[str]:
            query = {f"{spelling}[{name}]": at for name, at in bounds.items()}
            return {account["id"] for account in client.get(ACCOUNTS, params=query).json()["data"]}

        assert found(lte=JUNE) == {soon}
        assert found(gt=JUNE) == {later}
        assert found(gte=JUNE, lt=JULY) == {soon}
        assert found(lte=JULY) == {soon, later}

    def test_are_not_asked_for_by_a_bound_that_is_none(self, client: httpx2.Client) -> None:
        answer = client.get(ACCOUNTS, params={"next_expiry": JUNE})

        assert answer.json()["error"]["code"] == "unknown_parameter"


class TestReminders:
    def test_are_shown_from_the_largest_number_of_days_down(self, client: httpx2.Client) -> None:
        made = post(client, "/v1/loyalty/programs", {"name": "Q", "expiry_reminders": [7, 30, 1]})
        kept = post(client, f"/v1/loyalty/programs/{made['id']}", {"name": "R"})
        changed = post(client, f"/v1/loyalty/programs/{made['id']}", {"expiry_reminders": []})

        shown = [program["expiry_reminders"] for program in (made, kept, changed)]
        assert shown == [[30, 7, 1], [30, 7, 1], []]

    def test_name_each_number_of_days_once(self, client: httpx2.Client) -> None:
        answer = client.post("/v1/loyalty/programs", json={"name": "Q", "expiry_reminders": [7, 30, 7]})

        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "expiry_reminders")
        assert answer.json()["error"]["message"] == (
            "expiry_reminders: 7 days are named twice. Name each number of days once."
        )


class TestInactivity:
    """Points that end together, so long after their member last earned or redeemed (R84)."""

    CURRENCY = {"currency": {"expiry_months": 1, "expiry_mode": "inactivity"}}

    def test_is_when_lots_end_and_accounts_say_so(self, client: httpx2.Client) -> None:
        post(client, "/v1/loyalty/programs/prog_p", self.CURRENCY)
        account, _ids = member(client, (50, None), (30, JULY), (20, None))

        lots = [(lot["remaining"], lot["expires_at"], lot["by_inactivity"]) for lot in lots_of(client, account)["data"]]
        shown = client.get(f"{ACCOUNTS}/{account}").json()

        assert lots == [(20, JUNE, True), (30, JULY, False), (50, JUNE, True)]
        assert (shown["balance"], shown["next_expiry"]) == (100, {"at": JUNE, "points": 70})

    def test_is_found_by_the_next_expiry(self, client: httpx2.Client) -> None:
        post(client, "/v1/loyalty/programs/prog_p", self.CURRENCY)
        idle, _ids = member(client, (50, None))
        member(client)

        found = {
            until: [one["id"] for one in client.get(ACCOUNTS, params={"next_expiry[lte]": until}).json()["data"]]
            for until in (JUNE - 1, JUNE)
        }

        assert found == {JUNE - 1: [], JUNE: [idle]}

    def test_of_what_is_over_is_not_shown_whether_or_not_that_is_written(self, client: httpx2.Client) -> None:
        post(client, "/v1/loyalty/programs/prog_p", self.CURRENCY)
        account, (_over, kept) = member(client, (50, None), (30, JULY))
        clock = client.get("/v1/loyalty/programs/prog_p").json()["test_clock"]

        post(client, f"/v1/test_helpers/test_clocks/{clock}/advance", {"frozen_time": JUNE})

        shown = client.get(f"{ACCOUNTS}/{account}").json()
        assert [lot["id"] for lot in lots_of(client, account)["data"]] == [kept]
        assert (shown["balance"], shown["next_expiry"]) == (30, {"at": JULY, "points": 30})

    def test_needs_months(self, client: httpx2.Client) -> None:
        currency = {"currency": {"expiry_mode": "inactivity"}}
        made = client.post("/v1/loyalty/programs", json={"name": "Q", **currency})
        edited = client.post("/v1/loyalty/programs/prog_p", json=currency)

        for answer in (made, edited):
            error = answer.json()["error"]
            assert (answer.status_code, error["param"]) == (400, "currency.expiry_months"), answer.text
