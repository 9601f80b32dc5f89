"""Results of a campaign over the API: who is counted, and what is said of both arms and of splits (R47, R50, R51)."""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from conftest import RunningServer, make_realm, wait_until
from vinr_server.core.campaigns.passages.waits import draw

Json = dict[str, Any]
CAMPAIGNS, ENROLMENTS = "/v1/engagement/campaigns", "/v1/engagement/enrolments"
START, IN_30_DAYS = "2026-03-01T10:00:00Z", "2026-03-31T10:00:00Z"
WIN = f"{CAMPAIGNS}/cmp_win"
# Every third of the treated and every sixth of the held out converts.
MEMBERS = 250


def definition(holdout: int = 5_000, **more: Any) -> Json:
    """A campaign of one split, for payments within 30 days."""
    ways = [{"name": "a", "share": 5_000, "next": "tell"}, {"name": "b", "share": 5_000}]
    steps = {"coin": {"kind": "split", "ways": ways}, "tell": {"kind": "send_event", "name": "hi"}}
    goal = {"event": {"type": "payment.completed", "conditions": {"min_amount": 500, "currency": "EUR"}}}
    said = {"entry": {}, "start": "coin", "steps": steps, "holdout": holdout, "goal": {**goal, "within": "30d"}}
    return said | more


@pytest.fixture(scope="module")
def client(shared_server: RunningServer) -> Iterator[httpx2.Client]:
    """A realm whose members have been through a campaign, whose goal is still open."""
    realm = make_realm(shared_server.database_url, f"tnt_{uuid.uuid4().hex}")
    with shared_server.client(realm.key) as client:
        clock = post(client, "/v1/test_helpers/test_clocks", {"frozen_time": START})["id"]
        post(client, "/v1/loyalty/programs", {"id": "prog_p", "name": "P", "test_clock": clock})
        created = {"id": "cmp_win", "program": "prog_p", "name": "Win", "definition": definition()}
        post(client, CAMPAIGNS, created)
        post(client, f"{WIN}/publish", {})
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda n: pass_through(client, n), range(MEMBERS)))
        yield client


def post(client: httpx2.Client, path: str, body: Json) -> Json:
    """The answer of a write."""
    answer = client.post(path, json=body)
    assert answer.status_code in (200, 201), answer.text
    made: Json = answer.json()
    return made


def get(client: httpx2.Client, path: str) -> Json:
    """The answer of a read."""
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def is_held_out(n: int) -> bool:
    """Which side a member is on, from the rule's words."""
    return draw("cmp_win", "holdout", f"cust_r{n}") < 5_000


def converts(n: int) -> bool:
    """Whether a member pays enough in time."""
    return n % (6 if is_held_out(n) else 3) == 0


def pass_through(client: httpx2.Client, n: int) -> None:
    """A member enters, and pays enough, or too little."""
    customer = f"cust_r{n}"
    account = post(client, "/v1/loyalty/accounts", {"program": "prog_p", "customer": customer})["id"]
    enrolment = post(client, f"{WIN}/enter", {"account": account})
    assert enrolment["status"] == ("holdout" if is_held_out(n) else "open")
    amount = 500 if converts(n) else 499
    post(client, "/v1/payments", {"amount": amount, "currency": "EUR", "customer": customer})


def advance(client: httpx2.Client, at: str) -> None:
    """The clock stands at the instant, and all that was due is done."""
    clocks = "/v1/test_helpers/test_clocks"
    clock = f"{clocks}/{get(client, clocks)['data'][0]['id']}"
    post(client, f"{clock}/advance", {"frozen_time": at})
    wait_until(lambda: get(client, clock)["status"] == "ready", what="the clock is ready")


def wilson(successes: int, size: int) -> tuple[float, float]:
    """The score interval, from the textbook."""
    z, rate = 1.959963984540054, successes / size
    middle = rate + z * z / (2 * size)
    reach = z * math.sqrt(rate * (1 - rate) / size + z * z / (4 * size * size))
    return (middle - reach) / (1 + z * z / size), (middle + reach) / (1 + z * z / size)


