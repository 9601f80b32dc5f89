"""The holds of wallets can be found, whether they are in force or not.

Revision ID: 0030
"""

from alembic import op

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    """An index that leaves out the holds of points."""
    op.execute("create index holds_of_credit on holds (realm, account_id) where account_id < 'crd`'")
