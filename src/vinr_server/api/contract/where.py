"""Conditions as a tree: as they are sent, as they are judged, as they are shown (core/conditions/tree.py)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType
from msgspec import field as called

from vinr_server.api.contract.currencies import read_any_currency
from vinr_server.api.contract.input import INTEGER_MAX, Input, Names
from vinr_server.api.contract.reply import Reply
from vinr_server.api.edge.problems import Problem
from vinr_server.api.edge.suggestions import nearest_name
from vinr_server.api.edge.times import read_instant
from vinr_server.core.conditions import tree
from vinr_server.core.conditions.fields import FIELDS, OPERATORS, Field, Of, field_of
from vinr_server.core.conditions.tree import CONDITIONS_MAX, DEPTH_MAX

# A century.
DAYS_MAX = 36_525
WindowDays = Annotated[int, Meta(ge=1, le=DAYS_MAX)]
# A whole number, or an instant for fields that are instants: which of them, the field decides.
Bound = int | str | None
Plain = bool | int | str

# Where each field may be asked about.
OF_OFFER: tuple[Of, ...] = ("occasion", "order", "lines")
OF_CRITERIA: tuple[Of, ...] = ("occasion", "order", "lines", "cart", "member", "history")
OF_RULE: tuple[Of, ...] = ("occasion", "event", "order", "lines", "member", "history")
OF_EVENT: tuple[Of, ...] = ("occasion", "event", "order", "lines")
OF_MEMBER: tuple[Of, ...] = ("member", "history")

_OPERATORS = {"eq": "eq", "in": "in_", "exists": "exists", "gt": "gt", "gte": "gte", "lt": "lt", "lte": "lte"}
_OPERATORS |= {"within": "within"}
_LINES = ("skus", "categories", "exclude_skus", "exclude_categories")


class PredicateInput(Input):
    """A question about one field, and what narrows it."""

    field: str | None = None
    eq: Plain | None = None
    in_: Annotated[list[Plain], Meta(min_length=1, max_length=50)] | None = called(name="in", default=None)
    exists: bool | None = None
    gt: Bound = None
    gte: Bound = None
    lt: Bound = None
    lte: Bound = None
    within: WindowDays | None = None
    days: WindowDays | None = None
    currency: str | None = None


class ConditionInput(PredicateInput):
    """One node: a question about a field; or all, any or not of other nodes."""

    skus: Names = []
    categories: Names = []
    exclude_skus: Names = []
    exclude_categories: Names = []
    all: Annotated[list[ConditionInput], Meta(max_length=CONDITIONS_MAX)] = []
    any: Annotated[list[ConditionInput], Meta(max_length=CONDITIONS_MAX)] = []
    not_: ConditionInput | None = called(name="not", default=None)


class WhereInput(Input):
    """What conditions may ask beside their short forms."""

    all: Annotated[list[ConditionInput], Meta(max_length=CONDITIONS_MAX)] = []
    any: Annotated[list[ConditionInput], Meta(max_length=CONDITIONS_MAX)] = []
    not_: ConditionInput | None = called(name="not", default=None)


class ShownPredicate(Reply):
    field: str | UnsetType = UNSET
    eq: Plain | UnsetType = UNSET
    in_: list[Plain] | UnsetType = called(name="in", default=UNSET)
    exists: bool | UnsetType = UNSET
    gt: int | UnsetType = UNSET
    gte: int | UnsetType = UNSET
    lt: int | UnsetType = UNSET
    lte: int | UnsetType = UNSET
    within: int | UnsetType = UNSET
    days: int | UnsetType = UNSET
    currency: str | UnsetType = UNSET


class Condition(ShownPredicate):
    skus: list[str] | UnsetType = UNSET
    categories: list[str] | UnsetType = UNSET
    exclude_skus: list[str] | UnsetType = UNSET
    exclude_categories: list[str] | UnsetType = UNSET
    all: list[Condition] | UnsetType = UNSET
    any: list[Condition] | UnsetType = UNSET
    not_: Condition | UnsetType = called(name="not", default=UNSET)


class Where(Reply):
    all: list[Condition] | UnsetType = UNSET
    any: list[Condition] | UnsetType = UNSET
    not_: Condition | UnsetType = called(name="not", default=UNSET)


# ---- a tree


def read_where(given: WhereInput, *, param: str, zone: str, of: Collection[Of]) -> tree.Condition | None:
    """What is asked beside the short forms, about fields of these kinds; a bare date is midnight in the zone.

    None where nothing is. Refuses: what is too deep or too much.
    """
    count = sum(1 for node in nodes_of(given) if node.field is not None)
    if count > CONDITIONS_MAX:
        message = f"{param}: {count} conditions are given; at most {CONDITIONS_MAX} are allowed. Split them up."
        raise Problem("parameter_invalid", message, param=param)
    where = _read_groups(given, param, zone, of, depth=1)
    return where if where.asks else None


def nodes_of(given: WhereInput | ConditionInput) -> Iterator[ConditionInput]:
    """Every node below."""
    for node in (*given.all, *given.any, *((given.not_,) if given.not_ is not None else ())):
        yield node
        yield from nodes_of(node)


def _read_groups(
    given: WhereInput | ConditionInput, param: str, zone: str, of: Collection[Of], *, depth: int
) -> tree.Condition:
    require_depth(depth, param)

    def read(node: ConditionInput, name: str) -> tree.Condition:
        return _read_node(node, f"{param}.{name}", zone, of, depth=depth + 1)

    return tree.Condition(
        all_of=tuple(read(node, f"all[{n}]") for n, node in enumerate(given.all)),
        any_of=tuple(read(node, f"any[{n}]") for n, node in enumerate(given.any)),
        not_of=read(given.not_, "not") if given.not_ is not None else None,
    )


def require_depth(depth: int, param: str) -> None:
    """Refuse conditions that are nested too deep."""
    if depth > DEPTH_MAX:
        message = f"{param}: conditions are nested more than {DEPTH_MAX} levels deep. Flatten them."
        raise Problem("parameter_invalid", message, param=param)


def _read_node(given: ConditionInput, param: str, zone: str, of: Collection[Of], *, depth: int) -> tree.Condition:
    has_groups = bool(given.all or given.any or given.not_ is not None)
    if given.field is None:
        for name in (*_given_operators(given), *_narrowing(given)):
            raise Problem("parameter_missing", f"{param}.{name} belongs to a field. Name it.", param=f"{param}.field")
        if not has_groups:
            message = f"{param} asks nothing. Send a field with an operator, or all, any or not."
            raise Problem("parameter_invalid", message, param=param)
        return _read_groups(given, param, zone, of, depth=depth)
    if has_groups:
        message = f"{param}: a node asks about a field, or joins others by all, any or not. Put them beside each other."
        raise Problem("parameter_conflict", message, param=param)
    return tree.Condition(predicate=read_predicate(given, param=param, zone=zone, of=of, lines=_lines(given)))


# ---- a question about a field


def read_predicate(
    given: PredicateInput, *, param: str, zone: str, of: Collection[Of], lines: tree.Lines = tree.ALL_LINES
) -> tree.Predicate:
    """One question. Refuses an unknown field, one that nobody can ask about here, and operators that don't fit it."""
    field = _field(given, param, of)
    operators = _given_operators(given)
    fitting = OPERATORS[field.kind]
    for name in operators:
        if name not in fitting:
            message = f"{param}.{name} does not fit {given.field}, which takes {_joined(fitting)}."
            raise Problem("parameter_invalid", message, param=f"{param}.{name}")
    if not operators:
        raise Problem("parameter_missing", f"{param} has no operator. Send {_joined(fitting)}.", param=param)
    _require_narrowing(given, param, lines)
    asked = tree.Predicate(
        field=given.field or "",
        equals=None if given.eq is None else _value(given.eq, field, f"{param}.eq", given.field),
        one_of=tuple(_value(value, field, f"{param}.in[{n}]", given.field) for n, value in enumerate(given.in_ or ())),
        exists=given.exists,
        gt=_bound(given.gt, field, f"{param}.gt", zone),
        gte=_bound(given.gte, field, f"{param}.gte", zone),
        lt=_bound(given.lt, field, f"{param}.lt", zone),
        lte=_bound(given.lte, field, f"{param}.lte", zone),
        within=given.within,
        days=given.days,
        currency=None if given.currency is None else read_any_currency(given.currency, param=f"{param}.currency").code,
        lines=lines,
    )
    if asked.equals is not None and asked.one_of:
        raise Problem("parameter_conflict", f"{param}: eq and in ask the same. Send one of them.", param=f"{param}.in")
    _require_some(asked, param)
    return asked


