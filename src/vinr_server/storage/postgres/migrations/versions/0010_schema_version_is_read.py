"""The application reads the schema's version and can't change it.

Revision ID: 0010
"""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    # The first migration granted insert on all tables there were, and Alembic's own was one of them.
    op.execute("revoke insert on alembic_version from vinr_app")
