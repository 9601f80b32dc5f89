"""Operations under /v1/loyalty: programs, accounts, earning rules, points, rewards, redemptions."""

from __future__ import annotations

from vinr_server.api import inputs, reads
from vinr_server.api.contract.operation import (
    CREATE,
    FIND,
    MADE,
    MADE_OR_FOUND,
    Operation,
    list_page,
    retrieve_one,
    write,
)
from vinr_server.core.earning import rows as earning_rows
from vinr_server.core.ledger import rows as ledger_rows
from vinr_server.core.members import rows as members_rows
from vinr_server.core.programs import rows as programs_rows
from vinr_server.core.rewards import rows as rewards_rows

LOYALTY = "/v1/loyalty"

PROGRAMS = (
    write(
        "POST",
        f"{LOYALTY}/programs",
        "loyalty.programs.create",
        "create_program",
        inputs.CreateProgramInput,
        "Create a loyalty program with its currency, zone and tiers.",
        reply="program",
        answers=MADE_OR_FOUND,
        example={
            "name": "VINR Rewards",
            "currency": {"name": "points", "expiry_months": 12},
            "timezone": "Europe/Berlin",
        },
        refusals=CREATE,
    ),
    retrieve_one(
        f"{LOYALTY}/programs/{{id}}",
        "loyalty.programs.retrieve",
        "retrieve_program",
        programs_rows.Program,
        "program",
        reads.show_programs,
    ),
    write(
        "POST",
        f"{LOYALTY}/programs/{{id}}",
        "loyalty.programs.update",
        "update_program",
        inputs.UpdateProgramInput,
        "Change a program from now on.",
        reply="program",
        example={"tiers": [{"id": "silver", "threshold": 0}, {"id": "gold", "threshold": 500}]},
        refusals=(*FIND, "immutable_field"),
        immutable=("id", "timezone", "test_clock"),
    ),
    list_page(
        f"{LOYALTY}/programs", "loyalty.programs.list", "list_programs", reads.PROGRAMS, reads.show_programs, "programs"
    ),
)

ACCOUNTS = (
    write(
        "POST",
        f"{LOYALTY}/accounts",
        "loyalty.accounts.create",
        "create_account",
        inputs.CreateAccountInput,
        "Enrol a customer in a program; enrolling again answers with the account that is there.",
        reply="loyalty_account",
        answers=MADE_OR_FOUND,
        example={"program": "prog_summer", "customer": "cust_8sJ2k", "metadata": {"signup_source": "checkout"}},
        refusals=FIND,
    ),
    retrieve_one(
        f"{LOYALTY}/accounts/{{id}}",
        "loyalty.accounts.retrieve",
        "retrieve_account",
        members_rows.Account,
        "account",
        reads.show_accounts,
    ),
    write(
        "POST",
        f"{LOYALTY}/accounts/{{id}}",
        "loyalty.accounts.update",
        "update_account",
        inputs.UpdateAccountInput,
        "Change an account's metadata.",
        reply="loyalty_account",
        example={"metadata": {"region": "EU"}},
        refusals=(*FIND, "immutable_field"),
        immutable=("id", "program", "customer", "tier", "balance"),
    ),
    write(
        "POST",
        f"{LOYALTY}/accounts/{{id}}/close",
        "loyalty.accounts.close",
        "close_account",
        inputs.NoInput,
        "Close an account: it earns and redeems no more.",
        reply="loyalty_account",
        example={},
        refusals=FIND,
    ),
    list_page(
        f"{LOYALTY}/accounts", "loyalty.accounts.list", "list_accounts", reads.ACCOUNTS, reads.show_accounts, "accounts"
    ),
)

RULES = (
    write(
        "POST",
        f"{LOYALTY}/earning_rules",
        "loyalty.earningRules.create",
        "create_earning_rule",
        inputs.CreateEarningRuleInput,
        "Create a rule that turns events into points.",
        reply="earning_rule",
        answers=MADE,
        example={
            "program": "prog_default",
            "trigger": "payment.completed",
            "earn": {"points_per_currency_unit": 1},
            "multipliers": [{"when": {"tier": "gold"}, "factor": 2}],
        },
        refusals=FIND,
    ),
    retrieve_one(
        f"{LOYALTY}/earning_rules/{{id}}",
        "loyalty.earningRules.retrieve",
        "retrieve_earning_rule",
        earning_rows.EarningRule,
        "earning rule",
        reads.show_rules,
    ),
    write(
        "POST",
        f"{LOYALTY}/earning_rules/{{id}}",
        "loyalty.earningRules.update",
        "update_earning_rule",
        inputs.UpdateEarningRuleInput,
        "Make a new revision of a rule.",
        reply="earning_rule",
        example={"earn": {"points_per_currency_unit": "1.5"}, "conditions": {"min_amount": 1000, "currency": "EUR"}},
        refusals=(*FIND, "immutable_field"),
        immutable=("id", "program", "trigger"),
    ),
    write(
        "DELETE",
        f"{LOYALTY}/earning_rules/{{id}}",
        "loyalty.earningRules.delete",
        "delete_earning_rule",
        None,
        "Delete a rule; its revisions stay for the awards they made.",
        reply="deleted",
        refusals=FIND,
    ),
    list_page(
        f"{LOYALTY}/earning_rules",
        "loyalty.earningRules.list",
        "list_earning_rules",
        reads.RULES,
        reads.show_rules,
        "earning rules",
    ),
)

