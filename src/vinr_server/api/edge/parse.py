"""From bytes to a typed body: exact numbers, either casing, and an error that names the field.

The pre-scan refuses what the JSON decoder would let pass: duplicate keys, NUL, deep nesting.
"""

from __future__ import annotations

import json
import re
import types
import typing
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar

import msgspec

from vinr_server.api.edge.identity import require_clean_ids
from vinr_server.api.edge.problems import Problem
from vinr_server.api.edge.suggestions import nearest_name
from vinr_server.storage.batch.spelled_numbers import decode_spelled

StructT = TypeVar("StructT", bound=msgspec.Struct)

DEPTH_MAX = 32
INTEGER_DIGITS_MAX = EXPONENT_MAX = 400
# Tokenizes a valid JSON text: every string, and whether a colon makes it a key.
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*+"(\s*:)?')
_LONG_NUMBER = re.compile(rb"[0-9]{%d}" % INTEGER_DIGITS_MAX)
# References that are read under their bare name, with _id, and with Id.
REFERENCES = (
    "program",
    "customer",
    "account",
    "reward",
    "transaction",
    "payment",
    "test_clock",
    "offer",
    "checkout_session",
    "event",
    "from",
    "into",
    "referrer",
    "enrolment",
)
ALIASES = {"points_cost": ("cost",), "transaction": ("points_transaction",)}


class OutOfRange(Exception):
    """A number in a body has more digits, or a greater exponent, than the engine accepts."""


def _read_number(text: str) -> Decimal:
    if _is_out_of_range(text):
        raise OutOfRange
    return Decimal(text)


_decode = msgspec.json.Decoder(float_hook=_read_number).decode


def decode_body(raw: bytes, *, is_verbatim: bool = False) -> dict[str, Any]:
    """The JSON object of a body, with fractions as exact decimals; verbatim: with the spelling of every number."""
    if not raw:
        return {}
    if b"\x00" in raw:
        raise _nul()
    if raw.count(b"{") + raw.count(b"[") > DEPTH_MAX and _depth(raw) > DEPTH_MAX:
        message = f"The body is nested more than {DEPTH_MAX} levels deep. Flatten it."
        raise Problem("body_invalid", message)
    if len(raw) >= INTEGER_DIGITS_MAX and _LONG_NUMBER.search(raw) and _LONG_NUMBER.search(_STRINGS.sub(b"", raw)):
        raise _out_of_range(raw)
    try:
        decoded = _decode(raw)
        if is_verbatim:
            decoded = decode_spelled(raw)
    except OutOfRange:
        raise _out_of_range(raw) from None
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        fault = str(error).removeprefix("JSON is malformed: ")
        raise Problem("body_invalid", f"The body is not valid JSON: {fault}.") from None
    if not isinstance(decoded, dict):
        raise Problem("body_invalid", "The body must be a JSON object.")
    if b"\\u0000" in raw and _holds_nul(decoded):
        raise _nul()
    keys = _count_keys(decoded)
    # With as many colons as keys, no key was lost; other colons may be part of texts.
    if raw.count(b":") != keys and sum(1 for colon in _STRINGS.findall(raw) if colon) != keys:
        _refuse_duplicates(raw)
    return decoded


def _nul() -> Problem:
    return Problem("body_invalid", "The body contains a NUL character (\\u0000). Remove it; text can't contain it.")


def _is_out_of_range(text: str) -> bool:
    """Whether a JSON number is written with too many digits or too great an exponent."""
    digits, _e, exponent = text.lower().partition("e")
    # Without leading zeros. If the exponent has a thousand digits, the number itself is never computed.
    size = exponent.lstrip("+-0")
    is_too_great = len(size) > len(str(EXPONENT_MAX)) or int(size or "0") > EXPONENT_MAX
    parts = (*digits.lstrip("-").split("."), exponent)
    return is_too_great or any(len(part) >= INTEGER_DIGITS_MAX for part in parts)


def _out_of_range(raw: bytes) -> Problem:
    """Say which field holds the number; a body that is also broken is refused for that instead."""

    def mark(text: str) -> Any:
        return OutOfRange(text) if _is_out_of_range(text) else 0

    try:
        found = next(_marked(json.loads(raw, parse_int=mark, parse_float=mark), ""), None)
    except ValueError:
        found = None
    if found is None:
        return Problem("body_invalid", "The body is not valid JSON.")
    param, text = found
    number = text if len(text) <= 40 else f"{text[:20]}…{text[-10:]}"
    bounds = f"fewer than {INTEGER_DIGITS_MAX} digits, and exponents from -{EXPONENT_MAX} to {EXPONENT_MAX}"
    return Problem("parameter_invalid", f"{param}: {number} is out of range. Send {bounds}.", param=param)


