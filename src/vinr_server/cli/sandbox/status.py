"""`vinr status`: where the sandbox runs, for people, shells and programs."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import asdict
from pathlib import Path

import httpx2
import psycopg

from vinr_server.cli.calls.calling import data_dir_of
from vinr_server.cli.exits import UNREACHABLE
from vinr_server.cli.sandbox.seed import TENANT, Sandbox, running_sandbox
from vinr_server.storage.postgres.tenants import zone_of_tenant


def print_status(*, data: Path | None, form: str) -> int:
    """Print where the sandbox of the data directory is; exit code 4 if none answers."""
    data_dir = data_dir_of(data)
    sandbox = running_sandbox(data_dir)
    if sandbox is None or not _answers(sandbox):
        print(f"vinr status: no sandbox runs on {data_dir}. Start one with `vinr dev`.", file=sys.stderr)
        return UNREACHABLE
    values = asdict(sandbox)
    if form != "env":
        values["timezone"] = _zone(sandbox)
    if form == "json":
        print(json.dumps(values))
    elif form == "env":
        print("\n".join(f"export VINR_{name.upper()}={shlex.quote(value)}" for name, value in values.items()))
    else:
        print("\n".join(f"{name.replace('_', ' '):<14}{value}" for name, value in values.items()))
    return 0


def _zone(sandbox: Sandbox) -> str:
    """The time zone of the sandbox's tenant."""
    with psycopg.connect(sandbox.database_url) as connection:
        return zone_of_tenant(connection, TENANT) or "UTC"


def _answers(sandbox: Sandbox) -> bool:
    try:
        return httpx2.get(f"{sandbox.base_url}/healthz", timeout=2, trust_env=False).status_code == 200
    except httpx2.HTTPError:
        return False
