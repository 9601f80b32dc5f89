"""Programs: what a member can earn in, with its currency, its tiers and its time zone."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType, field

from vinr_server.api.contract.currencies import read_currency
from vinr_server.api.contract.input import ClockId, Input, Key, Metadata, Minor, Name, PendingDays, ProgramId, sent
from vinr_server.api.contract.operation import CREATE, FIND, MADE_OR_FOUND, ListOf, Operation
from vinr_server.api.contract.pages import Listing, one_of
from vinr_server.api.contract.reads import list_of, retrieve, shown_by
from vinr_server.api.contract.reply import CatalogueStatus, Json, Reference, Reply
from vinr_server.api.contract.tenders import EarningTenders, read_tenders
from vinr_server.api.contract.values import read_metadata
from vinr_server.api.edge.call import Call
from vinr_server.api.edge.problems import Problem
from vinr_server.api.resources.account_replies import TierBasis, TierMetric, TierWindowType
from vinr_server.api.resources.tiers import TierCause
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
    replaces: Annotated[list[Key], Meta(max_length=50)] = []


WindowMonths = Annotated[int, Meta(ge=1, le=60)]
GraceDays = Annotated[int, Meta(ge=0, le=366)]
Downgrade = Literal["qualified", "one_step"]
OnReversal = Literal["keep", "requalify"]


class TierPolicyInput(Input):
    metric: TierMetric = "lifetime_points"
    window: TierWindowType = "lifetime"
    currency: Key | None = None
    months: WindowMonths | None = None
    downgrade: Downgrade = "qualified"
    grace_days: GraceDays = 0
    on_reversal: OnReversal = "keep"


GuestDays = Annotated[int, Meta(ge=1, le=366)]
ExpiryReminders = Annotated[list[Annotated[int, Meta(ge=1, le=3650)]], Meta(max_length=10)]


class CreateProgramInput(Input):
    name: Name
    id: ProgramId | None = None
    currency: CurrencyInput | None = None
    timezone: Name = "UTC"
    tiers: Annotated[list[TierInput], Meta(max_length=50)] = []
    tier_policy: TierPolicyInput | None = None
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


class TierPolicyChanges(Input):
    metric: TierMetric | UnsetType = UNSET
    window: TierWindowType | UnsetType = UNSET
    currency: Key | UnsetType | None = UNSET
    months: WindowMonths | UnsetType | None = UNSET
    downgrade: Downgrade | UnsetType = UNSET
    grace_days: GraceDays | UnsetType = UNSET
    on_reversal: OnReversal | UnsetType = UNSET


class UpdateProgramInput(Input):
    name: Name | UnsetType = UNSET
    currency: CurrencyChanges | UnsetType = UNSET
    tiers: Annotated[list[TierInput], Meta(max_length=50)] | UnsetType = UNSET
    tier_policy: TierPolicyChanges | UnsetType = UNSET
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
    replaces: list[str]


class TierPolicy(Reply):
    metric: TierMetric
    currency: str | None
    window: TierWindowType
    months: int | None
    downgrade: Downgrade
    grace_days: int
    on_reversal: OnReversal


class Program(Reply):
    id: str
    object: Literal["program"]
    name: str
    currency: ProgramCurrency
    timezone: str
    tiers: list[Tier]
    tier_policy: TierPolicy
    tiers_revision: int
    earning_tenders: list[str]
    guest_days: int | None
    expiry_reminders: list[int]
    status: CatalogueStatus
    test_clock: Reference | None
    metadata: Json
    created: int
    livemode: bool


class TierChange(Reply):
    account: Reference
    program: Reference
    customer: Reference
    from_: str | None = field(name="from")
    to: str | None
    direction: Literal["up", "down"]
    basis: TierBasis
    cause: TierCause
    effective_at: int
    expires_at: int | None
    sequence: int


class TierGrace(Reply):
    account: Reference
    program: Reference
    customer: Reference
    tier: str
    grace_until: int
    needed: int
    effective_at: int
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
        tier_policy=read_policy(body.tier_policy),
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
    policy = {} if body.tier_policy is UNSET else sent(body.tier_policy, *POLICY_FIELDS)
    if policy.get("currency") is not None:
        policy["currency"] = read_currency(policy["currency"], param="tier_policy.currency")
    return commands.UpdateProgram(call.id, changes, read_metadata(body.metadata, allows_null=True), reminders, policy)


POLICY_FIELDS = ("metric", "window", "currency", "months", "downgrade", "grace_days", "on_reversal")


def read_policy(given: TierPolicyInput | None) -> rows.TierPolicy:
    """The policy of tiers as it was sent; what it leaves out is as for lifetime points."""
    if given is None:
        return rows.TierPolicy()
    fields = {name: getattr(given, name) for name in POLICY_FIELDS}
    if given.currency is not None:
        fields["currency"] = read_currency(given.currency, param="tier_policy.currency")
    return rows.TierPolicy(**fields)


def read_reminders(given: list[int]) -> tuple[int, ...]:
    """Days before an end, from the largest down, each once."""
    twice = next((days for days in given if given.count(days) > 1), None)
    if twice is not None:
        message = f"expiry_reminders: {twice} days are named twice. Name each number of days once."
        raise Problem("parameter_invalid", message, param="expiry_reminders")
    return tuple(sorted(given, reverse=True))


def read_tiers(given: list[TierInput]) -> tuple[rows.Tier, ...]:
    """Tiers by ascending threshold, each id and threshold once: their order is the order of their ranks."""
    tiers = tuple(rows.Tier(tier.id, tier.name or tier.id, tier.threshold, tuple(tier.replaces)) for tier in given)
    for name in ("id", "threshold"):
        values = [getattr(tier, name) for tier in tiers]
        if len(set(values)) != len(values):
            message = f"tiers: two tiers have the same {name}. Give each its own {name}."
            raise Problem("parameter_invalid", message, param=f"tiers.{name}")
    for place, (lower, higher) in enumerate(pairwise(tiers), start=1):
        if higher.threshold < lower.threshold:
            message = (
                f"tiers[{place}].threshold: {higher.threshold} is below the {lower.threshold} of {lower.id} before it."
                " List tiers from the lowest threshold to the highest."
            )
            raise Problem("parameter_invalid", message, param=f"tiers[{place}].threshold")
    known = {tier.id for tier in tiers}
    for place, tier in enumerate(tiers):
        kept = next((id for id in tier.replaces if id in known), None)
        if kept is not None:
            message = f"tiers[{place}].replaces: {kept} is still one of the tiers. Replace tiers that you leave out."
            raise Problem("parameter_invalid", message, param=f"tiers[{place}].replaces")
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
        refusals=(*FIND, "immutable_field", "tier_in_use"),
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


EVENT_DATA = (TierChange, TierGrace, ExpiryReminder)
