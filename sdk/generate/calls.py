"""The calls of the API as a tree of resources, read from its OpenAPI document; the same for every language."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

Schema = dict[str, Any]
_REF = "#/components/schemas/"


@dataclass(frozen=True)
class Parameter:
    """A named value that a call takes, or a field of an object."""

    name: str
    schema: Schema
    is_required: bool


@dataclass(frozen=True)
class Call:
    """One operation: its name, its parameters, and its answer (a component; for a list, that of its items)."""

    name: str
    method: str
    path: str
    summary: str
    ids: tuple[str, ...]
    body: tuple[Parameter, ...] | None
    query: tuple[Parameter, ...]
    answer: str | None
    is_list: bool
    has_dry_run: bool
    conflicts: tuple[str, ...]
    # Parameters of which exactly one is sent, each with what the call answers then.
    ways: dict[str, str]

    @property
    def answers(self) -> list[str]:
        """Every component that it may answer."""
        return list(dict.fromkeys([*([self.answer] if self.answer else []), *self.ways.values()]))

    def by_way(self) -> Iterator[tuple[str, tuple[Parameter, ...]]]:
        """Each answer with the body that it is one to: its own way required, and no other."""
        for way, answer in self.ways.items():
            others = self.ways.keys() - {way}
            own = [parameter for parameter in self.body or () if parameter.name not in others]
            own = [replace(one, is_required=one.is_required or one.name == way) for one in own]
            yield answer, tuple(sorted(own, key=lambda parameter: not parameter.is_required))

    @property
    def takes_key(self) -> bool:
        """Whether the call carries an idempotency key."""
        return self.method == "POST"


@dataclass
class Resource:
    """A place in the tree such as loyalty.accounts: its calls, and the resources below it."""

    path: tuple[str, ...] = ()
    calls: list[Call] = field(default_factory=list)
    children: dict[str, Resource] = field(default_factory=dict)

    def walk(self) -> Iterator[Resource]:
        """This resource and all below it, parents first."""
        yield self
        for child in self.children.values():
            yield from child.walk()


def read_calls(openapi: dict[str, Any]) -> Resource:
    """The root of all resources."""
    root = Resource()
    for path, methods in openapi["paths"].items():
        for method, described in methods.items():
            *place, name = described["x-sdk"].split(".")
            node = root
            for part in place:
                node = node.children.setdefault(part, Resource((*node.path, part)))
            node.calls.append(_call(openapi, name, method.upper(), path, described))
    return root


def fields_of(openapi: dict[str, Any], component: str) -> tuple[Parameter, ...]:
    """The fields of a component, required ones first."""
    schema = openapi["components"]["schemas"][component]
    required = schema.get("required", ())
    fields = [Parameter(name, field, name in required) for name, field in schema["properties"].items()]
    return tuple(sorted(fields, key=lambda parameter: not parameter.is_required))


def ref_of(schema: Schema) -> str | None:
    """The component that a schema refers to."""
    return schema["$ref"].removeprefix(_REF) if "$ref" in schema else None


def refs_in(schema: Any) -> Iterator[str]:
    """Every component that a schema names, at any depth, without following them."""
    if isinstance(schema, dict):
        name = ref_of(schema)
        if name is not None:
            yield name
        for inner in schema.values():
            yield from refs_in(inner)
    elif isinstance(schema, list):
        for item in schema:
            yield from refs_in(item)


def components_below(openapi: dict[str, Any], names: set[str]) -> list[str]:
    """These components and all that they name, each after the ones that it names, except itself."""
    ordered: list[str] = []
    seen: set[str] = set()

    def add(name: str) -> None:
        if name not in seen:
            seen.add(name)
            for inner in refs_in(openapi["components"]["schemas"][name]):
                add(inner)
            ordered.append(name)

    for name in sorted(names):
        add(name)
    return ordered


def body_of(described: dict[str, Any]) -> str | None:
    """The component of an operation's body."""
    content = described.get("requestBody", {}).get("content")
    return ref_of(content["application/json"]["schema"]) if content else None


def events_of(openapi: dict[str, Any]) -> dict[str, str]:
    """The types of the engine's own events, each with the component of its data."""
    events = {}
    for event_type, described in openapi["webhooks"].items():
        schema = described["post"]["requestBody"]["content"]["application/json"]["schema"]
        events[event_type] = str(ref_of(schema["allOf"][1]["properties"]["data"]))
    return events


def _call(openapi: dict[str, Any], name: str, method: str, path: str, described: dict[str, Any]) -> Call:
    body = body_of(described)
    query = {given["name"]: given["schema"] for given in described["parameters"] if given["in"] == "query"}
    has_dry_run = query.pop("dry_run", None) is not None
    answer, is_list = _answer(described)
    return Call(
        name=name,
        method=method,
        path=path,
        summary=described["summary"],
        ids=tuple(re.findall(r"{(\w+)}", path)),
        body=None if body is None else fields_of(openapi, body),
        query=tuple(Parameter(parameter, schema, False) for parameter, schema in query.items()),
        answer=answer,
        is_list=is_list,
        has_dry_run=has_dry_run,
        conflicts=tuple(
            code
            for code, status in described["x-refusals"].items()
            if status == 409 and code != "idempotency_key_in_use"
        ),
        ways=described.get("x-ways", {}),
    )


def _answer(described: dict[str, Any]) -> tuple[str | None, bool]:
    success = next(answer for status, answer in described["responses"].items() if status.startswith("2"))
    schema = success["content"]["application/json"]["schema"]
    # If a call may answer one of several objects, the first is the resource's own.
    schema = next(iter(schema.get("anyOf", ())), schema)
    if ref_of(schema) is not None:
        return ref_of(schema), False
    return ref_of(schema["properties"]["data"]["items"]), True
