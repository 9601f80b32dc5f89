-- The same rows as the engine writes for a history of purchases, by hand: set-based, in one transaction, from a table `raw`
-- (line, customer, day, dollars) that COPY has filled; ids of payments are as long as those the importer makes of a row. bench/imports.py fills in {realm}, {program}, {rule} and {now}.
set local work_mem = '64MB';
analyze raw;
create temp table bought on commit drop as
with priced as (
  select line, 'cust_cdnow_' || customer as customer_id, 'pay_cdnow_' || left(md5(line::text), 24) as payment_id,
    (to_date(day, 'YYYYMMDD') + time '12:00') at time zone 'UTC' as at, (dollars * 100)::int8 as minor,
    floor(dollars)::int8 as points
  from raw
), dated as (
  select *, at + interval '12 months' as expires_at, points > 0 as has_points,
    points > 0 and at + interval '12 months' <= {now} as is_over,
    get_byte(sha256(convert_to({realm} || '/' || customer_id, 'UTF8')), 0)::int2 as bucket,
    min(line) over (partition by customer_id) as first_line
  from priced
), counted as (
  select *, lpad(to_hex(bucket::int), 2, '0') as tail,
    coalesce(sum(has_points::int + is_over::int) over before, 0) as sequence_before,
    coalesce(sum(points) filter (where has_points and not is_over) over before, 0) as balance_before
  from dated
  window before as (partition by customer_id order by line rows between unbounded preceding and 1 preceding)
), named as (
  select *, 'loy_1a1fbd1b9c0' || lpad(to_hex(first_line), 14, '0') || tail as account_id,
    '1a1fbd1b9c0' || lpad(to_hex(line * 8), 14, '0') || tail as id_1,
    '1a1fbd1b9c0' || lpad(to_hex(line * 8 + 1), 14, '0') || tail as id_2,
    '1a1fbd1b9c0' || lpad(to_hex(line * 8 + 2), 14, '0') || tail as id_3,
    '1a1fbd1b9c0' || lpad(to_hex(line * 8 + 3), 14, '0') || tail as id_4,
    extract(epoch from at)::int8 as at_unix, extract(epoch from {now})::int8 as now_unix,
    extract(epoch from expires_at)::int8 as expires_unix
  from counted
)
select *,
  concat('{"rule":"', {rule}, '","revision":1,"trigger":"payment.completed","currency":"USD","eligible":', minor,
    ',"min_amount":null,"minor_per_unit":100,"rate_e4":10000,"factor_e4":10000,"rounding":"floor","tier":null,"formula":"floor(',
    minor, ' / 100 x 1 x 1) = ', points, '","points":', points, '}') as receipt,
  concat('{"lot":"ptx_', id_1, '","expires_at":', expires_unix, ',"points":', points, '}') as expiry_receipt,
  case when has_points then concat('[{"account":"', account_id, '","rule":"', {rule}, '","points_transaction":"ptx_', id_1,
    '","points":', points, ',"status":"available","available_at":', at_unix, '}]') else '[]' end as awards,
  case when has_points then '[]' else concat('[{"account":"', account_id, '","rule":"', {rule},
    '","unmet":[{"condition":"amount","message":"An eligible part of ', minor,
    ' earns less than one point.","change":"spend ', 100 - minor, ' more"}]}]') end as skipped,
  concat('[{"account_id":"', account_id, '","tier":null,"occurred_at":"', to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
    '","zone":"UTC","tenders":null,"is_first":', (line = first_line)::text, ',"rules":[["', {rule}, '",1]],"multiplier":null,"bonuses":[],',
    '"awards":', case when has_points then concat('[{"entry_id":"ptx_', id_1, '","source_id":"', {rule}, '","points":', points,
    ',"payment_id":"', payment_id, '","clawbacks":[]}]') else '[]' end, ',"facts":null,"gifts":[]}]') as earnings
from named;
analyze bought;

insert into directory (bucket, realm, id, owner_bucket, fingerprint)
select get_byte(sha256(convert_to({realm} || '/' || payment_id, 'UTF8')), 0), {realm}, payment_id, bucket,
  sha256(convert_to(payment_id, 'UTF8'))
from bought order by payment_id;

insert into accounts (bucket, realm, id, program_id, customer_id, ledger_balance_points, lifetime_points, sequence,
  next_expiry_at, status, metadata, created_at)
select bucket, {realm}, account_id, {program}, customer_id,
  coalesce(sum(points) filter (where has_points and not is_over), 0), sum(points), sum(has_points::int + is_over::int),
  min(expires_at) filter (where has_points and not is_over), 'active', '{}', {now}
from bought group by bucket, account_id, customer_id;

insert into payments (bucket, realm, id, customer_id, amount_minor, currency, minor_per_unit, eligible_minor, tax_minor,
  shipping_minor, tenders, discount_ids, lines, refunded_minor, refund_count, outcome, metadata, occurred_at, created_at,
  earnings)
