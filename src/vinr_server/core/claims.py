"""Ids that the caller chose: the same id with the same body is the same object, with another body a conflict."""

from __future__ import annotations

from vinr_server.core.context import Context
from vinr_server.core.refusals import Rejected
from vinr_server.core.rows import Claim
from vinr_server.core.state import Layer


def existing_claim(draft: Layer, context: Context, id: str) -> Claim | Rejected | None:
    """The claim of an id by the very same body, None if the id is free, a refusal if another body has it."""
    claim = draft.get(Claim, id)
    if claim is None or claim.fingerprint == context.fingerprint:
        return claim
    message = f"The id {id!r} is taken by an object made from another body. Use a new id, or send the same body again."
    return Rejected("id_conflict", message, param="id", details={"id": id})


def claim_id(draft: Layer, context: Context, id: str, *, owner_bucket: int) -> None:
    """The id is taken by the body at hand, and resolves to the bucket of its row."""
    draft.put(Claim(context.bucket_of(id), id, owner_bucket, context.fingerprint))
