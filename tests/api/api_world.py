"""One realm with an object of every kind, a valid body for every write, and what a refusal must look like."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote

import httpx2
import psycopg
from psycopg import sql

from conftest import Realm, RunningServer, make_realm, wait_until
from vinr_server.api.contract.input import NoInput
from vinr_server.api.contract.table import OPERATIONS, Operation

Json = dict[str, Any]
TYPES = {401: "authentication_error", 403: "authentication_error", 422: "idempotency_error", 429: "rate_limit_error"}


# What callers alone write: when a key was last used, and how deliveries fare, is written by who reads and delivers.
LASTING = {
    "api_keys": "(select realm, id, key_hash, expires_at, revoked_at, replaced_by from api_keys)",
    "deliveries": "(select realm, id, event_id, endpoint_id from deliveries)",
    "delivery_attempts": "(select realm, delivery_id from delivery_attempts where false)",
    "endpoint_health": "(select realm, endpoint_id from endpoint_health where false)",
    # A worker finds out who entered and who left dynamic segments, by no request.
    "accounts": "(select realm, id, to_jsonb(a) - 'next_segments_at' - 'judged_scans' as row from accounts a)",
    "segments": "(select realm, id, to_jsonb(s) - 'is_scanned' as row from segments s)",
    "segment_scans": "(select realm, id, revision, started_at from segment_scans)",
    # A worker makes the codes of batches; those that callers bring are wanted as they come.
    "codes": """(
      select * from codes where batch_id is null or status <> 'active' or used + reserved > 0 or account_id is not null
    )""",
    "code_batch_progress": "(select realm, id, wanted from code_batch_progress)",
    "realms": "(select id, to_jsonb(r) - 'catalogue_revision' as row from realms r)",
    "events": "(select * from events where request_id is not null)",
    "segment_members": """(
      select * from segment_members m where not exists (
        select from segments s where s.realm = m.realm and s.id = m.segment_id and s.type = 'dynamic'))""",
}
# Nobody listens there.
NOBODY = "http://127.0.0.1:9/hook"
PAID_LINES = [{"id": "first", "sku": "coffee", "unit_price": 2500, "quantity": 2}]
# By the path of an operation in the SDKs: whose id stands in its URL.
PREFIXES = {
    "loyalty.programs": "prog", "loyalty.accounts": "loy", "loyalty.earning_rules": "rule", "loyalty.points": "ptx",
    "loyalty.rewards": "rwd", "loyalty.redemptions": "rdm", "discounts": "disc", "payments": "pay",
    "customers": "cust", "events": "evt", "test_helpers.test_clocks": "clock", "api_keys": "key",
    "refunds": "re", "referrals.programs": "rfp", "referrals.codes": "code", "referrals": "ref",
    "api_key_acts": "act", "engagement.offers": "ofr", "engagement.grants": "gnt", "offers": "checkout_ofr",
    "webhook_endpoints": "we",
    "engagement.codes": "opening", "engagement.code_batches": "cbt", "checkout": "cs", "checkout.sessions": "cs",
    "engagement.segments": "seg", "engagement.campaigns": "cmp", "engagement.campaigns.enrolments": "enr",
    "store_credit": "crt", "store_credit.accounts": "crd", "store_credit.settings": "crd",
}  # fmt: skip


@dataclass(frozen=True)
class Sample:
    """A valid call of one write: its URL and its body, which sets every field it can set at once."""

    path: str
    body: Json | None


@dataclass(frozen=True)
class World:
    """A realm, the client that opens it, and one object of each kind by the prefix of its id."""

    server: RunningServer
    realm: Realm
    client: httpx2.Client
    slug: str
    ids: Mapping[str, str]

    def path(self, operation: Operation) -> str:
        """The operation's URL, of this world's own object where one is named."""
        return operation.path.replace("{id}", self.ids.get(PREFIXES[operation.resource], ""))

    def contents(self) -> Mapping[str, str]:
        """A digest of all this realm's rows, table by table: equal when nothing was written."""
        return contents(self.server.database_url, self.realm.id)

    def post(self, path: str, body: Json, **headers: str) -> Json:
        """The object that an accepted write answers."""
        response = self.client.post(path, json=body, headers=headers)
        assert response.status_code in (200, 201), (path, body, response.text)
        return dict(response.json())


def contents(database_url: str, realm: int) -> Mapping[str, str]:
    """A digest of each table's rows in a realm. Batches are left out: a refused one may leave its id.

    The worker writes too: clocks that are advancing and members that follow new tiers are waited for, so that only a
    caller's writes make a difference.
    """
    wait_until(lambda: _is_settled(database_url, realm), what="the realm's clocks are ready")
    rows = _watcher(database_url).execute(_digests(database_url), {"realm": realm}, prepare=True)
    return {str(name): str(value) for name, value in rows}


def _is_settled(database_url: str, realm: int) -> bool:
    """Whether the worker has nothing to do in the realm. Lots never fall due there: no program of a world expires."""
    statement = """
      select from test_clocks where realm = %(realm)s and status = 'advancing' and deleted_at is null
      union all
      select from accounts a join programs p on p.realm = a.realm and p.id = a.program_id
      where a.realm = %(realm)s and a.status = 'active'
        and a.tier_revision < (p.tier_plans -> -1 ->> 'revision')::int8
      union all
      select from campaign_enrolments where realm = %(realm)s and due_at <= now()
      union all
      select from campaigns c join campaign_enrolments e on e.realm = c.realm and e.campaign_id = c.id
      where c.realm = %(realm)s and e.status in ('open', 'failed')
        and (c.is_cleared or e.revision < (c.move ->> 'revision')::int8)
      union all
      select from campaign_scans where realm = %(realm)s and done_at is null
      union all
      select from code_batch_progress where realm = %(realm)s and (made < wanted or announced < wanted)
      union all
      select from segments where realm = %(realm)s and not is_scanned and deleted_at is null"""
    return _watcher(database_url).execute(statement, {"realm": realm}, prepare=True).fetchone() is None


@cache
def _watcher(database_url: str) -> psycopg.Connection[Any]:
    """A connection that stays open: a new one for each digest took longer than the digest."""
    return psycopg.connect(database_url, autocommit=True)


@cache
def _digests(database_url: str) -> sql.Composed:
    """The query of all tables' digests."""
    tables = """
      select table_name from information_schema.columns
      where table_schema = 'public' and column_name = 'realm' and table_name <> 'postings'"""
    names = [str(row[0]) for row in _watcher(database_url).execute(tables)]
    digest = (
        "select {}, count(*) || '/' || md5(coalesce(string_agg(t::text, '|' order by t::text), '')) from {} t"
        " where {} = %(realm)s"
    )
    parts = [
        sql.SQL(digest).format(
            sql.Literal(name),
            sql.SQL(LASTING[name]) if name in LASTING else sql.Identifier(name),
            sql.Identifier(column),
        )
        for name, column in [*((name, "realm") for name in names), ("realms", "id")]
    ]
    return sql.SQL(" union all ").join(parts)


