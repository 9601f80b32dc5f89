"""Bugs planted in grants of offers: who has one, for how long, and what becomes of it."""

from __future__ import annotations

from mutant import Mutant, scenario

FIRST = scenario("grants: The grant that ends first is used first, one without an end last (R48)")
OVER = scenario("grants: A grant is over at the very end of its time, whether a worker has come or not (R24, R48)")
WAITS = scenario("grants: A granted multiplier waits for its grant, and each grant is one use (R48)")
MADE_BEFORE = scenario(
    "grants: A purchase that was made before the grant, or is reported after it, doesn't use it (R22, R48)"
)
WITHDRAWN = scenario("grants: A withdrawn grant is gone, and makes room for another (R48)")
CANCELED = scenario("grants: A refund's cancellation takes the grant again, unless it is used by then (R15, R66)")
PROMISED = scenario("grants: A session's promise holds, though its grant ends or is withdrawn meanwhile (R16)")
HELD = scenario("grants: A session holds the grant of its discount, so that no other has it (R16, R48)")
MERGED = scenario("grants: A merged member's grants are those of the member it is now, and count with them (R66a, R85)")
MERGED_STORED = scenario(
    "grants: A merged member's grants are those of the member it is now, and count with them (R66a, R85)",
    "postgres",
)

MUTANTS: list[Mutant] = [
    Mutant(
        "a granted offer needs no grant",
        "PaymentOffers._is_usable",
        "if offer.is_granted and not self._has_grant(offer, account, occasion):",
        "if False:",
        WAITS,
    ),
    Mutant(
        "grants are used in the order in which they were given",
        "usable_grant",
        "key=_soonest_end",
        "key=lambda grant: grant.id",
        FIRST,
    ),
    Mutant(
        "a grant without an end is used first",
        "_soonest_end",
        "grant.expires_at is None, grant.expires_at or grant.granted_at",
        "False, grant.expires_at or grant.granted_at",
        FIRST,
    ),
    Mutant(
        "a grant lasts one instant too long",
        "OfferGrant.covers",
        "instant < self.expires_at",
        "instant <= self.expires_at",
        OVER,
    ),
    Mutant(
        "a grant counts for purchases made before it",
        "usable_grant",
        "grant.covers(occurred_at or now)",
        "True",
        MADE_BEFORE,
    ),
    Mutant(
        "a grant counts for purchases reported after it",
        "usable_grant",
        "grant.covers(now)",
        "True",
        MADE_BEFORE,
    ),
    Mutant(
        "a withdrawn grant still counts for the limit",
        "withdraw_grant",
        "_count(draft, offer, account, withdrawn, -1)",
        "",
        WITHDRAWN,
    ),
    Mutant(
        "the limit counts uses, not grants ever held",
        "granting_refusal",
        'counted_as="grant"',
        "counted_as=None",
        WAITS,
    ),
    Mutant(
        "who the offer is for is not asked when it is granted",
        "granting_refusal",
        "targeting_refusal(draft, context, offer, account)",
        "None",
        scenario(
            "grants: Who the member is, is asked when the offer is granted, and again when it is redeemed (R17, R48)"
        ),
    ),
    Mutant(
        "a refund's cancellation takes a grant that another use has",
        "retake_member_slot",
        "not is_free(draft, redemption)",
        "False",
        CANCELED,
    ),
    Mutant("a refund keeps the grant", "free_member_slot", "free_grant(draft, redemption)", "", CANCELED),
    Mutant(
        "a session that is given up brings a withdrawn grant back",
        "free_grant",
        '"open" if grant.withdrawn_at is None else "withdrawn"',
        '"open"',
        PROMISED,
    ),
    Mutant("two sessions hold one grant", "usable_grant", "grant.redemption_id is None", "True", HELD),
    Mutant(
        "a merged member's grants stay behind",
        "_merge_account",
        "draft.put(replace(grant, account_id=into.id))",
        "",
        MERGED,
    ),
    Mutant(
        "a grant that comes back goes to the member that was",
        "free_grant",
        "acting(draft, account).id",
        "account.id",
        MERGED_STORED,
    ),
    Mutant(
        "a grant's months are counted in UTC",
        "grant_offer",
        "zone = program_of(draft, account).timezone",
        'zone = "UTC"',
        scenario("grants: Calendar months of a grant are counted in the program's zone (R1, R45)"),
    ),
    Mutant(
        "open grants of other buckets are not found",
        "_read_open_grants",
        "*(bucket_of(realm, buyer.customer_id) for buyer in account.buyers)",
        "",
        MERGED_STORED,
    ),
]
