"""Every operation × every place of an id × whose id it is × every kind of key: who may do what, and who learns what.

Generated from the table of operations. An id of another tenant, of the other mode, or of a deleted object answers byte
for byte as one that never existed; a key without the right answers the same whatever is asked for. Cases are counted:
too few of a kind, and nothing is proved.
"""

from __future__ import annotations

import collections
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx2
import psycopg
import pytest
from api_references import references, twin
from api_world import NOBODY, PREFIXES, Json, World, build_world, masked, problem, samples, value_at, with_value

from conftest import WITHOUT_TLS, RunningServer
from vinr_server.api.contract.table import OPERATIONS, Operation
from vinr_server.api.edge.permissions import CATALOGUE, SECRET_ONLY, grantable

KEYS = ("secret", "right", "wrong_right", "other_resources", "publishable", "revoked", "expired", "unknown", "none")
# What a key of each kind that opens nothing is told.
SHUT = {
    "revoked": "api_key_invalid",
    "expired": "api_key_expired",
    "unknown": "api_key_invalid",
    "none": "api_key_missing",
}
WHOSE = ("foreign", "other_mode", "deleted", "never", "own")
FILTERS = {"account": "loy", "customer": "cust", "program": "prog", "reward": "rwd", "payment": "pay", "rule": "rule"}
FILTERS |= {"api_key": "key", "actor": "key"}
CURSORS = ("starting_after", "ending_before")
# Where the account of the world's own object is not the first member's.
ACCOUNTS = {
    "store_credit": "crd",
    "engagement.codes": "friend",
    "engagement.grants": "friend",
    "engagement.campaigns.enrolments": "friend",
}


@dataclass
class Field:
    """Our realm, the strangers to it, what was deleted in it, and its keys of every kind."""

    home: World
    foreign: World
    other_mode: World
    deleted: Mapping[str, str]
    anybody: httpx2.Client
    _keys: dict[tuple[str, ...], str] = field(default_factory=dict)

    def key(self, kind: str, operation: Operation) -> str | None:
        """A key of this kind as seen by an operation; None: no key at all."""
        resources = {**dict.fromkeys(grantable(OPERATIONS), "write")}
        if kind in ("secret", "unknown", "none"):
            return {"secret": self.home.realm.key, "unknown": "sk_test_" + "x" * 43, "none": None}[kind]
        if kind == "right" and operation.resource not in SECRET_ONLY:
            resources = dict(right.split(":") for right in operation.rights)
        elif kind == "wrong_right":  # the right to read where one to write is needed, or nearly the name
            resources = {operation.resource: "read"} if operation.right == "write" else {"discounts": "read"}
            if operation.resource in SECRET_ONLY or resources.get(operation.resource) == operation.right:
                resources = {"customers": "read"}
        elif kind == "wrong_right" and operation.also:  # its own right, and none that it needs beside it
            resources = {operation.resource: operation.right}
        elif kind == "other_resources":
            resources.pop(operation.resource, None)
        name = (kind, str(sorted(resources.items())) if kind not in ("publishable", "revoked", "expired") else "")
        if name not in self._keys:
            self._keys[name] = self._make(kind, resources)
        return self._keys[name]

    def _make(self, kind: str, resources: Mapping[str, str]) -> str:
        if kind == "publishable":
            return str(self.home.post("/v1/api_keys", {"kind": kind})["secret"])
        if kind not in ("revoked", "expired"):
            return str(self.home.post("/v1/api_keys", {"kind": "restricted", "permissions": resources})["secret"])
        made = self.home.post("/v1/api_keys", {})
        if kind == "revoked":
            self.home.post(f"/v1/api_keys/{made['id']}/revoke", {})
        else:
            statement = "update api_keys set expires_at = now() - interval '1 s' where realm = %s and id = %s"
            with psycopg.connect(self.home.server.database_url) as connection:
                connection.execute(statement, [self.home.realm.id, made["id"]])
        return str(made["secret"])

    def ids(self, prefix: str) -> dict[str, str]:
        """An id of each origin; a deleted one of what can be deleted."""
        found = {"own": self.home.ids[prefix], "foreign": self.foreign.ids[prefix]}
        if prefix in self.other_mode.ids:
            found["other_mode"] = self.other_mode.ids[prefix]
        if prefix in self.deleted:
            found["deleted"] = self.deleted[prefix]
        return found | {"never": twin(self.foreign.ids[prefix])}


