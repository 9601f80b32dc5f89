"""Codes that were made elsewhere, row by row: each is created, there already, taken, or can't be a code (R64)."""

from __future__ import annotations

import re

from vinr_server.core.codes.batches import batch_of, off_refusal
from vinr_server.core.codes.changes import member_refusal
from vinr_server.core.codes.commands import ImportCode
from vinr_server.core.codes.holders import (
    holder_of,
    key_of,
    look_at_key,
    name_key,
    name_offer_of_code,
    new_code,
    now_of,
    take_key,
    taken,
)
from vinr_server.core.codes.keys import fold
from vinr_server.core.codes.rows import Code, CodeBatch, CodeProgress
from vinr_server.core.kernel.answers import Accepted, Rejected, missing
from vinr_server.core.kernel.commands import Commands, Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs
from vinr_server.core.kernel.payloads import Wire
from vinr_server.core.kernel.values import replace
from vinr_server.core.members.rows import Account
from vinr_server.core.offers.rows import Offer

# What a spreadsheet makes of a long number: the digits that it left out are lost.
SPREADSHEET = re.compile(r"\d+[.,]\d+E[+-]?\d+|\d+E[+-]\d+", re.ASCII | re.IGNORECASE)


def needs_import_code(command: ImportCode, needs: Needs) -> None:
    """Needs the batch, the key's holder, and the member whose it is to be."""
    needs.row(CodeBatch, command.batch_id)
    needs.row(CodeProgress, command.batch_id)
    look_at_key(needs, fold(command.code))
    if command.account_id is not None:
        needs.row(Account, command.account_id)


def follow_import_code(command: ImportCode, seen: Layer, needs: Needs) -> None:
    """Needs the batch's offer, and that of the key's holder."""
    batch = seen.get(CodeBatch, command.batch_id)
    if batch is not None:
        name_offer_of_code(needs, seen, batch.offer_id)
    name_key(needs, seen, fold(command.code))


def decide_import_code(draft: Layer, command: ImportCode, context: Context) -> Accepted | Rejected:
    """The code is one of the batch, once. Refuses: what can be none, a text that is taken, an unknown member."""
    found = batch_of(draft, command.batch_id, param="id")
    if isinstance(found, Rejected):
        return found
    batch, progress = found
    offer = draft.get(Offer, batch.offer_id)
    if offer is None or offer.deleted_at is not None:
        return missing("offer", batch.offer_id, param="id")
    off = off_refusal(batch)
    if off is not None:
        return off
    if SPREADSHEET.fullmatch(command.code.strip()):
        message = f"code: {command.code!r} is a number that a spreadsheet has shortened. Export the codes as text."
        return Rejected("parameter_invalid", message, param="code", details={"reason": "spreadsheet_number"})
    key = key_of(command.code, param="code")
    if isinstance(key, Rejected):
        return replace(key, details={"reason": "invalid"})
    holder = holder_of(draft, key)
    if holder is not None and holder.batch_id == batch.id:
        return Accepted(_shown(holder), is_new=False)
    refusal = member_refusal(draft, offer, command.account_id) or taken(
        draft, context, key, text=command.code, param="code"
    )
    if refusal is not None:
        return refusal
    take_key(draft, key)
    progress = replace(progress, wanted=progress.wanted + 1, made=progress.made + 1, announced=progress.announced + 1)
    progress = replace(progress, assigned=progress.assigned + (command.account_id is not None))
    draft.put(progress)
    code = new_code(
        context,
        key,
        command.code,
        created_at=now_of(draft, context, offer),
        offer_id=offer.id,
        account_id=command.account_id,
        max_redemptions=command.max_redemptions or batch.max_redemptions,
        expires_at=command.expires_at or batch.expires_at,
        metadata=command.metadata,
        batch_id=batch.id,
        number=progress.made,
    )
    draft.put(code)
    return Accepted(_shown(code))


def _shown(code: Code) -> Wire:
    return {"id": code.id, "code": code.code}


COMMANDS: Commands = {ImportCode: (needs_import_code, decide_import_code, follow_import_code)}
