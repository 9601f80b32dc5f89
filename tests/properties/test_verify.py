"""`vinr verify` agrees with a busy history, and names whatever is edited by hand in it."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import psycopg
import pytest
from databases import open_database
from engines import WriterRun
from histories import MOVE_BYTES, plan
from steps import Step, batches
from test_property_offers import bonus, double, offer

from conftest import PATIENCE_SECONDS, make_database
from vinr_server.api.resources.campaign_definitions import read_definition
from vinr_server.core.budgets.rows import Budget
from vinr_server.core.campaigns import commands as campaign_commands
from vinr_server.core.campaigns.entries.rows import BEFORE_ALL
from vinr_server.core.carts.cart import Cart, CartLine
from vinr_server.core.checkout.commands import (
    CompleteCheckoutSession,
    CreateCheckoutSession,
    ExpireCheckoutSession,
    UpdateCheckoutSession,
)
from vinr_server.core.checkout.rows import CreditTender
from vinr_server.core.clocks import commands as clocks_commands
from vinr_server.core.codes import commands as code_commands
from vinr_server.core.credit import commands as credit_commands
from vinr_server.core.earning import commands as earning_commands
from vinr_server.core.earning.caps import Cap
from vinr_server.core.earning.conditions import Conditions
from vinr_server.core.earning.rates import EarnRate
from vinr_server.core.kernel import commands as kernel_commands
from vinr_server.core.ledger import commands as ledger_commands
from vinr_server.core.members import commands as members_commands
from vinr_server.core.offers import commands as offer_commands
from vinr_server.core.offers.rows import (
    CheckoutTerms,
    Criteria,
    GiftReward,
    OfferTerms,
    PercentageDiscount,
    PointsBonus,
    PointsMultiplier,
)
from vinr_server.core.payments import commands as payments_commands
from vinr_server.core.programs import commands as programs_commands
from vinr_server.core.programs.rows import Tier, TierPolicy
from vinr_server.core.referrals import commands as referral_commands
from vinr_server.core.referrals import rows as referral_rows
from vinr_server.core.rewards import commands as rewards_commands
from vinr_server.core.segments import commands as segment_commands
from vinr_server.core.segments.conditions import Bounds, SegmentConditions
from vinr_server.core.tiers.commands import SetTier
from vinr_server.engine.submission import Reply
from vinr_server.storage.laws.ledger import LAWS
from vinr_server.storage.laws.verify import verify, verify_within
from vinr_server.storage.postgres.embedded import EmbeddedServer
from vinr_server.storage.postgres.migrate import migrate

HISTORIES = 24


def _of_order_8(number: int) -> payments_commands.CreatePayment:
    return payments_commands.CreatePayment(
        600, "EUR", 100, id=f"pay_large{number}", customer_id="cust_o1", order_id="8"
    )


# An offer that members are granted.
GRANTED = OfferTerms(multiplier=PointsMultiplier(30_000), application="granted", per_member_limit=2)
# Offers with budgets, of uses and of money.
SPENDS = OfferTerms(bonus=PointsBonus(5), application="opt_in", budget=Budget("uses", 3, period="month"))
OFF = CheckoutTerms("fixed_discount", 100, criteria=Criteria(currency="SEK"))
SPENT = OfferTerms(checkout=OFF, budget=Budget("amount", 900, "SEK", "month"))
# A multiplier that two members used, one of whom gave the purchase back, and bonuses, of every program too; a gift.
OFFERED = (
    programs_commands.CreateProgram("Offers", id="prog_offers"),
    earning_commands.CreateEarningRule("prog_offers", "payment.completed", EarnRate(rate_e4=10_000), Conditions()),
    *(members_commands.CreateAccount("prog_offers", f"cust_o{one}", account_id=f"loy_o{one}") for one in (1, 2)),
    *offer("double", double(2), program_id="prog_offers"),
    *offer("bonus", bonus(None), program_id="prog_offers"),
    *(payments_commands.CreatePayment(900, "EUR", 100, id=f"pay_o{one}", customer_id=f"cust_o{one}") for one in (1, 2)),
    payments_commands.RefundPayment("pay_o1"),
    *(
        payments_commands.CreatePayment(700, "EUR", 100, id=f"pay_order{n}", customer_id="cust_o2", order_id="7")
        for n in (1, 2)
    ),
    payments_commands.RefundPayment("pay_order1", id="re_order1", amount_minor=300),
    payments_commands.RefundPayment("pay_order2", id="re_order2", amount_minor=300),
    payments_commands.CancelRefund("re_order1"),
    payments_commands.UpdatePayment("pay_order2", amount_minor=900),
    # An order redeems an offer only once a refund is canceled; its use follows whether all of it is given back.
    *offer("large", double(9, conditions=Conditions(min_amount_minor=1_000)), program_id="prog_offers"),
    _of_order_8(1),
    payments_commands.RefundPayment("pay_large1", id="re_large1", amount_minor=400),
    _of_order_8(2),
    payments_commands.CancelRefund("re_large1"),
    payments_commands.RefundPayment("pay_large1"),
    payments_commands.RefundPayment("pay_large2", amount_minor=500),
    payments_commands.UpdatePayment("pay_large2", amount_minor=500),
    _of_order_8(3),
    # A rule with a cap by day: what is given back of an order makes room again.
    earning_commands.CreateEarningRule(
        "prog_offers", "payment.completed", EarnRate(rate_e4=10_000), Conditions(), id="rule_capped", caps=Cap(5, "day")
    ),
    payments_commands.CreatePayment(900, "EUR", 100, id="pay_capped", customer_id="cust_o2", order_id="9"),
    payments_commands.CreatePayment(300, "EUR", 100, customer_id="cust_o2"),
    payments_commands.RefundPayment("pay_capped", id="re_capped", amount_minor=700),
    payments_commands.CreatePayment(200, "EUR", 100, customer_id="cust_o2"),
    payments_commands.CancelRefund("re_capped"),
    offer_commands.ActivateOffer("ofr_bonus", "loy_o2"),
    programs_commands.CreateProgram("Others", id="prog_others"),
    members_commands.CreateAccount("prog_others", "cust_o1", account_id="loy_o3"),
    *offer("every", bonus(None), program_id=None),
    offer_commands.ActivateOffer("ofr_every", "loy_o1"),
    rewards_commands.CreateReward("prog_offers", "Cup", 9, {"type": "voucher"}, id="rwd_gift", per_member_limit=1),
    *offer("gift", OfferTerms(gift=GiftReward("rwd_gift"), application="opt_in"), program_id="prog_offers"),
    offer_commands.ActivateOffer("ofr_gift", "loy_o1"),
    *offer("granted", GRANTED, program_id="prog_offers"),
    *(offer_commands.GrantOffer("ofr_granted", "loy_o2") for _ in range(2)),
    payments_commands.CreatePayment(100, "EUR", 100, customer_id="cust_o2"),
    *offer("spends", SPENDS, program_id="prog_offers"),
    *(offer_commands.ActivateOffer("ofr_spends", f"loy_o{one}") for one in (1, 2)),
    *offer("tenth", OfferTerms(percentage=PercentageDiscount(100_000), max_redemptions=9), program_id="prog_offers"),
    ledger_commands.AwardPoints("loy_o2", 100),
    rewards_commands.CreateReward(
        "prog_offers", "Five", 100, {"type": "discount", "amount": 500, "currency": "EUR"}, id="rwd_o"
    ),
    members_commands.ImportAccount("prog_offers", "cust_o3", points=20, lifetime_points=90),
    members_commands.ImportAccount("prog_offers", "cust_o4", points=-5),
)
# One who came by what it earned and one who went by what it bought, in a program where nobody else is due.
SEGMENTED = (
    programs_commands.CreateProgram("Segmented", id="prog_segmented"),
    *(members_commands.CreateAccount("prog_segmented", f"cust_seg{n}", account_id=f"loy_seg{n}") for n in (1, 2)),
    segment_commands.CreateSegment("Listed", "static", id="seg_listed"),
    segment_commands.AddSegmentMembers("seg_listed", ("loy_seg1", "loy_seg2")),
    segment_commands.RemoveSegmentMembers("seg_listed", ("loy_seg2",)),
    segment_commands.CreateSegment(
        "Rich", "dynamic", SegmentConditions(balance=Bounds(at_least=77), metadata={"a": "it's"}), id="seg_rich"
    ),
    segment_commands.CreateSegment("Never", "dynamic", SegmentConditions(never_purchased=True), id="seg_never"),
    ledger_commands.AwardPoints("loy_seg1", 100),
    members_commands.UpdateAccount("loy_seg1", {"a": "it's"}),
    payments_commands.CreatePayment(900, "EUR", 100, id="pay_seg", customer_id="cust_seg2"),
    *(segment_commands.JudgeSegments(f"loy_seg{n}") for n in (1, 2)),
)
# One who leaves points, uses and what it opted into behind, and one who leaves a debt, are a third now.
MERGED = (
    *(members_commands.CreateAccount("prog_offers", f"cust_m{one}", account_id=f"loy_m{one}") for one in (1, 2, 3)),
    *(payments_commands.CreatePayment(900, "EUR", 100, id=f"pay_m{one}", customer_id=f"cust_m{one}") for one in (1, 2)),
    offer_commands.ActivateOffer("ofr_bonus", "loy_m1"),
    offer_commands.ActivateOffer("ofr_gift", "loy_m1"),
    *(offer_commands.GrantOffer("ofr_granted", f"loy_m{one}") for one in (1, 1, 3)),
    ledger_commands.AwardPoints("loy_m3", 40),
    ledger_commands.AdjustPoints("loy_m2", -9, "spent"),
    payments_commands.RefundPayment("pay_m2"),
    members_commands.MergeCustomers("cust_m1", "cust_m3"),
    members_commands.MergeCustomers("cust_m2", "cust_m3"),
    payments_commands.RefundPayment("pay_m1", amount_minor=300),
    ledger_commands.AwardPoints("loy_m1", 5),
    members_commands.CreateAccount("prog_others", "cust_m1"),
)
# Purchases go on after a merge: orders, refunds, undone ones, amendments, awards by hand; a guest's payment is linked.
BOUGHT = (
    *(members_commands.CreateAccount("prog_offers", f"cust_b{one}", account_id=f"loy_b{one}") for one in (1, 2)),
    payments_commands.CreatePayment(900, "EUR", 100, id="pay_b1", customer_id="cust_b1", order_id="11"),
    payments_commands.CreatePayment(400, "EUR", 100, id="pay_b2", customer_id="cust_b1"),
    payments_commands.CreatePayment(300, "EUR", 100, id="pay_b3", customer_id="cust_b2"),
    ledger_commands.AwardPoints("loy_b1", 50, payment_id="pay_b2"),
    payments_commands.RefundPayment("pay_b1", id="re_b1", amount_minor=500),
    payments_commands.RefundPayment("pay_b2", id="re_b2"),
    ledger_commands.AdjustPoints("loy_b1", -1, "spent"),
    members_commands.MergeCustomers("cust_b1", "cust_b2"),
    payments_commands.CancelRefund("re_b1"),
    payments_commands.CancelRefund("re_b2"),
    payments_commands.CreatePayment(600, "EUR", 100, id="pay_b4", customer_id="cust_b2", order_id="11"),
    payments_commands.UpdatePayment("pay_b4", amount_minor=1_200),
    payments_commands.RefundPayment("pay_b4", id="re_b4"),
    payments_commands.RefundPayment("pay_b1", id="re_b5", amount_minor=700),
    payments_commands.CancelRefund("re_b5"),
    payments_commands.RefundPayment("pay_b2", amount_minor=100),
    payments_commands.CreatePayment(800, "EUR", 100, id="pay_b6", order_id="11"),
    payments_commands.RefundPayment("pay_b6", id="re_b6", amount_minor=200),
    payments_commands.RefundPayment("pay_b6", id="re_b7", amount_minor=100),
    payments_commands.CancelRefund("re_b7"),
    payments_commands.LinkPayment("pay_b6", "cust_b1"),
    payments_commands.CancelRefund("re_b6"),
    payments_commands.RefundPayment("pay_b6"),
    # Who was imported, with what another system knew of it, is another now, who was imported, too.
    members_commands.ImportAccount("prog_offers", "cust_i1", points=20, lifetime_points=90),
    members_commands.ImportAccount("prog_offers", "cust_i2", points=-50),
    members_commands.MergeCustomers("cust_i1", "cust_i2"),
    members_commands.ImportAccount("prog_offers", "cust_i3", points=7, lifetime_points=70),
    members_commands.MergeCustomers("cust_i3", "cust_i4"),
    ledger_commands.AwardPoints("loy_b2", 1),
    # Who paid as a guest, and was merged before it enrolled.
    programs_commands.CreateProgram("Guests", id="prog_guests", guest_days=30),
    earning_commands.CreateEarningRule(
        "prog_guests", "payment.completed", EarnRate(rate_e4=10_000), Conditions(), caps=Cap(20, "month")
    ),
    payments_commands.CreatePayment(900, "EUR", 100, id="pay_g1", customer_id="cust_g1", order_id="12"),
    payments_commands.CreatePayment(900, "EUR", 100, id="pay_g2", customer_id="cust_g1", order_id="12"),
    payments_commands.CreatePayment(900, "EUR", 100, id="pay_g3", customer_id="cust_g2"),
    payments_commands.RefundPayment("pay_g1", id="re_g1", amount_minor=300),
    members_commands.MergeCustomers("cust_g1", "cust_g2"),
    members_commands.CreateAccount("prog_guests", "cust_g1"),
    payments_commands.CancelRefund("re_g1"),
    payments_commands.RefundPayment("pay_g2"),
)
CART = Cart("EUR", (CartLine("tea", 700, 2), CartLine("cup", 1100)), shipping_minor=300)
MOVES = 20


@pytest.fixture(scope="module")
def unmerged(postgres: EmbeddedServer, template: str) -> str:
    """A database in which random histories have happened, the same at every run, but nobody was merged."""
    url = make_database(postgres, template)
    chance = random.Random(3)
    with open_database(url) as database:
        for number in range(HISTORIES):
            moves = [chance.randbytes(MOVE_BYTES) for _move in range(MOVES)]
            history = plan(number % 12, moves, may_wait=False)
            run = database.writer_run(history.variant, has_two_realms=False)
            for batch in batches(history.steps, [4]):
                run.submit(batch)
        answer = _answers(database.writer_run(0, has_two_realms=False), first=10_000)
        for command in OFFERED:
            answer(command)
        _check_out(answer)
    return url


@pytest.fixture(scope="module")
def busy(postgres: EmbeddedServer, unmerged: str) -> str:
    """The same database with merged customers and linked payments, and what became of these."""
    url = make_database(postgres, unmerged.rsplit("/", 1)[1])
    with open_database(url) as database:
        (realm,) = database.reads.execute("select realm from programs where id = 'prog_offers'").fetchone() or (0,)
        answer = _answers(WriterRun(database.runner, database.writer, [realm]), first=20_000)
        for command in (*MERGED, *BOUGHT):
            answer(command)
        _remind(answer)
        _go_idle(answer)
        _rank(answer)
        _wait(answer)
        _spend_in_part(answer)
        _price_again(answer)
        _keep_credit(answer)
        _pay_with_credit(answer)
        _refer(answer)
        _use_codes(answer)
        for command in SEGMENTED:
            answer(command)
        everybody = database.reads.execute(f"select id from accounts where realm = {realm} order by id").fetchall()
        ids = tuple(id for (id,) in everybody)
        for segment_id in ("seg_rich", "seg_never"):
            answer(segment_commands.ScanSegment(segment_id, 1, "", ids, is_last=True))
        _spend_budget(answer)
        _pass_through(answer)
        _reach_goals(answer)
        _give_codes(answer)
        _spend_of_campaign(answer)
    return url


def _answers(run: WriterRun, *, first: int) -> Callable[[kernel_commands.Command], dict[str, Any]]:
    """What a command answers, decided by itself; they are numbered from `first`."""
    numbers = count(first)

    def answer(command: kernel_commands.Command) -> dict[str, Any]:
        (outcome,) = run.submit([Step(next(numbers), 0, type(command).__name__, command)])
        assert isinstance(outcome, Reply), outcome
        return dict(json.loads(outcome.body))

    return answer


def _check_out(answer: Callable[[kernel_commands.Command], dict[str, Any]]) -> None:
    """Sessions are paid in both ways, one payment is given back; one session holds a use of an offer and a discount.

    The offer's cap is taken away and set again while sessions hold uses of it.
    """
    for id in ("pay_reported", "pay_recorded"):
        paid = answer(CreateCheckoutSession(CART, "cust_o1"))
        answer(_capped(None))
        names = {"session_id": paid["id"]} if id == "pay_reported" else {}
        answer(payments_commands.CreatePayment(paid["total"], "EUR", 100, id=id, customer_id="cust_o1", **names))
        if not names:
            answer(CompleteCheckoutSession(paid["id"], id))
        answer(payments_commands.RefundPayment(id, amount_minor=None if id == "pay_recorded" else 1))
        answer(_capped(9))
    redemption = answer(rewards_commands.CreateRedemption("loy_o2", "rwd_o"))
    held = answer(CreateCheckoutSession(CART, "cust_o2", discount_ids=(redemption["discount"],)))
    assert len(held["applied"]) == 2, held


def _use_codes(answer: Callable[[kernel_commands.Command], dict[str, Any]]) -> None:
    """Codes are used, given back, held and replaced; one that is shared keeps its use."""
    terms = OfferTerms(checkout=CheckoutTerms("fixed_discount", 100), requires_code=True)
    answer(offer_commands.CreateOffer("checkout", "Coded", terms, "published", id="ofr_coded"))
    for text, most in (("ONCE", 1), ("HELD", 1), ("SHARED", None)):
        answer(code_commands.CreateCode(text, "ofr_coded", max_redemptions=most))
    old = answer(code_commands.CreateCode("OLD", "ofr_coded"))["id"]
    batch = code_commands.CreateCodeBatch("ofr_coded", "Printed", "#" * 12, "23456789BCDF", id="cbt_printed")
    answer(batch)
    for text in ("P-1", "P-2", "P-3"):
        answer(code_commands.ImportCode("cbt_printed", text))
    answer(code_commands.UpdateCode(old, {"status": "disabled"}))
    answer(code_commands.CreateCode("old", "ofr_coded"))
    for text in ("once", "shared"):
        session = answer(CreateCheckoutSession(CART, "cust_o2", codes=(text,)))
        payment = payments_commands.CreatePayment(
            session["total"], "EUR", 100, id=f"pay_{text}", customer_id="cust_o2", session_id=session["id"]
        )
        answer(payment)
        answer(payments_commands.RefundPayment(f"pay_{text}"))
    answer(ExpireCheckoutSession(answer(CreateCheckoutSession(CART, codes=("shared",)))["id"]))
    assert answer(CreateCheckoutSession(CART, codes=("held",)))["codes"][0]["status"] == "applied"


def _remind(answer: Callable[[kernel_commands.Command], dict[str, Any]]) -> None:
    """One member was reminded of points that end, and will be once more."""
    clock = answer(clocks_commands.CreateTestClock(datetime(2026, 1, 15, tzinfo=UTC)))["id"]
    program = programs_commands.CreateProgram("Ends", id="prog_ends", clock_id=clock, expiry_reminders=(30, 7))
    answer(program)
    answer(members_commands.CreateAccount("prog_ends", "cust_e1", account_id="loy_e1"))
    answer(ledger_commands.AwardPoints("loy_e1", 10, expires_at=datetime(2026, 3, 1, tzinfo=UTC)))
    answer(clocks_commands.AdvanceTestClock(clock, datetime(2026, 2, 1, tzinfo=UTC)))
    assert answer(ledger_commands.ExpireLots("loy_e1"))["expiries"] == 0


def _go_idle(answer: Callable[[kernel_commands.Command], dict[str, Any]]) -> None:
    """One member is inactive, and its points are gone; another was active since.

    A third was reminded of points that end by inactivity and of dated ones at the same instant, in one sum.
    """
    clock = answer(clocks_commands.CreateTestClock(datetime(2026, 1, 15, tzinfo=UTC)))["id"]
    months: Any = {"expiry_months": 1, "expiry_mode": "inactivity", "clock_id": clock, "expiry_reminders": (30,)}
    answer(programs_commands.CreateProgram("Idle", id="prog_idle", **months))
    for name in ("idle1", "idle2", "idle3"):
        answer(members_commands.CreateAccount("prog_idle", f"cust_{name}", account_id=f"loy_{name}"))
        answer(ledger_commands.AwardPoints(f"loy_{name}", 10))
    answer(ledger_commands.AwardPoints("loy_idle3", 20, expires_at=datetime(2026, 2, 15, tzinfo=UTC)))
    answer(clocks_commands.AdvanceTestClock(clock, datetime(2026, 2, 1, tzinfo=UTC)))
    assert answer(ledger_commands.ExpireLots("loy_idle3"))["expiries"] == 0
    answer(clocks_commands.FinishTestClock(clock, datetime(2026, 2, 1, tzinfo=UTC)))
    answer(ledger_commands.AwardPoints("loy_idle1", 5))
    answer(clocks_commands.AdvanceTestClock(clock, datetime(2026, 2, 16, tzinfo=UTC)))
    assert [answer(ledger_commands.ExpireLots(f"loy_{name}"))["expiries"] for name in ("idle1", "idle2")] == [0, 1]


def _rank(answer: Callable[[kernel_commands.Command], dict[str, Any]]) -> None:
    """Tiers by points, spend and payments: reached, lessened by refunds, ended, and edited."""
    tiers = (Tier("silver", "Silver", 10), Tier("gold", "Gold", 400))
    policies = {
        "points": TierPolicy("points_earned", "rolling_months", months=12, grace_days=9),
        "spend": TierPolicy("spend", "calendar_year", currency="EUR", on_reversal="requalify"),
        "sum": TierPolicy("spend", currency="EUR"),
        "count": TierPolicy("payment_count", "rolling_months", months=12),
    }
    start = datetime(2026, 1, 15, tzinfo=UTC)
    clock = answer(clocks_commands.CreateTestClock(start))["id"]
    for name, policy in policies.items():
        program = f"prog_rank_{name}"
        answer(programs_commands.CreateProgram(name, id=program, tiers=tiers, tier_policy=policy, clock_id=clock))
        answer(members_commands.CreateAccount(program, "cust_rank", account_id=f"loy_rank_{name}"))
    award = answer(ledger_commands.AwardPoints("loy_rank_points", 400))["id"]
    answer(ledger_commands.ReversePoints(award, 30))
    for number, amount in enumerate((300, 400, 500)):
        answer(payments_commands.CreatePayment(amount, "EUR", 100, id=f"pay_rank{number}", customer_id="cust_rank"))
    answer(payments_commands.RefundPayment("pay_rank0", amount_minor=100))
    answer(payments_commands.RefundPayment("pay_rank1"))
    answer(SetTier("loy_rank_count", "gold", locked_until=start + timedelta(days=800)))
    answer(clocks_commands.AdvanceTestClock(clock, start + timedelta(days=370)))
    assert answer(ledger_commands.AwardPoints("loy_rank_points", 1))["points"] == 1
    answer(clocks_commands.FinishTestClock(clock, start + timedelta(days=370)))
    changed = {"metric": "points_earned", "currency": None}
    answer(programs_commands.UpdateProgram("prog_rank_sum", {}, tier_policy=changed))
    answer(ledger_commands.ExpireLots("loy_rank_sum"))
    answer(programs_commands.UpdateProgram("prog_rank_sum", {}, tier_policy={"metric": "spend", "currency": "EUR"}))
    answer(ledger_commands.ExpireLots("loy_rank_sum"))


def _wait(answer: Callable[[kernel_commands.Command], dict[str, Any]]) -> None:
    """Points of members are pending, held, captured, lapsed, and were taken back or ready before their time."""
    clock = answer(clocks_commands.CreateTestClock(datetime(2026, 1, 15, tzinfo=UTC)))["id"]
    answer(programs_commands.CreateProgram("Waits", id="prog_waits", clock_id=clock, pending_days=14))
    earns = EarnRate(rate_e4=10_000)
    answer(earning_commands.CreateEarningRule("prog_waits", "payment.completed", earns, Conditions()))
    answer(rewards_commands.CreateReward("prog_waits", "Tea", 30, {"type": "voucher"}, id="rwd_waits"))
    for name in ("w1", "w2", "w3"):
        answer(members_commands.CreateAccount("prog_waits", f"cust_{name}", account_id=f"loy_{name}"))
        answer(payments_commands.CreatePayment(9_000, "EUR", 100, id=f"pay_{name}", customer_id=f"cust_{name}"))
    answer(payments_commands.RefundPayment("pay_w1", amount_minor=2_000))
    award = answer(ledger_commands.AwardPoints("loy_w1", 100, pending_days=3))
    answer(ledger_commands.ActivatePoints(award["id"]))
    held = rewards_commands.CreateRedemption("loy_w1", "rwd_waits", capture=False)
    answer(rewards_commands.CaptureRedemption(answer(held)["id"], 10))
    answer(rewards_commands.CancelRedemption(answer(held)["id"]))
    answer(held)
    answer(clocks_commands.AdvanceTestClock(clock, datetime(2026, 1, 30, tzinfo=UTC)))
    for name in ("w1", "w2"):
        answer(ledger_commands.ExpireLots(f"loy_{name}"))
    answer(held)
    answer(ledger_commands.ReversePoints(award["id"]))
    answer(payments_commands.CreatePayment(500, "EUR", 100, id="pay_w4", customer_id="cust_w1"))
    answer(rewards_commands.CreateRedemption("loy_w2", "rwd_waits", capture=False))
    answer(payments_commands.CreatePayment(500, "EUR", 100, id="pay_w5", customer_id="cust_w2"))
    answer(members_commands.MergeCustomers("cust_w2", "cust_w3"))
    answer(members_commands.CloseAccount("loy_w3"))
    answer(members_commands.ReopenAccount("loy_w3"))
    answer(payments_commands.CreatePayment(700, "EUR", 100, id="pay_w6", customer_id="cust_w3"))


def _spend_in_part(answer: Callable[[kernel_commands.Command], dict[str, Any]]) -> None:
    """Orders of a guest who becomes a customer take less than a variable reward is worth; then it is canceled."""
    worth = {"type": "discount", "amount_per_point_e4": 10_000, "min_points": 1, "step_points": 1, "currency": "EUR"}
    answer(rewards_commands.CreateReward("prog_offers", "Money", 1, worth, id="rwd_money"))
    answer(ledger_commands.AwardPoints("loy_o2", 1_000))
    for taken in (0, 1, 2):
        redemption = answer(rewards_commands.CreateRedemption("loy_o2", "rwd_money", 300))
        discount_id = redemption["discount"]
        for price in (200, 70)[:taken]:
            answer(rewards_commands.ReleaseDiscount(discount_id))
            cart = Cart("EUR", (CartLine("tea", price),))
            session = answer(CreateCheckoutSession(cart, discount_ids=(discount_id,)))
            answer(UpdateCheckoutSession(session["id"], {}, "cust_o2"))
            answer(CompleteCheckoutSession(session["id"]))
        if taken == 2:
            answer(rewards_commands.ReleaseDiscount(discount_id))
            answer(rewards_commands.CancelRedemption(redemption["id"]))


def _price_again(answer: Callable[[kernel_commands.Command], dict[str, Any]]) -> None:
    """A session's payment is amended: its cart no longer gets the offer, then gets it again, and stays so."""
    tea = {"unit_price": 0, "quantity": 1, "sku": "tea", "categories": []}
    for number in (1, 2):
        paid = answer(CreateCheckoutSession(CART, "cust_o2"))
        id = f"pay_again{number}"
        answer(
            payments_commands.CreatePayment(
                paid["total"], "EUR", 100, id=id, customer_id="cust_o2", session_id=paid["id"]
            )
        )
        answer(payments_commands.UpdatePayment(id, 300, (tea,), reprice=True))
        if number == 2:
            answer(payments_commands.UpdatePayment(id, 1_200, ({**tea, "unit_price": 1_000},), reprice=True))


