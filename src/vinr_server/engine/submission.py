"""A command on its way through the engine, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass

from vinr_server.core.kernel.answers import Rejected
from vinr_server.core.kernel.commands import Command


@dataclass(frozen=True, slots=True)
class Submission:
    """A command with its caller: whose data, under which key, and whether anything is to be written at all.

    `keeps_refusal`: it is a part of a call that answers 2xx whatever becomes of the part. What it is refused for is
    kept under its key too, and comes as a Reply.
    """

    realm: int
    livemode: bool
    operation: str
    command: Command
    fingerprint: bytes
    idempotency_key: str | None = None
    request_id: str | None = None
    is_dry_run: bool = False
    is_deliverable: bool = True
    keeps_refusal: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """A command's answer, as it goes over the wire and as its key will repeat it.

    Of an accepted one, unless the submission keeps refusals: then the status may be one of 4xx, and the body is
    {code, message, param, details}.
    """

    status: int
    body: bytes
    is_replay: bool = False


Outcome = Reply | Rejected


class Unavailable(Exception):
    """Nothing was decided: the database can't be reached or the queue is full. The caller may try again."""
