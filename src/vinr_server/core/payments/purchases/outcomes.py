"""What a payment's outcome says beside what its rules and offers gave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vinr_server.core.conditions.judging import Unmet
from vinr_server.core.earning.occasions import reasons


def with_guest_note(outcome: Mapping[str, Any], customer_id: str) -> dict[str, Any]:
    """The outcome of a payment whose customer is not enrolled in any program, which says so."""
    message = f"Customer {customer_id} is not enrolled in a program, so this payment earns nothing."
    unmet = [Unmet("not_enrolled", message, f"enroll {customer_id}")]
    note = {"account": None, "customer": customer_id, "unmet": reasons(unmet)}
    return {**outcome, "skipped": [note, *outcome["skipped"]]}


def with_more(outcome: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """The outcome of a payment that has earned later, beside what it showed before; who it earns for is known now."""
    said = {**outcome, "skipped": [each for each in outcome.get("skipped", ()) if each["account"] is not None]}
    return {**said, **{name: [*said.get(name, ()), *new] for name, new in more.items()}}
