"""Whatever is accepted can be read back: unusual ids, texts, numbers and instants."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from api_world import Json, World, build_world, problem

from conftest import RunningServer

LISTS: tuple[str, ...] = (
    "loyalty/programs",
    "loyalty/accounts",
    "loyalty/earning_rules",
    "loyalty/points",
    "loyalty/rewards",
)
LISTS += ("loyalty/redemptions", "payments", "customers", "events", "test_helpers/test_clocks")


@pytest.fixture
def world(shared_server: RunningServer) -> Iterator[World]:
    """A realm of the test's own: what one test breaks stays broken for it alone."""
    made = build_world(shared_server)
    yield made
    made.client.close()


def unreadable_lists(world: World) -> list[str]:
    """Every list that does not answer, with what it answers instead."""
    answers = {name: world.client.get(f"/v1/{name}?limit=100") for name in LISTS}
    return [f"{name}: {answer.status_code} {answer.text[:120]}" for name, answer in answers.items() if answer.is_error]


STRANGE_NAMES = (
    "a/b", "/", "a//b", "..", ".", "a/../b", "%41", "%2F", "%", "a%", "a b", " ", "a?b", "a#b", "a&b=c", "a+b", "ä",
    "日本", "😀",
    "a'b", 'a"b', "a\\b", "a;b", "a\nb", "a\tb", "a\x7f", "a\u2028b", "\u202eabc", "A" * 240, "refund", "0" * 27,
    "null", "é", "e\u0301",
)  # fmt: skip


class TestIds:
    @pytest.mark.parametrize(
        ("prefix", "url", "body"),
        [
            ("pay", "/v1/payments", {"amount": 1, "currency": "EUR"}),
            ("cust", "/v1/customers", {"name": "Ada"}),
            ("evt", "/v1/events", {"type": "review.posted"}),
            ("prog", "/v1/loyalty/programs", {"name": "Main"}),
        ],
    )
    def test_are_opaque(self, world: World, prefix: str, url: str, body: Json) -> None:
        failures = []

        for name in STRANGE_NAMES:
            id = f"{prefix}_{name}"
            created = world.client.post(url, json={**body, "id": id})
            if created.status_code == 400:
                assert problem(created)["param"] == "id"
                continue
            again = world.client.post(url, json={**body, "id": id})
            read = world.client.get(f"{url}/{quote(id, safe='')}")
            page = world.client.get(url, params={"starting_after": id, "limit": 1})
            if created.status_code != 201 or (again.status_code, again.content) != (200, created.content):
                failures.append(f"{id!r}: created {created.status_code}, again {again.status_code} {again.text[:80]}")
            elif read.status_code != 200 or read.json()["id"] != id:
                failures.append(f"{id!r}: read {read.status_code} {read.text[:160]}")
            elif page.status_code != 200:
                failures.append(f"{id!r}: as a cursor {page.status_code} {page.text[:160]}")

        assert not failures, f"{len(failures)}:\n" + "\n".join(failures)
        assert not unreadable_lists(world)


TEXTS = (
    "x" * 255, "é" * 255, "😀" * 255, "<script>alert(1)</script>", "'; drop table entries; --", "\u202eright to left",
    "a\u2028b", "\ufeffx",
    "\u0001\u001f", "\x7f", " ", "\t", "\\u0000", "\\\\u0000", "C:\\u0000ffice", "{}", "null",
    "1e999999999999999999999", "[" * 100,
    '"', "\\", '\\"', "=1+1", "e\u0301", "\U0010ffff", "\ufffd", "%00", "${jndi:ldap://x}",
)  # fmt: skip
LONG_TEXTS = ("x" * 500, "7" * 400, "7" * 500, "[{" * 250, "\\u0000" * 80)


class TestTexts:
    def test_come_back_as_they_were_sent(self, world: World) -> None:
        failures = []

        for text in (*TEXTS, *LONG_TEXTS):
            body: Json = {"metadata": {"key": text}}
            if len(text) <= 255:
                body |= {"name": text}
            for ensure_ascii in (True, False):
                sent = json.dumps(body, ensure_ascii=ensure_ascii).encode()
                created = world.client.post("/v1/customers", content=sent)
                if created.status_code != 201:
                    failures.append(f"{text[:40]!r}: {created.status_code} {created.json()['error']['message'][:120]}")
                    continue
                read = world.client.get(f"/v1/customers/{created.json()['id']}")
                got = {name: read.json().get(name) for name in body}
                if read.content != created.content or got != body:
                    failures.append(f"{text[:40]!r}: came back as {got}")

        assert not failures, f"{len(failures)}:\n" + "\n".join(failures)

    def test_may_be_the_keys_of_data(self, world: World) -> None:
        failures = []

        for text in (*TEXTS, "customerId", "metadata2", "__proto__", ""):
            data = {text: {text: [text, {"snake_case": 1, "camelCase": 2}]}}
            created = world.client.post("/v1/events", json={"type": "review.posted", "data": data})
            if (
                created.status_code != 201
                or world.client.get(f"/v1/events/{created.json()['id']}").json()["data"] != data
            ):
                failures.append(f"{text[:40]!r}: {created.status_code} {created.text[:160]}")

        assert not failures, f"{len(failures)}:\n" + "\n".join(failures)

    def test_fill_the_bounds_of_metadata(self, world: World) -> None:
        metadata = {f"{n:040d}": "😀" * 500 for n in range(50)}
        body = json.dumps({"metadata": metadata}, ensure_ascii=False).encode()

        created = world.client.post("/v1/customers", content=body)

        assert created.status_code == 201, created.text
        assert world.client.get(f"/v1/customers/{created.json()['id']}").json()["metadata"] == metadata


