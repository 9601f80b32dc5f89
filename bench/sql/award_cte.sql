-- The fastest way to write one award by hand: a single data-modifying statement, committed by itself.
-- \x3a is a colon: pgbench would read a colon before a word as a variable.
\set n random(1, :accounts)
\set bucket :n % 256
\set key_bucket random(0, 255)
\set order_number random(10000000, 99999999)
\set seq :seq + 1
\set unique :base + :seq * 1024 + :client_id
with account as (
  update accounts set ledger_balance_points = ledger_balance_points + 5, lifetime_points = lifetime_points + 5,
    sequence = sequence + 1, next_expiry_at = least(next_expiry_at, now() + interval '12 months')
  where realm = :realm and id = 'loy_' || lpad(to_hex(:n::int), 25, '0') || lpad(to_hex(:bucket::int), 2, '0')
    and bucket = :bucket
    and not exists (
      select from idempotency_keys k where k.realm = :realm and k.key = md5(:unique)::uuid::text
        and k.operation = 'award_points' and k.bucket = :key_bucket)
  returning bucket, realm, id, sequence, ledger_balance_points, now() as at,
    lpad(to_hex(:unique::int8), 14, '0') || lpad(to_hex(:bucket::int), 2, '0') as tail, md5(:unique) as digest
), entry as (
  insert into entries (bucket, realm, id, account_id, sequence, kind, points, balance_after_points, reason, receipt,
    metadata, occurred_at, created_at)
  select bucket, realm, 'ptx_0199f0f0f0f' || tail, id, sequence, 'award', 5, ledger_balance_points, 'purchase',
    E'{"manual"\x3atrue,"points"\x3a5}', ('{"orderId":"ord_' || :order_number || '"}')::json, at, at
  from account
), lot as (
  insert into lots (bucket, realm, id, account_id, sequence, points, remaining_points, expired_points, reversed_points,
    available_at, expires_at)
  select bucket, realm, 'ptx_0199f0f0f0f' || tail, id, sequence, 5, 5, 0, 0, at, at + interval '12 months' from account
), event as (
  insert into events (bucket, realm, id, type, account_id, data, sequence, created_at, is_deliverable, request_id, idempotency_key)
  select bucket, realm, 'evt_0199f0f0f0f' || tail, 'loyalty.points.earned', id,
    concat('{"id":"ptx_0199f0f0f0f', tail, '","object":"points_transaction","account":"', id,
      E'","kind":"award","points"\x3a5,"pending_points"\x3a0,"balance_after":', ledger_balance_points, ',"sequence":', sequence,
      E',"reason":"purchase","source"\x3anull,"payment"\x3anull,"referral"\x3anull,"rule"\x3anull,"award"\x3anull,"reverses"\x3anull,"available_at":',
      extract(epoch from at)::int8, ',"expires_at":', extract(epoch from at + interval '12 months')::int8,
      E',"receipt":{"manual"\x3atrue,"points"\x3a5},',
      '"metadata":{"orderId":"ord_', :order_number::text, '"},"occurred_at":', extract(epoch from at)::int8, ',"created":',
      extract(epoch from at)::int8, E',"livemode"\x3afalse}')::json,
    sequence, at, true, 'req_' || left(digest, 24), digest::uuid::text
  from account
)
insert into idempotency_keys (bucket, realm, operation, key, fingerprint, status, event_id, is_kept, created_at)
select :key_bucket, realm, 'award_points', digest::uuid::text,
  '\x6af481037f395b7721963087e52dff14685869eac15cd277dc74cee18f7add11', 201, 'evt_0199f0f0f0f' || tail, true, at
from account;
