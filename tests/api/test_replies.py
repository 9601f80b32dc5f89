"""Every answer of the real server has exactly the fields that its reply type declares, of the declared types."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import msgspec
import psycopg
import pytest
from api_world import Json, World, build_world, samples

from conftest import RunningServer, wait_until
from vinr_server.api.contract.event_schemas import data_of
from vinr_server.api.contract.operation import ListOf
from vinr_server.api.contract.reply import Error, Reply
from vinr_server.api.contract.table import OBJECTS, OPERATIONS
from vinr_server.api.resources.bulk_payments import BulkPayments
from vinr_server.core.earning.reports import RESERVED
from vinr_server.core.events.engine_events import EVENT_TYPES

# Fields that hold an id and are no reference: the object itself, whoever acted, words of the caller's own.
NO_REFERENCES = ("id", "object", "actor", "name", "reason")
ENGINE_PREFIXES = {one.partition(".")[0] for one in EVENT_TYPES}


@pytest.fixture
def world(shared_server: RunningServer) -> Iterator[World]:
    """A realm of the test's own."""
    made = build_world(shared_server)
    yield made
    made.client.close()


class Page(Reply):
    object: Literal["list"]
    url: str
    has_more: bool
    data: list[Any]


# Lists of what is retrieved under another path, with more of it than that shows.
SHOWN_IN_FULL = {"export_accounts"}


def answers(world: World) -> Iterator[tuple[str, tuple[type[Reply], ...], Json]]:
    """What each operation answers, by the types it is declared to be of; lists item by item."""
    for operation in OPERATIONS:
        kinds = operation.replies
        if operation.method == "GET" and isinstance(operation.reply, ListOf):
            params = {"limit": 100} if operation.is_paged else {}
            page = msgspec.convert(world.client.get(world.path(operation), params=params).json(), Page)
            yield from ((operation.id, kinds, one) for one in page.data)
            is_own = "{id}" not in operation.path and operation.id not in SHOWN_IN_FULL and operation.is_paged
            for one in page.data if is_own else ():
                retrieved = world.client.get(f"{operation.path}/{one['id']}")
                assert retrieved.status_code == 200, retrieved.text
                yield f"retrieve after {operation.id}", kinds, retrieved.json()
    for operation in sorted(OPERATIONS, key=lambda one: one.method == "DELETE"):
        for sample in samples(world).get(operation.id, ()):
            # Written for real only where nothing else needs what it would end.
            url = sample.path + ("" if operation.id.startswith(("create", "reverse", "report")) else "?dry_run=true")
            answer = world.client.request(operation.method, url, json=sample.body)
            if answer.is_success:
                yield operation.id, operation.replies, answer.json()


def check(kind: type[Reply], answer: Json) -> None:
    """The answer has the type's fields, all of those that are always there, and no others."""
    msgspec.convert(answer, kind, strict=True)


def _wrong(kind: type[Reply], answer: Json) -> str | None:
    """What is wrong with an answer of this type; None: nothing."""
    try:
        check(kind, answer)
    except msgspec.ValidationError as error:
        return str(error)
    return None


class TestEveryAnswer:
    def test_is_as_declared(self, world: World) -> None:
        _award_back(world)
        _lose_a_gift(world)
        _give_codes(world)
        seen: set[str] = set()
        wrong = []

        for id, kinds, answer in answers(world):
            seen.add(id)
            found = [_wrong(kind, answer) for kind in kinds]
            if all(found):
                wrong.append(f"{id}: {found} in {answer}")

        assert not wrong, "\n".join(wrong)
        reached = {operation.id for operation in OPERATIONS} & seen
        assert len(reached) >= 30, f"only {len(reached)} operations answered with something to compare"

    def test_of_a_refusal_is_as_declared(self, world: World) -> None:
        unknown = world.client.get("/v1/payments/pay_none").json()
        shortfall = world.client.post(
            "/v1/loyalty/points/adjust", json={"account": world.ids["loy"], "points": -1_000_000, "reason": "test"}
        ).json()

        check(Error, unknown["error"])
        check(Error, shortfall["error"])
        assert shortfall["error"]["details"]["shortfall"] > 0

    def test_of_a_bulk_call_tells_each_refusal(self, world: World) -> None:
        body = {"payments": [{"amount": 100, "currency": "EUR", "customer": world.ids["cust"]}, {"amount": -1}]}

        answer = world.client.post("/v1/payments/bulk", json=body).json()

        check(BulkPayments, answer)
        assert [one["status"] for one in answer["data"]] == [201, 400]

    def test_differs_where_a_field_is_added_missing_or_of_another_type(self, world: World) -> None:
        account = world.client.get(f"/v1/loyalty/accounts/{world.ids['loy']}").json()
        kind = OBJECTS["loyalty_account"]

        check(kind, account)
        for wrong in (
            account | {"new": 1},
            {name: value for name, value in account.items() if name != "tier"},
            account | {"balance": str(account["balance"])},
        ):
            with pytest.raises(msgspec.ValidationError):
                check(kind, wrong)