def build_world(server: RunningServer, *, livemode: bool = False, tenant: str | None = None) -> World:
    """A world in a realm of its own; live data has no test clock."""
    slug = uuid.uuid4().hex[:12]
    realm = make_realm(server.database_url, tenant or f"tnt_{slug}", livemode=livemode)
    client = server.client(realm.key)
    ids: dict[str, str] = {}
    world = World(server, realm, client, slug, ids)
    if not livemode:
        ids["clock"] = world.post("/v1/test_helpers/test_clocks", {"frozen_time": "2030-01-01"})["id"]
    ids["prog"] = world.post(
        "/v1/loyalty/programs",
        {"name": "World", "id": f"prog_{slug}", "tiers": [{"id": "gold", "threshold": 500}]},
    )["id"]
    ids["cust"] = world.post("/v1/customers", {"id": f"cust_{slug}"})["id"]
    world.post("/v1/customers", {"id": f"{ids['cust']}_old"})
    ids["loy"] = world.post("/v1/loyalty/accounts", {"program": ids["prog"], "customer": ids["cust"]})["id"]
    ids["ptx"] = world.post("/v1/loyalty/points/award", {"account": ids["loy"], "points": 1000})["id"]
    ids["rule"] = world.post(
        "/v1/loyalty/earning_rules",
        {"program": ids["prog"], "trigger": "payment.completed", "earn": {"points_per_currency_unit": 1}},
    )["id"]
    counted = {"program": ids["prog"], "trigger": "run.finished", "earn": {"points": 1}}
    ids["event_rule"] = world.post("/v1/loyalty/earning_rules", counted)["id"]
    _offer_rewards(world)
    redemption = world.post("/v1/loyalty/redemptions", {"account": ids["loy"], "reward": ids["rwd"]})
    _wait(world)
    offer = {"program": ids["prog"], "name": "Bonus", "incentive": {"type": "points_bonus", "points": 10}}
    offer |= {"max_redemptions": 1000, "per_member_limit": 5}
    ids["ofr"] = world.post("/v1/engagement/offers", offer | {"id": f"ofr_{slug}"})["id"]
    world.post(f"/v1/engagement/offers/{ids['ofr']}/publish", {})
    ids["draft_ofr"] = world.post("/v1/engagement/offers", offer | {"id": f"ofr_d{slug}"})["id"]
    double = offer | {"incentive": {"type": "points_multiplier", "multiplier": 2}, "application": "opt_in"}
    ids["double_ofr"] = world.post("/v1/engagement/offers", double)["id"]
    world.post(f"/v1/engagement/offers/{ids['double_ofr']}/publish", {})
    activation = {"offer": ids["ofr"], "account": ids["loy"]}
    ids["ordm"] = world.post("/v1/engagement/offers/activate", activation)["redemption"]["id"]
    shipping = {"name": "Ships free", "type": "free_shipping", "value": 500, "active": False}
    ids["checkout_ofr"] = world.post("/v1/offers", shipping | {"id": f"ofr_c{slug}", "max_redemptions": 1000})["id"]
    ids["rdm"], ids["disc"] = redemption["id"], redemption["discount"]
    ids |= _pay(world)
    cart = {"currency": "EUR", "customer": ids["cust"], "lines": [{"sku": "coffee", "unit_price": 5000}]}
    ids["cs"] = world.post("/v1/checkout/sessions", cart)["id"]
    ids["evt"] = world.post("/v1/events", {"type": "review.posted", "id": f"evt_{slug}"})["id"]
    _gather_segments(world)
    endpoint = {"url": NOBODY, "events": ["review.written"]}
    ids["we"] = world.post("/v1/webhook_endpoints", endpoint)["id"]
    ids["dlv"] = world.post(f"/v1/webhook_endpoints/{ids['we']}/resend", {"event": ids["evt"]})["id"]
    ids["key"] = world.post("/v1/api_keys", {"kind": "publishable", "name": "World"})["id"]
    ids["act"] = client.get(f"/v1/api_key_acts?api_key={ids['key']}").json()["data"][0]["id"]
    return world


def _gather_segments(world: World) -> None:
    """A static segment with a member, a dynamic one, and a campaign that is drafted for who comes into the first."""
    ids, slug = world.ids, world.slug
    ids["seg"] = world.post("/v1/engagement/segments", {"id": f"seg_{slug}", "name": "World", "type": "static"})["id"]
    world.post(f"/v1/engagement/campaigns/{ids['cmp']}/enter", {"segment": ids["seg"]})  # of nobody yet
    world.post(f"/v1/engagement/segments/{ids['seg']}/members", {"accounts": [ids["loy"]]})
    none = world.post("/v1/engagement/segments", {"id": f"none_{slug}", "name": "Nobody", "type": "static"})["id"]
    ids["scan"] = world.post(f"/v1/engagement/campaigns/{ids['cmp']}/enter", {"segment": none})["id"]
    lapsed = {"name": "Lapsed", "type": "dynamic", "conditions": {"never_purchased": True}}
    ids["dyn"] = world.post("/v1/engagement/segments", {"id": f"dyn_{slug}", **lapsed})["id"]
    comers = definition() | {"entry": {"segment": ids["seg"]}}
    by_segment = {"program": ids["prog"], "name": "Comers", "definition": comers}
    ids["seg_cmp"] = world.post("/v1/engagement/campaigns", by_segment)["id"]


def _launch_campaigns(world: World) -> None:
    """Two campaigns: one that goes on, and one that may be archived."""
    ids = world.ids
    for name in ("cmp", "old_cmp"):
        campaign = {
            "program": ids["prog"],
            "name": "World",
            "definition": definition(),
            "id": f"cmp_{name}{world.slug}",
        }
        ids[name] = world.post("/v1/engagement/campaigns", campaign)["id"]
        world.post(f"/v1/engagement/campaigns/{ids[name]}/publish", {})
    ids["enr"] = world.post(f"/v1/engagement/campaigns/{ids['cmp']}/enter", {"account": ids["friend"]})["id"]
    counting = {"program": ids["prog"], "name": "Counts", "type": "challenge", "definition": challenge()}
    ids["cha"] = world.post("/v1/engagement/campaigns", {**counting, "id": f"cmp_cha{world.slug}"})["id"]
    world.post(f"/v1/engagement/campaigns/{ids['cha']}/publish", {})
    world.post(f"/v1/engagement/campaigns/{ids['cha']}/enter", {"account": ids["friend"]})
    by_itself = challenge() | {"entry": {}, "progress": {"of": {"event": "world.cycled"}, "target": 2}}
    by_itself["progress"]["measure"] = "count"
    by_itself["steps"] = {"gift": by_itself["steps"]["gift"]}
    open_to_all = world.post("/v1/engagement/campaigns", {**counting, "name": "Cycles", "definition": by_itself})["id"]
    world.post(f"/v1/engagement/campaigns/{open_to_all}/publish", {})


