"""Every operation of the table through both clients, typed answers, errors, keys, lists; on a real server."""

from __future__ import annotations

import copy
import pickle
from collections.abc import AsyncIterable, AsyncIterator, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, get_args

import httpx2
import pytest
from api_world import ALONE, World, build_world
from sdk_calls import BEFORE, sdk_call

import vinr
from conftest import WITHOUT_TLS, RunningServer
from vinr import AsyncVinr, Vinr, inputs, objects
from vinr_server.api.contract.operation import Operation
from vinr_server.api.contract.table import OPERATIONS

MEMBERS = 250


@pytest.fixture
def world(shared_server: RunningServer) -> Iterator[World]:
    """A realm of the test's own."""
    made = build_world(shared_server)
    yield made
    made.client.close()


@pytest.fixture(scope="module")
def shared_world(shared_server: RunningServer) -> Iterator[World]:
    """A realm for what only reads, and for dry runs, which leave nothing."""
    made = build_world(shared_server)
    yield made
    made.client.close()


@pytest.fixture(scope="module")
def used_worlds(shared_server: RunningServer) -> Iterator[Sequence[World]]:
    """A realm for each client, in which one write after another is made."""
    made = [build_world(shared_server) for _client in range(2)]
    yield made
    for world in made:
        world.client.close()


@pytest.fixture
def client(world: World) -> Iterator[Vinr]:
    """The client for the realm."""
    http = httpx2.Client(trust_env=False, verify=WITHOUT_TLS)
    with Vinr(world.realm.key, base_url=world.server.base_url, http_client=http) as client:
        yield client


@pytest.fixture
async def async_client(world: World) -> AsyncIterator[AsyncVinr]:
    """The client for the realm, for asyncio."""
    http = httpx2.AsyncClient(trust_env=False, verify=WITHOUT_TLS)
    async with AsyncVinr(world.realm.key, base_url=world.server.base_url, http_client=http) as client:
        yield client


def client_of(world: World) -> Vinr:
    """A client for a world."""
    return Vinr(
        world.realm.key, base_url=world.server.base_url, http_client=httpx2.Client(trust_env=False, verify=WITHOUT_TLS)
    )


def kind_of(answer: Any) -> str:
    """The class of an answer; of a page, that of its items."""
    return type(answer.data[0]).__name__ if isinstance(answer, (vinr.Page, vinr.AsyncPage)) else type(answer).__name__


def check(operation: Operation, answer: Any) -> None:
    """The answer is of the declared class, and names its request."""
    if "/{id}/" not in operation.path or not isinstance(answer, (vinr.Page, vinr.AsyncPage)) or answer.data:
        assert kind_of(answer) == operation.item.__name__, operation.id  # an object's own list may be empty
    assert answer.request_id.startswith("req_"), operation.id


class TestEveryOperation:
    @pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
    async def test_is_reached_by_both_clients(
        self, shared_server: RunningServer, shared_world: World, used_worlds: Sequence[World], operation: Operation
    ) -> None:
        worlds = used_worlds if operation.right == "write" else [shared_world, shared_world]
        if operation.id in ALONE:
            worlds = [build_world(shared_server), build_world(shared_server)]
        key, http = worlds[0].realm.key, httpx2.AsyncClient(trust_env=False, verify=WITHOUT_TLS)

        async with AsyncVinr(key, base_url=shared_server.base_url, http_client=http) as client:
            check(operation, await sdk_call(worlds[0], operation).on(client))
        with client_of(worlds[1]) as client:
            check(operation, sdk_call(worlds[1], operation).on(client))

        for world in worlds if operation.id in ALONE else ():
            world.client.close()

    @pytest.mark.parametrize(
        "operation", [one for one in OPERATIONS if one.translate or one.is_bulk], ids=lambda operation: operation.id
    )
    def test_tells_what_it_would_do(
        self, shared_server: RunningServer, shared_world: World, operation: Operation
    ) -> None:
        world = build_world(shared_server) if operation.id in BEFORE else shared_world
        call = sdk_call(world, operation)
        before = world.contents()

        call.arguments["dry_run"] = True
        with client_of(world) as client:
            check(operation, call.on(client))

        assert world.contents() == before