@pytest.fixture(scope="module")
def ground(shared_server: RunningServer) -> Iterator[Field]:
    """Everything there is to ask for, and everybody who asks."""
    home, foreign = build_world(shared_server), build_world(shared_server)
    other_mode = build_world(shared_server, livemode=True, tenant=f"tnt_{home.slug}")
    clock = home.post("/v1/test_helpers/test_clocks", {"frozen_time": "2030-01-01"})["id"]
    rule = {"program": home.ids["prog"], "trigger": "never.happens", "earn": {"points": 1}}
    offer = home.post("/v1/offers", {"name": "Over", "type": "bogo"})["id"]
    endpoint = home.post("/v1/webhook_endpoints", {"url": NOBODY, "events": ["review.written"]})["id"]
    assert home.client.delete(f"/v1/webhook_endpoints/{endpoint}").status_code == 200
    deleted = {
        "we": endpoint,
        "clock": clock,
        "rule": home.post("/v1/loyalty/earning_rules", rule)["id"],
        "checkout_ofr": offer,
    }
    assert home.client.delete(f"/v1/test_helpers/test_clocks/{clock}").status_code == 200
    assert home.client.delete(f"/v1/loyalty/earning_rules/{deleted['rule']}").status_code == 200
    assert home.client.delete(f"/v1/offers/{offer}").status_code == 200
    with httpx2.Client(base_url=shared_server.base_url, trust_env=False, timeout=30, verify=WITHOUT_TLS) as anybody:
        yield Field(home, foreign, other_mode, deleted, anybody)
    for world in (home, foreign, other_mode):
        world.client.close()


@dataclass(frozen=True)
class Place:
    """One place in a call where an id may stand."""

    kind: str
    prefix: str
    url: str
    body: Any = None
    path: tuple[str | int, ...] = ()
    name: str = ""

    def call(self, id: str) -> tuple[str, Any]:
        """The URL and the body with the id in this place."""
        if self.kind == "path":
            return self.url.replace("{id}", quote(id, safe="")), self.body
        if self.kind == "body":
            return self.url, with_value(self.body, self.path, id)
        return f"{self.url}?{self.name}={quote(id, safe='')}", None


def places(world: World, operation: Operation) -> list[Place]:
    """Every place of an operation's ids: path, query, body and nested in it; one without an id where there is none."""
    found: list[Place] = []
    dry = "" if operation.method == "GET" else "?dry_run=true"
    sampled = samples(world).get(operation.id, [])
    if "{id}" in operation.path:
        prefix = _prefix_of(world, operation)
        found.append(Place("path", prefix, operation.path + dry, sampled[0].body if sampled else None))
    if operation.body is not None:
        for sample, path, prefix in references(world, operation):
            if path:
                given = value_at(sample.body, path)
                named = next((name for name, id in world.ids.items() if id == given), prefix)
                found.append(Place("body", named, f"{sample.path}{dry}", sample.body, path))
    for name in operation.listing.names if operation.listing else ():
        if name in FILTERS:
            prefix = ACCOUNTS.get(operation.resource, FILTERS[name]) if name == "account" else FILTERS[name]
            found.append(Place("filter", prefix, world.path(operation), name=name))
        elif name in CURSORS:
            found += [Place("cursor", _prefix_of(world, operation, is_cursor=True), world.path(operation), name=name)]
    if not found and not sampled:
        return [Place("query", "pay", world.path(operation), path=("unheard_of",), name="unheard_of")]
    return found or [Place("body", "pay", f"{sampled[0].path}{dry}", sampled[0].body, ("unheard_of",))]


def _prefix_of(world: World, operation: Operation, *, is_cursor: bool = False) -> str:
    """What the operation's path names; of a list under an id, its cursors name another kind of object."""
    prefix = {"capture_redemption": "held_rdm", "grant_offer": "granted_ofr"}.get(
        operation.id, PREFIXES[operation.resource]
    )
    if is_cursor:
        others = {"list_offer_redemptions": "ordm", "list_segment_members": "loy", "list_webhook_deliveries": "dlv"}
        others |= {"list_payment_revisions": "prev", "list_account_lots": "ptx", "list_tier_history": "tch"}
        others |= {"export_codes": "batched", "list_campaign_scans": "scan"}
        prefix = others.get(operation.id, prefix)
    assert prefix in world.ids, operation.id
    return prefix


def is_allowed(operation: Operation, key: str) -> bool:
    """What the specification says of a key that is in force."""
    if operation.resource in SECRET_ONLY:
        return key == "secret"
    if key == "publishable":
        return operation.method == "GET" and operation.resource in CATALOGUE
    return key in ("secret", "right")


def ask(ground: Field, operation: Operation, place: Place, id: str, key: str | None) -> httpx2.Response:
    """One call with an id in a place, by whoever has the key."""
    url, body = place.call(id)
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    return ground.anybody.request(operation.method, url, json=body, headers=headers)


def verdict(response: httpx2.Response, operation: Operation, place: Place, whose: str, key: str) -> str | None:
    """What is wrong with the answer; None where it is as specified."""
    status, body = response.status_code, response.json()
    code = body["error"]["code"] if "error" in body else None
    if key in SHUT:
        return None if (status, code) == (401, SHUT[key]) else f"not {SHUT[key]}"
    if not is_allowed(operation, key):
        told = body["error"].get("details") if code else None
        needed = {"resource": operation.resource, "right": operation.right}
        return None if (status, code, told) == (403, "permission_missing", needed) else "not permission_missing"
    if place.path == ("unheard_of",):
        return None if code == "unknown_parameter" else "not unknown_parameter"
    if place.kind == "filter":
        wants_some = whose == "own" and place.name not in ("actor", "payment", "referral", "rule")
        return (
            None
            if status == 200 and (body["data"] or not wants_some) and (not body["data"] or whose == "own")
            else "list"
        )
    if place.kind == "cursor":  # a deleted object still marks its place in the order
        return None if (status == 200) == (whose in ("own", "deleted")) and status in (200, 400) else "cursor"
    if place.prefix == "cust" and place.kind == "body" and whose != "own":
        # Customers are the merchant's own: any is fine, but for a discount, or a session, that is another's.
        is_anothers = any(code in response.text for code in ("not_eligible", "checkout_session_linked"))
        return None if '"error"' not in response.text or is_anothers else "not as any customer"
    if whose == "own":
        return None if status in (200, 201) and '"error":{' not in response.text else "not accepted"
    is_one_of_many = operation.is_bulk or place.path[:1] == (operation.many,)
    missing = "resource_missing" in response.text and status in (200 if is_one_of_many else 404, 404)
    return None if missing else "not resource_missing"