class TestEveryEvent:
    def test_of_the_engine_is_listed_and_its_data_is_as_declared(self, world: World) -> None:
        _award_back(world)
        _expire_and_refund(world)
        _spend_in_part(world)
        _lose_a_gift(world)
        _end_referrals(world)
        _use_codes(world)
        _give_codes(world)
        _end_campaigns(world)
        _complete_a_challenge(world)

        seen = {event["type"] for event in engine_events(world)}

        assert seen == set(EVENT_TYPES), (
            "make one of each type happen here, and list it in core/events/engine_events.py"
        )
        for event in engine_events(world):
            check(data_of(event["type"]), event["data"])

    def test_of_the_engine_can_be_reported_by_nobody(self) -> None:
        assert {one for one in EVENT_TYPES if not one.startswith(RESERVED)} == set()

    def test_has_a_webhook_in_openapi(self, world: World) -> None:
        described = world.client.get("/openapi.json").json()["webhooks"]

        assert set(described) == set(EVENT_TYPES)
        schema = described["loyalty.tier.changed"]["post"]["requestBody"]["content"]["application/json"]["schema"]
        assert schema["allOf"][1]["properties"] == {
            "type": {"const": "loyalty.tier.changed"},
            "data": {"$ref": "#/components/schemas/TierChange"},
        }


class TestReferences:
    def test_are_marked_wherever_an_answer_names_another_object(self, world: World) -> None:
        _award_back(world)
        prefixes = tuple(f"{prefix}_" for prefix in world.ids)

        unmarked = {
            f"{kind.__name__}.{name}"
            for kind, answer in told(world)
            for name, value in answer.items()
            if isinstance(value, str) and value.startswith(prefixes) and name not in NO_REFERENCES
            if not is_reference(kind, name)
        }

        assert unmarked == set(), "declare them as Reference in vinr_server/api/resources"


def told(world: World) -> Iterator[tuple[type[Reply], Json]]:
    """Every answer and every event's data, by its declared type."""
    for _id, kinds, answer in answers(world):
        yield next((kind for kind in kinds if _wrong(kind, answer) is None), kinds[0]), answer
    yield from ((data_of(event["type"]), event["data"]) for event in engine_events(world))


def is_reference(kind: type[Reply], name: str) -> bool:
    """Whether the field is declared as the id of another object."""
    schema = msgspec.json.schema(kind)["$defs"][kind.__name__]["properties"].get(name, {})
    return "reference" in (schema.get("format"), *(one.get("format") for one in schema.get("anyOf", ())))


def engine_events(world: World) -> Iterator[Json]:
    """The engine's own events of the world, newest first."""
    page = {"has_more": True, "data": [{"id": None}]}
    while page["has_more"]:
        after = {"starting_after": page["data"][-1]["id"]} if page["data"][-1]["id"] else {}
        page = world.client.get("/v1/events", params={"limit": 100, **after}).json()
        yield from (one for one in page["data"] if one["type"].partition(".")[0] in ENGINE_PREFIXES)


def _expire_and_refund(world: World) -> None:
    """An award that is over already has expired; a redemption and a refund are canceled; an offer has ended."""
    program = world.post("/v1/loyalty/programs", {"name": "Short", "currency": {"expiry_months": 1}})
    member = world.post("/v1/loyalty/accounts", {"program": program["id"], "customer": world.ids["cust"]})
    world.post("/v1/loyalty/points/award", {"account": member["id"], "points": 1, "occurred_at": "2020-01-01"})
    world.post(f"/v1/loyalty/redemptions/{world.ids['rdm']}/cancel", {})
    world.post(f"/v1/refunds/{world.ids['re']}/cancel", {})
    world.post("/v1/engagement/offers/activate", {"offer": world.ids["ofr"], "account": world.ids["loy"]})
    world.post(f"/v1/offers/{world.ids['checkout_ofr']}", {"active": True})
    world.post(f"/v1/offers/{world.ids['checkout_ofr']}", {"active": False})
    world.post(f"/v1/engagement/segments/{world.ids['seg']}/members/remove", {"accounts": [world.ids["loy"]]})
    world.post(f"/v1/webhook_endpoints/{world.ids['we']}", {"status": "disabled"})
    guest = world.post("/v1/payments", {"amount": 1, "currency": "EUR"})
    world.post(f"/v1/payments/{guest['id']}/link", {"customer": world.ids["cust"]})
    world.post("/v1/loyalty/accounts", {"program": program["id"], "customer": "cust_then"})
    world.post("/v1/customers/merge", {"from": "cust_then", "into": "cust_now"})
    _remind(world)
    _let_lapse(world)
    _move_credit(world)
    _let_tiers_end(world)


