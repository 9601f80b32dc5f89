"""Codes that nobody can guess: drawn by the system's generator, each character as likely as any other (R64)."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

from vinr_server.core.codes.batches import DRAWN

# Without what looks alike (0 and O, 1 and I), and without vowels: no code spells a word.
ALPHABET = "23456789BCDFGHJKMNPQRSTVWXYZ"
PATTERN = "####-####-####"


def draw_codes(amount: int, *, pattern: str = PATTERN, alphabet: str = ALPHABET) -> list[str]:
    """So many texts of the pattern, each # drawn; two of them may be alike."""
    width = pattern.count(DRAWN)
    drawn = _draw(amount * width, alphabet)
    texts: list[str] = []
    for start in range(0, amount * width, width):
        letters = iter(drawn[start : start + width])
        texts.append("".join(next(letters) if sign == DRAWN else sign for sign in pattern))
    return texts


def _draw(wanted: int, alphabet: str) -> str:
    """So many characters of the alphabet. Bytes that would favor its first characters are thrown away."""
    size = len(alphabet)
    most = 256 - 256 % size
    table = "".join(alphabet[byte % size] if byte < most else "\0" for byte in range(256))
    return "".join(_some(wanted, table))


def _some(wanted: int, table: str) -> Iterator[str]:
    while wanted > 0:
        drawn = secrets.token_bytes(wanted + wanted // 8 + 16).decode("latin-1").translate(table).replace("\0", "")
        yield drawn[:wanted]
        wanted -= len(drawn)
