"""Commands on codes, as frozen values in the imperative."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import Any

from vinr_server.core.kernel.commands import Command
from vinr_server.core.kernel.values import dataclass

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CreateCode(Command):
    """A code that opens an offer; its text was chosen or drawn before."""

    code: str
    offer_id: str
    account_id: str | None = None
    max_redemptions: int | None = None
    starts_at: datetime | None = None
    expires_at: datetime | None = None
    metadata: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UpdateCode(Command):
    """`changes` maps fields of Code to their new values."""

    code_id: str
    changes: Json = field(default_factory=dict)
    metadata: Json | None = None


@dataclass(frozen=True, slots=True)
class LookUpCode(Command):
    """Show whose key a text is; nothing changes."""

    code: str


@dataclass(frozen=True, slots=True)
class CreateCodeBatch(Command):
    """A batch of codes that open one offer; `amount` of them are generated."""

    offer_id: str
    name: str
    pattern: str
    alphabet: str
    amount: int = 0
    max_redemptions: int | None = 1
    expires_at: datetime | None = None
    low_at: int | None = None
    id: str | None = None
    metadata: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UpdateCodeBatch(Command):
    """`changes` maps fields of CodeBatch to their new values."""

    batch_id: str
    changes: Json = field(default_factory=dict)
    metadata: Json | None = None


@dataclass(frozen=True, slots=True)
class GenerateCodes(Command):
    """So many more codes of the batch are to be generated."""

    batch_id: str
    amount: int


@dataclass(frozen=True, slots=True)
class DisableCodeBatch(Command):
    batch_id: str


@dataclass(frozen=True, slots=True)
class ImportCode(Command):
    """A code that was made elsewhere becomes one of the batch; what it leaves out is as the batch says.

    `max_redemptions` 0: as the batch says.
    """

    batch_id: str
    code: str
    account_id: str | None = None
    max_redemptions: int = 0
    expires_at: datetime | None = None
    metadata: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FinishCodeBatch(Command):
    """From the worker: all codes that were wanted may be made."""

    batch_id: str


@dataclass(frozen=True, slots=True)
class RedeemCode(Command):
    """A member has what the code's offer gives. `code`: as the member wrote it."""

    is_ledger_write = True
    code: str
    account_id: str