def shown(rate: float) -> str | int:
    """A rate as the API writes it."""
    text = f"{rate:.4f}".rstrip("0")
    return int(text[:-1]) if text.endswith(".") else text


def expected(first: tuple[int, int], second: tuple[int, int]) -> Json:
    """What two groups of (converted, all) say of each other."""
    (one, of_one), (two, of_two) = first, second
    p, q, (low_p, high_p), (low_q, high_q) = one / of_one, two / of_two, wilson(*first), wilson(*second)
    low, high = math.hypot(p - low_p, high_q - q), math.hypot(high_p - p, q - low_q)
    return {
        "difference": {"rate": shown(p - q), "low": shown(p - q - low), "high": shown(p - q + high)},
        "lift": shown((p - q) / q),
    }


def test_nobody_is_counted_before_the_goal_is_over(client: httpx2.Client) -> None:
    advance(client, "2026-03-31T09:59:59Z")

    found = get(client, f"{WIN}/results")

    nobody = {"enrolments": 0, "members": 0, "converted": 0, "rate": None}
    assert (found["treated"], found["holdout"]) == (nobody, nobody)
    assert (found["difference"], found["lift"], found["too_few"]) == (None, None, True)


def test_both_arms_are_counted_and_compared_from_then_on(client: httpx2.Client) -> None:
    advance(client, IN_30_DAYS)
    arms = [[n for n in range(MEMBERS) if is_held_out(n) is held_out] for held_out in (False, True)]
    (won, treated), (kept, held_out) = [(sum(map(converts, arm)), len(arm)) for arm in arms]
    assert min(treated, held_out) >= 100

    found = get(client, f"{WIN}/results")

    assert found["treated"] == {
        "enrolments": treated, "members": treated, "converted": won, "rate": shown(won / treated)
    }  # fmt: skip
    assert found["holdout"]["rate"] == shown(kept / held_out)
    assert {name: found[name] for name in ("difference", "lift")} == expected((won, treated), (kept, held_out))
    assert (found["too_few"], found["sample_ratio_mismatch"]) == (False, False)
    assert (found["revision"], found["revisions"], found["holdout_share"]) == (1, [1], 5_000)
    assert found["goal"] == definition()["goal"]


def test_each_way_of_a_split_is_compared_with_the_first(client: httpx2.Client) -> None:
    advance(client, IN_30_DAYS)
    treated = [n for n in range(MEMBERS) if not is_held_out(n)]
    of_a = [n for n in treated if draw("cmp_win", "coin", f"cust_r{n}") < 5_000]
    of_b = [n for n in treated if n not in of_a]
    groups = [(sum(map(converts, of)), len(of)) for of in (of_a, of_b)]

    (split,) = get(client, f"{WIN}/results")["splits"]

    assert split["step"] == "coin"
    assert [(way["way"], way["converted"], way["enrolments"]) for way in split["ways"]] == [
        ("a", *groups[0]),
        ("b", *groups[1]),
    ]
    assert split["ways"][1] | expected(groups[1], groups[0]) == split["ways"][1]
    assert (split["ways"][0]["lift"], split["ways"][1]["too_few"]) == (0, min(map(len, (of_a, of_b))) < 100)


def test_the_campaign_counts_its_members_and_lists_them_by_what_became_of_them(client: httpx2.Client) -> None:
    held_out = sum(map(is_held_out, range(MEMBERS)))
    won = sum(converts(n) for n in range(MEMBERS) if is_held_out(n))

    members = get(client, WIN)["members"]
    listed = get(client, f"{ENROLMENTS}?campaign=cmp_win&status=holdout&converted=true&limit=100")["data"]
    of_a = get(client, f"{ENROLMENTS}?campaign=cmp_win&way=a&limit=1")["data"]

    assert members == {"open": 0, "holdout": held_out, "over": MEMBERS - held_out, "failed": 0}
    assert len(listed) == won
    assert {(one["converted"]["amount"], one["converted"]["currency"]) for one in listed} == {(500, "EUR")}
    assert [one["ways"] for one in of_a] == [{"coin": "a"}]
    assert get(client, f"{ENROLMENTS}?way=c")["data"] == []