def _field(given: PredicateInput, param: str, of: Collection[Of]) -> Field:
    name = given.field or ""
    field = field_of(name)
    here = [known for known, other in FIELDS.items() if other.of in of]
    if field is not None and field.of in of:
        return field
    nearest = nearest_name(name, [known.rstrip(".") for known in here])
    hint = f" Did you mean {nearest}?" if nearest is not None and field is None else ""
    listed = _joined([f"{known}<key>" if known.endswith(".") else known for known in here])
    what = "can't be asked about here" if field is not None else "is no field that conditions know"
    message = f"{param}.field: {name[:100]!r} {what}.{hint} There are {listed}."
    raise Problem("parameter_invalid", message, param=f"{param}.field")


def _given_operators(given: PredicateInput) -> list[str]:
    return [name for name, attribute in _OPERATORS.items() if getattr(given, attribute) is not None]


def _narrowing(given: PredicateInput) -> list[str]:
    return [name for name in ("days", "currency", *_LINES) if getattr(given, name, None)]


def _require_narrowing(given: PredicateInput, param: str, lines: tree.Lines) -> None:
    """Refuse what narrows another field than this one, and money without its currency."""
    fitting: dict[str, tuple[str, ...]] = {
        "purchases.count": ("days",),
        "purchases.spend": ("days", "currency"),
        "order.amount": _LINES,
        "order.quantity": _LINES,
    }
    for name in _narrowing(given):
        if name not in fitting.get(given.field or "", ()):
            fields = [field for field, names in fitting.items() if name in names]
            message = f"{param}.{name} belongs to {' or '.join(fields)}, not to {given.field}. Leave it out."
            raise Problem("parameter_invalid", message, param=f"{param}.{name}")
    if given.field == "purchases.spend" and given.currency is None:
        message = f"{param}.currency is required: what was spent in one currency can't be added to another."
        raise Problem("parameter_missing", message, param=f"{param}.currency")


