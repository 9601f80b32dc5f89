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


def hold(law: Callable[..., None], *, examples: int, **strategies: Any) -> None:
    """The law holds for so many examples (times VINR_PROPERTY_SCALE); a failure names the seed that finds it again."""
    checked = settings(
        max_examples=max(int(examples * SCALE), 1),
        deadline=None,
        print_blob=True,
        report_multiple_bugs=False,
        phases=set(Phase) - {Phase.explain},  # which takes minutes once a law has failed
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
    )
    try:
        seed(SEED)(checked(given(**strategies)(law)))()
    except BaseException as error:
        error.add_note(f"Run it again with VINR_PROPERTY_SEED={SEED} VINR_PROPERTY_SCALE={SCALE:g}.")
        raise


def expect(counted: Counter[str], floors: Mapping[str, int]) -> None:
    """At least a quarter of so many of each occurred per 1,000 histories; a verdict on fewer is worth nothing.

    A quarter: what Hypothesis draws comes in clumps, and the rates of one run to the next differ as much as fivefold.
    What so few histories hold less than ten of is left to the long form.
    """
    histories = counted["histories"]
    figures = {name: f"{counted[name] * 1000 // max(histories, 1)} of {floor}" for name, floor in floors.items()}
    judged = [name for name, floor in floors.items() if floor * histories >= 10_000]
    short = {
        name: figures[name] for name in judged if counted[name] == 0 or counted[name] * 4_000 < floors[name] * histories
    }
    assert histories > 0, "no history ran"
    assert not short, f"too few per 1,000 histories: {short}; all: {figures}; seed {SEED}"
