"""Commands on segments and their members, as frozen values in the imperative."""

from __future__ import annotations

from dataclasses import field

from vinr_server.core.kernel.commands import Command, Json
from vinr_server.core.kernel.values import dataclass
from vinr_server.core.segments.conditions import SegmentConditions
from vinr_server.core.segments.rows import SegmentType


@dataclass(frozen=True, slots=True)
class CreateSegment(Command):
    name: str
    type: SegmentType
    conditions: SegmentConditions = SegmentConditions()
    id: str | None = None
    metadata: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UpdateSegment(Command):
    """`changes` maps Segment fields to their new values; new conditions make a new revision."""

    segment_id: str
    changes: Json
    metadata: Json | None = None


@dataclass(frozen=True, slots=True)
class DeleteSegment(Command):
    segment_id: str


@dataclass(frozen=True, slots=True)
class AddSegmentMembers(Command):
    segment_id: str
    account_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RemoveSegmentMembers(Command):
    segment_id: str
    account_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class JudgeSegments(Command):
    """Announce which dynamic segments an account has entered or left: what is due of it is done, and nothing else."""

    account_id: str


@dataclass(frozen=True, slots=True)
class ScanSegment(Command):
    """Look through the next accounts for a segment's new conditions, in the order of their ids.

    `after`: where the scan stands, `account_ids` all accounts after that, as far as they go; `is_last`: there are no
    others.
    """

    segment_id: str
    revision: int
    after: str
    account_ids: tuple[str, ...]
    is_last: bool
