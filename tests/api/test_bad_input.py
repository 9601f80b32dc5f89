"""Whatever is sent, the answer is a refusal that names its field, nothing is written, and nothing breaks.

Generated from the table of operations and the input types: a new field is tested as soon as it has a sample.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from api_fields import NO_DATES, Field, camel, fields_of, param_of, spellings, typos, wrong_values
from api_references import references, twin
from api_world import (
    PREFIXES,
    Json,
    Sample,
    World,
    build_world,
    masked,
    problem,
    samples,
    value_at,
    with_raw,
    with_value,
)
from msgspec import inspect

from conftest import RunningServer, keyless_client
from vinr_server.api.contract.table import OPERATIONS, Operation

WRITES = [operation for operation in OPERATIONS if operation.method != "GET"]
WITH_BODY = [operation for operation in WRITES if operation.body is not None]
LISTS = [operation for operation in OPERATIONS if operation.is_paged]
RETRIEVES = [operation for operation in OPERATIONS if operation.method == "GET" and operation.path.endswith("{id}")]
SYNTAX = ("body_invalid",)


def by_id(operation: Operation) -> str:
    """The name of a parametrised case."""
    return operation.id


@pytest.fixture(scope="module")
def world(shared_server: RunningServer) -> Iterator[World]:
    """The realm that everything is sent to."""
    made = build_world(shared_server)
    yield made
    made.client.close()


@pytest.fixture(scope="module")
def strangers(shared_server: RunningServer, world: World) -> Iterator[list[World]]:
    """Another tenant's realm, and the other mode of our own tenant."""
    made = [build_world(shared_server), build_world(shared_server, livemode=True, tenant=f"tnt_{world.slug}")]
    yield made
    for one in made:
        one.client.close()


def send(world: World, sample: Sample, content: bytes, method: str = "POST") -> httpx2.Response:
    """Send bytes as the body of a call."""
    return world.client.request(method, sample.path, content=content)


def refusal(response: httpx2.Response, path: tuple[str | int, ...]) -> Json:
    """The error object; of a bulk call's item, the one in its result."""
    if response.status_code == 200 and path[0] in ("payments", "accounts", "codes") and "data" in response.json():
        result = response.json()["data"][0]
        assert result["status"] >= 400, f"accepted: {response.request.content[:300]!r}"
        return dict(result["error"]) | {"status": result["status"]}
    assert response.status_code >= 400, f"accepted: {response.request.content[:300]!r} -> {response.text[:200]}"
    return problem(response) | {"status": response.status_code}


def all_of(failures: list[str]) -> str:
    """The failures of a group, the first forty of them."""
    return f"{len(failures)} of them:\n" + "\n".join(failures[:40])


def each_field(world: World, operation: Operation) -> Iterator[tuple[Sample, Field]]:
    """Every field of an operation with the first sample that sets it."""
    assert operation.body is not None
    known: set[str] = set()
    mine = samples(world)[operation.id]
    for field in fields_of(operation.body):
        for sample in mine if field.place not in known else ():
            if value_at(sample.body, field.path) is not None:
                known.add(field.place)
                yield sample, field
                break


def _kind_of(field: Field) -> tuple[type, str, bool]:
    """What a field is, wherever its type stands; of a list's item, not the list."""
    return (field.owner, field.name, isinstance(field.path[-1], int))


@pytest.fixture(scope="module")
def first_places(world: World) -> Mapping[Any, Any]:
    """The first operation and path of each field that a sample sets: there it is asked everything, elsewhere some."""
    places: dict[Any, Any] = {}
    for operation in WITH_BODY:
        for _sample, field in each_field(world, operation):
            places.setdefault(_kind_of(field), (operation.id, field.path))
    return places


class TestSamples:
    def test_every_write_has_one(self, world: World) -> None:
        assert set(samples(world)) == {operation.id for operation in WRITES}

    @pytest.mark.parametrize("operation", WITH_BODY, ids=by_id)
    def test_every_field_is_set_by_one(self, world: World, operation: Operation) -> None:
        assert operation.body is not None
        set_somewhere = {field.place for _sample, field in each_field(world, operation)}

        assert {field.place for field in fields_of(operation.body)} == set_somewhere

    @pytest.mark.parametrize("operation", WRITES, ids=by_id)
    def test_every_one_is_accepted_and_a_dry_run_writes_nothing(self, world: World, operation: Operation) -> None:
        before = world.contents()

        for sample in samples(world)[operation.id]:
            asked = world.client.request(operation.method, f"{sample.path}?dry_run=true", json=sample.body)
            assert asked.status_code in (200, 201), (sample, asked.text)
            assert "error" not in asked.text, (sample, asked.text)

        assert world.contents() == before


