"""What came of the steps of a campaign, counted from their log."""

from __future__ import annotations

from typing import Any, NamedTuple

# Plan: a range of campaign_steps_of_campaign for one revision.
OUTCOMES = """
select step, outcome, coalesce(detail -> 'refusal' ->> 'code', ''), count(*),
  coalesce(sum((detail -> 'effect' ->> 'points')::int8), 0)::int8
from campaign_steps where realm = $1 and campaign_id = $2 and revision = $3 group by 1, 2, 3
"""
# Plan: campaign_enrolments_of_campaign.
INSIDE = """
select step, count(*) from campaign_enrolments
where realm = $1 and campaign_id = $2 and revision = $3 and status in ('open', 'failed') group by 1
"""


class StepFigures(NamedTuple):
    """How many came to a step, are there, and left it by which outcome; why it was skipped; the points it gave."""

    entered: int
    inside: int
    outcomes: dict[str, int]
    skipped: dict[str, int]
    points: int


async def step_figures(pool: Any, realm: int, campaign_id: str, revision: int) -> dict[str, StepFigures]:
    """The figures of each step that somebody has come to, by its id; in = inside + what left."""
    inside = dict(await pool.fetch(INSIDE, realm, campaign_id, revision))
    outcomes: dict[str, dict[str, int]] = {}
    skipped: dict[str, dict[str, int]] = {}
    points: dict[str, int] = {}
    for step, outcome, code, count, given in await pool.fetch(OUTCOMES, realm, campaign_id, revision):
        of_step = outcomes.setdefault(step, {})
        of_step[outcome] = of_step.get(outcome, 0) + count
        points[step] = points.get(step, 0) + given
        if code:
            skipped.setdefault(step, {})[code] = count
    return {
        step: StepFigures(
            entered=inside.get(step, 0) + sum(outcomes.get(step, {}).values()),
            inside=inside.get(step, 0),
            outcomes=outcomes.get(step, {}),
            skipped=skipped.get(step, {}),
            points=points.get(step, 0),
        )
        for step in {*inside, *outcomes}
    }