def _wait(world: World) -> None:
    """What waits: points held for a reward, points pending in a program that has a clock (or is live); campaigns."""
    ids = world.ids
    ids["tch"] = world.client.get(f"/v1/loyalty/accounts/{ids['loy']}/tiers").json()["data"][0]["id"]
    held = {"account": ids["loy"], "reward": ids["rwd"], "capture": False, "expires_in_minutes": 10_080}
    ids["held_rdm"] = world.post("/v1/loyalty/redemptions", held)["id"]
    program = {"name": "Waits", "id": f"prog_w{world.slug}"}
    if "clock" in ids:  # in test data points wait by a test clock alone; this one agrees with the rest of the world
        clock = world.post("/v1/test_helpers/test_clocks", {"frozen_time": int(time.time())})
        program |= {"test_clock": clock["id"]}
    waits = ids["waits_prog"] = world.post("/v1/loyalty/programs", program)["id"]
    account = world.post("/v1/loyalty/accounts", {"program": waits, "customer": f"cust_{world.slug}_waits"})["id"]
    pending = {"account": account, "points": 10, "pending_days": 365}
    ids["pending_ptx"] = world.post("/v1/loyalty/points/award", pending)["id"]
    _refer(world)
    _grant_offer(world)
    _launch_campaigns(world)


def _refer(world: World) -> None:
    """A member with a code, who has brought a customer that has paid, and was brought by another member."""
    ids = world.ids
    gives = {"program": ids["prog"], "trigger": "referral.converted", "earn": {"points": 10}}
    ids["referral_rule"] = world.post("/v1/loyalty/earning_rules", gives)["id"]
    ids["rfp"] = world.post("/v1/referrals/programs", {"program": ids["prog"]})["id"]
    ids["code"] = world.post("/v1/referrals/codes", {"account": ids["loy"]})["code"]
    ids["friend"] = world.post("/v1/loyalty/accounts", {"program": ids["prog"], "customer": f"cust_{world.slug}_f"})[
        "id"
    ]
    brought = {"code": ids["code"], "customer": f"cust_{world.slug}_brought"}
    ids["ref"] = world.post("/v1/referrals", brought)["id"]
    world.post("/v1/loyalty/accounts", {"program": ids["prog"], "customer": brought["customer"]})
    paid = {"amount": 2000, "currency": "EUR", "customer": brought["customer"]}
    ids["friend_pay"] = world.post("/v1/payments", paid)["id"]
    world.post("/v1/referrals", {"referrer": ids["friend"], "customer": ids["cust"]})
    _make_codes(world)


def _make_codes(world: World) -> None:
    """An offer of carts that requires a code, and one that opens it."""
    coded = {"name": "Coded", "type": "fixed_discount", "value": 100, "requires_code": True}
    offer = world.ids["coded_ofr"] = world.post("/v1/offers", coded | {"id": f"ofr_k{world.slug}"})["id"]
    bonus = {"name": "Coded", "program": world.ids["prog"], "incentive": {"type": "points_bonus", "points": 5}}
    bonus |= {"per_member_limit": None, "requires_code": True}
    given = world.post("/v1/engagement/offers", bonus)["id"]
    world.post(f"/v1/engagement/offers/{given}/publish", {})
    world.post("/v1/engagement/codes", {"offer": given, "code": f"B{world.slug}"})
    world.ids["cbt"] = world.post("/v1/engagement/code_batches", {"offer": offer, "name": "World"})["id"]
    batched = world.post(f"/v1/engagement/code_batches/{world.ids['cbt']}/import", {"codes": [f"P{world.slug}"]})
    world.ids["batched"] = batched["data"][0]["code"]["id"]
    world.ids["opening"] = world.post("/v1/engagement/codes", {"offer": offer, "code": f"W{world.slug}"})["id"]
    world.post("/v1/engagement/codes", {"offer": offer, "code": f"T{world.slug}", "account": world.ids["friend"]})


def _grant_credit(world: World) -> Mapping[str, str]:
    """Store credit of the world's customer, by prefix."""
    grant = {"customer": world.ids["cust"], "currency": "EUR", "amount": 10_000_000}
    granted = world.post("/v1/store_credit/grant", grant)
    world.post("/v1/store_credit/grant", grant)  # the first one may be taken back
    return {"crt": granted["id"], "crd": granted["account"]}


def _grant_offer(world: World) -> None:
    """An offer that is granted, with a grant that nobody has used; and a cart's offer with a budget of uses."""
    ids = world.ids
    granted = {"program": ids["prog"], "name": "Twice", "incentive": {"type": "points_multiplier", "multiplier": 2}}
    granted |= {"application": "granted", "per_member_limit": None}
    ids["granted_ofr"] = world.post("/v1/engagement/offers", granted)["id"]
    url = f"/v1/engagement/offers/{ids['granted_ofr']}"
    world.post(f"{url}/publish", {})
    used = {"name": "Post", "type": "free_shipping", "active": False, "budget": {"uses": 9}}
    ids["used_ofr"] = world.post("/v1/offers", used)["id"]
    ids["gnt"] = world.post(f"{url}/grant", {"account": ids["friend"]})["id"]


def _offer_rewards(world: World) -> None:
    """One reward of a fixed price, and one that is worth as much as the points that are given for it."""
    ids = world.ids
    reward = {"program": ids["prog"], "name": "Five", "points_cost": 100, "id": f"rwd_{world.slug}"}
    benefit = {"benefit": {"type": "discount", "amount": 500, "currency": "EUR"}}
    ids["rwd"] = world.post("/v1/loyalty/rewards", reward | benefit)["id"]
    variable = {"benefit": {"type": "discount", "amount_per_point": 1, "currency": "EUR"}}
    ids["variable_rwd"] = world.post("/v1/loyalty/rewards", {"program": ids["prog"], "name": "Any"} | variable)["id"]


def _pay(world: World) -> Mapping[str, str]:
    """Credit, and a payment that took some, was amended and refunded in part; and a guest's, which no prefix names."""
    paid: Json = {"id": f"pay_{world.slug}", "amount": 5000, "currency": "EUR", "customer": world.ids["cust"]}
    credit = _grant_credit(world)
    tender = {"type": "store_credit", "amount": 300, "account": credit["crd"]}
    paid |= {"lines": PAID_LINES, "tenders": [tender]}
    url = f"/v1/payments/{world.post('/v1/payments', paid)['id']}"
    world.post(url, {"tax": 100, "reason": "Taxed"})
    world.post("/v1/payments", {"id": f"{paid['id']}_guest", "amount": 1000, "currency": "EUR"})
    revision = world.client.get(f"{url}/revisions").json()["data"][0]
    refund = world.post(f"{url}/refund", {"id": f"re_{world.slug}", "amount": 100})["refund"]
    return {"pay": paid["id"], "prev": revision["id"], "re": refund["id"], **credit}


WINDOW = {"starts_at": "2026-06-01", "ends_at": 1_900_000_000}
_PAID = {"field": "order.currency", "eq": "EUR"}
_LINES = {"skus": ["tea"], "categories": ["drinks"], "exclude_skus": ["gift"], "exclude_categories": ["sale"]}
_TIER = {"field": "tier", "exists": True}
_SPENT = {"field": "purchases.spend", "gte": 1, "lt": 900, "days": 30, "currency": "EUR"}
OF_ORDER: tuple[Json, ...] = (
    _PAID,
    {"field": "order.currency", "in": ["EUR", "USD"]},
    {"field": "metadata.channel", "exists": True},
    {"field": "order.amount", "gt": 1, "lte": 900, **_LINES},
    {"field": "order.amount", "gte": 1, "lt": 900},
    {"field": "occurred_at", "within": 30},
    {"all": [_PAID], "any": [_PAID], "not": _PAID},
)
OF_MEMBER: tuple[Json, ...] = (
    {"field": "tier", "eq": "gold"},
    {"field": "tier", "in": ["gold", "star"]},
    _TIER,
    _SPENT,
    {"field": "purchases.count", "gt": 1, "lte": 9},
    {"field": "account.enrolled_at", "within": 30},
    {"all": [_TIER], "any": [_TIER], "not": _TIER},
)
# Where both may be asked about, each field of a question stands in one of them.
OF_BOTH = (*OF_ORDER, _SPENT)