class TestNumbers:
    def test_of_data_come_back_as_they_were_written(self, world: World) -> None:
        numbers = (
            "0", "-0", "-0.0", "0.00", "1", "-1", "9007199254740993", "9223372036854775807", "9223372036854775808",
            "-9223372036854775809", "18446744073709551615", "18446744073709551616", "1" * 399,
            "0.1", "1.0", "1.10", "0.30000000000000004", "1e2", "1E2", "1e+2", "1e02", "1E-3", "1e-3", "0.001", "1.5e3",
            "1e22", "0e0", "0.0000001", "123456789.123456789123456789123456789", "0." + "1" * 300, "1e300", "1e400",
            "-1e400", "1e-400", "5e-324",
        )  # fmt: skip
        failures = []

        for number in numbers:
            data = b'{"x": %s, "in": {"list": [%s ,"-0, 1e2"]}, "metadata": {"y":%s}}'
            sent = b'{"type":"review.posted","data":' + data.replace(b"%s", number.encode()) + b"}"
            created = world.client.post("/v1/events", content=sent)
            if created.status_code != 201:
                failures.append(f"{number[:40]}: {created.status_code} {created.text[:120]}")
                continue
            id = created.json()["id"]
            read = world.client.get(f"/v1/events/{id}")
            page = world.client.get(f"/v1/events?limit=1&starting_after={id}")
            for answer in (created, read):
                got = json.loads(answer.content, parse_float=str, parse_int=str)["data"]
                if got != {"x": number, "in": {"list": [number, "-0, 1e2"]}, "metadata": {"y": number}}:
                    failures.append(f"{number[:40]}: came back as {str(got)[:120]}")
            assert page.status_code == 200

        assert not failures, f"{len(failures)}:\n" + "\n".join(failures)
        assert not unreadable_lists(world)

    def test_beyond_all_range_are_refused_by_the_name_of_their_field(self, world: World) -> None:
        numbers = (
            "1" * 400, "-" + "1" * 400, "0." + "1" * 400, "1e401", "-1.5E+401", "1e-401", "1e99999", "1e-99999",
            "1e999999999999999999", "1e-999999999999999999", "1e99999999999999999999", "0e99999999999999999999",
            "0.0e-99999999999999999999", "1e" + "9" * 5000, "1e" + "0" * 500 + "1",
        )  # fmt: skip
        failures = []

        for number in numbers:
            body = b'{"type":"review.posted","data":{"a b":[1,{"x":"1e999","y":' + number.encode() + b"}]}}"
            error = problem(world.client.post("/v1/events", content=body))
            if (error["code"], error["param"]) != ("parameter_invalid", "data.a b[1].y"):
                failures.append(f"{number[:40]}: {error}")
        rate = world.client.post("/v1/loyalty/earning_rules", content=b'{"earn":{"points_per_currency_unit":1e401}}')
        broken = world.client.post("/v1/events", content=b'{"data":{"x":1e401}')

        assert not failures, f"{len(failures)}:\n" + "\n".join(failures)
        assert problem(rate)["param"] == "earn.points_per_currency_unit"
        assert problem(broken)["code"] == "body_invalid"

    def test_of_data_are_the_same_event_however_they_are_written(self, world: World) -> None:
        """An exponent's spelling is no other body; digits are."""
        event = b'{"type":"review.posted","id":"evt_spelled","data":{"x":%s}}'

        first, *others = (
            world.client.post("/v1/events", content=event % number) for number in (b"1e2", b"1E2", b"1e+02", b"100.0")
        )

        assert (first.status_code, [one.status_code for one in others]) == (201, [200, 200, 409])
        assert b'"x":1e2}' in first.content and {one.content for one in others[:2]} == {first.content}

    def test_at_their_bounds_are_decided(self, world: World) -> None:
        most = 2**53 - 1
        accounts = {"account": world.ids["loy"], "points": most}
        rule = {
            "program": world.ids["prog"],
            "trigger": "payment.completed",
            "earn": {"points_per_currency_unit": 1_000_000_000},
        }

        first = world.client.post("/v1/loyalty/points/award", json=accounts)  # it holds some already
        negative = world.client.post("/v1/loyalty/points/adjust", json={**accounts, "points": -most, "reason": "all"})
        whole = world.client.post(
            "/v1/payments", json={"amount": most, "currency": "KWD", "tax": most, "shipping": most}
        )
        world.post("/v1/loyalty/earning_rules", rule)
        richest = world.client.post(
            "/v1/payments", json={"amount": most, "currency": "JPY", "customer": world.ids["cust"]}
        )
        dearest = world.client.post(
            "/v1/loyalty/rewards",
            json={
                "program": world.ids["prog"],
                "name": "All",
                "points_cost": most,
                "stock": most,
                "per_member_limit": most,
                "benefit": {"type": "discount", "amount": most, "currency": "JPY"},
            },
        )
        lines = [{"unit_price": most, "quantity": 1_000_000} for _ in range(500)]
        long = world.client.post("/v1/payments", json={"amount": most, "currency": "JPY", "lines": lines})

        assert problem(first)["param"] == "points"
        assert problem(negative)["code"] == "insufficient_points"
        assert whole.status_code == 201, whole.text
        assert whole.json()["eligible_amount"] == 0
        assert problem(richest)["code"] == "parameter_invalid"
        assert (dearest.status_code, long.status_code) == (201, 201)
        assert long.json()["lines"][0]["unit_price"] == most
        assert not unreadable_lists(world)

    def test_of_rates_come_back_as_they_compare(self, world: World) -> None:
        rates = {
            b"2": 2, b'"2"': 2, b"2.0": 2, b'"2.0"': 2, b"2.0000": 2, b"1.5": "1.5", b'"1.5"': "1.5",
            b'"1.5000"': "1.5", b"0.0001": "0.0001",
            b'"0.0001"': "0.0001", b"1000000000": 1_000_000_000, b'"007"': 7, b"2e0": 2, b"15e-1": "1.5",
            b"1e3": 1000, b"0.1": "0.1",
        }  # fmt: skip

        for raw, shown in rates.items():
            text = b'{"program":"%s","trigger":"review.posted","earn":{"points_per_currency_unit":%s},'
            text += b'"multipliers":[{"factor":%s,"when":{"tier":"gold"}}]}'
            created = world.client.post(
                "/v1/loyalty/earning_rules", content=text % (world.ids["prog"].encode(), raw, raw)
            )
            assert created.status_code == 201, (raw, created.text)
            rule = world.client.get(f"/v1/loyalty/earning_rules/{created.json()['id']}").json()
            assert rule["earn"]["points_per_currency_unit"] == shown, raw
            assert rule["multipliers"][0]["factor"] == shown, raw
            assert type(rule["multipliers"][0]["factor"]) is type(shown), raw