@pytest.mark.parametrize("operation", WITH_BODY, ids=by_id)
class TestFields:
    def test_refuse_wrong_values_by_name(
        self, world: World, first_places: Mapping[Any, Any], operation: Operation
    ) -> None:
        before, failures, sent = world.contents(), [], 0

        for sample, field in each_field(world, operation):
            assert sample.body is not None
            asked_before = first_places[_kind_of(field)] != (operation.id, field.path)
            for raw in wrong_values(field, value_at(sample.body, field.path), asked_before=asked_before):
                if operation.takes_texts and field.path[-1] == 0 and raw.startswith(b'"'):
                    continue  # an item may be text alone
                response = send(world, sample, with_raw(sample.body, field.path, raw))
                sent += 1
                try:
                    error = refusal(response, field.path)
                    if error["code"] == "body_too_large":  # so many items are too many bytes as well
                        continue
                    assert error["status"] == 400
                    if error["code"] not in SYNTAX:
                        assert error.get("param", "").startswith(field.param), f"names {error.get('param')}"
                        assert error["code"] in ("parameter_invalid", "parameter_missing", "reserved_event_type")
                        assert field.name in error["message"], error["message"]
                except AssertionError as failed:
                    failures.append(f"{field.param} = {raw[:60]!r}: {str(failed).splitlines()[0][:200]}")

        assert not failures, f"of {sent} sent, {all_of(failures)}"
        assert world.contents() == before

    def test_are_missed_by_name_where_required(self, world: World, operation: Operation) -> None:
        for sample, field in each_field(world, operation):
            if not field.is_required or isinstance(field.path[-1], int):
                continue
            container = dict(value_at(sample.body, field.path[:-1]))
            del container[field.path[-1]]
            body = with_value(sample.body, field.path[:-1], container)

            error = refusal(world.client.post(sample.path, json=body), field.path)

            assert (error["code"], error["param"]) == ("parameter_missing", field.param), error

    def test_suggest_the_nearest_for_a_typo(self, world: World, operation: Operation) -> None:
        before, failures = world.contents(), []

        for sample, field in each_field(world, operation):
            if isinstance(field.path[-1], int):
                continue
            siblings = value_at(sample.body, field.path[:-1])
            for typo in typos(field.name):
                container = {typo if name == field.name else name: value for name, value in siblings.items()}
                if typo in siblings:
                    continue
                body = with_value(sample.body, field.path[:-1], container)
                error = refusal(world.client.post(sample.path, json=body), field.path)
                if error["code"] != "unknown_parameter" or error["param"] != param_of((*field.path[:-1], typo)):
                    failures.append(f"{field.param} as {typo}: {error['code']} of {error.get('param')}")
                elif len(field.name) > 3 and field.name.removesuffix("s") not in error["message"].replace(typo, ""):
                    # (Of three letters and a typo, another name may be as like; so may one of the other number.)
                    failures.append(f"{field.param} as {typo}: {error['message']}")

        assert not failures, all_of(failures)
        assert world.contents() == before

    def test_stand_once(self, world: World, operation: Operation) -> None:
        before, failures = world.contents(), []

        for sample, field in each_field(world, operation):
            if isinstance(field.path[-1], int):
                continue
            container = value_at(sample.body, field.path[:-1])
            text = json.dumps(container[field.name])
            for name in (field.name, f"\\u{ord(field.name[0]):04x}{field.name[1:]}"):
                twice = json.dumps(container)[:-1] + f', "{name}": {text}' + "}"
                response = send(world, sample, with_raw(sample.body or {}, field.path[:-1], twice.encode()))
                error = problem(response)
                if (error["code"], error.get("param")) != ("duplicate_key", field.name):
                    failures.append(f"{field.param} as {name}: {error}")

        assert not failures, all_of(failures)
        assert world.contents() == before

    def test_in_two_spellings_must_agree(self, world: World, operation: Operation) -> None:
        before, failures = world.contents(), []

        for sample, field in each_field(world, operation):
            if isinstance(field.path[-1], int):
                continue
            present = value_at(sample.body, field.path)
            for spelling in spellings(field):
                beside = (*field.path[:-1], spelling)
                url = f"{sample.path}?dry_run=true"
                agreeing = world.client.post(url, json=with_value(sample.body, beside, present))
                if agreeing.status_code not in (200, 201) or '"error"' in agreeing.text:
                    failures.append(f"{param_of(beside)} agreeing: {agreeing.text[:200]}")
                differing = world.client.post(url, json=with_value(sample.body, beside, _other(present)))
                try:
                    error = refusal(differing, field.path)
                    assert (error["code"], error.get("param")) == ("parameter_conflict", field.param), error
                except AssertionError as failed:
                    failures.append(f"{param_of(beside)} differing: {str(failed)[:200]}")

        assert not failures, all_of(failures)
        assert world.contents() == before

    def test_are_read_in_camel_case(self, world: World, operation: Operation) -> None:
        assert operation.body is not None
        for sample in samples(world)[operation.id]:
            url = f"{sample.path}?dry_run=true"
            snake, camelled = _within_a_second(world, url, sample.body, _camelled(sample.body))

            assert camelled.status_code == snake.status_code, camelled.text
            assert _without_ids(camelled.json()) == _without_ids(snake.json())