def _keep_credit(answer: Callable[[kernel_commands.Command], dict[str, Any]]) -> None:
    """Credit was granted, spent, returned, reversed, adjusted, and has ended; two who have some are one now."""
    clock = answer(clocks_commands.CreateTestClock(datetime(2026, 1, 15, tzinfo=UTC)))["id"]
    whose = {"customer_id": "cust_s1", "currency": "EUR"}
    answer(credit_commands.CreateWallet("cust_s1", "EUR", clock))
    answer(credit_commands.GrantCredit(900, **whose, expires_at=datetime(2026, 2, 1, tzinfo=UTC)))
    grant = answer(credit_commands.GrantCredit(500, **whose, origin="promotional"))
    spent = answer(credit_commands.SpendCredit(1_000, **whose))
    answer(credit_commands.ReverseCredit(spent["id"], 300))
    answer(credit_commands.ReverseCredit(grant["id"], 100))
    answer(credit_commands.AdjustCredit(50, "counted", **whose))
    answer(credit_commands.AdjustCredit(-20, "counted", **whose))
    answer(clocks_commands.AdvanceTestClock(clock, datetime(2026, 2, 2, tzinfo=UTC)))
    answer(ledger_commands.ExpireLots(spent["account"]))
    for customer_id, amount in (("cust_s2", 70), ("cust_s3", 30)):
        answer(credit_commands.GrantCredit(amount, customer_id=customer_id, currency="USD"))
    worth = {"type": "store_credit", "amount": 300, "currency": "USD"}
    answer(rewards_commands.CreateReward("prog_offers", "Three", 1, worth, id="rwd_credit"))
    answer(ledger_commands.AwardPoints("loy_o2", 10))
    answer(rewards_commands.CreateRedemption("loy_o2", "rwd_credit"))
    redemption = answer(rewards_commands.CreateRedemption("loy_o2", "rwd_credit"))
    answer(rewards_commands.CancelRedemption(redemption["id"]))
    answer(members_commands.MergeCustomers("cust_s2", "cust_s3"))
    answer(credit_commands.SpendCredit(80, customer_id="cust_s3", currency="USD"))