class TestAnswers:
    def test_hold_typed_objects_all_the_way_down(self, world: World, client: Vinr) -> None:
        payment = client.payments.create(
            amount=2500, currency="EUR", customer=world.ids["cust"], lines=[{"unit_price": 2500, "sku": "tea"}]
        )

        assert isinstance(payment.lines[0], objects.Line)
        assert (payment.lines[0].sku, payment.lines[0].quantity) == ("tea", 1)
        assert payment.awards[0].points == 25
        assert payment.refund is None
        assert payment["amount"] == payment.amount == payment.to_dict()["amount"] == 2500
        assert isinstance(payment.created, int)
        assert client.payments.refund(payment.id, amount=100).refund is not None

    def test_bear_with_fields_to_come(self) -> None:
        account: Any = objects.LoyaltyAccount({"id": "loy_1", "mood": "good", "next_expiry": {"at": 1, "why": "x"}})

        assert (account.mood, account.next_expiry.why) == ("good", "x")
        assert account.to_dict() == {"id": "loy_1", "mood": "good", "next_expiry": {"at": 1, "why": "x"}}
        with pytest.raises(AttributeError, match=r"LoyaltyAccount has no field 'balanse'. It has: id, mood"):
            _ = account.balanse

    def test_can_be_compared_copied_and_kept_but_not_changed(self) -> None:
        tier = objects.Tier({"id": "gold", "name": "Gold", "threshold": 1})

        assert tier == copy.deepcopy(tier) == pickle.loads(pickle.dumps(tier))
        assert tier != objects.Tier({"id": "silver"})
        assert repr(tier) == "Tier(id='gold', name='Gold', threshold=1)"
        with pytest.raises(AttributeError, match="call an update"):
            tier.name = "Silver"
        tier.to_dict()["name"] = "Silver"
        assert tier.name == "Gold"

    def test_read_an_events_data_as_the_object_it_is(self, world: World, client: Vinr) -> None:
        earned = next(iter(client.events.list(type="loyalty.points.earned", limit=1)))
        reported = client.events.create(type="review.posted", data={"from": "web", "stars": 5, "list": {"a": [1]}})

        [change] = client.events.list(type="loyalty.tier.changed").data
        assert isinstance(change.data, objects.TierChange)
        assert (change.data["from"], change.data.to, change.data.cause.lifetime_points) == (None, "gold", 1000)
        assert "loyalty.tier.changed" in get_args(objects.EventType)
        assert isinstance(earned.data, objects.PointsTransaction)
        assert earned.data.account == world.ids["loy"]
        assert (reported.data["from"], reported.data.stars, reported.data.list) == ("web", 5, {"a": [1]})
        assert "from" in reported.data and "to" not in reported.data


class TestValues:
    def test_are_instants_in_every_form(self, client: Vinr) -> None:
        noon = datetime(2030, 1, 1, 12, tzinfo=UTC)
        forms: list[inputs.Instant] = [noon, int(noon.timestamp()), "2030-01-01T13:00:00+01:00"]

        shown = [client.test_helpers.test_clocks.create(frozen_time=one).frozen_time for one in forms]

        assert shown == [int(noon.timestamp())] * 3
        midnight = client.test_helpers.test_clocks.create(frozen_time=date(2030, 1, 1)).frozen_time
        assert midnight == int(noon.timestamp()) - 12 * 3600

    def test_of_no_time_zone_are_refused_before_they_are_sent(self, client: Vinr) -> None:
        with pytest.raises(ValueError, match=r"frozen_time: .* has no time zone"):
            client.test_helpers.test_clocks.create(frozen_time=datetime(2030, 1, 1))  # noqa: DTZ001

    def test_are_exact_rates(self, world: World, client: Vinr) -> None:
        program, trigger = world.ids["prog"], "review.posted"
        rates: list[inputs.Rate] = [Decimal("1.1"), "1.1", 2, Decimal("2.0000")]

        shown = [
            client.loyalty.earning_rules.create(
                program=program, trigger=trigger, earn={"points_per_currency_unit": rate}
            ).earn.points_per_currency_unit
            for rate in rates
        ]

        assert shown == ["1.1", "1.1", 2, 2]

    def test_of_none_clear_a_field_and_none_given_leaves_it(self, world: World, client: Vinr) -> None:
        reward = world.ids["rwd"]

        assert client.loyalty.rewards.update(reward, stock=5, ends_at="2040-01-01").stock == 5
        assert client.loyalty.rewards.update(reward, name="Other").stock == 5
        cleared = client.loyalty.rewards.update(reward, stock=None, ends_at=None)
        assert (cleared.stock, cleared.ends_at, cleared.name) == (None, None, "Other")

    def test_of_strange_ids_stay_in_their_place(self, client: Vinr) -> None:
        for name in ("a/b", "../customers", "a?b=c", "a#b", "%2F", "ä b"):
            client.payments.create(id=f"pay_{name}", amount=1, currency="EUR")
            assert client.payments.retrieve(f"pay_{name}").id == f"pay_{name}"
        for id in ("", "..", None):
            with pytest.raises(ValueError, match="must be an id"):
                client.payments.retrieve(id)  # type: ignore[arg-type]


