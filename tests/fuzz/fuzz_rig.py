"""schemathesis against a running server: cases made of /openapi.json, ids filled in from what is there, figures.

A case made of the schema alone names objects that nobody has. So texts that read as ids are replaced, mostly, by ids of
a realm with an object of each kind, and of what earlier cases have made.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import requests
import schemathesis
from api_world import Sample, build_world, samples
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from conftest import RunningServer
from vinr_server.api.contract.operation import Operation
from vinr_server.api.contract.table import OPERATIONS

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
# What these end, others need: they come last.
ENDING = ("reverse", "pause", "remove", "archive", "cancel", "close", "advance", "expire", "delete", "revoke")
ENDING += ("update_referral_code", "update_reward")
# What others hold or use up once they were called: these come first.
BEGINNING = ("consume_discount", "release_discount")
# Texts that are ids, by the names that parameters of a query have.
NAMED = {"account": "loy", "customer": "cust", "program": "prog", "reward": "rwd", "payment": "pay", "rule": "rule"}
# How often a text that reads as an id is replaced by one that is there.
KNOWN_SHARE = 0.85
OPERATIONS_IN_A_REALM = 20
# The answer to what is no HTTP, such as a control character in a header: no operation has seen it.
NOT_HTTP = '"code":"request_malformed"'
# Names for what the document marks for readers and generators of SDKs; no formats of a text.
MARKS = ("instant", "decimal", "object", "reference")

Cases = st.SearchStrategy[Case]
_MOMENTS = st.integers(0, 4_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
schemathesis.openapi.format("date-time", _MOMENTS.map(lambda at: at.isoformat(timespec="seconds")))
schemathesis.openapi.format("date", _MOMENTS.map(lambda at: at.date().isoformat()))
schemathesis.openapi.format("currency", st.sampled_from(["EUR", "usd", "JPY", "KWD"]))
schemathesis.openapi.format("time-zone", st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Pacific/Apia"]))


@dataclass
class Figures:
    """What a run saw: cases by mode and by the class of their answer, operations that succeeded, what was wrong."""

    seen: Counter[tuple[str, int]] = field(default_factory=Counter)
    succeeded: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    @property
    def cases(self) -> int:
        """How many requests were sent."""
        return sum(self.seen.values())

    @property
    def positive_share(self) -> float:
        """Of the cases that the schema allows, the share that succeeded."""
        positive = {status: count for (mode, status), count in self.seen.items() if mode == "positive"}
        return positive.get(2, 0) / max(sum(positive.values()), 1)

    @property
    def never_succeeded(self) -> list[str]:
        """Operations that no case reached a 2xx of."""
        return sorted({operation.id for operation in OPERATIONS} - self.succeeded.keys())

    def told(self) -> str:
        """The figures in a line."""
        by_class = Counter[int]()
        for (_mode, status), count in self.seen.items():
            by_class[status] += count
        classes = ", ".join(f"{status}xx {count}" for status, count in sorted(by_class.items()))
        return f"{self.cases} cases: {classes}; {self.positive_share:.0%} of the positive ones succeeded"


class Fuzz:
    """One run against one server, repeatable by its seed."""

    def __init__(self, server: RunningServer, *, seed: int) -> None:
        self.figures = Figures()
        self._server, self._seed, self._random = server, seed, random.Random(seed)
        self._session = requests.Session()
        self._session.trust_env = False
        document = self._session.get(f"{server.base_url}/openapi.json").json()
        config = SchemathesisConfig.from_dict({"generation": {"allow-x00": False}})
        del document["security"]  # every request has a key; cases without one are tests/api/test_authorisation.py's
        schema = schemathesis.openapi.from_dict(_without_marks(document), config=config)
        self._operations = {one.ok().definition.raw["operationId"]: one.ok() for one in schema.get_all_operations()}
        self._begin()

    def _begin(self) -> None:
        """A new realm with an object of each kind; its key is not among what cases may name."""
        self._world = build_world(self._server)
        self._known = {prefix: [id] for prefix, id in self._world.ids.items()}
        self._samples = samples(self._world)
        # Where one prefix names objects of two kinds, or ids have none, the samples know what a path is for.
        self._at: dict[str, list[str]] = {}
        for operation in OPERATIONS:
            self._at.setdefault(_place(operation), []).extend(_ids_in(operation, self._samples.get(operation.id, ())))

    def run(self, *, examples: int) -> Figures:
        """What is known to work was sent, then the document's examples, then so many cases of each operation."""
        order = sorted(
            OPERATIONS,
            key=lambda one: (one.id not in BEGINNING, one.id.startswith(ENDING), one.method == "GET"),
        )
        self._is_exact = True
        for operation in order:
            self._send_sample(operation)
            for strategy in self._operations[operation.id].get_strategies_from_examples():
                self._all_cases(operation, strategy, GenerationMode.POSITIVE, 1)
        self._is_exact = False
        for position, operation in enumerate(order):
            if position % OPERATIONS_IN_A_REALM == 0:
                self._begin()
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                strategy = self._operations[operation.id].as_strategy(generation_mode=mode)
                self._all_cases(operation, strategy, mode, examples)
        return self.figures

    def _all_cases(self, operation: Operation, strategy: Cases, mode: GenerationMode, examples: int) -> None:
        @seeded(self._seed)
        @settings(
            max_examples=examples,
            phases=[Phase.generate],
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=strategy)
        def send(case: Case) -> None:
            self._send(operation, case, mode)

        try:
            send()
        except Exception as error:  # a schema that no case can be made of; reading has no body to be wrong
            if "Unsatisfiable" not in type(error).__name__:
                raise

    def _send_sample(self, operation: Operation) -> None:
        """The first call that the tests know to work, where they know one."""
        for sample in self._samples.get(operation.id, ())[:1]:
            ids = dict(zip(("id",), _ids_in(operation, [sample]), strict=False))
            body = {} if sample.body is None else {"body": sample.body, "media_type": "application/json"}
            case = self._operations[operation.id].Case(path_parameters=ids, **body)
            self._send(operation, case, GenerationMode.POSITIVE, is_whole=True)

    def _send(self, operation: Operation, case: Case, mode: GenerationMode, *, is_whole: bool = False) -> None:
        if mode is GenerationMode.POSITIVE and not is_whole:
            self._fill(operation, case)
        headers = {"Authorization": f"Bearer {self._world.realm.key}"}
        response = case.call(base_url=self._server.base_url, session=self._session, headers=headers)
        if response.status_code == 400 and NOT_HTTP in response.text:
            return
        self.figures.seen[mode.value, response.status_code // 100] += 1
        if response.status_code < 300:
            self.figures.succeeded[operation.id] += 1
            self._remember(response.json())
        elif response.status_code < 500:
            self.figures.refused[f"{mode.value} {operation.id}: {response.json()['error']['message'][:100]}"] += 1
        try:
            # A call in bulk answers 200 with a refusal for each item that is wrong.
            left_out = [negative_data_rejection] if operation.is_bulk else []
            case.validate_response(response, checks=CHECKS, excluded_checks=left_out)
        except FailureGroup as group:
            for failure in group.exceptions:
                assert isinstance(failure, Failure)
                curl = case.as_curl_command(headers=headers)
                self.figures.wrong.append(f"{operation.id}: {failure}\n{curl}\n{response.text[:500]}")

    def _fill(self, operation: Operation, case: Case) -> None:
        """Ids are ones that are there, by the prefix of their kind."""
        if case.path_parameters:
            wanted = self._operations[operation.id].definition.raw["parameters"][0]["example"].partition("_")[0]
            known = [*self._at[_place(operation)], *self._known.get(wanted, ())]
            case.path_parameters["id"] = self._pick(known, case.path_parameters["id"])
        if isinstance(case.body, dict):
            # The id of what is made is the caller's choice: it must not be one that is there.
            case.body = {name: value if name == "id" else self._filled(value) for name, value in case.body.items()}
        query = case.query or {}
        for name in [name for name in query if name in NAMED]:
            query[name] = self._pick(self._known.get(NAMED[name], []), query[name])
        if operation.listing is not None:  # a cursor is of the very page, and there is one
            for cursor in ("starting_after", "ending_before"):
                query.pop(cursor, None)

    def _filled(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._filled(one) for name, one in value.items()}
        if isinstance(value, list):
            return [self._filled(one) for one in value]
        if isinstance(value, float) and value.is_integer():
            return int(value)  # 1.0 is an integer to JSON Schema; the API wants integers written as such
        if isinstance(value, str) and value.partition("_")[0] in self._known:
            return self._pick(self._known[value.partition("_")[0]], value)
        return value

    def _pick(self, known: Sequence[str], otherwise: Any) -> Any:
        if known and self._is_exact:
            return known[0]
        return self._random.choice(known) if known and self._random.random() < KNOWN_SHARE else otherwise

    def _remember(self, answer: dict[str, Any]) -> None:
        """What an answer made can be named by the cases that follow; the newest few of each kind."""
        id = answer.get("id")
        if isinstance(id, str) and answer.get("object") != "list" and not answer.get("deleted"):
            known = self._known.setdefault(id.partition("_")[0], [])
            known[:] = [*known[-7:], id]


def _place(operation: Operation) -> str:
    """The path up to an id: where objects of one kind are."""
    return operation.path.partition("/{id}")[0]


def _ids_in(operation: Operation, found: Iterable[Sample]) -> Iterator[str]:
    """The ids in the paths of an operation's samples."""
    pattern = re.compile(operation.path.replace("{id}", "([^/]+)"))
    for sample in found:
        path = pattern.fullmatch(sample.path)
        yield from path.groups() if path else ()


def _without_marks(value: Any) -> Any:
    """The document without formats that say nothing of a text's form."""
    if isinstance(value, list):
        return [_without_marks(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {name: _without_marks(one) for name, one in value.items() if name != "format" or one not in MARKS}