def wheres(nodes: tuple[Json, ...]) -> list[Json]:
    """Each of these questions, in every place of a condition."""
    return [{"all": [node], "any": [node], "not": node} for node in nodes]


# Writes that find taken, done or gone what they need where all other writes were made before them.
ALONE = {
    *("create_redemption", "capture_redemption", "consume_discount", "release_discount"),
    *("create_checkout_session", "update_checkout_session", "expire_checkout_session"),
    *("create_payment", "update_payment", "create_customer", "create_referral", "set_tiers"),
    *("rotate_webhook_endpoint", "resend_event", "replay_events"),
}


def samples(world: World) -> dict[str, list[Sample]]:
    """At least one valid call of every write. Between them the bodies of an operation set every field it knows."""
    ids = world.ids
    # A call without a body needs no words: it is made as it stands, on the world's own object.
    bare = {
        one.id: [Sample(world.path(one), None if one.body is None else {})]
        for one in OPERATIONS
        if one.translate is not None and one.body in (None, NoInput)
    }
    return {
        **bare,
        **_catalogue_samples(ids),
        **_member_samples(ids),
        **_money_samples(ids),
        **_referral_samples(ids),
        **_credit_samples(ids),
        **_key_samples(ids),
        **_webhook_samples(ids),
        **_offer_samples(ids),
        **_code_samples(ids),
        **_segment_samples(ids),
        **_campaign_samples(ids),
        **_checkout_samples(ids),
    }


def _catalogue_samples(ids: Mapping[str, str]) -> dict[str, list[Sample]]:
    programs, rules, rewards = "/v1/loyalty/programs", "/v1/loyalty/earning_rules", "/v1/loyalty/rewards"
    clocks = "/v1/test_helpers/test_clocks"
    tiers = [{"id": "silver", "threshold": 0, "name": "Silver"}, {"id": "gold", "threshold": 500, "name": "Gold"}]
    tiers[0]["replaces"] = ["star"]
    currency = {"name": "stars", "expiry_months": 12, "expiry_rounding": "month", "expiry_mode": "inactivity"}
    currency |= {"pending_days": 14}
    rates = {
        "earn": {"points_per_currency_unit": "1.5", "currency": "EUR", "rounding": "half_even"},
        "conditions": {
            "metadata": {"channel": "web", "round": 2},
            "min_amount": 100,
            "max_amount": 100_000,
            "currency": "EUR",
            "skus": ["coffee"],
            "categories": ["drinks"],
            "exclude_skus": ["filter"],
            "exclude_categories": ["sale"],
            "first_payment": True,
            "window": WINDOW,
        },
        "caps": {"points": 500, "per": "day"},
        "pending_days": 14,
        "multipliers": [{"factor": 2, "when": {"tier": "gold", "metadata": {"channel": "web"}, "window": WINDOW}}],
        "active": True,
        "metadata": {"note": "a"},
    }
    flat = {"earn": {"points": 50, "currency": "EUR"}, "multipliers": [{"factor": "1.5", "when": {"tier": ["gold"]}}]}
    steps = {"earn": {"points": 5, "per_amount": 250, "full_steps": True}}
    steps |= {"exchange": {"in": "EUR", "rates": {"ZAR": "0.051"}}}
    units = {"earn": {"points": 2, "per_unit": {"field": "data.distance_km", "unit": 2}, "rounding": "ceil"}}
    units |= {"conditions": {"all": [{"field": "data.plan.interval", "in": ["year", 12]}]}}
    first = {"up_to": 100, "points": 1, "per_amount": 100}
    rest = {"points_per_currency_unit": 2}
    bands = {"earn": {"bands": [first, rest], "graduated": True}}
    other_bands = {"earn": {"bands": [{**rest, "up_to": 100}, {"points": 1, "per_amount": 100}], "graduated": True}}
    asking = [flat | {"conditions": one} for one in wheres(OF_BOTH)]
    asking += [{"earn": {"points": 5}, "multipliers": [{"factor": 2, "when": one}]} for one in wheres(OF_BOTH)]
    counted = (rates, flat, steps, bands, other_bands, *asking)
    changes = {"name": "Six", "points_cost": 200, "stock": 10, "per_member_limit": 20, "tiers": ["gold"], **WINDOW}
    changes["metadata"] = {"note": "a"}
    amount = {"benefit": {"type": "discount", "amount": 500, "currency": "EUR", "description": "Five off"}}
    percent = {"benefit": {"type": "discount", "percent": "12.5", "currency": "EUR"}}
    product = {"benefit": {"type": "product", "sku": "cup"}}
    credit = {"benefit": {"type": "store_credit", "amount": 500, "currency": "EUR", "expiry_months": 6}}
    variable = {"type": "discount", "amount_per_point": "0.5", "currency": "EUR"}
    variable |= {"min_points": 100, "max_points": 500, "step_points": 50}
    variable |= {"min_subtotal": 2000, "max_percent_of_order": "12.5"}
    without_cost = {name: value for name, value in changes.items() if name != "points_cost"}
    program = {"name": "Main", "timezone": "Europe/Berlin", "tiers": tiers, "metadata": {"note": "a"}}
    program |= {"currency": currency, "earning_tenders": ["card", "gift_card"], "guest_days": 30}
    program |= {"expiry_reminders": [7, 30]}
    years = {"metric": "points_earned", "window": "calendar_year", "downgrade": "one_step", "grace_days": 30}
    years |= {"on_reversal": "requalify"}
    spend = {"metric": "spend", "window": "rolling_months", "currency": "EUR", "months": 12}
    if "clock" in ids:
        program |= {"test_clock": ids["clock"]}
    new_reward = {"program": ids["prog"], "id": "rwd_fresh", **changes}
    advocates = {"earn": {"points": 5}, "recipients": ["referrer"]}
    advocates |= {"conditions": {"tiers": ["gold"], "conversion_number": {"gte": 3, "lte": 9}}}
    return {
        "create_program": [
            Sample(programs, program | {"id": "prog_fresh", "tier_policy": policy}) for policy in (years, spend)
        ],
        "update_program": [
            Sample(f"{programs}/{ids['prog']}", {"tier_policy": years}),
            Sample(f"{programs}/{ids['prog']}", {"tier_policy": spend}),
            Sample(
                f"{programs}/{ids['prog']}",
                {"name": "Main", "currency": currency, "tiers": tiers, "status": "active", "metadata": {"note": "a"}}
                | {"earning_tenders": ["card"], "guest_days": 30, "expiry_reminders": [30]},
            ),
        ],
        "create_earning_rule": [
            Sample(rules, {"program": ids["prog"], "trigger": trigger, **body})
            for trigger, bodies in (
                ("payment.completed", (rates, *asking)),
                ("review.posted", (*counted[1:5], units)),
                ("referral.converted", (advocates,)),
            )
            for body in bodies
        ],
        "update_earning_rule": [
            *(Sample(f"{rules}/{ids['rule']}", body) for body in counted),
            Sample(f"{rules}/{ids['event_rule']}", units),
            Sample(f"{rules}/{ids['referral_rule']}", advocates),
        ],
        "delete_earning_rule": [Sample(f"{rules}/{ids['rule']}", None)],
        "create_reward": [
            *(Sample(rewards, new_reward | benefit) for benefit in (amount, percent, product, credit)),
            Sample(rewards, {"program": ids["prog"], "id": "rwd_fresh", **without_cost, "benefit": variable}),
        ],
        "update_reward": [
            *(Sample(f"{rewards}/{ids['rwd']}", changes | benefit) for benefit in (amount, percent, product, credit)),
            Sample(f"{rewards}/{ids['rwd']}", without_cost | {"benefit": variable}),
        ],
        "archive_reward": [Sample(f"{rewards}/{ids['rwd']}/archive", {})],
        "create_test_clock": [Sample(clocks, {"frozen_time": "2030-01-01T00:00:00Z", "name": "a clock"})],
        "advance_test_clock": [Sample(f"{clocks}/{ids.get('clock')}/advance", {"frozen_time": "2031-01-01"})],
        "delete_test_clock": [Sample(f"{clocks}/{ids.get('clock')}", None)],
    }