def _pay_with_credit(answer: Callable[[kernel_commands.Command], dict[str, Any]]) -> None:
    """Credit paid orders, alone and in sessions; it came back by refunds, late too, one of which was undone."""
    clock = answer(clocks_commands.CreateTestClock(datetime(2026, 1, 15, tzinfo=UTC)))["id"]
    whose = {"customer_id": "cust_s4", "currency": "EUR"}
    wallet_id = answer(credit_commands.CreateWallet("cust_s4", "EUR", clock))["id"]
    answer(credit_commands.GrantCredit(900, **whose, expires_at=datetime(2026, 2, 1, tzinfo=UTC)))
    answer(credit_commands.GrantCredit(900, **whose))
    tender = {"type": "store_credit", "amount": 1_000, "account": wallet_id}
    report = payments_commands.CreatePayment(3_001, "EUR", 100, id="pay_s1", customer_id="cust_s4", tenders=(tender,))
    answer(report)
    undone = answer(payments_commands.RefundPayment("pay_s1", amount_minor=1_500, credit_minor=1_200))["refund"]
    answer(payments_commands.CancelRefund(undone["id"]))
    answer(payments_commands.RefundPayment("pay_s1", amount_minor=999))
    answer(payments_commands.RefundPayment("pay_s1", amount_minor=900, credit_minor=800))
    answer(credit_commands.GrantCredit(500, **whose))
    for price, status in ((400, "completed"), (300, "expired"), (200, "open")):
        cart = Cart("EUR", (CartLine("tea", price),))
        session = answer(CreateCheckoutSession(cart, "cust_s4", credit=CreditTender()))
        grown = {"lines": (CartLine("tea", price + 50),)}
        session = answer(UpdateCheckoutSession(session["id"], grown))
        assert session["amount_due"] == 0
        if status == "completed":
            named = {"customer_id": "cust_s4", "session_id": session["id"]}
            answer(payments_commands.CreatePayment(session["total"], "EUR", 100, id="pay_s2", **named))
        if status == "expired":
            answer(ExpireCheckoutSession(session["id"]))


