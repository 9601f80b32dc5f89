"""Customers can be merged, are found by their e-mail however it is written, and earn for what they paid as guests.

Revision ID: 0018
"""

from alembic import op

revision = "0018"
down_revision = "0017"

# Who a customer is now, and who became it. `email_key` is core's folding of the address; lower() is that of most.
CUSTOMERS = """
alter table customers add column email_key text, add column merged_into text collate "C",
  add column merged_from json not null default '[]';
alter table customers alter column merged_from drop default;
update customers set email_key = lower(email) where email is not null;
create index customers_by_email on customers (realm, email_key, created_at, id)
  where email_key is not null;
"""

ACCOUNTS = """
alter table accounts add column merged_into text collate "C",
  add column merged_customer_id text collate "C",
  add column merged_from json;
alter table accounts drop constraint accounts_status_check;
alter table accounts add constraint accounts_status_check check (status in ('active', 'closed', 'merged'));
alter table accounts add constraint accounts_merged_check check (
  (status = 'merged') = (merged_customer_id is not null) and (merged_into is null or status = 'merged')
  and (status <> 'merged' or (ledger_balance_points = 0 and merged_from is null)));
-- A first order is found from what is paid (R82), which refunds and merges change.
alter table accounts drop column payment_count;
create index checkout_sessions_of_customer on checkout_sessions (realm, customer_id)
  where status = 'open' and customer_id is not null;
"""

# Points move from one account to another by a pair of entries: out of the one, and lot by lot into the other. The
# exception of 'import' is that of 0017.
LEDGER = """
alter table lots add column moved_to json;
alter table entries drop constraint entries_check, drop constraint entries_check1, drop constraint entries_kind_check;
alter table entries add constraint entries_check check (
    points > 0 or kind in ('adjustment', 'redemption', 'reversal', 'expiry', 'transfer')),
  add constraint entries_check1 check (
    balance_after_points >= 0 or points > 0 or kind in ('reversal', 'transfer')
    or source_type is not distinct from 'import'),
  add constraint entries_kind_check check (kind in ('award', 'adjustment', 'redemption', 'redemption_cancellation',
    'reversal', 'reinstatement', 'expiry', 'transfer'));
create or replace view postings as
  select realm, id as entry_id, account_id as ledger, points from entries
  union all
  select realm, id, case kind
      when 'award' then 'points_issued' when 'adjustment' then 'points_adjusted'
      when 'reversal' then 'points_clawed_back' when 'reinstatement' then 'points_clawed_back'
      when 'expiry' then 'points_expired' when 'transfer' then 'points_transferred' else 'points_redeemed' end, -points
  from entries;
"""

PROGRAMS = """
alter table programs add column guest_days int8 check (guest_days > 0);
"""


def upgrade() -> None:
    """Columns, two indexes, and checks that allow more."""
    for statements in (CUSTOMERS, ACCOUNTS, LEDGER, PROGRAMS):
        op.execute(statements)
