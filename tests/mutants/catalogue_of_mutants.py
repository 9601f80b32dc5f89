"""Every planted bug, and the table of who caught it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

import api_mutants
import budget_mutants
import campaign_mutants
import cart_mutants
import challenge_mutants
import cli_mutants
import code_mutants
import core_mutants
import credit_mutants
import engine_mutants
import entry_mutants
import event_data_mutants
import gift_mutants
import goal_mutants
import grant_mutants
import inactivity_mutants
import issuing_mutants
import life_mutants
import moving_mutants
import offer_mutants
import openapi_mutants
import outbound_mutants
import referral_mutants
import segment_mutants
import tier_mutants
import torture_mutants
import waiting_mutants
import webhook_mutants
from mutant import ROOT, Mutant

MUTANTS: list[Mutant] = [
    *core_mutants.MUTANTS,
    *inactivity_mutants.MUTANTS,
    *tier_mutants.MUTANTS,
    *waiting_mutants.MUTANTS,
    *referral_mutants.MUTANTS,
    *campaign_mutants.MUTANTS,
    *goal_mutants.MUTANTS,
    *moving_mutants.MUTANTS,
    *entry_mutants.MUTANTS,
    *challenge_mutants.MUTANTS,
    *credit_mutants.MUTANTS,
    *life_mutants.MUTANTS,
    *engine_mutants.MUTANTS,
    *api_mutants.MUTANTS,
    *openapi_mutants.MUTANTS,
    *outbound_mutants.MUTANTS,
    *webhook_mutants.MUTANTS,
    *offer_mutants.MUTANTS,
    *gift_mutants.MUTANTS,
    *grant_mutants.MUTANTS,
    *budget_mutants.MUTANTS,
    *event_data_mutants.MUTANTS,
    *cart_mutants.MUTANTS,
    *segment_mutants.MUTANTS,
    *code_mutants.MUTANTS,
    *issuing_mutants.MUTANTS,
    *cli_mutants.MUTANTS,
    *torture_mutants.MUTANTS,
]
PUBLISHED = ROOT / "docs" / "mutants.md"

HEAD = """# Planted bugs

A test counts once it has gone red. Each bug below was planted by itself in a copy of the source; the test beside it
failed, and passes without the bug. Seconds are those until it failed, with the start of its PostgreSQL where it has
one, on {cores} cores. `{command}` does all of it again: about {minutes} minutes.

| planted | in | caught by | seconds |
|---|---|---|---:|
"""


class Caught(NamedTuple):
    """A bug, the test that failed on it, and after how long."""

    mutant: Mutant
    test: str
    seconds: float


def publish(caught: Sequence[Caught], *, command: str) -> None:
    """The table in docs/mutants.md has these rows as they are now, and every other bug's row as it was."""
    rows = {line.split("|")[1].strip(): line for line in PUBLISHED.read_text().splitlines() if line.startswith("| ")}
    for one in caught:
        test = one.test.replace("|", " ")
        row = f"| {one.mutant.name} | `{one.mutant.function}` | `{test}` | {one.seconds:.1f} |"
        rows[one.mutant.name] = row
    known = [rows[mutant.name] for mutant in MUTANTS if mutant.name in rows]
    minutes = max(round(sum(float(row.split("|")[-2]) for row in known) / 60), 1)
    table = "".join(f"{row}\n" for row in known)
    PUBLISHED.write_text(HEAD.format(cores=os.cpu_count(), command=command, minutes=minutes) + table)
