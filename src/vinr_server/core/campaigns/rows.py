"""Campaigns as they are stored: what is being drafted, what was published, and who is in them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from datetime import datetime, timedelta
from typing import Literal

from vinr_server.core.campaigns.challenges.standing import Attempts
from vinr_server.core.campaigns.challenges.targets import Contribution
from vinr_server.core.campaigns.definition import Definition
from vinr_server.core.kernel.rows import Json, Row
from vinr_server.core.kernel.values import dataclass

CampaignType = Literal["journey", "challenge"]
# What a pause does to waits: their time stands still, or runs on.
Waits = Literal["shift", "run"]
CampaignStatus = Literal["draft", "scheduled", "active", "paused", "ended", "archived"]


@dataclass(frozen=True, slots=True)
class DefinitionProblem:
    """What is wrong with a definition, and where."""

    path: str
    problem: str


@dataclass(frozen=True, slots=True)
class Drafted:
    """A definition as it was sent, what was read of it, and what could not be read."""

    given: Json
    definition: Definition
    problems: tuple[DefinitionProblem, ...] = ()


@dataclass(frozen=True, slots=True)
class Pause:
    """When a campaign stood still: [starts_at, ends_at), and whether waits stood still meanwhile."""

    starts_at: datetime
    ends_at: datetime
    waits: Waits


@dataclass(frozen=True, slots=True)
class Move:
    """To which revision those go over who are in an older one, and where steps go that it does not know."""

    revision: int
    ways: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Campaign(Row):
    """A campaign of one program. Its revision 0 is none: nothing was published yet.

    `drafted`: what will be published next, if it differs from the revision in force. `published_at`: when it first was.
    `is_cleared`: it is archived, and nobody stays in it. `next_entry_at`: when its schedule next lets members in.
    """

    is_catalogue = True
    parent_field = "program_id"
    immutable_fields = ("program_id", "type")
    id: str
    program_id: str
    name: str
    type: CampaignType
    revision: int
    drafted: Drafted | None
    starts_at: datetime | None
    ends_at: datetime | None
    priority: int
    metadata: Json
    created_at: datetime
    published_at: datetime | None = None
    paused_at: datetime | None = None
    pauses: tuple[Pause, ...] = ()
    archived_at: datetime | None = None
    move: Move | None = None
    is_cleared: bool = False
    next_entry_at: datetime | None = None

    def status_at(self, now: datetime) -> CampaignStatus:
        """Where the campaign stands in its life."""
        if self.archived_at is not None:
            return "archived"
        if self.revision == 0:
            return "draft"
        if self.ends_at is not None and self.ends_at <= now:
            return "ended"
        if self.paused_at is not None:
            return "paused"
        return "scheduled" if self.starts_at is not None and now < self.starts_at else "active"

    @property
    def is_live(self) -> bool:
        """Whether members can be in it, or come to be."""
        return self.revision > 0 and self.archived_at is None


@dataclass(frozen=True, slots=True)
class CampaignRevision(Row):
    """What a campaign said when it was published; it never changes."""

    is_catalogue = True
    is_append_only = True
    parent_field = "campaign_id"
    id: str
    campaign_id: str
    revision: int
    given: Json
    definition: Definition
    created_at: datetime


EnrolmentStatus = Literal["open", "holdout", "over", "failed"]
EntryType = Literal["event", "call", "contribution", "schedule", "segment"]
# Where a passage through a challenge stands between attempts; no step of one has this name.
PROGRESS = "progress"


@dataclass(frozen=True, slots=True)
class EntryFacts:
    """What let a member enter, for good: the event or the call, its data, and what `entry` conditions held of it.

    `met`: the cases of branches whose conditions held, as `step.number`. `depth`: of how many steps of campaigns the
    event was a consequence (R57).
    """

    type: str
    data: Json
    met: tuple[str, ...] = ()
    depth: int = 0


@dataclass(frozen=True, slots=True)
class HeardOf:
    """What a wait has heard: how many events of each kind that it waits for, and which of them ended it."""

    step_id: str
    counts: tuple[int, ...]
    won: int | None = None


@dataclass(frozen=True, slots=True)
class Reached:
    """An event that is the goal of a passage: which, of what, when it occurred, and what was paid by it.

    `is_refunded`: its payment was given back whole, so that it converts nobody.
    """

    event_id: str
    source_id: str
    at: datetime
    amount_minor: int | None = None
    currency: str | None = None
    is_refunded: bool = False


@dataclass(frozen=True, slots=True)
class Enrolment(Row):
    """One passage of one member through a campaign.

    revision    what it follows: the revision of its entry, until it is moved to a newer one
    step        the step that is next, or at which it waits; None: it is over
    position    how many steps were taken
    since_at    when the event that let it enter occurred: what its waits hear of is not earlier
    waits_since when it came to the wait at which it stands; None: the step is still to be taken
    due_at      when the step is taken, or the wait is over; None: it is over, or failed
    heard       by wait, what it has heard
    ways        by split, the way that was drawn
    results     by step, what came of it: its outcome and its effects
    pauses      how many pauses of the campaign `due_at` has taken account of
    failures    how often the step failed in a row, by a fault of ours; `error` names the last one in the log
    challenge   where it stands in its attempts; None: the campaign is a journey
    hears_until of one that is over: until when it keeps contributions that may take the place of refunded ones
    over_at     when it was over; of one that is held out, when its goal can't be reached any longer
    entry_revision  that of its entry, whose goal and caps hold for it wherever it is moved
    goal_until  from when on its goal can't be reached; None: it has none
    goals       the events that reached it, in the order in which they were heard
    converted   the one of them that converted it, by the event's id
    revoked     what went back with the payment that let it enter: points, what was withdrawn, and what was used before
    """

    parent_field = "account_id"
    immutable_fields = (
        *("campaign_id", "program_id", "entered_at"),
        *("entry", "entry_key", "entry_type", "entry_source", "entry_revision"),
    )
    bucket: int
    id: str
    campaign_id: str
    program_id: str
    account_id: str
    customer_id: str
    entry_key: str
    revision: int
    status: EnrolmentStatus
    step: str | None
    position: int
    entered_at: datetime
    since_at: datetime
    waits_since: datetime | None
    due_at: datetime | None
    heard: tuple[HeardOf, ...]
    ways: Mapping[str, str]
    results: Json
    entry: EntryFacts
    entry_type: EntryType
    entry_source: str | None
    pauses: int = 0
    outcome: str | None = None
    over_at: datetime | None = None
    failures: int = 0
    error: str | None = None
    challenge: Attempts | None = None
    hears_until: datetime | None = None
    entry_revision: int = 0
    goal_until: datetime | None = None
    goals: tuple[Reached, ...] = ()
    converted: str | None = None
    revoked: Json | None = None

    @property
    def rests(self) -> bool:
        """Whether it is at no step, but between the attempts of a challenge."""
        return self.challenge is not None and self.step == PROGRESS

    def is_over_at(self, now: datetime) -> bool:
        """Whether nothing more becomes of it; one that is held out is over with its goal."""
        return self.over_at is not None and self.over_at <= now

    def is_open_at(self, now: datetime) -> bool:
        """Whether the member is in the campaign, or would be if it were not held out."""
        return self.status == "open" or (self.status == "holdout" and not self.is_over_at(now))

    @property
    def conversion(self) -> Reached | None:
        """The event that converted it."""
        return next((reached for reached in self.goals if reached.event_id == self.converted), None)

    def heard_at(self, step_id: str | None) -> HeardOf | None:
        """What the wait has heard; None: nothing."""
        return next((heard for heard in self.heard if heard.step_id == step_id), None)


@dataclass(frozen=True, slots=True)
class EnrolmentStep(Row):
    """A step that was taken, for the record: what came of it, and why."""

    parent_field = "enrolment_id"
    is_append_only = True
    bucket: int
    enrolment_id: str
    position: int
    account_id: str
    campaign_id: str
    step: str
    kind: str
    revision: int
    outcome: str
    at: datetime
    detail: Json

    @property
    def key(self) -> Hashable:
        """Enrollment and position: each step is taken once."""
        return (self.enrolment_id, self.position)


@dataclass(frozen=True, slots=True)
class ContributionRow(Row):
    """An event that counts towards a challenge, for one passage, by the revision under which it came (R54).

    `amount`: what it was worth when it came; `kept_amount`: what is kept of it, 0 where nothing is (R55). `sequence`:
    its place among those of one instant, in the order of arrival.
    """

    parent_field = "enrolment_id"
    immutable_fields = ("account_id", "revision", "occurred_at", "sequence", "amount")
    bucket: int
    enrolment_id: str
    source_id: str
    account_id: str
    revision: int
    occurred_at: datetime
    sequence: int
    amount: int
    kept_amount: int
    created_at: datetime

    @property
    def key(self) -> Hashable:
        """Enrollment and source: each event counts once."""
        return (self.enrolment_id, self.source_id)

    @property
    def counted(self) -> Contribution:
        """As progress is computed from it."""
        return Contribution(self.source_id, self.occurred_at, self.sequence, self.kept_amount)


# ---- in memory only


@dataclass(frozen=True, slots=True)
class PastEntry(Row):
    """The name under which a decision asks for a member's last passage through a campaign, and that of one key."""

    owns = False
    account_id: str
    campaign_id: str
    entry_key: str

    @property
    def key(self) -> Hashable:
        """Account, campaign and key."""
        return (self.account_id, self.campaign_id, self.entry_key)


