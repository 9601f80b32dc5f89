"""The invariants of QUALITY.md that a database can be asked about, as queries that answer what breaks them."""

from __future__ import annotations

import psycopg

INVARIANTS: dict[str, str] = {
    "I1 the balance is the sum of its entries, in a sequence without gaps": """
        select a.id from accounts a left join entries e on e.realm = a.realm and e.account_id = a.id
        group by a.realm, a.bucket, a.id
        having a.ledger_balance_points <> coalesce(sum(e.points), 0) or a.sequence <> count(e.id)
          or a.sequence <> coalesce(max(e.sequence), 0)""",
    "I1 each entry goes on from the one before": """
        select id from (
          select id, balance_after_points - points as before, sequence,
            lag(balance_after_points) over (partition by realm, account_id order by sequence) as previous,
            lag(sequence) over (partition by realm, account_id order by sequence) as previous_sequence
          from entries) e
        where before <> coalesce(previous, 0) or sequence <> coalesce(previous_sequence, 0) + 1""",
    "I2 the balance is what its lots hold, less what it owes": """
        select a.id from accounts a
        cross join lateral (select coalesce(sum(remaining_points), 0) as held from lots l
          where l.realm = a.realm and l.account_id = a.id) l
        cross join lateral (select coalesce(sum(remaining_points), 0) as owed from deficits d
          where d.realm = a.realm and d.account_id = a.id) d
        where a.ledger_balance_points <> held - owed or (held > 0 and owed > 0)""",
    "I2 a lot is what remains of it and its uses": """
        select l.id from lots l left join lot_uses u on u.realm = l.realm and u.lot_id = l.id
        group by l.realm, l.bucket, l.id having l.points <> l.remaining_points + coalesce(sum(u.points), 0)""",
    "I2 a debit is the sum of its uses, and what is still owed of it": """
        select e.id from entries e
        cross join lateral (select coalesce(sum(points), 0) as used from lot_uses u
          where u.realm = e.realm and u.entry_id = e.id) u
        cross join lateral (select coalesce(sum(remaining_points), 0) as owed from deficits d
          where d.realm = e.realm and d.entry_id = e.id) d
        where (e.points < 0 or e.kind = 'redemption_cancellation') and -e.points <> used + owed""",
    "I3 counters are what is redeemed, and no more than the cap": """
        select w.id from rewards w left join counters c on c.realm = w.realm and c.id = 'reward:' || w.id
        left join redemptions r on r.realm = w.realm and r.reward_id = w.id and r.status = 'confirmed'
        where w.stock is not null group by w.realm, w.id, w.stock, c.used
        having coalesce(c.used, 0) <> count(r.id) or count(r.id) > w.stock""",
    "I5 a kept key points to an event that is there": """
        select k.key from idempotency_keys k left join events e on e.realm = k.realm and e.id = k.event_id
        where k.event_id is not null and e.id is null""",
    "I6 an entry is told once": """
        select n.id from entries n left join events e on e.realm = n.realm and e.data ->> 'id' = n.id
          and e.type like 'loyalty.points.%'
        where n.kind in ('award', 'adjustment', 'reversal', 'expiry')
        group by n.realm, n.bucket, n.id having count(e.id) <> 1""",
    "I6 a redemption is told once": """
        select r.id from redemptions r left join events e on e.realm = r.realm and e.data ->> 'id' = r.id
          and e.type = 'loyalty.reward.redeemed'
        group by r.realm, r.bucket, r.id having count(e.id) <> 1""",
    "I6 a payment is told once": """
        select p.id from payments p left join events e on e.realm = p.realm and e.data ->> 'id' = p.id
          and e.type = 'payment.completed'
        group by p.realm, p.bucket, p.id having count(e.id) <> 1""",
    "I6 nothing is told that did not happen": """
        select e.id from events e left join entries n on n.realm = e.realm and n.id = e.data ->> 'id'
        where e.type like 'loyalty.points.%' and n.id is null""",
    "I7 a redemption has its entry, a discount its redemption": """
        select r.id from redemptions r left join entries e on e.realm = r.realm and e.id = r.entry_id
        where e.id is null
        union all
        select d.id from discounts d left join redemptions r on r.realm = d.realm and r.id = d.redemption_id
        where r.id is null""",
    "I8 reversals of an award never exceed it": """
        select e.id from entries e join entries r on r.realm = e.realm and r.reverses_id = e.id and r.kind = 'reversal'
        group by e.realm, e.bucket, e.id having -sum(r.points) > e.points""",
    "I8 refunds of a payment never exceed it": """
        select p.id from payments p left join refunds f on f.realm = p.realm and f.payment_id = p.id
        group by p.realm, p.bucket, p.id
        having p.refunded_minor <> coalesce(sum(f.amount_minor), 0) or p.refund_count <> count(f.id)""",
    "lifetime points are accruals less their reversals": """
        select a.id from accounts a left join entries e on e.realm = a.realm and e.account_id = a.id
        group by a.realm, a.bucket, a.id
        having a.lifetime_points <> coalesce(sum(e.points) filter (
          where e.kind in ('award', 'reversal') or (e.kind = 'adjustment' and e.points > 0)), 0)""",
}


def broken_invariants(database_url: str) -> dict[str, list[str]]:
    """Each broken invariant with the first ids that break it; empty where all hold."""
    broken: dict[str, list[str]] = {}
    with psycopg.connect(database_url) as connection:
        connection.execute("analyze")  # a table that has just been filled still counts as empty
        for name, query in INVARIANTS.items():
            found = [str(row[0]) for row in connection.execute(query.encode()).fetchmany(5)]
            if found:
                broken[name] = found
    return broken
