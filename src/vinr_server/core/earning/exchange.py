"""Exchange: a rule without a currency counts every payment in one, at its own rates, exactly (R76)."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from vinr_server.core.kernel.values import dataclass


@dataclass(frozen=True, slots=True)
class Exchange:
    """The currency that a rule counts in, and what one unit of each other is in it, as exact decimals.

    They are part of the rule's revision: what was given stays as it was counted.
    """

    currency: str
    minor_per_unit: int
    rates: Mapping[str, str]

    def rate(self, currency: str | None) -> str | None:
        """What one unit of a currency is in the rule's; None where the rule has no rate for it."""
        return "1" if currency == self.currency else self.rates.get(currency or "")

    def per_minor(self, rate: str, *, minor_per_unit: int) -> Fraction:
        """What one minor unit at this rate is in the rule's minor units; `minor_per_unit` are those of the payment."""
        return Fraction(rate) * Fraction(self.minor_per_unit, minor_per_unit)