def _move_credit(world: World) -> None:
    """Store credit is spent, returned, taken back, adjusted, and has ended: what returns to a lot that is over ends."""
    clock = world.post("/v1/test_helpers/test_clocks", {"frozen_time": "2030-01-01"})["id"]
    whose = {"customer": "cust_credit", "currency": "EUR"}
    world.post("/v1/store_credit/accounts", whose | {"test_clock": clock})
    world.post("/v1/store_credit/grant", whose | {"amount": 10, "expires_at": "2030-02-01"})
    spent = world.post("/v1/store_credit/spend", whose | {"amount": 10})
    world.post(f"/v1/test_helpers/test_clocks/{clock}/advance", {"frozen_time": "2030-03-01"})
    world.post("/v1/store_credit/reverse", {"transaction": spent["id"]})
    adjusted = world.post("/v1/store_credit/adjust", whose | {"amount": 5, "reason": "found"})
    world.post("/v1/store_credit/reverse", {"transaction": adjusted["id"]})


def _let_lapse(world: World) -> None:
    """A hold is over: reading its member's account writes it, if no worker has."""
    clock = world.post("/v1/test_helpers/test_clocks", {"frozen_time": "2030-01-01"})["id"]
    program = world.post("/v1/loyalty/programs", {"name": "Holds", "test_clock": clock})["id"]
    reward = {"program": program, "name": "Tea", "points_cost": 5, "benefit": {"type": "voucher"}}
    member = world.post("/v1/loyalty/accounts", {"program": program, "customer": world.ids["cust"]})["id"]
    world.post("/v1/loyalty/points/award", {"account": member, "points": 5})
    held = {"account": member, "reward": world.post("/v1/loyalty/rewards", reward)["id"], "capture": False}
    world.post("/v1/loyalty/redemptions", held)
    world.post(f"/v1/test_helpers/test_clocks/{clock}/advance", {"frozen_time": "2030-01-28"})
    world.client.get(f"/v1/loyalty/accounts/{member}")


def _let_tiers_end(world: World) -> None:
    """A tier is in grace, another has ended, another was set by hand: reading the members writes it."""
    clock = world.post("/v1/test_helpers/test_clocks", {"frozen_time": "2030-01-01"})["id"]
    policy = {"metric": "points_earned", "window": "rolling_months", "months": 1, "grace_days": 9}
    program = {"name": "Ranks", "test_clock": clock, "tiers": [{"id": "gold", "threshold": 5}], "tier_policy": policy}
    program_id = world.post("/v1/loyalty/programs", program)["id"]
    member = {"program": program_id, "customer": world.ids["cust"]}
    account = world.post("/v1/loyalty/accounts", member)["id"]
    world.post("/v1/loyalty/points/award", {"account": account, "points": 5})
    world.post(f"/v1/test_helpers/test_clocks/{clock}/advance", {"frozen_time": "2030-02-03"})
    in_grace = world.client.get(f"/v1/loyalty/accounts/{account}").json()
    assert in_grace["tier_grace_until"] is not None and in_grace["tier_progress"]["keep"] is not None
    assert in_grace["projected_tier"]["tier"] is None
    other = world.post("/v1/loyalty/accounts", member | {"customer": "cust_ranked"})["id"]
    world.post(f"/v1/loyalty/accounts/{other}/tier", {"tier": "gold", "reason": "status match"})


def _remind(world: World) -> None:
    """A member was reminded of points that end: a spend sends what was due, if no worker has."""
    clock = world.post("/v1/test_helpers/test_clocks", {"frozen_time": "2030-01-01"})["id"]
    body = {"name": "Ends", "test_clock": clock, "currency": {"expiry_months": 1}, "expiry_reminders": [7]}
    program = world.post("/v1/loyalty/programs", body)["id"]
    member = world.post("/v1/loyalty/accounts", {"program": program, "customer": world.ids["cust"]})["id"]
    world.post("/v1/loyalty/points/award", {"account": member, "points": 5})
    world.post(f"/v1/test_helpers/test_clocks/{clock}/advance", {"frozen_time": "2030-01-28"})
    world.post("/v1/loyalty/points/adjust", {"account": member, "points": -1, "reason": "spent"})


