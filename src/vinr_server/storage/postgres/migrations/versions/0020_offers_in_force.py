"""Offers know since when they are in force as they are, so that what becomes of a purchase redeems no later ones.

Revision ID: 0020
"""

from alembic import op

revision = "0020"
down_revision = "0019"

# The last change of its terms, or its creation: when it was published is not on record.
OFFERS = """
alter table offers add column in_force_since timestamptz;
update offers o set in_force_since = coalesce(
  (select max(r.created_at) from offer_revisions r where r.realm = o.realm and r.offer_id = o.id and r.revision > 1),
  o.created_at)
where o.status <> 'draft';
"""


def upgrade() -> None:
    """A column, null while an offer is a draft."""
    op.execute(OFFERS)