def _member_samples(ids: Mapping[str, str]) -> dict[str, list[Sample]]:
    accounts, points = "/v1/loyalty/accounts", "/v1/loyalty/points"
    why = {"reason": "because", "metadata": {"note": "a"}}
    award = {"account": ids["loy"], "points": 5, "payment": ids["pay"], "occurred_at": "2026-06-01", **why}
    award |= {"expires_at": "2040-01-01", "pending_days": 3}
    person = {"name": "Ada", "email": "ada@example.com", "metadata": {"note": "a"}}
    enrolment = {"program": ids["prog"], "customer": "cust_fresh", "metadata": {"note": "a"}}
    lot = {"points": 5, "available_at": "2026-01-01T00:00:00Z", "expires_at": "2030-01-01"}
    owing = {"customer": "cust_fresh", "points": -5, "metadata": {"note": "a"}}
    brought = {
        "customer": "cust_fresh",
        "email": "a@example.com",
        "joined_at": "2026-01-01",
        "points": 5,
        "lots": [lot],
        "lifetime_points": 900,
        "tier": "gold",
        "metadata": {"note": "a"},
    }
    bulk = {"program": ids["prog"], "deliver_events": False}
    rank = {"tier": "gold", "expires_at": "2040-01-01", "locked_until": "2039-01-01", "lock": "at_least"}
    rank |= {"reason": "because", "notify": False}
    redemption = {"account": ids["loy"], "reward": ids["rwd"], "metadata": {"note": "a"}}
    return {
        "create_customer": [Sample("/v1/customers", person | {"id": "cust_fresh"})],
        "update_customer": [Sample(f"/v1/customers/{ids['cust']}", person)],
        "create_account": [Sample(accounts, enrolment)],
        "create_accounts": [Sample(f"{accounts}/bulk", bulk | {"accounts": [one]}) for one in (brought, owing)],
        "update_account": [Sample(f"{accounts}/{ids['loy']}", {"metadata": {"note": "a"}})],
        "close_account": [Sample(f"{accounts}/{ids['loy']}/close", {})],
        "reopen_account": [Sample(f"{accounts}/{ids['loy']}/reopen", {})],
        "set_tier": [Sample(f"{accounts}/{ids['loy']}/tier", rank)],
        "set_tiers": [Sample(f"{accounts}/tiers", {"accounts": [rank | {"account": ids["loy"]}]})],
        "merge_customers": [Sample("/v1/customers/merge", {"from": f"{ids['cust']}_old", "into": ids["cust"]})],
        "award_points": [Sample(f"{points}/award", award)],
        "adjust_points": [Sample(f"{points}/adjust", {"account": ids["loy"], "points": -5, **why})],
        "activate_points": [Sample(f"{points}/activate", {"transaction": ids["pending_ptx"], "reason": "because"})],
        "reverse_points": [Sample(f"{points}/reverse", {"transaction": ids["ptx"], "points": 5, **why})],
        "create_redemption": [
            Sample("/v1/loyalty/redemptions", redemption),
            Sample("/v1/loyalty/redemptions", redemption | {"reward": ids["variable_rwd"], "points": 20}),
            Sample("/v1/loyalty/redemptions", redemption | {"capture": False, "expires_in_minutes": 30}),
        ],
        "capture_redemption": [Sample(f"/v1/loyalty/redemptions/{ids['held_rdm']}/capture", {"points": 60})],
        "cancel_redemption": [Sample(f"/v1/loyalty/redemptions/{ids['rdm']}/cancel", {"reason": "because"})],
        "consume_discount": [Sample(f"/v1/discounts/{ids['disc']}/consume", {"payment": ids["pay"]})],
        "release_discount": [Sample(f"/v1/discounts/{ids['disc']}/release", {})],
    }


def _money_samples(ids: Mapping[str, str]) -> dict[str, list[Sample]]:
    line = {"unit_price": 1100, "quantity": 2, "sku": "coffee", "categories": ["drinks"], "discount": 100, "tax": 90}
    line["id"] = "line_1"
    payment: Json = {
        "amount": 2500,
        "currency": "EUR",
        "id": "pay_fresh",
        "customer": ids["cust"],
        "tax": 100,
        "shipping": 200,
        "tenders": [{"type": "store_credit", "amount": 300, "account": ids["crd"]}],
        "discounts": [ids["disc"]],
        "order": "shop-1",
        "lines": [line],
        "occurred_at": 1_780_000_000,
        "metadata": {"order": "A-1"},
    }
    promised = {"amount": 5000, "currency": "EUR", "customer": ids["cust"], "checkout_session": ids["cs"]}
    promised["metadata"] = {"order": "A-2"}
    refund = {"id": "re_fresh", "amount": 200, "eligible_amount": 100, "reason": "broken", "metadata": {"note": "a"}}
    by_line = {"total_refunded": 300, "lines": [{"id": "first", "quantity": 1}]}
    as_credit = {"amount": 100, "store_credit": 50, "credit_expires_at": "2040-01-01"}
    by_amount = {"lines": [{"sku": "coffee", "amount": 50}]}
    amended = {"amount": 5600, "lines": [line], "tax": 100, "shipping": 200, "reason": "one more", "reprice": False}
    amended["tenders"] = [{"type": "store_credit", "amount": 300, "account": ids["crd"]}]
    event = {
        "type": "subscription.created",
        "id": "evt_fresh",
        "data": {"customer": ids["cust"], "amount": 900, "currency": "EUR", "metadata": {"plan": "pro"}},
        "occurred_at": "2026-06-01T12:00:00+02:00",
    }
    bulk = {"payments": [payment], "program": ids["prog"], "deliver_events": False}
    promises = bulk | {"payments": [promised]}
    return {
        "create_payment": [Sample("/v1/payments", payment), Sample("/v1/payments", promised)],
        "create_payments": [Sample("/v1/payments/bulk", one) for one in (bulk, promises)],
        "refund_payment": [
            Sample(f"/v1/payments/{ids['pay']}/refund", body) for body in (refund, by_line, by_amount, as_credit)
        ],
        "update_payment": [Sample(f"/v1/payments/{ids['pay']}", amended)],
        "link_payment": [Sample(f"/v1/payments/{ids['pay']}_guest/link", {"customer": ids["cust"]})],
        "cancel_refund": [Sample(f"/v1/refunds/{ids['re']}/cancel", {"reason": "dispute won"})],
        "report_event": [Sample("/v1/events", event)],
    }


