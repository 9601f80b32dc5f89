"""What a rule or an offer asks of an occasion, in its short forms and as conditions (conditions/tree.py)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from vinr_server.core.conditions.fields import is_of_member
from vinr_server.core.conditions.judging import Unmet, Values, differences, unmet_in, unmet_of
from vinr_server.core.conditions.member import in_no_segment
from vinr_server.core.conditions.tree import Condition, Lines, Predicate
from vinr_server.core.earning.lines import CountedLine, LineNames, is_selected
from vinr_server.core.kernel.numbers import Exact
from vinr_server.core.kernel.values import dataclass


@dataclass(frozen=True, slots=True)
class Conditions:
    """What must all hold for a rule to apply; None or empty asks nothing. The eligible part is in [min, max).

    `skus` and `categories` name the lines that count, all of them where both are empty; what is excluded never counts.
    `where` asks anything else. `tiers`: of the member who earns. The number of a referrer's conversion is in
    [conversions_from, conversions_to].
    """

    metadata: Mapping[str, Any] | None = None
    min_amount_minor: int | None = None
    max_amount_minor: int | None = None
    currency: str | None = None
    skus: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    first_payment: bool | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    exclude_skus: tuple[str, ...] = ()
    exclude_categories: tuple[str, ...] = ()
    where: Condition | None = None
    tiers: tuple[str, ...] = ()
    conversions_from: int | None = None
    conversions_to: int | None = None

    @property
    def lines(self) -> Lines:
        """The lines that count."""
        return Lines(self.skus, self.categories, self.exclude_skus, self.exclude_categories)


@dataclass(frozen=True, slots=True)
class Occasion:
    """What happened, as rules see it. `occurred_at` None means now.

    Units: minor units, exact: an eligible part, or what a line counts for, need not be whole. `exchanged` is how many
    of them one minor unit is that was paid. `purchase` is there where programs may count different parts of it.
    `data`: of a reported event, as it came. `conversion_number`: which of its referrer's conversions it is.
    """

    trigger: str
    source_type: str
    source_id: str
    occurred_at: datetime | None = None
    currency: str | None = None
    eligible_minor: Exact = 0
    minor_per_unit: int = 1
    metadata: Mapping[str, Any] | None = None
    lines: Sequence[CountedLine] = ()
    is_first_payment: bool = False
    exchanged: Exact = 1
    data: Mapping[str, Any] | None = None
    conversion_number: int | None = None


class OccasionValues:
    """The fields of an occasion, and of the member that it is about: of nobody, a member's are missing."""

    def __init__(self, occasion: Occasion, member: Values | None = None) -> None:
        self._occasion, self._member = occasion, member
        self.exchanged = occasion.exchanged

    @property
    def now(self) -> datetime:
        """The occasion's instant."""
        assert self._occasion.occurred_at is not None, "the occasion's instant is settled before anybody asks about it"
        return self._occasion.occurred_at

    def value_of(self, asked: Predicate) -> Any:
        """Shape: what the field's kind says; None where there is no value."""
        occasion, name = self._occasion, asked.field
        if name.startswith("metadata."):
            return (occasion.metadata or {}).get(name.removeprefix("metadata."))
        if name.startswith("data."):
            return value_at(occasion.data, name)
        if name == "order.amount":
            return eligible_part(asked.lines, occasion)
        if name == "order.currency":
            return occasion.currency
        if name == "order.is_first":
            return occasion.is_first_payment
        if name == "occurred_at":
            return self.now
        if name in ("lines.sku", "lines.category"):
            return _names_of_lines(name, occasion)
        return self._member.value_of(asked) if self._member is not None and is_of_member(name) else None

    def since(self, asked: Predicate) -> datetime | None:
        """As of the member."""
        return self._member.since(asked) if self._member is not None else None

    def lacking(self, segment_ids: Sequence[str]) -> list[Unmet]:
        """As of the member."""
        return self._member.lacking(segment_ids) if self._member is not None else in_no_segment(segment_ids)


def value_at(data: Mapping[str, Any] | None, field: str) -> Any:
    """What stands in an event's data at a field such as data.plan.interval; None where nothing does."""
    value: Any = data
    for key in field.removeprefix("data.").split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _names_of_lines(name: str, occasion: Occasion) -> frozenset[str]:
    """The skus, or categories, of the lines of which something is kept."""
    kept = [line for line in occasion.lines if line[2] > 0]
    if name == "lines.sku":
        return frozenset(sku for sku, _categories, _minor in kept if sku is not None)
    return frozenset(category for _sku, categories, _minor in kept for category in categories)


# ---- the short forms


