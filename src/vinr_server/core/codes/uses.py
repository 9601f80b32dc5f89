"""Uses of codes: held by sessions, taken by redemptions, given back (R63). The code's row is its own counter."""

from __future__ import annotations

from datetime import datetime

from vinr_server.core.codes.holders import is_cut_off
from vinr_server.core.codes.payloads import code_payload
from vinr_server.core.codes.rows import Code
from vinr_server.core.events.announcements import announce
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.values import replace
from vinr_server.core.members.rows import Account


def count_use(
    draft: Layer,
    context: Context,
    code_id: str,
    *,
    used: int = 0,
    reserved: int = 0,
    account_id: str | None,
    now: datetime,
) -> Code:
    """So many more uses of the code are taken, or held; what is redeemed or free again is announced by an event.

    `account_id`: the member who uses it, if it is known.
    """
    before = draft.get(Code, code_id)
    assert before is not None, f"code {code_id} was not loaded"
    code = replace(before, used=before.used + used, reserved=before.reserved + reserved)
    draft.put(code)
    if used > 0:
        _announce(draft, context, code, "code.redeemed", account_id, now)
    elif used + reserved < 0:
        _announce(draft, context, code, "code.released", account_id, now)
    return code


def _announce(
    draft: Layer, context: Context, code: Code, event_type: str, account_id: str | None, now: datetime
) -> None:
    account = draft.get(Account, account_id) if account_id is not None else None
    data = code_payload(code, now=now, is_cut_off=is_cut_off(draft, code), livemode=context.livemode)
    announce(draft, context, type=event_type, account=account, bucket=code.bucket, data=data, now=now)
