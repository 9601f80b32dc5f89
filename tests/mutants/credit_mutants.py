"""Bugs in store credit: whose it is, when it ends, what pays, and what comes back (R25, R27, R28a)."""

from __future__ import annotations

from mutant import Mutant


def credit(title: str) -> str:
    """The scenario that must go red, on core."""
    return f"scenarios/test_scenarios.py::test_scenario[store_credit: {title} [core]]"


MUTANTS = [
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
        "return_credit",
        "if paying.id != wallet.id:",
        "if False:",
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
        "take_credit_back",
        "remaining < lot.points",
        "remaining == 0",
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
