"""Who holds a key: at most one code a realm, members' referral codes included, and when it passes the key on (R60)."""

from __future__ import annotations

from datetime import datetime

from vinr_server.core.codes.keys import fold, key_problem
from vinr_server.core.codes.payloads import code_payload
from vinr_server.core.codes.rows import Code, CodeBatch
from vinr_server.core.kernel.answers import Rejected, invalid
from vinr_server.core.kernel.caps import CAPS, counter_of
from vinr_server.core.kernel.commands import EMPTY, Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs, Part
from vinr_server.core.kernel.payloads import Wire
from vinr_server.core.kernel.rows import Counter, Json
from vinr_server.core.kernel.values import replace
from vinr_server.core.offers.rows import Offer, OfferStatus
from vinr_server.core.programs.rows import Program


def look_at_key(needs: Needs, key: str) -> None:
    """Declare a look at the code that holds a key."""
    needs.children(Code, key, look=True)


def name_key(needs: Needs, seen: Layer, key: str) -> None:
    """Declare the code that holds a key, with its offer. Expects the look."""
    for code in seen.children(Code, key):
        name_code(needs, seen, code)


def name_code(needs: Needs, seen: Layer, code: Code) -> None:
    """Declare a code that was seen, locked, with the offer that it opens, its clock and its cap."""
    needs.row(Code, code.id)
    if code.offer_id is not None:
        name_offer_of_code(needs, seen, code.offer_id)


def name_offer_of_code(needs: Needs, seen: Layer, offer_id: str) -> None:
    """Declare the offer that codes open, its clock, and the counter of its cap."""
    needs.row(Offer, offer_id)
    needs.children(Counter, CAPS, Part.FIRST)
    offer = seen.get(Offer, offer_id)
    if offer is not None and offer.is_counted:
        needs.counter(counter_of("offer", offer_id))


def holder_of(layer: Layer, key: str) -> Code | None:
    """The code that holds the key, of an offer or of a member who brings others; None if nobody does."""
    return next((code for code in layer.children(Code, key) if code.holds_key), None)


def offer_of(layer: Layer, code: Code) -> Offer | None:
    """The offer that a code opens; None where it is deleted."""
    offer = layer.get(Offer, code.offer_id) if code.offer_id is not None else None
    return None if offer is None or offer.deleted_at is not None else offer


def is_cut_off(layer: Layer, code: Code) -> bool:
    """Whether the code's batch is disabled."""
    batch = layer.get(CodeBatch, code.batch_id) if code.batch_id is not None else None
    return batch is not None and batch.status == "disabled"


def shown_code(layer: Layer, context: Context, code: Code) -> Wire:
    """The code's payload at its offer's current time."""
    now = now_of(layer, context, offer_of(layer, code))
    return code_payload(code, now=now, is_cut_off=is_cut_off(layer, code), livemode=context.livemode)


def now_of(layer: Layer, context: Context, offer: Offer | None) -> datetime:
    """The time that a code's windows follow: that of its offer's program, or real time."""
    program = layer.get(Program, offer.program_id) if offer is not None and offer.program_id is not None else None
    return context.now(program.clock_id if program is not None else None)


def taken(layer: Layer, context: Context, key: str, *, text: str, param: str) -> Rejected | None:
    """Refuse a key whose holder can still be used, now or later, or was a single-use code that was used."""
    holder = holder_of(layer, key)
    if holder is None:
        return None
    offer = offer_of(layer, holder)
    if _passes_on(layer, context, holder, offer):
        return None
    status = holder.status_at(now_of(layer, context, offer), is_cut_off=is_cut_off(layer, holder))
    of = (
        f"opens offer {holder.offer_id} and is {status}" if holder.offer_id is not None else "brings a member's friends"
    )
    message = f"The code {text} is taken: {holder.code} {of}. Choose another one."
    details = {"code": holder.id, "offer": holder.offer_id, "status": status}
    if holder.offer_id is None:
        details = {"code": None, "offer": None, "status": status}
    return Rejected("code_taken", message, param=param, details=details)


def _passes_on(layer: Layer, context: Context, holder: Code, offer: Offer | None) -> bool:
    """Whether the holder gives up its key to a new code: it is disabled or over, or its offer is."""
    if holder.offer_id is None or (holder.max_redemptions == 1 and holder.used):
        return False
    now = now_of(layer, context, offer)
    is_disabled = holder.status == "disabled" or is_cut_off(layer, holder)
    if offer is None or is_disabled or (holder.expires_at is not None and holder.expires_at <= now):
        return True
    return status_of_offer(layer, offer, now) in ("expired", "exhausted")


def status_of_offer(layer: Layer, offer: Offer, now: datetime) -> OfferStatus:
    """Where the offer stands, with what its cap has counted, which is declared with the code."""
    counter = layer.get(Counter, counter_of("offer", offer.id), of=(CAPS, offer.id)) if offer.is_counted else None
    return offer.status_at(now, used=counter.used if counter is not None else 0)


def take_key(draft: Layer, key: str) -> None:
    """The key is free for a new holder; its old one is replaced for good. Expects that it is not `taken`."""
    holder = holder_of(draft, key)
    if holder is not None:
        draft.put(replace(holder, holds_key=False))


def key_of(text: str, *, param: str) -> str | Rejected:
    """The key of a new code. Refuses what can be none."""
    key = fold(text)
    problem = key_problem(key)
    if problem is not None:
        return invalid(f"{param}: {text!r} can't be a code: {problem}.", param=param)
    return key


def referral_key(context: Context, key: str, text: str, now: datetime) -> Code:
    """The row by which a member's referral code holds its key, for as long as there are referral codes."""
    return new_code(context, key, text, created_at=now)


def new_code(
    context: Context,
    key: str,
    text: str,
    *,
    created_at: datetime,
    offer_id: str | None = None,
    account_id: str | None = None,
    max_redemptions: int | None = None,
    starts_at: datetime | None = None,
    expires_at: datetime | None = None,
    metadata: Json = EMPTY,
    batch_id: str | None = None,
    number: int | None = None,
) -> Code:
    """A code that nobody has used and that holds its key. Expects that the key is free."""
    bucket = context.bucket_of(key)
    return Code(
        bucket=bucket,
        id=context.make_id("code", bucket),
        folded=key,
        code=text,
        holds_key=True,
        offer_id=offer_id,
        account_id=account_id,
        status="active",
        max_redemptions=max_redemptions,
        used=0,
        reserved=0,
        starts_at=starts_at,
        expires_at=expires_at,
        metadata=metadata,
        created_at=created_at,
        batch_id=batch_id,
        number=number,
    )
