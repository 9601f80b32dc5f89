"""Bugs planted in what rules ask of an event's data, and in what they count of it."""

from __future__ import annotations

from mutant import Mutant, scenario

NO_QUANTITY = scenario("event_data: What is no quantity gives nothing, and says so (R76)")

MUTANTS: list[Mutant] = [
    Mutant(
        "conditions see only the top of an event's data",
        "value_at",
        'field.removeprefix("data.").split(".")',
        '[field.removeprefix("data.")]',
        scenario("event_data: A rule asks about an event's own data, as deep as it goes (R78)"),
    ),
    Mutant(
        "a rule for payments may ask about data that no payment has",
        "_trigger_refusal",
        'unknown |= {"event"}',
        "unknown |= set()",
        scenario("event_data: Only events that a merchant reports have data (R78)"),
    ),
    Mutant(
        "a path may have empty names",
        "field_of",
        'FIELDS["data."] if all(name.split(".")) else None',
        'FIELDS["data."]',
        scenario("event_data: Only events that a merchant reports have data (R78)"),
    ),
    Mutant(
        "a rule for payments may count a quantity",
        "changes:_refusal",
        "_quantity_refusal(rule), _conversion_refusal(rule)",
        "_conversion_refusal(rule)",
        scenario("event_data: Only events that a merchant reports carry a quantity (R76)"),
    ),
    Mutant(
        "a unit is rounded to a whole number",
        "EarnRate.whole_step",
        "exact_div(self.per_unit.unit_e4, SCALE)",
        "max(floor_div(self.per_unit.unit_e4, SCALE), 1)",
        scenario("event_data: A unit may be a part of one, exactly (R76)"),
    ),
    Mutant(
        "parts of a unit count, too",
        "_unrounded",
        "return earn.points * floor_div(numerator * step.denominator, denominator * step.numerator), 1",
        "return earn.points * numerator * step.denominator, denominator * step.numerator",
        scenario("event_data: Factors and rounding work on whole units, and caps come last (R9, R76)"),
    ),
    Mutant(
        "true is a quantity of 1",
        "exact_of",
        "value if isinstance(value, int) and not isinstance(value, bool) else None",
        "value if isinstance(value, int) else None",
        NO_QUANTITY,
    ),
    Mutant(
        "a negative quantity gives negative points",
        "_quantity",
        "max(exact_of(value_at(occasion.data, per_unit.field)) or 0, 0)",
        "exact_of(value_at(occasion.data, per_unit.field)) or 0",
        NO_QUANTITY,
    ),
    Mutant(
        "a cap hides points that no account could hold",
        "evaluate_rule",
        "if room is not None and (earn.per_unit is None or points <= NUMBER_MAX):",
        "if room is not None:",
        scenario("event_data: What no account could hold is refused, whatever a cap would leave of it (R76)"),
    ),
    Mutant(
        "what an event carries stands in its receipt without its fraction",
        "evaluate_rule",
        'receipt |= {"quantity": show_exact(counted)}',
        'receipt |= {"quantity": whole_part(counted)}',
        "api/test_event_data.py::TestQuantities::test_are_counted_to_the_last_digit_and_the_receipt_says_all",
    ),
    Mutant(
        "an object in the data is spelled out in a reason",
        "spelled",
        "if isinstance(value, Mapping):",
        "if value is None:",
        "api/test_event_data.py::TestReasons::test_say_what_is_there_whatever_it_is",
    ),
]
