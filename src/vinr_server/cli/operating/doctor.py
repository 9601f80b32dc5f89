"""`vinr doctor`: settings and database, looked at one by one; each line says ok, warn or fail, and what to do."""

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
    """Print every finding. Exit code: 1 where one of them is fail."""
    findings = list(_findings())
    if as_json:
        print(json.dumps([asdict(one) for one in findings]))
    else:
        console = Console(highlight=False, soft_wrap=True)
        for one in findings:
            level = f"[{STYLES[one.level]}]{one.level:<5}[/]"
            console.print(f"{level} {one.what}: ", end="")
            console.print(" ".join(part for part in (one.found, one.todo) if part), markup=False)
    return int(any(one.level == "fail" for one in findings))


def _findings() -> Iterator[Finding]:
    try:
        settings = Settings()  # type: ignore[call-arg]
    except ValidationError as error:
        yield from (Finding("settings", "fail", one, "See docs/settings.md.") for one in wrong_settings(error))
        return
    yield Finding("settings", "ok", "complete")
    try:
        with psycopg.connect(settings.database_url, autocommit=True, connect_timeout=5) as connection:
            for check in CHECKS:
                yield from check(connection)
            try:
                require_current(settings.database_url)
            except Exception as error:  # whatever the database says, it is for the operator's eyes
                yield Finding("schema", "fail", database_fault(error, settings.database_url), "Run `vinr migrate`.")
                return
            yield Finding("schema", "ok", "current")
            for check in CHECKS_OF_SCHEMA:
                yield from check(connection)
    except psycopg.Error as error:
        yield Finding("database", "fail", database_fault(error, settings.database_url), "Is VINR_DATABASE_URL right?")
