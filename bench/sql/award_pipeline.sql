-- The same statements pipelined: one round trip. A statement that needs an earlier result reads it back in SQL.
-- \x3a is a colon: pgbench would read a colon before a word as a variable.
\set n random(1, :accounts)
\set bucket :n % 256
\set key_bucket random(0, 255)
\set order_number random(10000000, 99999999)
\set seq :seq + 1
\set unique :base + :seq * 1024 + :client_id
\startpipeline
begin;
select fingerprint, status, event_id, reply from idempotency_keys
where realm = :realm and key = md5(:unique)::uuid::text and operation = 'award_points' and bucket = :key_bucket;
update accounts set ledger_balance_points = ledger_balance_points + 5, lifetime_points = lifetime_points + 5,
  sequence = sequence + 1, next_expiry_at = least(next_expiry_at, now() + interval '12 months')
where realm = :realm and id = 'loy_' || lpad(to_hex(:n::int), 25, '0') || lpad(to_hex(:bucket::int), 2, '0')
  and bucket = :bucket returning status, program_id;
insert into entries (bucket, realm, id, account_id, sequence, kind, points, balance_after_points, reason, receipt, metadata,
  occurred_at, created_at)
select bucket, realm, 'ptx_0199f0f0f0f' || lpad(to_hex(:unique::int8), 14, '0') || lpad(to_hex(:bucket::int), 2, '0'),
  id, sequence, 'award', 5, ledger_balance_points, 'purchase', E'{"manual"\x3atrue,"points"\x3a5}',
  ('{"orderId":"ord_' || :order_number || '"}')::json, now(), now()
from accounts
where realm = :realm and id = 'loy_' || lpad(to_hex(:n::int), 25, '0') || lpad(to_hex(:bucket::int), 2, '0')
  and bucket = :bucket;
insert into lots (bucket, realm, id, account_id, sequence, points, remaining_points, expired_points, reversed_points,
  available_at, expires_at)
select bucket, realm, 'ptx_0199f0f0f0f' || lpad(to_hex(:unique::int8), 14, '0') || lpad(to_hex(:bucket::int), 2, '0'),
  id, sequence, 5, 5, 0, 0, now(), now() + interval '12 months'
from accounts
where realm = :realm and id = 'loy_' || lpad(to_hex(:n::int), 25, '0') || lpad(to_hex(:bucket::int), 2, '0')
  and bucket = :bucket;
insert into events (bucket, realm, id, type, account_id, data, sequence, created_at, is_deliverable, request_id, idempotency_key)
select bucket, realm, 'evt_0199f0f0f0f' || lpad(to_hex(:unique::int8), 14, '0') || lpad(to_hex(:bucket::int), 2, '0'),
  'loyalty.points.earned', id,
  concat('{"id":"ptx_0199f0f0f0f', lpad(to_hex(:unique::int8), 14, '0'), lpad(to_hex(:bucket::int), 2, '0'),
    '","object":"points_transaction","account":"', id, E'","kind":"award","points"\x3a5,"pending_points"\x3a0,"balance_after":',
    ledger_balance_points, ',"sequence":', sequence,
    E',"reason":"purchase","source"\x3anull,"payment"\x3anull,"referral"\x3anull,"rule"\x3anull,"award"\x3anull,"reverses"\x3anull,"available_at":',
    extract(epoch from now())::int8, ',"expires_at":', extract(epoch from now() + interval '12 months')::int8,
    E',"receipt":{"manual"\x3atrue,"points"\x3a5},',
    '"metadata":{"orderId":"ord_', :order_number::text, '"},"occurred_at":', extract(epoch from now())::int8,
    ',"created":', extract(epoch from now())::int8, E',"livemode"\x3afalse}')::json,
  sequence, now(), true, 'req_' || left(md5(:unique), 24), md5(:unique)::uuid::text
from accounts
where realm = :realm and id = 'loy_' || lpad(to_hex(:n::int), 25, '0') || lpad(to_hex(:bucket::int), 2, '0')
  and bucket = :bucket;
insert into idempotency_keys (bucket, realm, operation, key, fingerprint, status, event_id, is_kept, created_at)
values (:key_bucket, :realm, 'award_points', md5(:unique)::uuid::text,
  '\x6af481037f395b7721963087e52dff14685869eac15cd277dc74cee18f7add11', 201,
  'evt_0199f0f0f0f' || lpad(to_hex(:unique::int8), 14, '0') || lpad(to_hex(:bucket::int), 2, '0'), true, now());
commit;
\endpipeline
