"""Commands on checkouts, as frozen values in the imperative."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from vinr_server.core.carts.cart import Cart
from vinr_server.core.checkout.rows import CreditTender
from vinr_server.core.kernel.commands import Command
from vinr_server.core.kernel.values import dataclass

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EvaluateCart(Command):
    """Show what a cart would get now; nothing is written or held. `credit`: what store credit is to pay at most.

    `codes`: as the shopper wrote them. `is_shut_out`: too many codes of the shopper's were unknown (R65).
    """

    cart: Cart
    customer_id: str | None = None
    discount_ids: tuple[str, ...] = ()
    metadata: Json = field(default_factory=dict)
    credit: CreditTender | None = None
    codes: tuple[str, ...] = ()
    is_shut_out: bool = False


@dataclass(frozen=True, slots=True)
class CreateCheckoutSession(Command):
    """Promise a cart what it gets, and hold it for `minutes`; of store credit what `credit` asks for.

    `takes_over`: the customer's other sessions that hold what its codes need expire with it.
    """

    cart: Cart
    customer_id: str | None = None
    discount_ids: tuple[str, ...] = ()
    minutes: int = 30
    metadata: Json = field(default_factory=dict)
    credit: CreditTender | None = None
    codes: tuple[str, ...] = ()
    is_shut_out: bool = False
    takes_over: bool = False


@dataclass(frozen=True, slots=True)
class UpdateCheckoutSession(Command):
    """Change an open session's cart; `changes` maps Cart fields to their new values.

    `discount_ids` None leaves them as they are. `customer_id` names the customer of a guest's session, once.
    `sets_credit`: `credit` is what store credit is to pay from now on; else that stays as it was asked for. `codes`:
    those that it presents from now on; None: the same.
    """

    session_id: str
    changes: Json
    customer_id: str | None = None
    discount_ids: tuple[str, ...] | None = None
    metadata: Json | None = None
    credit: CreditTender | None = None
    sets_credit: bool = False
    codes: tuple[str, ...] | None = None
    is_shut_out: bool = False


@dataclass(frozen=True, slots=True)
class CompleteCheckoutSession(Command):
    """Use what the session holds, on a recorded payment if the command names one."""

    is_ledger_write = True
    session_id: str
    payment_id: str | None = None


@dataclass(frozen=True, slots=True)
class ExpireCheckoutSession(Command):
    """Free what the session holds. `only_if_over`: sent by the worker, which may be late or early."""

    session_id: str
    only_if_over: bool = False
