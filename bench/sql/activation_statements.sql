-- One activation of a capped offer as an ordinary service writes it: statement by statement in a transaction, for
-- another member each time. The offer's counter is locked after everything else is read, for as short as possible.
-- Ids, keys and texts are made from :unique; text that a service would send (ids, JSON) is put together here, once.
-- \x3a is a colon: pgbench would read a colon before a word as a variable.
\set seq :seq + 1
\set n :first + (:seq - 1) * :clients + :client_id + 1
\set bucket :n % 256
\set key_bucket random(0, 255)
\set unique :base + :seq * 1024 + :client_id
begin;
select fingerprint, status, event_id, reply from idempotency_keys
where realm = :realm and key = md5(:unique)::uuid::text and operation = 'activate_offer' and bucket = :key_bucket;
select ledger_balance_points, lifetime_points, sequence, status, program_id, id as account,
  E'offer\x3a' || id || E'\x3aofr_bench' as member_counter,
  lpad(to_hex(:unique::int8), 14, '0') || lpad(to_hex(:bucket::int), 2, '0') as suffix,
  'ptx_0199f0f0f0f' || lpad(to_hex(:unique::int8), 14, '0') || lpad(to_hex(:bucket::int), 2, '0') as entry,
  'ordm_0199f0f0f0f' || lpad(to_hex(:unique::int8), 14, '0') || lpad(to_hex(:bucket::int), 2, '0') as redemption,
  E'{"offer":"ofr_bench","revision"\x3a1,"flat"\x3a5,"points"\x3a5,"activation"\x3atrue}' as receipt,
  extract(epoch from now())::int8 as unix, 'req_' || left(md5(:unique), 24) as request, md5(:unique)::uuid::text as key
from accounts
where realm = :realm and id = 'loy_' || lpad(to_hex(:n::int), 25, '0') || lpad(to_hex(:bucket::int), 2, '0')
  and bucket = :bucket for update \gset
select offer_revision from offer_claims
where realm = :realm and offer_id = 'ofr_bench' and member_id = :account and bucket = :bucket;
select used, reserved from counters where realm = :realm and id = :member_counter and bucket = :bucket for update;
select used, reserved from counters
where realm = :realm and id = E'offer\x3aofr_bench' and bucket = :offer_bucket for update \gset
insert into offer_claims (bucket, realm, offer_id, account_id, offer_revision, created_at, member_id)
values (:bucket, :realm, 'ofr_bench', :account, 1, now(), :account);
insert into entries (bucket, realm, id, account_id, sequence, kind, points, balance_after_points, reason, source_type,
  source_id, receipt, metadata, occurred_at, created_at)
values (:bucket, :realm, :entry, :account, :sequence::int8 + 1, 'award', 5, :ledger_balance_points::int8 + 5, 'Bench',
  'offer', 'ofr_bench', :receipt, '{}', now(), now());
insert into lots (bucket, realm, id, account_id, sequence, points, remaining_points, expired_points, reversed_points,
  available_at, expires_at)
values (:bucket, :realm, :entry, :account, :sequence::int8 + 1, 5, 5, 0, 0, now(), now() + interval '12 months');
update accounts set ledger_balance_points = :ledger_balance_points::int8 + 5, lifetime_points = :lifetime_points::int8 + 5,
  sequence = :sequence::int8 + 1, next_expiry_at = least(next_expiry_at, now() + interval '12 months')
where realm = :realm and id = :account and bucket = :bucket;
insert into offer_redemptions (bucket, realm, id, offer_id, offer_revision, account_id, status, entry_id, receipt,
  created_at, redeemed_at, budget_taken)
values (:bucket, :realm, :redemption, 'ofr_bench', 1, :account, 'confirmed', :entry, :receipt, now(), now(), 0);
insert into counters (bucket, realm, id, used, reserved) values (:bucket, :realm, :member_counter, 1, 0);
update counters set used = :used::int8 + 1
where realm = :realm and id = E'offer\x3aofr_bench' and bucket = :offer_bucket;
insert into events (bucket, realm, id, type, account_id, data, sequence, created_at, is_deliverable, request_id, idempotency_key)
values (:bucket, :realm, 'evt_0199f0f0f0a' || :suffix::text, 'loyalty.offer.activated', :account,
  concat('{"object":"offer_claim","offer":"ofr_bench","account":"', :account::text, E'","revision"\x3a1,"created":',
    :unix::text, E',"livemode"\x3afalse}')::json,
  :sequence::int8, now(), true, :request, :key),
(:bucket, :realm, 'evt_0199f0f0f0b' || :suffix::text, 'loyalty.points.earned', :account,
  concat('{"id":"', :entry::text, '","object":"points_transaction","account":"', :account::text,
    E'","kind":"award","points"\x3a5,"pending_points"\x3a0,"balance_after":', :ledger_balance_points::int8 + 5, ',"sequence":',
    :sequence::int8 + 1, E',"reason":"Bench","source":{"type":"offer","id":"ofr_bench"},"payment"\x3anull,"referral"\x3anull,"rule"\x3anull,',
    E'"award"\x3anull,"reverses"\x3anull,"available_at":', :unix::text, ',"expires_at":',
    extract(epoch from now() + interval '12 months')::int8, ',"receipt":', :receipt::text, ',"metadata":{},"occurred_at":', :unix::text, ',"created":',
    :unix::text, E',"livemode"\x3afalse}')::json,
  :sequence::int8 + 1, now(), true, :request, :key),
(:bucket, :realm, 'evt_0199f0f0f0c' || :suffix::text, 'loyalty.offer.redeemed', :account,
  concat('{"id":"', :redemption::text, E'","object":"offer_redemption","offer":"ofr_bench","revision"\x3a1,"account":"',
    :account::text, '","status":"confirmed","points_transaction":"', :entry::text,
    E'","discount"\x3anull,"redemption"\x3anull,"payment"\x3anull,"checkout_session"\x3anull,"grant"\x3anull,"code"\x3anull,"receipt":', :receipt::text,
    ',"created":', :unix::text, ',"redeemed_at":', :unix::text, E',"freed_at"\x3anull,"livemode"\x3afalse,"sequence":',
    :sequence::int8 + 1, '}')::json,
  :sequence::int8 + 1, now(), true, :request, :key);
insert into idempotency_keys (bucket, realm, operation, key, fingerprint, status, reply, is_kept, created_at)
values (:key_bucket, :realm, 'activate_offer', :key,
  '\x6af481037f395b7721963087e52dff14685869eac15cd277dc74cee18f7add11', 201,
  concat('{"object":"offer_activation","offer":"ofr_bench","account":"', :account::text, E'","revision"\x3a1,"created":',
    :unix::text, E',"livemode"\x3afalse,"status":"redeemed","redemption":{"id":"', :redemption::text,
    E'","object":"offer_redemption","offer":"ofr_bench","revision"\x3a1,"account":"', :account::text,
    '","status":"confirmed","points_transaction":"', :entry::text,
    E'","discount"\x3anull,"redemption"\x3anull,"payment"\x3anull,"checkout_session"\x3anull,"grant"\x3anull,"code"\x3anull,"receipt":', :receipt::text,
    ',"created":', :unix::text, ',"redeemed_at":', :unix::text, E',"freed_at"\x3anull,"livemode"\x3afalse}}')::json,
  true, now());
commit;
