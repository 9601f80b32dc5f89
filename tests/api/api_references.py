"""Where an operation's samples name existing objects, and ids of the same form that nobody has."""

from __future__ import annotations

from typing import Any

from api_world import Sample, World, samples

from vinr_server.api.contract.table import Operation


def references(world: World, operation: Operation) -> list[tuple[Sample, tuple[str | int, ...], str]]:
    """Every place of an operation's samples where the id of an existing object stands: sample, path, prefix."""
    found: list[tuple[Sample, tuple[str | int, ...], str]] = []
    if operation.id in ("add_segment_members", "remove_segment_members"):
        return found  # whom it does not know it names, and does the rest: tests/api/test_segments.py
    for sample in samples(world)[operation.id]:
        stack: list[tuple[tuple[str | int, ...], Any]] = [((), sample.body)]
        while stack:
            path, value = stack.pop()
            if isinstance(value, dict):
                stack += [((*path, name), one) for name, one in value.items()]
            elif isinstance(value, list):
                stack += [((*path, at), one) for at, one in enumerate(value)]
            elif operation.id == "update_payment" and path[:1] == ("tenders",):
                continue  # an amendment names no other wallet than its payment did: credit_in_payments.scenario
            elif isinstance(value, str) and value in world.ids.values():
                found.append((sample, path, value.split("_")[0]))
        if operation.id in ("create_payment", "create_payments", "report_event"):
            at = {"create_payments": ("payments", 0, "metadata"), "report_event": ("data", "metadata")}
            found.append((sample, (*at.get(operation.id, ("metadata",)), "loyalty_account"), "loy"))
    return found


def twin(id: str) -> str:
    """An id of the same form that nobody has."""
    prefix, _, rest = id.partition("_")
    if not rest:  # the code of a member has no prefix
        return f"{id}9"
    return f"{prefix}_{rest[:8]}{'0' if rest[8] != '0' else '1'}{rest[9:]}"
