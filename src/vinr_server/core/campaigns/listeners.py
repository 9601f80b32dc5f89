"""Who listens to which events, gathered once for each revision of the catalogue: no event asks all campaigns."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta

from vinr_server.core.campaigns.definition import longest
from vinr_server.core.campaigns.rows import LISTENERS, Campaign, CampaignRevision, Listeners, revision_id
from vinr_server.core.clocks.rows import STOPS, ClockStops
from vinr_server.core.kernel.layers import Layer

# By no more than this, a length by the clocks of a place is longer than what `longest` says of it.
_CLOCKS = timedelta(days=1)


def listeners_of(catalogue: Layer) -> Listeners:
    """All listeners of a catalogue. A campaign that is archived listens for those who are still in it."""
    entries: dict[tuple[str, str], list[Campaign]] = defaultdict(list)
    programs: set[str] = set()
    types: set[str] = set()
    contributed: set[tuple[str, str]] = set()
    definitions = [revision.definition for revision in catalogue.every(CampaignRevision)]
    for definition in definitions:
        types.update(trigger.type for trigger in definition.triggers)
    for campaign in catalogue.every(Campaign):
        in_force = catalogue.get(CampaignRevision, revision_id(campaign.id, campaign.revision))
        if in_force is None:
            continue
        programs.add(campaign.program_id)
        said = in_force.definition
        if said.progress is not None:
            contributed.add((campaign.program_id, said.progress.type))
        by = said.progress if said.entry.contribution else said.entry.event
        if by is not None and campaign.is_live:
            entries[campaign.program_id, by.type].append(campaign)
    in_order = {place: sorted(found, key=entry_order) for place, found in entries.items()}
    return Listeners(
        LISTENERS,
        types=frozenset(types),
        entries={place: tuple(campaign.id for campaign in found) for place, found in in_order.items()},
        programs=frozenset(programs),
        contributed=frozenset(contributed),
        has_goals=any(definition.goal is not None for definition in definitions),
        caps_reach=max(
            (longest(cap.within) + _CLOCKS for said in definitions for cap in said.caps), default=timedelta(0)
        ),
    )


def stops_of(catalogue: Layer) -> ClockStops:
    """When the schedules of campaigns let members in."""
    earliest: dict[str, datetime] = {}
    for campaign in catalogue.every(Campaign):
        if campaign.next_entry_at is not None and campaign.is_live:
            known = earliest.get(campaign.program_id, campaign.next_entry_at)
            earliest[campaign.program_id] = min(known, campaign.next_entry_at)
    return ClockStops(STOPS, earliest)


def listeners_in(layer: Layer) -> Listeners | None:
    """Who listens in the layer's realm; None where it has no campaigns that were published."""
    listeners = layer.find(Listeners, LISTENERS)
    return listeners if listeners is not None and listeners.programs else None


def entry_order(campaign: Campaign) -> tuple[object, ...]:
    """The order in which members enter campaigns by one event."""
    return (-campaign.priority, campaign.created_at, campaign.id)
