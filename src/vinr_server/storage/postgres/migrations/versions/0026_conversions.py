"""Referrals convert: who earned by it, what counts it, and which payment it was (R19).

Revision ID: 0026
"""

from alembic import op

revision = "0026"
down_revision = "0025"

RULES = """
alter table earning_rules add column recipients json not null default '["referrer","referee"]';
alter table earning_rule_revisions add column recipients json not null default '["referrer","referee"]';
"""

REFERRALS = """
alter table referral_codes add column conversions int8 not null default 0 check (conversions >= 0);
alter table referrals add column converted_at timestamptz,
  add column payment_id text collate "C",
  add column event_id text collate "C",
  add column number int8 check (number > 0),
  add column least_minor int8 not null default 1 check (least_minor > 0),
  add column has_slot bool not null default false,
  add column rewards json not null default '[]',
  add column skipped json not null default '[]';
alter table referrals drop constraint referrals_status_check;
alter table referrals add constraint referrals_status_check check
    (status in ('registered', 'converted', 'reversed', 'rejected', 'expired')),
  add constraint referrals_converted_check check (
    (converted_at is not null) = (number is not null)
    and (status not in ('converted', 'reversed') or converted_at is not null)
    and (status not in ('registered', 'expired') or converted_at is null));
drop index referrals_in_force;
create unique index referrals_in_force on referrals (realm, customer_id, program_id, bucket)
  where status = 'registered' or converted_at is not null;
create index referrals_of_payment on referrals (realm, payment_id) where payment_id is not null;
"""

# A member who was referred, and is to be looked for.
MEMBERS = """
alter table accounts add column may_convert bool not null default false;
update accounts a set may_convert = true from referrals f
where f.realm = a.realm and f.customer_id = a.customer_id and f.program_id = a.program_id and f.status = 'registered';
alter table payments add column referral_ids json not null default '[]';
"""


def upgrade() -> None:
    """Columns with defaults, which rewrite no table, and two indexes of few rows."""
    for statements in (RULES, REFERRALS, MEMBERS):
        op.execute(statements)
