"""What dynamic segments ask of the members that are due to be judged: their places, and their newest purchases.

Who is not due costs nothing: not a row is read for it, whatever segments there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from vinr_server.core.conditions.course import Purchase
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs
from vinr_server.core.members.rows import Account
from vinr_server.core.segments.moves import move_at
from vinr_server.core.segments.rows import USES, PurchaseLog, SegmentMember, SegmentUses
from vinr_server.storage.batch.reading import NOTHING, Address, columns_of
from vinr_server.storage.batch.tables import TABLES, rows_of

# The newest purchases of each customer. Plan: payments_by_purchase backwards.
PURCHASES = """
select w.realm, w.customer, newest.*
from unnest($1::int4[], $2::text[], $3::int8[]) as w (realm, customer, most)
cross join lateral (
  select p.id, p.account_id, p.occurred_at, p.currency, p.amount_minor - p.refunded_minor from payments p
  where p.realm = w.realm and p.customer_id = w.customer and p.amount_minor > p.refunded_minor
  order by p.occurred_at desc limit w.most
) as newest
"""
MEMBERSHIPS = f"""
select {TABLES[SegmentMember].select_list}
from unnest($1::int4[], $2::int2[], $3::text[]) as w (realm, bucket, id)
join segment_members t on t.realm = w.realm and t.account_id = w.id and t.bucket = w.bucket
where t.bucket = any($2)
"""

# The customers of a realm, each with how many of its purchases are read; None: all.
Wanted = dict[str, int | None]


async def read_memberships(connection: Any, accounts: Iterable[Address], layers: Mapping[int, Layer]) -> None:
    """The layers hold the places of these accounts in segments, past ones included."""
    wanted = dict.fromkeys(accounts)
    if wanted:
        for realm, row in rows_of(TABLES[SegmentMember], await connection.fetch(MEMBERSHIPS, *columns_of(wanted))):
            layers[realm].put(row)


async def read_watched(
    connection: Any,
    needs: Mapping[int, Needs],
    layers: Mapping[int, Layer],
    now_of: Callable[[int, str], datetime],
) -> None:
    """The layers hold what judges the members that are due, and those that a decision has asked for.

    `now_of`: the latest instant at which a realm's program may be while the batch is decided.
    """
    asked = {realm: _asked_of(layer, needs[realm], realm, now_of) for realm, layer in layers.items()}
    accounts = [
        (realm, account.bucket, account.id)
        for realm, wanted in asked.items()
        if wanted
        for account in layers[realm].written(Account)
        if not wanted.keys().isdisjoint(account.customer_ids)
    ]
    await read_memberships(connection, accounts, layers)
    for realm, wanted in asked.items():
        for log in await _logs(connection, realm, wanted):
            layers[realm].put(log)


def _asked_of(layer: Layer, needs: Needs, realm: int, now_of: Callable[[int, str], datetime]) -> Wanted:
    uses = layer.find(SegmentUses, USES)
    assert uses is not None, "a catalogue is read with its uses"
    scanning = bool(uses.scanning)
    wanted: Wanted = {}
    for account in layer.written(Account) if uses.watched else ():
        may_move = account.status != "merged" and (scanning or account.next_segments_at is not None)
        if may_move and move_at(layer, account) <= now_of(realm, account.program_id):
            wanted |= dict.fromkeys(account.customer_ids, uses.purchases_max)
    for key in needs.rows.get(PurchaseLog, NOTHING):
        if isinstance(key, tuple):
            wanted[key[0]] = None
        else:
            wanted.setdefault(str(key), max(uses.purchases_max, 1))  # for segments that the batch itself makes
    return wanted


async def _logs(connection: Any, realm: int, wanted: Wanted) -> list[PurchaseLog]:
    """The purchases of each customer; one more than are read would show that there are older ones."""
    found: dict[str, list[tuple[str, str | None, Purchase]]] = {id: [] for id in wanted}
    limits = [(realm, id, most if most is None else most + 1) for id, most in wanted.items() if most != 0]
    records = await connection.fetch(PURCHASES, *columns_of(limits)) if limits else ()
    for _realm, customer_id, payment_id, account_id, at, currency, kept_minor in records:
        found[customer_id].append((payment_id, account_id, Purchase(at, currency, kept_minor)))
    return [
        PurchaseLog(id, tuple(bought[:most]), is_whole=most is None or len(bought) <= most)
        for id, bought in found.items()
        for most in [wanted[id]]
    ]
