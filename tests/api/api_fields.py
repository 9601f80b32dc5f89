"""Every field of the input types, and the values it must refuse: generated, so that none is forgotten."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import msgspec.inspect as inspect

from vinr_server.api.contract.table import OPERATIONS

Step = str | int

INSTANTS: tuple[str, ...] = (
    *("starts_at", "ends_at", "occurred_at", "frozen_time", "expires_at"),
    "credit_expires_at",
)
INSTANTS += ("until", "at", "enrolled_before", "enrolled_after", "joined_at", "available_at", "locked_until")
RATES = (
    *("points_per_currency_unit", "factor", "percent", "multiplier", "amount_per_point", "percent_off"),
    *("max_percent_of_order", "unit"),
)


# The type of the items of each call in bulk, by that of its body.
ITEMS = {operation.body: operation.items[1] for operation in OPERATIONS if operation.items is not None}


@dataclass(frozen=True)
class Field:
    """One place in a body: where, of which type, and whether null is fine there."""

    path: tuple[Step, ...]
    type: Any
    is_nullable: bool
    is_required: bool
    is_update: bool
    place: str
    owner: type[msgspec.Struct]

    @property
    def name(self) -> str:
        """The field's own name; of a list's item, the list's."""
        return next(str(step) for step in reversed(self.path) if isinstance(step, str))

    @property
    def param(self) -> str:
        """How an error names it: tiers[0].threshold."""
        return param_of(self.path)


def param_of(path: tuple[Step, ...]) -> str:
    """A path as errors write it."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def fields_of(struct: type[msgspec.Struct]) -> list[Field]:
    """All places of a body of this type, outer before inner; lists by their first item."""
    is_update = struct.__name__.startswith("Update")
    return list(_fields(inspect.type_info(struct), (), is_update))


def _fields(
    kind: Any, path: tuple[Step, ...], is_update: bool, above: tuple[type[msgspec.Struct], ...] = ()
) -> Iterator[Field]:
    """The places below; of a type that holds more of its own kind, the first level's."""
    if isinstance(kind, inspect.StructType) and kind.cls not in above:
        above = (*above, kind.cls)
        for field in kind.fields:
            here = (*path, field.encode_name)
            options = _options(field.type)
            is_nullable = _allows_null(field.type) or (field.type == inspect.AnyType() and not field.required)
            place = _place(here, above)
            kept = _merged(options, field.name)
            yield Field(here, kept, is_nullable, field.required, is_update, place, kind.cls)
            for option in options:
                yield from _fields(option, here, is_update, above)
    if isinstance(kind, inspect.ListType):
        item = kind.item_type
        if isinstance(item, inspect.AnyType):  # the items of a call in bulk are read one by one
            item = inspect.type_info(ITEMS[above[-1]])
        yield Field((*path, 0), item, False, True, is_update, _place((*path, 0), above), above[-1])
        yield from _fields(item, (*path, 0), is_update, above)


def _place(path: tuple[Step, ...], above: tuple[type[msgspec.Struct], ...]) -> str:
    """What tests ask about once: a path, but of a type that holds itself the field, wherever the type stands."""
    own = next((cls for cls in reversed(above) if _holds_itself(cls)), None)
    if own is None:
        return param_of(path)
    name = next(step for step in reversed(path) if isinstance(step, str))
    return f"{own.__name__}.{name}{'[]' if isinstance(path[-1], int) else ''}"


def _holds_itself(struct: type[msgspec.Struct]) -> bool:
    """Whether fields of the type are of the type itself."""
    return any(struct.__name__ in str(hint) for hint in struct.__annotations__.values())


def _options(kind: Any) -> list[Any]:
    if isinstance(kind, inspect.UnionType):
        return [option for option in kind.types if not isinstance(option, inspect.NoneType)]
    return [kind]


def _allows_null(kind: Any) -> bool:
    return isinstance(kind, inspect.UnionType) and any(isinstance(option, inspect.NoneType) for option in kind.types)


def _merged(options: list[Any], name: str) -> Any:
    if options == [inspect.AnyType()]:
        assert name in INSTANTS or name in RATES, f"{name}: a free-form field the tests do not know"
        return "instant" if name in INSTANTS else "rate"
    return options[0] if len(options) == 1 else tuple(options)


def spellings(field: Field) -> list[str]:
    """The contract's other names of a field: camelCase, and a reference's with _id and Id."""
    names = [field.name]
    if field.name == "points_cost":
        names.append("cost")
    if field.name == "transaction":
        names.append("points_transaction")
    is_reference = isinstance(field.type, inspect.StrType) and (field.type.pattern or "").endswith("_.")
    if is_reference and field.name != "id" and isinstance(field.path[-1], str):
        names += [f"{name}_id" for name in names]
    names += [camel(name) for name in names]
    return [name for name in dict.fromkeys(names) if name != field.name]


def camel(name: str) -> str:
    """snake_case as camelCase."""
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)


