"""Which batches of codes a passage may come to before it waits again: only these are locked for it (R48)."""

from __future__ import annotations

from vinr_server.core.campaigns.definition import reached_from
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
    for id in reached_from(definition.steps, enrolment.step, until_wait=True):
        issued = definition.steps[id].issue
        if issued is not None:
            name_issuing(needs, seen, issued.batch_id)