def sweep(ground: Field, operation: Operation, cases: collections.Counter[tuple[str, str]]) -> list[str]:
    """Every case of one operation; answers what was not as specified."""
    failures: list[str] = []
    for place in places(ground.home, operation):
        ids = ground.ids(place.prefix)
        for key in KEYS:
            secret = ground.key(key, operation)
            alike: dict[str, bytes] = {}
            for whose, id in ids.items():
                response = ask(ground, operation, place, id, secret)
                wrong = verdict(response, operation, place, whose, key)
                if wrong:
                    failures.append(
                        f"{operation.id} {place} {whose} by {key}: {wrong}: "
                        f"{response.status_code} {response.text[:200]}"
                    )
                if response.status_code in (401, 403):
                    problem(response)
                cases[place.kind, whose] += 1
                cases["key", key] += 1
                if whose != "own" or key in SHUT or not is_allowed(operation, key):
                    alike[whose] = masked(response, id)
            if place.kind == "cursor" and is_allowed(operation, key) and key not in SHUT:
                alike.pop("deleted", None)
            if place.prefix == "cust" and b'"error"' not in alike["never"]:
                continue  # it is accepted, and each answer shows ids of its own
            failures += [
                f"{operation.id} {place} by {key}: {whose} {answer[:200]!r} is not as {alike['never'][:200]!r}"
                for whose, answer in alike.items()
                if answer != alike["never"]
            ]
    return failures


class TestMatrix:
    """One test, so that its cases are counted in one process."""

    def test_answers_as_specified(self, ground: Field) -> None:
        cases: collections.Counter[tuple[str, str]] = collections.Counter()
        worlds = (ground.home, ground.foreign, ground.other_mode)
        for operation in OPERATIONS:
            for key in KEYS:
                ground.key(key, operation)  # made before the digest
        before = [world.contents() for world in worlds]

        failures = [failure for operation in OPERATIONS for failure in sweep(ground, operation, cases)]

        assert not failures, f"{len(failures)} of {sum(cases.values()) // 2}:\n" + "\n".join(failures[:20])
        assert [world.contents() for world in worlds] == before
        floors = {
            **{("path", whose): 25 * len(KEYS) for whose in ("foreign", "other_mode", "never", "own")},
            **{("body", whose): 20 * len(KEYS) for whose in ("foreign", "other_mode", "never", "own")},
            **{("filter", whose): 10 * len(KEYS) for whose in ("foreign", "other_mode", "never", "own")},
            **{("cursor", whose): 20 * len(KEYS) for whose in ("foreign", "other_mode", "never", "own")},
            ("path", "deleted"): 5 * len(KEYS),
            ("body", "deleted"): len(KEYS),
            **{("key", key): 370 for key in KEYS},
        }
        too_few = {name: (cases[name], floor) for name, floor in floors.items() if cases[name] < floor}
        assert not too_few, f"the verdict is unknown; found, wanted: {too_few}"
        print(f"authorisation: {sum(cases.values()) // 2} cases of {len(OPERATIONS)} operations, {dict(cases)}")

    def test_covers_every_operation(self, ground: Field) -> None:
        assert {one.resource for one in OPERATIONS} <= set(PREFIXES), "an operation's resource has no id here"
        assert all(places(ground.home, operation) for operation in OPERATIONS)
        nested = [place for one in OPERATIONS for place in places(ground.home, one) if len(place.path) > 1]
        assert len(nested) >= 5, "too few ids nested in bodies"


def by_id(operation: Operation) -> str:
    """The name of a parametrised case."""
    return operation.id


class TestRights:
    def test_of_an_operation_are_in_its_description(self, ground: Field) -> None:
        paths: Json = ground.anybody.get("/openapi.json").json()["paths"]

        for one in OPERATIONS:
            told = paths[one.path][one.method.lower()]["x-permission"]
            assert told == {"resource": one.resource, "right": one.right}

    def test_to_write_include_those_to_read(self, ground: Field) -> None:
        made = ground.home.post("/v1/api_keys", {"kind": "restricted", "permissions": {"payments": "write"}})
        with ground.home.server.client(made["secret"]) as client:
            assert client.get("/v1/payments").status_code == 200
            assert client.get("/v1/customers").status_code == 403
