"""Programs: what a member can earn in, with its currency, its tiers and its time zone."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType, field

from vinr_server.api.contract.input import ClockId, Input, Key, Metadata, Minor, Name, PendingDays, ProgramId, sent
from vinr_server.api.contract.operation import CREATE, FIND, MADE_OR_FOUND, ListOf, Operation
from vinr_server.api.contract.pages import Listing, one_of
from vinr_server.api.contract.reads import list_of, retrieve, shown_by
from vinr_server.api.contract.reply import CatalogueStatus, Json, Reference, Reply
from vinr_server.api.contract.tenders import EarningTenders, read_tenders
from vinr_server.api.contract.values import read_metadata
from vinr_server.api.edge.call import Call
from vinr_server.api.edge.problems import Problem
from vinr_server.core.kernel.calendar import is_zone
from vinr_server.core.programs import commands, payloads, rows

URL = "/v1/loyalty/programs"


class CurrencyInput(Input):
    name: Key = "points"
    expiry_months: Annotated[int, Meta(ge=1, le=1200)] | None = None
    expiry_rounding: Literal["none", "day", "month", "quarter", "year"] = "none"
    expiry_mode: Literal["fixed", "inactivity"] = "fixed"
    pending_days: PendingDays = 0


class TierInput(Input):
    id: Key
    threshold: Minor
    name: Name | None = None


GuestDays = Annotated[int, Meta(ge=1, le=366)]
ExpiryReminders = Annotated[list[Annotated[int, Meta(ge=1, le=3650)]], Meta(max_length=10)]


class CreateProgramInput(Input):
    name: Name
    id: ProgramId | None = None
    currency: CurrencyInput | None = None
    timezone: Name = "UTC"
    tiers: Annotated[list[TierInput], Meta(max_length=50)] = []
    earning_tenders: EarningTenders | UnsetType = UNSET
    guest_days: GuestDays | None = None
    expiry_reminders: ExpiryReminders = []
    test_clock: ClockId | None = None
    metadata: Metadata = {}


class CurrencyChanges(Input):
    name: Key | UnsetType = UNSET
    expiry_months: Annotated[int, Meta(ge=1, le=1200)] | UnsetType | None = UNSET
    expiry_rounding: Literal["none", "day", "month", "quarter", "year"] | UnsetType = UNSET
    expiry_mode: Literal["fixed", "inactivity"] | UnsetType = UNSET
    pending_days: PendingDays | UnsetType = UNSET


class UpdateProgramInput(Input):
    name: Name | UnsetType = UNSET
    currency: CurrencyChanges | UnsetType = UNSET
    tiers: Annotated[list[TierInput], Meta(max_length=50)] | UnsetType = UNSET
    earning_tenders: EarningTenders | UnsetType = UNSET
    guest_days: GuestDays | UnsetType | None = UNSET
    expiry_reminders: ExpiryReminders | UnsetType = UNSET
    status: Literal["active", "archived"] | UnsetType = UNSET
    metadata: Metadata = {}


ExpiryRounding = Literal["none", "day", "month", "quarter", "year"]
ExpiryMode = Literal["fixed", "inactivity"]


class ProgramCurrency(Reply):
    name: str
    expiry_months: int | None
    expiry_rounding: ExpiryRounding
    expiry_mode: ExpiryMode
    pending_days: int


class Tier(Reply):
    id: str
    name: str
    threshold: int


class Program(Reply):
    id: str
    object: Literal["program"]
    name: str
    currency: ProgramCurrency
    timezone: str
    tiers: list[Tier]
    earning_tenders: list[str]
    guest_days: int | None
    expiry_reminders: list[int]
    status: CatalogueStatus
    test_clock: Reference | None
    metadata: Json
    created: int
    livemode: bool


class TierCause(Reply):
    points_transaction: Reference | None
    lifetime_points: int


class TierChange(Reply):
    account: Reference
    program: Reference
    customer: Reference
    from_: str | None = field(name="from")
    to: str
    cause: TierCause
    sequence: int


class ExpiryReminder(Reply):
    account: Reference
    program: Reference
    customer: Reference
    points: int
    expires_at: int
    days: int
    at: int
    sequence: int
    livemode: bool


def create_program(call: Call) -> commands.CreateProgram:
    body: CreateProgramInput = call.body
    if not is_zone(body.timezone):
        message = f"timezone: {body.timezone!r} is not an IANA time zone such as Europe/Berlin."
        raise Problem("parameter_invalid", message, param="timezone")
    currency = body.currency
    return commands.CreateProgram(
        name=body.name,
        id=body.id,
        currency_name=currency.name if currency else "points",
        expiry_months=currency.expiry_months if currency else None,
        expiry_rounding=currency.expiry_rounding if currency else "none",
        expiry_mode=currency.expiry_mode if currency else "fixed",
        pending_days=currency.pending_days if currency else 0,
        timezone=body.timezone,
        tiers=read_tiers(body.tiers),
        earning_tenders=(
            rows.EARNING_TENDERS
            if body.earning_tenders is UNSET
            else read_tenders(body.earning_tenders, param="earning_tenders")
        ),
        guest_days=body.guest_days,
        expiry_reminders=read_reminders(body.expiry_reminders),
        clock_id=body.test_clock,
        metadata=read_metadata(body.metadata),
    )


def update_program(call: Call) -> commands.UpdateProgram:
    body: UpdateProgramInput = call.body
    changes = sent(body, "name", "status", "guest_days")
    if body.currency is not UNSET:
        renamed = {"name": "currency_name"}
        currency = sent(body.currency, "name", "expiry_months", "expiry_rounding", "expiry_mode", "pending_days")
        changes |= {renamed.get(name, name): value for name, value in currency.items()}
    if body.tiers is not UNSET:
        changes["tiers"] = read_tiers(body.tiers)
    if body.earning_tenders is not UNSET:
        changes["earning_tenders"] = read_tenders(body.earning_tenders, param="earning_tenders")
    reminders = None if body.expiry_reminders is UNSET else read_reminders(body.expiry_reminders)
    return commands.UpdateProgram(call.id, changes, read_metadata(body.metadata, allows_null=True), reminders)


def read_reminders(given: list[int]) -> tuple[int, ...]:
    """Days before an end, from the largest down, each once."""
    twice = next((days for days in given if given.count(days) > 1), None)
    if twice is not None:
        message = f"expiry_reminders: {twice} days are named twice. Name each number of days once."
        raise Problem("parameter_invalid", message, param="expiry_reminders")
    return tuple(sorted(given, reverse=True))


def read_tiers(given: list[TierInput]) -> tuple[rows.Tier, ...]:
    """Tiers by ascending threshold, each id and threshold once."""
    tiers = tuple(
        sorted(
            (rows.Tier(tier.id, tier.name or tier.id, tier.threshold) for tier in given),
            key=lambda tier: tier.threshold_points,
        )
    )
    for name in ("id", "threshold_points"):
        values = [getattr(tier, name) for tier in tiers]
        if len(set(values)) != len(values):
            shown = name.removesuffix("_points")
            message = f"tiers: two tiers have the same {shown}. Give each its own {shown}."
            raise Problem("parameter_invalid", message, param=f"tiers.{shown}")
    return tiers


PROGRAMS = Listing(rows.Program, {"status": ("status", one_of(CatalogueStatus))})
show_programs = shown_by(payloads.program_payload)

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        id="create_program",
        method="POST",
        path=URL,
        sdk="loyalty.programs.create",
        summary="Create a loyalty program with its currency, zone and tiers.",
        body=CreateProgramInput,
        translate=create_program,
        reply=Program,
        answers=MADE_OR_FOUND,
        refusals=CREATE,
        example={
            "name": "VINR Rewards",
            "currency": {"name": "points", "expiry_months": 12},
            "timezone": "Europe/Berlin",
        },
    ),
    Operation(
        id="retrieve_program",
        method="GET",
        path=f"{URL}/{{id}}",
        sdk="loyalty.programs.retrieve",
        summary="Retrieve one program.",
        read=retrieve(rows.Program, "program", show_programs),
        reply=Program,
        refusals=FIND,
    ),
    Operation(
        id="update_program",
        method="POST",
        path=f"{URL}/{{id}}",
        sdk="loyalty.programs.update",
        summary="Change a program from now on.",
        body=UpdateProgramInput,
        translate=update_program,
        reply=Program,
        immutable=("id", "timezone", "test_clock"),
        refusals=(*FIND, "immutable_field"),
        example={"tiers": [{"id": "silver", "threshold": 0}, {"id": "gold", "threshold": 500}]},
    ),
    Operation(
        id="list_programs",
        method="GET",
        path=URL,
        sdk="loyalty.programs.list",
        summary="List programs, newest first.",
        read=list_of(PROGRAMS, URL, show_programs),
        listing=PROGRAMS,
        reply=ListOf(Program),
    ),
)


EVENT_DATA = (TierChange, ExpiryReminder)