def _within_a_second(world: World, url: str, *bodies: Any) -> list[httpx2.Response]:
    """The answers to these bodies, all of one second: many tell when something happens, which is now."""
    for _ in range(100):
        began = int(time.time())
        answers = [world.client.post(url, json=body) for body in bodies]
        if int(time.time()) == began:
            return answers
    raise AssertionError("the answers never came within one second")


def _other(value: Any) -> Any:
    """Another value of the same JSON type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, dict):
        others = {name: _other(one) for name, one in value.items() if isinstance(one, int)}
        return value | (others or {"name": "another", "note": "another"})
    if isinstance(value, list):
        return [*value, *value]
    return value + 1 if isinstance(value, int) else f"{value}9"


def _camelled(value: Any) -> Any:
    """Every field name in camelCase; keys of metadata and data are the caller's own."""
    if isinstance(value, dict):
        return {camel(name): one if name in ("metadata", "data") else _camelled(one) for name, one in value.items()}
    return [_camelled(one) for one in value] if isinstance(value, list) else value


def _without_ids(value: Any) -> Any:
    """An answer without what differs from one dry run to the next."""
    if isinstance(value, dict):
        return {name: _without_ids(one) for name, one in value.items() if name not in ("created", "request", "hint")}
    if isinstance(value, list):
        return [_without_ids(one) for one in value]
    is_own_id = isinstance(value, str) and len(value) > 27 and value[-27:].isalnum() and "_" in value
    return value.split("_")[0] if is_own_id else value


