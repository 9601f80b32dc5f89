"""As of when something of a member may be decided: what is due of it comes before the command that names it (R24)."""

from __future__ import annotations

from datetime import datetime

from vinr_server.core.campaigns.rows import Enrolment
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.members.rows import Account


def first_instant(layer: Layer, account: Account, now: datetime) -> datetime:
    """The earliest instant as of which something of the account may be decided: now, unless something is overdue."""
    due = [account.due_at, account.next_segments_at, *(row.due_at for row in layer.here(Enrolment, account.id))]
    return min([now, *(at for at in due if at is not None)])
