"""Answers that time alone changes: what is due of a realm's members is written before they are given (R24)."""

from __future__ import annotations

import asyncio
from typing import Any

from vinr_server.core.campaigns.commands import TakeSteps
from vinr_server.core.kernel.answers import Rejected
from vinr_server.core.ledger.commands import ExpireLots
from vinr_server.core.referrals.commands import ExpireReferral
from vinr_server.core.segments.commands import JudgeSegments
from vinr_server.engine.submission import Outcome, Submission, system_submission
from vinr_server.engine.writer import Writer
from vinr_server.storage.campaigns.due import due_steps
from vinr_server.storage.due.referrals import due_referrals
from vinr_server.storage.due.segments import moving_members
from vinr_server.storage.due.work import due_in_realm

# As many members as a batch holds.
AT_ONCE = 256
# What the time of one member may undo for another: a hold that is over was the last of a reward's stock.
UNDONE_BY_TIME = frozenset({"reward_out_of_stock"})


async def write_due(
    pool: Any,
    writer: Writer,
    realm: int,
    *,
    livemode: bool,
    with_referrals: bool = False,
    with_segments: bool = False,
) -> None:
    """What time has brought to the realm's members by now is written, whether a worker has come or not.

    `with_referrals`: referrals whose window is over end as well, which changes nothing of any member; `with_segments`:
    members enter and leave dynamic segments. Raises Unavailable where nothing can be written.
    """
    now = writer.clock()
    while due := await due_in_realm(pool, realm, now, limit=AT_ONCE):
        mine = (system_submission(realm, ExpireLots(id), livemode=livemode) for id in due)
        await asyncio.gather(*map(writer.enqueue, mine))
    while steps := await due_steps(pool, now, limit=AT_ONCE, realm=realm):
        taken = (system_submission(realm, TakeSteps(due.account_id), livemode=livemode) for due in steps)
        await asyncio.gather(*map(writer.enqueue, taken))
    while with_segments and (moving := await moving_members(pool, now, limit=AT_ONCE, realm=realm)):
        judged = (system_submission(realm, JudgeSegments(member.id), livemode=livemode) for member in moving)
        await asyncio.gather(*map(writer.enqueue, judged))
    while with_referrals and (over := await due_referrals(pool, now, limit=AT_ONCE, realm=realm)):
        ends = (system_submission(realm, ExpireReferral(referral.id), livemode=livemode) for referral in over)
        await asyncio.gather(*map(writer.enqueue, ends))


async def submit_in_time(pool: Any, writer: Writer, submission: Submission) -> Outcome:
    """What comes of a submission. A refusal that the time of other members may have undone is asked for once more.

    A command itself meets only what was due of the members that it names. Raises Unavailable where nothing can be
    written.
    """
    outcome = await writer.enqueue(submission)
    if isinstance(outcome, Rejected) and outcome.code in UNDONE_BY_TIME:
        await write_due(pool, writer, submission.realm, livemode=submission.livemode)
        outcome = await writer.enqueue(submission)
    return outcome
