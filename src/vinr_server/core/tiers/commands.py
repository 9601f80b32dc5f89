"""Commands on tiers."""

from __future__ import annotations

from datetime import datetime

from vinr_server.core.kernel.commands import Command
from vinr_server.core.kernel.values import dataclass
from vinr_server.core.members.rows import TierLock


@dataclass(frozen=True, slots=True)
class SetTier(Command):
    """A tier is held by hand. `tier` None: none. `is_notified`: webhooks hear of it."""

    account_id: str
    tier: str | None
    expires_at: datetime | None = None
    locked_until: datetime | None = None
    lock: TierLock | None = None
    reason: str | None = None
    is_notified: bool = True
