"""Ids that callers choose: the same id with the same body is the same object; with another body it is a conflict."""

from __future__ import annotations

from typing import TypeVar

from vinr_server.core.kernel.answers import Rejected
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.rows import Claim, Row

RowT = TypeVar("RowT", bound=Row)


def made_before(draft: Layer, context: Context, row_type: type[RowT], id: str | None) -> RowT | Rejected | None:
    """Return what the same body created under its chosen id; None if it chose no id or the id is free.

    Refuses: an id that a different body has taken, or that the engine gave to an object created without an id.
    """
    if id is None:
        return None
    claim = draft.get(Claim, id)
    if claim is None and draft.find(row_type, id) is None:
        return None
    if claim is not None and claim.fingerprint == context.fingerprint:
        return draft.get(row_type, claim.id)
    message = f"The id {id!r} was already used with a different body. Use a new id, or send the original body again."
    return Rejected("id_conflict", message, param="id", details={"id": id})


def claim_id(draft: Layer, context: Context, id: str, *, owner_bucket: int) -> None:
    """Record that this body has taken the id, which now resolves to the bucket of its row."""
    draft.put(Claim(context.bucket_of(id), id, owner_bucket, context.fingerprint))
