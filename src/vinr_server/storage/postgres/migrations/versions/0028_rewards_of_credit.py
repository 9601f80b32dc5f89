"""A redemption names the store credit that it granted (R25e).

Revision ID: 0028
"""

from alembic import op

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    """One column, null for all redemptions so far."""
    op.execute('alter table redemptions add column credit_entry_id text collate "C"')
