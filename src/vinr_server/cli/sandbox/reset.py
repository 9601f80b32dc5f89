"""`vinr reset`: deletes the sandbox's data and seeds it again; its key and address stay."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import httpx2
import typer

from vinr_server.cli.calls.calling import data_dir_of, print_json
from vinr_server.cli.exits import UNREACHABLE, USAGE, fail
from vinr_server.cli.sandbox.journal import Journal
from vinr_server.cli.sandbox.seed import RESET_PATH, Sandbox, is_sandbox, running_sandbox, start_of_sandbox
from vinr_server.storage.postgres.embedded import EmbeddedRefused, recreate_database, start_embedded

WHAT = "reset"
RESET_SECONDS_MAX = 60.0


def reset(*, data: Path | None, base_url: str | None, is_agreed: bool, as_json: bool) -> None:
    """The sandbox of the data directory is like new, whether it runs or not. Nothing else is ever reset."""
    data_dir = data_dir_of(data)
    if not is_sandbox(data_dir):
        fail(WHAT, f"there is no sandbox in {data_dir}. Nothing was changed.")
    sandbox = running_sandbox(data_dir)
    if base_url is not None and (sandbox is None or base_url.rstrip("/") != sandbox.base_url):
        fail(WHAT, f"{base_url} is not the sandbox of {data_dir}, and only that can be reset. Nothing was changed.")
    if not is_agreed:
        _ask(data_dir)
    started_at = time.monotonic()
    is_running = sandbox is not None and _is_reset(sandbox, data_dir)
    if not is_running:
        _recreate(data_dir)  # refuses if the directory is in use after all
    seconds = round(time.monotonic() - started_at, 1)
    if as_json:
        print_json({"data_dir": str(data_dir), "running": is_running, "seconds": seconds})
    else:
        after = "it keeps running with new seed data" if is_running else "the next `vinr dev` seeds it again"
        print(f"The sandbox of {data_dir} is empty again, and {after} ({seconds} s). Its key is the same.")


def _ask(data_dir: Path) -> None:
    if not sys.stdin.isatty():
        fail(WHAT, f"this removes all data of the sandbox in {data_dir}. Confirm with --yes.", code=USAGE)
    typer.confirm(f"Remove all data of the sandbox in {data_dir}?", abort=True, err=True)


def _is_reset(sandbox: Sandbox, data_dir: Path) -> bool:
    """The running sandbox has started again; False if it was not running after all."""
    before = start_of_sandbox(data_dir)
    try:
        headers = {"Authorization": f"Bearer {sandbox.secret_key}"}
        answer = httpx2.post(sandbox.base_url + RESET_PATH, headers=headers, timeout=10, trust_env=False)
    except httpx2.TransportError:
        return False
    if answer.status_code != 202:  # another server has the port now
        return False
    end = time.monotonic() + RESET_SECONDS_MAX
    while start_of_sandbox(data_dir) in (None, before):
        if time.monotonic() > end:
            why = f"the sandbox has not started again within {RESET_SECONDS_MAX:.0f} s. See the output of `vinr dev`."
            fail(WHAT, why, code=UNREACHABLE)
        time.sleep(0.05)
    return True


def _recreate(data_dir: Path) -> None:
    try:
        server = start_embedded(data_dir)
    except EmbeddedRefused as error:
        fail(WHAT, str(error))
    try:
        recreate_database(server.url)
    finally:
        server.stop()
    journal = Journal(data_dir)
    journal.clear()
    journal.close()
