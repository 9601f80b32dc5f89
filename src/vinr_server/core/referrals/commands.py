"""Commands on referrals, from callers and the worker."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime

from vinr_server.core.kernel.commands import Command, Json
from vinr_server.core.kernel.values import dataclass
from vinr_server.core.referrals.rows import ReferralProgramStatus, ReferralTerms


@dataclass(frozen=True, slots=True)
class CreateReferralProgram(Command):
    program_id: str
    terms: ReferralTerms
    status: ReferralProgramStatus = "active"
    metadata: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UpdateReferralProgram(Command):
    """A new revision: `term_changes` to what later referrals are held to; the status is no part of a revision."""

    id: str
    term_changes: Json
    status: ReferralProgramStatus | None = None
    metadata: Json | None = None


@dataclass(frozen=True, slots=True)
class CreateReferralCode(Command):
    """The account's code; `code` where the merchant chose it, in capitals."""

    account_id: str
    code: str | None = None


@dataclass(frozen=True, slots=True)
class ClickReferralCode(Command):
    code: str


@dataclass(frozen=True, slots=True)
class UpdateReferralCode(Command):
    code: str
    is_active: bool | None = None


@dataclass(frozen=True, slots=True)
class RegisterReferral(Command):
    """A member brings a customer: the referrer by its `code`, or by its account."""

    # What is decided after it in one batch would need what nobody has read: the referral that it makes.
    is_alone = True
    customer_id: str
    code: str | None = None
    account_id: str | None = None
    occurred_at: datetime | None = None
    metadata: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ConvertReferral(Command):
    """By hand, and by a payment where it is named: all is asked but the amount."""

    is_ledger_write = True
    id: str
    payment_id: str | None = None


@dataclass(frozen=True, slots=True)
class ApproveReferral(Command):
    """What the conversion gave, and is still pending, is there now."""

    is_ledger_write = True
    id: str


@dataclass(frozen=True, slots=True)
class RejectReferral(Command):
    is_ledger_write = True
    id: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class ExpireReferral(Command):
    """From the worker: the referral's window may be over."""

    id: str
