"""The refusals of offers, codes and campaigns in words (error_codes.py)."""

from __future__ import annotations

from typing import NamedTuple


class Explained(NamedTuple):
    """A code in words. `message` is an example: the real message has the values of the request."""

    meaning: str
    remedy: str
    message: str


ENGAGEMENT = {
    "campaign_not_active": Explained(
        "The campaign is a draft, paused, scheduled, over or archived; `details.status` says which.",
        "Publish it, resume it, or wait until it starts. What is archived stays so.",
        "Campaign cmp_0197a3 is archived. Create another one.",
    ),
    "campaign_step_unmapped": Explained(
        "Members stand at steps that the new revision does not have, or has as another kind. `details.steps` says how"
        " many at which.",
        "Say in `map` at which step they go on, or `exit`; or let them finish the revision that they are in.",
        "Members stand at steps that revision 2 does not have, or has as another kind: survey (410). Say in map where"
        ' they go on, or "exit".',
    ),
    "enrolment_not_open": Explained(
        "The enrollment is over; `details.status` says so.",
        "Nothing to do. Let the member enter again, where the campaign allows it.",
        "Enrollment enr_0197a3 is over, so there is nothing to change.",
    ),
    "in_another_campaign": Explained(
        "The member is in another campaign of the same group; `details.enrolment` names it.",
        "Let that one end first, or give the campaigns different groups.",
        "Account loy_abc123 is in campaign cmp_0197a3 of group lifecycle (enr_0197a3). Let it end first.",
    ),
    "too_many_enrolments": Explained(
        "The member has as many open enrollments as are allowed: 10 in one campaign, 50 in all.",
        "Let some of them end first.",
        "Account loy_abc123 has 50 open enrollments (limit: 50). Let one end first.",
    ),
    "frequency_capped": Explained(
        "The member has entered as often as a cap of the campaign allows; `details.cap` says which, and"
        " `details.frees_at` when it may enter again.",
        "Try again then, or raise the cap in the campaign's definition.",
        "Account loy_abc123 has entered as often as 7d allow in this program (limit: 3 entries)."
        " Wait until 2026-03-01T09:00:00Z.",
    ),
    "code_taken": Explained(
        "Another code has this text, however it is written: one that opens an offer and can still be used, one for a"
        " single use that was used, or a member's referral code. `details` names the code, its offer and its status."
        " Changing a code that was replaced answers the same.",
        "Choose another code, or leave it out to get one that is free. To give the text to another offer, disable the"
        " code that has it first.",
        "The code ADA-2026 is already taken. Choose another one.",
    ),
    "offer_needs_no_code": Explained(
        "The offer applies by itself: nobody needs a code for it.",
        "Create an offer with `requires_code: true`, and codes for that one.",
        "Offer ofr_9fK2 needs no code. Create an offer with requires_code: true, and codes for that one.",
    ),
    "code_batch_not_ready": Explained(
        "The batch is disabled: none of its codes can be used, so none is added or given. Or those that a campaign"
        " would give are still being made: `details` says how many are `made` and `wanted`.",
        "Create another batch, or wait for `code_batch.ready`.",
        "Code batch cbt_0197a3 is disabled: no code of it can be used. Create another batch.",
    ),
    "code_not_applicable": Explained(
        "A checkout session promises everything or nothing, and a code does not apply to the cart. `details.codes`"
        " lists each with its reason; `shopper_reason` is what may be shown to the shopper.",
        "Show the shopper why, and leave the code out. `checkout.evaluate` shows the cart without it.",
        "Not every code applies to this cart: SUMMER (code_expired). Leave these out, or change what stands against"
        " them.",
    ),
    "codes_exhausted": Explained(
        "The step of a campaign finds no code to give: all codes of the batch that can be used are given, held or used;"
        " or it makes them as they are given, and one more would be guessed too easily. `details.batch` names it. The"
        " step is skipped.",
        "Import or generate more codes. `code_batch.low` says it in time, if the batch has `low_at`.",
        "Code batch cbt_0197a3 has no code to give: all that can be used are given, held or used.",
    ),
    "grant_not_open": Explained(
        "The grant was used, or its time is over: `details.status` says which.",
        "Nothing to do: a grant that is used or over gives nothing more.",
        "Grant gnt_0197a3 is redeemed: there is nothing to withdraw.",
    ),
    "offer_not_active": Explained(
        "The offer is a draft or paused; `details` says which. (An offer whose window or cap is over answers"
        " `offer_limit_reached`.)",
        "Publish the offer.",
        "Offer ofr_9fK2 is paused. Publish it to let it go on.",
    ),
    "offer_limit_reached": Explained(
        "The offer's window is not open, or its uses are taken: those of all members together, or those of this member."
        " `details.limit` says which: `window`, `global` or `per_member`.",
        "Show the member a friendly message; this is a normal outcome.",
        "All 500 redemptions of offer ofr_9fK2 are taken.",
    ),
    "budget_exhausted": Explained(
        "The budget has less left in its period than this takes; nothing is given in part. `details` holds `remaining`,"
        " `required`, and `resets_at`, when the next period begins.",
        "Show the member a friendly message; this is a normal outcome. A smaller one may still fit.",
        "The budget of offer ofr_9fK2 has 200 of 10000 (EUR, minor units) left until 2026-12-01T00:00:00+00:00; this"
        " takes 500.",
    ),
}
