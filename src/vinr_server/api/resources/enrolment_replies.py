"""An enrollment, as calls for one and calls in bulk answer it."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from vinr_server.api.contract.reply import ChallengeProgress, Figures, Json, Reference, Reply
from vinr_server.core.campaigns import rows


class EntryOfEnrolment(Reply):
    type: rows.EntryType
    source: str | None


class EnrolmentLog(Reply):
    position: int
    step: str
    kind: str
    at: int
    outcome: str
    facts: Figures | UnsetType = UNSET
    effect: Figures | UnsetType = UNSET
    refusal: Figures | UnsetType = UNSET
    attempt: int | UnsetType = UNSET


class Conversion(Reply):
    event: Reference
    at: int
    amount: int | UnsetType = UNSET
    currency: str | UnsetType = UNSET


class RevokedOfEnrolment(Reply):
    """What went back when the payment that let the member enter was refunded whole. `kept`: what was used before."""

    points: int
    withdrawn: list[str]
    kept: list[str]


class Enrolment(Reply):
    id: str
    object: Literal["enrolment"]
    campaign: Reference
    revision: int
    account: Reference
    customer: Reference
    program: Reference
    status: rows.EnrolmentStatus
    step: str | None
    position: int
    due_at: int | None
    entered_at: int
    entry: EntryOfEnrolment
    ways: Json
    outcome: str | None
    over_at: int | None
    goal_until: int | None
    converted: Conversion | None
    revoked: RevokedOfEnrolment | None
    livemode: bool
    error: str | UnsetType = UNSET
    progress: ChallengeProgress | UnsetType = UNSET
    log: list[EnrolmentLog] | UnsetType = UNSET
    already_enrolled: Literal[True] | UnsetType = UNSET
