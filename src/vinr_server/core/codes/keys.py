"""The key of a code: how it is compared with what a shopper types (R60). Folding happens here, never in SQL."""

from __future__ import annotations

import unicodedata

KEY_MAX = 64
# What a key may hold in addition to letters and digits.
SIGNS = frozenset("_.+*%$@&!")
# Hyphen-minus, the dashes of general punctuation, and the minus sign.
DASHES = frozenset(("-", *map(chr, range(0x2010, 0x2016)), "\u2212"))
# What is left of a Turkish capital I with a dot, once it is folded.
DOT_ABOVE = "\u0307"
_ASCII_LEFT_OUT = dict.fromkeys(map(ord, "-\t\n\v\f\r \x1c\x1d\x1e\x1f"))


def fold(text: str) -> str:
    """The key of a code: case, width, white space, dashes and invisible characters make no difference.

    Different letters and digits stay different: O and 0 are two.
    """
    if text.isascii():
        return text.lower().translate(_ASCII_LEFT_OUT)
    normal = unicodedata.normalize("NFKC", text).upper().casefold()
    return "".join(filter(_counts, unicodedata.normalize("NFKC", normal)))


def _counts(character: str) -> bool:
    if character.isspace() or character in DASHES or character == DOT_ABOVE:
        return False
    return unicodedata.category(character) != "Cf"


def key_problem(key: str) -> str | None:
    """Why nobody can have this key, in words; None if one can."""
    if not key:
        return "nothing is left of it without spaces and dashes"
    if len(key) > KEY_MAX:
        return f"it has {len(key)} characters without spaces and dashes, at most {KEY_MAX} are allowed"
    if not key[0].isalnum():
        return f"it begins with {key[0]!r}; begin with a letter or a digit"
    strange = next((sign for sign in key if not (sign.isalnum() or sign in SIGNS)), None)
    if strange is not None:
        return f"it contains {strange!r}; use letters, digits and {' '.join(sorted(SIGNS))}"
    return None
