"""Single codes: made, changed, switched off, looked up."""

from __future__ import annotations

from datetime import datetime

from vinr_server.core.codes.commands import CreateCode, LookUpCode, UpdateCode
from vinr_server.core.codes.holders import (
    holder_of,
    key_of,
    look_at_key,
    name_code,
    name_key,
    name_offer_of_code,
    new_code,
    now_of,
    shown_code,
    take_key,
    taken,
)
from vinr_server.core.codes.keys import fold
from vinr_server.core.codes.rows import Code
from vinr_server.core.kernel.answers import Accepted, Rejected, first_listed, invalid, missing
from vinr_server.core.kernel.commands import Commands, Context, merge_metadata
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs, Of
from vinr_server.core.kernel.values import replace
from vinr_server.core.members.rows import Account
from vinr_server.core.offers.rows import Offer

# ---- create


def needs_create_code(command: CreateCode, needs: Needs) -> None:
    """Needs the offer, the key's holder, and the member whose it is to be."""
    look_at_key(needs, fold(command.code))
    if command.account_id is not None:
        needs.row(Account, command.account_id)


def follow_create_code(command: CreateCode, seen: Layer, needs: Needs) -> None:
    """Needs the holder's offer as well: the key may be free if that is over."""
    name_offer_of_code(needs, seen, command.offer_id)
    name_key(needs, seen, fold(command.code))


def decide_create_code(draft: Layer, command: CreateCode, context: Context) -> Accepted | Rejected:
    """The code opens its offer, and its key is its own. A holder that can't be used any more is replaced.

    Refuses: an offer that needs no code, a key that is taken, and a member that the offer is not for.
    """
    key = key_of(command.code, param="code")
    if isinstance(key, Rejected):
        return key
    offer = draft.get(Offer, command.offer_id)
    if offer is None or offer.deleted_at is not None:
        return missing("offer", command.offer_id, param="offer")
    refusal = first_listed(
        _window_refusal(command.starts_at, command.expires_at),
        member_refusal(draft, offer, command.account_id),
        taken(draft, context, key, text=command.code, param="code"),
        no_code_refusal(offer),
    )
    if refusal is not None:
        return refusal
    take_key(draft, key)
    code = new_code(
        context,
        key,
        command.code,
        created_at=now_of(draft, context, offer),
        offer_id=offer.id,
        account_id=command.account_id,
        max_redemptions=command.max_redemptions,
        starts_at=command.starts_at,
        expires_at=command.expires_at,
        metadata=command.metadata,
    )
    draft.put(code)
    return Accepted(shown_code(draft, context, code))


def no_code_refusal(offer: Offer) -> Rejected | None:
    """Refuse an offer that applies without a code."""
    if offer.terms.requires_code:
        return None
    message = f"Offer {offer.id} needs no code. Create an offer with requires_code: true, and codes for that one."
    return Rejected("offer_needs_no_code", message, param="offer", details={"offer": offer.id})


def member_refusal(draft: Layer, offer: Offer, account_id: str | None) -> Rejected | None:
    """Refuse to tie a code to an account that does not exist, or that is in another program than the offer."""
    if account_id is None:
        return None
    account = draft.get(Account, account_id)
    if account is None:
        return missing("account", account_id, param="account")
    if offer.program_id in (None, account.program_id):
        return None
    message = (
        f"Offer {offer.id} belongs to program {offer.program_id}, but account {account.id} to {account.program_id}."
    )
    return Rejected("program_mismatch", message, param="account")


def _window_refusal(starts_at: datetime | None, expires_at: datetime | None) -> Rejected | None:
    if starts_at is None or expires_at is None or expires_at > starts_at:
        return None
    message = f"expires_at ({expires_at.isoformat()}) must be after starts_at ({starts_at.isoformat()})."
    return invalid(message, param="expires_at")


# ---- change


def needs_update_code(command: UpdateCode, needs: Needs) -> None:
    """Needs the code, and its key's holder."""
    needs.row(Code, command.code_id, look=True)
    needs.look_along(Code, Of(Code, command.code_id, "folded"), by="folded")


def follow_update_code(command: UpdateCode, seen: Layer, needs: Needs) -> None:
    """Needs the offers of the code and of its key's holder."""
    code = seen.get(Code, command.code_id)
    if code is not None:
        name_code(needs, seen, code)
        name_key(needs, seen, code.folded)


def decide_update_code(draft: Layer, command: UpdateCode, context: Context) -> Accepted | Rejected:
    """The code says something else from now on; sessions that hold it keep it. Nothing brings a replaced one back."""
    before = draft.get(Code, command.code_id)
    if before is None or before.offer_id is None:
        return missing("code", command.code_id, param="id")
    metadata = merge_metadata(before.metadata, command.metadata or {})
    if isinstance(metadata, Rejected):
        return metadata
    after = replace(before, metadata=metadata, **command.changes)
    most = after.max_redemptions
    refusal = first_listed(
        _window_refusal(after.starts_at, after.expires_at),
        _most_refusal(before, most),
        _replaced_refusal(draft, before) if command.changes and not before.holds_key else None,
    )
    if refusal is not None:
        return refusal
    draft.put(after)
    return Accepted(shown_code(draft, context, after), is_new=False)


def _most_refusal(code: Code, most: int | None) -> Rejected | None:
    """Refuse a limit below what is used and held already."""
    if most == code.max_redemptions:
        return None
    if most is not None and most < code.used + code.reserved:
        message = (
            f"max_redemptions: code {code.id} was used {code.used} times and is held {code.reserved} times;"
            f" {most} is less. Send at least {code.used + code.reserved}, or active: false to end it."
        )
        return invalid(message, param="max_redemptions")
    return None


def _replaced_refusal(draft: Layer, code: Code) -> Rejected:
    holder = holder_of(draft, code.folded)
    by = f"code {holder.id}" if holder is not None and holder.offer_id is not None else "a newer code"
    message = f"Code {code.id} was replaced by {by}, which has its text now. Change that one instead."
    details = {"code": holder.id if holder is not None else None, "offer": holder and holder.offer_id}
    return Rejected("code_taken", message, param="id", details={**details, "status": "replaced"})


# ---- look up


def needs_look_up_code(command: LookUpCode, needs: Needs) -> None:
    """Needs the key's holder."""
    look_at_key(needs, fold(command.code))


def follow_look_up_code(command: LookUpCode, seen: Layer, needs: Needs) -> None:
    """Needs the clock that the holder's offer lives by."""
    name_key(needs, seen, fold(command.code))


def decide_look_up_code(draft: Layer, command: LookUpCode, context: Context) -> Accepted | Rejected:
    """The code whose key the text is, whatever its spelling."""
    holder = holder_of(draft, fold(command.code))
    if holder is None or holder.offer_id is None:
        return missing("code", command.code, param="code")
    return Accepted(shown_code(draft, context, holder), is_new=False)


COMMANDS: Commands = {
    CreateCode: (needs_create_code, decide_create_code, follow_create_code),
    UpdateCode: (needs_update_code, decide_update_code, follow_update_code),
    LookUpCode: (needs_look_up_code, decide_look_up_code, follow_look_up_code),
}
