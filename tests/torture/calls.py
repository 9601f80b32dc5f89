"""One call of the torture and all that came back for it, classified: ok, refused, known not done, or unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import msgspec

Json = Mapping[str, Any]
Verdict = Literal["ok", "refused", "not done", "unknown"]

# What each operation may be refused for; any other refusal is a fault of the engine or of the plan.
ALWAYS = {"idempotency_key_in_use"}
REFUSALS: dict[str, set[str]] = {
    "award": set(),
    "adjust": {"insufficient_points"},
    "redeem": {"insufficient_points", "reward_out_of_stock"},
    "cancel": {"redemption_already_canceled"},
    "pay": set(),
    "refund": {"refund_exceeds_payment"},
    "reverse": set(),
    "reuse": {"idempotency_key_reused"},
}
# The words of a 503 that leaves no doubt.
NOTHING_DONE = b"Nothing was done"


class Answer(NamedTuple):
    """A response as it came over the wire; no status: the connection was lost before one came."""

    status: int | None
    body: bytes = b""
    is_replay: bool = False

    @property
    def code(self) -> str:
        """The refusal's code, empty where there is none."""
        return "" if self.status is None or self.status < 300 else str(msgspec.json.decode(self.body)["error"]["code"])


LOST = Answer(None)
# Nobody listened: as good as a 503 that says so.
NOT_SENT = Answer(503, NOTHING_DONE)


@dataclass(slots=True, eq=False)
class Call:
    """What is sent under one key, once or several times, and every answer to it."""

    operation: str
    path: str
    body: Json
    key: str
    answers: list[Answer] = field(default_factory=list)

    @property
    def done(self) -> Answer | None:
        """The answer that says it is done; the first of them."""
        return next((one for one in self.answers if one.status in (200, 201)), None)

    @property
    def object(self) -> Json:
        """What it made. Expects that it is done."""
        assert self.done is not None
        found: Json = msgspec.json.decode(self.done.body)
        return found

    @property
    def verdict(self) -> Verdict:
        """What the client knows of the call."""
        if self.done is not None:
            return "ok"
        last = self.answers[-1] if self.answers else LOST
        if _is_unknown(last):
            return "unknown"
        return "not done" if last.status is not None and last.status >= 500 else "refused"

    @property
    def is_open(self) -> bool:
        """Whether it may still turn out to be done: it was lost once, and may even be under way."""
        return self.done is None and (not self.answers or any(_is_unknown(one) for one in self.answers))

    def violations(self, *, may_fail: bool) -> list[str]:
        """What no answer may be: a 5xx (unless servers are being killed), a strange refusal, a replay that differs."""
        found: list[str] = []
        bodies = {one.body for one in self.answers if one.status in (200, 201)}
        if len(bodies) > 1:
            found.append(f"{self.key}: answered in {len(bodies)} ways")
        for one in self.answers:
            if one.status is None:
                continue
            if one.status >= 500 and not (may_fail and one.status == 503):
                found.append(f"{self.key}: {one.status} {one.body[:200]!r}")
            elif 400 <= one.status < 500 and one.code not in REFUSALS[self.operation] | ALWAYS:
                found.append(f"{self.key}: {self.operation} refused: {one.body[:200]!r}")
        return found


def _is_unknown(answer: Answer) -> bool:
    return answer.status is None or (answer.status >= 500 and NOTHING_DONE not in answer.body)
