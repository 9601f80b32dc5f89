"""What can happen next in a history: single moves, and plots of several that lead into the corners of the rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from checkout_moves import check_out
from engines import WALL
from planner import Planner
from steps import Ref, Step
from worlds import CUSTOMERS, FIRST_STEP, RATES

from vinr_server.core.clocks import commands as clocks_commands
from vinr_server.core.earning import commands as earning_commands
from vinr_server.core.earning.conditions import Conditions
from vinr_server.core.earning.rates import EarnRate
from vinr_server.core.kernel.commands import Command
from vinr_server.core.ledger import commands as ledger_commands
from vinr_server.core.members import commands as members_commands
from vinr_server.core.offers import commands as offer_commands
from vinr_server.core.payments import commands as payments_commands
from vinr_server.core.programs import commands as programs_commands
from vinr_server.core.rewards import commands as rewards_commands
from vinr_server.core.tiers.commands import SetTier
from vinr_server.engine.submission import Reply

Move = Callable[[Planner], Any]

# None three times: most things are reported when they happen. 31 and 100 days back, some lots are over already.
AGES = (None, None, None, timedelta(hours=1), timedelta(days=20), timedelta(days=31), timedelta(days=100))
POINTS = (40, 10, 25, 60, 90, 130, 3, 1)
AMOUNTS = (5_000, 1_000, 2_190, 2_000, 1_999, 199, 0, 1, 9_999, 12_345)
DAYS = (None, None, None, None, None, 0, 5, 30)
# What events carry: a quantity, none, or what is none; and what is said of the praise.
CARRIED: tuple[Any, ...] = (
    {"km": Decimal("4.4999"), "praise": {"stars": 5}},
    {"km": 3},
    {},
    {"km": Decimal("1.4999"), "praise": {"stars": 4}},
    {"km": -3, "praise": 5},
    {"km": "30"},
    {"km": Decimal("1e1"), "praise": {"stars": Decimal("5.0")}},
)
REFUNDS = ((1, 2), (1, 3), None, (1, 7), (1, 4), (99, 100), (1, 1), (3, 2))
JUMPS = (timedelta(days=1), timedelta(days=10), timedelta(days=28), timedelta(days=31), timedelta(days=75))
BEFORE = timedelta(microseconds=1)
ABSENT = "0" * 27


def award(plan: Planner) -> None:
    """Points by hand, now and then backdated."""
    account, points, age = plan.account(), plan.dice.pick(POINTS), plan.dice.pick(AGES)
    occurred_at = None if age is None else plan.now(account) - age
    days = plan.dice.pick(DAYS) if plan.may_wait else None
    plan.do(ledger_commands.AwardPoints(account, points, occurred_at=occurred_at, pending_days=days))


def thank(plan: Planner) -> None:
    """Points by hand for a payment, which is then refunded."""
    if not plan.known.payments or plan.dice.one_in(2):
        pay(plan)
    if not plan.known.payments:
        return
    payment = plan.recent(plan.known.payments)
    mine = [account for account, (_program, customer) in plan.world.accounts.items() if customer == payment[2]]
    is_anybody = not mine or plan.dice.one_in(8)
    account = plan.account() if is_anybody else plan.dice.pick(mine)
    plan.do(ledger_commands.AwardPoints(account, plan.dice.pick(POINTS), payment_id=payment[0]))
    plan.do(refund_of(plan, payment))


def adjust(plan: Planner) -> None:
    """Up a little; down by half, by all there is, by one more than that."""
    account = plan.account()
    left = plan.spendable(account)
    points = plan.dice.pick((-left or 15, -left - 1, -(left // 2) or 15, 15))
    plan.do(ledger_commands.AdjustPoints(account, points, "correction"))


def promote(plan: Planner) -> None:
    """A tier by hand, for a member of the program whose tiers end."""
    members = [account for account, (program, _customer) in plan.world.accounts.items() if program == "prog_c"]
    plan.do(SetTier(plan.dice.pick(members), plan.dice.pick(("plus", "top", None))))


def drain(plan: Planner, account: Ref) -> None:
    """Whatever can be spent is spent."""
    left = plan.spendable(account)
    if left:
        plan.do(ledger_commands.AdjustPoints(account, -left, "spent elsewhere"))


def redeem(plan: Planner) -> None:
    """A reward of the account's program; now and then of another."""
    account = plan.account()
    rewards = list(plan.world.rewards) if plan.dice.one_in(10) else plan.rewards_for(account)
    plan.do(rewards_commands.CreateRedemption(account, plan.dice.pick(rewards)))


