"""OpenAPI 3.1 from the table of operations and the input types."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from vinr_server.api.event_schemas import webhooks
from vinr_server.api.operation import Operation
from vinr_server.api.operations import OPERATIONS
from vinr_server.api.problems import STATUS
from vinr_server.api.schemas import schema_of_answer, schemas

_ALWAYS = (
    *("api_key_missing", "api_key_invalid", "api_key_expired", "permission_missing", "rate_limited"),
    *("unknown_parameter", "parameter_invalid", "unavailable"),
)
_ON_WRITES = (
    "body_invalid",
    "body_too_large",
    "duplicate_key",
    "parameter_missing",
    "idempotency_key_reused",
    "idempotency_key_in_use",
)


@lru_cache(maxsize=1)
def openapi() -> dict[str, Any]:
    """The description of every operation, with its body and the codes it can refuse with."""
    components = schemas()
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _describe(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "VINR Engagement",
            "version": "2026-11-01",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "webhooks": webhooks(),
        "components": {"schemas": components, "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
        "security": [{"key": []}],
    }


def _describe(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.id,
        "summary": operation.summary,
        "tags": [operation.sdk.rsplit(".", 1)[0]],
        "x-sdk": operation.sdk,
        "x-permission": {"resource": operation.resource, "right": operation.right},
        "parameters": _parameters(operation),
        "responses": _responses(operation),
    }
    if operation.body is not None:
        schema = {"$ref": f"#/components/schemas/{operation.body.__name__}"}
        described["requestBody"] = {"content": {"application/json": {"schema": schema}}}
    return described


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    parameters = []
    if "{id}" in operation.path:
        parameters.append({"name": "id", "in": "path", "required": True, "schema": {"type": "string"}})
    if operation.method == "POST":
        parameters.append({"name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "maxLength": 255}})
    if operation.translate is not None or operation.is_bulk:
        parameters.append({"name": "dry_run", "in": "query", "schema": {"type": "boolean"}})
    for name in operation.query:
        kind = "integer" if name == "limit" else "boolean" if name in operation.flags else "string"
        parameters.append({"name": name, "in": "query", "schema": {"type": kind}})
    return parameters


def _responses(operation: Operation) -> dict[str, Any]:
    codes = (*_ALWAYS, *operation.refusals, *(_ON_WRITES if operation.translate or operation.is_bulk else ()))
    by_status: dict[str, list[str]] = {}
    for code in dict.fromkeys(codes):
        by_status.setdefault(str(STATUS[code]), []).append(code)
    content = schema_of_answer(operation)
    answers = {"200": {"description": f"The {operation.reply}.", **content}}
    if operation.method == "POST" and operation.id.startswith(
        ("create", "award", "adjust", "reverse", "report", "refund", "roll")
    ):
        answers["201"] = {"description": f"The {operation.reply}, newly made.", **content}
    return answers | {status: {"description": ", ".join(codes)} for status, codes in sorted(by_status.items())}
