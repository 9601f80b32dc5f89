"""Commands on offers, from callers and the worker, as frozen values in the imperative."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import Any

from vinr_server.core.kernel.commands import Command
from vinr_server.core.kernel.spans.durations import Duration
from vinr_server.core.kernel.values import dataclass
from vinr_server.core.offers.rows import OfferKind, OfferTerms, StoredStatus

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CreateOffer(Command):
    """An engagement offer starts as a draft, a checkout offer live, as `status` says."""

    kind: OfferKind
    name: str
    terms: OfferTerms
    status: StoredStatus
    program_id: str | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    id: str | None = None
    metadata: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UpdateOffer(Command):
    """A new revision: `changes` to Offer fields, `term_changes` to its terms, `stacking_changes` to how it stacks."""

    kind: OfferKind
    offer_id: str
    changes: Json = field(default_factory=dict)
    term_changes: Json = field(default_factory=dict)
    stacking_changes: Json = field(default_factory=dict)
    metadata: Json | None = None


@dataclass(frozen=True, slots=True)
class PublishOffer(Command):
    """A draft goes live; a paused offer resumes."""

    offer_id: str


@dataclass(frozen=True, slots=True)
class PauseOffer(Command):
    offer_id: str


@dataclass(frozen=True, slots=True)
class DeleteOffer(Command):
    """Delete a checkout offer, leaving a tombstone; redemptions keep their revision."""

    offer_id: str


@dataclass(frozen=True, slots=True)
class CloseOffer(Command):
    """Sent by the worker when the offer's window is over."""

    offer_id: str


@dataclass(frozen=True, slots=True)
class ShowEligibleOffers(Command):
    """Show which offers the member can use now, and why not the others; changes nothing."""

    account_id: str


@dataclass(frozen=True, slots=True)
class ActivateOffer(Command):
    """A member opts in to an offer."""

    is_ledger_write = True
    offer_id: str
    account_id: str


@dataclass(frozen=True, slots=True)
class GrantOffer(Command):
    """Give a member one use of an offer that is granted, for so long; `valid_for` None: as long as the offer."""

    is_ledger_write = True
    offer_id: str
    account_id: str
    valid_for: Duration | None = None


@dataclass(frozen=True, slots=True)
class WithdrawGrant(Command):
    """Take a grant back that nobody has used."""

    id: str