@pytest.mark.parametrize("operation", WITH_BODY, ids=by_id)
class TestBodies:
    def test_are_json_objects(self, world: World, operation: Operation) -> None:
        before, failures = world.contents(), []
        sample = samples(world)[operation.id][0]
        valid = json.dumps(sample.body).encode()
        texts = [b"[]", b'"text"', b"1", b"true", b"null", b"{", b"}", b"{}{}", valid + b"x", valid + valid, b"\xff"]
        texts += [b"\xef\xbb\xbf" + valid, valid.decode().encode("utf-16"), b"<xml/>", b"a=1&b=2", b"\x00", b"{'a': 1}"]
        texts += [
            b"[" + valid + b"]",
            b'{"metadata": {"k": "v"',
            b"{1: 2}",
            b'{"a": 1,}',
            b"// note\n" + valid,
            b" ",
            b"\n",
        ]

        for text in texts:
            error = problem(send(world, sample, text))
            if error["code"] != "body_invalid":
                failures.append(f"{text[:60]!r}: {error}")

        assert not failures, all_of(failures)
        assert world.contents() == before

    def test_are_not_nested_deeply(self, world: World, operation: Operation) -> None:
        before = world.contents()
        sample = samples(world)[operation.id][0]

        for depth in (33, 100_000):
            for field in ("metadata", "data", "unheard_of"):
                nested = b"[" * (depth - 1) + b"]" * (depth - 1)
                text = with_raw({**(sample.body or {}), field: 1}, (field,), nested)
                assert problem(send(world, sample, text))["code"] == "body_invalid"
        objects = b'{"a":' * 33 + b"1" + b"}" * 33
        assert problem(send(world, sample, objects))["code"] == "body_invalid"

        assert world.contents() == before

    def test_are_bounded(self, world: World, operation: Operation) -> None:
        before = world.contents()
        sample = samples(world)[operation.id][0]
        limit = 1024 * 1024 if operation.submit is not None else 256 * 1024
        text = json.dumps(sample.body).encode()

        padded = text + b" " * (limit - len(text))
        fits = world.client.post(f"{sample.path}?dry_run=true", content=padded)
        announced = [send(world, sample, padded + b" " * more) for more in (1, 4 * limit)]
        chunked = world.client.post(sample.path, content=iter([padded, b" " * 100_000]))

        assert fits.status_code in (200, 201), fits.text
        for response in (*announced, chunked):
            assert response.status_code == 413
            assert problem(response)["code"] == "body_too_large"
        assert world.contents() == before

    def test_name_an_unknown_field(self, world: World, operation: Operation) -> None:
        before = world.contents()
        sample = samples(world)[operation.id][0]

        for name in ("unheard_of", "", "__proto__", "Ä", "a b", "x" * 5000, "object", "livemode", "realm"):
            error = problem(world.client.post(sample.path, json={**(sample.body or {}), name: 1}))
            assert (error["code"], error["param"]) == ("unknown_parameter", name), error

        assert world.contents() == before

    def test_may_be_missing_where_nothing_is_required(self, world: World, operation: Operation) -> None:
        assert operation.body is not None
        sample = samples(world)[operation.id][0]
        fields = inspect.type_info(operation.body).fields  # type: ignore[attr-defined]
        required = [*(field.encode_name for field in fields if field.required), *operation.ways]

        response = world.client.post(f"{sample.path}?dry_run=true")

        if required:
            error = problem(response)
            assert (error["code"], error["param"]) == ("parameter_missing", required[0])
        else:
            assert response.status_code in (200, 201), response.text

    def test_unknown_query_parameters_are_refused(self, world: World, operation: Operation) -> None:
        before = world.contents()
        sample = samples(world)[operation.id][0]
        wrong = {
            "?limit=1": "unknown_parameter",
            "?dry_run=1": "parameter_invalid",
            "?dry_run=": "parameter_invalid",
            "?dry_run=True": "parameter_invalid",
            "?dry_run=true&dry_run=false": "duplicate_key",
            "?dryrun=true": "unknown_parameter",
            "?dry_run=true&x=%00": "parameter_invalid",
            "?x=%ff": "parameter_invalid",
            "?%ed%a0%80=1": "parameter_invalid",
            "?=": "unknown_parameter",
        }

        answers = {query: problem(world.client.post(sample.path + query, json=sample.body))["code"] for query in wrong}

        assert answers == wrong
        assert world.contents() == before


class TestDryRun:
    def test_in_two_spellings_must_agree(self, world: World) -> None:
        before = world.contents()

        for query in ("?dry_run=true&dryRun=false", "?dryRun=true&dry_run=false"):
            response = world.client.post(f"/v1/customers{query}", json={"name": "Ada"})
            assert response.status_code == 400, response.text
            assert problem(response)["code"] == "parameter_conflict"

        assert world.contents() == before


class TestDeletions:
    def test_take_no_body(self, world: World) -> None:
        before = world.contents()

        for operation in WRITES:
            if operation.body is None:
                sample = samples(world)[operation.id][0]
                for text, code in (
                    (b'{"id": 1}', "unknown_parameter"),
                    (b"[]", "body_invalid"),
                    (b"{", "body_invalid"),
                ):
                    assert problem(send(world, sample, text, operation.method))["code"] == code

        assert world.contents() == before


