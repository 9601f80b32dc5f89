"""How much was taken of offers and rewards that have no counter yet, and how a batch keeps it so."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, get_args

from vinr_server.core.kernel.rows import CapOwner, Tally

TABLES: Mapping[CapOwner, str] = {"offer": "offers", "reward": "rewards"}

# Anybody who takes of one of them meanwhile is waited for, and waits: see `hold_uncounted`.
LOCK_UNCOUNTED = """
select t.realm, t.id from unnest($1::int4[], $2::text[]) as w (realm, id)
join {table} t using (realm, id) where not t.is_counted order by t.realm, t.id for update of t
"""
# Plan: the indexes offer_redemptions_of_offer and redemptions_of_reward. All that was taken, once in the life of an
# offer or a reward.
TALLIES: Mapping[CapOwner, str] = {
    "offer": """
select w.realm, w.id, count(*) filter (where t.status in ('confirmed', 'refunded')),
  count(*) filter (where t.status = 'reserved')
from unnest($1::int4[], $2::text[]) as w (realm, id)
join offer_redemptions t on t.realm = w.realm and t.offer_id = w.id
group by 1, 2
""",
    "reward": """
select w.realm, w.id, count(*), 0
from unnest($1::int4[], $2::text[]) as w (realm, id)
join redemptions t on t.realm = w.realm and t.reward_id = w.id
where t.status in ('confirmed', 'authorized')
group by 1, 2
""",
}
# By primary key. `key share` keeps out nobody but LOCK_UNCOUNTED.
HOLD_UNCOUNTED = """
select t.realm, t.id from unnest($1::int4[], $2::text[]) as w (realm, id)
join {table} t using (realm, id) where not t.is_counted order by t.realm, t.id for key share of t
"""

# Realm, what has the cap, and its id.
Owner = tuple[int, CapOwner, str]


async def tally_uses(connection: Any, wanted: Collection[Owner]) -> list[tuple[int, Tally]]:
    """What was taken so far of those that have no counter; until the batch is over nobody can take more."""
    found: list[tuple[int, Tally]] = []
    for counted_as, columns in _by_table(wanted):
        records = await connection.fetch(LOCK_UNCOUNTED.format(table=TABLES[counted_as]), *columns)
        if not records:
            continue
        # After the lock, in a separate statement: it waited for those who had taken of them.
        locked = [list(column) for column in zip(*records, strict=True)]
        taken = await connection.fetch(TALLIES[counted_as], *locked)
        counted = {(realm, id): (used, reserved) for realm, id, used, reserved in taken}
        found += [(realm, Tally(counted_as, id, *counted.get((realm, id), (0, 0)))) for realm, id in records]
    return found


async def hold_uncounted(connection: Any, wanted: Collection[Owner]) -> bool:
    """Whether none of these has a counter by now; none gets one until the batch is over."""
    held = 0
    for counted_as, columns in _by_table(wanted):
        held += len(await connection.fetch(HOLD_UNCOUNTED.format(table=TABLES[counted_as]), *columns))
    return held == len(wanted)


def _by_table(wanted: Collection[Owner]) -> list[tuple[CapOwner, list[list[Any]]]]:
    """The realms and ids of each table's, in the one order of locks."""
    found: list[tuple[CapOwner, list[list[Any]]]] = []
    for counted_as in get_args(CapOwner):
        mine = sorted((realm, id) for realm, owner, id in wanted if owner == counted_as)
        if mine:
            found.append((counted_as, [list(column) for column in zip(*mine, strict=True)]))
    return found