def typos(name: str) -> list[str]:
    """One letter too many, one wrong, two swapped, one missing."""
    middle = len(name) // 2
    wrong = [f"{name[:middle]}x{name[middle:]}", f"{name}{name[-1]}", f"{name[:-1]}q"]
    if len(name) > 3:
        wrong += [name[:middle] + name[middle + 1 :], f"{name[1]}{name[0]}{name[2:]}"]
    return [typo for typo in dict.fromkeys(wrong) if typo != name]


# Not JSON numbers or text at all: the body as a whole is refused.
BROKEN = (b"NaN", b"Infinity", b"-Infinity", b"01", b"+1", b"1.", b".5", b"0x10", b"1_000", b"'x'", b"undefined", b"")
BROKEN_TEXT: tuple[bytes, ...] = (
    b'"a\x00b"',
    b'"a\\u0000b"',
    b'"\\ud800"',
    b'"\\udc00x"',
    b'"\xff\xfe"',
    b'"\xc0\xaf"',
    b'"\xed\xa0\x80"',
)
BROKEN_TEXT += (b'"a\nb"', b'"\\x41"', b'"unfinished')
FRACTIONS = (b"1.0", b"1e3", b"1E0", b"1.5", b"-0.0", b"1e-1", b"1e400", b"1e99999999999999999999")
HUGE = (b"9007199254740992", b"9223372036854775808", b"18446744073709551616", b"9" * 399, b"9" * 400, b"-" + b"9" * 400)

NO_DATES = (
    "2026-02-30", "2026-02-29", "2026-13-01", "2026-00-10", "2026-01-00", "2026-1-1", "26-01-01", "0000-01-01",
    "20260101",
    "2026-06-06T12:00:00", "2026-06-06 12:00", "2026-06-06T12:00", "2026-06-06T12:00Z", "2026-06-06T25:00:00Z",
    "2026-06-06T24:00:00Z", "2026-06-06T12:60:00Z", "2026-06-06T12:00:60Z", "2026-06-06T12:00:00+25:00",
    "2026-06-06T12:00:00+0200", "2026-06-06T12:00:00+02", "2026-06-06T12:00:00 Z", "2026-06-06T12:00:00.Z",
    "2026-06-06T12:00:00.1234567890Z", "0000-00-00T00:00:00Z", "0001-01-01T00:00:00+14:00", "1969-12-31T23:59:59Z",
    "9999-12-31T23:59:59-00:01", "9999-12-31T23:59:59-14:00", "10000-01-01T00:00:00Z", "2026-W01-1", "2026-158",
    "now", "tomorrow", "", " ", " 2026-06-06", "2026-06-06 ", "2026-06-06\n", "２０２６-06-06", "1780000000", "null",
    "2026-06-06T12:00:00Zjunk", "-2026-06-06", "06/06/2026", "x" * 5_000,
)  # fmt: skip
WRONG_INSTANTS = (
    b"true", b"[]", b"{}", b"-1", b"1780000000000", b"1.5", b"1.0", b"1e9", b"250000000001", *HUGE,
)  # fmt: skip
WRONG_RATES = (
    b"true", b"[]", b"{}", b"-1", b'"-1"', b'"+1"', b'""', b'" 1"', b'"1 "', b'"abc"', b'"1e3"', b'"1,5"', b'"1."',
    b'".5"',
    b'"1.00001"', b"1.00001", b'"NaN"', b'"Infinity"', b'"0x10"', b'"1_000"', "\"\u0661\"".encode(),
    b'"' + b"9" * 399 + b'"',
    b"1000000001", b'"1000000000.0001"', *HUGE[:4], b"1e400",
)  # fmt: skip


