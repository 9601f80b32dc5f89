"""Which batches of codes a passage may come to before it waits again: only these are locked for it (R48)."""

from __future__ import annotations

from collections.abc import Iterator

from vinr_server.core.campaigns.definition import Definition, Step
from vinr_server.core.campaigns.passages.stepping import definition_of
from vinr_server.core.campaigns.rows import Enrolment
from vinr_server.core.codes.issuing import name_issuing
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs


def name_codes_ahead(needs: Needs, seen: Layer, enrolment: Enrolment) -> None:
    """What the passage needs to give codes until it waits again is declared; what lies beyond asks by itself."""
    definition = definition_of(seen, enrolment)
    if definition is None or enrolment.step is None or not any(step.issue for step in definition.steps.values()):
        return
    for step in steps_ahead(definition, enrolment.step):
        if step.issue is not None:
            name_issuing(needs, seen, step.issue.batch_id)


def steps_ahead(definition: Definition, start: str) -> Iterator[Step]:
    """The step and all that it leads to, each once, without what lies behind another wait."""
    known, waiting = {start}, [start]
    while waiting:
        id = waiting.pop()
        step = definition.steps.get(id)
        if step is None or (step.wait is not None and id != start):
            continue
        yield step
        ahead = [target for _place, target in step.ways_out() if target is not None and target not in known]
        known.update(ahead)
        waiting += ahead
