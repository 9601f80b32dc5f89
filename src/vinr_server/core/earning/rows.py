"""Earning rules as they are stored, and every revision of them."""

from __future__ import annotations

from collections.abc import Hashable
from datetime import datetime
from typing import Literal

from vinr_server.core.earning.caps import Cap
from vinr_server.core.earning.conditions import Conditions
from vinr_server.core.earning.rates import EarnRate, Exchange
from vinr_server.core.earning.rules import Multiplier
from vinr_server.core.kernel.rows import Json, Row
from vinr_server.core.kernel.values import dataclass

# The trigger of rules that reward a referral, which is no event that anybody reports.
CONVERTED = "referral.converted"
# Who earns by a conversion: who brought, and who was brought.
Role = Literal["referrer", "referee"]
ROLES: tuple[Role, ...] = ("referrer", "referee")


@dataclass(frozen=True, slots=True)
class EarningRule(Row):
    """The revision in force of an earning rule; older revisions stay in their own table.

    `recipients`: of a conversion, those who earn; of any other trigger, all.
    """

    is_catalogue = True
    parent_field = "program_id"
    immutable_fields = ("program_id",)
    id: str
    program_id: str
    revision: int
    trigger: str
    earn: EarnRate
    conditions: Conditions
    multipliers: tuple[Multiplier, ...]
    is_active: bool
    metadata: Json
    created_at: datetime
    deleted_at: datetime | None = None
    caps: Cap | None = None
    exchange: Exchange | None = None
    pending_days: int | None = None
    recipients: tuple[Role, ...] = ROLES

    @property
    def is_in_force(self) -> bool:
        """Whether the rule earns."""
        return self.is_active and self.deleted_at is None


@dataclass(frozen=True, slots=True)
class RuleRevision(Row):
    """What an earning rule said at one revision, for good; awards name theirs."""

    parent_field = "rule_id"
    is_append_only = True
    rule_id: str
    revision: int
    trigger: str
    earn: EarnRate
    conditions: Conditions
    multipliers: tuple[Multiplier, ...]
    created_at: datetime
    caps: Cap | None = None
    exchange: Exchange | None = None
    pending_days: int | None = None
    recipients: tuple[Role, ...] = ROLES

    @property
    def key(self) -> Hashable:
        """Rule and revision."""
        return (self.rule_id, self.revision)

    @property
    def id(self) -> str:
        """The rule's."""
        return self.rule_id