POINTS = (
    write(
        "POST",
        f"{LOYALTY}/points/award",
        "loyalty.points.award",
        "award_points",
        inputs.AwardPointsInput,
        "Award points to a member.",
        reply="points_transaction",
        answers=MADE,
        example={"account": "loy_abc123", "points": 250, "reason": "purchase", "metadata": {"order": "1234"}},
        refusals=(*FIND, "account_closed", "parameter_conflict"),
    ),
    write(
        "POST",
        f"{LOYALTY}/points/adjust",
        "loyalty.points.adjust",
        "adjust_points",
        inputs.AdjustPointsInput,
        "Correct a balance, up or down.",
        reply="points_transaction",
        answers=MADE,
        example={"account": "loy_abc123", "points": -20, "reason": "counted twice"},
        refusals=(*FIND, "account_closed", "insufficient_points"),
    ),
    write(
        "POST",
        f"{LOYALTY}/points/reverse",
        "loyalty.points.reverse",
        "reverse_points",
        inputs.ReversePointsInput,
        "Claw back an award, whole or in part.",
        reply="points_transaction",
        answers=MADE_OR_FOUND,
        example={"transaction": "ptx_0197a3", "reason": "refund"},
        refusals=(*FIND, "reversal_of_reversal", "not_reversible"),
    ),
    list_page(
        f"{LOYALTY}/points",
        "loyalty.points.list",
        "list_points",
        reads.ENTRIES,
        reads.show_entries,
        "points transactions",
    ),
    retrieve_one(
        f"{LOYALTY}/points/{{id}}",
        "loyalty.points.retrieve",
        "retrieve_points",
        ledger_rows.Entry,
        "points transaction",
        reads.show_entries,
    ),
)

REWARDS = (
    write(
        "POST",
        f"{LOYALTY}/rewards",
        "loyalty.rewards.create",
        "create_reward",
        inputs.CreateRewardInput,
        "Create something that points buy.",
        reply="reward",
        answers=MADE_OR_FOUND,
        example={
            "program": "prog_default",
            "name": "€5 off",
            "points_cost": 100,
            "benefit": {"type": "discount", "amount": 500, "currency": "EUR"},
        },
        refusals=CREATE,
    ),
    retrieve_one(
        f"{LOYALTY}/rewards/{{id}}",
        "loyalty.rewards.retrieve",
        "retrieve_reward",
        rewards_rows.Reward,
        "reward",
        reads.show_rewards,
    ),
    write(
        "POST",
        f"{LOYALTY}/rewards/{{id}}",
        "loyalty.rewards.update",
        "update_reward",
        inputs.UpdateRewardInput,
        "Make a new revision of a reward.",
        reply="reward",
        example={"stock": 500, "per_member_limit": 2},
        refusals=(*FIND, "immutable_field"),
        immutable=("id", "program"),
    ),
    write(
        "POST",
        f"{LOYALTY}/rewards/{{id}}/archive",
        "loyalty.rewards.archive",
        "archive_reward",
        inputs.NoInput,
        "Archive a reward: it can't be redeemed any more.",
        reply="reward",
        example={},
        refusals=FIND,
    ),
    list_page(
        f"{LOYALTY}/rewards", "loyalty.rewards.list", "list_rewards", reads.REWARDS, reads.show_rewards, "rewards"
    ),
)

REDEMPTIONS = (
    write(
        "POST",
        f"{LOYALTY}/redemptions",
        "loyalty.redemptions.create",
        "create_redemption",
        inputs.CreateRedemptionInput,
        "Spend a member's points on a reward.",
        reply="redemption",
        answers=MADE,
        example={"account": "loy_abc123", "reward": "rwd_fiveOff", "metadata": {"order": "1234"}},
        refusals=(
            *FIND,
            "account_closed",
            "program_mismatch",
            "reward_archived",
            "not_eligible",
            "reward_out_of_stock",
            "insufficient_points",
        ),
    ),
    retrieve_one(
        f"{LOYALTY}/redemptions/{{id}}",
        "loyalty.redemptions.retrieve",
        "retrieve_redemption",
        rewards_rows.Redemption,
        "redemption",
        reads.show_redemptions,
    ),
    write(
        "POST",
        f"{LOYALTY}/redemptions/{{id}}/cancel",
        "loyalty.redemptions.cancel",
        "cancel_redemption",
        inputs.CancelRedemptionInput,
        "Cancel a redemption: its points go back to the lots that paid.",
        reply="redemption",
        example={"reason": "order canceled"},
        refusals=(*FIND, "redemption_already_canceled", "discount_consumed", "discount_not_usable"),
    ),
    list_page(
        f"{LOYALTY}/redemptions",
        "loyalty.redemptions.list",
        "list_redemptions",
        reads.REDEMPTIONS,
        reads.show_redemptions,
        "redemptions",
    ),
)

LOYALTY_OPERATIONS: tuple[Operation, ...] = (*PROGRAMS, *ACCOUNTS, *RULES, *POINTS, *REWARDS, *REDEMPTIONS)
