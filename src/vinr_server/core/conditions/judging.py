"""Judge conditions: every one that does not hold, with its reason and the smallest change that would meet it.

A missing value meets no question about it, and every contrary one; it is never an error.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Protocol

from vinr_server.core.conditions.fields import Field, field_of
from vinr_server.core.conditions.tree import Condition, Lines, Predicate, contrary_of
from vinr_server.core.kernel.numbers import Exact, ceil_div, exact_div, floor_div
from vinr_server.core.kernel.values import dataclass

DAY = timedelta(days=1)
# So many characters of a text stand in a reason.
SHOWN_LENGTH_MAX = 100


@dataclass(frozen=True, slots=True)
class Unmet:
    """A condition that failed, in words, and the smallest change that would meet it; None where none would."""

    condition: str
    message: str
    change: str | None


class Values(Protocol):
    """What fields are, for one occasion, cart or member.

    `now` is the instant by which ages are counted; `exchanged`: how many units of an amount one minor unit is that is
    paid.
    """

    @property
    def now(self) -> datetime: ...

    @property
    def exchanged(self) -> Exact: ...

    def value_of(self, asked: Predicate) -> Any:
        """The field's value; None where there is none. Of a field with several values, a set."""

    def since(self, asked: Predicate) -> datetime | None:
        """The instant from which a field counts days, if that is known."""

    def lacking(self, segment_ids: Sequence[str]) -> list[Unmet]:
        """Nothing where the member is in one of the segments; otherwise what it lacks for the nearest."""


def unmet_in(condition: Condition, values: Values) -> list[Unmet]:
    """Every part of the condition that does not hold."""
    unmet = unmet_of(condition.predicate, values) if condition.predicate is not None else []
    for part in condition.all_of:
        unmet += unmet_in(part, values)
    if condition.any_of:
        unmet += none_of([unmet_in(part, values) for part in condition.any_of])
    if condition.not_of is not None:
        unmet += unmet_in(contrary_of(condition.not_of), values)
    return unmet


def holds(condition: Condition, values: Values) -> bool:
    """Whether nothing of the condition is unmet, without a word why not."""
    asked = condition.predicate
    if asked is not None and (not _failing(asked, values.value_of(asked), values)) == asked.is_contrary:
        return False
    if not all(holds(part, values) for part in condition.all_of):
        return False
    if condition.any_of and not any(holds(part, values) for part in condition.any_of):
        return False
    return condition.not_of is None or not holds(condition.not_of, values)


def none_of(lacking: Sequence[list[Unmet]]) -> list[Unmet]:
    """Nothing if one alternative lacks nothing; otherwise a single reason, with what the nearest one lacks.

    Ties: fewest changes, then the first; an alternative that nothing can meet comes last.
    """
    if not all(lacking):
        return []
    nearest = min(lacking, key=distance)
    changes = [reason.change for reason in nearest]
    change = None if None in changes else " and ".join(part for part in changes if part is not None)
    reasons = " ".join(reason.message for reason in nearest)
    return [Unmet("any", f"None of {len(lacking)} alternatives is met. Closest: {reasons}", change)]


def distance(lacks: Sequence[Unmet]) -> tuple[bool, int]:
    """How far it is to what lacks these: whether it can't be reached, and how many changes it takes."""
    return (any(reason.change is None for reason in lacks), len(lacks))


def unmet_of(asked: Predicate, values: Values) -> list[Unmet]:
    """Nothing if the predicate holds; otherwise why it does not."""
    if asked.field == "segment" and asked.values and not asked.is_contrary:
        return values.lacking([str(value) for value in asked.values])
    value = values.value_of(asked)
    if (not _failing(asked, value, values)) != asked.is_contrary:
        return []
    return [reason(asked, value, values)]


def _failing(asked: Predicate, value: Any, values: Values) -> list[str]:
    """The operators of the predicate that the value does not meet."""
    failing: list[str] = []
    if asked.exists is not None and asked.exists != (value is not None and value != frozenset()):
        failing.append("exists")
    if asked.values and not _is_one_of(value, asked.values):
        failing.append("in")
    for name, bound in _bounds(asked):
        if not _is_comparable(value, bound) or not _COMPARE[name](value, bound):
            failing.append(name)
    if asked.within is not None and (value is None or values.now - value >= asked.within * DAY):
        failing.append("within")
    return failing


def _is_one_of(value: Any, wanted: Collection[Any]) -> bool:
    if isinstance(value, frozenset):
        return any(each in value for each in wanted)
    return any(_is_same(value, each) for each in wanted)


