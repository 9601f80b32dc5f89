"""Bugs in store credit: whose it is, when it ends, what pays, and what comes back (R25, R27, R28a)."""

from __future__ import annotations

from mutant import Mutant, scenario


def credit(title: str) -> str:
    """The scenario that must go red, on core."""
    return scenario(f"store_credit: {title}")


def paid(title: str) -> str:
    """The scenario of carts, payments and refunds that must go red, on core."""
    return scenario(f"credit_in_payments: {title}")


MUTANTS = [
    Mutant(
        "credit is returned by rounding each refund",
        "split_of",
        "payment.credit_minor * refunded_minor // (payment.amount_minor or 1) - returned_minor",
        "payment.credit_minor * amount_minor // (payment.amount_minor or 1)",
        paid("Any path of refunds ends at what each tender paid (R26, 30)"),
    ),
    Mutant(
        "refunds give back as money what credit paid",
        "split_refusal",
        "if money_minor <= left_minor:",
        "if True:",
        paid("Money never gives back more than was paid with money (R26a, 26)"),
    ),
    Mutant(
        "what returns to credit takes its share of what was earned",
        "kept_of",
        "payment.money_minor - sum(refund.money_minor for refund in standing if refund.lines)",
        "payment.amount_minor - sum(refund.money_minor for refund in standing if refund.lines)",
        paid("A refund without words is split in proportion, and so are its points (R26, R26b, 28)"),
    ),
    Mutant(
        "a wallet's credit earns where a program lets store credit earn",
        "eligible_minor",
        "tender.get('account') is not None",
        "False",
        paid("What credit pays earns nothing; the rest earns as ever (R25d, 36)"),
    ),
    Mutant(
        "a hold that grows within a lot forgets what it had of it",
        "reserve",
        "held_points.get(use.lot.id, 0) + use.points",
        "use.points",
        paid("A session that grows within a lot spends all that it holds of it (R11, R25c)"),
    ),
    Mutant(
        "a session that changes lets go of credit that would be over",
        "resize",
        "if left_points:",
        "if False:",
        paid("What is held does not end while the session lasts, and is over once that lets go of it (R11e, R25c)"),
    ),
    Mutant(
        "an expired session keeps its credit",
        "give_up",
        "release_credit(draft, context, session)",
        "None",
        paid("What a session held is free again once, whatever ends it and how often (R25c, 25)"),
    ),
    Mutant(
        "returned credit ends as it would have",
        "_return",
        "lasts_until is not None and (use.lot.expires_at or NEVER) < lasts_until",
        "False",
        paid("Returned credit lasts at least the days of a return (R26c)"),
    ),
    Mutant(
        "an undone refund leaves what it returned",
        "undo_credit",
        "if not refund.credit_returned_minor:",
        "if True:",
        paid("A refund that is undone takes its credit again, as long as that is there (R72, R26)"),
    ),
    Mutant(
        "a payment takes what a session holds",
        "tenders_refusal",
        "wallet.free_points < required_minor",
        "wallet.ledger_balance_points < required_minor",
        paid("What a session holds nobody else spends, and the session completes (R25c, 23)"),
    ),
    Mutant(
        "a reversed grant takes another grant's credit",
        "_take_back",
        "sum(own.free_points for own in own_lots(draft, lot))",
        "min(lot.reversible_points, wallet.free_points)",
        credit("A grant is taken back as far as its own lot holds it (R25b, 34)"),
    ),
    Mutant(
        "credit that is over is counted before a spend",
        "named_wallet",
        "None if wallet is None else sweep(draft, context, wallet, now=now_of(draft, context, wallet))",
        "wallet",
        credit("Nobody spends credit that is over, whenever the worker comes (R2, R24, 33)"),
    ),
    Mutant(
        "a wallet lives by real time, whatever its customer's clock",
        "clock_of",
        "program_of(draft, accounts[0]).clock_id if accounts else None",
        "None",
        credit("Credit ends as its grant says, else as the settings say, else never (R25a)"),
    ),
    Mutant(
        "a grant's own months don't count",
        "end_of_grant",
        "settings.default_expiry_months if expiry_months is None else expiry_months",
        "settings.default_expiry_months",
        credit("Credit ends as its grant says, else as the settings say, else never (R25a)"),
    ),
    Mutant(
        "a wallet of another currency will do",
        "wallet_in",
        "wallet.currency == currency",
        "True",
        credit("Currencies have wallets of their own, with the units each has (R25, 35)"),
    ),
    Mutant(
        "a spend is returned again and again",
        "_give_back",
        "-entry.points - returned",
        "-entry.points",
        credit("A spend by hand is returned to the lots that paid (R5, R25b)"),
    ),
    Mutant(
        "merged customers keep their wallets",
        "merge_wallets",
        "draft.put(replace(wallet, merged_into=into.id))",
        "draft.put(wallet)",
        credit("What a merged customer spent comes back to who it is now (R28a)"),
    ),
    Mutant(
        "what a merged customer spent stays in its own wallet",
        "put_credit_back",
        "if paying.id == wallet.id:",
        "if True:",
        credit("What a merged customer spent comes back to who it is now (R28a)"),
    ),
    Mutant(
        "lists of points show store credit",
        "POINTS",
        "Scope(\"t.id >= 'ptx_'\")",
        "Scope('true')",
        "api/test_store_credit.py::TestLists::test_points_and_credit_are_listed_apart",
    ),
    Mutant(
        "liability counts what is over until its expiry is written",
        "LIABILITY",
        "coalesce(m.expires_at <= m.as_of, false) as is_over",
        "false as is_over",
        "api/test_store_credit.py::TestLiability::test_counts_what_is_over_as_expired_before_and_after_it_is_written",
    ),
    Mutant(
        "a canceled redemption takes what is left of its credit",
        "spent_refusal",
        "remaining == lot.points",
        "remaining > 0",
        credit("Once some of it is spent, its redemption stands (R25e, 37)"),
    ),
    Mutant(
        "credit that is over is there to take back until that is written",
        "swept_wallet",
        "sweep(draft, context, wallet, now=now_of(draft, context, wallet))",
        "wallet",
        credit("What is over is not there to take back, whenever that is written (R24, R25e)"),
    ),
]
