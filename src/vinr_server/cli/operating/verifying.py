"""`vinr verify`: compares the tables with the ledger, for people and for programs."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from itertools import groupby

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from vinr_server.cli.database_faults import database_fault
from vinr_server.storage.laws.ledger import LAWS
from vinr_server.storage.laws.verify import Verdict, verify
from vinr_server.storage.postgres.migrate import require_current


def run_verify(database_url: str, *, as_json: bool) -> int:
    """Ask every law and print what disagrees. Exit code: 0 nothing, 1 something, 2 it couldn't run."""
    columns = (TextColumn("{task.description:<64}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    try:
        require_current(database_url)
        # The bar is for people at a terminal: on standard error, so that the answer stays clean.
        with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
            task = bar.add_task("", total=len(LAWS))
            verdict = verify(database_url, on_law=lambda law: bar.update(task, description=law, advance=1))
    except Exception as error:  # the operator may see whatever the database says
        print(f"vinr verify: {database_fault(error, database_url)}", file=sys.stderr)
        return 2
    if as_json:
        print(json.dumps(asdict(verdict) | {"is_consistent": verdict.is_consistent}))
    else:
        _print(verdict)
    return 0 if verdict.is_consistent else 1


def _print(verdict: Verdict) -> None:
    for law, rows in groupby(verdict.disagreements, key=lambda disagreement: disagreement.law):
        count = verdict.broken[law]
        print(f"{law}: {count:,} {'row disagrees' if count == 1 else 'rows disagree'}")
        shown = list(rows)
        for found in shown:
            owner = " ".join(name for name in (found.realm, found.account) if name)
            row = "" if found.row == found.account else f" {found.row}"
            print(f"  {owner}{row}: expected {found.expected}, found {found.found}")
        if count > len(shown):
            print(f"  and {count - len(shown)} more")
    size = f"{verdict.accounts:,} accounts, {verdict.entries:,} entries, {verdict.lot_uses:,} lot uses"
    total = sum(verdict.broken.values())
    says = "everything agrees" if verdict.is_consistent else f"{total:,} rows disagree with the ledger"
    print(f"{verdict.laws} laws over {size}: {says}.")
