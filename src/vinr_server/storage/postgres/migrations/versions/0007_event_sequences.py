"""How far the ledger of an event's account had come; earlier events have none.

Revision ID: 0007
"""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """One more column."""
    op.execute("alter table events add column sequence int8")
