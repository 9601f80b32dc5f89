"""Commands that move store credit. Amounts are minor units of the wallet's currency.

Those that move it name a wallet by `account_id`, or by its customer and currency; a grant makes the one that is
missing.
"""

from __future__ import annotations

from dataclasses import field
from datetime import datetime
from typing import Literal

from vinr_server.core.kernel.commands import Command, Json
from vinr_server.core.kernel.values import dataclass

Origin = Literal["promotional", "goodwill", "refund", "reward", "purchase"]


@dataclass(frozen=True, slots=True)
class CreateWallet(Command):
    """A customer has a wallet in a currency. `clock_id` None: it lives by the clock of the customer's first account."""

    is_ledger_write = True
    customer_id: str
    currency: str
    clock_id: str | None = None


@dataclass(frozen=True, slots=True)
class GrantCredit(Command):
    """Give credit. It ends at `expires_at`, else after `expiry_months`, else as the settings say."""

    is_ledger_write = True
    amount_minor: int
    account_id: str | None = None
    customer_id: str | None = None
    currency: str | None = None
    origin: Origin = "goodwill"
    expires_at: datetime | None = None
    expiry_months: int | None = None
    payment_id: str | None = None
    reason: str | None = None
    metadata: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SpendCredit(Command):
    """Spend credit by hand."""

    is_ledger_write = True
    amount_minor: int
    account_id: str | None = None
    customer_id: str | None = None
    currency: str | None = None
    payment_id: str | None = None
    reason: str | None = None
    metadata: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AdjustCredit(Command):
    """Correct a balance by hand: a positive amount is a lot, a negative one is spent by R3."""

    is_ledger_write = True
    amount_minor: int
    reason: str
    account_id: str | None = None
    customer_id: str | None = None
    currency: str | None = None
    metadata: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReverseCredit(Command):
    """Take a grant back, or return a spend that was made by hand: all that is left of it, or `amount_minor`."""

    is_ledger_write = True
    transaction_id: str
    amount_minor: int | None = None
    reason: str | None = None
    metadata: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UpdateCreditSettings(Command):
    """Change how long credit lasts from now on; `changes` maps CreditSettings fields to their new values."""

    changes: Json


# Commands about a wallet that may name it by its customer.
AboutWallet = GrantCredit | SpendCredit | AdjustCredit