def _is_same(value: Any, wanted: Any) -> bool:
    """Equal; 1 is not true."""
    return bool(value == wanted) and isinstance(value, bool) == isinstance(wanted, bool)


def _bounds(asked: Predicate) -> list[tuple[str, Any]]:
    return [(name, bound) for name in _COMPARE if (bound := getattr(asked, name)) is not None]


def _is_comparable(value: Any, bound: Any) -> bool:
    if isinstance(bound, datetime):
        return isinstance(value, datetime)
    return isinstance(value, int | Fraction | Decimal) and not isinstance(value, bool)


_COMPARE: Mapping[str, Any] = {
    "gt": lambda value, bound: value > bound,
    "gte": lambda value, bound: value >= bound,
    "lt": lambda value, bound: value < bound,
    "lte": lambda value, bound: value <= bound,
}


# ---- in words


def reason(asked: Predicate, value: Any, values: Values) -> Unmet:
    """Why a predicate does not hold for this value."""
    field = field_of(asked.field)
    assert field is not None, f"nobody can ask about {asked.field}"
    failing = _failing(asked, value, values)
    sentence = f"{_state(asked, field, value)} ({_required(asked, field, failing)})."
    return Unmet(asked.name or asked.field, sentence, _change(asked, field, value, values, failing))


def _state(asked: Predicate, field: Field, value: Any) -> str:
    is_there = value if field.kind == "flag" else value is not None and value != frozenset()
    sentence = field.state if is_there else field.absent or field.state
    days = " in total" if asked.days is None else f" in the last {asked.days} days"
    shown = _shown(value, field)
    return sentence.format(name=_name(asked), value=shown, currency=asked.currency, days=days)


def _name(asked: Predicate) -> str:
    """How a key of metadata is called in a sentence: of a short form, which knows whose it is, without the owner."""
    return asked.field.removeprefix("account.") if asked.name is not None else asked.field


def _shown(value: Any, field: Field) -> str:
    if isinstance(value, frozenset):
        names = sorted(value)
        return ", ".join(names[:10]) + (" and others" if len(names) > 10 else "")
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Fraction):
        return str(floor_div(value.numerator, value.denominator))
    return spelled(value) if field.kind == "plain" else str(value)


def spelled(value: Any) -> str:
    """A value of metadata or of an event's data as it stands in a body; long text is cut, and a list only named."""
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, str) and len(value) > SHOWN_LENGTH_MAX:
        value = f"{value[:SHOWN_LENGTH_MAX]}…"
    return json.dumps(value, ensure_ascii=False)


_WORDS = {"gt": "more than {}", "gte": "at least {}", "lt": "less than {}", "lte": "at most {}"}
_WHEN = {"gt": "after {}", "gte": "{} or later", "lt": "before {}", "lte": "{} or before"}
_CONTRARY = {"gt": "lte", "gte": "lt", "lt": "gte", "lte": "gt"}


def _required(asked: Predicate, field: Field, failing: Sequence[str]) -> str:
    """What was wanted, of the first operator that is not met; or what none of them must be."""
    if asked.is_contrary:
        names = _operators(asked)
        if len(names) == 1 and names[0] in _CONTRARY:
            return f"required: {_bounded(_CONTRARY[names[0]], getattr(asked, names[0]))}"
        return f"required: not {' and '.join(_wanted(asked, name, field) for name in names)}"
    first = failing[0]
    word = "allowed" if first in ("lt", "lte") and not isinstance(getattr(asked, first), datetime) else "required"
    return f"{word}: {_wanted(asked, first, field)}"


def _operators(asked: Predicate) -> list[str]:
    names = ["exists"] if asked.exists is not None else []
    names += ["in"] if asked.values else []
    names += [name for name, _bound in _bounds(asked)]
    return names + (["within"] if asked.within is not None else [])


def _wanted(asked: Predicate, name: str, field: Field) -> str:
    if name == "exists":
        return "set" if asked.exists else "not set"
    if name == "in":
        if field.kind == "flag":
            return "yes" if asked.equals else "no"
        return _either(asked, field)
    if name == "within":
        return f"in the last {asked.within} days"
    return _bounded(name, getattr(asked, name))


def _bounded(name: str, bound: Any) -> str:
    return _WHEN[name].format(bound.isoformat()) if isinstance(bound, datetime) else _WORDS[name].format(bound)


def _either(asked: Predicate, field: Field) -> str:
    """The values that are wanted, whole: those of metadata and of data as they stand in a body."""
    is_json = field.kind == "plain"
    return " or ".join(json.dumps(value, ensure_ascii=False) if is_json else str(value) for value in asked.values)


