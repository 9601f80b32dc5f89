"""Bugs of the engine that histories steer around while they stand, so that they don't hide others.

Each name has its minimal example in test_known_bugs.py, which fails as soon as the bug is mended; its name then goes from here.
"""

from __future__ import annotations

STANDING: frozenset[str] = frozenset(
    {
        # Enrolling again shows only the lots that a neighbour in its batch has loaded, and counts expired points.
        "re-enrolment",
        # A refund in one batch with its payment sees no lots but those made in that batch.
        "refund-with-payment",
        # Payments, refunds and awards check what is cheap first, not in the order of refusals.CODES.
        "refusal-order",
        # A manual award for a payment without a customer is not found when that payment is refunded.
        "award-for-payment-of-nobody",
        # Whether an event lies in the future is judged by the wall, not by its program's test clock.
        "event-clock",
        # Caps that are set, lifted and set again have lost count of the redemptions in between.
        "edited-caps",
    }
)


def steers_around(bug: str) -> bool:
    """Whether the bug still stands; its name must be spelled as above."""
    return bug in STANDING
