"""Programs as the wire shows them."""

from __future__ import annotations

from vinr_server.core.kernel.payloads import Wire, unix
from vinr_server.core.programs.rows import Program


def program_payload(program: Program, *, livemode: bool) -> Wire:
    """The program object."""
    policy = program.tier_policy
    return {
        "id": program.id,
        "object": "program",
        "name": program.name,
        "currency": {
            "name": program.currency_name,
            "expiry_months": program.expiry_months,
            "expiry_rounding": program.expiry_rounding,
            "expiry_mode": program.expiry_mode,
            "pending_days": program.pending_days,
        },
        "timezone": program.timezone,
        "tiers": [
            {"id": tier.id, "name": tier.name, "threshold": tier.threshold, "replaces": list(tier.replaces)}
            for tier in program.tiers
        ],
        "tier_policy": {
            "metric": policy.metric,
            "currency": policy.currency,
            "window": policy.window,
            "months": policy.months,
            "downgrade": policy.downgrade,
            "grace_days": policy.grace_days,
            "on_reversal": policy.on_reversal,
        },
        "tiers_revision": program.tiers_revision,
        "earning_tenders": list(program.earning_tenders),
        "guest_days": program.guest_days,
        "expiry_reminders": list(program.reminder_plan.days),
        "status": program.status,
        "test_clock": program.clock_id,
        "metadata": program.metadata,
        "created": unix(program.created_at),
        "livemode": livemode,
    }