class TestUpdates:
    @pytest.mark.parametrize("operation", [one for one in WRITES if one.immutable], ids=by_id)
    def test_refuse_what_is_fixed(self, world: World, operation: Operation) -> None:
        before, failures = world.contents(), []
        sample = samples(world)[operation.id][0]

        for name in operation.immutable:
            for spelling in {name, camel(name)} | (
                {f"{name}_id", f"{name}Id"} if name in ("program", "customer") else set()
            ):
                error = problem(world.client.post(sample.path, json={**(sample.body or {}), spelling: "x"}))
                if (error["code"], error["param"]) != ("immutable_field", spelling):
                    failures.append(f"{spelling}: {error['code']} {error['message']}")

        assert not failures, all_of(failures)
        assert world.contents() == before


UNKNOWN = {"prog": "prog_none", "cust": "cust_none", "rwd": "rwd_none", "pay": "pay_none", "evt": "evt_none"}
OWN_ID = "0" * 27


def unknown_id(prefix: str) -> str:
    """An id that no realm has."""
    return UNKNOWN.get(prefix, f"{prefix}_{OWN_ID}")


class TestUnknownObjects:
    @pytest.mark.parametrize("operation", WITH_BODY, ids=by_id)
    def test_are_missing_where_they_are_named(self, world: World, operation: Operation) -> None:
        before = world.contents()

        for sample, path, prefix in references(world, operation):
            if prefix == "cust":  # customers live in the merchant's system: any id is fine
                continue
            response = world.client.post(sample.path, json=with_value(sample.body, path, unknown_id(prefix)))
            if operation.items is not None and path == ("program",):
                path = (operation.items[0], 0, "program")
            error = refusal(response, path)
            assert (error["code"], error["status"]) == ("resource_missing", 404), (path, error)
            expected = param_of(path[:-1] if isinstance(path[-1], int) else path)
            # A result of its own says which of them it is about.
            known = (expected, expected.partition("[0].")[2] or expected, param_of(path))
            assert error["param"] in known, (path, error)

        assert world.contents() == before

    @pytest.mark.parametrize("operation", [one for one in OPERATIONS if "{id}" in one.path], ids=by_id)
    def test_are_missing_in_the_path(self, world: World, operation: Operation) -> None:
        before, failures = world.contents(), []
        body = samples(world)[operation.id][0].body if operation in WRITES else None
        own = OWN_ID
        strange = [
            "pay_none", f"loy_{own}", f"rdm_{own}", f"disc_{own}", "x", "%20", "%2e%2e", "null", "%27%3B--", "%ff%fe",
            "x" * 4000,
            "%ed%a0%80", "pay_%00", "%00", "%2500", "%25%30%30", "%F0%9F%98%80", "{id}", "*", "1e3",
        ]  # fmt: skip

        for id in strange:
            response = world.client.request(operation.method, operation.path.replace("{id}", id), json=body)
            if response.status_code != 404 or response.json()["error"]["code"] != "resource_missing":
                failures.append(f"{id[:40]}: {response.status_code} {response.text[:150]}")

        assert not failures, all_of(failures)
        assert world.contents() == before


def _like(world: World, operation: Operation, stranger: World) -> list[str]:
    """The stranger's ids of what the operation is about, and one of something else."""
    kind = world.ids[PREFIXES[operation.resource]].partition("_")[0]
    alike = [id for id in stranger.ids.values() if id.partition("_")[0] == kind]
    return [*alike, next(id for id in stranger.ids.values() if id not in alike)]


