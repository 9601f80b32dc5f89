"""Calls that present codes: who has presented too many unknown ones is refused all of them (R65)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from vinr_server.api.edge.call import Call
from vinr_server.api.edge.problems import Problem
from vinr_server.core.kernel.answers import Rejected
from vinr_server.core.kernel.values import replace
from vinr_server.engine.guesses import Guesser, Guesses, guessers
from vinr_server.engine.submission import Outcome

# What stands in every answer that has an unknown code.
UNKNOWN = b'"code_unknown"'


class CodesCall:
    """One call that presents codes, and all for whom its unknown ones count."""

    def __init__(self, guesses: Guesses, call: Call, *, pepper: str) -> None:
        body = call.body
        client, customer = getattr(body, "client", None), getattr(body, "customer", None)
        customer = customer if isinstance(customer, str) else None
        self._guesses = guesses
        self._named: Sequence[Guesser] = guessers(
            call.caller.realm, client=client, customer=customer, key=call.caller.key_id, pepper=pepper
        )

    async def command(self, command: Any) -> Any:
        """The command, without its codes if too many were unknown before. Raises where it is about a code alone."""
        return self._shut_out(command, await self._guesses.seconds_left(self._named))

    async def after(self, command: Any, outcome: Outcome) -> Any | None:
        """The command to decide instead, where this one's unknown codes were too many; None where they weren't."""
        failures = _unknown_in(outcome)
        if not failures:
            return None
        seconds = await self._guesses.count(self._named, failures)
        return self._shut_out(command, seconds) if seconds else None

    def _shut_out(self, command: Any, seconds: int) -> Any:
        if not seconds:
            return command
        if hasattr(command, "is_shut_out"):
            return replace(command, is_shut_out=True)
        message = f"Too many unknown codes were presented. Try again in {seconds} seconds; a shopper may go on without."
        raise Problem("code_attempts_exceeded", message, param="code", details={"retry_after": seconds})


def _unknown_in(outcome: Outcome) -> int:
    """How many codes of the answer are unknown."""
    if isinstance(outcome, Rejected):
        if outcome.code == "resource_missing" and outcome.param == "code":
            return 1
        return _count(outcome.details.get("codes", ()))
    if outcome.is_replay or UNKNOWN not in outcome.body:
        return 0
    return _count(msgspec.json.decode(outcome.body).get("codes", ()))


def _count(codes: Sequence[Mapping[str, Any]]) -> int:
    return sum(code.get("reason") == "code_unknown" for code in codes)


def presents_codes(call: Call, operation_id: str) -> bool:
    """Whether the call presents codes at all: others cost nothing."""
    if operation_id in ("look_up_code", "redeem_code"):
        return True
    codes = getattr(call.body, "codes", None)
    return isinstance(codes, list) and bool(codes) and operation_id != "import_codes"
