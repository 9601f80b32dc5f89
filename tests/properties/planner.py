"""A planner plays each step of a history in memory as it goes, so that the next move knows what is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from engines import WALL
from steps import Ref, Step
from worlds import FIRST_STEP, World, core_run, step_of, world

from vinr_server.core.checkout.commands import CreateCheckoutSession
from vinr_server.core.clocks import commands as clocks_commands
from vinr_server.core.earning import commands as earning_commands
from vinr_server.core.kernel.commands import Command
from vinr_server.core.ledger import commands as ledger_commands
from vinr_server.core.ledger.rows import Lot
from vinr_server.core.members import commands as members_commands
from vinr_server.core.members.rows import Account
from vinr_server.core.offers import commands as offer_commands
from vinr_server.core.payments import commands as payments_commands
from vinr_server.core.rewards import commands as rewards_commands
from vinr_server.engine.submission import Outcome, Reply


class Dice:
    """Bytes read as choices; 0, and no byte at all, is the first and simplest one."""

    def __init__(self, thrown: bytes) -> None:
        self._left = iter(thrown)

    def roll(self, sides: int) -> int:
        """A number from 0 up to but not including `sides`."""
        high = next(self._left, 0) if sides > 32 else 0
        return (high * 256 + next(self._left, 0)) % sides

    def pick(self, options: Sequence[Any]) -> Any:
        """One of the options."""
        return options[self.roll(len(options))]

    def one_in(self, sides: int) -> bool:
        """True once in so many throws."""
        return self.roll(sides) == sides - 1


@dataclass
class Known:
    """What a realm's members have had so far, for later moves to refer to."""

    # Awards, redemptions and discounts each with the account they belong to.
    awards: list[tuple[Ref, Ref]] = field(default_factory=list)
    redemptions: list[tuple[Ref, Ref]] = field(default_factory=list)
    discounts: list[tuple[Ref, Ref]] = field(default_factory=list)
    # Id, amount and customer.
    payments: list[tuple[Any, int, str | None]] = field(default_factory=list)
    # The session, what it comes to, and its customer.
    sessions: list[tuple[Ref, int, str]] = field(default_factory=list)
    named: list[Step] = field(default_factory=list)
    keyed: list[Step] = field(default_factory=list)


