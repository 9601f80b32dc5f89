"""Planted bugs in how members move to newer revisions, and leave campaigns that are cleared."""

from __future__ import annotations

from mutant import Mutant, scenario


def moving(title: str) -> str:
    """The scenario that must go red, on core."""
    return scenario(f"moving: {title}")


MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "a wait that became shorter begins anew",
        "_placed",
        "target != enrolment.step",
        "True",
        moving("Who stands in a wait that became longer waits on (R52, 8)"),
    ),
    Mutant(
        "a move forgets that waits stood still",
        "_placed",
        "sum(pause.ends_at <= since for pause in campaign.pauses)",
        "len(campaign.pauses)",
        moving("A wait keeps the pauses that it stood still in (R52, R53)"),
    ),
    Mutant(
        "a step of the same name is taken for the same, whatever its kind",
        "way_to",
        "here.kind == there.kind",
        "True",
        moving("The same name for another kind of step is another step (R52)"),
    ),
    Mutant(
        "a step that was taken is taken again after a move",
        "_take",
        "before is not None",
        "False",
        moving("A step that was taken is not taken again (R52)"),
    ),
    Mutant(
        "what a wait has heard is forgotten by a move",
        "_placed",
        "_awaited(older, wait.step_id) == _awaited(newer, wait.step_id)",
        "False",
        moving("Events that a wait has heard count as long as it waits for the same (R45, R52)"),
    ),
    Mutant(
        "members are left where nothing maps",
        "_moving",
        "if place.to is None:",
        "if False:",
        moving("Nobody is left where the new revision knows no such step (R52)"),
    ),
    Mutant(
        "who is inside an archived campaign stays",
        "follow",
        "if campaign.is_cleared:",
        "if False:",
        moving("An archived campaign lets go of those who are inside, where it is told to (R53)"),
    ),
)