def unix(text: str) -> int:
    """Unix seconds of an RFC 3339 text."""
    return int(datetime.fromisoformat(text).astimezone(UTC).timestamp())


INSTANTS: dict[Any, int] = {
    0: 0,
    1_780_000_000: 1_780_000_000,
    250_000_000_000: 250_000_000_000,
    "1970-01-01": 0,
    "2024-02-29": unix("2024-02-29T00:00:00+00:00"),
    "1970-01-01T00:00:00Z": 0,
    "2026-06-06t12:00:00z": unix("2026-06-06T12:00:00+00:00"),
    "2026-06-06 12:00:00+02:00": unix("2026-06-06T10:00:00+00:00"),
    "2026-06-06T12:00:00-12:00": unix("2026-06-07T00:00:00+00:00"),
    "2026-06-06T12:00:00.999999999Z": unix("2026-06-06T12:00:00+00:00"),
    "2026-06-06T12:00:00.5+05:45": unix("2026-06-06T06:15:00+00:00"),
    "9999-12-31T23:59:59Z": unix("9999-12-31T23:59:59+00:00"),
    "9999-12-31T23:59:59+14:00": unix("9999-12-31T09:59:59+00:00"),
    "9999-12-31": unix("9999-12-31T00:00:00+00:00"),
}
# Test clocks end so much before time does that points with the longest expiry fit in.
CLOCKS_END = unix("9898-01-01T00:00:00+00:00")
# Before 1970: as instants with an offset they are refused.
ANCIENT = ("0001-01-01", "0001-01-02", "1582-10-10", "1969-12-31")