def _spend_in_part(world: World) -> None:
    """An order takes less than the points of a variable reward are worth."""
    world.post("/v1/loyalty/points/award", {"account": world.ids["loy"], "points": 9})
    variable = {"account": world.ids["loy"], "reward": world.ids["variable_rwd"], "points": 3}
    cart = {"currency": "EUR", "lines": [{"sku": "pin", "unit_price": 2}]}
    discount = world.post("/v1/loyalty/redemptions", variable)["discount"]
    session = world.post("/v1/checkout/sessions", cart | {"discounts": [discount]})
    world.post(f"/v1/checkout/sessions/{session['id']}/complete", {})


def _lose_a_gift(world: World) -> None:
    """A payment has brought a gift, its refund has taken it back, and the refund was canceled."""
    gift = {"type": "gift_reward", "reward": world.ids["rwd"]}
    treat = {"program": world.ids["prog"], "name": "Treat", "incentive": gift, "application": "auto"}
    offer = world.post("/v1/engagement/offers", treat)["id"]
    world.post(f"/v1/engagement/offers/{offer}/publish", {})
    payment = world.post("/v1/payments", {"amount": 900, "currency": "EUR", "customer": world.ids["cust"]})
    (use,) = payment["offer_redemptions"]
    assert use["redemption"].startswith("rdm_")
    refund = world.post(f"/v1/payments/{payment['id']}/refund", {})["refund"]["id"]
    world.post(f"/v1/refunds/{refund}/cancel", {})
    world.post(f"/v1/engagement/offers/{offer}/pause", {})


def _end_campaigns(world: World) -> None:
    """A campaign was paused and resumed, and another one is over; a passage ended, and another one failed."""
    for account in ("loy", "friend"):
        world.post(f"/v1/engagement/campaigns/{world.ids['old_cmp']}/enter", {"account": world.ids[account]})
    world.post(f"/v1/engagement/enrolments/{world.ids['enr']}/exit", {})
    payment = world.post("/v1/payments", {"amount": 900, "currency": "EUR", "customer": world.ids["cust"]})
    assert [reaction["did"] for reaction in payment["campaigns"]] == ["converted"]
    world.post(f"/v1/payments/{payment['id']}/refund", {})
    standing = "step = step || '-gone', failures = 2, waits_since = null, due_at = now()"
    with psycopg.connect(world.server.database_url, autocommit=True) as connection:
        broken = f"update campaign_enrolments set {standing} where realm = %s and status = 'open'"
        connection.execute(broken.encode(), [world.realm.id])
        wait_until(lambda: any(event["type"] == "campaign.failed" for event in engine_events(world)), what="a failure")
        mended = "update campaign_enrolments set step = replace(step, '-gone', '') where realm = %s"
        connection.execute(mended, [world.realm.id])
    for name, call in (("cmp", "pause"), ("cmp", "resume"), ("old_cmp", "archive")):
        world.post(f"/v1/engagement/campaigns/{world.ids[name]}/{call}", {})


def _complete_a_challenge(world: World) -> None:
    """A member has completed a challenge that announces progress, got points and a reward, and loses the points."""
    steps = {
        "gift": {"kind": "award_points", "points": 5, "next": "more"},
        "more": {"kind": "issue_reward", "reward": world.ids["rwd"]},
    }
    of = {"event": "payment.completed", "conditions": {"metadata": {"counts": "yes"}}}
    progress = {"of": of, "measure": "streak", "target": 1, "streak": {"every": "week"}, "repeat": None}
    definition = {"entry": {}, "progress": progress, "announce": ["progressed"], "start": "gift", "steps": steps}
    body = {"program": world.ids["prog"], "name": "Yes", "type": "challenge", "definition": definition}
    campaign = world.post("/v1/engagement/campaigns", body)["id"]
    world.post(f"/v1/engagement/campaigns/{campaign}/publish", {})
    paid = {"amount": 900, "currency": "EUR", "customer": world.ids["cust"], "metadata": {"counts": "yes"}}
    payment = world.post("/v1/payments", paid)
    reactions = [one for one in payment["campaigns"] if one["campaign"] == campaign]
    assert [one["did"] for one in reactions] == ["entered", "completed"]
    enrolment = f"/v1/engagement/enrolments/{reactions[0]['enrolment']}"
    wait_until(lambda: len(world.client.get(enrolment).json()["log"]) == 2, what="the steps of the attempt")
    check(OBJECTS["enrolment"], world.client.get(enrolment).json())
    world.post(f"/v1/payments/{payment['id']}/refund", {})