# The key of a PastEntry that stands for all keys.
EVERY_KEY = "*"


@dataclass(frozen=True, slots=True)
class Standing(Row):
    """How many members stand at each step of each revision of a campaign. Shape: (revision, step, members)."""

    owns = False
    id: str
    counts: tuple[tuple[int, str, int], ...]


@dataclass(frozen=True, slots=True)
class StepsOf(Row):
    """The name under which all that the steps of a member's passages through a campaign may change is declared."""

    owns = False
    account_id: str
    campaign_id: str

    @property
    def key(self) -> Hashable:
        """Account and campaign."""
        return (self.account_id, self.campaign_id)


@dataclass(frozen=True, slots=True)
class ContributionsOf(Row):
    """The name under which all that counts in the challenges that a member is in is declared."""

    key_field = "account_id"
    owns = False
    account_id: str


@dataclass(frozen=True, slots=True)
class Met:
    """A member entered a campaign, or was sent a message by it, under this revision."""

    campaign_id: str
    revision: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Meetings(Row):
    """What caps on frequency can count of a member: entries and messages as far back as any cap looks. Never stored."""

    owns = False
    key_field = "account_id"
    account_id: str
    entries: tuple[Met, ...] = ()
    messages: tuple[Met, ...] = ()


@dataclass(frozen=True, slots=True)
class Listeners(Row):
    """Who listens to which types of events, gathered once for each revision of the catalogue; never stored.

    `types`: all that any campaign listens to. `entries`: by program and type, the campaigns that members enter by it,
    in the order in which they enter. `programs`: those that have campaigns. `contributed`: by program and type, whether
    it counts towards challenges. `has_goals`: whether any has a goal. `caps_reach`: how far back any cap on frequency
    looks.
    """

    is_catalogue = True
    id: str
    types: frozenset[str]
    entries: Mapping[tuple[str, str], tuple[str, ...]]
    programs: frozenset[str]
    contributed: frozenset[tuple[str, str]] = frozenset()
    has_goals: bool = False
    caps_reach: timedelta = timedelta(0)


LISTENERS = "listeners"


def revision_id(campaign_id: str, revision: int) -> str:
    """The id of a campaign's revision."""
    return f"{campaign_id}.{revision}"