def cancel(plan: Planner) -> None:
    """One of the last redemptions is cancelled, perhaps again."""
    if plan.known.redemptions:
        plan.do(rewards_commands.CancelRedemption(plan.recent(plan.known.redemptions)[0], "changed their mind"))
    else:
        redeem(plan)


def ready(plan: Planner) -> None:
    """Pending points are there sooner, or did not wait at all."""
    if plan.known.awards:
        plan.do(ledger_commands.ActivatePoints(plan.recent(plan.known.awards)[0]))
    else:
        award(plan)


def wait(plan: Planner) -> None:
    """Purchases pend; some are refunded, some ready sooner, and the others when their time comes."""
    dice = plan.dice
    if not plan.may_wait:
        return pay(plan)
    program, customer = dice.pick((("prog_a", "cust_ann"), ("prog_c", "cust_cem"), ("prog_a", "cust_bob")))
    plan.do(programs_commands.UpdateProgram(program, {"pending_days": dice.pick((14, 3))}))
    for _time in range(1 + dice.roll(2)):
        id = f"pay_{len(plan.steps)}"
        plan.do(payments_commands.CreatePayment(dice.pick(AMOUNTS), "EUR", 100, id=id, customer_id=customer))
    if plan.known.payments and dice.one_in(2):
        plan.do(refund_of(plan, plan.known.payments[-1]))
    if dice.one_in(3):
        ready(plan)
    if dice.one_in(2):
        advance(plan)
        refund(plan)
    return None


def hold(plan: Planner) -> None:
    """Points are held for a reward, and captured, released, or left to lapse; now and then taken back meanwhile."""
    dice, account = plan.dice, plan.account()
    if not plan.may_wait:
        return redeem(plan)
    if dice.one_in(2):
        plan.do(ledger_commands.AwardPoints(account, 60))
    minutes = dice.pick((5, 2_880, 10_080))
    reward = dice.pick(plan.rewards_for(account))
    plan.do(rewards_commands.CreateRedemption(account, reward, capture=False, minutes=minutes))
    if dice.one_in(3):
        reverse(plan)
    if dice.one_in(4):
        use_discount(plan)
    if dice.one_in(3):
        advance(plan)
    if plan.known.redemptions:
        redemption = plan.recent(plan.known.redemptions)[0]
        points = dice.pick((None, None, 1, 20, 1_000))
        capture = rewards_commands.CaptureRedemption(redemption, points)
        plan.do(dice.pick((capture, capture, rewards_commands.CancelRedemption(redemption))))
    return None


def activate(plan: Planner) -> None:
    """An offer is opted into; now and then one of another program."""
    account = plan.account()
    offers = list(plan.world.offers) if plan.dice.one_in(10) else plan.offers_for(account)
    plan.do(offer_commands.ActivateOffer(plan.dice.pick(offers), account))


def reverse(plan: Planner) -> None:
    """One of the last movements is clawed back, whole, in part, or by too much."""
    if plan.known.awards:
        points = plan.dice.pick((None, None, None, 1, 10, 1_000))
        plan.do(ledger_commands.ReversePoints(plan.recent(plan.known.awards)[0], points, "mistake"))
    else:
        award(plan)


