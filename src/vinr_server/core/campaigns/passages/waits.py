"""When a wait is over, and by which way chance sends a member (R45, R47)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

from vinr_server.core.campaigns.definition import SHARES, Wait, Way
from vinr_server.core.kernel.calendar import is_zone, next_time_of_day
from vinr_server.core.kernel.spans.durations import later
from vinr_server.core.members.rows import Account
from vinr_server.core.programs.rows import Program


def wait_end(wait: Wait, *, at: datetime, zone: str) -> datetime:
    """When a wait that begins at this instant is over, unless an event ends it before. What is past is over at once."""
    if wait.timeout is not None:
        return later(at, wait.timeout, zone)
    if wait.until is not None:
        return max(wait.until, at)
    earliest = later(at, wait.wait_for, zone) if wait.wait_for is not None else at
    if wait.at_minutes is None:
        return earliest
    return next_time_of_day(earliest, wait.at_minutes, wait.days, zone)


def zone_of(wait: Wait, account: Account, program: Program) -> str:
    """The zone whose clocks the wait follows: that which the account's metadata names, else the program's."""
    named = account.metadata.get(wait.zone_from) if wait.zone_from is not None else None
    return named if isinstance(named, str) and is_zone(named) else program.timezone


def draw(campaign_id: str, key: str, customer_id: str) -> int:
    """A number from 0 to 9,999 that is the same for good, and that anybody can compute again from these three texts."""
    digest = hashlib.sha256(f"{campaign_id}/{key}/{customer_id}".encode()).digest()
    return int.from_bytes(digest[:8]) * SHARES >> 64


def way_of(ways: Sequence[Way], drawn: int) -> Way:
    """The way whose range holds the number: ways take consecutive ranges, as listed. Expects shares of 10,000."""
    for way in ways:
        if drawn < way.share:
            return way
        drawn -= way.share
    raise AssertionError("the shares of a split come to 10,000")
