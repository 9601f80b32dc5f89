"""A command on its way through the engine, and what comes back."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from vinr_server.core.kernel.answers import Rejected
from vinr_server.core.kernel.commands import Command


@dataclass(frozen=True, slots=True)
class Submission:
    """A command with its caller: whose data, under which key, and whether anything is written at all.

    `keeps_refusal`: it is a part of a call that answers 2xx whatever becomes of the part. Its refusal is stored under
    its key too, and comes as a Reply.
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


def system_submission(
    realm: int,
    command: Command,
    *,
    livemode: bool,
    operation: str | None = None,
    idempotency_key: str | None = None,
) -> Submission:
    """A command that no caller sent: from a worker, the command line or the sandbox. Two equal ones count as one.

    It is named after its type; `operation` is the name under which its `idempotency_key`, if any, keeps the answer.
    """
    return Submission(
        realm=realm,
        livemode=livemode,
        operation=operation or type(command).__name__,
        command=command,
        fingerprint=hashlib.sha256(repr(command).encode()).digest(),
        idempotency_key=idempotency_key,
    )


@dataclass(frozen=True, slots=True)
class Reply:
    """A command's answer, as it is sent over the wire and as its key will repeat it.

    It is the answer of an accepted command, unless the submission keeps refusals: then the status may be a 4xx, and the
    body is {code, message, param, details}.
    """

    status: int
    body: bytes
    is_replay: bool = False


Outcome = Reply | Rejected


class Unavailable(Exception):
    """Nothing was decided: the database can't be reached or the queue is full. The caller may try again."""
