"""What payments are paid with: the types of tenders, in whatever spelling they come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from vinr_server.api.contract.input import Key
from vinr_server.api.edge.problems import Problem
from vinr_server.api.edge.suggestions import nearest_name
from vinr_server.core.programs.rows import TENDERS

TENDERS_MAX = 20
# Checked by hand, so that every spelling of a type will do.
TenderType = Key
EarningTenders = Annotated[list[Key], Meta(max_length=TENDERS_MAX)]
# `storeCredit`, `Store Credit` and `STORE-CREDIT` are store_credit.
_BY_LETTERS = {tender.replace("_", ""): tender for tender in TENDERS}


def read_tender(given: str, *, param: str) -> str:
    """The type of a tender; an unknown one is refused with the nearest."""
    letters = "".join(character for character in given.casefold() if character.isalnum())
    known = _BY_LETTERS.get(letters)
    if known is not None:
        return known
    nearest = _BY_LETTERS.get(nearest_name(letters, _BY_LETTERS) or "")
    meant = f" Did you mean {nearest}?" if nearest is not None else " What fits none of these is other."
    message = f"{param}: {given[:40]!r} is not a type of tender ({', '.join(TENDERS)}).{meant}"
    raise Problem("parameter_invalid", message, param=param)


def read_tenders(given: Sequence[str], *, param: str) -> tuple[str, ...]:
    """Types of tenders, each once, in the order of the list of all."""
    named = {read_tender(name, param=f"{param}[{position}]") for position, name in enumerate(given)}
    return tuple(tender for tender in TENDERS if tender in named)