select bucket, {realm}, payment_id, customer_id, minor, 'USD', 100, minor, 0, 0, '[]', '[]', '[]', 0, 0,
  concat('{"awards":', awards, ',"skipped":', skipped, '}')::json, '{}', at, {now}, earnings::json
from bought order by line;

insert into entries (bucket, realm, id, account_id, sequence, kind, points, balance_after_points, reason, source_type,
  source_id, rule_id, rule_revision, receipt, metadata, occurred_at, created_at)
select bucket, {realm}, 'ptx_' || id_1, account_id, sequence_before + 1, 'award', points, balance_before + points,
  'payment.completed', 'payment', payment_id, {rule}, 1, receipt::json, '{}'::json, at, {now}
from bought where has_points
union all
select bucket, {realm}, 'ptx_' || id_3, account_id, sequence_before + 2, 'expiry', -points, balance_before, null,
  'points_transaction', 'ptx_' || id_1, null, null, expiry_receipt::json, '{}'::json, expires_at, {now}
from bought where is_over;

insert into lots (bucket, realm, id, account_id, sequence, points, remaining_points, expired_points, reversed_points,
  available_at, expires_at)
select bucket, {realm}, 'ptx_' || id_1, account_id, sequence_before + 1, points, case when is_over then 0 else points end,
  case when is_over then points else 0 end, 0, at, expires_at
from bought where has_points order by line;

insert into lot_uses (bucket, realm, entry_id, lot_id, cause_id, points)
select bucket, {realm}, 'ptx_' || id_3, 'ptx_' || id_1, 'ptx_' || id_3, points from bought where is_over order by line;

insert into events (bucket, realm, id, type, account_id, data, sequence, created_at, is_deliverable, request_id)
select bucket, {realm}, 'evt_' || id_1, 'loyalty.account.created', account_id,
  concat('{"id":"', account_id, '","object":"loyalty_account","program":"', {program}, '","customer":"', customer_id,
    '","balance":0,"pending":0,"next_pending":null,"held":0,"lifetime_points":0,"tier":null,"tier_since":null,"tier_expires_at":null,"tier_grace_until":null,"tier_basis":null,"tier_lock":null,"tier_locked_until":null,"tier_progress":null,"projected_tier":null,"next_expiry":null,"sequence":0,',
    '"status":"active","merged_into":null,"metadata":{},"created":', now_unix, ',"livemode":false}')::json,
  0, {now}, false, 'req_' || left(md5((line / 500)::text), 24)
from bought where line = first_line
union all
select bucket, {realm}, 'evt_' || id_2, 'loyalty.points.earned', account_id,
  concat('{"id":"ptx_', id_1, '","object":"points_transaction","account":"', account_id, '","kind":"award","points":', points,
    ',"pending_points":0,"balance_after":', balance_before + points, ',"sequence":', sequence_before + 1,
    ',"reason":"payment.completed","source":{"type":"payment","id":"', payment_id, '"},"payment":"', payment_id,
    '","referral":null,"rule":"', {rule}, '","award":null,"reverses":null,"available_at":', at_unix, ',"expires_at":', expires_unix,
    ',"receipt":', receipt, ',"metadata":{},"occurred_at":', at_unix, ',"created":',
    now_unix, ',"livemode":false}')::json,
  sequence_before + 1, {now}, false, 'req_' || left(md5((line / 500)::text), 24)
from bought where has_points
union all
select bucket, {realm}, 'evt_' || id_3, 'loyalty.points.expired', account_id,
  concat('{"id":"ptx_', id_3, '","object":"points_transaction","account":"', account_id, '","kind":"expiry","points":', -points,
    ',"pending_points":0,"balance_after":', balance_before, ',"sequence":', sequence_before + 2,
    ',"reason":null,"source":{"type":"points_transaction","id":"ptx_', id_1, '"},"payment":null,"referral":null,"rule":null,"award":null,"reverses":null,',
    '"available_at":null,"expires_at":null,"receipt":', expiry_receipt, ',"metadata":{},"occurred_at":', expires_unix, ',"created":', now_unix,
    ',"livemode":false}')::json,
  sequence_before + 2, {now}, false, 'req_' || left(md5((line / 500)::text), 24)
from bought where is_over
union all
select bucket, {realm}, 'evt_' || id_4, 'payment.completed', null,
  concat('{"id":"', payment_id, '","object":"payment","amount":', minor, ',"amount_refunded":0,"currency":"USD","customer":"',
    customer_id, '","account":null,"eligible_amount":', minor, ',"tax":0,"shipping":0,"tenders":[],"discounts":[],',
    '"checkout_session":null,"order":null,"revision":1,"lines":[],"refunded":false,"awards":', awards, ',"skipped":', skipped,
    ',"referrals":[],"offer_redemptions":[],"metadata":{},"occurred_at":', at_unix, ',"created":', now_unix, ',"livemode":false}')::json,
  sequence_before + has_points::int + is_over::int, {now}, false, 'req_' || left(md5((line / 500)::text), 24)
from bought;
