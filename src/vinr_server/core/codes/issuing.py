"""Codes that campaigns give to members: the next of a batch in its order, or one made at once (R48, R64).

The batch's progress is locked with everything that may give one of its codes, and so are the codes that come next: no
two members, and no two processes, get the same.
"""

from __future__ import annotations

from datetime import datetime

from vinr_server.core.codes.batches import AMOUNT_MAX, off_refusal, shown_batch, space_refusal
from vinr_server.core.codes.changes import member_refusal
from vinr_server.core.codes.holders import name_offer_of_code, new_code, now_of, status_of_offer
from vinr_server.core.codes.keys import fold
from vinr_server.core.codes.rows import BatchTally, Code, CodeBatch, CodeProgress, NextCodes
from vinr_server.core.events.announcements import announce
from vinr_server.core.kernel.answers import Rejected, missing
from vinr_server.core.kernel.calendar import whole_second
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import AlsoRows, Needs
from vinr_server.core.kernel.spans.durations import Duration, later
from vinr_server.core.kernel.values import replace
from vinr_server.core.members.rows import Account
from vinr_server.core.offers.rows import Offer
from vinr_server.core.programs.members import program_of


def name_issuing(needs: Needs, seen: Layer, batch_id: str, *, most: int = 1) -> None:
    """Declare what giving codes of the batch needs: its progress, locked, its offer, and so many of its next codes."""
    needs.row(CodeProgress, batch_id)
    needs.row(NextCodes, (batch_id, most))
    batch = seen.get(CodeBatch, batch_id)
    if batch is not None:
        name_offer_of_code(needs, seen, batch.offer_id)


def name_asked_batches(needs: Needs, seen: Layer) -> None:
    """Declare the same of the batches whose next codes a decision has asked for."""
    for name in list(needs.rows.get(NextCodes, ())):
        if isinstance(name, tuple):
            name_issuing(needs, seen, name[0], most=name[1])


def issue_code(
    draft: Layer, context: Context, batch_id: str, account: Account, *, expires_in: Duration | None
) -> Code | Rejected:
    """The member has a code of the batch for itself, until `expires_in` from now on, or the code's own end before that.

    Refuses: a batch that is disabled, or whose codes are still being generated; an offer that is over, or of another
    program; a batch that has no code left, or could have no other that nobody guesses. Raises AlsoRows.
    """
    batch = draft.get(CodeBatch, batch_id)
    if batch is None:
        return missing("code batch", batch_id, param="batch")
    off = off_refusal(batch)
    if off is not None:
        return off
    if draft.find(NextCodes, batch_id) is None:
        raise AlsoRows(NextCodes, [(batch_id, 1)])
    progress = draft.get(CodeProgress, batch_id)
    assert progress is not None, "every batch has its progress"
    offer = draft.get(Offer, batch.offer_id)
    if offer is None or offer.deleted_at is not None:
        message = f"Offer {batch.offer_id} is deleted: its codes open nothing."
        return Rejected("offer_not_active", message, param="offer", details={"status": "deleted"})
    at = now_of(draft, context, offer)
    refusal = member_refusal(draft, offer, account.id) or _over_refusal(draft, offer, at=at)
    if refusal is not None:
        return refusal
    ends_at = None
    if expires_in is not None:
        ends_at = later(whole_second(at), expires_in, program_of(draft, account).timezone)
    if progress.is_pool:
        return _take_next(draft, context, batch, progress, account, at=at, ends_at=ends_at)
    return _make(draft, context, batch, progress, account, at=at, ends_at=ends_at)


def _over_refusal(draft: Layer, offer: Offer, *, at: datetime) -> Rejected | None:
    """Refuse a code that would open nothing: the offer is over, or all its uses are taken."""
    status = status_of_offer(draft, offer, at)
    if status not in ("expired", "exhausted"):
        return None
    limit = "window" if status == "expired" else "global"
    message = f"Offer {offer.id} is {status}: its codes open nothing any more."
    return Rejected("offer_limit_reached", message, param="offer", details={"limit": limit})


def _take_next(
    draft: Layer,
    context: Context,
    batch: CodeBatch,
    progress: CodeProgress,
    account: Account,
    *,
    at: datetime,
    ends_at: datetime | None,
) -> Code | Rejected:
    code = _next(draft, batch, progress, at=at)
    if code is None and progress.made < progress.wanted:
        message = f"The codes of batch {batch.id} are still being made: {progress.made} of {progress.wanted} are there."
        details = {"made": progress.made, "wanted": progress.wanted}
        return Rejected("code_batch_not_ready", message, param="batch", details=details)
    if code is None:
        return _exhausted(batch, "all that can be used are given, held or used. Import or generate more.")
    code = replace(code, account_id=account.id, expires_at=_sooner(code.expires_at, ends_at))
    draft.put(code)
    _count(draft, context, batch, replace(progress, issued=max(progress.issued, code.number or 0)), at=at)
    return code