class TestForeignObjects:
    """An id of another tenant, or of the other mode, answers like one that never existed."""

    @pytest.mark.parametrize("operation", WITH_BODY, ids=by_id)
    def test_are_unknown_where_they_are_named(self, world: World, strangers: list[World], operation: Operation) -> None:
        before = [one.contents() for one in (world, *strangers)]

        for stranger in strangers:
            for sample, path, prefix in references(world, operation):
                if prefix not in stranger.ids:
                    continue
                foreign = stranger.ids[prefix]
                url = f"{sample.path}?dry_run=true"
                answers = [
                    world.client.post(url, json=with_value(sample.body, path, id)) for id in (foreign, twin(foreign))
                ]
                if operation.items is not None and path == ("program",):  # each item says so
                    path = (operation.items[0], 0, "program")
                assert answers[0].status_code == answers[1].status_code, (path, answers[0].text, answers[1].text)
                if prefix != "cust":
                    same = [masked(answer, foreign, twin(foreign)) for answer in answers]
                    assert same[0] == same[1], (path, same)
                    assert refusal(answers[0], path)["code"] == "resource_missing"

        assert [one.contents() for one in (world, *strangers)] == before

    @pytest.mark.parametrize("operation", [one for one in OPERATIONS if "{id}" in one.path], ids=by_id)
    def test_are_unknown_in_the_path(self, world: World, strangers: list[World], operation: Operation) -> None:
        before = [one.contents() for one in (world, *strangers)]
        body = samples(world)[operation.id][0].body if operation in WRITES else None

        for stranger in strangers:
            for foreign in _like(world, operation, stranger):
                answers = [
                    world.client.request(
                        operation.method, operation.path.replace("{id}", quote(id, safe="")), json=body
                    )
                    for id in (foreign, twin(foreign))
                ]
                assert problem(answers[0])["code"] == "resource_missing"
                assert masked(answers[0], foreign) == masked(answers[1], twin(foreign))

        assert [one.contents() for one in (world, *strangers)] == before

    @pytest.mark.parametrize("operation", LISTS, ids=by_id)
    def test_are_unknown_in_lists(self, world: World, strangers: list[World], operation: Operation) -> None:
        filters = {
            "account": "loy",
            "customer": "cust",
            "program": "prog",
            "reward": "rwd",
            "payment": "pay",
            "rule": "rule",
        }

        for stranger in strangers:
            named = [(name, stranger.ids[prefix]) for name, prefix in filters.items()]
            for cursor in ("starting_after", "ending_before"):
                named += [(cursor, foreign) for foreign in _like(world, operation, stranger)]
            for name, foreign in named:
                answers = [world.client.get(f"{world.path(operation)}?{name}={id}") for id in (foreign, twin(foreign))]
                assert masked(answers[0], foreign) == masked(answers[1], twin(foreign)), (name, foreign)
                assert answers[0].status_code == 400 or answers[0].json()["data"] == [], (name, foreign)

    def test_leave_their_chosen_ids_free_here(self, world: World, strangers: list[World]) -> None:
        for stranger in strangers:
            for operation, prefix in (
                ("create_program", "prog"),
                ("create_reward", "rwd"),
                ("create_customer", "cust"),
            ):
                sample = samples(world)[operation][0]
                body = {**(sample.body or {}), "id": stranger.ids[prefix]}
                assert world.client.post(f"{sample.path}?dry_run=true", json=body).status_code == 201

    def test_are_not_in_lists_of_all(self, world: World, strangers: list[World]) -> None:
        foreign = {id for stranger in strangers for id in stranger.ids.values()}

        for operation in LISTS:
            text = world.client.get(f"{world.path(operation)}?limit=100").text
            assert not [id for id in foreign if id in text], operation.id