def _referral_samples(ids: Mapping[str, str]) -> dict[str, list[Sample]]:
    programs, codes, referrals = "/v1/referrals/programs", "/v1/referrals/codes", "/v1/referrals"
    terms = {"window_days": 60, "new_customers_only": False, "status": "active", "metadata": {"note": "a"}}
    terms |= {"convert_on": "payment", "min_amount": 5000, "currency": "EUR", "hold_days": 14}
    terms |= {"limit": {"max": 5, "per": "month"}}
    new = {"customer": "cust_fresh", "occurred_at": "2026-06-01", "metadata": {"note": "a"}}
    return {
        "create_referral_program": [Sample(programs, terms | {"program": ids["waits_prog"]})],
        "update_referral_program": [Sample(f"{programs}/{ids['rfp']}", terms)],
        "create_referral_code": [Sample(codes, {"account": ids["friend"], "code": "FRIEND-2026"})],
        "click_referral_code": [Sample(f"{codes}/{ids['code']}/click", {})],
        "update_referral_code": [Sample(f"{codes}/{ids['code']}", {"active": False})],
        "create_referral": [
            Sample(referrals, new | {"code": ids["code"]}),
            Sample(referrals, new | {"referrer": ids["loy"]}),
        ],
        "convert_referral": [Sample(f"{referrals}/{ids['ref']}/convert", {"payment": ids["friend_pay"]})],
        "approve_referral": [Sample(f"{referrals}/{ids['ref']}/approve", {})],
        "reject_referral": [Sample(f"{referrals}/{ids['ref']}/reject", {"reason": "because"})],
    }


def _credit_samples(ids: Mapping[str, str]) -> dict[str, list[Sample]]:
    credit, why = "/v1/store_credit", {"reason": "because", "metadata": {"note": "a"}}
    whose = {"account": ids["crd"], "customer": ids["cust"], "currency": "EUR"}
    grant = whose | {"amount": 500, "origin": "promotional", "payment": ids["pay"], **why}
    wallet = {"customer": "cust_fresh", "currency": "EUR"} | ({"test_clock": ids["clock"]} if "clock" in ids else {})
    return {
        "create_store_credit_account": [Sample(f"{credit}/accounts", wallet)],
        "grant_credit": [
            Sample(f"{credit}/grant", grant | {"expires_at": "2040-01-01"}),
            Sample(f"{credit}/grant", grant | {"expiry_months": 12}),
        ],
        "spend_credit": [Sample(f"{credit}/spend", whose | {"amount": 500, "payment": ids["pay"], **why})],
        "adjust_credit": [Sample(f"{credit}/adjust", whose | {"amount": -500, **why})],
        "reverse_credit": [Sample(f"{credit}/reverse", {"transaction": ids["crt"], "amount": 500, **why})],
        "update_credit_settings": [
            Sample(f"{credit}/settings", {"default_expiry_months": 12, "expiry_rounding": "month", "return_days": 14})
        ],
    }


def _key_samples(ids: Mapping[str, str]) -> dict[str, list[Sample]]:
    keys = "/v1/api_keys"
    till = {"kind": "restricted", "name": "Till", "permissions": {"payments": "write"}}
    return {
        "create_api_key": [Sample(keys, till | {"expires_at": 1_900_000_000}), Sample(keys, {"kind": "publishable"})],
        "roll_api_key": [Sample(f"{keys}/{ids['key']}/roll", {"expires_at": "2030-01-01", "overlap_seconds": 60})],
        "revoke_api_key": [Sample(f"{keys}/{ids['key']}/revoke", {})],
    }


def _webhook_samples(ids: Mapping[str, str]) -> dict[str, list[Sample]]:
    endpoints = "/v1/webhook_endpoints"
    one = f"{endpoints}/{ids['we']}"
    endpoint = {"url": NOBODY, "events": ["review.read", "loyalty.*"], "description": "Till", "metadata": {"note": "a"}}
    span = {"starts_at": "2020-01-01", "ends_at": "2021-01-01", "events": ["*"], "limit": 5}
    return {
        "create_webhook_endpoint": [Sample(endpoints, endpoint)],
        "update_webhook_endpoint": [Sample(one, endpoint | {"events": ["review.read"], "status": "enabled"})],
        "delete_webhook_endpoint": [Sample(one, None)],
        "rotate_webhook_endpoint": [Sample(f"{one}/rotate", {"overlap_seconds": 60})],
        "resend_event": [Sample(f"{one}/resend", {"event": ids["evt"]})],
        "replay_events": [Sample(f"{one}/replay", span | {"starting_after": ids["evt"]})],
    }


