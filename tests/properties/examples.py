"""How many examples a property gets, from which seed, and whether enough of each kind of thing occurred in them."""

from __future__ import annotations

import os
import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from conftest import SCALE

SEED = int(os.environ.get("VINR_PROPERTY_SEED", secrets.randbits(32)))


# What Hypothesis draws comes in clumps: one seed may draw two percentages in 250 carts, another seventy. A generator
# that makes none makes none from any seed.
ROUNDS_MAX = 6


def hold(law: Callable[..., None], *, examples: int, **strategies: Any) -> Callable[[int], None]:
    """The law holds for so many examples (times VINR_PROPERTY_SCALE); a failure names the seed that finds it again.

    Returns what holds the same law over as many examples more, from the seed of that round.
    """
    checked = settings(
        max_examples=max(int(examples * SCALE), 1),
        deadline=None,
        print_blob=True,
        report_multiple_bugs=False,
        phases=set(Phase) - {Phase.explain},  # which takes minutes once a law has failed
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
    )

    def hold_from(round_number: int) -> None:
        start = SEED + round_number
        try:
            seed(start)(checked(given(**strategies)(law)))()
        except BaseException as error:
            error.add_note(f"Run it again with VINR_PROPERTY_SEED={start} VINR_PROPERTY_SCALE={SCALE:g}.")
            raise

    hold_from(0)
    return hold_from


def expect(
    counted: Counter[str], floors: Mapping[str, int], more: Callable[[int], None], *, per: str = "histories"
) -> None:
    """A quarter of so many of each occurred, or more, per 1,000 of what `per` counts; fewer prove nothing.

    Where one seed drew too few, `more` draws from the next ones, and all that was drawn counts. What so few histories
    hold less than ten of is left to the long form.
    """
    for round_number in range(1, ROUNDS_MAX):
        if not _short(counted, floors, per):
            break
        more(round_number)
    figures = {name: f"{counted[name] * 1000 // max(counted[per], 1)} of {floor}" for name, floor in floors.items()}
    short = _short(counted, floors, per)
    assert counted[per] > 0, "no history ran"
    assert not short, f"too few per 1,000 {per}: {short}; all: {figures}; seed {SEED}"


def _short(counted: Counter[str], floors: Mapping[str, int], per: str) -> list[str]:
    """What occurred too seldom, of that which so many should hold ten times or more."""
    judged = [name for name, floor in floors.items() if floor * counted[per] >= 10_000]
    return [name for name in judged if counted[name] * 4_000 < floors[name] * counted[per] or not counted[name]]
