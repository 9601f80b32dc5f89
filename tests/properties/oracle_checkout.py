"""Sessions and the offers they hold, by the rules: every use is a row of its own, and nothing is counted but by those.

Part of the oracle (oracle.py), which holds the rest of the state.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from oracle_answers import RefusedError, Verdict, refuse_if, refuse_if_any_refuses
from oracle_offers import OfferRules


class CheckoutOracle(OfferRules):
    """A percentage off for members of a program, within a cap of all and a limit of each (R15)."""

    wall: datetime
    payments: dict[Any, dict[str, Any]]
    own: Any
    found: Any
    linked: Any
    now: Any

    def __init__(self) -> None:
        super().__init__()
        self.sessions: dict[Any, dict[str, Any]] = {}

    def create_checkout_session(self, command: Any) -> Verdict:
        """R15: what applies is held. It lives by the clock of the customer's first membership, to the whole second."""
        _customer, accounts = self.linked(command.customer_id, None)
        program = accounts[0].program if accounts else None
        ends_at = (self.session_now(program) + timedelta(minutes=30)).replace(microsecond=0)
        total = sum(line.unit_price_minor * line.quantity for line in command.cart.lines)
        session: dict[str, Any] = {"customer": command.customer_id, "program": program, "ends_at": ends_at}
        session |= {"currency": command.cart.currency, "status": "open", "payment": None}
        session["holds_tax"] = command.cart.prices_include_tax
        for name, offer in self.offers.items():
            percentage = offer["terms"].percentage
            mine = [one for one in accounts if one.program.id == offer["program"] and not one.is_closed]
            if percentage is not None and mine and self.has_room(name, mine[0]):
                total -= total * percentage.percent_e4 // 1_000_000
                self.use(name, mine[0], status="held", session=session)
        session["total"] = total
        self.sessions[self.own()] = session
        return Verdict(figures=total)

    def session_now(self, program: Any) -> datetime:
        now: datetime = self.wall if program is None else self.now(program)
        return now

    def open_session(self, name: Any) -> dict[str, Any]:
        """The session, as long as its time is not over."""
        session: dict[str, Any] = self.found(self.sessions, name)
        is_over = self.session_now(session["program"]) >= session["ends_at"]
        refuse_if((session["status"] != "open" or is_over, "checkout_session_not_open"))
        return session

    def check_session(self, command: Any) -> None:
        """A payment that names a session is its customer's, in its currency, of its total."""
        if command.session_id is not None:
            link = command.metadata.get("loyalty_account")
            try:
                customer, _accounts = self.linked(command.customer_id, link)
            except RefusedError:
                customer = None
            session = self.open_session(command.session_id)
            is_taxed_twice = any(line.get("tax") for line in command.lines) and not session["holds_tax"]
            refuse_if((is_taxed_twice, "parameter_conflict"))
            self.check_paid(session, customer, command.amount_minor, command.tax_minor, command.currency)

    def check_paid(self, session: dict[str, Any], customer: Any, amount: int, tax: int, currency: str) -> None:
        """Whose it is comes first. R73: where the prices hold no tax, what is paid is the total and the tax."""
        refuse_if((session["customer"] != customer, "not_eligible"))
        untaxed = amount if session["holds_tax"] else amount - tax
        is_other = session["currency"] != currency or session["total"] != untaxed
        refuse_if((is_other, "parameter_conflict"))

    def complete_checkout_session(self, command: Any) -> Verdict:
        """A session has one payment at most, a payment one session; what was given back whole pays for nothing."""
        payment = None if command.payment_id is None else self.found(self.payments, command.payment_id)
        session = self.found(self.sessions, command.session_id)
        if session["status"] == "completed" and session["payment"] is payment:
            return Verdict(is_new=False)
        self.open_session(command.session_id)
        if payment is not None:
            refuse_if_any_refuses(
                lambda: self.check_paid(
                    session, payment["customer"], payment["amount"], payment["tax"], payment["currency"]
                ),
                lambda: refuse_if((payment["session"] is not None, "payment_has_session")),
                lambda: refuse_if((self.is_returned(payment), "payment_refunded")),
            )
        self.settle(session, payment)
        return Verdict(is_new=False)

    def settle(self, session: dict[str, Any], payment: dict[str, Any] | None) -> None:
        """What was held is used for good."""
        session.update(status="completed", payment=payment)
        if payment is not None:
            payment["session"] = session
        for use in self.uses:
            if use["session"] is session and use["status"] == "held":
                use.update(status="used", payment=payment)

    def expire_checkout_session(self, command: Any) -> Verdict:
        """What was held is free again."""
        session = self.found(self.sessions, command.session_id)
        refuse_if((session["status"] == "completed", "checkout_session_not_open"))
        session["status"] = "expired"
        for use in self.uses:
            if use["session"] is session and use["status"] == "held":
                use["status"] = "released"
        return Verdict(is_new=False)

    def is_returned(self, payment: dict[str, Any]) -> bool:
        """Whether all of it was refunded."""
        refunds = payment["refunds"].values()
        return bool(refunds) and sum(amount for amount, _eligible, _points in refunds) == payment["amount"]