def _marked(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Where numbers out of range are, with their text."""
    if isinstance(value, OutOfRange):
        yield path or "body", str(value)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _marked(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from _marked(inner, f"{path}[{position}]")


def _holds_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, dict):
        return any(_holds_nul(text_or_value) for pair in value.items() for text_or_value in pair)
    return isinstance(value, list) and any(_holds_nul(item) for item in value)


def _depth(raw: bytes) -> int:
    depth = deepest = 0
    for byte in _STRINGS.sub(b"", raw):
        if byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest


def _count_keys(value: Any) -> int:
    if isinstance(value, dict):
        return len(value) + sum(_count_keys(inner) for inner in value.values() if isinstance(inner, (dict, list)))
    return sum(_count_keys(item) for item in value if isinstance(item, (dict, list)))


def _refuse_duplicates(raw: bytes) -> None:
    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        seen: dict[str, Any] = {}
        for key, value in items:
            if key in seen:
                message = f"The key {key!r} appears twice in one object. Send it once."
                raise Problem("duplicate_key", message, param=key)
            seen[key] = value
        return seen

    json.loads(raw, object_pairs_hook=pairs)  # it is valid by now, so only its duplicates matter
    raise Problem("duplicate_key", "A key appears twice in one object. Send it once.")


def read_struct(kind: type[StructT], raw: Mapping[str, Any], *, path: str = "") -> StructT:
    """The body as its type: both casings of a name are one field, unknown names are refused with the nearest one."""
    named = _rename(kind, raw, path)
    try:
        read = msgspec.convert(named, kind, strict=True)
    except msgspec.ValidationError as error:
        raise _explain(str(error), path) from None
    require_clean_ids(kind, named, path)
    return read


@cache
def _names(kind: type[msgspec.Struct]) -> dict[str, tuple[str, Any]]:
    """Every accepted spelling of each field, with the field's name and the struct nested in it, if any."""
    names: dict[str, tuple[str, Any]] = {}
    hints = typing.get_type_hints(kind, include_extras=False)
    for field in msgspec.structs.fields(kind):
        name, hint = field.encode_name, hints[field.name]
        for spelling in spellings(name):
            names[spelling] = (name, _nested(hint))
    return names


def spellings(name: str) -> list[str]:
    """Every way to write a field's name."""
    known = [name, *ALIASES.get(name, ())]
    known += [f"{alias}_id" for alias in known if alias in REFERENCES or name in REFERENCES]
    return [written for alias in known for written in dict.fromkeys((alias, _camel(alias)))]


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)


def _nested(hint: Any) -> Any:
    """The struct that a field holds, alone or in a list."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        return next((nested for option in typing.get_args(hint) if (nested := _nested(option))), None)
    if typing.get_origin(hint) is list:
        return _nested(typing.get_args(hint)[0])
    return hint if isinstance(hint, type) and issubclass(hint, msgspec.Struct) else None


def _rename(kind: type[msgspec.Struct], raw: Mapping[str, Any], path: str) -> dict[str, Any]:
    names = _names(kind)
    named: dict[str, Any] = {}
    for key, value in raw.items():
        known = names.get(key)
        if known is None:
            raise unknown_parameter(key, names, path)
        name, nested = known
        if nested is not None:
            value = _rename_nested(nested, value, f"{path}{name}")
        if name in named and named[name] != value:
            message = f"{path}{name} is given in two spellings with different values. Send one of them."
            raise Problem("parameter_conflict", message, param=f"{path}{name}")
        named[name] = value
    return named


def _rename_nested(kind: type[msgspec.Struct], value: Any, path: str) -> Any:
    if isinstance(value, dict):
        return _rename(kind, value, f"{path}.")
    if isinstance(value, list):
        return [
            _rename(kind, item, f"{path}[{position}].") if isinstance(item, dict) else item
            for position, item in enumerate(value)
        ]
    return value


def snake(name: str) -> str:
    """A name in camelCase as snake_case."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def unknown_parameter(key: str, known: Mapping[str, Any], path: str = "") -> Problem:
    """Say that a name is unknown, and which known name is nearest without meaning the contrary."""
    own = sorted({name for name in known if "_" in name or name.islower()})
    nearest = nearest_name(snake(key), own)
    hint = f" Did you mean {path}{nearest}?" if nearest else f" Known parameters: {', '.join(own)}."
    details = {"nearest": nearest} if nearest else {}
    return Problem("unknown_parameter", f"Unknown parameter {path}{key}.{hint}", param=f"{path}{key}", details=details)


_AT = re.compile(r"(.*?) - at `\$\.?(.*)`\Z", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*)`\Z")
_REGEX = re.compile(r"Expected `str` matching regex '\^(\w+_)\.\+?'")
_WORDS = {
    "`int`": "an integer",
    "`str`": "a string",
    "`bool`": "true or false",
    "`object`": "an object",
    "`array`": "an array",
    "`SpelledNumber`": "a number with a fraction or exponent",
    "`decimal`": "a number with a fraction or exponent",
    "`float`": "a number with a fraction",
    "`null`": "null",
}


def _explain(text: str, path: str) -> Problem:
    """A conversion error in words, with the field it is about."""
    located = _AT.match(text)
    what, where = (located.group(1), located.group(2)) if located else (text, "")
    prefix = path + where
    absent = _MISSING.match(what)
    if absent:
        param = f"{prefix}.{absent.group(1)}" if where else f"{prefix}{absent.group(1)}"
        return Problem("parameter_missing", f"{param} is required.", param=param)
    param = prefix.rstrip(".") or "body"
    regex = _REGEX.match(what)
    if regex:
        return Problem("parameter_invalid", f"{param} must be an id that starts with {regex.group(1)}.", param=param)
    for code, words in _WORDS.items():
        what = what.replace(code, words)
    what = what.replace(" | null`", "` or null").replace("`", "")
    return Problem("parameter_invalid", f"{param}: {what[0].lower()}{what[1:]}.", param=param)
