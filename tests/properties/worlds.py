"""Small worlds for histories to happen in: programs, rules, rewards and members, the same in every realm that has one.

A variant picks rates, roundings and thresholds that hit different corners; all variants have the same names.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import Any

from engines import WALL, CoreRun
from steps import Ref, Step, refs_in

from vinr_server.core.clocks import commands as clocks_commands
from vinr_server.core.conditions.tree import Condition, Predicate
from vinr_server.core.earning import commands as earning_commands
from vinr_server.core.earning.conditions import Conditions
from vinr_server.core.earning.rates import EarnRate, PerUnit
from vinr_server.core.earning.rules import Multiplier
from vinr_server.core.kernel.commands import Command
from vinr_server.core.members import commands as members_commands
from vinr_server.core.offers import commands as offer_commands
from vinr_server.core.offers.rows import GiftReward, OfferTerms, PercentageDiscount, PointsBonus
from vinr_server.core.programs import commands as programs_commands
from vinr_server.core.programs.rows import Tier, TierPolicy
from vinr_server.core.rewards import commands as rewards_commands

CUSTOMERS = ("cust_ann", "cust_bob", "cust_cem", "cust_dee")
# Setup steps of the two realms count from here, the steps of a history from FIRST_STEP.
REALM_STEPS = (0, 100)
FIRST_STEP = 200
# Ids made in the setup of a realm, and in a history, start apart so that they are the same whoever makes them.
REALM_IDS = (0, 10_000)
FIRST_ID = 100_000

TIERS = (Tier("silver", "Silver", 60), Tier("gold", "Gold", 200))
RATES = (
    EarnRate(rate_e4=10_000),
    EarnRate(rate_e4=1_000),
    EarnRate(rate_e4=15_000, rounding="ceil"),
    EarnRate(rate_e4=3_333, rounding="half_even"),
)
# What a reported event may earn by its data, and what a payment may bring.
KILOMETERS = EarnRate(points=3, per_unit=PerUnit("data.km", 15_000))
PRAISE = Condition(all_of=(Condition(predicate=Predicate("data.praise.stars", equals=5)),))
TREATS = ("rwd_cup", "rwd_euros")


@dataclass
class World:
    """The names that a history can use in one realm; accounts that are enrolled later are added."""

    variant: int
    clock: Ref
    clock_at: datetime
    rules: list[Ref] = field(default_factory=list)
    rewards: dict[str, str] = field(default_factory=dict)
    # Offers that are opted into, each with the program it names, if any.
    offers: dict[str, str | None] = field(default_factory=dict)
    # reference -> (program, customer)
    accounts: dict[Ref, tuple[str, str]] = field(default_factory=dict)


def ranks(variant: int) -> dict[str, Any]:
    """Tiers that end, by each metric and window, with and without grace, steps and what reversals lower."""
    points = (Tier("basic", "Basic", 0), Tier("plus", "Plus", 15), Tier("top", "Top", 40))
    rolling: Any = {"metric": "points_earned", "window": "rolling_months"}
    kinds: tuple[tuple[tuple[Tier, ...], TierPolicy], ...] = (
        (points, TierPolicy(**rolling, months=1, grace_days=9)),
        (
            (Tier("plus", "Plus", 2_000), Tier("top", "Top", 9_000)),
            TierPolicy(
                "spend", "rolling_months", currency="EUR", months=2, downgrade="one_step", on_reversal="requalify"
            ),
        ),
        (points, TierPolicy("points_earned", "calendar_year", grace_days=40, on_reversal="requalify")),
        ((Tier("plus", "Plus", 1), Tier("top", "Top", 3)), TierPolicy("payment_count", "rolling_months", months=1)),
        (points[1:], TierPolicy(**rolling, months=2, downgrade="one_step", grace_days=20)),
    )
    tiers, policy = kinds[variant % 5]
    return {"tiers": tiers, "tier_policy": policy}


def programs(variant: int, clock: Ref) -> list[Command]:
    """One that expires and has tiers, one without expiry on the wall's time, one with a zone and a rounding.

    In every other variant the points of the last end by inactivity, in some of these with a reminder.
    """
    rounding: Any = ("month", "none", "day", "quarter", "year", "month")[variant % 6]
    last: Any = {"expiry_rounding": rounding, "timezone": "Europe/Berlin", "clock_id": clock}
    if variant % 2:
        last |= {"expiry_mode": "inactivity", "expiry_reminders": (5,)[: variant % 3]}
    make: Any = programs_commands.CreateProgram
    return [
        make("A", id="prog_a", expiry_months=1, tiers=TIERS, clock_id=clock, expiry_reminders=(10, 3)[: variant % 3]),
        make("B", id="prog_b", tiers=(Tier("member", "Member", 0), Tier("star", "Star", 80))),
        make("C", id="prog_c", expiry_months=2, **last, **ranks(variant)),
    ]


def rules(variant: int) -> list[Command]:
    """Rates by tier and metadata, flat bonuses with and without a threshold, for payments, events and enrolment."""
    factors = (
        Multiplier(15_000, tiers=("silver",)),
        Multiplier(20_000, tiers=("gold",)),
        Multiplier(20_000, metadata={"day": "double"}),
    )
    make = earning_commands.CreateEarningRule
    pays = "payment.completed"
    made = [
        make("prog_a", pays, RATES[variant % 4], Conditions(), factors if variant % 3 else ()),
        make("prog_a", pays, EarnRate(points=7), Conditions(min_amount_minor=2_000)),
        make("prog_b", pays, EarnRate(rate_e4=10_000), Conditions(skus=("tea",)) if variant % 2 else Conditions()),
        make("prog_b", "review.posted", EarnRate(points=20), Conditions()),
        make("prog_b", "order.noted", EarnRate(rate_e4=20_000), Conditions(metadata={"channel": "app"})),
        make("prog_b", "order.noted", KILOMETERS, Conditions(), (Multiplier(15_000, tiers=("star",)),)),
        make("prog_a", "review.posted", EarnRate(points=4), Conditions(where=PRAISE)),
        make("prog_c", pays, EarnRate(rate_e4=10_000, rounding="ceil"), Conditions(categories=("drinks",))),
    ]
    if variant % 2:
        made.append(make("prog_a", pays, EarnRate(points=5), Conditions(first_payment=True)))
        made.append(make("prog_a", "loyalty.account.created", EarnRate(points=12), Conditions()))
    else:
        half = EarnRate(rate_e4=5_000, currency="EUR", rounding="half_even")
        made.append(make("prog_a", pays, half, Conditions(min_amount_minor=1_000)))
        made.append(make("prog_c", pays, EarnRate(points=3), Conditions()))
    return list(made)


def rewards(variant: int) -> list[Command]:
    """Stock, limit, both, a tier, and none of these."""
    make = rewards_commands.CreateReward
    euros = {"type": "discount", "amount": 500, "currency": "EUR"}
    return [
        make("prog_a", "Euros off", 40, euros, id="rwd_euros", stock=2 + variant % 3),
        make("prog_a", "Cup", 25, {"type": "product", "sku": "cup"}, id="rwd_cup", per_member_limit=1 + variant % 2),
        make("prog_a", "Tour", 90, {"type": "product", "sku": "tour"}, id="rwd_tour", tiers=("silver", "gold")),
        make("prog_b", "Voucher", 20, {"type": "voucher"}, id="rwd_voucher", stock=3, per_member_limit=2),
        make("prog_c", "Shipping", 30, {"type": "free_shipping"}, id="rwd_shipping"),
    ]


def offers(variant: int) -> list[Command]:
    """Gifts of limited, tiered and scarce rewards; bonuses, of one program and of every one, opted into or not.

    And half off a checkout, for few members together or for any number, each once or twice; a gift that comes with a
    payment, limited or scarce.
    """

    def gift(reward: str, limit: int | None) -> OfferTerms:
        return OfferTerms(gift=GiftReward(reward), application="opt_in", per_member_limit=limit)

    def bonus(points: int, limit: int | None, **more: Any) -> OfferTerms:
        return OfferTerms(bonus=PointsBonus(points), per_member_limit=limit, **more)

    limits: Any = {"max_redemptions": (2, None)[variant % 2], "per_member_limit": 1 + variant % 3 // 2}
    half = OfferTerms(percentage=PercentageDiscount(500_000), **limits)
    least = Conditions(min_amount_minor=1_500)
    treated: Any = {"application": "auto", "conditions": Conditions(min_amount_minor=1_200)}
    terms: dict[str, tuple[str | None, OfferTerms]] = {
        "ofr_all": (None, bonus(6, 1 + variant % 2, application="opt_in")),
        "ofr_cup": ("prog_a", gift("rwd_cup", None)),
        "ofr_tour": (None, gift("rwd_tour", 1)),
        "ofr_voucher": ("prog_b", gift("rwd_voucher", None)),
        "ofr_once": ("prog_a", bonus(3, 1, application="opt_in")),
        "ofr_thanks": (None, bonus(4, 1 + variant % 3, conditions=least)),
        "ofr_half": ("prog_a", half),
        "ofr_treat": ("prog_a", replace(gift(TREATS[variant % 2], 1 + variant % 3 // 2), **treated)),
    }
    made: list[Command] = []
    for id, (program, said) in terms.items():
        made.append(offer_commands.CreateOffer("engagement", id, said, "draft", program_id=program, id=id))
        made.append(offer_commands.PublishOffer(id))
    return made


MEMBERS = (
    ("prog_a", "cust_ann"),
    ("prog_b", "cust_ann"),
    ("prog_a", "cust_bob"),
    ("prog_a", "cust_cem"),
    ("prog_c", "cust_cem"),
)


@cache
def setup(variant: int, realm: int) -> tuple[tuple[Step, ...], ...]:
    """The batches that make the world of a realm."""
    first = REALM_STEPS[realm]
    clock = Ref(first, ("id",))
    start: Command = clocks_commands.CreateTestClock(WALL)
    enrolments: list[Command] = [members_commands.CreateAccount(program, customer) for program, customer in MEMBERS]
    made = [[start], [*programs(variant, clock), *rules(variant), *rewards(variant), *offers(variant)], enrolments]
    numbered: list[tuple[Step, ...]] = []
    for batch in made:
        numbered.append(tuple(Step(first + place, realm, _operation(one), one) for place, one in enumerate(batch)))
        first += len(batch)
    return tuple(numbered)


def _operation(command: Command) -> str:
    """`CreateTestClock` is the operation `create_test_clock`."""
    name = type(command).__name__
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).strip("_")


def step_of(number: int, realm: int, command: Command, **more: Any) -> Step:
    """The step of a command, after every step that it refers to."""
    after = max((ref.step for ref in refs_in(command)), default=-1)
    return Step(number, realm, _operation(command), command, after=after, **more)


@cache
def _core_run(variant: int) -> CoreRun:
    run = CoreRun()
    for realm in (0, 1):
        run.ids.start_at(REALM_IDS[realm])
        for batch in setup(variant, realm):
            run.submit(batch)
    return run


def core_run(variant: int) -> CoreRun:
    """A run in memory with both worlds ready."""
    run = _core_run(variant).copy()
    run.ids.start_at(FIRST_ID)
    return run


@cache
def _world(variant: int, realm: int) -> World:
    made = World(variant, Ref(REALM_STEPS[realm], ("id",)), WALL)
    for batch in setup(variant, realm):
        for step in batch:
            own = Ref(step.number, ("id",))
            command = step.command
            if isinstance(command, earning_commands.CreateEarningRule):
                made.rules.append(own)
            elif isinstance(command, rewards_commands.CreateReward):
                made.rewards[str(command.id)] = command.program_id
            elif isinstance(command, offer_commands.CreateOffer) and command.terms.application == "opt_in":
                made.offers[str(command.id)] = command.program_id
            elif isinstance(command, members_commands.CreateAccount):
                made.accounts[own] = (command.program_id, command.customer_id)
    return made


def world(variant: int, realm: int) -> World:
    """A world's names, for one history to add to."""
    made = _world(variant, realm)
    return replace(made, rules=list(made.rules), rewards=dict(made.rewards), accounts=dict(made.accounts))
