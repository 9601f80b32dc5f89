"""Webhook endpoints, what is on its way to them, and the log of every attempt.

Revision ID: 0005
"""

from alembic import op

revision = "0005"
down_revision = "0004"

WEBHOOKS = """
-- Secrets are sealed under a key that the database does not hold.
create table webhook_endpoints (
  realm int4 not null references realms (id),
  id text collate "C" not null,
  url text not null,
  events json not null,
  description text,
  status text not null check (status in ('enabled', 'disabled')),
  disabled_reason text check (disabled_reason in ('by_request', 'gone', 'failing')),
  sealed_secret bytea not null,
  sealed_old_secret bytea,
  old_secret_until timestamptz,
  metadata json not null,
  created_at timestamptz not null,
  deleted_at timestamptz,
  check ((status = 'disabled') = (disabled_reason is not null)),
  check ((sealed_old_secret is null) = (old_secret_until is null)),
  primary key (realm, id)
);
create index webhook_endpoints_newest on webhook_endpoints (realm, created_at, id);

-- How an endpoint fares: no configuration, so that a failing receiver does not make every process load its catalogue.
create table endpoint_health (
  realm int4 not null,
  endpoint_id text collate "C" not null,
  failing_since timestamptz,
  primary key (realm, endpoint_id),
  foreign key (realm, endpoint_id) references webhook_endpoints (realm, id)
);

-- Written in the transaction of its event, in the event's bucket. Half full pages: each row is updated at least twice.
create table deliveries (
  bucket int2 not null,
  realm int4 not null,
  id text collate "C" not null,
  event_id text collate "C" not null,
  event_type text not null,
  endpoint_id text collate "C" not null,
  status text not null check (status in ('pending', 'succeeded', 'failed')),
  attempt_count int8 not null check (attempt_count >= 0),
  next_attempt_at timestamptz,
  lease text,
  created_at timestamptz not null,
  finished_at timestamptz,
  check ((status = 'pending') = (next_attempt_at is not null)),
  check ((status = 'pending') = (finished_at is null)),
  primary key (realm, id, bucket)
) with (fillfactor = 50);
create index deliveries_due on deliveries (realm, endpoint_id, next_attempt_at) where status = 'pending';
create index deliveries_of_endpoint on deliveries (realm, endpoint_id, created_at, id);
create index deliveries_finished on deliveries (finished_at) where status <> 'pending';

create table delivery_attempts (
  bucket int2 not null,
  realm int4 not null,
  delivery_id text collate "C" not null,
  number int8 not null check (number > 0),
  attempted_at timestamptz not null,
  duration_ms int8 not null,
  status_code int8,
  error text,
  request_headers json not null,
  response_headers json not null,
  response_body text not null,
  primary key (realm, delivery_id, number, bucket)
);

grant select, insert on webhook_endpoints, endpoint_health, deliveries, delivery_attempts to vinr_app;
grant update on webhook_endpoints, endpoint_health, deliveries to vinr_app;
-- What was delivered or given up is forgotten after 30 days; events stay.
grant delete on deliveries, delivery_attempts to vinr_app;
"""


def upgrade() -> None:
    op.execute(WEBHOOKS)
