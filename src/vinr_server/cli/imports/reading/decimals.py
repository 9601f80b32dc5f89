"""How a file writes numbers: which sign stands before the decimals is found in the file, or said; never guessed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from vinr_server.api.contract.currencies import minor_per_unit
from vinr_server.api.contract.input import INTEGER_MAX
from vinr_server.cli.imports.refusals import ImportRefused, RowRefused, invalid

SIGNS = {".": "point", ",": "comma"}
# What stands between thousands beside the other sign: spaces of any width, and the Swiss apostrophe.
SPACES = " \u00a0\u202f\u2009'\u2019"
_SHAPE = re.compile(r"[0-9]+(?:[.,][0-9]+)*\Z", re.ASCII)
_CODE = re.compile(r"\A[A-Z]{3}\s*|\s*[A-Z]{3}\Z", re.ASCII)
_PLAIN = re.compile(r"[0-9]{1,16}(?:\.[0-9]{1,9})?\Z", re.ASCII)


@dataclass(slots=True)
class DecimalEvidence:
    """What the numbers seen so far say of the decimal sign: a row and a number for each."""

    by_sign: dict[str, tuple[int, str]]
    ambiguous: tuple[int, str] | None = None

    def see(self, row: int, text: str) -> None:
        """Take a number into account."""
        bare = _bare(text)
        if bare.isdigit() or not _SHAPE.match(bare):
            return
        signs = [character for character in bare if character in SIGNS]
        last = signs[-1]
        if len(set(signs)) == 2:
            sign: str | None = last
        elif len(signs) > 1:
            sign = "," if last == "." else "."
        else:
            head, _sign, tail = bare.partition(last)
            could_be_thousands = len(tail) == 3 and 1 <= len(head) <= 3 and head[0] != "0"
            sign = None if could_be_thousands else last
        if sign is None:
            self.ambiguous = self.ambiguous or (row, text.strip())
        else:
            self.by_sign.setdefault(sign, (row, text.strip()))

    @property
    def is_settled(self) -> bool:
        """Whether a number has said it."""
        return bool(self.by_sign)

    def sign(self) -> str | None:
        """The decimal sign; None where no number has any. Refuses a file that says both, or neither clearly."""
        if len(self.by_sign) == 2:
            (point_row, point), (comma_row, comma) = self.by_sign["."], self.by_sign[","]
            raise ImportRefused(
                f"amounts are written in two ways: {point!r} (row {point_row}) and {comma!r} (row {comma_row})."
                " Say which sign stands before the decimals, with --decimal . or --decimal , : the others are then"
                " refused row by row."
            )
        if self.by_sign:
            return next(iter(self.by_sign))
        if self.ambiguous:
            row, text = self.ambiguous
            raise ImportRefused(
                f"the amount {text!r} (row {row}) can be read in two ways, and no other row settles it. Say which sign"
                " stands before the decimals, with --decimal . or --decimal ,"
            )
        return None


def decimal_reader(sign: str) -> Callable[[str], Decimal]:
    """A function from a number's text to its exact value; raises RowRefused. Signs before it are kept."""
    other = "," if sign == "." else "."
    grouped = re.compile(
        rf"[0-9]{{1,3}}(?:([{re.escape(other)}{SPACES}])[0-9]{{3}}(?:\1[0-9]{{3}})*)?(?:{re.escape(sign)}[0-9]{{1,9}})?\Z"
        rf"|[0-9]{{1,16}}(?:{re.escape(sign)}[0-9]{{1,9}})?\Z",
        re.ASCII,
    )
    to_plain = str.maketrans({sign: ".", other: "", **dict.fromkeys(SPACES, "")})

    def read(text: str) -> Decimal:
        if sign == "." and _PLAIN.match(text):
            return Decimal(text)
        bare, is_negative = _unsigned(_bare(text))
        if not grouped.match(bare) or len(bare) > 32:
            raise _no_number(text, sign)
        value = Decimal(bare.translate(to_plain))
        return -value if is_negative else value

    return read


def minor_units(value: Decimal, currency: str, *, text: str, field: str) -> int:
    """The exact minor units. 1000.00 is a whole number of yen; refuses what the currency can't express."""
    units = minor_per_unit(currency)
    if units is None:
        raise invalid(f"currency: {currency[:20]!r} is not an ISO 4217 currency such as EUR.")
    scaled = value * units
    minor = int(scaled)
    if minor != scaled:
        raise invalid(f"{field} {text} has more decimals than {currency}, which has {len(str(units)) - 1}.")
    if abs(minor) > INTEGER_MAX:
        raise invalid(f"{field} {text} is more than can be held ({INTEGER_MAX} minor units).")
    return minor


def _bare(text: str) -> str:
    """The number without the currency around it."""
    bare = text.strip()
    if bare and not (bare[0].isdigit() and bare[-1].isdigit()):
        bare = _CODE.sub("", bare)
        bare = "".join(character for character in bare if unicodedata.category(character) != "Sc").strip()
    return bare


def _unsigned(text: str) -> tuple[str, bool]:
    """The number without its sign, and whether it is negative: -5, −5, 5- and (5) are."""
    if text[:1] in ("-", "\N{MINUS SIGN}"):
        return text[1:].strip(), True
    if text[-1:] == "-":
        return text[:-1].strip(), True
    if text[:1] == "(" and text[-1:] == ")":
        return text[1:-1].strip(), True
    return text, False


def _no_number(text: str, sign: str) -> RowRefused:
    example = f"1234{sign}50"
    return invalid(f"{text[:40]!r} is not a number such as {example}: digits and a decimal {SIGNS[sign]}.")
