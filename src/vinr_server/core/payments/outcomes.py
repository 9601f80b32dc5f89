"""What a payment's outcome says beside what its rules and offers gave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vinr_server.core.earning.occasions import reasons
from vinr_server.core.earning.rules import Unmet
from vinr_server.core.members.rows import Account


def with_guest_note(outcome: dict[str, Any], customer_id: str | None, accounts: Sequence[Account]) -> dict[str, Any]:
    """The outcome of a payment, which says so where its customer is not enrolled in any program."""
    if customer_id is None or accounts:
        return outcome
    message = f"Customer {customer_id} is not enrolled in a program, so this payment earns nothing."
    unmet = [Unmet("not_enrolled", message, f"enroll {customer_id}")]
    note = {"account": None, "customer": customer_id, "unmet": reasons(unmet)}
    return {**outcome, "skipped": [note, *outcome["skipped"]]}