# ---- the smallest change


def _change(asked: Predicate, field: Field, value: Any, values: Values, failing: Sequence[str]) -> str | None:
    if asked.field == "purchases.days_since_last":
        return _change_of_last_purchase(asked, value, values)
    if field.kind == "flag":
        wants = bool(asked.equals) != asked.is_contrary
        return field.become if wants else field.other
    if asked.is_contrary:
        changes = (_contrary_change(asked, name, field, value, values) for name in _operators(asked))
        return next((change for change in changes if change is not None), None)
    return _change_by(failing[0], asked, field, value, values)


def _contrary_change(asked: Predicate, name: str, field: Field, value: Any, values: Values) -> str | None:
    """What makes one operator fail: that is enough for the contrary."""
    if name in _CONTRARY:
        contrary = _CONTRARY[name]
        turned = Predicate(asked.field, lines=asked.lines, name=asked.name, **{contrary: getattr(asked, name)})
        return _change_by(contrary, turned, field, value, values)
    if name == "in" and field.kind == "number":
        return _step(field.more, 1, asked.lines) or _step(field.less, 1, asked.lines)
    if name == "in" and field.other is not None:
        inside = (
            sorted(name for name in asked.values if name in value) if isinstance(value, frozenset) else asked.values
        )
        return field.other.format(name=_name(asked), value=" and ".join(map(str, inside)))
    if name == "exists" and asked.exists is False:
        return _become(asked, field, "any value")
    return None


def _change_by(name: str, asked: Predicate, field: Field, value: Any, values: Values) -> str | None:
    """What makes the value meet one operator that it does not meet."""
    if name == "in":
        if field.kind == "number" and value is not None:
            nearest = min(
                (wanted for wanted in asked.values if isinstance(wanted, int)), key=lambda wanted: abs(wanted - value)
            )
            return _reach(asked, field, value, nearest, values, is_above=False)
        return _become(asked, field, _either(asked, field))
    if name == "exists":
        return _become(asked, field, "any value") if asked.exists else None
    if name == "within":
        return None
    bound = getattr(asked, name)
    if isinstance(bound, datetime):
        verb = "wait until" if name in ("gt", "gte") else "be before"
        return f"{verb} {bound.isoformat()}" if asked.field == "occurred_at" else None
    if field.kind == "plain" or value is None:
        return _become(asked, field, str(bound + {"gt": 1, "lt": -1}.get(name, 0)))
    return _reach(asked, field, value, bound, values, is_above=name in ("gt", "lt"))


def _become(asked: Predicate, field: Field, value: str) -> str | None:
    return field.become.format(name=_name(asked), value=value) if field.become is not None else None


def _reach(asked: Predicate, field: Field, value: Exact, bound: int, values: Values, *, is_above: bool) -> str | None:
    """The least whole number, as it is paid, that brings the value to the bound; `is_above`: beyond it."""
    exchanged = values.exchanged if asked.field == "order.amount" else 1
    gap = exact_div(bound - value if value < bound else value - bound, exchanged)
    by = floor_div(gap.numerator, gap.denominator) + 1 if is_above else ceil_div(gap.numerator, gap.denominator)
    is_short = value < bound or (value == bound and asked.gt == bound)
    return _step(field.more if is_short else field.less, by, asked.lines)


def _step(sentence: str | None, by: int, lines: Lines) -> str | None:
    if sentence is None:
        return None
    word, named = "on" if sentence.startswith("spend") else "of", str(lines)
    return sentence.format(n=by, lines=f" {word} {named}" if named else "")


def _change_of_last_purchase(asked: Predicate, days: int | None, values: Values) -> str | None:
    """A purchase now, or none for a while."""
    if asked.is_contrary:
        return None
    least = max((asked.gte or 0, asked.gt + 1 if isinstance(asked.gt, int) else 0), key=_as_days)
    if days is not None and days < _as_days(least):
        since = values.since(asked)
        return None if since is None else f"make no purchase until {(since + _as_days(least) * DAY).isoformat()}"
    return f"make a purchase and no other for {least} days" if least else "make a purchase"


def _as_days(bound: Any) -> int:
    assert isinstance(bound, int), f"days are counted, and {bound!r} is no number"
    return bound


def differences(field: str, wanted: Mapping[str, Any] | None) -> list[Predicate]:
    """The questions whether metadata has each of these keys, with its value."""
    return [Predicate(f"{field}{key}", one_of=(value,), name="metadata") for key, value in (wanted or {}).items()]
