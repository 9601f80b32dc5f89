"""What all calls in bulk share: the command that takes the call's key, and the refusal of an item that is none."""

from __future__ import annotations

from vinr_server.core.kernel.answers import Accepted, Rejected
from vinr_server.core.kernel.commands import Command, Commands, Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs
from vinr_server.core.kernel.values import dataclass


@dataclass(frozen=True, slots=True)
class BeginBulk(Command):
    """The first command of a bulk call: from here on its idempotency key stands for the whole body."""

    is_ledger_write = True


@dataclass(frozen=True, slots=True)
class RefuseItem(Command):
    """An item of a bulk call whose body can't become a command; the refusal is its answer, and kept as such."""

    is_ledger_write = True
    refusal: Rejected


def needs_begin_bulk(_command: BeginBulk, _needs: Needs) -> None:
    """Nothing: all there is to it is its idempotency key."""


def decide_begin_bulk(draft: Layer, command: BeginBulk, context: Context) -> Accepted | Rejected:
    """The bulk call is under way; refusals of its items name the request that began it."""
    return Accepted({"request_id": context.request_id}, is_new=False)


def needs_refuse_item(_command: RefuseItem, _needs: Needs) -> None:
    """Nothing: the item was refused for what it says."""


def decide_refuse_item(draft: Layer, command: RefuseItem, context: Context) -> Accepted | Rejected:
    """The refusal stands."""
    return command.refusal


COMMANDS: Commands = {
    BeginBulk: (needs_begin_bulk, decide_begin_bulk),
    RefuseItem: (needs_refuse_item, decide_refuse_item),
}
