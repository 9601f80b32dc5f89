"""The rows of offers: what they say, who opted in, and every redemption."""

from __future__ import annotations

from collections.abc import Hashable
from datetime import datetime
from typing import ClassVar

from vinr_server.core.offers import OfferKind, OfferStatus, OfferTerms, StoredStatus, offer_status
from vinr_server.core.rows import Json, Row
from vinr_server.core.values import dataclass


@dataclass(frozen=True, slots=True)
class Offer(Row):
    """The revision in force of an offer of either kind. `program_id` None: every program of the tenant.

    `closed_at` is when the end of its window was written (and told, unless the offer had ended before); None as long as
    the window has not ended, and for a moment after.
    """

    is_catalogue = True
    id: str
    kind: OfferKind
    program_id: str | None
    revision: int
    name: str
    terms: OfferTerms
    starts_at: datetime | None
    ends_at: datetime | None
    status: StoredStatus
    metadata: Json
    created_at: datetime
    closed_at: datetime | None = None
    deleted_at: datetime | None = None

    @property
    def parent(self) -> Hashable:
        """What redeems it and in which program, while it is live or scheduled: see `offers_in_force`."""
        is_over = self.status != "published" or self.closed_at is not None or self.deleted_at is not None
        return None if is_over else (self.terms.comes_with, self.program_id)

    def status_at(self, now: datetime, *, used: int) -> OfferStatus:
        """Where the offer stands in its life; `used` are its redemptions so far, reservations not among them."""
        return offer_status(
            self.status,
            starts_at=self.starts_at,
            ends_at=self.ends_at,
            max_redemptions=self.terms.max_redemptions,
            used=used,
            now=now,
        )


@dataclass(frozen=True, slots=True)
class OfferRevision(Row):
    """What an offer said at one revision, for good; its redemptions name theirs (R16)."""

    parent_field = "offer_id"
    offer_id: str
    revision: int
    name: str
    terms: OfferTerms
    starts_at: datetime | None
    ends_at: datetime | None
    created_at: datetime

    @property
    def key(self) -> Hashable:
        """Offer and revision."""
        return (self.offer_id, self.revision)


@dataclass(frozen=True, slots=True)
class OfferClaim(Row):
    """A member opted in. It outlives its redemptions: a freed slot needs no new claim (R23)."""

    parent_field = "account_id"
    bucket: int
    offer_id: str
    account_id: str
    offer_revision: int
    created_at: datetime

    @property
    def key(self) -> Hashable:
        """Offer and member: one row each."""
        return (self.offer_id, self.account_id)


@dataclass(frozen=True, slots=True)
class OfferRedemption(Row):
    """One use of an offer, with what it gave: points (an entry), a reward's redemption, or money off a checkout.

    status: reserved by a session, confirmed, released (the session expired), or refunded (the payment was given back
    whole: the member's slot is free again, the global one is not).
    """

    parent_field = "session_id"
    bucket: int
    id: str
    offer_id: str
    offer_revision: int
    account_id: str | None
    status: str
    entry_id: str | None
    redemption_id: str | None
    payment_id: str | None
    session_id: str | None
    discount_minor: int | None
    currency: str | None
    receipt: Json
    created_at: datetime
    redeemed_at: datetime | None = None
    freed_at: datetime | None = None


# ---- in memory only


@dataclass(frozen=True, slots=True)
class LookedUp(Row):
    """The counters of offers that a batch looked for; of any other it is not known whether there is one. Never stored.

    With a member's counter its claim was looked for as well. `account_ids` are the members that were loaded: any other
    that a decision meets was enrolled by the batch itself, and has neither.
    """

    KEY: ClassVar[str] = "offers"
    id: str
    counter_ids: frozenset[str]
    account_ids: frozenset[str]