class TestInstants:
    def test_come_back_in_unix_seconds(self, world: World) -> None:
        rewards, clocks = "/v1/loyalty/rewards", "/v1/test_helpers/test_clocks"
        reward = {"program": world.ids["prog"], "name": "Cup", "points_cost": 1, "benefit": {"type": "voucher"}}

        for given, seconds in INSTANTS.items():
            created = world.post(rewards, {**reward, "starts_at": given})
            assert world.client.get(f"{rewards}/{created['id']}").json()["starts_at"] == seconds, given
            if seconds < CLOCKS_END:
                clock = world.post(clocks, {"frozen_time": given})
                assert world.client.get(f"{clocks}/{clock['id']}").json()["frozen_time"] == seconds, given
            if seconds < 1_780_000_000:
                payment = world.post("/v1/payments", {"amount": 1, "currency": "EUR", "occurred_at": given})
                assert world.client.get(f"/v1/payments/{payment['id']}").json()["occurred_at"] == seconds, given

        assert not unreadable_lists(world)

    @pytest.mark.parametrize("given", ["9898-01-01", "9999-12-31T23:59:59Z"])
    def test_of_a_clock_leave_room_for_an_expiry(self, world: World, given: str) -> None:
        clocks = "/v1/test_helpers/test_clocks"
        clock = world.post(clocks, {"frozen_time": "9897-12-31T23:59:58Z"})["id"]

        answers = [world.client.post(url, json={"frozen_time": given}) for url in (clocks, f"{clocks}/{clock}/advance")]
        last = world.client.post(f"{clocks}/{clock}/advance", json={"frozen_time": "9897-12-31T23:59:59Z"})

        errors = [problem(answer) for answer in answers]
        assert [(error["code"], error["param"]) for error in errors] == [("parameter_invalid", "frozen_time")] * 2
        assert "before 9898-01-01" in errors[0]["message"] == errors[1]["message"]
        assert last.status_code == 200, last.text

    def test_a_date_means_its_end_where_a_window_ends(self, world: World) -> None:
        zones = {"UTC": "2026-06-07T00:00:00+00:00", "Asia/Tokyo": "2026-06-07T00:00:00+09:00"}
        for zone, end in zones.items():
            program = world.post("/v1/loyalty/programs", {"name": zone, "timezone": zone})["id"]
            reward = {"program": program, "name": "Cup", "points_cost": 1, "benefit": {"type": "voucher"}}
            window = {"starts_at": "2026-06-06", "ends_at": "2026-06-06"}
            made = world.post("/v1/loyalty/rewards", {**reward, **window})
            assert (made["starts_at"], made["ends_at"]) == (unix(end) - 86400, unix(end))
            rule = {
                "program": program,
                "trigger": "review.posted",
                "earn": {"points": 1},
                "conditions": {"window": window},
            }
            shown = world.post("/v1/loyalty/earning_rules", rule)["conditions"]["window"]
            assert shown == {"starts_at": unix(end) - 86400, "ends_at": unix(end)}
            ending = world.post("/v1/loyalty/rewards", {**reward, "ends_at": "9999-12-31"})
            assert unix("9999-12-31T14:59:59+00:00") <= ending["ends_at"] <= unix("9999-12-31T23:59:59+00:00")

        assert not unreadable_lists(world)

    @pytest.mark.parametrize("day", ANCIENT)
    def test_before_1970_are_refused_as_dates_too(self, world: World, day: str) -> None:
        reward = {"program": world.ids["prog"], "name": "Cup", "points_cost": 1, "benefit": {"type": "voucher"}}
        window = {"conditions": {"window": {"starts_at": day}}}
        calls: list[tuple[str, Json, str]] = [
            ("/v1/payments", {"amount": 1, "currency": "EUR", "occurred_at": day}, "occurred_at"),
            ("/v1/loyalty/points/award", {"account": world.ids["loy"], "points": 1, "occurred_at": day}, "occurred_at"),
            ("/v1/events", {"type": "review.posted", "occurred_at": day}, "occurred_at"),
            ("/v1/loyalty/rewards", {**reward, "starts_at": day}, "starts_at"),
            ("/v1/test_helpers/test_clocks", {"frozen_time": day}, "frozen_time"),
            (
                "/v1/loyalty/earning_rules",
                {"program": world.ids["prog"], "trigger": "review.posted", "earn": {"points": 1}, **window},
                "conditions.window.starts_at",
            ),
        ]

        answers = {f"{url} {param}": world.client.post(url, json=body) for url, body, param in calls}

        wrong = {name: answer.status_code for name, answer in answers.items() if answer.status_code != 400}
        broken = unreadable_lists(world)
        spent = world.client.post(
            "/v1/loyalty/redemptions", json={"account": world.ids["loy"], "reward": world.ids["rwd"]}
        )
        assert (wrong, broken, spent.status_code) == ({}, [], 201), spent.text
