"""The referrals of a code can be listed without walking through all others.

Revision ID: 0031
"""

from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    """An index in the order of the list; referrals without a code are in none."""
    op.execute("create index referrals_of_code on referrals (realm, code, created_at, id) where code is not null")
