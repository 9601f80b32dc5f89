"""Simulations of campaigns: what would become of a member, or of many, and nothing is written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType, field

from vinr_server.api.contract.input import AccountId, Input, Instant, Key, Name, PaymentId
from vinr_server.api.contract.operation import FIND, Operation
from vinr_server.api.contract.payments import CreatePaymentInput, payment
from vinr_server.api.contract.reads import find
from vinr_server.api.contract.reply import CampaignReaction, Figures, Reference, Reply
from vinr_server.api.edge.call import Call
from vinr_server.api.edge.parse import read_struct
from vinr_server.api.edge.problems import Problem
from vinr_server.api.edge.times import read_instant, read_instant_or_none
from vinr_server.api.resources.campaigns import URL
from vinr_server.api.resources.enrolment_replies import Enrolment
from vinr_server.api.resources.events import ReportEventInput, event
from vinr_server.api.resources.payments import RefundPaymentInput, refund
from vinr_server.core.campaigns import rows
from vinr_server.core.campaigns.definition import SHARES
from vinr_server.core.campaigns.passages.waits import draw
from vinr_server.core.kernel.answers import missing
from vinr_server.core.kernel.commands import Command
from vinr_server.core.members.rows import Account
from vinr_server.core.segments.rows import Segment
from vinr_server.core.simulation.commands import SIMULATE, Moment, SimulateCampaign
from vinr_server.storage.campaigns.reads import lowest_drawn

# So many members of a segment are simulated.
MEMBERS_MAX = 1_000
EVENTS_MAX = 100
PAID, REFUNDED = "payment.completed", "payment.refunded"

Share = Annotated[int, Meta(ge=0, le=SHARES)]


class SimulatedEventInput(Input):
    type: Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_.:-]+\Z")]
    at: Instant
    data: dict[str, Any] = {}


class SimulateCampaignInput(Input):
    until: Instant
    account: AccountId | None = None
    segment: Name | None = None
    events: Annotated[list[SimulatedEventInput], Meta(max_length=EVENTS_MAX)] = []
    enter: bool | UnsetType = UNSET
    assume: dict[Key, dict[str, Share]] = {}


class SimulatedRefundInput(RefundPaymentInput, kw_only=True):
    payment: PaymentId


class SimulatedRefusal(Reply):
    code: str
    message: str


class SimulatedEvent(Reply):
    """What campaigns did of an event; or why it would be refused."""

    type: str
    at: int
    campaigns: list[CampaignReaction] | UnsetType = UNSET
    refusal: SimulatedRefusal | UnsetType = UNSET


class SimulatedStep(Reply):
    id: str
    kind: str
    entered: int
    inside: int
    outcomes: Figures
    skipped: Figures
    points: int


class CampaignSimulation(Reply):
    object: Literal["campaign_simulation"]
    campaign: Reference
    revision: int
    from_: int = field(name="from")
    until: int
    members: int
    entered: int
    held_out: int
    not_entered: Figures
    steps: list[SimulatedStep]
    livemode: bool
    enrolments: list[Enrolment] | UnsetType = UNSET
    events: list[SimulatedEvent] | UnsetType = UNSET


async def simulate_campaign(call: Call) -> SimulateCampaign:
    """What is simulated: one member with what is given to happen, or members of a segment."""
    body: SimulateCampaignInput = call.body
    campaign: rows.Campaign = await find(call, rows.Campaign, "campaign")
    if (body.account is None) == (body.segment is None):
        code = "parameter_missing" if body.account is None else "parameter_conflict"
        raise Problem(code, "account: simulate one member, or a segment. Send one of the two.", param="account")
    if body.segment is not None and body.events:
        message = "events: they happen to one member. Send an account in place of the segment, or assume what is heard."
        raise Problem("parameter_conflict", message, param="events")
    zone = await call.zone_of_program(campaign.program_id)
    account_ids = [body.account] if body.account is not None else await _members(call, campaign, body.segment or "")
    customer_id = await _customer(call, body.account) if body.events else None
    return SimulateCampaign(
        campaign_id=campaign.id,
        account_ids=tuple(account_ids),
        until=read_instant(body.until, param="until", zone=zone),
        moments=tuple(
            _moment(event, place, customer_id=customer_id, zone=zone) for place, event in enumerate(body.events)
        ),
        enters=body.enter if body.enter is not UNSET else not body.events,
        assume=body.assume,
    )


async def _members(call: Call, campaign: rows.Campaign, segment_id: str) -> list[str]:
    """The accounts of the segment with the lowest draws of the key simulate: always the same ones."""
    realm = call.caller.realm
    segment: Any = await call.reader.row(realm, Segment, segment_id)
    if segment is None or segment.deleted_at is not None:
        raise Problem.of(missing("segment", segment_id, param="segment"))

    def drawn(customer_id: str) -> int:
        return draw(campaign.id, SIMULATE, customer_id)

    found = await lowest_drawn(call.reader.pool, realm, segment_id, campaign.program_id, draw=drawn, limit=MEMBERS_MAX)
    if not found:
        message = f"segment: nobody in {segment_id} takes part in program {campaign.program_id}. Name another segment."
        raise Problem("parameter_invalid", message, param="segment")
    return found


async def _customer(call: Call, account_id: str | None) -> str | None:
    """The customer of the member: what happens is about it unless it names another one."""
    account: Any = await call.reader.row(call.caller.realm, Account, account_id or "")
    return account.customer_id if account is not None else None


def _moment(given: SimulatedEventInput, place: int, *, customer_id: str | None, zone: str) -> Moment:
    param = f"events[{place}]"
    at = read_instant(given.at, param=f"{param}.at", zone=zone)
    with _inside(f"{param}.data"):
        command = _command(given, {"customer": customer_id, **given.data} if customer_id else given.data)
    return Moment(at, command, given.type, param)


def _command(given: SimulatedEventInput, data: dict[str, Any]) -> Command:
    """What a merchant would report: a payment, its refund, or another event."""
    if given.type == PAID:
        body = read_struct(CreatePaymentInput, data)
        return payment(body, occurred_at=read_instant_or_none(body.occurred_at, param="occurred_at"))
    if given.type == REFUNDED:
        refunded = read_struct(SimulatedRefundInput, given.data)
        return refund(refunded, payment_id=refunded.payment)
    return event(ReportEventInput(type=given.type, data=data), occurred_at=None)


@contextmanager
def _inside(path: str) -> Iterator[None]:
    """What is wrong with the data of an event is refused by its path in the body."""
    try:
        yield
    except Problem as problem:
        inner = (problem.param or "").removeprefix("data.")
        raise Problem(problem.code, f"{path}: {problem.message}", param=f"{path}.{inner}") from None


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        id="simulate_campaign",
        method="POST",
        path=f"{URL}/{{id}}/simulate",
        sdk="engagement.campaigns.simulate",
        summary="Show how a member, or a segment, would go through a campaign or its draft. Nothing is written.",
        body=SimulateCampaignInput,
        translate=simulate_campaign,
        reply=CampaignSimulation,
        is_pure=True,
        is_verbatim=True,
        refusals=(*FIND, "campaign_definition_invalid", "program_mismatch"),
        example={
            "account": "loy_abc123",
            "until": "2026-08-01T00:00:00Z",
            "events": [{"type": "cart.abandoned", "at": "2026-07-01T12:00:00Z"}],
        },
    ),
)
