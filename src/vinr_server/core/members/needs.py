"""What enrolling needs: the customer and its accounts, and what hangs on the account that may come."""

from __future__ import annotations

from vinr_server.core.kernel.needs import Needs, Part
from vinr_server.core.kernel.rows import Counter
from vinr_server.core.members.rows import Account, Customer
from vinr_server.core.offers.rows import OfferClaim
from vinr_server.core.programs.rows import Program
from vinr_server.core.segments.rows import Purchases


def name_enrolment(needs: Needs, customer_id: str, program_id: str) -> None:
    """The customer's accounts are looked at, and one in the program may come of it.

    What a new account has in common with its customer's others is not read unless a decision asks for it.
    """
    needs.row(Customer, customer_id)
    needs.children(Account, customer_id, look=True)
    needs.row(Program, program_id)
    needs.plans.enrollments.add(program_id)
    needs.plans.enrolling.add(customer_id)
    needs.children(Purchases, (customer_id, program_id), Part.NONE)
    needs.children(Counter, customer_id, Part.FIRST)
    needs.children(OfferClaim, customer_id, Part.FIRST)
