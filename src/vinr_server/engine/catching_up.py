"""Before a command is decided, all that time has brought to the members that it names is done (R24, R43)."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from vinr_server.core.campaigns.passages.due import catch_up_with_steps
from vinr_server.core.campaigns.passages.hearing import hear_due
from vinr_server.core.campaigns.rows import Enrolment
from vinr_server.core.credit.rows import Wallet
from vinr_server.core.decide import follow, needs_of
from vinr_server.core.due import brings_due, may_have_due
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import AlsoRows, InPart, Needs, Whole
from vinr_server.core.members.rows import Account
from vinr_server.core.programs.rows import Program
from vinr_server.engine.submission import Submission

log = logging.getLogger("vinr.engine")


def waits_in(layer: Layer, now: datetime) -> bool:
    """Whether something may be due in the layer's accounts and wallets, or in campaigns that members are in."""
    return may_have_due(layer, now) or _may_step(layer, now)


def _may_step(layer: Layer, now: datetime) -> bool:
    """Whether a step of a passage may be due at `now`, real time: a test clock may be anywhere."""
    return any(
        enrolment.due_at is not None and (enrolment.due_at <= now or _is_on_test_clock(layer, enrolment.program_id))
        for enrolment in layer.written(Enrolment)
    )


def _is_on_test_clock(layer: Layer, program_id: str) -> bool:
    program = layer.get(Program, program_id)
    return program is not None and program.clock_id is not None


def brings_waiting(draft: Layer, loaded: Layer, now: datetime) -> bool:
    """Whether something may wait in what a command wrote, or, if it changed what members follow, in what was loaded."""
    return brings_due(draft, loaded) or _may_step(draft, now)


def catch_up_with(
    layer: Layer, submission: Submission, context: Context, merged: Mapping[Any, str], asked: Collection[Whole]
) -> None:
    """All that time has brought by now to the accounts that the submission names, or its decision asked for, is done.

    So due work stands before the first command that meets it, however commands are batched.
    """
    mine = Needs(merged=merged, asked=asked)
    needs_of(submission.command, mine)
    follow(submission.command, layer.uncovered(), mine)
    named: list[Account | Wallet | None] = [layer.find(Account, id) for id in mine.rows.get(Account, ())]
    named += [layer.find(Wallet, id) for id in mine.rows.get(Wallet, ())]
    draft = layer.draft()
    holders = [holder for holder in named if holder is not None]
    catch_up_with_steps(draft, context_of_time(context), holders, on_done=hear_due, attempt=attempt_steps)
    layer.merge(draft)


def attempt_steps(take: Callable[[], None]) -> str | None:
    """Steps are taken. A fault of ours in them is logged, and is nobody else's: the answer is the id in the log."""
    try:
        take()
    except (InPart, AlsoRows):
        raise
    except Exception:  # the floor's edge: a journey never fails a payment (R41), not by what it did not declare either
        error = f"err_{uuid.uuid4().hex}"
        log.exception("steps of a campaign failed: %s", error)
        return error
    return None


def context_of_time(context: Context) -> Context:
    """What due work is given: no caller asked for it, and it is delivered whatever the caller's own events are."""
    return replace(context, fingerprint=b"", is_deliverable=True, request_id=None, idempotency_key=None)