def eligible_part(lines: LineNames, occasion: Occasion) -> Exact:
    """The minor units that count: what the lines that are named count for, or all but those excluded (R70, R78).

    What was paid beside the lines can't be excluded.
    """
    if lines.skus or lines.categories:
        return sum(minor for sku, categories, minor in occasion.lines if is_selected(lines, sku, categories))
    if lines.exclude_skus or lines.exclude_categories:
        excluded = (minor for sku, categories, minor in occasion.lines if not is_selected(lines, sku, categories))
        return occasion.eligible_minor - sum(excluded)
    return occasion.eligible_minor


def unmet_conditions(
    conditions: Conditions,
    occasion: Occasion,
    *,
    currency: str | None = None,
    member: Values | None = None,
    tier: str | None = None,
) -> list[Unmet]:
    """Every condition that the occasion does not meet, with the smallest change that would meet it.

    `currency` must match as well. `member`: what `where` may ask about. `tier`: that of the member who earns.
    """
    values = OccasionValues(occasion, member)
    unmet = [reason for asked in _of_occasion(conditions, currency) for reason in unmet_of(asked, values)]
    unmet += _no_line_counts(conditions, occasion)
    unmet += [reason for asked in _of_amount(conditions) for reason in unmet_of(asked, values)]
    unmet += _unmet_of_recipient(conditions, occasion, tier)
    return unmet + unmet_in(conditions.where, values) if conditions.where is not None else unmet


def _of_occasion(conditions: Conditions, currency: str | None) -> Iterator[Predicate]:
    for wanted in dict.fromkeys((currency, conditions.currency)):
        if wanted is not None:
            yield Predicate("order.currency", equals=wanted, name="currency")
    yield from in_window(conditions.starts_at, conditions.ends_at)
    if conditions.metadata:
        yield from differences("metadata.", conditions.metadata)
    if conditions.first_payment is not None:
        yield Predicate("order.is_first", equals=conditions.first_payment, name="first_payment")


def _of_amount(conditions: Conditions) -> Iterator[Predicate]:
    if conditions.min_amount_minor is not None:
        yield Predicate("order.amount", gte=conditions.min_amount_minor, lines=conditions.lines, name="min_amount")
    if conditions.max_amount_minor is not None:
        yield Predicate("order.amount", lt=conditions.max_amount_minor, lines=conditions.lines, name="max_amount")


def _unmet_of_recipient(conditions: Conditions, occasion: Occasion, tier: str | None) -> list[Unmet]:
    """What the member who earns lacks: a tier, and how many the referrer has brought."""
    unmet: list[Unmet] = []
    if conditions.tiers and tier not in conditions.tiers:
        wanted = " or ".join(conditions.tiers)
        unmet.append(
            Unmet("tiers", f"The member holds {tier or 'no tier'} (required: {wanted}).", f"needs tier {wanted}")
        )
    number, least, most = occasion.conversion_number, conditions.conversions_from, conditions.conversions_to
    if least is not None and (number or 0) < least:
        message = f"This is conversion {number or 0} of the referrer (required: {least} or more)."
        unmet.append(Unmet("conversion_number", message, f"bring {least - (number or 0)} more"))
    if most is not None and (number is None or number > most):
        message = f"This is conversion {number or 0} of the referrer (required: at most {most})."
        unmet.append(Unmet("conversion_number", message, None))
    return unmet


def in_window(starts_at: datetime | None, ends_at: datetime | None) -> Iterator[Predicate]:
    """The question whether it happened in a window; one without ends asks nothing."""
    if starts_at is not None or ends_at is not None:
        yield Predicate("occurred_at", gte=starts_at, lt=ends_at, name="window")


def metadata_differences(wanted: Mapping[str, Any] | None, got: Mapping[str, Any] | None) -> list[Unmet]:
    """Every key of the wanted metadata that has another value, or none, in what there is; 1 is not true."""
    values = OccasionValues(Occasion("", "", "", metadata=got))
    return [reason for asked in differences("metadata.", wanted) for reason in unmet_of(asked, values)]


def _no_line_counts(conditions: Conditions, occasion: Occasion) -> list[Unmet]:
    """Say that the lines hold nothing that counts: none of those that are named, or only excluded ones."""
    if any(is_selected(conditions, sku, categories) for sku, categories, _minor in occasion.lines):
        return []
    excluded = ", ".join((*conditions.exclude_skus, *conditions.exclude_categories))
    if conditions.skus or conditions.categories:
        named = ", ".join((*conditions.skus, *conditions.categories))
        but = f" (and none of {excluded})" if excluded else ""
        message = f"No line has any of these SKUs or categories: {named}{but}."
        return [Unmet("lines", message, f"add a line of {named}")]
    if excluded and occasion.lines and eligible_part(conditions, occasion) <= 0:
        message = f"Every line has one of these excluded SKUs or categories: {excluded}."
        return [Unmet("lines", message, "add another line")]
    return []