def _offer_samples(ids: Mapping[str, str]) -> dict[str, list[Sample]]:
    engagement, checkout = "/v1/engagement/offers", "/v1/offers"
    note = {"metadata": {"note": "a"}}
    targeting = {
        "segments": [ids["seg"]],
        "tiers": ["gold"],
        "min_balance": 100,
        "max_balance": 900,
        "enrolled_before": "2026-01-01",
        "metadata": {"region": "EU"},
    }
    conditions = {
        "metadata": {"channel": "web", "round": 2},
        "min_amount": 100,
        "currency": "EUR",
        "skus": ["coffee"],
        "categories": ["drinks"],
        "exclude_skus": ["filter"],
        "exclude_categories": ["sale"],
        "first_payment": True,
        "window": WINDOW,
        "max_amount": 100_000,
    }
    stacking = {"stacking": "best", "stacking_group": "spring", "priority": 5}
    limits = {"max_redemptions": 500, "per_member_limit": 2}
    shared = {"name": "Spring", "targeting": targeting, "conditions": conditions}
    shared |= {**WINDOW, **limits, **stacking, **note}
    spans = {"period": "month", "per_member": True}
    euros = {"amount": 10_000, "currency": "EUR", **spans}
    multiplier = {"incentive": {"type": "points_multiplier", "multiplier": "1.5"}}
    bonus = {"incentive": {"type": "points_bonus", "points": 1000}, "budget": {"points": 9000, **spans}}
    percentage = {"incentive": {"type": "percentage_discount", "percent": 20, "max_discount": 1500}, "budget": euros}
    gift = {"incentive": {"type": "gift_reward", "reward": ids["rwd"]}, "budget": {"uses": 50, **spans}}
    incentives = [shared | one for one in (bonus, multiplier, percentage, gift)]
    incentives += [{"name": "Spring", **multiplier, "conditions": one} for one in wheres(OF_ORDER)]
    incentives += [{"name": "Spring", **multiplier, "targeting": one} for one in wheres(OF_MEMBER)]
    new = {"program": ids["prog"], "id": "ofr_fresh", "application": "opt_in"}
    lines = {"min_subtotal": 5000, "min_quantity": 2, "skus": ["coffee"], "categories": ["drinks"], "currency": "EUR"}
    cart = lines | {"segments": [ids["seg"]], "first_order": True}
    cart |= {"exclude_skus": ["filter"], "exclude_categories": ["sale"]}
    cart |= {"max_subtotal": 90_000, "max_quantity": 9}
    live = {"id": "ofr_new", "active": True, **WINDOW, **stacking, **note}
    fixed = {"name": "Ten off", "type": "fixed_discount", "value": 1000, "per": "unit", "criteria": cart}
    fixed |= {"budget": euros}
    post = {"name": "Half the shipping", "type": "free_shipping", "percent_off": "50"}
    post |= {"max_redemptions": 100, "per_member_limit": 2, "budget": {"uses": 50}, "requires_code": True}
    pairs = {"name": "Pairs", "type": "bogo", "criteria": {"buy_quantity": 2, "get_quantity": 1}}
    racket = {"skus": ["racket"], "categories": ["sport"], "quantity": 3}
    ball = {"skus": ["ball"], "categories": ["toys"], "quantity": 1, "percent_off": "50", "pick": "dearest"}
    aces = {"name": "Aces", "type": "bogo", "buy": racket, "get": ball, "max_times": 2}
    asking = [{"name": "Post", "type": "free_shipping", "criteria": one} for one in wheres(OF_BOTH)]
    asking += [
        {"name": "Ten", "type": "fixed_discount", "value": 9, "criteria": {"min_subtotal": 9, "of": "discounted"}}
    ]
    later = {"active": True, "ends_at": 1_900_000_000}
    any_of = aces | {"buy": {"any": True, "quantity": 2}}
    return {
        "create_engagement_offer": [
            *(Sample(engagement, new | one) for one in incentives),
            Sample(engagement, new | gift | {"name": "Treat", "application": "auto"}),
            Sample(engagement, new | gift | {"name": "Treat", "application": "granted"}),
            Sample(engagement, {"name": "Coded", **bonus, "requires_code": True}),
        ],
        "update_engagement_offer": [Sample(f"{engagement}/{ids['draft_ofr']}", one) for one in incentives],
        "publish_engagement_offer": [Sample(f"{engagement}/{ids['ofr']}/publish", {})],
        "pause_engagement_offer": [Sample(f"{engagement}/{ids['ofr']}/pause", {})],
        "activate_offer": [Sample(f"{engagement}/activate", {"offer": ids["double_ofr"], "account": ids["loy"]})],
        "grant_offer": [
            Sample(f"{engagement}/{ids['granted_ofr']}/grant", {"account": ids["friend"], "valid_for": "14d"})
        ],
        "show_eligible_offers": [Sample(f"{engagement}/eligible", {"account": ids["loy"]})],
        "create_offer": [Sample(checkout, one) for one in (live | fixed, pairs, post, aces, any_of, *asking)],
        "update_offer": [
            Sample(f"{checkout}/{ids['checkout_ofr']}", later | {"max_redemptions": 500, "budget": euros}),
            Sample(f"{checkout}/{ids['used_ofr']}", {"budget": {"uses": 50}}),
        ],
        "delete_offer": [Sample(f"{checkout}/{ids['checkout_ofr']}", None)],
    }


def _checkout_samples(ids: Mapping[str, str]) -> dict[str, list[Sample]]:
    sessions = "/v1/checkout/sessions"
    line = {"sku": "coffee", "unit_price": 1100, "quantity": 2, "id": "line_1", "categories": ["drinks"]}
    line |= {"shippable": False, "metadata": {"size": "L"}}
    changes = {"lines": [line], "shipping": {"amount": 499}, "discounts": [ids["disc"]], "metadata": {"note": "a"}}
    changes |= {"codes": [f"w{ids['ofr'].removeprefix('ofr_')}"], "client": "session-1"}
    paid: list[Json] = [{"store_credit": {"amount": 100}}, {"store_credit": True}]
    cart = {"currency": "EUR", "prices_include_tax": False, "customer": ids["cust"], **changes}
    return {
        "evaluate_cart": [Sample("/v1/checkout/evaluate", cart | credit) for credit in paid],
        "create_checkout_session": [
            Sample(sessions, cart | {"expires_in_minutes": 15, "take_over": True} | credit) for credit in paid
        ],
        "update_checkout_session": [
            Sample(f"{sessions}/{ids['cs']}", changes | {"customer": ids["cust"]} | credit) for credit in paid
        ],
        "complete_checkout_session": [Sample(f"{sessions}/{ids['cs']}/complete", {"payment": ids["pay"]})],
        "expire_checkout_session": [Sample(f"{sessions}/{ids['cs']}/expire", {})],
    }


def _code_samples(ids: Mapping[str, str]) -> dict[str, list[Sample]]:
    codes = "/v1/engagement/codes"
    changes = {"max_redemptions": 50, "starts_at": "2026-06-01", "expires_at": 1_900_000_000, "metadata": {"note": "a"}}
    new = {"offer": ids["coded_ofr"], "code": "FRESH-10", "account": ids["loy"]}
    batches, slug = "/v1/engagement/code_batches", ids["ofr"].removeprefix("ofr_")
    drawn = {"offer": ids["coded_ofr"], "name": "Cards", "pattern": "CARD-############", "alphabet": "23456789BCDF"}
    drawn |= {"max_redemptions": 2, "expires_at": "2040-01-01", "low_at": 5, "metadata": {"note": "a"}}
    row = {"code": "FRESH-2", "account": ids["loy"], "max_redemptions": 3, "expires_at": "2040-01-01"}
    row["metadata"] = {"note": "a"}
    return {
        "create_code": [Sample(codes, new | changes)],
        "update_code": [Sample(f"{codes}/{ids['opening']}", changes | {"active": True})],
        "create_code_batch": [Sample(batches, drawn | {"id": "cbt_fresh", "amount": 5})],
        "update_code_batch": [
            Sample(f"{batches}/{ids['cbt']}", {"name": "Flyers", "low_at": 10, "metadata": {"note": "a"}})
        ],
        "generate_codes": [Sample(f"{batches}/{ids['cbt']}/generate", {"amount": 5})],
        "import_codes": [Sample(f"{batches}/{ids['cbt']}/import", {"codes": [row]})],
        "look_up_code": [Sample(f"{codes}/lookup", {"code": f"w {slug}", "client": "session-1"})],
        "redeem_code": [Sample(f"{codes}/redeem", {"code": f"b {slug}", "account": ids["loy"], "client": "session-1"})],
    }


def definition(*, is_right: bool = True) -> Json:
    """What a campaign says; one that is wrong can be drafted, and not published."""
    tell = {"kind": "send_event", "name": "hello", "next": "calm" if is_right else "nowhere"}
    steps = {"tell": tell, "calm": {"kind": "wait", "events": [{"type": "world.rested"}], "timeout": "300d"}}
    return {
        "entry": {"event": {"type": "world.visited"}},
        "announce": ["entered", "exited"],
        "goal": {"event": {"type": "payment.completed"}, "within": "300d"},
        "caps": [{"of": "messages", "max": 900, "within": "1d"}],
        "start": "tell",
        "steps": steps,
    }


