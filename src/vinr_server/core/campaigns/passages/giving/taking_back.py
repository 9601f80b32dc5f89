"""What steps gave is taken back: points, and grants, rewards and codes that nobody has used or holds (R49, R55)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from vinr_server.core.campaigns.definition import Definition
from vinr_server.core.campaigns.passages.giving.budgets import give_back
from vinr_server.core.campaigns.rows import Enrolment
from vinr_server.core.codes.issuing import withdraw_code
from vinr_server.core.codes.rows import Code
from vinr_server.core.kernel.commands import Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs, Part
from vinr_server.core.kernel.rows import Json
from vinr_server.core.ledger.needs import name_account
from vinr_server.core.ledger.reversals import take_back_award
from vinr_server.core.ledger.rows import Entry, Lot
from vinr_server.core.members.rows import Account
from vinr_server.core.offers.grants.granting import withdraw_grant
from vinr_server.core.offers.in_force import name_gift, name_grants_ever
from vinr_server.core.offers.rows import Offer, OfferGrant
from vinr_server.core.rewards.redemptions import is_kept, take_gift_back
from vinr_server.core.rewards.rows import Discount, Redemption


def name_given(needs: Needs, seen: Layer, enrolment: Enrolment) -> None:
    """All is declared that taking back what a passage gave may change, of each attempt where it is a challenge."""
    name_account(needs, enrolment.account_id, lots=Part.FIRST, beside=enrolment.id)
    owner_id = needs.acting(enrolment.account_id)
    owner = seen.find(Account, owner_id)
    for given in _given(enrolment):
        if "points_transaction" in given:
            needs.row(Lot, given["points_transaction"])
            needs.row(Entry, given["points_transaction"])
        offer = seen.get(Offer, given["offer"]) if "grant" in given else None
        if offer is not None and owner is not None:
            needs.row(OfferGrant, given["grant"])
            name_grants_ever(needs, offer, owner)
        if "code_id" in given:
            needs.row(Code, given["code_id"])
        if "reward" in given:
            needs.row(Redemption, given["redemption"])
            name_gift(needs, given["reward"], owner_id)
            if given["discount"] is not None:
                needs.row(Discount, given["discount"])
        if "budget" in given:
            needs.counter(given["budget"]["counter"])


def _given(enrolment: Enrolment) -> Iterable[Json]:
    standing = enrolment.challenge
    for attempt in standing.attempts if standing is not None else ():
        yield from attempt.results.values()
    yield from enrolment.results.values()


class Back(NamedTuple):
    """What went back of what a step gave. `points`: None, it gave none that go back; `is_gone`: of each other thing
    whether it was withdrawn, by the name under which the step keeps it."""

    points: int | None
    is_gone: Mapping[str, bool]


def take_step_back(
    draft: Layer,
    context: Context,
    enrolment: Enrolment,
    definition: Definition,
    step_id: str,
    given: Json,
    *,
    reason: str,
    receipt: Json,
    at: datetime,
    returned: dict[str, int],
    without: Collection[str] = (),
) -> Back:
    """What a step gave is taken back: points unless they stay, all else unless it was used, or a session holds it.

    `without`: the ids of what has gone back before. `returned`: what came back to budgets, by counter; this is added.
    """
    points = _award_back(draft, context, enrolment, definition, step_id, given, reason=reason, receipt=receipt)
    is_gone = {
        name: take_back(draft, context, given[name], at)
        for name, take_back in TAKEN_BACK.items()
        if name in given and given[name] not in without
    }
    if "budget" in given and (points or any(is_gone.values())):
        give_back(draft, context, given["budget"], points=points or 0, returned=returned)
    return Back(points, is_gone)


def _award_back(
    draft: Layer,
    context: Context,
    enrolment: Enrolment,
    definition: Definition,
    step_id: str,
    given: Json,
    *,
    reason: str,
    receipt: Json,
) -> int | None:
    """The step's award is reversed, unless it says that it stays; how many points that are."""
    step, award_id = definition.steps.get(step_id), given.get("points_transaction")
    if award_id is None or step is None or step.award is None or step.award.clawback == "none":
        return None
    return take_back_award(
        draft,
        context,
        enrolment.account_id,
        award_id,
        reason=reason,
        source_type="campaign",
        source_id=enrolment.id,
        receipt={"campaign": enrolment.campaign_id, "step": step_id, **receipt},
    )


def _take_grant_back(draft: Layer, _context: Context, grant_id: str, at: datetime) -> bool:
    grant = draft.get(OfferGrant, grant_id)
    assert grant is not None, f"grant {grant_id} was not loaded"
    if grant.status == "open":
        withdraw_grant(draft, grant, now=at)
    return grant.status != "redeemed" and grant.redemption_id is None


def _take_reward_back(draft: Layer, context: Context, redemption_id: str, at: datetime) -> bool:
    return take_gift_back(draft, context, redemption_id, now=at) or not is_kept(draft, redemption_id)


# By the name under which a step keeps what it gave: withdraws it, and answers whether nobody has used it, or holds it.
TAKEN_BACK: Mapping[str, Callable[[Layer, Context, str, datetime], bool]] = {
    "grant": _take_grant_back,
    "redemption": _take_reward_back,
    "code_id": lambda draft, _context, code_id, _at: withdraw_code(draft, code_id),
}
