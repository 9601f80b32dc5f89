"""What a batch reads of offers: the claims of members."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vinr_server.core.kernel.rows import Row
from vinr_server.core.offers.rows import OfferClaim
from vinr_server.storage.batch.tables import TABLES, rows_of

# By primary key.
CLAIMS = f"""
select {TABLES[OfferClaim].select_list}
from unnest($1::int4[], $2::int2[], $3::text[], $4::text[]) as w (realm, bucket, member_id, offer_id)
join offer_claims t using (realm, bucket, member_id, offer_id)
where t.bucket = any($2)
"""


async def read_claims(connection: Any, wanted: Sequence[tuple[int, int, str, str]]) -> list[tuple[int, Row]]:
    """The claims there are, of (realm, bucket, member, offer), each as (realm, row)."""
    if not wanted:
        return []
    columns = [list(column) for column in zip(*wanted, strict=True)]
    return rows_of(TABLES[OfferClaim], await connection.fetch(CLAIMS, *columns))
