"""Commands on programs."""

from __future__ import annotations

from dataclasses import field

from vinr_server.core.kernel.calendar import ExpiryRounding
from vinr_server.core.kernel.commands import Command, Json
from vinr_server.core.kernel.values import dataclass
from vinr_server.core.programs.rows import EARNING_TENDERS, ExpiryMode, Tier, TierPolicy

# ---- configuration


@dataclass(frozen=True, slots=True)
class CreateProgram(Command):
    name: str
    id: str | None = None
    currency_name: str = "points"
    expiry_months: int | None = None
    expiry_rounding: ExpiryRounding = "none"
    expiry_mode: ExpiryMode = "fixed"
    pending_days: int = 0
    timezone: str = "UTC"
    tiers: tuple[Tier, ...] = ()
    tier_policy: TierPolicy = TierPolicy()
    earning_tenders: tuple[str, ...] = EARNING_TENDERS
    guest_days: int | None = None
    expiry_reminders: tuple[int, ...] = ()
    clock_id: str | None = None
    metadata: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UpdateProgram(Command):
    """`changes` maps fields to their new values, `tier_policy` those of the policy; `expiry_reminders`: days."""

    program_id: str
    changes: Json
    metadata: Json | None = None
    expiry_reminders: tuple[int, ...] | None = None
    tier_policy: Json = field(default_factory=dict)
