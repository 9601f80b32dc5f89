"""What `vinr verify` says of a test's database."""

from __future__ import annotations

from vinr_server.storage.laws.verify import verify


def broken_invariants(database_url: str) -> dict[str, list[str]]:
    """Each broken law with the first rows that break it; empty where all hold."""
    broken: dict[str, list[str]] = {}
    for one in verify(database_url).disagreements:
        told = f"{one.account} {one.row}: expected {one.expected}, found {one.found}"
        broken.setdefault(one.law, []).append(told)
    return {law: rows[:5] for law, rows in broken.items()}
