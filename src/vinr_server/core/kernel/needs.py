"""Which rows a command needs, named before anything is read (ARCHITECTURE.md, "Life of a command").

Storage turns keys into rows in two rounds: resolve ids to accounts and buckets, then lock and read. A command that
names an account also gets, after the lock, the account's deficits; one that will spend or take points asks for its
lots too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple


class CustomersCart(NamedTuple):
    """A customer's cart. `is_held`: what it gets will be held for it, and so is counted."""

    customer_id: str
    cart: Any
    is_held: bool


@dataclass(slots=True)
class Keys:
    """The union of what the commands of one realm in one batch need.

    claims        ids a caller chose, to find or to take
    accounts      accounts to lock, by id;            customers   all accounts of these customers
    lots          accounts (by id) whose live lots are needed; customer_lots: the same by customer
    entries       accruals with account, lots and reversals
    redemptions   with account, lots, the uses and lots that paid, and the discount
    discounts, payments (locked), refunds, events, customer_rows: rows by id
    refund_of     payments with their awards, what they redeemed of offers, and their customer's accounts and lots
    counters      counter id -> the account it belongs to (None: a counter of its own bucket)
    programs      programs whose clock gives the instant; clocks: test clocks to change;
                 api_keys: keys to change, and those that act
    catalogue_lock: the catalogue is about to change
    whole        accounts whose live lots are all needed, not just those used first
    offers       offers (by id) with the clock of their program and the counter of their cap
    segments_of  accounts and customers (by id) whose segments may be asked for: memberships, and the purchases that
                 segments in use ask about; all_segments_of: those of whom any segment may be asked
    memberships  accounts whose place in static segments is needed
    windows      windows of purchases that segments the command makes ask for
    instants     where the batch itself may set a test clock: windows of purchases end there as well
    tallies      offers (by id) that may get their first cap: their uses so far are counted
    offer_members: offers that a member may redeem (offer; account, or customer), with the member's counter and claim
    offer_claims: offers and members whose claims are looked for, each with an account of the member's
    purchases    accounts and customers whose payments may redeem offers, with those offers' counters
    carts        customers' carts, with the counters and claims of the offers within the carts' reach
    shoppers: accounts whose offers are all looked at, with their counters and claims
    sessions     checkout sessions (locked) with all they hold, and their customers' accounts
    buyers       customers of whom it matters whether they have paid before
    carts_of     sessions whose carts will change as these values say, with all that evaluating the carts needs
    """

    claims: set[str] = field(default_factory=set)
    accounts: set[str] = field(default_factory=set)
    customers: set[str] = field(default_factory=set)
    lots: set[str] = field(default_factory=set)
    customer_lots: set[str] = field(default_factory=set)
    entries: set[str] = field(default_factory=set)
    redemptions: set[str] = field(default_factory=set)
    discounts: set[str] = field(default_factory=set)
    payments: set[str] = field(default_factory=set)
    refunds: set[str] = field(default_factory=set)
    events: set[str] = field(default_factory=set)
    customer_rows: set[str] = field(default_factory=set)
    refund_of: set[str] = field(default_factory=set)
    counters: dict[str, str | None] = field(default_factory=dict)
    clocks: set[str] = field(default_factory=set)
    api_keys: set[str] = field(default_factory=set)
    programs: set[str] = field(default_factory=set)
    catalogue_lock: bool = False
    whole: set[str] = field(default_factory=set)
    offers: set[str] = field(default_factory=set)
    segments_of: set[str] = field(default_factory=set)
    all_segments_of: set[str] = field(default_factory=set)
    memberships: set[str] = field(default_factory=set)
    windows: set[int | None] = field(default_factory=set)
    instants: set[datetime] = field(default_factory=set)
    tallies: set[str] = field(default_factory=set)
    offer_members: set[tuple[str, str]] = field(default_factory=set)
    offer_claims: dict[tuple[str, str], str] = field(default_factory=dict)
    purchases: set[str] = field(default_factory=set)
    carts: list[CustomersCart] = field(default_factory=list)
    shoppers: set[str] = field(default_factory=set)
    sessions: set[str] = field(default_factory=set)
    buyers: set[str] = field(default_factory=set)
    carts_of: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)

    def names(self) -> set[str]:
        """Every id of a row that may be written, whatever kind it is of. (Programs are only read.)"""
        return set().union(
            *(self.claims, self.accounts, self.customers, self.entries, self.redemptions, self.discounts),
            *(self.payments, self.refunds, self.events, self.customer_rows, self.refund_of, self.counters, self.clocks),
            *(self.api_keys, self.offers, self.sessions),
        )

    def account_with_lots(self, account_id: str) -> None:
        """Lock an account and read its live lots."""
        self.accounts.add(account_id)
        self.lots.add(account_id)

    def customer_with_lots(self, customer_id: str) -> None:
        """Lock all accounts of a customer and read their live lots."""
        self.customers.add(customer_id)
        self.customer_lots.add(customer_id)


def stock_counter(reward_id: str) -> str:
    """The name of the counter of a reward's stock."""
    return f"reward:{reward_id}"


def member_counter(reward_id: str, account_id: str) -> str:
    """The name of the counter of one member's redemptions of a reward."""
    return f"reward:{reward_id}:{account_id}"


def offer_counter(offer_id: str) -> str:
    """The name of the counter of an offer's cap."""
    return f"offer:{offer_id}"


def offer_member_counter(offer_id: str, member_id: str) -> str:
    """The name of the counter of one member's redemptions of an offer (`Offer.member_id`: an account or a customer).

    The member stands first, without a colon, so that no two names are alike. Customers' ids are of the caller's making:
    ~ and : are written as in a JSON pointer (RFC 6901); so does storage (laws/checkout.py).
    """
    return f"offer:{member_id.replace('~', '~0').replace(':', '~1')}:{offer_id}"


def member_of_counter(counter_id: str) -> tuple[str, str] | None:
    """The member and the offer, or reward, of a counter of one member's redemptions; None for any other."""
    kind, _, rest = counter_id.partition(":")
    if kind == "reward":
        reward_id, is_of_member, account = rest.rpartition(":loy_")
        return (f"loy_{account}", reward_id) if is_of_member else None
    member, is_of_member, offer_id = rest.partition(":")
    if kind != "offer" or not member.startswith(("loy_", "cust_")):
        return None
    return (member.replace("~1", ":").replace("~0", "~"), offer_id) if is_of_member else None
