"""What is wrong with a challenge's definition, all at once; and what a journey may not say (R40, R54)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

from vinr_server.core.campaigns.challenges.targets import CONTRIBUTIONS_MAX, Progressing, Target
from vinr_server.core.campaigns.definition import Definition, Reentry, longest
from vinr_server.core.campaigns.rows import PROGRESS, Campaign, CampaignRevision, DefinitionProblem, revision_id
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.spans.periods import Period

LENGTH_DAYS_MAX = 400
# So many local days a period has at most.
_DAYS: Mapping[Period, int] = {"day": 1, "week": 7, "month": 31, "year": 366}

Found = Iterator[tuple[str, str]]


def challenge_problems(layer: Layer, campaign: Campaign, definition: Definition) -> list[DefinitionProblem]:
    """Everything about progress that stands in the way of publishing the definition for this campaign."""
    says = definition.progress
    if campaign.type == "journey":
        found = [*_of_journey(definition)]
    elif says is None:
        found = [("progress", "It is required in a challenge: say what counts, how much, and by when.")]
    else:
        before = layer.get(CampaignRevision, revision_id(campaign.id, campaign.revision))
        earlier = before.definition.progress if before is not None else None
        found = [*_of_challenge(definition, says), *_of_target(says.target), *_of_changes(says, earlier)]
    return [DefinitionProblem(path, problem) for path, problem in found]


def _of_journey(definition: Definition) -> Found:
    if definition.progress is not None:
        yield "progress", "A journey has none. Create a campaign of type challenge."
    if definition.entry.contribution:
        yield "entry.contribution", "A journey counts nothing. Create a campaign of type challenge."
    for id, step in definition.steps.items():
        if step.award is not None and step.award.clawback == "contributions":
            yield f"steps.{id}.clawback", "A journey has no contributions. Send entry_payment or none."


def _of_challenge(definition: Definition, says: Progressing) -> Found:
    if definition.reentry != Reentry():
        yield "reentry", "A challenge is entered once. Say with progress.repeat how often it can be completed."
    if not definition.exit_on_refund:
        yield "exit_on_refund", "In a challenge a refund takes a contribution back. Leave it out."
    if PROGRESS in definition.steps:
        yield f"steps.{PROGRESS}", "Members stand at progress between attempts. Give the step another id."
    if says.on_expire is not None and says.on_expire not in definition.steps:
        yield "progress.on_expire", f"There is no step {says.on_expire!r}."
    for id, step in definition.steps.items():
        if step.award is not None and step.award.clawback == "entry_payment":
            yield (
                f"steps.{id}.clawback",
                "It goes back with contributions. Send contributions or none.",
            )


def _of_target(target: Target) -> Found:
    window = target.window
    if window.length is not None and longest(window.length) > timedelta(days=LENGTH_DAYS_MAX):
        yield "progress.window.for", f"A window lasts at most {LENGTH_DAYS_MAX} days."
    if target.streak is not None:
        most = _most_in(target, _DAYS[target.streak.every])
        if most is not None and target.streak.least > most:
            yield "progress.streak.min", f"At most {most} count in a {target.streak.every}: max_per_day says so."
    contributions = target.target * (target.streak.least if target.streak is not None else 1)
    if target.measure != "sum" and contributions > CONTRIBUTIONS_MAX:
        yield "progress.target", f"It takes {contributions} events; at most {CONTRIBUTIONS_MAX} are counted."
    days = _days_in(target)
    most = _most_in(target, days) if days is not None and target.measure in ("count", "days") else None
    if most is not None and target.target > most:
        yield "progress.target", f"At most {most} can count in the window."


def _days_in(target: Target) -> int | None:
    """How many local days a window can touch."""
    window = target.window
    if window.calendar is not None:
        return _DAYS[window.calendar]
    return longest(window.length).days + 2 if window.length is not None else None


def _most_in(target: Target, days: int) -> int | None:
    """How much can count on so many days."""
    return days * target.a_day if target.a_day is not None else None


def _of_changes(says: Progressing, earlier: Progressing | None) -> Found:
    """What contributions that members have would no longer be comparable with."""
    if earlier is None:
        return
    if says.type != earlier.type:
        yield "progress.of.event", f"It stays {earlier.type}, as members have contributions. Create another campaign."
    if says.target.measure != earlier.target.measure:
        yield "progress.measure", f"It stays {earlier.target.measure}, as members have contributions."
    elif says.target.measure == "sum" and _summed(says) != _summed(earlier):
        yield "progress.of", "What is summed stays as it is, as members have contributions. Create another campaign."


def _summed(says: Progressing) -> tuple[str | None, str | None]:
    return (says.amount_from, says.conditions.currency)
