"""Store credit pays: sessions hold it, payments spend it, refunds return it (R25c, R25d, R26).

Revision ID: 0032
"""

from alembic import op

revision = "0032"
down_revision = "0031"

STATEMENTS = """
alter table checkout_sessions add column credit json;
alter table payments add column credit_entry_ids json not null default '[]';
alter table credit_settings add column return_days int8 not null default 30 check (return_days >= 0);
alter table refunds add column credit_returned_minor int8 not null default 0,
  add column credit_granted_minor int8 not null default 0,
  add column credit_grant_id text collate "C",
  add constraint refunds_credit_check check (
    credit_returned_minor >= 0 and credit_granted_minor >= 0
    and credit_returned_minor + credit_granted_minor <= amount_minor
    and (credit_granted_minor > 0) = (credit_grant_id is not null));
"""


def upgrade() -> None:
    """Columns with defaults, which rewrite no table; the check reads refunds once."""
    op.execute(STATEMENTS)