def _next(draft: Layer, batch: CodeBatch, progress: CodeProgress, *, at: datetime) -> Code | None:
    """The code whose turn it is: the lowest number after the last one given; then those that were passed over.

    Raises AlsoRows where none of those that were read can be given, and there may be others.
    """
    read = draft.find(NextCodes, batch.id)
    assert read is not None, "asked for before"
    named = [draft.get(Code, id) for id in read.ids]
    if len(read.ids) == read.most:
        found = next((code for code in named if code is not None and _is_free(code, at)), None)
        if found is None:
            raise AlsoRows(NextCodes, [(batch.id, 2 * read.most)])
        return found
    # Those that the batch itself has made, or freed, nobody has read.
    free = [code for code in draft.all_here(Code) if code.batch_id == batch.id and _is_free(code, at)]
    return min(free, key=lambda code: (code.number or 0) + (0 if _is_ahead(code, progress) else AMOUNT_MAX * 2),
               default=None)  # fmt: skip


def _is_ahead(code: Code, progress: CodeProgress) -> bool:
    return code.number is not None and code.number > progress.issued


def _is_free(code: Code, at: datetime) -> bool:
    """Whether nobody has the code, uses it, or can't use it for good."""
    return (
        code.account_id is None
        and code.holds_key
        and code.status == "active"
        and not code.used
        and not code.reserved
        and (code.expires_at is None or at < code.expires_at)
    )


def _make(
    draft: Layer,
    context: Context,
    batch: CodeBatch,
    progress: CodeProgress,
    account: Account,
    *,
    at: datetime,
    ends_at: datetime | None,
) -> Code | Rejected:
    """A code of the batch's pattern that nobody can guess. One that is taken fails to be saved, and is drawn again."""
    if batch.expires_at is not None and batch.expires_at <= at:
        return _exhausted(batch, f"its codes ended at {batch.expires_at.isoformat()}. Name another batch.")
    made = progress.made + 1
    if made > AMOUNT_MAX:
        return _exhausted(batch, f"it has {AMOUNT_MAX} codes, and no batch has more. Name another batch.")
    if space_refusal(batch.pattern, batch.alphabet, made) is not None:
        why = f"of one code more of {batch.pattern}, one of 10^9 guesses would hit one. Name a batch of longer codes."
        return _exhausted(batch, why)
    text = context.draw_code(batch.pattern, batch.alphabet)
    code = new_code(
        context,
        fold(text),
        text,
        created_at=at,
        offer_id=batch.offer_id,
        account_id=account.id,
        max_redemptions=batch.max_redemptions,
        expires_at=_sooner(batch.expires_at, ends_at),
        batch_id=batch.id,
        number=made,
    )
    draft.put(code)
    counted = replace(progress, wanted=progress.wanted + 1, made=made, announced=progress.announced + 1)
    draft.put(replace(counted, assigned=progress.assigned + 1, at_once=progress.at_once + 1, issued=made))
    return code


def _sooner(first: datetime | None, second: datetime | None) -> datetime | None:
    return min((end for end in (first, second) if end is not None), default=None)


def _exhausted(batch: CodeBatch, why: str) -> Rejected:
    message = f"Code batch {batch.id} has no code to give: {why}"
    return Rejected("codes_exhausted", message, param="batch", details={"batch": batch.id})


def _count(draft: Layer, context: Context, batch: CodeBatch, progress: CodeProgress, *, at: datetime) -> None:
    """One code more is a member's; `code_batch.low` says once that few are left (again after more were added)."""
    progress = replace(progress, assigned=progress.assigned + 1)
    is_low = batch.low_at is not None and progress.unassigned <= batch.low_at
    was_low = progress.is_low and batch.low_at is not None and progress.unassigned < batch.low_at
    draft.put(replace(progress, is_low=is_low))
    if is_low and not was_low:
        if draft.find(BatchTally, batch.id) is None:
            raise AlsoRows(BatchTally, [batch.id])
        payload = shown_batch(draft, context, batch, replace(progress, is_low=is_low))
        announce(draft, context, type="code_batch.low", data=payload, now=at)


def withdraw_code(draft: Layer, code_id: str) -> bool:
    """Nobody can use the code any longer, if nobody has; whether that is so. A session that holds it keeps it (R16)."""
    code = draft.get(Code, code_id)
    assert code is not None, f"code {code_id} was not loaded"
    if code.used:
        return False
    if code.status == "active":
        draft.put(replace(code, status="disabled"))
    return not code.reserved