def _lines(given: ConditionInput) -> tree.Lines:
    return tree.Lines(*(tuple(dict.fromkeys(getattr(given, name))) for name in _LINES))


def _value(given: Plain, field: Field, param: str, name: str | None) -> Plain:
    """A value of the field's kind; a currency by its code."""
    wanted: dict[str, tuple[type, str]] = {"number": (int, "a whole number"), "flag": (bool, "true or false")}
    kind, words = wanted.get(field.kind, (str, "a string"))
    if field.kind != "plain" and (not isinstance(given, kind) or (kind is int and isinstance(given, bool))):
        raise Problem("parameter_invalid", f"{param}: {name} is compared with {words}.", param=param)
    if name == "order.currency":
        return read_any_currency(str(given), param=param).code
    return given


def _bound(given: Bound, field: Field, param: str, zone: str) -> int | datetime | None:
    if given is None:
        return None
    if field.kind == "instant":
        return read_instant(given, param=param, zone=zone)
    if not isinstance(given, int) or isinstance(given, bool) or abs(given) > INTEGER_MAX:
        raise Problem("parameter_invalid", f"{param}: send a whole number of at most {INTEGER_MAX}.", param=param)
    return given


def _require_some(asked: tree.Predicate, param: str) -> None:
    """Refuse bounds between which there is no value."""
    for low, is_open_below in ((asked.gt, True), (asked.gte, False)):
        for high, is_open_above in ((asked.lt, True), (asked.lte, False)):
            if low is None or high is None:
                continue
            is_empty = low > high or (low == high and (is_open_below or is_open_above))  # type: ignore[operator]
            if is_empty:
                message = f"{param}: nothing is above {low} and below {high}. Correct one of the bounds."
                raise Problem("parameter_invalid", message, param=param)


def _joined(names: Collection[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last
