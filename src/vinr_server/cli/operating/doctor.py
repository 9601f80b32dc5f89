"""`vinr doctor`: checks the settings and the database; each line says ok, warn or fail, and what to do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

import psycopg
from pydantic import ValidationError
from rich.console import Console

from vinr_server.cli.database_faults import database_fault
from vinr_server.cli.operating.checks import wrong_settings
from vinr_server.engine.settings import Settings
from vinr_server.storage.postgres.migrate import require_current
from vinr_server.storage.reads.health import CHECKS, CHECKS_OF_SCHEMA, Finding

STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def run_doctor(*, as_json: bool) -> int:
    """Print every finding; returns the exit code, 1 if a check failed."""
    findings = list(_findings())
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings]))
    else:
        console = Console(highlight=False, soft_wrap=True)
        for finding in findings:
            level = f"[{STYLES[finding.level]}]{finding.level:<5}[/]"
            console.print(f"{level} {finding.what}: ", end="")
            console.print(" ".join(part for part in (finding.found, finding.todo) if part), markup=False)
    return int(any(finding.level == "fail" for finding in findings))


def _findings() -> Iterator[Finding]:
    try:
        settings = Settings()  # type: ignore[call-arg]
    except ValidationError as error:
        yield from (Finding("settings", "fail", fault, "See docs/settings.md.") for fault in wrong_settings(error))
        return
    yield Finding("settings", "ok", "complete")
    try:
        with psycopg.connect(settings.database_url, autocommit=True, connect_timeout=5) as connection:
            for check in CHECKS:
                yield from check(connection)
            try:
                require_current(settings.database_url)
            except Exception as error:  # the operator may see whatever the database says
                yield Finding("schema", "fail", database_fault(error, settings.database_url), "Run `vinr migrate`.")
                return
            yield Finding("schema", "ok", "current")
            for check in CHECKS_OF_SCHEMA:
                yield from check(connection)
    except psycopg.Error as error:
        yield Finding("database", "fail", database_fault(error, settings.database_url), "Check VINR_DATABASE_URL.")