class Planner:
    """Turns moves into steps, and plays each as it goes."""

    def __init__(self, variant: int, *, may_wait: bool = True) -> None:
        self.may_wait = may_wait
        self.run = core_run(variant)
        self.steps: list[Step] = []
        self.worlds = [world(variant, realm) for realm in (0, 1)]
        self.knowns = [Known(), Known()]
        self.realm, self.dice = 0, Dice(b"")

    def throw(self, thrown: bytes) -> None:
        """The dice for the next move."""
        self.dice = Dice(thrown)

    @property
    def known(self) -> Known:
        return self.knowns[self.realm]

    @property
    def world(self) -> World:
        return self.worlds[self.realm]

    # ---- what the run in memory has reached

    def now(self, account: Ref) -> datetime:
        """The instant that the account's program lives at."""
        return WALL if self.world.accounts[account][0] == "prog_b" else self.world.clock_at

    def id_of(self, ref: Ref) -> str:
        """What the reference stands for."""
        found = self.run.answers[ref.step]
        for part in ref.path:
            found = found[part]
        return str(found)

    def row(self, account: Ref) -> Account:
        """The account as it stands."""
        row = self.run.layers[self.run.realms[self.realm]].get(Account, self.id_of(account))
        assert row is not None
        return row

    def live_lots(self, account: Ref) -> list[Lot]:
        """Its lots that hold points."""
        lots = self.run.layers[self.run.realms[self.realm]].children(Lot, self.row(account).id)
        return [lot for lot in lots if lot.remaining_points > 0]

    def spendable(self, account: Ref) -> int:
        """The points that can be spent now."""
        now = self.now(account)
        return sum(lot.free_points for lot in self.live_lots(account) if not lot.expires_at or lot.expires_at > now)

    def account(self) -> Ref:
        """An account, mostly one that was there from the start."""
        return self.dice.pick(list(self.world.accounts))

    # ---- one step

    def do(self, command: Command, *, is_plain: bool = False) -> Outcome:
        """The command is the next step, now and then under a key, as a dry run, or both."""
        key = None
        if not is_plain and self.dice.one_in(5):
            key = f"key-{len(self.known.keyed)}"
        is_dry_run = not is_plain and self.dice.one_in(24)
        step = step_of(FIRST_STEP + len(self.steps), self.realm, command, key=key, is_dry_run=is_dry_run)
        return self.take(step)

    def take(self, step: Step) -> Outcome:
        """The step is played, and what it made is known."""
        self.steps.append(step)
        (outcome,) = self.run.submit([step])
        if isinstance(outcome, Reply) and not step.is_dry_run and not outcome.is_replay:
            self.learn(step, self.run.answers[step.number], is_new=outcome.status == 201)
        return outcome

    def learn(self, step: Step, answer: Any, *, is_new: bool) -> None:
        """Later moves can refer to what the step made."""
        command, known = step.command, self.known
        if getattr(command, "id", None):
            known.named.append(step)
        if step.key:
            known.keyed.append(step)
        if isinstance(command, clocks_commands.AdvanceTestClock):
            self.world.clock_at = command.frozen_at
        if not is_new:
            return
        own = Ref(step.number, ("id",))
        match command:
            case members_commands.CreateAccount():
                self.world.accounts[own] = (command.program_id, command.customer_id)
            case ledger_commands.AwardPoints() | ledger_commands.AdjustPoints():
                known.awards.append((own, command.account_id))  # type: ignore[arg-type]
            case ledger_commands.ReversePoints():
                known.awards.append((own, known.awards[0][1]))
            case rewards_commands.CreateRedemption():
                account: Any = command.account_id
                known.redemptions.append((own, account))
                if answer["points_transaction"]:
                    known.awards.append((Ref(step.number, ("points_transaction",)), account))
                if answer["discount"]:
                    known.discounts.append((Ref(step.number, ("discount",)), account))
            case offer_commands.ActivateOffer():
                used, member = answer["redemption"], command.account_id
                if used["redemption"] is not None:
                    known.redemptions.append((Ref(step.number, ("redemption", "redemption")), member))  # type: ignore[arg-type]
                else:
                    known.awards.append((Ref(step.number, ("redemption", "points_transaction")), member))  # type: ignore[arg-type]
            case payments_commands.CreatePayment():
                customer = answer["customer"]
                known.payments.append((command.id or own, command.amount_minor, customer))
                self.learn_awards(step, answer["awards"])
                for place, use in enumerate(answer["offer_redemptions"]):
                    account = self.account_with(use["account"]) if "redemption" in use else None
                    if account is not None:
                        known.redemptions.append(
                            (Ref(step.number, ("offer_redemptions", place, "redemption")), account)
                        )
            case CreateCheckoutSession():
                known.sessions.append((own, answer["total"], answer["customer"]))
            case earning_commands.ReportEvent():
                self.learn_awards(step, answer["awards"])

    def learn_awards(self, step: Step, awards: Sequence[Any]) -> None:
        """The awards that an occasion made, and the member that an import enrolled."""
        for place, award in enumerate(awards):
            account = self.account_with(award["account"])
            if account is None:
                account = Ref(step.number, ("awards", place, "account"))
                row = self.row(account)
                self.world.accounts[account] = (row.program_id, row.customer_id)
            self.known.awards.append((Ref(step.number, ("awards", place, "points_transaction")), account))

    def account_with(self, account_id: str) -> Ref | None:
        """The reference to an account by its id."""
        return next((account for account in self.world.accounts if self.id_of(account) == account_id), None)

    def recent(self, made: Sequence[Any]) -> Any:
        """One of the last that were made, the newest for the simplest throw."""
        return made[-1 - self.dice.roll(min(len(made), 8))]

    def offers_for(self, account: Ref) -> list[str]:
        """The offers that the account's program, or every program, has to be opted into."""
        program = self.world.accounts[account][0]
        return [name for name, owner in self.world.offers.items() if owner in (None, program)]

    def rewards_for(self, account: Ref) -> list[str]:
        """The rewards of the account's program."""
        program = self.world.accounts[account][0]
        return [name for name, owner in self.world.rewards.items() if owner == program]
