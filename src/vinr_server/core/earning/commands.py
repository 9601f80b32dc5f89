"""Commands on earning rules, and the report of a business event."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime

from vinr_server.core.earning.caps import Cap
from vinr_server.core.earning.conditions import Conditions
from vinr_server.core.earning.rates import EarnRate, Exchange
from vinr_server.core.earning.rows import ROLES, Role
from vinr_server.core.earning.rules import Multiplier
from vinr_server.core.kernel.commands import Command, Json
from vinr_server.core.kernel.values import dataclass


@dataclass(frozen=True, slots=True)
class CreateEarningRule(Command):
    """A rule in force. `id` is chosen by the seeded sandbox alone."""

    program_id: str
    trigger: str
    earn: EarnRate
    conditions: Conditions
    multipliers: tuple[Multiplier, ...] = ()
    is_active: bool = True
    metadata: Json = field(default_factory=dict)
    id: str | None = None
    caps: Cap | None = None
    exchange: Exchange | None = None
    pending_days: int | None = None
    recipients: tuple[Role, ...] = ROLES


@dataclass(frozen=True, slots=True)
class UpdateEarningRule(Command):
    """A new revision with `changes` to EarningRule fields."""

    rule_id: str
    changes: Json
    metadata: Json | None = None


@dataclass(frozen=True, slots=True)
class DeleteEarningRule(Command):
    rule_id: str


@dataclass(frozen=True, slots=True)
class ReportEvent(Command):
    """A business event of the merchant's own; `data` is kept as it came.

    The link to a member, the condition metadata and the amount are read out of `data` at the edge. `unlinked`: why what
    `data` names as its customer links to nobody.
    """

    is_ledger_write = True
    type: str
    data: Json
    id: str | None = None
    customer_id: str | None = None
    account_id: str | None = None
    currency: str | None = None
    amount_minor: int = 0
    minor_per_unit: int = 1
    occurred_at: datetime | None = None
    unlinked: str | None = None
