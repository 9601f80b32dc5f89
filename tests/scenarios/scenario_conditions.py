"""Conditions as a tree, in words: `where tier = gold or balance >= 500 and not lines.sku = gift`.

`or` joins what `and` has joined. A question is a field, an operator (= in > >= < <= within exists missing) and what it
is compared with; `over 30` days and `spent EUR` narrow purchases, `of beans #drinks` an order's amount or quantity.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from scenario_language import Clauses, Words, instant

Json = dict[str, Any]
OPERATORS = {"=": "eq", "in": "in", ">": "gt", ">=": "gte", "<": "lt", "<=": "lte", "within": "within"}
NARROWING = ("over", "spent", "of")


def where_of(clauses: Clauses) -> Json:
    """What the `where` clause asks, as a body holds it; nothing where there is none."""
    words = clauses.one("where")
    if words is None:
        return {}
    node = node_of(words)
    return node if {"any", "all", "not"} & node.keys() else {"all": [node]}


def node_of(words: Words) -> Json:
    """The tree that these words say."""
    alternatives = [_all_of(part) for part in _split(words, "or")]
    return alternatives[0] if len(alternatives) == 1 else {"any": alternatives}


def _all_of(words: Words) -> Json:
    parts = [_question(part) for part in _split(words, "and")]
    return parts[0] if len(parts) == 1 else {"all": parts}


def _split(words: Words, at: str) -> Iterator[Words]:
    part: list[str] = []
    for word in (*words, at):
        if word == at:
            yield tuple(part)
            part = []
        else:
            part.append(word)


def _question(words: Words) -> Json:
    if words[0] == "not":
        return {"not": _question(words[1:])}
    field, operator, *rest = words
    asked: Json = {"field": field}
    if operator in ("exists", "missing"):
        return asked | {"exists": operator == "exists"}
    values: list[str] = []
    while rest and rest[0] not in NARROWING:
        values.append(rest.pop(0))
    given = [_value(one) for one in values]
    asked[OPERATORS[operator]] = given if operator == "in" else given[0]
    for word, *narrowing in _narrowings(rest):
        if word == "over":
            asked["days"] = int(narrowing[0])
        elif word == "spent":
            asked["currency"] = narrowing[0]
        else:
            asked["skus"] = [name for name in narrowing if not name.startswith("#")]
            asked["categories"] = [name[1:] for name in narrowing if name.startswith("#")]
    return asked


def _narrowings(words: list[str]) -> Iterator[list[str]]:
    part: list[str] = []
    for word in words:
        if word in NARROWING and part:
            yield part
            part = []
        part.append(word)
    if part:
        yield part


def _value(text: str) -> Any:
    """A whole number, yes, no, an instant as Unix seconds, or a word."""
    if text in ("yes", "no"):
        return text == "yes"
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    if re.match(r"\d{4}-\d\d-\d\d", text):
        return int(instant(text).timestamp())
    return text