def pay(plan: Planner) -> None:
    """A payment of a customer, a linked account or nobody known; with tax, shipping, tenders, lines, a discount."""
    dice = plan.dice
    amount, currency = dice.pick(AMOUNTS), dice.pick(("EUR",) * 6 + ("USD", "JPY"))
    # A yen is a unit: 40 of them earn what 40 euros do, and the oracle holds a place for every point.
    amount, units = (amount // 40, 1) if currency == "JPY" else (amount, 100)
    customer, metadata = dice.pick(CUSTOMERS), dice.pick(({}, {}, {"day": "double"}))
    is_linked = dice.one_in(6)
    if is_linked:
        metadata = {**metadata, "loyalty_account": plan.account()}
    discounts = [dice.pick(plan.known.discounts)[0]] if plan.known.discounts and dice.one_in(3) else []
    named = dice.pick((None, None, customer)) if is_linked or dice.one_in(10) else customer
    # Who is linked to one member and named as another has no clock to be late by.
    age = dice.pick(AGES) if not (is_linked and named) else None
    command = payments_commands.CreatePayment(
        amount,
        currency,
        units,
        id=None if dice.one_in(4) else f"pay_{len(plan.steps)}",
        customer_id=named,
        tax_minor=dice.pick((0, 0, amount // 6)),
        shipping_minor=dice.pick((0, 0, amount // 5)),
        tenders=dice.pick(((), (), ({"type": "store_credit", "amount": amount // 4},), card(amount))),
        lines=lines_of(plan, amount),
        discount_ids=tuple(discounts),
        occurred_at=None if age is None else plan.world.clock_at - age,
        metadata=metadata,
        enrol_in=dice.pick(("prog_a", "prog_b", "prog_c")) if not is_linked and dice.one_in(8) else None,
    )
    plan.do(command)


def card(amount: int) -> tuple[Any, ...]:
    """Paid by card and with points: only the card's part earns."""
    return ({"type": "card", "amount": amount - amount // 3}, {"type": "points", "amount": amount // 3})


def lines_of(plan: Planner, amount: int) -> tuple[Any, ...]:
    """No lines, or tea for half of the amount, or twice that in a category; with tax and discount or without."""
    tea = {"sku": "tea", "unit_price": amount // 2, "quantity": 1, "categories": []}
    other = {"sku": "pot", "unit_price": amount - amount // 2, "quantity": 1, "categories": ["ware"]}
    less = {**tea, "tax": amount // 12, "discount": amount // 10}
    return plan.dice.pick(((), (tea, other), (less, other), ({**tea, "categories": ["drinks"], "quantity": 2},)))


def refund(plan: Planner) -> None:
    """One of the last payments is refunded, whole or in part."""
    if not plan.known.payments:
        return pay(plan)
    payment = plan.recent(plan.known.payments)
    plan.do(refund_of(plan, payment))
    return None


def refund_of(plan: Planner, payment: tuple[Any, int, str | None]) -> Command:
    """All that is left, a part of the whole, or more than that; now and then with its eligible part."""
    share = plan.dice.pick(REFUNDS)
    amount = None if share is None else payment[1] * share[0] // share[1]
    eligible = None if amount is None or not plan.dice.one_in(6) else amount // 2
    id = f"re_{len(plan.steps)}" if plan.dice.one_in(2) else None
    return payments_commands.RefundPayment(payment[0], id=id, amount_minor=amount, eligible_minor=eligible)


def again(plan: Planner) -> None:
    """A chosen id is used again, with the same body or another."""
    if not plan.known.named:
        return pay(plan)
    said = plan.recent(plan.known.named)
    plan.do(other_body(plan, said))
    return None


def other_body(plan: Planner, said: Step) -> Command:
    """The step's command, one time in three with something changed."""
    command: Any = said.command
    if not plan.dice.one_in(3):
        return command
    if isinstance(command, payments_commands.CreatePayment):
        return replace(command, amount_minor=command.amount_minor + 100)
    return replace(command, metadata={"other": "body"}) if hasattr(command, "metadata") else command


def repeat(plan: Planner) -> None:
    """An idempotency key is used again, with the same body or another; another operation may use it too."""
    if not plan.known.keyed:
        return award(plan)
    said = plan.recent(plan.known.keyed)
    number = FIRST_STEP + len(plan.steps)
    plan.take(replace(said, number=number, command=other_body(plan, said), is_dry_run=plan.dice.one_in(8)))
    return None


def report(plan: Planner) -> None:
    """A business event, of a customer or of a linked account."""
    dice = plan.dice
    account, amount, is_linked = plan.account(), dice.pick((0, 500, 1_250)), dice.one_in(3)
    command = earning_commands.ReportEvent(
        dice.pick(("review.posted", "order.noted", "order.noted", "payment.completed", "unheard.of")),
        {"metadata": dice.pick(({"channel": "app"}, {"channel": "web"}, {})), **dice.pick(CARRIED)},
        id=f"evt_{len(plan.steps)}" if dice.one_in(2) else None,
        customer_id=None if is_linked else dice.pick(CUSTOMERS),
        account_id=account if is_linked else None,
        currency="EUR" if amount else None,
        amount_minor=amount,
        minor_per_unit=100,
        occurred_at=dice.pick((None, None, plan.world.clock_at - timedelta(days=3))),
    )
    plan.do(command)


def enrol(plan: Planner) -> None:
    """A customer joins a program, perhaps for the second time."""
    program, customer = plan.dice.pick(("prog_b", "prog_a", "prog_c")), plan.dice.pick(CUSTOMERS[::-1])
    plan.do(members_commands.CreateAccount(program, customer))


def close(plan: Planner) -> None:
    """An account is closed; more often something is named that is not there."""
    made = (
        ledger_commands.AwardPoints("loy_nobody", 5),
        ledger_commands.ReversePoints(f"ptx_{ABSENT}"),
        rewards_commands.CreateRedemption("loy_nobody", "rwd_cup"),
        rewards_commands.CancelRedemption(f"rdm_{ABSENT}"),
        members_commands.CloseAccount(plan.account()),
        payments_commands.RefundPayment("pay_nowhere"),
        payments_commands.CreatePayment(500, "EUR", 100, metadata={"loyalty_account": "loy_nobody"}),
        payments_commands.CreatePayment(
            500, "EUR", 100, customer_id="cust_ann", occurred_at=WALL + timedelta(days=4_000)
        ),
        members_commands.UpdateAccount(plan.account(), {"note": "seen"}),
        rewards_commands.ArchiveReward(plan.dice.pick(list(plan.world.rewards)[::-1])),
    )
    plan.do(plan.dice.pick(made))


def use_discount(plan: Planner) -> None:
    """A discount is consumed or released, whatever it is now."""
    if not plan.known.discounts:
        return redeem(plan)
    discount, _account = plan.recent(plan.known.discounts)
    plan.do(plan.dice.pick((rewards_commands.ConsumeDiscount, rewards_commands.ReleaseDiscount))(discount))
    return None


def edit(plan: Planner) -> None:
    """A rule gets a new revision; now and then a reward or a program changes."""
    dice = plan.dice
    if dice.one_in(3):
        return edit_reward(plan)
    rule = dice.pick(plan.world.rules)
    window = {"starts_at": WALL + timedelta(days=1), "ends_at": WALL + timedelta(days=32)}
    conditions = (
        Conditions(min_amount_minor=dice.pick((1_000, 0, 5_000))),
        Conditions(currency=dice.pick(("EUR", "USD"))),
        Conditions(**window),
    )
    changes = (
        {"earn": dice.pick((*RATES, EarnRate(points=9), EarnRate(rate_e4=10_000, currency="USD")))},
        {"conditions": dice.pick(conditions)},
        {"is_active": dice.one_in(2)},
    )
    plan.do(
        earning_commands.DeleteEarningRule(rule)
        if dice.one_in(12)
        else earning_commands.UpdateEarningRule(rule, dice.pick(changes))
    )
    return None


def edit_reward(plan: Planner) -> None:
    """Another price or cap, an archived reward, or another life span for points to come."""
    dice = plan.dice
    reward = dice.pick(list(plan.world.rewards))
    changes = (
        rewards_commands.UpdateReward(reward, {"cost_points": dice.pick((10, 35))}),
        programs_commands.UpdateProgram(
            "prog_a", {"expiry_months": dice.pick((2, 1))}, expiry_reminders=dice.pick((None, (10, 3), (5,), ()))
        ),
        programs_commands.UpdateProgram(
            dice.pick(("prog_a", "prog_c")), {"pending_days": dice.pick((14, 3, 0)) if plan.may_wait else 0}
        ),
        programs_commands.UpdateProgram("prog_c", {"expiry_mode": dice.pick(("fixed", "inactivity"))}),
        rewards_commands.ArchiveReward(reward),
    )
    plan.do(dice.pick(changes))


def edit_caps(plan: Planner) -> None:
    """The caps of a reward are lifted, set and changed, while it is redeemed and cancelled."""
    dice, account = plan.dice, plan.account()
    plan.do(ledger_commands.AwardPoints(account, 130))
    reward = dice.pick(plan.rewards_for(account))
    for _time in range(2 + dice.roll(3)):
        cap = dice.pick(("stock", "per_member_limit"))
        plan.do(rewards_commands.UpdateReward(reward, {cap: dice.pick((None, 1, 2, 4))}))
        plan.do(rewards_commands.CreateRedemption(account, reward))
        if dice.one_in(3):
            cancel(plan)


def advance(plan: Planner) -> None:
    """The clock moves to an expiry, to just before one, or by days."""
    at = plan.world.clock_at
    lots = [lot for account in plan.world.accounts for lot in plan.live_lots(account)]
    rows = [plan.row(account) for account in plan.world.accounts]
    ends = [lot.expires_at for lot in lots] + [at for row in rows for at in (row.inactive_at, row.due_at, row.due_at)]
    due = sorted(end for end in ends if end is not None and end > at)
    if due and plan.dice.one_in(2):
        goal = plan.dice.pick(due[:4])
        goal -= BEFORE if plan.dice.one_in(4) else timedelta(0)
    else:
        goal = at + plan.dice.pick(JUMPS)
    advance_to(plan, max(goal, at))


def advance_to(plan: Planner, goal: datetime) -> None:
    """The clock stands there and is ready, with what is due swept or not."""
    clock = plan.world.clock
    plan.do(clocks_commands.AdvanceTestClock(clock, goal), is_plain=True)
    if plan.dice.one_in(6):
        plan.do(clocks_commands.AdvanceTestClock(clock, goal + timedelta(days=1)), is_plain=True)
    if plan.dice.one_in(2):
        sweep(plan)
    plan.do(clocks_commands.FinishTestClock(clock, goal), is_plain=True)


def sweep(plan: Planner) -> None:
    """What is over is written off, as a worker does."""
    for account in list(plan.world.accounts):
        row = plan.row(account)
        idle_at = None if row.is_inactive else row.inactive_at
        ends = [at for at in (row.next_expiry_at, row.next_reminder_at, idle_at, row.due_at) if at is not None]
        if ends and min(ends) <= plan.now(account):
            plan.do(ledger_commands.ExpireLots(account), is_plain=True)


# ---- plots


def overspend(plan: Planner) -> None:
    """Points are awarded, spent, and clawed back, from later points or into a deficit; then some more come in."""
    account = plan.account()
    plan.do(ledger_commands.AwardPoints(account, plan.dice.pick(POINTS)))
    mine = [award for award, owner in plan.known.awards if owner == account]
    drain(plan, account)
    if plan.dice.one_in(3):
        plan.do(ledger_commands.AwardPoints(account, plan.dice.pick((25, 200))))
    if mine:
        plan.do(ledger_commands.ReversePoints(mine[-1], plan.dice.pick((None, None, 5))))
    if not plan.dice.one_in(3):
        award(plan)


def outlive(plan: Planner) -> None:
    """A redemption is cancelled after points that paid for it have expired, now and then into a deficit."""
    account = plan.account()
    plan.do(ledger_commands.AwardPoints(account, 90))
    ends = [lot.expires_at for lot in plan.live_lots(account)] + [plan.row(account).inactive_at]
    due = [end for end in ends if end is not None]
    plan.do(rewards_commands.CreateRedemption(account, plan.dice.pick(plan.rewards_for(account))))
    if plan.dice.one_in(3):
        drain(plan, account)
        reverse(plan)
    if due:
        advance_to(plan, max(plan.world.clock_at, plan.dice.pick((min(due), max(due)))))
    cancel(plan)


def empty_shelf(plan: Planner) -> None:
    """A reward is redeemed until a cap is reached; then a cancellation makes room."""
    account = plan.account()
    plan.do(ledger_commands.AwardPoints(account, 130))
    program = plan.world.accounts[account][0]
    reward = {"prog_a": plan.dice.pick(("rwd_euros", "rwd_cup")), "prog_b": "rwd_voucher"}.get(program, "rwd_shipping")
    for _time in range(3):
        plan.do(rewards_commands.CreateRedemption(account, reward))
    if plan.dice.one_in(3):
        cancel(plan)
        plan.do(rewards_commands.CreateRedemption(account, reward))


def treat(plan: Planner) -> None:
    """A reward is given and sold in turns, until its limit is reached; then a cancellation makes room."""
    account = plan.account()
    plan.do(ledger_commands.AwardPoints(account, 130))
    reward, gift = {"prog_b": ("rwd_voucher", "ofr_voucher")}.get(
        plan.world.accounts[account][0], plan.dice.pick((("rwd_cup", "ofr_cup"), ("rwd_tour", "ofr_tour")))
    )
    for _time in range(2 + plan.dice.roll(3)):
        sold = rewards_commands.CreateRedemption(account, reward)
        plan.do(plan.dice.pick((offer_commands.ActivateOffer(gift, account), sold)))
    cancel(plan)
    plan.do(offer_commands.ActivateOffer(gift, account))


def take_turns(plan: Planner) -> None:
    """The accounts of one customer use the same offers, and purchases of it as well, one of which is given back."""
    customer = plan.dice.pick(("cust_ann", "cust_cem"))
    mine = [account for account, (_program, owner) in plan.world.accounts.items() if owner == customer]
    for _time in range(2 + plan.dice.roll(2)):
        plan.do(offer_commands.ActivateOffer("ofr_all", plan.dice.pick(mine)))
    for _time in range(1 + plan.dice.roll(3)):
        paid = plan.do(
            payments_commands.CreatePayment(3_000, "EUR", 100, id=f"pay_{len(plan.steps)}", customer_id=customer)
        )
        if isinstance(paid, Reply) and plan.known.payments and plan.dice.one_in(2):
            plan.do(refund_of(plan, plan.known.payments[-1]))


def return_goods(plan: Planner) -> None:
    """A payment is refunded piece by piece, now and then after its points were spent."""
    pay(plan)
    if not plan.known.payments:
        return
    if plan.dice.one_in(2):
        drain(plan, plan.account())
    payment = plan.known.payments[-1]
    for _time in range(1 + plan.dice.roll(3)):
        plan.do(refund_of(plan, payment))


def cash_in(plan: Planner) -> None:
    """A discount is redeemed and used on a payment; then its redemption is to be cancelled."""
    account = plan.account()
    plan.do(ledger_commands.AwardPoints(account, 60))
    plan.do(
        rewards_commands.CreateRedemption(
            account, {"prog_c": "rwd_shipping"}.get(plan.world.accounts[account][0], "rwd_euros")
        )
    )
    if not plan.known.discounts:
        return
    discount, owner = plan.known.discounts[-1]
    if plan.dice.one_in(2):
        plan.do(rewards_commands.ConsumeDiscount(discount))
    else:
        customer = plan.world.accounts[owner][1]
        plan.do(payments_commands.CreatePayment(4_000, "EUR", 100, customer_id=customer, discount_ids=(discount,)))
    cancel(plan)
    use_discount(plan)


def say_goodbye(plan: Planner) -> None:
    """An account is closed, and asked for something all the same."""
    account = plan.account()
    plan.do(members_commands.CloseAccount(account))
    plan.do(ledger_commands.AwardPoints(account, plan.dice.pick(POINTS)))


def discontinue(plan: Planner) -> None:
    """A reward is archived, and wanted all the same."""
    account = plan.account()
    plan.do(ledger_commands.AwardPoints(account, 130))
    reward = plan.dice.pick(plan.rewards_for(account))
    plan.do(rewards_commands.ArchiveReward(reward))
    plan.do(rewards_commands.CreateRedemption(account, reward))


WEIGHTS: dict[Move, int] = {
    award: 9, pay: 12, promote: 6, redeem: 9, reverse: 8, refund: 10, cancel: 8, adjust: 5, advance: 8, sweep: 2,
    again: 6, repeat: 11, report: 5, enrol: 3, close: 6, use_discount: 4, edit: 5, thank: 4, overspend: 12, outlive: 9,
    empty_shelf: 6, return_goods: 6, cash_in: 4, edit_caps: 4, say_goodbye: 3, discontinue: 3,
    check_out: 9, activate: 6, treat: 5, take_turns: 5, wait: 10, hold: 10, ready: 3,
}  # fmt: skip
MOVES: list[Move] = [move for move, weight in WEIGHTS.items() for _time in range(weight)]


def play(plan: Planner, thrown: bytes, *, has_two_realms: bool) -> None:
    """One move of these bytes."""
    plan.throw(thrown)
    move = plan.dice.pick(MOVES)
    plan.realm = int(has_two_realms and plan.dice.one_in(3))
    move(plan)