class TestLists:
    @pytest.mark.parametrize("operation", LISTS, ids=by_id)
    def test_refuse_wrong_pages(self, world: World, operation: Operation) -> None:
        failures = []
        limits = (
            "0",
            "-1",
            "101",
            "1e1",
            "1.0",
            "abc",
            "",
            "%20 5",
            "%D9%A3",
            "9" * 400,
            "null",
            "+5",
            "0x5",
            "1_0",
            "5%0a",
        )
        cursors = ("", "x", "pay_none", OWN_ID, "%20", "%27", "x" * 4000, "null", "%F0%9F%98%80")
        wrong = [(f"limit={value}", "parameter_invalid", "limit") for value in limits]
        for cursor in ("starting_after", "ending_before"):
            wrong += [(f"{cursor}={value}", "parameter_invalid", cursor) for value in cursors]
        wrong += [
            ("starting_after=a&ending_before=b", "parameter_conflict", "ending_before"),
            ("limit=1&limit=1", "duplicate_key", "query"),
            ("limit=%00", "parameter_invalid", "query"),
            ("limit=%ff", "parameter_invalid", "query"),
            ("offset=1", "unknown_parameter", "offset"),
            ("created=1", "unknown_parameter", "created"),
            ("created[eq]=1", "unknown_parameter", "created[eq]"),
            ("created[gte", "unknown_parameter", "created[gte"),
            ("dry_run=true", "unknown_parameter", "dry_run"),
            ("realm=1", "unknown_parameter", "realm"),
            ("startingafter=x", "unknown_parameter", "startingafter"),
        ]

        for query, code, param in wrong:
            response = world.client.get(f"{world.path(operation)}?{query}")
            if response.status_code != 400 or (error := problem(response))["code"] != code or error["param"] != param:
                failures.append(f"{query[:60]}: {response.status_code} {response.text[:160]}")

        assert not failures, all_of(failures)

    @pytest.mark.parametrize("operation", LISTS, ids=by_id)
    def test_refuse_wrong_instants(self, world: World, operation: Operation) -> None:
        failures = []

        for number, given in enumerate((*NO_DATES, "-1", "1.5", "1e9", "250000000001", "9" * 19, "9" * 400, "true")):
            if given in ("1780000000", "20260101"):  # digits alone are Unix seconds here
                continue
            name = f"created[{('gt', 'gte', 'lt', 'lte')[number % 4]}]"
            response = world.client.get(f"{world.path(operation)}?{name}={quote(given, safe='')}")
            if response.status_code != 400 or problem(response).get("param") != name:
                failures.append(f"{name}={given[:40]!r}: {response.status_code} {response.text[:120]}")

        assert not failures, all_of(failures)

    @pytest.mark.parametrize("operation", LISTS, ids=by_id)
    def test_take_any_text_in_filters_without_breaking(self, world: World, operation: Operation) -> None:
        before = world.contents()

        for name in (
            "status",
            "account",
            "customer",
            "program",
            "kind",
            "trigger",
            "email",
            "type",
            "tier",
            "currency",
        ):
            for value in ("", "%27%3B drop table", "x" * 4000, "%F0%9F%98%80", "null", "*", "%25", "_", "NaN"):
                response = world.client.get(f"{world.path(operation)}?{name}={value}")
                assert response.status_code in (200, 400), (name, value, response.text)
                assert response.status_code == 400 or response.json()["data"] == [], (name, value, response.text)

        assert world.contents() == before

    def test_refuse_two_spellings_that_differ(self, world: World) -> None:
        for query in (
            "program=prog_a&program_id=prog_b",
            "customer=cust_a&customerId=cust_b",
            "limit=1&startingAfter=a&starting_after=b",
        ):
            error = problem(world.client.get(f"/v1/loyalty/accounts?{query}"))
            assert error["code"] == "parameter_conflict", error

    def test_read_flags_strictly(self, world: World) -> None:
        for value in ("1", "True", "yes", ""):
            error = problem(world.client.get(f"/v1/loyalty/earning_rules?active={value}"))
            assert (error["code"], error["param"]) == ("parameter_invalid", "active")


@pytest.mark.parametrize("operation", RETRIEVES, ids=by_id)
class TestRetrieving:
    def test_takes_no_parameters(self, world: World, operation: Operation) -> None:
        for query in ("?expand=x", "?dry_run=true", "?limit=1", "?id=x"):
            error = problem(world.client.get(operation.path.replace("{id}", "x") + query))
            assert error["code"] == "unknown_parameter", error


class TestKeys:
    def test_are_needed_everywhere(self, world: World) -> None:
        before = world.contents()
        tail = world.realm.key[-4:]
        wrong: list[dict[str, Any]] = [
            {}, {"Authorization": ""}, {"Authorization": "Bearer"}, {"Authorization": world.realm.key},
            {"Authorization": f"Basic {world.realm.key}"}, {"Authorization": f"Bearer {world.realm.key}x"},
            {"Authorization": f"Bearer {world.realm.key[:-1]}"}, {"Authorization": f"Bearer {world.realm.key.upper()}"},
            {"Authorization": f"Bearer {world.realm.key} {world.realm.key}"},
            {"Authorization": "Bearer sk_test_" + "x" * 43},
            {"Authorization": b"Bearer \xff\xfe\xfd"}, {"Authorization": "Bearer " + "x" * 6000},
            {"X-Api-Key": world.realm.key},
            {"Authorization": "Bearer null"}, {"Authorization": "Bearer ' or 1=1 --"},
            {"Authorization": f"Bearer\t{world.realm.key}"},
        ]  # fmt: skip

        with keyless_client(world.server.base_url) as anybody:
            for headers in wrong:
                response = anybody.get("/v1/payments", headers=headers)
                error = problem(response)
                assert response.status_code == 401, headers
                assert error["code"] in ("api_key_missing", "api_key_invalid")
                assert response.headers["www-authenticate"].startswith("Bearer")
                assert world.realm.key[8:-4] not in response.text, tail
            for operation in OPERATIONS:
                path = operation.path.replace("{id}", world.ids["pay"])
                assert problem(anybody.request(operation.method, path))["code"] == "api_key_missing"

        assert world.contents() == before

    def test_stand_in_the_header_alone(self, world: World) -> None:
        with keyless_client(world.server.base_url) as anybody:
            for query in (f"?key={world.realm.key}", f"?api_key={world.realm.key}"):
                assert anybody.get(f"/v1/payments{query}").status_code == 401


