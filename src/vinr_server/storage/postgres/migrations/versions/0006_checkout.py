"""Checkout sessions, what they hold of issued discounts, and the payments that complete them.

Revision ID: 0006
"""

from alembic import op

revision = "0006"
down_revision = "0005"

CHECKOUT = """
create table checkout_sessions (
  bucket int2 not null,
  realm int4 not null,
  id text collate "C" not null,
  customer_id text collate "C",
  cart json not null,
  status text not null check (status in ('open', 'completed', 'expired')),
  subtotal_minor int8 not null check (subtotal_minor >= 0),
  discount_minor int8 not null check (discount_minor >= 0),
  total_minor int8 not null check (total_minor >= 0),
  evaluation json not null,
  discount_ids json not null,
  held_ids json not null,
  payment_id text collate "C",
  clock_id text collate "C",
  metadata json not null,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  completed_at timestamptz,
  expired_at timestamptz,
  check ((status = 'completed') = (completed_at is not null)),
  check ((status = 'expired') = (expired_at is not null)),
  check (payment_id is null or status = 'completed'),
  primary key (realm, id, bucket)
) with (fillfactor = 85);
create index checkout_sessions_newest on checkout_sessions (realm, created_at, id);
-- Those whose end is still to be written.
create index checkout_sessions_open on checkout_sessions (expires_at) where status = 'open';

alter table discounts add column session_id text collate "C";
alter table discounts drop constraint discounts_status_check;
alter table discounts add constraint discounts_status_check
  check (status in ('issued', 'reserved', 'consumed', 'void')),
  add check ((status = 'reserved') = (session_id is not null));

alter table payments add column session_id text collate "C";

grant select, insert, update on checkout_sessions to vinr_app;
"""


def upgrade() -> None:
    op.execute(CHECKOUT)
