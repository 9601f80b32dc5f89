"""How long store credit lasts: the settings of a realm, and the end of a grant that follows from them (R25a)."""

from __future__ import annotations

from datetime import datetime

from vinr_server.core.credit.commands import UpdateCreditSettings
from vinr_server.core.credit.payloads import settings_payload
from vinr_server.core.credit.rows import SETTINGS, CreditSettings
from vinr_server.core.kernel import calendar
from vinr_server.core.kernel.answers import Accepted, Rejected
from vinr_server.core.kernel.commands import Commands, Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs
from vinr_server.core.kernel.rows import HOME, Home
from vinr_server.core.kernel.values import replace

# What holds until somebody says otherwise: credit never ends.
DEFAULTS = CreditSettings(SETTINGS, None, "none", calendar.FIRST_INSTANT)


def settings_of(draft: Layer) -> CreditSettings:
    """The realm's settings, or the defaults."""
    return draft.get(CreditSettings, SETTINGS) or DEFAULTS


def end_of_grant(draft: Layer, now: datetime, *, expiry_months: int | None = None) -> datetime | None:
    """When a grant of now ends: after so many months, else as the settings say; None: never.

    Months are counted in the tenant's zone.
    """
    settings = settings_of(draft)
    months = settings.default_expiry_months if expiry_months is None else expiry_months
    end = calendar.expires_at(now, months=months, rounding=settings.expiry_rounding, zone=_zone(draft))
    return None if end is None else calendar.whole_second(end)


def end_of_return(draft: Layer, now: datetime) -> datetime | None:
    """The instant until which credit that a refund returns lasts at least (R26c), by days in the tenant's zone.

    None: it ends as it would have.
    """
    days = settings_of(draft).return_days
    return calendar.whole_second(calendar.days_later(now, days, _zone(draft))) if days else None


def _zone(draft: Layer) -> str:
    home = draft.get(Home, HOME)
    return "UTC" if home is None else home.timezone


def needs_update_credit_settings(command: UpdateCreditSettings, needs: Needs) -> None:
    """Needs the catalogue."""
    needs.catalogue()


def decide_update_credit_settings(draft: Layer, command: UpdateCreditSettings, context: Context) -> Accepted | Rejected:
    """Credit that is granted or returned from now on lasts as the settings say; what is there already stays."""
    present = draft.get(CreditSettings, SETTINGS)
    settings = replace(present or replace(DEFAULTS, created_at=context.wall_now), **command.changes)
    draft.put(settings)
    return Accepted(settings_payload(settings, livemode=context.livemode), is_new=False)


COMMANDS: Commands = {
    UpdateCreditSettings: (needs_update_credit_settings, decide_update_credit_settings),
}
