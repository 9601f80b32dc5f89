"""A command on its way through the engine, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass

from vinr_server.core.kernel.answers import Rejected
from vinr_server.core.kernel.commands import Command


@dataclass(frozen=True, slots=True)
class Submission:
    """A command with its caller: whose data, under which key, and whether anything is to be written at all."""

    realm: int
    livemode: bool
    operation: str
    command: Command
    fingerprint: bytes
    idempotency_key: str | None = None
    request_id: str | None = None
    is_dry_run: bool = False
    is_deliverable: bool = True


@dataclass(frozen=True, slots=True)
class Reply:
    """An accepted command's answer, as it goes over the wire and as its key will repeat it."""

    status: int
    body: bytes
    is_replay: bool = False


Outcome = Reply | Rejected


class Unavailable(Exception):
    """Nothing was decided: the database can't be reached or the queue is full. The caller may try again."""
