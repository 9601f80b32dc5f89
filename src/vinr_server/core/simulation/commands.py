"""The command of a simulation, and what comes of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from typing import NamedTuple

from vinr_server.core.campaigns.commands import EnterCampaign, TakeSteps
from vinr_server.core.campaigns.rows import Campaign, CampaignRevision, Enrolment, EnrolmentStep
from vinr_server.core.kernel.answers import Accepted, Rejected
from vinr_server.core.kernel.commands import Command
from vinr_server.core.kernel.values import dataclass

# How the key begins by which members, and what they are assumed to do, are drawn.
SIMULATE = "simulate"


class Moment(NamedTuple):
    """What is given to happen at an instant. `type`: the event's; `param`: where the caller gave it."""

    at: datetime
    command: Command
    type: str
    param: str


@dataclass(frozen=True, slots=True)
class SimulateCampaign(Command):
    """What of a campaign is simulated; it is never written.

    `enters`: the members enter by a call at once. `assume`: by the id of a wait, and the type of an event that it waits
    for, which share of 10,000 members is assumed to be heard with it, at once.
    """

    campaign_id: str
    account_ids: tuple[str, ...]
    until: datetime
    moments: tuple[Moment, ...] = ()
    enters: bool = True
    assume: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def commands(self) -> Iterator[Command]:
        """All that is decided in turn: what they need is what the simulation needs."""
        for account_id in self.account_ids:
            yield EnterCampaign(self.campaign_id, account_id) if self.enters else TakeSteps(account_id)
        yield from (moment.command for moment in self.moments)


class Simulated(NamedTuple):
    """What came of a simulation.

    `entries`: what came of each member's call to enter; `answers`: of each moment, in the order in which they were
    given. `passages`: by member, those that were open or began, oldest first; `begun`: the ids of those that began;
    `log`: by passage, the steps it took.
    """

    campaign: Campaign
    revision: CampaignRevision
    begins_at: datetime
    entries: Sequence[Accepted | Rejected]
    answers: Sequence[Accepted | Rejected]
    passages: Mapping[str, Sequence[Enrolment]]
    begun: Collection[str]
    log: Mapping[str, Sequence[EnrolmentStep]]
