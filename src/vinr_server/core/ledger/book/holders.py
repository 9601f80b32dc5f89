"""Whose book it is: a member's account, in points, or a customer's wallet, in minor units of a currency.

One book serves both. What differs is here: the clock that each lives by, and what its entries are called.
"""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

from vinr_server.core.credit.rows import Wallet
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.members.rows import Account
from vinr_server.core.programs.members import program_of

AnyHolder = Account | Wallet
Holder = TypeVar("Holder", Account, Wallet)


def now_of(draft: Layer, context: Context, holder: AnyHolder) -> datetime:
    """The current time of the holder: by its program's clock, or by the wallet's own."""
    return context.now(holder.clock_id if isinstance(holder, Wallet) else program_of(draft, holder).clock_id)


def entry_type(holder: AnyHolder) -> str:
    """What the holder's entries are called on the wire."""
    return "credit_transaction" if isinstance(holder, Wallet) else "points_transaction"


def entry_prefix(holder: AnyHolder) -> str:
    """What ids of the holder's entries begin with."""
    return "crt" if isinstance(holder, Wallet) else "ptx"