def wrong_values(field: Field, sample: Any, *, asked_before: bool = False) -> list[bytes]:
    """JSON texts that this field must refuse. `sample`: a value it accepts.

    `asked_before`: some of them, where the same field of the same type was asked in another place.
    """
    found = _wrong_values(field, sample)
    return found[:: max(len(found) // 4, 1)] if asked_before else found


def _wrong_values(field: Field, sample: Any) -> list[bytes]:
    # What is no JSON at all is refused before anybody asks where it stands: a few places will do.
    found = [*_wrong(field, sample), *(BROKEN if len(field.path) == 1 else BROKEN[:3]), *BROKEN_TEXT]
    return found if field.is_nullable or (field.is_update and field.type in ("instant", "rate")) else [*found, b"null"]


def _wrong(field: Field, sample: Any) -> list[bytes]:
    kind = field.type
    if kind == "instant":
        return [*(json.dumps(date).encode() for date in NO_DATES), *WRONG_INSTANTS]
    if kind == "rate":
        return list(WRONG_RATES)
    if isinstance(kind, inspect.UnionType):
        kind = tuple(kind.types)
    if isinstance(kind, tuple) and not any(isinstance(option, inspect.ListType) for option in kind):
        flags = [] if any(isinstance(option, inspect.BoolType) for option in kind) else [b"true", b"false"]
        return [b"[]", b"{}", b'["x"]', *flags, *FRACTIONS, *HUGE]
    if isinstance(kind, tuple):  # a name or a list of names
        return [b"1", b"1.5", b"true", b"{}", b'""', _text("x" * 101), b"[1]", b'[""]', b"[null]", b"[[]]"]
    if isinstance(kind, inspect.IntType):
        return _wrong_integers(kind)
    if isinstance(kind, inspect.Metadata):  # an e-mail address
        assert isinstance(kind.type, inspect.StrType), kind
        wrong = ("ada", "ada@", "@example.com", "ada@example", "a da@example.com", "ada@example.com\n", "ada@ex_.com")
        return [*_wrong_texts(field, kind.type), *map(_text, wrong)]
    if isinstance(kind, inspect.StrType):
        return _wrong_texts(field, kind)
    if isinstance(kind, inspect.LiteralType):
        return [b'"nonsense"', b'""', b"1", b"true", b"[]", b"{}", _text(str(kind.values[0]).upper() + " ")]
    if isinstance(kind, inspect.BoolType):
        return [b"0", b"1", b'"true"', b'""', b"[]", b"{}", b"1.0"]
    if isinstance(kind, inspect.ListType):
        too_many = [] if kind.max_length is None else [json.dumps([sample[0]] * (kind.max_length + 1)).encode()]
        too_few = [b"[]"] if kind.min_length else []
        return [b"{}", b'"x"', b"1", b"true", b"[null]", b"[[]]", b"[1.5]", *too_many, *too_few]
    if isinstance(kind, inspect.DictType):
        return [b"[]", b'"x"', b"1", b"true", *_wrong_objects(field)]
    assert isinstance(kind, inspect.StructType), kind
    return [b"[]", b'"x"', b"1", b"true", b"1.5"]


def _wrong_integers(kind: inspect.IntType) -> list[bytes]:
    found = [b'"1"', b'""', b"true", b"false", b"[]", b"{}", b"[1]", *FRACTIONS, *HUGE]
    if kind.ge is not None:
        found.append(str(kind.ge - 1).encode())
    if kind.ge is not None and kind.ge > -1:
        found += [b"-1", b"-9007199254740993", b"-9223372036854775809"]
    if kind.le is not None:
        found.append(str(kind.le + 1).encode())
    return found


def _wrong_texts(field: Field, kind: inspect.StrType) -> list[bytes]:
    found = [b"1", b"1.5", b"true", b"[]", b"{}", b'["x"]']
    if kind.min_length:
        found.append(b'""')
    if kind.max_length:
        found.append(_text((kind.pattern or "").strip("^.") + "x" * (kind.max_length + 1)))
    if (kind.pattern or "").endswith("_."):
        prefix = (kind.pattern or "").strip("^.")
        cut, loud = prefix[:-1], prefix.upper()
        wrong = ("", "x", "zzz_1", prefix, cut, f"{loud}1", f" {prefix}1", f"x{prefix}1", f"{prefix}\n")
        found += [_text(text) for text in wrong]
    elif kind.pattern:
        found += [_text(text) for text in ("a b", "a\n", "\na", "ä", "a/b", "", "a\u2028", "x" * 101, "a\\u0000")]
    if field.name == "currency":
        found += [
            _text(text) for text in ("", "E", "EURO", "€", "XXX", "XTS", "E R", " EUR", "EUR\n", "978", "x" * 5000)
        ]
    if field.name == "timezone":
        zones = ("Mars/Olympus", "../../etc/passwd", "/etc/localtime", "UTC ", "europe/berlim", "+02:00", "Europe/")
        found += [_text(text) for text in zones]
    return found


def _wrong_objects(field: Field) -> list[bytes]:
    if field.name == "permissions":
        rights: list[Any] = ["", "READ", "none", "read,write", None, 1, True, [], {"read": True}, ["read"]]
        names = ["", "*", "payment", "api_keys", "apiKeys", "api_key_acts", "loyalty", "loyalty.*", "x" * 1000, "a b"]
        wrong = [*({"payments": right} for right in rights), *({name: "read"} for name in names), {}]
        return [json.dumps(one).encode() for one in wrong]
    return _wrong_metadata(field) if field.name == "metadata" else []


def _wrong_metadata(field: Field) -> list[bytes]:
    objects: list[dict[str, Any]] = [
        {"k": {}}, {"k": []}, {"k": {"a": 1}}, {"k": 1.5}, {"k": 2**53}, {"k": -(2**53)}, {"k": 2**64}, {"": "v"},
        {"k" * 41: "v"}, {"k": "v" * 501}, {f"k{n}": 1 for n in range(51)},
    ]  # fmt: skip
    if not field.is_update or not {"conditions", "when", "targeting"}.isdisjoint(field.path):
        objects.append({"k": None})
    return [*(json.dumps(one).encode() for one in objects), b'{"k": 1.0}', b'{"k": 1e3}', b'{"k": NaN}']


def _text(value: str) -> bytes:
    return json.dumps(value).encode()