def test_what_comes_into_a_step_is_inside_or_left_it(client: httpx2.Client) -> None:
    steps = {step["id"]: step for step in get(client, f"{WIN}/steps")["data"]}

    for step in steps.values():
        assert step["entered"] == step["inside"] + sum(step["outcomes"].values())
    assert steps["coin"]["entered"] == MEMBERS - sum(map(is_held_out, range(MEMBERS)))


def test_no_event_or_step_is_about_who_is_held_out(client: httpx2.Client) -> None:
    first = get(client, f"{ENROLMENTS}?campaign=cmp_win&status=holdout&limit=1")["data"][0]

    assert get(client, f"{ENROLMENTS}/{first['id']}")["log"] == []
    events = get(client, f"/v1/events?account={first['account']}&limit=100")["data"]
    assert [event["type"] for event in events if event["type"].startswith("campaign.")] == []


def test_results_begin_again_where_the_share_changes(client: httpx2.Client) -> None:
    advance(client, IN_30_DAYS)
    for holdout, more in ((4_000, {}), (4_000, {"announce": ["exited"]}), (4_000, {"exit_on_refund": False})):
        post(client, WIN, {"definition": definition(holdout, **more)})
        post(client, f"{WIN}/publish", {})

    found = get(client, f"{WIN}/results")
    before = get(client, f"{WIN}/results?revision=1")
    between = get(client, f"{WIN}/results?revision=3")

    assert (found["revision"], found["revisions"], found["treated"]["enrolments"]) == (4, [2, 3, 4], 0)
    assert (before["revisions"], before["holdout_share"]) == ([1], 5_000)
    assert before["treated"]["enrolments"] + before["holdout"]["enrolments"] == MEMBERS
    assert (between["revisions"], between["holdout_share"]) == ([2, 3], 4_000)


@pytest.mark.parametrize(("query", "status", "code"), [
    ("revision=99", 404, "resource_missing"),
    ("revision=0", 400, "parameter_invalid"),
    ("revison=1", 400, "unknown_parameter"),
])  # fmt: skip
def test_a_revision_that_is_none_is_refused(client: httpx2.Client, query: str, status: int, code: str) -> None:
    answer = client.get(f"{WIN}/results?{query}")

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_a_draft_has_no_results(client: httpx2.Client) -> None:
    post(client, CAMPAIGNS, {"id": "cmp_draft", "program": "prog_p", "name": "Draft", "definition": definition()})

    found = get(client, f"{CAMPAIGNS}/cmp_draft/results")

    assert (found["revision"], found["revisions"], found["goal"], found["splits"]) == (0, [], None, [])


def test_a_capped_entry_says_which_cap_and_until_when(client: httpx2.Client) -> None:
    caps = [{"of": "entries", "max": 1, "within": "1mo", "scope": "program"}]
    said = {"entry": {}, "start": "end", "steps": {"end": {"kind": "exit", "outcome": "out"}}, "caps": caps}
    post(client, CAMPAIGNS, {"id": "cmp_once", "program": "prog_p", "name": "Once", "definition": said})
    post(client, f"{CAMPAIGNS}/cmp_once/publish", {})
    account = get(client, "/v1/loyalty/accounts?customer=cust_r1")["data"][0]["id"]

    advance(client, IN_30_DAYS)
    answer = client.post(f"{CAMPAIGNS}/cmp_once/enter", json={"account": account})

    assert answer.status_code == 409, answer.text
    error = answer.json()["error"]
    assert error["code"] == "frequency_capped"
    # A calendar month after 1 March, 10:00.
    assert error["details"] == {"cap": caps[0], "frees_at": 1_775_037_600}
    assert "(limit: 1 entries). Wait until 2026-04-01T10:00:00Z." in error["message"]
