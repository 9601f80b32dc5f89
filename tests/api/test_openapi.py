"""OpenAPI describes all there is, in examples that hold; the reference is served by the server alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from api_world import Json, World, build_world, problem, samples
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from conftest import RunningServer, keyless_client
from vinr_server.api.contract.openapi import openapi, refusals
from vinr_server.api.contract.operation import Operation
from vinr_server.api.contract.table import OPERATIONS
from vinr_server.api.edge.documents import DOCUMENTS
from vinr_server.api.edge.parse import read_struct
from vinr_server.api.edge.problems import STATUS

WITH_BODY = [operation for operation in OPERATIONS if operation.body is not None]
# What must have happened before.
BEFORE = {"release_discount": "consume_discount", "merge_customers": "create_customer"}


@pytest.fixture
def world(shared_server: RunningServer) -> Iterator[World]:
    """A realm of the test's own."""
    made = build_world(shared_server)
    yield made
    made.client.close()


@pytest.fixture
def anybody(shared_server: RunningServer) -> Iterator[httpx2.Client]:
    """A client without a key."""
    with keyless_client(shared_server.base_url) as client:
        yield client


def described(operation: Operation) -> Json:
    """The operation in the document."""
    return dict(openapi()["paths"][operation.path][operation.method.lower()])


def answer_of(operation: Operation, status: int) -> Json:
    """One of its responses; those that many share stand among the components."""
    found = described(operation)["responses"][str(status)]
    name = found.get("$ref", "").rpartition("/")[2]
    return dict(openapi()["components"]["responses"][name] if name else found)


def check(schema: Json, value: Any) -> None:
    """The value is as the schema says."""
    Draft202012Validator({**schema, "components": openapi()["components"]}).validate(value)


class TestDocument:
    def test_is_valid_openapi(self) -> None:
        validate(openapi())

    @pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.id)
    def test_gives_an_example_of_every_answer(self, operation: Operation) -> None:
        for status in operation.answers:
            content = answer_of(operation, status)["content"]["application/json"]
            check(content["schema"], content["example"])

    @pytest.mark.parametrize("operation", WITH_BODY, ids=lambda one: one.id)
    def test_gives_an_example_of_every_body(self, operation: Operation) -> None:
        assert operation.body is not None
        assert operation.example is not None, f"{operation.id}: give an example of its body"

        read_struct(operation.body, operation.example)
        content = described(operation)["requestBody"]["content"]["application/json"]
        check(content["schema"], content["example"])

    @pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.id)
    def test_gives_an_example_of_every_refusal(self, operation: Operation) -> None:
        examples = openapi()["components"]["examples"]

        for code in refusals(operation):
            content = answer_of(operation, STATUS[code])["content"]["application/json"]
            assert code in content["examples"]
            check(content["schema"], examples[code]["value"])
            other = examples["route_missing"]["value"]
            assert not Draft202012Validator({**content["schema"], "components": openapi()["components"]}).is_valid(
                other
            )

    @pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.id)
    def test_names_the_headers_of_every_answer(self, operation: Operation) -> None:
        for status in (int(one) for one in described(operation)["responses"]):
            headers = set(answer_of(operation, status)["headers"])
            assert {"Request-Id", "Vinr-Version"} <= headers
            assert ("Retry-After" in headers) == (status in (429, 503))
            assert ("RateLimit" in headers) == (status != 401)
            assert ("Idempotent-Replayed" in headers) == (status < 300 and operation.keeps_answer)

    def test_bounds_the_parameters_of_lists(self) -> None:
        operation = next(one for one in OPERATIONS if one.id == "list_points")
        schemas = {one["name"]: one["schema"] for one in described(operation)["parameters"]}

        assert schemas["limit"] == {"type": "integer", "minimum": 1, "maximum": 100, "default": 10}
        assert "expiry" in schemas["kind"]["enum"]


class TestStatuses:
    def test_are_those_that_the_operations_tell(self, world: World) -> None:
        """What tells two statuses is written twice, and answers both; what tells one answers that, written or not."""
        wrong = []
        writes = [operation for operation in OPERATIONS if operation.read is None]

        # Dry runs first: they leave the world as the others need it.
        for operation in sorted(writes, key=lambda one: (one.id in BEFORE, len(one.answers))):
            [sample, *_] = samples(world)[operation.id]
            for earlier in samples(world).get(BEFORE.get(operation.id, ""), [])[:1]:
                world.client.post(earlier.path, json=earlier.body)
            is_written = len(operation.answers) > 1
            # What reverses a part can be done twice: the whole is asked for.
            whole = {"reverse_points": "ptx", "reverse_credit": "crt"}.get(operation.id)
            body = {"transaction": world.ids[whole]} if whole is not None else sample.body
            seen = {
                world.client.request(operation.method, sample.path + "?dry_run=true" * (not is_written), json=body)
                for _ in range(2)
            }
            if {answer.status_code for answer in seen} != set(operation.answers):
                wrong.append(f"{operation.id}: {[answer.text for answer in seen]}, told {operation.answers}")

        assert len(writes) > 20
        assert not wrong, "\n".join(wrong)


class TestFilters:
    def test_refuse_a_word_that_nothing_has(self, world: World) -> None:
        asked = []

        for operation in (one for one in OPERATIONS if one.listing is not None and "{id}" not in one.path):
            schemas = {one["name"]: one["schema"] for one in described(operation)["parameters"] if one["in"] == "query"}
            for name, words in ((name, schema["enum"]) for name, schema in schemas.items() if "enum" in schema):
                asked.append(name)
                error = problem(world.client.get(operation.path, params={name: "nonsense"}))
                assert (error["code"], error["param"]) == ("parameter_invalid", name), operation.id
                assert all(word in error["message"] for word in words), error
                assert world.client.get(operation.path, params={name: words[0]}).status_code == 200, operation.id

        assert len(asked) >= 8


class TestReference:
    def test_is_served_whole_by_the_server(self, anybody: httpx2.Client) -> None:
        page = anybody.get("/docs")
        named = re.findall(r'(?:src|href)="([^"]+)"', page.text) + re.findall(
            r'url: "([^"]+)"', anybody.get("/docs/start.js").text
        )

        assert page.headers["content-type"].startswith("text/html")
        assert len(named) >= 6
        for path in named:
            assert path.startswith("/"), f"{path} is loaded from elsewhere"
            answer = anybody.get(path)
            assert (answer.status_code, bool(answer.content)) == (200, True), path

    def test_may_load_nothing_from_elsewhere(self, anybody: httpx2.Client) -> None:
        pages = [path for path in DOCUMENTS if path.startswith("/docs")]

        assert len(pages) >= 5
        for path in pages:
            answer = anybody.get(path)
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy and "script-src 'self';" in policy and "http" not in policy
            assert answer.headers["x-content-type-options"] == "nosniff"
            if answer.headers["content-type"].startswith("text/html"):
                assert not re.search(r"<script(?![^>]*src=)|\son\w+=|style=", answer.text), f"{path} has inline code"

    def test_has_a_place_for_the_doc_url_of_every_error(self, anybody: httpx2.Client) -> None:
        page = anybody.get("/docs/errors").text

        for code, one in openapi()["components"]["examples"].items():
            url = one["value"]["error"]["doc_url"]
            assert url == f"/docs/errors#{code}" and f'id="{code}"' in page
