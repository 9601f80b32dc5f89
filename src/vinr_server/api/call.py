"""One request on its way to an operation: who asks, for what, with which body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vinr_server.storage.read import Reader


@dataclass(slots=True)
class Caller:
    """Whose data a key opens."""

    realm: int
    livemode: bool


@dataclass(slots=True)
class Call:
    """What an operation's translation works from. `body` is the input struct; `path` the ids in the URL."""

    caller: Caller
    reader: Reader
    body: Any = None
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The id in the URL."""
        return self.path["id"]

    async def zone_of_program(self, program_id: str) -> str:
        """The zone in which a bare date of this program is meant."""
        return await self.reader.zone(self.caller.realm, "programs", program_id)
