"""OpenAPI 3.1 from the table of operations, the types of bodies and answers, and the words of the error codes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from vinr_server.api.contract.error_codes import ERROR_CODES
from vinr_server.api.contract.event_schemas import webhooks
from vinr_server.api.contract.examples import IDS, example_of
from vinr_server.api.contract.operation import ListOf, Operation
from vinr_server.api.contract.pages import LIMIT_DEFAULT, LIMIT_MAX, Choice, flag, moment
from vinr_server.api.contract.schemas import INSTANT, schema_of_answer, schemas
from vinr_server.api.contract.table import OPERATIONS, kind_of
from vinr_server.api.edge.problems import STATUS, Problem

Json = dict[str, Any]

VERSION = "2026-11-01"
_ALWAYS = (
    *("api_key_missing", "api_key_invalid", "api_key_expired", "permission_missing", "rate_limited"),
    *("unknown_parameter", "parameter_invalid", "parameter_conflict", "duplicate_key"),
    *("internal_error", "unavailable"),
)
_ON_WRITES = ("body_invalid", "body_too_large", "parameter_missing")
_ON_KEYS = ("idempotency_key_reused", "idempotency_key_in_use")
_DESCRIPTION = """Report payments and other events; the engine turns them into points, tiers and rewards.

Names are read in snake_case and camelCase; answers are snake_case. Money is in minor units; instants in answers are
Unix seconds. Every POST takes an `Idempotency-Key`, every write `?dry_run=true`. Every refusal has a stable code: see
[/docs/errors](/docs/errors). Press **Authorize** and enter your test key to try a call."""
_HEADERS: Json = {
    "Request-Id": {
        "description": "Identifies this request, in logs and for support.",
        "required": True,
        "schema": {"type": "string"},
    },
    "Vinr-Version": {
        "description": "The version of the API.",
        "required": True,
        "schema": {"type": "string", "format": "date"},
    },
    "Idempotent-Replayed": {
        "description": "This answer was already given under the same Idempotency-Key; nothing was done again.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "RateLimit": {
        "description": 'How much the key may still send, such as `"key";r=999;t=1`. Absent if it has no limit.',
        "schema": {"type": "string"},
    },
    "RateLimit-Policy": {
        "description": 'The key\'s limit, such as `"key";q=1000;w=1`. Absent if it has none.',
        "schema": {"type": "string"},
    },
    "Retry-After": {"description": "How many seconds to wait.", "schema": {"type": "integer", "minimum": 1}},
    "WWW-Authenticate": {"description": "How to authenticate.", "schema": {"type": "string", "enum": ["Bearer"]}},
}
# Refusals that are the same for every operation, each described once.
_SHARED = {
    401: "KeyRefused",
    403: "PermissionMissing",
    413: "BodyTooLarge",
    422: "IdempotencyKeyReused",
    429: "RateLimited",
    500: "InternalError",
    503: "Unavailable",
}
_ON_EVERY_ANSWER = ("Request-Id", "Vinr-Version")
_RATES = ("RateLimit", "RateLimit-Policy")
_ON_STATUS = {401: ("WWW-Authenticate",), 429: (*_RATES, "Retry-After"), 503: (*_RATES, "Retry-After")}
_IN_QUERIES = {
    "starting_after": "The id of the last object on the previous page.",
    "ending_before": "The id of the first object on the next page.",
}


@lru_cache(maxsize=1)
def openapi() -> Json:
    """The OpenAPI description of every operation: what it takes, answers and refuses."""
    components = schemas()
    paths: Json = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _describe(operation, components)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "VINR Engagement",
            "version": VERSION,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "This installation"}],
        "tags": [{"name": tag} for tag in dict.fromkeys(_tag(operation) for operation in OPERATIONS)],
        "paths": paths,
        "webhooks": webhooks(),
        "components": {
            "schemas": components,
            "headers": _HEADERS,
            "responses": {name: _refusal(status, _codes_of(status)) for status, name in _SHARED.items()},
            "examples": {
                code: {"value": Problem(code, explained.message).payload("req_0197a3")}
                for code, explained in ERROR_CODES.items()
            },
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "An API key"}},
        },
        "security": [{"key": []}],
    }


def refusals(operation: Operation) -> tuple[str, ...]:
    """Every code that the operation can refuse with."""
    on_writes = _ON_WRITES if operation.method != "GET" else ()
    on_keys = _ON_KEYS if operation.keeps_answer else ()
    return tuple(dict.fromkeys((*_ALWAYS, *operation.refusals, *on_writes, *on_keys)))


def _tag(operation: Operation) -> str:
    return operation.sdk.rpartition(".")[0]


def _describe(operation: Operation, components: Json) -> Json:
    described: Json = {
        "operationId": operation.id,
        "summary": operation.summary,
        "tags": [_tag(operation)],
        "x-sdk": operation.sdk,
        "x-permission": {"resource": operation.resource, "right": operation.right},
        "x-refusals": {code: STATUS[code] for code in refusals(operation)},
        "parameters": list(_parameters(operation)),
        "responses": _answers(operation, components) | _refusals(operation),
    }
    if operation.ways:
        described["x-ways"] = {way: reply.__name__ for way, reply in operation.ways.items()}
    if operation.body is not None:
        schema = {"$ref": f"#/components/schemas/{operation.body.__name__}"}
        media = {"schema": schema, "example": operation.example}
        described["requestBody"] = {
            "content": {"application/json": media},
            "required": bool(components[operation.body.__name__].get("required")),
        }
    return described


def _parameters(operation: Operation) -> Iterator[Json]:
    if "{id}" in operation.path:
        schema = {"type": "string", "minLength": 1, "maxLength": 255}
        yield {"name": "id", "in": "path", "required": True, "schema": schema, "example": _id_in_path(operation)}
    if operation.method != "GET":
        if operation.keeps_answer:
            yield {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "A name you choose for this request. Sent again under it, it is done only once.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 255},
            }
        what = "Decide and answer, but write nothing."
        yield {"name": "dry_run", "in": "query", "description": what, "schema": {"type": "boolean", "default": False}}
    for name in operation.listing.names if operation.listing else ():
        described: Json = {"name": name, "in": "query", "schema": _of_query(operation, name)}
        if name in _IN_QUERIES:
            described["description"] = _IN_QUERIES[name]
        yield described


def _id_in_path(operation: Operation) -> str:
    """An example id for the path: of the object that is retrieved there."""
    place = operation.path.partition("/{id}")[0]
    retrieval = next(other for other in OPERATIONS if other.path == f"{place}/{{id}}" and other.method == "GET")
    return IDS[kind_of(retrieval.item)]


def _of_query(operation: Operation, name: str) -> Json:
    assert operation.listing is not None, operation.id
    if name == "limit":
        return {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT}
    if name in operation.listing.bounds:
        return INSTANT
    _column, reading = operation.listing.filters.get(name, ("", None))
    if reading is flag or name in operation.listing.switches:
        return {"type": "boolean"}
    if reading is moment:
        return INSTANT
    if isinstance(reading, Choice):
        return {"type": "string", "enum": [*reading.words]}
    return {"type": "string"}


def _answers(operation: Operation, components: Json) -> Json:
    schema = schema_of_answer(operation)
    given = {"url": operation.path, **(operation.example or {})}
    example = example_of(schema, components, given, operation=operation.id)
    replayed = ("Idempotent-Replayed",) if operation.keeps_answer else ()
    return {
        str(status): {
            "description": _outcome(operation, status),
            "headers": _headers(*_RATES, *replayed),
            "content": {"application/json": {"schema": schema, "example": example}},
        }
        for status in operation.answers
    }


def _outcome(operation: Operation, status: int) -> str:
    is_list = isinstance(operation.reply, ListOf) or operation.is_bulk
    what = "list" if is_list else kind_of(operation.item).replace("_", " ").replace("api", "API")
    if status == 201:
        return f"The new {what}."
    return f"The {what}, which already existed." if 201 in operation.answers else f"The {what}."


def _refusals(operation: Operation) -> Json:
    by_status: dict[int, list[str]] = {}
    for code in refusals(operation):
        by_status.setdefault(STATUS[code], []).append(code)
    return {
        str(status): {"$ref": f"#/components/responses/{_SHARED[status]}"}
        if codes == _codes_of(status)
        else _refusal(status, codes)
        for status, codes in sorted(by_status.items())
    }


def _codes_of(status: int) -> list[str]:
    """The codes of a status that is described once for all operations; empty for any other."""
    return [code for code in (*_ALWAYS, *_ON_WRITES, *_ON_KEYS) if STATUS[code] == status and status in _SHARED]


def _refusal(status: int, codes: list[str]) -> Json:
    error = {"$ref": "#/components/schemas/Error"}
    narrowed = {"allOf": [error, {"type": "object", "properties": {"code": {"enum": codes}}}]}
    schema = {"type": "object", "properties": {"error": narrowed}, "required": ["error"]}
    examples = {code: {"$ref": f"#/components/examples/{code}"} for code in codes}
    # Until the key is known, there is no limit to report.
    rates = () if status in (401, *_ON_STATUS) else _RATES
    return {
        "description": ", ".join(codes),
        "headers": _headers(*rates, *_ON_STATUS.get(status, ())),
        "content": {"application/json": {"schema": schema, "examples": examples}},
    }


def _headers(*names: str) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in (*_ON_EVERY_ANSWER, *names)}
