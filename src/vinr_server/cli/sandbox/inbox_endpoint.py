"""The webhook endpoint through which a sandbox sends every event to its own inbox; it is like any other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from vinr_server.cli.sandbox.inbox import PATH, Inbox
from vinr_server.cli.sandbox.seed import write_private
from vinr_server.core.events.commands import CreateWebhookEndpoint, UpdateWebhookEndpoint
from vinr_server.core.kernel.answers import Rejected
from vinr_server.core.kernel.commands import Command
from vinr_server.engine.sealing import Seal, make_secret
from vinr_server.engine.submission import system_submission
from vinr_server.engine.writer import Writer

DESCRIPTION = "The inbox of vinr dev"


async def open_inbox(inbox: Inbox, writer: Writer, realm: int, seal: Seal, *, data_dir: Path, base_url: str) -> None:
    """Every event from now on is sent to the inbox, at this start's address."""
    path, url = data_dir / "inbox.json", base_url + PATH
    kept: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    if kept:
        update = UpdateWebhookEndpoint(kept["endpoint"], {"url": url, "status": "enabled"})
        if await _submit(writer, realm, update) is not None:
            inbox.secret = kept["secret"]
            return
    inbox.secret = make_secret()
    made = await _submit(writer, realm, CreateWebhookEndpoint(url, ("*",), seal.close(inbox.secret), DESCRIPTION))
    assert made is not None, "an endpoint for everything can be made"
    write_private(path, {"endpoint": made["id"], "secret": inbox.secret})


async def _submit(writer: Writer, realm: int, command: Command) -> dict[str, Any] | None:
    """The endpoint as it is now; None if there is none, after a reset or because somebody deleted it."""
    outcome = await writer.submit(system_submission(realm, command, livemode=False))
    return None if isinstance(outcome, Rejected) else dict(json.loads(outcome.body))
