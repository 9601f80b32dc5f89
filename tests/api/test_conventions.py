"""What holds for every call alike: headers, lists, chosen ids, idempotency keys, dry runs, OpenAPI."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import msgspec
import psycopg
import pytest
from api_fields import camel, fields_of
from api_world import ALONE, Json, World, build_world, problem, samples, value_at, with_value, without_secret
from psycopg import sql

from conftest import PATIENCE_SECONDS, RunningServer, keyless_client, make_database, start_server
from vinr_server.api.contract.table import OPERATIONS, Operation
from vinr_server.storage.batch.buckets import bucket_of
from vinr_server.storage.postgres.embedded import EmbeddedServer

# What only tells keeps no answer: asked again, it tells how things stand now.
WRITES = [operation for operation in OPERATIONS if operation.right == "write"]
POSTS = [operation for operation in WRITES if operation.method == "POST"]
WITH_ID = ("create_program", "create_reward", "create_customer", "create_payment", "report_event", "refund_payment")
OBJECTS = 23


def by_id(operation: Operation) -> str:
    """The name of a parametrised case."""
    return operation.id


@pytest.fixture(scope="module")
def world(shared_server: RunningServer) -> Iterator[World]:
    """A realm for what leaves no trace that another test minds."""
    made = build_world(shared_server)
    yield made
    made.client.close()


@pytest.fixture
def fresh(shared_server: RunningServer) -> Iterator[World]:
    """A realm of the test's own."""
    made = build_world(shared_server)
    yield made
    made.client.close()


@pytest.fixture(scope="class")
def used(shared_server: RunningServer) -> Iterator[World]:
    """A realm in which one write after another is made."""
    made = build_world(shared_server)
    yield made
    made.client.close()


@pytest.fixture
def writable(request: pytest.FixtureRequest, operation: Operation) -> World:
    """A realm in which the operation has something to do."""
    world: World = request.getfixturevalue("fresh" if operation.id in ALONE else "used")
    return world


class TestHeaders:
    def test_are_on_every_answer(self, fresh: World) -> None:
        seen = []

        for operation in OPERATIONS:
            for sample in samples(fresh).get(operation.id, ())[:1]:
                seen.append(fresh.client.request(operation.method, f"{sample.path}?dry_run=true", json=sample.body))
                seen.append(fresh.client.request(operation.method, sample.path, content=b"{"))
            if operation.method == "GET":
                seen.append(fresh.client.get(operation.path))
        seen += [fresh.client.get(path) for path in ("/healthz", "/readyz", "/openapi.json", "/nowhere")]
        seen.append(fresh.client.put("/v1/payments"))
        seen.append(fresh.client.get("/v1/payments", headers={"Authorization": "Bearer wrong"}))
        seen.append(fresh.client.post("/v1/payments", content=b" " * 300_000))

        assert {answer.status_code for answer in seen} == {200, 201, 400, 401, 404, 405, 413}
        for answer in seen:
            assert answer.headers["request-id"].startswith("req_"), answer
            assert len(answer.headers["vinr-version"].split("-")) == 3, answer
            assert answer.headers["content-type"] == "application/json", answer
        assert len({answer.headers["request-id"] for answer in seen}) == len(seen)

    def test_keep_json_out_of_caches_and_from_being_taken_for_a_page(self, fresh: World) -> None:
        with keyless_client(fresh.server.base_url) as anybody:
            answers = [
                fresh.client.get("/v1/payments"),
                fresh.client.get("/v1/payments/pay_nowhere"),
                fresh.client.post("/v1/customers", json={}),
                *(anybody.get(path) for path in ("/healthz", "/readyz", "/openapi.json", "/v1/payments")),
            ]

        for answer in answers:
            assert answer.headers["x-content-type-options"] == "nosniff", answer.url
            assert answer.headers["cache-control"] == "no-store", answer.url

    def test_name_the_request_that_an_event_came_from(self, fresh: World) -> None:
        answer = fresh.client.post(
            "/v1/loyalty/points/award",
            json={"account": fresh.ids["loy"], "points": 7},
            headers={"Idempotency-Key": "award-pay_3xZ9q"},
        )

        event = fresh.client.get("/v1/events?type=loyalty.points.earned&limit=1").json()["data"][0]
        assert event["request"] == {"id": answer.headers["request-id"], "idempotency_key": "award-pay_3xZ9q"}
        assert event["data"] == answer.json()


class TestDocuments:
    def test_need_no_key(self, world: World) -> None:
        with keyless_client(world.server.base_url) as anybody:
            answers = [anybody.get(path) for path in ("/healthz", "/readyz", "/openapi.json", "/docs", "/docs/errors")]

        assert [answer.status_code for answer in answers] == [200] * 5


# How to make one more object of each list, and the filters that find it.
MAKERS: dict[str, tuple[str, str]] = {
    "list_programs": ("create_program", "/v1/loyalty/programs"),
    "list_accounts": ("create_account", "/v1/loyalty/accounts"),
    "list_earning_rules": ("create_earning_rule", "/v1/loyalty/earning_rules"),
    "list_points": ("award_points", "/v1/loyalty/points"),
    "list_rewards": ("create_reward", "/v1/loyalty/rewards"),
    "list_redemptions": ("create_redemption", "/v1/loyalty/redemptions"),
    "list_payments": ("create_payment", "/v1/payments"),
    "list_customers": ("create_customer", "/v1/customers"),
    "list_events": ("report_event", "/v1/events"),
    "list_test_clocks": ("create_test_clock", "/v1/test_helpers/test_clocks"),
    "list_api_keys": ("create_api_key", "/v1/api_keys"),
    "list_api_key_acts": ("create_api_key", "/v1/api_key_acts"),
}
# Without the time: when an object was made is the wall's, so none of these lives on a test clock.
LEFT_OUT = ("id", "test_clock", "discounts", "occurred_at")


