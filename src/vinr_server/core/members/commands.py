"""Commands on customers and accounts."""

from __future__ import annotations

from dataclasses import field

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
class MergeCustomers(Command):
    """Make one customer another, for good: all that `from_id` has is from now on what `into_id` has."""

    is_ledger_write = True
    is_alone = True
    from_id: str
    into_id: str


@dataclass(frozen=True, slots=True)
class CreateAccount(Command):
    """Enroll a customer. `account_id` is chosen by the seeded sandbox alone."""

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
class ReopenAccount(Command):
    account_id: str