def _refer(answer: Callable[[kernel_commands.Command], dict[str, Any]]) -> None:
    """A member has brought some who paid, one of whom gave it back, one was rejected, and one is another member now."""
    answer(programs_commands.CreateProgram("Refers", id="prog_refers", timezone="Europe/Berlin"))
    limit = referral_rows.ReferralLimit(2, "month")
    terms = referral_rows.ReferralTerms(30, is_for_new_customers=True, limit=limit)
    answer(referral_commands.CreateReferralProgram("prog_refers", terms))
    earns = EarnRate(points=10)
    answer(earning_commands.CreateEarningRule("prog_refers", "referral.converted", earns, Conditions()))
    for name in ("r0", "r1", "r2", "r3", "r4", "r5"):
        answer(members_commands.CreateAccount("prog_refers", f"cust_{name}", account_id=f"loy_{name}"))
    code = answer(referral_commands.CreateReferralCode("loy_r0"))["code"]
    brought = [answer(referral_commands.RegisterReferral(f"cust_r{n}", code))["id"] for n in (1, 2, 3, 4)]
    for n in (1, 2, 3):
        answer(payments_commands.CreatePayment(900, "EUR", 100, id=f"pay_r{n}", customer_id=f"cust_r{n}"))
    answer(payments_commands.RefundPayment("pay_r1"))
    answer(referral_commands.RejectReferral(brought[1]))
    answer(members_commands.MergeCustomers("cust_r0", "cust_r5"))
    answer(referral_commands.ConvertReferral(brought[3]))


def _spend_budget(answer: Callable[[kernel_commands.Command], dict[str, Any]]) -> None:
    """Of a cart offer's budget a part is used, a part was given back, and a part is held."""
    answer(offer_commands.CreateOffer("checkout", "Spent", SPENT, "published", id="ofr_spent"))
    cart = Cart("SEK", (CartLine("tea", 400),))
    sessions = [answer(CreateCheckoutSession(cart, "cust_o2")) for _ in range(3)]
    for number, session in enumerate(sessions[:2]):
        named = {"id": f"pay_spent{number}", "customer_id": "cust_o2", "session_id": session["id"]}
        answer(payments_commands.CreatePayment(session["total"], "SEK", 100, **named))
    answer(payments_commands.RefundPayment("pay_spent0"))


def _pass_through(answer: Callable[[kernel_commands.Command], dict[str, Any]]) -> None:
    """Members are in a campaign: one was given points and is over, one waits."""
    given = {
        "entry": {},
        "start": "gift",
        "steps": {
            "gift": {"kind": "award_points", "points": 7, "next": "rank"},
            "rank": {"kind": "branch", "when": [{"if": {"balance": {"gte": 100}}, "next": "calm"}]},
            "calm": {"kind": "wait", "for": "300d"},
        },
    }
    drafted = read_definition(given, zone="UTC")
    answer(campaign_commands.CreateCampaign("prog_offers", "Care", "journey", drafted, id="cmp_care"))
    answer(campaign_commands.PublishCampaign("cmp_care"))
    for account_id in ("loy_o1", "loy_o2"):
        answer(campaign_commands.EnterCampaign("cmp_care", account_id))
        answer(campaign_commands.TakeSteps(account_id))
    _count_towards(answer)
    _let_in_the_present(answer)


def _let_in_the_present(answer: Callable[[kernel_commands.Command], dict[str, Any]]) -> None:
    """Who was in a segment when a campaign began has entered it."""
    given = {"entry": {"segment": "seg_listed"}, "start": "over", "steps": {"over": {"kind": "exit", "outcome": "met"}}}
    drafted = read_definition(given, zone="UTC")
    answer(campaign_commands.CreateCampaign("prog_segmented", "Present", "journey", drafted, id="cmp_present"))
    answer(campaign_commands.PublishCampaign("cmp_present", present_members=True))
    place = (BEFORE_ALL + timedelta(days=1), "loy_seg1")
    answer(campaign_commands.EnterPage("cmp_present", "revision 1", (BEFORE_ALL, ""), (place,), is_last=True))


def _count_towards(answer: Callable[[kernel_commands.Command], dict[str, Any]]) -> None:
    """Members are in a challenge: one has completed it, one was refunded, one has ended it."""
    given = {
        "entry": {"contribution": True},
        "progress": {"of": {"event": "payment.completed"}, "measure": "count", "target": 2, "repeat": None},
        "start": "gift",
        "steps": {"gift": {"kind": "award_points", "points": 5}},
    }
    drafted = read_definition(given, zone="UTC")
    answer(campaign_commands.CreateCampaign("prog_offers", "Two", "challenge", drafted, id="cmp_two"))
    answer(campaign_commands.PublishCampaign("cmp_two"))
    for number, customer in enumerate(("cust_o1", "cust_o1", "cust_o2", "cust_o3")):
        payment = payments_commands.CreatePayment(900, "SEK", 100, id=f"pay_two{number}", customer_id=customer)
        answer(payment)
    for account_id in ("loy_o1", "loy_o2"):
        answer(campaign_commands.TakeSteps(account_id))
    answer(payments_commands.RefundPayment("pay_two2"))
    paid = answer(payments_commands.CreatePayment(900, "SEK", 100, id="pay_two4", customer_id="cust_o3"))
    ended = next(one["enrolment"] for one in paid["campaigns"] if "did" in one)
    answer(campaign_commands.ExitEnrolment(ended))


def _reach_goals(answer: Callable[[kernel_commands.Command], dict[str, Any]]) -> None:
    """Members of a campaign with a goal, some of them held out, have converted; one has given it back."""
    goal = {"event": {"type": "payment.completed"}, "within": "300d"}
    given = {"entry": {}, "start": "hi", "steps": {"hi": {"kind": "send_event", "name": "hi"}}, "goal": goal}
    given |= {"holdout": 5_000, "caps": [{"of": "messages", "max": 3, "within": "7d", "scope": "program"}]}
    drafted = read_definition(given, zone="UTC")
    answer(programs_commands.CreateProgram("Aims", id="prog_aims"))
    answer(campaign_commands.CreateCampaign("prog_aims", "Aims", "journey", drafted, id="cmp_aims"))
    answer(campaign_commands.PublishCampaign("cmp_aims"))
    # They draw 888, 6646, 650 and 7420 of 10,000.
    for n in range(4):
        answer(members_commands.CreateAccount("prog_aims", f"cust_aim{n}", account_id=f"loy_aim{n}"))
        answer(campaign_commands.EnterCampaign("cmp_aims", f"loy_aim{n}"))
        answer(campaign_commands.TakeSteps(f"loy_aim{n}"))
        answer(payments_commands.CreatePayment(900, "EUR", 100, id=f"pay_aim{n}", customer_id=f"cust_aim{n}"))
    answer(payments_commands.RefundPayment("pay_aim3"))


def _give_codes(answer: Callable[[kernel_commands.Command], dict[str, Any]]) -> None:
    """Steps have given codes that were printed, and one that was made."""
    answer(code_commands.CreateCodeBatch("ofr_coded", "Made", "#" * 12, "23456789BCDF", id="cbt_made"))
    for name, batch, account_ids in (
        ("cards", "cbt_printed", ("loy_o1", "loy_o2")),
        ("texts", "cbt_made", ("loy_o1",)),
    ):
        steps = {"code": {"kind": "issue_code", "batch": batch, "expires_in": "14d"}}
        drafted = read_definition({"entry": {}, "start": "code", "steps": steps}, zone="UTC")
        answer(campaign_commands.CreateCampaign("prog_offers", name, "journey", drafted, id=f"cmp_{name}"))
        answer(campaign_commands.PublishCampaign(f"cmp_{name}"))
        for account_id in account_ids:
            answer(campaign_commands.EnterCampaign(f"cmp_{name}", account_id))
            answer(campaign_commands.TakeSteps(account_id))


def _spend_of_campaign(answer: Callable[[kernel_commands.Command], dict[str, Any]]) -> None:
    """Two members had points of a campaign's budget, one of whom gave them back; the other one came again in vain."""
    given = {
        "entry": {"event": {"type": "payment.completed", "conditions": {"metadata": {"thanks": True}}}},
        "reentry": {"mode": "per_key", "key_from": "data.id"},
        "budget": {"points": 80, "period": "month"},
        "start": "gift",
        "steps": {"gift": {"kind": "award_points", "points": 30}},
    }
    drafted = read_definition(given, zone="UTC")
    answer(campaign_commands.CreateCampaign("prog_offers", "Thanks", "journey", drafted, id="cmp_thanks"))
    answer(campaign_commands.PublishCampaign("cmp_thanks"))
    for number, member in enumerate(("o1", "o2", "o2")):
        named = {"id": f"pay_thanks{number}", "customer_id": f"cust_{member}", "metadata": {"thanks": True}}
        answer(payments_commands.CreatePayment(900, "EUR", 100, **named))
        answer(campaign_commands.TakeSteps(f"loy_{member}"))
    answer(payments_commands.RefundPayment("pay_thanks0"))


def _capped(most: int | None) -> kernel_commands.Command:
    """The offer of a tenth, with another cap."""
    return offer_commands.UpdateOffer("engagement", "ofr_tenth", term_changes={"max_redemptions": most})


