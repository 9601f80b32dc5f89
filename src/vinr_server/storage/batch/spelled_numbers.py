"""Numbers of free-form JSON that read back as they were written: 1e2 stays 1e2, and -0 stays -0.

A decimal keeps its digits, such as 1.10, but not how its exponent was spelled; an integer has no -0. Only numbers that
would come out differently are held as a `SpelledNumber`; all others are plain integers and decimals.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import msgspec

# This may also match inside a string; then the slower decoder runs for nothing.
_MINUS_ZERO = re.compile(r"(?:^|[\s:,\[])-0(?:[\s,\]}]|$)")


class SpelledNumber(Decimal):
    """A number that is written as `text`, and counts as the decimal it is."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> SpelledNumber:
        number = super().__new__(cls, text)
        number.text = text
        return number

    def __repr__(self) -> str:
        return f"SpelledNumber({self.text!r})"


def read_number(text: str) -> Decimal:
    """A number with a fraction or an exponent, exactly as it is written."""
    number = Decimal(text)
    return number if str(number) == text else SpelledNumber(text)


def _read_integer(text: str) -> Any:
    return SpelledNumber(text) if text == "-0" else int(text)


_decode = msgspec.json.Decoder(float_hook=read_number).decode


def decode_spelled(raw: bytes | str) -> Any:
    """The JSON value with every number's spelling; `raw` is known to be JSON, or comes from the database."""
    text = raw if isinstance(raw, str) else raw.decode()
    if "-0" in text and _MINUS_ZERO.search(text):
        return json.loads(text, parse_int=_read_integer, parse_float=read_number)
    return _decode(raw)


def as_written(value: Any) -> msgspec.Raw:
    """What an encoder writes for a number with its own spelling."""
    if isinstance(value, SpelledNumber):
        return msgspec.Raw(value.text.encode())
    raise NotImplementedError(f"{type(value).__name__} can't be written as JSON")


def by_value(value: Any) -> Decimal:
    """What an encoder writes for a number where only its value counts."""
    if isinstance(value, SpelledNumber):
        return Decimal(value)
    raise NotImplementedError(f"{type(value).__name__} can't be written as JSON")
