"""A redemption of an offer remembers what it has taken of the offer's budget, and in which counter (R56).

Revision ID: 0034
"""

from alembic import op

revision = "0034"
down_revision = "0033"

STATEMENTS = """
alter table offer_redemptions add column budget_counter text collate "C",
  add column budget_taken int8 not null default 0 check (budget_taken >= 0),
  add constraint offer_redemptions_budget_check check (budget_taken = 0 or budget_counter is not null);
alter table offer_redemptions alter column budget_taken drop default;
"""


def upgrade() -> None:
    """Columns with a constant default, which rewrite no table; the checks read it once."""
    op.execute(STATEMENTS)
