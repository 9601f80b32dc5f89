"""What the contributions of a passage come to, with all that it takes to know (R54)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from vinr_server.core.campaigns.challenges.progress import Progress, progress_of
from vinr_server.core.campaigns.challenges.standing import Attempts, following
from vinr_server.core.campaigns.challenges.targets import Contribution, Era, Progressing
from vinr_server.core.campaigns.changes import revision_of
from vinr_server.core.campaigns.rows import Campaign, ContributionRow, ContributionsOf, Enrolment
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import AlsoRows
from vinr_server.core.members.rows import Account
from vinr_server.core.programs.members import program_of


class Course(NamedTuple):
    """A passage through a challenge and what counts in it: by what the newest revision that it follows says."""

    enrolment: Enrolment
    standing: Attempts
    says: Progressing
    progress: Progress
    kept: tuple[Contribution, ...]
    zone: str

    @property
    def begins_at(self) -> datetime:
        """From when a window from the entry goes."""
        return begins_at(self.enrolment)


def begins_at(enrolment: Enrolment) -> datetime:
    """The instant of the entry; of one by a contribution, when that occurred, as it belongs to it."""
    return enrolment.since_at if enrolment.entry_type == "contribution" else enrolment.entered_at


def course_of(draft: Layer, enrolment: Enrolment, account: Account) -> Course:
    """The passage as the revision in force says, which it follows from now on. Raises AlsoRows."""
    campaign = draft.get(Campaign, enrolment.campaign_id)
    assert campaign is not None and enrolment.challenge is not None, f"{enrolment.id} is in no challenge"
    standing = following(enrolment.challenge, campaign.revision)
    saying = [(said_by(draft, campaign, revision), count) for revision, count in standing.eras]
    return measured(
        enrolment, standing, saying, contributions_of(draft, enrolment), program_of(draft, account).timezone
    )


def measured(
    enrolment: Enrolment,
    standing: Attempts,
    saying: list[tuple[Progressing, int | None]],
    contributions: Iterable[ContributionRow],
    zone: str,
) -> Course:
    """The passage with its progress. `saying`: what each revision says that it followed."""
    kept = tuple(
        sorted(
            (row.counted for row in contributions if row.kept_amount > 0), key=lambda contribution: contribution.place
        )
    )
    eras = [Era(says.target, count) for says, count in saying]
    progress = progress_of(kept, eras, begins_at(enrolment), zone)
    return Course(enrolment, standing, saying[-1][0], progress, kept, zone)


def said_by(layer: Layer, campaign: Campaign, revision: int | None = None) -> Progressing:
    """What a revision of a challenge, or the one in force, says of progress."""
    said = revision_of(layer, campaign, revision)
    assert said is not None and said.definition.progress is not None, f"{campaign.id} is no challenge"
    return said.definition.progress


def contributions_of(draft: Layer, enrolment: Enrolment) -> list[ContributionRow]:
    """All that came to count in the passage. Raises AlsoRows where nobody has read it."""
    rows = draft.here(ContributionRow, enrolment.id)
    if enrolment.challenge is not None and len(rows) < enrolment.challenge.count:
        raise AlsoRows(ContributionsOf, [enrolment.account_id])
    return rows
