"""A second, naive engine, written from docs/concepts/rules.md: what each step must answer, and every account hold.

Points are single units: a lot is a list with one place for each point, which says what became of it. Nothing is kept
up to date that can be counted again; whatever has expired is taken out at once. Imports nothing of the engine's own:
commands are read by the names of their fields.
"""

from __future__ import annotations

import copy
import math
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from oracle_answers import RefusedError, Verdict, refuse_if, refuse_if_any_refuses
from oracle_checkout import CheckoutOracle
from oracle_earning import earned_by, kept_of, kept_points, points_for
from oracle_tiers import Ranking
from oracle_units import FREE, PENDING, Account, Lot, days_after, months_after

SKEW = timedelta(seconds=300)


class Oracle(CheckoutOracle):
    """One realm by the rules."""

    def __init__(self, wall: datetime) -> None:
        super().__init__()
        self.wall = wall
        self.clocks: dict[Any, list[Any]] = {}
        self.programs: dict[str, Any] = {}
        self.rules: dict[Any, dict[str, Any]] = {}
        # Members by every name that an answer gave them.
        self.accounts: dict[Any, Account] = {}
        self.members: list[Account] = []
        # Every movement that can be named: (kind, account, lot or None)
        self.entries: dict[Any, tuple[str, Account, Lot | None]] = {}
        self.discounts: dict[Any, dict[str, Any]] = {}
        self.payments: dict[Any, dict[str, Any]] = {}
        self.taken_ids: dict[str, Any] = {}
        self.kept: dict[tuple[str, str], tuple[bytes, int]] = {}
        self.step: Any = None
        self.skipped = 0

    # ---- one step

    def apply(self, step: Any) -> Verdict:
        """What the step must answer; the state moves on unless it is refused or a dry run."""
        kept = self.kept.get((step.operation, step.key)) if step.key else None
        if kept is not None:
            is_same = kept[0] == step.fingerprint
            return Verdict(repeats=kept[1]) if is_same else Verdict(("idempotency_key_reused",))
        before = copy.deepcopy(self.__dict__) if step.is_dry_run else None
        self.step = step
        try:
            verdict = getattr(self, step.operation)(step.command)
            for account in self.members:
                self.raise_tier(account)
        except RefusedError as refusal:
            return Verdict(refusal.codes)
        finally:
            if before is not None:
                self.__dict__ = before
        if step.key and not step.is_dry_run:
            self.kept[step.operation, step.key] = (step.fingerprint, step.number)
        return verdict or Verdict()

    def own(self, *path: Any) -> Any:
        """The name of something in this step's answer."""
        return (self.step.number, path or ("id",))

    def found(self, things: dict[Any, Any], name: Any) -> Any:
        """The thing of that name, or it is missing."""
        if name not in things:
            raise RefusedError("resource_missing")
        return things[name]

    def is_known(self, id: str | None) -> bool:
        """Whether the very same body took the id before."""
        return id in self.taken_ids and not self.conflicts(id)

    def conflicts(self, id: str | None) -> bool:
        """Whether another body has the id."""
        return id in self.taken_ids and self.taken_ids[id] != self.step.fingerprint

    def take_id(self, id: str | None) -> None:
        if id is not None:
            self.taken_ids[id] = self.step.fingerprint

    def now(self, program: Any) -> datetime:
        """A program on a clock lives by it."""
        return self.wall if program.clock_id is None else self.clocks[program.clock_id][0]

    # ---- configuration

    def create_test_clock(self, command: Any) -> None:
        self.clocks[self.own()] = [command.frozen_at, "ready"]

    def advance_test_clock(self, command: Any) -> Verdict:
        clock = self.found(self.clocks, command.clock_id)
        is_moving = clock[1] == "advancing" and clock[0] != command.frozen_at
        refuse_if((is_moving, "clock_advancing"), (command.frozen_at < clock[0], "parameter_invalid"))
        for account in self.members:
            if account.program.clock_id == command.clock_id:
                account.pass_time(clock[0], command.frozen_at, self.raise_tier, self.let_tiers_end)
        clock[:] = [command.frozen_at, "advancing"]
        for redemption in self.redemptions.values():
            if redemption["hold"] in redemption["account"].has_lapsed and redemption["status"] == "authorized":
                self.end_hold(redemption, "expired")
        return Verdict(is_new=False)

    def end_hold(self, redemption: Any, status: str) -> None:
        """The reward is back in stock, and the discount is void."""
        redemption.update(status=status, is_live=False)
        if redemption["discount"] is not None:
            redemption["discount"]["status"] = "void"

    def finish_test_clock(self, command: Any) -> Verdict:
        clock = self.clocks[command.clock_id]
        if clock[0] == command.frozen_at:
            clock[1] = "ready"
        return Verdict(is_new=False)

    def create_program(self, command: Any) -> None:
        names = ("id", "tiers", "clock_id", "expiry_months", "expiry_rounding", "timezone", "expiry_reminders")
        names += ("expiry_mode", "pending_days", "tier_policy")
        self.programs[command.id] = SimpleNamespace(**{name: getattr(command, name) for name in names})

    def create_earning_rule(self, command: Any) -> None:
        names = ("program_id", "trigger", "earn", "conditions", "multipliers", "is_active")
        self.rules[self.own()] = {name: getattr(command, name) for name in names}

    def update_earning_rule(self, command: Any) -> Verdict:
        self.found(self.rules, command.rule_id).update(command.changes)
        return Verdict(is_new=False)

    def delete_earning_rule(self, command: Any) -> Verdict:
        self.found(self.rules, command.rule_id)
        del self.rules[command.rule_id]
        return Verdict(is_new=False)

    def update_program(self, command: Any) -> Verdict:
        """From now on; programs are shared by their accounts, which see the change at once."""
        vars(self.found(self.programs, command.program_id)).update(command.changes)
        if command.expiry_reminders is not None:
            self.programs[command.program_id].expiry_reminders = command.expiry_reminders
        return Verdict(is_new=False)

    def create_reward(self, command: Any) -> None:
        names = ("program_id", "cost_points", "benefit", "stock", "per_member_limit", "tiers")
        self.rewards[command.id] = {name: getattr(command, name) for name in names} | {"is_archived": False}

    def update_reward(self, command: Any) -> Verdict:
        self.found(self.rewards, command.reward_id).update(command.changes)
        return Verdict(is_new=False)

    def archive_reward(self, command: Any) -> Verdict:
        self.found(self.rewards, command.reward_id)["is_archived"] = True
        return Verdict(is_new=False)

    # ---- members and points

    def create_account(self, command: Any) -> Verdict | None:
        account, is_new = self.enrol(command.program_id, command.customer_id, self.own(), command.metadata)
        refuse_if((account.is_closed, "account_closed"))
        return None if is_new else Verdict(is_new=False, figures=account)

    def enrol(self, program_id: str, customer: str, name: Any, metadata: Any) -> tuple[Account, bool]:
        """The customer's account in the program, and whether it is new."""
        program = self.found(self.programs, program_id)
        for account in self.members:
            if account.program is program and account.customer == customer:
                return account, False
        account = Account(program, customer, self.now(program), None, enrolled_by=self.step)
        self.accounts[name] = account
        self.members.append(account)
        self.raise_tier(account)
        self.earn([account], "loyalty.account.created", ("welcome",), {"metadata": metadata})
        return account, True

    def close_account(self, command: Any) -> Verdict:
        account = self.found(self.accounts, command.account_id)
        if not account.is_closed:
            for lot in account.lots:
                lot.reversed += lot.take(lot.pending, "closed", of=PENDING)
            for redemption in self.redemptions.values():
                if redemption["account"] is account and redemption["status"] == "authorized":
                    account.free_hold(redemption["hold"], self.now(account.program))
                    self.end_hold(redemption, "canceled")
        account.is_closed = True
        return Verdict(is_new=False, figures=account)

    def update_account(self, command: Any) -> Verdict:
        return Verdict(is_new=False, figures=self.found(self.accounts, command.account_id))

    def set_tier(self, command: Any) -> Verdict:
        """R12i: held as if it were confirmed now, and never below what is."""
        account = self.found(self.accounts, command.account_id)
        refuse_if((account.is_closed, "account_closed"))
        ranking, now = Ranking(account, self.payments.values()), self.now(account.program)
        rank = next((at for at, tier in enumerate(ranking.tiers) if tier.id == command.tier), -1)
        is_confirmed = any(end is not None for end in ranking.confirmed(now)[rank + 1 :])
        refuse_if((is_confirmed, "not_eligible"))
        is_same = account.tier == command.tier and account.tier_basis == "set" and account.tier_grace is None
        if not is_same:
            is_everybodys = rank < 0 or ranking.tiers[rank].threshold == 0
            ranking.take(rank, None if is_everybodys else ranking.end(now), "set")
        return Verdict(is_new=False)

    def let_tiers_end(self, account: Account, until: datetime, *, is_inclusive: bool) -> None:
        if account.program.tier_policy.window != "lifetime":
            Ranking(account, self.payments.values()).pass_time(until, is_inclusive=is_inclusive)

    def raise_tier(self, account: Account, at: datetime | None = None) -> None:
        """R12: by lifetime points up at once and never down; by windows as the credits say."""
        if account.program.tier_policy.window != "lifetime":
            if not account.is_closed:
                ranking = Ranking(account, self.payments.values())
                ranking.judge(at or self.now(account.program), may_fall=at is None)
            return
        names = [None, *(tier.id for tier in account.program.tiers)]
        reached = [tier.id for tier in account.program.tiers if account.lifetime >= tier.threshold]
        account.tier = max([account.tier, *reached], key=names.index)

    def accrue(
        self, account: Account, points: int, *, occurred_at: datetime | None, frozen: Any = None, days: int = 0
    ) -> Lot:
        """A new lot: deficits first (R23), over at once if it is too old (R22); ready after so many days (R10)."""
        now, program = self.now(account.program), account.program
        available_at = min(occurred_at or now, now)
        if days and program.clock_id is not None:
            available_at = days_after(available_at, days, program.timezone)
        expires_at, has_months = None, program.expiry_months is not None
        by_inactivity = has_months and program.expiry_mode == "inactivity"
        if has_months and not by_inactivity:
            expires_at = months_after(available_at, program.expiry_months, program.expiry_rounding, program.timezone)
        account.act(now)
        number = len(account.lots)
        lot = Lot([FREE] * points, available_at, expires_at, number, frozen=frozen, by_inactivity=by_inactivity)
        account.lots.append(lot)
        if available_at > now:
            lot.units = [PENDING] * points
            lot.months = (program.expiry_months, program.expiry_rounding) if expires_at is not None else None
            return lot
        account.movements.append(points)
        account.lifetime += points
        account.pay_debts()
        self.raise_tier(account)
        account.expire(now)
        return lot

    def award_points(self, command: Any) -> None:
        account = self.found(self.accounts, command.account_id)
        payment = None if command.payment_id is None else self.found(self.payments, command.payment_id)
        is_foreign = payment is not None and payment["customer"] not in (None, account.customer)
        is_future = command.occurred_at is not None and command.occurred_at > self.now(account.program) + SKEW
        refuse_if(
            (is_foreign, "parameter_conflict"), (account.is_closed, "account_closed"), (is_future, "parameter_invalid")
        )
        days = command.pending_days
        if days is None:
            days = account.program.pending_days if payment is not None else 0
        lot = self.accrue(account, command.points, occurred_at=command.occurred_at, days=days)
        self.entries[self.own()] = ("award", account, lot)
        if payment is not None:
            payment["awards"].append((account, lot))

    def adjust_points(self, command: Any) -> Verdict | None:
        account = self.found(self.accounts, command.account_id)
        refuse_if((account.is_closed, "account_closed"))
        if command.points > 0:
            lot = self.accrue(account, command.points, occurred_at=None)
            self.entries[self.own()] = ("adjustment", account, lot)
            return None
        self.debit(account, -command.points)
        self.entries[self.own()] = ("adjustment", account, None)
        return None

    def debit(self, account: Account, points: int) -> None:
        """Spent by R3, never below what is there (I4)."""
        refuse_if((account.spendable < points, "insufficient_points"))
        account.movements.append(-points)
        assert account.spend(points, self.own()) == 0

    def expire_lots(self, command: Any) -> Verdict:
        self.found(self.accounts, command.account_id)
        return Verdict(is_new=False)

    def reverse_points(self, command: Any) -> Verdict | None:
        kind, account, lot = self.found(self.entries, command.transaction_id)
        refuse_if((kind == "reversal", "reversal_of_reversal"), (lot is None, "not_reversible"))
        assert lot is not None
        if lot.left_to_reverse == 0:
            return Verdict(is_new=False)
        refuse_if(((command.points or 0) > lot.left_to_reverse, "not_reversible"))
        self.claw_back(account, lot, command.points or lot.left_to_reverse)
        self.entries[self.own()] = ("reversal", account, None)
        return None

    def claw_back(self, account: Account, lot: Lot, points: int) -> None:
        """R6: what remains of its own lot, other lots by R3, a deficit."""
        name = (self.step.number, "clawback", len(account.movements), lot.number)
        if lot.pending:
            lot.reversed += lot.take(points, name, of=PENDING)
            return
        account.movements.append(-points)
        account.lifetime -= points
        lot.reversed += points
        unpaid = points - lot.take(points, name)
        account.debts.append([name, account.spend(unpaid, name)])

    def activate_points(self, command: Any) -> Verdict | None:
        kind, account, lot = self.found(self.entries, command.transaction_id)
        is_award = kind in ("award", "activation")
        if is_award and lot is not None and lot in account.activated:
            return Verdict(is_new=False)
        refuse_if((not is_award or lot is None or not lot.pending, "not_pending"))
        account.ready(lot, self.now(account.program))
        self.raise_tier(account)
        self.entries[self.own()] = ("activation", account, lot)
        return None

    # ---- rewards

    def create_redemption(self, command: Any) -> Verdict:
        account = self.found(self.accounts, command.account_id)
        reward = self.found(self.rewards, command.reward_id)
        refuse_if(
            *self.reasons_against(command.reward_id, account),
            (account.spendable < reward["cost_points"], "insufficient_points"),
        )
        if command.capture:
            self.debit(account, reward["cost_points"])
        else:
            assert account.spend(reward["cost_points"], ("hold", self.own())) == 0
            account.holds[self.own()] = (self.now(account.program) + timedelta(minutes=command.minutes)).replace(
                microsecond=0
            )
        account.act(self.now(account.program))
        given = self.give(command.reward_id, account, self.own(), cost=reward["cost_points"])
        if reward["benefit"]["type"] in ("discount", "free_shipping"):
            discount = {"status": "issued", "account": account, "currency": reward["benefit"].get("currency")}
            self.discounts[self.own("discount")] = given["discount"] = discount
            discount["redemption"] = given
        if not command.capture:
            given.update(status="authorized", hold=self.own())
            return Verdict(figures=0)
        self.entries[self.own("points_transaction")] = ("redemption", account, None)
        return Verdict(figures=reward["cost_points"])

    def capture_redemption(self, command: Any) -> Verdict:
        redemption = self.found(self.redemptions, command.redemption_id)
        points = redemption["cost"] if command.points is None else command.points
        refuse_if(
            (redemption["status"] != "authorized", "redemption_not_authorized"),
            (points > redemption["cost"], "capture_exceeds_hold"),
        )
        self.capture(redemption, points)
        self.entries[self.own("points_transaction")] = ("redemption", redemption["account"], None)
        return Verdict(is_new=False, figures=points)

    def capture(self, redemption: Any, points: int) -> None:
        """R11: the first of what is reserved is spent, the rest is free."""
        account, hold = redemption["account"], ("hold", redemption["hold"])
        left = points
        for lot in account.in_order():
            left -= lot.take(left, redemption["debit"], of=hold)
        account.movements.append(-points)
        account.free_hold(redemption["hold"], self.now(account.program))
        account.act(self.now(account.program))
        redemption.update(status="confirmed", cost=points)

    def use_up(self, discount: Any) -> None:
        """The discount is consumed, which captures what it was held for."""
        discount["status"] = "consumed"
        redemption = discount["redemption"]
        if redemption["status"] == "authorized":
            self.capture(redemption, redemption["cost"])

    def cancel_redemption(self, command: Any) -> Verdict:
        """R5: back to the lots that paid; deficits first; what is over expires again."""
        redemption = self.found(self.redemptions, command.redemption_id)
        discount = redemption["discount"]
        is_used = discount is not None and discount["status"] == "consumed"
        refuse_if((not redemption["is_live"], "redemption_already_canceled"), (is_used, "discount_consumed"))
        account = redemption["account"]
        if redemption["status"] == "authorized":
            account.free_hold(redemption["hold"], self.now(account.program))
            self.end_hold(redemption, "canceled")
            return Verdict(is_new=False)
        for lot in account.lots:
            lot.give_back(redemption["debit"])
        account.movements.append(redemption["cost"])
        account.pay_debts()
        account.expire(self.now(account.program))
        redemption["is_live"] = False
        if discount is not None:
            discount["status"] = "void"
        return Verdict(is_new=False)

    def usable(self, name: Any) -> Any:
        """The discount, which nobody has used."""
        discount = self.found(self.discounts, name)
        status = discount["status"]
        refuse_if((status == "consumed", "discount_consumed"), (status == "void", "discount_not_usable"))
        return discount

    def consume_discount(self, command: Any) -> Verdict:
        self.use_up(self.usable(command.discount_id))
        return Verdict(is_new=False)

    def release_discount(self, command: Any) -> Verdict:
        discount = self.found(self.discounts, command.discount_id)
        refuse_if((discount["status"] == "void", "discount_not_usable"))
        discount["status"] = "issued"
        return Verdict(is_new=False)

    # ---- payments and events

    def linked(self, customer: str | None, link: Any) -> tuple[str | None, list[Account]]:
        """The customer and the accounts that earn: the one that is linked, else all of the customer's."""
        if link is not None:
            account = self.found(self.accounts, link)
            refuse_if((customer not in (None, account.customer), "parameter_conflict"))
            return account.customer, [account]
        mine = [one for one in self.members if customer is not None and one.customer == customer]
        return customer, sorted(mine, key=lambda account: account.created_at)

    def create_payment(self, command: Any) -> Verdict:
        link = command.metadata.get("loyalty_account")
        if self.is_known(command.id):
            return Verdict(is_new=False)
        refuse_if_any_refuses(
            lambda: refuse_if((self.conflicts(command.id), "id_conflict")),
            lambda: self.linked(command.customer_id, link),
            lambda: self.check_session(command),
            *(lambda name=name: self.usable(name) for name in command.discount_ids),
            lambda: self.check_payment(command),
        )
        customer, _accounts = self.linked(command.customer_id, link)
        if command.enrol_in is not None and customer is not None and link is None:
            self.enrol(command.enrol_in, customer, self.own("enrolled"), {})
        _customer, accounts = self.linked(customer, link)
        for discount in [self.usable(name) for name in command.discount_ids]:
            self.use_up(discount)
        unpaid = sum(tender["amount"] for tender in command.tenders if tender["type"] in ("store_credit", "points"))
        eligible = max(command.amount_minor - command.tax_minor - command.shipping_minor - unpaid, 0)
        name = command.id or self.own()
        payment = {
            "amount": command.amount_minor,
            "tax": command.tax_minor,
            "eligible": eligible,
            "customer": customer,
            "currency": command.currency,
            "session": None,
            "refunds": {},
            "awards": [],
            "buyers": [],
            "counted_for": [account for account in accounts if not account.is_closed],
        }
        self.payments[name] = payment
        if command.session_id is not None:
            self.settle(self.sessions[command.session_id], payment)
        self.take_id(command.id)
        for account in accounts:
            account.payments += 1
        facts = {
            "currency": command.currency,
            "eligible": eligible,
            "units": command.minor_per_unit,
            "metadata": command.metadata,
            "lines": command.lines,
            "occurred_at": command.occurred_at,
        }
        instant = self.now(accounts[0].program) if accounts else self.wall
        payment |= {"facts": facts, "occurred_at": command.occurred_at or instant}
        made = self.earn(accounts, "payment.completed", ("awards",), facts, payment=payment)
        payment["awards"] += [(account, lot) for account, lot in made]
        self.skipped += customer is not None and not accounts  # it says that nobody is enrolled (R86)
        return Verdict(figures=([len(lot.units) for _account, lot in made], self.skipped))

    def check_payment(self, command: Any) -> None:
        """What is wrong between a payment, its member and its discounts, as far as they can be found."""
        link = self.accounts.get(command.metadata.get("loyalty_account"))
        customer = command.customer_id if link is None else link.customer
        mine = [one for one in self.members if one.customer == customer]
        programs = [one.program for one in (mine if link is None else [link])]
        if command.enrol_in is not None and customer is not None:
            programs.append(self.programs[command.enrol_in])
        discounts = [self.discounts[name] for name in command.discount_ids if name in self.discounts]
        is_foreign = any(customer is not None and one["account"].customer != customer for one in discounts)
        is_other = any(one["currency"] not in (None, command.currency) for one in discounts)
        latest = max([self.wall, *(self.now(program) for program in programs)])
        is_future = command.occurred_at is not None and command.occurred_at > latest + SKEW
        refuse_if((is_foreign, "not_eligible"), (is_other, "parameter_conflict"), (is_future, "parameter_invalid"))

    def report_event(self, command: Any) -> Verdict:
        reserved = ("loyalty.", "offer.", "payment.", "campaign.", "store_credit.")
        refuse_if((command.type.startswith(reserved), "reserved_event_type"))
        if self.is_known(command.id):
            return Verdict(is_new=False)
        refuse_if((self.conflicts(command.id), "id_conflict"))
        _customer, accounts = self.linked(command.customer_id, command.account_id)
        latest = max([self.now(account.program) for account in accounts], default=self.wall)
        refuse_if((command.occurred_at is not None and command.occurred_at > latest + SKEW, "parameter_invalid"))
        self.take_id(command.id)
        facts = {
            "currency": command.currency,
            "eligible": command.amount_minor,
            "units": command.minor_per_unit,
            "metadata": command.data.get("metadata") or {},
            "data": command.data,
            "occurred_at": command.occurred_at,
        }
        made = self.earn(accounts, command.type, ("awards",), facts)
        return Verdict(figures=([len(lot.units) for _account, lot in made], self.skipped))

    def has_ordered(self, customer: Any, apart_from: Any) -> bool:
        """R82: something is left of another payment of the customer."""
        others = [one for one in self.payments.values() if one["customer"] == customer and one is not apart_from]
        return any(one["amount"] > sum(amount for amount, _, _ in one["refunds"].values()) for one in others)

    def earn(
        self, accounts: list[Account], trigger: str, path: Any, facts: dict[str, Any], *, payment: Any = None
    ) -> list[Any]:
        """R9: each rule in force that matches makes an award of its own, by the tier held before.

        A payment may use offers as well; what these award an account comes after what its rules do.
        """
        made: list[Any] = []
        self.skipped = uses = 0
        for account in accounts:
            tier = None if account.enrolled_by is self.step else account.tier
            at = facts.get("occurred_at") or self.now(account.program)
            is_first = trigger == "payment.completed" and not self.has_ordered(account.customer, payment)
            if payment is not None:
                payment["buyers"].append((account, at, is_first))
            for rule in list(self.rules.values()):
                is_meant = rule["program_id"] == account.program.id and rule["trigger"] == trigger
                if not is_meant or not rule["is_active"]:
                    continue
                self.skipped += 1
                if account.is_closed:
                    continue
                frozen = earned_by(rule, facts, tier, is_first=is_first, at=at)
                points = 0 if frozen is None else points_for(frozen, frozen["eligible"])
                if points:
                    self.skipped -= 1
                    days = account.program.pending_days if payment is not None else 0
                    occurred_at = facts.get("occurred_at")
                    lot = self.accrue(account, points, occurred_at=occurred_at, frozen=frozen, days=days)
                    made.append((account, lot))
            if payment is not None and not account.is_closed:
                bonuses = self.bonuses_of(account, payment, facts, at=at, is_first=is_first)
                uses += len(bonuses)
                made += bonuses
                uses += self.gifts_of(account, payment, facts, at=at, is_first=is_first, first=uses)
        for place, (account, lot) in enumerate(made):
            self.entries[self.own(*path, place, "points_transaction")] = ("award", account, lot)
            self.accounts[self.own(*path, place, "account")] = account
        return made

    def refund_payment(self, command: Any) -> Verdict:
        payment = self.found(self.payments, command.payment_id)
        if self.is_known(command.id):
            return Verdict(is_new=False, figures=payment["refunds"][command.id][2])
        refunds = payment["refunds"]
        left = payment["amount"] - sum(amount for amount, _eligible, _points in refunds.values())
        amount = left if command.amount_minor is None else command.amount_minor
        is_too_much = amount > left or (left == 0 and bool(refunds))
        most = min(amount, math.floor(kept_of(payment)))
        is_odd = command.eligible_minor is not None and command.eligible_minor > most
        refuse_if(
            (self.conflicts(command.id), "id_conflict"),
            (is_too_much, "refund_exceeds_payment"),
            (is_odd, "parameter_invalid"),
        )
        name = command.id or self.own()
        refunds[name] = [amount, command.eligible_minor, 0]
        self.take_id(command.id)
        self.take_gifts_back(payment)
        if self.is_returned(payment):
            self.free_uses(payment)
        for account, lot in sorted(payment["awards"], key=lambda award: award[1].number):
            target = len(lot.units) - kept_points(payment, lot)
            points = min(max(0, target - lot.reversed), lot.left_to_reverse)
            if points:
                self.claw_back(account, lot, points)
                refunds[name][2] += points
        if not self.is_returned(payment):
            self.redeem_late(payment)
        return Verdict(figures=refunds[name][2])
