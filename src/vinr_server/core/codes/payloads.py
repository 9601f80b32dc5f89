"""Codes as the wire shows them."""

from __future__ import annotations

from datetime import datetime

from vinr_server.core.codes.rows import BatchTally, Code, CodeBatch, CodeProgress
from vinr_server.core.kernel.payloads import Wire, unix, unix_or_none


def code_payload(code: Code, *, now: datetime, is_cut_off: bool, livemode: bool) -> Wire:
    """The code object, with its status at its offer's current time. `is_cut_off`: its batch is disabled."""
    return {
        "id": code.id,
        "object": "code",
        "code": code.code,
        "key": code.folded,
        "offer": code.offer_id,
        "batch": code.batch_id,
        "account": code.account_id,
        "status": code.status_at(now, is_cut_off=is_cut_off),
        "max_redemptions": code.max_redemptions,
        "used": code.used,
        "held": code.reserved,
        "starts_at": unix_or_none(code.starts_at),
        "expires_at": unix_or_none(code.expires_at),
        "metadata": code.metadata,
        "created": unix(code.created_at),
        "livemode": livemode,
    }


def code_batch_payload(batch: CodeBatch, progress: CodeProgress, tally: BatchTally, *, livemode: bool) -> Wire:
    """The code_batch object: what its codes are, and how many there are."""
    return {
        "id": batch.id,
        "object": "code_batch",
        "name": batch.name,
        "offer": batch.offer_id,
        "pattern": batch.pattern,
        "alphabet": batch.alphabet,
        "status": batch_status(batch, progress),
        "max_redemptions": batch.max_redemptions,
        "expires_at": unix_or_none(batch.expires_at),
        "low_at": batch.low_at,
        "wanted": progress.wanted,
        "made": progress.made,
        "used": tally.used,
        "assigned": progress.assigned,
        "unassigned": progress.unassigned,
        "metadata": batch.metadata,
        "created": unix(batch.created_at),
        "livemode": livemode,
    }


def batch_status(batch: CodeBatch, progress: CodeProgress) -> str:
    """Whether codes are still being made, and whether any can be used."""
    if batch.status == "disabled":
        return "disabled"
    return "generating" if progress.made < progress.wanted else "ready"