@pytest.fixture
def hand(busy: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A superuser's connection whose edits nobody else sees, and which are undone."""
    with psycopg.connect(busy) as connection:
        yield connection
        connection.rollback()


FIRST = re.compile(r"\[(\w+)(?:: ([^\]]+))?\]")


def spelled_out(edit: str) -> str:
    """The edit with `[table: condition]` as the first such row, by its place: some tables have no id of their own."""
    return FIRST.sub(
        lambda found: f"ctid = (select ctid from {found[1]} where {found[2] or 'true'} order by ctid limit 1)", edit
    )


# One or more edits for every law; each must be named by that law. They leave the tables' own CHECKs alone if possible.
EDITS = [
    ("R17 who meets a dynamic segment's conditions was announced to be in it",
     "update segments set conditions = replace(conditions::text, '77', '7777')::json where id = 'seg_rich'"),
    ("R17 who meets a dynamic segment's conditions was announced to be in it",
     "update accounts set metadata = '{}' where id = 'loy_seg1'"),
    ("R17 an account is in a segment since the last event that says so",
     "update segment_members set left_at = entered_at where segment_id = 'seg_listed' and left_at is null"),
    ("R25 a lot of credit says why it was granted, and no lot of points does",
     "update lots set origin = null where [lots: origin = 'promotional']"),
    ("R25 a lot of credit says why it was granted, and no lot of points does",
     "update lots set origin = 'goodwill' where [lots: account_id like 'loy_%']"),
    ("R25 only credit is granted, spent and returned, and credit alone",
     "update entries set kind = 'award' where [entries: kind = 'grant']"),
    ("R25 only credit is granted, spent and returned, and credit alone",
     "update entries set kind = 'grant' where [entries: kind = 'award']"),
    ("R25b what a spend got back is at most what it took",
     "update entries set points = 1001 where [entries: kind = 'return']"),
    ("R25c credit is held for open sessions, as much as pays for them",
     "update checkout_sessions set status = 'expired', expired_at = now()"
     " where [checkout_sessions: status = 'open' and credit is not null]"),
    ("R25c credit is held for open sessions, as much as pays for them",
     "update checkout_sessions set credit = jsonb_set(credit::jsonb, '{applied_minor}', '1')::json"
     " where [checkout_sessions: status = 'open' and credit is not null]"),
    ("R25d a payment has spent the credit that its tenders name, less what its refunds returned",
     "update payments set credit_entry_ids = '[]' where id = 'pay_s2'"),
    ("R25d a payment has spent the credit that its tenders name, less what its refunds returned",
     "update payments set tenders = '[]' where id = 'pay_s2'"),
    ("R26 refunds never give back more of a tender than was paid with it",
     "update refunds set amount_minor = 2800"
     " where [refunds: payment_id = 'pay_s1' and credit_granted_minor > 0 and canceled_at is null]"),
    ("R26 refunds never give back more of a tender than was paid with it",
     "update refunds set credit_returned_minor = amount_minor - credit_granted_minor"
     " where payment_id = 'pay_s1' and canceled_at is null"),
    ("R26a a refund and the credit it granted in place of money name each other",
     "update refunds set credit_grant_id = 'crt_none'"
     " where [refunds: payment_id = 'pay_s1' and credit_granted_minor > 0]"),
    ("R26a a refund and the credit it granted in place of money name each other",
     "update refunds set canceled_at = now()"
     " where [refunds: payment_id = 'pay_s1' and credit_granted_minor > 0 and canceled_at is null]"),
    ("R25e a redemption and the credit it granted name each other",
     "update redemptions set credit_entry_id = null where [redemptions: credit_entry_id is not null]"),
    ("R25e a redemption and the credit it granted name each other",
     "update redemptions set status = 'canceled', canceled_at = now(), cancellation_id = entry_id"
     " where [redemptions: credit_entry_id is not null and status = 'confirmed']"),
    ("R28a what leaves a merged wallet arrives where it was merged into",
     "delete from entries where [entries: kind = 'transfer' and points > 0 and account_id like 'crd_%']"),
    ("R28a a merged customer has no wallet but merged ones, in the currencies of those it became",
     "update wallets set merged_into = null where [wallets: merged_into is not null]"),
    ("R28a a merged customer has no wallet but merged ones, in the currencies of those it became",
     "update wallets set currency = 'EUR' where [wallets: customer_id = 'cust_s3']"),
    ("I1 the ledger balance is the sum of the entries",
     "update wallets set ledger_balance_points = ledger_balance_points + 1 where [wallets: merged_into is null]"),
    ("an entry belongs to an account, in its bucket",
     "delete from wallets where [wallets: merged_into is null]"),
    ("I2 an accrual has its lot",
     "delete from lots where [lots: origin is not null and remaining_points > 0]"),
    ("I6 a movement has one event, with its figures",
     "delete from events where [events: type = 'store_credit.spent']"),
    ("next_expiry_at is the earliest expiry of the live lots",
     "update wallets set next_expiry_at = now() where [wallets: next_expiry_at is null and merged_into is null]"),
    ("R11 what is held is reserved in lots, by holds in force",
     "update wallets set held_points = 1, due_at = now() where [wallets: ledger_balance_points > 0]"),
    ("I3 a rule's counters count what it gave",
     "update counters set used = used + 100 where [counters: id like 'rule:%']"),
    ("I3 a rule's counters count what it gave",
     "delete from counters where [counters: id like 'rule:%' and used > 0]"),
    ("I3 what a rule gives in a period stays within its cap",
     "update earning_rules set caps = jsonb_set(caps::jsonb, '{points}', '1')::json where id = 'rule_capped'"),
    ("I3 a counter is what is used and held of its cap",
     "update counters set used = used + 1 where [counters: id like 'offer:%']"),
    ("I3 what is used and held stays within the cap",
     "update offers set terms = jsonb_set(terms::jsonb, '{max_redemptions}', '0')::json"
     " where [offers: id = 'ofr_double']"),
    ("I3 what is used and held stays within the cap",
     "insert into offer_redemptions select bucket, realm, id || 'x', offer_id, offer_revision, 'loy_o3', status,"
     " entry_id, redemption_id, payment_id, session_id, discount_minor, currency, receipt, created_at, redeemed_at,"
     " freed_at, null, null, 0 from offer_redemptions where offer_id = 'ofr_every'"),
    ("I3 a counter is what is used and held of its cap",
     "update counters set id = 'offer:loy_o1:ofr_every' where id = 'offer:cust_o1:ofr_every'"),
    ("I6 a redemption of an offer has one event once it is redeemed",
     "delete from events where [events: type = 'loyalty.offer.redeemed']"),
    ("R16 a redemption of an offer names an existing revision",
     "update offer_redemptions set offer_revision = 99 where [offer_redemptions]"),
    ("R18 a redemption of an offer names what it gave",
     "update offer_redemptions set entry_id = 'ptx_none' where [offer_redemptions]"),
    ("I3 a counter is what is used and held of its cap",
     "update counters set used = used + 1 where [counters: id like 'grant:%']"),
    ("I3 what is used and held stays within the cap",
     "update offers set terms = jsonb_set(terms::jsonb, '{per_member_limit}', '1')::json where id = 'ofr_granted'"),
    ("R48 a grant and the redemption that has it name each other",
     "update offer_grants set redemption_id = null, status = 'open' where [offer_grants: status = 'redeemed']"),
    ("R48 a grant and the redemption that has it name each other",
     "update offer_redemptions set status = 'refunded', freed_at = now()"
     " where [offer_redemptions: grant_id is not null]"),
    ("R48 a redemption of an offer that is granted uses a grant",
     "update offer_redemptions set grant_id = null where [offer_redemptions: grant_id is not null]"),
    ("R56 a budget's counter is what its redemptions have taken and hold",
     "update counters set used = used + 1 where [counters: id like 'budget:%']"),
    ("R56 a budget's counter is what its redemptions have taken and hold",
     "delete from counters where [counters: id like 'budget:%' and reserved > 0]"),
    ("R56 what is taken and held stays within the budget",
     "update offers set terms = jsonb_set(terms::jsonb, '{budget,most}', '1')::json where id = 'ofr_spends'"),
    ("R56 a redemption takes of the budget what it gives",
     "update offer_redemptions set budget_taken = 2 where [offer_redemptions: offer_id = 'ofr_spends']"),
    ("R56 a redemption takes of the budget what it gives",
     "update offer_redemptions set budget_taken = 0"
     " where [offer_redemptions: offer_id = 'ofr_spent' and status = 'reserved']"),
    ("R48 a grant is announced once",
     "delete from events where [events: type = 'loyalty.offer.granted']"),
    ("R15 a reserved use of an offer belongs to an open session",
     "update checkout_sessions set status = 'expired', expired_at = now() where [checkout_sessions: status = 'open'"
     " and id in (select session_id from offer_redemptions where status = 'reserved')]"),
    ("I3 a counter is what is used and held of its cap",
     "update counters set reserved = reserved + 1 where [counters: reserved > 0]"),
    ("R15 a reserved discount is held by the open session it names",
     "update discounts set session_id = 'cs_none' where [discounts: status = 'reserved']"),
    ("I3 a counter is what is used and held of its cap",
     "update offer_redemptions set status = 'released', freed_at = now()"
     " where [offer_redemptions: status = 'reserved']"),
    ("I3 a counter is what is used and held of its cap",
     "delete from counters where [counters: reserved > 0 and id like 'offer:ofr_%']"),
    ("R15 a payment and the session it completed name each other",
     "update payments set session_id = null where [payments: session_id is not null]"),
    ("R15 a payment and the session it completed name each other",
     "update checkout_sessions set status = 'completed', completed_at = now(), payment_id = 'pay_recorded'"
     " where [checkout_sessions: status = 'open']"),
    ("R15 a use of an offer is refunded with its payment, and only then",
     "update offer_redemptions set status = 'confirmed', freed_at = null where payment_id = 'pay_recorded'"),
    ("R15 a use of an offer is refunded with its payment, and only then",
     "update offer_redemptions set status = 'refunded', freed_at = now()"
     " where [offer_redemptions: status = 'confirmed']"),
    ("R15 a payment lists everything it redeemed",
     "update payments set outcome = jsonb_set(outcome::jsonb, '{offer_redemptions}', '[]')::json"
     " where id = 'pay_recorded'"),
    ("R13 a session's total is its lines and shipping less the discounts",
     "update checkout_sessions set total_minor = total_minor + 1 where [checkout_sessions: status = 'open']"),
    ("R13 a session keeps the promise that it shows",
     "update checkout_sessions set shipping_discount_minor = shipping_discount_minor + 1 where [checkout_sessions]"),
    ("R13 a session keeps the promise that it shows",
     "update checkout_sessions set line_discounts_minor = json_build_array(1)"
     " where [checkout_sessions: discount_minor > 1]"),
    ("R13 a session's discount is the sum of its offers' discounts",
     "update checkout_sessions set discount_minor = discount_minor - 1 where [checkout_sessions: discount_minor > 0]"),
    ("R16 a session's payment is its total",
     "update payments set amount_minor = amount_minor + 1"
     " where [payments: session_id is not null and refunded_minor = 0]"),
    ("I1 the ledger balance is the sum of the entries",
     "update accounts set ledger_balance_points = ledger_balance_points + 1 where [accounts]"),
    ("I1 the ledger balance is the sum of the entries",
     "delete from entries where [entries]"),
    ("I1 an account's sequence is that of its last entry",
     "update accounts set sequence = sequence + 1 where [accounts]"),
    ("I1 the sequence has no gaps",
     "delete from entries where [entries: sequence = 1]"),
    ("I1 balance_after follows from the entry before",
     "update entries set balance_after_points = balance_after_points + 1 where [entries]"),
    ("I1 balance_after follows from the entry before",
     "update entries set points = points + 1 where [entries: points > 0]"),
    ("lifetime points are accruals less their reversals",
     "update accounts set lifetime_points = lifetime_points + 1 where [accounts]"),
    ("lifetime points are accruals less their reversals",
     "update openings set lifetime_points = lifetime_points + 1 where [openings]"),
    ("an opening is what its entries brought",
     "update openings set points = points + 1 where [openings]"),
    ("an opening is what its entries brought",
     "delete from openings where [openings]"),
    ("an entry belongs to an account, in its bucket",
     "update entries set bucket = (bucket + 1) % 256 where [entries]"),
    ("I4 only a reversal, an imported debt or that of a merged member takes a balance below 0",
     "alter table entries drop constraint entries_check1;"
     " update entries set balance_after_points = -1 where [entries: kind = 'redemption']"),
    ("R10 what is pending is the sum of the entries, and waits in lots",
     "update accounts set pending_points = pending_points + 1 where [accounts: pending_points > 0]"),
    ("R10 what is pending is the sum of the entries, and waits in lots",
     "update lots set pending_points = pending_points - 1 where [lots: pending_points > 1]"),
    ("R11 what is held is reserved in lots, by holds in force",
     "update accounts set held_points = held_points + 1 where [accounts: held_points > 0]"),
    ("R11 a lot is held by what holds reserve of it",
     "update lots set held_points = held_points - 1 where [lots: held_points > 0]"),
    ("R11 an authorized redemption has its hold, and no other has",
     "update redemptions set status = 'expired' where [redemptions: status = 'authorized']"),
    ("R11 an authorized redemption has its hold, and no other has",
     "update holds set ended_at = now() where [holds: ended_at is null]"),
    ("R24 an account is due when the first of what waits in it is",
     "update accounts set due_at = due_at + interval '1 second' where [accounts: due_at is not null]"),
    ("I6 a redemption has one event for each step of its life",
     "delete from events where [events: type = 'loyalty.redemption.expired']"),
    ("I2 the lots' free points are what the balance has beyond its holds, or 0",
     "update lots set remaining_points = remaining_points - 1 where [lots: remaining_points between 1 and points - 1]"),
    ("I2 the points owed are what the balance lacks of its holds",
     "update deficits set remaining_points = remaining_points - 1 where [deficits: remaining_points > 0]"),
    ("I2 a lot's remaining points are what its uses left",
     "update lots set remaining_points = remaining_points + 1 where [lots: remaining_points between 1 and points - 1]"),
    ("I2 a lot's remaining points are what its uses left",
     "update lots set points = points + 1 where [lots]"),
    ("I2 a debit is the sum of its uses and its unpaid deficit",
     "update lot_uses set points = points + 1 where [lot_uses: points > 0]"),
    ("I2 a debit is the sum of its uses and its unpaid deficit",
     "delete from lot_uses where [lot_uses]"),
    ("I2 a deficit is the part of its clawback that no lot paid",
     "update deficits set points = points + 1 where [deficits]"),
    ("I2 a deficit is the part of its clawback that no lot paid",
     "delete from deficits where [deficits]"),
    ("I2 an accrual has its lot",
     "delete from lots where [lots]"),
    ("I2 an accrual has its lot",
     "update lots set available_at = available_at - interval '1 day' where [lots]"),
    ("I2 a lot comes from an accrual, a deficit from a clawback or an imported debt",
     "update lots set id = 'ptx_none' where [lots]"),
    ("I2 a lot comes from an accrual, a deficit from a clawback or an imported debt",
     "update deficits set sequence = sequence + 1 where [deficits]"),
    ("I2 a lot use joins a debit, a lot and a cause of one account",
     "update lot_uses set cause_id = 'ptx_none' where [lot_uses]"),
    ("I2 a lot's expired points are its expiries",
     "update lots set expired_points = points where [lots: expired_points = 0]"),
    ("I8 a lot's reversed points are its clawbacks",
     "update lots set reversed_points = reversed_points - 1 where [lots: reversed_points > 0]"),
    ("I8 reversals of an award never exceed it",
     "update entries set points = -1000000000 where [entries: kind = 'reversal']"),
    ("next_expiry_at is the earliest expiry of the live lots",
     "update accounts set next_expiry_at = next_expiry_at + interval '1 s'"
     " where [accounts: next_expiry_at is not null]"),
    ("next_expiry_at is the earliest expiry of the live lots",
     "update accounts set next_expiry_at = null where [accounts: next_expiry_at is not null]"),
    ("next_expiry_at is the earliest expiry of the live lots",
     "update lots set expires_at = expires_at + interval '1 s' where remaining_points > 0 and expires_at is not null"),
    ("R84 next_reminder_at is not after a reminder of the live lots",
     "update accounts set next_reminder_at = next_reminder_at + interval '1 s' where id = 'loy_e1'"),
    ("R84 next_reminder_at is not after a reminder of the live lots",
     "update accounts set next_reminder_at = null where id = 'loy_e1'"),
    ("R84 a reminder comes once",
     "insert into events (bucket, realm, id, type, account_id, data, sequence, created_at, is_deliverable)"
     " select bucket, realm, id || '2', type, account_id, data, sequence, created_at, is_deliverable"
     " from events where [events: type = 'loyalty.points.expiring']"),
    ("R84 a reminder comes its days before an end of the account's lots, not earlier",
     "update events set created_at = created_at - interval '366 days'"
     " where [events: type = 'loyalty.points.expiring']"),
    ("R84 a reminder comes its days before an end of the account's lots, not earlier",
     "update events set data = jsonb_set(data::jsonb, '{points}', '1000000')::json"
     " where [events: type = 'loyalty.points.expiring']"),
    ("R84 a reminder comes its days before an end of the account's lots, not earlier",
     "update events set data = jsonb_set(data::jsonb, '{expires_at}', '1')::json"
     " where [events: type = 'loyalty.points.expiring'"
     " and account_id not in (select account_id from lots where by_inactivity)]"),
    ("R84 what ends by inactivity has its member's instant, and nothing ended before it",
     "update accounts set inactive_at = null where id = 'loy_idle1'"),
    ("R84 what ends by inactivity has its member's instant, and nothing ended before it",
     "update accounts set is_inactive = true where id = 'loy_idle1'"),
    ("R84 what ends by inactivity has its member's instant, and nothing ended before it",
     "update entries set created_at = '2000-01-01' where account_id = 'loy_idle2' and kind = 'expiry'"),
    ("R4 nothing expires before its instant",
     "update entries set created_at = '2000-01-01' where [entries: kind = 'expiry']"),
    ("an account's tier is the last one announced",
     "update accounts set tier = 'diamond' where [accounts]"),
    ("a tier changed at the ledger's lifetime points",
     "update entries e set points = e.points + 1 where id = (select data -> 'cause' ->> 'points_transaction'"
     " from events where type = 'loyalty.tier.changed' and data -> 'cause' ->> 'points_transaction' is not null"
     " order by id limit 1)"),
    ("R12 an account's tier is the last of those it held",
     "update tier_changes set tier = 'diamond' where account_id = 'loy_rank_count' and number = 1"),
    ("R12 an account's tier is the last of those it held",
     "update accounts set standing = jsonb_set(standing::jsonb, '{changes}', '9')::json where id = 'loy_rank_points'"),
    ("R12 the tiers an account held are numbered without a gap, in the order of their instants",
     "delete from tier_changes where account_id = 'loy_rank_points' and number = 0"),
    ("R12 the tiers an account held are numbered without a gap, in the order of their instants",
     "update tier_changes set since = '2000-01-01' where account_id = 'loy_rank_points' and number = 1"),
    ("R12 what an accrual counts is what is left of it",
     "update tier_credits set amount = '400' where account_id = 'loy_rank_points' and amount = '370'"),
    ("R12 a payment counts once while it is not given back, and at most what was paid for goods",
     "update tier_credits set amount = '1' where account_id = 'loy_rank_count' and source_id = 'pay_rank1'"),
    ("R12 a payment counts once while it is not given back, and at most what was paid for goods",
     "update tier_credits set amount = '0' where account_id = 'loy_rank_count' and source_id = 'pay_rank0'"),
    ("R12 a payment counts once while it is not given back, and at most what was paid for goods",
     "update tier_credits set amount = '601/2' where account_id = 'loy_rank_spend' and source_id = 'pay_rank0'"),
    ("R12 the sum that an account carries is that of its credits",
     "update accounts set standing = jsonb_set(standing::jsonb, '{total}', '\"701\"')::json where id = 'loy_rank_sum'"),
    ("R24 an account is due when the first of what waits in it is",
     "update accounts set due_at = null where id = 'loy_rank_count'"),
    ("I3 a counter is what is used and held of its cap",
     "update counters set used = used + 1 where [counters: id like 'reward:%']"),
    ("I3 a counter is what is used and held of its cap",
     "delete from counters where [counters: used > 0 and id like 'reward:%']"),
    ("I3 what is used and held stays within the cap",
     "update rewards set revision = 1, stock = 0, is_counted = true"),
    ("I3 what is used and held stays within the cap",
     "update rewards set revision = 1, per_member_limit = 1; insert into redemptions select bucket, realm, id || 'x',"
     " account_id, reward_id, reward_revision, status, points_spent, entry_id, cancellation_id, discount_id,"
     " voucher_code, benefit, metadata, created_at, canceled_at from redemptions where held_points = 0"),
    ("I3 what is used and held stays within the cap",
     "insert into redemptions select bucket, realm, id || n, account_id, reward_id, reward_revision, status,"
     " points_spent, entry_id, cancellation_id, discount_id, voucher_code, benefit, metadata, created_at,"
     " canceled_at from redemptions, generate_series(1, 2) as n where reward_id = 'rwd_gift'"),
    ("R5 a redemption and its entries name each other",
     "update redemptions set points_spent = points_spent + 1 where [redemptions: points_spent > 0]"),
    ("R5 a redemption and its entries name each other",
     "update redemptions set status = 'confirmed', cancellation_id = null"
     " where [redemptions: status = 'canceled' and cancellation_id is not null]"),
    ("R5 a redemption and its entries name each other",
     "update redemptions set points_returned = points_returned + 1 where [redemptions: points_returned > 0]"),
    ("R83 a variable discount is worth the points that are still spent on it",
     "update discounts set worth_minor = worth_minor + 1 where [discounts: worth_minor > 0]"),
    ("R83 a variable discount is worth the points that are still spent on it",
     "update discounts set worth_minor = 5 where [discounts: worth_minor is null and status = 'reserved']"),
    ("I6 what an order returned of a redemption has its events",
     "delete from events where type = 'loyalty.redemption.reduced'"),
    ("R13 a session's discounts are worth what they take off",
     "update checkout_sessions set held_minor = json_build_array(1)"
     " where [checkout_sessions: json_array_length(held_minor) > 0]"),
    ("R5 a redemption's entry has its redemption",
     "delete from redemptions where [redemptions: points_spent > 0]"),
    ("R5 a discount and its redemption agree",
     "update discounts set status = 'void' where [discounts: status = 'issued']"),
    ("R5 a discount and its redemption agree",
     "delete from discounts where [discounts]"),
    ("R7 a payment's refunded amount is the sum of its refunds",
     "update payments set refunded_minor = refunded_minor - 1 where [payments: refunded_minor > 0]"),
    ("R7 a payment's refunded amount is the sum of its refunds",
     "delete from refunds where [refunds]"),
    ("R7 a refund has its payment, and its points are its reversals and reinstatements",
     "update refunds set points_reversed = points_reversed + 1 where [refunds]"),
    ("R7 a refund has its payment, and its points are its reversals and reinstatements",
     "update refunds set points_reinstated = 0 where [refunds: points_reinstated > 0]"),
    ("R7 a refund is its payment's customer's",
     "update refunds set customer_id = 'cust_none' where [refunds]"),
    ("R7 what a purchase remembers of its awards is what the ledger says",
     "update orders set earnings = replace(earnings::text, '\"points\":', '\"points\":1')::json where [orders]"),
    ("R7 what a purchase remembers of its awards is what the ledger says",
     "delete from entries where [entries: kind = 'reinstatement']"),
    ("R74 an order and its payments name each other",
     "update payments set order_key = 'cust_none:7' where [payments: order_key is not null]"),
    ("R74 an order and its payments name each other",
     "update orders set payment_ids = '[]' where [orders]"),
    ("R75 every revision but the last is kept",
     "delete from payment_revisions where [payment_revisions]"),
    ("I8 reinstatements of a clawback never exceed it",
     "update entries set points = 1000000 where [entries: kind = 'reinstatement']"),
    ("R16 an award names an existing revision",
     "update entries set rule_revision = 99 where [entries: rule_id is not null]"),
    ("I6 a movement has one event, with its figures",
     "update entries set points = points + 1 where [entries: kind = 'award']"),
    ("I6 a movement has one event, with its figures",
     "delete from events where [events: type = 'loyalty.points.expired']"),
    ("I6 an event of a movement has its sequence",
     "update events set sequence = sequence + 1 where [events: type = 'loyalty.points.expired']"),
    ("I6 an event of a movement has its entry",
     "delete from entries where [entries: kind = 'award']"),
    ("I6 a redemption has one event for each step of its life",
     "delete from events where [events: type = 'loyalty.redemption.canceled']"),
    ("I6 a redemption has one event for each step of its life",
     "update events set type = 'loyalty.redemption.reinstated' where [events: type = 'loyalty.redemption.canceled']"),
    ("I6 a payment has one event, and so has each refund",
     "delete from events where [events: type = 'payment.refunded']"),
    ("I5 a kept key points to an existing event",
     "update idempotency_keys set event_id = 'evt_none' where [idempotency_keys: event_id is not null]"),
    ("I6 a delivery has its event, and its attempts are logged",
     "insert into deliveries select bucket, realm, 'dlv_' || id, id, type, 'we_any', 'succeeded', 1, null, null, now(),"
     " now() from events where [events]"),
    ("I6 a delivery has its event, and its attempts are logged",
     "insert into deliveries select bucket, realm, 'dlv_' || id, 'evt_none', type, 'we_any', 'pending', 0, now(), null,"
     " now(), null from events where [events]"),
    ("R85 what leaves a merged account arrives where it was merged into",
     "update entries set points = points + 1 where [entries: kind = 'transfer' and points > 0]"),
    ("R85 a merged account holds and owes nothing",
     "update lots set remaining_points = 1 where [lots: moved_to is not null]"),
    ("R85 a moved lot keeps its dates",
     "update lots set expires_at = now() + interval '9 years' where [lots: id in (select id from entries"
     " where kind = 'transfer' and source_id is not null)]"),
    ("R85 a lot names the lots it was moved to",
     "update lots set moved_to = '[]' where [lots: json_array_length(moved_to) > 0]"),
    ("R85 a merged account acts through one of the customer that its own became",
     "update accounts set merged_into = 'loy_o1' where [accounts: merged_into is not null]"),
    ("R85 a merged customer has no account but merged ones",
     "update accounts set status = 'active', merged_into = null, merged_customer_id = null"
     " where [accounts: status = 'merged']"),
    ("R85 merged customers name each other",
     "update customers set merged_from = '[]' where [customers: json_array_length(merged_from) > 0]"),
    ("R85 a merge is announced once",
     "delete from events where [events: type = 'customer.merged']"),
    ("R19 a referrer's counters count its conversions that stand",
     "update counters set used = used + 1 where [counters: id like 'rule:%:rfp_%' and used > 0]"),
    ("R19 a referrer's counters count its conversions that stand",
     "update referrals set has_slot = not has_slot where [referrals: status = 'converted']"),
    ("R19 a code counts its conversions that stand",
     "update referral_codes set conversions = conversions + 1 where [referral_codes]"),
    ("R19 a conversion and its payment name each other",
     "update payments set referral_ids = '[]' where [payments: json_array_length(referral_ids) > 0]"),
    ("R19 a conversion and its payment name each other",
     "update referrals set payment_id = 'pay_none' where [referrals: payment_id is not null]"),
    ("R19 what a conversion remembers of its awards is what the ledger says",
     "update referrals set rewards = '[]' where [referrals: json_array_length(rewards) > 0]"),
    ("R19 a referral is announced, and so is its conversion",
     "delete from events where [events: type = 'referral.converted']"),
    ("R63 a code counts the redemptions and grants that name it, used and held",
     "update codes set used = used + 1 where [codes: used > 0]"),
    ("R63 a use counts for its code while it is held or redeemed",
     "update offer_redemptions set counts_for_code = true where [offer_redemptions: status = 'released'"
     " and code_id is not null]"),
    ("R61 a use by a code is one of the offer that the code opens",
     "update codes set offer_id = 'ofr_double' where [codes: used > 0]"),
    ("R60 a key has one holder",
     "drop index codes_by_key; update codes set holds_key = true where [codes: not holds_key]"),
    ("R64 a batch has made the codes that there are of it",
     "update code_batch_progress set made = made - 1 where [code_batch_progress: made > assigned]"),
    ("R64 the codes of a batch are numbered in their order, without gaps",
     "update codes set number = number + 1 where [codes: batch_id is not null]"),
    ("R64 a batch counts the codes that are a member's own",
     "update code_batch_progress set assigned = assigned - 1 where [code_batch_progress: assigned > 0]"),
    ("R56 a campaign's budget has given what its steps took, but for what came back",
     "update counters set used = used + 1 where [counters: id like 'budget:cmp%']"),
    ("R56 a campaign's budget has given what its steps took, but for what came back",
     "update campaign_enrolments set revoked = null where [campaign_enrolments: revoked is not null]"),
    ("R56 a campaign gives no more than its budget has",
     "update campaign_revisions set definition = jsonb_set(definition::jsonb, '{budget,most}', '1')::json"
     " where campaign_id = 'cmp_thanks'"),
    ("R56 a step takes of the budget what it gives",
     "update campaign_steps set detail = jsonb_set(detail::jsonb, '{budget,taken}', '1')::json"
     " where [campaign_steps: detail -> 'budget' is not null]"),
    ("R56 that a budget is exhausted is announced once in its period",
     "delete from events where [events: type = 'campaign.budget_exhausted']"),
    ("R56 that a budget is exhausted is announced once in its period",
     "delete from counters where [counters: id like 'exhausted:%']"),
    ("R48 a code that a step has given is the member's",
     "update codes set account_id = 'loy_o3' where [codes: account_id is not null and batch_id is not null]"),
    ("R48 a code that a step has given is the member's",
     "update codes set code = code || 'X' where [codes: account_id is not null and batch_id is not null]"),
    ("R48 no code is given twice",
     "insert into campaign_steps select bucket, realm, enrolment_id, position + 1, account_id, campaign_id, step, kind,"
     " revision, outcome, at, detail from campaign_steps where [campaign_steps: kind = 'issue_code']"),
    ("R63 an open session holds the codes that it presents",
     "update checkout_sessions set codes = '[]' where [checkout_sessions: status = 'open'"
     " and json_array_length(codes) > 0]"),
    ("R54 a member has completed as many attempts as what counts comes to",
     "update campaign_contributions set kept_amount = 0 where [campaign_contributions: enrolment_id in (select id"
     " from campaign_enrolments where json_array_length(challenge -> 'attempts') > 0) and kept_amount > 0]"),
    ("R54 a member has completed as many attempts as what counts comes to",
     "update campaign_enrolments set challenge = jsonb_set(challenge::jsonb, '{attempts}', '[]')::json"
     " where [campaign_enrolments: json_array_length(challenge -> 'attempts') > 0]"),
    ("R54 a passage counts as many contributions as it has",
     "delete from campaign_contributions where [campaign_contributions]"),
    ("R54 a passage counts as many contributions as it has",
     "update campaign_enrolments set challenge = null where [campaign_enrolments: status = 'over'"
     " and challenge is not null and hears_until is null]"),
    ("R55 a payment that was refunded whole counts nowhere",
     "update campaign_contributions set kept_amount = amount where [campaign_contributions: kept_amount = 0]"),
    ("R44 who is in a campaign stands at a step that its revision knows",
     "update campaign_enrolments set step = 'gone' where [campaign_enrolments: status = 'open']"),
    ("R44 an enrollment's position is the number of its steps in the log",
     "update campaign_enrolments set position = position + 1 where [campaign_enrolments]"),
    ("R41 a scan has let in as many as have entered by it",
     "update campaign_scans set entered = entered + 1 where [campaign_scans]"),
    ("R51 in no minute scans let in more members than their campaign says",
     "update campaign_revisions set definition = jsonb_set(definition::jsonb, '{entry_rate}', '0')::json"
     " where [campaign_revisions: campaign_id = 'cmp_present']"),
    ("R47 who is held out is who draws less than the share of the revision",
     "update campaign_enrolments set status = 'holdout', step = null, position = 0, outcome = null"
     " where [campaign_enrolments: status = 'over' and campaign_id = 'cmp_aims']"),
    ("R47 who is held out is who draws less than the share of the revision",
     "update campaign_enrolments set status = 'over', outcome = 'out'"
     " where [campaign_enrolments: status = 'holdout']"),
    ("R47 who is held out takes no step, and no event names the enrollment",
     "update campaign_steps set enrolment_id = (select id from campaign_enrolments where status = 'holdout' limit 1)"
     " where [campaign_steps]"),
    ("R47 who is held out takes no step, and no event names the enrollment",
     "update events set data = json_build_object('enrolment', (select id from campaign_enrolments"
     " where status = 'holdout' limit 1)) where [events: type = 'campaign.message']"),
    ("R50 what converts is an event of the member's, in the window of the goal, that was not refunded whole",
     "update campaign_enrolments set goal_until = since_at where [campaign_enrolments: converted is not null]"),
    ("R50 what converts is an event of the member's, in the window of the goal, that was not refunded whole",
     "update campaign_enrolments set since_at = now() + interval '1 year'"
     " where [campaign_enrolments: converted is not null]"),
    ("R50 what converts is an event of the member's, in the window of the goal, that was not refunded whole",
     "update campaign_enrolments set entry_source = converted where [campaign_enrolments: converted is not null]"),
    ("R50 what converts is an event of the member's, in the window of the goal, that was not refunded whole",
     "update campaign_enrolments set converted = 'evt_none' where [campaign_enrolments: converted is not null]"),
    ("R50 what converts is an event of the member's, in the window of the goal, that was not refunded whole",
     "update campaign_enrolments set converted = goals -> 0 ->> 'event_id', goals = replace(goals::text,"
     " '\"is_refunded\":true', '\"is_refunded\":false')::json"
     " where [campaign_enrolments: goals ->> 0 is not null and converted is null]"),
    ("R50 a conversion that stands is announced once, except of who is held out",
     "delete from events where [events: type = 'campaign.converted']"),
    ("R50 a conversion that stands is announced once, except of who is held out",
     "delete from events where [events: type = 'campaign.conversion_reverted']"),
    ("R50 who has converted has an event that stands, and who has not has none",
     "update campaign_enrolments set converted = null where [campaign_enrolments: converted is not null]"),
    ("R48 what campaigns award is what their log says",
     "update campaign_steps set detail = '{}' where [campaign_steps: kind = 'award_points']"),
    ("I9 the application role adds to the ledger and never changes it",
     "grant update (points) on lot_uses to vinr_app"),
]  # fmt: skip


class TestVerify:
    def test_agrees_with_a_busy_history(self, busy: str) -> None:
        verdict = verify(busy)

        assert verdict.disagreements == []
        assert verdict.laws == len(LAWS)
        assert verdict.entries > 500

    def test_has_an_edit_that_breaks_each_law(self) -> None:
        assert {law for law, _edit in EDITS} == set(LAWS)

    @pytest.mark.parametrize(("law", "edit"), EDITS, ids=[f"{number} {law}" for number, (law, _) in enumerate(EDITS)])
    def test_names_what_was_edited(self, hand: psycopg.Connection[tuple[object, ...]], law: str, edit: str) -> None:
        hand.execute(spelled_out(edit).encode())

        verdict = verify_within(hand, on_law=lambda _law: None, laws=[law])

        found = verdict.disagreements
        assert found, f"{edit} left {verdict.broken}"
        assert all(disagreement.expected != disagreement.found for disagreement in found)

    def test_counts_what_it_does_not_show(self, hand: psycopg.Connection[tuple[object, ...]]) -> None:
        law = "R16 an award names an existing revision"
        hand.execute("delete from earning_rule_revisions")

        verdict = verify_within(hand, on_law=lambda _law: None)

        ruled = hand.execute("select count(*) from entries where rule_id is not null").fetchone()
        assert ruled == (verdict.broken[law],)
        assert len([one for one in verdict.disagreements if one.law == law]) == min(100, verdict.broken[law])


# What older versions left: a payment that its session alone names, whose uses a whole refund did not free; a payment of
# two sessions; of a cap that was taken away what was never given back; and redemptions that no stock counted.
LEFT_BEHIND = """
alter table accounts drop column next_segments_at, drop column judged_scans;
alter table segments drop column revised_at, drop column is_scanned;
alter table test_clocks drop column scans_begun, drop column target_at;
drop table segment_scans;
alter table offer_redemptions drop column budget_counter, drop column budget_taken;
delete from counters where id like 'budget:%';
delete from events where type = 'loyalty.offer.granted';
delete from counters where id like 'grant:%';
update offers set terms = jsonb_set(terms::jsonb, '{application}', '"auto"')::json
where terms ->> 'application' = 'granted';
update offer_revisions set terms = jsonb_set(terms::jsonb, '{application}', '"auto"')::json
where terms ->> 'application' = 'granted';
alter table offer_redemptions drop column grant_id;
drop table offer_grants;
alter table checkout_sessions drop column codes;
alter table offer_redemptions drop column code_id, drop column counts_for_code;
drop table codes, code_batches, code_batch_progress, code_failures;
alter table checkout_sessions drop column credit;
drop table campaigns, campaign_revisions, campaign_enrolments, campaign_steps, campaign_contributions, campaign_scans;
drop table campaign_paces;
alter table payments drop column credit_entry_ids;
alter table refunds drop column credit_returned_minor, drop column credit_granted_minor, drop column credit_grant_id;
drop index accounts_by_tier_plan;
alter table accounts drop column standing, drop column tier_revision;
drop table tier_credits, tier_changes;
alter table programs drop column tier_policy, drop column tier_plans;
update programs set tiers = replace(tiers::text, '"threshold"', '"threshold_points"')::json;
delete from events where type = 'loyalty.tier.grace_started';
drop table referral_programs, referral_codes, referrals;
alter table earning_rules drop column recipients;
alter table earning_rule_revisions drop column recipients;
alter table accounts drop column may_convert;
alter table payments drop column referral_ids;
alter table redemptions drop column credit_entry_id;
drop table wallets;
drop table credit_settings;
alter table lots drop column origin;
drop index entries_of_credit_by_source;
alter table programs drop column pending_days;
alter table earning_rules drop column pending_days;
alter table earning_rule_revisions drop column pending_days;
alter table accounts drop column pending_points, drop column held_points, drop column due_at;
alter table lots drop column pending_points, drop column held_points;
alter table entries drop column pending_points;
alter table entries add constraint entries_points_check check (points <> 0), add constraint entries_check check (true);
drop table holds;
alter table redemptions drop column held_points, drop column expires_at, drop column captured_at;
alter table refunds drop column pending_points_reversed;
alter table programs drop column expiry_mode;
alter table accounts drop column inactive_at, drop column is_inactive;
create temp table idling as select realm, id from lots where by_inactivity;
alter table lots drop column by_inactivity;
update lots l set expires_at = available_at + interval '1 month' from idling i where l.realm = i.realm and l.id = i.id;
update accounts a set next_expiry_at = (select min(expires_at) from lots l
  where l.realm = a.realm and l.account_id = a.id and l.remaining_points > 0);
delete from events where type = 'loyalty.points.expiring';
alter table programs drop column reminder_plans;
alter table accounts drop column next_reminder_at, drop column reminder_revision;
alter table checkout_sessions drop column held_minor;
alter table redemptions drop column points_returned;
alter table discounts drop column worth_minor;
alter table checkout_sessions drop column line_discounts_minor, drop column shipping_discount_minor;
alter table offers drop column in_force_since;
alter table accounts add column payment_count int8 not null default 0;
alter table customers drop column email_key, drop column merged_into, drop column merged_from;
alter table accounts drop column merged_into, drop column merged_customer_id, drop column merged_from;
drop index checkout_sessions_of_customer;
alter table lots drop column moved_to;
alter table programs drop column guest_days;
create table kept_openings as select * from openings;
drop table openings;
delete from events where type = 'payment.refunded'
  and data -> 'refund' ->> 'id' in (select id from refunds where canceled_at is not null);
delete from refunds where canceled_at is not null;
alter table earning_rules drop column caps, drop column exchange;
alter table earning_rule_revisions drop column caps, drop column exchange;
alter table programs drop column earning_tenders;
drop table orders;
drop table payment_revisions;
alter table payments drop column order_key, drop column revision, drop column earnings;
alter table refunds drop column customer_id, drop column lines, drop column canceled_at, drop column points_reinstated;
drop index refunds_newest;
alter table rewards drop column is_counted;
drop index redemptions_of_reward;
alter table redemptions add column took_stock bool not null default true;
update redemptions set took_stock = false where substr(id, length(id) - 2, 1) < '8';
drop index offer_redemptions_of_payment;
alter table offers drop column is_counted;
alter table offer_claims drop column member_id;
alter table offer_claims add primary key (realm, account_id, offer_id, bucket);
update counters c set id = 'offer:' || a.id || ':' || r.offer_id
from offer_redemptions r join offers o on o.realm = r.realm and o.id = r.offer_id and o.program_id is null
join accounts a on a.realm = r.realm and a.id = r.account_id
where c.realm = r.realm and c.id = 'offer:' || a.customer_id || ':' || r.offer_id;
update alembic_version set version_num = '0007';
update payments set session_id = null, outcome = jsonb_set(outcome::jsonb, '{offer_redemptions}', '[]')::json
where id = 'pay_recorded';
update counters c set used = used + 1 from offer_redemptions r
where r.payment_id = 'pay_recorded' and c.realm = r.realm and c.id = 'offer:' || r.account_id || ':' || r.offer_id;
update offer_redemptions set status = 'confirmed', freed_at = null where payment_id = 'pay_recorded';
create temporary table again as select * from checkout_sessions where payment_id = 'pay_reported';
update again set id = 'cs_again', completed_at = completed_at + interval '1 s';
insert into checkout_sessions select * from again;
update offers set terms = (terms::jsonb - 'max_redemptions')::json where id = 'ofr_tenth';
update counters set reserved = reserved + 3, used = used - 1 where id = 'offer:ofr_tenth';
"""


def test_a_migration_puts_right_what_older_versions_left(postgres: EmbeddedServer, unmerged: str) -> None:
    url = make_database(postgres, unmerged.rsplit("/", 1)[1])
    with psycopg.connect(url) as connection:
        connection.execute(LEFT_BEHIND.encode())

    migrate(url)
    with psycopg.connect(url) as connection:  # members who were imported are newer than all of that
        connection.execute("insert into openings select * from kept_openings")
        connection.execute("drop table kept_openings")

    assert verify(url).disagreements == []
    with psycopg.connect(url) as connection:
        named = connection.execute("select id, payment_id from checkout_sessions where status = 'completed'")
        assert dict(named.fetchall())["cs_again"] is None
        asked = "select count(*) from payments where id in ('pay_reported', 'pay_recorded') and session_id is not null"
        assert connection.execute(asked).fetchone() == (2,)
        remembered = "select count(*) from payments where json_array_length(earnings) > 0"
        (count_of_earning,) = connection.execute(remembered).fetchone() or (0,)
        assert count_of_earning > 50


class TestCommand:
    """`vinr verify` as a process."""

    def run(self, url: str, *options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "vinr_server.cli", "verify", *options]
        return subprocess.run(
            command,
            env=os.environ | {"VINR_DATABASE_URL": url},
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
        )

    def test_ends_well_where_everything_agrees(self, busy: str) -> None:
        done = self.run(busy)

        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.strip().endswith("everything agrees.")

    def test_names_realm_account_and_figures_and_ends_badly(self, postgres: EmbeddedServer, busy: str) -> None:
        url = make_database(postgres, busy.rsplit("/", 1)[1])
        with psycopg.connect(url) as connection:
            edit = (
                "update accounts set ledger_balance_points = ledger_balance_points + 7"
                " where [accounts: ledger_balance_points > 0] returning id, ledger_balance_points::int"
            )
            account = connection.execute(spelled_out(edit).encode()).fetchone()
        assert account is not None

        done, shown = self.run(url, "--json"), self.run(url)

        told = json.loads(done.stdout)
        assert (done.returncode, shown.returncode) == (1, 1)
        balance = next(one for one in told["disagreements"] if one["law"].startswith("I1"))
        assert (balance["account"], balance["expected"], balance["found"]) == (
            account[0], str(account[1] - 7), str(account[1]),
        )  # fmt: skip
        assert balance["realm"].startswith("tnt_") and balance["realm"].endswith("/test")
        assert f"{account[0]}: expected {account[1] - 7}, found {account[1]}" in shown.stdout

    def test_says_when_it_could_not_ask(self) -> None:
        done = self.run("postgresql://nobody@127.0.0.1:1/nothing")

        assert done.returncode == 2
        assert done.stderr.startswith("vinr verify: ")
        assert "Traceback" not in done.stderr
