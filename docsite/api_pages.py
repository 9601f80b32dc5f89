"""The reference of the API: a page for each resource, and a page of all objects."""

from __future__ import annotations

import json
import keyword
from collections.abc import Iterator
from functools import cache
from typing import Any

from docsite.schema_words import field_rows, name_of, type_in_words
from vinr_server.api.contract.openapi import openapi
from vinr_server.api.contract.operation import Operation
from vinr_server.api.contract.table import OBJECTS, OPERATIONS
from vinr_server.api.edge.parse import snake

Json = dict[str, Any]
FOLDER = "reference/api"


@cache
def api_pages() -> dict[str, str]:
    """The page of each resource, by its path below docs."""
    tags = dict.fromkeys(operation.sdk.rpartition(".")[0] for operation in OPERATIONS)
    return {f"{FOLDER}/{slug(tag)}.md": _page(tag) for tag in tags}


def index_page() -> str:
    """Every call in a table."""
    rows = [
        f"| `{operation.method} {operation.path}` | [{operation.sdk}]({_link(operation)}) | {operation.summary} |"
        for operation in OPERATIONS
    ]
    return "\n".join([_INTRODUCTION, *rows, ""])


def objects_page() -> str:
    """Every object of an answer, field by field; then the objects inside request bodies."""
    components = openapi()["components"]["schemas"]
    own = {struct.__name__ for struct in OBJECTS.values()}
    replies = [name for name in components if not name.endswith("Input") and "properties" in components[name]]
    parts = [_OBJECTS]
    for name in sorted(replies, key=lambda name: (name not in own, name)):
        rows = field_rows(components[name], lambda named: f"[{named}](#{named.lower()})", with_default=False)
        parts += [f"## {name}", "", "| field | type | |", "|---|---|---|", *rows, ""]
    return "\n".join(parts)


def slug(tag: str) -> str:
    """The name of a resource's page: loyalty-earning-rules."""
    return snake(tag).replace("_", "-").replace(".", "-")


def anchor(operation: Operation) -> str:
    """The anchor of an operation on its page."""
    return operation.id.replace("_", "-")


def _link(operation: Operation) -> str:
    return f"{slug(operation.sdk.rpartition('.')[0])}.md#{anchor(operation)}"


def _page(tag: str) -> str:
    own = [operation for operation in OPERATIONS if operation.sdk.rpartition(".")[0] == tag]
    names = ", ".join(operation.sdk.rpartition(".")[2] for operation in own)
    lines = [f"# {tag}", "", f"The calls of `{tag}`: {names}.", ""]
    for operation in own:
        lines += _operation(operation)
    return "\n".join(lines)


def _operation(operation: Operation) -> Iterator[str]:
    described = openapi()["paths"][operation.path][operation.method.lower()]
    yield from (f"## {operation.sdk.rpartition('.')[2]} {{ #{anchor(operation)} }}", "", operation.summary, "")
    name = snake(operation.sdk)
    call = f"client.{name}{'_' if keyword.iskeyword(name.rpartition('.')[2]) else ''}(…)"
    rights = " and ".join(f"`{right}`" for right in operation.rights)
    yield from (f"`{operation.method} {operation.path}` · `{call}` · a restricted key needs {rights}", "")
    query = [given for given in described["parameters"] if given["in"] == "query" and given["name"] != "dry_run"]
    if query:
        yield from ("| parameter | type | |", "|---|---|---|")
        for given in query:
            words = type_in_words(given["schema"], _to_object)
            yield f"| `{given['name']}` | {words} | {given.get('description', '')} |"
        yield ""
    if operation.body is not None:
        yield from _body(operation.body.__name__, [])
    yield from _example(operation)
    yield from _answer(operation, described)


def _body(name: str, seen: list[str]) -> Iterator[str]:
    schema = openapi()["components"]["schemas"][name]
    seen.append(name)
    if not schema["properties"]:
        yield from ("The body is empty: `{}` or nothing.", "")
        return
    title = "body" if len(seen) == 1 else name.removesuffix("Input").removesuffix("Changes")
    yield from (f"| {title} | type | |", "|---|---|---|")
    yield from field_rows(schema, lambda named: f"{named.removesuffix('Input')} (below)", with_default=True)
    yield ""
    for inner in dict.fromkeys(_references(schema)):
        if inner not in seen:
            yield from _body(inner, seen)


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield name_of(value["$ref"])
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)


def _example(operation: Operation) -> Iterator[str]:
    described = openapi()["paths"][operation.path][operation.method.lower()]
    path = operation.path
    for parameter in described["parameters"]:
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", parameter["example"])
    yield '```bash title="curl"'
    method = "" if operation.method in ("GET", "POST") else f" -X {operation.method}"
    yield f'curl -s{method} "$VINR_BASE_URL{path}" -H "Authorization: Bearer $VINR_SECRET_KEY"' + (
        f" \\\n  -d '{json.dumps(operation.example, ensure_ascii=False)}'" if operation.body is not None else ""
    )
    yield from ("```", "")


def _answer(operation: Operation, described: Json) -> Iterator[str]:
    content = described["responses"][str(max(operation.answers))]["content"]["application/json"]
    statuses = " or ".join(f"{status}" for status in sorted(operation.answers, reverse=True))
    listed = content["schema"].get("properties", {}).get("data", {}).get("items", {})
    what = (
        f"a page of {_to_object(name_of(listed['$ref']))}" if listed else type_in_words(content["schema"], _to_object)
    )
    yield from (f"Answers {statuses} with {what}:", "")
    yield from ("```json", json.dumps(content["example"], indent=2, ensure_ascii=False), "```", "")
    own = ", ".join(f"[`{code}`](../errors.md#{code})" for code in operation.refusals)
    yield from (f"Errors: {own}, and those of every call." if own else _NO_REFUSALS, "")


def _to_object(name: str) -> str:
    return f"[{name}](../objects.md#{name.lower()})"


_NO_REFUSALS = "Errors: only those of every call; see [errors](../errors.md)."
_INTRODUCTION = """# API

Every call of the API, with its name in the SDKs. A running engine serves the same at `/docs`, where you can try calls, and
as OpenAPI 3.1 at `/openapi.json`.

- The base is `/v1`; bodies and answers are JSON. Send the key in the header `Authorization: Bearer sk_test_…`.
- You can write names in snake_case or camelCase, and references with or without `_id`: `program`, `program_id` and
  `programId` mean the same. Unknown names are refused. Answers are in snake_case.
- Money is an integer in the currency's minor unit, points are integers. A rate, factor or percent is a *decimal*: a
  number or a string with at most 4 decimal places.
- An *instant* is RFC 3339 with an offset, a date (midnight in the program's zone; as the end of a window, the end of
  that day), or Unix seconds. Answers hold Unix seconds.
- Lists answer `{object: "list", url, has_more, data}`, newest first. `limit` is 10 by default and at most 100; for the
  next page, set `starting_after` to the last id.
- Every POST takes an `Idempotency-Key`: the same key with the same body gets the same answer and counts once. Every write
  takes `?dry_run=true`: the engine decides and answers, but writes nothing.
- Every answer carries `Request-Id` and `Vinr-Version`; a repeated one `Idempotent-Replayed: true`. If your key is
  limited, `RateLimit` shows what is left.
- A body is at most 256 KiB, or 1 MiB for bulk calls.

| call | in the SDKs | what it does |
|---|---|---|"""
_OBJECTS = """# Objects

What calls answer, field by field. Instants are Unix seconds, money is in minor units, references are ids. Answers may gain
fields; your client should ignore fields it does not know.
"""