class TestRoutes:
    def test_that_do_not_exist_are_missing(self, world: World) -> None:
        paths = (
            "/", "/v1", "/v1/", "/v2/payments", "/v1//payments", "//v1/payments", "/V1/payments", "/v1/payments/a/b",
            "/v1/payments/a/refund/b", "/v1/loyalty", "/v1/engagement", "/favicon.ico", "/v1/payments%2Fbulk/x", "/%00",
            "/%ff",
            "/v1/../v1/nothing", "/openapi.yaml", "/metrics", "/.env", "/v1/loyalty/points/award/x",
        )  # fmt: skip

        for method in ("GET", "POST", "DELETE"):
            for path in paths:
                response = world.client.request(method, path)
                assert problem(response)["code"] == "route_missing", (method, path, response.text)
                assert response.status_code == 404

    def test_answer_their_own_methods_only(self, world: World) -> None:
        before, failures = world.contents(), []

        for path in {operation.path for operation in OPERATIONS}:
            # A name such as bulk reads as an id where the path of another operation has one.
            methods = {other.method for other in OPERATIONS if _fits(path, other.path)}
            for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE", "PROPFIND"} - methods:
                response = world.client.request(method, path.replace("{id}", "x"))
                told = {one.strip() for one in response.headers.get("allow", "").split(",")}
                if response.status_code != 405 or told != methods:
                    failures.append(
                        f"{method} {path}: {response.status_code}, Allow {sorted(told)}, not {sorted(methods)}"
                    )
                elif method != "HEAD":
                    assert problem(response)["code"] == "method_not_allowed"

        assert not failures, all_of(failures)
        assert world.contents() == before

    def test_of_documents_are_read_only(self, world: World) -> None:
        for path in ("/healthz", "/readyz", "/openapi.json", "/docs/errors"):
            for method in ("POST", "PUT", "DELETE"):
                assert world.client.request(method, path).status_code == 405, (method, path)


def _fits(path: str, template: str) -> bool:
    """Whether a template matches a path, segment by segment."""
    pairs = list(zip_longest(path.split("/"), template.split("/")))
    return all(segment == part or (segment is not None and part == "{id}") for segment, part in pairs)


class TestIdempotencyKeys:
    def test_have_1_to_255_characters(self, world: World) -> None:
        before = world.contents()
        url, body = "/v1/loyalty/points/award", {"account": world.ids["loy"], "points": 1}

        for key in ("", "x" * 256, b"\xff\xfe", b"\xed\xa0\x80", "é".encode() * 256):
            error = problem(world.client.post(url, json=body, headers={"Idempotency-Key": key}))  # type: ignore[dict-item]
            assert (error["code"], error["param"]) == ("parameter_invalid", "Idempotency-Key"), key

        assert world.contents() == before

    def test_may_be_any_text_of_that_length(self, world: World) -> None:
        url, body = "/v1/loyalty/points/award", {"account": world.ids["loy"], "points": 1}

        for key in ("x" * 255, "é".encode() * 255, "😀 ' \" \\ %00 ;--".encode()):
            first, second = (world.client.post(url, json=body, headers={"Idempotency-Key": key}) for _ in range(2))  # type: ignore[dict-item]
            assert (first.status_code, second.content) == (201, first.content)
            assert second.headers["idempotent-replayed"] == "true"