class TestErrors:
    def test_have_a_class_for_each_reaction(self, world: World, client: Vinr) -> None:
        account = world.ids["loy"]
        with pytest.raises(vinr.InvalidRequestError) as missing:
            client.loyalty.accounts.retrieve("loy_none")
        with pytest.raises(vinr.InvalidRequestError) as wrong:
            client.loyalty.points.award(account=account, points=0)
        with pytest.raises(vinr.ConflictError) as refused:
            client.loyalty.points.adjust(account=account, points=-1_000_000, reason="test")
        client.loyalty.points.award(account=account, points=1, idempotency_key="once")
        with pytest.raises(vinr.IdempotencyError) as reused:
            client.loyalty.points.award(account=account, points=2, idempotency_key="once")
        stranger = Vinr(
            "sk_test_wrong", base_url=client.base_url, http_client=httpx2.Client(trust_env=False, verify=WITHOUT_TLS)
        )
        with stranger, pytest.raises(vinr.AuthenticationError) as unknown:
            stranger.customers.list()

        assert (missing.value.status, missing.value.code) == (404, "resource_missing")
        assert (wrong.value.status, wrong.value.param) == (400, "points")
        assert (refused.value.code, refused.value.details["shortfall"] > 0) == ("insufficient_points", True)
        assert (reused.value.status, reused.value.code) == (422, "idempotency_key_reused")
        assert (unknown.value.status, unknown.value.code) == (401, "api_key_invalid")
        for error in (missing, wrong, refused, reused, unknown):
            assert isinstance(error.value, vinr.ApiError)
            assert error.value.request_id and error.value.request_id in str(error.value)
            assert error.value.message in str(error.value)

    async def test_are_the_same_for_asyncio(self, async_client: AsyncVinr) -> None:
        with pytest.raises(vinr.InvalidRequestError) as missing:
            await async_client.loyalty.accounts.retrieve("loy_none")

        assert missing.value.code == "resource_missing"

    def test_of_one_item_stand_in_a_bulk_result(self, world: World, client: Vinr) -> None:
        made = client.payments.create_many(
            [{"amount": 100, "currency": "EUR", "customer": world.ids["cust"]}, {"amount": 5, "currency": "XXX"}]
        )

        assert (made.created, made.failed) == (1, 1)
        first, second = made.data
        assert first.payment is not None and first.payment.amount == 100 and first.error is None
        assert second.error is not None and second.error.param == "payments[1].currency"
        assert second.error.request_id == made.request_id

    def test_of_settings_say_what_to_set(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("VINR_SECRET_KEY", raising=False)

        with pytest.raises(vinr.VinrError, match="VINR_SECRET_KEY"):
            Vinr()

        monkeypatch.setenv("VINR_SECRET_KEY", "sk_test_hidden")
        monkeypatch.setenv("VINR_BASE_URL", "http://127.0.0.1:1/")
        assert repr(Vinr()) == "Vinr(base_url='http://127.0.0.1:1')"


class TestKeys:
    def test_of_ones_own_replay_and_others_do_not(self, world: World, client: Vinr) -> None:
        def award(key: str | None) -> str:
            return client.loyalty.points.award(account=world.ids["loy"], points=5, idempotency_key=key).id

        assert award("award-1") == award("award-1")
        assert len({award(None), award(None), award("award-2")}) == 3

    def test_are_refused_when_empty(self, world: World, client: Vinr) -> None:
        with pytest.raises(vinr.InvalidRequestError, match="1 to 255"):
            client.loyalty.points.award(account=world.ids["loy"], points=5, idempotency_key="")


@pytest.fixture
def crowd(world: World, client: Vinr) -> World:
    """A world with many customers, c0 the oldest."""
    for number in range(MEMBERS):
        client.customers.create(id=f"cust_c{number}", email="crowd@example.com")
    return world


async def collect(found: AsyncIterable[objects.Customer]) -> list[str]:
    """The ids, in the order of the walk."""
    return [one.id async for one in found]


class TestLists:
    async def test_are_walked_through_all_pages_both_ways(
        self, crowd: World, client: Vinr, async_client: AsyncVinr
    ) -> None:
        newest_first = [f"cust_c{number}" for number in reversed(range(MEMBERS))]
        oldest = newest_first[-1]
        email = "crowd@example.com"

        page = client.customers.list(email=email, limit=100)
        assert (len(page.data), page.has_more, page.url) == (100, True, "/v1/customers")
        assert [one.id for one in page.data] == newest_first[:100]
        assert [one.id for one in page] == newest_first
        assert await collect(async_client.customers.list(email=email, limit=100)) == newest_first

        back = client.customers.list(email=email, limit=100, ending_before=oldest)
        assert [one.id for one in back] == newest_first[::-1][1:]
        pages = async_client.customers.list(email=email, limit=100, ending_before=oldest)
        assert await collect(pages) == newest_first[::-1][1:]

        first = await async_client.customers.list(email=email)
        second = await first.next_page()
        assert second is not None
        assert [one.id for one in (*first.data, *second.data)] == newest_first[:20]

    def test_take_every_filter(self, world: World, client: Vinr) -> None:
        rule = client.loyalty.earning_rules.create(
            program=world.ids["prog"], trigger="review.posted", earn={"points": 5}, active=False
        )

        idle = client.loyalty.earning_rules.list(program=world.ids["prog"], active=False)
        assert [one.id for one in idle] == [rule.id]
        assert idle.has_more is False and idle.next_page() is None
        since = datetime.fromtimestamp(rule.created, UTC)
        assert rule.id in [one.id for one in client.loyalty.earning_rules.list(created={"gte": since})]
        assert not client.loyalty.earning_rules.list(created={"gt": rule.created + 60, "lte": 2**31}).data
