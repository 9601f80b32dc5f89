"""Commands on campaigns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import Literal

from vinr_server.core.campaigns.rows import CampaignType, Drafted, Waits
from vinr_server.core.kernel.commands import Command, Json
from vinr_server.core.kernel.values import dataclass


@dataclass(frozen=True, slots=True)
class CreateCampaign(Command):
    """A campaign with a first draft."""

    program_id: str
    name: str
    type: CampaignType
    drafted: Drafted
    id: str | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    priority: int = 0
    metadata: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UpdateCampaign(Command):
    """`drafted` is the new draft; `changes` to Campaign fields hold at once."""

    # Who listens to events is known of the catalogue that a batch began with.
    is_alone = True
    id: str
    changes: Json
    drafted: Drafted | None = None
    metadata: Json | None = None


@dataclass(frozen=True, slots=True)
class PublishCampaign(Command):
    """The draft is the next revision.

    `members`: whether those who are inside finish by the revision of their entry, or move to this one. `ways`: for a
    step that it does not know, the step at which they go on, or `exit`. `present_members`: those who are in the segment
    of its entry now enter, too.
    """

    # Who listens to events is known of the catalogue that a batch began with.
    is_alone = True
    id: str
    members: Literal["finish", "move"] = "finish"
    ways: Mapping[str, str] = field(default_factory=dict)
    present_members: bool = False


@dataclass(frozen=True, slots=True)
class PauseCampaign(Command):
    # Who listens to events is known of the catalogue that a batch began with.
    is_alone = True
    id: str


@dataclass(frozen=True, slots=True)
class ResumeCampaign(Command):
    """The campaign goes on. `waits`: whether their time stood still meanwhile."""

    # Who listens to events is known of the catalogue that a batch began with.
    is_alone = True
    id: str
    waits: Waits = "shift"


@dataclass(frozen=True, slots=True)
class ArchiveCampaign(Command):
    """The campaign is over. `members`: whether those who are inside go on to the end, or leave it."""

    # Who listens to events is known of the catalogue that a batch began with.
    is_alone = True
    id: str
    members: Literal["finish", "exit"] = "finish"


# ---- members


@dataclass(frozen=True, slots=True)
class EnterCampaign(Command):
    """A member enters by a call, with data of the caller's."""

    is_ledger_write = True
    campaign_id: str
    account_id: str
    data: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EnterSegment(Command):
    """Those who are in a segment now enter by a call, page after page, each with data of the caller's."""

    is_ledger_write = True
    # A clock goes on when the scans are done of which its batch knew at its beginning.
    is_alone = True
    campaign_id: str
    segment_id: str
    data: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExitEnrolment(Command):
    """A passage ends by a call."""

    is_ledger_write = True
    id: str
    outcome: str = "stopped"


@dataclass(frozen=True, slots=True)
class RetryEnrolment(Command):
    """A passage whose step failed goes on with that step."""

    is_ledger_write = True
    campaign_id: str
    enrolment_id: str


@dataclass(frozen=True, slots=True)
class FindChallenges(Command):
    """From a read: the challenges that a member is not in, and would enter by what counts. It changes nothing."""

    account_id: str


@dataclass(frozen=True, slots=True)
class BeginEntries(Command):
    """From the worker: the schedule of a campaign lets members in by now."""

    # A clock stops where the schedules say of which its batch knew at its beginning.
    is_alone = True
    campaign_id: str


@dataclass(frozen=True, slots=True)
class EnterPage(Command):
    """From the worker: the next accounts that a scan of this name goes through, each with its place in the order.

    `data`: the scan's own, which may name the entries.
    """

    campaign_id: str
    name: str
    after: tuple[datetime, str]
    members: tuple[tuple[datetime, str], ...]
    is_last: bool
    data: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FollowCampaign(Command):
    """From the worker: a campaign that has moved on, or is cleared, takes along a member who is in it."""

    enrolment_id: str


@dataclass(frozen=True, slots=True)
class TakeSteps(Command):
    """From the worker: steps of the account may be due. Any command that names the account takes them first."""

    account_id: str
