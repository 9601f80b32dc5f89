"""Where an award's points are when its member was merged: in lots of the account that acts for it, with the same ends.

An award stays an entry of the account that earned it. What was left of its lot was moved, lot by lot, so a clawback
finds its own points by what the lot says of its moves.
"""

from __future__ import annotations

from collections.abc import Sequence

from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import AlsoRows
from vinr_server.core.kernel.values import replace
from vinr_server.core.ledger.book.lots import use_order
from vinr_server.core.ledger.rows import Lot, LotUse


def lot_of(draft: Layer, award_id: str) -> Lot:
    """The award's lot as a clawback sees it: what is gone from the lots it was moved to is gone from it.

    That is what has expired there, or was taken back with the account that held it.
    """
    lot = draft.get(Lot, award_id)
    assert lot is not None, f"the lot of {award_id} was not loaded"
    moved = moved_lots(draft, lot)
    if not moved:
        return lot
    return replace(
        lot,
        expired_points=lot.expired_points + sum(there.expired_points for there in moved),
        reversed_points=lot.reversed_points + sum(there.reversed_points for there in moved),
    )


def own_lots(draft: Layer, lot: Lot) -> list[Lot]:
    """The lots that pay first for a clawback of this one: itself, and those it was moved to, in the order of use."""
    return [paying for paying in (lot, *moved_lots(draft, lot)) if paying.free_points > 0]


def moved_lots(draft: Layer, lot: Lot) -> list[Lot]:
    """The lots that this one was moved to, in the order of their use. Raises AlsoRows where they were not loaded."""
    if not lot.moved_to:
        return []
    found = [moved for id in lot.moved_to if (moved := draft.find(Lot, id)) is not None]
    if len(found) < len(lot.moved_to):
        raise AlsoRows(Lot, lot.moved_to)
    return sorted(found, key=use_order)


def taken_by(draft: Layer, lot: Lot, clawback_id: str, reinstated_by: Sequence[str]) -> dict[str, int]:
    """What a clawback of an award took of other lots than its own, less what was reinstated, by the lots' ids.

    Expects the uses of the clawback, and of the entries that have reinstated parts of it.
    """
    taken: dict[str, int] = {}
    for entry_id in (clawback_id, *reinstated_by):
        for use in draft.children(LotUse, entry_id):
            taken[use.lot_id] = taken.get(use.lot_id, 0) + use.points
    return {id: points for id, points in taken.items() if id != lot.id and points > 0}
