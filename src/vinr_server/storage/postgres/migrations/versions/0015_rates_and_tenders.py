"""Rules have caps and an exchange, and programs say which tenders earn.

Revision ID: 0015
"""

from alembic import op

revision = "0015"
down_revision = "0012"

RULES = """
alter table earning_rules add column caps json, add column exchange json;
alter table earning_rule_revisions add column caps json, add column exchange json;
"""

# What earned so far, but for gift cards: buying the card earned already.
PROGRAMS = """
alter table programs add column earning_tenders json not null
  default '["card","cash","bank_transfer","wallet","other"]';
"""


def upgrade() -> None:
    """Five columns."""
    for statements in (RULES, PROGRAMS):
        op.execute(statements)