def _give_codes(world: World) -> None:
    """A step gave the last code of a batch, and all of a budget; it was taken back with the entry's payment."""
    few = {"offer": world.ids["coded_ofr"], "name": "Few", "low_at": 1}
    batch = world.post("/v1/engagement/code_batches", few)["id"]
    world.post(f"/v1/engagement/code_batches/{batch}/import", {"codes": [f"G{world.slug}"]})
    entry = {"event": {"type": "payment.completed", "conditions": {"metadata": {"thanks": True}}}}
    steps = {"code": {"kind": "issue_code", "batch": batch, "next": "gift"}}
    steps["gift"] = {"kind": "award_points", "points": 5}
    definition = {"entry": entry, "budget": {"uses": 1}, "start": "code", "steps": steps}
    campaign = {"program": world.ids["prog"], "name": "Thanks", "definition": definition}
    url = f"/v1/engagement/campaigns/{world.post('/v1/engagement/campaigns', campaign)['id']}"
    world.post(f"{url}/publish", {})
    paid = {"amount": 100, "currency": "EUR", "customer": world.ids["cust"], "metadata": {"thanks": True}}
    payment = world.post("/v1/payments", paid)
    (did,) = payment["campaigns"]
    enrolment = f"/v1/engagement/enrolments/{did['enrolment']}"
    assert [step["outcome"] for step in world.client.get(enrolment).json()["log"]] == ["done", "skipped"]
    world.post(f"/v1/payments/{payment['id']}/refund", {})
    assert len(world.client.get(enrolment).json()["revoked"]["withdrawn"]) == 1
    world.post(f"{url}/archive", {})


def _end_referrals(world: World) -> None:
    """A conversion was reversed, a referral rejected, and the window of another was over when it was registered."""
    world.post(f"/v1/payments/{world.ids['friend_pay']}/refund", {})
    long_ago = {"referrer": world.ids["loy"], "customer": f"cust_{world.slug}_late", "occurred_at": "2020-01-01"}
    world.post("/v1/referrals", long_ago)
    short = {"referrer": world.ids["loy"], "customer": f"cust_{world.slug}_short"}
    world.post(f"/v1/referrals/{world.post('/v1/referrals', short)['id']}/reject", {})


def _use_codes(world: World) -> None:
    """A code was held and let go, and another was used; a batch was made."""
    cards = {"offer": world.ids["coded_ofr"], "name": "Cards", "amount": 1}
    world.post("/v1/engagement/code_batches", cards)
    ready = {"type": "code_batch.ready"}
    wait_until(lambda: world.client.get("/v1/events", params=ready).json()["data"], what="the batch is ready")
    line = {"sku": "tea", "unit_price": 500}
    for code, then in (("first", "expire"), ("second", "complete")):
        text = f"{code}-{world.slug}"
        world.post("/v1/engagement/codes", {"offer": world.ids["coded_ofr"], "code": text})
        cart = {"currency": "EUR", "customer": world.ids["cust"], "lines": [line], "codes": [text]}
        session = world.post("/v1/checkout/sessions", cart)["id"]
        world.post(f"/v1/checkout/sessions/{session}/{then}", {})


def _award_back(world: World) -> None:
    """An adjusted and a twice reversed award, rewards of other types and a payment of nobody are there too."""
    award = world.post("/v1/loyalty/points/award", {"account": world.ids["loy"], "points": 7})
    for _ in range(2):
        world.post("/v1/loyalty/points/reverse", {"transaction": award["id"]})
    world.post("/v1/loyalty/points/adjust", {"account": world.ids["loy"], "points": 3, "reason": "kind"})
    benefits = [{"type": "voucher", "description": "x"}, {"type": "free_shipping"}]
    for benefit in benefits:
        reward = world.post(
            "/v1/loyalty/rewards",
            {"program": world.ids["prog"], "name": "R", "points_cost": 1, "benefit": benefit},
        )
        world.post("/v1/loyalty/redemptions", {"account": world.ids["loy"], "reward": reward["id"]})
    world.post("/v1/payments", {"amount": 1, "currency": "EUR"})
