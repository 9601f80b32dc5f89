"""Lengths of time as people write them: 13mo, 90d, 2h, 1y6mo."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from vinr_server.core.kernel.calendar import LAST_INSTANT, expires_at

_PART = re.compile(r"(\d{1,6})(y|mo|w|d|h|min|s)", re.ASCII)
_SECONDS = {"w": 604_800, "d": 86_400, "h": 3_600, "min": 60, "s": 1}
_MONTHS = {"y": 12, "mo": 1}
UNITS = "y, mo, w, d, h, min, s"


def later(instant: datetime, text: str) -> datetime:
    """The instant so much later. Months are calendar months: points that expire after 13 months expire at 13mo sharp.

    Raises ValueError, with a sentence, if the text is not a length of time.
    """
    parts = _PART.findall(text)
    if "".join(number + unit for number, unit in parts) != text or not parts:
        if re.search(r"\d+m(?!o|i)", text):
            raise ValueError(f"{text!r} is ambiguous: m may mean months or minutes. Write mo or min.")
        raise ValueError(f"{text!r} is not a length of time. Write 13mo, 90d or 2h (units: {UNITS}).")
    months = sum(int(number) * _MONTHS[unit] for number, unit in parts if unit in _MONTHS)
    seconds = sum(int(number) * _SECONDS[unit] for number, unit in parts if unit in _SECONDS)
    moved = expires_at(instant, months=months, rounding="none", zone="UTC")
    assert moved is not None
    try:
        return moved + timedelta(seconds=seconds)
    except OverflowError:
        return LAST_INSTANT
