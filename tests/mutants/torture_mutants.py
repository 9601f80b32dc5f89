"""Bugs of the engine that the torture itself must find, in its short form: the same edits, another test."""

from __future__ import annotations

from dataclasses import replace

import engine_mutants
from mutant import Mutant

TORTURE = "torture/test_torture.py"
CLIENTS = f"{TORTURE}::test_sixty_four_clients_leave_exact_books"
RACES = f"{TORTURE}::test_what_is_there_so_often_is_given_so_often"
KILLS = f"{TORTURE}::test_nothing_acknowledged_is_lost_when_servers_are_killed"

FOUND_BY = {
    "no row lock": RACES,
    "what is counted is read before its lock": RACES,
    "idempotency rows in another transaction": CLIENTS,
    "answer before COMMIT": KILLS,
    "key without body hash": CLIENTS,
}


def _under_torture(mutant: Mutant) -> Mutant:
    return replace(mutant, name=f"{mutant.name}, under torture", test=FOUND_BY[mutant.name])


MUTANTS = [_under_torture(one) for one in engine_mutants.MUTANTS if one.name in FOUND_BY]
