"""Who acts for a merged member: commands about it become commands about the one it was merged into (R85).

A merge is never undone, so what was once learned of it stays right. A batch learns of it from the rows it has loaded:
those of a merged member say so.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from vinr_server.core.credit.rows import Wallet
from vinr_server.core.kernel.commands import Command
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.members.rows import Account, Customer

CommandT = TypeVar("CommandT", bound=Command)

# Where commands name a member, and where metadata links to one.
_NAMES = ("account_id", "customer_id")
_LINKS = ("loyalty_account", "loyaltyAccount")


def merges_in(layer: Layer) -> dict[str, str]:
    """Every merged customer and account among the rows of a layer, with the one that acts for it."""
    merged = {row.id: row.merged_into for row in layer.written(Customer) if row.merged_into is not None}
    for account in layer.written(Account):
        if account.merged_customer_id is None:
            continue
        merged[account.customer_id] = account.merged_customer_id
        if account.merged_into is not None:
            merged[account.id] = account.merged_into
    for wallet in layer.written(Wallet):
        if wallet.merged_into is not None:
            merged[wallet.id] = wallet.merged_into
    return merged


def acted_for(command: CommandT, merged: Mapping[str, str]) -> CommandT:
    """The command about the members that act for those it names."""
    changes: dict[str, Any] = {
        name: merged[id] for name in _NAMES if (id := getattr(command, name, None)) is not None and id in merged
    }
    account_ids = getattr(command, "account_ids", ())
    if any(id in merged for id in account_ids):
        changes["account_ids"] = tuple(dict.fromkeys(merged.get(id, id) for id in account_ids))
    tenders: Sequence[Mapping[str, Any]] = getattr(command, "tenders", None) or ()
    if any(tender.get("account") in merged for tender in tenders):
        changes["tenders"] = tuple(_acted_for_tender(tender, merged) for tender in tenders)
    if getattr(command, "linked_account_id", None) in merged:
        metadata: Mapping[str, Any] = command.metadata  # type: ignore[attr-defined]
        changes["metadata"] = {
            key: merged.get(value, value) if key in _LINKS else value for key, value in metadata.items()
        }
    return dataclasses.replace(command, **changes) if changes else command  # type: ignore[type-var]


def _acted_for_tender(tender: Mapping[str, Any], merged: Mapping[str, str]) -> Mapping[str, Any]:
    acting_id = merged.get(tender.get("account") or "")
    return tender if acting_id is None else {**tender, "account": acting_id}
