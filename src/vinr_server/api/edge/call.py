"""One request on its way to an operation: who asks, for what, with which body."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from vinr_server.api.edge.problems import Problem
from vinr_server.api.edge.rate_limits import Bucket
from vinr_server.core.kernel.answers import Rejected
from vinr_server.core.kernel.commands import Command
from vinr_server.engine.evaluator import Evaluator
from vinr_server.engine.sealing import Seal
from vinr_server.engine.submission import system_submission
from vinr_server.storage.reads.reader import Reader


@dataclass(slots=True)
class Caller:
    """Whose data a key opens, what it may do there (None: everything), and how often."""

    realm: int
    livemode: bool
    key_id: str | None = None
    kind: str = "secret"
    allowed: frozenset[str] | None = None
    bucket: Bucket | None = None


@dataclass(slots=True)
class Call:
    """What an operation's translation works with. `body` is the input struct; `path` holds the ids in the URL.

    `grantable` are the resources that a restricted key may be given. `secret` is set by a translation that makes one:
    the answer shows it, once. `evaluator` decides commands of which nothing is written.
    """

    caller: Caller
    reader: Reader
    body: Any = None
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    client: tuple[str, int] | None = None
    hash_key: Callable[[str], bytes] | None = None
    seal: Seal | None = None
    is_loopback_allowed: bool = False
    grantable: Collection[str] = ()
    secret: str | None = None
    evaluator: Evaluator | None = None

    @property
    def id(self) -> str:
        """The id in the URL."""
        return self.path["id"]

    async def evaluated(self, command: Command) -> Any:
        """What a command would answer if it were decided now; nothing is written, and no writer is waited for."""
        assert self.evaluator is not None, "a request has one"
        submission = system_submission(self.caller.realm, command, livemode=self.caller.livemode)
        outcome = await self.evaluator.evaluate(submission)
        if isinstance(outcome, Rejected):
            raise Problem.of(outcome)
        return msgspec.json.decode(outcome.body)

    async def zone_of_program(self, program_id: str) -> str:
        """The time zone that a bare date in this program refers to."""
        return await self.reader.zone(self.caller.realm, "programs", program_id)
