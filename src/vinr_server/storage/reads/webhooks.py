"""What the API reads about webhooks: the log of deliveries, and events to be sent again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from vinr_server.core.events.rows import Delivery, DeliveryAttempt
from vinr_server.storage.batch.tables import TABLES

_ATTEMPTS = TABLES[DeliveryAttempt]

# By primary key, a few rows for each delivery.
ATTEMPTS_OF = f"""
select {_ATTEMPTS.select_list}
from unnest($2::int2[], $3::text[]) as w (bucket, id)
join delivery_attempts t on t.realm = $1 and t.delivery_id = w.id and t.bucket = w.bucket
order by t.delivery_id, t.number
"""

# Along events_newest from the oldest on. $5 are whole types, $6 are beginnings of types.
# An event reported as not deliverable (R22) is not sent later either.
EVENTS_BETWEEN = """
select t.bucket, t.id, t.type from events t
where t.realm = $1 and (t.created_at, t.id) > ($2, $3) and ($4::timestamptz is null or t.created_at < $4)
  and t.is_deliverable
  and (t.type = any($5) or exists (select from unnest($6::text[]) as p (stem) where starts_with(t.type, p.stem)))
order by t.created_at, t.id limit $7
"""


async def attempts_of(pool: Any, realm: int, deliveries: Sequence[Delivery]) -> Mapping[str, list[DeliveryAttempt]]:
    """The log of each delivery, by its id, the first attempt first."""
    found: dict[str, list[DeliveryAttempt]] = {}
    buckets, ids = [delivery.bucket for delivery in deliveries], [delivery.id for delivery in deliveries]
    for record in await pool.fetch(ATTEMPTS_OF, realm, buckets, ids):
        attempt = _ATTEMPTS.row(record)
        assert isinstance(attempt, DeliveryAttempt)
        found.setdefault(attempt.delivery_id, []).append(attempt)
    return found


async def events_between(
    pool: Any,
    realm: int,
    starts_at: datetime,
    ends_at: datetime | None,
    *,
    patterns: Sequence[str],
    after: str | None,
    limit: int,
) -> tuple[list[tuple[int, str, str]], bool]:
    """Bucket, id and type of events that match a pattern, oldest first, and whether there are more.

    `after` is the last event already seen at `starts_at`; None: from that instant on.
    """
    names = [pattern for pattern in patterns if not pattern.endswith("*")]
    stems = [pattern.removesuffix("*") for pattern in patterns if pattern.endswith("*")]
    records = await pool.fetch(EVENTS_BETWEEN, realm, starts_at, after or "", ends_at, names, stems, limit + 1)
    return [(bucket, id, type) for bucket, id, type in records[:limit]], len(records) > limit