@pytest.fixture(scope="module")
def still_server(postgres: EmbeddedServer, template: str) -> Iterator[RunningServer]:
    """A server without a worker, which would tell once a minute who entered a segment: a list that is walked grew."""
    server = start_server(make_database(postgres, template), workers=1, with_worker=False)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def crowd(still_server: RunningServer) -> Iterator[World]:
    """A realm with some two dozen objects of every kind, made at instants of which several share a second."""
    made = build_world(still_server)
    made.post("/v1/loyalty/points/award", {"account": made.ids["loy"], "points": 1_000_000})
    for operation, _url in MAKERS.values():
        sample = samples(made)[operation][0]
        for number in range(OBJECTS):
            body = {name: value for name, value in (sample.body or {}).items() if name not in LEFT_OUT}
            if "frozen_time" in body:
                body["frozen_time"] = "2030-01-01"
            if "customer" in body and operation == "create_account":
                body["customer"] = f"cust_{number}"
            if "data" in body:
                body["data"] = {"customer": made.ids["cust"], "number": number}
            made.post(sample.path, body)
    _spread(made)
    yield made
    made.client.close()


def _spread(world: World) -> None:
    """Rows lie at most 0.4 s apart, in the order in which they were made, some at the very same instant."""
    tables = ("programs", "accounts", "earning_rules", "rewards", "payments", "customers", "events", "test_clocks")
    tables += ("api_keys", "api_key_acts")
    statement = """
      update {table} t set created_at = timestamptz '2026-06-01 12:00:00Z' + interval '0.4 s' * n.position
      from (select id, (row_number() over (order by created_at, id)) / 2 as position from {table} where realm = %s) n
      where t.realm = %s and t.id = n.id"""
    with psycopg.connect(world.server.database_url) as connection:
        for table in tables:
            connection.execute(sql.SQL(statement).format(table=sql.Identifier(table)), [world.realm.id] * 2)


def page(world: World, url: str, **query: Any) -> Json:
    """One page of a list."""
    answer = world.client.get(url, params=query)
    assert answer.status_code == 200, answer.text
    got = dict(answer.json())
    for one in got["data"]:
        one.pop("last_used_at", None)  # of API keys: changes every five minutes by itself
    return got


