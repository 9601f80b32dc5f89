"""Commands on customers and accounts."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime

from vinr_server.core.kernel.commands import Command, Json
from vinr_server.core.kernel.values import dataclass

# ---- members


@dataclass(frozen=True, slots=True)
class CreateCustomer(Command):
    id: str | None = None
    name: str | None = None
    email: str | None = None
    metadata: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UpdateCustomer(Command):
    customer_id: str
    changes: Json
    metadata: Json | None = None


@dataclass(frozen=True, slots=True)
class CreateAccount(Command):
    """Enrol a customer. `account_id` is chosen by the seeded sandbox alone."""

    is_ledger_write = True
    program_id: str
    customer_id: str
    metadata: Json = field(default_factory=dict)
    account_id: str | None = None


@dataclass(frozen=True, slots=True)
class UpdateAccount(Command):
    account_id: str
    metadata: Json


@dataclass(frozen=True, slots=True)
class CloseAccount(Command):
    account_id: str


@dataclass(frozen=True, slots=True)
class OpeningLot:
    """Points that expire together; `expires_at` None: never. `available_at` None: from the import on."""

    points: int
    expires_at: datetime | None = None
    available_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ImportAccount(Command):
    """Enroll a member with what it has in another system, once. `points` is negative where the member owes.

    Without `lots` the points expire as the program says. `lifetime_points` None: as many as the points;
    `tier` None: the one that the lifetime points reach.
    """

    is_ledger_write = True
    program_id: str
    customer_id: str
    email: str | None = None
    joined_at: datetime | None = None
    points: int = 0
    lots: tuple[OpeningLot, ...] = ()
    lifetime_points: int | None = None
    tier: str | None = None
    metadata: Json = field(default_factory=dict)
