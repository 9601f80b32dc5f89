"""What a simulation shows is what happens: the same member, the same events, the same instants (R59, 60)."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import httpx2
import psycopg
import pytest

from conftest import RunningServer, make_realm, wait_until
from vinr_server.core.campaigns.passages.waits import draw

Json = dict[str, Any]
CAMPAIGNS, EVENTS, PAYMENTS = "/v1/engagement/campaigns", "/v1/events", "/v1/payments"
CARE, SIMULATE = f"{CAMPAIGNS}/cmp_care", f"{CAMPAIGNS}/cmp_care/simulate"
LEFT = "cart.left"
STEPS: Json = {
    "hello": {"kind": "send_event", "name": "winback_1", "next": "coin"},
    "coin": {
        "kind": "split",
        "ways": [{"name": "a", "share": 5_000, "next": "bought"}, {"name": "b", "share": 5_000, "next": "bought"}],
    },
    "bought": {
        "kind": "wait",
        "events": [{"type": "payment.completed", "next": "rich"}],
        "timeout": "7d",
        "timeout_next": "morning",
    },
    "rich": {
        "kind": "branch",
        "when": [{"if": {"payments": {"gte": 2, "days": 30}}, "next": "thanks"}],
        "else": "some",
    },
    "morning": {"kind": "wait", "for": "1d", "at": "09:00", "next": "last"},
    "last": {"kind": "send_event", "name": "winback_2", "next": "lost"},
    "lost": {"kind": "exit", "outcome": "lost"},
    "thanks": {"kind": "award_points", "points": 200, "reason": "Welcome back"},
    "some": {"kind": "award_points", "points": 20, "reason": "Welcome"},
}
JOURNEY: Json = {
    "entry": {"event": {"type": LEFT}},
    "reentry": {"mode": "after_exit"},
    "exit_when": [{"event": {"type": "consent.withdrawn"}}],
    "goal": {
        "event": {"type": "payment.completed", "conditions": {"min_amount": 500, "currency": "EUR"}},
        "within": "30d",
    },
    "start": "hello",
    "steps": STEPS,
}
CHALLENGE: Json = {
    "entry": {"contribution": True},
    "progress": {"of": {"event": "payment.completed"}, "measure": "count", "target": 2, "repeat": 3},
    "start": "bonus",
    "steps": {"bonus": {"kind": "award_points", "points": 500, "reason": "Two"}},
}


class Shop:
    """A realm on a test clock with members, over HTTP."""

    def __init__(self, client: httpx2.Client) -> None:
        self.client = client
        clock = self.post("/v1/test_helpers/test_clocks", {"frozen_time": "2026-03-01T10:00:00Z"})
        self.clock = f"/v1/test_helpers/test_clocks/{clock['id']}"
        self.post("/v1/loyalty/programs", {"id": "prog_p", "name": "P", "test_clock": clock["id"]})
        self.accounts = [
            self.post("/v1/loyalty/accounts", {"program": "prog_p", "customer": f"cust_{n}"})["id"] for n in range(4)
        ]

    def post(self, path: str, body: Json, *, status: int | None = None) -> Json:
        answer = self.client.post(path, json=body)
        assert answer.status_code == status if status else answer.status_code in (200, 201), answer.text
        made: Json = answer.json()
        return made

    def get(self, path: str) -> Json:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    def draft(self, definition: Json, type: str = "journey") -> None:
        self.post(
            CAMPAIGNS, {"id": "cmp_care", "program": "prog_p", "name": "C", "type": type, "definition": definition}
        )

    def advance(self, to: str) -> None:
        self.post(f"{self.clock}/advance", {"frozen_time": to})
        wait_until(lambda: self.get(self.clock)["status"] == "ready", what="the clock has caught up")

    def happens(self, events: list[Json], customer: str, until: str) -> None:
        """The same events, as a merchant reports them, each when its time has come."""
        for event in events:
            self.advance(event["at"])
            body = {"customer": customer, **event.get("data", {})}
            if event["type"] == "payment.completed":
                self.post(PAYMENTS, body)
            elif event["type"] == "payment.refunded":
                self.post(f"{PAYMENTS}/{body['payment']}/refund", {"amount": body["amount"]})
            else:
                self.post(EVENTS, {"type": event["type"], "data": body})
        self.advance(until)

    def passages(self, account: str) -> list[Json]:
        listed = self.get(f"/v1/engagement/enrolments?account={account}&campaign=cmp_care")["data"]
        return [self.get(f"/v1/engagement/enrolments/{one['id']}") for one in reversed(listed)]


@pytest.fixture
def shop(shared_server: RunningServer) -> Iterator[Shop]:
    """A shop of its own."""
    realm = make_realm(shared_server.database_url, f"tnt_{uuid.uuid4().hex}")
    with shared_server.client(realm.key) as client:
        yield Shop(client)


def comparable(passages: list[Json]) -> list[Json]:
    """Passages without what is made anew each time: their ids, and those of what happened and was given."""
    return [_without_ids(passage) for passage in passages]


def _without_ids(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_ids(one) for name, one in value.items() if name not in ("id", "progress")}
    if isinstance(value, list):
        return [_without_ids(one) for one in value]
    is_made = isinstance(value, str) and len(value) > 27 and value[-27:].isalnum() and "_" in value
    return value.split("_")[0] if is_made else value


def pay(at: str, amount: int = 1000, **more: Any) -> Json:
    """A payment of the member."""
    return {"type": "payment.completed", "at": at, "data": {"amount": amount, "currency": "EUR", **more}}


LIVES: dict[str, list[Json]] = {
    "nothing else": [{"type": LEFT, "at": "2026-03-02T08:00:00Z"}],
    "a purchase in the wait": [{"type": LEFT, "at": "2026-03-02T08:00:00Z"}, pay("2026-03-04T08:00:00Z")],
    "two purchases": [
        pay("2026-03-01T12:00:00Z"),
        {"type": LEFT, "at": "2026-03-02T08:00:00Z"},
        pay("2026-03-04T08:00:00Z", 300),
    ],
    "a purchase at the end of the wait": [{"type": LEFT, "at": "2026-03-02T08:00:00Z"}, pay("2026-03-09T08:00:00Z")],
    "consent withdrawn, and back": [
        {"type": LEFT, "at": "2026-03-02T08:00:00Z"},
        {"type": "consent.withdrawn", "at": "2026-03-03T08:00:00Z"},
        {"type": LEFT, "at": "2026-03-20T08:00:00Z"},
    ],
}
REFUNDED = [
    pay("2026-03-02T08:00:00Z", id="pay_one"),
    pay("2026-03-03T08:00:00Z", id="pay_two"),
    {"type": "payment.refunded", "at": "2026-03-04T08:00:00Z", "data": {"payment": "pay_one", "amount": 1000}},
    pay("2026-03-05T08:00:00Z"),
    pay("2026-03-05T08:00:00Z"),
]
UNTIL = "2026-05-01T10:00:00Z"


class TestOneMember:
    @pytest.mark.parametrize("life", LIVES)
    def test_goes_the_way_that_it_would_go(self, shop: Shop, life: str) -> None:
        shop.draft(JOURNEY)
        asked = {"account": shop.accounts[0], "until": UNTIL, "events": LIVES[life]}
        drafted = shop.post(SIMULATE, asked)
        shop.post(f"{CARE}/publish", {})
        simulated = shop.post(SIMULATE, asked)
        shop.happens(LIVES[life], "cust_0", UNTIL)

        assert comparable(simulated["enrolments"]) == comparable(shop.passages(shop.accounts[0]))
        assert comparable(drafted["enrolments"]) == comparable(simulated["enrolments"])
        assert [event["type"] for event in simulated["events"]] == [event["type"] for event in LIVES[life]]

    def test_goes_through_a_challenge_as_it_would(self, shop: Shop) -> None:
        shop.draft(CHALLENGE, "challenge")
        shop.post(f"{CARE}/publish", {})
        asked = {"account": shop.accounts[1], "until": UNTIL, "events": REFUNDED}
        simulated = shop.post(SIMULATE, asked)
        shop.happens(REFUNDED, "cust_1", UNTIL)

        assert len(simulated["enrolments"]) == 1
        assert comparable(simulated["enrolments"]) == comparable(shop.passages(shop.accounts[1]))

    def test_enters_by_what_time_brings(self, shop: Shop) -> None:
        lapsed = {"days_since_last_purchase": {"gte": 20}}
        shop.post("/v1/engagement/segments", {"id": "lapsed", "name": "L", "type": "dynamic", "conditions": lapsed})
        shop.draft({**JOURNEY, "entry": {"segment": "lapsed"}})
        shop.post(f"{CARE}/publish", {})
        events = [pay("2026-03-02T08:00:00Z")]
        simulated = shop.post(SIMULATE, {"account": shop.accounts[0], "until": UNTIL, "events": events})
        shop.happens(events, "cust_0", UNTIL)

        assert [passage["entered_at"] for passage in simulated["enrolments"]] == [1774166400]  # 20 days later
        assert comparable(simulated["enrolments"]) == comparable(shop.passages(shop.accounts[0]))

    def test_enters_by_a_schedule(self, shop: Shop) -> None:
        weekly = {"schedule": {"every": "week", "days": ["mon"], "at": "10:00"}}
        shop.draft({**JOURNEY, "entry": weekly})
        shop.post(f"{CARE}/publish", {})
        simulated = shop.post(SIMULATE, {"account": shop.accounts[0], "until": UNTIL, "events": [], "enter": False})
        shop.happens([], "cust_0", UNTIL)

        assert len(simulated["enrolments"]) > 2
        assert comparable(simulated["enrolments"]) == comparable(shop.passages(shop.accounts[0]))

    def test_leaves_nothing_behind(self, shop: Shop, shared_server: RunningServer) -> None:
        shop.draft(JOURNEY)
        before = contents(shared_server)

        shop.post(SIMULATE, {"account": shop.accounts[0], "until": UNTIL, "events": LIVES["two purchases"]})

        assert contents(shared_server) == before


def contents(server: RunningServer) -> list[tuple[Any, ...]]:
    """How many rows each table has, and when any was last written."""
    with psycopg.connect(server.database_url, autocommit=True) as connection:
        tables = connection.execute("select tablename from pg_tables where schemaname = 'public'").fetchall()
        counted = [
            (name, *connection.execute(f'select count(*), max(xmin::text::int8) from "{name}"').fetchone())  # type: ignore[misc, arg-type]
            for (name,) in tables
            if name not in ("api_key_uses", "heartbeats", "key_uses", "api_keys")
        ]
    return sorted(counted)


class TestSegments:
    SEGMENT = "/v1/engagement/segments/seg_all/members"

    def fill(self, shop: Shop) -> None:
        """A static segment of all members, and a journey that no event has to begin."""
        shop.post("/v1/engagement/segments", {"id": "seg_all", "name": "All", "type": "static"})
        shop.post(self.SEGMENT, {"accounts": shop.accounts})
        shop.draft({**JOURNEY, "entry": {}, "holdout": 0})

    def test_are_counted_by_step(self, shop: Shop) -> None:
        self.fill(shop)
        simulated = shop.post(SIMULATE, {"segment": "seg_all", "until": UNTIL})
        steps = {step["id"]: step for step in simulated["steps"]}

        assert (simulated["members"], simulated["entered"], simulated["held_out"]) == (4, 4, 0)
        assert steps["bought"]["outcomes"] == {"timeout": 4} and steps["lost"]["outcomes"] == {"lost": 4}
        assert steps["thanks"]["entered"] == 0
        assert "enrolments" not in simulated

    def test_are_inside_while_they_wait(self, shop: Shop) -> None:
        self.fill(shop)
        simulated = shop.post(SIMULATE, {"segment": "seg_all", "until": "2026-03-05T10:00:00Z"})

        assert {step["id"]: step["inside"] for step in simulated["steps"] if step["inside"]} == {"bought": 4}

    def test_hear_what_is_assumed(self, shop: Shop) -> None:
        self.fill(shop)
        assume = {"bought": {"payment.completed": 6_000}}
        simulated = shop.post(SIMULATE, {"segment": "seg_all", "until": UNTIL, "assume": assume})
        steps = {step["id"]: step for step in simulated["steps"]}
        heard = sum(draw("cmp_care", "simulate/bought", f"cust_{n}") < 6_000 for n in range(4))

        assert steps["bought"]["outcomes"] == {"heard": heard, "timeout": 4 - heard}
        assert steps["some"]["points"] == 20 * heard

    def test_share_what_they_would_share(self, shop: Shop) -> None:
        self.fill(shop)
        budget = {"points": 50, "period": "none"}
        steps = {**STEPS, "thanks": {"kind": "award_points", "points": 40, "reason": "Welcome back"}}
        shop.post(CARE, {"definition": {**JOURNEY, "entry": {}, "budget": budget, "steps": steps}})
        asked = {"segment": "seg_all", "until": UNTIL, "assume": {"bought": {"payment.completed": 10_000}}}
        (some,) = [step for step in shop.post(SIMULATE, asked)["steps"] if step["id"] == "some"]

        assert (some["points"], some["skipped"]) == (40, {"budget_exhausted": 2})

    def test_say_who_would_not_enter(self, shop: Shop) -> None:
        self.fill(shop)
        shop.post(f"{CARE}/publish", {})
        shop.post(f"{CARE}/enter", {"account": shop.accounts[0]})
        simulated = shop.post(SIMULATE, {"segment": "seg_all", "until": UNTIL})

        assert (simulated["entered"], simulated["not_entered"]) == (3, {"already_enrolled": 1})


class TestPublishing:
    def test_shows_beforehand_who_would_go_where(self, shop: Shop) -> None:
        # CAMPAIGNS scenario 61.
        shop.draft({**JOURNEY, "entry": {}})
        shop.post(f"{CARE}/publish", {})
        for account in shop.accounts:
            shop.post(f"{CARE}/enter", {"account": account})
        shop.advance("2026-03-02")
        changed = {name: step for name, step in STEPS.items() if name != "bought"}
        changed["coin"] = {**STEPS["coin"], "ways": [{"name": "a", "share": 10_000, "next": "rich"}]}
        changed["calm"] = {"kind": "wait", "for": "12h", "next": "morning"}
        changed["some"] = {**STEPS["some"], "next": "calm"}
        shop.post(CARE, {"definition": {**JOURNEY, "entry": {}, "steps": changed}})
        before = [shop.passages(account) for account in shop.accounts]

        lost = shop.client.post(f"{CARE}/publish?dry_run=true", json={"members": "move"}).json()["error"]
        asked = {"members": "move", "map": {"bought": "calm"}}
        shown = shop.post(f"{CARE}/publish?dry_run=true", asked)

        assert (lost["code"], lost["details"]) == ("campaign_step_unmapped", {"steps": {"bought": 4}})
        assert shown["moving"] == [{"revision": 1, "step": "bought", "members": 4, "to": "calm"}]
        assert [shop.passages(account) for account in shop.accounts] == before


class TestRefusals:
    @pytest.mark.parametrize(
        ("body", "param"),
        [
            ({}, "account"),
            ({"account": "ACCOUNT", "segment": "seg_all"}, "account"),
            ({"segment": "nobody"}, "segment"),
            ({"segment": "nobody", "events": [{"type": LEFT, "at": UNTIL}]}, "events"),
            ({"account": "ACCOUNT", "until": "2026-02-28"}, "until"),
            ({"account": "ACCOUNT", "until": "2030-01-01"}, "until"),
            ({"account": "ACCOUNT", "events": [{"type": LEFT, "at": "2026-02-01"}]}, "events[0].at"),
            ({"account": "ACCOUNT", "events": [{"type": LEFT, "at": "2026-06-01"}]}, "events[0].at"),
            ({"account": "ACCOUNT", "events": [pay(UNTIL, -1)]}, "events[0].data.amount"),
            ({"account": "ACCOUNT", "events": [pay(UNTIL, curency="EUR")]}, "events[0].data.curency"),
            ({"account": "ACCOUNT", "assume": {"hello": {"payment.completed": 1}}}, "assume.hello"),
            ({"account": "ACCOUNT", "assume": {"bought": {"cart.left": 1}}}, "assume.bought.cart.left"),
        ],
    )
    def test_name_the_field(self, shop: Shop, body: Json, param: str) -> None:
        shop.draft(JOURNEY)
        given = {"until": UNTIL} | body
        given = {name: shop.accounts[0] if value == "ACCOUNT" else value for name, value in given.items()}
        refused = shop.client.post(SIMULATE, json=given)

        assert refused.status_code in (400, 404), refused.text
        assert refused.json()["error"]["param"] == param, refused.text

    def test_show_all_that_is_wrong_with_the_draft(self, shop: Shop) -> None:
        shop.draft({"entry": {}, "start": "nowhere", "steps": {"end": {"kind": "exit"}}})
        refused = shop.client.post(SIMULATE, json={"account": shop.accounts[0], "until": UNTIL})

        assert refused.json()["error"]["code"] == "campaign_definition_invalid"
        assert refused.json()["error"]["details"]["problems"]

    def test_of_an_event_stand_beside_it(self, shop: Shop) -> None:
        shop.draft(JOURNEY)
        events = [{"type": "payment.refunded", "at": UNTIL, "data": {"payment": "pay_none"}}]
        simulated = shop.post(SIMULATE, {"account": shop.accounts[0], "until": UNTIL, "events": events})

        assert simulated["events"][0]["refusal"]["code"] == "resource_missing"
