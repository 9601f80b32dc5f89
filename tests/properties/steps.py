"""The steps of a history: commands whose ids may refer to what an earlier step was answered.

The engine makes most ids, so a history can't name them in advance: it says "the id in the answer to step 7", and each
run resolves that by its own answers. That is what lets one history be run batched in any way and in any realm.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

from vinr_server.core.kernel.commands import Command
from vinr_server.engine.submission import Submission


class Ref(NamedTuple):
    """A value in the answer to an earlier step."""

    step: int
    path: tuple[str | int, ...]


@dataclass(frozen=True)
class Step:
    """One request: `number` is its place in the history, `after` the newest step it can't share a batch with."""

    number: int
    realm: int
    operation: str
    command: Command
    key: str | None = None
    is_dry_run: bool = False
    after: int = -1

    @property
    def fingerprint(self) -> bytes:
        """The digest of the body: equal for the same operation and command."""
        return hashlib.sha256(f"{self.operation} {self.command!r}".encode()).digest()

    def __str__(self) -> str:
        marks = (f" key={self.key}" if self.key else "") + (" dry run" if self.is_dry_run else "")
        said = ", ".join(
            f"{field.name}={getattr(self.command, field.name)!r}"
            for field in fields(self.command)  # type: ignore[arg-type]
            if getattr(self.command, field.name) not in (None, (), {}, field.default)
        )
        return f"{self.number:3} realm {self.realm} {type(self.command).__name__}({said}){marks}"


Answers = Mapping[int, Any]


def refs_in(value: Any) -> Iterator[Ref]:
    """Every reference within a command, or within a field of one."""
    if isinstance(value, Ref):
        yield value
    elif isinstance(value, Command):
        for field in fields(value):  # type: ignore[arg-type]
            yield from refs_in(getattr(value, field.name))
    elif isinstance(value, tuple):
        for one in value:
            yield from refs_in(one)
    elif isinstance(value, dict):
        for one in value.values():
            yield from refs_in(one)


def submission(step: Step, realms: Sequence[int], answers: Answers) -> Submission:
    """The step as the engine takes it, in the realm that plays its part, with its references resolved."""
    command: Any = step.command
    changes = {
        field.name: _resolved(getattr(command, field.name), answers)
        for field in fields(command)
        if isinstance(getattr(command, field.name), (tuple, dict))
    }
    return Submission(
        realm=realms[step.realm],
        livemode=False,
        operation=step.operation,
        command=replace(command, **changes),
        fingerprint=step.fingerprint,
        idempotency_key=step.key,
        request_id=f"req_{step.number}",
        is_dry_run=step.is_dry_run,
    )


def _resolved(value: Any, answers: Answers) -> Any:
    if isinstance(value, Ref):
        found = answers[value.step]
        for part in value.path:
            found = found[part]
        return found
    if type(value) is tuple:
        return tuple(_resolved(one, answers) for one in value)
    if isinstance(value, dict):
        return {name: _resolved(one, answers) for name, one in value.items()}
    return value


def batches(steps: Sequence[Step], sizes: Sequence[int]) -> list[list[Step]]:
    """The steps cut into batches of these sizes, used over and over; shorter where a step needs an answer first."""
    cut: list[list[Step]] = []
    room = 0
    for step in steps:
        if room == 0 or step.after >= cut[-1][0].number:
            room = sizes[len(cut) % len(sizes)]
            cut.append([])
        cut[-1].append(step)
        room -= 1
    return cut