@pytest.mark.parametrize("listing", MAKERS)
class TestLists:
    def test_are_newest_first(self, crowd: World, listing: str) -> None:
        url = MAKERS[listing][1]
        first = page(crowd, url, limit=100)
        everything = _whole(crowd, url)

        assert (first["object"], first["url"]) == ("list", url)
        assert len(everything) >= OBJECTS
        created = [one["created"] for one in everything]
        assert created == sorted(created, reverse=True)

    def test_hold_ten_unless_asked(self, crowd: World, listing: str) -> None:
        url = MAKERS[listing][1]
        everything = _whole(crowd, url)
        most = min(len(everything), 100)

        for asked, expected in ((None, 10), (1, 1), (most, most), (100, most)):
            got = page(crowd, url, **({} if asked is None else {"limit": asked}))
            assert got["data"] == everything[:expected]
            assert got["has_more"] == (expected < len(everything))

    def test_are_walked_in_both_directions(self, crowd: World, listing: str) -> None:
        url = MAKERS[listing][1]
        everything = _whole(crowd, url)

        for limit in (5, 7, min(len(everything) - 1, 100)):
            forward: list[Json] = []
            got = page(crowd, url, limit=limit)
            forward += got["data"]
            while got["has_more"]:
                got = page(crowd, url, limit=limit, starting_after=forward[-1]["id"])
                assert got["data"], "has_more promised more"
                forward += got["data"]
            backward: list[Json] = [everything[-1]]
            while True:
                got = page(crowd, url, limit=limit, ending_before=backward[0]["id"])
                backward = got["data"] + backward
                if not got["has_more"]:
                    break
            assert forward == everything, limit
            assert backward == everything, limit
        assert page(crowd, url, starting_after=everything[-1]["id"])["data"] == []
        assert page(crowd, url, ending_before=everything[0]["id"])["data"] == []

    def test_are_filtered_by_the_seconds_they_show(self, crowd: World, listing: str) -> None:
        url = MAKERS[listing][1]
        everything = _whole(crowd, url)
        seconds = sorted({one["created"] for one in everything})
        middle = seconds[len(seconds) // 2]
        compare = {
            "gt": lambda at: at > middle,
            "gte": lambda at: at >= middle,
            "lt": lambda at: at < middle,
            "lte": lambda at: at <= middle,
        }

        got = {name: _whole(crowd, url, **{f"created[{name}]": middle}) for name in compare}
        exact = _whole(crowd, url, **{"created[gte]": middle, "created[lte]": middle})

        for name, holds in compare.items():
            assert [one["id"] for one in got[name]] == [one["id"] for one in everything if holds(one["created"])], name
        assert [one["id"] for one in exact] == [one["id"] for one in everything if one["created"] == middle]

    def test_take_filters_with_pages(self, crowd: World, listing: str) -> None:
        url = MAKERS[listing][1]
        everything = _whole(crowd, url)[:100]
        cursor = everything[4]["id"]

        got = page(crowd, url, limit=100, starting_after=cursor, **{"created[gte]": everything[9]["created"]})["data"]

        assert got == [one for one in everything[5:] if one["created"] >= everything[9]["created"]]


class TestFilters:
    def test_find_what_they_say(self, crowd: World) -> None:
        ids = crowd.ids
        filters: list[tuple[str, str, Any]] = [
            ("/v1/loyalty/programs", "status", "active"), ("/v1/loyalty/accounts", "program", ids["prog"]),
            ("/v1/loyalty/accounts", "customer", "cust_7"), ("/v1/loyalty/accounts", "status", "active"),
            ("/v1/loyalty/accounts", "tier", "gold"), ("/v1/loyalty/earning_rules", "program", ids["prog"]),
            ("/v1/loyalty/earning_rules", "trigger", "payment.completed"), ("/v1/loyalty/points", "account",
            ids["loy"]),
            ("/v1/loyalty/points", "kind", "award"), ("/v1/loyalty/points", "kind", "redemption"),
            ("/v1/loyalty/points", "rule", ids["rule"]),
            ("/v1/loyalty/rewards", "program", ids["prog"]), ("/v1/loyalty/rewards", "status", "active"),
            ("/v1/loyalty/redemptions", "account", ids["loy"]), ("/v1/loyalty/redemptions", "reward", ids["rwd"]),
            ("/v1/loyalty/redemptions", "status", "confirmed"), ("/v1/payments", "customer", ids["cust"]),
            ("/v1/payments", "currency", "EUR"),
            ("/v1/customers", "email", "ada@example.com"), ("/v1/events", "type", "payment.completed"),
            ("/v1/test_helpers/test_clocks", "status", "ready"),
            ("/v1/api_keys", "kind", "restricted"), ("/v1/api_key_acts", "api_key", ids["key"]),
            ("/v1/api_key_acts", "action", "created"), ("/v1/api_key_acts", "actor", "cli"),
        ]  # fmt: skip

        for url, name, value in filters:
            everything = _whole(crowd, url)
            expected = [one["id"] for one in everything if one[name] == value]
            got = _whole(crowd, url, **{name: value})
            assert expected and sorted(one["id"] for one in got) == sorted(expected), (url, name, value)
            for spelling in (
                {camel(f"{name}_id"), f"{name}_id"} if name in ("account", "customer", "program", "reward") else ()
            ):
                assert _whole(crowd, url, **{spelling: value}) == got, (url, spelling)

    def test_order_an_accounts_entries_by_their_sequence(self, crowd: World) -> None:
        entries = _whole(crowd, "/v1/loyalty/points", account=crowd.ids["loy"])

        assert [one["sequence"] for one in entries] == list(range(len(entries), 0, -1))

    def test_of_an_accounts_events_find_only_those(self, crowd: World) -> None:
        everything = _whole(crowd, "/v1/events")
        got = {one["id"] for one in _whole(crowd, "/v1/events", account=crowd.ids["loy"])}

        of_account = {
            one["id"]
            for one in everything
            if one["data"].get("account") == crowd.ids["loy"] and one["type"].startswith("loyalty.")
        }
        assert of_account and of_account <= got

    def test_leave_new_objects_out_of_a_walk_under_way(self, fresh: World) -> None:
        for _ in range(6):
            fresh.post("/v1/customers", {})
        before = _whole(fresh, "/v1/customers")

        walked = page(fresh, "/v1/customers", limit=3)["data"]
        fresh.post("/v1/customers", {"name": "late"})
        walked += page(fresh, "/v1/customers", limit=100, starting_after=walked[-1]["id"])["data"]

        assert walked == before


def _whole(world: World, url: str, **query: Any) -> list[Json]:
    """All objects of a list, newest first."""
    found: list[Json] = []
    got = page(world, url, limit=100, **query)
    found += got["data"]
    while got["has_more"]:
        got = page(world, url, limit=100, starting_after=found[-1]["id"], **query)
        found += got["data"]
    return found


class TestChosenIds:
    @pytest.mark.parametrize("operation", WITH_ID)
    def test_mean_the_same_object_for_the_same_body(self, fresh: World, operation: str) -> None:
        sample = samples(fresh)[operation][0]
        assert sample.body is not None

        first = fresh.client.post(sample.path, json=sample.body)
        made = fresh.contents()
        shuffled = dict(reversed(sample.body.items()))
        camelled = {camel(name): value for name, value in sample.body.items()}
        again = [fresh.client.post(sample.path, json=body) for body in (sample.body, shuffled, camelled)]

        assert first.status_code == 201, first.text
        assert [(one.status_code, one.json()) for one in again] == [(200, first.json())] * 3
        assert fresh.contents() == made

    @pytest.mark.parametrize("operation", WITH_ID)
    def test_conflict_with_any_other_body(self, fresh: World, operation: str) -> None:
        sample = samples(fresh)[operation][0]
        assert sample.body is not None
        fresh.client.post(sample.path, json=sample.body)
        made, failures = fresh.contents(), []

        for name, value in sample.body.items():
            if name == "id":
                continue
            other = {"note": "other"} if isinstance(value, dict) and name in ("metadata", "data") else None
            body = (
                {k: v for k, v in sample.body.items() if k != name} if other is None else {**sample.body, name: other}
            )
            answer = fresh.client.post(sample.path, json=body)
            if answer.status_code == 400:  # the field is required, or its value is the default
                continue
            error = problem(answer)
            if (answer.status_code, error["code"], error["param"]) != (409, "id_conflict", "id"):
                failures.append(f"without {name}: {answer.status_code} {error}")

        assert not failures, failures
        assert fresh.contents() == made

    def test_show_the_object_as_it_is_now(self, fresh: World) -> None:
        body = {"id": "cust_now", "name": "Ada"}
        fresh.post("/v1/customers", body)
        fresh.post("/v1/customers/cust_now", {"name": "Grace"})

        again = fresh.client.post("/v1/customers", json=body)

        assert (again.status_code, again.json()["name"]) == (200, "Grace")

    def test_of_a_refund_belong_to_one_payment(self, fresh: World) -> None:
        fresh.post(f"/v1/payments/{fresh.ids['pay']}/refund", {"id": "re_one", "amount": 10})
        other = fresh.post("/v1/payments", {"amount": 50, "currency": "EUR"})["id"]

        error = problem(fresh.client.post(f"/v1/payments/{other}/refund", json={"id": "re_one", "amount": 10}))

        assert error["code"] == "id_conflict"

    def test_of_a_customer_never_created_are_fine(self, fresh: World) -> None:
        account = fresh.post("/v1/loyalty/accounts", {"program": fresh.ids["prog"], "customer": "cust_theirs"})
        payment = fresh.post("/v1/payments", {"amount": 100, "currency": "EUR", "customer": "cust_theirs"})

        assert (account["customer"], payment["customer"]) == ("cust_theirs", "cust_theirs")
        assert fresh.client.get("/v1/customers/cust_theirs").status_code == 404


class TestIdempotencyKeys:
    @pytest.mark.parametrize("operation", POSTS, ids=by_id)
    def test_replay_the_very_bytes_and_refuse_another_body(self, writable: World, operation: Operation) -> None:
        sample = samples(writable)[operation.id][0]
        headers = {"Idempotency-Key": f"key-{operation.id}"}

        first = writable.client.post(sample.path, json=sample.body, headers=headers)
        made = writable.contents()
        second = writable.client.post(sample.path, json=sample.body, headers=headers)
        with writable.server.client(writable.realm.key) as elsewhere:  # another connection, so perhaps another process
            third = elsewhere.post(sample.path, json=sample.body, headers=headers)
        other = writable.client.post(sample.path, json=_changed(sample.body or {}), headers=headers)

        assert first.status_code in (200, 201), first.text
        assert "idempotent-replayed" not in first.headers
        assert (second.status_code, without_secret(second)) == (first.status_code, without_secret(first))
        assert third.content == second.content
        assert '"secret":"' not in second.text
        assert writable.contents() == made
        assert [one.headers.get("idempotent-replayed") for one in (second, third)] == ["true", "true"]
        assert second.headers["request-id"] != first.headers["request-id"]
        if _changed(sample.body or {}) == sample.body:  # there is nothing to change
            assert without_secret(other) == without_secret(first)
        else:
            assert other.status_code == 422, other.text
            assert problem(other)["code"] == "idempotency_key_reused"

    def test_are_one_for_an_operation_whichever_object_it_names(self, fresh: World) -> None:
        other = fresh.post("/v1/loyalty/accounts", {"program": fresh.ids["prog"], "customer": "cust_other"})["id"]
        headers = {"Idempotency-Key": "one"}

        for url in ("/v1/loyalty/accounts/{}", "/v1/loyalty/accounts/{}/close"):
            first = fresh.client.post(url.format(fresh.ids["loy"]), json={}, headers=headers)
            second = fresh.client.post(url.format(other), json={}, headers=headers)
            assert (first.status_code, second.status_code) == (200, 422), second.text

    def test_are_apart_for_each_operation(self, fresh: World) -> None:
        account = fresh.ids["loy"]
        headers = {"Idempotency-Key": "business-key"}

        award = fresh.client.post("/v1/loyalty/points/award", json={"account": account, "points": 3}, headers=headers)
        adjustment = {"account": account, "points": 3, "reason": "same key"}
        adjust = fresh.client.post("/v1/loyalty/points/adjust", json=adjustment, headers=headers)

        assert (award.status_code, adjust.status_code) == (201, 201)
        assert award.json()["id"] != adjust.json()["id"]

    def test_of_a_bulk_call_do_not_answer_single_ones(self, fresh: World) -> None:
        payment = {"amount": 100, "currency": "EUR"}
        fresh.client.post("/v1/payments/bulk", json={"payments": [payment]}, headers={"Idempotency-Key": "import"})

        single = fresh.client.post("/v1/payments", json=payment, headers={"Idempotency-Key": "import/0"})

        assert "idempotent-replayed" not in single.headers, single.text

    def test_are_not_used_up_by_a_refusal(self, fresh: World) -> None:
        account = fresh.post("/v1/loyalty/accounts", {"program": fresh.ids["prog"], "customer": "cust_poor"})["id"]
        headers = {"Idempotency-Key": "redeem-order-1234"}
        body = {"account": account, "reward": fresh.ids["rwd"]}

        refused = fresh.client.post("/v1/loyalty/redemptions", json=body, headers=headers)
        again = fresh.client.post("/v1/loyalty/redemptions", json=body, headers=headers)
        fresh.post("/v1/loyalty/points/award", {"account": account, "points": 100})
        accepted = fresh.client.post("/v1/loyalty/redemptions", json=body, headers=headers)

        assert problem(refused)["code"] == problem(again)["code"] == "insufficient_points"
        assert problem(refused)["details"] == {
            "balance": 0,
            "held": 0,
            "pending": 0,
            "next_pending": None,
            "required": 100,
            "shortfall": 100,
            "change": "earn 100 more",
        }
        assert "idempotent-replayed" not in again.headers
        assert (accepted.status_code, accepted.headers.get("idempotent-replayed")) == (201, None)

    def test_are_each_realms_own(self, fresh: World, world: World) -> None:
        """Even where both realms keep the key in the same bucket."""
        keys = (f"shared between tenants {number}" for number in itertools.count())
        key = next(key for key in keys if bucket_of(fresh.realm.id, key) == bucket_of(world.realm.id, key))
        headers = {"Idempotency-Key": key}

        answers = [
            one.client.post("/v1/loyalty/points/award", json={"account": one.ids["loy"], "points": 1}, headers=headers)
            for one in (fresh, world)
        ]

        assert [answer.status_code for answer in answers] == [201, 201]

    def test_replay_what_was_answered_then(self, fresh: World) -> None:
        headers = {"Idempotency-Key": "then"}
        url, body = f"/v1/customers/{fresh.ids['cust']}", {"name": "Ada"}
        first = fresh.client.post(url, json=body, headers=headers)
        fresh.post(url, {"name": "Grace"})

        again = fresh.client.post(url, json=body, headers=headers)

        assert again.content == first.content
        assert fresh.client.get(url).json()["name"] == "Grace"

    def test_ten_at_once_have_one_effect(self, fresh: World) -> None:
        clients = [fresh.server.client(fresh.realm.key) for _ in range(10)]
        for client in clients:
            client.get("/healthz")  # connects
        account = fresh.ids["loy"]
        bodies = {
            "/v1/loyalty/points/award": {"account": account, "points": 10},
            "/v1/loyalty/redemptions": {"account": account, "reward": fresh.ids["rwd"]},
            "/v1/payments": {"amount": 100, "currency": "EUR", "customer": fresh.ids["cust"]},
            "/v1/customers": {"name": "Ada"},
            "/v1/loyalty/rewards": {
                "program": fresh.ids["prog"],
                "name": "Cup",
                "points_cost": 1,
                "benefit": {"type": "voucher"},
            },
        }

        with ThreadPoolExecutor(10) as pool:
            for number in range(4):
                for url, body in bodies.items():
                    ready = threading.Barrier(10)

                    def call(
                        client: httpx2.Client,
                        url: str = url,
                        body: Json = body,
                        n: int = number,
                        ready: threading.Barrier = ready,
                    ) -> httpx2.Response:
                        ready.wait(PATIENCE_SECONDS)
                        return client.post(url, json=body, headers={"Idempotency-Key": f"at-once-{n}"})

                    before = len(_whole(fresh, url.removesuffix("/award")))
                    answers = list(pool.map(call, clients))
                    assert {answer.status_code for answer in answers} == {201}, [answer.text for answer in answers]
                    assert len({answer.content for answer in answers}) == 1, url
                    replays = [answer.headers.get("idempotent-replayed") for answer in answers]
                    assert (replays.count(None), replays.count("true")) == (1, 9), url
                    added = len(_whole(fresh, url.removesuffix("/award"))) - before
                    assert added == 1, url
        for client in clients:
            client.close()


def _changed(body: Json) -> Json:
    """The body with one field changed, or one that may be added; the body itself where there is none."""
    for name, value in body.items():
        if name in ("reason", "name"):
            return {**body, name: f"{value}!"}
        if name in ("metadata",):
            return {**body, name: {"note": "other"}}
        if name == "payments":
            return {**body, name: [{**value[0], "metadata": {"note": "other"}}]}
        if name == "frozen_time":
            return {**body, name: "2032-01-01"}
        if name == "payment":
            return {**body, name: "pay_other"}
    return {**body, "data": {}} if "type" in body else body


class TestDryRun:
    @pytest.mark.parametrize("operation", WRITES, ids=by_id)
    def test_answers_as_the_real_call_does_and_uses_up_nothing(self, writable: World, operation: Operation) -> None:
        sample = samples(writable)[operation.id][-1]
        headers = {"Idempotency-Key": "dry"} if operation.method == "POST" else {}
        before, call = writable.contents(), writable.client.request

        dry = [
            call(operation.method, f"{sample.path}?{spelling}=true", json=sample.body, headers=headers)
            for spelling in ("dry_run", "dryRun")
        ]
        after = writable.contents()
        real = call(operation.method, f"{sample.path}?dry_run=false", json=sample.body, headers=headers)

        assert after == before
        assert writable.contents() != before or operation.id in (
            "release_discount",
            "update_program",
            "add_segment_members",
        ), "nothing was done"
        assert "idempotent-replayed" not in real.headers
        for one in dry:
            assert one.status_code == real.status_code, (one.text, real.text)
            assert one.json().get("secret") is None
            assert {**_shape(one.json()), "secret": None} == {**_shape(real.json()), "secret": None}

    def test_tells_what_would_be_refused(self, world: World) -> None:
        account = world.post("/v1/loyalty/accounts", {"program": world.ids["prog"], "customer": "cust_dry"})["id"]

        answer = world.client.post(
            "/v1/loyalty/redemptions?dry_run=true", json={"account": account, "reward": world.ids["rwd"]}
        )

        assert problem(answer)["code"] == "insufficient_points"


def _shape(value: Any) -> Any:
    """The names and types of an answer."""
    if isinstance(value, dict):
        return {name: _shape(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_shape(one) for one in value]
    return type(value).__name__


class TestEnrolment:
    def test_is_once_for_a_customer_and_program(self, fresh: World) -> None:
        body = {"program": fresh.ids["prog"], "customer": "cust_new", "metadata": {"a": 1}}

        first = fresh.client.post("/v1/loyalty/accounts", json=body)
        made = fresh.contents()
        second = fresh.client.post("/v1/loyalty/accounts", json=body)
        third = fresh.client.post("/v1/loyalty/accounts", json={**body, "metadata": {"a": 2}})

        assert [one.status_code for one in (first, second, third)] == [201, 200, 200]
        assert first.json() == second.json() == third.json()
        assert fresh.contents() == made

    def test_answers_with_the_balance_it_leaves(self, fresh: World) -> None:
        welcome = {"program": fresh.ids["prog"], "trigger": "loyalty.account.created", "earn": {"points": 50}}
        fresh.post("/v1/loyalty/earning_rules", welcome)

        account = fresh.post("/v1/loyalty/accounts", {"program": fresh.ids["prog"], "customer": "cust_new"})

        now = fresh.client.get(f"/v1/loyalty/accounts/{account['id']}").json()
        assert (now["balance"], now["sequence"]) == (50, 1)
        assert account == now


VERBATIM = {
    "camelCase": "x", "snake_case": "y", "program_id": "prog_x", "programId": "prog_y", "metadata": "z", "ID": 1,
    "a.b": True,
    "ä": "ö", "0": -(2**53 - 1), "\u00e9": "\u00e9", "e\u0301": "e\u0301", "loyaltyTier": False, "$ref": "#/x",
    " ": " ",
}  # fmt: skip


class TestMetadata:
    def test_is_kept_verbatim_everywhere(self, fresh: World) -> None:
        given = VERBATIM

        for operation in POSTS:
            for sample in samples(fresh)[operation.id]:
                if (
                    not operation.is_bulk
                    and operation.id.startswith(("create", "award", "adjust", "reverse"))
                    and "metadata" in (sample.body or {})
                ):
                    body = {**(sample.body or {}), "metadata": given}
                    body |= (
                        {"id": f"{body['id'].split('_')[0]}_{len(fresh.contents())}{sample.path[-3:]}"}
                        if "id" in body
                        else {}
                    )
                    made = fresh.client.post(f"{sample.path}?dry_run=true", json=body)
                    assert made.status_code in (200, 201), (sample.path, made.text)
                    assert list(made.json()["metadata"].items()) == list(given.items()), operation.id
        customer = fresh.post("/v1/customers", {"metadata": given})
        assert list(fresh.client.get(f"/v1/customers/{customer['id']}").json()["metadata"].items()) == list(
            given.items()
        )

    def test_is_merged_by_updates(self, fresh: World) -> None:
        urls = [
            f"/v1/loyalty/accounts/{fresh.ids['loy']}", f"/v1/customers/{fresh.ids['cust']}",
            f"/v1/loyalty/programs/{fresh.ids['prog']}",
            f"/v1/loyalty/rewards/{fresh.ids['rwd']}", f"/v1/loyalty/earning_rules/{fresh.ids['rule']}",
        ]  # fmt: skip

        for url in urls:
            fresh.post(url, {"metadata": {"keep": 1, "drop": 2, "change": 3}})
            merged = fresh.post(url, {"metadata": {"drop": None, "change": "x", "add": True, "absent": None}})
            assert merged["metadata"] == {"keep": 1, "change": "x", "add": True}, url
            assert fresh.client.get(url).json()["metadata"] == merged["metadata"]
            many = {f"k{n}": n for n in range(48)}
            assert problem(fresh.client.post(url, json={"metadata": many}))["param"] == "metadata", url

    def test_links_a_payment_to_one_member_only(self, fresh: World) -> None:
        other = fresh.post("/v1/loyalty/accounts", {"program": fresh.ids["prog"], "customer": "cust_two"})["id"]
        payment = {"amount": 100, "currency": "EUR"}
        links = {"loyalty_account": fresh.ids["loy"], "loyaltyAccount": other}

        for name, value in links.items():
            assert fresh.post("/v1/payments", {**payment, "metadata": {name: value}})["account"] == value
        twice = fresh.client.post("/v1/payments", json={**payment, "metadata": links})
        mixed = fresh.client.post(
            "/v1/payments", json={**payment, "customer": "cust_two", "metadata": {"loyaltyAccount": fresh.ids["loy"]}}
        )

        assert problem(mixed)["code"] == "parameter_conflict"
        assert twice.status_code == 400, twice.text
        assert problem(twice)["code"] == "parameter_conflict"


class TestBulk:
    def test_has_a_result_for_each_in_their_order(self, fresh: World) -> None:
        payments: list[Any] = [
            {"id": "pay_a", "amount": 100, "currency": "EUR", "customer": "cust_new"},
            {"id": "pay_b", "amount": -1, "currency": "EUR"},
            {"id": "pay_a", "amount": 100, "currency": "EUR", "customer": "cust_new"},
            {"id": "pay_a", "amount": 101, "currency": "EUR", "customer": "cust_new"},
            "not a payment",
            {"amount": 1, "currency": "EUR", "customer": "cust_x", "metadata": {"loyalty_account": fresh.ids["loy"]}},
        ]

        answer = fresh.post("/v1/payments/bulk", {"payments": payments, "program": fresh.ids["prog"]})

        results = answer["data"]
        assert [result["status"] for result in results] == [201, 400, 200, 409, 400, 400]
        assert (answer["created"], answer["existing"], answer["failed"]) == (1, 1, 4)
        assert results[0]["payment"]["id"] == "pay_a" and len(results[0]["payment"]["awards"]) == 1
        params = [result["error"]["param"] for result in results if "error" in result]
        assert params == ["payments[1].amount", "payments[3].id", "payments[4]", "payments[5].customer"]

    def test_keeps_an_answer_for_each_under_its_key(self, fresh: World) -> None:
        payments = [{"amount": amount, "currency": "EUR"} for amount in (100, 200, 300)]
        headers = {"Idempotency-Key": "night-1"}

        first, again = (
            fresh.client.post("/v1/payments/bulk", json={"payments": payments}, headers=headers) for _ in range(2)
        )

        assert [one["status"] for one in first.json()["data"]] == [201] * 3
        assert [one["payment"]["amount"] for one in first.json()["data"]] == [100, 200, 300]
        assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")

    def test_refuses_its_key_for_anything_else_as_a_whole(self, fresh: World) -> None:
        """Whatever of the body differs: nothing of the other call is done."""
        payments = [{"amount": amount, "currency": "EUR", "customer": "cust_night"} for amount in (100, 200, 300)]
        body = {"payments": payments, "program": fresh.ids["prog"], "deliver_events": False}
        other = fresh.post("/v1/loyalty/programs", {"name": "Other"})["id"]
        headers = {"Idempotency-Key": "night-2"}
        first = fresh.client.post("/v1/payments/bulk", json=body, headers=headers)
        made = fresh.contents()
        changes: dict[str, Json] = {
            "another program": {"program": other},
            "no program": {"program": None},
            "told to webhooks": {"deliver_events": True},
            "one item fewer": {"payments": payments[:2]},
            "one item more": {"payments": [*payments, {"amount": 400, "currency": "EUR"}]},
            "another order": {"payments": payments[::-1]},
            "an item that is wrong": {"payments": [*payments[:2], "night"]},
            "a dry run": {"program": other},
        }

        refused = {}
        for name, change in changes.items():
            path = f"/v1/payments/bulk{'?dry_run=true' if name == 'a dry run' else ''}"
            refused[name] = fresh.client.post(path, json=body | change, headers=headers)
        camel = {"payments": payments, "programId": fresh.ids["prog"]}
        again = fresh.client.post("/v1/payments/bulk", json=camel, headers=headers)

        assert first.json()["created"] == 3
        assert {name: one.status_code for name, one in refused.items()} == dict.fromkeys(changes, 422)
        assert {problem(one)["code"] for one in refused.values()} == {"idempotency_key_reused"}
        assert fresh.contents() == made
        assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")

    def test_answers_its_key_as_at_first_whatever_could_be_done_by_now(self, fresh: World) -> None:
        """Refused items are part of the answer: to try them again is another call, under another key."""
        payments: list[Any] = [
            {"amount": 100, "currency": "EUR", "customer": "cust_late"},
            {"amount": -1, "currency": "EUR"},
            {"amount": 1, "currency": "EUR", "colour": "red"},
            "not a payment",
            {"id": "pay_late", "amount": 200, "currency": "EUR"},
        ]
        body = {"payments": payments, "program": "prog_late"}
        first, again = (
            fresh.client.post("/v1/payments/bulk", json=body, headers={"Idempotency-Key": "night-3"}) for _ in range(2)
        )
        fresh.post("/v1/loyalty/programs", {"id": "prog_late", "name": "Late"})
        made = fresh.contents()

        late = fresh.client.post("/v1/payments/bulk", json=body, headers={"Idempotency-Key": "night-3"})
        unchanged = fresh.contents() == made
        anew = fresh.client.post("/v1/payments/bulk", json=body, headers={"Idempotency-Key": "night-4"})

        assert [one["status"] for one in first.json()["data"]] == [404, 400, 400, 400, 404]
        assert "idempotent-replayed" not in first.headers
        assert {one["error"]["request_id"] for one in first.json()["data"]} == {first.headers["request-id"]}
        for answer in (again, late):
            assert (answer.content, answer.headers["idempotent-replayed"]) == (first.content, "true")
        assert unchanged
        assert [one["status"] for one in anew.json()["data"]] == [201, 400, 400, 400, 201]

    def test_keeps_no_key_of_a_dry_run(self, fresh: World) -> None:
        body = {"payments": [{"amount": 100, "currency": "EUR"}]}
        headers = {"Idempotency-Key": "night-5"}

        dry = fresh.client.post(
            "/v1/payments/bulk?dry_run=true", json={**body, "deliver_events": True}, headers=headers
        )
        wet = fresh.client.post("/v1/payments/bulk", json=body, headers=headers)
        told = fresh.client.post("/v1/payments/bulk?dry_run=true", json=body, headers=headers)

        assert [one.json()["created"] for one in (dry, wet)] == [1, 1]
        assert "idempotent-replayed" not in wet.headers
        assert (told.content, told.headers["idempotent-replayed"]) == (wet.content, "true")

    def test_refuses_an_unknown_program_for_every_item(self, fresh: World) -> None:
        payments: list[Json] = [
            {"amount": 1, "currency": "EUR", "customer": "cust_new"},
            {"amount": 1, "currency": "EUR", "customer": fresh.ids["cust"]},
            {"amount": 1, "currency": "EUR"},
        ]

        results = fresh.post("/v1/payments/bulk", {"payments": payments, "program": "prog_none"})["data"]

        assert [result["status"] for result in results] == [404, 404, 404]


class TestOpenApi:
    def test_has_every_operation(self, world: World) -> None:
        document = world.client.get("/openapi.json").json()
        described = {
            (path, method.upper()): one for path, item in document["paths"].items() for method, one in item.items()
        }

        assert document["openapi"].startswith("3.1") and document["info"]["title"] and document["info"]["version"]
        assert set(described) == {(operation.path, operation.method) for operation in OPERATIONS}
        assert len({one["operationId"] for one in described.values()}) == len(OPERATIONS)
        for operation in OPERATIONS:
            one = described[operation.path, operation.method]
            assert (one["operationId"], one["summary"]) == (operation.id, operation.summary)
            assert bool(one.get("requestBody")) == (operation.body is not None)
            declared = {parameter["name"] for parameter in one["parameters"] if parameter["in"] == "path"}
            assert declared == ({"id"} if "{id}" in operation.path else set())
            headers = {parameter["name"] for parameter in one["parameters"] if parameter["in"] == "header"}
            is_kept = operation.keeps_answer
            assert headers == ({"Idempotency-Key"} if is_kept else set())
            assert ("idempotency_key_reused" in one["x-refusals"]) == is_kept
            assert all(("Idempotent-Replayed" in one["responses"][str(status)]["headers"]) == is_kept
                for status in operation.answers)  # fmt: skip

    def test_has_every_query_parameter(self, world: World) -> None:
        paths = world.client.get("/openapi.json").json()["paths"]
        missing = []

        for operation in OPERATIONS:
            one = paths[operation.path][operation.method.lower()]
            declared = {parameter["name"] for parameter in one["parameters"] if parameter["in"] == "query"}
            wanted = {"dry_run"} if operation.method != "GET" else set()
            if operation.is_paged:
                wanted = {"limit", "starting_after", "ending_before"}
            if not wanted <= declared:
                missing.append(f"{operation.id}: {sorted(wanted - declared)}")

        assert not missing, missing

    def test_refers_only_to_what_it_holds(self, world: World) -> None:
        document = world.client.get("/openapi.json").json()
        references: list[str] = []

        def collect(value: Any) -> None:
            if isinstance(value, dict):
                references.extend([value["$ref"]] if isinstance(value.get("$ref"), str) else [])
                for one in value.values():
                    collect(one)
            elif isinstance(value, list):
                for one in value:
                    collect(one)

        collect(document)
        assert references
        for reference in references:
            assert reference.startswith("#/")
            found = document
            for step in reference[2:].split("/"):
                found = found[step]
            kind = reference.split("/")[2]
            assert {"schemas": "properties", "headers": "schema", "responses": "content", "examples": "value"}[
                kind
            ] in found

    def test_describes_the_fields_of_each_body(self, world: World) -> None:
        schemas = world.client.get("/openapi.json").json()["components"]["schemas"]

        for operation in OPERATIONS:
            if operation.body is not None:
                schema = schemas[operation.body.__name__]
                fields = {field.encode_name: field for field in msgspec.structs.fields(operation.body)}
                required = {
                    field.path[0] for field in fields_of(operation.body) if field.is_required and len(field.path) == 1
                }
                assert set(schema["properties"]) == set(fields), operation.id
                assert set(schema.get("required", ())) == required, operation.id

    def test_foresees_every_status(self, fresh: World) -> None:
        paths = fresh.client.get("/openapi.json").json()["paths"]
        undocumented = []

        for operation in OPERATIONS:
            documented = set(paths[operation.path][operation.method.lower()]["responses"])
            answers = [fresh.client.request(operation.method, operation.path.replace("{id}", "x"), content=b"")]
            for sample in samples(fresh).get(operation.id, ()):
                answers.append(fresh.client.request(operation.method, f"{sample.path}?dry_run=true", json=sample.body))
                answers.append(fresh.client.request(operation.method, sample.path, content=b"["))
                answers.append(fresh.client.request(operation.method, sample.path, content=b" " * 1_100_000))
                for path in (("account",), ("program",), ("payment",), ("reward",), ("transaction",), ("id",)):
                    if value_at(sample.body, path) is not None:
                        body = with_value(sample.body, path, f"{str(value_at(sample.body, path)).split('_')[0]}_none")
                        answers.append(fresh.client.post(f"{sample.path}?dry_run=true", json=body))
            answers.append(fresh.client.request(operation.method, operation.path, headers={"Authorization": "x"}))
            undocumented += [
                f"{operation.id}: {answer.status_code}"
                for answer in answers
                if str(answer.status_code) not in documented
            ]

        assert not undocumented, sorted(set(undocumented))

    def test_is_small_enough_to_load(self, world: World) -> None:
        assert len(json.dumps(world.client.get("/openapi.json").json())) < 1_200_000
