"""How a definition says how often, and at which hours, members may be met (R51)."""

from __future__ import annotations

from vinr_server.api.contract.definition_places import Place
from vinr_server.core.campaigns import pacing
from vinr_server.core.kernel.spans.durations import Duration

CAPS_MAX = 10
CAP_MOST = 1_000


def read_caps(place: Place) -> tuple[pacing.FrequencyCap, ...]:
    """The caps on frequency, as far as they can be read."""
    return tuple(_cap(each) for each in place.places("caps", most=CAPS_MAX))


def _cap(place: Place) -> pacing.FrequencyCap:
    read = pacing.FrequencyCap(
        of=place.required("of", place.choice("of", pacing.CappedKind.__args__)) or "entries",  # type: ignore[attr-defined]
        most=place.required("max", place.whole("max", least=1, most=CAP_MOST)) or 1,
        within=place.required("within", place.duration("within")) or Duration(seconds=1),
        scope=place.choice("scope", pacing.CapScope.__args__) or "campaign",  # type: ignore[attr-defined]
    )
    place.end()
    return read


def read_send_window(place: Place | None) -> pacing.SendWindow | None:
    """The hours in which messages are sent; None: at any."""
    if place is None:
        return None
    first, last = place.required("from", place.minutes("from")), place.required("to", place.minutes("to"))
    place.end()
    if first is None or last is None:
        return None
    if first == last:
        place.say("to", "The window is empty: it opens and closes at one time. Send another time.")
    return pacing.SendWindow(first, last)