def challenge() -> Json:
    """What a challenge says: it counts what nobody else in this world reports."""
    return {
        "entry": {"contribution": False},
        "progress": {
            "of": {"event": "world.walked", "conditions": {"metadata": {"by": "foot"}}, "amount_from": "data.steps"},
            "measure": "sum",
            "target": 100,
            "window": {"calendar": "week"},
            "repeat": None,
            "grace": "2d",
            "on_expire": "sorry",
        },
        "announce": ["progressed"],
        "start": "gift",
        "steps": {
            "gift": {"kind": "award_points", "points": 5, "clawback": "contributions"},
            "sorry": {"kind": "send_event", "name": "missed"},
        },
    }


def _campaign_samples(ids: Mapping[str, str]) -> dict[str, list[Sample]]:
    campaigns = "/v1/engagement/campaigns"
    body = {"name": "Fresh", "definition": definition(), "priority": 3, "metadata": {"note": "a"}, **WINDOW}
    new = {"id": "cmp_fresh", "program": ids["prog"], "type": "journey"}
    tomorrow = int(time.time()) + 86_400
    events = [{"type": "world.visited", "at": tomorrow, "data": {"stars": 5}}]
    assumed = {"enter": True, "assume": {"calm": {"world.rested": 5_000}}}
    return {
        "simulate_campaign": [
            Sample(f"{campaigns}/{ids['cmp']}/simulate", {"account": ids["loy"], "until": tomorrow, "events": events}),
            Sample(f"{campaigns}/{ids['cmp']}/simulate", {"segment": ids["seg"], "until": tomorrow, **assumed}),
        ],
        "create_campaign": [Sample(campaigns, body | new)],
        "update_campaign": [Sample(f"{campaigns}/{ids['cmp']}", body)],
        "enter_campaign": [
            Sample(f"{campaigns}/{ids['cmp']}/enter", {"account": ids["loy"], "data": {"cart": 1}}),
            Sample(f"{campaigns}/{ids['cmp']}/enter", {"accounts": [ids["friend"]]}),
            Sample(f"{campaigns}/{ids['cmp']}/enter", {"segment": ids["seg"]}),
        ],
        "exit_enrolment": [Sample(f"/v1/engagement/enrolments/{ids['enr']}/exit", {"outcome": "left"})],
        "retry_enrolment": [Sample(f"{campaigns}/{ids['cmp']}/retry", {"enrolment": ids["enr"]})],
        "resume_campaign": [Sample(f"{campaigns}/{ids['cmp']}/resume", {"waits": "run"})],
        "publish_campaign": [
            Sample(f"{campaigns}/{ids['cmp']}/publish", {"members": "move", "map": {"tell": "exit"}}),
            Sample(f"{campaigns}/{ids['seg_cmp']}/publish", {"present_members": True}),
        ],
        "archive_campaign": [Sample(f"{campaigns}/{ids['old_cmp']}/archive", {"members": "exit"})],
    }


def _segment_samples(ids: Mapping[str, str]) -> dict[str, list[Sample]]:
    segments = "/v1/engagement/segments"
    seg, members = f"{segments}/{ids['seg']}", {"accounts": [ids["loy"]]}
    bounds = {"gte": 1, "lte": 90}
    conditions = {
        "days_since_last_purchase": bounds,
        "never_purchased": False,
        "payments": bounds | {"days": 30},
        "spend": bounds | {"days": 30, "currency": "EUR"},
        "tier": "gold",
        "balance": bounds,
        "metadata": {"region": "EU"},
        "enrolled_before": "2030-01-01",
        "enrolled_after": "2020-01-01T00:00:00Z",
        "days_since_enrolled": bounds,
        "all": [{"tier": ["gold"]}],
        "any": [{"balance": {"lte": 5}}, {"never_purchased": True}],
        "not": {"tier": ["star"]},
    }
    named = {"name": "Fresh", "metadata": {"note": "a"}}
    dynamic = {"id": "seg_fresh", "type": "dynamic", "conditions": conditions}
    tiers = {"conditions": {"tier": ["gold"]}}
    asking = [{"conditions": one} for one in OF_MEMBER]
    return {
        "create_segment": [
            Sample(segments, named | dynamic),
            Sample(segments, named | {"type": "dynamic"} | tiers),
            *(Sample(segments, named | {"type": "dynamic"} | one) for one in asking),
            Sample(segments, named | {"type": "static"}),
        ],
        "update_segment": [
            Sample(seg, named),
            Sample(f"{segments}/{ids['dyn']}", named | {"conditions": conditions}),
            Sample(f"{segments}/{ids['dyn']}", tiers),
            *(Sample(f"{segments}/{ids['dyn']}", one) for one in asking),
        ],
        "delete_segment": [Sample(f"{segments}/{ids['dyn']}", None)],
        "add_segment_members": [Sample(f"{seg}/members", members)],
        "remove_segment_members": [Sample(f"{seg}/members/remove", members)],
        "preview_segment": [Sample(f"{segments}/preview", one) for one in ({"conditions": conditions}, tiers, *asking)],
    }


_SECRET = re.compile(rb',"secret":("(?:[a-z]{2}_(?:test|live)|whsec)_[A-Za-z0-9_+/=-]{43,44}"|null)')


def without_secret(response: httpx2.Response) -> bytes:
    """An answer's bytes but for a secret, which is shown once and null ever after."""
    return _SECRET.sub(b"", response.content)


def problem(response: httpx2.Response) -> Json:
    """The error object of a refusal, after checking that it has the one shape all refusals have."""
    asked = f"{response.request.method} {response.request.url}"
    assert 400 <= response.status_code < 500, (asked, response.status_code, response.text[:300])
    assert response.headers["content-type"] == "application/json", asked
    error = dict(response.json()["error"])
    assert error["type"] == TYPES.get(response.status_code, "invalid_request_error"), (asked, error)
    assert error["request_id"] == response.headers["request-id"], asked
    assert error["code"] and error["doc_url"].endswith(f"#{error['code']}"), (asked, error)
    assert error["message"][-1:] in (".", "!", "?") and " " in error["message"], (asked, error)
    return error


def masked(response: httpx2.Response, *ids: str) -> bytes:
    """A response's bytes without its own request id, and with the given ids made alike."""
    text = response.content.replace(response.headers["request-id"].encode(), b"REQUEST")
    for one in ids:
        text = text.replace(one.encode(), b"ID").replace(quote(one, safe="").encode(), b"ID")
    return text


def with_raw(body: Json, path: tuple[str | int, ...], raw: bytes) -> bytes:
    """The body as JSON text with the value at the path replaced by raw bytes, valid JSON or not."""
    marker = uuid.uuid4().hex
    return json.dumps(with_value(body, path, marker)).encode().replace(f'"{marker}"'.encode(), raw)


def with_value(body: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """A copy of the body with the value at the path replaced; a missing last key is added."""
    if not path:
        return value
    head, *rest = path
    if isinstance(body, list):
        assert isinstance(head, int)
        return [with_value(one, tuple(rest), value) if at == head else one for at, one in enumerate(body)]
    return {**body, head: with_value(body.get(head), tuple(rest), value)}


def value_at(body: Any, path: tuple[str | int, ...]) -> Any:
    """The value at the path; None where the body has no such place."""
    for step in path:
        if isinstance(step, int):
            if not isinstance(body, list) or len(body) <= step:
                return None
            body = body[step]
        else:
            if not isinstance(body, dict):
                return None
            body = body.get(step)
    return body
