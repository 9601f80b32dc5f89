"""Orders, amendments, and refunds that can be canceled; a purchase keeps what it has earned by (R71-R75).

What older versions gave for payments is written into these payments: which rules and offers at which revisions, the
entries of their awards, and what refunds have clawed back of them.

Revision ID: 0016
"""

from alembic import op

revision = "0016"
down_revision = "0015"

TABLES = """
alter table payments add column order_key text collate "C";
alter table payments add column revision int8 not null default 1 check (revision > 0);
alter table payments add column earnings json not null default '[]';

create table orders (
  bucket int2 not null,
  realm int4 not null,
  id text collate "C" not null,
  currency text not null,
  payment_ids json not null,
  earnings json not null,
  created_at timestamptz not null,
  primary key (realm, id, bucket)
);
create index payments_of_order on payments (realm, order_key) where order_key is not null;

create table payment_revisions (
  bucket int2 not null,
  realm int4 not null,
  id text collate "C" not null,
  payment_id text collate "C" not null,
  revision int8 not null check (revision > 0),
  amount_minor int8 not null,
  eligible_minor int8 not null,
  tax_minor int8 not null,
  shipping_minor int8 not null,
  tenders json not null,
  lines json not null,
  reason text,
  created_at timestamptz not null,
  primary key (realm, id, bucket)
);
create index payment_revisions_of_payment on payment_revisions (realm, payment_id, created_at, id);

alter table refunds add column customer_id text collate "C";
update refunds r set customer_id = p.customer_id from payments p where p.realm = r.realm and p.id = r.payment_id;
create index refunds_of_customer on refunds (realm, customer_id, created_at, id) where customer_id is not null;
alter table refunds add column lines json not null default '[]';
alter table refunds add column canceled_at timestamptz;
alter table refunds add column points_reinstated int8 not null default 0;
create index refunds_newest on refunds (realm, created_at, id);

grant select, insert, update on orders to vinr_app;
grant select, insert on payment_revisions to vinr_app;
grant update (customer_id, canceled_at, points_reinstated) on refunds to vinr_app;
"""

# A clawback can be undone by a reinstatement; an amendment can give more for a payment by the same rule.
LEDGER = """
alter table entries drop constraint entries_kind_check;
alter table entries add constraint entries_kind_check check (kind in
  ('award', 'adjustment', 'redemption', 'redemption_cancellation', 'reversal', 'reinstatement', 'expiry'));
drop index entries_by_source;
create index entries_by_source on entries (realm, source_id, account_id, rule_id, bucket)
  where source_id is not null and kind = 'award';
create or replace view postings as
  select realm, id as entry_id, account_id as ledger, points from entries
  union all
  select realm, id, case kind
      when 'award' then 'points_issued' when 'adjustment' then 'points_adjusted'
      when 'reversal' then 'points_clawed_back' when 'reinstatement' then 'points_clawed_back'
      when 'expiry' then 'points_expired' else 'points_redeemed' end, -points
  from entries;
"""

EARNINGS = """
with clawed as (
  select e.realm, e.reverses_id as id, json_agg(json_build_object(
    'entry_id', e.id, 'points', -e.points - coalesce(b.points, 0),
    'reinstated_by', coalesce(b.ids, '[]')) order by e.sequence) as shown
  from entries e left join (
    select realm, reverses_id as id, sum(points) as points, json_agg(id order by sequence) as ids
    from entries where kind = 'reinstatement' group by 1, 2) b on b.realm = e.realm and b.id = e.id
  where e.kind = 'reversal' and e.source_type in ('refund', 'payment') group by 1, 2),
earned as (
  select e.realm, e.source_id as payment_id, e.account_id,
    max(e.receipt ->> 'tier') as tier,
    min(e.occurred_at) as occurred_at,
    (select g.timezone from accounts a join programs g on g.realm = a.realm and g.id = a.program_id
     where a.realm = e.realm and a.id = e.account_id) as zone,
    coalesce(bool_or((r.conditions ->> 'first_payment')::bool), false) as is_first,
    json_agg(json_build_array(e.rule_id, e.rule_revision) order by e.sequence)
      filter (where e.rule_id is not null) as rules,
    max(case when e.rule_id is not null then e.receipt ->> 'offer' end) as multiplier,
    max(case when e.rule_id is not null then (e.receipt ->> 'offer_revision')::int8 end) as multiplier_revision,
    json_agg(json_build_array(e.receipt ->> 'offer', (e.receipt ->> 'offer_revision')::int8) order by e.sequence)
      filter (where e.rule_id is null) as bonuses,
    json_agg(json_build_object('entry_id', e.id, 'source_id', coalesce(e.rule_id, e.receipt ->> 'offer'),
      'points', e.points, 'payment_id', e.source_id, 'clawbacks', coalesce(c.shown, '[]')) order by e.sequence)
      as awards
  from entries e
  left join clawed c on c.realm = e.realm and c.id = e.id
  left join earning_rule_revisions r on r.realm = e.realm and r.rule_id = e.rule_id and r.revision = e.rule_revision
  where e.kind = 'award' and e.source_type = 'payment'
    and (e.rule_id is not null or e.receipt ->> 'offer' is not null)
  group by 1, 2, 3)
update payments p set earnings = e.shown
from (
  select realm, payment_id, json_agg(json_build_object('account_id', account_id, 'tier', tier,
    'occurred_at', occurred_at, 'zone', zone, 'tenders', null, 'is_first', is_first, 'rules', coalesce(rules, '[]'),
    'multiplier', case when multiplier is not null then json_build_array(multiplier, multiplier_revision) end,
    'bonuses', coalesce(bonuses, '[]'), 'awards', awards) order by account_id) as shown
  from earned group by 1, 2) e
where e.realm = p.realm and e.payment_id = p.id;
alter table payments alter column earnings drop default;
alter table refunds alter column lines drop default;
"""


def upgrade() -> None:
    """New tables and columns, and what older payments earned."""
    for part in (TABLES, LEDGER, EARNINGS):
        op.execute(part)
